//! The corpus of SPIFFE IDs, trust domains and Istio identities: every case of every file.
//!
//! Where the corpus calls a case ambiguous, [`READINGS`] says which reading is chosen and why.

use std::collections::BTreeSet;

use portcullis::spiffe::{
    IstioIdentity, SpiffeId, SpiffeIdError, TrustDomain, TrustDomains, minted,
};
use serde_yaml::Value;

use crate::support::corpus::{Run, document, files, flag, list, text, texts};

/// "The scheme and trust domain name of the SPIFFE ID are case-insensitive" (SPIFFE-ID §2.4): a reader takes
/// upper case. That the name "MUST be lowercase" (§2.1) binds who writes one, so what is printed is lower case.
const UPPER_CASE: &str = "upper case is read and lower case is written";
/// An ID is made of its path too, so a bad path is no way to name a trust domain.
const WHOLE_ID: &str = "an ID is checked to its end";
/// §2.3 bounds what is generated (2048 bytes) and the trust domain (255); nothing bounds what is read.
const LENGTH: &str = "only the trust domain bounds what is read";

/// The ambiguous cases: file, input, the result chosen (a trust domain or a reason), why.
const READINGS: [(&str, &str, Result<&str, &str>, &str); 12] = [
    ("ids", "SpIfFe://Example.Org/path", Ok("example.org"), UPPER_CASE),
    ("ids", "SPIFFE://EXAMPLE.ORG/MyService", Ok("example.org"), UPPER_CASE),
    // With its scheme read, what is wrong is what is missing; the corpus has go-spiffe's `scheme`.
    ("ids", "Spiffe://", Err("trust-domain-missing"), UPPER_CASE),
    // The corpus has `trust-domain-char`, and says that rust-spiffe takes it.
    ("ids", "spiffe://EXAMPLE.com/a", Ok("example.com"), UPPER_CASE),
    ("lengths", "whole id of 2049 bytes parses", Ok("example.org"), LENGTH),
    ("lengths", "trust domain of 256 bytes", Err("trust-domain-too-long"), LENGTH),
    ("trust_domains", "Example.Org", Ok("example.org"), UPPER_CASE),
    ("trust_domains", "SpIfFe://Example.Org/Service", Ok("example.org"), UPPER_CASE),
    // The corpus has `trust-domain-char` of go-spiffe.
    ("trust_domains", "BAD", Ok("bad"), UPPER_CASE),
    ("trust_domains", "spiffe://trustdomain/", Err("trailing-slash"), WHOLE_ID),
    ("trust_domains", "spiffe://trustdomain/path/", Err("trailing-slash"), WHOLE_ID),
    ("trust_domains", "spiffe://trustdomain/%F0%9F%A4%AF", Err("path-char"), WHOLE_ID),
];

/// Two IDs have a query or a fragment after a path. The corpus has `path-char` for them and `query` or
/// `fragment` for the same after a trust domain, and says that a parser may report either; here it is always
/// the one that says what to take away.
const MORE_EXACT: [(&str, &str); 2] = [
    ("spiffe://domain.test/path/element?query=1", "query"),
    ("spiffe://domain.test/path/element#fragment-1", "fragment"),
];

/// The corpus's word for an error.
fn reason(error: &SpiffeIdError) -> &'static str {
    match error {
        SpiffeIdError::DotSegment => "dot-segment",
        SpiffeIdError::Empty => "empty",
        SpiffeIdError::EmptySegment => "empty-segment",
        SpiffeIdError::Fragment => "fragment",
        SpiffeIdError::PathChar { .. } => "path-char",
        SpiffeIdError::Query => "query",
        SpiffeIdError::Scheme => "scheme",
        SpiffeIdError::TrailingSlash => "trailing-slash",
        SpiffeIdError::TrustDomainChar { .. } => "trust-domain-char",
        SpiffeIdError::TrustDomainMissing => "trust-domain-missing",
        SpiffeIdError::TrustDomainTooLong { .. } => "trust-domain-too-long",
        SpiffeIdError::IdTooLong { .. } | SpiffeIdError::TrustDomainUpperCase { .. } | _ => {
            panic!("the corpus has no word for {error:?}")
        }
    }
}

/// What the corpus says of a case, or the reading chosen where it is ambiguous. `own` is the corpus's result.
fn wanted<'c>(
    readings: &mut usize,
    file: &str,
    input: &str,
    case: &'c Value,
    own: Result<&'c str, &'c str>,
) -> Result<&'c str, &'c str> {
    let reading = READINGS
        .iter()
        .find(|reading| reading.0 == file && reading.1 == input);
    assert_eq!(
        case["ambiguous"].is_string(),
        reading.is_some(),
        "{file}: {input}: every ambiguous case has a reading, and no other"
    );
    match reading {
        Some(&(_, _, result, _why)) => {
            *readings += 1;
            result
        }
        None => own,
    }
}

/// The corpus's result of a case: its trust domain where it is valid, else its reason.
fn own(case: &Value) -> Result<&str, &str> {
    if flag(case, "valid") { Ok(text(case, "trustDomain")) } else { Err(text(case, "reason")) }
}

/// Fails unless every reading for `file` met its case.
#[track_caller]
fn all_readings_met(file: &str, readings: usize) {
    let expected = READINGS.iter().filter(|reading| reading.0 == file).count();
    assert_eq!(readings, expected, "readings met in {file}");
}

#[test]
fn no_file_of_the_folder_is_forgotten() {
    let Some(files) = files("istio/spiffe") else { return };
    assert_eq!(
        files,
        [
            "ORIGIN.md",
            "characters.yaml",
            "equality_and_membership.yaml",
            "ids.yaml",
            "istio_identity.yaml",
            "lengths.yaml",
            "segments.yaml",
            "trust_domains.yaml",
        ]
    );
}

#[test]
fn ids_are_read_as_the_corpus_says() {
    let Some(document) = document("istio/spiffe/ids.yaml") else { return };
    let (mut run, mut readings, mut more_exact) = (Run::default(), 0, 0);
    for case in list(&document, "cases") {
        let input = text(case, "id");
        let mut want = wanted(&mut readings, "ids", input, case, own(case));
        if let Some((_, reason)) = MORE_EXACT.iter().find(|(id, _)| *id == input) {
            assert_eq!(want, Err("path-char"), "{input}");
            more_exact += 1;
            want = Err(reason);
        }
        let id = SpiffeId::parse(input);
        let got = match &id {
            Ok(id) => Ok(id.trust_domain().as_str()),
            Err(error) => Err(reason(error)),
        };
        run.case(input, &want, &got);
        if let (Ok(id), Some(path)) = (&id, case["path"].as_str()) {
            assert_eq!(id.path(), path, "{input}");
            assert_eq!(id.to_string(), format!("spiffe://{}{path}", id.trust_domain()), "{input}");
        }
    }
    run.agrees_in(74);
    all_readings_met("ids", readings);
    assert_eq!(more_exact, MORE_EXACT.len());
}

#[test]
fn trust_domains_are_read_from_a_name_or_an_id() {
    let Some(document) = document("istio/spiffe/trust_domains.yaml") else { return };
    let (mut run, mut readings) = (Run::default(), 0);
    for case in list(&document, "cases") {
        let input = text(case, "input");
        let want = wanted(&mut readings, "trust_domains", input, case, own(case));
        let trust_domain = TrustDomain::parse_name_or_id(input);
        let got = match &trust_domain {
            Ok(name) => Ok(name.as_str()),
            Err(error) => Err(reason(error)),
        };
        run.case(input, &want, &got);
    }
    run.agrees_in(29);
    all_readings_met("trust_domains", readings);
}

#[test]
fn every_character_is_allowed_where_the_corpus_says() {
    let Some(document) = document("istio/spiffe/characters.yaml") else { return };
    let (mut run, mut upper_case) = (Run::default(), 0);
    for case in list(&document, "cases") {
        let code = u32::try_from(case["codepoint"].as_u64().unwrap()).unwrap();
        let character = char::from_u32(code).unwrap();
        let takes = |template: &str| {
            let id =
                text(&document["templates"], template).replace("{char}", &character.to_string());
            SpiffeId::parse(&id).is_ok()
        };
        // UPPER_CASE: the 26 cases where rust-spiffe takes what go-spiffe does not.
        let rust_spiffe = case["trustDomainRustSpiffe"].as_bool();
        assert_eq!(rust_spiffe, character.is_ascii_uppercase().then_some(true), "{code}");
        upper_case += usize::from(rust_spiffe.is_some());
        let want = (rust_spiffe.unwrap_or_else(|| flag(case, "trustDomain")), flag(case, "path"));
        run.case(&format!("{code}"), &want, &(takes("trustDomain"), takes("path")));
    }
    run.agrees_in(255);
    assert_eq!(upper_case, 26);
}

#[test]
fn ids_equal_and_belong_as_the_corpus_says() {
    let Some(document) = document("istio/spiffe/equality_and_membership.yaml") else { return };
    let (mut run, mut ambiguous) = (Run::default(), 0);
    for case in list(&document, "equality") {
        let (a, b) = (text(case, "a"), text(case, "b"));
        let equal = SpiffeId::parse(a).unwrap() == SpiffeId::parse(b).unwrap();
        // UPPER_CASE: the reading of the corpus itself.
        ambiguous += usize::from(case["ambiguous"].is_string());
        run.case(&format!("{a} and {b}"), &flag(case, "equal"), &equal);
    }
    for case in list(&document, "membership") {
        let (id, trust_domain) = (text(case, "id"), text(case, "trustDomain"));
        let member = SpiffeId::parse(id)
            .unwrap()
            .is_member_of(&TrustDomain::parse(trust_domain).unwrap());
        run.case(&format!("{id} in {trust_domain}"), &flag(case, "member"), &member);
    }
    run.agrees_in(8);
    assert_eq!(ambiguous, 3);
}

#[test]
fn lengths_are_bounded_as_the_corpus_says() {
    let Some(document) = document("istio/spiffe/lengths.yaml") else { return };
    let (mut run, mut readings, mut not_made) = (Run::default(), 0, 0);
    for case in list(&document, "cases") {
        let (name, build) = (text(case, "name"), &case["build"]);
        let count = usize::try_from(build["count"].as_u64().unwrap()).unwrap();
        let id = format!("{}{}", text(build, "prefix"), text(build, "repeat").repeat(count));
        if let Some(length) = case["length"].as_u64() {
            assert_eq!(u64::try_from(id.len()), Ok(length), "{name}");
        }
        // The corpus names no trust domain here: valid is enough.
        let own = if flag(case, "valid") { Ok("") } else { Err(text(case, "reason")) };
        let want = wanted(&mut readings, "lengths", name, case, own).map(|_| ());
        let parsed = SpiffeId::parse(&id);
        run.case(name, &want, &parsed.as_ref().map(|_| ()).map_err(reason));
        let Ok(parsed) = parsed else { continue };
        let path = parsed.path().strip_prefix('/');
        let made = SpiffeId::from_segments(parsed.trust_domain(), path.as_slice());
        if case["shouldGenerate"].as_bool() == Some(false) {
            not_made += 1;
            assert_eq!(made, Err(SpiffeIdError::IdTooLong { bytes: id.len() }), "{name}");
        } else {
            assert_eq!(made, Ok(parsed), "{name}");
        }
    }
    run.agrees_in(4);
    all_readings_met("lengths", readings);
    assert_eq!(not_made, 1);
}

#[test]
fn ids_are_made_of_segments_as_the_corpus_says() {
    let Some(document) = document("istio/spiffe/segments.yaml") else { return };
    let mut run = Run::default();
    let trust_domain = TrustDomain::parse("trustdomain").unwrap();
    for case in list(&document, "cases") {
        let segments = texts(case, "segments");
        let want =
            if flag(case, "valid") { Ok(text(case, "path")) } else { Err(text(case, "reason")) };
        let id = SpiffeId::from_segments(&trust_domain, &segments);
        let got = match &id {
            Ok(id) => Ok(id.path()),
            Err(error) => Err(reason(error)),
        };
        run.case(&format!("{segments:?}"), &want, &got);
    }
    run.agrees_in(12);
}

#[test]
fn istio_identities_are_read_as_istiod_and_ztunnel_do() {
    let Some(document) = document("istio/spiffe/istio_identity.yaml") else { return };
    let (mut run, mut standard) = (Run::default(), 0);
    for case in list(&document, "parse") {
        let input = text(case, "id");
        let want = flag(case, "valid").then(|| IstioIdentity {
            trust_domain: text(case, "trustDomain"),
            namespace: text(case, "namespace"),
            service_account: text(case, "serviceAccount"),
        });
        run.case(input, &want, &IstioIdentity::parse(input));
        // Where the standard takes the text too, both readings name the same parts.
        if let Ok(id) = SpiffeId::parse(input) {
            standard += 1;
            assert_eq!(id.istio_identity(), want, "{input}");
        }
    }
    run.agrees_in(10);
    assert_eq!(standard, 6);
}

#[test]
fn ids_are_minted_as_istiod_does() {
    let Some(document) = document("istio/spiffe/istio_identity.yaml") else { return };
    let (mut run, mut lenient) = (Run::default(), 0);
    for case in list(&document, "generate") {
        let parts =
            (text(case, "trustDomain"), text(case, "namespace"), text(case, "serviceAccount"));
        let name = format!("{parts:?}");
        // istiod complains about an empty part and mints the text all the same: one function for each.
        if case["lenient"].as_bool() == Some(true) {
            lenient += 1;
            run.case(&name, &text(case, "expected"), &minted(parts.0, parts.1, parts.2).as_str());
        } else {
            let want = case["expected"].as_str().map(str::to_owned);
            assert_eq!(want.is_none(), case["error"].is_string(), "{name}");
            let id = SpiffeId::workload(parts.0, parts.1, parts.2);
            run.case(&name, &want, &id.ok().map(|id| id.to_string()));
        }
    }
    run.agrees_in(6);
    assert_eq!(lenient, 1);
}

#[test]
fn server_identities_are_expanded_as_istiod_does() {
    let Some(document) = document("istio/spiffe/istio_identity.yaml") else { return };
    let mut run = Run::default();
    for case in list(&document, "expand") {
        let aliases = texts(case, "trustDomains")
            .into_iter()
            .map(str::to_owned)
            .collect();
        // The trust domain of the mesh has no part in it: only the aliases are put in.
        let mesh = TrustDomains { own: "not-used.example".to_owned(), aliases };
        let want: BTreeSet<String> = texts(case, "expected")
            .into_iter()
            .map(str::to_owned)
            .collect();
        run.case(text(case, "name"), &want, &mesh.server_identities(texts(case, "ids")));
    }
    run.agrees_in(7);
}

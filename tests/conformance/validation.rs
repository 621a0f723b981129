//! What Istio's webhook and the CRDs refuse and warn about, and for which cause.

use portcullis::validate::Refuser;
use serde_yaml::Value;

use crate::support::corpus::{Run, document, files, flag, list, text, texts};
use crate::support::load::{Said, load};

const FOLDER: &str = "istio/validation";

/// The files that are not run, how many cases they have, and why.
const OUT_OF_SCOPE: [(&str, usize, &str); 3] = [
    ("analyzers.yaml", 21, "findings of istioctl's analyzers, which are lints"),
    ("client_tls.yaml", 12, "DestinationRule is recognised and not evaluated yet"),
    ("destinationrule_tls.yaml", 25, "DestinationRule is recognised and not evaluated yet"),
];

/// The kinds of the schema cases that are not run, how many cases they have, and why.
const KINDS_OUT_OF_SCOPE: [(&str, usize, &str); 4] = [
    ("DestinationRule", 7, "recognised and not evaluated yet"),
    ("ServiceEntry", 17, "recognised and not evaluated yet"),
    ("WorkloadEntry", 12, "recognised and not evaluated yet"),
    ("WorkloadGroup", 5, "recognised and not evaluated yet"),
];

#[test]
fn no_file_of_the_folder_is_forgotten() {
    let Some(names) = files(FOLDER) else { return };
    let run = [
        "authorizationpolicy.yaml",
        "crd_openapi_cel.yaml",
        "ip_and_cidr.yaml",
        "peerauthentication.yaml",
        "requestauthentication.yaml",
        "trust_domain.yaml",
    ];
    for (name, count, _) in OUT_OF_SCOPE {
        let corpus = document(&format!("{FOLDER}/{name}")).unwrap();
        assert_eq!(list(&corpus, "cases").len(), count, "{name}");
    }
    let mut known: Vec<_> = OUT_OF_SCOPE.map(|(name, ..)| name).to_vec();
    known.extend(run);
    known.push("ORIGIN.md");
    known.sort_unstable();
    assert_eq!(names, known);
}

/// The number of the rule, or the code of reading, that stands for a cause in the words of the corpus.
fn cause(code: &str, contains: &str) -> &'static str {
    match code {
        "bad-duration" => "VAL-56",
        "bad-header-name" | "claim-to-header-empty" => "VAL-55",
        "bad-ip" => "VAL-21",
        "bad-port" => "VAL-26",
        "condition-bad-value"
        | "condition-key-empty"
        | "condition-no-values"
        | "unknown-attribute" => "VAL-29",
        "custom-unsupported-field" if contains.starts_with("From.") => "VAL-12",
        "custom-unsupported-field" => "VAL-13",
        "deny-http-only-on-tcp" => "VAL-30",
        "deny-no-rules" => "VAL-16",
        "dry-run-bad-action" | "dry-run-bad-value" | "dry-run-unsupported-kind" => "SEL-30",
        "empty-string" => empty_string(contains),
        "empty-value" => empty_value(contains),
        "enum" => "PC908",
        "from-cookie-empty" | "from-header-empty" | "from-param-empty" => "VAL-54",
        "issuer-and-jwksuri-empty" => "VAL-51",
        "jwks-private-key" => "VAL-57",
        "jwks-unparsable" => "VAL-53",
        "jwksuri-port" | "jwksuri-scheme" => "VAL-52",
        "null-entry" => "PC904",
        "operation-empty" | "operation-missing" => "VAL-25",
        "portlevel-empty" => "VAL-41",
        "portlevel-port-not-a-number" | "portlevel-port-range" => "VAL-42",
        "portlevel-without-selector" => "VAL-40",
        "provider-name-empty" => "VAL-11",
        "provider-without-custom" => "VAL-15",
        "required-missing" if contains.ends_with("fromHeaders[0].name") => "VAL-54",
        "sa-with-ns-or-principal" => "VAL-20",
        "selector-and-targetref" => "VAL-1",
        "selector-empty-key" => "VAL-2",
        "selector-no-labels" => "VAL-4",
        "selector-wildcard" => "VAL-3",
        "source-empty" => "VAL-19",
        "source-missing" => "VAL-18",
        "targetref-group-pattern" | "targetref-kind-pattern" => "CRD",
        "targetref-kind" => "VAL-7",
        "targetref-name-empty" | "targetref-name-missing" => "VAL-5",
        "targetref-namespace" => "VAL-6",
        _ => panic!("the corpus has a cause without a rule: {code} ({contains})"),
    }
}

fn empty_string(contains: &str) -> &'static str {
    let field = contains.rsplit(' ').next().unwrap();
    match field.rsplit('.').next().unwrap() {
        "audiences[0]" => "VAL-50",
        "name" | "fromParams[0]" | "fromCookies[0]" => "VAL-54",
        "claim" | "header" => "VAL-55",
        "spaceDelimitedClaims[0]" => "CRD",
        _ => panic!("an empty string without a rule: {contains}"),
    }
}

fn empty_value(contains: &str) -> &'static str {
    let field = contains.strip_prefix("empty value in ").unwrap();
    match field.strip_prefix("Not").unwrap_or(field) {
        "Principals" | "RequestPrincipals" | "Namespaces" | "IpBlocks" | "RemoteIpBlocks" => {
            "VAL-22"
        }
        "ServiceAccounts" => "VAL-23",
        "Hosts" | "Ports" | "Methods" | "Paths" => "VAL-27",
        field if field.starts_with("condition ") => "VAL-29",
        _ => panic!("an empty value without a rule: {contains}"),
    }
}

/// The causes that a case names, sorted.
fn causes(case: &Value) -> Vec<String> {
    let word = |value: &Value, key: &str| value[key].as_str().unwrap_or_default().to_owned();
    let mut named = vec![case];
    named.extend(case["moreErrors"].as_sequence().into_iter().flatten());
    let mut rules = Vec::new();
    for error in named {
        let code = word(error, "errorCode");
        // What is wrong with a condition's value is named twice.
        let again = code == "bad-ip" && word(case, "errorCode") == "condition-bad-value";
        if !code.is_empty() && !again {
            rules.push(cause(&code, &word(error, "errorContains")).to_owned());
        }
    }
    rules.sort();
    rules
}

/// A column of the case, or the one that was found by running Istio's validator on the YAML, where the
/// test of Istio is about a value that YAML cannot express.
fn column(case: &Value, name: &str, found: &str) -> bool {
    case[found].as_bool().unwrap_or_else(|| flag(case, name))
}

fn webhook(file: &str, count: usize) {
    let Some(corpus) = document(&format!("{FOLDER}/{file}")) else { return };
    let mut run = Run::default();
    for case in list(&corpus, "cases") {
        let name = text(case, "name");
        let said = Said::of(text(case, "yaml"));
        let mut got = said.causes(Refuser::is_webhook);
        run.case(name, &column(case, "valid", "yamlValid"), &got.is_empty());
        // Istio stops at a bad annotation; here the rest is looked at as well.
        let want = causes(case);
        if want == ["SEL-30"] {
            got.retain(|rule| rule == "SEL-30");
        }
        run.more(name, &want, &got);
        let warnings = said.warnings();
        run.more(name, &column(case, "warning", "yamlWarning"), &!warnings.is_empty());
        if let Some(code) = case["warningCode"].as_str() {
            let want = cause(code, case["warningContains"].as_str().unwrap_or_default());
            run.more(name, &vec![want.to_owned()], &warnings);
        }
    }
    run.agrees_in(count);
}

#[test]
fn authorization_policies_are_refused_as_the_webhook_does() {
    webhook("authorizationpolicy.yaml", 67);
}

#[test]
fn peer_authentications_are_refused_as_the_webhook_does() {
    webhook("peerauthentication.yaml", 9);
}

#[test]
fn request_authentications_are_refused_as_the_webhook_does() {
    webhook("requestauthentication.yaml", 29);
}

#[test]
fn policies_are_refused_as_the_schema_does() {
    let Some(corpus) = document(&format!("{FOLDER}/crd_openapi_cel.yaml")) else { return };
    let mut run = Run::default();
    let mut out_of_scope = KINDS_OUT_OF_SCOPE.map(|(kind, _, _)| (kind, 0));
    for case in list(&corpus, "cases") {
        let (name, kind) = (text(case, "name"), text(case, "kind"));
        if let Some((_, count)) = out_of_scope.iter_mut().find(|(name, _)| *name == kind) {
            *count += 1;
            continue;
        }
        let said = Said::of(text(case, "yaml"));
        let got = said.causes(Refuser::is_api_server);
        run.case(name, &flag(case, "valid"), &got.is_empty());
        // The corpus names the first cause only.
        for rule in causes(case) {
            run.more(name, &true, &got.contains(&rule));
        }
        if let Some(valid) = case["webhookValid"].as_bool() {
            run.more(name, &valid, &said.causes(Refuser::is_webhook).is_empty());
        }
    }
    assert_eq!(out_of_scope, KINDS_OUT_OF_SCOPE.map(|(kind, count, _)| (kind, count)));
    run.agrees_in(35);
}

#[test]
fn addresses_and_blocks_are_read_as_istio_does() {
    let Some(corpus) = document(&format!("{FOLDER}/ip_and_cidr.yaml")) else { return };
    let mut run = Run::default();
    for case in list(&corpus, "cases") {
        let got = portcullis::matcher::IpBlock::parse(text(case, "value")).is_ok();
        run.case(text(case, "name"), &flag(case, "valid"), &got);
    }
    run.agrees_in(8);
}

/// The fields of a mesh configuration that are complained of.
fn invalid_fields(configuration: &str) -> Vec<String> {
    let manifest = format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: istio}}\ndata:\n  mesh: '{configuration}'\n"
    );
    let loaded = load(&manifest);
    loaded
        .findings
        .iter()
        .map(|finding| {
            assert!(finding.message.ends_with("[ID-4]"), "{finding}");
            finding
                .path
                .as_str()
                .strip_prefix("data.mesh.")
                .unwrap()
                .to_owned()
        })
        .collect()
}

#[test]
fn trust_domains_of_the_mesh_are_refused_as_istiod_does() {
    let Some(corpus) = document(&format!("{FOLDER}/trust_domain.yaml")) else { return };
    let mut run = Run::default();
    for case in list(&corpus, "cases") {
        let domain = text(case, "trustDomain");
        let got = invalid_fields(&format!("{{\"trustDomain\": \"{domain}\"}}")).is_empty();
        run.case(text(case, "name"), &flag(case, "valid"), &got);
    }
    for case in list(&corpus, "meshConfig") {
        let (domain, aliases) = (text(case, "trustDomain"), texts(case, "trustDomainAliases"));
        let got = invalid_fields(&format!(
            "{{\"trustDomain\": \"{domain}\", \"trustDomainAliases\": [\"{}\"]}}",
            aliases.join("\", \"")
        ));
        let want: Vec<_> = texts(case, "invalidFields")
            .into_iter()
            .map(str::to_owned)
            .collect();
        run.case(text(case, "name"), &want, &got);
    }
    run.agrees_in(9);
}

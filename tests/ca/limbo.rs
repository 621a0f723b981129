//! x509-limbo's core cases: what this verifier answers, beside what plain rustls-webpki answers in the same run.

use std::time::Duration;

use portcullis::ca::{Certificate, Crl, MAX_INTERMEDIATES, Usage, pem, time, verify_path};
use rustls_pki_types::{CertificateDer, CertificateRevocationListDer, ServerName, UnixTime};
use serde_json::Value;
use webpki::{
    CertRevocationList, EndEntityCert, KeyUsage, OwnedCertRevocationList, RevocationOptionsBuilder,
    UnknownStatusPolicy,
};

use crate::support::shared;

/// Cases that say nothing about SPIFFE, each with the reason. A name that ends in `*` is of every case that begins so.
const NOT_ASKED: &[(&str, &str)] = &[
    (
        "rfc5280::aki::cross-signed-root-missing-aki",
        "pedantic by its own word, and contradicts `cve::cve-2024-0567`, which is asked",
    ),
    ("pathlen::validation-ignores-pathlen-in-leaf", "the leaf is a CA's, and no SVID is"),
    (
        "rfc5280::ca-as-leaf",
        "the leaf is a CA's, and no SVID is; `webpki::ca-as-leaf` wants the refusal, and is asked",
    ),
    (
        "pathlen::self-issued-certs-pathlen",
        "CAs that issued themselves between leaf and root: the library refuses them, so they are refused",
    ),
    ("pathlen::max-chain-depth-1-self-issued", "as above"),
    ("rfc5280::nc::permitted-self-issued", "as above"),
    (
        "webpki::nc::permitted-dns-match-noncritical",
        "contradicts `rfc5280::nc::permitted-dns-match-noncritical`, which is asked",
    ),
    (
        "webpki::cn::*",
        "the CA/Browser Forum's rules of a subject's common name, which plays no part",
    ),
    (
        "webpki::san::*",
        "names of hosts and the CA/Browser Forum's rules of them: a peer is known by its URI",
    ),
    (
        "webpki::eku::*",
        "the CA/Browser Forum's rules of purposes, stricter than RFC 5280 and X509-SVID",
    ),
];

struct Case<'c>(&'c Value);

impl Case<'_> {
    fn text(&self, name: &str) -> &str {
        self.0[name].as_str().unwrap_or_default()
    }

    fn blocks(&self, name: &str) -> Vec<Vec<u8>> {
        let texts: Vec<&str> = match &self.0[name] {
            Value::String(text) => vec![text],
            Value::Array(list) => list.iter().map(|text| text.as_str().unwrap()).collect(),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => Vec::new(),
        };
        let blocks = texts.iter().flat_map(|text| pem::parse(text).unwrap());
        blocks.map(|block| block.bytes.to_vec()).collect()
    }

    fn must_hold(&self) -> bool {
        self.text("expected_result") == "SUCCESS"
    }

    /// Fractions of a second are none of a certificate's.
    fn at(&self) -> i64 {
        // Where a case names no time, one at which all of its certificates are valid.
        time::parse(self.text("validation_time")).unwrap_or(1_700_000_000)
    }

    fn usage(&self) -> Usage {
        if self.text("validation_kind") == "CLIENT" { Usage::Client } else { Usage::Server }
    }

    fn max_intermediates(&self) -> usize {
        let depth = self.0["max_chain_depth"].as_u64();
        depth.map_or(MAX_INTERMEDIATES, |depth| usize::try_from(depth).unwrap())
    }

    /// The name of a host is not ours to check: the library does.
    fn name_fits(&self) -> bool {
        let Some(name) = self.0["expected_peer_name"]["value"].as_str() else { return true };
        let leaf = CertificateDer::from(self.blocks("peer_certificate").remove(0));
        let (Ok(leaf), Ok(name)) = (EndEntityCert::try_from(&leaf), ServerName::try_from(name))
        else {
            return false;
        };
        leaf.verify_is_valid_for_subject_name(&name).is_ok()
    }

    fn ours(&self) -> Result<(), String> {
        let read = |ders: Vec<Vec<u8>>| {
            ders.iter()
                .map(|der| Certificate::from_der(der).map_err(|error| error.to_string()))
                .collect::<Result<Vec<_>, _>>()
        };
        let mut chain = read(self.blocks("peer_certificate"))?;
        // What cannot be read is no certificate of the path.
        chain.extend(
            self.blocks("untrusted_intermediates")
                .iter()
                .filter_map(|der| Certificate::from_der(der).ok()),
        );
        let roots: Vec<Certificate> = self
            .blocks("trusted_certs")
            .iter()
            .filter_map(|der| Certificate::from_der(der).ok())
            .collect();
        let crls: Result<Vec<Crl>, _> = self
            .blocks("crls")
            .iter()
            .map(|der| Crl::from_der(der))
            .collect();
        let crls = crls.map_err(|error| error.to_string())?;
        verify_path(&chain, &roots, &crls, self.usage(), self.at(), self.max_intermediates())
            .map_err(|error| error.to_string())?;
        if self.name_fits() { Ok(()) } else { Err("name".to_owned()) }
    }

    fn plain_webpki(&self) -> bool {
        let leaf = CertificateDer::from(self.blocks("peer_certificate").remove(0));
        let Ok(leaf) = EndEntityCert::try_from(&leaf) else { return false };
        let roots: Vec<_> = self
            .blocks("trusted_certs")
            .into_iter()
            .map(CertificateDer::from)
            .collect();
        let anchors: Vec<_> = roots
            .iter()
            .filter_map(|root| webpki::anchor_from_trusted_cert(root).ok())
            .collect();
        let between: Vec<_> = self
            .blocks("untrusted_intermediates")
            .into_iter()
            .map(CertificateDer::from)
            .collect();
        let crls: Vec<CertificateRevocationListDer<'_>> =
            self.blocks("crls").into_iter().map(Into::into).collect();
        let crls: Result<Vec<CertRevocationList<'_>>, _> = crls
            .iter()
            .map(|der| OwnedCertRevocationList::from_der(der).map(CertRevocationList::from))
            .collect();
        let Ok(crls) = crls else { return false };
        let crls: Vec<_> = crls.iter().collect();
        let revocation = RevocationOptionsBuilder::new(&crls).ok().map(|builder| {
            builder
                .with_status_policy(UnknownStatusPolicy::Allow)
                .build()
        });
        let at = UnixTime::since_unix_epoch(Duration::from_secs(u64::try_from(self.at()).unwrap()));
        let usage = match self.usage() {
            Usage::Client => KeyUsage::client_auth(),
            Usage::Server => KeyUsage::server_auth(),
        };
        let verified = leaf.verify_for_usage(
            webpki::ALL_VERIFICATION_ALGS,
            &anchors,
            &between,
            at,
            usage,
            revocation,
            None,
        );
        verified.is_ok() && self.name_fits()
    }
}

#[test]
fn every_case_about_paths_is_answered_as_it_says() {
    let Some(path) = shared("conformance/x509-limbo/x509-limbo-core.json") else { return };
    #[expect(clippy::disallowed_methods, reason = "tests read the corpus")]
    let document: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let cases = document["testcases"].as_array().unwrap();
    let mut wrong = Vec::new();
    let (mut asked, mut passed_over) = (0, 0);
    let (mut theirs_too_much, mut theirs_too_little) = (0, 0);
    for case in cases.iter().map(Case) {
        let id = case.text("id");
        let passed = NOT_ASKED.iter().find(|(name, _)| {
            name.strip_suffix('*')
                .map_or(*name == id, |front| id.starts_with(front))
        });
        if let Some((_, reason)) = passed {
            println!("not asked: {id}: {reason}");
            passed_over += 1;
            continue;
        }
        asked += 1;
        let ours = case.ours();
        if ours.is_ok() != case.must_hold() {
            wrong.push(format!(
                "{id}: expected {}, got {ours:?} [{}]",
                case.text("expected_result"),
                case.0["features"]
            ));
        }
        match (case.plain_webpki(), case.must_hold()) {
            (true, false) => theirs_too_much += 1,
            (false, true) => theirs_too_little += 1,
            _ => {}
        }
    }
    println!(
        "{asked} cases asked, {passed_over} not; plain rustls-webpki accepts {theirs_too_much} too many and {theirs_too_little} too few of those asked"
    );
    // A suite that shrinks, or a row above that swallows more than it says, is seen.
    assert!((asked, passed_over) == (155, 39) && theirs_too_much > 0, "{asked} {passed_over}");
    assert!(wrong.is_empty(), "{} of {asked}:\n{}", wrong.len(), wrong.join("\n"));
}

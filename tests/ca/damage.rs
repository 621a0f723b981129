//! Every byte flipped and every length cut of good certificates and requests: no panic, and nothing is taken.

use portcullis::ca::bundle::{read_bundle, read_certificates};
use portcullis::ca::{Certificate, Request, TrustBundle, Usage, pem};
use portcullis::spiffe::TrustDomain;
use rstest::rstest;

use super::forge::NOW;
use crate::support::project;

fn shown(der: &[u8]) -> String {
    pem::to_text("CERTIFICATE", der).to_string()
}

fn bundle(name: &str) -> TrustBundle {
    let own =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("certs/{name}.root.pem"));
    let root =
        if own.exists() { format!("certs/{name}.root.pem") } else { "certs/root.pem".to_owned() };
    TrustBundle::new(
        TrustDomain::parse("cluster.local").unwrap(),
        read_bundle(&project(&root)).unwrap(),
    )
}

/// Damaged copies: each byte with its lowest bit flipped, and with its highest where `thorough`; each length.
fn damaged(der: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let flipped = (0..der.len()).flat_map(move |at| {
        [1_u8, 0x80].into_iter().map(move |bit| {
            let mut copy = der.to_vec();
            copy[at] ^= bit;
            copy
        })
    });
    flipped.chain((0..der.len()).map(move |length| der[..length].to_vec()))
}

#[rstest]
fn a_damaged_certificate_proves_nothing(
    #[values(
        "good",
        "with-every-name",
        "with-subject",
        "not-istio-path",
        "below-the-root",
        "p384",
        "rsa-2048",
        "ed25519",
        "uri-permitted",
        "until-2050",
        "rsa-root-pss",
        "no-purposes"
    )]
    name: &str,
) {
    let chain = read_certificates(&project(&format!("certs/{name}.pem"))).unwrap();
    let bundle = bundle(name);
    let domains = ["cluster.local".to_owned()];
    assert!(bundle.verify(&chain, Usage::Client, NOW).is_ok());
    let mut read = 0;
    for der in damaged(chain[0].der()) {
        // What is cut or flipped and still a certificate is not the one that was signed.
        let Ok(leaf) = Certificate::from_der(&der) else { continue };
        read += 1;
        let mut chain = chain.clone();
        chain[0] = leaf;
        assert!(bundle.verify(&chain, Usage::Client, NOW).is_err(), "{}", shown(&der));
        let envoy = bundle.as_envoy(&chain, Usage::Client, NOW, &domains);
        assert!(!matches!(envoy, portcullis::ca::EnvoyAnswer::Accepted { .. }), "{}", shown(&der));
        // What is said of it must not panic either.
        assert_eq!(chain[0].facts(NOW).fingerprint.len(), 64);
    }
    assert!(read > 100, "{read}");
}

#[test]
fn a_damaged_authority_vouches_for_nobody() {
    let chain = read_certificates(&project("certs/good.pem")).unwrap();
    let bundle = bundle("good");
    for der in damaged(chain[1].der()) {
        let Ok(authority) = Certificate::from_der(&der) else { continue };
        let chain = [chain[0].clone(), authority];
        assert!(bundle.verify(&chain, Usage::Client, NOW).is_err(), "{}", shown(&der));
    }
}

#[rstest]
// [CA-10]
fn a_damaged_request_is_not_signed(
    #[values(
        "request-good",
        "request-no-names",
        "request-subject",
        "request-dns",
        "request-challenge",
        "request-p384",
        "request-ed25519",
        "request-rsa"
    )]
    name: &str,
) {
    let block = pem::parse(&project(&format!("certs/{name}.csr")))
        .unwrap()
        .remove(0);
    assert!(Request::from_der(&block.bytes).unwrap().is_signed());
    for der in damaged(&block.bytes) {
        assert!(
            !Request::from_der(&der).is_ok_and(|request| request.is_signed()),
            "{}",
            shown(&der)
        );
    }
}

#[test]
fn what_is_too_long_is_not_begun() {
    let long = vec![0x30; (1 << 20) + 1];
    let want = portcullis::ca::CertificateError::TooLong { bytes: long.len() };
    assert_eq!(Certificate::from_der(&long), Err(want.clone()));
    assert_eq!(Request::from_der(&long), Err(want));
}

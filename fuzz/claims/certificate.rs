//! Certificates and requests in any bytes (each behind its length): they are read without a panic, and what is accepted a
//! second library accepts too.

use portcullis::ca::time::UnixTime;
use portcullis::ca::{
    Certificate, Crl, MAX_INTERMEDIATES, Request, TrustBundle, Usage, bundle, pem, verify_path,
};
use portcullis::spiffe::TrustDomain;
use rustls_pki_types::{CertificateDer, UnixTime as PkiTime};

/// A moment at which the certificates of the corpus are good.
const NOW: i64 = 1_800_000_000;

/// The claim.
pub fn holds(bytes: &[u8]) {
    if let Some(text) = super::text(bytes) {
        drop(pem::parse(text));
        drop(bundle::read_bundle(text));
    }
    drop(Request::from_der(bytes));
    drop(Crl::from_der(bytes));
    drop(Certificate::from_der(bytes));
    let mut certificates = Vec::new();
    let mut rest = bytes;
    while let [high, low, after @ ..] = rest {
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        let Some((der, after)) = after.split_at_checked(length) else { break };
        rest = after;
        drop(Request::from_der(der));
        let Ok(certificate) = Certificate::from_der(der) else { continue };
        assert_eq!(certificate.der(), der);
        certificates.push(certificate);
    }
    let Some((root, chain)) = certificates.split_last() else { return };
    let at: UnixTime = NOW;
    let Ok(trust_domain) = TrustDomain::parse("cluster.local") else { return };
    let roots = TrustBundle::new(trust_domain, vec![root.clone()]);
    let verification = roots.verification(chain, Usage::Client, at, &["cluster.local".to_owned()]);
    drop(verification.difference());
    let path =
        verify_path(chain, std::slice::from_ref(root), &[], Usage::Client, at, MAX_INTERMEDIATES);
    // What is an identity is also a path.
    assert!(verification.strict.is_err() || path.is_ok(), "{:?}", verification.strict);
    if path.is_ok() {
        assert_eq!(library(chain, root), Ok(()), "{path:?}");
    }
}

/// What the second library says.
fn library(chain: &[Certificate], root: &Certificate) -> Result<(), String> {
    let der: Vec<CertificateDer<'_>> = chain
        .iter()
        .map(|certificate| CertificateDer::from(certificate.der()))
        .collect();
    let root = CertificateDer::from(root.der());
    let anchor = webpki::anchor_from_trusted_cert(&root).map_err(|error| error.to_string())?;
    let (leaf, others) = der.split_first().ok_or("no certificate")?;
    let leaf = webpki::EndEntityCert::try_from(leaf).map_err(|error| error.to_string())?;
    let at = PkiTime::since_unix_epoch(std::time::Duration::from_secs(NOW.unsigned_abs()));
    leaf.verify_for_usage(
        webpki::ALL_VERIFICATION_ALGS,
        &[anchor],
        others,
        at,
        webpki::KeyUsage::client_auth(),
        None,
        None,
    )
    .map(|_| ())
    .map_err(|error| error.to_string())
}

//! A client's certificate that leads to a known root → whether it is of one of those that may ask.

use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};
use rustls_pki_types::{CertificateDer, UnixTime};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer as _;

/// Asks another verifier, and then for a name. Whoever may sign below the same root gets no further with a name of its own.
#[derive(Debug)]
pub(super) struct Named {
    pub(super) verifier: Arc<dyn ClientCertVerifier>,
    /// Those that may ask.
    pub(super) names: Vec<String>,
}

impl ClientCertVerifier for Named {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.verifier.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        leaf: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let verified = self.verifier.verify_client_cert(leaf, between, now)?;
        if name(leaf).is_some_and(|name| self.names.contains(&name)) {
            return Ok(verified);
        }
        Err(CertificateError::ApplicationVerificationFailure.into())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier.verify_tls12_signature(message, leaf, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier.verify_tls13_signature(message, leaf, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.supported_verify_schemes()
    }
}

/// The one name that counts: of several URIs, or several DNS names, none does. The common name is what the certificate of
/// an API server often has alone, and counts where there is nothing else. Absent: there is none.
fn name(leaf: &CertificateDer<'_>) -> Option<String> {
    let (_, leaf) = X509Certificate::from_der(leaf).ok()?;
    let names = leaf.subject_alternative_name().ok()?;
    let names = names.map_or(&[][..], |names| &names.value.general_names);
    let mut uris = names
        .iter()
        .filter_map(|name| if let GeneralName::URI(uri) = name { Some(*uri) } else { None });
    let mut hosts = names
        .iter()
        .filter_map(|name| if let GeneralName::DNSName(host) = name { Some(*host) } else { None });
    // SPIFFE X509-SVID §2: exactly one URI names the workload.
    let chosen = match (uris.next(), uris.next(), hosts.next(), hosts.next()) {
        (Some(uri), None, _, _) => uri,
        (None, _, Some(host), None) => host,
        (None, _, None, _) if names.is_empty() => {
            leaf.subject().iter_common_name().next()?.as_str().ok()?
        }
        _ => return None,
    };
    Some(chosen.to_owned())
}

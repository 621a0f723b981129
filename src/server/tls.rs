//! A certificate and its key, as PEM → what a TLS server needs.

use std::sync::Arc;

pub(super) use rustls::ServerConfig;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, version};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

/// What a server shows, and whom it listens to. All of it is PEM.
#[derive(Clone)]
pub struct Certificate {
    /// The certificate and those between it and its root.
    pub chain: Vec<u8>,
    /// Its key.
    pub key: Vec<u8>,
    /// The roots that a client's certificate must lead to; absent: none is asked for.
    pub clients: Option<Vec<u8>>,
}

impl std::fmt::Debug for Certificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Certificate").finish_non_exhaustive()
    }
}

/// Reads everything, and looks whether the key is that of the certificate.
pub(super) fn config(certificate: &Certificate, tls12: bool) -> Result<Arc<ServerConfig>, String> {
    let chain = certificates(&certificate.chain, "the certificate")?;
    let key = PrivateKeyDer::from_pem_slice(&certificate.key)
        .map_err(|error| format!("the key is not read: {error}"))?;
    let versions: &[_] =
        if tls12 { &[&version::TLS13, &version::TLS12] } else { &[&version::TLS13] };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(versions)
        .map_err(|error| error.to_string())?;
    let builder = match &certificate.clients {
        None => builder.with_no_client_auth(),
        Some(roots) => {
            let mut store = RootCertStore::empty();
            for root in certificates(roots, "the roots of clients")? {
                store
                    .add(root)
                    .map_err(|error| format!("a root of clients: {error}"))?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(store), provider)
                .build()
                .map_err(|error| format!("the roots of clients: {error}"))?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let mut config = builder
        .with_single_cert(chain, key)
        .map_err(|error| format!("the certificate and its key: {error}"))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn certificates(pem: &[u8], what: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let read = read.map_err(|error| format!("{what} is not read: {error}"))?;
    if read.is_empty() {
        return Err(format!("{what}: there is none in the file"));
    }
    Ok(read)
}

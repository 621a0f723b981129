//! A certificate and its key, as PEM → what a TLS server needs, and what a client that asks it.

use std::sync::Arc;

pub(super) use rustls::ServerConfig;
pub(super) use rustls::server::Acceptor;
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, RootCertStore, version};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};

use super::Options;
use super::client_name::Named;

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
pub(super) fn config(
    certificate: &Certificate,
    options: &Options,
) -> Result<Arc<ServerConfig>, String> {
    let chain = certificates(&certificate.chain, "the certificate")?;
    let key = PrivateKeyDer::from_pem_slice(&certificate.key)
        .map_err(|error| format!("the key is not read: {error}"))?;
    let versions: &[_] =
        if options.tls12 { &[&version::TLS13, &version::TLS12] } else { &[&version::TLS13] };
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
            let names = options.client_names.clone();
            builder.with_client_cert_verifier(if names.is_empty() {
                verifier
            } else {
                Arc::new(Named { verifier, names })
            })
        }
    };
    let mut config = builder
        .with_single_cert(chain, key)
        .map_err(|error| format!("the certificate and its key: {error}"))?;
    // RFC 8446 §8: early data can be sent again by somebody else.
    config.max_early_data_size = 0;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// How a client shakes hands with a server that must have this name, and a certificate that leads to the roots.
pub(super) fn client(
    roots: &[u8],
    client: Option<&(Vec<u8>, Vec<u8>)>,
    name: &str,
) -> Result<(Arc<ClientConfig>, ServerName<'static>), String> {
    let name = ServerName::try_from(name.to_owned())
        .map_err(|error| format!("`{name}` is no name of a server: {error}"))?;
    let mut store = RootCertStore::empty();
    for root in certificates(roots, "the CA bundle")? {
        store
            .add(root)
            .map_err(|error| format!("a root of the CA bundle: {error}"))?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(store);
    let config = match client {
        None => builder.with_no_client_auth(),
        Some((chain, key)) => {
            let chain = certificates(chain, "the client's certificate")?;
            let key = PrivateKeyDer::from_pem_slice(key)
                .map_err(|error| format!("the client's key is not read: {error}"))?;
            builder
                .with_client_auth_cert(chain, key)
                .map_err(|error| format!("the client's certificate and its key: {error}"))?
        }
    };
    Ok((Arc::new(config), name))
}

fn certificates(pem: &[u8], what: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let read = read.map_err(|error| format!("{what} is not read: {error}"))?;
    if read.is_empty() {
        return Err(format!("{what}: there is none in the file"));
    }
    Ok(read)
}

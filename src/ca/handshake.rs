//! Two ends with certificates and bundles → a real TLS handshake in memory, and whom each side saw or why it failed.

use std::io::{Read as _, Write as _};
use std::sync::{Arc, Mutex, PoisonError};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::sign::CertifiedKey;
use rustls::{
    CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct, DistinguishedName,
    ServerConfig, ServerConnection, SignatureScheme,
};
use rustls_pki_types::{
    CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime as TlsTime,
};

use super::certificate::Certificate;
use super::key::PrivateKey;
use super::path::Usage;
use super::time::UnixTime;
use super::verify::{SvidError, TrustBundle};
use crate::spiffe::SpiffeId;

/// One end of a connection.
#[derive(Debug)]
pub struct Endpoint<'e> {
    /// DER, leaf first; empty where it presents no certificate.
    pub chain: Vec<Vec<u8>>,
    /// The leaf's key; absent where it presents no certificate.
    pub key: Option<&'e PrivateKey>,
    /// Whom it trusts.
    pub bundle: TrustBundle,
    /// Whom it expects on the other end; absent: whoever the bundle vouches for.
    pub expects: Option<SpiffeId>,
    /// The application protocols that it offers or takes; may be empty.
    pub alpn: Vec<String>,
}

/// What one end made of the other's certificate.
pub type Seen = Result<SpiffeId, PeerError>;

/// Why one end does not take the other for what it says.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PeerError {
    /// The certificate proves nothing.
    #[error(transparent)]
    Svid(#[from] SvidError),
    /// It proves somebody else.
    #[error("it is `{found}`, and `{wanted}` is expected")]
    SomebodyElse {
        /// Who it is.
        found: SpiffeId,
        /// Who is expected.
        wanted: SpiffeId,
    },
}

/// How a handshake went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// What the client made of the server's certificate; absent where it came to see none.
    pub client_saw: Option<Seen>,
    /// What the server made of the client's certificate; absent where it came to see none.
    pub server_saw: Option<Seen>,
    /// `TLSv1_3` or `TLSv1_2`; absent where the handshake failed.
    pub protocol: Option<String>,
    /// The application protocol; absent where none was agreed on.
    pub alpn: Option<String>,
    /// Why it failed, as the end that gave up first says; absent where it succeeded and bytes went through.
    pub failure: Option<String>,
}

impl Outcome {
    /// Whether bytes went through.
    #[must_use]
    pub const fn succeeded(&self) -> bool {
        self.failure.is_none()
    }
}

/// Why there was no handshake at all.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EndpointError {
    /// An end's key is in a module, or of a kind that TLS here does not use.
    #[error("{side}: its key cannot be used for TLS here")]
    Key {
        /// `client` or `server`.
        side: &'static str,
    },
    /// The library refuses the configuration.
    #[error("{side}: {reason}")]
    Library {
        /// `client` or `server`.
        side: &'static str,
        /// What it says.
        reason: String,
    },
}

#[derive(Debug)]
struct Clock(UnixTime);

impl rustls::time_provider::TimeProvider for Clock {
    fn current_time(&self) -> Option<TlsTime> {
        let seconds = u64::try_from(self.0).ok()?;
        Some(TlsTime::since_unix_epoch(std::time::Duration::from_secs(seconds)))
    }
}

/// Verifies the other end's chain against a bundle, and remembers what it found.
#[derive(Debug)]
struct Verifier {
    bundle: TrustBundle,
    expects: Option<SpiffeId>,
    at: UnixTime,
    usage: Usage,
    algorithms: WebPkiSupportedAlgorithms,
    seen: Mutex<Option<Seen>>,
}

impl Verifier {
    fn check(
        &self,
        leaf: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
    ) -> Result<(), rustls::Error> {
        let chain: Result<Vec<Certificate>, _> = std::iter::once(leaf)
            .chain(others)
            .map(|der| Certificate::from_der(der))
            .collect();
        let Ok(chain) = chain else {
            return Err(rustls::Error::InvalidCertificate(CertificateError::BadEncoding));
        };
        let seen = match (self.bundle.verify(&chain, self.usage, self.at), &self.expects) {
            (Ok(found), Some(wanted)) if found != *wanted => {
                Err(PeerError::SomebodyElse { found, wanted: wanted.clone() })
            }
            (Ok(found), _) => Ok(found),
            (Err(error), _) => Err(PeerError::Svid(error)),
        };
        let result = match &seen {
            Ok(_) => Ok(()),
            Err(_) => Err(rustls::Error::InvalidCertificate(
                CertificateError::ApplicationVerificationFailure,
            )),
        };
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(seen);
        result
    }

    fn seen(&self) -> Option<Seen> {
        self.seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: TlsTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        self.check(end_entity, intermediates)
            .map(|()| ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(message, cert, dss, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

impl ClientCertVerifier for Verifier {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _now: TlsTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        self.check(end_entity, intermediates)
            .map(|()| ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(message, cert, dss, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// Presents one certificate to whoever asks.
#[derive(Debug)]
struct Presented(Option<Arc<CertifiedKey>>);

impl rustls::client::ResolvesClientCert for Presented {
    fn resolve(&self, _hints: &[&[u8]], _schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.0.clone()
    }

    fn has_certs(&self) -> bool {
        self.0.is_some()
    }
}

impl rustls::server::ResolvesServerCert for Presented {
    fn resolve(&self, _hello: rustls::server::ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.0.clone()
    }
}

impl Endpoint<'_> {
    fn presented(
        &self,
        side: &'static str,
        provider: &CryptoProvider,
    ) -> Result<Presented, EndpointError> {
        let Some(key) = self.key.filter(|_| !self.chain.is_empty()) else {
            return Ok(Presented(None));
        };
        let unusable = || EndpointError::Key { side };
        let key = key.pkcs8().ok_or_else(unusable)?;
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.to_vec()));
        let key = provider
            .key_provider
            .load_private_key(key)
            .map_err(|_library| unusable())?;
        let chain = self
            .chain
            .iter()
            .map(|der| CertificateDer::from(der.clone()))
            .collect();
        Ok(Presented(Some(Arc::new(CertifiedKey::new(chain, key)))))
    }

    fn verifier(&self, usage: Usage, at: UnixTime, provider: &CryptoProvider) -> Arc<Verifier> {
        Arc::new(Verifier {
            bundle: self.bundle.clone(),
            expects: self.expects.clone(),
            at,
            usage,
            algorithms: provider.signature_verification_algorithms,
            seen: Mutex::new(None),
        })
    }

    fn alpn(&self) -> Vec<Vec<u8>> {
        self.alpn
            .iter()
            .map(|name| name.clone().into_bytes())
            .collect()
    }
}

/// Runs a mutual TLS handshake between two ends at a point in time, then sends a few bytes from the client to the
/// server and back. The server asks for a certificate and takes nobody without one. Sessions are never resumed: each
/// connection is verified anew.
///
/// # Errors
/// [`EndpointError`] where an end cannot even begin. A handshake that fails is an [`Outcome`].
pub fn handshake(
    client: &Endpoint<'_>,
    server: &Endpoint<'_>,
    at: UnixTime,
) -> Result<Outcome, EndpointError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let clock = Arc::new(Clock(at));
    let failed = |side: &'static str| {
        move |error: rustls::Error| EndpointError::Library { side, reason: error.to_string() }
    };
    let of_server = client.verifier(Usage::Server, at, &provider);
    let mut config = ClientConfig::builder_with_details(Arc::clone(&provider), clock.clone())
        .with_safe_default_protocol_versions()
        .map_err(failed("client"))?
        .dangerous()
        .with_custom_certificate_verifier(of_server.clone())
        .with_client_cert_resolver(Arc::new(client.presented("client", &provider)?));
    config.alpn_protocols = client.alpn();
    config.resumption = rustls::client::Resumption::disabled();
    config.enable_sni = false;
    let of_client = server.verifier(Usage::Client, at, &provider);
    let mut serving = ServerConfig::builder_with_details(Arc::clone(&provider), clock)
        .with_safe_default_protocol_versions()
        .map_err(failed("server"))?
        .with_client_cert_verifier(of_client.clone())
        .with_cert_resolver(Arc::new(server.presented("server", &provider)?));
    serving.alpn_protocols = server.alpn();
    serving.session_storage = Arc::new(rustls::server::NoServerSessionStorage {});
    serving.send_tls13_tickets = 0;
    let name = ServerName::try_from("portcullis.invalid")
        .map_err(|_name| EndpointError::Key { side: "client" })?;
    let mut client = ClientConnection::new(Arc::new(config), name).map_err(failed("client"))?;
    let mut server = ServerConnection::new(Arc::new(serving)).map_err(failed("server"))?;
    let failure = talk(&mut client, &mut server);
    Ok(Outcome {
        client_saw: of_server.seen(),
        server_saw: of_client.seen(),
        protocol: failure
            .is_none()
            .then(|| client.protocol_version())
            .flatten()
            .map(|version| format!("{version:?}")),
        alpn: client
            .alpn_protocol()
            .map(|name| String::from_utf8_lossy(name).into_owned()),
        failure,
    })
}

/// Moves bytes between the two until one gives up or both have heard the other.
fn talk(client: &mut ClientConnection, server: &mut ServerConnection) -> Option<String> {
    const HELLO: &[u8] = b"who goes there";
    if client.writer().write_all(HELLO).is_err() {
        return Some("client: cannot write".to_owned());
    }
    let mut failure: Option<String> = None;
    let (mut asked, mut answered) = (Vec::new(), Vec::new());
    // A handshake is two round trips; what takes longer never ends.
    for _ in 0..16 {
        let mut wire = Vec::new();
        while client.wants_write() && client.write_tls(&mut wire).is_ok_and(|sent| sent > 0) {}
        if let Err(error) = receive_server(server, &wire) {
            failure.get_or_insert_with(|| format!("server: {error}"));
        }
        if drain(&mut server.reader(), &mut asked) && server.writer().write_all(&asked).is_err() {
            failure.get_or_insert_with(|| "server: cannot write".to_owned());
        }
        let mut wire = Vec::new();
        while server.wants_write() && server.write_tls(&mut wire).is_ok_and(|sent| sent > 0) {}
        if let Err(error) = receive_client(client, &wire) {
            failure.get_or_insert_with(|| format!("client: {error}"));
        }
        drain(&mut client.reader(), &mut answered);
        if answered == HELLO || failure.is_some() {
            return failure;
        }
    }
    Some("neither end goes on".to_owned())
}

fn drain(reader: &mut rustls::Reader<'_>, into: &mut Vec<u8>) -> bool {
    let before = into.len();
    let mut bytes = [0; 64];
    while let Ok(count @ 1..) = reader.read(&mut bytes) {
        into.extend(bytes.iter().take(count));
    }
    into.len() > before
}

fn receive_server(server: &mut ServerConnection, mut wire: &[u8]) -> Result<(), rustls::Error> {
    while !wire.is_empty() && server.read_tls(&mut wire).is_ok_and(|read| read > 0) {
        server.process_new_packets()?;
    }
    Ok(())
}

fn receive_client(client: &mut ClientConnection, mut wire: &[u8]) -> Result<(), rustls::Error> {
    while !wire.is_empty() && client.read_tls(&mut wire).is_ok_and(|read| read > 0) {
        client.process_new_packets()?;
    }
    Ok(())
}

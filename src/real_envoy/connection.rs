//! Two addresses and what is spoken between them → a connection.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring as cryptography};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme};
use socket2::{Domain, Socket, Type};

use super::certificates::Issued;

/// The longest wait for anything from the other end.
const PATIENCE: Duration = Duration::from_secs(2);

/// The wait for more behind what has come: Envoy leaves a connection open for a while that it will not use again.
const HASTE: Duration = Duration::from_millis(100);

/// Ports of ours begin behind it.
const FIRST_PORT: u16 = 10_000;
/// So many ports are tried for one connection.
const TRIES: u32 = 100;

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoConnection {
    /// The socket says so.
    #[error(transparent)]
    Socket(#[from] io::Error),
    /// The TLS library cannot say what is to be said.
    #[error("the TLS library here cannot send this: {0}")]
    Unsayable(String),
}

/// The TLS of a caller.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Spoken {
    pub(super) certificate: Option<Arc<Issued>>,
    pub(super) alpn: Vec<String>,
    /// Empty: none is sent.
    pub(super) server_name: String,
}

/// Takes every server: whom a caller trusts is not what is asked here.
#[derive(Debug)]
struct Trusting(Arc<CryptoProvider>);

impl ServerCertVerifier for Trusting {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// Makes connections, and remembers how the TLS of each caller is set up.
#[derive(Debug)]
pub(super) struct Dialler {
    provider: Arc<CryptoProvider>,
    configured: BTreeMap<(Vec<u8>, Vec<String>, bool), Arc<ClientConfig>>,
    /// The last port that was dialled from, by the two ends: lines about connections are found by it.
    last: BTreeMap<(IpAddr, SocketAddr), u16>,
}

impl Dialler {
    pub(super) fn new() -> Self {
        let provider = Arc::new(cryptography::default_provider());
        Self { provider, configured: BTreeMap::new(), last: BTreeMap::new() }
    }

    /// A connection from an address to another, with the TLS that is spoken on it.
    pub(super) fn dial(
        &mut self,
        from: IpAddr,
        to: SocketAddr,
        spoken: Option<&Spoken>,
    ) -> Result<Connection, NoConnection> {
        let tls = spoken.map(|spoken| self.tls(spoken)).transpose()?;
        let socket = self.bound(from, to)?;
        socket.set_tcp_nodelay(true)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        socket.set_write_timeout(Some(PATIENCE))?;
        socket.connect_timeout(&to.into(), PATIENCE)?;
        let stream = TcpStream::from(socket);
        let from = stream.local_addr()?;
        let wire = Wire { stream, first: Vec::new() };
        Ok(Connection { from, to, wire, tls })
    }

    /// A socket at an own port of ours: no two connections with the same ends have the same.
    fn bound(&mut self, from: IpAddr, to: SocketAddr) -> io::Result<Socket> {
        let last = self.last.entry((from, to)).or_insert(FIRST_PORT);
        let socket = Socket::new(Domain::for_address(to), Type::STREAM, None)?;
        socket.set_reuse_address(true)?;
        for _ in 0..TRIES {
            *last = last.checked_add(1).unwrap_or(FIRST_PORT);
            match socket.bind(&SocketAddr::new(from, *last).into()) {
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
                bound => return bound.map(|()| socket),
            }
        }
        Err(io::ErrorKind::AddrInUse.into())
    }

    fn tls(&mut self, spoken: &Spoken) -> Result<ClientConnection, NoConnection> {
        let unsayable = |error: &dyn std::fmt::Display| NoConnection::Unsayable(error.to_string());
        let named = !spoken.server_name.is_empty();
        let name = if named { spoken.server_name.as_str() } else { "nameless.invalid" };
        let name = ServerName::try_from(name.to_owned()).map_err(|error| unsayable(&error))?;
        if named && !matches!(name, ServerName::DnsName(_)) {
            return Err(unsayable(&"a server name that is an address"));
        }
        if spoken.alpn.iter().any(String::is_empty) {
            return Err(unsayable(&"a protocol without a name"));
        }
        let certificate = spoken
            .certificate
            .as_ref()
            .map_or_else(Vec::new, |issued| issued.certificate.clone());
        let wanted = (certificate, spoken.alpn.clone(), named);
        let config = match self.configured.get(&wanted) {
            Some(config) => Arc::clone(config),
            None => {
                let config = Arc::new(
                    self.configure(spoken, named)
                        .map_err(|error| unsayable(&error))?,
                );
                self.configured.insert(wanted, Arc::clone(&config));
                config
            }
        };
        ClientConnection::new(config, name).map_err(|error| unsayable(&error))
    }

    fn configure(&self, spoken: &Spoken, named: bool) -> Result<ClientConfig, rustls::Error> {
        let builder = ClientConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Trusting(Arc::clone(&self.provider))));
        let mut config = match &spoken.certificate {
            Some(issued) => builder.with_client_auth_cert(
                vec![CertificateDer::from(issued.certificate.clone())],
                PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(issued.key.clone())),
            )?,
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = spoken
            .alpn
            .iter()
            .map(|name| name.as_bytes().to_vec())
            .collect();
        config.enable_sni = named;
        // Who calls must be proved anew each time.
        config.resumption = Resumption::disabled();
        Ok(config)
    }
}

/// The stream, and the first bytes that came over it.
#[derive(Debug)]
struct Wire {
    stream: TcpStream,
    first: Vec<u8>,
}

impl Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.stream.read(buffer)?;
        if self.first.len() < FIRST {
            self.first.extend(buffer.iter().take(count));
        }
        Ok(count)
    }
}

impl Write for Wire {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.stream.write(buffer)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

/// So many first bytes tell whose they are.
const FIRST: usize = 6;

/// What the first bytes from the other end are, where TLS is spoken to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum First {
    /// Its own greeting, or none at all.
    Its,
    /// Ours, sent back: it does not end TLS, and let the bytes through.
    Ours,
    /// No TLS: an answer of HTTP.
    Http,
}

/// A connection.
#[derive(Debug)]
pub(super) struct Connection {
    from: SocketAddr,
    to: SocketAddr,
    wire: Wire,
    tls: Option<ClientConnection>,
}

impl Connection {
    /// Our end, and the other.
    pub(super) const fn ends(&self) -> (SocketAddr, SocketAddr) {
        (self.from, self.to)
    }

    /// The protocol that TLS settled on; absent without one.
    pub(super) fn protocol(&self) -> Option<&[u8]> {
        self.tls.as_ref()?.alpn_protocol()
    }

    /// What the first bytes from the other end were, where TLS is spoken to it.
    pub(super) fn first(&self) -> First {
        match self.wire.first.as_slice() {
            _ if self.tls.is_none() => First::Its,
            // A handshake record that holds a client's greeting.
            [0x16, _, _, _, _, 0x01, ..] => First::Ours,
            [b'H', b'T', b'T', b'P', ..] => First::Http,
            _ => First::Its,
        }
    }

    /// From here on nothing is waited for long: what there is to say has been said, or is being said.
    pub(super) fn hurry(&self) {
        if self.wire.stream.set_read_timeout(Some(HASTE)).is_err() {
            // Then it is waited for as long as before.
        }
    }

    /// What has come as it was, until it is `enough` or nothing more comes.
    pub(super) fn raw(&mut self, enough: impl Fn(&[u8]) -> bool) -> Vec<u8> {
        self.hurry();
        let mut bytes = self.wire.first.clone();
        let mut chunk = [0; 1 << 12];
        while !enough(&bytes) {
            match self.wire.stream.read(&mut chunk) {
                Ok(count) if count > 0 => bytes.extend(chunk.iter().take(count)),
                _ => break,
            }
        }
        bytes
    }
}

impl Read for Connection {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.tls {
            Some(tls) => rustls::Stream::new(tls, &mut self.wire).read(buffer),
            None => self.wire.read(buffer),
        }
    }
}

impl Write for Connection {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        match &mut self.tls {
            Some(tls) => rustls::Stream::new(tls, &mut self.wire).write(buffer),
            None => self.wire.write(buffer),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.tls {
            Some(tls) => rustls::Stream::new(tls, &mut self.wire).flush(),
            None => self.wire.flush(),
        }
    }
}

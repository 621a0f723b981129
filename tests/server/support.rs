//! A server on loopback with a certificate of the mini Citadel, what it reads held in memory, and a client.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use portcullis::admission::{Facts, Gate, Known};
use portcullis::ca::{
    CertificateAuthority, Directory, Permissions, Secrets, Settings, SignerKey, Wish,
};
use portcullis::parse::{self, Loaded};
use portcullis::request::TokenReader;
use portcullis::server::{
    Certificate, Decisions, Limits, Log, Options, Running, Source, StartError, start,
};
use portcullis::spiffe::{SpiffeId, TrustDomain};
use portcullis::suite;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::ca::support::Scratch;

/// A CA in a directory of its own.
pub(crate) struct Citadel {
    authority: CertificateAuthority<Directory>,
    _scratch: Scratch,
}

#[expect(clippy::disallowed_methods, reason = "a handshake asks the clock")]
fn now() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(now.as_secs()).unwrap()
}

impl Citadel {
    pub(crate) fn new() -> Self {
        let scratch = Scratch::new();
        let store = Directory::create(scratch.path("ca").as_ref(), Permissions::Private).unwrap();
        let settings = Settings::of(TrustDomain::parse("cluster.local").unwrap());
        let authority = CertificateAuthority::create(
            store,
            &settings,
            SignerKey::Here,
            Secrets::default(),
            now() - 60,
        )
        .unwrap();
        Self { authority, _scratch: scratch }
    }

    /// A certificate for `localhost`; each is another one.
    pub(crate) fn certificate(&self) -> Certificate {
        let id = SpiffeId::parse("spiffe://cluster.local/ns/portcullis/sa/webhook").unwrap();
        let dns = vec!["localhost".to_owned()];
        let wish = Wish { id, dns, ttl: None, caller: "test".to_owned() };
        let svid = self.authority.issue(&wish, now()).unwrap();
        let key = svid.key.as_ref().unwrap().to_pem(None).unwrap();
        Certificate {
            chain: svid.chain_pem().into_bytes(),
            key: key.as_bytes().to_vec(),
            clients: None,
        }
    }

    #[cfg(feature = "cli")]
    pub(crate) fn roots_pem(&self) -> String {
        portcullis::ca::bundle::to_pem(&self.authority.roots())
    }

    pub(crate) fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        for root in self.authority.roots() {
            roots
                .add(CertificateDer::from(root.der().to_vec()))
                .unwrap();
        }
        roots
    }
}

/// What a server reads.
#[derive(Clone)]
pub(crate) struct Files {
    pub(crate) manifests: String,
    pub(crate) guards: String,
    pub(crate) certificate: Certificate,
    pub(crate) token_reader: Option<Arc<dyn TokenReader>>,
    changes: (u32, u32),
}

/// The same, shared with the server.
#[derive(Clone)]
pub(crate) struct InMemory(Arc<Mutex<Files>>);

impl InMemory {
    pub(crate) fn of(manifests: &str, guards: &str, certificate: Certificate) -> Self {
        Self(Arc::new(Mutex::new(Files {
            manifests: manifests.to_owned(),
            guards: guards.to_owned(),
            certificate,
            token_reader: None,
            changes: (0, 0),
        })))
    }

    /// Changes the manifests or the guards.
    pub(crate) fn write(&self, change: impl FnOnce(&mut Files)) {
        let mut files = self.0.lock().unwrap();
        change(&mut files);
        files.changes.0 += 1;
    }

    /// Changes what is read, where nothing tells that it is otherwise.
    pub(crate) fn write_unseen(&self, change: impl FnOnce(&mut Files)) {
        change(&mut self.0.lock().unwrap());
    }

    pub(crate) fn rotate(&self, certificate: Certificate) {
        let mut files = self.0.lock().unwrap();
        files.certificate = certificate;
        files.changes.1 += 1;
    }
}

impl Source for InMemory {
    fn state(&mut self) -> (String, String) {
        let (known, certificate) = self.0.lock().unwrap().changes;
        (known.to_string(), certificate.to_string())
    }

    fn known(&mut self) -> Result<(Known, Vec<String>), Vec<String>> {
        let files = self.0.lock().unwrap().clone();
        let mut loaded = Loaded::default();
        parse::resources("mesh.yaml", &files.manifests, "default", &mut loaded);
        let mut findings = loaded.findings;
        let guards = suite::read("guards.test.yaml", &files.guards, &mut findings);
        if !findings.is_empty() {
            return Err(findings.iter().map(ToString::to_string).collect());
        }
        let facts = Facts {
            resources: loaded.resources,
            guards: guards
                .into_iter()
                .map(|guard| (guard, Vec::new()))
                .collect(),
            token_reader: files.token_reader,
            gate: Gate::default(),
            ..Facts::default()
        };
        match Known::prepare(facts) {
            Ok((known, findings)) => {
                Ok((known, findings.iter().map(ToString::to_string).collect()))
            }
            Err(errors) => Err(errors.iter().map(ToString::to_string).collect()),
        }
    }

    fn certificate(&mut self) -> Result<Certificate, String> {
        Ok(self.0.lock().unwrap().certificate.clone())
    }
}

/// A server, its log, and who may speak to it.
pub(crate) struct Serving {
    pub(crate) running: Running,
    pub(crate) log: Arc<Mutex<Vec<String>>>,
    pub(crate) client: Arc<ClientConfig>,
}

pub(crate) fn options() -> Options {
    let loopback: SocketAddr = "127.0.0.1:0".parse().unwrap();
    Options {
        listen: loopback,
        health: Some(loopback),
        tls12: false,
        fail_open: false,
        reload_interval: Duration::from_millis(10),
        decisions: Decisions::All,
        client_names: Vec::new(),
        traces: None,
        limits: Limits { lag: Duration::from_millis(200), ..Limits::of(2) },
    }
}

pub(crate) fn serve(
    citadel: &Citadel,
    source: impl Source,
    options: Options,
) -> Result<Serving, StartError> {
    let log = Arc::new(Mutex::new(Vec::new()));
    let lines = Arc::clone(&log);
    let sink = Log::to(move |line: &str| lines.lock().unwrap().push(line.to_owned()));
    let running = start(options, source, sink)?;
    let client = client(citadel);
    Ok(Serving { running, log, client: Arc::new(client) })
}

/// Who trusts a CA, and has no certificate.
pub(crate) fn client(citadel: &Citadel) -> ClientConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(citadel.roots())
        .with_no_client_auth()
}

impl Serving {
    pub(crate) fn tcp(&self) -> TcpStream {
        let stream = TcpStream::connect(self.running.address()).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        stream
    }

    pub(crate) fn connect(&self) -> Tls {
        let name = ServerName::try_from("localhost").unwrap();
        let connection = ClientConnection::new(Arc::clone(&self.client), name).unwrap();
        StreamOwned::new(connection, self.tcp())
    }

    /// Posts a review over a connection of its own: the status, and the body.
    pub(crate) fn post(&self, body: &str) -> (u16, String) {
        post(&mut self.connect(), body)
    }

    /// What is answered without TLS.
    pub(crate) fn health(&self, path: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(self.running.health().unwrap()).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        answer(&mut stream)
    }

    /// The value of a metric.
    pub(crate) fn metric(&self, name: &str) -> String {
        let (_, text) = self.health("/metrics");
        let line = text.lines().find(|line| line.starts_with(name));
        line.map_or_else(
            || format!("no {name} in\n{text}"),
            |line| line.replace(name, "").trim().to_owned(),
        )
    }

    /// Waits until it is so; some seconds at most.
    #[track_caller]
    pub(crate) fn wait_for(&self, what: &str, so: impl Fn(&Self) -> bool) {
        for _ in 0..500 {
            if so(self) {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("{what} did not come: {:?}", self.log.lock().unwrap());
    }
}

pub(crate) type Tls = StreamOwned<ClientConnection, TcpStream>;

pub(crate) fn post(stream: &mut (impl Read + Write), body: &str) -> (u16, String) {
    send(
        stream,
        "POST /validate HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n",
        body,
    )
}

/// Sends a head, without the length of the body, and a body.
pub(crate) fn send(stream: &mut (impl Read + Write), head: &str, body: &str) -> (u16, String) {
    let text = format!("{head}Content-Length: {}\r\n\r\n{body}", body.len());
    // A server that refuses early may close before it has read everything.
    if stream
        .write_all(text.as_bytes())
        .and_then(|()| stream.flush())
        .is_err()
    {
        eprintln!("the server closed early");
    }
    answer(stream)
}

/// Reads one answer: its status and its body. Status 0: the connection was closed.
pub(crate) fn answer(stream: &mut impl Read) -> (u16, String) {
    let mut read = Vec::new();
    let mut byte = [0];
    while !read.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1) => read.push(byte[0]),
            _ => return (0, String::new()),
        }
    }
    let head = String::from_utf8(read).unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("content-length")
            .then(|| value.parse::<usize>().unwrap())
    });
    let mut body = vec![0; length.unwrap_or_default()];
    stream.read_exact(&mut body).unwrap();
    (status, String::from_utf8(body).unwrap())
}

//! The shelf before a real Envoy: who gets in, and under what name, is what `as_envoy` says.
//!
//! Runs where `ENVOY` names the binary; `.ci/envoy` fetches one. Envoy has its own clock, so both are asked about now.

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use portcullis::ca::bundle::{read_bundle, read_certificates};
use portcullis::ca::{EnvoyAnswer, TrustBundle, Usage, pem};
use portcullis::spiffe::TrustDomain;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme, StreamOwned};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};

use super::recipes::all;
use super::support::Scratch;
use crate::support::project;

/// Certificates for keys that nobody kept.
const WITHOUT_KEY: &[&str] = &[
    "p521",
    "p192",
    "secp256k1",
    "explicit-curve",
    "rsa-1024",
    "rsa-2052",
    "rsa-exponent-1",
    "rsa-exponent-even",
    "x25519",
];

fn key_of(name: &str) -> &str {
    match name {
        "p384" | "ed25519" | "rsa-2048" => name,
        _ => "p256",
    }
}

/// Takes every server.
#[derive(Debug)]
struct Anyone;

impl ServerCertVerifier for Anyone {
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
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        rustls::crypto::ring::default_provider()
            .signature_verification_algorithms
            .supported_schemes()
    }
}

#[derive(Debug)]
struct Presents(Arc<CertifiedKey>);

impl rustls::client::ResolvesClientCert for Presents {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }

    fn has_certs(&self) -> bool {
        true
    }
}

/// What Envoy said to a client with this chain: its URI names as it saw them, or why nothing came back.
fn ask(port: u16, chain: Vec<Vec<u8>>, key: &str) -> Result<String, String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let key = pem::parse(&project(&format!("certs/keys/{key}.pem")))
        .unwrap()
        .remove(0);
    let key = PrivateKeyDer::try_from(key.bytes.to_vec()).unwrap();
    let key = provider.key_provider.load_private_key(key).unwrap();
    let chain = chain.into_iter().map(CertificateDer::from).collect();
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anyone))
        .with_client_cert_resolver(Arc::new(Presents(Arc::new(CertifiedKey::new(chain, key)))));
    let connection =
        ClientConnection::new(Arc::new(config), ServerName::try_from("x.invalid").unwrap())
            .unwrap();
    let socket = TcpStream::connect(("127.0.0.1", port)).map_err(|error| error.to_string())?;
    socket
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    let mut stream = StreamOwned::new(connection, socket);
    let mut said = Vec::new();
    let outcome = stream
        .write_all(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        .and_then(|()| stream.flush())
        .and_then(|()| stream.read_to_end(&mut said));
    let text = String::from_utf8_lossy(&said).into_owned();
    if text.starts_with("HTTP/1.1 200") {
        return Ok(text.rsplit_once("\r\n\r\n").unwrap().1.to_owned());
    }
    Err(outcome
        .err()
        .map_or_else(|| format!("{text:?}"), |error| error.to_string()))
}

struct Stopped(Child);

impl Drop for Stopped {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

fn listener(port: u16, root: &str) -> String {
    let certs = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("certs");
    let certs = certs.to_str().unwrap();
    format!(
        r#"  - name: "{port}"
    address: {{socket_address: {{address: 127.0.0.1, port_value: {port}}}}}
    filter_chains:
    - transport_socket:
        name: tls
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext
          require_client_certificate: true
          common_tls_context:
            tls_certificates:
            - certificate_chain: {{filename: {certs}/good.pem}}
              private_key: {{filename: {certs}/keys/p256.pem}}
            validation_context:
              trusted_ca: {{filename: {certs}/{root}}}
              match_subject_alt_names: [{{prefix: "spiffe://cluster.local/"}}]
      filters:
      - name: http
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: "{port}"
          delayed_close_timeout: 0s
          route_config:
            virtual_hosts:
            - name: all
              domains: ["*"]
              routes: [{{match: {{prefix: /}}, direct_response: {{status: 200, body: {{inline_string: "in"}}}}}}]
          http_filters:
          - name: router
            typed_config: {{"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}
          local_reply_config:
            body_format: {{text_format_source: {{inline_string: "%DOWNSTREAM_PEER_URI_SAN%"}}}}
            mappers:
            - filter: {{status_code_filter: {{comparison: {{op: GE, value: {{default_value: 200, runtime_key: x}}}}}}}}
"#
    )
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a real proxy has its own clock and its own files")]
fn a_real_envoy_lets_in_whom_we_say() {
    // [SP-5] [SP-6]
    let Ok(envoy) = std::env::var("ENVOY") else {
        eprintln!("skipped: ENVOY names no binary (see .ci/envoy)");
        return;
    };
    let scratch = Scratch::new();
    let mut config = "overload_manager: {}\nstatic_resources:\n  listeners:\n"
        .replace("overload_manager: {}\n", "");
    let mut ports: Vec<(String, u16)> = Vec::new();
    let mut rows = Vec::new();
    for recipe in all()
        .into_iter()
        .filter(|recipe| !recipe.name.starts_with("request-"))
    {
        let own = format!("{}.root.pem", recipe.name);
        let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
            .join("certs")
            .join(&own)
            .exists();
        let root = if here { own } else { "root.pem".to_owned() };
        let port = ports
            .iter()
            .find(|(known, _)| *known == root)
            .map(|(_, port)| *port)
            .unwrap_or_else(|| {
                let port = 21_000 + u16::try_from(ports.len()).unwrap();
                ports.push((root.clone(), port));
                write!(config, "{}", listener(port, &root)).unwrap();
                port
            });
        rows.push((recipe.name, root, port));
    }
    let file = scratch.write("envoy.yaml", &config);
    let log = std::fs::File::create(scratch.path("envoy.log")).unwrap();
    let child = Command::new(envoy)
        .args(["-c", &file, "--disable-hot-restart", "--concurrency", "1", "-l", "warning"])
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .unwrap();
    let envoy = Stopped(child);
    let begun = std::time::Instant::now();
    while TcpStream::connect(("127.0.0.1", 21_000)).is_err() {
        assert!(begun.elapsed() < Duration::from_secs(30), "{}", scratch.read("envoy.log"));
        std::thread::sleep(Duration::from_millis(50));
    }
    let now = i64::try_from(
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap()
            .as_secs(),
    )
    .unwrap();
    let (mut wrong, mut agreed, mut unknown, mut not_asked) = (Vec::new(), 0, Vec::new(), 0);
    for (name, root, port) in rows {
        let text = project(&format!("certs/{name}.pem"));
        let Ok(blocks) = pem::parse(&text) else {
            not_asked += 1;
            continue;
        };
        if WITHOUT_KEY.contains(&name) {
            not_asked += 1;
            continue;
        }
        let chain: Vec<Vec<u8>> = blocks
            .iter()
            .filter(|block| block.label.ends_with("CERTIFICATE"))
            .map(|block| block.bytes.to_vec())
            .collect();
        let real = ask(port, chain, key_of(name));
        let ours = read_certificates(&text)
            .ok()
            .zip(read_bundle(&project(&format!("certs/{root}"))).ok())
            .map(|(chain, roots)| {
                let bundle = TrustBundle::new(TrustDomain::parse("cluster.local").unwrap(), roots);
                bundle.as_envoy(&chain, Usage::Client, now, &["cluster.local".to_owned()])
            });
        match (&real, &ours) {
            (Ok(_), Some(EnvoyAnswer::Accepted { .. }))
            | (Err(_), Some(EnvoyAnswer::Refused { .. })) => agreed += 1,
            (_, None | Some(EnvoyAnswer::Unknown { .. })) => {
                unknown.push(format!("{name}: {real:?}"));
            }
            _ => wrong.push(format!("{name}: Envoy {real:?}, we {ours:?}")),
        }
    }
    drop(envoy);
    println!(
        "{agreed} as said, {} not said, {not_asked} not asked\nnot said:\n{}",
        unknown.len(),
        unknown.join("\n")
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(agreed > 100, "{agreed}");
}

//! What the engine says of PeerAuthentication's modes, and what a real TLS stack does with real certificates.
//!
//! A small listener does what istiod tells Envoy to do in each mode: it looks at the first bytes, and either takes them
//! as they are or ends TLS with a client's certificate. The engine is asked the same question, from YAML.

use portcullis::ca::handshake::{Endpoint, Outcome, handshake};
use portcullis::ca::{
    CertificateAuthority, Directory, Permissions, Secrets, Settings, SignerKey, Wish, X509Svid,
};
use portcullis::cli::Exit;
use portcullis::spiffe::{SpiffeId, TrustDomain};
use rstest::rstest;

use super::support::Scratch;
use crate::support::captured::Captured;

const NOW: i64 = 1_790_000_000;
const ISTIO_ALPN: &[&str] = &["istio-http/1.1", "istio"];

#[derive(Clone, Copy, Debug, PartialEq)]
enum Mode {
    Strict,
    Permissive,
    Disable,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Client {
    Plaintext,
    /// TLS with a certificate of the mesh and Istio's ALPN.
    Mesh,
    /// The same with an application's own ALPN.
    MeshWithoutAlpn,
    /// TLS without certificate, with Istio's ALPN.
    NoCertificate,
    /// A certificate of another CA that says it is of this trust domain.
    AnotherCa,
    /// A certificate of another trust domain, whose bundle the mesh does not have.
    AnotherTrustDomain,
}

struct Mesh {
    authority: CertificateAuthority<Directory>,
    other: CertificateAuthority<Directory>,
    foreign: CertificateAuthority<Directory>,
    _scratch: Scratch,
}

fn wish(account: &str) -> Wish {
    let id = SpiffeId::parse(&format!("spiffe://cluster.local/ns/foo/sa/{account}")).unwrap();
    Wish { id, dns: Vec::new(), ttl: None, caller: "test".to_owned() }
}

impl Mesh {
    fn new() -> Self {
        let scratch = Scratch::new();
        let begin = |name: &str, trust_domain: &str| {
            let store =
                Directory::create(scratch.path(name).as_ref(), Permissions::Private).unwrap();
            let settings = Settings::of(TrustDomain::parse(trust_domain).unwrap());
            CertificateAuthority::create(
                store,
                &settings,
                SignerKey::Here,
                Secrets::default(),
                NOW - 172_800,
            )
            .unwrap()
        };
        Self {
            authority: begin("one", "cluster.local"),
            other: begin("other", "cluster.local"),
            foreign: begin("foreign", "other.example"),
            _scratch: scratch,
        }
    }

    fn endpoint<'s>(&self, svid: Option<&'s X509Svid>, alpn: &[&str]) -> Endpoint<'s> {
        Endpoint {
            chain: svid.map(|svid| svid.chain.clone()).unwrap_or_default(),
            key: svid.and_then(|svid| svid.key.as_ref()),
            bundle: self.authority.bundle(),
            expects: None,
            alpn: alpn.iter().map(|name| (*name).to_owned()).collect(),
        }
    }

    fn tls(&self, client: Client) -> Outcome {
        let svid = match client {
            Client::Plaintext | Client::NoCertificate => None,
            Client::Mesh | Client::MeshWithoutAlpn => {
                Some(self.authority.issue(&wish("sleep"), NOW).unwrap())
            }
            Client::AnotherCa => Some(self.other.issue(&wish("sleep"), NOW).unwrap()),
            Client::AnotherTrustDomain => {
                let id = SpiffeId::parse("spiffe://other.example/ns/foo/sa/sleep").unwrap();
                Some(
                    self.foreign
                        .issue(&Wish { id, ..wish("sleep") }, NOW)
                        .unwrap(),
                )
            }
        };
        let offered: &[&str] = if client == Client::MeshWithoutAlpn { &["h2"] } else { ISTIO_ALPN };
        let server = self.authority.issue(&wish("httpbin"), NOW).unwrap();
        // Envoy's chain for mutual TLS takes any ALPN in STRICT.
        let taken: Vec<&str> = ISTIO_ALPN.iter().chain(&["h2"]).copied().collect();
        handshake(
            &self.endpoint(svid.as_ref(), offered),
            &self.endpoint(Some(&server), &taken),
            NOW,
        )
        .unwrap()
    }

    /// What a listener of this mode for HTTP does: the client's identity where there is one, or why nothing comes in.
    fn listen(&self, mode: Mode, client: Client) -> Result<Option<SpiffeId>, String> {
        let istio = client != Client::MeshWithoutAlpn;
        match (mode, client) {
            // No filter chain takes plaintext.
            (Mode::Strict, Client::Plaintext) => Err("no chain".to_owned()),
            (_, Client::Plaintext) => Ok(None),
            // The bytes of a ClientHello are no HTTP.
            (Mode::Disable, _) => Err("no HTTP".to_owned()),
            // The chain for TLS wants one of Istio's protocols.
            (Mode::Permissive, _) if !istio => Err("no chain".to_owned()),
            (Mode::Strict | Mode::Permissive, _) => {
                let outcome = self.tls(client);
                match (outcome.failure, outcome.server_saw) {
                    (None, Some(Ok(id))) => Ok(Some(id)),
                    (failure, _) => Err(failure.unwrap_or_default()),
                }
            }
        }
    }
}

/// The engine's answer to the same question, where the policy lets `sleep` in and nobody else.
fn engine(mode: Mode, client: Client, expect: &str) -> (Exit, String) {
    let mode = match mode {
        Mode::Strict => "STRICT",
        Mode::Permissive => "PERMISSIVE",
        Mode::Disable => "DISABLE",
    };
    let sleep = "principal: cluster.local/ns/foo/sa/sleep";
    let from = match client {
        Client::Plaintext => "from: {plaintext: true}".to_owned(),
        Client::Mesh => format!("from: {{{sleep}}}, tls: mtls"),
        Client::MeshWithoutAlpn => format!("from: {{{sleep}}}, tls: tls, alpn: [h2]"),
        Client::NoCertificate => {
            "from: {plaintext: true}, tls: tls, alpn: [istio-http/1.1, istio]".to_owned()
        }
        Client::AnotherCa => format!("from: {{{sleep}, foreignCa: true}}, tls: mtls"),
        Client::AnotherTrustDomain => {
            "from: {principal: other.example/ns/foo/sa/sleep}, tls: mtls".to_owned()
        }
    };
    let suite = format!(
        "
apiVersion: portcullis.dev/v1alpha1
kind: TestSuite
metadata: {{name: modes}}
workloads:
- {{name: httpbin, namespace: foo, ports: [{{port: 8080, protocol: HTTP}}]}}
manifests: |
  apiVersion: security.istio.io/v1
  kind: PeerAuthentication
  metadata: {{name: default, namespace: foo}}
  spec: {{mtls: {{mode: {mode}}}}}
  ---
  apiVersion: security.istio.io/v1
  kind: AuthorizationPolicy
  metadata: {{name: sleep, namespace: foo}}
  spec: {{rules: [{{from: [{{source: {{principals: [cluster.local/ns/foo/sa/sleep]}}}}]}}]}}
tests:
- {{name: asked, {from}, to: 'httpbin.foo:8080', expect: {expect}}}
"
    );
    let call = Captured::with(&[("modes.test.yaml", &suite)]).run(&["test", "modes.test.yaml"]);
    (call.exit, format!("{}{}", call.out, call.err))
}

#[rstest]
fn a_mode_means_what_a_real_handshake_does(
    #[values(Mode::Strict, Mode::Permissive, Mode::Disable)] mode: Mode,
    #[values(
        Client::Plaintext,
        Client::Mesh,
        Client::MeshWithoutAlpn,
        Client::NoCertificate,
        Client::AnotherCa,
        Client::AnotherTrustDomain
    )]
    client: Client,
) {
    // [PA-20] [PA-22]
    let real = Mesh::new().listen(mode, client);
    let expect = match &real {
        Ok(Some(id)) if id.as_str() == "spiffe://cluster.local/ns/foo/sa/sleep" => "allow",
        // The policy knows nobody else.
        Ok(_) => "deny",
        Err(why) if why == "no HTTP" => "rejected",
        Err(_) => "refused",
    };
    let (exit, text) = engine(mode, client, expect);
    assert_eq!(exit, Exit::Yes, "{real:?}\n{text}");
}

#[test]
fn the_rows_differ() {
    // Every outcome is reached, so that a listener that always said the same would be seen.
    let mesh = Mesh::new();
    let identity = mesh.listen(Mode::Strict, Client::Mesh).unwrap().unwrap();
    assert_eq!(identity.as_str(), "spiffe://cluster.local/ns/foo/sa/sleep");
    assert_eq!(mesh.listen(Mode::Permissive, Client::Plaintext), Ok(None));
    assert!(mesh.listen(Mode::Strict, Client::Plaintext).is_err());
    let without = mesh.tls(Client::NoCertificate);
    assert_eq!(without.failure.as_deref(), Some("server: peer sent no certificates"));
    let another = mesh.tls(Client::AnotherCa);
    assert!(matches!(another.server_saw, Some(Err(_))), "{another:?}");
}

#[test]
fn an_expired_certificate_fails_the_handshake() {
    let mesh = Mesh::new();
    let svid = mesh.authority.issue(&wish("sleep"), NOW).unwrap();
    for (at, good) in [(NOW + 86_400, true), (NOW + 86_401, false)] {
        let server = mesh.authority.issue(&wish("httpbin"), at).unwrap();
        let (client, server) = (mesh.endpoint(Some(&svid), &[]), mesh.endpoint(Some(&server), &[]));
        assert_eq!(handshake(&client, &server, at).unwrap().succeeded(), good, "{at}");
    }
}

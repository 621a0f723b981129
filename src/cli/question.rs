//! FROM, METHOD, URL and the flags beside them → a question.

use std::net::IpAddr;

use super::flags::Sent;
use crate::diagnostic::{Code, Diagnostic};
use crate::mesh::Mesh;
use crate::request::{Caller, HostSpec, HttpSpec, Protocol, RequestSpec, TlsChoice};
use crate::suite;

/// What the words of a command say, before any of it is understood.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Words<'w> {
    /// Who calls; absent: somebody without a name, who speaks plaintext.
    pub(crate) from: Option<&'w str>,
    /// With what method.
    pub(crate) method: Option<&'w str>,
    /// What is called.
    pub(crate) url: &'w str,
    /// Whether the caller has no proxy.
    pub(crate) plaintext: bool,
    /// The namespace of names that carry none.
    pub(crate) namespace: &'w str,
    /// The flags.
    pub(crate) sent: &'w Sent,
}

/// The gateway that a question goes through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Via {
    /// Its name, as written.
    pub(crate) gateway: String,
    /// Its port, where it is written.
    port: Option<u16>,
}

fn bad(findings: &mut Vec<Diagnostic>, message: impl Into<String>, help: &str) {
    findings.push(Diagnostic::error(Code::BadRequest, message).help(help));
}

/// Whether a word is a method rather than a name: names of Kubernetes have no capitals.
pub(crate) fn is_method(word: &str) -> bool {
    !word.is_empty()
        && word
            .bytes()
            .all(|byte| byte.is_ascii_uppercase() || byte == b'-')
}

/// The question that the words ask. Everything that is wrong with them is complained of. Where the files could not be
/// read there is no `mesh`, and only the shape of the words is checked.
pub(crate) fn question(
    words: &Words<'_>,
    mesh: Option<&Mesh>,
    findings: &mut Vec<Diagnostic>,
) -> Option<RequestSpec> {
    let before = findings.len();
    let target = target(words, findings)?;
    let mut http = HttpSpec {
        method: words.method.map(str::to_owned),
        host: HostSpec::Given(target.authority.to_owned()),
        target: Some(target.path.clone()),
        ..HttpSpec::default()
    };
    headers(words.sent, &mut http, findings);
    let tokens = tokens(words.sent, &mut http, findings);
    let (from, address) = match words.from {
        Some(from) if !words.plaintext => caller(from, words.namespace, mesh),
        Some(_) | None => (Caller::Plaintext, None),
    };
    let sent = words.sent;
    let alpn = sent.alpn.as_ref().map(|names| {
        names
            .iter()
            .filter(|name| !name.is_empty())
            .cloned()
            .collect()
    });
    (findings.len() == before).then(|| RequestSpec {
        from,
        source_ip: sent.source_ip.or(address),
        remote_ip: sent.remote_ip,
        to: target.host.to_owned(),
        port: target.port,
        by_host: true,
        namespace: Some(words.namespace.to_owned()),
        protocol: Some(target.protocol),
        tls: if words.plaintext && target.tls == TlsChoice::Auto {
            TlsChoice::Plaintext
        } else {
            target.tls
        },
        server_name: sent.sni.clone().or_else(|| server_name(sent, &target)),
        alpn,
        http,
        tokens,
        now: None,
    })
}

/// A URL in its parts.
struct Target<'u> {
    protocol: Protocol,
    tls: TlsChoice,
    authority: &'u str,
    host: &'u str,
    port: Option<u16>,
    path: String,
}

fn target<'u>(words: &Words<'u>, findings: &mut Vec<Diagnostic>) -> Option<Target<'u>> {
    let url = words.url;
    let Some((scheme, rest)) = url.split_once("://") else {
        let help = format!("write `http://{url}`, or `tcp://host:port` for a byte stream");
        bad(findings, format!("`{url}` has no scheme"), &help);
        return None;
    };
    let (protocol, tls, usual) = match scheme {
        "http" => (Protocol::Http, TlsChoice::Auto, Some(80)),
        "https" => (Protocol::Http, TlsChoice::Tls, Some(443)),
        "tcp" => (Protocol::Tcp, TlsChoice::Auto, None),
        "tls" => (Protocol::Tls, TlsChoice::Tls, None),
        _ => {
            let help = match scheme {
                "grpc" | "grpcs" | "ws" | "wss" | "h2" => {
                    "for the proxy it is HTTP: write `http://`"
                }
                _ => "one of http, https, tcp, tls",
            };
            bad(findings, format!("`{scheme}` is no scheme that can be asked about"), help);
            return None;
        }
    };
    let authority_end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at_checked(authority_end).unwrap_or((rest, ""));
    let (host, port) = suite::split_port(authority);
    if host.is_empty() {
        bad(findings, format!("`{url}` names no host"), "as in `http://httpbin.foo:8000/headers`");
        return None;
    }
    if port.is_none() && authority.contains(':') && !authority.ends_with(']') {
        let help = if host.parse::<std::net::Ipv6Addr>().is_ok() {
            format!("an IPv6 address stands in brackets: `{scheme}://[{host}]/`")
        } else {
            "as in `httpbin.foo:8000`".to_owned()
        };
        let message = format!("`{authority}` has a port that is no number from 0 to 65535");
        bad(findings, message, &help);
        return None;
    }
    if let Some(method) = words.method
        && protocol != Protocol::Http
    {
        let message = format!("the method `{method}` means nothing to {scheme}://");
        bad(findings, message, "leave it out, or ask about http://");
    }
    let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
    Some(Target { protocol, tls, authority, host, port: port.or(usual), path })
}

/// Whoever speaks TLS of its own asks for the host that it calls; an address is not asked for (RFC 6066 §3).
fn server_name(sent: &Sent, target: &Target<'_>) -> Option<String> {
    if target.tls != TlsChoice::Tls {
        return None;
    }
    let asked = sent.host.as_deref().filter(|host| !host.is_empty());
    let (host, _) = suite::split_port(asked.unwrap_or(target.host));
    let is_address = host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok();
    (!is_address).then(|| host.to_owned())
}

fn headers(sent: &Sent, http: &mut HttpSpec, findings: &mut Vec<Diagnostic>) {
    for line in &sent.headers {
        match line.split_once(':') {
            Some((name, value)) if name.trim().eq_ignore_ascii_case("host") => {
                http.host = HostSpec::Given(value.trim().to_owned());
            }
            Some((name, value)) => http
                .headers
                .push((name.trim().to_owned(), value.trim().to_owned())),
            None => {
                bad(findings, format!("`-H {line}` is no header line"), "write `-H 'Name: value'`");
            }
        }
    }
    match sent.host.as_deref() {
        Some("") => http.host = HostSpec::Absent,
        Some(host) => http.host = HostSpec::Given(host.to_owned()),
        None => {}
    }
    if let Some(addresses) = &sent.xff {
        http.headers
            .push(("x-forwarded-for".to_owned(), addresses.clone()));
    }
}

fn tokens(
    sent: &Sent,
    http: &mut HttpSpec,
    findings: &mut Vec<Diagnostic>,
) -> Vec<crate::request::StatedToken> {
    let mut tokens = Vec::new();
    if let Some(claims) = &sent.jwt_claims {
        match suite::stated_claims(claims, findings) {
            Some(claims) => {
                let token = suite::stated_token(0, claims, None);
                http.headers
                    .push(("authorization".to_owned(), format!("Bearer {}", token.text)));
                tokens.push(token);
            }
            None => bad(
                findings,
                "`--jwt-claims` is not a JSON object",
                r#"as in `--jwt-claims '{"iss": "https://issuer", "sub": "alice"}'`"#,
            ),
        }
    }
    if let Some(token) = &sent.token {
        http.headers
            .push(("authorization".to_owned(), format!("Bearer {token}")));
    }
    tokens
}

/// Who is meant by FROM, and the address that it says.
pub(crate) fn caller(from: &str, namespace: &str, mesh: Option<&Mesh>) -> (Caller, Option<IpAddr>) {
    let certificate = |principal: &str| {
        (Caller::Certificate { uris: vec![format!("spiffe://{principal}")], foreign: false }, None)
    };
    if from == "external" {
        return (Caller::External, None);
    }
    if let Ok(address) = from.trim_matches(['[', ']']).parse::<IpAddr>() {
        let workloads = mesh.map_or(&[][..], |mesh| &mesh.inventory.workloads);
        let pod = workloads
            .iter()
            .find(|workload| workload.ips.contains(&address));
        let caller = pod.map_or(Caller::External, |pod| {
            Caller::Workload(format!("{}/{}", pod.kind, pod.full_name()))
        });
        return (caller, Some(address));
    }
    if let Some(principal) = from.strip_prefix("spiffe://") {
        return certificate(principal);
    }
    if from.split('/').count() >= 5 {
        return certificate(from);
    }
    let own = mesh.map_or("cluster.local", |mesh| &mesh.settings.trust.own);
    // As the API server calls a service account, and as `kubectl --as` takes it.
    if let Some((namespace, name)) = from
        .strip_prefix("system:serviceaccount:")
        .and_then(|account| account.split_once(':'))
    {
        return certificate(&format!("{own}/ns/{namespace}/sa/{name}"));
    }
    let account = from
        .split_once('/')
        .filter(|(kind, _)| ["sa", "serviceaccount", "serviceaccounts"].contains(kind));
    if let Some((_, account)) = account {
        let (name, namespace) = account.rsplit_once('.').unwrap_or((account, namespace));
        return certificate(&format!("{own}/ns/{namespace}/sa/{name}"));
    }
    (Caller::Workload(from.to_owned()), None)
}

/// Reads `gateway.namespace[:port]`.
pub(crate) fn via(written: &str, findings: &mut Vec<Diagnostic>) -> Option<Via> {
    let (gateway, port) = suite::split_port(written);
    if gateway.is_empty() || port.is_none() && gateway.contains(':') {
        let message = format!("`--via {written}` names no gateway");
        bad(findings, message, "as in `--via istio-ingressgateway.istio-system:80`");
        return None;
    }
    Some(Via { gateway: gateway.to_owned(), port })
}

impl Via {
    /// The gateway's port: as written, else the usual one for HTTP.
    pub(crate) fn port(&self, spec: &RequestSpec) -> Option<u16> {
        let usual = match (spec.protocol, spec.tls) {
            (Some(Protocol::Tcp | Protocol::Tls), _) => None,
            (Some(Protocol::Http) | None, TlsChoice::Tls) => Some(443),
            (
                Some(Protocol::Http) | None,
                TlsChoice::Auto | TlsChoice::Mtls | TlsChoice::Plaintext,
            ) => Some(80),
        };
        self.port.or(usual)
    }
}

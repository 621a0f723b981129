//! A request to a proxy → the question that a person asks to send it.

use crate::mesh::Mesh;
use crate::request::{
    Caller, HostSpec, HttpSpec, ISTIO_HTTP_ALPN, ISTIO_TCP_ALPN, Payload, Protocol, Request,
    RequestSpec, StatedToken, TlsChoice,
};

/// A question that means this request. Absent where no question does: a token in a cookie, a caller whose TLS is its
/// own. Whoever shows it asks it first: names may mean more than one workload.
#[must_use]
pub fn question(mesh: &Mesh, request: &Request) -> Option<RequestSpec> {
    let workload = mesh.workload(request.workload)?;
    let to = workload.full_name();
    let (protocol, mut http) = match &request.payload {
        Payload::Bytes => (Protocol::Tcp, HttpSpec::default()),
        Payload::Http(sent) => {
            let usual = format!("{to}:{}", request.port);
            let host = match &sent.host {
                None => HostSpec::Absent,
                Some(host) if *host == usual => HostSpec::OfDestination,
                Some(host) => HostSpec::Given(host.clone()),
            };
            let http = HttpSpec {
                method: (sent.method != "GET").then(|| sent.method.clone()),
                host,
                target: (sent.target != "/").then(|| sent.target.clone()),
                headers: sent.headers.clone(),
                version: sent.version,
            };
            (Protocol::Http, http)
        }
    };
    let mut tokens = Vec::new();
    match request.tokens.as_slice() {
        [] => {}
        [token] => {
            let (name, value) = http.headers.pop()?;
            let bearer = value.strip_prefix("Bearer ")?;
            if name != "authorization" || bearer != token.text {
                return None;
            }
            // The text by which a suite would state it.
            let text = "stated.token.0".to_owned();
            http.headers.push((name, format!("Bearer {text}")));
            tokens.push(StatedToken { text, ..token.clone() });
        }
        _ => return None,
    }
    let (mut from, mut alpn, mut server_name) = (Caller::Plaintext, None, None);
    if let Some(tls) = &request.tls {
        let certificate = tls.certificate.as_ref()?;
        from = Caller::Certificate {
            uris: certificate.uris.clone(),
            foreign: !certificate.of_this_mesh,
        };
        let usual = if protocol == Protocol::Http { ISTIO_HTTP_ALPN } else { ISTIO_TCP_ALPN };
        alpn = (tls.alpn != usual).then(|| tls.alpn.clone());
        server_name = tls.server_name.clone().filter(|name| !name.is_empty());
    }
    Some(RequestSpec {
        from,
        source_ip: request.source_ip,
        remote_ip: request.remote_ip,
        to,
        port: Some(request.port),
        by_host: false,
        namespace: None,
        protocol: Some(protocol),
        tls: TlsChoice::Auto,
        server_name,
        alpn,
        http,
        tokens,
        now: request.now,
    })
}

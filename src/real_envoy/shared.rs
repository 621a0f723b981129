//! A request → whether it can be sent, and whether others may go over its connection.

use super::ask::SOMEWHERE;
use crate::envoy::{self, Place};
use crate::istio::ProviderKind;
use crate::mesh::{ListenerClass, Mesh, ProviderStub};
use crate::request::{HttpRequest, HttpVersion, ISTIO_HTTP_ALPN, Payload, Request};

/// Headers that turn a connection into something else, or say that more is to come. One that ends it does no harm: what
/// follows goes over another.
const TURNING: &[&str] = &["content-length", "expect", "transfer-encoding", "upgrade"];
/// Methods that the HTTP inspector of every release knows.
const KNOWN: &[&str] = &["DELETE", "GET", "HEAD", "OPTIONS", "POST", "PUT"];

/// Whether nothing else may go over the connection of a request: what its first bytes are decides what the connection is
/// for, or it turns the connection into something else.
pub(super) fn stands_alone(mesh: &Mesh, request: &Request) -> bool {
    let Payload::Http(http) = &request.payload else { return true };
    let turns = |(name, _): &(String, String)| {
        TURNING
            .iter()
            .any(|turning| name.eq_ignore_ascii_case(turning))
    };
    if http.method == "CONNECT" || http.headers.iter().any(turns) {
        return true;
    }
    let workload = mesh.workload(request.workload);
    match workload.map(|workload| workload.class_of(request.port)) {
        Some(ListenerClass::Http) => false,
        Some(ListenerClass::Sniffed) => !is_http_whoever_looks(request, http),
        Some(ListenerClass::Tcp) | None => true,
    }
}

/// Whether a connection is taken for HTTP by this request, as by each that this can be said of.
fn is_http_whoever_looks(request: &Request, http: &HttpRequest) -> bool {
    match &request.tls {
        Some(tls) => tls
            .alpn
            .iter()
            .any(|name| ISTIO_HTTP_ALPN.contains(&name.as_str())),
        None => {
            http.version == HttpVersion::Http11
                && KNOWN.contains(&http.method.as_str())
                && http.target.starts_with('/')
                && http.target.bytes().all(|byte| byte.is_ascii_graphic())
        }
    }
}

/// Why a request cannot be sent as it is meant.
pub(super) fn unsendable(request: &Request) -> Result<(), String> {
    if let Some(doubt) = &request.doubt {
        return Err(doubt.clone());
    }
    if request.remote_ip.is_some() {
        return Err("the client's address is stated, not sent".to_owned());
    }
    Ok(())
}

/// Why a port of a workload cannot be asked here.
pub(super) fn unservable(mesh: &Mesh, index: usize, port: u16) -> Result<(), String> {
    let workload = mesh.workload(index).ok_or("no workload is meant")?;
    if workload.interception.inbound(port) != crate::mesh::Seen::Yes {
        return Err("the port is not the sidecar's".to_owned());
    }
    let nothing = String::new;
    let material =
        crate::envoy::Material { certificate: nothing(), key: nothing(), roots: nothing() };
    let place = Place {
        workload: index,
        address: SOMEWHERE,
        port,
        material: &material,
        keys: &envoy::own_keys,
        behind: "",
        connection_log: None,
        http2: false,
    };
    if let Err(error) = envoy::listener(mesh, &place) {
        return Err(error.to_string());
    }
    let Some(enforcement) = mesh.enforcement(index) else { return Ok(()) };
    for custom in enforcement.custom.values() {
        let Ok(provider) = &custom.provider else { continue };
        let stubbed = mesh.stubs.get(&provider.name.value);
        let fails = stubbed == Some(&ProviderStub::Error);
        let answers = fails || (provider.kind == ProviderKind::Http && stubbed.is_some());
        if !answers {
            return Err(format!("nothing here answers as provider `{}`", provider.name.value));
        }
    }
    Ok(())
}

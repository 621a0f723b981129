//! What the proxy takes from a request's headers and adds to them, and the address that `remoteIpBlocks`
//! match.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::connection::Upgrade;
use super::{Downstream, ForwardClientCert, Headers, ReceiveContext, Value};

/// Headers about the connection, which ends at this proxy.
const OF_THE_CONNECTION: [&str; 3] = ["keep-alive", "proxy-connection", "transfer-encoding"];

/// What is told of the client's certificate.
const CLIENT_CERTIFICATE: &str = "x-forwarded-client-cert";

/// Headers that steer the proxy, which it takes from no one: none of Istio's listeners calls an address
/// internal.
const INTERNAL: [&str; 16] = [
    "x-envoy-expected-rq-timeout-ms",
    "x-envoy-force-trace",
    "x-envoy-hedge-on-per-try-timeout",
    "x-envoy-internal",
    "x-envoy-ip-tags",
    "x-envoy-max-retries",
    "x-envoy-original-url",
    "x-envoy-retriable-header-names",
    "x-envoy-retriable-status-codes",
    "x-envoy-retry-grpc-on",
    "x-envoy-retry-on",
    "x-envoy-upstream-alt-stat-name",
    "x-envoy-upstream-rq-per-try-timeout-ms",
    "x-envoy-upstream-rq-timeout-alt-response",
    "x-envoy-upstream-rq-timeout-ms",
    "x-envoy-upstream-stream-duration-ms",
];

/// Headers that say where a request came from, which a gateway takes from no one either.
const OF_THE_MESH: [&str; 5] = [
    "x-envoy-decorator-operation",
    "x-envoy-downstream-service-cluster",
    "x-envoy-downstream-service-node",
    "x-envoy-original-host",
    "x-envoy-original-path",
];

/// Removes and adds what the proxy does, and tells the address the request comes from, if it can be told.
pub(super) fn rewrite(
    headers: &mut Headers,
    upgrade: Upgrade,
    context: &ReceiveContext,
) -> Option<IpAddr> {
    headers.retain(|name| {
        !(OF_THE_CONNECTION.contains(&name)
            || INTERNAL.contains(&name)
            || upgrade == Upgrade::None && ["connection", "upgrade"].contains(&name)
            || context.edge.is_some() && OF_THE_MESH.contains(&name))
    });
    let forwarded = headers.get("x-forwarded-for").unwrap_or_default();
    // "N=0 ⇒ connection remote address. N≥1 ⇒ take the N-th address from the right end" [AP-61]
    // "hops 0 ⇒ rightmost XFF entry if it parses, else the connection's remote address" [AP-62]
    let remote_address = match context.edge {
        Some(0) => context.peer,
        Some(trusted) => client(forwarded, trusted, context.peer),
        None => client(forwarded, 1, context.peer),
    };
    if let Some(trusted) = context.edge {
        append_peer(headers, context.peer);
        let address = remote_address.map(text);
        headers.set(
            "x-envoy-external-address",
            address.as_deref().map_or(Value::Unknown, Value::Known),
        );
        if trusted == 0 {
            headers.remove("x-forwarded-proto");
        }
        headers.remove("x-request-id");
    }
    if !headers.contains("x-forwarded-proto") {
        headers.set("x-forwarded-proto", Value::Known(context.downstream.scheme()));
    }
    if headers.get("x-request-id").is_none_or(str::is_empty) {
        headers.set("x-request-id", Value::Unknown);
    }
    client_certificate(headers, context);
    remote_address
}

/// What is left of the header about the client's certificate [RT-33].
fn client_certificate(headers: &mut Headers, context: &ReceiveContext) {
    let mutual_tls = context.downstream == Downstream::MutualTls;
    match context.client_certificate {
        ForwardClientCert::AlwaysForwardOnly => {}
        ForwardClientCert::ForwardOnly if mutual_tls => {}
        ForwardClientCert::AppendForward | ForwardClientCert::SanitizeSet if mutual_tls => {
            headers.set(CLIENT_CERTIFICATE, Value::Unknown);
        }
        ForwardClientCert::AppendForward
        | ForwardClientCert::ForwardOnly
        | ForwardClientCert::Sanitize
        | ForwardClientCert::SanitizeSet => headers.remove(CLIENT_CERTIFICATE),
    }
}

/// A gateway adds the address the connection comes from; for its own host's, it says its own.
fn append_peer(headers: &mut Headers, peer: Option<IpAddr>) {
    const OWN: [IpAddr; 2] = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
    match peer {
        Some(peer) if !OWN.contains(&peer) => {
            headers.append("x-forwarded-for".into(), text(peer), Some(","));
        }
        Some(_) | None => headers.set("x-forwarded-for", Value::Unknown),
    }
}

/// The `nth` address of the list from the right, or the peer's where there is none. Absent if it has a
/// zone: whether that is an address only a proxy with such an interface can tell.
fn client(list: &str, nth: u32, peer: Option<IpAddr>) -> Option<IpAddr> {
    let mut list = list;
    for _ in 1..nth {
        let Some((before, _)) = list.rsplit_once(',') else { return peer };
        list = before;
    }
    // A comma at the end is followed by nothing, which is no address.
    let entry = list
        .rsplit_once(',')
        .map_or(list, |(_, last)| last)
        .trim_ascii();
    // A zone by name is an address only where the proxy has such an interface: measured on one without,
    // it is none. A zone by number cannot be told.
    if let Some((address, zone)) = entry.split_once('%')
        && address.parse::<Ipv6Addr>().is_ok()
        && zone.bytes().all(|byte| byte.is_ascii_digit())
    {
        return None;
    }
    entry.parse().ok().or(peer)
}

/// An address as the proxy writes it: an IPv4-compatible one with dots.
fn text(address: IpAddr) -> String {
    match address {
        IpAddr::V6(v6) => match (v6.segments(), v6.to_ipv4()) {
            ([0, 0, 0, 0, 0, 0, high, _], Some(v4)) if high != 0 => format!("::{v4}"),
            _ => v6.to_string(),
        },
        IpAddr::V4(v4) => v4.to_string(),
    }
}

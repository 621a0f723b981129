//! A request as it was sent to the request as policies see it, or to the answer of a proxy that asks no
//! policy.

use std::net::IpAddr;

use super::codec::{Decoded, is_authority};
use super::connection::Upgrade;
use super::{Headers, Normalization, Path, Value, codec, forwarded, normalize};

/// A request as the client sends it. No line break can be written in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpRequest {
    /// As it stands in the request line.
    pub method: String,
    /// The request target as it is written: `/x?y`, `http://a/x`, `*`. `CONNECT` over HTTP/2 has none.
    pub target: String,
    /// The `Host` line, over HTTP/2 `:authority`; absent where there is none.
    pub host: Option<String>,
    /// The other lines in their order; a `Host` among them is one more.
    pub headers: Vec<(String, String)>,
    /// The protocol it is sent with.
    pub version: HttpVersion,
}

/// The protocol of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HttpVersion {
    /// HTTP/1.0, which Istio's proxies refuse.
    Http10,
    /// HTTP/1.1.
    Http11,
    /// HTTP/2.
    Http2,
}

/// What of the listener and the connection decides what becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReceiveContext {
    /// How paths are normalized.
    pub normalization: Normalization,
    /// At a gateway the number of proxies trusted in front of it; absent at a sidecar's inbound side and at
    /// a waypoint.
    pub edge: Option<u32>,
    /// The address the connection comes from; absent where the question does not say.
    pub peer: Option<IpAddr>,
    /// How the connection is secured.
    pub downstream: Downstream,
    /// What becomes of the client's `x-forwarded-client-cert`.
    pub client_certificate: ForwardClientCert,
}

/// What a proxy does with `x-forwarded-client-cert` [RT-33], by Envoy's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ForwardClientCert {
    /// Lets it through, whoever sent it.
    AlwaysForwardOnly,
    /// On mutual TLS adds to it what the certificate says, else removes it.
    AppendForward,
    /// On mutual TLS lets it through, else removes it.
    ForwardOnly,
    /// Removes it.
    Sanitize,
    /// On mutual TLS puts into its place what the certificate says, else removes it.
    SanitizeSet,
}

impl ForwardClientCert {
    /// Envoy's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AlwaysForwardOnly => "ALWAYS_FORWARD_ONLY",
            Self::AppendForward => "APPEND_FORWARD",
            Self::ForwardOnly => "FORWARD_ONLY",
            Self::Sanitize => "SANITIZE",
            Self::SanitizeSet => "SANITIZE_SET",
        }
    }
}

/// How the connection on which a request comes is secured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Downstream {
    /// TLS with a certificate of the client.
    MutualTls,
    /// Not at all.
    Plaintext,
    /// TLS without a certificate of the client.
    Tls,
}

impl Downstream {
    pub(super) const fn scheme(self) -> &'static str {
        match self {
            Self::MutualTls | Self::Tls => "https",
            Self::Plaintext => "http",
        }
    }
}

/// What a proxy answers by itself, before any policy is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Refusal {
    /// The status the client receives; absent where the connection is closed without an answer, as for a
    /// malformed HTTP/2 request.
    pub status: Option<u16>,
    /// Why, in a few words.
    pub reason: &'static str,
}

impl Refusal {
    pub(super) const NORMALIZATION_FAILED: Self = Self::bad_request("NUL in the path");

    pub(super) const fn bad_request(reason: &'static str) -> Self {
        Self::new(400, reason)
    }

    pub(super) const fn new(status: u16, reason: &'static str) -> Self {
        Self { status: Some(status), reason }
    }

    pub(super) const fn closed(reason: &'static str) -> Self {
        Self { status: None, reason }
    }
}

/// A request as policies see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// As it was sent.
    pub method: String,
    /// With its port, and in the case in which it was written; may be empty. [AP-85]
    pub authority: String,
    /// Normalized.
    pub path: Path,
    /// All but the pseudo headers.
    pub headers: Headers,
    /// `http` or `https`; absent over HTTP/2, where the client names it.
    scheme: Option<&'static str>,
    remote_address: Option<IpAddr>,
}

impl Received {
    /// Every value of `request.headers[name]`: pseudo headers too, and `host` is `:authority`. `name` is in
    /// lower case. [AP-81]
    pub fn header<'a>(&'a self, name: &'a str) -> impl Iterator<Item = Value<'a>> {
        let pseudo = match name {
            ":authority" | "host" => Some(Value::Known(&self.authority)),
            ":method" => Some(Value::Known(&self.method)),
            ":path" => Some(Value::Known(self.path.path_and_query())),
            ":scheme" => Some(self.scheme.map_or(Value::Unknown, Value::Known)),
            _ => None,
        };
        pseudo.into_iter().chain(self.headers.values(name))
    }

    /// The address that `remoteIpBlocks` match; absent where the peer's counts and is not known, and where a zone in `X-Forwarded-For` lets only the
    /// running proxy tell. An IPv4-mapped IPv6 address is an IPv6 address. [AP-60]
    #[must_use]
    pub const fn remote_address(&self) -> Option<IpAddr> {
        self.remote_address
    }
}

/// What the proxy's HTTP codec and connection manager make of `request`.
///
/// # Errors
/// What they answer by themselves.
pub fn receive(request: &HttpRequest, context: &ReceiveContext) -> Result<Received, Refusal> {
    let mut decoded = match request.version {
        HttpVersion::Http10 | HttpVersion::Http11 => codec::http1(request)?,
        HttpVersion::Http2 => codec::http2(request)?,
    };
    early(request.version, &decoded, context)?;
    let (authority, path) = admit(&decoded, context).map_err(|refusal| Refusal {
        status: refusal
            .status
            .map(|status| decoded.headers.local_status(status)),
        ..refusal
    })?;
    let remote_address = forwarded::rewrite(&mut decoded.headers, decoded.upgrade, context);
    let scheme = match request.version {
        HttpVersion::Http10 | HttpVersion::Http11 => Some(scheme(&decoded, context)),
        HttpVersion::Http2 => None,
    };
    Ok(Received {
        method: decoded.method.to_owned(),
        authority,
        path,
        scheme,
        headers: decoded.headers,
        remote_address,
    })
}

/// What is answered with its own status to a gRPC client, too.
fn early(
    version: HttpVersion,
    decoded: &Decoded<'_>,
    context: &ReceiveContext,
) -> Result<(), Refusal> {
    // A gateway that trusts no proxy knows that it took no TLS off.
    let https = decoded.scheme == Some("https");
    if https && context.edge == Some(0) && context.downstream == Downstream::Plaintext {
        return Err(Refusal::new(403, "an `https` URL on a plaintext connection"));
    }
    if version == HttpVersion::Http10 {
        return Err(Refusal::new(426, "HTTP/1.0"));
    }
    Ok(())
}

/// The connection manager's own checks, in their order.
fn admit(decoded: &Decoded<'_>, context: &ReceiveContext) -> Result<(String, Path), Refusal> {
    let Some(path) = decoded.path else {
        // A tunnel needs an upgrade that no listener of Istio's has here.
        return Err(Refusal::new(403, "`CONNECT` is not enabled"));
    };
    let Some(authority) = &decoded.authority else {
        return Err(Refusal::bad_request("no `Host`"));
    };
    if !authority.bytes().all(is_authority) {
        return Err(Refusal::bad_request("a character that `Host` may not hold"));
    }
    if !path.starts_with('/') {
        return Err(Refusal::new(404, "the path does not begin with a slash"));
    }
    let path = normalize(path, context.normalization)?;
    let content_type = decoded.headers.get("content-type").unwrap_or_default();
    if decoded.method == "QUERY" && content_type.is_empty() {
        return Err(Refusal::bad_request("`QUERY` without `Content-Type`"));
    }
    if decoded.upgrade == Upgrade::Foreign {
        return Err(Refusal::new(403, "no upgrade but to WebSocket is enabled"));
    }
    Ok((authority.clone(), path))
}

/// What an HTTP/1 request is sent to: what its URL says, else a proxy before, else the connection.
fn scheme(decoded: &Decoded<'_>, context: &ReceiveContext) -> &'static str {
    let forwarded = decoded.headers.get("x-forwarded-proto").unwrap_or_default();
    let said = ["http", "https"]
        .into_iter()
        .find(|scheme| forwarded.eq_ignore_ascii_case(scheme));
    decoded
        .scheme
        .or(said)
        .unwrap_or_else(|| context.downstream.scheme())
}

//! One thing about a request that is otherwise: how it is said, and what it makes of the request.

use std::fmt;
use std::net::IpAddr;

use crate::request::{
    Certificate, Claim, Claims, HttpRequest, HttpVersion, ISTIO_HTTP_ALPN, ISTIO_TCP_ALPN, Payload,
    Request, StatedToken, Tls,
};

/// One thing to do otherwise. Two changes of the same kind do not add up: the later one counts.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// Send this as `X-Forwarded-For`.
    ForwardedFor(String),
    /// Send this header with this value alone, or not at all.
    Header {
        /// The name, in lower case.
        name: String,
        /// The value; absent: the header is not sent.
        value: Option<String>,
    },
    /// Send this as `Host`.
    Host(String),
    /// Speak HTTP/1.1.
    Http11,
    /// Use this method.
    Method(String),
    /// Ask for this path; the query stays.
    Path(String),
    /// Speak plaintext: no identity.
    Plaintext,
    /// Call this port of the workload.
    Port(u16),
    /// Call with mutual TLS as this principal, without scheme.
    Principal(String),
    /// Let the client's address be this one, where the question states it.
    RemoteIp(IpAddr),
    /// Ask for this server name.
    ServerName(String),
    /// Call from this address.
    SourceIp(IpAddr),
    /// Send a validly signed token with these claims, and no other.
    Token {
        /// Where it is sent.
        place: TokenPlace,
        /// What it claims.
        claims: Claims,
    },
    /// Send no token.
    WithoutToken(TokenPlace),
}

/// Where a token is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenPlace {
    /// In this cookie.
    Cookie(String),
    /// In this header (lower case), behind this prefix.
    Header {
        /// The name.
        name: String,
        /// What stands before the token.
        prefix: String,
    },
    /// In this query parameter.
    Parameter(String),
}

/// The text that stands for a token that nobody signed.
const TOKEN: &str = "stated.token.changed";

impl Change {
    /// The same request, changed so. A change of what a request has not (a path over TCP) changes nothing.
    #[must_use]
    pub fn of(&self, request: &Request) -> Request {
        let mut changed = request.clone();
        match self {
            Self::ForwardedFor(list) => {
                changed.remote_ip = None;
                set_header(&mut changed, "x-forwarded-for", Some(list));
            }
            Self::Header { name, value } => set_header(&mut changed, name, value.as_deref()),
            Self::Host(host) => {
                with_http(&mut changed, |http| {
                    http.host = Some(host.clone());
                    http.headers
                        .retain(|(name, _)| !name.eq_ignore_ascii_case("host"));
                    // A URL in the request line would win over the header.
                    if let Some(path) = path_of_url(&http.target) {
                        http.target = path;
                    }
                });
            }
            Self::Http11 => with_http(&mut changed, |http| http.version = HttpVersion::Http11),
            Self::Method(method) => with_http(&mut changed, |http| http.method.clone_from(method)),
            Self::Path(path) => with_http(&mut changed, |http| {
                let query = http
                    .target
                    .split_once('#')
                    .map_or(http.target.as_str(), |(before, _)| before);
                http.target = match query.split_once('?') {
                    Some((_, query)) => format!("{path}?{query}"),
                    None => path.clone(),
                };
            }),
            Self::Plaintext => changed.tls = None,
            Self::Port(port) => changed.port = *port,
            Self::Principal(principal) => {
                let http = matches!(changed.payload, Payload::Http(_));
                let alpn = if http { ISTIO_HTTP_ALPN } else { ISTIO_TCP_ALPN };
                changed.tls = Some(Tls {
                    certificate: Some(Certificate::of_principal(principal)),
                    alpn: alpn.iter().map(|&name| name.to_owned()).collect(),
                    server_name: request
                        .tls
                        .as_ref()
                        .map_or(Some(String::new()), |tls| tls.server_name.clone()),
                });
            }
            Self::RemoteIp(ip) => changed.remote_ip = Some(*ip),
            Self::ServerName(name) => {
                if let Some(tls) = &mut changed.tls {
                    tls.server_name = Some(name.clone());
                }
            }
            Self::SourceIp(ip) => changed.source_ip = Some(*ip),
            Self::Token { place, claims } => {
                without_tokens(&mut changed, place);
                place_token(&mut changed, place);
                changed.tokens = vec![StatedToken {
                    text: TOKEN.to_owned(),
                    claims: claims.clone(),
                    defect: None,
                }];
            }
            Self::WithoutToken(place) => without_tokens(&mut changed, place),
        }
        changed
    }

    /// Whether a later change takes this one back.
    #[must_use]
    pub fn is_replaced_by(&self, later: &Self) -> bool {
        match (self, later) {
            (Self::Header { name, .. }, Self::Header { name: other, .. }) => name == other,
            (Self::Principal(_) | Self::Plaintext, Self::Principal(_) | Self::Plaintext)
            | (
                Self::Token { .. } | Self::WithoutToken(_),
                Self::Token { .. } | Self::WithoutToken(_),
            ) => true,
            _ => std::mem::discriminant(self) == std::mem::discriminant(later),
        }
    }
}

fn with_http(request: &mut Request, change: impl FnOnce(&mut HttpRequest)) {
    if let Payload::Http(http) = &mut request.payload {
        change(http);
    }
}

fn set_header(request: &mut Request, wanted: &str, value: Option<&str>) {
    with_http(request, |http| {
        http.headers
            .retain(|(name, _)| !name.eq_ignore_ascii_case(wanted));
        if let Some(value) = value {
            http.headers.push((wanted.to_owned(), value.to_owned()));
        }
    });
}

/// `http://a/x?y` → `/x?y`.
fn path_of_url(target: &str) -> Option<String> {
    let (_, rest) = target.split_once("://")?;
    let at = rest.find(['/', '?'])?;
    let path = rest.get(at..)?;
    Some(if path.starts_with('/') { path.to_owned() } else { format!("/{path}") })
}

/// Takes every stated token out, and whatever stands at the place.
fn without_tokens(request: &mut Request, place: &TokenPlace) {
    let tokens = std::mem::take(&mut request.tokens);
    with_http(request, |http| {
        http.headers
            .retain(|(_, value)| !tokens.iter().any(|token| value.contains(&token.text)));
        match place {
            TokenPlace::Header { name, .. } => {
                http.headers
                    .retain(|(header, _)| !header.eq_ignore_ascii_case(name));
            }
            TokenPlace::Cookie(_) => {
                http.headers
                    .retain(|(header, _)| !header.eq_ignore_ascii_case("cookie"));
            }
            TokenPlace::Parameter(name) => {
                let Some((path, query)) = http.target.split_once('?') else { return };
                let kept: Vec<&str> = query
                    .split('&')
                    .filter(|pair| pair.split('=').next() != Some(name.as_str()))
                    .collect();
                http.target = if kept.is_empty() {
                    path.to_owned()
                } else {
                    format!("{path}?{}", kept.join("&"))
                };
            }
        }
    });
}

fn place_token(request: &mut Request, place: &TokenPlace) {
    with_http(request, |http| match place {
        TokenPlace::Header { name, prefix } => {
            http.headers
                .push((name.clone(), format!("{prefix}{TOKEN}")));
        }
        TokenPlace::Cookie(name) => {
            http.headers
                .push(("cookie".to_owned(), format!("{name}={TOKEN}")));
        }
        TokenPlace::Parameter(name) => {
            let sign = if http.target.contains('?') { '&' } else { '?' };
            http.target.push_str(&format!("{sign}{name}={TOKEN}"));
        }
    });
}

impl fmt::Display for TokenPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cookie(name) => write!(f, "in the cookie `{name}`"),
            Self::Header { name, prefix } if name == "authorization" && prefix == "Bearer " => {
                f.write_str("as `Authorization: Bearer`")
            }
            Self::Header { name, .. } => write!(f, "in the header `{name}`"),
            Self::Parameter(name) => write!(f, "in the query parameter `{name}`"),
        }
    }
}

/// What to do, as an order: ``use the method `GET` ``.
impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ForwardedFor(list) => write!(f, "send `X-Forwarded-For: {list}`"),
            Self::Header { name, value: Some(value) } => {
                write!(f, "send the header `{name}: {value}`")
            }
            Self::Header { name, value: None } => write!(f, "leave out the header `{name}`"),
            Self::Host(host) => write!(f, "send `Host: {host}`"),
            Self::Http11 => f.write_str("speak HTTP/1.1"),
            Self::Method(method) => write!(f, "use the method `{method}`"),
            Self::Path(path) => write!(f, "ask for the path `{path}`"),
            Self::Plaintext => f.write_str("call without a certificate, in plaintext"),
            Self::Port(port) => write!(f, "call the workload's port {port}"),
            Self::Principal(principal) => write!(f, "call with mutual TLS as `{principal}`"),
            Self::RemoteIp(ip) => write!(f, "come from the client address {ip}"),
            Self::ServerName(name) if name.is_empty() => f.write_str("send no server name"),
            Self::ServerName(name) => write!(f, "send the server name `{name}`"),
            Self::SourceIp(ip) => write!(f, "connect from the address {ip}"),
            Self::Token { place, claims } => {
                write!(f, "send a valid token {place} with ")?;
                write_claims(f, claims)
            }
            Self::WithoutToken(place) => write!(f, "send no token {place}"),
        }
    }
}

/// Claims as JSON on one line.
fn write_claims(f: &mut fmt::Formatter<'_>, claims: &Claims) -> fmt::Result {
    f.write_str("{")?;
    for (index, (name, claim)) in claims.iter().enumerate() {
        let comma = if index == 0 { "" } else { ", " };
        write!(f, "{comma}{}: ", Quoted(name))?;
        write_claim(f, claim)?;
    }
    f.write_str("}")
}

fn write_claim(f: &mut fmt::Formatter<'_>, claim: &Claim) -> fmt::Result {
    match claim {
        Claim::Bool(value) => write!(f, "{value}"),
        Claim::List(items) => {
            f.write_str("[")?;
            for (index, item) in items.iter().enumerate() {
                f.write_str(if index == 0 { "" } else { ", " })?;
                write_claim(f, item)?;
            }
            f.write_str("]")
        }
        Claim::Map(claims) => write_claims(f, claims),
        Claim::Null => f.write_str("null"),
        Claim::Number(number) => write!(f, "{number}"),
        Claim::String(text) => write!(f, "{}", Quoted(text)),
    }
}

/// Text as JSON writes it.
struct Quoted<'t>(&'t str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"")?;
        for c in self.0.chars() {
            match c {
                '"' | '\\' => write!(f, "\\{c}")?,
                c if c.is_control() => write!(f, "\\u{:04x}", u32::from(c))?,
                c => write!(f, "{c}")?,
            }
        }
        f.write_str("\"")
    }
}

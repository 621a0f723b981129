//! A request line to method, authority, path and scheme: what the proxy's HTTP/1 parser accepts.

use std::net::IpAddr;

use super::Refusal;

/// The methods that the parser knows; they are told apart by case [AP-88].
pub const METHODS: [&str; 35] = [
    "ACL",
    "BIND",
    "CHECKOUT",
    "CONNECT",
    "COPY",
    "DELETE",
    "GET",
    "HEAD",
    "LINK",
    "LOCK",
    "MERGE",
    "MKACTIVITY",
    "MKCALENDAR",
    "MKCOL",
    "MOVE",
    "MSEARCH",
    "NOTIFY",
    "OPTIONS",
    "PATCH",
    "POST",
    "PROPFIND",
    "PROPPATCH",
    "PURGE",
    "PUT",
    "QUERY",
    "REBIND",
    "REPORT",
    "SEARCH",
    "SOURCE",
    "SUBSCRIBE",
    "TRACE",
    "UNBIND",
    "UNLINK",
    "UNLOCK",
    "UNSUBSCRIBE",
];

/// What a request line asks for.
pub(super) enum Target<'a> {
    /// `GET /x` and `OPTIONS *`: the authority is that of the `Host` line.
    Origin(&'a str),
    /// `GET http://a/x`: the authority is its own, without user information.
    Absolute { https: bool, authority: &'a str, path: &'a str },
    /// `CONNECT a:80`.
    Connect,
}

impl<'a> Target<'a> {
    /// Reads what stands between method and version. [RFC 9112 §3.2]
    pub(super) fn parse(method: &str, target: &'a str) -> Result<Self, Refusal> {
        if !METHODS.contains(&method) {
            return Err(Refusal::bad_request("unknown method"));
        }
        if target.is_empty() || !target.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Refusal::bad_request("empty target, or a character it may not hold"));
        }
        match (method, target.as_bytes()) {
            ("CONNECT", _) => connect(target),
            (_, [b'/', ..]) | ("OPTIONS", [b'*', ..]) => Some(Self::Origin(target)),
            _ => absolute(target),
        }
        .ok_or(Refusal::bad_request("invalid target"))
    }
}

/// `a:80`; the port must be there.
fn connect(target: &str) -> Option<Target<'_>> {
    let port = after_host(target)?;
    (is_port(port) && !port.is_empty()).then_some(Target::Connect)
}

/// `http://user@a:80/x`; any case of the scheme will do.
fn absolute(target: &str) -> Option<Target<'_>> {
    let (scheme, rest) = target.split_once("://")?;
    let https = scheme.eq_ignore_ascii_case("https");
    if !https && !scheme.eq_ignore_ascii_case("http") {
        return None;
    }
    let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let authority = match authority.split_once('@') {
        Some((user, authority)) => user.bytes().all(is_user_information).then_some(authority)?,
        None => authority,
    };
    if !is_port(after_host(authority)?) {
        return None;
    }
    // A path that is not there is the root; a query alone is a path that begins with `?`.
    let path = if path.is_empty() { "/" } else { path };
    Some(Target::Absolute { https, authority, path })
}

/// What follows the name or address that `authority` must begin with.
fn after_host(authority: &str) -> Option<&str> {
    let Some(literal) = authority.strip_prefix('[') else {
        let name = authority
            .trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '.' || c == '-');
        return (name.len() < authority.len()).then_some(name);
    };
    let (address, rest) = literal.split_once(']')?;
    // IPv4 too. A zone is taken for none, as it is where no interface of the proxy has that name.
    address.parse::<IpAddr>().ok()?;
    Some(rest)
}

/// Nothing, or a colon and the number of a port.
fn is_port(text: &str) -> bool {
    text.strip_prefix(':').map_or(text.is_empty(), |digits| {
        digits.bytes().all(|byte| byte.is_ascii_digit()) && digits.parse::<u16>().is_ok()
    })
}

fn is_user_information(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_.!~*'()%;:&=+$,".contains(&byte)
}

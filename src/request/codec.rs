//! A request as it was sent to its parts, as the proxy's HTTP/1 and HTTP/2 codecs take it apart.

use super::connection::{self, Upgrade};
use super::headers::is_single_slot;
use super::target::Target;
use super::{Headers, HttpRequest, Refusal, Value};

/// A request that its codec accepts.
pub(super) struct Decoded<'a> {
    pub(super) method: &'a str,
    /// What the `Host` lines say, or the target where it does.
    pub(super) authority: Option<String>,
    /// With query and fragment; absent with `CONNECT`.
    pub(super) path: Option<&'a str>,
    /// `http` or `https` where the target says so.
    pub(super) scheme: Option<&'static str>,
    pub(super) headers: Headers,
    pub(super) upgrade: Upgrade,
}

/// The defaults of `max_request_headers_kb` and `max_headers_count`.
const MAX_BYTES: usize = 60 * 1024;
const MAX_HEADERS: usize = 100;
/// `:method`, `:scheme`, `:path` and `:authority` count too.
const MAX_HTTP2_HEADERS: usize = MAX_HEADERS - 4;

/// What may stand around the parts of a request line and around a header value.
const SPACE: [char; 3] = [' ', '\t', '\r'];

/// Reads an HTTP/1 request.
pub(super) fn http1(request: &HttpRequest) -> Result<Decoded<'_>, Refusal> {
    if size(request) > MAX_BYTES {
        return Err(Refusal::new(431, "request line and headers are too large"));
    }
    // The three parts of the request line may stand further apart than need be.
    let method = request.method.trim_end_matches(SPACE);
    let target = Target::parse(method, request.target.trim_matches(SPACE))?;
    let mut headers = Headers::default();
    for (name, value) in lines(request) {
        if !is_token(name) {
            return Err(Refusal::bad_request("a header name that is no token"));
        }
        let name = name.to_ascii_lowercase();
        let joint = is_single_slot(&name).then_some(",");
        headers.append(name.into(), header_value(value)?, joint);
        if headers.len() > MAX_HEADERS {
            return Err(Refusal::new(431, "too many headers"));
        }
    }
    check_body(&headers)?;
    let upgrade = connection::sanitize(&mut headers)?;
    let host = headers.take("host");
    let (authority, path, scheme) = match target {
        Target::Origin(path) => (host, Some(path), None),
        // The URL beats the `Host` line.
        Target::Absolute { authority, path, https } => {
            (Some(authority.to_owned()), Some(path), Some(if https { "https" } else { "http" }))
        }
        Target::Connect => (host, None, None),
    };
    Ok(Decoded { method, authority, path, scheme, headers, upgrade })
}

/// The header lines, `Host` first.
fn lines(request: &HttpRequest) -> impl Iterator<Item = (&str, &str)> {
    let host = request.host.as_deref().map(|host| ("host", host));
    let others = request
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()));
    host.into_iter().chain(others)
}

/// The bytes of the request up to its body, written without needless spaces.
fn size(request: &HttpRequest) -> usize {
    let request_line = "  HTTP/1.1\r\n\r\n".len() + request.method.len() + request.target.len();
    lines(request)
        .map(|(name, value)| name.len() + value.len() + ": \r\n".len())
        .fold(request_line, usize::saturating_add)
}

/// The value without the space around it and without carriage returns.
fn header_value(value: &str) -> Result<String, Refusal> {
    if value.contains('\r') {
        return header_value(&value.replace('\r', ""));
    }
    if value.bytes().any(is_control) {
        return Err(Refusal::bad_request("a control character in a header value"));
    }
    Ok(value.trim_matches(SPACE).to_owned())
}

/// The two headers that say how long the body is.
fn check_body(headers: &Headers) -> Result<(), Refusal> {
    let lengths = headers.values("content-length").count();
    let length = headers.get("content-length");
    if lengths > 1 || length.is_some_and(|length| !is_length(length)) {
        return Err(Refusal::bad_request("`Content-Length` is repeated, or no number"));
    }
    match headers.get("transfer-encoding") {
        Some(_) if lengths > 0 => {
            Err(Refusal::bad_request("both `Content-Length` and `Transfer-Encoding`"))
        }
        Some(coding) if !coding.eq_ignore_ascii_case("chunked") => {
            Err(Refusal::new(501, "a `Transfer-Encoding` other than `chunked`"))
        }
        Some(_) | None => Ok(()),
    }
}

/// Reads an HTTP/2 request. What is malformed has no answer.
pub(super) fn http2(request: &HttpRequest) -> Result<Decoded<'_>, Refusal> {
    let malformed = Refusal::closed("malformed HTTP/2 request");
    let connect = request.method == "CONNECT";
    if !is_token(&request.method) || !connect && !is_http2_path(request) {
        return Err(malformed);
    }
    let mut headers = Headers::default();
    let mut cookies = Vec::new();
    let mut host = None;
    for (name, value) in &request.headers {
        if !is_http2_line(name, value) {
            return Err(malformed);
        }
        match name.as_str() {
            "content-length" if headers.contains(name) => return Err(malformed),
            "cookie" => cookies.push(value.as_str()),
            "host" if host.replace(value).is_some() => return Err(malformed),
            "host" => {}
            _ => {
                let joint = is_single_slot(name).then_some(",");
                headers.append(name.clone().into(), value.clone(), joint);
            }
        }
        if headers.len() + cookies.len() + usize::from(host.is_some()) > MAX_HTTP2_HEADERS {
            return Err(Refusal::closed("too many headers"));
        }
    }
    connection::sanitize_te(&mut headers);
    let cookies = cookies.join("; ");
    let cookies = cookies.trim_start_matches("; ");
    if !cookies.is_empty() {
        headers.set("cookie", Value::Known(cookies));
    }
    // `:authority` beats `Host`.
    let authority = request
        .host
        .as_ref()
        .or(host)
        .filter(|host| is_http2_authority(host));
    Ok(Decoded {
        method: &request.method,
        authority: Some(authority.ok_or(malformed)?.clone()),
        path: (!connect).then_some(&request.target),
        scheme: None,
        headers,
        upgrade: Upgrade::None,
    })
}

/// A path, or the asterisk of `OPTIONS`.
fn is_http2_path(request: &HttpRequest) -> bool {
    let path = &request.target;
    (path.starts_with('/') || request.method == "OPTIONS" && path == "*")
        && !path.bytes().any(|byte| byte <= b' ' || byte == 0x7f)
}

/// Names are in lower case, and none is about the connection. [RFC 9113 §8.2]
fn is_http2_line(name: &str, value: &str) -> bool {
    let valid = match name {
        "connection" | "keep-alive" | "proxy-connection" | "transfer-encoding" | "upgrade" => false,
        "content-length" => is_length(value),
        "host" => is_http2_authority(value),
        "te" => value.eq_ignore_ascii_case("trailers"),
        _ => is_token(name) && !name.bytes().any(|byte| byte.is_ascii_uppercase()),
    };
    valid && !value.bytes().any(|byte| is_control(byte) || byte == b'\r')
}

fn is_http2_authority(authority: &str) -> bool {
    !authority.is_empty()
        && authority
            .bytes()
            .all(|byte| byte != b'@' && is_authority(byte))
}

/// A decimal number of 64 bits.
fn is_length(value: &str) -> bool {
    value.bytes().all(|byte| byte.is_ascii_digit()) && value.parse::<u64>().is_ok()
}

/// A method or a header name. [RFC 9110 §5.6.2]
fn is_token(name: &str) -> bool {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !name.is_empty() && name.bytes().all(is_token)
}

/// A character that no header value holds. Of controls only tab and carriage return pass.
const fn is_control(byte: u8) -> bool {
    byte.is_ascii_control() && !matches!(byte, b'\t' | b'\r')
}

/// A character of an authority: no structure is asked for. [RFC 3986 §3.2]
pub(super) const fn is_authority(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'!' | b'$'..=b'.' | b':' | b';' | b'=' | b'@' | b'[' | b']' | b'_' | b'~'
        )
}

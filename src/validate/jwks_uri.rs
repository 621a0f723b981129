//! `jwksUri` → host, port and whether it is TLS, as Go's URL parser and istiod read it.

/// Where a key set is fetched from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JwksUri {
    /// The host, without port and without the brackets of an IPv6 address; may be empty.
    pub host: String,
    /// The port as written, which may be beyond 65535; 80 or 443 where none is.
    pub port: i64,
    /// Whether the scheme is `https`.
    pub tls: bool,
}

/// Why a text is no `jwksUri` [VAL-52].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JwksUriError {
    /// The host, or what stands before it, has a character that cannot stand there.
    #[error("the host is malformed")]
    Host,
    /// A control character, or `%` without two hexadecimal digits.
    #[error("it is malformed")]
    Malformed,
    /// The port is no decimal number.
    #[error("the port is no number")]
    Port,
    /// The port does not fit 64 bits; one that does passes.
    #[error("the port is too large")]
    PortRange,
    /// The scheme is neither `http` nor `https`.
    #[error("it must begin with `http://` or `https://`")]
    Scheme,
}

impl JwksUri {
    /// Reads a text as istiod does.
    ///
    /// # Errors
    /// What Go's `net/url` does not parse, another scheme, and a port that is no number.
    pub fn parse(text: &str) -> Result<Self, JwksUriError> {
        let (rest, fragment) = text.split_once('#').unwrap_or((text, ""));
        if rest.bytes().any(|byte| byte.is_ascii_control()) || !has_valid_escapes(fragment) {
            return Err(JwksUriError::Malformed);
        }
        let (scheme, rest) = rest.split_once(':').ok_or(JwksUriError::Scheme)?;
        let tls = match scheme.to_ascii_lowercase().as_str() {
            "http" => false,
            "https" => true,
            _ => return Err(JwksUriError::Scheme),
        };
        let default = if tls { 443 } else { 80 };
        // `http:x` has no host: Go takes the rest as opaque.
        let Some(rest) = rest.strip_prefix('/') else {
            return Ok(Self { host: String::new(), port: default, tls });
        };
        let (rest, _query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, path) = match rest.strip_prefix('/') {
            Some(rest) => rest.split_once('/').unwrap_or((rest, "")),
            None => ("", rest),
        };
        if !has_valid_escapes(path) {
            return Err(JwksUriError::Malformed);
        }
        let host = authority
            .rsplit_once('@')
            .map_or(Ok(authority), |(user, host)| {
                if is_user(user) { Ok(host) } else { Err(JwksUriError::Host) }
            })?;
        let (host, port) = host_and_port(host)?;
        let port = match port {
            "" => default,
            digits => digits
                .parse()
                .map_err(|_overflow| JwksUriError::PortRange)?,
        };
        Ok(Self { host: host.to_owned(), port, tls })
    }
}

/// The host without brackets, and the port, which is empty where none is written.
fn host_and_port(text: &str) -> Result<(&str, &str), JwksUriError> {
    let (host, port) = if let Some(rest) = text.strip_prefix('[') {
        let (host, port) = rest.rsplit_once(']').ok_or(JwksUriError::Host)?;
        let Some(port) = port.strip_prefix(':') else {
            return if port.is_empty() { Ok((host, "")) } else { Err(JwksUriError::Port) };
        };
        (host, port)
    } else {
        text.rsplit_once(':').unwrap_or((text, ""))
    };
    if !port.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(JwksUriError::Port);
    }
    let in_host = |byte: u8| {
        byte.is_ascii_alphanumeric()
            || !byte.is_ascii()
            || b"-_.~!$&'()*+,;=:[]<>\"%".contains(&byte)
    };
    if !host.bytes().all(in_host) || !has_valid_host_escapes(host) {
        return Err(JwksUriError::Host);
    }
    Ok((host, port))
}

/// Each `%` stands before two hexadecimal digits.
fn has_valid_escapes(text: &str) -> bool {
    text.split('%').skip(1).all(|after| {
        let mut bytes = after.bytes();
        bytes.next().is_some_and(|byte| byte.is_ascii_hexdigit())
            && bytes.next().is_some_and(|byte| byte.is_ascii_hexdigit())
    })
}

/// In a host, only bytes beyond ASCII and `%` itself can be escaped.
fn has_valid_host_escapes(host: &str) -> bool {
    has_valid_escapes(host)
        && host
            .split('%')
            .skip(1)
            .all(|after| after.starts_with("25") || !after.starts_with(|c: char| c < '8'))
}

fn is_user(text: &str) -> bool {
    has_valid_escapes(text)
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-._:~!$&'()*+,;=%@".contains(&byte))
}

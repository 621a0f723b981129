//! What a request says about its connection, and what is left of it: `Connection`, `Upgrade` and `TE`.

use super::{Headers, Refusal, Value};

/// What a client would turn the connection into.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Upgrade {
    /// Nothing.
    None,
    /// The one protocol the proxy lets through.
    WebSocket,
    /// Any other.
    Foreign,
}

/// Applies the `Connection` line of an HTTP/1 request.
pub(super) fn sanitize(headers: &mut Headers) -> Result<Upgrade, Refusal> {
    if upgrades(headers) {
        let protocol = headers.get("upgrade").unwrap_or_default();
        if protocol.eq_ignore_ascii_case("websocket") {
            return Ok(Upgrade::WebSocket);
        }
        if !protocol.eq_ignore_ascii_case("h2c") {
            return Ok(Upgrade::Foreign);
        }
        // An upgrade to HTTP/2 is ignored, and what belongs to it goes.
        headers.remove("upgrade");
        headers.remove("http2-settings");
    }
    for name in nominated(headers.get("connection").unwrap_or_default())? {
        match name.as_str() {
            "close" | "http2-settings" | "keep-alive" | "upgrade" => {}
            "te" => remove_te(headers)?,
            name => headers.remove(name),
        }
    }
    sanitize_te(headers);
    Ok(Upgrade::None)
}

/// Whether `Upgrade` is meant: `Connection` must say so too.
fn upgrades(headers: &Headers) -> bool {
    let mut tokens = headers.get("connection").unwrap_or_default().split(',');
    headers.contains("upgrade")
        && tokens.any(|token| token.trim_ascii().eq_ignore_ascii_case("upgrade"))
}

/// The header names that `Connection` lists, in lower case.
fn nominated(connection: &str) -> Result<Vec<String>, Refusal> {
    let tokens: Vec<String> = connection
        .split(',')
        .filter(|token| !token.is_empty())
        .map(|token| token.trim_ascii().to_ascii_lowercase())
        .collect();
    // A client must not take away what others tell about it.
    let forbidden = |token: &String| {
        token.starts_with(':')
            || ["x-forwarded-for", "x-forwarded-host", "x-forwarded-proto"]
                .contains(&token.as_str())
    };
    if tokens.len() >= 10 || tokens.iter().any(forbidden) {
        return Err(Refusal::bad_request("`Connection` lists too many headers, or one it may not"));
    }
    Ok(tokens)
}

/// Listed in `Connection`, `TE` goes but for `trailers`.
fn remove_te(headers: &mut Headers) -> Result<(), Refusal> {
    let te = headers.get("te").unwrap_or_default();
    if te.len() >= 256 {
        return Err(Refusal::bad_request("`TE` is too long"));
    }
    if te
        .split(',')
        .any(|token| token.trim_ascii().eq_ignore_ascii_case("trailers"))
    {
        headers.set("te", Value::Known("trailers"));
    } else {
        headers.remove("te");
    }
    Ok(())
}

/// Of `TE` only `trailers` is left, here in lower case only; an empty one stays.
pub(super) fn sanitize_te(headers: &mut Headers) {
    let Some(te) = headers.get("te").filter(|te| !te.is_empty()) else { return };
    if te.split(',').any(|token| token.trim_ascii() == "trailers") {
        headers.set("te", Value::Known("trailers"));
    } else {
        headers.remove("te");
    }
}

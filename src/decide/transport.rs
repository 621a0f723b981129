//! Gate 1: a mode, a listener and what the caller speaks → what comes in, or why nothing does.

use crate::mesh::{IstioVersion, ListenerClass, MtlsMode, Settings};
use crate::request::{
    Certificate, HttpRequest, HttpVersion, ISTIO_HTTP_ALPN, ISTIO_TCP_ALPN, METHODS, Payload, Tls,
};

/// What a connection has become behind the listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Accepted<'r> {
    /// Whether HTTP rules apply; else TCP rules.
    pub(crate) http: bool,
    /// The certificate that the proxy verified; absent: no identity.
    pub(crate) peer: Option<&'r Certificate>,
    /// Whether TLS ends at this proxy.
    pub(crate) tls: bool,
    /// Whether the server name is read.
    pub(crate) server_name: bool,
}

/// Why a connection does not come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shut {
    /// No filter chain, or no handshake: the connection is closed.
    Refused(&'static str),
    /// It comes in, and the HTTP codec cannot read it.
    Garbled(&'static str),
}

/// A sidecar's inbound listener [PA-20].
pub(crate) fn sidecar<'r>(
    mode: MtlsMode,
    class: ListenerClass,
    tls: Option<&'r Tls>,
    payload: &Payload,
    settings: &Settings,
) -> Result<Accepted<'r>, Shut> {
    let is_http = matches!(payload, Payload::Http(_));
    let plaintext = |http| Accepted { http, peer: None, tls: false, server_name: false };
    let opaque = |server_name| Accepted { http: false, peer: None, tls: false, server_name };
    let Some(tls) = tls else {
        return match (mode, class) {
            (MtlsMode::Strict, _) => Err(Shut::Refused(
                "the port takes mutual TLS only, and the caller speaks plaintext",
            )),
            (_, ListenerClass::Tcp) => Ok(plaintext(false)),
            (_, ListenerClass::Http) if !is_http => {
                Err(Shut::Garbled("the port takes HTTP, and these bytes are none"))
            }
            (_, ListenerClass::Http) => Ok(plaintext(true)),
            (_, ListenerClass::Sniffed) => {
                Ok(plaintext(looks_like_http(payload, settings.istio_version)))
            }
        };
    };
    let offers = |known: &[&str]| {
        tls.alpn
            .iter()
            .any(|offered| known.contains(&offered.as_str()))
    };
    let istio_http = offers(ISTIO_HTTP_ALPN);
    let istio = istio_http || offers(ISTIO_TCP_ALPN);
    match (mode, class) {
        // The listener does not look into TLS at all, so the server name stays unread.
        (MtlsMode::Disable, ListenerClass::Http) => {
            Err(Shut::Garbled("the port takes plaintext HTTP only, and the caller speaks TLS"))
        }
        (MtlsMode::Disable, ListenerClass::Tcp | ListenerClass::Sniffed) => Ok(opaque(false)),
        (MtlsMode::Permissive, ListenerClass::Http) if !istio => Err(Shut::Refused(
            "a PERMISSIVE HTTP port takes plaintext or Istio's own TLS, and the caller's TLS offers no Istio ALPN",
        )),
        (MtlsMode::Permissive, ListenerClass::Tcp | ListenerClass::Sniffed) if !istio => {
            Ok(opaque(true))
        }
        (MtlsMode::Permissive | MtlsMode::Strict, _) => {
            let peer = verified(tls, &settings.accepted_trust_domains)?;
            // On a sniffed port ALPN alone decides [PA-13]; a client without Istio's gets the TCP chain [PA-20c].
            let http = match class {
                ListenerClass::Http => true,
                ListenerClass::Tcp => false,
                // There any ALPN of HTTP wins: the chain for TCP asks for none.
                ListenerClass::Sniffed if mode == MtlsMode::Strict => istio_http,
                ListenerClass::Sniffed => first_offered(&tls.alpn).unwrap_or(false),
            };
            if http && !is_http {
                return Err(Shut::Garbled("the port takes HTTP, and these bytes are none"));
            }
            Ok(Accepted { http, peer: Some(peer), tls: true, server_name: true })
        }
    }
}

/// Whether the inspector of a sniffed port takes plaintext for HTTP: by its request line [PA-13].
fn looks_like_http(payload: &Payload, istio: Option<IstioVersion>) -> bool {
    match payload {
        Payload::Bytes => false,
        Payload::Http(request) if request.version == HttpVersion::Http2 => true,
        Payload::Http(HttpRequest { method, target, .. }) => {
            is_method(method, istio) && is_target(method, target, istio)
        }
    }
}

/// Whether the inspector takes a text for a method.
fn is_method(text: &str, istio: Option<IstioVersion>) -> bool {
    match istio {
        Some(version) if version.inspects_known_methods() => {
            // Two that the codec knows are not among them.
            let known = METHODS.contains(&text) && !["MSEARCH", "QUERY"].contains(&text);
            known || (text == "M-SEARCH" && version.inspects_m_search())
        }
        _ => is_token(text),
    }
}

/// Whether the inspector takes a text for what a method asks for.
fn is_target(method: &str, target: &str, istio: Option<IstioVersion>) -> bool {
    let readable = |byte: u8| byte.is_ascii() && !matches!(byte, b' ' | b'\t' | 0x7f);
    let target = target.trim_end_matches(' ');
    if !target.bytes().all(readable) {
        return false;
    }
    let known = istio.is_some_and(IstioVersion::inspects_known_methods);
    if method == "CONNECT" {
        // Only what stands before a path or a query is read as an authority.
        let authority = target.split(['/', '?']).next().unwrap_or_default();
        let odd = ['"', '#', '<', '>', '\\', '^', '`', '{', '|', '}'];
        return !authority.contains(odd) || (target.starts_with('*') && !known);
    }
    let in_scheme = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    let is_url = target.split_once("://").is_some_and(|(scheme, rest)| {
        scheme.starts_with(|first: char| first.is_ascii_alphabetic())
            && scheme.bytes().all(in_scheme)
            && !(rest.is_empty() && known)
    });
    is_url || target.starts_with(['/', '*'])
}

/// Whether a text is a token of HTTP (RFC 9110 §5.6.2): the inspector reads no other method, known or not.
fn is_token(text: &str) -> bool {
    let takes = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(takes)
}

/// Whether the first of the offered protocols that the listener knows stands for HTTP.
fn first_offered(alpn: &[String]) -> Option<bool> {
    alpn.iter().find_map(|offered| {
        let offered = offered.as_str();
        if ISTIO_HTTP_ALPN.contains(&offered) {
            Some(true)
        } else if ISTIO_TCP_ALPN.contains(&offered) {
            Some(false)
        } else {
            None
        }
    })
}

/// The client certificate where a handshake with it succeeds [PA-22].
fn verified<'r>(tls: &'r Tls, accepted_trust_domains: &[String]) -> Result<&'r Certificate, Shut> {
    let Some(certificate) = &tls.certificate else {
        return Err(Shut::Refused("the handshake fails: the caller presents no certificate"));
    };
    if !certificate.of_this_mesh {
        return Err(Shut::Refused(
            "the handshake fails: the caller's certificate is of another CA",
        ));
    }
    let in_domain = |uri: &String| {
        accepted_trust_domains.iter().any(|domain| {
            let rest = uri
                .strip_prefix("spiffe://")
                .and_then(|rest| rest.strip_prefix(domain.as_str()));
            rest.is_some_and(|rest| rest.starts_with('/'))
        })
    };
    if !certificate.uris.iter().any(in_domain) {
        return Err(Shut::Refused(
            "the handshake fails: the certificate's trust domain is neither the mesh's nor an alias",
        ));
    }
    Ok(certificate)
}

/// A gateway's listener: plaintext, or TLS that ends here without asking for a certificate.
pub(crate) fn gateway<'r>(
    class: ListenerClass,
    terminates_tls: bool,
    tls: Option<&'r Tls>,
    payload: &Payload,
) -> Result<Accepted<'r>, Shut> {
    let is_http = matches!(payload, Payload::Http(_));
    let http = match class {
        ListenerClass::Http => true,
        ListenerClass::Tcp => false,
        ListenerClass::Sniffed => is_http,
    };
    if http && !is_http {
        return Err(Shut::Garbled("the port takes HTTP, and these bytes are none"));
    }
    match (terminates_tls, tls) {
        (true, None) => {
            Err(Shut::Refused("the gateway's port takes TLS only, and the caller speaks plaintext"))
        }
        (false, Some(_)) if http => {
            Err(Shut::Garbled("the gateway's port takes plaintext HTTP, and the caller speaks TLS"))
        }
        // TLS that passes through: only its server name is read.
        (false, Some(_)) => Ok(Accepted { http, peer: None, tls: false, server_name: true }),
        (_, tls) => {
            Ok(Accepted { http, peer: None, tls: tls.is_some(), server_name: tls.is_some() })
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    // [PA-13]: of the newest, of Istio 1.30 (Envoy 1.38) and of 1.28 (Envoy 1.36).
    #[rstest]
    #[case::known("GET", "/", [true, true, true])]
    #[case::unknown("FOO", "/", [true, false, false])]
    #[case::lower_case("get", "/", [true, false, false])]
    #[case::any_token("a!b", "/", [true, false, false])]
    #[case::known_to_the_codec_alone("QUERY", "/", [true, false, false])]
    #[case::known_long_ago("M-SEARCH", "/", [true, false, true])]
    #[case::empty("", "/", [false; 3])]
    #[case::two_words("G T", "/", [false; 3])]
    #[case::no_token("G@T", "/", [false; 3])]
    #[case::a_target_of_no_form("GET", "example.com", [false; 3])]
    #[case::beyond_ascii("GET", "/\u{e9}", [false; 3])]
    #[case::a_url("GET", "HtTp+x://a", [true; 3])]
    #[case::nothing_behind_a_scheme("GET", "a://", [true, false, false])]
    #[case::no_scheme("GET", "://a", [false; 3])]
    #[case::a_scheme_of_a_digit("GET", "1://a", [false; 3])]
    #[case::a_url_in_a_query("GET", "x?u=http://a", [false; 3])]
    #[case::any_text_for_a_tunnel("CONNECT", "@*/?x", [true; 3])]
    #[case::what_no_url_has("CONNECT", "a\\b", [false; 3])]
    #[case::braces("CONNECT", "{*}", [false; 3])]
    #[case::anything_in_a_path_to_a_tunnel("CONNECT", "/a#{", [true; 3])]
    #[case::anything_behind_an_authority("CONNECT", "a:80/#{", [true; 3])]
    #[case::anything_in_a_query("CONNECT", "a?#{", [true; 3])]
    #[case::an_authority_with_a_fragment("CONNECT", "a:80#x", [false; 3])]
    #[case::anything_behind_a_star("CONNECT", "*#{", [true, false, false])]
    fn the_inspector_reads_a_request_line(
        #[case] method: &str,
        #[case] target: &str,
        #[case] http: [bool; 3],
    ) {
        let request = HttpRequest {
            method: method.to_owned(),
            target: target.to_owned(),
            host: None,
            headers: Vec::new(),
            version: HttpVersion::Http11,
        };
        let payload = Payload::Http(request);
        let looks = [None, Some("1.30.0"), Some("1.28.0")]
            .map(|version| version.map(|version| version.parse().unwrap()))
            .map(|version| looks_like_http(&payload, version));
        assert_eq!(looks, http);
    }
}

//! How a caller connects: its address, its TLS, its certificate.

/// The names in a peer's certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// URI names, in the order of the certificate; a SPIFFE identity is one of them.
    pub uris: Vec<String>,
    /// DNS names.
    pub dns_names: Vec<String>,
    /// The subject as text; empty as Citadel issues.
    pub subject: String,
    /// Whether a CA of this mesh issued it.
    pub of_this_mesh: bool,
}

impl Certificate {
    /// A mesh certificate with one identity, given without scheme (`cluster.local/ns/foo/sa/sleep`).
    #[must_use]
    pub fn of_principal(principal: &str) -> Self {
        Self {
            uris: vec![format!("spiffe://{principal}")],
            dns_names: Vec::new(),
            subject: String::new(),
            of_this_mesh: true,
        }
    }

    /// Every name that `principals` and its kin are compared with, in Envoy's order: URI names, DNS names,
    /// the subject [ID-12].
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.uris
            .iter()
            .chain(&self.dns_names)
            .chain(std::iter::once(&self.subject))
            .map(String::as_str)
    }
}

/// The TLS that the caller speaks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tls {
    /// The certificate it presents when asked; absent: none.
    pub certificate: Option<Certificate>,
    /// The protocols it offers, most wanted first; empty: no ALPN.
    pub alpn: Vec<String>,
    /// The server name it asks for, as sent; empty: none is sent. Absent: not known.
    pub server_name: Option<String>,
}

/// The ALPN that an Istio sidecar offers for HTTP.
pub const ISTIO_HTTP_ALPN: &[&str] = &["istio-http/1.0", "istio-http/1.1", "istio-h2"];
/// The ALPN that an Istio sidecar offers for TCP.
pub const ISTIO_TCP_ALPN: &[&str] = &["istio-peer-exchange", "istio"];

#[cfg(test)]
mod tests {
    use super::Certificate;

    // [ID-12]
    #[test]
    fn a_certificate_is_named_by_uris_then_dns_names_then_its_subject() {
        let certificate = Certificate {
            uris: vec!["spiffe://td/a".to_owned(), "https://b".to_owned()],
            dns_names: vec!["c.example".to_owned()],
            subject: "CN=d".to_owned(),
            of_this_mesh: true,
        };
        let names: Vec<&str> = certificate.names().collect();
        assert_eq!(names, ["spiffe://td/a", "https://b", "c.example", "CN=d"]);
    }
}

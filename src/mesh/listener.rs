//! A port's declared protocol → the kind of listener that the proxy opens for it.

use std::fmt;

/// What a listener takes in: HTTP requests, a byte stream, or whatever it finds out by looking.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ListenerClass {
    /// HTTP, HTTP/2, gRPC: HTTP rules apply [PA-11].
    Http,
    /// A byte stream, TLS and HTTPS passed through included: HTTP fields mean nothing [PA-11].
    Tcp,
    /// Undeclared: found out for each connection [PA-13].
    Sniffed,
}

impl fmt::Display for ListenerClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Http => "HTTP",
            Self::Tcp => "TCP",
            Self::Sniffed => "sniffed",
        })
    }
}

/// The class of a protocol's name as Istio knows it, letter case aside; none for a name it does not know.
#[must_use]
pub fn class_of_protocol(name: &str) -> Option<ListenerClass> {
    match name.to_ascii_lowercase().as_str() {
        "http" | "http2" | "http_proxy" | "grpc" | "grpc-web" => Some(ListenerClass::Http),
        "https" | "tls" | "tcp" | "mongo" | "mysql" | "redis" => Some(ListenerClass::Tcp),
        _ => None,
    }
}

/// Ports whose programs break under sniffing; without a declared protocol they are TCP [PA-10].
const WELL_KNOWN_TCP: &[u16] = &[25, 53, 3306, 27017];

/// The class of a Service port by `appProtocol`, else its name's prefix, else its number [PA-10].
#[must_use]
pub fn class_of_service_port(port: u16, name: &str, app_protocol: Option<&str>) -> ListenerClass {
    let declared = match app_protocol {
        Some("kubernetes.io/h2c" | "kubernetes.io/ws") => return ListenerClass::Http,
        Some("kubernetes.io/wss") => return ListenerClass::Tcp,
        Some(app_protocol) => app_protocol,
        None => name,
    };
    let grpc_web = declared
        .get(..8)
        .is_some_and(|prefix| prefix.eq_ignore_ascii_case("grpc-web"));
    let prefix = if grpc_web { "grpc-web" } else { declared.split('-').next().unwrap_or_default() };
    match class_of_protocol(prefix) {
        Some(class) => class,
        None if WELL_KNOWN_TCP.contains(&port) => ListenerClass::Tcp,
        None => ListenerClass::Sniffed,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::{ListenerClass, class_of_service_port};

    // [PA-10] [PA-11]
    #[rstest]
    #[case::name("http", None, ListenerClass::Http)]
    #[case::prefix("http-web", None, ListenerClass::Http)]
    #[case::grpc_web("grpc-web-x", None, ListenerClass::Http)]
    #[case::case_is_ignored("HTTP2-x", None, ListenerClass::Http)]
    #[case::https_is_a_byte_stream("https", None, ListenerClass::Tcp)]
    #[case::tcp("tcp-db", None, ListenerClass::Tcp)]
    #[case::no_prefix("httpx", None, ListenerClass::Sniffed)]
    #[case::nothing("", None, ListenerClass::Sniffed)]
    #[case::app_protocol_wins("tcp", Some("http"), ListenerClass::Http)]
    #[case::unknown_app_protocol_hides_the_name(
        "http",
        Some("example.com/x"),
        ListenerClass::Sniffed
    )]
    #[case::h2c("tcp", Some("kubernetes.io/h2c"), ListenerClass::Http)]
    #[case::wss("http", Some("kubernetes.io/wss"), ListenerClass::Tcp)]
    fn a_service_port_declares_its_protocol(
        #[case] name: &str,
        #[case] app_protocol: Option<&str>,
        #[case] want: ListenerClass,
    ) {
        assert_eq!(class_of_service_port(8080, name, app_protocol), want);
    }

    // [PA-10]
    #[rstest]
    #[case::mysql(3306, "", ListenerClass::Tcp)]
    #[case::mysql_declared_http(3306, "http", ListenerClass::Http)]
    #[case::postgres_is_sniffed(5432, "", ListenerClass::Sniffed)]
    fn some_ports_are_known_by_number(
        #[case] port: u16,
        #[case] name: &str,
        #[case] want: ListenerClass,
    ) {
        assert_eq!(class_of_service_port(port, name, None), want);
    }
}

//! A question as a person asks it: names instead of addresses, most of it left out.

use std::net::IpAddr;

use super::{HttpVersion, StatedToken};

/// A question. What is left out has the default that its field names.
#[derive(Clone, Debug, PartialEq)]
pub struct RequestSpec {
    /// Who calls.
    pub from: Caller,
    /// The address that the connection comes from; the calling workload's where absent, else not known.
    pub source_ip: Option<IpAddr>,
    /// The client's address where the question states it instead of sending X-Forwarded-For.
    pub remote_ip: Option<IpAddr>,
    /// Whom it calls, without port: `workload`, `workload.namespace`, a Service's host, or an address.
    pub to: String,
    /// The port, a Service's or the workload's own. Absent: the only one there is.
    pub port: Option<u16>,
    /// Whether `to` is a host name that a client looks up: then a Service of that name is all it can mean.
    pub by_host: bool,
    /// The namespace of names that carry none; `default` where absent. A host is looked up in the namespace
    /// of a calling workload first, as a cluster's DNS does.
    pub namespace: Option<String>,
    /// What is spoken; that of the destination's port where absent.
    pub protocol: Option<Protocol>,
    /// Whether TLS is spoken.
    pub tls: TlsChoice,
    /// The server name; absent: what the caller's proxy would send.
    pub server_name: Option<String>,
    /// The offered protocols; absent: what the caller's proxy would offer.
    pub alpn: Option<Vec<String>>,
    /// The HTTP request.
    pub http: HttpSpec,
    /// Tokens that are stated to be as they are stated.
    pub tokens: Vec<StatedToken>,
    /// Seconds since 1970; absent: a token with times is not decided.
    pub now: Option<i64>,
}

/// The HTTP part of a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpSpec {
    /// The method; `GET` where absent.
    pub method: Option<String>,
    /// The `Host` line.
    pub host: HostSpec,
    /// The request target as sent; `/` where absent.
    pub target: Option<String>,
    /// Header lines in the order sent.
    pub headers: Vec<(String, String)>,
    /// The version.
    pub version: HttpVersion,
}

impl Default for HttpSpec {
    fn default() -> Self {
        Self {
            method: None,
            host: HostSpec::OfDestination,
            target: None,
            headers: Vec::new(),
            version: HttpVersion::Http11,
        }
    }
}

/// The `Host` line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum HostSpec {
    /// None is sent.
    Absent,
    /// This one is sent; it may be empty.
    Given(String),
    /// The destination as the question names it, with its port.
    #[default]
    OfDestination,
}

/// Who calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Caller {
    /// A mesh client with a certificate of these URI names.
    Certificate {
        /// URI names.
        uris: Vec<String>,
        /// Whether another CA than the mesh's issued it.
        foreign: bool,
    },
    /// Someone outside the mesh.
    External,
    /// Someone without proxy, in the cluster.
    Plaintext,
    /// A workload of the files, `name` or `name.namespace`, or `kind/name`.
    Workload(String),
}

/// What is spoken on the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Protocol {
    /// HTTP/1.1 or HTTP/2.
    Http,
    /// Bytes.
    Tcp,
    /// The program's own TLS, bytes to every proxy.
    Tls,
}

/// Whether TLS is spoken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsChoice {
    /// As the caller's proxy chooses [CL-10].
    #[default]
    Auto,
    /// Istio's mutual TLS.
    Mtls,
    /// None.
    Plaintext,
    /// TLS of the caller's own, without Istio's ALPN.
    Tls,
}

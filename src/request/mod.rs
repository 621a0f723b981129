//! One request: who sends it, over what connection, and what the proxy's filters see of it.

mod codec;
mod connection;
mod forwarded;
mod headers;
mod path;
mod peer;
mod received;
mod spec;
mod target;
#[cfg(test)]
mod tests;
mod token;
mod token_places;

use std::net::IpAddr;

pub use headers::{Headers, Value};
pub use path::{Normalization, Path, normalize};
pub use peer::{Certificate, ISTIO_HTTP_ALPN, ISTIO_TCP_ALPN, Tls};
pub use received::{
    Downstream, ForwardClientCert, HttpRequest, HttpVersion, ReceiveContext, Received, Refusal,
    receive,
};
pub use spec::{Caller, HostSpec, HttpSpec, Protocol, RequestSpec, TlsChoice};
pub use target::METHODS;
pub use token::{Claim, Claims, Defect, Signature, StatedToken, TokenReader, TokenReading};

/// One request at one proxy. Its workload is a place in the inventory of the mesh that made it.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// The workload that is called.
    pub workload: usize,
    /// The workload's own port that is dialled.
    pub port: u16,
    /// The other end of the connection; absent: not known.
    pub source_ip: Option<IpAddr>,
    /// The client's address, where it is stated instead of sent.
    pub remote_ip: Option<IpAddr>,
    /// The dialled address; absent: the workload's.
    pub destination_ip: Option<IpAddr>,
    /// The TLS that the caller speaks; absent: none.
    pub tls: Option<Tls>,
    /// What is sent over it.
    pub payload: Payload,
    /// Tokens that are stated to be as they are stated.
    pub tokens: Vec<StatedToken>,
    /// Seconds since 1970; absent: a token with times is not decided.
    pub now: Option<i64>,
    /// Why it is not known how this request reaches the proxy; absent where it is.
    pub doubt: Option<String>,
}

/// What is sent over a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Payload {
    /// Bytes that are no HTTP.
    Bytes,
    /// One HTTP request.
    Http(HttpRequest),
}

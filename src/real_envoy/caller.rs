//! Requests at one mesh → what came back for each, over as few connections as say the same.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Mutex, PoisonError};

use super::ask::{Reply, ends};
use super::certificates::Certificates;
use super::connection::{Connection, Dialler, NoConnection, Spoken};
use super::exchange::{Answer, exchange, exchange_all, let_through, observed};
use super::shared::{stands_alone, unsendable};
use super::tokens::Signer;
use crate::mesh::Mesh;
use crate::request::{HttpRequest, HttpVersion, Payload, Request};

/// What is sent where bytes are no HTTP.
const BYTES: &[u8] = b"\x00portcullis\n";

/// What is known of a request when it has been sent.
#[derive(Debug)]
pub(super) enum Sent {
    Settled(Reply),
    /// The connection, by our end of it and the other, was closed without an answer: the log says why.
    Closed(SocketAddr, SocketAddr),
}

/// Speaks for the callers of a mesh.
pub(super) struct Caller<'c> {
    pub(super) certificates: &'c Mutex<Certificates>,
    pub(super) signer: &'c Signer,
    pub(super) dialler: Dialler,
    /// In seconds since 1970.
    pub(super) now: i64,
}

/// Who speaks to whom, and how: requests with the same ends can share a connection.
type Ends = (IpAddr, SocketAddr, Option<Spoken>);

/// A request that is ready to go.
struct Ready {
    /// Its place among the requests.
    place: usize,
    bytes: Vec<u8>,
    /// Whether its response has no body.
    bodiless: bool,
}

impl Caller<'_> {
    /// Sends requests, each to its place in `sent`: those that can share a connection together, all others alone.
    pub(super) fn send_all(
        &mut self,
        mesh: &Mesh,
        index: usize,
        requests: &[(usize, &Request)],
        sent: &mut [Option<Sent>],
    ) {
        let mut together: BTreeMap<Ends, Vec<Ready>> = BTreeMap::new();
        let mut put = |place: usize, settled: Sent| {
            if let Some(slot) = sent.get_mut(place) {
                *slot = Some(settled);
            }
        };
        for &(place, request) in requests {
            match self.ready(mesh, index, (place, request)) {
                Err(reason) => put(place, Sent::Settled(Reply::NotSent(reason))),
                Ok((ends, ready)) if stands_alone(mesh, request) => {
                    put(place, self.alone(&ends, &ready));
                }
                Ok((ends, ready)) => together.entry(ends).or_default().push(ready),
            }
        }
        for (ends, ready) in together {
            self.send_together(&ends, &ready, &mut put);
        }
    }

    /// Sends requests with the same ends; where the other end closes, the rest goes over another connection.
    fn send_together(&mut self, ends: &Ends, ready: &[Ready], put: &mut impl FnMut(usize, Sent)) {
        let mut rest = ready;
        while let Some((first, _)) = rest.split_first() {
            let answers = self.in_turn(ends, rest);
            for (ready, answer) in rest.iter().zip(&answers) {
                put(ready.place, settled(answer.clone(), None));
            }
            if answers.is_empty() {
                // The first of them is what the other end does not answer: it is looked at alone.
                put(first.place, self.alone(ends, first));
            }
            rest = rest.get(answers.len().max(1)..).unwrap_or_default();
        }
    }

    /// The answers to the first of several requests over one connection.
    fn in_turn(&mut self, ends: &Ends, ready: &[Ready]) -> Vec<Answer> {
        let (from, to, spoken) = ends;
        let Ok(mut connection) = self.dialler.dial(*from, *to, spoken.as_ref()) else {
            return Vec::new();
        };
        let requests = ready
            .iter()
            .map(|ready| (ready.bytes.as_slice(), ready.bodiless));
        let answers = exchange_all(&mut connection, &requests.collect::<Vec<_>>());
        if connection.protocol() == Some(b"h2") { Vec::new() } else { answers }
    }

    /// What becomes of one request over a connection of its own.
    fn alone(&mut self, ends: &Ends, ready: &Ready) -> Sent {
        let (from, to, spoken) = ends;
        let not = |reason: String| Sent::Settled(Reply::NotSent(reason));
        let mut connection = match self.dialler.dial(*from, *to, spoken.as_ref()) {
            Ok(connection) => connection,
            Err(NoConnection::Unsayable(reason)) => return not(reason),
            Err(NoConnection::Socket(error)) => return not(format!("{from} to {to}: {error}")),
        };
        let answer = exchange(&mut connection, &ready.bytes, ready.bodiless);
        if connection.protocol() == Some(b"h2") {
            return not("TLS settled on HTTP/2, which is not spoken here".to_owned());
        }
        settled(answer, Some(&connection))
    }

    /// A request as it goes over a connection.
    fn ready(
        &self,
        mesh: &Mesh,
        index: usize,
        (place, request): (usize, &Request),
    ) -> Result<(Ends, Ready), String> {
        unsendable(request)?;
        let (from, to) = ends(mesh, index, request)
            .ok_or("the caller's and the workload's addresses are of different families")?;
        let (bytes, bodiless) = self.bytes(request)?;
        let spoken = request.tls.as_ref().map(|tls| {
            let certificate = tls.certificate.as_ref();
            let certificate = certificate.map(|certificate| {
                let certificates = self.certificates.lock();
                certificates
                    .unwrap_or_else(PoisonError::into_inner)
                    .issue(&certificate.uris, certificate.of_this_mesh)
                    .map_err(|error| error.to_string())
            });
            Ok::<Spoken, String>(Spoken {
                certificate: certificate.transpose()?,
                alpn: tls.alpn.clone(),
                server_name: tls.server_name.clone().unwrap_or_default(),
            })
        });
        Ok(((from, to, spoken.transpose()?), Ready { place, bytes, bodiless }))
    }

    /// The bytes of a request, and whether its response has no body.
    fn bytes(&self, request: &Request) -> Result<(Vec<u8>, bool), String> {
        let http = match &request.payload {
            Payload::Bytes => return Ok((BYTES.to_vec(), false)),
            Payload::Http(http) => http,
        };
        let HttpRequest { method, target, host, headers, version } = http;
        let version = match version {
            HttpVersion::Http10 => "HTTP/1.0",
            HttpVersion::Http11 => "HTTP/1.1",
            HttpVersion::Http2 => return Err("HTTP/2 is not spoken here".to_owned()),
        };
        let mut tokens = Vec::new();
        for stated in &request.tokens {
            let text = stated.text.as_str();
            if target.contains(text) || headers.iter().any(|(_, value)| value.contains(text)) {
                let token = self
                    .signer
                    .token(stated, self.now)
                    .map_err(|error| error.to_string())?;
                tokens.push((text, token));
            }
        }
        let real = |text: &str| {
            let replaced =
                |text: String, (stated, token): &(&str, String)| text.replace(stated, token);
            tokens.iter().fold(text.to_owned(), replaced)
        };
        let mut text = format!("{method} {} {version}\r\n", real(target));
        if let Some(host) = host {
            text.push_str(&format!("Host: {host}\r\n"));
        }
        for (name, value) in headers {
            text.push_str(&format!("{name}: {}\r\n", real(value)));
        }
        text.push_str("\r\n");
        Ok((text.into_bytes(), method == "HEAD"))
    }
}

/// What an answer says; the connection is asked for where it was closed.
fn settled(answer: Answer, connection: Option<&Connection>) -> Sent {
    Sent::Settled(match (answer, connection) {
        (Answer::Closed, Some(connection)) => {
            let (from, to) = connection.ends();
            return Sent::Closed(from, to);
        }
        (Answer::Echoed, _) => Reply::Observed(let_through()),
        (Answer::Response { status, details, .. }, _) => {
            Reply::Observed(observed(status, &details))
        }
        (Answer::Silent, _) => Reply::NotSent("nothing came back in time".to_owned()),
        (Answer::Strange(what), _) => Reply::NotSent(what),
        (Answer::Closed, None) => Reply::NotSent("the connection was closed".to_owned()),
    })
}

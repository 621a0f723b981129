//! Meshes and requests → what a real Envoy does with each; many meshes share one Envoy.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;

use super::certificates::{Certificates, Unissuable};
use super::connection::{Connection, Dialler, NoConnection, Spoken};
use super::exchange::{Answer, Observed, closed, exchange, exchange_all, let_through, observed};
use super::process::{Folder, RealEnvoy, Unstarted};
use super::tokens::{NoKey, Signer};
use crate::envoy::{self, Message, Place};
use crate::istio::ProviderKind;
use crate::mesh::{ListenerClass, Mesh, ProviderStub, Seen};
use crate::request::{HttpRequest, HttpVersion, Payload, Request};

/// So many meshes share one Envoy.
const TOGETHER: usize = 100;
/// So many requests go over one connection at once.
const PIPELINED: usize = 50;
/// What is sent where bytes are no HTTP.
const BYTES: &[u8] = b"\x00portcullis\n";
/// How often the line about a connection is looked for.
const LOOKS: usize = 100;
/// Where a caller is whose address is not said: in a block for benchmarks (RFC 2544).
pub const SOMEWHERE: IpAddr = IpAddr::V4(Ipv4Addr::new(198, 18, 0, 1));

/// A mesh and the requests at it.
#[derive(Debug)]
pub struct Asked<'a> {
    /// The mesh.
    pub mesh: &'a Mesh,
    /// The requests.
    pub requests: Vec<Request>,
}

/// What became of one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// It was sent, and this is what happened.
    Observed(Observed),
    /// It cannot be sent by what is here, with the reason.
    NotSent(String),
}

/// Why nothing could be asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// No certificate can be made.
    #[error(transparent)]
    Certificate(#[from] Unissuable),
    /// No key can be made.
    #[error(transparent)]
    Key(#[from] NoKey),
    /// No Envoy runs.
    #[error(transparent)]
    Unstarted(#[from] Unstarted),
}

/// Asks an Envoy, the program at `program`, about every request; `now` is in seconds since 1970, `to_text` writes a
/// configuration as JSON. The replies are in the order of the requests.
///
/// # Errors
/// No Envoy could be started with what the meshes need.
pub fn ask(
    program: &Path,
    asked: &[Asked<'_>],
    now: i64,
    to_text: &dyn Fn(&Message) -> String,
) -> Result<Vec<Vec<Reply>>, Failure> {
    let mut replies = Vec::with_capacity(asked.len());
    let mut rest = asked;
    while !rest.is_empty() {
        let mut served = Served::default();
        let mut count = 0;
        for (index, asked) in rest.iter().take(TOGETHER).enumerate() {
            if !served.take_in(index, asked) {
                break;
            }
            count += 1;
        }
        if count == 0
            && let Some(first) = rest.first()
        {
            // Two of its own workloads meet at one address: the first is served there.
            served.take_in_what_fits(0, first);
        }
        let (these, others) = rest.split_at_checked(count.max(1)).unwrap_or((rest, &[]));
        replies.extend(run(program, these, &served, now, to_text)?);
        rest = others;
    }
    Ok(replies)
}

/// The addresses that one Envoy listens at, and for which workload of which mesh.
#[derive(Default)]
struct Served(BTreeMap<SocketAddr, (usize, usize)>);

impl Served {
    /// Takes in the addresses that requests go to. Where another mesh has one of them, nothing is taken in.
    fn take_in(&mut self, index: usize, asked: &Asked<'_>) -> bool {
        let mut wanted = BTreeMap::new();
        for request in &asked.requests {
            let Some((_, to)) = ends(asked.mesh, index, request) else { continue };
            let met = self.0.get(&to).or_else(|| wanted.get(&to));
            if met.is_some_and(|met| *met != (index, request.workload)) {
                return false;
            }
            wanted.insert(to, (index, request.workload));
        }
        self.0.extend(wanted);
        true
    }
}

impl Served {
    /// Takes in the addresses of a mesh that stands alone, each for the first workload that is called there.
    fn take_in_what_fits(&mut self, index: usize, asked: &Asked<'_>) {
        for request in &asked.requests {
            if let Some((_, to)) = ends(asked.mesh, index, request) {
                self.0.entry(to).or_insert((index, request.workload));
            }
        }
    }
}

/// From where to where a request goes; absent where the two addresses are of different families.
fn ends(mesh: &Mesh, index: usize, request: &Request) -> Option<(IpAddr, SocketAddr)> {
    let from = request.source_ip.unwrap_or(SOMEWHERE);
    let own = mesh
        .workload(request.workload)
        .map_or(&[][..], |workload| workload.ips.as_slice());
    let same = |address: &&IpAddr| address.is_ipv4() == from.is_ipv4();
    let to = request
        .destination_ip
        .or_else(|| own.iter().find(same).copied());
    let to = match to {
        Some(to) => to,
        // Nothing asks for an address that is not said: any does.
        None if own.is_empty() && from.is_ipv4() => {
            let low = u16::try_from(index).unwrap_or_default().to_be_bytes();
            let workload = u8::try_from(request.workload).ok()?;
            IpAddr::V4(Ipv4Addr::new(198, 19_u8.wrapping_add(low[0]), low[1], workload))
        }
        None => return None,
    };
    (to.is_ipv4() == from.is_ipv4()).then_some((from, SocketAddr::new(to, request.port)))
}

fn run(
    program: &Path,
    asked: &[Asked<'_>],
    served: &Served,
    now: i64,
    to_text: &dyn Fn(&Message) -> String,
) -> Result<Vec<Vec<Reply>>, Failure> {
    let mut certificates = Certificates::new()?;
    let signer = Signer::new()?;
    let folder = Folder::new()?;
    let server =
        certificates.issue(&["spiffe://cluster.local/ns/server/sa/server".to_owned()], true)?;
    let material = folder.material(&server.pem, certificates.roots())?;
    let log = folder.path(RealEnvoy::CONNECTIONS);
    let keys = |provider: &crate::mesh::TokenProvider| signer.keys_of(provider);
    let mut listeners = Vec::new();
    let mut clusters = Vec::new();
    for (index, asked) in asked.iter().enumerate() {
        let behind = format!("#{index}");
        let authorizers = envoy::authorizers(asked.mesh, &behind);
        listeners.extend(authorizers.listeners);
        clusters.extend(authorizers.clusters);
        for (to, (_, workload)) in served.0.iter().filter(|(_, (of, _))| *of == index) {
            let place = Place {
                workload: *workload,
                address: to.ip(),
                port: to.port(),
                material: &material,
                keys: &keys,
                behind: &behind,
                connection_log: Some(&log),
                http2: false,
            };
            // What cannot be served is found again for each request at it.
            listeners.extend(envoy::listener(asked.mesh, &place));
        }
    }
    let configuration = to_text(&envoy::bootstrap(listeners, clusters));
    let envoy = RealEnvoy::start(program, folder, &configuration)?;
    let mut caller = Caller { certificates, signer, dialler: Dialler::new(), now };
    let mut sent = Vec::new();
    for (index, asked) in asked.iter().enumerate() {
        let mut servable = BTreeMap::new();
        let mut of_mesh = Vec::with_capacity(asked.requests.len());
        let mut sendable = Vec::new();
        for request in &asked.requests {
            let here = servable
                .entry((request.workload, request.port))
                .or_insert_with(|| unservable(asked.mesh, request.workload, request.port));
            let at = ends(asked.mesh, index, request).map(|(_, to)| to);
            let met = at
                .and_then(|at| served.0.get(&at))
                .is_some_and(|of| *of != (index, request.workload));
            let not = |reason: &str| Some(Sent::Settled(Reply::NotSent(reason.to_owned())));
            let known = match here {
                _ if met => not("another workload stands at the same address"),
                Ok(()) => None,
                Err(reason) => not(reason),
            };
            if known.is_none() {
                sendable.push((of_mesh.len(), request));
            }
            of_mesh.push(known);
        }
        caller.send_all(asked.mesh, index, &sendable, &mut of_mesh);
        let of_mesh = of_mesh
            .into_iter()
            .map(|sent| sent.unwrap_or_else(unsent))
            .collect();
        sent.push(of_mesh);
    }
    Ok(settle(&envoy, sent))
}

/// What is known of a request when it has been sent.
enum Sent {
    Settled(Reply),
    /// The connection, by our end of it and the other, was closed without an answer: the log says why.
    Closed(SocketAddr, SocketAddr),
}

/// By what the line about a connection is found.
fn line_of(from: SocketAddr, to: SocketAddr) -> String {
    format!("{from} {to}")
}

/// Looks up why connections were closed.
fn settle(envoy: &RealEnvoy, sent: Vec<Vec<Sent>>) -> Vec<Vec<Reply>> {
    let mut waiting: BTreeMap<String, Option<String>> = sent
        .iter()
        .flatten()
        .filter_map(|sent| match sent {
            Sent::Closed(from, to) => Some((line_of(*from, *to), None)),
            Sent::Settled(_) => None,
        })
        .collect();
    for _ in 0..LOOKS {
        for line in envoy.connections().lines() {
            let mut words = line.splitn(3, '\t');
            if let (Some(from), Some(to), Some(rest)) = (words.next(), words.next(), words.next())
                && let Some(found) = waiting.get_mut(&format!("{from} {to}"))
            {
                *found = Some(rest.to_owned());
            }
        }
        if waiting.values().all(Option::is_some) {
            break;
        }
        RealEnvoy::pause();
    }
    let reply = |sent| match sent {
        Sent::Settled(reply) => reply,
        Sent::Closed(from, to) => match waiting.get(&line_of(from, to)) {
            Some(Some(line)) => Reply::Observed(closed(line)),
            _ => Reply::NotSent("Envoy wrote no line about the connection".to_owned()),
        },
    };
    let of_mesh = |sent: Vec<Sent>| sent.into_iter().map(reply).collect();
    sent.into_iter().map(of_mesh).collect()
}

struct Caller {
    certificates: Certificates,
    signer: Signer,
    dialler: Dialler,
    now: i64,
}

/// Who speaks to whom, and how: requests with the same ends can share a connection.
type Ends = (IpAddr, SocketAddr, Option<Spoken>);

/// A request that is ready to go: its place, its bytes, and whether its response has no body.
type Ready = (usize, Vec<u8>, bool);

/// Every request is sent, or said not to be.
fn unsent() -> Sent {
    Sent::Settled(Reply::NotSent("it was left over".to_owned()))
}

impl Caller {
    /// Sends requests, each to its place in `sent`: those that can share a connection together, all others alone.
    fn send_all(
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
        for (place, request) in requests {
            match self.ready(mesh, index, request) {
                Err(reason) => put(*place, Sent::Settled(Reply::NotSent(reason))),
                Ok((ends, bytes, bodiless)) if stands_alone(mesh, request) => {
                    put(*place, self.alone(&ends, &bytes, bodiless));
                }
                Ok((ends, bytes, bodiless)) => {
                    together
                        .entry(ends)
                        .or_default()
                        .push((*place, bytes, bodiless));
                }
            }
        }
        for (ends, ready) in together {
            let mut rest = ready.as_slice();
            while let Some((first, _)) = rest.split_first() {
                let now = rest.get(..PIPELINED.min(rest.len())).unwrap_or(rest);
                let answers = self.pipelined(&ends, now);
                for ((place, ..), answer) in now.iter().zip(&answers) {
                    put(*place, settled(answer.clone(), None));
                }
                if answers.is_empty() {
                    // The first of them is what the other end does not answer: it is looked at alone.
                    put(first.0, self.alone(&ends, &first.1, first.2));
                }
                rest = rest.get(answers.len().max(1)..).unwrap_or_default();
            }
        }
    }

    /// The answers to the first of several requests over one connection.
    fn pipelined(&mut self, ends: &Ends, ready: &[Ready]) -> Vec<Answer> {
        let (from, to, spoken) = ends;
        let Ok(mut connection) = self.dialler.dial(*from, *to, spoken.as_ref()) else {
            return Vec::new();
        };
        let requests: Vec<(Vec<u8>, bool)> = ready
            .iter()
            .map(|(_, bytes, bodiless)| (bytes.clone(), *bodiless))
            .collect();
        let answers = exchange_all(&mut connection, &requests);
        if connection.protocol() == Some(b"h2") { Vec::new() } else { answers }
    }

    /// What becomes of one request over a connection of its own.
    fn alone(&mut self, ends: &Ends, bytes: &[u8], bodiless: bool) -> Sent {
        let (from, to, spoken) = ends;
        let not = |reason: String| Sent::Settled(Reply::NotSent(reason));
        let mut connection = match self.dialler.dial(*from, *to, spoken.as_ref()) {
            Ok(connection) => connection,
            Err(NoConnection::Unsayable(reason)) => return not(reason),
            Err(NoConnection::Socket(error)) => return not(format!("{from} to {to}: {error}")),
        };
        let answer = exchange(&mut connection, bytes, bodiless);
        if connection.protocol() == Some(b"h2") {
            return not("TLS settled on HTTP/2, which is not spoken here".to_owned());
        }
        settled(answer, Some(&connection))
    }

    /// A request as it goes over a connection.
    fn ready(
        &mut self,
        mesh: &Mesh,
        index: usize,
        request: &Request,
    ) -> Result<(Ends, Vec<u8>, bool), String> {
        unsendable(request)?;
        let (from, to) = ends(mesh, index, request)
            .ok_or("the caller's and the workload's addresses are of different families")?;
        let (bytes, bodiless) = self.bytes(request)?;
        let spoken = match &request.tls {
            None => None,
            Some(tls) => {
                let certificate = tls.certificate.as_ref();
                let certificate = certificate.map(|certificate| {
                    self.certificates
                        .issue(&certificate.uris, certificate.of_this_mesh)
                        .map_err(|error| error.to_string())
                });
                Some(Spoken {
                    certificate: certificate.transpose()?,
                    alpn: tls.alpn.clone(),
                    server_name: tls.server_name.clone().unwrap_or_default(),
                })
            }
        };
        Ok(((from, to, spoken), bytes, bodiless))
    }

    /// The bytes of a request, and whether its response has no body.
    fn bytes(&self, request: &Request) -> Result<(Vec<u8>, bool), String> {
        let http = match &request.payload {
            Payload::Bytes => return Ok((BYTES.to_vec(), false)),
            Payload::Http(http) => http,
        };
        let mut tokens = Vec::new();
        for stated in &request.tokens {
            let token = self
                .signer
                .token(stated, self.now)
                .map_err(|error| error.to_string())?;
            tokens.push((stated.text.as_str(), token));
        }
        let real = |text: &str| {
            let replaced =
                |text: String, (stated, token): &(&str, String)| text.replace(stated, token);
            tokens.iter().fold(text.to_owned(), replaced)
        };
        let HttpRequest { method, target, host, headers, version } = http;
        let version = match version {
            HttpVersion::Http10 => "HTTP/1.0",
            HttpVersion::Http11 => "HTTP/1.1",
            HttpVersion::Http2 => return Err("HTTP/2 is not spoken here".to_owned()),
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

/// Whether nothing else may go over the connection of a request: what its first bytes are decides what the connection is
/// for, or it turns the connection into something else.
fn stands_alone(mesh: &Mesh, request: &Request) -> bool {
    let Payload::Http(http) = &request.payload else { return true };
    let workload = mesh.workload(request.workload);
    let http_only =
        workload.is_some_and(|workload| workload.class_of(request.port) == ListenerClass::Http);
    let turns = |(name, _): &(String, String)| {
        name.eq_ignore_ascii_case("upgrade") || name.eq_ignore_ascii_case("connection")
    };
    // Behind an answer to what may have a body, Envoy closes the connection.
    let bodiless = ["DELETE", "GET", "HEAD", "OPTIONS"].contains(&http.method.as_str());
    !http_only || !bodiless || http.headers.iter().any(turns)
}

/// Why a request cannot be sent as it is meant.
fn unsendable(request: &Request) -> Result<(), String> {
    if let Some(doubt) = &request.doubt {
        return Err(doubt.clone());
    }
    if request.remote_ip.is_some() {
        return Err("the client's address is stated, not sent".to_owned());
    }
    Ok(())
}

/// Why a port of a workload cannot be asked here.
fn unservable(mesh: &Mesh, index: usize, port: u16) -> Result<(), String> {
    let workload = mesh.workload(index).ok_or("no workload is meant")?;
    if workload.interception.inbound(port) != Seen::Yes {
        return Err("the port is not the sidecar's".to_owned());
    }
    let nothing = String::new;
    let material =
        crate::envoy::Material { certificate: nothing(), key: nothing(), roots: nothing() };
    let place = Place {
        workload: index,
        address: SOMEWHERE,
        port,
        material: &material,
        keys: &envoy::own_keys,
        behind: "",
        connection_log: None,
        http2: false,
    };
    if let Err(error) = envoy::listener(mesh, &place) {
        return Err(error.to_string());
    }
    let Some(enforcement) = mesh.enforcement(index) else { return Ok(()) };
    for custom in enforcement.custom.values() {
        let Ok(provider) = &custom.provider else { continue };
        let stubbed = mesh.stubs.get(&provider.name.value);
        let fails = stubbed == Some(&ProviderStub::Error);
        let answers = fails || (provider.kind == ProviderKind::Http && stubbed.is_some());
        if !answers {
            return Err(format!("nothing here answers as provider `{}`", provider.name.value));
        }
    }
    Ok(())
}

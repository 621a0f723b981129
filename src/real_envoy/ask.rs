//! Meshes and requests → what a real Envoy does with each; many meshes share one Envoy.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;

use super::certificates::{Certificates, Unissuable};
use super::connection::{Connection, Dialler, NoConnection, Spoken};
use super::exchange::{Answer, Observed, closed, exchange, let_through, observed};
use super::process::{Folder, RealEnvoy, Unstarted};
use super::tokens::{NoKey, Signer};
use crate::envoy::{self, Message, Place};
use crate::istio::ProviderKind;
use crate::mesh::{Mesh, ProviderStub};
use crate::request::{HttpRequest, HttpVersion, Payload, Request};

/// So many meshes share one Envoy.
const TOGETHER: usize = 100;
/// What is sent where bytes are no HTTP.
const BYTES: &[u8] = b"\x00portcullis\n";
/// How often the line about a connection is looked for.
const LOOKS: usize = 100;
/// Where a caller is whose address is not said: in a block for benchmarks (RFC 2544).
const SOMEWHERE: IpAddr = IpAddr::V4(Ipv4Addr::new(198, 18, 0, 1));

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
        // One alone always fits: its own addresses do not meet each other.
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
    let mut caller =
        Caller { certificates, signer, dialler: Dialler::new(), open: BTreeMap::new(), now };
    let mut sent = Vec::new();
    for (index, asked) in asked.iter().enumerate() {
        let mut servable = BTreeMap::new();
        let mut of_mesh = Vec::with_capacity(asked.requests.len());
        for request in &asked.requests {
            let served = servable
                .entry((request.workload, request.port))
                .or_insert_with(|| unservable(asked.mesh, request.workload, request.port));
            of_mesh.push(match served {
                Ok(()) => caller.send(asked.mesh, index, request),
                Err(reason) => Sent::Settled(Reply::NotSent(reason.clone())),
            });
        }
        // The next mesh stands at other addresses.
        caller.open.clear();
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
    /// Connections over which another request can go, by who speaks to whom.
    open: BTreeMap<(IpAddr, SocketAddr, Option<Spoken>), Connection>,
    now: i64,
}

impl Caller {
    fn send(&mut self, mesh: &Mesh, index: usize, request: &Request) -> Sent {
        self.sent(mesh, index, request)
            .unwrap_or_else(|reason| Sent::Settled(Reply::NotSent(reason)))
    }

    fn sent(&mut self, mesh: &Mesh, index: usize, request: &Request) -> Result<Sent, String> {
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
        let ends = (from, to, spoken);
        // What turns a connection into something else has one of its own.
        let alone = !matches!(&request.payload, Payload::Http(http) if http.headers.iter().all(|(name, _)| {
            !name.eq_ignore_ascii_case("upgrade") && !name.eq_ignore_ascii_case("connection")
        }) && http.method != "CONNECT");
        if !alone && let Some(mut connection) = self.open.remove(&ends) {
            // It may have been closed since: then the request goes over a new one.
            let answer = exchange(&mut connection, &bytes, bodiless);
            if let Answer::Response { .. } = answer {
                return self.settled(answer, connection, ends, alone);
            }
        }
        let mut connection = match self.dialler.dial(from, to, ends.2.as_ref()) {
            Ok(connection) => connection,
            Err(NoConnection::Unsayable(reason)) => return Err(reason),
            Err(NoConnection::Socket(error)) => return Err(format!("{from} to {to}: {error}")),
        };
        let answer = exchange(&mut connection, &bytes, bodiless);
        if connection.protocol() == Some(b"h2") {
            return Err("TLS settled on HTTP/2, which is not spoken here".to_owned());
        }
        self.settled(answer, connection, ends, alone)
    }

    /// What an answer says; a connection that stays open is kept.
    fn settled(
        &mut self,
        answer: Answer,
        connection: Connection,
        ends: (IpAddr, SocketAddr, Option<Spoken>),
        alone: bool,
    ) -> Result<Sent, String> {
        match answer {
            Answer::Closed => {
                let (from, to) = connection.ends();
                Ok(Sent::Closed(from, to))
            }
            Answer::Echoed => Ok(Sent::Settled(Reply::Observed(let_through()))),
            Answer::Response { status, details, open } => {
                if open && !alone {
                    self.open.insert(ends, connection);
                }
                Ok(Sent::Settled(Reply::Observed(observed(status, &details))))
            }
            Answer::Silent => Err("nothing came back in time".to_owned()),
            Answer::Strange(what) => Err(what),
        }
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
    if workload.uncaptured.takes(port) {
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

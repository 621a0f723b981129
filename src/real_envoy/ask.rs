//! Meshes and requests → what a real Envoy does with each; many meshes share one Envoy.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use super::caller::{Caller, Sent};
use super::certificates::{Certificates, Unissuable};
use super::connection::Dialler;
use super::exchange::{Observed, closed};
use super::process::{Folder, Program, RealEnvoy, Unstarted};
use super::shared::unservable;
use super::tokens::{NoKey, Signer};
use crate::envoy::{self, Message, Place, Startup};
use crate::mesh::Mesh;
use crate::request::Request;

/// So many meshes share one Envoy.
const TOGETHER: usize = 100;
/// So many meshes are asked about at once: while one waits for a connection to end, the others go on.
const AT_ONCE: usize = 6;
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

/// Asks an Envoy about every request; `now` is in seconds since 1970, `to_text` writes a
/// configuration as JSON. The replies are in the order of the requests.
///
/// # Errors
/// No Envoy could be started with what the meshes need.
pub fn ask(
    program: &Program<'_>,
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
pub(super) fn ends(mesh: &Mesh, index: usize, request: &Request) -> Option<(IpAddr, SocketAddr)> {
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
    program: &Program<'_>,
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
        // Several Envoys may run in one namespace: what they name there must differ.
        let behind = format!("#{}-{index}", folder.number());
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
    let socket = folder.path(RealEnvoy::ADMINISTRATION);
    let startup = Startup { administration: Some(&socket), guards_off: program.guards_off };
    let configuration = to_text(&envoy::bootstrap(listeners, clusters, startup));
    let mut envoy = RealEnvoy::start(program, folder, &configuration)?;
    let certificates = Mutex::new(certificates);
    let sent: Vec<Mutex<Vec<Sent>>> = asked.iter().map(|_| Mutex::default()).collect();
    let next = AtomicUsize::new(0);
    let work = || {
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let (Some(asked), Some(sent)) = (asked.get(index), sent.get(index)) else { break };
            let dialler = Dialler::new();
            let caller = Caller { certificates: &certificates, signer: &signer, dialler, now };
            let done = send(caller, asked, index, served);
            *sent.lock().unwrap_or_else(PoisonError::into_inner) = done;
        }
    };
    thread::scope(|scope| {
        for _ in 1..AT_ONCE.min(asked.len()) {
            scope.spawn(work);
        }
        work();
    });
    envoy.runs()?;
    let sent = sent.into_iter();
    let sent = sent.map(|sent| sent.into_inner().unwrap_or_else(PoisonError::into_inner));
    Ok(settle(&envoy, sent.collect()))
}

/// Sends the requests at one mesh.
fn send(mut caller: Caller<'_>, asked: &Asked<'_>, index: usize, served: &Served) -> Vec<Sent> {
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
    of_mesh
        .into_iter()
        .map(|sent| sent.unwrap_or_else(unsent))
        .collect()
}

/// Every request is sent, or said not to be.
fn unsent() -> Sent {
    Sent::Settled(Reply::NotSent("it was left over".to_owned()))
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

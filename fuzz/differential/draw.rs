//! A seed → a mesh and requests at it: many callers, each with many requests.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use portcullis::decide::Verdict;
use portcullis::istio::ProviderKind;
use portcullis::mesh::{Dataplane, IstioVersion, Mesh, ProviderStub};
use portcullis::real_envoy;
use portcullis::request::{HttpVersion, Payload, Request, RequestSpec};

use crate::edge;
use crate::generate::{Random, World, question};

/// So many requests at most come from one caller at one port.
const OF_ONE: usize = 250;
/// So many where each needs a connection of its own.
const OF_ONE_ALONE: usize = 4;
/// So many requests of which it is known that nothing here answers them are enough for one mesh.
const UNANSWERED: usize = 100;
/// So many tokens are there at one mesh.
const TOKENS: usize = 60;
/// One in so many of what is refused before any policy is asked.
const REJECTED: usize = 8;

/// A mesh and the requests at it.
pub(crate) struct Drawn {
    pub(crate) seed: u64,
    pub(crate) world: World,
    pub(crate) mesh: Mesh,
    pub(crate) specs: Vec<RequestSpec>,
    pub(crate) requests: Vec<Request>,
}

/// What is drawn.
#[derive(Clone, Copy)]
pub(crate) struct Wish {
    /// So many requests at each mesh.
    pub(crate) count: usize,
    pub(crate) istio: Option<IstioVersion>,
    /// In seconds since 1970.
    pub(crate) now: i64,
}

/// Draws; `place` is the mesh's place among those that share an Envoy.
pub(crate) fn draw(seed: u64, place: u16, wish: Wish) -> Drawn {
    let mut random = Random::new(seed);
    let world = World::of(&mut random);
    let mut mesh = world.mesh();
    std::sync::Arc::make_mut(&mut mesh.settings).istio_version = wish.istio;
    let edges = edge::of(&world);
    let mut drawn = Drawn { seed, world, mesh, specs: Vec::new(), requests: Vec::new() };
    let tokens: Vec<RequestSpec> = (0..TOKENS)
        .map(|_| {
            let mut spec = question(&mut random);
            for _ in 0..random.below(4) {
                edge::move_token(&mut random, &edges, &mut spec);
            }
            spec
        })
        .collect();
    let mut unanswered = 0;
    // A mesh at which hardly anything can be asked is left behind.
    for _ in 0..wish.count {
        if drawn.requests.len() >= wish.count || unanswered > UNANSWERED {
            break;
        }
        let mut caller = sayable(question(&mut random), wish.now);
        if random.once_in(2) {
            edge::move_caller(&mut random, &edges, &mut caller);
        }
        let mut left = OF_ONE.min(wish.count - drawn.requests.len());
        while left > 0 {
            left -= 1;
            let asked = sayable(question(&mut random), wish.now);
            let with = tokens
                .get(random.below(TOKENS))
                .map_or(Vec::new(), |with| with.tokens.clone());
            let mut spec = RequestSpec { http: asked.http, tokens: with, ..caller.clone() };
            for _ in 0..random.below(4) {
                edge::move_request(&mut random, &edges, &mut spec);
            }
            let Ok(found) = drawn.mesh.requests(&spec) else { break };
            for mut request in found {
                address(&mut request, place);
                let decision = drawn.mesh.decide(&request);
                unanswered += usize::from(is_unanswered(&drawn.mesh, &request));
                if stands_alone(&drawn.mesh, &request, decision.verdict) {
                    left = left.min(OF_ONE_ALONE);
                }
                if decision.verdict == Verdict::Rejected && !random.once_in(REJECTED) {
                    continue;
                }
                drawn.specs.push(spec.clone());
                drawn.requests.push(request);
            }
        }
    }
    drawn
}

/// What is stated instead of sent, and what no client here speaks, cannot be asked of an Envoy.
fn sayable(mut spec: RequestSpec, now: i64) -> RequestSpec {
    spec.remote_ip = None;
    spec.now = Some(now);
    if spec.http.version == HttpVersion::Http2 {
        spec.http.version = HttpVersion::Http11;
    }
    spec
}

/// Whether more of the same kind tells little: each needs a connection, or cannot be compared.
fn stands_alone(mesh: &Mesh, request: &Request, verdict: Verdict) -> bool {
    let sidecar = mesh
        .workload(request.workload)
        .is_some_and(|workload| workload.dataplane == Dataplane::Sidecar);
    let said = |byte: u8| byte.is_ascii_alphanumeric() || b"-.".contains(&byte);
    let sayable = request.tls.as_ref().is_none_or(|tls| {
        let name = tls.server_name.as_deref().unwrap_or_default();
        name.bytes().all(said) && tls.alpn.iter().all(|name| name.starts_with("istio"))
    });
    !sidecar
        || !sayable
        || is_unanswered(mesh, request)
        || request.doubt.is_some()
        || request.payload == Payload::Bytes
        || [Verdict::Refused, Verdict::Unknown].contains(&verdict)
}

/// Whether a policy asks an authorizer for which nothing answers here: one that speaks gRPC, or that nothing is said of.
fn is_unanswered(mesh: &Mesh, request: &Request) -> bool {
    let Some(enforcement) = mesh.enforcement(request.workload) else { return false };
    let mut providers = enforcement
        .custom
        .values()
        .filter_map(|custom| custom.provider.as_ref().ok());
    providers.any(|provider| {
        let stub = mesh.stubs.get(&provider.name.value);
        let answers = provider.kind == ProviderKind::Http && stub.is_some();
        !answers && stub != Some(&ProviderStub::Error)
    })
}

/// Each mesh has addresses of its own.
fn address(request: &mut Request, place: u16) {
    request.source_ip.get_or_insert(real_envoy::SOMEWHERE);
    let workload = 3 + u8::try_from(request.workload).unwrap_or_default();
    let [high, low] = place.to_be_bytes();
    request.destination_ip = Some(match request.source_ip {
        Some(IpAddr::V6(_)) => {
            IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, place, 0, 0, 0, 0, workload.into()))
        }
        _ => IpAddr::V4(Ipv4Addr::new(10, 100 + high, low, workload)),
    });
}

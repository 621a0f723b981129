//! Listeners → a configuration that Envoy starts with, and what answers in place of external authorizers.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

use super::ext_authz;
use super::listener::socket_address;
use super::message::Message;
use crate::istio::ProviderKind;
use crate::mesh::{Mesh, ProviderStub};

/// Where Istio's proxies have their administration.
const ADMIN_PORT: u16 = 15000;

/// What answers in place of the external authorizers of a mesh.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Authorizers {
    /// The listeners that answer.
    pub listeners: Vec<Message>,
    /// The clusters that lead there, under the names that the filters ask for.
    pub clusters: Vec<Message>,
    /// The providers that nothing answers for: they speak gRPC, or it is not said what they answer.
    pub silent: BTreeSet<String>,
}

/// What answers in place of a mesh's external authorizers. `behind` stands behind the names of clusters.
#[must_use]
pub fn authorizers(mesh: &Mesh, behind: &str) -> Authorizers {
    let mut authorizers = Authorizers::default();
    let mut seen = BTreeSet::new();
    for (index, provider) in mesh.settings.providers.iter().enumerate() {
        let name = &provider.name.value;
        let stub = mesh.stubs.get(name);
        let routes = match (provider.kind, stub) {
            (ProviderKind::Other, _) => continue,
            (_, Some(ProviderStub::Error)) => None,
            (ProviderKind::Http, Some(stub)) => Some(answers(stub)),
            (ProviderKind::Grpc, _) | (ProviderKind::Http, None) => {
                authorizers.silent.insert(name.clone());
                None
            }
        };
        let cluster = ext_authz::cluster(provider, behind);
        if !seen.insert(cluster.clone()) {
            continue;
        }
        // An abstract socket: no file, no port. Where nothing listens at it, the authorizer cannot be asked.
        let address = format!("@portcullis-authorizer-{index}{behind}");
        let pipe =
            Message::object([("pipe", Message::object([("path", address.as_str().into())]))]);
        authorizers
            .clusters
            .push(leads_to(&cluster, &pipe, provider.kind == ProviderKind::Grpc));
        authorizers
            .listeners
            .extend(routes.map(|routes| answering(&address, pipe, routes)));
    }
    authorizers
}

fn leads_to(name: &str, address: &Message, http2: bool) -> Message {
    let endpoint = Message::object([("address", address.clone())]);
    let endpoints =
        Message::object([("lbEndpoints", vec![Message::object([("endpoint", endpoint)])].into())]);
    let assignment =
        Message::object([("clusterName", name.into()), ("endpoints", vec![endpoints].into())]);
    let options = http2.then(|| {
        let explicit = Message::object([("http2ProtocolOptions", Message::object([]))]);
        let options = Message::typed(
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
            Message::object([("explicitHttpConfig", explicit)]),
        );
        Message::object([("envoy.extensions.upstreams.http.v3.HttpProtocolOptions", options)])
    });
    Message::object([
        ("name", name.into()),
        ("type", "STATIC".into()),
        ("connectTimeout", "1s".into()),
        ("loadAssignment", assignment),
    ])
    .with_some("typedExtensionProtocolOptions", options)
}

/// The routes of what answers as a stub does.
fn answers(stub: &ProviderStub) -> Vec<Message> {
    let route = |takes: Message, status: u16| {
        Message::object([
            ("match", takes),
            ("directResponse", Message::object([("status", status.into())])),
        ])
    };
    let all = || Message::object([("prefix", "/".into())]);
    match stub {
        ProviderStub::Allow => vec![route(all(), 200)],
        ProviderStub::AllowWhen { header, equals } => {
            let exact = Message::object([("exact", equals.as_str().into())]);
            let header =
                Message::object([("name", header.as_str().into()), ("stringMatch", exact)]);
            vec![route(all().with_list("headers", vec![header]), 200), route(all(), 403)]
        }
        ProviderStub::Deny | ProviderStub::Error => vec![route(all(), 403)],
    }
}

fn answering(name: &str, address: Message, routes: Vec<Message>) -> Message {
    let host = Message::object([
        ("name", "authorizer".into()),
        ("domains", vec!["*".into()].into()),
        ("routes", routes.into()),
    ]);
    let router = Message::extension(
        "envoy.filters.http.router",
        "envoy.extensions.filters.http.router.v3.Router",
        Message::object([]),
    );
    let manager = Message::extension(
        "envoy.filters.network.http_connection_manager",
        "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        Message::object([
            ("statPrefix", "authorizer".into()),
            ("routeConfig", Message::object([("virtualHosts", vec![host].into())])),
            ("httpFilters", vec![router].into()),
        ]),
    );
    let chain = Message::object([("filters", vec![manager].into())]);
    Message::object([
        ("name", name.into()),
        ("address", address),
        ("filterChains", vec![chain].into()),
    ])
}

/// How an Envoy starts, beside what it listens to.
#[derive(Clone, Copy, Debug, Default)]
pub struct Startup<'s> {
    /// The socket of its administration, a path; absent: port 15000 of this machine, as in Istio.
    pub administration: Option<&'s str>,
    /// The features that are turned off by their runtime guards: `match_headers_individually`.
    pub guards_off: &'s [&'s str],
}

/// The configuration that Envoy starts with. What Istio's own says of the runtime is in it: a fragment of a path is cut
/// off, and regular expressions may be long.
#[must_use]
pub fn bootstrap(listeners: Vec<Message>, clusters: Vec<Message>, startup: Startup<'_>) -> Message {
    let guard = |name: &str| format!("envoy.reloadable_features.{name}");
    let runtime = Message::object([("re2.max_program_size.error_level", 32_768_u32.into())])
        .with(&guard("http_reject_path_with_fragment"), false);
    let runtime = startup
        .guards_off
        .iter()
        .fold(runtime, |runtime, name| runtime.with(&guard(name), false));
    let layer = Message::object([("name", "istio".into()), ("staticLayer", runtime)]);
    let resources = Message::object([])
        .with("listeners", Message::List(listeners))
        .with_list("clusters", clusters);
    let administration = match startup.administration {
        Some(path) => Message::object([("pipe", Message::object([("path", path.into())]))]),
        None => socket_address(IpAddr::V4(Ipv4Addr::LOCALHOST), ADMIN_PORT),
    };
    Message::object([
        ("node", Message::object([("id", "portcullis".into()), ("cluster", "portcullis".into())])),
        ("admin", Message::object([("address", administration)])),
        ("layeredRuntime", Message::object([("layers", vec![layer].into())])),
        ("staticResources", resources),
    ])
}

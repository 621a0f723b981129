//! One port of a workload → the listener that takes in for it what the proxy before it would.

use std::net::IpAddr;

use super::jwt::jwt_filter;
use super::message::Message;
use super::rbac::{Layer, authorization_filters, custom_filters_in};
use crate::istio::Normalization;
use crate::mesh::{
    Dataplane, Enforcement, ListenerClass, Mesh, MtlsMode, Settings, TokenProvider, Workload,
};

/// ALPN of Istio's mutual TLS that carries HTTP.
const MTLS_HTTP: &[&str] = &["istio-http/1.0", "istio-http/1.1", "istio-h2"];
/// ALPN of Istio's mutual TLS that carries bytes.
const MTLS_TCP: &[&str] = &["istio-peer-exchange", "istio"];
/// ALPN of Istio's mutual TLS.
const MTLS: &[&str] =
    &["istio", "istio-peer-exchange", "istio-http/1.0", "istio-http/1.1", "istio-h2"];
/// What the HTTP inspector calls plaintext HTTP.
const PLAINTEXT_HTTP: &[&str] = &["http/1.0", "http/1.1", "h2c"];

/// Files of certificates, as Envoy finds them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Material {
    /// The workload's certificate and those above it, PEM.
    pub certificate: String,
    /// Its key, PEM.
    pub key: String,
    /// The roots of the mesh, PEM.
    pub roots: String,
}

/// Where a port is served, and with what.
#[derive(Clone, Copy)]
pub struct Place<'p> {
    /// The workload's place in the inventory.
    pub workload: usize,
    /// The address to listen at.
    pub address: IpAddr,
    /// The workload's own port.
    pub port: u16,
    /// Certificates.
    pub material: &'p Material,
    /// The key set of a token provider.
    pub keys: &'p dyn Fn(&TokenProvider) -> String,
    /// What stands behind the names of clusters; empty where there is one mesh.
    pub behind: &'p str,
    /// The file that gets a line for every connection; absent: none.
    pub connection_log: Option<&'p str>,
    /// Whether HTTP/2 is offered in TLS, as Istio does.
    pub http2: bool,
}

impl std::fmt::Debug for Place<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Place")
            .field("workload", &self.workload)
            .field("address", &self.address)
            .field("port", &self.port)
            .finish_non_exhaustive()
    }
}

/// Why nothing can be served.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unservable {
    /// No workload of the mesh is meant.
    #[error("no workload of the mesh is meant")]
    NoWorkload,
    /// What stands before the workload is no Envoy of its own.
    #[error("`{workload}` has no Envoy of its own before it: {because}")]
    NoEnvoy {
        /// `name.namespace`.
        workload: String,
        /// Why.
        because: String,
    },
    /// At a gateway the files must say what a port takes in.
    #[error("the files do not say whether port {port} of gateway `{workload}` takes HTTP or bytes")]
    UnknownClass {
        /// `name.namespace`.
        workload: String,
        /// The port.
        port: u16,
    },
}

/// One filter chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Chain {
    /// The protocols that it takes; any where empty.
    alpn: &'static [&'static str],
    /// `tls` or `raw_buffer`; any where absent.
    transport: Option<&'static str>,
    /// Whether TLS ends here.
    tls: bool,
    layer: Layer,
}

const fn chain(
    alpn: &'static [&'static str],
    transport: Option<&'static str>,
    tls: bool,
    layer: Layer,
) -> Chain {
    Chain { alpn, transport, tls, layer }
}

/// The chains of a sidecar's port [PA-20].
fn chains(mode: MtlsMode, class: ListenerClass) -> Vec<Chain> {
    const ANY: &[&str] = &[];
    const TLS: Option<&str> = Some("tls");
    const RAW: Option<&str> = Some("raw_buffer");
    match (mode, class) {
        (MtlsMode::Strict, ListenerClass::Http) => vec![chain(ANY, TLS, true, Layer::Http)],
        (MtlsMode::Strict, ListenerClass::Tcp) => vec![chain(ANY, TLS, true, Layer::Tcp)],
        (MtlsMode::Strict, ListenerClass::Sniffed) => {
            vec![chain(MTLS_HTTP, TLS, true, Layer::Http), chain(ANY, TLS, true, Layer::Tcp)]
        }
        (MtlsMode::Permissive, ListenerClass::Http) => {
            vec![chain(MTLS, TLS, true, Layer::Http), chain(ANY, RAW, false, Layer::Http)]
        }
        (MtlsMode::Permissive, ListenerClass::Tcp) => vec![
            chain(MTLS, TLS, true, Layer::Tcp),
            chain(ANY, TLS, false, Layer::Tcp),
            chain(ANY, RAW, false, Layer::Tcp),
        ],
        (MtlsMode::Permissive, ListenerClass::Sniffed) => vec![
            chain(MTLS_HTTP, TLS, true, Layer::Http),
            chain(MTLS_TCP, TLS, true, Layer::Tcp),
            chain(ANY, TLS, false, Layer::Tcp),
            chain(PLAINTEXT_HTTP, RAW, false, Layer::Http),
            chain(ANY, RAW, false, Layer::Tcp),
        ],
        (MtlsMode::Disable, ListenerClass::Http) => vec![chain(ANY, None, false, Layer::Http)],
        (MtlsMode::Disable, ListenerClass::Tcp) => vec![chain(ANY, None, false, Layer::Tcp)],
        (MtlsMode::Disable, ListenerClass::Sniffed) => {
            vec![
                chain(PLAINTEXT_HTTP, None, false, Layer::Http),
                chain(ANY, None, false, Layer::Tcp),
            ]
        }
    }
}

/// The listener of one port. Behind the policies stand an answer 200 and, for bytes, an echo.
///
/// # Errors
/// There is no Envoy of its own before the workload.
pub fn listener(mesh: &Mesh, place: &Place<'_>) -> Result<Message, Unservable> {
    let found = mesh
        .workload(place.workload)
        .zip(mesh.enforcement(place.workload));
    let (workload, enforcement) = found.ok_or(Unservable::NoWorkload)?;
    let serving = Serving { mesh, workload, enforcement, place };
    let mode = enforcement.mtls.of_port(place.port).mode;
    let class = workload.class_of(place.port);
    let name = || workload.full_name();
    match workload.dataplane {
        Dataplane::Sidecar => Ok(serving.sidecar(mode, class)),
        Dataplane::Gateway => match class {
            ListenerClass::Http => Ok(serving.gateway(Layer::Http)),
            ListenerClass::Tcp => Ok(serving.gateway(Layer::Tcp)),
            ListenerClass::Sniffed => {
                Err(Unservable::UnknownClass { workload: name(), port: place.port })
            }
        },
        Dataplane::Ambient | Dataplane::None | Dataplane::Waypoint => Err(Unservable::NoEnvoy {
            workload: name(),
            because: workload.dataplane_because.clone(),
        }),
    }
}

/// The HTTP filters that decide, in the proxy's order: CUSTOM, tokens, AUDIT, DENY, ALLOW [AP-1].
#[must_use]
pub fn connection_manager_filters(
    mesh: &Mesh,
    enforcement: &Enforcement,
    keys: &dyn Fn(&TokenProvider) -> String,
    behind: &str,
) -> Vec<Message> {
    let mut filters = custom_filters_in(mesh, enforcement, Layer::Http, behind);
    filters.extend(jwt_filter(&enforcement.tokens, keys));
    filters.extend(authorization_filters(mesh, enforcement, Layer::Http));
    filters
}

struct Serving<'s> {
    mesh: &'s Mesh,
    workload: &'s Workload,
    enforcement: &'s Enforcement,
    place: &'s Place<'s>,
}

impl Serving<'_> {
    fn sidecar(&self, mode: MtlsMode, class: ListenerClass) -> Message {
        let mut inspectors = Vec::new();
        // Where TLS never ends, nothing looks for it: the server name stays unread [PA-20].
        if mode != MtlsMode::Disable {
            inspectors.push(tls_inspector());
        }
        if class == ListenerClass::Sniffed {
            inspectors.push(Message::extension(
                "envoy.filters.listener.http_inspector",
                "envoy.extensions.filters.listener.http_inspector.v3.HttpInspector",
                Message::object([]),
            ));
        }
        let chains = chains(mode, class)
            .into_iter()
            .map(|chain| self.chain(chain, Peers::OfTheMesh))
            .collect();
        self.listener(inspectors, chains)
    }

    fn gateway(&self, layer: Layer) -> Message {
        let terminates = self
            .workload
            .listeners
            .get(&self.place.port)
            .is_some_and(|listener| listener.terminates_tls);
        let transport = terminates.then_some("tls");
        let chain = Chain { alpn: &[], transport, tls: terminates, layer };
        self.listener(vec![tls_inspector()], vec![self.chain(chain, Peers::Anybody)])
    }

    fn listener(&self, inspectors: Vec<Message>, chains: Vec<Message>) -> Message {
        let Place { address, port, connection_log, .. } = *self.place;
        let log = connection_log.map(connection_log_of);
        Message::object([
            ("name", format!("{address}_{port}").into()),
            ("address", socket_address(address, port)),
        ])
        .with_list("listenerFilters", inspectors)
        .with("listenerFiltersTimeout", "0s")
        .with("filterChains", Message::List(chains))
        .with_list("accessLog", log.into_iter().collect())
    }

    fn chain(&self, chain: Chain, peers: Peers) -> Message {
        let protocols = chain.alpn.iter().map(|&name| Message::from(name)).collect();
        let takes = Message::object([])
            .with_some("transportProtocol", chain.transport)
            .with_list("applicationProtocols", protocols);
        let takes = (takes != Message::object([])).then_some(takes);
        let filters = match chain.layer {
            Layer::Http => vec![self.connection_manager(peers)],
            Layer::Tcp => self.network_filters(),
        };
        let socket = chain.tls.then(|| self.transport_socket(chain.layer, peers));
        Message::object([])
            .with_some("filterChainMatch", takes)
            .with("filters", Message::List(filters))
            .with_some("transportSocket", socket)
    }

    /// [AP-2]
    fn network_filters(&self) -> Vec<Message> {
        let mut filters =
            custom_filters_in(self.mesh, self.enforcement, Layer::Tcp, self.place.behind);
        filters.extend(authorization_filters(self.mesh, self.enforcement, Layer::Tcp));
        filters.push(Message::extension(
            "envoy.filters.network.echo",
            "envoy.extensions.filters.network.echo.v3.Echo",
            Message::object([]),
        ));
        filters
    }

    fn connection_manager(&self, peers: Peers) -> Message {
        let Place { keys, behind, port, workload, .. } = *self.place;
        let mut filters = connection_manager_filters(self.mesh, self.enforcement, keys, behind);
        filters.push(Message::extension(
            "envoy.filters.http.router",
            "envoy.extensions.filters.http.router.v3.Router",
            Message::object([]),
        ));
        let settings = &self.mesh.settings;
        let details =
            Message::object([("subject", true.into()), ("dns", true.into()), ("uri", true.into())]);
        let proxy = self.mesh.workload(workload).map(|to| self.mesh.proxy(to));
        let client_certificate =
            proxy.map_or("SANITIZE", |proxy| proxy.client_certificate.as_str());
        let config = Message::object([
            ("statPrefix", format!("inbound_{port}").into()),
            ("routeConfig", answer_everything()),
            ("httpFilters", filters.into()),
            ("useRemoteAddress", (peers == Peers::Anybody).into()),
            ("forwardClientCertDetails", client_certificate.into()),
            ("setCurrentClientCertDetails", details),
            ("upgradeConfigs", vec![Message::object([("upgradeType", "websocket".into())])].into()),
            ("streamIdleTimeout", "0s".into()),
            ("serverName", "istio-envoy".into()),
            ("localReplyConfig", tell_details()),
        ]);
        let hops = proxy
            .map(|proxy| proxy.num_trusted_proxies)
            .filter(|hops| peers == Peers::Anybody && *hops > 0);
        let config =
            normalized(config, settings.normalization).with_some("xffNumTrustedHops", hops);
        Message::extension(
            "envoy.filters.network.http_connection_manager",
            "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
            config,
        )
    }

    fn transport_socket(&self, layer: Layer, peers: Peers) -> Message {
        let Material { certificate, key, roots } = self.place.material;
        let file = |path: &str| Message::object([("filename", path.into())]);
        let own =
            Message::object([("certificateChain", file(certificate)), ("privateKey", file(key))]);
        let alpn: &[&str] = match layer {
            Layer::Http if !self.place.http2 => &["http/1.1"],
            Layer::Http => &["h2", "http/1.1"],
            Layer::Tcp => &["istio-peer-exchange", "h2", "http/1.1"],
        };
        let parameters = Message::object([
            ("tlsMinimumProtocolVersion", "TLSv1_2".into()),
            ("tlsMaximumProtocolVersion", "TLSv1_3".into()),
        ]);
        let common = Message::object([("tlsCertificates", vec![own].into())])
            .with("alpnProtocols", Message::List(alpn.iter().map(|&name| name.into()).collect()))
            .with("tlsParams", parameters);
        let (common, required) = match peers {
            Peers::Anybody => (common, false),
            Peers::OfTheMesh => {
                let validation = Message::object([
                    ("trustedCa", file(roots)),
                    ("matchTypedSubjectAltNames", accepted_names(&self.mesh.settings)),
                ]);
                (common.with("validationContext", validation), true)
            }
        };
        let context = Message::object([("commonTlsContext", common)])
            .with_flag("requireClientCertificate", required);
        Message::extension(
            "envoy.transport_sockets.tls",
            "envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
            context,
        )
    }
}

/// Who may speak to a listener.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Peers {
    /// Anybody, without a certificate: a gateway.
    Anybody,
    /// Who has a certificate of the mesh: a sidecar.
    OfTheMesh,
}

/// A name of the certificate must begin with an accepted trust domain [PA-22].
fn accepted_names(settings: &Settings) -> Message {
    let name = |domain: &String| {
        let prefix = Message::object([("prefix", format!("spiffe://{domain}/").into())]);
        Message::object([("sanType", "URI".into()), ("matcher", prefix)])
    };
    Message::List(settings.accepted_trust_domains.iter().map(name).collect())
}

/// How paths are normalized [PN-1].
fn normalized(config: Message, normalization: Normalization) -> Message {
    let normalize = normalization != Normalization::None;
    let merge =
        matches!(normalization, Normalization::DecodeAndMergeSlashes | Normalization::MergeSlashes);
    let escaped = if normalization == Normalization::DecodeAndMergeSlashes {
        "UNESCAPE_AND_FORWARD"
    } else {
        "KEEP_UNCHANGED"
    };
    config
        .with("normalizePath", normalize)
        .with_flag("mergeSlashes", merge)
        .with("pathWithEscapedSlashesAction", escaped)
}

pub(super) fn socket_address(address: IpAddr, port: u16) -> Message {
    Message::object([(
        "socketAddress",
        Message::object([("address", address.to_string().into()), ("portValue", port.into())]),
    )])
}

fn tls_inspector() -> Message {
    Message::extension(
        "envoy.filters.listener.tls_inspector",
        "envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector",
        Message::object([]),
    )
}

/// A route that answers everything with 200.
fn answer_everything() -> Message {
    let route = |takes: Message| {
        let answer = Message::object([("status", 200_u16.into())]);
        Message::object([("match", takes), ("directResponse", answer)])
    };
    let routes = vec![
        route(Message::object([("prefix", "/".into())])),
        // A tunnel has no path.
        route(Message::object([("connectMatcher", Message::object([]))])),
    ];
    let host = Message::object([
        ("name", "inbound".into()),
        ("domains", vec!["*".into()].into()),
        ("routes", routes.into()),
    ]);
    Message::object([("virtualHosts", vec![host].into())])
}

/// Every answer of the proxy's own says in a header what gave it.
fn tell_details() -> Message {
    let least = Message::object([("defaultValue", 100_u16.into()), ("runtimeKey", "none".into())]);
    let comparison = Message::object([("op", "GE".into()), ("value", least)]);
    let always =
        Message::object([("statusCodeFilter", Message::object([("comparison", comparison)]))]);
    let header = Message::object([
        ("key", DETAILS_HEADER.into()),
        ("value", "%RESPONSE_CODE_DETAILS%".into()),
    ]);
    let mapper = Message::object([
        ("filter", always),
        ("headersToAdd", vec![Message::object([("header", header)])].into()),
    ]);
    Message::object([("mappers", vec![mapper].into())])
}

/// The header in which an answer says what gave it.
pub(super) const DETAILS_HEADER: &str = "x-envoy-response-code-details";

/// A line a connection: the other end, this end, why TLS failed, what ended it, the flags.
fn connection_log_of(path: &str) -> Message {
    let line = "%DOWNSTREAM_DIRECT_REMOTE_ADDRESS%\t%DOWNSTREAM_LOCAL_ADDRESS%\t%DOWNSTREAM_TRANSPORT_FAILURE_REASON%\t\
                %CONNECTION_TERMINATION_DETAILS%\t%RESPONSE_FLAGS%\n";
    let format =
        Message::object([("textFormatSource", Message::object([("inlineString", line.into())]))]);
    Message::extension(
        "envoy.access_loggers.file",
        "envoy.extensions.access_loggers.file.v3.FileAccessLog",
        Message::object([("path", path.into()), ("logFormat", format)]),
    )
}

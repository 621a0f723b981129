//! Manifests → the workloads, Services and namespaces that they describe.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::listener::{ListenerClass, class_of_service_port};
use super::select::GATEWAY_NAME_LABEL;
use super::{Interception, Settings};
use crate::diagnostic::{Code, Diagnostic, FieldPath, Origin};
use crate::istio::{self, Meta, Resource, TargetPort};

/// What stands between the network and a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Dataplane {
    /// ztunnel on its node.
    Ambient,
    /// The workload is an ingress or egress gateway.
    Gateway,
    /// Nothing.
    None,
    /// Envoy beside it.
    Sidecar,
    /// The workload is a waypoint.
    Waypoint,
}

/// A workload that the files or the caller describe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workload {
    /// Its name.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// `Deployment`, `Pod` …; `workload` for one that only the caller describes.
    pub kind: String,
    /// Where it is written.
    pub origin: Option<Origin>,
    /// Its service account's name.
    pub service_account: String,
    /// The labels of its pods.
    pub labels: BTreeMap<String, String>,
    /// Its addresses, where they are known.
    pub ips: Vec<IpAddr>,
    /// What stands before it.
    pub dataplane: Dataplane,
    /// Why that is so.
    pub dataplane_because: String,
    /// The listener of each port that a Service or the caller declares. Any other port is sniffed [PA-31].
    pub listeners: BTreeMap<u16, Listener>,
    /// Ports that a container declares, Service or not.
    pub container_ports: BTreeSet<u16>,
    /// What a sidecar sees; everything, of another proxy.
    pub interception: Interception,
    /// The ProxyConfig that its pods have of their own.
    pub proxy_config: istio::ProxyConfig,
    /// Why it is not known what stands before it; absent where it is.
    pub doubt: Option<String>,
}

/// The listener of one port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// What it takes in.
    pub class: ListenerClass,
    /// Whether a gateway ends TLS here.
    pub terminates_tls: bool,
    /// What declares it: `port http of Service foo/httpbin`.
    pub because: String,
}

impl Workload {
    /// `name.namespace`, as questions name it.
    #[must_use]
    pub fn full_name(&self) -> String {
        format!("{}.{}", self.name, self.namespace)
    }

    /// Its identity in `trust_domain`, without scheme.
    #[must_use]
    pub fn principal(&self, trust_domain: &str) -> String {
        let uri = crate::spiffe::minted(trust_domain, &self.namespace, &self.service_account);
        uri.strip_prefix("spiffe://").unwrap_or(&uri).to_owned()
    }

    /// Whether callers of the mesh speak mutual TLS to it by themselves: it has a sidecar, and no label says otherwise.
    #[must_use]
    pub fn tls_mode_is_istio(&self) -> bool {
        self.dataplane == Dataplane::Sidecar
            && self
                .labels
                .get(TLS_MODE_LABEL)
                .is_none_or(|mode| mode == "istio")
    }

    /// The class of a port: as declared, else sniffed [PA-31].
    #[must_use]
    pub fn class_of(&self, port: u16) -> ListenerClass {
        self.listeners
            .get(&port)
            .map_or(ListenerClass::Sniffed, |listener| listener.class)
    }
}

/// A Service and the workloads behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// Its name.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// Where it is written.
    pub origin: Origin,
    /// Its TCP ports and where each leads.
    pub ports: BTreeMap<u16, Vec<Backend>>,
    /// Its ports by name.
    pub port_names: BTreeMap<String, u16>,
    /// Its addresses, where they are known.
    pub ips: Vec<IpAddr>,
    /// Whether it has none at all: its name leads to the pods themselves.
    pub headless: bool,
    /// The annotation that says to which namespaces it is exported; absent: as the mesh says.
    pub export_to: Option<Vec<String>>,
    /// Whether gateways call it through a waypoint.
    pub waypoint_for_gateways: bool,
}

impl Service {
    /// The port that a workload is dialled at where somebody of the mesh calls this port of the Service: nothing leads
    /// the port of a headless one elsewhere, but for gateways [RT-40].
    #[must_use]
    pub const fn dialled(&self, port: u16, backend: Backend) -> u16 {
        if self.headless { port } else { backend.port }
    }
}

/// One workload behind a Service port, and the port that it is dialled at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Backend {
    /// The workload's place in the inventory.
    pub workload: usize,
    /// Its own port.
    pub port: u16,
}

/// Everything that the files say is there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inventory {
    /// The workloads, by namespace and name.
    pub workloads: Vec<Workload>,
    /// The Services, by namespace and name.
    pub services: Vec<Service>,
    /// The namespaces that are named anywhere.
    pub namespaces: BTreeSet<String>,
    /// The service accounts that are written as resources: namespace and name.
    pub service_accounts: BTreeSet<(String, String)>,
}

/// The label that the injector puts on a pod whose proxy ends mutual TLS, unless the pod has it already [CL-11].
pub(super) const TLS_MODE_LABEL: &str = "security.istio.io/tlsMode";

/// Namespaces that are never injected.
const NEVER_INJECTED: &[&str] =
    &["kube-system", "kube-public", "kube-node-lease", "local-path-storage"];

impl Inventory {
    /// Takes stock of resources and of what the caller declares beside them, in a mesh with these settings. What the
    /// injector would refuse goes into `findings`.
    #[must_use]
    pub fn of(
        resources: &[Resource],
        declared: Vec<Workload>,
        settings: &Settings,
        findings: &mut Vec<Diagnostic>,
    ) -> Self {
        let mut namespaces = BTreeMap::new();
        let mut written_workloads = Vec::new();
        let mut written_services = Vec::new();
        let mut named = BTreeSet::new();
        let mut service_accounts = BTreeSet::new();
        let mut sidecar_resources = BTreeSet::new();
        for resource in resources {
            match resource {
                Resource::Namespace(meta) => {
                    named.insert(meta.name.clone());
                    namespaces.insert(meta.name.as_str(), meta);
                }
                Resource::Workload(workload) => written_workloads.push(workload),
                Resource::Service(service) => written_services.push(service),
                Resource::AuthorizationPolicy(_)
                | Resource::PeerAuthentication(_)
                | Resource::RequestAuthentication(_)
                | Resource::MeshConfig(..) => {}
                Resource::Later { kind, meta, .. } => {
                    if kind == "Sidecar" {
                        sidecar_resources.insert(meta.namespace.as_str());
                    }
                }
                Resource::ServiceAccount(meta) => {
                    service_accounts.insert((meta.namespace.clone(), meta.name.clone()));
                }
            }
            let namespace = &resource.meta().namespace;
            if !namespace.is_empty() {
                named.insert(namespace.clone());
            }
        }
        let mut workloads: Vec<(Workload, BTreeMap<String, u16>)> = Vec::new();
        for (workload, ips) in owners(&written_workloads) {
            let (dataplane, because) = dataplane(workload, &namespaces);
            let mut interception = Interception::default();
            if dataplane == Dataplane::Sidecar {
                let mut refused = Vec::new();
                let mode = workload
                    .proxy_config
                    .over(&settings.proxy_config)
                    .interception_mode;
                interception = Interception::of(&workload.annotations, mode, &mut refused);
                let about = [&workload.meta.namespace, &settings.root_namespace];
                if about
                    .iter()
                    .any(|namespace| sidecar_resources.contains(namespace.as_str()))
                {
                    interception = interception.beside_a_sidecar_resource();
                }
                findings.extend(refused.into_iter().map(|text| refusal(workload, text)));
                findings.extend(unread(workload));
            }
            let names = workload
                .ports
                .iter()
                .map(|port| (port.name.clone(), port.port));
            workloads.push((
                Workload {
                    name: workload.meta.name.clone(),
                    namespace: workload.meta.namespace.clone(),
                    kind: workload.kind.clone(),
                    origin: Some(workload.meta.origin.clone()),
                    service_account: workload.service_account.clone(),
                    labels: workload.labels.clone(),
                    ips,
                    dataplane,
                    dataplane_because: because,
                    listeners: BTreeMap::new(),
                    container_ports: workload.ports.iter().map(|port| port.port).collect(),
                    interception,
                    proxy_config: workload.proxy_config.clone(),
                    doubt: unknown_template(workload).filter(|_| dataplane == Dataplane::Sidecar),
                },
                names.collect(),
            ));
        }
        workloads.extend(
            declared
                .into_iter()
                .map(|workload| (workload, BTreeMap::new())),
        );
        workloads.sort_by(|(a, _), (b, _)| {
            (&a.namespace, &a.name, &a.kind).cmp(&(&b.namespace, &b.name, &b.kind))
        });
        named.extend(
            workloads
                .iter()
                .map(|(workload, _)| workload.namespace.clone()),
        );
        let services = connect(&mut workloads, written_services, &namespaces);
        Self {
            workloads: workloads
                .into_iter()
                .map(|(workload, _)| workload)
                .collect(),
            services,
            namespaces: named,
            service_accounts,
        }
    }
}

/// The workloads that nothing else in the files owns, with the addresses of the pods they own.
fn owners<'r>(written: &[&'r istio::Workload]) -> Vec<(&'r istio::Workload, Vec<IpAddr>)> {
    let key = |namespace: &str, kind: &str, name: &str| {
        (namespace.to_owned(), kind.to_owned(), name.to_owned())
    };
    let place: BTreeMap<_, usize> = written
        .iter()
        .enumerate()
        .map(|(index, workload)| {
            (key(&workload.meta.namespace, &workload.kind, &workload.meta.name), index)
        })
        .collect();
    let owner_of = |workload: &istio::Workload| {
        let (kind, name) = workload.owner.as_ref()?;
        place
            .get(&key(&workload.meta.namespace, kind, name))
            .copied()
    };
    let mut ips: Vec<Vec<IpAddr>> = vec![Vec::new(); written.len()];
    let mut owned = vec![false; written.len()];
    for (index, workload) in written.iter().enumerate() {
        // Pod → ReplicaSet → Deployment is the longest chain; more steps than resources would be a circle.
        let mut top = index;
        for _ in 0..written.len().min(8) {
            match written.get(top).and_then(|workload| owner_of(workload)) {
                Some(owner) if owner != index => top = owner,
                _ => break,
            }
        }
        if let Some(flag) = owned.get_mut(index) {
            *flag = top != index;
        }
        if let Some(ips) = ips.get_mut(top) {
            ips.extend(&workload.ips);
        }
    }
    let all = written.iter().zip(ips).zip(owned);
    all.filter(|(_, owned)| !owned)
        .map(|((workload, ips), _)| (*workload, ips))
        .collect()
}

/// What stands before a workload, and why [IN-30].
fn dataplane(
    workload: &istio::Workload,
    namespaces: &BTreeMap<&str, &Meta>,
) -> (Dataplane, String) {
    let label = |key: &str| workload.labels.get(key).map(String::as_str);
    let annotation = |key: &str| workload.annotations.get(key).map(String::as_str);
    let said = |dataplane, because: &str| (dataplane, because.to_owned());
    if label("gateway.istio.io/managed") == Some("istio.io-mesh-controller") {
        return said(Dataplane::Waypoint, "its pods carry the label of a waypoint");
    }
    if label(GATEWAY_NAME_LABEL).is_some() {
        return said(
            Dataplane::Gateway,
            "its pods carry the label gateway.networking.k8s.io/gateway-name",
        );
    }
    let templates = annotation("inject.istio.io/templates").unwrap_or_default();
    if templates
        .split(',')
        .any(|template| template.trim() == "gateway")
    {
        return said(Dataplane::Gateway, "its pods ask for the injection template `gateway`");
    }
    let role = label("istio").unwrap_or_default();
    if workload.has_proxy && matches!(role, "ingressgateway" | "egressgateway" | "eastwestgateway")
    {
        return said(
            Dataplane::Gateway,
            "its pods run istio-proxy and carry a gateway's `istio` label",
        );
    }
    if workload.has_proxy {
        return said(Dataplane::Sidecar, "its pods have a container istio-proxy");
    }
    if workload.host_network {
        return said(Dataplane::None, "pods on the host's network are not injected");
    }
    if NEVER_INJECTED.contains(&workload.meta.namespace.as_str()) {
        return said(Dataplane::None, "this namespace is never injected");
    }
    let Some(namespace) = namespaces.get(workload.meta.namespace.as_str()) else {
        return match label("sidecar.istio.io/inject")
            .or_else(|| annotation("sidecar.istio.io/inject"))
        {
            Some("false") => said(Dataplane::None, "its pods say sidecar.istio.io/inject: false"),
            _ if label("istio.io/dataplane-mode") == Some("ambient") => {
                said(Dataplane::Ambient, "its pods say istio.io/dataplane-mode: ambient")
            }
            Some("true") => said(Dataplane::Sidecar, "its pods say sidecar.istio.io/inject: true"),
            _ => said(Dataplane::Sidecar, "assumed: the files do not hold its Namespace"),
        };
    };
    // The injection webhook is called by labels alone: of the namespace, or of the pod where the namespace has none.
    let of_namespace = |key: &str| namespace.labels.get(key).map(String::as_str);
    let wanted = label("sidecar.istio.io/inject");
    let called = match (of_namespace("istio-injection"), of_namespace("istio.io/rev")) {
        (Some("disabled"), _) => Err("its namespace says istio-injection: disabled"),
        (Some("enabled"), _) => Ok("its namespace says istio-injection: enabled"),
        (_, Some(_)) => Ok("its namespace says istio.io/rev"),
        _ if wanted == Some("true") => Ok("its pods say sidecar.istio.io/inject: true"),
        _ if label("istio.io/rev").is_some() => Ok("its pods say istio.io/rev"),
        _ => Err("its namespace asks for no injection"),
    };
    let refused = wanted.or_else(|| annotation("sidecar.istio.io/inject")) == Some("false");
    let not_injected = match called {
        Ok(because) if !refused => return said(Dataplane::Sidecar, because),
        Ok(_) => "its pods say sidecar.istio.io/inject: false",
        Err(because) => because,
    };
    let mode = label("istio.io/dataplane-mode").or_else(|| of_namespace("istio.io/dataplane-mode"));
    if mode == Some("ambient") {
        return said(Dataplane::Ambient, "istio.io/dataplane-mode: ambient");
    }
    said(Dataplane::None, not_injected)
}

/// A label of a Service, or of its namespace.
fn says<'s>(
    service: &'s istio::Service,
    namespaces: &BTreeMap<&str, &'s Meta>,
    label: &str,
) -> Option<&'s String> {
    service.meta.labels.get(label).or_else(|| {
        let namespace = namespaces.get(service.meta.namespace.as_str())?;
        namespace.labels.get(label)
    })
}

/// A value in an annotation for which the injector admits no pod.
fn refusal(workload: &istio::Workload, text: String) -> Diagnostic {
    Diagnostic::error(Code::BadValue, text)
        .at(&workload.meta.origin.file, workload.meta.origin.position, &FieldPath::root())
        .help("a pod with this annotation is not injected, and not admitted")
}

/// Warnings of annotations that change what the sidecar does, and are not looked into.
fn unread(workload: &istio::Workload) -> impl Iterator<Item = Diagnostic> {
    const UNREAD: [&str; 3] = [
        "istio.io/reroute-virtual-interfaces",
        "sidecar.istio.io/bootstrapOverride",
        "traffic.sidecar.istio.io/kubevirtInterfaces",
    ];
    let written = UNREAD.into_iter().filter(|name| {
        workload
            .annotations
            .get(*name)
            .is_some_and(|value| !value.is_empty())
    });
    written.map(|name| {
        let message = format!("`{name}` is not evaluated yet: it may change the answer");
        let origin = &workload.meta.origin;
        Diagnostic::warning(Code::NotYetModelled, message).at(
            &origin.file,
            origin.position,
            &FieldPath::root(),
        )
    })
}

/// Why it is not known what is injected: a template that is not Istio's own, or one without a proxy.
fn unknown_template(workload: &istio::Workload) -> Option<String> {
    let templates = workload.annotations.get("inject.istio.io/templates")?;
    let known = |template: &str| ["gateway", "sidecar"].contains(&template.trim());
    (!workload.has_proxy && !templates.split(',').any(known)).then(|| {
        format!("what the injection template `{templates}` puts before the workload the files do not say")
    })
}

/// Leads Service ports to workloads and gives these their listeners.
fn connect(
    workloads: &mut [(Workload, BTreeMap<String, u16>)],
    mut written: Vec<&istio::Service>,
    namespaces: &BTreeMap<&str, &Meta>,
) -> Vec<Service> {
    // "Several services mapping to the same target port: the oldest service decides the protocol." [PA-12]
    written
        .sort_by_key(|service| (service.meta.created, &service.meta.name, &service.meta.namespace));
    let mut by_namespace: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (index, (workload, _)) in workloads.iter().enumerate() {
        by_namespace
            .entry(workload.namespace.clone())
            .or_default()
            .push(index);
    }
    let mut services = Vec::new();
    for service in written {
        let selected: Vec<usize> = by_namespace
            .get(&service.meta.namespace)
            .into_iter()
            .flatten()
            .copied()
            .filter(|index| {
                let labels = workloads.get(*index).map(|(workload, _)| &workload.labels);
                !service.selector.is_empty()
                    && labels.is_some_and(|labels| {
                        service
                            .selector
                            .iter()
                            .all(|(label, value)| labels.get(label) == Some(value))
                    })
            })
            .collect();
        let mut ports = BTreeMap::new();
        let mut port_names = BTreeMap::new();
        for port in service.ports.iter().filter(|port| port.tcp) {
            let mut backends = Vec::new();
            for index in &selected {
                let Some((workload, names)) = workloads.get_mut(*index) else { continue };
                let target = match &port.target {
                    TargetPort::Number(number) => Some(*number),
                    TargetPort::Name(name) => names.get(name).copied(),
                };
                let Some(target) = target else { continue };
                backends.push(Backend { workload: *index, port: target });
                workload
                    .listeners
                    .entry(target)
                    .or_insert_with(|| Listener {
                        class: class_of_service_port(
                            port.port,
                            &port.name,
                            port.app_protocol.as_deref(),
                        ),
                        terminates_tls: false,
                        because: match (&port.app_protocol, port.name.as_str()) {
                            (Some(app), _) => {
                                format!("appProtocol {app} of Service {}", service.meta.id())
                            }
                            (None, "") => format!(
                                "unnamed port {} of Service {}",
                                port.port,
                                service.meta.id()
                            ),
                            (None, name) => {
                                format!("port name {name} of Service {}", service.meta.id())
                            }
                        },
                    });
            }
            ports.insert(port.port, backends);
            if !port.name.is_empty() {
                port_names.insert(port.name.clone(), port.port);
            }
        }
        services.push(Service {
            name: service.meta.name.clone(),
            namespace: service.meta.namespace.clone(),
            origin: service.meta.origin.clone(),
            ports,
            port_names,
            ips: service.cluster_ips.clone(),
            headless: service.headless,
            export_to: service
                .meta
                .annotations
                .get("networking.istio.io/exportTo")
                .map(|namespaces| {
                    let names = namespaces.split(',');
                    names.map(|name| name.trim().to_owned()).collect()
                }),
            waypoint_for_gateways: says(service, namespaces, "istio.io/ingress-use-waypoint")
                .is_some_and(|value| value == "true")
                && says(service, namespaces, "istio.io/use-waypoint")
                    .is_some_and(|name| name != "none"),
        });
    }
    services.sort_by(|a, b| (&a.namespace, &a.name).cmp(&(&b.namespace, &b.name)));
    services
}

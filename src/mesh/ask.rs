//! A question as a person asks it → the requests that a proxy gets: one for each workload that may answer.

use std::net::IpAddr;

use super::route::{Passage, Route};
use super::{Backend, Dataplane, Listener, ListenerClass, Mesh, MtlsMode, Seen, Workload};
use crate::request::{
    Caller, Certificate, HostSpec, HttpRequest, ISTIO_HTTP_ALPN, ISTIO_TCP_ALPN, Payload, Protocol,
    Request, RequestSpec, Tls, TlsChoice,
};
use crate::spiffe::IstioIdentity;

/// Why a question cannot be asked of this mesh.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum QuestionError {
    /// The files know no workload and no Service of that name.
    #[error("the files know no workload or Service `{name}`{}", in_namespace(name, namespace))]
    UnknownDestination {
        /// As asked.
        name: String,
        /// The namespace that it was looked for in.
        namespace: String,
    },
    /// The files know no workload of that name.
    #[error("the files know no workload `{name}`{}", in_namespace(name, namespace))]
    UnknownCaller {
        /// As asked.
        name: String,
        /// The namespace that it was looked for in.
        namespace: String,
    },
    /// What a request is said to come through is no gateway.
    #[error("`{name}` is no gateway: {because}")]
    NoGateway {
        /// `name.namespace`.
        name: String,
        /// What it is instead, and why.
        because: String,
    },
    /// Several workloads have that name.
    #[error("`{name}` names {count} workloads: {which}")]
    Ambiguous {
        /// As asked.
        name: String,
        /// How many.
        count: usize,
        /// Which.
        which: String,
    },
    /// The Service has no such port.
    #[error("Service `{service}` has no TCP port {port}")]
    NoSuchPort {
        /// `name.namespace`.
        service: String,
        /// As asked.
        port: u16,
        /// The ports it has.
        known: Vec<u16>,
    },
    /// A port must be named: there are none or several.
    #[error("`{name}` needs a port")]
    NeedsPort {
        /// As asked.
        name: String,
        /// The ports there are.
        known: Vec<u16>,
    },
    /// The Service selects no workload that the files know.
    #[error("Service `{service}` has no workload behind port {port}")]
    NoEndpoint {
        /// `name.namespace`.
        service: String,
        /// As asked.
        port: u16,
    },
}

/// The namespace, where the name does not say it.
fn in_namespace(name: &str, namespace: &str) -> String {
    let is_address = name.trim_matches(['[', ']']).parse::<IpAddr>().is_ok();
    if is_address || Name::parse(name).namespace.is_some() {
        return String::new();
    }
    format!(" in namespace `{namespace}`")
}

/// Where a question leads.
struct Destination<'m> {
    backends: Vec<Backend>,
    /// The authority by which the caller names it.
    authority: String,
    /// The server name that a sidecar sends; absent where it depends on a Service that the question does not name.
    server_name: Option<String>,
    /// How the caller's traffic comes there.
    route: Route<'m>,
}

/// A name in its parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Name<'n> {
    /// What stands before the slash: `deploy`, `svc` …
    pub kind: Option<&'n str>,
    /// The name itself.
    pub name: &'n str,
    /// What stands behind the first dot, less `.svc` and all that follows it.
    pub namespace: Option<&'n str>,
    /// Written with `.svc`: a Service and nothing else.
    pub service: bool,
}

impl<'n> Name<'n> {
    /// `[kind/]name[.namespace[.svc[.cluster.local]]]`.
    #[must_use]
    pub fn parse(text: &'n str) -> Self {
        let (kind, rest) = match text.split_once('/') {
            Some((kind, rest)) => (Some(kind), rest),
            None => (None, text),
        };
        let (host, service) = match rest.find(".svc").filter(|at| {
            let tail = rest.get(at + 4..).unwrap_or_default();
            tail.is_empty() || tail.starts_with('.')
        }) {
            Some(at) => (rest.get(..at).unwrap_or(rest), true),
            None => (rest, false),
        };
        let (name, namespace) = match host.split_once('.') {
            Some((name, namespace)) => (name, Some(namespace)),
            None => (host, None),
        };
        Self { kind, name, namespace, service }
    }
}

/// Whether `kind` as a person writes it (`deploy`, `pod`, `svc`) means this kind.
fn means(kind: &str, written: &str) -> bool {
    let long = match kind.to_ascii_lowercase().as_str() {
        "po" | "pod" | "pods" => "pod",
        "deploy" | "deployment" | "deployments" => "deployment",
        "sts" | "statefulset" | "statefulsets" => "statefulset",
        "ds" | "daemonset" | "daemonsets" => "daemonset",
        "rs" | "replicaset" | "replicasets" => "replicaset",
        "job" | "jobs" => "job",
        "cj" | "cronjob" | "cronjobs" => "cronjob",
        "svc" | "service" | "services" => "service",
        _ => return kind.eq_ignore_ascii_case(written),
    };
    long == written.to_ascii_lowercase()
}

impl Mesh {
    /// The workloads that a name means. Several are possible: a Deployment and a `StatefulSet`, say.
    fn named(&self, name: &Name<'_>, namespace: &str) -> Vec<usize> {
        let namespace = name.namespace.unwrap_or(namespace);
        let workloads = self.inventory.workloads.iter().enumerate();
        workloads
            .filter(|(_, workload)| {
                workload.name == name.name
                    && workload.namespace == namespace
                    && name.kind.is_none_or(|kind| means(kind, &workload.kind))
            })
            .map(|(index, _)| index)
            .collect()
    }

    /// The only workload that a caller's name means. A Service's name means the workloads behind it, where they
    /// have one identity.
    ///
    /// # Errors
    /// None or several.
    pub fn caller(&self, name: &str, namespace: &str) -> Result<usize, QuestionError> {
        let parsed = Name::parse(name);
        let mut found = self.named(&parsed, namespace);
        if found.is_empty() {
            found = self.behind(&parsed, namespace);
            let identity = |index: &usize| {
                self.workload(*index)
                    .map(|workload| (&workload.service_account, workload.dataplane))
            };
            let first = found.first().and_then(identity);
            if found.iter().all(|index| identity(index) == first) {
                found.truncate(1);
            }
        }
        match found.as_slice() {
            [] => Err(QuestionError::UnknownCaller {
                name: name.to_owned(),
                namespace: parsed.namespace.unwrap_or(namespace).to_owned(),
            }),
            [one] => Ok(*one),
            many => Err(self.ambiguous(name, many)),
        }
    }

    /// The workloads behind a Service, each once.
    fn behind(&self, name: &Name<'_>, namespace: &str) -> Vec<usize> {
        let namespace = name.namespace.unwrap_or(namespace);
        let service = self.inventory.services.iter().find(|service| {
            service.name == name.name
                && service.namespace == namespace
                && name.kind.is_none_or(|kind| means(kind, "Service"))
        });
        let backends = service
            .into_iter()
            .flat_map(|service| service.ports.values().flatten());
        let workloads: std::collections::BTreeSet<usize> =
            backends.map(|backend| backend.workload).collect();
        workloads.into_iter().collect()
    }

    fn ambiguous(&self, name: &str, many: &[usize]) -> QuestionError {
        let which = many.iter().filter_map(|index| self.workload(*index));
        QuestionError::Ambiguous {
            name: name.to_owned(),
            count: many.len(),
            which: which
                .map(|workload| {
                    format!("{}/{}", workload.kind.to_ascii_lowercase(), workload.full_name())
                })
                .collect::<Vec<_>>()
                .join(", "),
        }
    }

    fn destination(
        &self,
        spec: &RequestSpec,
        namespace: &str,
        caller: Option<&Workload>,
    ) -> Result<Destination<'_>, QuestionError> {
        let mut name = Name::parse(&spec.to);
        if let Ok(ip) = spec.to.trim_matches(['[', ']']).parse::<IpAddr>() {
            let mut services = self.inventory.services.iter();
            // A proxy knows a Service by its addresses as it does by its names.
            let Some(service) = services.find(|service| service.ips.contains(&ip)) else {
                return self.by_address(spec, ip, caller);
            };
            name = Name {
                kind: Some("service"),
                name: &service.name,
                namespace: Some(&service.namespace),
                service: true,
            };
        }
        let in_namespace = name.namespace.unwrap_or(namespace);
        let service = self.inventory.services.iter().find(|service| {
            service.name == name.name
                && service.namespace == in_namespace
                && name.kind.is_none_or(|kind| means(kind, "Service"))
        });
        let authority = |port: u16| format!("{}:{port}", spec.to);
        // A Service that has the port wins over a workload of its name: people type Service hosts.
        if let Some(service) = service {
            let only = match service.ports.keys().copied().collect::<Vec<_>>().as_slice() {
                [one] => Some(*one),
                _ => None,
            };
            let port = spec.port.or(only);
            if let Some((port, backends)) =
                port.and_then(|port| Some((port, service.ports.get(&port)?)))
            {
                let full = format!("{}.{}", service.name, service.namespace);
                if backends.is_empty() {
                    return Err(QuestionError::NoEndpoint { service: full, port });
                }
                let route = Route::to_service(service, port, caller);
                return Ok(Destination {
                    backends: route.backends(backends),
                    authority: authority(port),
                    server_name: Some(format!("outbound_.{port}_._.{full}.svc.cluster.local")),
                    route,
                });
            }
        }
        let is_service = name.service || (spec.by_host && name.kind.is_none() && service.is_some());
        let found = if is_service { Vec::new() } else { self.named(&name, namespace) };
        match (found.as_slice(), service, spec.port) {
            ([], Some(service), port) => {
                let known = service.ports.keys().copied().collect();
                let full = format!("{}.{}", service.name, service.namespace);
                Err(match port {
                    Some(port) => QuestionError::NoSuchPort { service: full, port, known },
                    None => QuestionError::NeedsPort { name: full, known },
                })
            }
            ([], None, _) => Err(QuestionError::UnknownDestination {
                name: spec.to.clone(),
                namespace: in_namespace.to_owned(),
            }),
            ([one], _, port) => {
                let workload = self.workload(*one);
                let known: Vec<u16> = workload
                    .into_iter()
                    .flat_map(|workload| {
                        workload
                            .listeners
                            .keys()
                            .chain(&workload.container_ports)
                            .copied()
                    })
                    .collect::<std::collections::BTreeSet<_>>()
                    .into_iter()
                    .collect();
                let port = match (port, known.as_slice()) {
                    (Some(port), _) => port,
                    (None, [only]) => *only,
                    (None, _) => {
                        return Err(QuestionError::NeedsPort { name: spec.to.clone(), known });
                    }
                };
                Ok(Destination {
                    backends: vec![Backend { workload: *one, port }],
                    authority: authority(port),
                    server_name: None,
                    route: Route::Unsaid,
                })
            }
            (many, ..) => Err(self.ambiguous(&spec.to, many)),
        }
    }

    fn by_address(
        &self,
        spec: &RequestSpec,
        ip: IpAddr,
        caller: Option<&Workload>,
    ) -> Result<Destination<'_>, QuestionError> {
        let workload = self
            .inventory
            .workloads
            .iter()
            .position(|workload| workload.ips.contains(&ip));
        let Some(workload) = workload else {
            return Err(QuestionError::UnknownDestination {
                name: spec.to.clone(),
                namespace: String::new(),
            });
        };
        let Some(port) = spec.port else {
            return Err(QuestionError::NeedsPort { name: spec.to.clone(), known: Vec::new() });
        };
        let host = if ip.is_ipv6() { format!("[{ip}]:{port}") } else { format!("{ip}:{port}") };
        let route = self.route_to_address(ip, workload, port, caller, &spec.http.host);
        Ok(Destination {
            server_name: route.headless().map(|service| {
                let (name, namespace) = (&service.name, &service.namespace);
                format!("outbound_.{port}_._.{name}.{namespace}.svc.cluster.local")
            }),
            backends: vec![Backend { workload, port }],
            authority: host,
            route,
        })
    }

    /// The requests that a question means: one for each workload behind the destination. They differ in
    /// their workload and port only.
    ///
    /// # Errors
    /// A name or a port that the files do not know.
    pub fn requests(&self, spec: &RequestSpec) -> Result<Vec<Request>, QuestionError> {
        let namespace = spec.namespace.as_deref().unwrap_or("default");
        let caller = match &spec.from {
            Caller::Workload(name) => self.workload(self.caller(name, namespace)?),
            Caller::Certificate { .. } | Caller::External | Caller::Plaintext => None,
        };
        // A short host is looked up beside the caller.
        let beside = match &spec.from {
            Caller::Workload(_) => caller.map(|caller| caller.namespace.as_str()),
            Caller::Certificate { uris, .. } => uris
                .first()
                .and_then(|uri| IstioIdentity::parse(uri))
                .map(|identity| identity.namespace),
            Caller::External | Caller::Plaintext => None,
        };
        let destination =
            self.destination(spec, beside.filter(|_| spec.by_host).unwrap_or(namespace), caller)?;
        let requests = destination.backends.iter();
        Ok(requests
            .filter_map(|backend| self.request_to(spec, caller, &destination, *backend))
            .collect())
    }

    fn request_to(
        &self,
        spec: &RequestSpec,
        caller: Option<&Workload>,
        destination: &Destination<'_>,
        backend: Backend,
    ) -> Option<Request> {
        let workload = self.workload(backend.workload)?;
        let passage = self.passage(caller, &destination.route, workload, backend.port);
        let protocol = spec
            .protocol
            .unwrap_or_else(|| match workload.class_of(backend.port) {
                ListenerClass::Tcp => Protocol::Tcp,
                ListenerClass::Http | ListenerClass::Sniffed => Protocol::Http,
            });
        let source_ip = spec.source_ip.or_else(|| {
            let of_caller = caller.map_or(&[][..], |caller| &caller.ips);
            let family = |ip: &&IpAddr| {
                workload
                    .ips
                    .first()
                    .is_none_or(|other| other.is_ipv4() == ip.is_ipv4())
            };
            of_caller
                .iter()
                .find(family)
                .or_else(|| of_caller.first())
                .copied()
        });
        let payload = match protocol {
            Protocol::Tcp | Protocol::Tls => Payload::Bytes,
            Protocol::Http => Payload::Http(HttpRequest {
                method: spec.http.method.clone().unwrap_or_else(|| "GET".to_owned()),
                target: spec.http.target.clone().unwrap_or_else(|| "/".to_owned()),
                host: match &spec.http.host {
                    HostSpec::Absent => None,
                    HostSpec::Given(host) => Some(host.clone()),
                    HostSpec::OfDestination => Some(destination.authority.clone()),
                },
                headers: spec.http.headers.clone(),
                version: spec.http.version,
            }),
        };
        let tls = self.client_tls(spec, caller, backend, protocol, destination, &passage);
        // What the question says of TLS leaves nothing open.
        let open = spec.tls == TlsChoice::Auto && protocol != Protocol::Tls;
        Some(Request {
            workload: backend.workload,
            port: backend.port,
            source_ip,
            remote_ip: spec.remote_ip,
            destination_ip: None,
            doubt: caller.filter(|_| open).and_then(|caller| {
                self.caller_doubt(caller, &destination.route, workload, &passage, tls.is_some())
            }),
            tls,
            payload,
            tokens: spec.tokens.clone(),
            now: spec.now,
        })
    }

    /// What the caller speaks to this workload's port.
    fn client_tls(
        &self,
        spec: &RequestSpec,
        caller: Option<&Workload>,
        backend: Backend,
        protocol: Protocol,
        destination: &Destination<'_>,
        passage: &Passage,
    ) -> Option<Tls> {
        let workload = self.workload(backend.workload)?;
        let certificate = match &spec.from {
            Caller::Certificate { uris, foreign } => Some(Certificate {
                uris: uris.clone(),
                dns_names: Vec::new(),
                subject: String::new(),
                of_this_mesh: !foreign,
            }),
            Caller::External | Caller::Plaintext => None,
            // Without a proxy there is no certificate, whatever the pod's account is [IN-21] [CL-13]; past its
            // sidecar a caller has none [IN-20].
            Caller::Workload(_) => caller
                .filter(|caller| {
                    matches!(caller.dataplane, Dataplane::Sidecar | Dataplane::Gateway)
                        && !matches!(passage.seen, Seen::No(_))
                })
                .map(|caller| {
                    Certificate::of_principal(&caller.principal(&self.settings.trust.own))
                }),
        };
        let own = |certificate: Option<Certificate>, alpn: &[&str]| {
            let alpn = spec
                .alpn
                .clone()
                .unwrap_or_else(|| alpn.iter().map(|&name| name.to_owned()).collect());
            let server_name = Some(spec.server_name.clone().unwrap_or_default());
            Some(Tls { certificate, alpn, server_name })
        };
        if protocol == Protocol::Tls {
            return own(None, &[]);
        }
        let terminates = workload
            .listeners
            .get(&backend.port)
            .is_some_and(|listener: &Listener| listener.terminates_tls);
        let mtls = match spec.tls {
            TlsChoice::Plaintext => return None,
            TlsChoice::Tls => return own(certificate, &["h2", "http/1.1"]),
            TlsChoice::Mtls => true,
            TlsChoice::Auto => match workload.dataplane {
                Dataplane::Gateway if terminates => return own(None, &["h2", "http/1.1"]),
                Dataplane::Gateway | Dataplane::None => false,
                // "mTLS iff endpoint tlsMode=istio AND effective PA mode for that endpoint ≠ DISABLE" [CL-11]; the mode
                // of the namespace must not be DISABLE either [CL-10].
                Dataplane::Sidecar | Dataplane::Ambient | Dataplane::Waypoint => {
                    let mtls = self
                        .enforcement(backend.workload)
                        .map(|enforcement| &enforcement.mtls);
                    // To a headless Service the choice is one for all of its pods, by the mode of their namespace.
                    let of_port = caller.is_none() || passage.alike.is_none();
                    let disabled = mtls.is_some_and(|mtls| {
                        (of_port && mtls.of_port(backend.port).mode == MtlsMode::Disable)
                            || (caller.is_some() && mtls.namespace == MtlsMode::Disable)
                    });
                    certificate.is_some()
                        && !disabled
                        && (caller.is_none() || (self.settings.auto_mtls && passage.tls_mode))
                }
            },
        };
        if !mtls {
            return None;
        }
        let alpn = if protocol == Protocol::Http { ISTIO_HTTP_ALPN } else { ISTIO_TCP_ALPN };
        let mut tls = own(certificate, alpn)?;
        if spec.server_name.is_none() && caller.is_some() {
            tls.server_name.clone_from(&destination.server_name);
        }
        Some(tls)
    }
}

//! A caller and where it calls → on which way its traffic goes there, and what its proxy takes the destination for.

use std::net::IpAddr;

use super::inventory::TLS_MODE_LABEL;
use super::{Backend, Dataplane, Mesh, Seen, Service, Workload};
use crate::request::HostSpec;

/// What a caller dials.
pub(super) enum Route<'m> {
    /// The question names a workload, and not how the caller comes there: as through a Service.
    Unsaid,
    /// A Service by its own address, or one that a gateway calls: its target port.
    Service { service: &'m Service, port: u16 },
    /// The pods behind a headless Service themselves: nothing leads its port to a target port [RT-40].
    Headless { service: &'m Service, port: u16 },
    /// The address of a pod, which no Service has.
    Address { ip: IpAddr, elsewhere: bool },
}

/// What the caller's proxy does with the traffic.
pub(super) struct Passage {
    /// Whether the caller's sidecar sees it.
    pub(super) seen: Seen,
    /// Whether the destination is taken for one that ends mutual TLS.
    pub(super) tls_mode: bool,
    /// For a headless Service: whether all of its pods end mutual TLS.
    pub(super) alike: Option<bool>,
}

impl<'m> Route<'m> {
    pub(super) fn to_service(service: &'m Service, port: u16, caller: Option<&Workload>) -> Self {
        // "Gateways cannot use passthrough clusters": they know the pods of a headless Service by their endpoints.
        let gateway = caller.is_some_and(|caller| caller.dataplane == Dataplane::Gateway);
        if service.headless && !gateway {
            Self::Headless { service, port }
        } else {
            Self::Service { service, port }
        }
    }

    /// The workloads, and the ports that they are dialled at.
    pub(super) fn backends(&self, of_service: &[Backend]) -> Vec<Backend> {
        let mut backends = of_service.to_vec();
        if let Self::Headless { port, .. } = self {
            for backend in &mut backends {
                backend.port = *port;
            }
        }
        backends
    }

    /// The headless Service whose pods are dialled.
    pub(super) const fn headless(&self) -> Option<&'m Service> {
        if let Self::Headless { service, .. } = self { Some(service) } else { None }
    }

    const fn service(&self) -> Option<&'m Service> {
        match self {
            Self::Service { service, .. } | Self::Headless { service, .. } => Some(service),
            Self::Unsaid | Self::Address { .. } => None,
        }
    }
}

/// Whether a request's `Host` is another name than the address that is dialled, with a port or without.
fn names_another(host: &HostSpec, ip: IpAddr) -> bool {
    let HostSpec::Given(host) = host else { return false };
    let named = host
        .parse::<std::net::SocketAddr>()
        .map(|address| address.ip())
        .or_else(|_| host.trim_matches(['[', ']']).parse::<IpAddr>());
    named != Ok(ip)
}

impl Mesh {
    /// The way to an address of a pod: where a headless Service has the port, its own.
    pub(super) fn route_to_address(
        &self,
        ip: IpAddr,
        workload: usize,
        port: u16,
        caller: Option<&Workload>,
        host: &HostSpec,
    ) -> Route<'_> {
        let leads_here = |service: &&Service| {
            let backends = service.ports.get(&port).into_iter().flatten();
            service.headless
                && backends
                    .into_iter()
                    .any(|backend| backend.workload == workload)
        };
        let sidecar = caller.is_some_and(|caller| caller.dataplane == Dataplane::Sidecar);
        let headless = self.inventory.services.iter().find(leads_here);
        match headless.filter(|_| sidecar) {
            Some(service) => Route::Headless { service, port },
            None => Route::Address { ip, elsewhere: names_another(host, ip) },
        }
    }

    /// What the caller's proxy does with traffic to this port of the workload.
    pub(super) fn passage(
        &self,
        caller: Option<&Workload>,
        route: &Route<'_>,
        workload: &Workload,
        port: u16,
    ) -> Passage {
        let sidecar = caller.filter(|caller| caller.dataplane == Dataplane::Sidecar);
        let seen = sidecar.map_or(Seen::Yes, |caller| {
            let rules = &caller.interception;
            match route {
                Route::Unsaid | Route::Headless { .. } => rules.outbound(&workload.ips, port),
                Route::Service { service, port } => rules.outbound(&service.ips, *port),
                // "not via service": the sidecar lets the bytes through as they are [CL-15].
                Route::Address { ip, .. } => match rules.outbound(&[*ip], port) {
                    Seen::Yes => Seen::No("no Service has the address".to_owned()),
                    past @ (Seen::No(_) | Seen::Unknown(_)) => past,
                },
            }
        });
        let alike = route.headless().map(|service| {
            // "If any of the endpoints is without, none is called with mutual TLS" [CL-11] [RT-40]
            let backends = service.ports.get(&port).into_iter().flatten();
            let mut workloads = backends.filter_map(|backend| self.workload(backend.workload));
            workloads.all(Workload::tls_mode_is_istio)
        });
        // What stands in ambient mode or is a waypoint is not modelled, whatever is spoken to it.
        let own = workload.tls_mode_is_istio() || workload.dataplane != Dataplane::Sidecar;
        Passage { seen, tls_mode: alike.unwrap_or(own), alike }
    }

    /// Why it is not known what comes from the caller to the workload; absent where it is.
    pub(super) fn caller_doubt(
        &self,
        caller: &Workload,
        route: &Route<'_>,
        workload: &Workload,
        passage: &Passage,
        tls: bool,
    ) -> Option<String> {
        if caller.dataplane == Dataplane::Ambient {
            let text = "the caller is in ambient mode: what its node speaks to this proxy is not modelled yet";
            return Some(text.to_owned());
        }
        if let Some(doubt) = &caller.doubt {
            return Some(format!("of the caller: {doubt}"));
        }
        if !matches!(caller.dataplane, Dataplane::Gateway | Dataplane::Sidecar) {
            return None;
        }
        // Plaintext it is either way.
        if let Seen::Unknown(doubt) = &passage.seen
            && tls
        {
            return Some(doubt.clone());
        }
        if let Route::Address { elsewhere, .. } = route
            && caller.dataplane == Dataplane::Sidecar
        {
            return self.address_doubt(*elsewhere);
        }
        self.service_doubt(caller, route)
            .or_else(|| Self::pod_doubt(caller, workload))
    }

    /// What a sidecar does with an address that no Service has [CL-15].
    fn address_doubt(&self, elsewhere: bool) -> Option<String> {
        if self.settings.registry_only {
            return Some(
                "the mesh calls only what it knows (`REGISTRY_ONLY`), and no Service has this address".to_owned(),
            );
        }
        elsewhere.then(|| {
            "no Service has this address: by its `Host` the caller's proxy may send the request elsewhere".to_owned()
        })
    }

    fn service_doubt(&self, caller: &Workload, route: &Route<'_>) -> Option<String> {
        let service = route.service()?;
        let name = format!("{}.{}", service.name, service.namespace);
        // "VS/Service/DR `exportTo` hides config from A's namespace" [RT-18]
        let everywhere = &self.settings.default_service_export_to;
        let exported = service.export_to.as_ref().unwrap_or(everywhere);
        let beside = service.namespace == caller.namespace;
        let here = |to: &String| *to == "*" || *to == caller.namespace || (*to == "." && beside);
        if !exported.iter().any(here) {
            return Some(format!(
                "Service `{name}` is not exported to namespace `{}`: what a proxy there does with a call to it is not \
                 modelled yet",
                caller.namespace
            ));
        }
        // "Routers do so only if the service (or its namespace) opted in" [CL-31]
        (service.waypoint_for_gateways && caller.dataplane == Dataplane::Gateway).then(|| {
            format!(
                "a gateway calls Service `{name}` through its waypoint, which is not modelled yet"
            )
        })
    }

    /// Labels of the called pod that say what is spoken to it.
    fn pod_doubt(caller: &Workload, workload: &Workload) -> Option<String> {
        let label = |of: &Workload, name: &str| of.labels.get(name).cloned();
        let mode = label(workload, TLS_MODE_LABEL);
        let network = |of: &Workload| label(of, "topology.istio.io/network");
        match (network(caller), network(workload)) {
            (Some(from), Some(to)) if from != to => {
                Some(format!("the way from network `{from}` to network `{to}` is not modelled yet"))
            }
            _ if label(workload, "networking.istio.io/tunnel").is_some()
                && mode.is_some_and(|mode| mode != "istio") =>
            {
                Some("the called pod takes HBONE, which is not modelled yet".to_owned())
            }
            _ => None,
        }
    }
}

//! MeshConfig's `defaultConfig` and a pod's own → how its proxy treats a request.

use super::{Dataplane, Mesh, Workload};
use crate::istio::{ForwardClientCertDetails, ProxyConfig};
use crate::request::ForwardClientCert;

/// How one proxy treats a request, every default filled in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProxySettings {
    /// How many proxies before a gateway are trusted [IN-9].
    pub num_trusted_proxies: u32,
    /// Whether a gateway is told the client's address by the PROXY protocol, so that it is not known here.
    pub proxy_protocol: bool,
    /// What becomes of the client's `x-forwarded-client-cert` [RT-33].
    pub client_certificate: ForwardClientCert,
}

impl ProxySettings {
    /// Of a proxy with this configuration. "proxyConfig of the gateway pod, else mesh default" [AP-61]: a field of its
    /// own counts as a whole.
    pub(super) fn of(dataplane: Dataplane, own: &ProxyConfig, mesh: &ProxyConfig) -> Self {
        let config = own.over(mesh);
        let topology = config.gateway_topology.unwrap_or_default();
        // Gateways look at their topology alone, sidecars at `proxyHeaders` alone [RT-33].
        let (written, default) = match dataplane {
            Dataplane::Gateway => {
                (topology.forward_client_cert_details, ForwardClientCert::SanitizeSet)
            }
            Dataplane::Ambient | Dataplane::None | Dataplane::Sidecar | Dataplane::Waypoint => {
                (config.forwarded_client_cert, ForwardClientCert::AppendForward)
            }
        };
        Self {
            num_trusted_proxies: topology.num_trusted_proxies,
            proxy_protocol: topology.proxy_protocol,
            client_certificate: written.map_or(default, |written| match written {
                ForwardClientCertDetails::AlwaysForwardOnly => ForwardClientCert::AlwaysForwardOnly,
                ForwardClientCertDetails::AppendForward => ForwardClientCert::AppendForward,
                ForwardClientCertDetails::ForwardOnly => ForwardClientCert::ForwardOnly,
                ForwardClientCertDetails::Sanitize => ForwardClientCert::Sanitize,
                ForwardClientCertDetails::SanitizeSet => ForwardClientCert::SanitizeSet,
                ForwardClientCertDetails::Undefined => default,
            }),
        }
    }
}

impl Mesh {
    /// How a workload's proxy treats a request.
    #[must_use]
    pub fn proxy(&self, workload: &Workload) -> ProxySettings {
        ProxySettings::of(workload.dataplane, &workload.proxy_config, &self.settings.proxy_config)
    }
}

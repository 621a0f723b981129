//! A Kubernetes Service as written.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::Meta;

/// A Service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// Its metadata.
    pub meta: Meta,
    /// `selector`; empty selects no workload.
    pub selector: BTreeMap<String, String>,
    /// `ports`.
    pub ports: Vec<ServicePort>,
    /// `clusterIP` and `clusterIPs`; none for a headless Service, and for one that no cluster has seen.
    pub cluster_ips: Vec<IpAddr>,
    /// Whether `clusterIP` is `None`.
    pub headless: bool,
    /// `type: ExternalName`.
    pub external_name: Option<String>,
}

/// One entry of `ports`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServicePort {
    /// `name`; its prefix before `-` can select the protocol.
    pub name: String,
    /// `port`.
    pub port: u16,
    /// `targetPort`; the same number where absent.
    pub target: TargetPort,
    /// Whether it is a TCP port (`protocol`); UDP and SCTP ports get no listener.
    pub tcp: bool,
    /// `appProtocol`.
    pub app_protocol: Option<String>,
}

/// `targetPort`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TargetPort {
    /// A container port by name.
    Name(String),
    /// A container port by number.
    Number(u16),
}

//! A Pod or a pod template's owner as written: what selection and interception need of it.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::{Meta, ProxyConfig};

/// A Pod, or a kind that owns a pod template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workload {
    /// The metadata of the resource itself. Where a cluster is to choose the name, it is `generateName`.
    pub meta: Meta,
    /// `Deployment`, `Pod` …
    pub kind: String,
    /// Kind and name of what owns it; a Pod of a `ReplicaSet` of a Deployment is no workload of its own.
    pub owner: Option<(String, String)>,
    /// The labels of the pods.
    pub labels: BTreeMap<String, String>,
    /// The annotations of the pods.
    pub annotations: BTreeMap<String, String>,
    /// The ProxyConfig of the pods' annotation `proxy.istio.io/config`.
    pub proxy_config: ProxyConfig,
    /// `serviceAccountName`; `default` where absent.
    pub service_account: String,
    /// The TCP ports of all containers, sidecar containers included.
    pub ports: Vec<ContainerPort>,
    /// Whether a container is called `istio-proxy`: the sidecar is there already.
    pub has_proxy: bool,
    /// `hostNetwork`: never injected.
    pub host_network: bool,
    /// `status.podIPs`, for a Pod read from a cluster.
    pub ips: Vec<IpAddr>,
}

/// One entry of a container's `ports`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerPort {
    /// `name`; empty where absent.
    pub name: String,
    /// `containerPort`.
    pub port: u16,
}

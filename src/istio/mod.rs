//! The resources as written: a mirror of the kinds, with no opinion.

mod authorization_policy;
mod mesh_config;
mod meta;
mod peer_authentication;
mod proxy_config;
mod request_authentication;
mod selector;
mod service;
mod workload;

pub use authorization_policy::{
    Action, AuthorizationPolicy, Condition, Field, OperationField, Rule, SourceField, Terms,
};
pub use mesh_config::{
    Check, CheckedBody, ExtensionProvider, MeshConfig, Normalization, ProviderKind,
};
pub use meta::{Meta, Timestamp};
pub use peer_authentication::{Mode, PeerAuthentication, PortLevel};
pub use proxy_config::{ForwardClientCertDetails, GatewayTopology, InterceptionMode, ProxyConfig};
pub use request_authentication::{
    ClaimToHeader, FromHeader, JwtRule, Presence, RequestAuthentication,
};
pub use selector::{PolicyTarget, PolicyTargetReference, WorkloadSelector};
pub use service::{Service, ServicePort, TargetPort};
pub use workload::{ContainerPort, Workload};

/// One resource of a kind that is understood.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Resource {
    /// `security.istio.io` AuthorizationPolicy.
    AuthorizationPolicy(AuthorizationPolicy),
    /// `security.istio.io` PeerAuthentication.
    PeerAuthentication(PeerAuthentication),
    /// `security.istio.io` RequestAuthentication.
    RequestAuthentication(RequestAuthentication),
    /// A Kubernetes Namespace: its labels say whether sidecars are injected.
    Namespace(Meta),
    /// A Kubernetes `ServiceAccount`.
    ServiceAccount(Meta),
    /// A Kubernetes Service.
    Service(Service),
    /// A Pod, or a kind that owns a pod template.
    Workload(Workload),
    /// The mesh `ConfigMap` (`istio`, or `istio-REVISION`).
    MeshConfig(Meta, Box<MeshConfig>),
    /// A kind that is recognised and not evaluated yet: DestinationRule, `VirtualService`,
    /// `ServiceEntry`, Sidecar, Gateway, `WorkloadEntry` …
    Later {
        /// The API group: two groups have a Gateway.
        group: String,
        /// The kind.
        kind: String,
        /// Its metadata.
        meta: Meta,
    },
}

impl Resource {
    /// The metadata.
    #[must_use]
    pub const fn meta(&self) -> &Meta {
        match self {
            Self::AuthorizationPolicy(policy) => &policy.meta,
            Self::PeerAuthentication(policy) => &policy.meta,
            Self::RequestAuthentication(policy) => &policy.meta,
            Self::Service(service) => &service.meta,
            Self::Workload(workload) => &workload.meta,
            Self::Namespace(meta)
            | Self::ServiceAccount(meta)
            | Self::MeshConfig(meta, _)
            | Self::Later { meta, .. } => meta,
        }
    }

    /// The kind as it is written.
    #[must_use]
    pub fn kind(&self) -> &str {
        match self {
            Self::AuthorizationPolicy(_) => "AuthorizationPolicy",
            Self::PeerAuthentication(_) => "PeerAuthentication",
            Self::RequestAuthentication(_) => "RequestAuthentication",
            Self::Namespace(_) => "Namespace",
            Self::ServiceAccount(_) => "ServiceAccount",
            Self::Service(_) => "Service",
            Self::Workload(workload) => &workload.kind,
            Self::MeshConfig(..) => "ConfigMap",
            Self::Later { kind, .. } => kind,
        }
    }
}

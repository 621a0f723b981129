//! Which policy is about which proxy: namespace, selector, targetRefs, revision.

use std::collections::BTreeMap;

use crate::istio::{Meta, PolicyTarget, PolicyTargetReference, WorkloadSelector};

/// The label that names the Gateway a Gateway-API proxy belongs to [IN-34].
pub const GATEWAY_NAME_LABEL: &str = "gateway.networking.k8s.io/gateway-name";
/// The label that binds a resource to one revision of istiod [SEL-40].
pub const REVISION_LABEL: &str = "istio.io/rev";

/// What selection needs to know of a proxy.
#[derive(Clone, Copy, Debug)]
pub struct Proxy<'p> {
    /// Its namespace.
    pub namespace: &'p str,
    /// The labels of its pods.
    pub labels: &'p BTreeMap<String, String>,
    /// Whether it is a waypoint.
    pub waypoint: bool,
    /// The services that the traffic is addressed to; only a waypoint asks for them [SEL-4].
    pub services: &'p [TargetService<'p>],
}

/// A service that traffic at a waypoint is addressed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TargetService<'p> {
    /// The name of the Service or `ServiceEntry` object.
    pub name: &'p str,
    /// Its namespace.
    pub namespace: &'p str,
    /// Whether it is a `ServiceEntry`.
    pub external: bool,
}

/// What selection needs to know of the mesh.
#[derive(Clone, Copy, Debug)]
pub struct SelectionRules<'p> {
    /// `rootNamespace`.
    pub root_namespace: &'p str,
    /// Whether selectors reach Gateway-API gateways: istiod's `ENABLE_SELECTOR_BASED_K8S_GATEWAY_POLICY` [IN-10].
    pub selectors_reach_gateway_api: bool,
}

/// Whether a policy is about a proxy, and if not, why: in texts of its own, or of the policy and the workload.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Attachment<S = String> {
    /// It is.
    Attached,
    /// It stands in a namespace that this proxy does not read [SEL-1].
    OtherNamespace,
    /// The selector wants a label that the workload has not, or has with another value.
    LabelDiffers {
        /// The label.
        label: S,
        /// The value that the selector wants.
        wanted: S,
        /// The value that the workload has; absent where it has none.
        found: Option<S>,
    },
    /// It has targetRefs, and this proxy is no Gateway-API proxy, or none of them names it [SEL-2].
    TargetsSomethingElse,
    /// A waypoint reads only policies with targetRefs [SEL-2].
    WaypointNeedsTargetRefs,
    /// Selectors do not reach Gateway-API gateways in this mesh [SEL-2].
    SelectorOffAtGateways,
    /// Its revision label names another istiod [SEL-40].
    OtherRevision(S),
}

impl Attachment<&str> {
    /// The same in texts of its own.
    #[must_use]
    pub fn into_owned(self) -> Attachment {
        match self {
            Self::Attached => Attachment::Attached,
            Self::OtherNamespace => Attachment::OtherNamespace,
            Self::LabelDiffers { label, wanted, found } => Attachment::LabelDiffers {
                label: label.to_owned(),
                wanted: wanted.to_owned(),
                found: found.map(str::to_owned),
            },
            Self::TargetsSomethingElse => Attachment::TargetsSomethingElse,
            Self::WaypointNeedsTargetRefs => Attachment::WaypointNeedsTargetRefs,
            Self::SelectorOffAtGateways => Attachment::SelectorOffAtGateways,
            Self::OtherRevision(revision) => Attachment::OtherRevision(revision.to_owned()),
        }
    }
}

impl SelectionRules<'_> {
    /// Whether a policy with this metadata and target is about `proxy`.
    #[must_use]
    pub fn attachment<'a>(
        &self,
        meta: &Meta,
        target: &'a PolicyTarget,
        proxy: &Proxy<'a>,
    ) -> Attachment<&'a str> {
        // "Per PEP, look only at policies in: root namespace, the proxy's own namespace, and – for a waypoint
        // evaluating service traffic – the namespace of that service." [SEL-1]
        let of_service = proxy
            .services
            .iter()
            .any(|service| service.namespace == meta.namespace);
        // A selector in the root namespace selects in every namespace [SEL-5].
        let in_scope = meta.namespace == self.root_namespace
            || meta.namespace == proxy.namespace
            || (proxy.waypoint && of_service);
        if !in_scope {
            return Attachment::OtherNamespace;
        }
        let gateway = proxy.labels.get(GATEWAY_NAME_LABEL);
        let references = target.references();
        match gateway {
            None if !proxy.waypoint => {
                if references.is_empty() {
                    selects(target.selector.as_ref(), proxy.labels)
                } else {
                    Attachment::TargetsSomethingElse
                }
            }
            _ if !references.is_empty() => {
                let named =
                    |reference| self.names(meta, reference, proxy, gateway.map(String::as_str));
                if references.iter().any(named) {
                    Attachment::Attached
                } else {
                    Attachment::TargetsSomethingElse
                }
            }
            // "waypoint, no targetRefs: never – even a root-namespace mesh-wide DENY" [SEL-2]
            _ if proxy.waypoint => Attachment::WaypointNeedsTargetRefs,
            _ if self.selectors_reach_gateway_api => {
                selects(target.selector.as_ref(), proxy.labels)
            }
            _ => Attachment::SelectorOffAtGateways,
        }
    }

    /// Whether one targetRef names the proxy or what is behind it [SEL-3].
    fn names(
        &self,
        meta: &Meta,
        reference: &PolicyTargetReference,
        proxy: &Proxy<'_>,
        gateway: Option<&str>,
    ) -> bool {
        let group =
            if reference.group.value.is_empty() { "core" } else { reference.group.value.as_str() };
        let service = |external| {
            proxy.waypoint
                && proxy.services.iter().any(|service| {
                    service.external == external
                        && service.name == reference.name.value
                        && service.namespace == meta.namespace
                })
        };
        match (group, reference.kind.value.as_str()) {
            ("core", "Service") => service(false),
            ("networking.istio.io", "ServiceEntry") => service(true),
            ("gateway.networking.k8s.io", "GatewayClass") => {
                proxy.waypoint
                    && meta.namespace == self.root_namespace
                    && reference.name.value == "istio-waypoint"
            }
            ("gateway.networking.k8s.io", "Gateway") => {
                let namespace = reference
                    .namespace
                    .as_ref()
                    .map_or("", |namespace| namespace.value.as_str());
                meta.namespace == proxy.namespace
                    && (namespace.is_empty() || namespace == proxy.namespace)
                    && gateway == Some(reference.name.value.as_str())
            }
            _ => false,
        }
    }
}

/// Whether a selector's labels are all there; no selector and no labels select everything [SEL-2].
pub(crate) fn selects<'a>(
    selector: Option<&'a WorkloadSelector>,
    labels: &'a BTreeMap<String, String>,
) -> Attachment<&'a str> {
    let wanted = selector
        .into_iter()
        .flat_map(|selector| &selector.match_labels);
    for (label, value) in wanted {
        let found = labels.get(label);
        if found != Some(value) {
            return Attachment::LabelDiffers {
                label,
                wanted: value,
                found: found.map(String::as_str),
            };
        }
    }
    Attachment::Attached
}

/// The revision that a resource is bound to, where it is another one than `revision` [SEL-40].
pub(crate) fn other_revision<'m>(meta: &'m Meta, revision: &str) -> Option<&'m str> {
    meta.labels
        .get(REVISION_LABEL)
        .map(String::as_str)
        .filter(|bound| *bound != revision)
}

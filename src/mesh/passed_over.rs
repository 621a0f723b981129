//! A workload → the policies that are not about it, and for each why not.

use super::select::{other_revision, selects};
use super::{
    Attachment, Dataplane, Level, Mesh, Proxy, SelectionRules, applies, level, peer_authentication,
};
use crate::diagnostic::Origin;
use crate::istio::{Meta, PeerAuthentication, PolicyTarget, RequestAuthentication, Resource};

/// A policy as far as it says what it is about.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    pub(super) kind: &'static str,
    pub(super) meta: Meta,
    pub(super) target: PolicyTarget,
    /// The whole policy where it is a PeerAuthentication: one can be set aside for another.
    pub(super) peer: Option<PeerAuthentication>,
    /// The whole policy where it is a RequestAuthentication.
    pub(super) tokens: Option<RequestAuthentication>,
}

impl Candidate {
    pub(super) fn of(resource: &Resource) -> Option<Self> {
        let (mut peer, mut tokens) = (None, None);
        let (kind, meta, target) = match resource {
            Resource::AuthorizationPolicy(policy) => {
                ("AuthorizationPolicy", &policy.meta, policy.target.clone())
            }
            Resource::RequestAuthentication(policy) => {
                tokens = Some(policy.clone());
                ("RequestAuthentication", &policy.meta, policy.target.clone())
            }
            Resource::PeerAuthentication(policy) => {
                let target =
                    PolicyTarget { selector: policy.selector.clone(), ..PolicyTarget::default() };
                peer = Some(policy.clone());
                ("PeerAuthentication", &policy.meta, target)
            }
            Resource::Namespace(_)
            | Resource::ServiceAccount(_)
            | Resource::Service(_)
            | Resource::Workload(_)
            | Resource::MeshConfig(..)
            | Resource::Later { .. } => return None,
        };
        Some(Self { kind, meta: meta.clone(), target, peer, tokens })
    }
}

/// A policy that is not about a workload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PassedOver {
    /// `AuthorizationPolicy`, `PeerAuthentication` or `RequestAuthentication`.
    pub kind: &'static str,
    /// `namespace/name`.
    pub policy: String,
    /// Where it is written.
    pub origin: Origin,
    /// Why it does not count.
    pub why: WhyPassedOver,
    /// Whether it has a selector with labels, and the workload has all of them.
    pub selects_labels: bool,
}

/// Why a policy does not count for a workload.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WhyPassedOver {
    /// It is not attached, as said.
    NotAttached(Attachment),
    /// A PeerAuthentication with a selector in the root namespace, which is ignored [PA-1].
    SelectorInRootNamespace,
    /// Another PeerAuthentication of the same level is older, and counts alone [PA-2].
    OlderOne(String),
}

impl Mesh {
    /// The policies that are not about a workload, those that miss it by least first: another revision, a label that
    /// differs, other targets, then those of other namespaces. Empty for a workload that the mesh has not.
    #[must_use]
    pub fn passed_over(&self, workload: usize) -> Vec<PassedOver> {
        let Some(workload) = self.workload(workload) else { return Vec::new() };
        let root = self.settings.root_namespace.as_str();
        let rules = SelectionRules { root_namespace: root, selectors_reach_gateway_api: true };
        let proxy = Proxy {
            namespace: &workload.namespace,
            labels: &workload.labels,
            waypoint: workload.dataplane == Dataplane::Waypoint,
            services: &[],
        };
        let peers = || {
            let of_revision = self
                .candidates
                .iter()
                .filter(|candidate| self.other_revision(candidate).is_none());
            let peers = of_revision.filter_map(|candidate| candidate.peer.as_ref());
            peers.filter(|peer| applies(peer, root, &workload.namespace, &workload.labels))
        };
        let why = |candidate: &Candidate| -> Option<WhyPassedOver> {
            if let Some(revision) = self.other_revision(candidate) {
                return Some(WhyPassedOver::NotAttached(Attachment::OtherRevision(
                    revision.to_owned(),
                )));
            }
            if let Some(peer) = &candidate.peer {
                let Some(own_level) = level(peer, root) else {
                    return Some(WhyPassedOver::SelectorInRootNamespace);
                };
                if applies(peer, root, &workload.namespace, &workload.labels) {
                    let same_level = peers().filter(|other| level(other, root) == Some(own_level));
                    let winner = peer_authentication::oldest(same_level)?;
                    return (winner.meta.id() != peer.meta.id())
                        .then(|| WhyPassedOver::OlderOne(winner.meta.id()));
                }
                if own_level == Level::Namespace || candidate.meta.namespace != workload.namespace {
                    return Some(WhyPassedOver::NotAttached(Attachment::OtherNamespace));
                }
            }
            let attachment = rules.attachment(&candidate.meta, &candidate.target, &proxy);
            (attachment != Attachment::Attached)
                .then(|| WhyPassedOver::NotAttached(attachment.into_owned()))
        };
        let mut found: Vec<PassedOver> = self
            .candidates
            .iter()
            .filter_map(|candidate| {
                Some(PassedOver {
                    kind: candidate.kind,
                    policy: candidate.meta.id(),
                    origin: candidate.meta.origin.clone(),
                    why: why(candidate)?,
                    selects_labels: candidate.target.selector.as_ref().is_some_and(|selector| {
                        !selector.match_labels.is_empty()
                            && selects(Some(selector), &workload.labels) == Attachment::Attached
                    }),
                })
            })
            .collect();
        found.sort_by_key(|passed| {
            passed.why == WhyPassedOver::NotAttached(Attachment::OtherNamespace)
        });
        found
    }

    fn other_revision<'c>(&self, candidate: &'c Candidate) -> Option<&'c str> {
        other_revision(&candidate.meta, &self.revision)
    }
}

//! `PeerAuthentications` and the workloads of a mesh → where each of them counts, and where another stands before it.

use std::collections::BTreeMap;

use crate::diagnostic::{Origin, Position};
use crate::istio::{PeerAuthentication, Resource};
use crate::lint::Finding;
use crate::mesh::{DecidedMode, Level, Mesh, applies, level, oldest};

/// Where a PeerAuthentication counts.
#[derive(Clone, Debug, Default)]
pub(super) struct Reach<'a> {
    /// Whether istiod looks at it: not where it selects in the root namespace, is bound to another revision, or is not
    /// the oldest of those without a selector [PA-1] [PA-2] [SEL-40].
    pub(super) counts: bool,
    /// The workloads at which it is the one of its level that counts.
    pub(super) chosen: Vec<usize>,
    /// A workload that it is about, too, and the older one that counts there.
    pub(super) behind: Option<(usize, &'a PeerAuthentication)>,
}

/// How far a mode that a PeerAuthentication writes is in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Force {
    /// At a workload of the files.
    Somewhere,
    /// At a workload of the files only if there is one that they do not hold.
    Elsewhere,
    /// Nowhere.
    Nowhere,
}

impl Force {
    /// The finding as far as it is so; absent where it is not.
    pub(super) fn told(self, finding: Finding) -> Option<Finding> {
        match self {
            Self::Somewhere => Some(finding),
            Self::Elsewhere => Some(finding.sure_if(
                "there is a workload that it is about, and that no narrower PeerAuthentication is about",
            )),
            Self::Nowhere => None,
        }
    }
}

impl Reach<'_> {
    /// How far a mode that stands at a place of the policy is in force; `at` names the mode of a workload.
    pub(super) fn force(
        &self,
        mesh: &Mesh,
        policy: &PeerAuthentication,
        position: Position,
        at: impl Fn(&crate::mesh::EffectiveMtls) -> Vec<&DecidedMode>,
    ) -> Force {
        let written = Origin::new(&policy.meta.origin.file, position);
        let in_force = self.chosen.iter().any(|workload| {
            let mtls = mesh
                .enforcement(*workload)
                .map(|enforcement| &enforcement.mtls);
            let modes = mtls.map(&at).unwrap_or_default();
            modes
                .iter()
                .any(|mode| mode.by.as_ref().is_some_and(|(_, by)| *by == written))
        });
        // A selector has its workloads in one namespace, and the narrowest policy is in force at all of them.
        let elsewhere = self.behind.is_none() || policy.selector.is_none();
        match (in_force, self.counts && elsewhere) {
            (true, _) => Force::Somewhere,
            (false, true) => Force::Elsewhere,
            (false, false) => Force::Nowhere,
        }
    }
}

/// Where every PeerAuthentication counts, by the place where it begins.
pub(super) fn reaches<'a>(
    mesh: &Mesh,
    resources: &[&'a Resource],
) -> BTreeMap<&'a Origin, Reach<'a>> {
    let root = mesh.settings.root_namespace.as_str();
    let mut reaches = BTreeMap::new();
    let mut without_selector: BTreeMap<&str, Vec<&PeerAuthentication>> = BTreeMap::new();
    let mut with_selector: BTreeMap<&str, Vec<&PeerAuthentication>> = BTreeMap::new();
    for resource in resources {
        let Resource::PeerAuthentication(policy) = *resource else { continue };
        let level = level(policy, root).filter(|_| mesh.reads(&policy.meta));
        let reach = Reach { counts: level.is_some(), ..Reach::default() };
        reaches.insert(&policy.meta.origin, reach);
        let group = match level {
            None => continue,
            Some(Level::Mesh | Level::Namespace) => &mut without_selector,
            Some(Level::Workload) => &mut with_selector,
        };
        group
            .entry(&policy.meta.namespace)
            .or_default()
            .push(policy);
    }
    let mut of_namespace = BTreeMap::new();
    for (namespace, policies) in &without_selector {
        let Some(first) = oldest(policies.iter().copied()) else { continue };
        of_namespace.insert(*namespace, &first.meta.origin);
        for policy in policies
            .iter()
            .filter(|policy| policy.meta.origin != first.meta.origin)
        {
            reaches.entry(&policy.meta.origin).or_default().counts = false;
        }
    }
    for (at, workload) in mesh.inventory.workloads.iter().enumerate() {
        let namespace = workload.namespace.as_str();
        for namespace in if namespace == root { vec![root] } else { vec![root, namespace] } {
            if let Some(origin) = of_namespace.get(namespace) {
                reaches.entry(*origin).or_default().chosen.push(at);
            }
        }
        let here = with_selector.get(namespace).into_iter().flatten().copied();
        let about: Vec<&PeerAuthentication> = here
            .filter(|policy| applies(policy, root, namespace, &workload.labels))
            .collect();
        let Some(first) = oldest(about.iter().copied()) else { continue };
        for policy in about {
            let reach = reaches.entry(&policy.meta.origin).or_default();
            if policy.meta.origin == first.meta.origin {
                reach.chosen.push(at);
            } else {
                reach.behind.get_or_insert((at, first));
            }
        }
    }
    reaches
}

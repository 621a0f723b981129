//! A mesh and one policy that is put, replaced or taken away → the mesh after it, with whatever is the same shared.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::passed_over::Candidate;
use super::select::other_revision;
use super::{
    Admission, Attachment, Dataplane, Mesh, PolicyIndex, Proxy, SelectionRules, Workload, applies,
    compiled,
};
use crate::diagnostic::{Diagnostic, Diagnostics, Severity};
use crate::istio::Resource;

/// One resource that is otherwise.
#[derive(Clone, Copy, Debug)]
pub struct Change<'c> {
    /// The kind, as it is written.
    pub kind: &'c str,
    /// The namespace.
    pub namespace: &'c str,
    /// The name.
    pub name: &'c str,
    /// What stands there afterwards; absent: nothing does.
    pub after: Option<&'c Resource>,
}

/// A mesh after a change.
#[derive(Debug)]
pub struct Changed {
    /// The mesh.
    pub mesh: Mesh,
    /// What is worth a look about the resource and the workloads that it reaches.
    pub warnings: Vec<Diagnostic>,
    /// The workloads that the resource reaches, as it was or as it is: nothing is otherwise before any other one.
    pub workloads: Vec<usize>,
}

impl Mesh {
    /// The mesh with one AuthorizationPolicy, PeerAuthentication or RequestAuthentication put, replaced or taken away:
    /// what [`Mesh::compile`] makes of the resources with the new one in the place of the old, or behind all others. A
    /// kind that decides nothing changes nothing.
    ///
    /// # Errors
    /// What the API server or Istio's webhook would refuse (unless bypassed), and what Envoy would not load.
    pub fn changed(
        &self,
        change: &Change<'_>,
        admission: Admission,
    ) -> Result<Changed, Diagnostics> {
        let mut findings = Vec::new();
        if let Some(after) = change.after {
            findings = crate::validate::refusals(after);
            if admission == Admission::Bypassed {
                for refusal in &mut findings {
                    refusal.severity = Severity::Warning;
                }
            }
            findings.extend(super::later(std::slice::from_ref(after)));
        }
        let before = self
            .candidates
            .iter()
            .position(|candidate| candidate.is(change));
        let after = change.after.and_then(Candidate::of).map(Arc::new);
        let mut mesh = self.clone();
        let moved = mesh.put(before, after.clone(), change.after, &mut findings);
        let before = before.and_then(|place| self.candidates.get(place));
        let changed = [before, after.as_ref()];
        let workloads: Vec<usize> = self
            .inventory
            .workloads
            .iter()
            .enumerate()
            .filter(|(_, workload)| {
                changed
                    .into_iter()
                    .flatten()
                    .any(|candidate| self.reaches(candidate, workload))
            })
            .map(|(place, _)| place)
            .collect();
        // Where a policy in the middle goes or comes, the places of those behind it are other ones.
        let everywhere: Vec<usize> = (0..self.inventory.workloads.len()).collect();
        let otherwise = if moved { &everywhere } else { &workloads };
        let own = otherwise
            .iter()
            .filter_map(|place| Some(self.workload(*place)?.namespace.as_str()));
        let root = self.settings.root_namespace.as_str();
        let namespaces: BTreeSet<&str> = own.chain([root]).collect();
        let wanted = |namespace: &str| namespaces.contains(namespace);
        let (policies, candidates) = (&mesh.policies, &mesh.candidates);
        let index = PolicyIndex::of(policies, candidates, &self.settings, &self.revision, &wanted);
        let enforcements = &mut mesh.enforcements;
        for place in otherwise {
            if let (Some(workload), Some(slot)) =
                (self.workload(*place), enforcements.get_mut(*place))
            {
                *slot = Arc::new(index.enforcement(workload, &mut findings));
            }
        }
        findings.dedup();
        let warnings = Diagnostics::gate(findings)?;
        Ok(Changed { mesh, warnings, workloads })
    }

    /// Puts the new candidate and its policy where the old one is, or behind all. Whether the places of other policies
    /// are other ones afterwards.
    fn put(
        &mut self,
        before: Option<usize>,
        after: Option<Arc<Candidate>>,
        resource: Option<&Resource>,
        findings: &mut Vec<Diagnostic>,
    ) -> bool {
        let counts = |candidate: &Candidate| {
            candidate.is_authorization()
                && other_revision(&candidate.meta, &self.revision).is_none()
        };
        let place = before.unwrap_or(self.candidates.len());
        let of_policy = self
            .candidates
            .iter()
            .take(place)
            .filter(|candidate| counts(candidate))
            .count();
        let was_there = self
            .candidates
            .get(place)
            .is_some_and(|candidate| counts(candidate));
        let policy = match resource {
            Some(Resource::AuthorizationPolicy(written))
                if after.as_ref().is_some_and(|candidate| counts(candidate)) =>
            {
                Some(Arc::new(compiled(written, &self.settings, findings)))
            }
            _ => None,
        };
        let is_there = policy.is_some();
        let last = of_policy + usize::from(was_there) == self.policies.len();
        let end = of_policy + usize::from(was_there);
        drop(self.policies.splice(of_policy..end, policy));
        let known = after.as_ref().is_none_or(|candidate| {
            self.inventory
                .namespaces
                .contains(&candidate.meta.namespace)
        });
        if let (false, Some(candidate)) = (known, &after) {
            let inventory = Arc::make_mut(&mut self.inventory);
            inventory
                .namespaces
                .insert(candidate.meta.namespace.clone());
        }
        let end = place + usize::from(before.is_some());
        drop(self.candidates.splice(place..end, after));
        was_there != is_there && !last
    }

    /// Whether a policy counts for a workload.
    fn reaches(&self, candidate: &Candidate, workload: &Workload) -> bool {
        let root = self.settings.root_namespace.as_str();
        if other_revision(&candidate.meta, &self.revision).is_some() {
            return false;
        }
        if let Some(peer) = &candidate.peer {
            return applies(peer, root, &workload.namespace, &workload.labels);
        }
        let proxy = Proxy {
            namespace: &workload.namespace,
            labels: &workload.labels,
            waypoint: workload.dataplane == Dataplane::Waypoint,
            services: &[],
        };
        let rules = SelectionRules { root_namespace: root, selectors_reach_gateway_api: true };
        rules.attachment(&candidate.meta, &candidate.target, &proxy) == Attachment::Attached
    }
}

impl Candidate {
    fn is(&self, change: &Change<'_>) -> bool {
        self.kind == change.kind
            && self.meta.name == change.name
            && self.meta.namespace == change.namespace
    }

    pub(super) const fn is_authorization(&self) -> bool {
        self.peer.is_none() && self.tokens.is_none()
    }
}

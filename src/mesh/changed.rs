//! A mesh and one policy that is put, replaced or taken away → the mesh after it, with whatever is the same shared.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::candidates::Placed;
use super::passed_over::Candidate;
use super::select::other_revision;
use super::{
    Admission, Attachment, Dataplane, Mesh, Policy, PolicyIndex, Proxy, SelectionRules, Workload,
    applies, compiled,
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
        let before = self.candidates.place_of(change);
        let after = change.after.and_then(Candidate::of).map(Arc::new);
        let mut mesh = self.clone();
        let moved = mesh.put(before, after.clone(), change.after, &mut findings);
        let before = before.and_then(|place| self.candidates.get(place));
        let before = before.map(|placed| &placed.candidate);
        let mut workloads = Vec::new();
        for candidate in [before, after.as_ref()].into_iter().flatten() {
            self.reached(candidate, &mut workloads);
        }
        workloads.sort_unstable();
        workloads.dedup();
        // Where a policy in the middle goes or comes, the places of those behind it are other ones.
        let everywhere: Vec<usize> = (0..self.inventory.workloads.len()).collect();
        let otherwise = if moved { &everywhere } else { &workloads };
        let own = otherwise
            .iter()
            .filter_map(|place| Some(self.workload(*place)?.namespace.as_str()));
        let root = self.settings.root_namespace.as_str();
        let namespaces: BTreeSet<&str> = own.chain([root]).collect();
        let (policies, candidates) = (&mesh.policies, &mesh.candidates);
        let index =
            PolicyIndex::of(policies, candidates, &self.settings, &self.revision, namespaces);
        for place in otherwise {
            if let Some(workload) = self.workload(*place) {
                let enforcement = index.enforcement(workload, &mut findings);
                mesh.enforcements.put(*place, Arc::new(enforcement));
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
        let policy = match resource {
            Some(Resource::AuthorizationPolicy(written))
                if after
                    .as_ref()
                    .is_some_and(|after| after.has_meaning(&self.revision)) =>
            {
                Some(Arc::new(compiled(written, &self.settings, findings)))
            }
            _ => None,
        };
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
        let Some(place) = before else {
            if let Some(candidate) = after {
                let end = self.policies.len();
                let is_there = policy.is_some();
                self.candidates
                    .push(Placed { candidate, policy: is_there.then_some(end) });
                policy
                    .into_iter()
                    .for_each(|policy| self.policies.put(end, policy));
            }
            return false;
        };
        let of_policy = self.candidates.get(place).and_then(|placed| placed.policy);
        match (of_policy, policy, after) {
            (Some(of_policy), Some(policy), Some(candidate)) => {
                self.policies.put(of_policy, policy);
                self.candidates
                    .put(place, Placed { candidate, policy: Some(of_policy) });
                false
            }
            (None, None, Some(candidate)) => {
                self.candidates
                    .put(place, Placed { candidate, policy: None });
                false
            }
            (of_policy, policy, after) => {
                self.candidates = self.candidates.with(place, after, &self.revision);
                self.splice(place, of_policy, policy)
            }
        }
    }

    /// Takes a policy out, or puts it where it belongs among the others. Whether others stand behind it.
    fn splice(&mut self, place: usize, was_at: Option<usize>, policy: Option<Arc<Policy>>) -> bool {
        let is_at = self.candidates.get(place).and_then(|placed| placed.policy);
        let Some(at) = was_at.or(is_at) else { return false };
        let mut policies: Vec<Arc<Policy>> = self.policies.iter().map(Arc::clone).collect();
        let end = at + usize::from(was_at.is_some());
        let last = end >= policies.len();
        drop(policies.splice(at..end.min(policies.len()), policy));
        self.policies = policies.into_iter().collect();
        !last
    }

    /// The workloads that a policy counts for.
    fn reached(&self, candidate: &Candidate, into: &mut Vec<usize>) {
        let root = self.settings.root_namespace.as_str();
        let reaches = |place: &usize| {
            self.workload(*place)
                .is_some_and(|workload| self.reaches(candidate, workload))
        };
        if candidate.meta.namespace == root {
            into.extend((0..self.inventory.workloads.len()).filter(reaches));
        } else {
            // Of other namespaces it is not read [SEL-1].
            let own = self.workloads_of.get(&candidate.meta.namespace);
            into.extend(own.into_iter().flatten().copied().filter(reaches));
        }
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

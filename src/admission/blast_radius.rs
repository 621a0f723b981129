//! Two meshes → which callers of which ports are answered otherwise, found near the edges of the rules that differ.

use std::collections::{BTreeMap, BTreeSet};

use super::known::Budget;
use crate::decide::Verdict;
use crate::explanation::{Change, outside};
use crate::mesh::{Changed, Condition, Dataplane, Mesh, Rule};
use crate::mutation::{alternatives, edges, met, starts};
use crate::request::{Payload, Request};
use crate::survey::callers;

/// So many requests that are near the edges of the rules are tried with every caller of one port.
const REQUESTS: usize = 24;
/// So many ways to meet one rule are tried.
const WAYS: usize = 4;
/// A rule of more conditions is not aimed at: a request that meets n of them is changed n times, and each time is longer.
const CONDITIONS: usize = 32;

/// What a change does to callers. What was found is so, decided before and after; there may be more.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct BlastRadius {
    /// Callers of ports with a request that was not allowed and is.
    pub(super) newly_allowed: Vec<String>,
    /// Callers of ports with a request that was allowed and is not.
    pub(super) newly_denied: Vec<String>,
    /// How many requests were asked.
    pub(super) asked: usize,
    /// Whether the search ended before everything that it would ask was asked.
    pub(super) cut_short: bool,
}

/// Searches before the workloads that the changed resource reaches. `policy` is its `namespace/name`.
pub(super) fn blast_radius(
    before: &Mesh,
    changed: &Changed,
    policy: &str,
    budget: Budget,
) -> BlastRadius {
    let mut search = Search {
        before,
        after: &changed.mesh,
        callers: who(&changed.mesh),
        budget,
        found: BlastRadius::default(),
    };
    for place in &changed.workloads {
        let Some(workload) = before.workload(*place) else { continue };
        if !matches!(workload.dataplane, Dataplane::Gateway | Dataplane::Sidecar) {
            continue;
        }
        let mut ports: BTreeSet<u16> = workload.listeners.keys().copied().collect();
        ports.extend(&workload.container_ports);
        if ports.is_empty() {
            ports.insert(80);
        }
        for port in ports {
            search.at(*place, port, policy);
        }
    }
    search.found
}

/// Everybody that the files know and a stranger, each with what makes a request its own.
fn who(mesh: &Mesh) -> Vec<(String, Change)> {
    let mut who: BTreeMap<Option<String>, String> = BTreeMap::new();
    for caller in callers(mesh) {
        let name = match (&caller.identity, caller.name.as_str()) {
            (Some(identity), "service account" | "named in a policy") => identity.clone(),
            (None, _) => "plaintext".to_owned(),
            (Some(_), name) => name.to_owned(),
        };
        who.entry(caller.identity).or_insert(name);
    }
    let stranger = format!("{}/ns/elsewhere/sa/somebody", mesh.settings.trust.own);
    who.entry(Some(stranger))
        .or_insert_with(|| "any other identity of the mesh".to_owned());
    who.into_iter()
        .map(|(identity, name)| (name, identity.map_or(Change::Plaintext, Change::Principal)))
        .collect()
}

struct Search<'m> {
    before: &'m Mesh,
    after: &'m Mesh,
    callers: Vec<(String, Change)>,
    budget: Budget,
    found: BlastRadius,
}

impl Search<'_> {
    fn at(&mut self, workload: usize, port: u16, policy: &str) {
        let requests = self.near_the_edges(workload, port, policy);
        for (name, identity) in self.callers.clone() {
            let (mut allowed, mut denied) = (false, false);
            for request in &requests {
                if allowed && denied {
                    break;
                }
                if self.found.asked >= self.budget.requests {
                    self.found.cut_short = true;
                    return;
                }
                self.found.asked += 1;
                let request = identity.of(request);
                let verdicts = [self.before, self.after].map(|mesh| mesh.decide(&request).verdict);
                let found = match verdicts {
                    [Verdict::Unknown, _] | [_, Verdict::Unknown] => continue,
                    [Verdict::Allow, Verdict::Allow] => continue,
                    [Verdict::Allow, _] if !denied => {
                        denied = true;
                        &mut self.found.newly_denied
                    }
                    [_, Verdict::Allow] if !allowed => {
                        allowed = true;
                        &mut self.found.newly_allowed
                    }
                    _ => continue,
                };
                found.push(format!("{name} {}", shown(self.before, &request)));
            }
        }
    }

    /// Requests that meet the rules of the changed policy as it was and as it is, or miss them narrowly; where it has no
    /// rules, those of every policy before the workload. The plainest first.
    fn near_the_edges(&mut self, workload: usize, port: u16, policy: &str) -> Vec<Request> {
        let starts = starts(self.before, workload, port, None);
        let mut requests: Vec<Request> = starts.iter().take(1).cloned().collect();
        let meshes = [self.after, self.before];
        let own: Vec<(&Mesh, &Rule)> = meshes
            .into_iter()
            .flat_map(|mesh| rules(mesh, workload, Some(policy)).map(move |rule| (mesh, rule)))
            .collect();
        let all = || {
            meshes
                .into_iter()
                .flat_map(|mesh| rules(mesh, workload, None).map(move |rule| (mesh, rule)))
                .collect()
        };
        let rules: Vec<(&Mesh, &Rule)> = if own.is_empty() { all() } else { own };
        for (mesh, rule) in rules {
            if requests.len() >= REQUESTS {
                break;
            }
            for conditions in alternatives(rule).into_iter().take(WAYS) {
                // Who calls is tried in turn.
                let conditions: Vec<&Condition> = conditions
                    .into_iter()
                    .filter(|condition| !condition.attribute.is_identity())
                    .collect();
                if conditions.len() > CONDITIONS {
                    self.found.cut_short = true;
                    continue;
                }
                for start in starts.iter().take(1) {
                    let meeting = met(mesh, start, &conditions);
                    let missing: Vec<Request> = meeting
                        .first()
                        .into_iter()
                        .flat_map(|request| {
                            conditions.iter().flat_map(|condition| {
                                let mut changes = outside(mesh, request, condition);
                                changes.truncate(1);
                                changes.extend(edges(condition).into_iter().take(2));
                                changes.into_iter().map(|change| change.of(request))
                            })
                        })
                        .collect();
                    for request in meeting.into_iter().take(WAYS).chain(missing) {
                        if requests.len() < REQUESTS && !requests.contains(&request) {
                            requests.push(request);
                        }
                    }
                }
            }
        }
        requests
    }
}

/// The rules before a workload: those of one policy, or all.
fn rules<'m>(
    mesh: &'m Mesh,
    workload: usize,
    policy: Option<&str>,
) -> impl Iterator<Item = &'m Rule> {
    let enforcement = mesh.enforcement(workload).into_iter();
    let places = enforcement.flat_map(|enforcement| {
        let custom = enforcement.custom.values().map(|custom| &custom.rules);
        let sets = [&enforcement.deny, &enforcement.allow, &enforcement.custom_dry_run];
        sets.into_iter().chain(custom).flat_map(|set| &set.rules)
    });
    let found: Vec<&Rule> = places
        .filter_map(|place| mesh.rule(*place))
        .filter(|(of, _)| policy.is_none_or(|policy| of.id() == policy))
        .map(|(_, rule)| rule)
        .collect();
    found.into_iter()
}

/// `GET /headers → httpbin.foo:8000`, the port being the workload's own.
fn shown(mesh: &Mesh, request: &Request) -> String {
    let name = mesh
        .workload(request.workload)
        .map_or_else(String::new, crate::mesh::Workload::full_name);
    match &request.payload {
        Payload::Bytes => format!("→ {name}:{}", request.port),
        Payload::Http(http) => {
            format!("→ {name}:{} {} {}", request.port, http.method, http.target)
        }
    }
}

//! Two meshes → a request that they answer differently, found near the edges of the rules that differ.

use std::collections::{BTreeMap, BTreeSet};

use super::edges::edges;
use super::question::question;
use super::score::{Verdicts, noticed};
use crate::decide::Verdict;
use crate::explanation::{Change, inside, outside};
use crate::mesh::{Clause, Condition, Mesh, MtlsMode, Rule, TokenProvider};
use crate::request::{
    Certificate, HttpRequest, HttpVersion, ISTIO_HTTP_ALPN, Payload, Request, RequestSpec, Tls,
};

/// So many requests are asked at most.
const ASKED: usize = 6_000;
/// So many half-made requests are gone on with.
const KEPT: usize = 24;
/// So many changes are tried for one condition.
const TRIED: usize = 6;

/// A request and how two meshes answer it: decided by both.
#[derive(Clone, Debug, PartialEq)]
pub struct Witness {
    /// The question that sends it.
    pub question: RequestSpec,
    /// The answer of the mesh as it is.
    pub now: Verdicts,
    /// That of the mutant.
    pub mutated: Verdicts,
}

/// A question that the two meshes answer differently. Absent where the search found none, which proves nothing.
#[must_use]
pub fn witness(mesh: &Mesh, mutated: &Mesh, now: Option<i64>) -> Option<Witness> {
    let mut search = Search { mesh, mutated, asked: 0 };
    for (workload, known) in mesh.inventory.workloads.iter().enumerate() {
        if stands_before(mesh, workload) == stands_before(mutated, workload) {
            continue;
        }
        let mut ports: Vec<u16> = known
            .listeners
            .keys()
            .chain(&known.container_ports)
            .copied()
            .collect();
        if ports.is_empty() {
            ports.push(80);
        }
        ports.sort_unstable();
        ports.dedup();
        for port in ports {
            if let Some(found) = search.at(workload, port, now) {
                return Some(found);
            }
        }
    }
    None
}

/// Whether every workload of the two meshes is under the same: then no request tells them apart.
#[must_use]
pub fn changes_nothing(mesh: &Mesh, mutated: &Mesh) -> bool {
    (0..mesh.inventory.workloads.len())
        .all(|workload| stands_before(mesh, workload) == stands_before(mutated, workload))
}

struct Search<'m> {
    mesh: &'m Mesh,
    mutated: &'m Mesh,
    asked: usize,
}

impl Search<'_> {
    fn at(&mut self, workload: usize, port: u16, now: Option<i64>) -> Option<Witness> {
        let starts = starts(self.mesh, workload, port, now);
        for start in &starts {
            if let Some(found) = self.ask(start) {
                return Some(found);
            }
        }
        // The edges of what is changed come first; a selector or an action changes no rule, and then all are looked at.
        let of = [(self.mutated, self.mesh), (self.mesh, self.mutated)]
            .map(|(mesh, other)| (mesh, changed(mesh, other, workload)));
        let changed_any = of.iter().any(|(_, rules)| !rules.is_empty());
        for (mesh, changed) in of {
            let rules = if changed_any { changed } else { rules(mesh, workload) };
            for rule in rules {
                for conditions in alternatives(rule) {
                    for start in &starts {
                        if let Some(found) = self.around(mesh, start, &conditions) {
                            return Some(found);
                        }
                    }
                }
            }
        }
        None
    }

    /// Asks both meshes.
    fn ask(&mut self, request: &Request) -> Option<Witness> {
        if self.asked == ASKED {
            return None;
        }
        self.asked += 1;
        let (now, mutated) =
            (noticed(&self.mesh.decide(request)), noticed(&self.mutated.decide(request)));
        let known = now.0 != Verdict::Unknown && mutated.0 != Verdict::Unknown;
        if !known || now == mutated {
            return None;
        }
        // What is shown is what was asked: of a Service every workload would have to answer so.
        let question = question(self.mesh, request)?;
        let answers = |mesh: &Mesh| match mesh.requests(&question).ok()?.as_slice() {
            [one] => Some(noticed(&mesh.decide(one))),
            _ => None,
        };
        let confirmed = answers(self.mesh) == Some(now) && answers(self.mutated) == Some(mutated);
        confirmed.then_some(Witness { question, now, mutated })
    }

    /// Requests that meet all conditions, and those that miss one of them.
    fn around(
        &mut self,
        mesh: &Mesh,
        start: &Request,
        conditions: &[&Condition],
    ) -> Option<Witness> {
        let met = met(mesh, start, conditions);
        for request in &met {
            if let Some(found) = self.ask(request) {
                return Some(found);
            }
        }
        for request in met.iter().take(4) {
            for condition in conditions {
                let mut changes: Vec<Change> = inside(mesh, request, condition);
                changes.extend(outside(mesh, request, condition));
                changes.extend(edges(condition));
                for change in changes {
                    if let Some(found) = self.ask(&change.of(request)) {
                        return Some(found);
                    }
                }
            }
        }
        None
    }
}

/// Requests on the way from one to all conditions, those first that should meet the most: whether they do is for the
/// evaluator to say.
#[must_use]
pub fn met(mesh: &Mesh, start: &Request, conditions: &[&Condition]) -> Vec<Request> {
    let mut met = vec![start.clone()];
    for condition in conditions {
        let mut next = met.clone();
        for request in &met {
            let changes = if condition.negated {
                outside(mesh, request, condition)
            } else {
                inside(mesh, request, condition)
            };
            next.extend(changes.iter().take(TRIED).map(|change| change.of(request)));
        }
        // The latest meet the most.
        next.reverse();
        let mut kept: Vec<Request> = Vec::new();
        for request in next {
            if kept.len() < KEPT && !kept.contains(&request) {
                kept.push(request);
            }
        }
        met = kept;
    }
    met
}

/// Requests to begin with: a stranger of the mesh, and somebody without identity.
#[must_use]
pub fn starts(mesh: &Mesh, workload: usize, port: u16, now: Option<i64>) -> Vec<Request> {
    let name = mesh
        .workload(workload)
        .map_or_else(String::new, crate::mesh::Workload::full_name);
    let own = &mesh.settings.trust.own;
    let request = Request {
        workload,
        port,
        source_ip: "192.0.2.1".parse().ok(),
        remote_ip: None,
        destination_ip: None,
        tls: Some(Tls {
            certificate: Some(Certificate::of_principal(&format!(
                "{own}/ns/elsewhere/sa/somebody"
            ))),
            alpn: ISTIO_HTTP_ALPN
                .iter()
                .map(|&name| name.to_owned())
                .collect(),
            server_name: Some(String::new()),
        }),
        payload: Payload::Http(HttpRequest {
            method: "GET".to_owned(),
            target: "/".to_owned(),
            host: Some(format!("{name}:{port}")),
            headers: Vec::new(),
            version: HttpVersion::Http11,
        }),
        tokens: Vec::new(),
        now,
        doubt: None,
    };
    let plaintext = Request { tls: None, ..request.clone() };
    let bytes = |request: &Request| Request { payload: Payload::Bytes, ..request.clone() };
    let mut starts = vec![request.clone(), plaintext.clone()];
    let class = mesh
        .workload(workload)
        .map(|workload| workload.class_of(port));
    if class == Some(crate::mesh::ListenerClass::Tcp) {
        starts = vec![bytes(&request), bytes(&plaintext)];
        for start in &mut starts {
            if let Some(tls) = &mut start.tls {
                tls.alpn = crate::request::ISTIO_TCP_ALPN
                    .iter()
                    .map(|&name| name.to_owned())
                    .collect();
            }
        }
    }
    starts
}

/// Everything that is enforced before a workload, without what it is called and where it is written: a client notices
/// neither.
#[derive(PartialEq)]
struct Enforced<'m> {
    /// The kinds of policies that there are; one without rules counts too [AP-4].
    kinds: BTreeSet<&'static str>,
    rules: Vec<(&'static str, Rule)>,
    tokens: Vec<TokenProvider>,
    modes: (MtlsMode, BTreeMap<u16, MtlsMode>, MtlsMode),
    providers: Vec<&'m String>,
}

fn stands_before(mesh: &Mesh, workload: usize) -> Option<Enforced<'_>> {
    let enforcement = mesh.enforcement(workload)?;
    let custom = enforcement
        .custom
        .values()
        .map(|custom| ("custom", &custom.rules));
    let sets = [
        ("deny", &enforcement.deny),
        ("allow", &enforcement.allow),
        ("dry run", &enforcement.custom_dry_run),
    ];
    let (mut kinds, mut rules) = (BTreeSet::new(), Vec::new());
    for (kind, set) in sets.into_iter().chain(custom) {
        if !set.policies.is_empty() {
            kinds.insert(kind);
        }
        for (_, rule) in set.rules.iter().filter_map(|place| mesh.rule(*place)) {
            rules.push((kind, Rule { id: String::new(), index: 0, ..rule.clone() }));
        }
    }
    // Rules are asked in the order of their ids, which changes who is named and nothing else.
    rules.sort_by_key(|(kind, rule)| (*kind, rule.position));
    let tokens = enforcement
        .tokens
        .iter()
        .map(|provider| TokenProvider { policy: String::new(), ..provider.clone() });
    let mtls = &enforcement.mtls;
    let ports = mtls.ports.iter().map(|(port, mode)| (*port, mode.mode));
    Some(Enforced {
        kinds,
        rules,
        tokens: tokens.collect(),
        modes: (mtls.workload.mode, ports.collect(), mtls.namespace),
        providers: enforcement.custom.keys().collect(),
    })
}

/// The rules before a workload that another mesh has not, or has otherwise.
fn changed<'m>(mesh: &'m Mesh, other: &Mesh, workload: usize) -> Vec<&'m Rule> {
    let others = rules(other, workload);
    let mut rules = rules(mesh, workload);
    rules.retain(|rule| !others.contains(rule));
    rules
}

/// Every rule before a workload.
fn rules(mesh: &Mesh, workload: usize) -> Vec<&Rule> {
    let Some(enforcement) = mesh.enforcement(workload) else { return Vec::new() };
    let custom = enforcement.custom.values().map(|custom| &custom.rules);
    let sets = [&enforcement.deny, &enforcement.allow, &enforcement.custom_dry_run];
    let places = sets.into_iter().chain(custom).flat_map(|set| &set.rules);
    places
        .filter_map(|place| Some(mesh.rule(*place)?.1))
        .collect()
}

/// One source and one operation of a rule with all its conditions, every combination of a few.
#[must_use]
pub fn alternatives(rule: &Rule) -> Vec<Vec<&Condition>> {
    let of = |clauses: &'_ [Clause]| -> Vec<Vec<usize>> {
        if clauses.is_empty() {
            vec![Vec::new()]
        } else {
            (0..clauses.len().min(8)).map(|index| vec![index]).collect()
        }
    };
    let mut alternatives = Vec::new();
    for source in of(&rule.sources) {
        for operation in of(&rule.operations) {
            let sources = source.iter().filter_map(|index| rule.sources.get(*index));
            let operations = operation
                .iter()
                .filter_map(|index| rule.operations.get(*index));
            let conditions = sources
                .chain(operations)
                .flat_map(|clause| &clause.conditions);
            alternatives.push(conditions.chain(&rule.when).collect());
        }
    }
    alternatives
}

//! A mesh → questions at the edges of its rules, with the answers as they stand: the beginning of a suite.

use crate::decide::{Decision, Observer, Truth, Verdict};
use crate::diagnostic::Origin;
use crate::explanation::{Change, inside, outside};
use crate::mesh::{Condition, ListenerClass, Mesh, MtlsMode, Rule, RuleRef};
use crate::mutation::{alternatives, edges, met, question, starts};
use crate::request::{Request, RequestSpec};

/// A question and its answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Sketch {
    /// What it is about: `foo/readers rule 0, outside methods`.
    pub name: String,
    /// The rule or mode that it is at the edge of.
    pub origin: Option<Origin>,
    /// The question.
    pub question: RequestSpec,
    /// The answer.
    pub decision: Decision,
}

/// For every rule that stands before a workload one request that it matches, and for each of its conditions one just
/// outside; and for every workload that takes mutual TLS only, somebody without. What cannot be decided is left out.
#[must_use]
pub fn sketch(mesh: &Mesh, now: Option<i64>) -> Vec<Sketch> {
    let mut sketches = Sketches { mesh, now, found: Vec::new() };
    let mut seen = std::collections::BTreeSet::new();
    for workload in 0..mesh.inventory.workloads.len() {
        for place in rules(mesh, workload) {
            if seen.insert(place) && !sketches.rule(workload, place) {
                // Another workload may have a port on which the rule can be asked.
                seen.remove(&place);
            }
        }
        sketches.mode(workload);
    }
    sketches.found
}

fn rules(mesh: &Mesh, workload: usize) -> Vec<RuleRef> {
    let Some(enforcement) = mesh.enforcement(workload) else { return Vec::new() };
    let custom = enforcement.custom.values().map(|custom| &custom.rules);
    let sets = [&enforcement.deny, &enforcement.allow, &enforcement.custom_dry_run];
    sets.into_iter()
        .chain(custom)
        .flat_map(|set| set.rules.iter().copied())
        .collect()
}

/// What one rule said.
struct OneRule {
    place: RuleRef,
    truth: Option<Truth>,
}

impl Observer for OneRule {
    const WATCHING: bool = true;

    fn rule(&mut self, place: RuleRef, truth: Truth) {
        if place == self.place {
            self.truth = Some(truth);
        }
    }
}

struct Sketches<'m> {
    mesh: &'m Mesh,
    now: Option<i64>,
    found: Vec<Sketch>,
}

impl Sketches<'_> {
    /// The edges of a rule at a workload; false where no request was found that it matches.
    fn rule(&mut self, workload: usize, place: RuleRef) -> bool {
        let mesh = self.mesh;
        let Some((policy, rule)) = mesh.rule(place) else { return true };
        let name = format!("{} rule {}", policy.id(), rule.index);
        let origin = Origin::new(&policy.origin.file, rule.position);
        let mut any = false;
        for (number, conditions) in alternatives(rule).into_iter().enumerate() {
            let Some(matching) = self.matching(workload, place, &conditions) else { continue };
            let which = if number == 0 { String::new() } else { format!(", way {}", number + 1) };
            any |= self.keep(&format!("{name} matches{which}"), &origin, &matching);
            for condition in conditions {
                if let Some(beside) = self.beside(place, &matching, condition) {
                    let field = &condition.field;
                    self.keep(&format!("{name}, outside {field}{which}"), &origin, &beside);
                }
            }
        }
        any
    }

    /// A request to a port of the workload that the rule matches by these conditions.
    fn matching(
        &self,
        workload: usize,
        place: RuleRef,
        conditions: &[&Condition],
    ) -> Option<Request> {
        let mesh = self.mesh;
        let (_, rule) = mesh.rule(place)?;
        for port in ports(mesh, workload, rule) {
            for start in starts(mesh, workload, port, self.now) {
                let candidates = met(mesh, &start, conditions);
                let found = candidates
                    .into_iter()
                    .find(|request| self.says(place, request) == Some(Truth::Yes));
                if found.is_some() {
                    return found;
                }
            }
        }
        None
    }

    /// The request, changed so that this condition alone does not hold.
    fn beside(&self, place: RuleRef, request: &Request, condition: &Condition) -> Option<Request> {
        let mesh = self.mesh;
        let mut changes: Vec<Change> = edges(condition);
        changes.extend(if condition.negated {
            inside(mesh, request, condition)
        } else {
            outside(mesh, request, condition)
        });
        let changed = changes.iter().map(|change| change.of(request));
        let mut beside = changed.filter(|request| self.says(place, request) == Some(Truth::No));
        beside.find(|request| question(mesh, request).is_some())
    }

    fn says(&self, place: RuleRef, request: &Request) -> Option<Truth> {
        let mut watch = OneRule { place, truth: None };
        drop(self.mesh.decide_with(request, &mut watch));
        watch.truth
    }

    /// Somebody without identity, where mutual TLS is asked for.
    fn mode(&mut self, workload: usize) {
        let mesh = self.mesh;
        let (Some(known), Some(enforcement)) =
            (mesh.workload(workload), mesh.enforcement(workload))
        else {
            return;
        };
        let Some(port) = known
            .listeners
            .keys()
            .chain(&known.container_ports)
            .next()
            .copied()
        else {
            return;
        };
        let mode = enforcement.mtls.of_port(port);
        if let (MtlsMode::Strict, Some((policy, origin))) = (mode.mode, &mode.by) {
            let plaintext = starts(mesh, workload, port, self.now)
                .into_iter()
                .find(|request| request.tls.is_none());
            if let Some(request) = plaintext {
                self.keep(
                    &format!("{policy} keeps plaintext from {}", known.full_name()),
                    origin,
                    &request,
                );
            }
        }
    }

    /// Keeps a question whose answer is known, once.
    fn keep(&mut self, name: &str, origin: &Origin, request: &Request) -> bool {
        let Some(question) = question(self.mesh, request) else { return false };
        // As a suite will ask it.
        let Ok(requests) = self.mesh.requests(&question) else { return false };
        let [asked] = requests.as_slice() else { return false };
        let decision = self.mesh.decide(asked);
        let known = decision.verdict != Verdict::Unknown;
        if known && self.found.iter().all(|other| other.question != question) {
            let count = self
                .found
                .iter()
                .filter(|other| other.name.split(" #").next() == Some(name))
                .count();
            let name = if count == 0 { name.to_owned() } else { format!("{name} #{}", count + 1) };
            self.found
                .push(Sketch { name, origin: Some(origin.clone()), question, decision });
        }
        known
    }
}

/// The ports of a workload on which a rule can be asked: for one that reads HTTP the ports that speak it first.
fn ports(mesh: &Mesh, workload: usize, rule: &Rule) -> Vec<u16> {
    let Some(known) = mesh.workload(workload) else { return Vec::new() };
    let mut ports: Vec<u16> = known
        .listeners
        .keys()
        .chain(&known.container_ports)
        .copied()
        .collect();
    ports.dedup();
    if ports.is_empty() {
        ports.push(80);
    }
    let clauses = rule.sources.iter().chain(&rule.operations);
    let mut conditions = clauses
        .flat_map(|clause| &clause.conditions)
        .chain(&rule.when);
    if conditions.any(|condition| condition.attribute.is_http_only()) {
        ports.sort_by_key(|port| known.class_of(*port) == ListenerClass::Tcp);
    }
    ports
}

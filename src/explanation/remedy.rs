//! A refused request → the smallest change of it that the evaluator then lets through.

use super::alternatives::{in_the_mesh, other_tokens};
use super::near_miss::Target;
use super::{Change, Explanation, alternatives, inside, near_miss, outside};
use crate::decide::{Because, Truth, Verdict};
use crate::istio::Action;
use crate::mesh::{Mesh, ProviderStub, RuleRef};
use crate::request::{Payload, Request};

/// How often the evaluator is asked at most.
const ASKED: usize = 1_500;
/// How many alternatives of ALLOW rules are tried at most, the nearest first.
const TARGETS: usize = 24;
/// How many changes are put together at most.
const CHANGES: usize = 8;
/// How many half-way requests are gone on with.
const KEPT: usize = 3;
/// How many changes are tried on one request.
const TRIED: usize = 90;

/// Changes that together turn a refusal into an answer of yes; decided, not guessed.
#[derive(Clone, Debug, PartialEq)]
pub struct Remedy {
    /// What to do otherwise; never empty, and none of them can be left out.
    pub changes: Vec<Change>,
}

impl Remedy {
    /// The request, changed so.
    #[must_use]
    pub fn of(&self, request: &Request) -> Request {
        applied(request, &self.changes)
    }
}

/// A request on the way.
struct Step {
    changes: Vec<Change>,
    request: Request,
    explanation: Explanation,
    distance: u64,
}

/// The search for one request.
struct Search<'m> {
    mesh: &'m Mesh,
    request: &'m Request,
    asked: usize,
}

impl Mesh {
    /// The smallest change of a refused request that lets it through, as far as a bounded search finds one: absent
    /// where it is not refused, where no request helps, and where none was found.
    #[must_use]
    pub fn remedy(&self, request: &Request) -> Option<Remedy> {
        let explanation = self.explain(request);
        if matches!(explanation.decision.verdict, Verdict::Allow | Verdict::Unknown) {
            return None;
        }
        let mut search = Search { mesh: self, request, asked: 0 };
        // Where rules are not reached, the first steps lead to them; their alternatives are known only then.
        let targets = near_miss::targets(self, request.workload, &explanation.trace, TARGETS);
        if targets.is_empty() {
            return search.towards(&Target::default());
        }
        targets.iter().find_map(|target| search.towards(target))
    }
}

impl Search<'_> {
    /// Steps that each bring the request nearer to what one alternative of a rule wants.
    fn towards(&mut self, target: &Target) -> Option<Remedy> {
        let explanation = self.mesh.explain(self.request);
        let distance = how_far(self.mesh, target, &explanation);
        let request = self.request.clone();
        let mut kept = vec![Step { changes: Vec::new(), request, explanation, distance }];
        for _ in 0..CHANGES {
            let mut next = Vec::new();
            for step in &kept {
                self.go_on(target, step, &mut next);
            }
            next.sort_by_key(|step: &Step| step.distance);
            let arrived = next.iter().filter(|step| step.distance == 0);
            let confirmed = arrived
                .filter_map(|step| self.confirmed(&step.changes))
                .next();
            if confirmed.is_some() {
                return confirmed;
            }
            next.retain(|step| step.distance > 0);
            next.truncate(KEPT);
            if next.is_empty() {
                return None;
            }
            kept = next;
        }
        None
    }

    /// Every change of a request that brings it nearer.
    fn go_on(&mut self, target: &Target, step: &Step, next: &mut Vec<Step>) {
        for change in proposals(self.mesh, target, step).into_iter().take(TRIED) {
            if self.asked == ASKED {
                return;
            }
            self.asked += 1;
            let request = change.of(&step.request);
            let explanation = self.mesh.explain(&request);
            let distance = how_far(self.mesh, target, &explanation);
            // A step to the side may be the way around something: it is gone on with where nothing is nearer.
            let been_there = |other: &Step| other.request == request;
            if distance > step.distance || request == step.request || next.iter().any(been_there) {
                continue;
            }
            let earlier = step.changes.iter();
            let mut changes: Vec<Change> = earlier
                .filter(|earlier| !earlier.is_replaced_by(&change))
                .cloned()
                .collect();
            changes.push(change);
            next.push(Step { changes, request, explanation, distance });
            if distance == 0 {
                return;
            }
        }
    }

    /// The changes without those that are not needed, if the request then gets through.
    fn confirmed(&self, changes: &[Change]) -> Option<Remedy> {
        let passes = |changes: &[Change]| {
            self.mesh.decide(&applied(self.request, changes)).verdict == Verdict::Allow
        };
        let mut changes = changes.to_vec();
        let mut index = 0;
        while index < changes.len() && changes.len() > 1 {
            let mut fewer = changes.clone();
            fewer.remove(index);
            if passes(&fewer) {
                changes = fewer;
            } else {
                index += 1;
            }
        }
        (!changes.is_empty() && passes(&changes)).then_some(Remedy { changes })
    }
}

fn applied(request: &Request, changes: &[Change]) -> Request {
    changes
        .iter()
        .fold(request.clone(), |request, change| change.of(&request))
}

/// How far a request is from getting through: the stage that stops it first, then what fails there. What is not
/// known is never taken for a step forward.
fn how_far(mesh: &Mesh, target: &Target, explanation: &Explanation) -> u64 {
    let trace = &explanation.trace;
    let broken = |rule| {
        let found = trace.rule(rule);
        let holding = found.map_or(0, |found| near_miss::holding_alternatives(mesh, trace, found));
        u64::from(holding) * 1_000
    };
    let to_allow = || u64::from(near_miss::missing(mesh, trace, target));
    match &explanation.decision.because {
        _ if explanation.decision.verdict == Verdict::Allow => 0,
        Because::Transport(_) => 1_000_000,
        Because::Http(_) => 800_000,
        Because::Custom { rule, .. }
        | Because::CustomMisconfigured { rule, .. }
        | Because::CustomDryRun { rule, .. } => 500_000 + broken(*rule),
        Because::Token(_) => 300_000,
        Because::DenyRule(_) => {
            let denying = denying(mesh, explanation).map(broken).sum::<u64>();
            50_000 + denying.min(200_000) + to_allow()
        }
        Because::NothingAllows => 1 + to_allow(),
        Because::Unknown(_)
        | Because::NoProxy(_)
        | Because::NoPolicy
        | Because::NothingDenies
        | Because::AllowRule(_) => u64::MAX,
    }
}

/// The DENY rules that matched.
fn denying<'e>(mesh: &'e Mesh, explanation: &'e Explanation) -> impl Iterator<Item = RuleRef> + 'e {
    explanation
        .trace
        .matching()
        .map(|matching| matching.rule)
        .filter(|rule| {
            let policy = mesh.policies.get(rule.policy);
            policy.is_some_and(|policy| policy.action == Action::Deny && !policy.dry_run)
        })
}

/// What to try on a request, the most promising first.
fn proposals(mesh: &Mesh, target: &Target, step: &Step) -> Vec<Change> {
    let (request, explanation) = (&step.request, &step.explanation);
    let mut changes = Vec::new();
    match &explanation.decision.because {
        Because::NothingAllows => into(mesh, target, step, &mut changes),
        Because::DenyRule(_) => {
            into(mesh, target, step, &mut changes);
            for rule in denying(mesh, explanation) {
                away_from(mesh, step, rule, &mut changes);
            }
        }
        Because::Custom { provider, rule, .. } => {
            if let Some(ProviderStub::AllowWhen { header, equals }) = mesh.stubs.get(provider) {
                changes.push(Change::Header { name: header.clone(), value: Some(equals.clone()) });
            }
            away_from(mesh, step, *rule, &mut changes);
        }
        Because::CustomMisconfigured { rule, .. } | Because::CustomDryRun { rule, .. } => {
            away_from(mesh, step, *rule, &mut changes);
        }
        Because::Token(_) => changes = other_tokens(mesh, request),
        Because::Transport(_) => changes = vec![in_the_mesh(mesh, request), Change::Plaintext],
        Because::Http(_) => changes = plainer(request),
        Because::AllowRule(_)
        | Because::NothingDenies
        | Because::NoPolicy
        | Because::NoProxy(_)
        | Because::Unknown(_) => {}
    }
    changes
}

/// Into what an alternative of a rule wants and the request has not.
fn into(mesh: &Mesh, target: &Target, step: &Step, changes: &mut Vec<Change>) {
    for condition in near_miss::misses(mesh, &step.explanation.trace, target) {
        changes.extend(alternatives(mesh, &step.request, condition));
    }
}

/// Out of what a rule that matches says.
fn away_from(mesh: &Mesh, step: &Step, rule: RuleRef, changes: &mut Vec<Change>) {
    let Some(found) = step.explanation.trace.rule(rule) else { return };
    for (place, truth) in step.explanation.trace.conditions(found) {
        if let Some(condition) = mesh.condition(*place).filter(|_| *truth == Truth::Yes) {
            // First what may make it fail.
            let first = if condition.negated { inside } else { outside };
            let then = if condition.negated { outside } else { inside };
            let mut all = first(mesh, &step.request, condition);
            all.extend(then(mesh, &step.request, condition));
            changes.extend(all);
        }
    }
}

/// A request that no codec stumbles over, one thing after the other.
fn plainer(request: &Request) -> Vec<Change> {
    let Payload::Http(http) = &request.payload else { return Vec::new() };
    let mut changes = vec![Change::Http11, Change::Method(http.method.to_ascii_uppercase())];
    changes.extend(
        http.headers
            .iter()
            .map(|(name, _)| Change::Header { name: name.to_ascii_lowercase(), value: None }),
    );
    changes.push(Change::Host("service.example".to_owned()));
    changes.push(Change::Method("GET".to_owned()));
    changes.push(Change::Path("/".to_owned()));
    changes.retain(|change| change.of(request) != *request);
    changes
}

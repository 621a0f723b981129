//! One decision after the other → how often each rule, each value and each mode of a mesh decided.

use std::collections::BTreeMap;

use super::{Sides, conditions_of};
use crate::decide::{Because, Decision, Observer, Stage, Truth, Verdict};
use crate::diagnostic::Origin;
use crate::mesh::{Clause, Condition, ConditionRef, Mesh, Part, Rule, RuleRef};
use crate::request::Request;

/// What the requests to one mesh came by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hits {
    pub(super) rules: BTreeMap<RuleRef, Sides>,
    pub(super) values: BTreeMap<(ConditionRef, usize), Sides>,
    /// How many requests an ALLOW policy refused, together with its like.
    pub(super) refused: BTreeMap<usize, usize>,
    pub(super) modes: BTreeMap<Origin, Sides>,
}

impl Hits {
    /// Decides a request and counts what decided it.
    pub fn decide(&mut self, mesh: &Mesh, request: &Request) -> Decision {
        let mut seen = Seen { mesh, stage: Stage::Route, values: Vec::new(), rules: Vec::new() };
        let decision = mesh.decide_with(request, &mut seen);
        for rule in std::mem::take(&mut seen.rules) {
            if decides(&rule, &decision) {
                count(self.rules.entry(rule.place).or_default(), rule.truth);
                for (place, value, truth) in rule.turning {
                    count(self.values.entry((place, value)).or_default(), truth);
                }
            }
        }
        let enforcement = mesh.enforcement(request.workload);
        if decision.because == Because::NothingAllows {
            for policy in enforcement
                .into_iter()
                .flat_map(|found| &found.allow.policies)
            {
                *self.refused.entry(*policy).or_default() += 1;
            }
        }
        let mode = enforcement.map(|found| found.mtls.of_port(request.port));
        if let Some((_, origin)) = mode.and_then(|mode| mode.by.as_ref())
            && !matches!(decision.because, Because::NoProxy(_) | Because::Unknown(_))
        {
            let let_in = !matches!(decision.because, Because::Transport(_));
            let truth = if let_in { Truth::Yes } else { Truth::No };
            count(self.modes.entry(origin.clone()).or_default(), truth);
        }
        decision
    }

    /// Adds what other requests to the same mesh came by.
    pub fn merge(&mut self, other: Self) {
        for (place, sides) in other.rules {
            self.rules.entry(place).or_default().add(sides);
        }
        for (place, sides) in other.values {
            self.values.entry(place).or_default().add(sides);
        }
        for (policy, refused) in other.refused {
            *self.refused.entry(policy).or_default() += refused;
        }
        for (origin, sides) in other.modes {
            self.modes.entry(origin).or_default().add(sides);
        }
    }
}

const fn count(sides: &mut Sides, truth: Truth) {
    match truth {
        Truth::Yes => sides.matched += 1,
        Truth::No => sides.unmatched += 1,
        Truth::Unknown => {}
    }
}

/// A rule that was asked: its answer, and the values whose other answer would have turned it.
struct AskedRule {
    place: RuleRef,
    stage: Stage,
    /// Of a dry run, which is asked between the stages.
    dry_run: bool,
    truth: Truth,
    turning: Vec<(ConditionRef, usize, Truth)>,
}

/// Whether the other answer of a rule would have turned the decision. What never decides (AUDIT, dry runs) and what
/// makes the proxy ask somebody else (CUSTOM) counts by its own answer.
fn decides(rule: &AskedRule, decision: &Decision) -> bool {
    if rule.dry_run {
        return true;
    }
    match (rule.stage, rule.truth) {
        (_, Truth::Unknown) => false,
        (Stage::Deny | Stage::Allow, Truth::Yes) => decision.rule() == Some(rule.place),
        (Stage::Deny, Truth::No) => decision.verdict == Verdict::Allow,
        (Stage::Allow, Truth::No) => decision.because == Because::NothingAllows,
        (
            Stage::Custom
            | Stage::Audit
            | Stage::Route
            | Stage::Transport
            | Stage::Http
            | Stage::Jwt,
            Truth::Yes | Truth::No,
        ) => true,
    }
}

/// What is told on the way of one decision.
struct Seen<'m> {
    mesh: &'m Mesh,
    stage: Stage,
    values: Vec<(ConditionRef, usize, Truth)>,
    rules: Vec<AskedRule>,
}

impl Observer for Seen<'_> {
    const WATCHING: bool = true;

    fn stage(&mut self, stage: Stage) {
        self.stage = stage;
    }

    fn value(&mut self, place: ConditionRef, value: usize, truth: Truth) {
        self.values.push((place, value, truth));
    }

    fn rule(&mut self, place: RuleRef, truth: Truth) {
        let values = std::mem::take(&mut self.values);
        let Some((policy, rule)) = self.mesh.rule(place) else { return };
        let turning = turning(place, rule, &values);
        let dry_run = policy.dry_run && self.stage != Stage::Custom;
        self.rules
            .push(AskedRule { place, stage: self.stage, dry_run, truth, turning });
    }
}

/// The answers of the values of one condition.
#[derive(Clone, Copy, Default)]
struct Answers {
    yes: usize,
    unknown: usize,
}

impl Answers {
    /// Absent where an unknown value leaves it open.
    const fn holds(self, negated: bool) -> Option<bool> {
        match (self.yes, self.unknown) {
            (0, 0) => Some(negated),
            (0, _) => None,
            _ => Some(!negated),
        }
    }
}

/// The values of a rule whose other answer would have turned it.
fn turning(
    place: RuleRef,
    rule: &Rule,
    values: &[(ConditionRef, usize, Truth)],
) -> Vec<(ConditionRef, usize, Truth)> {
    let mut answers: BTreeMap<ConditionRef, Answers> = BTreeMap::new();
    for (place, _, truth) in values {
        let answers = answers.entry(*place).or_default();
        answers.yes += usize::from(*truth == Truth::Yes);
        answers.unknown += usize::from(*truth == Truth::Unknown);
    }
    // How many conditions of a clause, clauses of a part and parts of the rule do not hold, or are open.
    let failing = |part: Part, conditions: &[Condition]| {
        let conditions = conditions_of(place, part, conditions);
        // A condition that was not asked is not there.
        let holds = |(place, condition): (ConditionRef, &Condition)| {
            answers
                .get(&place)
                .is_none_or(|answers| answers.holds(condition.negated) == Some(true))
        };
        conditions.filter(|condition| !holds(*condition)).count()
    };
    let clauses = |part: fn(usize) -> Part, clauses: &[Clause]| -> Vec<usize> {
        let clauses = clauses.iter().enumerate();
        clauses
            .map(|(index, clause)| failing(part(index), &clause.conditions))
            .collect()
    };
    let (sources, operations) =
        (clauses(Part::From, &rule.sources), clauses(Part::To, &rule.operations));
    let when = failing(Part::When, &rule.when);
    let holds = |clauses: &[usize]| clauses.is_empty() || clauses.contains(&0);
    let others_hold = |part: Part| match part {
        Part::From(_) => holds(&operations) && when == 0,
        Part::To(_) => holds(&sources) && when == 0,
        Part::When => holds(&sources) && holds(&operations),
    };
    let turns = |(place, _, truth): &(ConditionRef, usize, Truth)| {
        let Some(of) = answers.get(place) else { return false };
        // The value turns its condition where it is the only one that matches, or where none does.
        let turns_condition = of.unknown == 0
            && match truth {
                Truth::Yes => of.yes == 1,
                Truth::No => of.yes == 0,
                Truth::Unknown => false,
            };
        // The condition turns its clause where all others hold, and the clause its part where no other does.
        let Some(negated) = self::negated(rule, *place) else { return false };
        let own = usize::from(of.holds(negated) != Some(true));
        let alone = |clauses: &[usize], index: usize| {
            clauses.get(index) == Some(&own)
                && clauses
                    .iter()
                    .enumerate()
                    .all(|(other, failing)| other == index || *failing > 0)
        };
        let turns_part = match place.part {
            Part::From(index) => alone(&sources, index),
            Part::To(index) => alone(&operations, index),
            Part::When => when == own,
        };
        turns_condition && turns_part && others_hold(place.part)
    };
    values
        .iter()
        .filter(|value| turns(value))
        .copied()
        .collect()
}

fn negated(rule: &Rule, place: ConditionRef) -> Option<bool> {
    let conditions = match place.part {
        Part::From(index) => &rule.sources.get(index)?.conditions,
        Part::To(index) => &rule.operations.get(index)?.conditions,
        Part::When => &rule.when,
    };
    Some(conditions.get(place.index)?.negated)
}

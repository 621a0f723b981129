//! Requests as they are decided → which rules and values decided them, both when they matched and when they did not.
//!
//! A rule decides a request where the other answer of the rule would have turned the verdict; a value does where its
//! other answer would have turned the rule. Nothing is evaluated here: what the decision says on its way is counted.

mod hits;

use std::collections::BTreeMap;
use std::sync::Arc;

pub use hits::Hits;

use crate::diagnostic::{Origin, Position};
use crate::istio::Action;
use crate::mesh::{Condition, ConditionRef, Mesh, Part, Policy, Rule, RuleRef};

/// How many requests something decided.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sides {
    /// By matching.
    pub matched: usize,
    /// By not matching.
    pub unmatched: usize,
}

impl Sides {
    const fn add(&mut self, other: Self) {
        self.matched += other.matched;
        self.unmatched += other.unmatched;
    }
}

/// What the requests of all suites together came by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    /// Every AuthorizationPolicy by the place where it is written, so that a file that several suites read is one.
    pub policies: BTreeMap<Origin, PolicyCoverage>,
    /// The modes of mutual TLS that a workload is under, by the place where they are written: how many requests
    /// they let in (`matched`) and refused (`unmatched`), and the policy of each.
    pub modes: BTreeMap<Origin, (String, Sides)>,
}

/// One AuthorizationPolicy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyCoverage {
    /// `namespace/name`.
    pub policy: String,
    /// Its action.
    pub action: Action,
    /// How many requests it refused by being there: an ALLOW policy none of whose rules, or those of its kind,
    /// matched.
    pub refused: usize,
    /// Its rules.
    pub rules: Vec<RuleCoverage>,
}

/// One rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleCoverage {
    /// Its place in the policy, from 0.
    pub index: usize,
    /// Where it is written.
    pub position: Position,
    /// What it decided.
    pub sides: Sides,
    /// Whether it has no condition, so that it always matches.
    pub always: bool,
    /// Why it can never match; absent for a rule that can.
    pub never: Option<String>,
    /// Its values, in the order written.
    pub values: Vec<ValueCoverage>,
}

/// One value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValueCoverage {
    /// The field: `notPaths`, or the key of a `when` condition.
    pub field: String,
    /// As written.
    pub value: String,
    /// Where it is written.
    pub position: Position,
    /// What it decided.
    pub sides: Sides,
}

/// So many of so many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Share {
    /// These.
    pub covered: usize,
    /// Of these.
    pub total: usize,
}

impl Share {
    /// In hundredths of a percent, rounded down: only all of them are 10,000. None of none is all.
    #[must_use]
    pub fn hundredths(self) -> usize {
        self.covered
            .saturating_mul(10_000)
            .checked_div(self.total)
            .unwrap_or(10_000)
    }

    fn of(covered: impl Iterator<Item = bool>) -> Self {
        covered.fold(Self::default(), |share, covered| Self {
            covered: share.covered + usize::from(covered),
            total: share.total + 1,
        })
    }
}

impl RuleCoverage {
    /// Whether it decided a request by matching and, unless it always matches, one by not matching.
    #[must_use]
    pub const fn is_covered(&self) -> bool {
        self.sides.matched > 0 && (self.always || self.sides.unmatched > 0)
    }
}

impl ValueCoverage {
    /// Whether it decided a request by matching and one by not matching.
    #[must_use]
    pub const fn is_covered(&self) -> bool {
        self.sides.matched > 0 && self.sides.unmatched > 0
    }
}

impl PolicyCoverage {
    /// Whether it decided a request: by a rule, or, without rules, by being there.
    #[must_use]
    pub fn is_covered(&self) -> bool {
        self.rules.iter().any(|rule| rule.sides.matched > 0)
            || (self.rules.is_empty() && self.refused > 0)
    }
}

impl Coverage {
    /// The policies that decided a request.
    #[must_use]
    pub fn of_policies(&self) -> Share {
        Share::of(self.policies.values().map(PolicyCoverage::is_covered))
    }

    /// The rules that decided both ways. A rule that can never match is left out.
    #[must_use]
    pub fn of_rules(&self) -> Share {
        Share::of(self.rules().map(RuleCoverage::is_covered))
    }

    /// The values that decided both ways, of rules that can match.
    #[must_use]
    pub fn of_values(&self) -> Share {
        let values = self.rules().flat_map(|rule| &rule.values);
        Share::of(values.map(ValueCoverage::is_covered))
    }

    fn rules(&self) -> impl Iterator<Item = &RuleCoverage> {
        let rules = self.policies.values().flat_map(|policy| &policy.rules);
        rules.filter(|rule| rule.never.is_none())
    }

    /// Adds a mesh and what its requests came by.
    pub fn add(&mut self, mesh: &Mesh, hits: &Hits) {
        for (index, policy) in mesh.policies.iter().enumerate() {
            let covered = self
                .policies
                .entry(policy.origin.clone())
                .or_insert_with(|| self::policy(policy));
            covered.refused += hits.refused.get(&index).copied().unwrap_or_default();
            for (rule, into) in covered.rules.iter_mut().enumerate() {
                let place = RuleRef { policy: index, rule };
                into.sides
                    .add(hits.rules.get(&place).copied().unwrap_or_default());
                let Some((_, compiled)) = mesh.rule(place) else { continue };
                for ((place, _, value), into) in values(place, compiled).zip(&mut into.values) {
                    let hits = hits.values.get(&(place, value)).copied();
                    into.sides.add(hits.unwrap_or_default());
                }
            }
        }
        for index in 0..mesh.inventory.workloads.len() {
            let modes = mesh.enforcement(index).map(|enforcement| &enforcement.mtls);
            for mode in modes
                .into_iter()
                .flat_map(|mtls| std::iter::once(&mtls.workload).chain(mtls.ports.values()))
            {
                if let Some((policy, origin)) = &mode.by {
                    let known = self.modes.entry(origin.clone());
                    known.or_insert_with(|| (policy.clone(), Sides::default()));
                }
            }
        }
        for (origin, sides) in &hits.modes {
            if let Some((_, into)) = self.modes.get_mut(origin) {
                into.add(*sides);
            }
        }
    }

    /// The files of the policies, and the policies of each.
    #[must_use]
    pub fn files(&self) -> BTreeMap<Arc<str>, Vec<(Position, &PolicyCoverage)>> {
        let mut files: BTreeMap<Arc<str>, Vec<_>> = BTreeMap::new();
        for (origin, policy) in &self.policies {
            files
                .entry(Arc::clone(&origin.file))
                .or_default()
                .push((origin.position, policy));
        }
        files
    }
}

/// A policy that decided nothing yet.
fn policy(policy: &Policy) -> PolicyCoverage {
    let rules = policy.rules.iter().enumerate().map(|(index, rule)| {
        let place = RuleRef { policy: 0, rule: index };
        let values = values(place, rule).filter_map(|(_, condition, value)| {
            let value = condition.values.get(value)?;
            Some(ValueCoverage {
                field: condition.field.clone(),
                value: value.written.value.clone(),
                position: value.written.position,
                sides: Sides::default(),
            })
        });
        let values: Vec<_> = values.collect();
        RuleCoverage {
            index: rule.index,
            position: rule.position,
            sides: Sides::default(),
            always: values.is_empty(),
            never: rule.dropped.clone(),
            values,
        }
    });
    PolicyCoverage {
        policy: policy.id(),
        action: policy.action,
        refused: 0,
        rules: rules.collect(),
    }
}

/// The values of a rule: the condition's place, the condition, the value's place in it.
fn values(
    rule: RuleRef,
    compiled: &Rule,
) -> impl Iterator<Item = (ConditionRef, &Condition, usize)> {
    let mut conditions = Vec::new();
    for (index, clause) in compiled.sources.iter().enumerate() {
        conditions.extend(conditions_of(rule, Part::From(index), &clause.conditions));
    }
    for (index, clause) in compiled.operations.iter().enumerate() {
        conditions.extend(conditions_of(rule, Part::To(index), &clause.conditions));
    }
    conditions.extend(conditions_of(rule, Part::When, &compiled.when));
    conditions.into_iter().flat_map(|(place, condition)| {
        (0..condition.values.len()).map(move |value| (place, condition, value))
    })
}

/// The conditions of one part with their places.
fn conditions_of(
    rule: RuleRef,
    part: Part,
    conditions: &[Condition],
) -> impl Iterator<Item = (ConditionRef, &Condition)> {
    let conditions = conditions.iter().enumerate();
    conditions.map(move |(index, condition)| (ConditionRef { rule, part, index }, condition))
}

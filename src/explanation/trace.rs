//! What an observer is told → what every rule and every condition said.

use std::ops::Range;

use super::Seen;
use crate::decide::{Facts, Observer, Stage, Truth};
use crate::mesh::{Condition, ConditionRef, RuleRef};

/// Everything that was asked, in the order of the asking.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    /// The stages that were reached.
    pub stages: Vec<Stage>,
    /// What CUSTOM rules were asked about: the request before tokens were looked at. Absent where no rule was reached.
    pub before_tokens: Option<Seen>,
    /// What AUDIT, DENY and ALLOW rules were asked about. Absent where they were not reached.
    pub seen: Option<Seen>,
    /// The rules.
    pub rules: Vec<RuleTrace>,
    conditions: Vec<(ConditionRef, Truth)>,
}

/// What one rule said.
#[derive(Clone, Debug)]
pub struct RuleTrace {
    /// The rule.
    pub rule: RuleRef,
    /// Whether it matched.
    pub truth: Truth,
    /// Its conditions in [`Trace`].
    conditions: Range<usize>,
}

impl Trace {
    /// What a rule said; absent where it was not asked.
    #[must_use]
    pub fn rule(&self, rule: RuleRef) -> Option<&RuleTrace> {
        self.rules.iter().find(|trace| trace.rule == rule)
    }

    /// The conditions of a rule that were asked, all of them where the rule is there at all.
    #[must_use]
    pub fn conditions(&self, rule: &RuleTrace) -> &[(ConditionRef, Truth)] {
        self.conditions
            .get(rule.conditions.clone())
            .unwrap_or_default()
    }

    /// The rules that matched, or may have.
    pub fn matching(&self) -> impl Iterator<Item = &RuleTrace> {
        self.rules.iter().filter(|rule| rule.truth != Truth::No)
    }
}

impl Observer for Trace {
    const WATCHING: bool = true;

    fn stage(&mut self, stage: Stage) {
        self.stages.push(stage);
    }

    fn facts(&mut self, facts: &Facts<'_>) {
        let seen = Some(Seen::of(facts));
        if self.before_tokens.is_none() {
            self.before_tokens = seen;
        } else {
            self.seen = seen;
        }
    }

    fn condition(&mut self, place: ConditionRef, _: &Condition, truth: Truth) {
        self.conditions.push((place, truth));
    }

    fn rule(&mut self, rule: RuleRef, truth: Truth) {
        // The conditions told since the last rule are this one's.
        let start = self.rules.last().map_or(0, |last| last.conditions.end);
        self.rules
            .push(RuleTrace { rule, truth, conditions: start..self.conditions.len() });
    }
}

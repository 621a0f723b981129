//! Meaning × one request → the decision, and why: what every rule missed, what is nearest, and what would change it.

mod alternatives;
mod change;
mod near_miss;
mod remedy;
mod seen;
mod surprise;
mod trace;
mod would_match;

pub use alternatives::{alternatives, inside, outside};
pub use change::{Change, TokenPlace};
pub use near_miss::{Gone, NearMiss};
pub use remedy::Remedy;
pub use seen::{Found, Seen};
pub use surprise::Surprise;
pub use trace::{RuleTrace, Trace};

use crate::decide::{Because, Decision, Stage, Truth};
use crate::mesh::{ConditionRef, Mesh, RuleRef};
use crate::request::Request;

/// How many rules that nearly matched are kept.
const NEAREST: usize = 3;

/// A decision and what was seen on the way to it.
#[derive(Clone, Debug)]
pub struct Explanation {
    /// The decision, the same that [`Mesh::decide`] gives.
    pub decision: Decision,
    /// What every rule and condition said.
    pub trace: Trace,
    /// Where nothing allows the request: the ALLOW rules that miss it by least, the nearest first. Else empty.
    pub near_misses: Vec<NearMiss>,
}

impl Mesh {
    /// Decides a request and keeps what was seen on the way.
    #[must_use]
    pub fn explain(&self, request: &Request) -> Explanation {
        let mut trace = Trace::default();
        let decision = self.decide_with(request, &mut trace);
        let near_misses = if decision.because == Because::NothingAllows {
            near_miss::nearest(self, &trace, NEAREST)
        } else {
            Vec::new()
        };
        Explanation { decision, trace, near_misses }
    }
}

impl Explanation {
    /// What the deciding rules were asked about; absent where no rule was reached.
    #[must_use]
    pub fn seen(&self) -> Option<&Seen> {
        let custom = self.decision.stage() == Some(Stage::Custom);
        let (before, after) = (self.trace.before_tokens.as_ref(), self.trace.seen.as_ref());
        if custom { before } else { after.or(before) }
    }

    /// The conditions by which the deciding rule matched: of every part one alternative that holds. Empty where no
    /// rule decided.
    #[must_use]
    pub fn matched(&self, mesh: &Mesh) -> Vec<ConditionRef> {
        let rule = self.decision.rule();
        rule.map_or_else(Vec::new, |rule| self.holding(mesh, rule))
    }

    /// By what a rule that did not match missed; absent where it was not asked.
    #[must_use]
    pub fn near_miss(&self, mesh: &Mesh, rule: RuleRef) -> Option<NearMiss> {
        self.trace
            .rule(rule)
            .map(|found| near_miss::near_miss(mesh, &self.trace, found))
    }

    /// The conditions of a rule in the alternatives that hold, the first of each part.
    #[must_use]
    pub fn holding(&self, mesh: &Mesh, rule: RuleRef) -> Vec<ConditionRef> {
        let found = self.trace.rule(rule);
        found
            .map_or_else(Vec::new, |found| near_miss::best(mesh, &self.trace, found))
            .into_iter()
            .filter(|(_, truth)| *truth != Truth::No)
            .map(|(place, _)| place)
            .collect()
    }
}

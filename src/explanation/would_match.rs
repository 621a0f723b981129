//! A request and rules that the proxy does not ask → whether they would match it.

use std::borrow::Cow;

use crate::decide::{Facts, Observer, Truth};
use crate::mesh::{Mesh, Rule, RuleRef};
use crate::request::Request;

/// Asks some rules beside those that are asked.
struct Hypothesis<'m> {
    rules: Vec<(RuleRef, Cow<'m, Rule>)>,
    truth: Truth,
}

impl Observer for Hypothesis<'_> {
    // The deciding needs no further look: only the facts are wanted.
    const WATCHING: bool = false;

    fn facts(&mut self, facts: &Facts<'_>) {
        let said = self
            .rules
            .iter()
            .map(|(place, rule)| facts.rule(*place, rule, &mut ()));
        // The facts behind the tokens replace those before them.
        self.truth = said.max().unwrap_or(Truth::No);
    }
}

impl Mesh {
    /// Whether any rule of a policy would match a request, were the policy about its workload. No where the request
    /// does not come as far as the policies.
    #[must_use]
    pub fn would_match(&self, request: &Request, policy: usize) -> Truth {
        let rules = self
            .policies
            .get(policy)
            .map_or(0, |policy| policy.rules.len());
        let rules = (0..rules).filter_map(|rule| {
            let place = RuleRef { policy, rule };
            Some((place, Cow::Borrowed(self.rule(place)?.1)))
        });
        self.suppose(request, rules.collect())
    }

    /// Whether an ALLOW rule that is not there on TCP would match, if only its HTTP fields were left out [L4-2].
    pub(super) fn would_match_without_http_fields(
        &self,
        request: &Request,
        place: RuleRef,
    ) -> Truth {
        let Some((_, rule)) = self.rule(place) else { return Truth::No };
        let kept = Rule { dropped_on_tcp: None, ..rule.clone() };
        self.suppose(request, vec![(place, Cow::Owned(kept))])
    }

    fn suppose(&self, request: &Request, rules: Vec<(RuleRef, Cow<'_, Rule>)>) -> Truth {
        let mut hypothesis = Hypothesis { rules, truth: Truth::No };
        drop(self.decide_with(request, &mut hypothesis));
        hypothesis.truth
    }
}

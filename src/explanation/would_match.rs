//! A request and a policy that is not about its workload → whether the policy's rules would match it.

use crate::decide::{Facts, Observer, Truth};
use crate::mesh::{Mesh, RuleRef};
use crate::request::Request;

/// Asks the rules of one policy beside those that are asked.
struct Hypothesis<'m> {
    mesh: &'m Mesh,
    policy: usize,
    truth: Truth,
}

impl Observer for Hypothesis<'_> {
    // The deciding needs no further look: only the facts are wanted.
    const WATCHING: bool = false;

    fn facts(&mut self, facts: &Facts<'_>) {
        let rules = self
            .mesh
            .policies
            .get(self.policy)
            .map_or(0, |policy| policy.rules.len());
        // The facts behind the tokens replace those before them.
        self.truth = (0..rules)
            .filter_map(|rule| {
                let place = RuleRef { policy: self.policy, rule };
                let (_, rule) = self.mesh.rule(place)?;
                Some(facts.rule(place, rule, &mut ()))
            })
            .max()
            .unwrap_or(Truth::No);
    }
}

impl Mesh {
    /// Whether any rule of a policy would match a request, were the policy about its workload. No where the request
    /// does not come as far as the policies.
    #[must_use]
    pub fn would_match(&self, request: &Request, policy: usize) -> Truth {
        let mut hypothesis = Hypothesis { mesh: self, policy, truth: Truth::No };
        drop(self.decide_with(request, &mut hypothesis));
        hypothesis.truth
    }
}

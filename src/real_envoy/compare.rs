//! A decision and what was observed → whether they agree.

use super::ask::Reply;
use super::exchange::Observed;
use crate::decide::{Because, Decision, Observer, Truth, Verdict};
use crate::mesh::{Mesh, RuleRef};
use crate::request::Request;

/// Whether a decision agrees with what a real Envoy did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Agreement {
    /// In word, status and, where both name one, policy.
    Agree,
    /// In something not, with what.
    Disagree(String),
    /// There is nothing to compare, with the reason.
    Incomparable(String),
}

/// Rules of which it is not known whether they match.
#[derive(Default)]
struct Undecided(Vec<RuleRef>);

impl Observer for Undecided {
    const WATCHING: bool = true;

    fn rule(&mut self, place: RuleRef, truth: Truth) {
        if truth == Truth::Unknown {
            self.0.push(place);
        }
    }
}

/// Whether it is not known of the rule in this id whether it matches: then nothing is decided of which of several
/// refusals is named. What asks an authorizer has more in its id than the rule's.
fn is_undecided(mesh: &Mesh, request: &Request, id: &str) -> bool {
    let mut undecided = Undecided::default();
    let _decision = mesh.decide_with(request, &mut undecided);
    let mut ids = undecided.0.iter().filter_map(|rule| mesh.rule(*rule));
    ids.any(|(_, rule)| id.contains(&rule.id))
}

/// Compares what is decided of a request with what became of it.
#[must_use]
pub fn compare(mesh: &Mesh, request: &Request, decision: &Decision, reply: &Reply) -> Agreement {
    let observed = match reply {
        Reply::NotSent(reason) => return Agreement::Incomparable(reason.clone()),
        Reply::Observed(observed) => observed,
    };
    if let Because::Unknown(reasons) = &decision.because {
        return Agreement::Incomparable(format!("it is not decided: {}", reasons.join("; ")));
    }
    let decided = policy(mesh, decision);
    let names_another = match (&decided, &observed.policy) {
        (Some(decided), Some(named)) => decided != named && !is_undecided(mesh, request, named),
        _ => false,
    };
    let differs = decision.verdict != observed.verdict
        || (decision.status.is_some() && decision.status != observed.status)
        || names_another;
    if differs {
        return Agreement::Disagree(format!(
            "decided: {}; Envoy: {}",
            said(decision.verdict, decision.status, decided.as_deref(), ""),
            told(observed)
        ));
    }
    Agreement::Agree
}

/// The policy that the proxy names for a refusal.
fn policy(mesh: &Mesh, decision: &Decision) -> Option<String> {
    match (&decision.because, decision.verdict) {
        // The authorizer refuses, not the policy that asks it.
        (Because::Custom { .. }, _) => None,
        (_, Verdict::Deny) => decision.envoy_policy_id(mesh),
        _ => None,
    }
}

fn told(observed: &Observed) -> String {
    let details = if observed.policy.is_some() { "" } else { observed.details.as_str() };
    said(observed.verdict, observed.status, observed.policy.as_deref(), details)
}

fn said(verdict: Verdict, status: Option<u16>, policy: Option<&str>, details: &str) -> String {
    let mut said = verdict.as_str().to_owned();
    if let Some(status) = status {
        said.push_str(&format!(" {status}"));
    }
    for more in [policy.unwrap_or_default(), details] {
        if !more.is_empty() {
            said.push_str(&format!(" ({more})"));
        }
    }
    said
}

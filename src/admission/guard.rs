//! A suite and a changed mesh → the cases that passed before the change and fail after it.

use std::sync::Arc;

use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::mesh::{Changed, Mesh, QuestionError};
use crate::request::Request;
use crate::suite::{self, Case, CaseResult, Outcome, Suite};

/// A suite, its mesh with the known policies in it, and what became of each case.
#[derive(Debug)]
pub(super) struct Guard {
    suite: Suite,
    /// Shared with whatever else is asked in the same mesh.
    mesh: Arc<Mesh>,
    asked: Vec<Prepared>,
}

/// The requests of a case and how it ended.
#[derive(Debug)]
struct Prepared {
    requests: Result<Vec<Request>, QuestionError>,
    /// What is wrong with the answer; absent: it passes, or is not run.
    fails: Option<String>,
}

/// A case that a change breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Broken {
    /// The case.
    pub(super) case: String,
    /// ``the answer is `allow`, not `deny` (by `foo/open`, rule 0)``.
    pub(super) why: String,
}

impl Guard {
    pub(super) fn prepare(suite: &Suite, mesh: Arc<Mesh>, now: Option<i64>) -> Self {
        let mut asked = Vec::new();
        for case in &suite.cases {
            let requests = suite::requests(&mesh, case, now);
            let fails = fails(suite, &mesh, case, &requests);
            asked.push(Prepared { requests, fails });
        }
        Self { suite: suite.clone(), mesh, asked }
    }

    pub(super) fn name(&self) -> &str {
        &self.suite.name
    }

    pub(super) fn cases(&self) -> usize {
        self.suite.cases.len()
    }

    /// The cases that fail without any change.
    pub(super) fn failing(&self) -> impl Iterator<Item = Diagnostic> {
        let cases = self.suite.cases.iter().zip(&self.asked);
        cases.filter_map(|(case, prepared)| {
            let why = prepared.fails.as_ref()?;
            let message = format!(
                "guard `{}`: case `{}` fails already, and keeps no change out: {why}",
                self.suite.name, case.name
            );
            Some(Diagnostic::warning(Code::GuardFails, message).at(
                &self.suite.file,
                case.position,
                &FieldPath::root(),
            ))
        })
    }

    /// The mesh without any change.
    pub(super) const fn mesh(&self) -> &Arc<Mesh> {
        &self.mesh
    }

    /// The cases that a change of this guard's mesh breaks. Asked again are only those about a workload that the changed
    /// resource reaches: before every other workload the same is enforced as before.
    pub(super) fn broken(&self, changed: &Changed) -> Vec<Broken> {
        let reached = &changed.workloads;
        let mut broken = Vec::new();
        if reached.is_empty() {
            return broken;
        }
        for (case, prepared) in self.suite.cases.iter().zip(&self.asked) {
            let touched = prepared.requests.as_ref().is_ok_and(|requests| {
                requests
                    .iter()
                    .any(|request| reached.binary_search(&request.workload).is_ok())
            });
            if !touched || prepared.fails.is_some() {
                continue;
            }
            if let Some(why) = fails(&self.suite, &changed.mesh, case, &prepared.requests) {
                broken.push(Broken { case: case.name.clone(), why });
            }
        }
        broken
    }
}

/// Why a case fails; absent where it does not.
fn fails(
    suite: &Suite,
    mesh: &Mesh,
    case: &Case,
    requests: &Result<Vec<Request>, QuestionError>,
) -> Option<String> {
    let outcome = suite::judge(suite, mesh, case, requests, |request| mesh.decide(request));
    match &outcome.result {
        CaseResult::CouldNotAsk(error) => Some(error.to_string()),
        CaseResult::Failed(mismatches) => {
            let words: Vec<String> = mismatches
                .iter()
                .map(|mismatch| {
                    let what = if mismatch.what == "expect" { "the answer" } else { mismatch.what };
                    format!("{what} is `{}`, not `{}`", mismatch.found, mismatch.expected)
                })
                .collect();
            Some(format!("{}{}", words.join(", "), by(&outcome, mesh)))
        }
        CaseResult::Vacuous => Some("no policy is about its destination".to_owned()),
        CaseResult::Passed | CaseResult::Skipped(_) | CaseResult::Todo { .. } => None,
    }
}

/// The rule that decides, in words.
fn by(outcome: &Outcome<'_>, mesh: &Mesh) -> String {
    let decision = outcome.asked.as_ref().map(|(_, decision)| decision);
    let place = decision.and_then(crate::decide::Decision::rule);
    match place.and_then(|place| mesh.rule(place)) {
        Some((policy, rule)) => format!(" (by `{}`, rule {})", policy.id(), rule.index),
        None => String::new(),
    }
}

//! A suite and a mutant → whether a case of the suite notices.

use super::Mutant;
use crate::decide::{Decision, Verdict};
use crate::istio::Resource;
use crate::mesh::Mesh;
use crate::suite::{self, Case, Suite};

/// What becomes of a mutant in one suite.
#[derive(Debug)]
pub enum Fate<'s> {
    /// This case fails.
    Killed(&'s Case),
    /// Every case passes; the mesh as it is with the mutant.
    Survived(Box<Mesh>),
    /// The resource is none of the suite's.
    Untouched,
    /// Nobody could apply it: the API server, the webhook or Envoy would refuse it.
    Unviable,
}

/// A verdict and the status that comes with it.
pub type Verdicts = (Verdict, Option<u16>);

/// What a client notices of a decision.
pub(super) const fn noticed(decision: &Decision) -> Verdicts {
    (decision.verdict, decision.status)
}

/// The cases that tell anything: those that are run and pass. Absent where one fails.
#[must_use]
pub fn baseline<'s>(prepared: &suite::Prepared<'s>, now: Option<i64>) -> Option<Vec<&'s Case>> {
    let mut telling = Vec::new();
    for outcome in suite::run(prepared, now) {
        match outcome.result {
            suite::CaseResult::Passed => telling.push(outcome.case),
            suite::CaseResult::Skipped(_) | suite::CaseResult::Todo { .. } => {}
            suite::CaseResult::CouldNotAsk(_)
            | suite::CaseResult::Failed(_)
            | suite::CaseResult::Vacuous => return None,
        }
    }
    Some(telling)
}

/// Puts a mutant into the mesh of a suite and runs its `cases` until one fails. `files` are the resources that the
/// suite's patterns name; `reader` reads real tokens.
#[must_use]
pub fn fate<'s>(
    suite: &'s Suite,
    files: &[Resource],
    cases: &[&'s Case],
    mutant: &Mutant,
    finish: impl FnOnce(&mut Mesh),
    now: Option<i64>,
) -> Fate<'s> {
    let is_it = |resource: &Resource| {
        resource.meta().origin == mutant.origin && resource.kind() == mutant.kind
    };
    let replaced = |list: &[Resource]| -> Option<Vec<Resource>> {
        let place = list.iter().position(is_it)?;
        let (before, rest) = list.split_at_checked(place)?;
        let after = rest.get(1..).unwrap_or_default();
        Some(
            before
                .iter()
                .chain(&mutant.resource)
                .chain(after)
                .cloned()
                .collect(),
        )
    };
    let (in_files, in_suite) = (replaced(files), replaced(&suite.policies.resources));
    if in_files.is_none() && in_suite.is_none() {
        return Fate::Untouched;
    }
    let files = in_files.as_deref().unwrap_or(files);
    let own = in_suite.as_deref().unwrap_or(&suite.policies.resources);
    let Ok(mut prepared) = suite::prepare_with(suite, files, own) else { return Fate::Unviable };
    finish(&mut prepared.mesh);
    for case in cases {
        let mesh = &prepared.mesh;
        let outcome = suite::run_case(&prepared, case, now, |request| mesh.decide(request));
        if outcome.result.is_failure() {
            return Fate::Killed(case);
        }
    }
    Fate::Survived(Box::new(prepared.mesh))
}

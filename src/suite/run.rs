//! A suite and the resources that it names → a mesh, and an outcome a case.

use super::case::Case;
use super::file::Suite;
use crate::decide::{Because, Decision};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::istio::Resource;
use crate::mesh::{Admission, Mesh, MeshInputs, QuestionError};
use crate::request::Request;

/// A suite whose mesh is compiled.
#[derive(Debug)]
pub struct Prepared<'s> {
    /// The suite.
    pub suite: &'s Suite,
    /// Its mesh.
    pub mesh: Mesh,
    /// What is worth a look.
    pub warnings: Vec<Diagnostic>,
}

/// What became of one case.
#[derive(Clone, Debug)]
pub struct Outcome<'s> {
    /// The case.
    pub case: &'s Case,
    /// How it ended.
    pub result: CaseResult,
    /// The request and its answer: of the workload that answers otherwise, where one does. Absent where nothing was
    /// asked.
    pub asked: Option<(Request, Decision)>,
}

/// How many cases ended how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// As expected.
    pub passed: usize,
    /// Otherwise, or vacuous, or not askable.
    pub failed: usize,
    /// Of the failed ones: as expected, but only because no policy applies.
    pub vacuous: usize,
    /// Not run, with a reason.
    pub skipped: usize,
    /// Still to be done.
    pub todo: usize,
    /// Not run, because the run stopped at a failure.
    pub not_run: usize,
}

impl Count {
    /// Counts one more case.
    pub const fn add(&mut self, result: &CaseResult) {
        match result {
            CaseResult::Passed => self.passed += 1,
            CaseResult::CouldNotAsk(_) | CaseResult::Failed(_) => self.failed += 1,
            CaseResult::Vacuous => {
                self.failed += 1;
                self.vacuous += 1;
            }
            CaseResult::Skipped(_) => self.skipped += 1,
            CaseResult::Todo { .. } => self.todo += 1,
        }
    }

    /// How many cases were run, whatever came of it.
    #[must_use]
    pub const fn ran(&self) -> usize {
        self.passed + self.failed + self.todo
    }
}

/// How a case ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CaseResult {
    /// It could not be asked.
    CouldNotAsk(QuestionError),
    /// The answer is another one.
    Failed(Vec<Mismatch>),
    /// As expected.
    Passed,
    /// Not run, with the reason.
    Skipped(String),
    /// What is to be done before it can pass.
    Todo {
        /// As written.
        what: String,
        /// Whether it is as expected already, so that `todo` can go.
        done: bool,
    },
    /// As expected, but only because no policy applies.
    Vacuous,
}

impl CaseResult {
    /// Whether it fails the run.
    #[must_use]
    pub const fn is_failure(&self) -> bool {
        matches!(self, Self::CouldNotAsk(_) | Self::Failed(_) | Self::Vacuous)
    }
}

/// One thing that is not as expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// What: `expect`, `status`, `because.policy` …
    pub what: &'static str,
    /// As expected.
    pub expected: String,
    /// As it is.
    pub found: String,
}

/// Compiles the mesh of a suite; `files` are the resources that its patterns name.
///
/// # Errors
/// Everything that is wrong with the resources.
pub fn prepare<'s>(suite: &'s Suite, files: &[Resource]) -> Result<Prepared<'s>, Diagnostics> {
    prepare_with(suite, files, &suite.policies.resources)
}

/// As [`prepare`], with other resources in the place of those that stand in the suite.
///
/// # Errors
/// Everything that is wrong with the resources.
pub fn prepare_with<'s>(
    suite: &'s Suite,
    files: &[Resource],
    own: &[Resource],
) -> Result<Prepared<'s>, Diagnostics> {
    let policies = &suite.policies;
    if policies.admission.is_none() {
        // What stands in files must be admissible; what is written in place need not be.
        drop(Diagnostics::gate(files.iter().flat_map(crate::validate::refusals).collect())?);
    }
    let (mesh, warnings) = Mesh::compile(MeshInputs {
        config: policies.config.clone(),
        config_is_whole: false,
        revision: policies.revision.clone(),
        istio_version: policies.istio_version,
        resources: vec![files, own],
        workloads: policies.workloads.clone(),
        stubs: policies.stubs.clone(),
        admission: policies.admission.unwrap_or(Admission::Bypassed),
    })?;
    Ok(Prepared { suite, mesh, warnings })
}

/// Runs every case, in order. `now` is in seconds since 1970; absent: tokens with times are not decided.
#[must_use]
pub fn run<'s>(prepared: &Prepared<'s>, now: Option<i64>) -> Vec<Outcome<'s>> {
    prepared
        .suite
        .cases
        .iter()
        .map(|case| run_case(prepared, case, now, |request| prepared.mesh.decide(request)))
        .collect()
}

/// Runs one case of the suite; `decide` decides a request, and may watch how. `now` as in [`run`].
pub fn run_case<'s>(
    prepared: &Prepared<'_>,
    case: &'s Case,
    now: Option<i64>,
    decide: impl FnMut(&Request) -> Decision,
) -> Outcome<'s> {
    let requests = requests(&prepared.mesh, case, now);
    judge(prepared.suite, &prepared.mesh, case, &requests, decide)
}

/// The requests that a case asks about, one for every workload that may answer; never empty. `now` as in [`run`]. They
/// depend on what is there, and on no policy.
///
/// # Errors
/// The case cannot be asked.
pub fn requests(mesh: &Mesh, case: &Case, now: Option<i64>) -> Result<Vec<Request>, QuestionError> {
    let mut requests = mesh.requests(&case.spec)?;
    if requests.is_empty() {
        return Err(QuestionError::UnknownDestination {
            name: case.spec.to.clone(),
            namespace: case.spec.namespace.clone().unwrap_or_default(),
        });
    }
    for request in &mut requests {
        request.now = now;
    }
    Ok(requests)
}

/// As [`run_case`], for requests that are known already; `mesh` may be another one than that of the suite.
pub fn judge<'s>(
    suite: &Suite,
    mesh: &Mesh,
    case: &'s Case,
    requests: &Result<Vec<Request>, QuestionError>,
    mut decide: impl FnMut(&Request) -> Decision,
) -> Outcome<'s> {
    if let Some(reason) = &case.skip {
        return Outcome { case, result: CaseResult::Skipped(reason.clone()), asked: None };
    }
    let requests = match requests {
        Ok(requests) => requests,
        Err(error) => {
            let result = CaseResult::CouldNotAsk(error.clone());
            return Outcome { case, result, asked: None };
        }
    };
    // Every workload behind a Service must answer as expected.
    let mut shown = None;
    let mut result = CaseResult::Passed;
    for request in requests {
        let decision = decide(request);
        let mismatches = compare(case, &decision, mesh);
        if !mismatches.is_empty() {
            shown = Some((request.clone(), decision));
            result = CaseResult::Failed(mismatches);
            break;
        }
        let vacuous =
            !suite.vacuous_allowed && !case.expect.because.default && is_default(&decision);
        if vacuous {
            result = CaseResult::Vacuous;
        }
        if shown.is_none() {
            shown = Some((request.clone(), decision));
        }
    }
    if let Some(what) = &case.todo {
        result = CaseResult::Todo { what: what.clone(), done: result == CaseResult::Passed };
    }
    Outcome { case, result, asked: shown }
}

/// Whether a request passed because no policy is about its destination.
const fn is_default(decision: &Decision) -> bool {
    matches!(decision.because, Because::NoPolicy | Because::NoProxy(_))
}

fn compare(case: &Case, decision: &Decision, mesh: &Mesh) -> Vec<Mismatch> {
    let none = || "none".to_owned();
    let expect = &case.expect;
    let because = &expect.because;
    let place = decision.rule().and_then(|place| mesh.rule(place));
    let mut mismatches = Vec::new();
    let mut differ = |what, expected: Option<String>, found: String| {
        if let Some(expected) = expected.filter(|expected| *expected != found) {
            mismatches.push(Mismatch { what, expected, found });
        }
    };
    differ(
        "expect",
        Some(expect.verdict.as_str().to_owned()),
        decision.verdict.as_str().to_owned(),
    );
    let status = decision
        .status
        .map_or_else(none, |status| status.to_string());
    differ("status", expect.status.map(|status| status.to_string()), status);
    differ(
        "because.policy",
        because.policy.clone(),
        place.map_or_else(none, |(policy, _)| policy.id()),
    );
    let rule = place.map_or_else(none, |(_, rule)| rule.index.to_string());
    differ("because.rule", because.rule.map(|rule| rule.to_string()), rule);
    let stage = decision
        .stage()
        .map_or_else(none, |stage| stage.as_str().to_owned());
    differ("because.stage", because.stage.map(str::to_owned), stage);
    differ(
        "because.default",
        because.default.then(|| "true".to_owned()),
        is_default(decision).to_string(),
    );
    let id = decision.envoy_policy_id(mesh).unwrap_or_else(none);
    differ("because.envoyPolicyId", because.envoy_policy_id.clone(), id);
    mismatches
}

//! A test run → the document of kind `TestResult`.

use serde_json::{Value, json};

use super::document::{API_VERSION, EndpointDocument};
use super::json::Document;
use super::outcomes::{CaseRun, Run, SuiteRun, explained};
use crate::suite::{CaseResult, Mismatch};

/// The outcomes of a test run, kind `TestResult`.
#[must_use]
pub fn test_result(run: &Run<'_>) -> Document {
    let count = run.count;
    Document::new(json!({
        "apiVersion": API_VERSION,
        "kind": "TestResult",
        "passed": count.passed,
        "failed": count.failed,
        "vacuous": count.vacuous,
        "skipped": count.skipped,
        "todo": count.todo,
        "notRun": count.not_run,
        "suites": run.suites.iter().map(suite).collect::<Vec<_>>(),
        "coverage": run.coverage.as_ref().map(super::coverage::document),
    }))
}

fn suite(suite: &SuiteRun<'_>) -> Value {
    json!({
        "file": suite.prepared.suite.file.as_ref(),
        "suite": suite.prepared.suite.name,
        "cases": suite.cases.iter().map(|run| case(run, suite)).collect::<Vec<_>>(),
    })
}

fn case(run: &CaseRun<'_>, suite: &SuiteRun<'_>) -> Value {
    let mismatches = match &run.outcome.result {
        CaseResult::Failed(mismatches) => mismatches.as_slice(),
        CaseResult::Passed
        | CaseResult::CouldNotAsk(_)
        | CaseResult::Skipped(_)
        | CaseResult::Todo { .. }
        | CaseResult::Vacuous => &[],
    };
    let mismatch = |mismatch: &Mismatch| json!({"what": mismatch.what, "expected": mismatch.expected, "found": mismatch.found});
    let endpoint = run
        .outcome
        .asked
        .as_ref()
        .filter(|_| !mismatches.is_empty())
        .and_then(|(request, _)| {
            let endpoint = explained(&suite.prepared.mesh, request)?;
            serde_json::to_value(EndpointDocument::from(&endpoint)).ok()
        });
    json!({
        "name": run.outcome.case.name,
        "line": run.outcome.case.position.line,
        "result": run.word(),
        "message": Some(run.message()).filter(|message| !message.is_empty()),
        "mismatches": mismatches.iter().map(mismatch).collect::<Vec<_>>(),
        "got": endpoint,
        "command": run.command,
    })
}

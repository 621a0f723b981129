//! Facts → documents for machines. Every document says its version; fields are only ever added to it.

use serde_json::{Value, json};

use super::answer::{self, Answer, Endpoint};
use super::outcomes::{CaseRun, Run, SuiteRun};
use crate::diagnostic::Diagnostic;
use crate::suite::{CaseResult, Mismatch};

/// The version of every document.
pub(super) const API_VERSION: &str = "portcullis.dev/v1alpha1";

/// A document for machines.
#[derive(Clone, Debug, PartialEq)]
pub struct Document(Value);

impl Document {
    /// A document of another format.
    pub(super) const fn new(value: Value) -> Self {
        Self(value)
    }

    /// The document as JSON over several lines, or as YAML, with a final newline.
    ///
    /// # Errors
    /// What the YAML writer says; a document always has a YAML form.
    pub fn to_text(&self, yaml: bool) -> Result<String, String> {
        if yaml { super::yaml::to_yaml(&self.0) } else { Ok(format!("{:#}\n", self.0)) }
    }

    /// The document as one line of JSON, with a final newline.
    #[must_use]
    pub fn to_line(&self) -> String {
        format!("{}\n", self.0)
    }
}

/// The answer to one question, kind `Answer`.
#[must_use]
pub fn answer(answer: &Answer, warnings: &[Diagnostic]) -> Document {
    Document(json!({
        "apiVersion": API_VERSION,
        "kind": "Answer",
        "question": answer.question,
        "answer": answer.word().as_str(),
        "endpoints": answer.endpoints.iter().map(endpoint).collect::<Vec<_>>(),
        "warnings": findings(warnings),
    }))
}

/// Why nothing could be answered, kind `Complaint`.
#[must_use]
pub fn complaint(complaints: &[Diagnostic]) -> Document {
    Document(
        json!({"apiVersion": API_VERSION, "kind": "Complaint", "findings": findings(complaints)}),
    )
}

fn endpoint(endpoint: &Endpoint) -> Value {
    let decision = &endpoint.decision;
    json!({
        "workload": endpoint.workload,
        "port": endpoint.port,
        "verdict": decision.verdict.as_str(),
        "status": decision.status,
        "stage": decision.stage().map(|stage| stage.as_str()),
        "policy": endpoint.rule.as_ref().map(|(policy, _)| policy),
        "rule": endpoint.rule.as_ref().map(|(_, rule)| rule),
        "origin": endpoint.origin.as_ref().map(ToString::to_string),
        "reason": endpoint.reason,
        "notes": endpoint.notes,
    })
}

/// Findings as a list.
fn findings(findings: &[Diagnostic]) -> Value {
    let one = |finding: &Diagnostic| {
        let origin = finding.origin.as_ref();
        json!({
            "code": finding.code.as_str(),
            "severity": finding.severity.to_string(),
            "file": origin.map(|origin| origin.file.as_ref()),
            "line": origin.map(|origin| origin.position.line),
            "column": origin.map(|origin| origin.position.column),
            "path": finding.path.as_str(),
            "message": finding.message,
            "help": finding.help,
        })
    };
    Value::Array(findings.iter().map(one).collect())
}

/// The outcomes of a test run, kind `TestResult`.
#[must_use]
pub fn test_result(run: &Run<'_>) -> Document {
    let count = run.count;
    Document(json!({
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
        .map(|(request, decision)| {
            endpoint(&answer::endpoint(&suite.prepared.mesh, request, decision.clone()))
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

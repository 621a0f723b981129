//! Facts → documents for machines. Every document says its version; fields are only ever added to it.

use serde_json::{Value, json};

use super::answer::{Answer, Endpoint};
use crate::diagnostic::Diagnostic;
use crate::suite::{CaseResult, Outcome};

/// The version of every document.
const API_VERSION: &str = "portcullis.dev/v1alpha1";

/// A document for machines.
#[derive(Clone, Debug, PartialEq)]
pub struct Document(Value);

impl Document {
    /// A document of a kind: its version and kind, then the members of `body`.
    #[cfg(all(feature = "ca", unix))]
    pub(super) fn of(kind: &str, body: Value) -> Self {
        let mut document = json!({"apiVersion": API_VERSION, "kind": kind});
        if let (Value::Object(document), Value::Object(body)) = (&mut document, body) {
            document.extend(body);
        }
        Self(document)
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

/// How many cases ended how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// As expected.
    pub passed: usize,
    /// Otherwise, or vacuous, or not askable.
    pub failed: usize,
    /// Not run.
    pub skipped: usize,
    /// Not as expected yet.
    pub todo: usize,
}

/// The outcomes of all suites, kind `TestResult`; `suites` are what [`outcomes`] made.
#[must_use]
pub fn test_result(count: Count, suites: Vec<Document>) -> Document {
    Document(json!({
        "apiVersion": API_VERSION,
        "kind": "TestResult",
        "passed": count.passed,
        "failed": count.failed,
        "skipped": count.skipped,
        "todo": count.todo,
        "suites": suites.into_iter().map(|suite| suite.0).collect::<Vec<_>>(),
    }))
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

/// One suite's outcomes, kind `SuiteResult`.
#[must_use]
pub fn outcomes(file: &str, suite: &str, outcomes: &[Outcome<'_>]) -> Document {
    let one = |outcome: &Outcome<'_>| {
        let (result, detail) = match &outcome.result {
            CaseResult::Passed => ("passed", Value::Null),
            CaseResult::Failed(mismatches) => {
                let mismatch = |mismatch: &crate::suite::Mismatch| json!({"what": mismatch.what, "expected": mismatch.expected, "found": mismatch.found});
                ("failed", Value::Array(mismatches.iter().map(mismatch).collect()))
            }
            CaseResult::CouldNotAsk(error) => ("failed", json!(error.to_string())),
            CaseResult::Vacuous => ("vacuous", Value::Null),
            CaseResult::Skipped(reason) => ("skipped", json!(reason)),
            CaseResult::Todo(what) => ("todo", json!(what)),
        };
        json!({
            "name": outcome.case.name,
            "line": outcome.case.position.line,
            "result": result,
            "detail": detail,
        })
    };
    Document(json!({
        "apiVersion": API_VERSION,
        "kind": "SuiteResult",
        "file": file,
        "suite": suite,
        "cases": outcomes.iter().map(one).collect::<Vec<_>>(),
    }))
}

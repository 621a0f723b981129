//! Facts → documents for machines. Every document says its version; fields are only ever added to it.

use serde_json::{Value, json};

use super::answer::Answer;
use super::document::{self, API_VERSION, AnswerDocument, ComplaintDocument};
use crate::diagnostic::Diagnostic;
use crate::suite::{CaseResult, Outcome};

/// A document for machines.
#[derive(Clone, Debug, PartialEq)]
pub struct Document(pub(super) Value);

impl Document {
    /// A value whose keys are all text has a form in JSON.
    pub(super) fn of(value: &impl serde::Serialize) -> Self {
        Self(serde_json::to_value(value).unwrap_or_default())
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
    Document::of(&AnswerDocument::of(answer, warnings))
}

/// Why nothing could be answered, kind `Complaint`.
#[must_use]
pub fn complaint(complaints: &[Diagnostic]) -> Document {
    Document::of(&ComplaintDocument::of(complaints))
}

/// The JSON Schema of an answer.
#[must_use]
pub fn answer_schema() -> Document {
    Document(document::answer_schema())
}

/// The JSON Schema of a complaint.
#[must_use]
pub fn complaint_schema() -> Document {
    Document(document::complaint_schema())
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

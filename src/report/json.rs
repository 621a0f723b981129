//! Facts → documents for machines. Every document says its version; fields are only ever added to it.

use serde_json::Value;

use super::answer::Answer;
use super::document::{self, AnswerDocument, ComplaintDocument};
use crate::diagnostic::Diagnostic;

/// A document for machines.
#[derive(Clone, Debug, PartialEq)]
pub struct Document(pub(super) Value);

impl Document {
    /// A document of another format.
    pub(super) const fn new(value: Value) -> Self {
        Self(value)
    }

    /// A value whose keys are all text has a form in JSON.
    pub(super) fn of(value: &impl serde::Serialize) -> Self {
        Self(serde_json::to_value(value).unwrap_or_default())
    }

    /// A document of a kind: its version and kind, then the members of `body`.
    #[cfg(all(feature = "ca", unix))]
    pub(super) fn of_kind(kind: &str, body: Value) -> Self {
        let mut document =
            serde_json::json!({"apiVersion": super::document::API_VERSION, "kind": kind});
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

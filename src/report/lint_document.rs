//! Findings → a typed document for machines, and its JSON Schema.

use schemars::JsonSchema;
use serde::Serialize;

use super::document::API_VERSION;
use super::json::Document;
use super::lint::{LintReport, LintRow, WitnessRow};
use crate::diagnostic::Origin;

/// What a linter found.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct LintDocument {
    /// `portcullis.dev/v1alpha1`.
    api_version: &'static str,
    /// `LintResult`, or `ValidateResult`.
    kind: &'static str,
    /// In the order of the text.
    findings: Vec<LintFinding>,
    /// What is not told.
    silenced: Vec<SilencedFinding>,
    /// What the findings do not cover, in sentences.
    notes: Vec<String>,
}

/// One finding.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct LintFinding {
    /// `PC` and three digits.
    code: &'static str,
    /// The name of the lint; null for what reading and refusing say.
    name: Option<&'static str>,
    /// `low`, `medium`, `high`, `critical` or `error`.
    level: &'static str,
    /// Kind, namespace and name; null where that is not known.
    resource: Option<String>,
    /// Where it is; null for a path that cannot be read.
    place: Option<LintPlace>,
    /// The field, as `spec.rules[0]`; empty for a whole text.
    path: String,
    /// What is wrong.
    message: String,
    /// What to do about it.
    help: Option<String>,
    /// What it depends on; null for what is certain.
    sure_if: Option<String>,
    /// The request that shows it, decided; then one beside it that is decided otherwise.
    witness: Vec<LintWitness>,
    /// Other places.
    related: Vec<LintRelated>,
    /// What `--fix` does; null where it does nothing.
    fix: Option<String>,
}

/// A place in a file.
#[derive(Debug, Serialize, JsonSchema)]
struct LintPlace {
    /// The file as it was named; `-` is standard input.
    file: String,
    /// From 1.
    line: u32,
    /// From 1, in characters.
    column: u32,
}

/// A request and what was decided.
#[derive(Debug, Serialize, JsonSchema)]
struct LintWitness {
    /// The request in short.
    request: String,
    /// `allow`, `deny`, `refused`, `rejected`, `unauthenticated`, `unreachable` or `unknown`.
    verdict: &'static str,
    /// Why, in one sentence.
    reason: String,
    /// Where the deciding rule or mode is written; null where none decided.
    place: Option<LintPlace>,
}

/// Another place that belongs to a finding.
#[derive(Debug, Serialize, JsonSchema)]
struct LintRelated {
    /// Where.
    place: LintPlace,
    /// What stands there.
    label: String,
}

/// A finding that somebody said not to tell.
#[derive(Debug, Serialize, JsonSchema)]
struct SilencedFinding {
    /// The code of the lint.
    code: &'static str,
    /// Kind, namespace and name.
    resource: String,
    /// Why.
    reason: String,
}

/// The findings as a document, kind `LintResult` or `ValidateResult`.
#[must_use]
pub fn lint_document(kind: &'static str, report: &LintReport) -> Document {
    Document::of(&LintDocument {
        api_version: API_VERSION,
        kind,
        findings: report.rows.iter().map(LintFinding::from).collect(),
        silenced: report
            .silenced
            .iter()
            .map(|(code, resource, reason)| SilencedFinding {
                code,
                resource: resource.clone(),
                reason: reason.clone(),
            })
            .collect(),
        notes: report.notes.clone(),
    })
}

/// The JSON Schema of the document, draft 2020-12.
#[must_use]
pub fn lint_schema() -> Document {
    Document(schemars::schema_for!(LintDocument).to_value())
}

impl From<&LintRow> for LintFinding {
    fn from(row: &LintRow) -> Self {
        Self {
            code: row.code,
            name: row.name,
            level: row.level.as_str(),
            resource: row.resource.clone(),
            place: row.origin.as_ref().map(LintPlace::from),
            path: row.path.clone(),
            message: row.message.clone(),
            help: row.help.clone(),
            sure_if: row.sure_if.clone(),
            witness: row.witness.iter().map(LintWitness::from).collect(),
            related: row
                .related
                .iter()
                .map(|(origin, label)| LintRelated { place: origin.into(), label: label.clone() })
                .collect(),
            fix: row.fix.clone(),
        }
    }
}

impl From<&WitnessRow> for LintWitness {
    fn from(witness: &WitnessRow) -> Self {
        Self {
            request: witness.request.clone(),
            verdict: witness.verdict.as_str(),
            reason: witness.reason.clone(),
            place: witness.origin.as_ref().map(LintPlace::from),
        }
    }
}

impl From<&Origin> for LintPlace {
    fn from(origin: &Origin) -> Self {
        Self {
            file: origin.file.to_string(),
            line: origin.position.line,
            column: origin.position.column,
        }
    }
}

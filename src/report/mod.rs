//! Facts → text and documents. Nothing is printed here: everything is written to a given writer or returned.

mod account;
mod answer;
#[cfg(all(feature = "ca", unix))]
pub mod certificate;
#[cfg(feature = "cli")]
mod cobertura;
mod configuration;
#[cfg(feature = "text")]
mod coverage;
#[cfg(feature = "text")]
mod diff;
mod document;
#[cfg(feature = "text")]
mod explained;
#[cfg(feature = "text")]
mod github;
mod json;
#[cfg(feature = "cli")]
mod junit;
#[cfg(feature = "text")]
mod lcov;
mod lint;
mod lint_document;
#[cfg(feature = "text")]
mod lint_github;
#[cfg(feature = "text")]
mod lint_junit;
mod lint_page;
mod lint_sarif;
#[cfg(feature = "text")]
mod lint_text;
#[cfg(feature = "text")]
mod markdown;
#[cfg(feature = "text")]
mod mutation;
#[cfg(feature = "text")]
mod outcomes;
mod question;
#[cfg(feature = "text")]
mod sarif;
mod settings;
mod sketch;
#[cfg(feature = "text")]
mod snippet;
#[cfg(feature = "text")]
mod style;
mod suite_schema;
mod survey;
#[cfg(feature = "text")]
mod tap;
#[cfg(feature = "text")]
mod test_result;
mod text;
#[cfg(all(feature = "server", feature = "cli"))]
mod webhook_manifests;
#[cfg(feature = "text")]
mod xml;
mod yaml;

pub use account::{
    Account, FieldAccount, PassedOverAccount, RuleAccount, StageAccount, SurpriseAccount,
};
pub use answer::{Answer, Endpoint, Word};
#[cfg(feature = "cli")]
pub use cobertura::cobertura;
pub use configuration::configuration;
#[cfg(feature = "text")]
pub use coverage::{summary as coverage_summary, table as coverage_table};
#[cfg(feature = "text")]
pub use diff::text_diff;
#[cfg(feature = "text")]
pub use explained::{answer as answer_text, endpoint as endpoint_text};
#[cfg(feature = "text")]
pub use github::github;
pub use json::{
    Document, answer as answer_document, answer_schema, complaint as complaint_document,
    complaint_schema,
};
#[cfg(feature = "cli")]
pub use junit::junit;
#[cfg(feature = "text")]
pub use lcov::lcov;
pub use lint::{LintReport, LintRow, WitnessRow};
pub use lint_document::{lint_document, lint_schema};
#[cfg(feature = "text")]
pub use lint_github::lint_github;
#[cfg(feature = "text")]
pub use lint_junit::lint_junit;
pub use lint_page::{code_page, lint_page, lint_pages};
pub use lint_sarif::lint_sarif;
#[cfg(feature = "text")]
pub use lint_text::lint_text;
#[cfg(feature = "text")]
pub use markdown::markdown;
#[cfg(feature = "text")]
pub use mutation::{
    Mutation, Survivor, document as mutation_document, summary as mutation_summary,
    text as mutation_text,
};
#[cfg(feature = "text")]
pub use outcomes::{CaseRun, Run, SuiteRun, counts, summary, text as outcomes_text};
pub use question::{case as case_line, claims, line as question_line};
#[cfg(feature = "text")]
pub use sarif::sarif;
pub use settings::{
    EffectiveSetting, document as settings_document, schema as settings_schema,
    text as settings_text,
};
pub use sketch::sketch as sketch_text;
#[cfg(feature = "text")]
pub use snippet::{Quotation, Remark, Sources};
#[cfg(feature = "text")]
pub use style::Style;
pub use suite_schema::suite_schema;
pub use survey::{Row, Table, TableKind};
#[cfg(feature = "text")]
pub use tap::tap;
#[cfg(feature = "text")]
pub use test_result::test_result;
pub use text::question;
#[cfg(all(feature = "server", feature = "cli"))]
pub use webhook_manifests::{WebhookMesh, WebhookSetting, list_document};

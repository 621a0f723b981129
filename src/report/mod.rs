//! Facts → text and documents. Nothing is printed here: everything is written to a given writer or returned.

mod account;
mod answer;
#[cfg(feature = "text")]
mod diff;
mod document;
#[cfg(feature = "text")]
mod explained;
mod json;
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
mod settings;
#[cfg(feature = "text")]
mod snippet;
#[cfg(feature = "text")]
mod style;
mod survey;
mod text;
mod yaml;

pub use account::{
    Account, FieldAccount, PassedOverAccount, RuleAccount, StageAccount, SurpriseAccount,
};
pub use answer::{Answer, Endpoint, Word};
#[cfg(feature = "text")]
pub use diff::text_diff;
#[cfg(feature = "text")]
pub use explained::{answer as answer_text, endpoint as endpoint_text};
pub use json::{
    Count, Document, answer as answer_document, answer_schema, complaint as complaint_document,
    complaint_schema, outcomes as outcomes_document, test_result,
};
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
pub use settings::{EffectiveSetting, document as settings_document, text as settings_text};
#[cfg(feature = "text")]
pub use snippet::{Quotation, Remark, Sources};
#[cfg(feature = "text")]
pub use style::Style;
pub use survey::{Row, Table, TableKind};
pub use text::{outcome as outcome_text, question, summary};

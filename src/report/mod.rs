//! Facts → text and documents. Nothing is printed here: everything is written to a given writer or returned.

mod answer;
#[cfg(feature = "cli")]
mod cobertura;
mod coverage;
mod json;
mod lcov;
mod outcomes;
mod question;
mod text;
mod yaml;

pub use answer::{Answer, Endpoint, Word};
#[cfg(feature = "cli")]
pub use cobertura::cobertura;
pub use coverage::{summary as coverage_summary, table as coverage_table};
pub use json::{Document, answer as answer_document, complaint as complaint_document, test_result};
pub use lcov::lcov;
pub use outcomes::{CaseRun, Run, SuiteRun, counts, summary, text as outcomes_text};
pub use question::{claims, line as question_line};
pub use text::{answer as answer_text, question};

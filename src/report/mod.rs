//! Facts → text and documents. Nothing is printed here: everything is written to a given writer or returned.

mod answer;
#[cfg(feature = "cli")]
mod cobertura;
mod coverage;
mod github;
mod json;
#[cfg(feature = "cli")]
mod junit;
mod lcov;
mod markdown;
mod mutation;
mod outcomes;
mod question;
mod sarif;
mod tap;
mod text;
mod yaml;

pub use answer::{Answer, Endpoint, Word};
#[cfg(feature = "cli")]
pub use cobertura::cobertura;
pub use coverage::{summary as coverage_summary, table as coverage_table};
pub use github::github;
pub use json::{Document, answer as answer_document, complaint as complaint_document, test_result};
#[cfg(feature = "cli")]
pub use junit::junit;
pub use lcov::lcov;
pub use markdown::markdown;
pub use mutation::{
    Mutation, Survivor, document as mutation_document, summary as mutation_summary,
    text as mutation_text,
};
pub use outcomes::{CaseRun, Run, SuiteRun, counts, summary, text as outcomes_text};
pub use question::{case as case_line, claims, line as question_line};
pub use sarif::sarif;
pub use tap::tap;
pub use text::{answer as answer_text, question};

//! Facts → text and documents. Nothing is printed here: everything is written to a given writer or returned.

mod answer;
#[cfg(all(feature = "ca", unix))]
pub mod certificate;
mod json;
mod text;
mod yaml;

pub use answer::{Answer, Endpoint, Word};
pub use json::{
    Count, Document, answer as answer_document, complaint as complaint_document,
    outcomes as outcomes_document, test_result,
};
pub use text::{answer as answer_text, outcome as outcome_text, question, summary};

//! Facts → text and documents. Nothing is printed here: everything is written to a given writer or returned.

mod answer;
mod json;
mod outcomes;
mod question;
mod text;
mod yaml;

pub use answer::{Answer, Endpoint, Word};
pub use json::{Document, answer as answer_document, complaint as complaint_document, test_result};
pub use outcomes::{CaseRun, Run, SuiteRun, counts, summary, text as outcomes_text};
pub use question::{claims, line as question_line};
pub use text::{answer as answer_text, question};

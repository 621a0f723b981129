//! Policy unit tests: a suite file and a mesh → outcomes, as values.

mod accepted;
mod case;
mod file;
pub mod format;
mod run;

pub use accepted::{Accepted, accepted};
pub use case::{Because, Case, Expectation, questions, stated_claims};
#[cfg(feature = "cli")]
pub(crate) use case::{split_port, stated_token};
pub use file::{Policies, Suite, is_suite_file, read};
pub use run::{
    CaseResult, Count, Mismatch, Outcome, Prepared, judge, prepare, prepare_with, requests, run,
    run_case,
};

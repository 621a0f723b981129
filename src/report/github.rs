//! A test run → workflow commands, which GitHub shows beside the lines of the suite.

use super::outcomes::Run;
use crate::diagnostic::printable;
use crate::suite::CaseResult;

/// An `::error` for every failure, a `::notice` for what is skipped or to be done, and nothing for what passed.
#[must_use]
pub fn github(run: &Run<'_>) -> String {
    let mut text = String::new();
    for suite in &run.suites {
        let of = &suite.prepared.suite;
        for case in &suite.cases {
            let command = match &case.outcome.result {
                CaseResult::Passed => continue,
                CaseResult::CouldNotAsk(_) | CaseResult::Failed(_) | CaseResult::Vacuous => "error",
                CaseResult::Skipped(_) | CaseResult::Todo { .. } => "notice",
            };
            let at = case.outcome.case.position;
            let title = format!("{}: {} › {}", case.word(), of.name, case.outcome.case.name);
            text.push_str(&format!(
                "::{command} file={},line={},col={},title={}::{}\n",
                property(&of.file),
                at.line,
                at.column,
                property(&printable(&title)),
                data(case.detail(suite.prepared, run.sources).trim_end())
            ));
        }
    }
    text
}

/// What stands behind `::`.
fn data(text: &str) -> String {
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

/// The value of a property.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

//! A test run → TAP version 14 (<https://testanything.org/tap-version-14-specification.html>).

use super::outcomes::Run;
use crate::diagnostic::printable;
use crate::suite::CaseResult;

/// The document: a test point for every case that was chosen and not cut off by `--fail-fast`.
#[must_use]
pub fn tap(run: &Run<'_>) -> String {
    let total: usize = run.suites.iter().map(|suite| suite.cases.len()).sum();
    let mut text = format!("TAP version 14\n1..{total}\n");
    let mut number = 0;
    for suite in &run.suites {
        let of = &suite.prepared.suite;
        for case in &suite.cases {
            number += 1;
            let name = escaped(&format!("{} › {}", of.name, case.outcome.case.name));
            let message = escaped(&case.message());
            let (ok, directive) = match &case.outcome.result {
                CaseResult::Passed => ("ok", String::new()),
                CaseResult::CouldNotAsk(_) | CaseResult::Failed(_) | CaseResult::Vacuous => {
                    ("not ok", String::new())
                }
                CaseResult::Skipped(_) => ("ok", format!(" # SKIP {message}")),
                CaseResult::Todo { done: true, .. } => ("ok", format!(" # TODO {message}")),
                CaseResult::Todo { done: false, .. } => ("not ok", format!(" # TODO {message}")),
            };
            text.push_str(&format!("{ok} {number} - {name}{directive}\n"));
            if case.outcome.result.is_failure() {
                let at = case.outcome.case.position;
                text.push_str("  ---\n  severity: fail\n");
                text.push_str(&format!(
                    "  kind: {}\n  at:\n    file: {}\n",
                    case.word(),
                    quoted(&of.file)
                ));
                text.push_str(&format!(
                    "    line: {}\n    column: {}\n  message: |\n",
                    at.line, at.column
                ));
                for line in case.detail(suite.prepared, run.sources).lines() {
                    text.push_str(&format!("    {line}\n"));
                }
                text.push_str("  ...\n");
            }
        }
    }
    if run.count.not_run > 0 {
        text.push_str(&format!("# {} not run: stopped at the first failure\n", run.count.not_run));
    }
    text
}

/// A description, in which `\` and `#` would mean something.
fn escaped(text: &str) -> String {
    printable(text).replace('\\', r"\\").replace('#', r"\#")
}

/// A single-quoted YAML scalar.
fn quoted(text: &str) -> String {
    format!("'{}'", printable(text).replace('\'', "''"))
}

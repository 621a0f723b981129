//! A test run → Markdown for a comment on a pull request.

use super::coverage;
use super::outcomes::{Run, summary};
use crate::diagnostic::printable;
use crate::suite::CaseResult;

/// So many failures are told whole; of the others the name is.
const WHOLE: usize = 20;

/// A headline, a row for every case that did not pass, and folded away what each failure says.
#[must_use]
pub fn markdown(run: &Run<'_>) -> String {
    let mut text = format!("### portcullis: {}\n", summary(run.count));
    if let Some(covered) = &run.coverage {
        text.push_str(&format!("\n{}\n", coverage::summary(covered)));
    }
    let (mut rows, mut details, mut told) = (String::new(), String::new(), 0);
    for suite in &run.suites {
        let of = &suite.prepared.suite;
        for case in &suite.cases {
            if case.outcome.result == CaseResult::Passed {
                continue;
            }
            let name = cell(&format!("{} › {}", of.name, case.outcome.case.name));
            let place = cell(&format!("{}:{}", of.file, case.outcome.case.position.line));
            rows.push_str(&format!(
                "| {} | {name} | {} | `{place}` |\n",
                case.word(),
                cell(&case.message())
            ));
            if case.outcome.result.is_failure() && told < WHOLE {
                told += 1;
                let detail = case.detail(suite.prepared, run.sources);
                let fence = fence(&detail);
                details.push_str(&format!(
                    "\n<details><summary>{name}</summary>\n\n{fence}text\n{detail}{fence}\n\n</details>\n"
                ));
            }
        }
    }
    if !rows.is_empty() {
        text.push_str(&format!("\n| | case | | |\n|---|---|---|---|\n{rows}"));
    }
    if run.count.failed > told {
        details.push_str(&format!(
            "\n{} more failures are in the table only.\n",
            run.count.failed - told
        ));
    }
    text + &details
}

/// Text in a cell of a table or in HTML: nothing in it means anything.
fn cell(text: &str) -> String {
    let mut cell = String::new();
    for c in printable(text).chars() {
        match c {
            '&' => cell.push_str("&amp;"),
            '<' => cell.push_str("&lt;"),
            '>' => cell.push_str("&gt;"),
            '|' | '`' | '*' | '_' | '[' | ']' | '\\' | '@' | '#' => {
                cell.push_str(&format!("&#{};", u32::from(c)));
            }
            c => cell.push(c),
        }
    }
    cell
}

/// A fence longer than any run of backticks in the text.
fn fence(text: &str) -> String {
    let longest = text
        .split(|c| c != '`')
        .map(str::len)
        .max()
        .unwrap_or_default();
    "`".repeat(longest.max(2) + 1)
}

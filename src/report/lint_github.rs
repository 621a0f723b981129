//! Findings → annotations of GitHub Actions, one line each.

use super::lint::{LintReport, LintRow};
use crate::lint::Level;

/// `::error file=…,line=…::…`, a line for each finding.
#[must_use]
pub fn lint_github(report: &LintReport) -> String {
    report.rows.iter().map(line).collect()
}

fn line(row: &LintRow) -> String {
    let command = match row.level {
        Level::Error | Level::Critical | Level::High => "error",
        Level::Medium => "warning",
        Level::Low => "notice",
    };
    let title = row
        .name
        .map_or_else(|| row.code.to_owned(), |name| format!("{} {name}", row.code));
    let mut properties = Vec::new();
    if let Some(origin) = &row.origin {
        properties.push(format!("file={}", property(&origin.file)));
        properties.push(format!("line={}", origin.position.line));
        properties.push(format!("col={}", origin.position.column));
    }
    properties.push(format!("title={}", property(&title)));
    let mut text = row.message.clone();
    let sure = row
        .sure_if
        .as_ref()
        .map(|what| format!("this is so if {what}"));
    let witness = row.witness.first().map(super::lint::WitnessRow::sentence);
    for more in [row.help.clone(), sure, witness].into_iter().flatten() {
        text.push_str(&format!("\n{more}"));
    }
    format!("::{command} {}::{}\n", properties.join(","), data(&text))
}

/// Text behind the second pair of colons.
fn data(text: &str) -> String {
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

/// The value of a property.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

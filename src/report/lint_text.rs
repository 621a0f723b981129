//! Findings → text for people: the line quoted and underlined, the request that shows it, what to do.

use std::collections::BTreeMap;
use std::fmt::{self, Write};

use super::lint::{LintReport, LintRow};
use super::snippet::{Quotation, Remark, Sources};
use super::style::Style;
use crate::diagnostic::printable;

/// The lines of every text, so that a finding deep in a large file is as cheap as one at its beginning.
type Lines<'s> = BTreeMap<&'s str, Vec<&'s str>>;

/// Every finding, what is not told, and a closing line.
///
/// # Errors
/// Those of the writer.
pub fn lint_text(
    out: &mut dyn Write,
    report: &LintReport,
    sources: &Sources,
    style: Style,
) -> fmt::Result {
    let lines: Lines<'_> = sources
        .iter()
        .map(|(file, text)| (file.as_str(), text.lines().collect()))
        .collect();
    for row in &report.rows {
        writeln!(out, "{}\n", row_text(row, &lines, style).trim_end())?;
    }
    for (code, resource, reason) in &report.silenced {
        writeln!(out, "not told: {code} of {}: {}", printable(resource), printable(reason))?;
    }
    for note in &report.notes {
        writeln!(out, "note: {}", printable(note))?;
    }
    let count = report.count();
    writeln!(out, "{}", if count.is_empty() { "nothing found" } else { count.as_str() })
}

fn row_text(row: &LintRow, lines: &Lines<'_>, style: Style) -> String {
    let mut help: Vec<String> = row.help.clone().into_iter().collect();
    if let Some(fix) = &row.fix {
        help.push(format!("--fix does it: {fix}"));
    }
    let mut notes = Vec::new();
    notes.extend(
        row.sure_if
            .as_ref()
            .map(|what| format!("this is so if {what}")),
    );
    for (index, witness) in row.witness.iter().enumerate() {
        let before = if index == 0 { "" } else { "beside it, " };
        notes.push(format!("{before}{}", witness.sentence()));
    }
    let mut remarks = Vec::new();
    let mut lines_before = 0;
    let mut window = Sources::new();
    if let Some(origin) = &row.origin {
        remarks.push(Remark {
            origin: origin.clone(),
            written: row.written.clone().into_iter().collect(),
            label: row.path.clone(),
        });
        let line = usize::try_from(origin.position.line).unwrap_or(usize::MAX);
        let found = lines
            .get(origin.file.as_ref())
            .and_then(|lines| lines.get(line.checked_sub(1)?));
        if let Some(found) = found {
            lines_before = line - 1;
            window.insert(origin.file.to_string(), (*found).to_owned());
        }
    }
    for (origin, label) in &row.related {
        notes.push(format!("{label}: {origin}"));
    }
    Quotation {
        word: row.level.as_str(),
        title: row.message.clone(),
        remarks,
        help,
        notes,
        code: row.code,
        lines_before,
    }
    .to_text(&window, style)
}

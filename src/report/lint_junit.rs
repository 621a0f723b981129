//! Findings → `JUnit` XML: a suite for each file, a case for each finding.

use std::collections::BTreeMap;

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use super::lint::{LintReport, LintRow};
use super::xml::well_formed;
use crate::lint::Level;

/// The XML; a finding of `fail_level` or graver is a failure, any other a case that passes with a text. A file
/// without a finding has one case that passes.
///
/// # Errors
/// What the XML writer says.
pub fn lint_junit<'f>(
    report: &LintReport,
    files: impl Iterator<Item = &'f str>,
    fail_level: Level,
) -> Result<String, String> {
    let mut suites: BTreeMap<&str, Vec<&LintRow>> = files.map(|file| (file, Vec::new())).collect();
    for row in &report.rows {
        let file = row.origin.as_ref().map_or("", |origin| &origin.file);
        suites.entry(file).or_default().push(row);
    }
    let mut xml = Report::new("portcullis lint");
    for (file, rows) in suites {
        let mut suite = TestSuite::new(file);
        if rows.is_empty() {
            suite.add_test_case(TestCase::new("nothing found", TestCaseStatus::success()));
        }
        suite.add_test_cases(rows.into_iter().map(|row| case(row, fail_level)));
        xml.add_test_suite(suite);
    }
    xml.to_string()
        .map(well_formed)
        .map_err(|error| error.to_string())
}

fn case(row: &LintRow, fail_level: Level) -> TestCase {
    let place = row
        .origin
        .as_ref()
        .map_or_else(String::new, ToString::to_string);
    let mut text = format!("{place} {}\n{}", row.path, row.message);
    let sure = row
        .sure_if
        .as_ref()
        .map(|what| format!("this is so if {what}"));
    let witness = row.witness.iter().map(super::lint::WitnessRow::sentence);
    for more in row.help.clone().into_iter().chain(sure).chain(witness) {
        text.push_str(&format!("\n{more}"));
    }
    let name = format!("{} {} {place}", row.code, row.name.unwrap_or_default());
    if row.level < fail_level {
        let mut case = TestCase::new(name, TestCaseStatus::success());
        case.set_system_out(text);
        return case;
    }
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
    status
        .set_type(row.level.as_str())
        .set_message(row.message.clone())
        .set_description(text);
    TestCase::new(name, status)
}

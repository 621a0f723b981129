//! A test run → JUnit XML, as CI servers read it. Without times: the same run is the same text.

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use super::outcomes::{CaseRun, Run, SuiteRun};
use super::snippet::Sources;
use super::xml::well_formed;
use crate::diagnostic::printable;
use crate::suite::CaseResult;

/// The document. A case that is not done yet (`todo`) is a skipped one, since the format knows no third.
///
/// # Errors
/// What the writer says; every run has a document.
pub fn junit(run: &Run<'_>) -> Result<String, String> {
    let mut report = Report::new("portcullis");
    report.add_test_suites(
        run.suites
            .iter()
            .map(|suite| self::suite(suite, run.sources)),
    );
    report
        .to_string()
        .map(well_formed)
        .map_err(|error| error.to_string())
}

fn suite(run: &SuiteRun<'_>, sources: &Sources) -> TestSuite {
    let suite = run.prepared.suite;
    let mut into = TestSuite::new(printable(&suite.name));
    into.add_property(("file", suite.file.as_ref()));
    into.add_test_cases(run.cases.iter().map(|case| self::case(case, run, sources)));
    into
}

fn case(run: &CaseRun<'_>, suite: &SuiteRun<'_>, sources: &Sources) -> TestCase {
    let status = match &run.outcome.result {
        CaseResult::Passed => TestCaseStatus::success(),
        CaseResult::CouldNotAsk(_) | CaseResult::Failed(_) | CaseResult::Vacuous => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            status.set_type(run.word()).set_message(run.message());
            status.set_description(run.detail(suite.prepared, sources));
            status
        }
        CaseResult::Skipped(_) => {
            let mut status = TestCaseStatus::skipped();
            status.set_message(run.message());
            status
        }
        CaseResult::Todo { .. } => {
            let mut status = TestCaseStatus::skipped();
            status
                .set_type("todo")
                .set_message(format!("todo: {}", run.message()));
            status
        }
    };
    let mut case = TestCase::new(printable(&run.outcome.case.name), status);
    case.set_classname(printable(&suite.prepared.suite.name));
    case.extra
        .insert("file".into(), suite.prepared.suite.file.as_ref().into());
    case.extra
        .insert("line".into(), run.outcome.case.position.line.to_string().into());
    case
}

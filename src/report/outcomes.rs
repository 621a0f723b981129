//! What became of the cases of many suites → the words that every report of a test run has for it.

use std::fmt::{self, Write as _};

use super::answer::{Answer, Endpoint};
use super::snippet::Sources;
use super::style::Style;
use super::text::question;
use crate::coverage::Coverage;
use crate::diagnostic::printable;
use crate::mesh::Mesh;
use crate::request::Request;
use crate::suite::{CaseResult, Count, Outcome, Prepared};

/// A test run.
#[derive(Debug)]
pub struct Run<'r> {
    /// Its suites, in the order that they were named in.
    pub suites: Vec<SuiteRun<'r>>,
    /// How many cases ended how.
    pub count: Count,
    /// What decided them; absent where nobody asked.
    pub coverage: Option<Coverage>,
    /// The texts of policies and suites, to quote from.
    pub sources: &'r Sources,
}

/// One suite of a run.
#[derive(Debug)]
pub struct SuiteRun<'r> {
    /// The suite and its mesh.
    pub prepared: &'r Prepared<'r>,
    /// Its cases, in the order written; those that were not run are not among them.
    pub cases: Vec<CaseRun<'r>>,
}

/// One case of a run.
#[derive(Debug)]
pub struct CaseRun<'r> {
    /// What became of it.
    pub outcome: Outcome<'r>,
    /// The command line that asks the same again; absent for a case that did not fail.
    pub command: Option<String>,
}

impl SuiteRun<'_> {
    /// How many of its cases ended how.
    #[must_use]
    pub fn count(&self) -> Count {
        let mut count = Count::default();
        for case in &self.cases {
            count.add(&case.outcome.result);
        }
        count
    }
}

impl CaseRun<'_> {
    /// The word of a report: `passed`, `failed`, `vacuous`, `skipped`, `todo`.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match &self.outcome.result {
            CaseResult::Passed => "passed",
            CaseResult::CouldNotAsk(_) | CaseResult::Failed(_) => "failed",
            CaseResult::Vacuous => "vacuous",
            CaseResult::Skipped(_) => "skipped",
            CaseResult::Todo { .. } => "todo",
        }
    }

    /// What there is to say in one line; empty for a case that passed.
    #[must_use]
    pub fn message(&self) -> String {
        let text = match &self.outcome.result {
            CaseResult::Passed => String::new(),
            CaseResult::CouldNotAsk(error) => format!("cannot be asked: {error}"),
            CaseResult::Failed(mismatches) => {
                let one = |mismatch: &crate::suite::Mismatch| {
                    let (what, expected, found) =
                        (mismatch.what, &mismatch.expected, &mismatch.found);
                    format!("{what}: expected {expected}, got {found}")
                };
                mismatches.iter().map(one).collect::<Vec<_>>().join("; ")
            }
            CaseResult::Vacuous => {
                "passes only because no policy is about the destination; if that is meant, write \
                 `because: {default: true}`"
                    .to_owned()
            }
            CaseResult::Skipped(reason) => reason.clone(),
            CaseResult::Todo { what, done: false } => what.clone(),
            CaseResult::Todo { what, done: true } => {
                format!("{what} (it is as expected now: take `todo` away)")
            }
        };
        printable(&text)
    }

    /// Everything there is to say, several lines; empty for a case that passed.
    #[must_use]
    pub fn detail(&self, prepared: &Prepared<'_>, sources: &Sources) -> String {
        let mut text = String::new();
        if self.write_detail(prepared, sources, &mut text).is_err() {
            // A String takes everything.
        }
        text
    }

    fn write_detail(
        &self,
        prepared: &Prepared<'_>,
        sources: &Sources,
        out: &mut String,
    ) -> fmt::Result {
        if let CaseResult::Failed(mismatches) = &self.outcome.result {
            writeln!(out, "{}", question(&self.outcome.case.spec))?;
            for mismatch in mismatches {
                let (expected, found) = (printable(&mismatch.expected), printable(&mismatch.found));
                writeln!(out, "{}: expected {expected}, got {found}", mismatch.what)?;
            }
            if let Some((request, _)) = &self.outcome.asked {
                because(out, prepared, request, sources)?;
            }
        } else if self.outcome.result != CaseResult::Passed {
            writeln!(out, "{}", self.message())?;
        }
        if let Some(command) = &self.command {
            writeln!(out, "again: {command}")?;
        }
        Ok(())
    }
}

/// The answer to one request with all that is known of it.
pub(super) fn explained(mesh: &Mesh, request: &Request) -> Option<Endpoint> {
    let answer = Answer::explained(mesh, String::new(), std::slice::from_ref(request))?;
    answer.endpoints.into_iter().next()
}

/// Why a request is answered as it is.
fn because(
    out: &mut String,
    prepared: &Prepared<'_>,
    request: &Request,
    sources: &Sources,
) -> fmt::Result {
    let Some(endpoint) = explained(&prepared.mesh, request) else { return Ok(()) };
    writeln!(out, "because {}", printable(&endpoint.reason))?;
    let mut text = String::new();
    super::explained::endpoint(&mut text, &endpoint, sources, Style::default())?;
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        // What follows an answer is indented by its first word.
        writeln!(out, "{}", line.strip_prefix("        ").unwrap_or(line))?;
    }
    Ok(())
}

/// Every case that did not pass, for people.
#[must_use]
pub fn text(run: &Run<'_>) -> String {
    let mut text = String::new();
    for suite in &run.suites {
        let file = &suite.prepared.suite.file;
        let name = printable(&suite.prepared.suite.name);
        for case in &suite.cases {
            if case.outcome.result == CaseResult::Passed {
                continue;
            }
            let (word, at) = (case.word().to_ascii_uppercase(), case.outcome.case.position);
            let of = printable(&case.outcome.case.name);
            text.push_str(&format!("{word} {file}:{at} {name} › {of}\n"));
            for line in case.detail(suite.prepared, run.sources).lines() {
                text.push_str(&format!("       {line}\n"));
            }
        }
    }
    text
}

/// The closing line: `3 passed, 1 failed`, and behind it what else there is.
#[must_use]
pub fn summary(count: Count) -> String {
    let mut text = format!("{} passed, {} failed", count.passed, count.failed);
    if count.vacuous > 0 {
        text.push_str(&format!(" ({} vacuous)", count.vacuous));
    }
    for (number, what) in
        [(count.skipped, "skipped"), (count.todo, "todo"), (count.not_run, "not run")]
    {
        if number > 0 {
            text.push_str(&format!(", {number} {what}"));
        }
    }
    text
}

/// How many files, suites and cases there were, and a line for every suite.
#[must_use]
pub fn counts(run: &Run<'_>) -> String {
    let mut text = String::new();
    let mut files = std::collections::BTreeSet::new();
    let mut cases = 0;
    for suite in &run.suites {
        files.insert(&suite.prepared.suite.file);
        cases += suite.cases.len();
        let (file, name) = (&suite.prepared.suite.file, printable(&suite.prepared.suite.name));
        text.push_str(&format!(
            "{:>8} {file} {name}: {}\n",
            suite.cases.len(),
            summary(suite.count())
        ));
    }
    let cases = cases + run.count.not_run;
    text.push_str(&format!("{} files, {} suites, {cases} cases\n", files.len(), run.suites.len()));
    text
}

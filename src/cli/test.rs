//! `test`: suite files → outcomes and a closing line.

use super::args::Test;
use super::exit::Exit;
use super::flags::Format;
use super::system::System;
use super::{complain, complain_of, load, print, write};
use crate::diagnostic::{Code, Diagnostic, Severity};
use crate::jwt::InlineKeys;
use crate::report::{self, Count, Document};
use crate::suite::{self, CaseResult, Suite};

/// What a run has come to so far.
#[derive(Default)]
struct Run {
    count: Count,
    /// Files and suites that could not be read.
    unreadable: usize,
    /// Suites that were read.
    suites: usize,
    documents: Vec<Document>,
}

/// Runs every suite that the paths name.
pub(crate) fn run(arguments: &Test, system: &mut impl System) -> Exit {
    #[cfg(all(feature = "envoy", unix))]
    if let Some(program) = &arguments.against_envoy {
        return super::against_envoy::run(arguments, program, system);
    }
    let mut run = Run::default();
    for path in &arguments.paths {
        let files = match system.expand(path, &suite::is_suite_file) {
            Ok(files) => files,
            Err(error) => {
                run.unreadable += 1;
                complain_of(system, &[load::unreadable(path, &error)]);
                continue;
            }
        };
        for file in files {
            let text = match system.read(&file) {
                Ok(text) => text,
                Err(error) => {
                    run.unreadable += 1;
                    complain_of(system, &[load::unreadable(&file, &error)]);
                    continue;
                }
            };
            let mut findings = Vec::new();
            let read = suite::read(&file, &text, &mut findings);
            if findings
                .iter()
                .any(|finding| finding.severity == Severity::Error)
            {
                run.unreadable += 1;
            }
            complain_of(system, &findings);
            run.suites += read.len();
            for suite in &read {
                run_suite(arguments, suite, system, &mut run);
            }
        }
    }
    let ran = run.count.passed + run.count.failed + run.count.todo;
    match arguments.output {
        Format::Text => print(system, &format!("{}\n", report::summary(run.count))),
        Format::Json | Format::Yaml => {
            write(system, arguments.output, &report::test_result(run.count, run.documents));
        }
    }
    if run.unreadable > 0 {
        return Exit::CouldNotAsk;
    }
    if run.count.failed > 0 {
        return Exit::No;
    }
    if ran == 0 {
        let why =
            if run.suites == 0 { "no suite (`*.test.yaml`) was found" } else { "no case was run" };
        complain(system, &format!("error: {why}\n"));
        return Exit::NothingRan;
    }
    Exit::Yes
}

fn run_suite(arguments: &Test, suite: &Suite, system: &mut impl System, run: &mut Run) {
    let mut patterns = Vec::new();
    for pattern in &suite.policies.patterns {
        patterns.push(load::beside(&suite.file, &pattern.value));
    }
    let loaded = load::resources(&patterns, "default", system);
    if loaded
        .findings
        .iter()
        .any(|finding| finding.severity == Severity::Error)
    {
        run.unreadable += 1;
        complain_of(system, &loaded.findings);
        return;
    }
    let mut prepared = match suite::prepare(suite, &loaded.resources) {
        Ok(prepared) => prepared,
        Err(errors) => {
            run.unreadable += 1;
            complain_of(system, &errors.into_vec());
            return;
        }
    };
    prepared.mesh.token_reader = Some(Box::new(InlineKeys));
    if suite.cases.is_empty() {
        run.unreadable += 1;
        let finding =
            Diagnostic::error(Code::MissingField, format!("suite `{}` has no tests", suite.name))
                .at(&suite.file, suite.position, &crate::diagnostic::FieldPath::root());
        complain_of(system, &[finding]);
        return;
    }
    let outcomes = suite::run(&prepared, Some(system.now()));
    let mut text = String::new();
    for outcome in &outcomes {
        match &outcome.result {
            CaseResult::Passed => run.count.passed += 1,
            CaseResult::Failed(_) | CaseResult::CouldNotAsk(_) | CaseResult::Vacuous => {
                run.count.failed += 1;
            }
            CaseResult::Skipped(_) => run.count.skipped += 1,
            CaseResult::Todo(_) => run.count.todo += 1,
        }
        if report::outcome_text(&mut text, &prepared, outcome).is_err() {
            // A String takes everything.
        }
    }
    match arguments.output {
        Format::Text if !arguments.quiet => print(system, &text),
        Format::Text => {}
        Format::Json | Format::Yaml => {
            run.documents
                .push(report::outcomes_document(&suite.file, &suite.name, &outcomes));
        }
    }
}

//! `test`: suite files → outcomes and a closing line.

use std::sync::atomic::{AtomicUsize, Ordering};

use regex_lite::Regex;

use super::exit::Exit;
use super::suites::{self, Ready};
use super::system::System;
use super::test_args::{Output, Test};
use super::threads::in_order;
use super::{complain, complain_of, print, reproduce};
use crate::diagnostic::{Code, Diagnostic, printable};
use crate::report::{self, CaseRun, Run, SuiteRun};
use crate::suite::{self, Case, Count, Prepared};

/// So many cases are one job of a thread.
const CHUNK: usize = 256;

/// Runs every suite that the paths name.
pub(crate) fn run(arguments: &Test, system: &mut impl System) -> Exit {
    let filter = match arguments.filter.as_deref().map(Regex::new).transpose() {
        Ok(filter) => filter,
        Err(error) => {
            let message = format!("`--test` is no regular expression: {error}");
            complain_of(system, &[Diagnostic::error(Code::BadRequest, message)]);
            return Exit::CouldNotAsk;
        }
    };
    let threads = arguments.jobs.unwrap_or_else(|| system.processors());
    let read = suites::read(&arguments.paths, system);
    complain_of(system, &read.findings);
    let ready = match read.prepare(threads) {
        Ok(ready) => ready,
        Err(errors) => {
            complain_of(system, &errors);
            return Exit::CouldNotAsk;
        }
    };
    let chosen = chosen(&ready, filter.as_ref());
    if chosen.iter().all(|(_, cases)| cases.is_empty()) {
        let why = match (&arguments.filter, ready.is_empty()) {
            (_, true) => "no suite (`*.test.yaml`) was found".to_owned(),
            (Some(filter), false) => format!("no case is named like `{}`", printable(filter)),
            (None, false) => "no suite has a case".to_owned(),
        };
        complain(system, &format!("error: {why}\n"));
    } else if arguments.list {
        return list(&chosen, system);
    }
    let run = run_cases(&chosen, threads, arguments.fail_fast, Some(system.now()));
    if show(arguments, &run, system).is_err() {
        return Exit::CouldNotAsk;
    }
    exit_of(run.count)
}

/// The same for every format.
const fn exit_of(count: Count) -> Exit {
    if count.failed > 0 {
        Exit::No
    } else if count.ran() == 0 {
        Exit::NothingRan
    } else {
        Exit::Yes
    }
}

/// A suite and those of its cases that are to be run.
type Chosen<'r> = (&'r Ready<'r>, Vec<&'r Case>);

/// The cases that a filter finds: by their name, or by `SUITE › NAME`.
fn chosen<'r>(ready: &'r [Ready<'r>], filter: Option<&Regex>) -> Vec<Chosen<'r>> {
    let is_wanted = |suite: &str, case: &str| {
        filter.is_none_or(|filter| {
            filter.is_match(case) || filter.is_match(&format!("{suite} › {case}"))
        })
    };
    ready
        .iter()
        .map(|ready| {
            let suite = ready.prepared.suite;
            let cases = suite.cases.iter();
            (
                ready,
                cases
                    .filter(|case| is_wanted(&suite.name, &case.name))
                    .collect(),
            )
        })
        .filter(|(_, cases): &Chosen<'_>| filter.is_none() || !cases.is_empty())
        .collect()
}

fn list(chosen: &[Chosen<'_>], system: &mut impl System) -> Exit {
    for (ready, cases) in chosen {
        let suite = ready.prepared.suite;
        for case in cases {
            let (name, of) = (printable(&suite.name), printable(&case.name));
            print(system, &format!("{}:{} {name} › {of}\n", suite.file, case.position));
        }
    }
    Exit::Yes
}

/// Runs the cases. With `fail_fast` those behind the first failure are not run, and that is the same for any number
/// of threads.
fn run_cases<'r>(
    chosen: &[Chosen<'r>],
    threads: usize,
    fail_fast: bool,
    now: Option<i64>,
) -> Run<'r> {
    let chunks = chosen.iter().flat_map(|(ready, cases)| {
        let prepared = &ready.prepared;
        cases.chunks(CHUNK).map(move |cases| (prepared, cases))
    });
    let jobs: Vec<(usize, (&Prepared<'_>, &[&'r Case]))> = chunks.enumerate().collect();
    // The first job that has a failure: no later one needs to be done.
    let stop = AtomicUsize::new(usize::MAX);
    let results = in_order(threads, &jobs, |(index, (prepared, cases))| {
        let mut outcomes = Vec::with_capacity(cases.len());
        for case in *cases {
            if stop.load(Ordering::Relaxed) < *index {
                break;
            }
            let outcome = suite::run_case(prepared, case, now, &mut ());
            let stops = fail_fast && outcome.result.is_failure();
            outcomes.push(outcome);
            if stops {
                stop.fetch_min(*index, Ordering::Relaxed);
                break;
            }
        }
        outcomes
    });
    let stop = stop.into_inner();
    let mut outcomes = results.into_iter().take(stop.saturating_add(1)).flatten();
    let mut count = Count::default();
    let mut suites = Vec::new();
    for (ready, cases) in chosen {
        let ran: Vec<_> = outcomes.by_ref().take(cases.len()).collect();
        count.not_run += cases.len() - ran.len();
        let cases = ran.into_iter().map(|outcome| {
            count.add(&outcome.result);
            let failed = outcome.result.is_failure();
            let command = failed.then(|| {
                let Ready { prepared, paths } = *ready;
                reproduce::command(prepared.suite, paths, &prepared.mesh, outcome.case)
            });
            CaseRun { outcome, command }
        });
        suites.push(SuiteRun { cases: cases.collect(), prepared: &ready.prepared });
    }
    Run { suites, count }
}

/// Prints the outcomes, or writes them to a file.
fn show(arguments: &Test, run: &Run<'_>, system: &mut impl System) -> Result<(), ()> {
    let closing = format!("{}\n", report::summary(run.count));
    let counts = if arguments.count { report::counts(run) } else { String::new() };
    let text = match arguments.output {
        Output::Text if arguments.quiet => String::new(),
        Output::Text => report::outcomes_text(run),
        Output::Json | Output::Yaml => {
            match report::test_result(run).to_text(arguments.output == Output::Yaml) {
                Ok(text) => text,
                Err(error) => {
                    complain(system, &format!("error: {error}\n"));
                    return Err(());
                }
            }
        }
    };
    let Some(file) = &arguments.output_file else {
        print(system, &text);
        if arguments.output == Output::Text {
            print(system, &format!("{counts}{closing}"));
        } else {
            complain(system, &counts);
        }
        return Ok(());
    };
    print(system, &format!("{counts}{closing}"));
    let text = if arguments.output == Output::Text { format!("{text}{closing}") } else { text };
    system.write(file, &text).map_err(|error| {
        complain(system, &format!("error: `{file}` cannot be written: {error}\n"));
    })
}

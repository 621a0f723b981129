//! `test`: suite files → outcomes and a closing line.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::exit::Exit;
use super::filter::Filter;
use super::suites::{self, Read, Ready};
use super::system::System;
use super::test_args::{Output, Test};
use super::threads::in_order;
use super::{complain, complain_of, init, print, reproduce};
use crate::coverage::{Coverage, Hits};
use crate::diagnostic::printable;
use crate::report::{self, CaseRun, Run, Sources, SuiteRun};
use crate::suite::{self, Case, Count, Prepared};

/// So many cases are one job of a thread.
const CHUNK: usize = 256;

/// How often files are looked at under `--watch`.
const PAUSE: Duration = Duration::from_millis(300);

/// Runs every suite that the paths name; under `--watch` again and again.
pub(crate) fn run(arguments: &Test, system: &mut impl System) -> Exit {
    #[cfg(all(feature = "envoy", unix))]
    if let Some(program) = &arguments.against_envoy {
        return super::against_envoy::run(arguments, program, system);
    }
    if let Some(folder) = &arguments.init {
        return init::run(folder, system);
    }
    let Some(filter) = Filter::of("--test", arguments.filter.as_deref(), system) else {
        return Exit::CouldNotAsk;
    };
    let threads = arguments.jobs.unwrap_or_else(|| system.processors());
    let mut before = None;
    loop {
        let read = suites::read(&arguments.paths, threads, system);
        let exit = once(arguments, &filter, threads, &read, before.as_ref(), system);
        if !arguments.watch {
            return exit;
        }
        let state = read.state(&arguments.paths, system);
        complain(system, &format!("watching {} files\n", state.len()));
        before = Some(read);
        if system.stdout().flush().is_err() {
            return Exit::CouldNotAsk;
        }
        while before
            .as_ref()
            .is_some_and(|read| read.state(&arguments.paths, system) == state)
        {
            if !system.wait(PAUSE) {
                return exit;
            }
        }
    }
}

/// Whether a suite, or a file of it, is another one than before.
fn is_touched(read: &Read, suite: usize, before: &Read) -> bool {
    let files = read.files(suite);
    let same_files = (0..before.suites.len()).any(|other| before.files(other) == files);
    !same_files
        || files
            .iter()
            .any(|file| read.sources.get(*file) != before.sources.get(*file))
}

/// Runs the suites that were read; those that are as they were `before` are left out.
fn once(
    arguments: &Test,
    filter: &Filter,
    threads: usize,
    read: &Read,
    before: Option<&Read>,
    system: &mut impl System,
) -> Exit {
    complain_of(system, &read.findings);
    let ready = match read.prepare(threads) {
        Ok(ready) => ready,
        Err(errors) => {
            complain_of(system, &errors);
            return Exit::CouldNotAsk;
        }
    };
    let touched = ready
        .into_iter()
        .enumerate()
        .filter(|(index, _)| before.is_none_or(|before| is_touched(read, *index, before)));
    let ready: Vec<Ready<'_>> = touched.map(|(_, ready)| ready).collect();
    let chosen = chosen(&ready, filter);
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
    let how = How {
        threads,
        fail_fast: arguments.fail_fast,
        coverage: arguments.wants_coverage(),
        now: system.now(),
    };
    let run = run_cases(&chosen, how, &read.sources);
    if show(arguments, &run, system).is_err() {
        return Exit::CouldNotAsk;
    }
    let exit = exit_of(run.count);
    if let (Some(coverage), Some(least)) = (&run.coverage, arguments.coverage_threshold)
        && exit == Exit::Yes
        && coverage.of_rules().hundredths() < least
    {
        let least = format!("{}.{:02} %", least / 100, least % 100);
        complain(
            system,
            &format!("error: fewer than {least} of the rules decided cases both ways\n"),
        );
        return Exit::No;
    }
    exit
}

/// How cases are run.
#[derive(Clone, Copy)]
struct How {
    threads: usize,
    fail_fast: bool,
    coverage: bool,
    /// Seconds since 1970.
    now: i64,
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
fn chosen<'r>(ready: &'r [Ready<'r>], filter: &Filter) -> Vec<Chosen<'r>> {
    let is_wanted = |suite: &str, case: &str| filter.wants(&[case, &format!("{suite} › {case}")]);
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
        .filter(|(_, cases): &Chosen<'_>| filter.is_all() || !cases.is_empty())
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
fn run_cases<'r>(chosen: &[Chosen<'r>], how: How, sources: &'r Sources) -> Run<'r> {
    let chunks = chosen.iter().flat_map(|(ready, cases)| {
        let prepared = &ready.prepared;
        cases.chunks(CHUNK).map(move |cases| (prepared, cases))
    });
    let jobs: Vec<(usize, (&Prepared<'_>, &[&'r Case]))> = chunks.enumerate().collect();
    // The first job that has a failure: no later one needs to be done.
    let stop = AtomicUsize::new(usize::MAX);
    let results = in_order(how.threads, &jobs, |(index, (prepared, cases))| {
        let mut hits = Hits::default();
        let mesh = &prepared.mesh;
        let mut outcomes = Vec::with_capacity(cases.len());
        for case in *cases {
            if stop.load(Ordering::Relaxed) < *index {
                break;
            }
            let outcome = suite::run_case(prepared, case, Some(how.now), |request| {
                if how.coverage { hits.decide(mesh, request) } else { mesh.decide(request) }
            });
            let stops = how.fail_fast && outcome.result.is_failure();
            outcomes.push(outcome);
            if stops {
                stop.fetch_min(*index, Ordering::Relaxed);
                break;
            }
        }
        (outcomes, hits)
    });
    let stop = stop.into_inner();
    let (outcomes, hits): (Vec<_>, Vec<_>) =
        results.into_iter().take(stop.saturating_add(1)).unzip();
    let coverage = how.coverage.then(|| coverage(chosen, hits));
    let mut outcomes = outcomes.into_iter().flatten();
    let mut count = Count::default();
    let mut suites = Vec::new();
    for (ready, cases) in chosen {
        let ran: Vec<_> = outcomes.by_ref().take(cases.len()).collect();
        count.not_run += cases.len() - ran.len();
        let cases = ran.into_iter().map(|outcome| {
            count.add(&outcome.result);
            let failed = outcome.result.is_failure();
            let command = failed.then(|| {
                let Ready { prepared, paths, .. } = *ready;
                reproduce::command(prepared.suite, paths, &prepared.mesh, outcome.case)
            });
            CaseRun { outcome, command }
        });
        suites.push(SuiteRun { cases: cases.collect(), prepared: &ready.prepared });
    }
    Run { suites, count, coverage, sources }
}

/// What the chunks of every suite came by, together.
fn coverage(chosen: &[Chosen<'_>], hits: Vec<Hits>) -> Coverage {
    let mut coverage = Coverage::default();
    let mut hits = hits.into_iter();
    for (ready, cases) in chosen {
        let mut of_suite = Hits::default();
        for chunk in hits.by_ref().take(cases.len().div_ceil(CHUNK)) {
            of_suite.merge(chunk);
        }
        coverage.add(&ready.prepared.mesh, &of_suite);
    }
    coverage
}

/// Prints the outcomes, or writes them to a file. What cannot be written ends the run.
fn show(arguments: &Test, run: &Run<'_>, system: &mut impl System) -> Result<(), ()> {
    let text = match rendered(arguments, run) {
        Ok(text) => text,
        Err(error) => {
            complain(system, &format!("error: {error}\n"));
            return Err(());
        }
    };
    let mut closing = if arguments.count { report::counts(run) } else { String::new() };
    if let Some(coverage) = &run.coverage {
        if arguments.coverage && !arguments.quiet {
            closing.push_str(&report::coverage_table(coverage));
        }
        closing.push_str(&format!("{}\n", report::coverage_summary(coverage)));
        let files = [
            (&arguments.lcov, report::lcov(coverage)),
            (&arguments.cobertura, report::cobertura(coverage)),
        ];
        for (file, text) in files {
            if let Some(file) = file {
                write_file(file, &text, system)?;
            }
        }
    }
    closing.push_str(&format!("{}\n", report::summary(run.count)));
    match &arguments.output_file {
        Some(file) => {
            print(system, &closing);
            let whole =
                if arguments.output == Output::Text { format!("{text}{closing}") } else { text };
            write_file(file, &whole, system)
        }
        // What follows a document would be no part of it.
        None if arguments.output == Output::Text => {
            print(system, &format!("{text}{closing}"));
            Ok(())
        }
        None => {
            print(system, &text);
            Ok(())
        }
    }
}

fn rendered(arguments: &Test, run: &Run<'_>) -> Result<String, String> {
    match arguments.output {
        Output::Text if arguments.quiet => Ok(String::new()),
        Output::Text => Ok(report::outcomes_text(run)),
        Output::Json => report::test_result(run).to_text(false),
        Output::Yaml => report::test_result(run).to_text(true),
        Output::Junit => report::junit(run),
        Output::Tap => Ok(report::tap(run)),
        Output::Sarif => report::sarif(run).to_text(false),
        Output::Github => Ok(report::github(run)),
        Output::Markdown => Ok(report::markdown(run)),
    }
}

fn write_file(file: &str, text: &str, system: &mut impl System) -> Result<(), ()> {
    system.write(file, text).map_err(|error| {
        complain(system, &format!("error: `{file}` cannot be written: {error}\n"));
    })
}

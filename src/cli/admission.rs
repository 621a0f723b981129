//! `admission`: a review, and the mesh and the guards that flags name → the answer.

use std::sync::Arc;

use super::admission_args::{Admission, AdmissionCommand, Answered, HeldAgainst, Review};
use super::exit::Exit;
use super::flags::Files;
use super::system::System;
use super::{complain_of, load, print, suites};
use crate::admission::{self, Answer, Facts, Known};
use crate::diagnostic::{Code, Diagnostic, Severity};
use crate::jwt::InlineKeys;
use crate::lint::Levels;
use crate::parse::Loaded;

/// Answers.
pub(crate) fn run(arguments: &Admission, levels: &Levels, system: &mut impl System) -> Exit {
    match &arguments.command {
        AdmissionCommand::Review(arguments) => review(arguments, levels, system),
    }
}

fn review(arguments: &Review, levels: &Levels, system: &mut impl System) -> Exit {
    let Review { review, held_against, files, output } = arguments;
    if review == "-" && files.paths.contains(review) {
        complain_of(system, &[load::read_twice("REVIEW", "-f")]);
        return Exit::CouldNotAsk;
    }
    let known = match known(files, held_against, levels, system, &mut Vec::new()) {
        Ok((known, findings)) => {
            complain_of(system, &findings);
            known
        }
        Err(findings) => {
            complain_of(system, &findings);
            return Exit::CouldNotAsk;
        }
    };
    let text = match system.read(review) {
        Ok(text) => text,
        Err(error) => {
            complain_of(system, &[load::unreadable(review, &error)]);
            return Exit::CouldNotAsk;
        }
    };
    let answer = admission::review(&text, &known);
    match output {
        Answered::Json => print(system, &format!("{}\n", answer.body())),
        Answered::Text => print(system, &for_people(&answer)),
    }
    match (answer.http_status, answer.is_allowed()) {
        (200, true) => Exit::Yes,
        (200, false) => Exit::No,
        _ => Exit::CouldNotAsk,
    }
}

/// `denied: CREATE AuthorizationPolicy foo/open`, what keeps it out, the warnings.
fn for_people(answer: &Answer) -> String {
    let about = &answer.about;
    let word = if answer.is_allowed() { "allowed" } else { "denied" };
    let name = match (about.namespace.as_str(), about.name.as_str()) {
        ("", name) => name.to_owned(),
        (namespace, name) => format!("{namespace}/{name}"),
    };
    let mut text = if about.kind.is_empty() {
        format!("{word}\n")
    } else {
        format!("{word}: {} {} {name}\n", about.operation, about.kind)
    };
    if let Some((reason, message)) = &answer.denied {
        text.push_str(&format!("  {}: {message}\n", reason.as_str()));
    }
    for warning in &answer.warnings {
        text.push_str(&format!("  warning: {warning}\n"));
    }
    text
}

/// The mesh and the guards that the flags name, prepared. Without -f the mesh is empty.
/// What the guards name beside the paths is added to `named`.
///
/// # Errors
/// Everything that is wrong with the files and the flags.
pub(crate) fn known(
    files: &Files,
    held_against: &HeldAgainst,
    levels: &Levels,
    system: &mut impl System,
    named: &mut Vec<String>,
) -> Result<(Known, Vec<Diagnostic>), Vec<Diagnostic>> {
    let loaded = load::resources(&files.paths, &files.namespace, system);
    known_of(loaded, files, held_against, levels, system, named)
}

/// As [`known`], of a mesh that was read already: whatever else the flags name is read.
///
/// # Errors
/// Everything that is wrong with the mesh, the files and the flags.
pub(crate) fn known_of(
    loaded: Loaded,
    files: &Files,
    held_against: &HeldAgainst,
    levels: &Levels,
    system: &mut impl System,
    named: &mut Vec<String>,
) -> Result<(Known, Vec<Diagnostic>), Vec<Diagnostic>> {
    let mut findings = Vec::new();
    let given = load::given(files, system, &mut findings);
    let is_error = |finding: &Diagnostic| finding.severity == Severity::Error;
    findings.extend(loaded.findings.iter().cloned());
    if !files.paths.is_empty() && !findings.iter().any(is_error) {
        findings.extend(load::nothing_looked_at(&loaded));
    }
    let mut guards = Vec::new();
    if !held_against.guards.is_empty() {
        let read = suites::read(&held_against.guards, 1, system);
        named.extend(read.named().cloned());
        guards = read.guards(&mut findings);
        if guards.is_empty() {
            let message = "the guards hold no suite";
            findings.push(
                Diagnostic::error(Code::Unreadable, message)
                    .help("name files or folders that hold suites: `*.test.yaml`"),
            );
        }
    }
    if findings.iter().any(is_error) {
        return Err(findings);
    }
    let facts = Facts {
        resources: loaded.resources,
        config: given.config,
        config_is_whole: given.whole,
        revision: files.revision.clone(),
        istio_version: files.istio,
        stubs: given.stubs,
        guards,
        token_reader: Some(Arc::new(InlineKeys)),
        now: Some(system.now()),
        gate: held_against.gate(levels),
    };
    match Known::prepare(facts) {
        Ok((known, warnings)) => {
            findings.extend(warnings);
            Ok((known, findings))
        }
        Err(errors) => {
            findings.extend(errors.into_vec());
            Err(findings)
        }
    }
}

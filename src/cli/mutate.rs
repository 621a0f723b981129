//! `mutate`: suites → the changes of their policies that they do not notice.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::exit::Exit;
use super::filter::Filter;
use super::suites::{self, Ready};
use super::system::System;
use super::test_args::{Mutate, MutateOutput};
use super::threads::in_order;
use super::{complain, complain_of, load, print, reproduce};
use crate::diagnostic::{Origin, Severity};
use crate::jwt::InlineKeys;
use crate::mesh::Mesh;
use crate::mutation::{self, Fate, Mutant, Witness};
use crate::report::{self, Mutation, Sources, Survivor};
use crate::suite::{self, Accepted, Case};

/// A suite with the cases that tell something.
struct Telling<'r> {
    ready: &'r Ready<'r>,
    cases: Vec<&'r Case>,
}

/// What became of a mutant in all suites together.
enum Found {
    Killed,
    Unviable,
    Survived {
        /// Whether every workload is under the same.
        nothing: bool,
        /// What tells it apart, in the suite at this place.
        witness: Option<Box<(usize, Witness)>>,
    },
}

/// Makes every mutant and runs the suites that it is of.
pub(crate) fn run(arguments: &Mutate, system: &mut impl System) -> Exit {
    let Some(filter) = Filter::of("--mutant", arguments.filter.as_deref(), system) else {
        return Exit::CouldNotAsk;
    };
    let threads = arguments.jobs.unwrap_or_else(|| system.processors());
    let now = Some(system.now());
    let read = suites::read(&arguments.paths, threads, system);
    complain_of(system, &read.findings);
    let ready = match read.prepare(threads) {
        Ok(ready) => ready,
        Err(errors) => {
            complain_of(system, &errors);
            return Exit::CouldNotAsk;
        }
    };
    let Some(accepted) = accepted(&arguments.accepted, system) else { return Exit::CouldNotAsk };
    let mut telling = Vec::new();
    for (ready, cases) in ready
        .iter()
        .zip(in_order(threads, &ready, |ready| mutation::baseline(&ready.prepared, now)))
    {
        let Some(cases) = cases else {
            let suite = ready.prepared.suite;
            let why = "does not pass as it is: run `portcullis test` first";
            complain(
                system,
                &format!("error: the suite `{}` in {} {why}\n", suite.name, suite.file),
            );
            return Exit::No;
        };
        telling.push(Telling { ready, cases });
    }
    let (mutants, of_suites) = mutants(&telling, &filter);
    let found = in_order(threads, &mutants, |mutant| {
        let suites = of_suites.get(&mutant.origin).map_or(&[][..], Vec::as_slice);
        fate(mutant, suites, &telling, now)
    });
    let mutation = tell(&mutants, found, &telling, accepted, &filter, &read.sources);
    if mutants.is_empty() {
        let why = if telling.is_empty() {
            "no suite (`*.test.yaml`) was found"
        } else {
            "no policy can be changed"
        };
        complain(system, &format!("error: {why}\n"));
    }
    if show(arguments, &mutation, system).is_err() {
        return Exit::CouldNotAsk;
    }
    let enough = match arguments.threshold {
        Some(least) => mutation.score() >= least,
        None => mutation.unaccepted() == 0,
    };
    match (mutants.is_empty(), enough) {
        (true, _) => Exit::NothingRan,
        (false, true) => Exit::Yes,
        (false, false) => Exit::No,
    }
}

/// The names that may survive. Absent, with complaints, where a file is none.
fn accepted(files: &[String], system: &mut impl System) -> Option<Vec<Accepted>> {
    let (mut list, mut findings) = (Vec::new(), Vec::new());
    for file in files {
        match system.read(file) {
            Ok(text) => list.extend(suite::accepted(file, &text, &mut findings)),
            Err(error) => findings.push(load::unreadable(file, &error)),
        }
    }
    complain_of(system, &findings);
    let wrong = findings
        .iter()
        .any(|finding| finding.severity == Severity::Error);
    (!wrong).then_some(list)
}

/// Every mutant of every policy that a suite has, each once, and the suites of each policy.
fn mutants(
    telling: &[Telling<'_>],
    filter: &Filter,
) -> (Vec<Mutant>, BTreeMap<Origin, Vec<usize>>) {
    let mut of_suites: BTreeMap<Origin, Vec<usize>> = BTreeMap::new();
    let mut mutants = Vec::new();
    for (index, Telling { ready, .. }) in telling.iter().enumerate() {
        let root = &ready.prepared.mesh.settings.root_namespace;
        let own = &ready.prepared.suite.policies.resources;
        for resource in ready.resources.iter().chain(own) {
            let suites = of_suites.entry(resource.meta().origin.clone()).or_default();
            if suites.is_empty() {
                mutants.extend(mutation::mutants(resource, root));
            }
            suites.push(index);
        }
    }
    mutants.retain(|mutant| filter.wants(&[&mutant.to_string()]));
    (mutants, of_suites)
}

fn fate(mutant: &Mutant, suites: &[usize], telling: &[Telling<'_>], now: Option<i64>) -> Found {
    let mut survived: Vec<(usize, Box<Mesh>)> = Vec::new();
    for index in suites {
        let Some(Telling { ready, cases }) = telling.get(*index) else { continue };
        let finish = |mesh: &mut Mesh| mesh.token_reader = Some(Arc::new(InlineKeys));
        let suite = ready.prepared.suite;
        match mutation::fate(suite, ready.resources, cases, mutant, finish, now) {
            Fate::Killed(_) => return Found::Killed,
            Fate::Survived(mesh) => survived.push((*index, mesh)),
            Fate::Untouched | Fate::Unviable => {}
        }
    }
    if survived.is_empty() {
        return Found::Unviable;
    }
    let pairs = survived.iter().filter_map(|(index, mutated)| {
        Some((*index, &telling.get(*index)?.ready.prepared.mesh, mutated))
    });
    let nothing = pairs
        .clone()
        .all(|(_, mesh, mutated)| mutation::changes_nothing(mesh, mutated));
    let mut told = pairs.filter_map(|(index, mesh, mutated)| {
        Some(Box::new((index, mutation::witness(mesh, mutated, now)?)))
    });
    Found::Survived { nothing, witness: told.next() }
}

fn tell<'m>(
    mutants: &'m [Mutant],
    found: Vec<Found>,
    telling: &[Telling<'_>],
    accepted: Vec<Accepted>,
    filter: &Filter,
    sources: &Sources,
) -> Mutation<'m> {
    let mut mutation = Mutation::default();
    let mut used = vec![false; accepted.len()];
    for (mutant, found) in mutants.iter().zip(found) {
        let (nothing, witness) = match found {
            Found::Killed => {
                mutation.killed += 1;
                continue;
            }
            Found::Unviable => {
                mutation.unviable += 1;
                continue;
            }
            Found::Survived { nothing, witness } => (nothing, witness),
        };
        let text = sources.get(mutant.origin.file.as_ref());
        let diff = text.and_then(|text| mutation::diff(mutant, text));
        let diff = diff.filter(|diff| is_true(mutant, &diff.text));
        let command = witness.as_deref().and_then(|(index, witness)| {
            let ready = telling.get(*index)?.ready;
            let Ready { prepared, paths, .. } = ready;
            reproduce::question(prepared.suite, paths, &prepared.mesh, &witness.question)
        });
        let name = mutant.to_string();
        let place = accepted.iter().position(|accepted| {
            let here = accepted
                .file
                .as_ref()
                .is_none_or(|file| mutant.origin.file.ends_with(file));
            accepted.mutant == name && here
        });
        if let Some(used) = place.and_then(|place| used.get_mut(place)) {
            *used = true;
        }
        let reason = place.and_then(|place| Some(accepted.get(place)?.reason.clone()));
        let witness = witness.map(|witness| witness.1);
        mutation.survivors.push(Survivor {
            mutant,
            diff,
            nothing,
            witness,
            command,
            accepted: reason,
        });
    }
    if filter.is_all() {
        let stale = accepted.into_iter().zip(used).filter(|(_, used)| !used);
        mutation.stale = stale.map(|(accepted, _)| accepted.mutant).collect();
    }
    mutation
}

/// Whether the text, changed, is read as the mutant is: nothing is shown that is not so.
fn is_true(mutant: &Mutant, text: &str) -> bool {
    mutation::resource_in(text, mutant).is_some_and(|read| match (&mutant.resource, &read) {
        (None, None) => true,
        (Some(wanted), Some(read)) => mutation::same(wanted, read),
        _ => false,
    })
}

fn show(arguments: &Mutate, mutation: &Mutation<'_>, system: &mut impl System) -> Result<(), ()> {
    let document = |yaml| report::mutation_document(mutation).to_text(yaml);
    let text = match arguments.output {
        MutateOutput::Text => Ok(report::mutation_text(mutation)),
        MutateOutput::Json => document(false),
        MutateOutput::Yaml => document(true),
    };
    let text = text.map_err(|error| complain(system, &format!("error: {error}\n")))?;
    let closing = format!("{}\n", report::mutation_summary(mutation));
    if let Some(file) = &arguments.output_file {
        print(system, &closing);
        return system.write(file, &text).map_err(|error| {
            complain(system, &format!("error: `{file}` cannot be written: {error}\n"));
        });
    }
    print(system, &text);
    if arguments.output == MutateOutput::Text {
        print(system, &closing);
    }
    Ok(())
}

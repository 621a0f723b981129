//! The command line: arguments, files and clock in; text and an exit code out.

mod admission;
mod admission_args;
#[cfg(all(feature = "envoy", unix))]
mod against_envoy;
mod args;
#[cfg(all(feature = "ca", unix))]
mod ca;
#[cfg(all(feature = "ca", unix))]
mod ca_args;
mod can_i;
mod completion;
mod config;
mod definition;
mod envoy;
mod envoy_args;
mod exit;
mod explain;
mod filter;
mod flags;
mod init;
mod lint;
mod lint_args;
mod lint_settings;
mod load;
mod man;
mod mutate;
mod names;
mod progress;
mod question;
mod recording;
mod reproduce;
mod schema;
mod settings;
mod suites;
mod system;
mod table;
mod terminal;
mod test;
mod test_args;
mod threads;
mod validate;
#[cfg(all(feature = "server", unix))]
mod webhook;
#[cfg(all(feature = "server", unix))]
mod webhook_args;
#[cfg(all(feature = "server", unix))]
mod webhook_cluster;
#[cfg(all(feature = "server", unix))]
mod webhook_manifests;
#[cfg(all(feature = "server", unix))]
mod webhook_self_test;
mod what_can;
mod who_can;

use std::ffi::OsString;
use std::process::ExitCode;

pub(crate) use can_i::question_of;
pub use exit::Exit;
pub(crate) use recording::{Recording, mesh_of};
use settings::Settings;
pub use system::{FileState, RealSystem, Stream, System};

use crate::diagnostic::{Diagnostic, Diagnostics};

/// Runs the words of the process on the real system.
#[must_use]
pub fn main() -> ExitCode {
    let mut system = RealSystem::default();
    run(std::env::args_os(), &mut system).into()
}

/// Runs words, the program's own name first.
pub fn run(words: impl IntoIterator<Item = OsString>, system: &mut impl System) -> Exit {
    let words: Vec<OsString> = words.into_iter().collect();
    let program = definition::program(&words);
    let exit = match arguments(&words, &program, system) {
        Ok((arguments, settings)) => match arguments.command {
            #[cfg(all(feature = "ca", unix))]
            args::Command::Ca(arguments) => ca::run(&arguments, system),
            args::Command::Admission(arguments) => {
                admission::run(&arguments, &settings.lint, system)
            }
            args::Command::CanI(can_i) => {
                let style = terminal::style(arguments.everywhere.color, system);
                can_i::run(&can_i, &program, style, system)
            }
            args::Command::WhoCan(arguments) => who_can::run(&arguments, &program, system),
            args::Command::WhatCan(arguments) => what_can::run(&arguments, &program, system),
            args::Command::Mutate(arguments) => mutate::run(&arguments, system),
            args::Command::Envoy(arguments) => envoy::run(&arguments, system),
            args::Command::Test(arguments) => test::run(&arguments, system),
            args::Command::Lint(lint) => {
                let style = terminal::style(arguments.everywhere.color, system);
                lint::run(&lint, &settings.lint, style, system)
            }
            args::Command::Validate(validate) => {
                let style = terminal::style(arguments.everywhere.color, system);
                validate::run(&validate, style, system)
            }
            #[cfg(all(feature = "server", unix))]
            args::Command::Webhook(arguments) => webhook::run(arguments, &settings, system),
            args::Command::Explain(arguments) => explain::run(&arguments, system),
            args::Command::Config(arguments) => config::run(&arguments, &settings, system),
            args::Command::Schema(arguments) => schema::run(&arguments, system),
            args::Command::Completion(arguments) => completion::run(&arguments, system),
            args::Command::Man(arguments) => man::run(&arguments, system),
        },
        Err(exit) => exit,
    };
    // A reader that went away (`| head`) is no failure of ours; any other trouble with the answer is.
    match system.stdout().flush() {
        Ok(()) => exit,
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => exit,
        Err(error) => {
            complain(system, &format!("error: the answer could not be written: {error}\n"));
            Exit::CouldNotAsk
        }
    }
}

/// Reads the words, with the defaults that the settings say. What is wrong with either is told at once.
fn arguments(
    words: &[OsString],
    program: &str,
    system: &mut impl System,
) -> Result<(args::Arguments, Settings), Exit> {
    let definition = definition::command(program, terminal::width(system));
    let arguments = definition::parse(definition.clone(), words)
        .map_err(|usage| tell_usage(&usage, words, system))?;
    let everywhere = &arguments.everywhere;
    if everywhere.no_config {
        return Ok((arguments, Settings::default()));
    }
    let settings = Settings::find(everywhere.config.as_deref(), system);
    if Diagnostics::gate(settings.complaints.clone()).is_err() {
        complain_of(system, &settings.complaints);
        return Err(Exit::CouldNotAsk);
    }
    complain_of(system, &settings.complaints);
    if settings.found.is_empty() {
        return Ok((arguments, settings));
    }
    let definition = definition::with_defaults(definition, &settings.defaults());
    match definition::parse(definition, words) {
        Ok(arguments) => Ok((arguments, settings)),
        Err(usage) => {
            let refused = usage.refused.as_ref();
            match refused.and_then(|(flag, help)| settings.refused(flag, help)) {
                Some(finding) => complain_of(system, &[finding]),
                None => complain(system, &usage.text),
            }
            Err(Exit::CouldNotAsk)
        }
    }
}

/// Help where it was asked for, else what is wrong with the words.
fn tell_usage(usage: &definition::Usage, words: &[OsString], system: &mut impl System) -> Exit {
    let stream = if usage.asked { Stream::Stdout } else { Stream::Stderr };
    let colored = terminal::colored(definition::color(words), stream, system);
    let text = if colored { &usage.colored } else { &usage.text };
    if usage.asked {
        print(system, text);
        Exit::Yes
    } else {
        complain(system, text);
        Exit::CouldNotAsk
    }
}

/// Writes to standard output. What cannot be written shows when the stream is flushed at the end.
fn print(system: &mut impl System, text: &str) {
    if system.stdout().write_all(text.as_bytes()).is_err() {
        // Seen again, and answered, by the flush at the end.
    }
}

/// Writes to standard error.
fn complain(system: &mut impl System, text: &str) {
    if system.stderr().write_all(text.as_bytes()).is_err() {
        // Nobody is left to tell.
    }
}

/// Writes findings, an empty line between them.
fn complain_of(system: &mut impl System, findings: &[Diagnostic]) {
    for finding in findings {
        complain(system, &format!("{finding}\n\n"));
    }
}

/// Writes a document in a format for machines.
fn write(system: &mut impl System, format: flags::Format, document: &crate::report::Document) {
    match document.to_text(format == flags::Format::Yaml) {
        Ok(text) => print(system, &text),
        Err(error) => complain(system, &format!("error: {error}\n")),
    }
}

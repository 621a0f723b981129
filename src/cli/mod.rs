//! The command line: arguments, files and clock in; text and an exit code out.

mod args;
#[cfg(all(feature = "ca", unix))]
mod ca;
#[cfg(all(feature = "ca", unix))]
mod ca_args;
mod can_i;
mod exit;
mod load;
mod system;
mod test;

use std::ffi::OsString;
use std::process::ExitCode;

pub use exit::Exit;
pub use system::{RealSystem, System};

use crate::diagnostic::Diagnostic;

/// Runs the words of the process on the real system.
#[must_use]
pub fn main() -> ExitCode {
    let mut system = RealSystem::default();
    run(std::env::args_os(), &mut system).into()
}

/// Runs words, the program's own name first.
pub fn run(words: impl IntoIterator<Item = OsString>, system: &mut impl System) -> Exit {
    let exit = match args::parse(words) {
        Ok(arguments) => match arguments.command {
            #[cfg(all(feature = "ca", unix))]
            args::Command::Ca(arguments) => ca::run(&arguments, system),
            args::Command::CanI(arguments) => can_i::run(&arguments, system),
            args::Command::Test(arguments) => test::run(&arguments, system),
        },
        Err(usage) if usage.asked => {
            print(system, &usage.text);
            Exit::Yes
        }
        Err(usage) => {
            complain(system, &usage.text);
            Exit::CouldNotAsk
        }
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
fn write(system: &mut impl System, format: args::Format, document: &crate::report::Document) {
    match document.to_text(format == args::Format::Yaml) {
        Ok(text) => print(system, &text),
        Err(error) => complain(system, &format!("error: {error}\n")),
    }
}

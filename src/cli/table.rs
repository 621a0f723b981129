//! A table of answers → what is printed, and the exit code.

use super::exit::Exit;
use super::flags::{Format, Listed};
use super::system::System;
use super::{complain_of, print, write};
use crate::diagnostic::Diagnostic;
use crate::report::{self, Table, Word};

/// Prints a table. The exit code is that of the best row: one yes is a yes.
pub(crate) fn show(
    listed: &Listed,
    table: &Table,
    findings: &[Diagnostic],
    system: &mut impl System,
) -> Exit {
    let format = listed.shown.output;
    if format == Format::Text {
        complain_of(system, findings);
    }
    if !listed.shown.quiet {
        match format {
            Format::Json | Format::Yaml => write(system, format, &table.document()),
            Format::Text => {
                let mut text = String::new();
                if table.text(&mut text, listed.all).is_ok() {
                    print(system, &text);
                }
            }
        }
    }
    match table.word() {
        Some(Word::Yes) => Exit::Yes,
        Some(Word::Unknown) => Exit::Unknown,
        Some(Word::No) => Exit::No,
        None => Exit::NothingRan,
    }
}

/// Tells why nothing could be asked.
pub(crate) fn could_not_ask(
    format: Format,
    findings: &[Diagnostic],
    system: &mut impl System,
) -> Exit {
    match format {
        Format::Text => complain_of(system, findings),
        Format::Json | Format::Yaml => write(system, format, &report::complaint_document(findings)),
    }
    Exit::CouldNotAsk
}

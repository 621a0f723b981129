//! `config`: the settings → a line for each, with its value and where it comes from.

use super::args::Config;
use super::exit::Exit;
use super::flags::Format;
use super::settings::{SETTINGS, Settings, variable_of};
use super::system::System;
use super::{print, write};
use crate::report;

/// Prints every setting that is set, and how to set the others.
pub(crate) fn run(arguments: &Config, settings: &Settings, system: &mut impl System) -> Exit {
    let rows = SETTINGS.iter().map(|(name, _)| {
        let found = settings.named(name);
        let values = found.map_or(&[][..], |setting| &setting.values);
        let source = found.map(|setting| setting.source.to_string());
        report::EffectiveSetting { name, values, source, variable: variable_of(name) }
    });
    let rows: Vec<_> = rows.collect();
    match arguments.output {
        Format::Json | Format::Yaml => {
            let document = report::settings_document(settings.file.as_deref(), &rows);
            write(system, arguments.output, &document);
        }
        Format::Text => {
            let text = report::settings_text(settings.file.as_deref(), &rows);
            print(system, &text);
        }
    }
    Exit::Yes
}

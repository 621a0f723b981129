//! The definition of the commands → how words are read by it, under a program's name, with defaults of settings.

use std::ffi::OsString;
use std::path::Path;

use clap::error::{ContextKind, ContextValue};
use clap::{CommandFactory as _, FromArgMatches as _};

use super::args::Arguments;
use super::flags::ColorChoice;

/// Words that are no command to run: a call for help, or a mistake.
#[derive(Debug)]
pub(crate) struct Usage {
    /// What to print.
    pub(crate) text: String,
    /// The same in colour.
    pub(crate) colored: String,
    /// Whether it was asked for.
    pub(crate) asked: bool,
    /// The flag whose value is wrong, and what can be said about it: `output`, `one of text, json, yaml`.
    pub(crate) refused: Option<(String, String)>,
}

impl Usage {
    fn of(error: &clap::Error) -> Self {
        let text = |kind| match error.get(kind) {
            Some(ContextValue::String(text)) => Some(text.clone()),
            _ => None,
        };
        let flag = text(ContextKind::InvalidArg).and_then(|shown| {
            let flag = shown.strip_prefix("--")?.split([' ', '=']).next()?;
            Some(flag.to_owned())
        });
        let help = match error.get(ContextKind::ValidValue) {
            Some(ContextValue::Strings(valid)) => format!("one of {}", valid.join(", ")),
            _ => std::error::Error::source(error).map_or_else(String::new, ToString::to_string),
        };
        let rendered = error.render();
        Self {
            text: rendered.to_string(),
            colored: rendered.ansi().to_string(),
            asked: !error.use_stderr(),
            refused: flag.map(|flag| (flag, help)),
        }
    }
}

/// What the program is called: `portcullis`, or `kubectl portcullis` for a program of the name `kubectl-portcullis`.
/// kubectl turns the underscores of a plugin's name into dashes.
pub(crate) fn program(words: &[OsString]) -> String {
    let first = words.first().map(Path::new);
    let stem = first
        .and_then(Path::file_stem)
        .map(|stem| stem.to_string_lossy().into_owned());
    stem.as_deref()
        .and_then(|stem| stem.strip_prefix("kubectl-"))
        .filter(|plugin| !plugin.is_empty())
        .map_or_else(
            || "portcullis".to_owned(),
            |plugin| format!("kubectl {}", plugin.replace('_', "-")),
        )
}

/// `--color` of words that are no command, so that help is coloured as it is asked to be.
pub(crate) fn color(words: &[OsString]) -> ColorChoice {
    let words: Vec<_> = words.iter().map(|word| word.to_string_lossy()).collect();
    let choice = words.iter().enumerate().find_map(|(at, word)| {
        let next = || words.get(at + 1).map(AsRef::as_ref);
        word.strip_prefix("--color=")
            .or_else(|| (word == "--color").then(next).flatten())
    });
    match choice {
        Some("always") => ColorChoice::Always,
        Some("never") => ColorChoice::Never,
        Some(_) | None => ColorChoice::Auto,
    }
}

/// The definition of everything, for a program of this name and a terminal of this width.
pub(crate) fn command(program: &str, width: u16) -> clap::Command {
    let mut command = Arguments::command()
        .bin_name(program)
        .term_width(usize::from(width));
    let names: Vec<String> = command
        .get_subcommands()
        .map(|subcommand| subcommand.get_name().to_owned())
        .collect();
    let rename = |text: Option<&clap::builder::StyledStr>| {
        let text = text.map_or_else(String::new, ToString::to_string);
        called(&text, program, &names)
    };
    let help = rename(command.get_after_help());
    command = command.after_help(help);
    for name in &names {
        let usage = USAGES
            .iter()
            .find(|(command, _)| command == name)
            .map(|(_, words)| format!("{program} {name} [OPTIONS] {words}"));
        command = command.mut_subcommand(name, |subcommand| {
            let help = rename(subcommand.get_after_help());
            let subcommand = if help.is_empty() { subcommand } else { subcommand.after_help(help) };
            match usage {
                Some(usage) => subcommand.override_usage(usage),
                None => subcommand,
            }
        });
    }
    command
}

/// A text in which the program is called by its own name wherever a command of it is: `ca` is none in `can-i`.
fn called(text: &str, program: &str, names: &[String]) -> String {
    let mut parts = text.split("portcullis ");
    let mut whole = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let word = part
            .split(|c: char| !c.is_ascii_alphanumeric() && c != '-')
            .next();
        let is_command = word.is_some_and(|word| names.iter().any(|name| name == word));
        whole.push_str(if is_command { program } else { "portcullis" });
        whole.push(' ');
        whole.push_str(part);
    }
    whole
}

/// The words of commands whose first ones may be left out.
const USAGES: &[(&str, &str)] =
    &[("can-i", "FROM [METHOD] URL"), ("what-can", "FROM"), ("who-can", "[METHOD] URL")];

/// Reads the words of a call, the program's own name first.
pub(crate) fn parse(command: clap::Command, words: &[OsString]) -> Result<Arguments, Usage> {
    let mut command = command;
    command
        .try_get_matches_from_mut(words)
        .and_then(|matches| Arguments::from_arg_matches(&matches))
        .map_err(|error| Usage::of(&error.format(&mut command)))
}

/// The same definition with these defaults, a flag's long name and its values, in every command that has the flag.
pub(crate) fn with_defaults(
    mut command: clap::Command,
    defaults: &[(&'static str, Vec<String>)],
) -> clap::Command {
    let names: Vec<String> = command
        .get_subcommands()
        .map(|subcommand| subcommand.get_name().to_owned())
        .collect();
    command = defaulted(command, defaults);
    for name in names {
        command = command.mut_subcommand(name, |subcommand| defaulted(subcommand, defaults));
    }
    command
}

fn defaulted(
    mut command: clap::Command,
    defaults: &[(&'static str, Vec<String>)],
) -> clap::Command {
    for (flag, values) in defaults {
        let id = command
            .get_arguments()
            .find(|argument| argument.get_long() == Some(*flag))
            .map(|argument| argument.get_id().clone());
        if let Some(id) = id {
            command = command.mut_arg(id, |argument| argument.default_values(values.clone()));
        }
    }
    command
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::command;
    use crate::cli::settings::{SETTINGS, Takes};

    const DOCUMENT: &str = include_str!("../../docs/command-line.md");

    /// Every long flag of every command, with the commands that have it, in the order of `--help`.
    fn flags() -> Vec<(clap::Arg, Vec<String>)> {
        let mut command = command("portcullis", 100);
        command.build();
        let mut flags: Vec<(clap::Arg, Vec<String>)> = Vec::new();
        for subcommand in command.get_subcommands() {
            let name = subcommand.get_name().to_owned();
            for argument in subcommand
                .get_arguments()
                .filter(|argument| argument.get_long().is_some())
            {
                match flags
                    .iter_mut()
                    .find(|(known, _)| known.get_long() == argument.get_long())
                {
                    Some((_, commands)) => commands.push(name.clone()),
                    None => flags.push((argument.clone(), vec![name.clone()])),
                }
            }
        }
        flags.retain(|(argument, _)| argument.get_long() != Some("help"));
        flags
    }

    /// The table of flags as the document shows it.
    fn table() -> String {
        let all = flags()
            .iter()
            .map(|(_, commands)| commands.len())
            .max()
            .unwrap_or_default();
        let mut table = "| flag | of | meaning |\n|---|---|---|\n".to_owned();
        for (argument, commands) in flags() {
            let long = argument.get_long().unwrap();
            let mut flag = argument
                .get_short()
                .map_or_else(String::new, |short| format!("`-{short}`, "));
            flag.push_str(&format!("`--{long}"));
            if argument.get_action().takes_values() {
                let names = argument.get_value_names().unwrap_or_default();
                flag.push_str(&format!(" {}", names.join(" ").replace('|', "\\|")));
            }
            flag.push('`');
            let of = if commands.len() == all {
                "every command".to_owned()
            } else {
                commands.join(", ")
            };
            let mut meaning = argument.get_help().unwrap().to_string();
            if argument.get_action().takes_values() {
                let values: Vec<String> = argument
                    .get_possible_values()
                    .iter()
                    .map(|value| format!("`{}`", value.get_name()))
                    .collect();
                if !values.is_empty() {
                    meaning.push_str(&format!(": {}", values.join(", ")));
                }
                let default = argument
                    .get_default_values()
                    .iter()
                    .map(|value| value.to_string_lossy());
                let default: Vec<_> = default.collect();
                if !default.is_empty() {
                    meaning.push_str(&format!(" (else `{}`)", default.join(", ")));
                }
            }
            if SETTINGS.iter().all(|(name, _)| *name != long) {
                flag.push_str(" †");
            }
            table.push_str(&format!("| {flag} | {of} | {} |\n", meaning.replace('|', "\\|")));
        }
        table
    }

    #[test]
    fn the_document_lists_every_flag() {
        let table = table();
        assert!(DOCUMENT.contains(&table), "docs/command-line.md must hold this table:\n{table}");
    }

    #[test]
    fn the_document_lists_every_command() {
        for subcommand in command("portcullis", 100).get_subcommands() {
            let row =
                format!("| `{}` | {}", subcommand.get_name(), subcommand.get_about().unwrap());
            assert!(DOCUMENT.contains(&row), "docs/command-line.md must hold: {row}");
        }
    }

    /// A setting is a flag that takes the same, and what is no setting is what one question is about.
    #[test]
    fn every_flag_is_a_setting_or_one_of_a_question() {
        const OF_ONE_QUESTION: &[&str] = &[
            "against-envoy",
            "all",
            "allow-insecure-permissions",
            "as",
            "cobertura",
            "config",
            "count",
            "coverage",
            "diff",
            "fail-fast",
            "fix",
            "header",
            "host",
            "init",
            "jwt-claims",
            "lcov",
            "list",
            "method",
            "mutant",
            "no-config",
            "out",
            "output-file",
            "passphrase-file",
            "pin-file",
            "plaintext",
            "requests",
            "test",
            "token",
            "watch",
        ];
        let flags: BTreeMap<String, clap::Arg> = flags()
            .into_iter()
            .map(|(argument, _)| (argument.get_long().unwrap().to_owned(), argument))
            .collect();
        for (name, takes) in SETTINGS {
            let flag = flags
                .get(*name)
                .unwrap_or_else(|| panic!("--{name} is no flag"));
            let many = matches!(flag.get_action(), clap::ArgAction::Append)
                || flag.get_value_delimiter().is_some();
            assert_eq!(flag.get_action().takes_values(), *takes != Takes::Boolean, "--{name}");
            assert_eq!(many, matches!(takes, Takes::List | Takes::Paths), "--{name}");
        }
        for name in flags
            .keys()
            .filter(|name| SETTINGS.iter().all(|(known, _)| known != name))
        {
            assert!(OF_ONE_QUESTION.contains(&name.as_str()), "--{name} is neither");
        }
    }

    #[test]
    fn the_definition_is_sound() {
        command("portcullis", 100).debug_assert();
    }
}

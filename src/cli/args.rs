//! Words → what is asked for. Only their shape is checked here.

use std::ffi::OsString;
use std::path::Path;

use clap::error::{ContextKind, ContextValue};
use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use super::flags::{ColorChoice, Files, Format, Listed, Sent, Shell, Shown};
use super::lint_args::{Explain, LintArguments, Validate};

/// Can A call B with this request, and why? Answered for an Istio mesh from the YAML alone, as istiod and Envoy would.
#[derive(Debug, Parser)]
#[command(
    name = "portcullis",
    version,
    after_help = "Exit codes: 0 yes, or all passed · 1 no, or something failed · 2 could not ask · 3 unknown · 4 nothing ran.\n\n\
        Defaults for the flags come from the nearest .portcullis.yaml at or above the working directory and from \
        PORTCULLIS_* variables; `portcullis config` prints them."
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,

    #[command(flatten)]
    pub(crate) everywhere: Everywhere,
}

/// What every command takes.
#[derive(Args, Debug)]
pub(crate) struct Everywhere {
    /// Whether to colour what people read.
    #[arg(long, value_name = "WHEN", value_enum, default_value_t = ColorChoice::Auto, global = true, help_heading = "Everywhere")]
    pub(crate) color: ColorChoice,

    /// The settings file, instead of the nearest `.portcullis.yaml` at or above the working directory.
    #[arg(
        long,
        value_name = "FILE",
        global = true,
        conflicts_with = "no_config",
        help_heading = "Everywhere"
    )]
    pub(crate) config: Option<String>,

    /// Read no settings file and no `PORTCULLIS_*` variables.
    #[arg(long, global = true, help_heading = "Everywhere")]
    pub(crate) no_config: bool,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Ask whether a caller may send a request.
    #[command(
        name = "can-i",
        after_help = "Examples:\n  \
            portcullis can-i sleep.foo GET http://httpbin.foo:8000/headers -f policies/\n  \
            portcullis can-i deploy/sleep -n foo -X POST http://httpbin:8000/ -f policies/\n  \
            portcullis can-i cluster.local/ns/foo/sa/sleep tcp://mysql.db:3306 -f 'k8s/**/*.yaml'\n  \
            portcullis can-i external http://cart.shop:8080/ --via ingress.istio-system --source-ip 203.0.113.9 -f k8s/\n  \
            kubectl get ns,svc,deploy,pod,authorizationpolicy,peerauthentication -A -o yaml | portcullis can-i web.shop http://cart.shop/ -f -\n\n\
            The answer is that of the proxy before the destination (a sidecar or a gateway), and of the gateway of --via. \
            What else happens on the way there (routes, DestinationRules, waypoints) is not looked at yet.\n\n\
            Exit codes: 0 yes · 1 no · 2 could not ask · 3 unknown · 4 nothing ran."
    )]
    CanI(Box<CanI>),
    /// Ask who may send a request.
    ///
    /// Asked are the workloads that the files know, grouped by identity, their service accounts, the principals that
    /// policies name in full, and callers without identity, in the cluster (`plaintext`) and outside (`external`). An
    /// exact answer, over all callers that there could be, comes with a later release.
    #[command(after_help = "Examples:\n  \
        portcullis who-can GET http://httpbin.foo:8000/headers -f policies/\n  \
        portcullis who-can tcp://mysql.db:3306 -f k8s/ -o json\n\n\
        Exit codes: 0 somebody can · 1 nobody · 2 could not ask · 3 nobody for certain, somebody perhaps · 4 nothing ran.")]
    WhoCan(Box<WhoCan>),
    /// Ask what a caller may send.
    ///
    /// Asked are the ports of the Services and workloads that the files know, with the requests that the rules about them
    /// speak of: their methods, paths, hosts and headers, an example inside each pattern, and `GET /`. Tokens are
    /// sent only where a flag says one. Exact regions, over all requests that there could be, come with a later release.
    #[command(after_help = "Examples:\n  \
        portcullis what-can sleep.foo -f policies/\n  \
        portcullis what-can external --source-ip 203.0.113.9 --all -f k8s/\n\n\
        Exit codes: 0 something · 1 nothing · 2 could not ask · 3 nothing for certain, something perhaps · 4 nothing ran.")]
    WhatCan(Box<WhatCan>),
    /// Run policy test suites (`*.test.yaml`).
    #[command(
        after_help = "Exit codes: 0 all passed · 1 something failed · 2 a suite could not be read · 4 nothing ran."
    )]
    Test(Test),
    /// Look for policies that do not do what they say, or more than they should.
    ///
    /// Each finding is certain, or says what it depends on, and shows a decided request where it can. docs/lints.md and
    /// `portcullis explain CODE` tell what is looked for.
    #[command(after_help = "Examples:\n  \
        portcullis lint policies/\n  \
        portcullis lint k8s/ --fail-level medium -o sarif > portcullis.sarif\n  \
        portcullis lint k8s/ --diff\n\n\
        Exit codes: 0 nothing as grave as --fail-level · 1 something · 2 a file could not be read · 4 nothing to look at.")]
    Lint(Box<LintArguments>),
    /// Tell what the API server or Istio's webhook would refuse or warn about.
    #[command(
        after_help = "Exit codes: 0 nothing would be refused · 1 something · 2 a file could not be read · 4 nothing to look at."
    )]
    Validate(Validate),
    /// Tell what a finding means.
    #[command(
        after_help = "Examples:\n  portcullis explain PC012\n  portcullis explain spiffe-scheme"
    )]
    Explain(Explain),
    /// Print the effective settings, and where each comes from.
    Config(Config),
    /// Print the completion script of a shell.
    #[command(after_help = "Examples:\n  \
        source <(portcullis completion bash)\n  \
        portcullis completion zsh > \"${fpath[1]}/_portcullis\"\n  \
        portcullis completion fish > ~/.config/fish/completions/portcullis.fish\n  \
        portcullis completion powershell | Out-String | Invoke-Expression")]
    Completion(Completion),
    /// Print the manual page, or write all of them to a folder.
    #[command(after_help = "Examples:\n  \
        portcullis man | man -l -\n  \
        portcullis man --out ~/.local/share/man/man1")]
    Man(Man),
}

const CALLERS: &str = "FROM is one of\n  \
    sleep, sleep.foo, deploy/sleep.foo    a workload of the files\n  \
    frontend.shop                         a Service whose workloads share one identity\n  \
    sa/sleep.foo                          whoever runs as a service account; also written\n                                        \
    system:serviceaccount:foo:sleep\n  \
    cluster.local/ns/foo/sa/sleep         a principal, with or without spiffe://\n  \
    203.0.113.9                           an address: a pod's, else outside the mesh\n  \
    external                              somebody outside the mesh, without identity\n\
    What carries no namespace is looked for in that of -n.";

/// `can-i`.
#[derive(Args, Debug)]
pub(crate) struct CanI {
    #[arg(
        value_name = "FROM [METHOD] URL",
        num_args = 0..=3,
        help = "Who calls, with what method, what",
        long_help = format!("{CALLERS}\n\
            With --as, or with --plaintext, FROM is left out here.\n\
            METHOD is GET where it is left out.\n\
            URL is http://host[:port]/path, https://host[:port]/path, tcp://host:port or tls://host:port; host is a Service's \
            name in any of its forms (httpbin, httpbin.foo, httpbin.foo.svc.cluster.local), a workload, or a pod's address.")
    )]
    pub(crate) words: Vec<String>,

    /// Who calls, as FROM: the word that kubectl has for it.
    #[arg(long = "as", value_name = "FROM")]
    pub(crate) caller: Option<String>,

    /// The method, as METHOD: the letter that curl has for it.
    #[arg(short = 'X', long, value_name = "METHOD")]
    pub(crate) method: Option<String>,

    /// The caller speaks plaintext: it has no sidecar, so no identity.
    #[arg(long)]
    pub(crate) plaintext: bool,

    /// Ask many questions: one JSON object a line, as in a suite's `tests` (`-` for standard input).
    ///
    /// --source-ip, --remote-ip, --sni and --alpn count for the lines that do not say otherwise.
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with_all = ["words", "caller", "method", "plaintext", "headers", "host", "jwt_claims", "token", "xff", "via"]
    )]
    pub(crate) requests: Option<String>,

    #[command(flatten)]
    pub(crate) sent: Sent,

    /// The gateway that the request comes through, `name.namespace[:port]`.
    ///
    /// The caller speaks to the gateway, and the gateway to the workload: both are asked, the gateway first, and where one
    /// says no the answer is no. The URL's host and port name the workload's Service, as the gateway's routes would
    /// (they are not evaluated); `--host` is the name that the caller asks the gateway for. The port is the gateway's
    /// Service port: 80, or 443 for https, where it is left out.
    #[arg(long, value_name = "GATEWAY", help_heading = "The request")]
    pub(crate) via: Option<String>,

    #[command(flatten)]
    pub(crate) files: Files,

    #[command(flatten)]
    pub(crate) shown: Shown,

    /// Tell everything that was looked at: every policy, every rule, every value.
    #[arg(long, help_heading = "The answer")]
    pub(crate) explain: bool,
}

/// `who-can`.
#[derive(Args, Debug)]
pub(crate) struct WhoCan {
    /// The method and what is called, as for can-i; the method is GET where it is left out.
    #[arg(value_name = "[METHOD] URL", num_args = 0..=2)]
    pub(crate) words: Vec<String>,

    /// The method, as METHOD: the letter that curl has for it.
    #[arg(short = 'X', long, value_name = "METHOD")]
    pub(crate) method: Option<String>,

    #[command(flatten)]
    pub(crate) sent: Sent,

    #[command(flatten)]
    pub(crate) files: Files,

    #[command(flatten)]
    pub(crate) listed: Listed,
}

/// `what-can`.
#[derive(Args, Debug)]
pub(crate) struct WhatCan {
    #[arg(value_name = "FROM", help = "Who calls", long_help = CALLERS)]
    pub(crate) from: Option<String>,

    /// Who calls, as FROM: the word that kubectl has for it.
    #[arg(long = "as", value_name = "FROM", conflicts_with = "from")]
    pub(crate) caller: Option<String>,

    /// The caller speaks plaintext: it has no sidecar, so no identity.
    #[arg(long)]
    pub(crate) plaintext: bool,

    #[command(flatten)]
    pub(crate) sent: Sent,

    #[command(flatten)]
    pub(crate) files: Files,

    #[command(flatten)]
    pub(crate) listed: Listed,
}

/// `test`.
#[derive(Args, Debug)]
pub(crate) struct Test {
    /// Suite files, folders to look for `*.test.yaml` in, or patterns.
    #[arg(value_name = "PATH", default_value = ".")]
    pub(crate) paths: Vec<String>,

    /// How to print the outcomes.
    #[arg(short, long, value_enum, default_value_t = Format::Text)]
    pub(crate) output: Format,

    /// Print the closing line only.
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

/// `config`.
#[derive(Args, Debug)]
pub(crate) struct Config {
    /// How to print the settings.
    #[arg(short, long, value_enum, default_value_t = Format::Text)]
    pub(crate) output: Format,
}

/// `completion`.
#[derive(Args, Debug)]
pub(crate) struct Completion {
    /// The shell.
    #[arg(value_enum)]
    pub(crate) shell: Shell,
}

/// `man`.
#[derive(Args, Debug)]
pub(crate) struct Man {
    /// The folder to write one page for each command to.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<String>,
}

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
    let named: Vec<(String, String)> = command
        .get_subcommands()
        .map(|subcommand| {
            let name = subcommand.get_name();
            (format!("portcullis {name}"), format!("{program} {name}"))
        })
        .collect();
    let rename = |text: Option<&clap::builder::StyledStr>| {
        let text = text.map_or_else(String::new, ToString::to_string);
        named
            .iter()
            .fold(text, |text, (own, shown)| text.replace(own, shown))
    };
    let names: Vec<String> = command
        .get_subcommands()
        .map(|subcommand| subcommand.get_name().to_owned())
        .collect();
    let help = rename(command.get_after_help());
    command = command.after_help(help);
    for name in names {
        command = command.mut_subcommand(name, |subcommand| {
            let help = rename(subcommand.get_after_help());
            if help.is_empty() { subcommand } else { subcommand.after_help(help) }
        });
    }
    command
}

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
            "all",
            "as",
            "config",
            "diff",
            "fix",
            "header",
            "host",
            "jwt-claims",
            "method",
            "no-config",
            "out",
            "plaintext",
            "requests",
            "token",
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

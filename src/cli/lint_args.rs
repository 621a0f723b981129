//! The words of `validate`, `lint` and `explain`.

use clap::{Args, ValueEnum};

use super::flags::Files;
use crate::lint::Level;

/// `validate`.
#[derive(Args, Debug)]
pub(crate) struct Validate {
    /// Files, folders (with everything below), patterns, or `-` for standard input.
    #[arg(value_name = "PATH", required = true)]
    pub(crate) paths: Vec<String>,

    /// How to print the findings.
    #[arg(short, long, value_enum, default_value_t = LintFormat::Text)]
    pub(crate) output: LintFormat,

    /// Print nothing: the exit code is the answer.
    #[arg(short, long)]
    pub(crate) quiet: bool,

    /// The namespace of resources that carry none.
    #[arg(short, long, value_name = "NAMESPACE", default_value = "default")]
    pub(crate) namespace: String,
}

/// `lint`.
#[derive(Args, Debug)]
pub(crate) struct LintArguments {
    /// Files, folders (with everything below), patterns, or `-` for standard input. The same as -f.
    #[arg(value_name = "PATH", conflicts_with = "paths")]
    pub(crate) targets: Vec<String>,

    #[command(flatten)]
    pub(crate) files: Files,

    /// How to print the findings.
    #[arg(short, long, value_enum, default_value_t = LintFormat::Text, help_heading = "The answer")]
    pub(crate) output: LintFormat,

    /// Print nothing: the exit code is the answer.
    #[arg(short, long, help_heading = "The answer")]
    pub(crate) quiet: bool,

    /// The least level at which the exit code is 1: low, medium, high, critical or error.
    #[arg(long, value_name = "LEVEL", default_value = "high", help_heading = "The answer")]
    pub(crate) fail_level: Level,

    /// Mend what can be mended without a question: the changes are printed first, then made, all or none.
    #[arg(long, help_heading = "The answer")]
    pub(crate) fix: bool,

    /// Print what --fix would change, and change nothing.
    #[arg(long, help_heading = "The answer")]
    pub(crate) diff: bool,
}

/// `explain`.
#[derive(Args, Debug)]
pub(crate) struct Explain {
    /// The code or the name of a lint, or the code of any other finding.
    #[arg(value_name = "CODE")]
    pub(crate) code: String,
}

/// An output format of findings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LintFormat {
    /// For people: the line quoted and underlined.
    Text,
    /// A versioned document.
    Json,
    /// The same as YAML.
    Yaml,
    /// SARIF 2.1.0, for code scanning.
    Sarif,
    /// Annotations of GitHub Actions.
    Github,
    /// A `JUnit` report.
    Junit,
}

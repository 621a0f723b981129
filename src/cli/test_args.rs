//! The words of `test` and `mutate`.

use clap::{Args, ValueEnum};

/// `test`.
#[derive(Args, Debug)]
pub(crate) struct Test {
    /// Suite files, folders to look for `*.test.yaml` in, or patterns.
    #[arg(value_name = "PATH", default_value = ".")]
    pub(crate) paths: Vec<String>,

    /// Run only the cases whose name, or `SUITE › NAME`, the regular expression finds something in.
    #[arg(short = 't', long = "test", value_name = "REGEX")]
    pub(crate) filter: Option<String>,

    /// Name the cases and run none.
    #[arg(long, conflicts_with = "watch")]
    pub(crate) list: bool,

    /// Stop at the first case that fails; the later ones are counted as not run.
    #[arg(long)]
    pub(crate) fail_fast: bool,

    /// Threads to run on; as many as there are processors where it is left out. The output is the same for any number.
    #[arg(short, long, value_name = "N")]
    pub(crate) jobs: Option<usize>,

    /// Say how many files, suites and cases ran, suite by suite.
    #[arg(long)]
    pub(crate) count: bool,

    /// Run again whenever a file changes: the suites that it is of.
    #[arg(long)]
    pub(crate) watch: bool,

    /// How to print the outcomes.
    #[arg(short, long, value_enum, default_value_t = Output::Text)]
    pub(crate) output: Output,

    /// Write the outcomes to a file; the closing line is still printed.
    #[arg(long, value_name = "FILE")]
    pub(crate) output_file: Option<String>,

    /// Print the closing line only.
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

/// How outcomes are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// For people.
    Text,
    /// A versioned document.
    Json,
    /// The same as YAML.
    Yaml,
}

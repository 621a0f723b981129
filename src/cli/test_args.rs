//! The words of `test` and `mutate`.

use clap::{Args, ValueEnum};

/// `test`.
#[derive(Args, Debug)]
pub(crate) struct Test {
    /// Suite files, folders to look for `*.test.yaml` in, or patterns.
    #[arg(value_name = "PATH", default_value = ".")]
    pub(crate) paths: Vec<String>,

    /// Write a first suite for the policies of a folder, with the answers as they stand, and run nothing.
    ///
    /// For every rule one request that it matches and for each of its conditions one just outside, marked for review.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["paths", "watch", "list"])]
    pub(crate) init: Option<String>,

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

    /// Say which rules and values decided a case, by matching and by not matching.
    ///
    /// A value counts where its other answer would have turned its rule, and a rule where its other answer would have
    /// turned the verdict.
    #[arg(long, help_heading = "Coverage")]
    pub(crate) coverage: bool,

    /// Fail where fewer than so many percent of the rules decided cases both ways.
    #[arg(long, value_name = "PERCENT", help_heading = "Coverage", value_parser = percent)]
    pub(crate) coverage_threshold: Option<usize>,

    /// Write the coverage of the policy files' lines as an LCOV tracefile.
    #[arg(long, value_name = "FILE", help_heading = "Coverage")]
    pub(crate) lcov: Option<String>,

    /// Write it as Cobertura XML.
    #[arg(long, value_name = "FILE", help_heading = "Coverage")]
    pub(crate) cobertura: Option<String>,

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

    /// Ask a real Envoy about every case, and tell where it does otherwise than is decided.
    ///
    /// The Envoy at this path, or the one on PATH, is started with what `envoy bootstrap` prints, in a private network
    /// namespace in which every address is local: `unshare` and `ip` make one. What the cases expect is not looked at.
    #[cfg(all(feature = "envoy", unix))]
    #[arg(
        long,
        value_name = "ENVOY",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "",
        conflicts_with = "output"
    )]
    pub(crate) against_envoy: Option<String>,
}

/// `mutate`.
#[derive(Args, Debug)]
pub(crate) struct Mutate {
    /// Suite files, folders to look for `*.test.yaml` in, or patterns.
    #[arg(value_name = "PATH", default_value = ".")]
    pub(crate) paths: Vec<String>,

    /// Make only the mutants in whose name (`widen-value AuthorizationPolicy foo/p spec.rules[0]…`) the regular
    /// expression finds something.
    #[arg(short = 't', long = "mutant", value_name = "REGEX")]
    pub(crate) filter: Option<String>,

    /// Threads to run on; as many as there are processors where it is left out.
    #[arg(short, long, value_name = "N")]
    pub(crate) jobs: Option<usize>,

    /// Fail where fewer than so many percent of the mutants are noticed; without it, where one survives that is not
    /// accepted.
    #[arg(long, value_name = "PERCENT", value_parser = percent)]
    pub(crate) threshold: Option<usize>,

    /// A file of mutants that may survive, each with a reason; can be given several times.
    #[arg(long, value_name = "FILE")]
    pub(crate) accepted: Vec<String>,

    /// How to print the survivors.
    #[arg(short, long, value_enum, default_value_t = MutateOutput::Text)]
    pub(crate) output: MutateOutput,

    /// Write the survivors to a file; the closing line is still printed.
    #[arg(long, value_name = "FILE")]
    pub(crate) output_file: Option<String>,
}

/// How survivors are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum MutateOutput {
    /// For people.
    Text,
    /// A versioned document.
    Json,
    /// The same as YAML.
    Yaml,
}

impl Test {
    /// Whether anything wants to know the coverage.
    pub(crate) const fn wants_coverage(&self) -> bool {
        self.coverage
            || self.coverage_threshold.is_some()
            || self.lcov.is_some()
            || self.cobertura.is_some()
    }
}

/// A share in percent → in hundredths of a percent.
fn percent(text: &str) -> Result<usize, String> {
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()) && !text.is_empty();
    let hundredths = (digits(whole) && digits(part) && part.len() <= 2)
        .then(|| format!("{whole}{part:0<2}").parse::<usize>().ok())
        .flatten()
        .filter(|hundredths| *hundredths <= 10_000);
    hundredths.ok_or_else(|| "a number from 0 to 100, as `90` or `92.5`".to_owned())
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
    /// JUnit XML.
    Junit,
    /// TAP version 14.
    Tap,
    /// SARIF 2.1.0.
    Sarif,
    /// Workflow commands of GitHub.
    Github,
    /// Markdown for a comment on a pull request.
    Markdown,
}

#[cfg(test)]
mod tests {
    #[rstest::rstest]
    #[case("0", Some(0))]
    #[case("90", Some(9_000))]
    #[case("92.5", Some(9_250))]
    #[case("99.99", Some(9_999))]
    #[case("100", Some(10_000))]
    #[case("100.01", None)]
    #[case("-1", None)]
    #[case("1e1", None)]
    #[case("NaN", None)]
    #[case("", None)]
    fn a_threshold_is_a_percentage(#[case] text: &str, #[case] want: Option<usize>) {
        assert_eq!(super::percent(text).ok(), want);
    }
}

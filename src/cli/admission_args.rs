//! The words of `admission` → what is asked for.

use clap::{Args, Subcommand, ValueEnum};

use super::flags::Files;
use crate::admission::{Budget, Gate};
use crate::lint::{Level, Levels};

/// `admission`.
#[derive(Args, Debug)]
pub(crate) struct Admission {
    #[command(subcommand)]
    pub(crate) command: AdmissionCommand,
}

/// The commands below `admission`.
#[derive(Debug, Subcommand)]
pub(crate) enum AdmissionCommand {
    /// Answer one AdmissionReview, as the webhook would.
    ///
    /// The change is made in memory to the mesh of -f and held against what the API server, Istio's webhook and Envoy
    /// refuse, against lints, against guards and against a budget.
    #[command(after_help = "Examples:\n  \
        portcullis admission review review.json -f policies/ --guard tests/\n  \
        portcullis admission review -f k8s/ --max-newly-allowed 0 -o json < review.json\n\n\
        Exit codes: 0 allowed · 1 denied · 2 could not ask.")]
    Review(Box<Review>),
}

/// `admission review`.
#[derive(Args, Debug)]
pub(crate) struct Review {
    /// The AdmissionReview, JSON; `-` for standard input.
    #[arg(value_name = "REVIEW", default_value = "-")]
    pub(crate) review: String,

    #[command(flatten)]
    pub(crate) held_against: HeldAgainst,

    #[command(flatten)]
    pub(crate) files: Files,

    /// How to print the answer: for people, or the AdmissionReview to send back.
    #[arg(short, long, value_enum, default_value_t = Answered::Text, help_heading = "The answer")]
    pub(crate) output: Answered,
}

/// What a change is held against beside the mesh.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "What keeps a change out")]
pub(crate) struct HeldAgainst {
    /// A suite, or a folder with suites (`*.test.yaml`), that must still pass; can be given several times.
    ///
    /// A suite is asked about the mesh of -f, with what it declares in place beside it. A case that fails without the
    /// change keeps nothing out.
    #[arg(long = "guard", value_name = "PATH")]
    pub(crate) guards: Vec<String>,

    /// So many pairs of a caller and a port may be newly allowed, as far as a bounded search finds them.
    #[arg(long, value_name = "COUNT")]
    pub(crate) max_newly_allowed: Option<usize>,

    /// So many pairs of a caller and a port may be newly denied, as far as a bounded search finds them.
    #[arg(long, value_name = "COUNT")]
    pub(crate) max_newly_denied: Option<usize>,

    /// So many requests that search asks at most.
    #[arg(long, value_name = "COUNT", default_value_t = Budget::REQUESTS)]
    pub(crate) search_requests: usize,

    /// The least level at which a lint's finding about the object denies the change; none does where not given.
    #[arg(long, value_name = "LEVEL")]
    pub(crate) deny_level: Option<Level>,

    /// The least level at which a lint's finding about the object is a warning; none is where not given.
    #[arg(long, value_name = "LEVEL")]
    pub(crate) warn_level: Option<Level>,
}

impl HeldAgainst {
    /// The gate that the flags and the settings of lints describe. A budget is there where a flag says one.
    pub(crate) fn gate(&self, levels: &Levels) -> Gate {
        let (newly_allowed, newly_denied) = (self.max_newly_allowed, self.max_newly_denied);
        let wanted = newly_allowed.is_some() || newly_denied.is_some();
        Gate {
            deny_level: self.deny_level,
            warn_level: self.warn_level,
            levels: levels.clone(),
            budget: wanted.then_some(Budget {
                newly_allowed,
                newly_denied,
                requests: self.search_requests,
            }),
        }
    }
}

/// How an answer is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Answered {
    /// For people.
    Text,
    /// The AdmissionReview.
    Json,
}

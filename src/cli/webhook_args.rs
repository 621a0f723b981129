//! The words of `webhook` → what is asked for.

use std::net::SocketAddr;

use clap::{Args, Subcommand, ValueEnum};

use super::admission_args::HeldAgainst;
use super::flags::Files;

/// `webhook`.
#[derive(Args, Debug)]
pub(crate) struct Webhook {
    #[command(subcommand)]
    pub(crate) command: WebhookCommand,
}

/// The commands below `webhook`.
#[derive(Debug, Subcommand)]
pub(crate) enum WebhookCommand {
    /// Answer reviews of the API server at `/validate` over HTTPS, until a signal ends it.
    ///
    /// Policies, guards, settings of lints and the certificate are looked at again and again. What is good takes the place
    /// of what there is at once; what is bad is told in the log and in the metric `portcullis_reload_failed`, and the old
    /// one serves on. Whatever could not be looked at is denied, unless --fail-open.
    #[command(after_help = "Examples:\n  \
        portcullis ca issue portcullis/webhook --dns portcullis.portcullis.svc --out serving\n  \
        portcullis webhook serve -f policies/ --guard tests/ --certificate serving/cert-chain.pem --key serving/key.pem\n\n\
        Exit codes: 0 ended by a signal, every request answered · 1 ended before every request was answered · 2 not started.")]
    Serve(Box<Serve>),
}

/// `webhook serve`.
#[derive(Args, Debug)]
pub(crate) struct Serve {
    /// The address at which reviews are taken.
    #[arg(
        long,
        value_name = "ADDRESS:PORT",
        default_value = "0.0.0.0:8443",
        help_heading = "The server"
    )]
    pub(crate) listen: SocketAddr,

    /// The address at which `/livez`, `/readyz` and `/metrics` are answered without TLS.
    #[arg(long, value_name = "ADDRESS:PORT", help_heading = "The server")]
    pub(crate) health: Option<SocketAddr>,

    /// The file with the certificate to serve with and those between it and its root, PEM.
    #[arg(
        long,
        value_name = "FILE",
        default_value = "cert-chain.pem",
        help_heading = "The server"
    )]
    pub(crate) certificate: String,

    /// The file with its key, PEM.
    #[arg(long, value_name = "FILE", default_value = "key.pem", help_heading = "The server")]
    pub(crate) key: String,

    /// A file with roots, PEM: then whoever asks must show a certificate that leads to one of them.
    #[arg(long, value_name = "FILE", help_heading = "The server")]
    pub(crate) client_roots: Option<String>,

    /// Speak TLS 1.2, too.
    #[arg(long, help_heading = "The server")]
    pub(crate) tls12: bool,

    /// Allow, with a warning, what could not be looked at.
    #[arg(long, help_heading = "The server")]
    pub(crate) fail_open: bool,

    /// So many seconds pass between two looks at the files.
    #[arg(long, value_name = "SECONDS", default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=3600), help_heading = "The server")]
    pub(crate) reload_interval: u64,

    /// Which decisions are logged, each as a line of JSON.
    #[arg(long, value_enum, default_value_t = Logged::All, help_heading = "The server")]
    pub(crate) log_decisions: Logged,

    #[command(flatten)]
    pub(crate) held_against: HeldAgainst,

    #[command(flatten)]
    pub(crate) files: Files,
}

/// Which decisions are logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Logged {
    /// All of them.
    All,
    /// Those that deny, or warn.
    Notable,
    /// None.
    Nothing,
}

//! Words → what is asked for. Only their shape is checked here.

use std::ffi::OsString;
use std::net::IpAddr;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::mesh::IstioVersion;

/// Can A call B with this request, and why? Answered for an Istio mesh from the YAML alone, as istiod and Envoy would.
#[derive(Debug, Parser)]
#[command(
    name = "portcullis",
    version,
    max_term_width = 110,
    after_help = "Exit codes: 0 yes, or all passed · 1 no, or something failed · 2 could not ask · 3 unknown · 4 nothing ran."
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Words that are no command to run: a call for help, or a mistake.
#[derive(Debug)]
pub(crate) struct Usage {
    /// What to print.
    pub(crate) text: String,
    /// Whether it was asked for.
    pub(crate) asked: bool,
}

/// Reads the words of a call, the program's own name first.
pub(crate) fn parse(words: impl IntoIterator<Item = OsString>) -> Result<Arguments, Usage> {
    Arguments::try_parse_from(words)
        .map_err(|error| Usage { text: error.render().to_string(), asked: !error.use_stderr() })
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Issue, verify and look at certificates with SPIFFE identities.
    #[cfg(all(feature = "ca", unix))]
    Ca(Box<super::ca_args::Ca>),
    /// Ask whether a caller may send a request.
    #[command(
        name = "can-i",
        after_help = "Examples:\n  \
            portcullis can-i sleep.foo GET http://httpbin.foo:8000/headers -f policies/\n  \
            portcullis can-i cluster.local/ns/foo/sa/sleep tcp://mysql.db:3306 -f 'k8s/**/*.yaml'\n  \
            kubectl get ns,svc,deploy,pod,authorizationpolicy,peerauthentication -A -o yaml | portcullis can-i web.shop http://cart.shop/ -f -\n\n\
            The answer is that of the proxy before the destination (a sidecar or a gateway): what happens on the way\n\
            there (routes, DestinationRules, waypoints) is not looked at yet.\n\n\
            Exit codes: 0 yes · 1 no · 2 could not ask · 3 unknown · 4 nothing ran."
    )]
    CanI(Box<CanI>),
    /// Run policy test suites (`*.test.yaml`).
    #[command(
        after_help = "Exit codes: 0 all passed · 1 something failed · 2 a suite could not be read · 4 nothing ran."
    )]
    Test(Test),
}

/// `can-i`.
#[derive(Args, Debug)]
pub(crate) struct CanI {
    #[arg(
        value_name = "FROM [METHOD] URL",
        num_args = 0..=3,
        help = "Who calls, with what method, what",
        long_help = "FROM is `workload[.namespace]`, `kind/workload.namespace`, a Service whose workloads share one identity, \
            `sa/account.namespace`, or a principal `trust-domain/ns/NAMESPACE/sa/ACCOUNT`; with --plaintext it can be left out.\n\
            METHOD is GET where it is left out.\n\
            URL is `http://host[:port]/path`, `tcp://host:port` or `tls://host:port`; host is a Service's name in any of its \
            forms, or a workload."
    )]
    pub(crate) words: Vec<String>,

    #[command(flatten)]
    pub(crate) files: Files,

    /// A header line `Name: value`; can be given several times. `Host:` replaces the URL's host.
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE")]
    pub(crate) headers: Vec<String>,

    /// A validly signed token with these claims (JSON or YAML), sent as `Authorization: Bearer`.
    #[arg(long, value_name = "CLAIMS", conflicts_with = "token")]
    pub(crate) jwt_claims: Option<String>,

    /// A real token, sent as `Authorization: Bearer` and verified against inline key sets.
    #[arg(long, value_name = "TOKEN")]
    pub(crate) token: Option<String>,

    /// The address that the connection comes from.
    #[arg(long, value_name = "IP")]
    pub(crate) source_ip: Option<IpAddr>,

    /// The caller speaks plaintext: it has no sidecar, so no identity.
    #[arg(long)]
    pub(crate) plaintext: bool,

    /// Ask many questions: one JSON object a line, as in a suite's `tests` (`-` for standard input).
    #[arg(long, value_name = "FILE", conflicts_with_all = ["words", "headers", "jwt_claims", "token", "source_ip", "plaintext"])]
    pub(crate) requests: Option<String>,

    /// What an external authorizer (CUSTOM) answers; without it such a request is `unknown`.
    #[arg(long = "provider", value_name = "NAME=allow|deny|error")]
    pub(crate) providers: Vec<String>,

    /// How to print the answer.
    #[arg(short, long, value_enum, default_value_t = Format::Text)]
    pub(crate) output: Format,

    /// Print nothing: the exit code is the answer.
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

/// Where policies come from.
#[derive(Args, Debug)]
pub(crate) struct Files {
    /// A file, a folder (with everything below), a pattern, or `-` for standard input; can be given several times.
    #[arg(short = 'f', long = "filename", value_name = "PATH", required = true)]
    pub(crate) paths: Vec<String>,

    /// The namespace of names and resources that carry none.
    #[arg(short, long, default_value = "default")]
    pub(crate) namespace: String,

    /// istiod's revision: policies labelled `istio.io/rev` with another one are passed over.
    #[arg(long, default_value = "default")]
    pub(crate) revision: String,

    /// The release of Istio that the proxies are of, as `1.28.4`; the newest where not given. Older ones match repeated
    /// header lines otherwise.
    #[arg(long, value_name = "VERSION")]
    pub(crate) istio: Option<IstioVersion>,

    /// The mesh's trust domain, over what the files say.
    #[arg(long)]
    pub(crate) trust_domain: Option<String>,

    /// An alias of it; can be given several times.
    #[arg(long = "trust-domain-alias", value_name = "TRUST_DOMAIN")]
    pub(crate) trust_domain_aliases: Vec<String>,

    /// The mesh's root namespace, over what the files say.
    #[arg(long)]
    pub(crate) root_namespace: Option<String>,

    /// Read policies that the API server or Istio's webhook would refuse as istiod does when the webhook is off.
    #[arg(long)]
    pub(crate) admission_bypassed: bool,
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

/// An output format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Text,
    /// A versioned document.
    Json,
    /// The same as YAML.
    Yaml,
}

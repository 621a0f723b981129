//! The commands and what each of them takes: the words of a call, before anything is understood.

use clap::{Args, Parser, Subcommand};

use super::flags::{ColorChoice, DocumentKind, Files, Format, Listed, Sent, Shell, Shown};
use super::lint_args::{Explain, LintArguments, Validate};
use super::test_args::{Mutate, Test};

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
    /// Issue, verify and look at certificates with SPIFFE identities.
    #[cfg(all(feature = "ca", unix))]
    Ca(Box<super::ca_args::Ca>),
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
    /// Print what istiod makes of policies: the configuration of Envoy.
    Envoy(Box<super::envoy_args::Envoy>),
    /// Change every policy in every small way, and see which changes the suites do not notice.
    #[command(
        after_help = "Exit codes: 0 every change is noticed or accepted, or the threshold is met · 1 not so, or a suite fails already · 2 a suite could not be read · 4 nothing to change."
    )]
    Mutate(Mutate),
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
    /// Answer what the API server asks before a policy changes.
    Admission(super::admission_args::Admission),
    /// Serve those answers over HTTPS.
    #[cfg(all(feature = "server", unix))]
    Webhook(super::webhook_args::Webhook),
    /// Tell what a finding means.
    #[command(
        after_help = "Examples:\n  portcullis explain PC012\n  portcullis explain spiffe-scheme"
    )]
    Explain(Explain),
    /// Print the effective settings, and where each comes from.
    Config(Config),
    /// Print the JSON Schema of a document that `-o json` prints.
    Schema(Schema),
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
            name in any of its forms (httpbin, httpbin.foo, httpbin.foo.svc.cluster.local), a workload, or the address of a pod or a Service.")
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
    /// --via, --source-ip, --remote-ip, --xff, --sni and --alpn count for the lines that do not say otherwise.
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with_all = ["words", "caller", "method", "plaintext", "headers", "host", "jwt_claims", "token"]
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

/// `config`.
#[derive(Args, Debug)]
pub(crate) struct Config {
    /// How to print the settings.
    #[arg(short, long, value_enum, default_value_t = Format::Text)]
    pub(crate) output: Format,
}

/// `schema`.
#[derive(Args, Debug)]
pub(crate) struct Schema {
    /// The document: what can-i, config, what-can and who-can answer, or that nothing could be asked.
    #[arg(value_enum)]
    pub(crate) document: DocumentKind,
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

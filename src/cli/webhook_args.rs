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
        portcullis webhook serve -f policies/ --guard tests/ --certificate serving/cert-chain.pem --key serving/key.pem\n  \
        portcullis webhook serve --from-cluster --guard tests/ --certificate serving/cert-chain.pem --key serving/key.pem\n\n\
        Exit codes: 0 ended by a signal, every request answered · 1 ended before every request was answered · 2 not started.")]
    Serve(Box<Serve>),
    /// Print the Kubernetes manifests that run the webhook, and the one that makes the API server ask it.
    ///
    /// The policies (unless --from-cluster) and the guards are config maps, the certificate is a secret with `tls.crt` and `tls.key`; nothing of
    /// them is printed. What makes the API server ask (`registration`) is best applied when `portcullis webhook self-test`
    /// has shown that the webhook answers: from then on nothing changes that it does not allow.
    #[command(after_help = "Examples:\n  \
        portcullis webhook manifests server --image registry.example/portcullis:1 | kubectl apply -f -\n  \
        portcullis webhook manifests registration --ca-bundle serving/root-cert.pem | kubectl apply -f -\n  \
        portcullis webhook manifests server --guards mesh-guards -- --max-newly-allowed 0 --warn-level low\n  \
        portcullis webhook manifests server --from-cluster --guards mesh-guards | kubectl apply -f -\n\n\
        Exit codes: 0 printed · 2 a file could not be read.")]
    Manifests(Box<Manifests>),
    /// Ask a webhook what it must deny and what it must allow, and whether it is ready.
    ///
    /// With --url a running one is asked. Without, one is started with the options of `serve` at a free port of 127.0.0.1
    /// (--listen and --health are left alone), asked, and ended. Nothing is changed anywhere: the reviews are dry runs, and
    /// ask about a policy that there is not.
    #[command(after_help = "Examples:\n  \
        portcullis webhook self-test -f policies/ --guard tests/ --certificate serving/cert-chain.pem --key serving/key.pem \
        --ca-bundle serving/root-cert.pem\n  \
        kubectl --namespace portcullis port-forward service/portcullis 8443:443 &\n  \
        portcullis webhook self-test --url https://localhost:8443/validate --ca-bundle serving/root-cert.pem && \
        portcullis webhook manifests registration --ca-bundle serving/root-cert.pem | kubectl apply -f -\n\n\
        Exit codes: 0 everything is as it must be · 1 something is not · 2 the webhook could not be asked.")]
    SelfTest(Box<SelfTest>),
}

/// `webhook manifests`.
#[derive(Args, Debug)]
pub(crate) struct Manifests {
    /// Which of them.
    #[arg(value_enum, value_name = "PART", default_value_t = Part::All)]
    pub(crate) part: Part,

    /// The name of everything.
    #[arg(long, value_name = "NAME", default_value = "portcullis", value_parser = dns_label)]
    pub(crate) name: String,

    /// The namespace; policies in it and in `kube-system` are not asked about.
    #[arg(short, long, value_name = "NAMESPACE", default_value = "portcullis", value_parser = dns_label)]
    pub(crate) namespace: String,

    /// The image, whose entry point is `portcullis`, built with `--features server`, or `kube` for --from-cluster.
    #[arg(long, value_name = "IMAGE", default_value = concat!("portcullis:", env!("CARGO_PKG_VERSION")))]
    pub(crate) image: String,

    /// How many there are.
    #[arg(long, value_name = "COUNT", default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) replicas: u16,

    /// The secret with the certificate.
    #[arg(long, value_name = "SECRET", default_value = "portcullis-certificate")]
    pub(crate) certificate: String,

    /// The config map with the mesh: workloads, services, policies.
    #[arg(long, value_name = "CONFIGMAP", default_value = "portcullis-policies")]
    pub(crate) policies: String,

    /// The mesh comes from the cluster, with the rights to list and watch what is read, instead of a config map.
    #[arg(long, conflicts_with = "policies")]
    pub(crate) from_cluster: bool,

    /// The namespace of istiod, where its config map is; `istio-system` where not given.
    #[arg(long, value_name = "NAMESPACE", value_parser = dns_label)]
    pub(crate) istio_namespace: Option<String>,

    /// istiod's revision, by which its config map is called; `default` where not given.
    #[arg(long, value_name = "REVISION", value_parser = dns_label)]
    pub(crate) revision: Option<String>,

    /// The config map with the guards; none are held against a change where not given.
    #[arg(long, value_name = "CONFIGMAP")]
    pub(crate) guards: Option<String>,

    /// What is not looked at is allowed: `failurePolicy: Ignore`, and --fail-open for the server.
    #[arg(long)]
    pub(crate) fail_open: bool,

    /// The file with the roots that the webhook's certificate leads to, PEM; a placeholder is printed where not given.
    #[arg(long, value_name = "FILE")]
    pub(crate) ca_bundle: Option<String>,

    /// Where the API server asks, where the webhook does not run as these manifests say: `https://HOST:PORT/validate`.
    #[arg(long, value_name = "URL", value_parser = https)]
    pub(crate) url: Option<String>,

    /// How to print: YAML documents, or a list as JSON.
    #[arg(short, long, value_enum, default_value_t = Printed::Yaml)]
    pub(crate) output: Printed,

    /// Further options of `webhook serve`.
    #[arg(last = true, value_name = "OPTIONS OF SERVE")]
    pub(crate) options: Vec<String>,
}

/// Which manifests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// Both.
    All,
    /// What runs the webhook.
    Server,
    /// What makes the API server ask it.
    Registration,
}

/// How manifests are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Printed {
    /// YAML documents.
    Yaml,
    /// A list.
    Json,
}

/// `webhook self-test`.
#[derive(Args, Debug)]
pub(crate) struct SelfTest {
    /// Where a running webhook is asked: `https://HOST:PORT/validate`.
    #[arg(long, value_name = "URL", value_parser = https, conflicts_with_all = ["paths", "from_cluster"], help_heading = "The test")]
    pub(crate) url: Option<String>,

    /// The file with the roots that its certificate must lead to, PEM, as the API server has them.
    #[arg(long, value_name = "FILE", help_heading = "The test")]
    pub(crate) ca_bundle: String,

    /// The name that the API server knows it by, and that its certificate must have.
    #[arg(
        long,
        value_name = "NAME",
        default_value = "portcullis.portcullis.svc",
        help_heading = "The test"
    )]
    pub(crate) server_name: String,

    /// The file with the certificate to ask with, PEM; none is shown where not given.
    #[arg(long, value_name = "FILE", requires = "client_key", help_heading = "The test")]
    pub(crate) client_certificate: Option<String>,

    /// The file with its key, PEM.
    #[arg(long, value_name = "FILE", requires = "client_certificate", help_heading = "The test")]
    pub(crate) client_key: Option<String>,

    #[command(flatten)]
    pub(crate) serve: Serve,
}

/// A name of the API server's objects that is part of others' [RFC 1123 §2.1].
fn dns_label(text: &str) -> Result<String, String> {
    let letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let ends = |byte: Option<u8>| byte.is_some_and(letter);
    let inside = text.bytes().all(|byte| letter(byte) || byte == b'-');
    if inside && text.len() <= 63 && ends(text.bytes().next()) && ends(text.bytes().last()) {
        return Ok(text.to_owned());
    }
    Err("a DNS label has at most 63 of a-z, 0-9 and `-`, and begins and ends with none of `-`"
        .to_owned())
}

/// The API server asks nothing but HTTPS, without a query.
fn https(text: &str) -> Result<String, String> {
    let rest = text.strip_prefix("https://").unwrap_or_default();
    if rest.is_empty() || rest.contains(['?', '#', '@']) || rest.starts_with('/') {
        return Err("a URL of the kind `https://HOST:PORT/validate` is meant".to_owned());
    }
    Ok(text.to_owned())
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

    /// A file with roots, PEM: then whoever asks must show a certificate that leads to one of them, of whatever name.
    #[arg(long, value_name = "FILE", help_heading = "The server")]
    pub(crate) client_roots: Option<String>,

    /// Whoever asks must moreover show a certificate of this name: its only SPIFFE ID (or other URI), else its only DNS name,
    /// or its common name where it has no other. May be given several times.
    #[arg(long, value_name = "NAME", requires = "client_roots", value_parser = clap::builder::NonEmptyStringValueParser::new(), help_heading = "The server")]
    pub(crate) client_name: Vec<String>,

    /// Speak TLS 1.2, too.
    #[arg(long, help_heading = "The server")]
    pub(crate) tls12: bool,

    /// Allow, with a warning, what could not be looked at.
    #[arg(long, help_heading = "The server")]
    pub(crate) fail_open: bool,

    /// So many seconds pass between two looks at the files, and at what has changed in the cluster.
    #[arg(long, value_name = "SECONDS", default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=3600), help_heading = "The server")]
    pub(crate) reload_interval: u64,

    /// Send a span of every review to the collector of OpenTelemetry there (built with `--features otel`).
    ///
    /// Without the flag `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` or `OTEL_EXPORTER_OTLP_ENDPOINT` names it, and nothing is sent
    /// where none does. The other standard variables (`OTEL_SERVICE_NAME`, `OTEL_TRACES_SAMPLER` …) count, too.
    #[arg(long, value_name = "URL", help_heading = "The server")]
    pub(crate) otlp_endpoint: Option<String>,

    /// Which decisions are logged, each as a line of JSON.
    #[arg(long, value_enum, default_value_t = Logged::All, help_heading = "The server")]
    pub(crate) log_decisions: Logged,

    #[command(flatten)]
    pub(crate) cluster: FromCluster,

    #[command(flatten)]
    pub(crate) held_against: HeldAgainst,

    #[command(flatten)]
    pub(crate) files: Files,
}

/// Which cluster the mesh comes from.
#[derive(Args, Debug)]
#[command(next_help_heading = "The cluster")]
pub(crate) struct FromCluster {
    /// Take the mesh from a cluster, and whatever changes there, instead of files; needs a build with `--features kube`.
    ///
    /// Listed and watched are the kinds that are read from files, and of config maps the one with istiod's configuration.
    /// Guards, settings and what the other flags say of the mesh come from files as ever; -f does not go with it.
    #[arg(long, conflicts_with = "paths")]
    pub(crate) from_cluster: bool,

    /// The kubeconfig; where not given as kubectl finds one, and else the cluster is the one that this runs in.
    #[arg(long, value_name = "FILE")]
    pub(crate) kubeconfig: Option<String>,

    /// The context of the kubeconfig; its current one where not given.
    #[arg(long, value_name = "NAME")]
    pub(crate) context: Option<String>,

    /// The namespace of istiod, where its config map is; `istio-system` where not given.
    #[arg(long, value_name = "NAMESPACE", value_parser = dns_label)]
    pub(crate) istio_namespace: Option<String>,
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

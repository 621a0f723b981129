//! The flags that several commands take: where policies come from, what the request is like, how the answer is shown.

use std::net::IpAddr;

use clap::{Args, ValueEnum};

use crate::mesh::IstioVersion;

/// Where policies come from, and what the files do not say about the mesh.
#[derive(Args, Debug)]
#[command(next_help_heading = "The mesh")]
pub(crate) struct Files {
    /// A file, a folder (with everything below), a pattern, or `-` for standard input; can be given several times.
    ///
    /// Policies, Namespaces, Services, workloads and the mesh ConfigMap are read from all of them together; other kinds
    /// are passed over, so a whole `kubectl get … -o yaml` can be handed over. May be left out where a settings file
    /// says `filename:`.
    #[arg(short = 'f', long = "filename", value_name = "PATH")]
    pub(crate) paths: Vec<String>,

    /// Read folders with everything below them. They always are: it is taken because kubectl asks for it.
    #[arg(short = 'R', long)]
    pub(crate) recursive: bool,

    /// The namespace of names and resources that carry none.
    #[arg(short, long, value_name = "NAMESPACE", default_value = "default")]
    pub(crate) namespace: String,

    /// A MeshConfig: bare, as a ConfigMap, or as IstioOperator or Helm values; `-` for standard input.
    ///
    /// It is laid over the ConfigMap `istio` that the files may hold. `kubectl -n istio-system get configmap istio -o
    /// yaml` prints one, and `istioctl`'s IstioOperator file and Helm's values hold one below `meshConfig`.
    #[arg(long, value_name = "FILE")]
    pub(crate) mesh_config: Option<String>,

    /// The mesh's trust domain, over what the files say: the first part of every principal.
    #[arg(long, value_name = "TRUST_DOMAIN")]
    pub(crate) trust_domain: Option<String>,

    /// An alias of it, which principals in policies stand for as well; can be given several times.
    #[arg(long = "trust-domain-alias", value_name = "TRUST_DOMAIN")]
    pub(crate) trust_domain_aliases: Vec<String>,

    /// The mesh's root namespace, over what the files say: its policies are about every namespace.
    #[arg(long, value_name = "NAMESPACE")]
    pub(crate) root_namespace: Option<String>,

    /// istiod's revision: policies labelled `istio.io/rev` with another one are passed over.
    #[arg(long, default_value = "default")]
    pub(crate) revision: String,

    /// The release of Istio that the proxies are of, as `1.28.4`; the newest where not given.
    ///
    /// Older ones match repeated header lines otherwise.
    #[arg(long, value_name = "VERSION")]
    pub(crate) istio: Option<IstioVersion>,

    /// What an external authorizer (CUSTOM) answers; without it such a request is `unknown`.
    #[arg(long = "provider", value_name = "NAME=allow|deny|error")]
    pub(crate) providers: Vec<String>,

    /// Read policies that the API server or Istio's webhook would refuse as istiod does when the webhook is off.
    #[arg(long)]
    pub(crate) admission_bypassed: bool,
}

/// What the request is like beside its method and URL.
#[derive(Args, Debug)]
#[command(next_help_heading = "The request")]
pub(crate) struct Sent {
    /// A header line `Name: value`; can be given several times. `Host:` replaces the URL's host.
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE")]
    pub(crate) headers: Vec<String>,

    /// The Host line, where it is not the URL's host and port; empty: none is sent.
    #[arg(long, value_name = "HOST")]
    pub(crate) host: Option<String>,

    /// A validly signed token with these claims (JSON or YAML), sent as `Authorization: Bearer`.
    #[arg(long, value_name = "CLAIMS", conflicts_with = "token")]
    pub(crate) jwt_claims: Option<String>,

    /// A real token, sent as `Authorization: Bearer` and verified against inline key sets.
    #[arg(long, value_name = "TOKEN")]
    pub(crate) token: Option<String>,

    /// The address that the connection comes from: what `ipBlocks` match.
    #[arg(long, value_name = "IP")]
    pub(crate) source_ip: Option<IpAddr>,

    /// The client's address as the proxy finds it: what `remoteIpBlocks` match, whatever headers say.
    #[arg(long, value_name = "IP")]
    pub(crate) remote_ip: Option<IpAddr>,

    /// An X-Forwarded-For line, as `203.0.113.9, 10.0.0.1`: the proxy works the client's address out of it.
    #[arg(long, value_name = "ADDRESSES")]
    pub(crate) xff: Option<String>,

    /// The TLS server name that the caller asks for, where it is neither the host (https, tls) nor what its proxy sends.
    #[arg(long, value_name = "NAME")]
    pub(crate) sni: Option<String>,

    /// The protocols that the caller offers in TLS, most wanted first, as `h2,http/1.1`; empty: none.
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub(crate) alpn: Option<Vec<String>>,
}

/// How an answer is shown.
#[derive(Args, Debug)]
#[command(next_help_heading = "The answer")]
pub(crate) struct Shown {
    /// How to print the answer.
    #[arg(short, long, value_enum, default_value_t = Format::Text)]
    pub(crate) output: Format,

    /// Print nothing: the exit code is the answer.
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

/// How a table of answers is shown.
#[derive(Args, Debug)]
#[command(next_help_heading = "The answer")]
pub(crate) struct Listed {
    #[command(flatten)]
    pub(crate) shown: Shown,

    /// Print the rows of a no as well; without it their number is told.
    #[arg(short, long)]
    pub(crate) all: bool,
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

/// When text is coloured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ColorChoice {
    /// At a terminal, unless `NO_COLOR` is set or `TERM` is `dumb`.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// A shell that can be given completions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "lower")]
pub(crate) enum Shell {
    /// GNU Bash.
    Bash,
    /// The Z shell.
    Zsh,
    /// fish.
    Fish,
    /// PowerShell.
    #[value(name = "powershell")]
    Power,
}

/// A document that has a JSON Schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum DocumentKind {
    /// Of can-i.
    Answer,
    /// Of every command that could not ask.
    Complaint,
    /// Of config.
    Settings,
    /// A test suite, as test and mutate read it.
    Suite,
    /// Of what-can.
    WhatCan,
    /// Of who-can.
    WhoCan,
}

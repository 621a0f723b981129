//! The words of `envoy` → what is asked for.

use std::net::IpAddr;

use clap::{Args, Subcommand, ValueEnum};

use super::flags::Files;

/// `envoy`.
#[derive(Args, Debug)]
pub(crate) struct Envoy {
    #[command(subcommand)]
    pub(crate) command: EnvoyCommand,
}

/// The commands below `envoy`.
#[derive(Debug, Subcommand)]
pub(crate) enum EnvoyCommand {
    /// Print the filters that istiod generates for a workload's policies and tokens.
    #[command(after_help = "Examples:\n  \
        portcullis envoy rbac httpbin.foo -f policies/\n  \
        portcullis envoy rbac deploy/httpbin.foo --port 8080 -o json -f policies/\n\n\
        Exit codes: 0 printed · 2 could not ask.")]
    Rbac(Rbac),
    /// Print a whole configuration with which Envoy enforces a workload's policies, without istiod.
    ///
    /// It listens at the workload's address, once for each port, as the sidecar's inbound side does: the same filter
    /// chains for plaintext and mutual TLS, the same normalization, tokens and policies. Behind them stand an answer 200
    /// and, for bytes, an echo. What a --provider is said to answer is answered by Envoy itself.
    #[command(after_help = "Examples:\n  \
        portcullis ca issue foo/httpbin --out httpbin\n  \
        portcullis envoy bootstrap httpbin.foo -f policies/ --certs httpbin --address 127.0.0.1 >envoy.json\n  \
        envoy -c envoy.json\n\n\
        Exit codes: 0 printed · 2 could not ask.")]
    Bootstrap(Bootstrap),
}

/// `envoy rbac`.
#[derive(Args, Debug)]
pub(crate) struct Rbac {
    /// The workload, as for can-i.
    pub(crate) workload: String,

    /// One of its ports: then only the filters of what that port takes in are printed.
    #[arg(long, value_name = "PORT")]
    pub(crate) port: Option<u16>,

    /// How to print the filters.
    #[arg(short, long, value_enum, default_value_t = Written::Yaml)]
    pub(crate) output: Written,

    #[command(flatten)]
    pub(crate) files: Files,
}

/// `envoy bootstrap`.
#[derive(Args, Debug)]
pub(crate) struct Bootstrap {
    /// The workload, as for can-i.
    pub(crate) workload: String,

    /// A port to listen at beside those that the files declare; can be given several times.
    #[arg(long = "port", value_name = "PORT")]
    pub(crate) ports: Vec<u16>,

    /// The address to listen at, instead of the workload's own.
    #[arg(long, value_name = "IP")]
    pub(crate) address: Option<IpAddr>,

    /// The folder with cert-chain.pem, key.pem and root-cert.pem, as Envoy finds it: what ca issue --out wrote.
    #[arg(long, value_name = "DIR")]
    pub(crate) certs: Option<String>,

    /// The file with the workload's certificate, PEM, as Envoy finds it, instead of cert-chain.pem.
    #[arg(long, value_name = "FILE")]
    pub(crate) certificate: Option<String>,

    /// The file with its key, PEM, as Envoy finds it, instead of key.pem.
    #[arg(long, value_name = "FILE")]
    pub(crate) key: Option<String>,

    /// The file with the roots of the mesh, PEM, as Envoy finds it, instead of root-cert.pem.
    #[arg(long, value_name = "FILE")]
    pub(crate) roots: Option<String>,

    /// How to print the configuration.
    #[arg(short, long, value_enum, default_value_t = Written::Json)]
    pub(crate) output: Written,

    #[command(flatten)]
    pub(crate) files: Files,
}

/// How a configuration is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Written {
    /// JSON.
    Json,
    /// YAML.
    Yaml,
}

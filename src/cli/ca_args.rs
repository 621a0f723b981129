//! Words behind `ca` → what is asked of the certificate authority. Only their shape is checked here.

use clap::{Args, Subcommand, ValueEnum};

use super::flags::Format;
use crate::ca::time::{UnixTime, parse, parse_length};
use crate::ca::{Algorithm, Usage};

/// `ca`.
#[derive(Args, Debug)]
pub(crate) struct Ca {
    #[command(subcommand)]
    pub(crate) command: CaCommand,

    /// The directory that holds the CA.
    #[arg(long, global = true, value_name = "DIR", default_value = "portcullis-ca")]
    pub(crate) state: String,

    /// A file whose first line is the passphrase that the CA's keys are under.
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) passphrase_file: Option<String>,

    /// A file whose first line is the PIN of the PKCS#11 token.
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) pin_file: Option<String>,

    /// Use the directory although others may look into it.
    #[arg(long, global = true)]
    pub(crate) allow_insecure_permissions: bool,

    /// How to print.
    #[arg(short, long, global = true, value_enum, default_value_t = Format::Text)]
    pub(crate) output: Format,
}

/// The commands of `ca`.
#[derive(Debug, Subcommand)]
pub(crate) enum CaCommand {
    /// Check the journal: every line whole, each following the one before.
    Audit(Audit),
    /// Print the roots to trust: PEM, or a SPIFFE bundle document.
    Bundle(Bundle),
    /// Print CRLs as PEM, one for each CA whose key is here.
    Crl(Crl),
    /// Look for what is wrong with the CA's directory.
    Doctor,
    /// Write the CA out as istiod takes it.
    Export(Export),
    /// Run a mutual TLS handshake in memory between two issued directories.
    Handshake(Handshake),
    /// Begin a CA: a root, an intermediate that signs, a journal.
    Init(Init),
    /// Say what certificates in a PEM file say.
    Inspect(Inspect),
    /// Issue a certificate and its key.
    Issue(Issue),
    /// List issued certificates.
    List(List),
    /// Sign a token, or print the key set that verifies it.
    MintJwt(MintJwt),
    /// Revoke a certificate by its serial number or file.
    Revoke(Revoke),
    /// Do the next step of a root's rotation: prepare, wait, activate, forget.
    RotateRoot,
    /// Sign a certificate request for an identity that you name.
    Sign(Sign),
    /// Verify a certificate: by the standard, and as Envoy would.
    Verify(Verify),
}

/// `ca init`.
#[derive(Args, Debug)]
pub(crate) struct Init {
    /// The trust domain.
    #[arg(long, default_value = "cluster.local")]
    pub(crate) trust_domain: String,

    /// What keys the CA makes for itself.
    #[arg(long, value_enum, default_value_t = Key::EcdsaP256)]
    pub(crate) key: Key,

    /// How long root and intermediate last.
    #[arg(long, value_name = "LENGTH", default_value = "3650d", value_parser = length)]
    pub(crate) ca_ttl: i64,

    /// How long a certificate lasts where nobody says.
    #[arg(long, value_name = "LENGTH", default_value = "24h", value_parser = length)]
    pub(crate) ttl: i64,

    /// How long a certificate may last.
    #[arg(long, value_name = "LENGTH", default_value = "90d", value_parser = length)]
    pub(crate) max_ttl: i64,

    /// How long a bundle takes to reach everybody: a new root signs only after that.
    #[arg(long, value_name = "LENGTH", default_value = "24h", value_parser = length)]
    pub(crate) propagation: i64,

    /// Begin from Istio's plugged-in files (`ca-cert.pem`, `ca-key.pem`, `root-cert.pem`, `cert-chain.pem`).
    #[arg(long, value_name = "DIR", conflicts_with_all = ["key", "hsm_module"])]
    pub(crate) from: Option<String>,

    /// Make the signing key in a PKCS#11 module: the path of its library.
    #[arg(long, value_name = "LIBRARY", requires = "hsm_token")]
    pub(crate) hsm_module: Option<String>,

    /// The label of the module's token.
    #[arg(long, value_name = "LABEL")]
    pub(crate) hsm_token: Option<String>,
}

/// A kind of key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Key {
    /// ECDSA on P-256.
    EcdsaP256,
    /// ECDSA on P-384.
    EcdsaP384,
    /// Ed25519. Envoy takes no handshake with it.
    Ed25519,
    /// RSA: only with `--from`.
    Rsa,
}

impl From<Key> for Algorithm {
    fn from(key: Key) -> Self {
        match key {
            Key::EcdsaP256 => Self::EcdsaP256,
            Key::EcdsaP384 => Self::EcdsaP384,
            Key::Ed25519 => Self::Ed25519,
            Key::Rsa => Self::Rsa,
        }
    }
}

/// `ca issue`.
#[derive(Args, Debug)]
pub(crate) struct Issue {
    /// For whom: `namespace/account`, or a whole SPIFFE ID.
    #[arg(value_name = "IDENTITY")]
    pub(crate) id: String,

    #[command(flatten)]
    pub(crate) terms: Terms,

    /// Where `cert-chain.pem`, `key.pem` and `root-cert.pem` go.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: String,

    /// Write over files that are there.
    #[arg(long)]
    pub(crate) force: bool,
}

/// What a certificate is to be like.
#[derive(Args, Debug)]
pub(crate) struct Terms {
    /// How long it lasts; the CA's default where not given.
    #[arg(long, value_name = "LENGTH", value_parser = length)]
    pub(crate) ttl: Option<i64>,

    /// A further DNS name; can be given several times.
    #[arg(long, value_name = "NAME")]
    pub(crate) dns: Vec<String>,

    /// Believe a clock that stands before the journal's last event.
    #[arg(long)]
    pub(crate) accept_clock: bool,
}

/// `ca sign`.
#[derive(Args, Debug)]
pub(crate) struct Sign {
    /// The request, PEM (`-` for standard input).
    #[arg(value_name = "CSR")]
    pub(crate) request: String,

    /// For whom; the request's own names are never copied.
    #[arg(long = "as", value_name = "IDENTITY")]
    pub(crate) id: String,

    #[command(flatten)]
    pub(crate) terms: Terms,
}

/// `ca verify`.
#[derive(Args, Debug)]
pub(crate) struct Verify {
    /// The certificate, PEM, with the CAs above it behind it (`-` for standard input).
    #[arg(value_name = "CERT")]
    pub(crate) certificate: String,

    /// Roots to trust, PEM or a SPIFFE bundle document: `FILE` for the certificate's own trust domain, or
    /// `TRUST_DOMAIN=FILE`; can be given several times. The CA's own bundle where not given.
    #[arg(long, value_name = "[TRUST_DOMAIN=]FILE")]
    pub(crate) bundle: Vec<String>,

    /// CRLs, PEM; can be given several times.
    #[arg(long, value_name = "FILE")]
    pub(crate) crl: Vec<String>,

    /// When: RFC 3339 or seconds since 1970; now where not given.
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) at: Option<UnixTime>,

    /// Whether its holder opens or accepts connections.
    #[arg(long, value_enum, default_value_t = UsageWord::Client)]
    pub(crate) usage: UsageWord,

    /// A trust domain that the mesh accepts, for Envoy's answer; can be given several times. Those of the bundles
    /// where not given.
    #[arg(long = "trust-domain", value_name = "TRUST_DOMAIN")]
    pub(crate) trust_domains: Vec<String>,

    /// Only the standard's answer.
    #[arg(long, conflicts_with = "as_envoy")]
    pub(crate) strict: bool,

    /// Only Envoy's answer.
    #[arg(long)]
    pub(crate) as_envoy: bool,
}

/// A use of TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum UsageWord {
    /// It opens connections.
    Client,
    /// It accepts connections.
    Server,
}

impl From<UsageWord> for Usage {
    fn from(word: UsageWord) -> Self {
        match word {
            UsageWord::Client => Self::Client,
            UsageWord::Server => Self::Server,
        }
    }
}

/// `ca inspect`.
#[derive(Args, Debug)]
pub(crate) struct Inspect {
    /// Certificates, PEM (`-` for standard input).
    #[arg(value_name = "FILE")]
    pub(crate) file: String,

    /// When, for what is left of the validity; now where not given.
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) at: Option<UnixTime>,
}

/// `ca list`.
#[derive(Args, Debug)]
pub(crate) struct List {
    /// Only certificates that live and expire within this length.
    #[arg(long, value_name = "LENGTH", value_parser = length)]
    pub(crate) expiring: Option<i64>,
}

/// `ca bundle`.
#[derive(Args, Debug)]
pub(crate) struct Bundle {
    /// A SPIFFE bundle document (JWKS), token key included.
    #[arg(long)]
    pub(crate) spiffe: bool,
}

/// `ca crl`.
#[derive(Args, Debug)]
pub(crate) struct Crl {
    /// How long the CRLs are in force.
    #[arg(long, value_name = "LENGTH", default_value = "7d", value_parser = length)]
    pub(crate) ttl: i64,
}

/// `ca export`.
#[derive(Args, Debug)]
pub(crate) struct Export {
    /// Into a directory, as files.
    #[arg(long, value_name = "DIR", required_unless_present = "k8s_secret")]
    pub(crate) istio_cacerts: Option<String>,

    /// To standard output, as the Secret `cacerts`. It holds the CA's key.
    #[arg(long, conflicts_with = "istio_cacerts")]
    pub(crate) k8s_secret: bool,

    /// The secret's namespace.
    #[arg(long, default_value = "istio-system", conflicts_with = "istio_cacerts")]
    pub(crate) namespace: String,

    /// Write over files that are there.
    #[arg(long)]
    pub(crate) force: bool,
}

/// `ca mint-jwt`.
#[derive(Args, Debug)]
pub(crate) struct MintJwt {
    /// `sub`: any text, or with --svid an identity.
    #[arg(long = "sub", value_name = "SUBJECT", required_unless_present = "jwks")]
    pub(crate) subject: Option<String>,

    /// `iss`.
    #[arg(long = "iss", value_name = "ISSUER")]
    pub(crate) issuer: Option<String>,

    /// `aud`; can be given several times.
    #[arg(long = "aud", value_name = "AUDIENCE")]
    pub(crate) audiences: Vec<String>,

    /// How long it is good for.
    #[arg(long, value_name = "LENGTH", default_value = "1h", value_parser = length)]
    pub(crate) ttl: i64,

    /// Further claims, a JSON object.
    #[arg(long, value_name = "JSON")]
    pub(crate) claims: Option<String>,

    /// A JWT-SVID: the subject is an identity of this trust domain, and there is an audience.
    #[arg(long)]
    pub(crate) svid: bool,

    /// Print the key set that verifies the tokens, and sign none.
    #[arg(long, conflicts_with_all = ["subject", "issuer", "audiences", "claims", "svid"])]
    pub(crate) jwks: bool,
}

/// `ca revoke`.
#[derive(Args, Debug)]
pub(crate) struct Revoke {
    /// The serial number in hexadecimal, or a PEM file with the certificate in front.
    #[arg(value_name = "SERIAL|FILE")]
    pub(crate) what: String,
}

/// `ca audit`.
#[derive(Args, Debug)]
pub(crate) struct Audit {
    #[command(subcommand)]
    pub(crate) command: AuditCommand,
}

/// The commands of `ca audit`.
#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    /// Check every line, and that a line seen earlier is still there.
    Verify {
        /// The hash of a line that was the last one once: it must still be there.
        #[arg(long, value_name = "HASH")]
        head: Option<String>,
    },
}

/// `ca handshake`.
#[derive(Args, Debug)]
pub(crate) struct Handshake {
    /// The client's directory, as `ca issue --out` writes it.
    #[arg(long, value_name = "DIR")]
    pub(crate) client: String,

    /// The server's directory.
    #[arg(long, value_name = "DIR")]
    pub(crate) server: String,

    /// Whom the client expects to meet.
    #[arg(long, value_name = "SPIFFE_ID")]
    pub(crate) expect: Option<String>,

    /// When; now where not given.
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) at: Option<UnixTime>,
}

fn length(text: &str) -> Result<i64, String> {
    parse_length(text).ok_or_else(|| "not a length as `24h`, `90d` or `1h30m`".to_owned())
}

fn time(text: &str) -> Result<UnixTime, String> {
    parse(text)
        .ok_or_else(|| "not a time as `2026-01-31T00:00:00Z`, or seconds since 1970".to_owned())
}

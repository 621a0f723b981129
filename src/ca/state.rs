//! What a CA is, besides its keys ↔ the JSON of `authority.json`.

use serde_json::{Map, Value, json};

use super::certificate::Certificate;
use super::pem;
use super::time::UnixTime;
use crate::spiffe::TrustDomain;

/// The file's name.
pub(super) const STATE: &str = "authority.json";
const API_VERSION: &str = "portcullis.dev/v1alpha1";

/// What a generation of root and intermediate is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It signs, and its root is in the bundle.
    Active,
    /// Its root is in the bundle; it will sign once everybody has the bundle.
    Prepared,
    /// It signs no more; its root is in the bundle until its last certificate expires.
    Retired,
}

impl Status {
    /// The word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Prepared => "prepared",
            Self::Retired => "retired",
        }
    }

    fn parse(word: &str) -> Option<Self> {
        [Self::Active, Self::Prepared, Self::Retired]
            .into_iter()
            .find(|status| status.as_str() == word)
    }
}

/// A root and the CAs below it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Generation {
    /// Its number, from 1.
    pub number: u64,
    /// What it is doing.
    pub status: Status,
    /// Whether its root comes from elsewhere, so that it is rotated there.
    pub plugged_in: bool,
    /// When its root came into the bundle.
    pub published_at: UnixTime,
    /// Its root.
    pub root: Certificate,
    /// The CA that signs leaves, then those above it, without the root.
    pub chain: Vec<Certificate>,
}

impl Generation {
    /// The last second at which all of its CAs are valid.
    #[must_use]
    pub fn not_after(&self) -> UnixTime {
        self.chain
            .iter()
            .map(Certificate::not_after)
            .fold(self.root.not_after(), i64::min)
    }

    /// The first second at which all of its CAs are valid.
    #[must_use]
    pub fn not_before(&self) -> UnixTime {
        self.chain
            .iter()
            .map(Certificate::not_before)
            .fold(self.root.not_before(), i64::max)
    }
}

/// Everything about a CA that is no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct State {
    pub(super) trust_domain: TrustDomain,
    pub(super) default_ttl: i64,
    pub(super) max_ttl: i64,
    /// How long a bundle takes to reach everybody, in seconds.
    pub(super) propagation: i64,
    pub(super) generations: Vec<Generation>,
    /// Further roots to trust, which came with plugged-in files and sign nothing here.
    pub(super) other_roots: Vec<Certificate>,
}

impl State {
    pub(super) fn to_json(&self) -> String {
        let certificate =
            |certificate: &Certificate| pem::to_text("CERTIFICATE", certificate.der()).to_string();
        let generation = |generation: &Generation| {
            json!({
                "number": generation.number,
                "status": generation.status.as_str(),
                "pluggedIn": generation.plugged_in,
                "publishedAt": generation.published_at,
                "root": certificate(&generation.root),
                "chain": generation.chain.iter().map(certificate).collect::<Vec<_>>(),
            })
        };
        let document = json!({
            "apiVersion": API_VERSION,
            "kind": "CertificateAuthority",
            "trustDomain": self.trust_domain.as_str(),
            "defaultTtl": self.default_ttl,
            "maxTtl": self.max_ttl,
            "propagation": self.propagation,
            "generations": self.generations.iter().map(generation).collect::<Vec<_>>(),
            "otherRoots": self.other_roots.iter().map(certificate).collect::<Vec<_>>(),
        });
        format!("{document:#}\n")
    }

    /// Reads it; the error is the field that is wrong.
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        let Ok(Value::Object(document)) = serde_json::from_str(text) else {
            return Err("it is not a JSON object");
        };
        if document.get("apiVersion").and_then(Value::as_str) != Some(API_VERSION) {
            return Err("`apiVersion`");
        }
        let number = |name: &str| match document.get(name).and_then(Value::as_i64) {
            Some(number) if number > 0 => Ok(number),
            _ => Err("`defaultTtl`, `maxTtl` or `propagation`"),
        };
        let trust_domain = document
            .get("trustDomain")
            .and_then(Value::as_str)
            .and_then(|name| TrustDomain::parse(name).ok())
            .ok_or("`trustDomain`")?;
        let generations = document
            .get("generations")
            .and_then(Value::as_array)
            .ok_or("`generations`")?;
        let generations = generations
            .iter()
            .map(|value| {
                value
                    .as_object()
                    .and_then(generation)
                    .ok_or("`generations`")
            })
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Self {
            trust_domain,
            default_ttl: number("defaultTtl")?,
            max_ttl: number("maxTtl")?,
            propagation: number("propagation")?,
            generations,
            other_roots: document
                .get("otherRoots")
                .and_then(Value::as_array)
                .ok_or("`otherRoots`")?
                .iter()
                .map(|value| value.as_str().and_then(one).ok_or("`otherRoots`"))
                .collect::<Result<_, _>>()?,
        })
    }
}

fn generation(object: &Map<String, Value>) -> Option<Generation> {
    let chain = object.get("chain")?.as_array()?;
    let chain: Option<Vec<Certificate>> = chain.iter().map(|value| one(value.as_str()?)).collect();
    Some(Generation {
        number: object.get("number")?.as_u64()?,
        status: Status::parse(object.get("status")?.as_str()?)?,
        plugged_in: object.get("pluggedIn")?.as_bool()?,
        published_at: object.get("publishedAt")?.as_i64()?,
        root: one(object.get("root")?.as_str()?)?,
        chain: chain?,
    })
}

fn one(text: &str) -> Option<Certificate> {
    let blocks = pem::parse(text).ok()?;
    match blocks.as_slice() {
        [block] if block.label == "CERTIFICATE" => Certificate::from_der(&block.bytes).ok(),
        _ => None,
    }
}

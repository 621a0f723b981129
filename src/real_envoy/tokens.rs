//! Stated tokens → real ones, signed with a key that every provider is made to know beside its own.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::{Map, Value, json};

use crate::mesh::TokenProvider;
use crate::request::{Claim, Claims, Defect, StatedToken};

/// So far beside the present are the times of a token that is bad by its time, in seconds.
const FAR: i64 = 3600;

/// Two keys: one that providers know, one that nobody does.
#[derive(Debug)]
pub(super) struct Signer {
    known: EcdsaKeyPair,
    unknown: EcdsaKeyPair,
    random: SystemRandom,
    /// What has been signed, by what it says and how it is bad.
    signed: Mutex<BTreeMap<(String, Option<Defect>), String>>,
}

/// There is no randomness, or no key can be made of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no key for tokens can be made")]
pub struct NoKey;

fn key(random: &SystemRandom) -> Result<EcdsaKeyPair, NoKey> {
    let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, random);
    let document = document.map_err(|_unspecified| NoKey)?;
    EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref(), random)
        .map_err(|_rejected| NoKey)
}

impl Signer {
    pub(super) fn new() -> Result<Self, NoKey> {
        let random = SystemRandom::new();
        Ok(Self { known: key(&random)?, unknown: key(&random)?, random, signed: Mutex::default() })
    }

    /// A provider's key set with the known key in it. What is no key set stays as it is.
    pub(super) fn keys_of(&self, provider: &TokenProvider) -> String {
        // An uncompressed point: a byte that says so, x, y.
        let point = self.known.public_key().as_ref();
        let half = |range| URL_SAFE_NO_PAD.encode(point.get(range).unwrap_or_default());
        let own = json!({"kty": "EC", "crv": "P-256", "alg": "ES256", "x": half(1..33), "y": half(33..65)});
        let written = provider.jwks.as_deref().unwrap_or(crate::envoy::NO_KEYS);
        match serde_json::from_str::<Value>(written) {
            Ok(mut set) => match set.get_mut("keys") {
                Some(Value::Array(keys)) => {
                    keys.push(own);
                    set.to_string()
                }
                _ => written.to_owned(),
            },
            Err(_) => written.to_owned(),
        }
    }

    /// The token that a stated one stands for, at `now`, in seconds since 1970.
    pub(super) fn token(&self, stated: &StatedToken, now: i64) -> Result<String, NoKey> {
        let mut claims = json_of_claims(&stated.claims);
        match stated.defect {
            Some(Defect::Malformed) => return Ok("malformed.token".to_owned()),
            Some(Defect::Expired) => {
                claims.insert("exp".to_owned(), json!(now.saturating_sub(FAR)));
            }
            Some(Defect::NotYet) => {
                claims.insert("nbf".to_owned(), json!(now.saturating_add(FAR)));
            }
            Some(Defect::BadSignature | Defect::WrongKey) | None => {}
        }
        let said = (Value::Object(claims).to_string(), stated.defect);
        let known = self
            .signed
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&said)
            .cloned();
        if let Some(token) = known {
            return Ok(token);
        }
        let token = self.sign(&said.0, stated.defect)?;
        let mut signed = self.signed.lock().unwrap_or_else(PoisonError::into_inner);
        signed.insert(said, token.clone());
        Ok(token)
    }

    fn sign(&self, claims: &str, defect: Option<Defect>) -> Result<String, NoKey> {
        let header = URL_SAFE_NO_PAD.encode(json!({"alg": "ES256", "typ": "JWT"}).to_string());
        let payload = URL_SAFE_NO_PAD.encode(claims);
        let signed = format!("{header}.{payload}");
        let (key, message) = match defect {
            Some(Defect::WrongKey) => (&self.unknown, signed.clone()),
            Some(Defect::BadSignature) => (&self.known, format!("{signed}.")),
            _ => (&self.known, signed.clone()),
        };
        let signature = key
            .sign(&self.random, message.as_bytes())
            .map_err(|_unspecified| NoKey)?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref())))
    }
}

fn json_of_claims(claims: &Claims) -> Map<String, Value> {
    claims
        .iter()
        .map(|(name, claim)| (name.clone(), json_of(claim)))
        .collect()
}

fn json_of(claim: &Claim) -> Value {
    match claim {
        Claim::Bool(value) => Value::Bool(*value),
        Claim::List(items) => items.iter().map(json_of).collect(),
        Claim::Map(claims) => Value::Object(json_of_claims(claims)),
        Claim::Null => Value::Null,
        Claim::Number(number) => whole(*number).map_or_else(|| json!(number), |whole| json!(whole)),
        Claim::String(text) => Value::String(text.clone()),
    }
}

/// A number as JSON writes it where it is whole: times are.
fn whole(number: f64) -> Option<i64> {
    format!("{number}").parse().ok()
}

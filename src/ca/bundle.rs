//! Roots and token keys ↔ a SPIFFE bundle document (JWKS), PEM, and a token's key set. [SPIFFE Trust Domain and Bundle §4]

use serde_json::{Map, Value, json};

use super::certificate::{Certificate, CertificateError, hex};
use super::der::untlv;
use super::key::{Algorithm, PrivateKey, sha256};
use super::pem::{self, PemError, base64, base64url, from_base64};

/// Why a text is no bundle.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BundleError {
    /// It is not PEM.
    #[error(transparent)]
    Pem(#[from] PemError),
    /// It has a block that is no certificate.
    #[error("the block `{label}` is no certificate{}", if .label.contains("PRIVATE") { ", and a private key does not belong in a bundle" } else { "" })]
    Label {
        /// The block's label.
        label: String,
    },
    /// A certificate in it cannot be read.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// It is JSON and no bundle document.
    #[error("not a SPIFFE bundle: {0}")]
    Document(&'static str),
    /// It holds no certificate.
    #[error("no certificate in it")]
    Empty,
}

/// The certificates of a PEM text, which holds nothing else, or of a SPIFFE bundle document.
///
/// # Errors
/// [`BundleError`]; a bundle without certificate is one.
pub fn read_bundle(text: &str) -> Result<Vec<Certificate>, BundleError> {
    let certificates = if text.trim_start().starts_with('{') {
        read_document(text)?
    } else {
        read_certificates(text)?
    };
    if certificates.is_empty() { Err(BundleError::Empty) } else { Ok(certificates) }
}

/// The certificates of a PEM text, which holds nothing else; may be none.
///
/// # Errors
/// [`BundleError`].
pub fn read_certificates(text: &str) -> Result<Vec<Certificate>, BundleError> {
    let blocks = pem::parse(text)?;
    if let Some(other) = blocks.iter().find(|block| block.label != "CERTIFICATE") {
        return Err(BundleError::Label { label: other.label.clone() });
    }
    Ok(blocks
        .iter()
        .map(|block| Certificate::from_der(&block.bytes))
        .collect::<Result<_, _>>()?)
}

fn read_document(text: &str) -> Result<Vec<Certificate>, BundleError> {
    let document: Value =
        serde_json::from_str(text).map_err(|_json| BundleError::Document("it is not JSON"))?;
    let keys = document
        .get("keys")
        .and_then(Value::as_array)
        .ok_or(BundleError::Document("no `keys`"))?;
    let mut certificates = Vec::new();
    for key in keys {
        // "If the `use` parameter is missing, or its value is not recognized, the JWK entry MUST be ignored." [SP-3]
        if key.get("use").and_then(Value::as_str) != Some("x509-svid") {
            continue;
        }
        let chain = key
            .get("x5c")
            .and_then(Value::as_array)
            .map(Vec::as_slice)
            .unwrap_or_default();
        // "An x509-svid entry … MUST contain exactly one value" in `x5c`.
        let [only] = chain else {
            return Err(BundleError::Document("`x5c` has not exactly one certificate"));
        };
        let der = only
            .as_str()
            .and_then(from_base64)
            .ok_or(BundleError::Document("`x5c` is not base64"))?;
        certificates.push(Certificate::from_der(&der)?);
    }
    Ok(certificates)
}

/// Certificates as PEM, one behind another.
#[must_use]
pub fn to_pem(certificates: &[Certificate]) -> String {
    certificates
        .iter()
        .map(|certificate| pem::to_text("CERTIFICATE", certificate.der()).to_string())
        .collect()
}

/// A SPIFFE bundle document: the roots for X509-SVIDs, the token key for JWT-SVIDs. `sequence` grows with every change;
/// `refresh_hint` is in seconds.
#[must_use]
pub fn to_document(
    roots: &[Certificate],
    token_key: &PrivateKey,
    sequence: u64,
    refresh_hint: i64,
) -> String {
    let mut keys = Vec::new();
    for root in roots {
        if let Some(mut key) = public_jwk(&root.public_key) {
            key.insert("use".to_owned(), "x509-svid".into());
            key.insert("x5c".to_owned(), json!([base64(root.der()).as_str()]));
            keys.push(Value::Object(key));
        }
    }
    if let Some(mut key) = public_jwk(&token_key.public_key()) {
        key.insert("use".to_owned(), "jwt-svid".into());
        key.insert("kid".to_owned(), key_id(token_key).into());
        keys.push(Value::Object(key));
    }
    let document =
        json!({"keys": keys, "spiffe_sequence": sequence, "spiffe_refresh_hint": refresh_hint});
    format!("{document:#}\n")
}

/// The token key alone, as a RequestAuthentication's inline `jwks` takes it.
#[must_use]
pub fn token_jwks(token_key: &PrivateKey) -> String {
    let mut key = public_jwk(&token_key.public_key()).unwrap_or_default();
    key.insert("kid".to_owned(), key_id(token_key).into());
    key.insert("alg".to_owned(), token_algorithm(token_key.algorithm()).into());
    format!("{}\n", json!({"keys": [key]}))
}

/// The name of a token key: the front of the hash of its public key.
pub(super) fn key_id(key: &PrivateKey) -> String {
    let hash = sha256(&key.public_key());
    hex(hash.get(..16).unwrap_or_default())
}

/// The algorithm's name in a token. [RFC 7518 §3.1] [RFC 8037 §3.1]
pub(super) const fn token_algorithm(algorithm: Algorithm) -> &'static str {
    match algorithm {
        Algorithm::EcdsaP256 => "ES256",
        Algorithm::EcdsaP384 => "ES384",
        Algorithm::Ed25519 => "EdDSA",
        Algorithm::Rsa => "RS256",
    }
}

/// A `SubjectPublicKeyInfo` as the members of a JWK; absent for keys of other kinds. [RFC 7518 §6]
fn public_jwk(der: &[u8]) -> Option<Map<String, Value>> {
    let (content, _) = untlv(0x30, der)?;
    let (algorithm, rest) = untlv(0x30, content)?;
    let (bits, _) = untlv(3, rest)?;
    let (_, key) = bits.split_first()?;
    let (oid, _) = untlv(6, algorithm)?;
    let map = |value: Value| if let Value::Object(map) = value { Some(map) } else { None };
    match oid {
        // id-ecPublicKey
        [0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1] => {
            let point = key.strip_prefix(&[4])?;
            let (x, y) = point.split_at_checked(point.len() / 2)?;
            let curve = match x.len() {
                32 => "P-256",
                48 => "P-384",
                _ => return None,
            };
            map(json!({"kty": "EC", "crv": curve, "x": base64url(x), "y": base64url(y)}))
        }
        // rsaEncryption
        [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1] => {
            let (content, _) = untlv(0x30, key)?;
            let (modulus, rest) = untlv(2, content)?;
            let (exponent, _) = untlv(2, rest)?;
            let modulus = modulus.strip_prefix(&[0]).unwrap_or(modulus);
            map(json!({"kty": "RSA", "n": base64url(modulus), "e": base64url(exponent)}))
        }
        // id-Ed25519
        [0x2b, 0x65, 0x70] => map(json!({"kty": "OKP", "crv": "Ed25519", "x": base64url(key)})),
        _ => None,
    }
}

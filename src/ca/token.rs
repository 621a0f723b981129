//! Claims and a key → a signed token: Istio-shaped, or a JWT-SVID. [RFC 7515] [RFC 7519] [SPIFFE JWT-SVID]

use serde_json::{Map, Value, json};

use super::bundle::{key_id, token_algorithm};
use super::der::untlv;
use super::key::{Algorithm, KeyError, PrivateKey};
use super::pem::base64url;
use super::time::UnixTime;

/// Why no token was made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// The further claims are no JSON object.
    #[error("claims are a JSON object")]
    Claims,
    /// A further claim is one that has its own flag.
    #[error("claim `{name}` has its own flag")]
    OwnFlag {
        /// The claim.
        name: String,
    },
    /// A JWT-SVID without audience. [SPIFFE JWT-SVID §3.2]
    #[error("a JWT-SVID has at least one audience")]
    NoAudience,
    /// The key fails.
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// What a token is to say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Claims {
    /// `iss`; absent from the token where absent here.
    pub issuer: Option<String>,
    /// `sub`.
    pub subject: String,
    /// `aud`; one is written as text, several as a list, none not at all.
    pub audiences: Vec<String>,
    /// `exp`, in seconds since 1970.
    pub expires: UnixTime,
    /// `iat`, in seconds since 1970.
    pub issued: UnixTime,
    /// Further claims, a JSON object.
    pub further: Option<String>,
}

/// A token in its compact form.
///
/// # Errors
/// [`TokenError`].
pub fn mint(key: &PrivateKey, claims: &Claims) -> Result<String, TokenError> {
    let mut body = Map::new();
    if let Some(issuer) = &claims.issuer {
        body.insert("iss".to_owned(), issuer.as_str().into());
    }
    body.insert("sub".to_owned(), claims.subject.as_str().into());
    match claims.audiences.as_slice() {
        [] => {}
        [one] => {
            body.insert("aud".to_owned(), one.as_str().into());
        }
        several => {
            body.insert("aud".to_owned(), json!(several));
        }
    }
    body.insert("iat".to_owned(), claims.issued.into());
    body.insert("exp".to_owned(), claims.expires.into());
    if let Some(further) = &claims.further {
        let Ok(Value::Object(further)) = serde_json::from_str(further) else {
            return Err(TokenError::Claims);
        };
        for (name, value) in further {
            if ["iss", "sub", "aud", "iat", "exp"].contains(&name.as_str()) {
                return Err(TokenError::OwnFlag { name });
            }
            body.insert(name, value);
        }
    }
    let header = json!({"alg": token_algorithm(key.algorithm()), "kid": key_id(key), "typ": "JWT"});
    let signed = format!(
        "{}.{}",
        base64url(header.to_string().as_bytes()),
        base64url(Value::Object(body).to_string().as_bytes())
    );
    let signature = key.sign(signed.as_bytes())?;
    let signature = match key.algorithm() {
        Algorithm::EcdsaP256 => halves(&signature, 32).ok_or(KeyError::Library)?,
        Algorithm::EcdsaP384 => halves(&signature, 48).ok_or(KeyError::Library)?,
        Algorithm::Ed25519 | Algorithm::Rsa => signature,
    };
    Ok(format!("{signed}.{}", base64url(&signature)))
}

/// The two numbers of an ECDSA signature in DER, each filled up to `size` bytes. [RFC 7518 §3.4]
fn halves(der: &[u8], size: usize) -> Option<Vec<u8>> {
    let (content, _) = untlv(0x30, der)?;
    let (r, rest) = untlv(2, content)?;
    let (s, _) = untlv(2, rest)?;
    let mut joined = Vec::with_capacity(size * 2);
    for number in [r, s] {
        let start = number
            .iter()
            .position(|byte| *byte != 0)
            .unwrap_or(number.len());
        let number = number.get(start..)?;
        joined.resize(joined.len() + size.checked_sub(number.len())?, 0);
        joined.extend(number);
    }
    Some(joined)
}

//! Real tokens and inline key sets → claims and whether a key of the set signed them (RFC 7515, 7517, 7519).

use base64::Engine as _;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use ring::signature::{self, UnparsedPublicKey, VerificationAlgorithm};
use serde_json::{Map, Value};

use crate::request::{Claim, Claims, Signature, TokenReader, TokenReading};

/// Reads tokens and verifies them against inline key sets. A provider whose keys are fetched stays unknown:
/// nothing here opens a connection.
#[derive(Clone, Copy, Debug, Default)]
pub struct InlineKeys;

/// base64url, padded or not; what the last character says too much is not looked at.
const BASE64URL: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// Decodes as Envoy does, which skips blanks and wants all of the padding or none.
fn base64url(text: &str) -> Option<Vec<u8>> {
    let is_blank = |byte: &u8| byte.is_ascii_whitespace() || *byte == 0x0b;
    let bytes: Vec<u8> = text.bytes().filter(|byte| !is_blank(byte)).collect();
    let padded = bytes.ends_with(b"=");
    if padded && !bytes.len().is_multiple_of(4) {
        return None;
    }
    BASE64URL.decode(bytes).ok()
}

/// Longer tokens than any proxy's header limit are not looked into.
const MAX_TOKEN: usize = 1 << 20;

impl TokenReader for InlineKeys {
    fn read(&self, token: &str, jwks: Option<&str>) -> TokenReading {
        match parse(token) {
            Err(reason) => TokenReading::Malformed(reason.to_owned()),
            Ok(parsed) => {
                let signature = match jwks {
                    None => Signature::Unknown(
                        "the provider fetches its keys, which are not in the YAML".to_owned(),
                    ),
                    Some(jwks) => parsed.verify(jwks),
                };
                TokenReading::Read { claims: parsed.claims, signature }
            }
        }
    }
}

/// A token in its parts.
struct Parsed {
    algorithm: String,
    key_id: String,
    claims: Claims,
    signed: String,
    signature: Vec<u8>,
}

const ALGORITHMS: &[&str] = &[
    "ES256", "ES384", "ES512", "HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256",
    "PS384", "PS512", "EdDSA",
];

fn parse(token: &str) -> Result<Parsed, &'static str> {
    // Empty parts do not count [JWT-30].
    let mut parts = token.split('.').filter(|part| !part.is_empty());
    let (Some(header), Some(payload), Some(signature), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err("Jwt is not in the form of Header.Payload.Signature");
    };
    if token.len() > MAX_TOKEN {
        return Err("Jwt is too long");
    }
    let signed = format!("{header}.{payload}");
    let header = object(header).ok_or("Jwt header is not base64url of a JSON object")?;
    let Some(Value::String(algorithm)) = header.get("alg") else {
        return Err("Jwt header has no `alg`");
    };
    if !ALGORITHMS.contains(&algorithm.as_str()) {
        return Err("Jwt header `alg` is not implemented");
    }
    let key_id = match header.get("kid") {
        None => String::new(),
        Some(Value::String(key_id)) => key_id.clone(),
        Some(_) => return Err("Jwt header `kid` is not a string"),
    };
    let claims = object(payload).ok_or("Jwt payload is not base64url of a JSON object")?;
    let signature = base64url(signature).ok_or("Jwt signature is not base64url")?;
    Ok(Parsed { algorithm: algorithm.clone(), key_id, claims: map(claims), signed, signature })
}

fn object(part: &str) -> Option<Map<String, Value>> {
    let bytes = base64url(part)?;
    if let Value::Object(object) = serde_json::from_slice(&bytes).ok()? {
        Some(object)
    } else {
        None
    }
}

fn map(object: Map<String, Value>) -> Claims {
    object
        .into_iter()
        .map(|(name, value)| (name, claim(value)))
        .collect()
}

fn claim(value: Value) -> Claim {
    match value {
        Value::Null => Claim::Null,
        Value::Bool(value) => Claim::Bool(value),
        Value::Number(number) => Claim::Number(number.as_f64().unwrap_or(f64::NAN)),
        Value::String(text) => Claim::String(text),
        Value::Array(items) => Claim::List(items.into_iter().map(claim).collect()),
        Value::Object(object) => Claim::Map(map(object)),
    }
}

impl Parsed {
    /// A key of the set whose `kid` and `alg`, where both sides have them, are the token's, and that signed it [JWT-30].
    fn verify(&self, jwks: &str) -> Signature {
        let keys = match serde_json::from_str::<Value>(jwks) {
            Ok(Value::Object(mut set)) => match set.remove("keys") {
                Some(Value::Array(keys)) => keys,
                _ => return Signature::Bad("Jwks has no `keys`".to_owned()),
            },
            _ => return Signature::Bad("Jwks is not JSON".to_owned()),
        };
        let mut tried = false;
        for key in &keys {
            let field = |name: &str| key.get(name).and_then(Value::as_str).unwrap_or_default();
            let (key_id, algorithm) = (field("kid"), field("alg"));
            if !self.key_id.is_empty() && !key_id.is_empty() && key_id != self.key_id {
                continue;
            }
            if !algorithm.is_empty() && algorithm != self.algorithm {
                continue;
            }
            tried = true;
            match self.signed_by(key) {
                Some(true) => return Signature::Good,
                Some(false) => {}
                None => {
                    return Signature::Unknown(format!(
                        "signatures of {} are not verified here",
                        self.algorithm
                    ));
                }
            }
        }
        Signature::Bad(if tried {
            "Jwt verification fails".to_owned()
        } else {
            "Jwks doesn't have key to match kid or alg from Jwt".to_owned()
        })
    }

    /// Whether this key signed the token; absent where the algorithm cannot be verified here.
    fn signed_by(&self, key: &Value) -> Option<bool> {
        let field = |name: &str| key.get(name).and_then(Value::as_str).unwrap_or_default();
        let bytes = |name: &str| base64url(field(name)).unwrap_or_default();
        let check =
            |algorithm: &'static dyn VerificationAlgorithm, public: Vec<u8>, signature: &[u8]| {
                UnparsedPublicKey::new(algorithm, public)
                    .verify(self.signed.as_bytes(), signature)
                    .is_ok()
            };
        // Envoy takes the two halves of a signature of ECDSA; a byte behind two full ones is not looked at.
        let halves = |size: usize| match self.signature.get(..size * 2) {
            Some(halves) if self.signature.len() == size * 2 + 1 => halves,
            _ => self.signature.as_slice(),
        };
        let rsa = |parameters: &'static signature::RsaParameters| {
            let (n, e) = (bytes("n"), bytes("e"));
            let n: &[u8] = match n.iter().position(|byte| *byte != 0) {
                Some(start) => n.get(start..).unwrap_or_default(),
                None => &[],
            };
            let components = signature::RsaPublicKeyComponents { n, e: &e };
            components
                .verify(parameters, self.signed.as_bytes(), &self.signature)
                .is_ok()
        };
        let point = |size: usize| {
            let (x, y) = (bytes("x"), bytes("y"));
            if x.len() > size || y.len() > size {
                return Vec::new();
            }
            let mut point = vec![4];
            for coordinate in [x, y] {
                point.resize(point.len() + size - coordinate.len(), 0);
                point.extend(coordinate);
            }
            point
        };
        let hmac = |algorithm: ring::hmac::Algorithm| {
            let key = ring::hmac::Key::new(algorithm, &bytes("k"));
            ring::hmac::verify(&key, self.signed.as_bytes(), &self.signature).is_ok()
        };
        let of_type = |kind: &str| field("kty") == kind;
        Some(match self.algorithm.as_str() {
            "ES256" => {
                of_type("EC") && check(&signature::ECDSA_P256_SHA256_FIXED, point(32), halves(32))
            }
            "ES384" => {
                of_type("EC") && check(&signature::ECDSA_P384_SHA384_FIXED, point(48), halves(48))
            }
            "RS256" => of_type("RSA") && rsa(&signature::RSA_PKCS1_2048_8192_SHA256),
            "RS384" => of_type("RSA") && rsa(&signature::RSA_PKCS1_2048_8192_SHA384),
            "RS512" => of_type("RSA") && rsa(&signature::RSA_PKCS1_2048_8192_SHA512),
            "PS256" => of_type("RSA") && rsa(&signature::RSA_PSS_2048_8192_SHA256),
            "PS384" => of_type("RSA") && rsa(&signature::RSA_PSS_2048_8192_SHA384),
            "PS512" => of_type("RSA") && rsa(&signature::RSA_PSS_2048_8192_SHA512),
            "EdDSA" => of_type("OKP") && check(&signature::ED25519, bytes("x"), &self.signature),
            "HS256" => of_type("oct") && hmac(ring::hmac::HMAC_SHA256),
            "HS384" => of_type("oct") && hmac(ring::hmac::HMAC_SHA384),
            "HS512" => of_type("oct") && hmac(ring::hmac::HMAC_SHA512),
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    /// The example of RFC 7515, appendix A.1: HS256.
    const TOKEN: &str = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const KEY: &str = r#"{"kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"}"#;

    fn signature(token: &str, jwks: &str) -> Signature {
        let TokenReading::Read { signature, .. } = InlineKeys.read(token, Some(jwks)) else {
            panic!("the token was not read");
        };
        signature
    }

    // [JWT-30]
    #[rstest]
    #[case::the_key(&format!(r#"{{"keys":[{KEY}]}}"#), true)]
    #[case::no_key(r#"{"keys":[]}"#, false)]
    #[case::another_key(r#"{"keys":[{"kty":"oct","k":"AAAA"}]}"#, false)]
    #[case::another_algorithm(&format!(r#"{{"keys":[{}]}}"#, KEY.replace("\"kty\"", "\"alg\":\"HS384\",\"kty\"")), false)]
    #[case::no_json("[", false)]
    fn a_token_is_good_when_a_key_of_the_set_signed_it(#[case] jwks: &str, #[case] good: bool) {
        assert_eq!(signature(TOKEN, jwks) == Signature::Good, good);
    }

    // [JWT-30]
    #[rstest]
    #[case::empty_parts(&format!(".{TOKEN}.."), true)]
    #[case::blanks_in_the_signature(&TOKEN.replace(".dBj", ". dB\tj"), true)]
    #[case::whole_padding(&format!("{TOKEN}="), true)]
    #[case::a_last_character_with_more_bits(&TOKEN.replace("Xk", "Xl"), true)]
    #[case::blanks_in_what_is_signed(&TOKEN.replacen('.', " .", 1), false)]
    fn a_token_is_read_as_envoy_reads_it(#[case] token: &str, #[case] good: bool) {
        let keys = format!(r#"{{"keys":[{KEY}]}}"#);
        assert_eq!(signature(token, &keys) == Signature::Good, good);
    }

    #[test]
    fn without_keys_the_signature_is_unknown() {
        assert!(matches!(
            InlineKeys.read(TOKEN, None),
            TokenReading::Read { signature: Signature::Unknown(_), .. }
        ));
    }

    // [JWT-30]
    #[rstest]
    #[case::two_parts("a.b")]
    #[case::four_parts("a.b.c.d")]
    #[case::not_json("YQ.YQ.YQ")]
    #[case::no_algorithm("e30.e30.YQ")]
    #[case::too_much_padding(&format!("{TOKEN}=="))]
    #[case::none_algorithm("eyJhbGciOiJub25lIn0.e30.")]
    fn what_is_no_token_is_malformed(#[case] token: &str) {
        assert!(matches!(InlineKeys.read(token, None), TokenReading::Malformed(_)));
    }
}

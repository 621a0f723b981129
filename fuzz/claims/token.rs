//! A token in any text: it is read without a panic, its claims are those of its payload, and only what a key of the set signed is
//! called signed.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use portcullis::jwt::InlineKeys;
use portcullis::request::{Signature, TokenReader as _, TokenReading};
use serde_json::Value;

/// A key set with one key, whose other half nobody has any more.
const KEYS: &str = r#"{"keys":[{"kty":"EC","crv":"P-256","kid":"k","alg":"ES256","x":"6rpve-Rw4Ej9oBsiWWwQ6WWFODFV65KNRg9CRlcocWw","y":"GMLwJuW4qDGN7ZbtaQiSIrb8A_kT0cMHKys7Pt3UClE"}]}"#;
/// What that key signed.
pub const SIGNED: &str = "eyJhbGciOiJFUzI1NiIsImtpZCI6ImsiLCJ0eXAiOiJKV1QifQ.eyJpc3MiOiJpc3N1ZXIiLCJzdWIiOiJzdWJqZWN0IiwiYXVkIjpbImFkbWluIl0sImV4cCI6NDAwMDAwMDAwMCwiYSI6eyJiIjp0cnVlfSwibiI6bnVsbCwiZiI6MS41fQ.2D3iqOOqe6f1kgEFq9FEm3VOU2XX2L-Sti3bOz0XW2_0sw1G2mv57LTRs7zPYcnm8jWuJGsM7BPbvkIsctt93g";

/// The claim.
pub fn holds(bytes: &[u8]) {
    let Some(text) = super::text(bytes) else { return };
    // A line with a key set, and then a token; without it the key set of above.
    let (keys, token) = text.split_once('\n').unwrap_or((KEYS, text));
    let reading = InlineKeys.read(token, Some(keys));
    let parts: Vec<&str> = token.split('.').filter(|part| !part.is_empty()).collect();
    let TokenReading::Read { claims, signature } = reading else { return };
    let [_, payload, _] = parts.as_slice() else { panic!("{token:?} has not three parts") };
    if keys == KEYS && signature == Signature::Good {
        let what = |token: &str| {
            let mut parts = token.split('.').filter(|part| !part.is_empty());
            parts
                .next()
                .zip(parts.next())
                .map(|(a, b)| format!("{a}.{b}"))
        };
        assert_eq!(what(token), what(SIGNED), "nobody signed {token:?}");
    }
    // Without blanks and padding it is plain base64url.
    let Ok(bytes) = URL_SAFE_NO_PAD.decode(payload) else { return };
    let Ok(Value::Object(object)) = serde_json::from_slice(&bytes) else {
        panic!("{token:?} has claims {claims:?}")
    };
    let mut names: Vec<&String> = object.keys().collect();
    names.sort();
    assert_eq!(claims.keys().collect::<Vec<_>>(), names);
    assert_eq!(
        InlineKeys.read(token, None),
        TokenReading::Read {
            claims,
            signature: Signature::Unknown(
                "the provider fetches its keys, which are not in the YAML".to_owned()
            ),
        }
    );
}

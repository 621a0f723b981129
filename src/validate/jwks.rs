//! An inline key set as text → whether istiod can read it, and whether it gives a secret away.

use std::iter::Peekable;
use std::str::Chars;

/// Why a text is no key set [VAL-53].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum JwksError {
    #[error("it is not JSON")]
    Json,
    #[error("it is neither a key nor `{{\"keys\": […]}}`")]
    Shape,
    #[error("key {index} has no known `kty`")]
    KeyType { index: usize },
    #[error("`{field}` of key {index} is missing or malformed")]
    Field { index: usize, field: &'static str },
}

/// Reads a key set, or one key. Says whether a key is private or symmetric [VAL-57].
pub(super) fn has_secret(text: &str) -> Result<bool, JwksError> {
    let json = Json::parse(text).ok_or(JwksError::Json)?;
    let Json::Object(members) = &json else { return Err(JwksError::Shape) };
    let Some((_, keys)) = members.iter().find(|(name, _)| name == "keys") else {
        return is_secret(&json, 0);
    };
    let keys = match keys {
        Json::Array(keys) => keys.as_slice(),
        Json::Null => &[],
        Json::Object(_) | Json::Other | Json::String(_) => return Err(JwksError::Shape),
    };
    let mut secret = false;
    for (index, key) in keys.iter().enumerate() {
        secret |= is_secret(key, index)?;
    }
    Ok(secret)
}

/// The fields of public keys that must be there, by type.
const KEY_TYPES: [(&str, &[&str]); 4] =
    [("EC", &["x", "y"]), ("OKP", &["x"]), ("RSA", &["e", "n"]), ("oct", &["k"])];
const CURVES: [&str; 7] = ["Ed25519", "Ed448", "P-256", "P-384", "P-521", "X25519", "X448"];

fn is_secret(key: &Json, index: usize) -> Result<bool, JwksError> {
    let Json::Object(members) = key else { return Err(JwksError::Shape) };
    let member = |name: &str| {
        let mut members = members.iter();
        members.find_map(|(member, value)| (member == name).then_some(value))
    };
    let malformed = |field| JwksError::Field { index, field };
    let Some(Json::String(key_type)) = member("kty") else {
        return Err(JwksError::KeyType { index });
    };
    let (key_type, numbers) = KEY_TYPES
        .iter()
        .find(|(name, _)| name == key_type)
        .ok_or(JwksError::KeyType { index })?;
    for name in ["alg", "kid", "use"] {
        if !matches!(member(name), None | Some(Json::String(_))) {
            return Err(malformed(name));
        }
    }
    if matches!(*key_type, "EC" | "OKP")
        && !matches!(member("crv"), Some(Json::String(name)) if CURVES.contains(&name.as_str()))
    {
        return Err(malformed("crv"));
    }
    for name in *numbers {
        if !matches!(member(name), Some(Json::String(text)) if is_base64(text)) {
            return Err(malformed(name));
        }
    }
    match member("d") {
        None => Ok(*key_type == "oct"),
        Some(Json::String(text)) if is_base64(text) => Ok(true),
        Some(_) => Err(malformed("d")),
    }
}

/// Base 64 in either alphabet, padded or not.
fn is_base64(text: &str) -> bool {
    let digits = text.trim_end_matches('=');
    let of = |extra: [u8; 2]| {
        digits
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || extra.contains(&byte))
    };
    digits.len() % 4 != 1 && (of([b'-', b'_']) || of([b'+', b'/']))
}

/// As much of a JSON text as a key set needs.
#[derive(Debug, PartialEq)]
enum Json {
    Array(Vec<Self>),
    Null,
    Object(Vec<(String, Self)>),
    /// A number or a truth value.
    Other,
    String(String),
}

/// The deepest nesting that is read. It bounds every recursion over the text.
const MAX_DEPTH: usize = 100;

impl Json {
    /// Reads a whole text as RFC 8259 has it.
    fn parse(text: &str) -> Option<Self> {
        let mut chars = text.chars().peekable();
        let json = Self::value(&mut chars, MAX_DEPTH)?;
        skip_space(&mut chars);
        chars.next().is_none().then_some(json)
    }

    fn value(chars: &mut Peekable<Chars<'_>>, depth: usize) -> Option<Self> {
        let depth = depth.checked_sub(1)?;
        skip_space(chars);
        match *chars.peek()? {
            '{' => Self::list(chars, '}', |chars| {
                skip_space(chars);
                let name = string(chars)?;
                skip_space(chars);
                chars.next_if_eq(&':')?;
                Some((name, Self::value(chars, depth)?))
            })
            .map(Self::Object),
            '[' => Self::list(chars, ']', |chars| Self::value(chars, depth)).map(Self::Array),
            '"' => string(chars).map(Self::String),
            'n' => word(chars, "null").then_some(Self::Null),
            't' => word(chars, "true").then_some(Self::Other),
            'f' => word(chars, "false").then_some(Self::Other),
            _ => number(chars).map(|()| Self::Other),
        }
    }

    /// The items between the bracket that comes next and `close`.
    fn list<T>(
        chars: &mut Peekable<Chars<'_>>,
        close: char,
        mut item: impl FnMut(&mut Peekable<Chars<'_>>) -> Option<T>,
    ) -> Option<Vec<T>> {
        chars.next();
        skip_space(chars);
        let mut items = Vec::new();
        if chars.next_if_eq(&close).is_some() {
            return Some(items);
        }
        loop {
            items.push(item(chars)?);
            skip_space(chars);
            if chars.next_if_eq(&close).is_some() {
                return Some(items);
            }
            chars.next_if_eq(&',')?;
        }
    }
}

fn skip_space(chars: &mut Peekable<Chars<'_>>) {
    while chars
        .next_if(|c| matches!(c, ' ' | '\t' | '\n' | '\r'))
        .is_some()
    {}
}

fn word(chars: &mut Peekable<Chars<'_>>, word: &str) -> bool {
    word.chars()
        .all(|letter| chars.next_if_eq(&letter).is_some())
}

fn digits(chars: &mut Peekable<Chars<'_>>) -> Option<()> {
    chars.next_if(char::is_ascii_digit)?;
    while chars.next_if(char::is_ascii_digit).is_some() {}
    Some(())
}

fn number(chars: &mut Peekable<Chars<'_>>) -> Option<()> {
    chars.next_if_eq(&'-');
    if chars.next_if_eq(&'0').is_none() {
        digits(chars)?;
    }
    if chars.next_if_eq(&'.').is_some() {
        digits(chars)?;
    }
    if chars.next_if(|c| matches!(c, 'e' | 'E')).is_some() {
        chars.next_if(|c| matches!(c, '+' | '-'));
        digits(chars)?;
    }
    Some(())
}

fn string(chars: &mut Peekable<Chars<'_>>) -> Option<String> {
    chars.next_if_eq(&'"')?;
    let mut text = String::new();
    loop {
        match chars.next()? {
            '"' => return Some(text),
            '\\' => text.push(match chars.next()? {
                c @ ('"' | '\\' | '/') => c,
                'b' => '\u{8}',
                'f' => '\u{c}',
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                'u' => {
                    let mut code = 0;
                    for _ in 0..4 {
                        code = code * 16 + chars.next()?.to_digit(16)?;
                    }
                    // No field that is looked at has a character beyond the first plane.
                    char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER)
                }
                _ => return None,
            }),
            '\0'..='\u{1f}' => return None,
            c => text.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::has_secret;

    #[rstest]
    #[case::a_set(
        r#"{"keys": [{"kty": "RSA", "n": "AQAB", "e": "AQAB", "kid": "1"}]}"#,
        Some(false)
    )]
    #[case::an_empty_set(r#"{"keys": []}"#, Some(false))]
    #[case::one_key(r#"{"kty": "EC", "crv": "P-256", "x": "AAAA", "y": "AAAA"}"#, Some(false))]
    #[case::a_private_key(
        r#"{"kty": "OKP", "crv": "Ed25519", "x": "AAAA", "d": "AAAA"}"#,
        Some(true)
    )]
    #[case::a_symmetric_key(r#"{"keys": [{"kty": "oct", "k": "AAAA"}]}"#, Some(true))]
    #[case::an_escape_in_a_name(r#"{"\u006bty": "oct", "k": "AAAA"}"#, Some(true))]
    #[case::other_members_may_be_anything(r#"{"x": [-1.5e+3, true, null, {"": "\t"}], "keys": null}"#.replace("\\t", "\\n").leak(), Some(false))]
    #[case::a_word("foo", None)]
    #[case::no_object("[]", None)]
    #[case::no_key("{}", None)]
    #[case::an_unknown_type(r#"{"keys": [{"kty": "DSA"}]}"#, None)]
    #[case::a_missing_number(r#"{"keys": [{"kty": "RSA", "n": "AQAB"}]}"#, None)]
    #[case::no_base_64(r#"{"keys": [{"kty": "RSA", "n": "AQAB!", "e": "AQAB"}]}"#, None)]
    #[case::an_unknown_curve(r#"{"kty": "EC", "crv": "P-1", "x": "AAAA", "y": "AAAA"}"#, None)]
    #[case::a_number_for_an_identifier(r#"{"kty": "oct", "k": "AAAA", "kid": 1}"#, None)]
    #[case::a_comma_too_many(r#"{"keys": [],}"#, None)]
    #[case::something_behind(r#"{"keys": []} {}"#, None)]
    #[case::yaml_is_not_json("{keys: []}", None)]
    #[case::a_leading_zero(r#"{"keys": [], "x": 01}"#, None)]
    fn a_key_set_is_read_or_refused(#[case] text: &str, #[case] want: Option<bool>) {
        assert_eq!(has_secret(text).ok(), want);
    }

    #[test]
    fn deep_nesting_is_refused_and_does_no_harm() {
        assert!(has_secret(&"[".repeat(100_000)).is_err());
    }
}

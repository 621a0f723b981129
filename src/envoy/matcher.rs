//! A value as Istio writes it → Envoy's matcher for it.

use std::net::IpAddr;

use super::message::Message;
use crate::matcher::StringMatch;
use crate::spiffe::URI_PREFIX;

/// The filter whose metadata holds the claims of a verified token.
const JWT_FILTER: &str = "envoy.filters.http.jwt_authn";
/// The key in that metadata.
pub(super) const JWT_PAYLOAD: &str = "payload";

/// A `StringMatcher` [AP-20].
pub(super) fn string(pattern: &StringMatch) -> Message {
    match pattern {
        StringMatch::Exact(text) => Message::object([("exact", text.as_str().into())]),
        StringMatch::Prefix(text) => Message::object([("prefix", text.as_str().into())]),
        StringMatch::Suffix(text) => Message::object([("suffix", text.as_str().into())]),
        // "`*` ⇒ full regex `.+`" [AP-20]
        StringMatch::Present => regex(".+"),
    }
}

/// A `StringMatcher` that runs a regular expression over the whole text.
pub(super) fn regex(expression: &str) -> Message {
    Message::object([("safeRegex", Message::object([("regex", expression.into())]))])
}

/// A `HeaderMatcher`: `*` is presence [AP-21].
pub(super) fn header(name: &str, pattern: &StringMatch, ignore_case: bool) -> Message {
    let header = Message::object([("name", name.into())]);
    if *pattern == StringMatch::Present {
        return header.with("presentMatch", true);
    }
    header.with("stringMatch", string(pattern).with_flag("ignoreCase", ignore_case))
}

/// A text in which no character means anything to a regular expression.
pub(super) fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len());
    for character in text.chars() {
        if r"\.+*?()|[]{}^$".contains(character) {
            quoted.push('\\');
        }
        quoted.push(character);
    }
    quoted
}

/// A value of `principals`, trust domain replaced already [ID-10].
pub(super) fn principal(value: &str, quoted: fn(&str) -> String) -> Message {
    match StringMatch::parse(value) {
        StringMatch::Present => regex(".+"),
        StringMatch::Suffix(suffix) => regex(&format!("{URI_PREFIX}.*{}", quoted(&suffix))),
        StringMatch::Prefix(prefix) => {
            string(&StringMatch::Prefix(format!("{URI_PREFIX}{prefix}")))
        }
        StringMatch::Exact(exact) => string(&StringMatch::Exact(format!("{URI_PREFIX}{exact}"))),
    }
}

/// A value of `namespaces` [ID-20].
pub(super) fn namespace(value: &str) -> Message {
    let pieces: Vec<String> = value.split('*').map(quoted).collect();
    regex(&format!(".*/ns/{}/.*", pieces.join(".*")))
}

/// A value of `serviceAccounts` in a policy of `policy_namespace` [ID-25].
pub(super) fn service_account(
    value: &str,
    policy_namespace: &str,
    quoted: fn(&str) -> String,
) -> Message {
    let (namespace, account) = value.split_once('/').unwrap_or((policy_namespace, value));
    regex(&format!("{URI_PREFIX}.+/ns/{}/(.+/|)sa/{}(/.+)?", quoted(namespace), quoted(account)))
}

/// A value of `trustDomains` [ID-28].
pub(super) fn trust_domain(value: &str) -> Message {
    match value.split_once('*') {
        Some(("", "")) => string(&StringMatch::Prefix(URI_PREFIX.to_owned())),
        Some((before, after)) => {
            regex(&format!("{URI_PREFIX}{}[^/]*{}/.*", quoted(before), quoted(after)))
        }
        None => string(&StringMatch::Prefix(format!("{URI_PREFIX}{value}/"))),
    }
}

/// A `CidrRange`, bits beyond the prefix as written [AP-55]; absent for what is no address, which the mesh has
/// left out before.
pub(super) fn cidr(value: &str) -> Option<Message> {
    let (address, length) = match value.split_once('/') {
        Some((address, length)) => (address, Some(length)),
        None => (value, None),
    };
    let address: IpAddr = address.parse().ok()?;
    let whole: u32 = if address.is_ipv4() { 32 } else { 128 };
    let length: u32 = length.map_or(Some(whole), |length| length.parse().ok())?;
    Some(Message::object([
        ("addressPrefix", address.to_string().into()),
        ("prefixLen", length.into()),
    ]))
}

/// A `MetadataMatcher`.
pub(super) fn metadata<'k>(
    filter: &str,
    path: impl IntoIterator<Item = &'k str>,
    value: Message,
) -> Message {
    let path = path.into_iter();
    let path: Vec<Message> = path
        .map(|key| Message::object([("key", key.into())]))
        .collect();
    Message::object([("filter", filter.into()), ("path", path.into()), ("value", value)])
}

/// A claim that is text.
pub(super) fn claim_text(claim: &str, pattern: &StringMatch) -> Message {
    metadata(JWT_FILTER, [JWT_PAYLOAD, claim], string_value(pattern))
}

/// A claim that is text, or a list that holds it [AP-74].
pub(super) fn claim<'k>(
    keys: impl IntoIterator<Item = &'k str>,
    patterns: &[&StringMatch],
) -> Message {
    let any = any_value(
        patterns
            .iter()
            .map(|pattern| string_value(pattern))
            .collect(),
    );
    let listed = Message::object([("listMatch", Message::object([("oneOf", any.clone())]))]);
    let path = std::iter::once(JWT_PAYLOAD).chain(keys);
    metadata(JWT_FILTER, path, or_value(vec![listed, any]))
}

/// A `ValueMatcher` of text.
pub(super) fn string_value(pattern: &StringMatch) -> Message {
    Message::object([("stringMatch", string(pattern))])
}

/// A `ValueMatcher` of a list that holds a text.
pub(super) fn list_value(pattern: &StringMatch) -> Message {
    Message::object([("listMatch", Message::object([("oneOf", string_value(pattern))]))])
}

/// A `ValueMatcher` that takes any of these; one alone stands for itself.
pub(super) fn any_value(mut values: Vec<Message>) -> Message {
    match values.pop() {
        Some(only) if values.is_empty() => only,
        last => {
            values.extend(last);
            or_value(values)
        }
    }
}

fn or_value(values: Vec<Message>) -> Message {
    Message::object([("orMatch", Message::object([("valueMatchers", values.into())]))])
}

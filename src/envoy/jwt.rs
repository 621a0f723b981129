//! Token providers → the filter that verifies tokens, as istiod generates it.

use super::matcher::JWT_PAYLOAD;
use super::message::Message;
use crate::mesh::TokenProvider;

/// The key set that stands for one that is fetched: it holds no key, so no token verifies. istiod does the same
/// where it cannot fetch.
pub const NO_KEYS: &str = r#"{"keys":[]}"#;

/// The key set that a provider itself writes, else [`NO_KEYS`].
#[must_use]
pub fn own_keys(provider: &TokenProvider) -> String {
    provider.jwks.as_deref().unwrap_or(NO_KEYS).to_owned()
}

/// The filter; absent where there is no provider [JWT-3]. `keys` tells the key set of each.
#[must_use]
pub fn jwt_filter(
    providers: &[TokenProvider],
    keys: &dyn Fn(&TokenProvider) -> String,
) -> Option<Message> {
    if providers.is_empty() {
        return None;
    }
    let names: Vec<String> = (0..providers.len())
        .map(|index| format!("origins-{index}"))
        .collect();
    let configured = providers
        .iter()
        .zip(&names)
        .map(|(configured, name)| (name.clone(), provider(configured, &keys(configured))))
        .collect();
    let rule = Message::object([
        ("match", Message::object([("prefix", "/".into())])),
        ("requires", requirement(&names)),
    ]);
    let config = Message::object([
        ("bypassCorsPreflight", true.into()),
        ("providers", Message::Object(configured)),
        ("rules", vec![rule].into()),
    ]);
    Some(Message::extension(
        "envoy.filters.http.jwt_authn",
        "envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication",
        config,
    ))
}

/// "One provider: `any(P, allow_missing)`. n>1: `any(P1, …, Pn, all(any(P1,allow_missing), …, any(Pn,allow_missing)))`"
/// [JWT-10]
fn requirement(names: &[String]) -> Message {
    let named = |name: &String| Message::object([("providerName", name.as_str().into())]);
    let any = |requirements: Vec<Message>| {
        Message::object([("requiresAny", Message::object([("requirements", requirements.into())]))])
    };
    let missing = || Message::object([("allowMissing", Message::object([]))]);
    let each: Vec<Message> = names
        .iter()
        .map(|name| any(vec![named(name), missing()]))
        .collect();
    if let [only] = each.as_slice() {
        return only.clone();
    }
    let mut alternatives: Vec<Message> = names.iter().map(named).collect();
    alternatives
        .push(Message::object([("requiresAll", Message::object([("requirements", each.into())]))]));
    any(alternatives)
}

fn provider(provider: &TokenProvider, keys: &str) -> Message {
    let rule = &provider.rule;
    let texts = |values: &[crate::diagnostic::Sourced<String>]| {
        values
            .iter()
            .map(|value| Message::from(value.value.as_str()))
            .collect::<Vec<Message>>()
    };
    let headers = rule.from_headers.iter().map(|from| {
        let name = from.name.as_ref().map_or("", |name| name.value.as_str());
        let prefix = Some(from.prefix.as_str()).filter(|prefix| !prefix.is_empty());
        Message::object([("name", name.into())]).with_some("valuePrefix", prefix)
    });
    let claims = rule.output_claim_to_headers.iter().filter_map(|output| {
        Some(Message::object([
            ("headerName", output.header.as_ref()?.value.as_str().into()),
            ("claimName", output.claim.as_ref()?.value.as_str().into()),
        ]))
    });
    let issuer = Some(rule.issuer.as_str()).filter(|issuer| !issuer.is_empty());
    let spaced = provider
        .space_delimited
        .iter()
        .map(|claim| Message::from(claim.as_str()))
        .collect();
    Message::object([])
        .with_some("issuer", issuer)
        .with_list("audiences", texts(&rule.audiences))
        .with_list("fromHeaders", headers.collect())
        .with_list("fromParams", texts(&rule.from_params))
        .with_list("fromCookies", texts(&rule.from_cookies))
        .with_flag("forward", rule.forward_original_token)
        .with_some("forwardPayloadHeader", rule.output_payload_to_header.as_deref())
        .with_list("claimToHeaders", claims.collect())
        .with("localJwks", Message::object([("inlineString", keys.into())]))
        .with("payloadInMetadata", JWT_PAYLOAD)
        .with(
            "normalizePayloadInMetadata",
            Message::object([("spaceDelimitedClaims", Message::List(spaced))]),
        )
}

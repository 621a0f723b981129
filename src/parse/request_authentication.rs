//! The fields of a RequestAuthentication → the policy as written.

use super::reader::{Fields, Place, Reader};
use super::{Root, meta, selector, spec};
use crate::diagnostic::{Code, Sourced};
use crate::istio::{
    ClaimToHeader, FromHeader, JwtRule, PolicyTarget, Presence, RequestAuthentication, Resource,
};

const PRESENCES: [(&str, Presence); 2] =
    [("OPTIONAL", Presence::Optional), ("REQUIRED", Presence::Required)];

pub(super) fn read(reader: &mut Reader<'_>, root: &mut Root<'_, '_>) -> Option<Resource> {
    let meta = meta::policy(reader, root);
    let (mut target, mut rules) = (PolicyTarget::default(), Vec::new());
    if let Some(mut spec) = spec(reader, root) {
        target = selector::target(reader, &mut spec);
        rules = entries(reader, &mut spec, "jwtRules", rule);
        reader.finish(spec);
    }
    Some(Resource::RequestAuthentication(RequestAuthentication { meta: meta?, target, rules }))
}

/// The entries of the list `name`; none where it is absent.
fn entries<T>(
    reader: &mut Reader<'_>,
    fields: &mut Fields<'_>,
    name: &'static str,
    read: fn(&mut Reader<'_>, &mut Fields<'_>) -> T,
) -> Vec<T> {
    let Some(place) = fields.take(name) else { return Vec::new() };
    let items = reader.items(&place).into_iter();
    items
        .filter_map(|item| {
            let mut fields = reader.fields(&item)?;
            let entry = read(reader, &mut fields);
            reader.finish(fields);
            Some(entry)
        })
        .collect()
}

fn rule(reader: &mut Reader<'_>, fields: &mut Fields<'_>) -> JwtRule {
    let issuer = string(reader, fields, "issuer");
    let presence = fields.take("presence").and_then(|place| {
        let position = place.0.position;
        Some(Sourced::new(reader.word(&place, &PRESENCES)?, position))
    });
    JwtRule {
        position: fields.position,
        issuer_position: issuer.as_ref().map(|issuer| issuer.position),
        issuer: issuer.map_or_else(String::new, |issuer| issuer.value),
        audiences: strings(reader, fields, "audiences"),
        jwks_uri: jwks_uri(reader, fields),
        jwks: string(reader, fields, "jwks"),
        from_headers: entries(reader, fields, "fromHeaders", |reader, fields| FromHeader {
            position: fields.position,
            name: string(reader, fields, "name"),
            prefix: string(reader, fields, "prefix")
                .map_or_else(String::new, |prefix| prefix.value),
        }),
        from_params: strings(reader, fields, "fromParams"),
        from_cookies: strings(reader, fields, "fromCookies"),
        output_payload_to_header: string(reader, fields, "outputPayloadToHeader")
            .map(|header| header.value),
        output_claim_to_headers: entries(
            reader,
            fields,
            "outputClaimToHeaders",
            |reader, fields| ClaimToHeader {
                position: fields.position,
                header: string(reader, fields, "header"),
                claim: string(reader, fields, "claim"),
            },
        ),
        forward_original_token: fields
            .take("forwardOriginalToken")
            .and_then(|place| reader.boolean(&place))
            .unwrap_or_default(),
        space_delimited_claims: strings(reader, fields, "spaceDelimitedClaims"),
        timeout: string(reader, fields, "timeout"),
        presence,
    }
}

/// `jwksUri`, or `jwks_uri`, which the schema knows as well.
fn jwks_uri(reader: &mut Reader<'_>, fields: &mut Fields<'_>) -> Option<Sourced<String>> {
    let (camel, snake) = (fields.take("jwksUri"), fields.take("jwks_uri"));
    if let (Some(_), Some(snake)) = (&camel, &snake) {
        let message = "`jwks_uri` is `jwksUri` once more: only one of them can be set";
        reader.complain(snake, Code::BadValue, message);
    }
    reader.string(&camel.or(snake)?)
}

fn string(
    reader: &mut Reader<'_>,
    fields: &mut Fields<'_>,
    name: &'static str,
) -> Option<Sourced<String>> {
    let place: Place<'_> = fields.take(name)?;
    reader.string(&place)
}

fn strings(
    reader: &mut Reader<'_>,
    fields: &mut Fields<'_>,
    name: &'static str,
) -> Vec<Sourced<String>> {
    fields
        .take(name)
        .map_or_else(Vec::new, |place| reader.strings(&place))
}

//! A RequestAuthentication → what is refused of it.

use super::Refuser::{ApiServer, Both, Webhook};
use super::{Judge, JwksUri, JwksUriError, jwks, selector, spec};
use crate::diagnostic::{FieldPath, Sourced};
use crate::istio::{ClaimToHeader, JwtRule, RequestAuthentication};

pub(super) fn judge(policy: &RequestAuthentication, judge: &mut Judge<'_>) {
    judge.no_dry_run(&policy.meta);
    let spec = spec();
    selector::judge_target(&policy.target, &spec, judge);
    let path = spec.field("jwtRules");
    if let Some(rule) = policy.rules.get(4096) {
        judge.at_most(4096, policy.rules.len(), rule.position, &path);
    }
    for (index, rule) in policy.rules.iter().enumerate() {
        judge_rule(rule, &path.item(index), judge);
    }
}

fn judge_rule(rule: &JwtRule, path: &FieldPath, judge: &mut Judge<'_>) {
    judge_not_empty(&rule.audiences, "audiences", "VAL-50", path, judge);
    judge_issuer(rule, path, judge);
    judge_keys(rule, path, judge);
    for (index, header) in rule.from_headers.iter().enumerate() {
        if header
            .name
            .as_ref()
            .is_none_or(|name| name.value.is_empty())
        {
            let position = header
                .name
                .as_ref()
                .map_or(header.position, |name| name.position);
            let path = path.field("fromHeaders").item(index).field("name");
            judge.refuse(Both, "VAL-54", position, &path, "`name` must be set");
        }
    }
    judge_not_empty(&rule.from_params, "fromParams", "VAL-54", path, judge);
    judge_not_empty(&rule.from_cookies, "fromCookies", "VAL-54", path, judge);
    for (index, output) in rule.output_claim_to_headers.iter().enumerate() {
        judge_output(output, &path.field("outputClaimToHeaders").item(index), judge);
    }
    if let Some(timeout) = &rule.timeout {
        judge_timeout(timeout, &path.field("timeout"), judge);
    }
    judge_space_delimited(&rule.space_delimited_claims, path, judge);
}

fn judge_issuer(rule: &JwtRule, path: &FieldPath, judge: &mut Judge<'_>) {
    let no_uri = rule
        .jwks_uri
        .as_ref()
        .is_none_or(|uri| uri.value.is_empty());
    if rule.issuer.is_empty() && no_uri {
        let position = rule.issuer_position.unwrap_or(rule.position);
        let message = "`issuer` or `jwksUri` must be set";
        judge.refuse(Webhook, "VAL-51", position, path, message);
    }
    if let (true, Some(position)) = (rule.issuer.is_empty(), rule.issuer_position) {
        let message = "`issuer` does not take an empty value: leave it out to accept any issuer";
        judge.refuse(ApiServer, "CRD", position, &path.field("issuer"), message);
    }
}

fn judge_keys(rule: &JwtRule, path: &FieldPath, judge: &mut Judge<'_>) {
    if let Some(uri) = &rule.jwks_uri {
        judge_uri(uri, &path.field("jwksUri"), judge);
    }
    let Some(keys) = &rule.jwks else { return };
    let field = path.field("jwks");
    if rule.jwks_uri.is_some() {
        let message = "only one of `jwks` and `jwksUri` can be set";
        judge.refuse(ApiServer, "CRD", keys.position, &field, message);
    }
    if keys.value.is_empty() {
        return;
    }
    match jwks::has_secret(&keys.value) {
        Ok(false) => {}
        Ok(true) => {
            let message = "`jwks` holds a private or symmetric key, and everybody can read it";
            judge.warn("VAL-57", keys.position, &field, message);
        }
        Err(error) => {
            let message = format!("`jwks` is no key set: {error}");
            judge.refuse(Webhook, "VAL-53", keys.position, &field, &message);
        }
    }
}

/// [VAL-52] The schema asks less than the webhook: a number that is too large for a port passes.
fn judge_uri(uri: &Sourced<String>, path: &FieldPath, judge: &mut Judge<'_>) {
    let Sourced { value, position } = uri;
    if value.is_empty() {
        judge.refuse(ApiServer, "CRD", *position, path, "`jwksUri` does not take an empty value");
        return;
    }
    if value.chars().count() > 2048 {
        let message = "`jwksUri` is longer than 2048 characters";
        judge.refuse(ApiServer, "CRD", *position, path, message);
    }
    if let Err(error) = JwksUri::parse(value) {
        let refuser = if error == JwksUriError::PortRange { Webhook } else { Both };
        let message = format!("`jwksUri` does not take `{value}`: {error}");
        judge.refuse(refuser, "VAL-52", *position, path, &message);
    }
}

/// [VAL-55]
fn judge_output(output: &ClaimToHeader, path: &FieldPath, judge: &mut Judge<'_>) {
    let absent =
        |text: &Option<Sourced<String>>| text.as_ref().is_none_or(|text| text.value.is_empty());
    let message = match (absent(&output.claim), absent(&output.header)) {
        (true, true) => Some("`claim` and `header` must be set"),
        (true, false) => Some("`claim` must be set"),
        (false, true) => Some("`header` must be set"),
        (false, false) => None,
    };
    if let Some(message) = message {
        judge.refuse(Both, "VAL-55", output.position, path, message);
    }
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if let Some(header) = &output.header
        && !header.value.bytes().all(letter)
    {
        let message = format!("`{}` is no name of a header", header.value);
        judge.refuse(Both, "VAL-55", header.position, &path.field("header"), &message);
    }
}

/// [VAL-56]
fn judge_timeout(timeout: &Sourced<String>, path: &FieldPath, judge: &mut Judge<'_>) {
    const MILLISECOND: i128 = 1_000_000;
    let (refuser, problem) = match nanoseconds(&timeout.value) {
        None => (Both, "it is no duration such as `5s`"),
        Some(time) if time < MILLISECOND => (Both, "it is less than `1ms`"),
        Some(time) if time % MILLISECOND != 0 => (Webhook, "it is no whole number of milliseconds"),
        Some(_) => return,
    };
    let message = format!("`timeout` does not take `{}`: {problem}", timeout.value);
    judge.refuse(refuser, "VAL-56", timeout.position, path, &message);
}

const UNITS: [(&str, i128); 8] = [
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("ms", 1_000_000),
    ("ns", 1),
    ("s", 1_000_000_000),
    ("us", 1_000),
    ("\u{b5}s", 1_000),
    ("\u{3bc}s", 1_000),
];

/// A duration as Go writes it, `1h30m` or `1.5s`; absent where it is none, or does not fit 64 bits.
fn nanoseconds(text: &str) -> Option<i128> {
    let (sign, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Some(0);
    }
    let mut total: i128 = 0;
    loop {
        let (whole, after) = digits(rest);
        let (fraction, after) = after.strip_prefix('.').map_or(("", after), digits);
        if whole.is_empty() && fraction.is_empty() {
            return None;
        }
        let end = after
            .find(|c: char| c == '.' || c.is_ascii_digit())
            .unwrap_or(after.len());
        let (unit, behind) = after.split_at_checked(end)?;
        let (_, unit) = UNITS.iter().find(|(name, _)| *name == unit)?;
        let whole: i128 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
        total = total.checked_add(whole.checked_mul(*unit)?)?;
        // Places beyond these are below a nanosecond.
        let fraction = fraction.get(..18).unwrap_or(fraction);
        if !fraction.is_empty() {
            let scale = fraction.bytes().fold(1, |scale: i128, _| scale * 10);
            total += fraction.parse::<i128>().ok()? * unit / scale;
        }
        if total > i128::from(i64::MAX) {
            return None;
        }
        rest = behind;
        if rest.is_empty() {
            return Some(sign * total);
        }
    }
}

/// The decimal digits at the beginning, and the rest.
fn digits(text: &str) -> (&str, &str) {
    let rest = text.trim_start_matches(|c: char| c.is_ascii_digit());
    let length = text.len() - rest.len();
    (text.get(..length).unwrap_or_default(), rest)
}

fn judge_space_delimited(claims: &[Sourced<String>], path: &FieldPath, judge: &mut Judge<'_>) {
    let path = path.field("spaceDelimitedClaims");
    if let Some(claim) = claims.get(64) {
        judge.at_most(64, claims.len(), claim.position, &path);
    }
    for (index, claim) in claims.iter().enumerate() {
        if claim.value.is_empty() {
            let message = "`spaceDelimitedClaims` does not take an empty value";
            judge.refuse(ApiServer, "CRD", claim.position, &path.item(index), message);
        }
    }
}

fn judge_not_empty(
    values: &[Sourced<String>],
    name: &str,
    rule: &str,
    path: &FieldPath,
    judge: &mut Judge<'_>,
) {
    for (index, value) in values.iter().enumerate() {
        if value.value.is_empty() {
            let message = format!("`{name}` does not take an empty value");
            judge.refuse(Both, rule, value.position, &path.field(name).item(index), &message);
        }
    }
}

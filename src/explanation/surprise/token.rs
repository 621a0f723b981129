//! Conditions on tokens: none asked for, none sent, claims that no value can match.

use super::{Subject, Surprise, failed};
use crate::matcher::StringMatch;
use crate::mesh::Attribute;
use crate::request::Claim;

pub(super) fn surprises(subject: &Subject<'_>, told: &mut Vec<Surprise>) {
    let enforcement = subject.mesh.enforcement(subject.request.workload);
    let asks = enforcement.is_some_and(|enforcement| !enforcement.tokens.is_empty());
    let Some(claims) = &subject.seen.claims else {
        let named = subject.named();
        let negated = if subject.condition.negated { "holds without one" } else { "cannot hold" };
        let refused = subject.explanation.decision.status == Some(403);
        let status = if refused { "; without a token the answer is 403, not 401" } else { "" };
        told.push(if asks {
            let text = format!(
                "a RequestAuthentication alone requires no token: the request has none that was verified, passes that \
                 stage, and {named} {negated}{status}"
            );
            Surprise::new("no-token-is-required", "JWT-50", text)
        } else {
            let text = format!(
                "no RequestAuthentication is about this workload, so no token is ever looked at and {named} {negated}"
            );
            Surprise::new("no-request-authentication", "JWT-51", text)
        });
        return;
    };
    if !failed(subject.explanation) || subject.condition.negated {
        return;
    }
    if subject.condition.attribute == Attribute::RequestPrincipal {
        if !matches!(claims.get("sub"), Some(Claim::String(subject)) if !subject.is_empty()) {
            let why =
                if claims.contains_key("sub") { "`sub` is empty" } else { "token has no `sub`" };
            let text = format!(
                "a request principal is `iss/sub`, and both must be text: the {why}, so no value matches, \
                 not even `*`"
            );
            told.push(Surprise::new("token-without-subject", "AP-70", text));
        }
        told.extend(split_elsewhere(subject));
    }
    told.extend(no_text(subject));
    told.extend(split_at_spaces(subject));
    told.extend(not_split(subject));
    told.extend(dotted_claim(subject));
}

/// "A value is split at its last slash" [AP-70]
fn split_elsewhere(subject: &Subject<'_>) -> Option<Surprise> {
    let claims = subject.seen.claims.as_ref()?;
    let (Some(Claim::String(issuer)), Some(Claim::String(name))) =
        (claims.get("iss"), claims.get("sub"))
    else {
        return None;
    };
    let whole = format!("{issuer}/{name}");
    // What would match, were the whole principal one text.
    let value = subject
        .written()
        .find(|value| value.contains('/') && StringMatch::parse(value).matches(&whole))?;
    let (before, after) = value.rsplit_once('/')?;
    let into_the_subject = value.starts_with('*') || value.starts_with(&format!("{issuer}/"));
    let advice = if into_the_subject {
        "a subject with a slash is asked for by `request.auth.claims[iss]` and `request.auth.claims[sub]`".to_owned()
    } else {
        format!("for any subject of the token's issuer write `{issuer}/*`")
    };
    let text = format!(
        "a request principal is split at its last slash: `{value}` is the issuer `{before}` and the subject `{after}`; \
         {advice}"
    );
    Some(Surprise::new("request-principal-split-at-the-last-slash", "AP-70", text))
}

/// "Numbers, booleans, null and objects match nothing, not even `*`" [AP-74]
fn no_text(subject: &Subject<'_>) -> Option<Surprise> {
    let Attribute::RequestClaim(path) = &subject.condition.attribute else { return None };
    let super::Found::Nothing(found) = subject.seen.found(&subject.condition.attribute) else {
        return None;
    };
    found.contains("no value matches").then(|| {
        let text =
            format!("the claim `{}` is {found}: only text and lists of text match", path.join("."));
        Surprise::new("claim-that-is-no-text", "AP-74", text)
    })
}

/// "Top-level `scope` and `permission` … are lists of words where they are text, split at spaces" [AP-76]
fn split_at_spaces(subject: &Subject<'_>) -> Option<Surprise> {
    let value = subject.written().find(|value| value.contains(' '))?;
    let found = subject.found();
    let words = value
        .split(' ')
        .all(|word| found.iter().any(|found| found == word));
    words.then(|| {
        let text = format!(
            "`{}` is split at spaces before it is matched, so `{value}` matches no word of it; list the words one by one",
            subject.field()
        );
        Surprise::new("claim-split-at-spaces", "AP-76", text)
    })
}

/// "All other claims are whole" [AP-76]
fn not_split(subject: &Subject<'_>) -> Option<Surprise> {
    let Attribute::RequestClaim(path) = &subject.condition.attribute else { return None };
    let [name] = path.as_slice() else { return None };
    let claim = subject.seen.claims.as_ref()?.get(name);
    let Some(Claim::String(found)) = claim.filter(|_| name != "scope" && name != "permission")
    else {
        return None;
    };
    let value = subject
        .written()
        .find(|value| found.contains(' ') && found.split(' ').any(|word| word == *value))?;
    let text = format!(
        "`{}` is one text and not split into words, of which `{value}` is one: only `scope`, `permission` and what \
         `spaceDelimitedClaims` of the RequestAuthentication lists are",
        subject.field()
    );
    Some(Surprise::new("claim-not-split-into-words", "AP-76", text))
}

/// "a dot is a dot" [AP-75]
fn dotted_claim(subject: &Subject<'_>) -> Option<Surprise> {
    let Attribute::RequestClaim(path) = &subject.condition.attribute else { return None };
    let [only] = path.as_slice() else { return None };
    let (first, _) = only.split_once('.')?;
    let nested = matches!(subject.seen.claims.as_ref()?.get(first), Some(Claim::Map(_)));
    nested.then(|| {
        let keys: String = only.split('.').map(|key| format!("[{key}]")).collect();
        let text = format!(
            "a dot in `{}` is part of the claim's name; a nested claim is `request.auth.claims{keys}`",
            subject.field()
        );
        Surprise::new("dot-in-a-claim", "AP-75", text)
    })
}

//! Conditions on who calls: certificates, schemes, trust domains, namespaces.

use super::{Subject, Surprise, failed};
use crate::mesh::Attribute;

pub(super) fn surprises(subject: &Subject<'_>, told: &mut Vec<Surprise>) {
    if subject.seen.names.is_none() {
        told.push(without_identity(subject));
        return;
    }
    if !failed(subject.explanation) || subject.condition.negated {
        return;
    }
    told.extend(with_scheme(subject));
    told.extend(star_inside(subject));
    told.extend(other_trust_domain(subject));
    told.extend(account_of_another_namespace(subject));
}

/// "A peer without identity matches no positive identity condition and every negated one" [ID-14]
fn without_identity(subject: &Subject<'_>) -> Surprise {
    let field = subject.field();
    let why = match &subject.request.tls {
        Some(tls) if tls.certificate.is_some() => "the connection's TLS does not end at this proxy",
        Some(_) => "it presents no client certificate",
        None => "it speaks plaintext",
    };
    let text = if subject.condition.negated {
        format!(
            "a caller without identity satisfies every negated condition, so `{field}` holds ({why})"
        )
    } else {
        format!(
            "the caller has no identity ({why}), so no value of `{field}` matches, not even `*`"
        )
    };
    Surprise::new("caller-without-identity", "ID-14", text)
}

/// "a value that has it matches no peer" [ID-10]
fn with_scheme(subject: &Subject<'_>) -> Option<Surprise> {
    let value = subject
        .written()
        .find(|value| value.starts_with("spiffe://"))?;
    let text = format!(
        "a principal is written without `spiffe://`: `{value}` matches nobody; write `{}`",
        value.strip_prefix("spiffe://").unwrap_or(value)
    );
    Some(Surprise::new("principal-with-a-scheme", "ID-10", text))
}

/// "any other value is exact, byte by byte, stars inside included" [AP-20]
fn star_inside(subject: &Subject<'_>) -> Option<Surprise> {
    if subject.condition.attribute != Attribute::SourcePrincipal {
        return None;
    }
    let value = subject
        .written()
        .find(|value| super::text::has_inner_star(value))?;
    Some(super::text::inner_star(value))
}

/// A principal that is the caller's but for its trust domain [ID-31].
fn other_trust_domain(subject: &Subject<'_>) -> Option<Surprise> {
    if subject.condition.attribute != Attribute::SourcePrincipal {
        return None;
    }
    let (domain, rest) = subject.seen.principal()?.split_once('/')?;
    let mut differing = subject.written().filter_map(|value| {
        let (wanted, pattern) = value.split_once('/')?;
        let same = match pattern.strip_suffix('*') {
            Some(prefix) => rest.starts_with(prefix),
            None => rest == pattern,
        };
        (wanted != domain && same).then_some((value, wanted))
    });
    let (value, wanted) = differing.next()?;
    let text = if wanted == "cluster.local"
        || subject
            .mesh
            .settings
            .trust
            .iter()
            .any(|known| known == wanted)
    {
        format!(
            "a trust domain stands for the mesh's own and its aliases only in a whole principal of five parts: \
             `{value}` means `{wanted}` alone, and the caller is of `{domain}`"
        )
    } else {
        format!(
            "only the trust domain differs: `{value}` wants `{wanted}`, the caller is of `{domain}`, and `{wanted}` \
             is neither the mesh's nor one of its `trustDomainAliases`"
        )
    };
    Some(Surprise::new("other-trust-domain", "ID-31", text))
}

/// "an account in the namespace of the policy, not of the workload" [ID-25]
fn account_of_another_namespace(subject: &Subject<'_>) -> Option<Surprise> {
    if subject.condition.attribute != Attribute::SourceServiceAccount {
        return None;
    }
    let principal = subject.seen.principal()?;
    let parts: Vec<&str> = principal.split('/').collect();
    let [_, _, namespace, _, account] = parts.as_slice() else { return None };
    let value = subject.written().find(|value| value == account)?;
    let (policy, _) = subject.mesh.rule(subject.place.rule)?;
    let text = format!(
        "`{value}` without a namespace is the account of the policy's namespace `{}`; the caller's is `{namespace}/{account}`",
        policy.namespace
    );
    Some(Surprise::new("account-of-the-policy-namespace", "ID-25", text))
}

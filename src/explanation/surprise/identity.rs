//! Conditions on who calls: certificates, schemes, trust domains, namespaces.

use super::{Subject, Surprise, failed};
use crate::matcher::StringMatch;
use crate::mesh::Attribute;

pub(super) fn surprises(subject: &Subject<'_>, told: &mut Vec<Surprise>) {
    if subject.seen.names.is_none() {
        told.push(without_identity(subject));
        return;
    }
    if !failed(subject.explanation) {
        told.extend(alias(subject));
        return;
    }
    if subject.condition.negated {
        return;
    }
    told.extend(with_scheme(subject));
    told.extend(parts_left_out(subject));
    told.extend(star_inside(subject));
    told.extend(other_trust_domain(subject));
    told.extend(account_of_another_namespace(subject));
}

/// "A peer without identity matches no positive identity condition and every negated one" [ID-14]
fn without_identity(subject: &Subject<'_>) -> Surprise {
    let named = subject.named();
    let why = match &subject.request.tls {
        Some(tls) if tls.certificate.is_some() => "the connection's TLS does not end at this proxy",
        Some(_) => "it presents no client certificate",
        None => "it speaks plaintext",
    };
    let text = if subject.condition.negated {
        format!(
            "a caller without identity satisfies every negated condition, so {named} holds ({why})"
        )
    } else {
        format!("the caller has no identity ({why}), so no value of {named} matches, not even `*`")
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
    super::text::inner_star(subject)
}

/// "`principals` are written without `spiffe://`, which is put before them" [ID-10], and otherwise whole.
fn parts_left_out(subject: &Subject<'_>) -> Option<Surprise> {
    if subject.condition.attribute != Attribute::SourcePrincipal {
        return None;
    }
    let principal = subject.seen.principal()?;
    let parts: Vec<&str> = principal.split('/').collect();
    let [domain, "ns", namespace, "sa", account] = parts.as_slice() else { return None };
    let shortened = [
        format!("{domain}/{namespace}/{account}"),
        format!("{namespace}/{account}"),
        format!("ns/{namespace}/sa/{account}"),
        (*account).to_owned(),
    ];
    let value = subject
        .written()
        .find(|value| shortened.iter().any(|short| short == value))?;
    let text = format!(
        "a principal is written as the whole name without its scheme: `{value}` is not `{principal}`"
    );
    Some(Surprise::new("principal-that-is-not-whole", "ID-10", text))
}

/// "stands for the same principal in each of them" [ID-31]
fn alias(subject: &Subject<'_>) -> Option<Surprise> {
    if subject.condition.attribute != Attribute::SourcePrincipal || subject.condition.negated {
        return None;
    }
    let principal = subject.seen.principal()?;
    let (domain, rest) = principal.split_once('/')?;
    let as_written = |value: &str| StringMatch::parse(value).matches(principal);
    if subject.written().any(as_written) {
        return None;
    }
    let value = subject.written().find(|value| {
        let stands_for = subject.mesh.settings.trust.principal(value);
        stands_for
            .iter()
            .any(|value| StringMatch::parse(value).matches(principal))
    })?;
    let (wanted, _) = value.split_once('/')?;
    // Elsewhere `cluster.local` is no name of a mesh but says just that.
    if wanted == "cluster.local" && subject.mesh.settings.trust.own != wanted {
        return None;
    }
    let text = format!(
        "`{value}` stands for the same account in every trust domain of the mesh, its aliases included: `{rest}` of \
         `{domain}` is taken for that of `{wanted}`"
    );
    Some(Surprise::new("alias-of-the-trust-domain", "ID-31", text))
}

/// A principal that is the caller's but for its trust domain [ID-31].
fn other_trust_domain(subject: &Subject<'_>) -> Option<Surprise> {
    if subject.condition.attribute != Attribute::SourcePrincipal {
        return None;
    }
    let (domain, rest) = subject.seen.principal()?.split_once('/')?;
    let trust = &subject.mesh.settings.trust;
    let mut differing = subject.written().filter_map(|value| {
        let (wanted, pattern) = value.split_once('/')?;
        let same = match pattern.strip_suffix('*') {
            // A star at the front is the only wildcard of its value.
            Some(prefix) => rest.starts_with(prefix) && !wanted.starts_with('*'),
            None => rest == pattern,
        };
        // `td/*` differs in nothing but the trust domain from whatever there is.
        let telling = pattern != "*" || wanted == "cluster.local" || trust.knows(wanted);
        (wanted != domain && same && telling).then_some((value, wanted))
    });
    let (value, wanted) = differing.next()?;
    let text = if trust.principal(value) != [value] {
        let known: Vec<String> = trust.iter().map(|domain| format!("`{domain}`")).collect();
        format!(
            "only the trust domain differs: `{value}` stands for the trust domains of the mesh, {}, and the caller is of \
             `{domain}`",
            known.join(", ")
        )
    } else if wanted == "cluster.local" || trust.iter().any(|known| known == wanted) {
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

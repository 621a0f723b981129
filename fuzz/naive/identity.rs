//! A value about identities and the names of a peer → whether one of them is asked for.

use super::text::{glob, matches};

/// Principals: `spiffe://` is put before the value [ID-10].
pub fn principal(value: &str, name: &str) -> bool {
    if value == "*" {
        return matches("*", name);
    }
    if let Some(suffix) = value.strip_prefix('*') {
        return name
            .strip_prefix("spiffe://")
            .is_some_and(|rest| rest.ends_with(suffix) && !rest.contains('\n'));
    }
    if let Some(prefix) = value.strip_suffix('*') {
        return name.starts_with(&format!("spiffe://{prefix}"));
    }
    name == format!("spiffe://{value}")
}

/// The values that stand for one where the mesh has these trust domains, its own first [ID-30] [ID-31].
pub fn principals(value: &str, domains: &[String]) -> Vec<String> {
    let parts: Vec<&str> = value.split('/').collect();
    let [domain, rest @ ..] = parts.as_slice() else { return vec![value.to_owned()] };
    if parts.len() != 5 || *domain == "*" {
        return vec![value.to_owned()];
    }
    let known = *domain == "cluster.local" || domains.iter().any(|other| fits(domain, other));
    if !known {
        return vec![value.to_owned()];
    }
    let mut values: Vec<String> = Vec::new();
    for other in domains {
        let stays = domain
            .strip_prefix('*')
            .is_some_and(|suffix| other.ends_with(suffix));
        let new = if stays { value.to_owned() } else { format!("{other}/{}", rest.join("/")) };
        if !values.contains(&new) {
            values.push(new);
        }
    }
    values
}

/// Whether two trust domains are the same, or one is a pattern that the other fits.
fn fits(a: &str, b: &str) -> bool {
    let one_way = |pattern: &str, text: &str| {
        pattern == "*"
            || pattern
                .strip_suffix('*')
                .is_some_and(|prefix| text.starts_with(prefix))
            || pattern
                .strip_prefix('*')
                .is_some_and(|suffix| text.ends_with(suffix))
    };
    a == b || one_way(a, b) || one_way(b, a)
}

/// Namespaces: `/ns/VALUE/` anywhere, stars being anything [ID-20].
pub fn namespace(value: &str, name: &str) -> bool {
    glob(&format!("*/ns/{value}/*"), name)
}

/// Service accounts: `spiffe://.+/ns/NAMESPACE/(.+/|)sa/ACCOUNT(/.+)?` [ID-25].
pub fn service_account(value: &str, policy_namespace: &str, name: &str) -> bool {
    let (namespace, account) = value.split_once('/').unwrap_or((policy_namespace, value));
    let Some(rest) = name.strip_prefix("spiffe://") else { return false };
    if rest.contains('\n') {
        return false;
    }
    let opening = format!("/ns/{namespace}/");
    let direct = format!("sa/{account}");
    let later = format!("/sa/{account}");
    let ended = |tail: &str| tail.is_empty() || (tail.starts_with('/') && tail.len() > 1);
    behind(rest, &opening, 1).into_iter().any(|tail| {
        tail.strip_prefix(direct.as_str()).is_some_and(ended)
            || behind(tail, &later, 1).into_iter().any(ended)
    })
}

/// What follows every occurrence of a text that has at least so many bytes before it.
fn behind<'t>(text: &'t str, wanted: &str, least: usize) -> Vec<&'t str> {
    let mut found = Vec::new();
    for (at, _) in text.char_indices() {
        if at >= least
            && let Some(tail) = text.get(at..).and_then(|rest| rest.strip_prefix(wanted))
        {
            found.push(tail);
        }
    }
    found
}

/// Trust domains: the first star is anything but slashes [ID-28].
pub fn trust_domain(value: &str, name: &str) -> bool {
    let Some(rest) = name.strip_prefix("spiffe://") else { return false };
    if value == "*" {
        return true;
    }
    let Some((before, after)) = value.split_once('*') else {
        return rest.starts_with(&format!("{value}/"));
    };
    // The domain is up to some slash; nothing that the star stands for has one.
    rest.char_indices()
        .filter(|(_, c)| *c == '/')
        .any(|(at, _)| {
            let (domain, path) = rest.split_at(at);
            domain.strip_prefix(before).is_some_and(|middle| {
                middle
                    .strip_suffix(after)
                    .is_some_and(|middle| !middle.contains('/') && !path.contains('\n'))
            })
        })
}

/// The values that stand for one: a trust domain of the mesh stands for all of them [ID-33].
pub fn trust_domains(value: &str, domains: &[String]) -> Vec<String> {
    if domains.iter().any(|domain| domain == value) {
        domains.to_vec()
    } else {
        vec![value.to_owned()]
    }
}

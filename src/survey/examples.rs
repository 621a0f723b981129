//! A rule → requests that it speaks of: an example inside each of its patterns.

use super::MOST_REQUESTS;
use crate::matcher::StringMatch;
use crate::mesh::{Attribute, Clause, Condition, Rule, ValueMatch};

/// What is sent to a destination.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Sent {
    Http { method: String, path: String, host: Option<String>, headers: Vec<(String, String)> },
    Bytes,
}

/// Requests that a rule speaks of: every combination of the values of an operation, with the headers of its
/// conditions and without.
pub(super) fn examples(rule: &Rule) -> Vec<Sent> {
    let any = Clause { position: rule.position, conditions: Vec::new() };
    let operations: Vec<&Clause> =
        if rule.operations.is_empty() { vec![&any] } else { rule.operations.iter().collect() };
    let headers: Vec<(String, String)> = rule
        .when
        .iter()
        .filter(|condition| !condition.negated)
        .filter_map(|condition| {
            let Attribute::RequestHeader(name) = &condition.attribute else { return None };
            let value = of_condition(condition, text).into_iter().next()?;
            Some((name.clone(), value))
        })
        .collect();
    let mut found = Vec::new();
    for operation in operations {
        let of = |attribute: &Attribute, example: fn(&StringMatch) -> String| {
            let conditions = operation.conditions.iter();
            conditions
                .filter(|condition| condition.attribute == *attribute)
                .flat_map(|condition| of_condition(condition, example))
                .take(MOST_REQUESTS)
                .collect::<Vec<_>>()
        };
        let or = |found: Vec<String>, usual: &str| {
            if found.is_empty() { vec![usual.to_owned()] } else { found }
        };
        let methods = or(of(&Attribute::Method, method), "GET");
        let paths = or(of(&Attribute::Path, path), "/");
        let hosts: Vec<Option<String>> = of(&Attribute::Host, text).into_iter().map(Some).collect();
        let hosts = if hosts.is_empty() { vec![None] } else { hosts };
        for method in &methods {
            for path in &paths {
                for host in &hosts {
                    let with = |headers: &[(String, String)]| Sent::Http {
                        method: method.clone(),
                        path: path.clone(),
                        host: host.clone(),
                        headers: headers.to_vec(),
                    };
                    found.push(with(&[]));
                    if !headers.is_empty() {
                        found.push(with(&headers));
                    }
                    if found.len() > MOST_REQUESTS {
                        return found;
                    }
                }
            }
        }
    }
    found
}

/// A text for every value of a condition that it matches.
fn of_condition(condition: &Condition, example: fn(&StringMatch) -> String) -> Vec<String> {
    let values = condition.values.iter();
    values
        .filter_map(|value| match value.matches.first()? {
            ValueMatch::Template(_) => {
                Some(value.written.value.replace("{**}", "x").replace("{*}", "x"))
            }
            ValueMatch::Text(pattern) => Some(example(pattern)),
            ValueMatch::Principal(_)
            | ValueMatch::Namespace(_)
            | ValueMatch::ServiceAccount(_)
            | ValueMatch::TrustDomain(_)
            | ValueMatch::Ip(_)
            | ValueMatch::Port(_)
            | ValueMatch::RequestPrincipal { .. }
            | ValueMatch::ListElement(_) => None,
        })
        .collect()
}

/// A text that a pattern matches.
fn text(pattern: &StringMatch) -> String {
    match pattern {
        StringMatch::Exact(exact) => exact.clone(),
        StringMatch::Prefix(prefix) if prefix.ends_with(['/', '.', '-']) => format!("{prefix}x"),
        StringMatch::Prefix(prefix) => prefix.clone(),
        StringMatch::Present => "x".to_owned(),
        StringMatch::Suffix(suffix) => format!("x{suffix}"),
    }
}

/// A path that a pattern matches.
fn path(pattern: &StringMatch) -> String {
    match pattern {
        StringMatch::Present => "/x".to_owned(),
        StringMatch::Suffix(suffix) if suffix.starts_with('/') => suffix.clone(),
        StringMatch::Suffix(suffix) => format!("/x{suffix}"),
        StringMatch::Exact(_) | StringMatch::Prefix(_) => text(pattern),
    }
}

/// A method that a pattern matches: a usual one where there is one.
fn method(pattern: &StringMatch) -> String {
    const USUAL: [&str; 7] = ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"];
    let usual = USUAL.iter().find(|method| pattern.matches(method));
    usual.map_or_else(|| text(pattern), |method| (*method).to_owned())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::{method, path, text};
    use crate::matcher::StringMatch;

    #[rstest]
    #[case("/a", "/a")]
    #[case("/api/*", "/api/x")]
    #[case("/api*", "/api")]
    #[case("*.html", "/x.html")]
    #[case("*/info", "/info")]
    #[case("*", "/x")]
    fn a_path_is_inside_its_pattern(#[case] pattern: &str, #[case] want: &str) {
        let pattern = StringMatch::parse(pattern);
        assert_eq!(path(&pattern), want);
        assert!(pattern.matches(want));
    }

    #[rstest]
    #[case("DELETE", "DELETE")]
    #[case("P*", "POST")]
    #[case("*T", "GET")]
    #[case("*", "GET")]
    #[case("PURGE*", "PURGE")]
    fn a_method_is_inside_its_pattern(#[case] pattern: &str, #[case] want: &str) {
        let pattern = StringMatch::parse(pattern);
        assert_eq!(method(&pattern), want);
        assert!(pattern.matches(want));
    }

    #[rstest]
    #[case("*.example.com")]
    #[case("shop.*")]
    #[case("*")]
    #[case("a")]
    fn a_text_is_inside_its_pattern(#[case] pattern: &str) {
        let pattern = StringMatch::parse(pattern);
        assert!(pattern.matches(&text(&pattern)));
    }
}

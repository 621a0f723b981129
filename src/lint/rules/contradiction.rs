//! A value and the same value negated → nothing can match.

use std::collections::{BTreeMap, BTreeSet};

use crate::lint::subject::{Subject, Term};
use crate::lint::{Finding, Level, Lint};
use crate::matcher::StringMatch;
use crate::mesh::Attribute;

pub(super) const LINT: Lint = Lint {
    code: "PC030",
    name: "contradiction",
    level: Level::Error,
    what: "A source, an operation or a condition asks for values and excludes each of them.",
    why: "All fields of one source or operation must hold together. Where every value that one field takes is excluded \
          by its `not` field, no request can match: an ALLOW rule admits nobody by it, a DENY rule refuses nobody.",
    bad: &[
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: methods, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  rules:
  - to:
    - operation: {methods: [GET], notMethods: [GET, POST]}
",
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: paths, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  action: DENY
  rules:
  - to:
    - operation: {paths: [/admin/users, /admin/roles], notPaths: [/admin/*]}
",
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: when, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  rules:
  - when:
    - key: source.namespace
      values: [bar]
      notValues: [bar]
",
    ],
    good: &[
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: methods, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  rules:
  - to:
    - operation: {methods: ['*'], notMethods: [GET]}
",
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: paths, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  action: DENY
  rules:
  - to:
    - operation: {paths: [/admin/users, /health], notPaths: [/admin/*]}
",
    ],
    check,
};

fn check(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    for written in subject.policies() {
        let mut fields: BTreeMap<_, (Vec<Term<'_>>, Vec<Term<'_>>)> = BTreeMap::new();
        for term in written.terms() {
            let (taken, excluded) = fields
                .entry((term.rule, term.place, term.attribute.clone()))
                .or_default();
            if term.negated { excluded.push(term) } else { taken.push(term) }
        }
        for (taken, excluded) in fields.values() {
            let exceptions: BTreeSet<&str> = excluded.iter().map(Term::text).collect();
            let wide: Vec<(&Term<'_>, StringMatch)> = excluded
                .iter()
                .map(|not| (not, StringMatch::parse(not.text())))
                .filter(|(_, pattern)| !matches!(pattern, StringMatch::Exact(_)))
                .collect();
            let each = u64::try_from(wide.len()).unwrap_or(u64::MAX);
            let all = taken.iter().all(|term| {
                let narrow = StringMatch::parse(term.text());
                let covered = || {
                    wide.iter()
                        .any(|(not, wide)| covers(not, wide, term, &narrow))
                };
                exceptions.contains(term.text()) || (subject.spend(each).is_some() && covered())
            });
            let (Some(first), true) = (taken.first().filter(|_| !excluded.is_empty()), all) else {
                continue;
            };
            let message = format!("`{}` and its exception leave nothing over", first.field);
            found.push(
                written
                    .finding(first, message)
                    .help("take one of the two fields away, or mend the values"),
            );
        }
    }
}

/// Whether whatever matches one value matches the other, too.
fn covers(wide: &Term<'_>, pattern: &StringMatch, narrow: &Term<'_>, by: &StringMatch) -> bool {
    let text = matches!(wide.attribute, Attribute::Method | Attribute::Path)
        || matches!(&wide.attribute, Attribute::RequestHeader(name) if !name.starts_with(':'));
    if !text
        || crate::matcher::is_template(wide.text())
        || crate::matcher::is_template(narrow.text())
    {
        return false;
    }
    match (pattern, by) {
        (StringMatch::Prefix(wide), StringMatch::Exact(text) | StringMatch::Prefix(text)) => {
            text.starts_with(wide.as_str())
        }
        (StringMatch::Suffix(wide), StringMatch::Exact(text) | StringMatch::Suffix(text)) => {
            text.ends_with(wide.as_str())
        }
        (StringMatch::Present, StringMatch::Exact(text)) => !text.is_empty(),
        _ => false,
    }
}

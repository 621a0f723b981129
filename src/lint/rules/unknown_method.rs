//! A method that HTTP/1 does not have → the value does not match the method that is meant.

use crate::explanation::Change;
use crate::istio::Action;
use crate::lint::subject::{Subject, mistaken};
use crate::lint::{Finding, Level, Lint};
use crate::matcher::StringMatch;
use crate::mesh::Attribute;
use crate::request::METHODS;

pub(super) const LINT: Lint = Lint {
    code: "PC053",
    name: "unknown-method",
    level: Level::High,
    what: "A method that HTTP/1 does not have, or that is not in upper case: `get`, `FETCH`.",
    why: "Methods are compared with case, so `get` is not `GET`: an ALLOW rule for it does not admit GET, and a DENY rule \
          for it does not refuse GET. To a method that its HTTP/1 parser does not know Envoy answers 400 before any policy \
          is asked. Over HTTP/2 a caller may send any word, and that word alone is matched.",
    bad: &[
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: readers, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  rules:
  - to:
    - operation: {methods: [get]}
",
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: no-writes, namespace: foo}
spec:
  action: DENY
  rules:
  - to:
    - operation: {methods: [POST, Put], ports: ['8080']}
",
    ],
    good: &[
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: readers, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  rules:
  - to:
    - operation: {methods: [GET, HEAD, PROPFIND]}
",
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: patterns, namespace: foo}
spec:
  rules:
  - to:
    - operation: {methods: ['*', 'P*', '*T']}
",
    ],
    check,
};

fn check(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    for written in subject.policies() {
        for term in written.terms() {
            let header = Attribute::RequestHeader(":method".to_owned());
            let is_method = term.attribute == Attribute::Method || term.attribute == header;
            let pattern = StringMatch::parse(term.text());
            if !is_method || METHODS.iter().any(|method| pattern.matches_header(method)) {
                continue;
            }
            let upper = term.text().to_ascii_uppercase();
            let upper_pattern = StringMatch::parse(&upper);
            let known = METHODS
                .iter()
                .any(|method| upper_pattern.matches_header(method));
            let sent = (!upper.contains('*')).then(|| Change::Method(upper.clone()));
            let witness = sent.and_then(|sent| mistaken(subject, written, &term, &sent));
            if !known {
                let message = format!("HTTP/1 has no method `{}`", term.text());
                found.push(written.finding(&term, message).help(
                    "write a method of HTTP; what gRPC calls a method is part of the path: `/package.Service/Method`",
                ));
                continue;
            }
            let message =
                format!("`{}` is not `{upper}`: methods are compared with case", term.text());
            let finding = written.finding(&term, message).witness(witness);
            // Instead of a word that is kept out another one would be: over HTTP/2 the first would come in.
            let admits = written.policy.action == Action::Allow && term.is_positive();
            found.push(if admits {
                finding.help(format!("write `{upper}`")).replace(
                    format!(
                        "write `{upper}`, which is admitted then, and `{}` no more",
                        term.text()
                    ),
                    upper,
                )
            } else {
                finding.help(format!(
                    "name `{upper}`, too: requests with it are decided otherwise then"
                ))
            });
        }
    }
}

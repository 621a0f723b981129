//! A method that no client sends → the value matches nothing.

use crate::explanation::Change;
use crate::lint::subject::{Subject, mistaken};
use crate::lint::{Finding, Level, Lint};
use crate::matcher::StringMatch;
use crate::mesh::Attribute;
use crate::request::METHODS;

pub(super) const LINT: Lint = Lint {
    code: "PC053",
    name: "unknown-method",
    level: Level::Error,
    what: "A method that no request can have: `get`, `FETCH`.",
    why: "Methods are compared with case, and Envoy answers 400 to a method that its HTTP/1 parser does not know, before any \
          policy is asked. So the value matches nothing: an ALLOW rule does not admit by it, and a DENY rule does not refuse.",
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
            let message = format!("no request has the method `{}`", term.text());
            let upper = term.text().to_ascii_uppercase();
            let sent = (!upper.contains('*')).then(|| Change::Method(upper.clone()));
            let witness = sent.and_then(|sent| mistaken(subject, written, &term, &sent));
            let finding = written.finding(&term, message).witness(witness);
            let upper_pattern = StringMatch::parse(&upper);
            let known = METHODS
                .iter()
                .any(|method| upper_pattern.matches_header(method));
            found.push(if known {
                finding
                    .help(format!("methods are upper case: write `{upper}`"))
                    .replace("write the method in upper case", upper)
            } else {
                finding.help(
                    "write a method of HTTP; what gRPC calls a method is part of the path: `/package.Service/Method`",
                )
            });
        }
    }
}

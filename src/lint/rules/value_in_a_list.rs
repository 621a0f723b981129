//! A header value that is kept out → beside another value it is let in.

use crate::explanation::Change;
use crate::istio::Action;
use crate::lint::subject::{Subject, escapes};
use crate::lint::{Finding, Level, Lint};
use crate::matcher::StringMatch;
use crate::mesh::Attribute;

pub(super) const LINT: Lint = Lint {
    code: "PC070",
    name: "value-in-a-list",
    level: Level::High,
    what: "A DENY rule names a header value, and the same value behind another one in the header is let in.",
    why: "Programs often take `user,admin` for two values. The proxy compares the whole line: a rule for `admin` does \
          not match it. An ALLOW rule that lists the good values fails closed.",
    bad: &[
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: deny-role, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  action: DENY
  rules:
  - when:
    - key: request.headers[x-role]
      values: [admin]
",
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: all-but, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  rules:
  - when:
    - key: request.headers[x-role]
      notValues: [admin]
",
    ],
    good: &[
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: allow-role, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  rules:
  - when:
    - key: request.headers[x-role]
      values: [user]
",
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: deny-any, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  action: DENY
  rules:
  - when:
    - key: request.headers[x-debug]
      values: ['*']
",
    ],
    check,
};

fn check(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    for action in [Action::Allow, Action::Deny] {
        for (_, written) in subject.in_force(action) {
            for term in written.terms() {
                let keeps_out = (action == Action::Deny) == term.is_positive();
                let Attribute::RequestHeader(name) = &term.attribute else { continue };
                let StringMatch::Exact(value) = StringMatch::parse(term.text()) else { continue };
                if !keeps_out || name.starts_with(':') || name == "host" {
                    continue;
                }
                let list =
                    Change::Header { name: name.clone(), value: Some(format!("other,{value}")) };
                let Some(witness) = escapes(subject, written, &term, &list) else { continue };
                found.push(
                    written
                        .finding(&term, format!("`{value}` is kept out, and `other,{value}` is not"))
                        .help("turn the rule round: let an ALLOW policy name the values that may be sent")
                        .sure_if(format!("the program takes `{name}` for a list"))
                        .witness(Some(witness)),
                );
            }
        }
    }
}

//! A DENY rule for GET → HEAD is let in.

use crate::explanation::Change;
use crate::istio::Action;
use crate::lint::subject::{Subject, escapes};
use crate::lint::{Finding, Level, Lint};
use crate::mesh::Attribute;

pub(super) const LINT: Lint = Lint {
    code: "PC054",
    name: "head-beside-get",
    level: Level::Medium,
    what: "A DENY rule names GET, and HEAD is let in.",
    why: "HEAD asks for the same as GET, and programs answer it by running the same code: it tells whether something \
          is there, how large it is, and what headers it has.",
    bad: &[
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: deny-get, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  action: DENY
  rules:
  - to:
    - operation: {paths: [/admin/*], methods: [GET]}
",
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: deny-reading, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  action: DENY
  rules:
  - to:
    - operation: {methods: [GET, POST]}
",
    ],
    good: &[
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: deny-get, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  action: DENY
  rules:
  - to:
    - operation: {methods: [GET, HEAD]}
",
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: allow-get, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  rules:
  - to:
    - operation: {methods: [GET]}
",
    ],
    check,
};

fn check(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    for (_, written) in subject.in_force(Action::Deny) {
        for term in written.terms() {
            if term.attribute != Attribute::Method || !term.is_positive() || term.text() != "GET" {
                continue;
            }
            let head = Change::Method("HEAD".to_owned());
            let Some(witness) = escapes(subject, written, &term, &head) else { continue };
            found.push(
                written
                    .finding(&term, "`GET` is kept out, and `HEAD` is not")
                    .help("name `HEAD`, too")
                    .sure_if("the program answers HEAD as it answers GET")
                    .witness(Some(witness)),
            );
        }
    }
}

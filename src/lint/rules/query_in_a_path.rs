//! A path with a query or a fragment → no path has one.

use crate::explanation::Change;
use crate::lint::subject::{Subject, mistaken};
use crate::lint::{Finding, Level, Lint};
use crate::mesh::Attribute;

pub(super) const LINT: Lint = Lint {
    code: "PC043",
    name: "query-in-a-path",
    level: Level::Error,
    what: "A path is written with `?` or `#`, so it matches nothing.",
    why: "`paths` are compared with the path alone: query and fragment are cut off before. A value that holds one \
          never matches: an ALLOW rule admits nothing by it, a DENY rule refuses nothing.",
    bad: &[
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: query, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  rules:
  - to:
    - operation: {paths: [\"/search?q=*\"]}
",
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: fragment, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  action: DENY
  rules:
  - to:
    - operation: {paths: ['/page#admin']}
",
    ],
    good: &[
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: path, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  rules:
  - to:
    - operation: {paths: [/search]}
",
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: header, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  rules:
  - when:
    - key: request.headers[:path]
      values: ['/search?q=*']
",
    ],
    check,
};

fn check(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    for written in subject.policies() {
        for term in written.terms() {
            if term.attribute != Attribute::Path || !term.text().contains(['?', '#']) {
                continue;
            }
            let sent = (!term.text().contains('*')).then(|| Change::Path(term.text().to_owned()));
            let witness = sent.and_then(|sent| mistaken(subject, written, &term, &sent));
            let path = term.text().split(['?', '#']).next().unwrap_or_default();
            let message =
                format!("no path is `{}`: query and fragment are cut off before", term.text());
            found.push(
                written
                    .finding(&term, message)
                    .help(format!(
                        "write `{path}`; a query can be asked for by `request.headers[:path]`"
                    ))
                    .witness(witness),
            );
        }
    }
}

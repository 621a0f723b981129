//! A path that does not begin with a slash → no path is so.

use crate::explanation::Change;
use crate::lint::subject::{Subject, mistaken};
use crate::lint::{Finding, Level, Lint};
use crate::mesh::Attribute;

pub(super) const LINT: Lint = Lint {
    code: "PC052",
    name: "path-without-a-slash",
    level: Level::Error,
    what: "A path begins with neither a slash nor a star, so it matches nothing.",
    why: "Every path of a request begins with a slash; what gRPC calls `package.Service/Method` is \
          `/package.Service/Method`. A value without the slash never matches.",
    bad: &[
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: bare, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  rules:
  - to:
    - operation: {paths: [admin]}
",
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: grpc, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  action: DENY
  rules:
  - to:
    - operation: {paths: [pkg.Admin/*]}
",
    ],
    good: &[
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: slash, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  rules:
  - to:
    - operation: {paths: [/admin]}
",
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: star, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  rules:
  - to:
    - operation: {paths: ['*', '*/admin']}
",
    ],
    check,
};

fn check(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    for written in subject.policies() {
        for term in written.terms() {
            let text = term.text();
            if term.attribute != Attribute::Path || text.starts_with(['/', '*', '{', '?', '#']) {
                continue;
            }
            let exact = !text.contains(['*', '?', '#']);
            let sent = exact.then(|| Change::Path(format!("/{text}")));
            let witness = sent.and_then(|sent| mistaken(subject, written, &term, &sent));
            found.push(
                written
                    .finding(&term, format!("no path is `{text}`: every path begins with a slash"))
                    .help(format!("write `/{text}`"))
                    .witness(witness)
                    .replace("put a slash before it", format!("/{text}")),
            );
        }
    }
}

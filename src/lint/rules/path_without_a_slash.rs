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
            let meant = meant(text);
            let exact = !meant.contains(['*', '?', '#']);
            let sent = exact.then(|| Change::Path(meant.clone()));
            let witness = sent.and_then(|sent| mistaken(subject, written, &term, &sent));
            let finding = written
                .finding(&term, format!("no path is `{text}`: every path begins with a slash"))
                .witness(witness);
            found.push(if text.contains("://") {
                finding.help(format!("a path is what stands behind the host: write `{meant}`"))
            } else if is_plain(text) {
                finding
                    .help(format!("write `{meant}`"))
                    .replace("put a slash before it", meant)
            } else {
                finding.help(format!("write `{meant}`, if that is what is meant"))
            });
        }
    }
}

/// The path that a value without a slash may stand for: what stands behind the host of a URL, or the value with one.
fn meant(text: &str) -> String {
    let text = text.trim();
    match text.split_once("://") {
        Some((_, rest)) => rest
            .split_once('/')
            .map_or_else(|| "/".to_owned(), |(_, path)| format!("/{path}")),
        None => format!("/{}", text.trim_start_matches('/')),
    }
}

/// Whether nothing but the slash is missing: with it the value is as a proxy sees a path.
fn is_plain(text: &str) -> bool {
    let begins = text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
    begins
        && !text.contains("//")
        && !text.contains("/.")
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "/._-~*{}".contains(c))
}

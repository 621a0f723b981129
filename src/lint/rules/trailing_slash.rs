//! A path that is kept out without its slash → with the slash it is let in.

use crate::explanation::Change;
use crate::istio::Action;
use crate::lint::subject::{Subject, escapes};
use crate::lint::{Finding, Level, Lint};
use crate::matcher::StringMatch;
use crate::mesh::Attribute;

pub(super) const LINT: Lint = Lint {
    code: "PC045",
    name: "trailing-slash",
    level: Level::High,
    what: "A DENY rule names a path, and the same path with a slash at its end, or without, is let in.",
    why: "`/admin` and `/admin/` are two paths for the proxy, and `/admin/*` does not match `/admin`. Most programs \
          answer both alike.",
    bad: &[
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: deny-admin, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  action: DENY
  rules:
  - to:
    - operation: {paths: [/admin]}
",
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: deny-below, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  action: DENY
  rules:
  - to:
    - operation: {paths: [/admin/*]}
",
    ],
    good: &[
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: deny-both, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  action: DENY
  rules:
  - to:
    - operation: {paths: [/admin, /admin/*]}
",
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: public, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  rules:
  - to:
    - operation: {paths: [/public/*]}
",
    ],
    check,
};

fn check(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    for (_, written) in subject.in_force(Action::Deny) {
        for term in written.terms() {
            if term.attribute != Attribute::Path || !term.is_positive() {
                continue;
            }
            let Some(twin) = twin(term.text()) else { continue };
            let change = Change::Path(twin.clone());
            let Some(witness) = escapes(subject, written, &term, &change) else { continue };
            let message = format!("`{}` is kept out, and `{twin}` is not", term.text());
            found.push(
                written
                    .finding(&term, message)
                    .help(format!("name `{twin}`, too"))
                    .sure_if("the program behind the proxy answers both alike")
                    .witness(Some(witness)),
            );
        }
    }
}

/// The same path with its slash, or without.
fn twin(written: &str) -> Option<String> {
    let path = written
        .strip_suffix("/*")
        .or_else(|| written.strip_suffix("/{**}"));
    if let Some(below) = path {
        return Some(below.to_owned()).filter(|path| path.len() > 1 && !path.contains(['*', '{']));
    }
    match StringMatch::parse(written) {
        StringMatch::Exact(path) if path.len() > 1 && !path.contains('{') => Some(
            path.strip_suffix('/')
                .map_or_else(|| format!("{path}/"), str::to_owned),
        ),
        StringMatch::Exact(_)
        | StringMatch::Prefix(_)
        | StringMatch::Present
        | StringMatch::Suffix(_) => None,
    }
}

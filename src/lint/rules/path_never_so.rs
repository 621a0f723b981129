//! A path that the proxy would have written otherwise → no request has it.

use crate::explanation::Change;
use crate::istio::Normalization as Written;
use crate::lint::subject::{Subject, mistaken};
use crate::lint::{Finding, Level, Lint};
use crate::matcher::StringMatch;
use crate::mesh::{Attribute, Mesh};
use crate::request::{Normalization, normalize};

pub(super) const LINT: Lint = Lint {
    code: "PC044",
    name: "path-never-so",
    level: Level::Error,
    what: "A path is not in the form that the proxy gives every path, so it matches nothing.",
    why: "Before policies are asked the proxy normalizes paths: it resolves `.` and `..`, turns backslashes round, \
          decodes what need not be escaped, and merges slashes where the mesh says so. A value that would itself be \
          changed by this is never what is left.",
    bad: &[
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: dots, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  rules:
  - to:
    - operation: {paths: [/a/../b]}
",
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: escaped, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  action: DENY
  rules:
  - to:
    - operation: {paths: ['/%61dmin', '/a/./*']}
",
    ],
    good: &[
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: plain, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  rules:
  - to:
    - operation: {paths: [/b, /a%2Fb, \"/a/..b*\"]}
",
        "\
apiVersion: v1
kind: ConfigMap
metadata: {name: istio, namespace: istio-system}
data:
  mesh: |
    pathNormalization: {normalization: NONE}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: as-sent, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  rules:
  - to:
    - operation: {paths: [/a/../b]}
",
    ],
    check,
};

fn check(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    let Some(mesh) = subject.mesh else { return };
    for written in subject.policies() {
        for term in written.terms() {
            let text = term.text();
            // What is decoded beside a `;` is not looked at again: `/%2e;` becomes `/.;`, which is none by itself.
            let other = text.contains(['?', '#', ';'])
                || !text.starts_with('/')
                || crate::matcher::is_template(text);
            if term.attribute != Attribute::Path || other {
                continue;
            }
            // A prefix is looked at as far as its last whole segment: `/a/..b` is a path, `/a/../b` is none.
            let (whole, exact) = match StringMatch::parse(text) {
                StringMatch::Exact(exact) => (exact, true),
                StringMatch::Prefix(prefix) => (
                    prefix
                        .rsplit_once('/')
                        .map_or(String::new(), |(whole, _)| format!("{whole}/")),
                    false,
                ),
                StringMatch::Present | StringMatch::Suffix(_) => continue,
            };
            let Some(normal) = normal(mesh, &whole).filter(|normal| *normal != whole) else {
                continue;
            };
            let message = format!("no path is `{text}` once the proxy has normalized it");
            let mut finding = written.finding(&term, message);
            if exact {
                let sent = Change::Path(text.to_owned());
                let witness = mistaken(subject, written, &term, &sent);
                finding = finding
                    .help(format!("write `{normal}`, which it becomes"))
                    .witness(witness)
                    .replace("write the path as the proxy does", normal);
            } else {
                finding = finding
                    .help(format!("paths that begin with `{whole}` begin with `{normal}` then"));
            }
            found.push(finding);
        }
    }
}

/// The path as the mesh's proxies make it; absent where they refuse it.
fn normal(mesh: &Mesh, path: &str) -> Option<String> {
    let mode = match mesh.settings.normalization {
        Written::Base => Normalization::Base,
        Written::DecodeAndMergeSlashes => Normalization::DecodeAndMergeSlashes,
        Written::MergeSlashes => Normalization::MergeSlashes,
        Written::None => Normalization::None,
    };
    // What is refused is no path either, and of that another rule speaks.
    normalize(path, mode)
        .ok()
        .map(|normal| normal.path().to_owned())
}

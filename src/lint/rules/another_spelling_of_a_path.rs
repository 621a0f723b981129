//! A path that is kept out → the same path spelt otherwise is let in.

use crate::explanation::Change;
use crate::istio::{Action, Normalization};
use crate::lint::subject::{Subject, escapes};
use crate::lint::{Finding, Level, Lint};
use crate::mesh::{Attribute, Mesh};

pub(super) const LINT: Lint = Lint {
    code: "PC040",
    name: "another-spelling-of-a-path",
    level: Level::High,
    what: "A DENY rule names a path, or an ALLOW rule excepts one, and another spelling of it is let in.",
    why: "Paths are compared as the proxy normalizes them, and the program behind it may read them otherwise: it may \
          merge slashes, ignore case, or cut off what follows a `;`. A rule that lists what is bad fails open for \
          every spelling that it does not know; an ALLOW rule that lists what is good fails closed.",
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
metadata: {name: all-but-admin, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  rules:
  - to:
    - operation: {notPaths: [/admin/*]}
",
    ],
    good: &[
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
---
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
    for action in [Action::Allow, Action::Deny] {
        for (mesh, written) in subject.in_force(action) {
            let mut last = None;
            for term in written.terms() {
                let keeps_out = (action == Action::Deny) == term.is_positive();
                let place = (term.rule, term.place);
                if term.attribute != Attribute::Path || !keeps_out || last == Some(place) {
                    continue;
                }
                let shown = spellings(mesh, term.text()).find_map(|(twin, taken)| {
                    let twin = Change::Path(twin);
                    let witness = escapes(subject, written, &term, &twin)?;
                    Some((witness, taken))
                });
                let Some((witness, taken)) = shown else { continue };
                last = Some(place);
                let message =
                    format!("`{}` is kept out, and another spelling of it is not", term.text());
                found.push(
                    written
                        .finding(&term, message)
                        .help("turn the rule round: let an ALLOW policy name the paths that may be called")
                        .sure_if(format!("the program behind the proxy {taken}"))
                        .witness(Some(witness)),
                );
            }
        }
    }
}

/// Other spellings of a path that a value stands for, and what a program does that takes them for the same.
fn spellings<'v>(
    mesh: &Mesh,
    written: &'v str,
) -> impl Iterator<Item = (String, &'static str)> + use<'v> {
    let merges = matches!(
        mesh.settings.normalization,
        Normalization::MergeSlashes | Normalization::DecodeAndMergeSlashes
    );
    let path = written
        .replace("{**}", "x")
        .replace("{*}", "x")
        .replace('*', "x");
    let slash = path
        .strip_prefix('/')
        .map(|rest| (format!("//{rest}"), "merges slashes"));
    let parameter = (!path.ends_with('/')).then(|| {
        let (first, rest) = path
            .strip_prefix('/')
            .map_or((path.as_str(), None), |rest| {
                rest.split_once('/')
                    .map_or((rest, None), |(first, rest)| (first, Some(rest)))
            });
        let rest = rest.map_or_else(String::new, |rest| format!("/{rest}"));
        (format!("/{first};x{rest}"), "cuts off path parameters, as servlet containers do")
    });
    let letter = path.char_indices().find(|(_, c)| c.is_ascii_lowercase());
    let case = letter.map(|(at, c)| {
        let mut other = path.clone();
        other.replace_range(at..=at, &c.to_ascii_uppercase().to_string());
        (other, "does not tell upper and lower case apart")
    });
    slash
        .filter(|_| !merges)
        .into_iter()
        .chain(parameter)
        .chain(case)
}

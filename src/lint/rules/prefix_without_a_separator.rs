//! A path prefix that ends within a name → longer names are admitted, too.

use crate::decide::Verdict;
use crate::explanation::Change;
use crate::istio::Action;
use crate::lint::subject::Subject;
use crate::lint::witness::Aim;
use crate::lint::{Finding, Level, Lint};
use crate::mesh::Attribute;

pub(super) const LINT: Lint = Lint {
    code: "PC042",
    name: "prefix-without-a-separator",
    level: Level::High,
    what: "An ALLOW rule admits a path prefix that does not end with a slash.",
    why: "`/public*` is every path that begins so: `/public/a`, and `/publications` and `/public-admin` as well. With \
          a slash before the star only what lies below is meant.",
    bad: &[
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: public, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  rules:
  - to:
    - operation: {paths: [/public*]}
",
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: api, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  rules:
  - to:
    - operation: {paths: [/api/v1*], methods: [GET]}
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
metadata: {name: deny, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  action: DENY
  rules:
  - to:
    - operation: {paths: [/public*]}
",
    ],
    check,
};

fn check(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    for (_, written) in subject.in_force(Action::Allow) {
        for term in written.terms() {
            let prefix = term.text().strip_suffix('*').filter(|prefix| {
                prefix.len() > 1 && prefix.starts_with('/') && !prefix.ends_with(['/', '*'])
            });
            let path = term.attribute == Attribute::Path && term.is_positive();
            let Some(prefix) = prefix.filter(|_| path) else { continue };
            let witness = subject
                .matching(written, Aim::of(&term))
                .and_then(|matched| {
                    let twin = Change::Path(format!("{prefix}-private"));
                    subject
                        .decided(twin.of(&matched))?
                        .if_decided(Verdict::Allow)
                });
            if witness.is_some() {
                let message = format!("`{}` admits every path that begins so", term.text());
                found.push(
                    written
                        .finding(&term, message)
                        .help(format!("write `{prefix}` and `{prefix}/*`"))
                        .sure_if(format!("only `{prefix}` and what lies below is meant"))
                        .witness(witness),
                );
            }
        }
    }
}

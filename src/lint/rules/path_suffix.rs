//! An ALLOW rule with the end of a path → whatever stands before it is admitted.

use crate::decide::Verdict;
use crate::explanation::Change;
use crate::istio::Action;
use crate::lint::subject::Subject;
use crate::lint::witness::Aim;
use crate::lint::{Finding, Level, Lint};
use crate::matcher::StringMatch;
use crate::mesh::Attribute;

pub(super) const LINT: Lint = Lint {
    code: "PC046",
    name: "path-suffix",
    level: Level::High,
    what: "An ALLOW rule admits every path with a certain end.",
    why: "`*/info` is `/info`, and `/admin/secret;/info`, and `/a/b/c/info`. Many programs take the beginning of a \
          path for what is asked, and what follows for parameters.",
    bad: &[
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: info, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  rules:
  - to:
    - operation: {paths: ['*/info']}
",
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: images, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  rules:
  - to:
    - operation: {paths: ['*.png'], methods: [GET]}
",
    ],
    good: &[
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: info, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  rules:
  - to:
    - operation: {paths: [/info]}
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
    - operation: {paths: ['*/info']}
",
    ],
    check,
};

fn check(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    for (_, written) in subject.in_force(Action::Allow) {
        for term in written.terms() {
            let StringMatch::Suffix(end) = StringMatch::parse(term.text()) else { continue };
            if term.attribute != Attribute::Path || !term.is_positive() {
                continue;
            }
            let witness = subject
                .matching(written, Aim::of(&term))
                .and_then(|matched| {
                    let twin = Change::Path(format!("/admin;x{end}"));
                    subject
                        .decided(twin.of(&matched))?
                        .if_decided(Verdict::Allow)
                });
            if witness.is_some() {
                let message = format!("`{}` admits whatever stands before `{end}`", term.text());
                found.push(
                    written
                        .finding(&term, message)
                        .help("write the beginning of the path: `/static/*`, or a template: `/{*}/info`")
                        .sure_if("not every path with this end is meant")
                        .witness(witness),
                );
            }
        }
    }
}

//! An ALLOW rule for a `default` service account → every pod that names none is admitted.

use crate::istio::Action;
use crate::lint::subject::Subject;
use crate::lint::{Finding, Level, Lint};
use crate::mesh::Attribute;

pub(super) const LINT: Lint = Lint {
    code: "PC020",
    name: "default-account",
    level: Level::Medium,
    what: "An ALLOW rule admits a `default` service account.",
    why: "Every pod that names no service account runs as `default` of its namespace. The rule admits each of them, \
          also those that are added later by whoever may deploy there.",
    bad: &[
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: default, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  rules:
  - from:
    - source: {principals: [cluster.local/ns/foo/sa/default]}
",
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: account, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  rules:
  - from:
    - source: {serviceAccounts: [bar/default]}
",
    ],
    good: &[
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: sleep, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  rules:
  - from:
    - source: {principals: [cluster.local/ns/foo/sa/sleep]}
",
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: deny, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  action: DENY
  rules:
  - from:
    - source: {principals: [cluster.local/ns/foo/sa/default]}
",
    ],
    check,
};

fn check(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    for written in subject.policies() {
        for term in written
            .terms()
            .filter(|_| written.policy.action == Action::Allow)
        {
            let text = term.text();
            let default = if term.attribute == Attribute::SourcePrincipal {
                text.ends_with("/sa/default")
            } else {
                term.attribute == Attribute::SourceServiceAccount
                    && (text == "default" || text.ends_with("/default"))
            };
            if default && term.is_positive() {
                let message =
                    format!("`{text}` is every pod of its namespace that names no account");
                found.push(
                    written
                        .finding(&term, message)
                        .help("give the caller a service account of its own"),
                );
            }
        }
    }
}

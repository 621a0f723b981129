//! A service account without a namespace in a policy of the whole mesh → it is one of the root namespace.

use crate::lint::subject::Subject;
use crate::lint::{Finding, Level, Lint};
use crate::mesh::Attribute;

pub(super) const LINT: Lint = Lint {
    code: "PC018",
    name: "account-of-the-root-namespace",
    level: Level::Low,
    what: "A policy of the root namespace names a service account without its namespace.",
    why: "`serviceAccounts: [web]` means the account `web` in the namespace of the policy, not of the workload. In the \
          root namespace that is an account of `istio-system`.",
    bad: &[
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: everywhere, namespace: istio-system}
spec:
  rules:
  - from:
    - source: {serviceAccounts: [web]}
",
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: when, namespace: istio-system}
spec:
  rules:
  - when:
    - key: source.serviceAccount
      values: [web]
",
    ],
    good: &[
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: everywhere, namespace: istio-system}
spec:
  rules:
  - from:
    - source: {serviceAccounts: [foo/web]}
",
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: here, namespace: foo}
spec:
  rules:
  - from:
    - source: {serviceAccounts: [sleep]}
",
    ],
    check,
};

fn check(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    let Some(mesh) = subject.mesh else { return };
    let root = &mesh.settings.root_namespace;
    for written in subject
        .policies()
        .iter()
        .filter(|written| written.policy.meta.namespace == *root)
    {
        for term in written.terms() {
            if term.attribute == Attribute::SourceServiceAccount && !term.text().contains('/') {
                let message = format!("`{}` is the account of that name in `{root}`", term.text());
                let help = format!("write the namespace: `NAMESPACE/{}`", term.text());
                found.push(written.finding(&term, message).help(help));
            }
        }
    }
}

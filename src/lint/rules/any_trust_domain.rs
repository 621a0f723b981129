//! A principal with a star for its trust domain → a caller of every federated domain is admitted.

use crate::decide::Verdict;
use crate::explanation::Change;
use crate::istio::Action;
use crate::lint::subject::{Subject, foreign_domain};
use crate::lint::witness::Aim;
use crate::lint::{Finding, Level, Lint};
use crate::mesh::Attribute;

pub(super) const LINT: Lint = Lint {
    code: "PC015",
    name: "any-trust-domain",
    level: Level::High,
    what: "A principal leaves its trust domain open, and the mesh takes certificates of more than one.",
    why: "`*/ns/x/sa/y` is whoever has this namespace and account in any trust domain that the mesh accepts. A partner \
          who may name its namespaces as it likes can make such an identity.",
    bad: &[
        "\
apiVersion: v1
kind: ConfigMap
metadata: {name: istio, namespace: istio-system}
data:
  mesh: |
    caCertificates:
    - trustDomains: [partner.example]
      pem: x
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: sleep-of-any, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  rules:
  - from:
    - source: {principals: ['*/ns/foo/sa/sleep']}
",
        "\
apiVersion: v1
kind: ConfigMap
metadata: {name: istio, namespace: istio-system}
data:
  mesh: |
    caCertificates:
    - trustDomains: [partner.example]
      pem: x
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: when, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  rules:
  - when:
    - key: source.principal
      values: ['*/sa/sleep']
",
    ],
    good: &[
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: sleep-of-any, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  rules:
  - from:
    - source: {principals: ['*/ns/foo/sa/sleep']}
",
        "\
apiVersion: v1
kind: ConfigMap
metadata: {name: istio, namespace: istio-system}
data:
  mesh: |
    caCertificates:
    - trustDomains: [partner.example]
      pem: x
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: own, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  rules:
  - from:
    - source: {principals: [cluster.local/ns/foo/sa/sleep]}
",
    ],
    check,
};

fn check(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    for (mesh, written) in subject.in_force(Action::Allow) {
        let Some(domain) = foreign_domain(mesh) else { continue };
        for term in written.terms() {
            let suffix = term
                .text()
                .strip_prefix('*')
                .filter(|suffix| suffix.starts_with('/'));
            let principal = term.attribute == Attribute::SourcePrincipal && term.is_positive();
            let Some(suffix) = suffix.filter(|_| principal) else { continue };
            let full = if suffix.starts_with("/ns/") {
                format!("{domain}{suffix}")
            } else {
                format!("{domain}/ns/any{suffix}")
            };
            let witness = subject
                .matching(written, Aim::of(&term))
                .and_then(|matched| {
                    let request = Change::Principal(full).of(&matched);
                    subject.decided(request)?.if_decided(Verdict::Allow)
                });
            if witness.is_some() {
                let message = format!("`{}` admits callers of `{domain}`, too", term.text());
                let help = format!("write the trust domain: `{}{suffix}`", mesh.settings.trust.own);
                found.push(written.finding(&term, message).help(help).witness(witness));
            }
        }
    }
}

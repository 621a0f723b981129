//! A namespace or service account in a mesh of several trust domains → it is admitted from each of them.

use crate::decide::Verdict;
use crate::explanation::Change;
use crate::istio::Action;
use crate::lint::subject::{Subject, foreign_domain};
use crate::lint::witness::Aim;
use crate::lint::{Finding, Level, Lint};
use crate::mesh::{Attribute, Mesh};
use crate::request::Request;
use crate::spiffe::IstioIdentity;

pub(super) const LINT: Lint = Lint {
    code: "PC016",
    name: "namespace-of-any-domain",
    level: Level::Medium,
    what: "A rule admits by namespace or service account, and the mesh takes certificates of more than one trust \
          domain.",
    why: "`namespaces` and `serviceAccounts` do not look at the trust domain. Whoever runs another trust domain that \
          the mesh accepts can have a namespace of the same name.",
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
metadata: {name: foo, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  rules:
  - from:
    - source: {namespaces: [foo]}
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
metadata: {name: account, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  rules:
  - from:
    - source: {serviceAccounts: [foo/sleep]}
",
    ],
    good: &[
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: foo, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  rules:
  - from:
    - source: {namespaces: [foo]}
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
metadata: {name: foo-of-ours, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  rules:
  - from:
    - source: {namespaces: [foo], principals: ['cluster.local/*']}
",
    ],
    check,
};

fn check(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    for (mesh, written) in subject.in_force(Action::Allow) {
        for term in written.terms() {
            let of_any = term.attribute == Attribute::SourceNamespace
                || term.attribute == Attribute::SourceServiceAccount;
            if !of_any || !term.is_positive() {
                continue;
            }
            let witness = subject
                .matching(written, Aim::of(&term))
                .and_then(|matched| {
                    let principal = elsewhere(mesh, &matched)?;
                    subject
                        .decided(Change::Principal(principal).of(&matched))?
                        .if_decided(Verdict::Allow)
                });
            if witness.is_some() {
                let message = format!("`{}` of every trust domain is admitted", term.text());
                found.push(
                    written
                        .finding(&term, message)
                        .help("add `principals` with the trust domain, as `cluster.local/*`")
                        .witness(witness),
                );
            }
        }
    }
}

/// The caller's namespace and account in a trust domain that is not the mesh's own.
fn elsewhere(mesh: &Mesh, request: &Request) -> Option<String> {
    let domain = foreign_domain(mesh)?;
    let certificate = request.tls.as_ref()?.certificate.as_ref()?;
    let identity = IstioIdentity::parse(certificate.uris.first()?)?;
    Some(format!("{domain}/ns/{}/sa/{}", identity.namespace, identity.service_account))
}

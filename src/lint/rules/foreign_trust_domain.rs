//! A principal of a trust domain that the mesh does not take → nobody has it.

use crate::decide::Verdict;
use crate::explanation::Change;
use crate::istio::Resource;
use crate::lint::subject::Subject;
use crate::lint::witness::requests_to;
use crate::lint::{Finding, Level, Lint};
use crate::mesh::{Attribute, Dataplane};

pub(super) const LINT: Lint = Lint {
    code: "PC011",
    name: "foreign-trust-domain",
    level: Level::High,
    what: "A principal is of a trust domain whose certificates the mesh does not accept.",
    why: "A proxy takes client certificates of the mesh's trust domain, its aliases and the trust domains of \
          `caCertificates`. Whoever shows another one does not get a connection, so the value matches nobody. Often \
          the trust domain was renamed, or never was `cluster.local`.",
    bad: &[
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: partner, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  rules:
  - from:
    - source: {principals: [partner.example/ns/foo/sa/sleep]}
",
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: deny-old, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  action: DENY
  rules:
  - from:
    - source: {principals: [old.example/ns/foo/sa/sleep]}
",
    ],
    good: &[
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: own, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  rules:
  - from:
    - source: {principals: [cluster.local/ns/foo/sa/sleep, '*/ns/foo/sa/web']}
",
        "\
apiVersion: v1
kind: ConfigMap
metadata: {name: istio, namespace: istio-system}
data:
  mesh: |
    trustDomain: new.example
    trustDomainAliases: [old.example]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: old-and-new, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  rules:
  - from:
    - source: {principals: [old.example/ns/foo/sa/sleep, new.example/ns/foo/sa/sleep]}
",
    ],
    check,
};

fn check(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    let Some(mesh) = subject.mesh else { return };
    let accepted = &mesh.settings.accepted_trust_domains;
    let said = subject
        .resources
        .iter()
        .any(|resource| matches!(resource, Resource::MeshConfig(..)));
    for written in subject.policies() {
        for term in written.terms() {
            let parts: Vec<&str> = term.text().split('/').collect();
            let [domain, "ns", _, "sa", _] = parts.as_slice() else { continue };
            let foreign = !domain.contains('*')
                && *domain != "cluster.local"
                && !domain.is_empty()
                && !accepted.iter().any(|own| own == domain);
            let positive = term.attribute == Attribute::SourcePrincipal && term.is_positive();
            if !positive || !foreign || term.text().contains('*') {
                continue;
            }
            let sidecar = |at: &&usize| {
                mesh.workload(**at)
                    .is_some_and(|to| to.dataplane == Dataplane::Sidecar)
            };
            let witness = written.workloads.iter().find(sidecar).and_then(|workload| {
                let request = requests_to(subject, mesh, *workload, false)
                    .into_iter()
                    .next()?;
                let request = Change::Principal(term.text().to_owned()).of(&request);
                subject.decided(request)?.if_decided(Verdict::Refused)
            });
            let own = &mesh.settings.trust.own;
            let message = format!(
                "the mesh takes no certificate of `{domain}`; its own trust domain is `{own}`"
            );
            let mut finding = written
                .finding(&term, message)
                .help(format!(
                    "write `{own}`, or make `{domain}` an alias in the mesh's configuration"
                ))
                .witness(witness);
            if !said {
                finding = finding.sure_if(
                    "the mesh's configuration, which the files do not hold, names no other trust domain",
                );
            }
            found.push(finding);
        }
    }
}

//! A policy that asks for an identity where mutual TLS is off → it never matches.

use crate::explanation::Change;
use crate::lint::subject::{Subject, mistaken};
use crate::lint::{Finding, Level, Lint};
use crate::mesh::{Dataplane, Mesh, MtlsMode};

pub(super) const LINT: Lint = Lint {
    code: "PC001",
    name: "identity-without-mutual-tls",
    level: Level::Error,
    what: "A policy asks who calls, and mutual TLS is off on every port that it is about.",
    why: "Where the mode is DISABLE nobody shows a certificate, so that no caller has a principal, namespace, service \
          account or trust domain: an ALLOW rule that asks for one admits nobody, and a DENY rule refuses nobody. \
          Under PERMISSIVE identities are there for those who have one, and this lint says nothing.",
    bad: &[
        "\
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: mtls-off, namespace: foo}
spec:
  mtls: {mode: DISABLE}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: allow-sleep, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  rules:
  - from:
    - source: {principals: [cluster.local/ns/foo/sa/sleep]}
",
        "\
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: mtls-off, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  mtls: {mode: DISABLE}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: deny-bar, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  action: DENY
  rules:
  - from:
    - source: {namespaces: [bar]}
",
    ],
    good: &[
        "\
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: mtls-on, namespace: foo}
spec:
  mtls: {mode: PERMISSIVE}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: allow-sleep, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  rules:
  - from:
    - source: {principals: [cluster.local/ns/foo/sa/sleep]}
",
        "\
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: one-port, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  mtls: {mode: STRICT}
  portLevelMtls: {9090: {mode: DISABLE}}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: deny-bar, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  action: DENY
  rules:
  - from:
    - source: {namespaces: [bar]}
",
    ],
    check,
};

fn check(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    let Some(mesh) = subject.mesh else { return };
    for written in subject.policies() {
        if written.workloads.is_empty() || !written.workloads.iter().all(|at| is_off(mesh, *at)) {
            continue;
        }
        let mut last = None;
        for term in written.terms() {
            let place = (term.rule, term.place);
            if !term.is_positive() || !term.attribute.is_identity() || last == Some(place) {
                continue;
            }
            last = Some(place);
            let message = format!("`{}` asks who calls, and mutual TLS is off there", term.field);
            let witness = mistaken(subject, written, &term, &Change::Plaintext);
            let by = written
                .workloads
                .first()
                .and_then(|at| mesh.enforcement(*at));
            let by = by.and_then(|enforcement| enforcement.mtls.workload.by.clone());
            let mut finding = written
                .finding(&term, message)
                .help("let the PeerAuthentication say STRICT, or ask for something else than an identity")
                .witness(witness);
            if let Some((policy, origin)) = by {
                finding = finding.related(origin, format!("`{policy}` says DISABLE"));
            }
            found.push(finding);
        }
    }
}

/// Whether no port of a workload takes mutual TLS.
fn is_off(mesh: &Mesh, workload: usize) -> bool {
    let sidecar = mesh
        .workload(workload)
        .is_some_and(|to| to.dataplane == Dataplane::Sidecar);
    let off = mesh.enforcement(workload).is_some_and(|enforcement| {
        let mut ports = enforcement.mtls.ports.values();
        enforcement.mtls.workload.mode == MtlsMode::Disable
            && ports.all(|port| port.mode == MtlsMode::Disable)
    });
    sidecar && off
}

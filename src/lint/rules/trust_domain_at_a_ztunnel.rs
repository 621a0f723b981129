//! `trustDomains` in a policy that a ztunnel enforces → they are not handed on.

use crate::lint::subject::{Place, Subject};
use crate::lint::{Finding, Level, Lint};
use crate::mesh::{Attribute, Dataplane};

pub(super) const LINT: Lint = Lint {
    code: "PC121",
    name: "trust-domain-at-a-ztunnel",
    level: Level::High,
    what: "A policy with `trustDomains` selects workloads in ambient mode, where they are not looked at.",
    why: "istiod does not hand `trustDomains` and `notTrustDomains` on to a ztunnel, and says nothing about it. A \
          source that asks for a namespace and a trust domain admits the namespace of every trust domain; one that \
          asks for a trust domain alone matches nobody.",
    bad: &[
        "\
apiVersion: v1
kind: Namespace
metadata: {name: amb, labels: {istio.io/dataplane-mode: ambient}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: amb}
spec:
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, ports: [{containerPort: 8080}]}]}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: ours, namespace: amb}
spec:
  rules:
  - from:
    - source: {namespaces: [foo], trustDomains: [cluster.local]}
",
        "\
apiVersion: v1
kind: Namespace
metadata: {name: amb, labels: {istio.io/dataplane-mode: ambient}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: amb}
spec:
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, ports: [{containerPort: 8080}]}]}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: deny-partner, namespace: amb}
spec:
  selector: {matchLabels: {app: web}}
  action: DENY
  rules:
  - from:
    - source: {trustDomains: [partner.example]}
",
    ],
    good: &[
        "\
apiVersion: v1
kind: Namespace
metadata: {name: amb, labels: {istio.io/dataplane-mode: ambient}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: amb}
spec:
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, ports: [{containerPort: 8080}]}]}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: ours, namespace: amb}
spec:
  rules:
  - from:
    - source: {principals: ['cluster.local/*']}
",
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: ours, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  rules:
  - from:
    - source: {namespaces: [foo], trustDomains: [cluster.local]}
",
    ],
    check,
};

fn check(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    let Some(mesh) = subject.mesh else { return };
    for written in subject.policies() {
        let target = &written.policy.target;
        if written.compiled.is_none() || !target.references().is_empty() {
            continue;
        }
        let about = subject.selected(mesh, &written.policy.meta, target.selector.as_ref());
        let mut about = about.iter().filter_map(|at| mesh.workload(*at));
        if !about.any(|workload| workload.dataplane == Dataplane::Ambient) {
            continue;
        }
        for term in written.terms() {
            let of_source = matches!(term.place, Place::From(_)) && term.index == 0;
            if term.attribute == Attribute::SourceTrustDomain && of_source {
                found.push(
                    written
                        .finding(&term, format!("a ztunnel is not told of `{}`", term.field))
                        .help("write `principals` that begin with the trust domain: `cluster.local/*`"),
                );
            }
        }
    }
}

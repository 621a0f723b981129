//! A policy whose workloads have no proxy → nothing enforces it.

use crate::decide::Verdict;
use crate::lint::subject::Subject;
use crate::lint::witness::requests_to;
use crate::lint::{Finding, Level, Lint};
use crate::mesh::Dataplane;

pub(super) const LINT: Lint = Lint {
    code: "PC010",
    name: "policy-without-proxy",
    level: Level::Medium,
    what: "Every workload that a policy selects is without a proxy, so nothing enforces it.",
    why: "Policies are enforced by the sidecar, the gateway or the node's ztunnel before a workload. Where none of \
          them stands, every request reaches the program, whatever the policy says.",
    bad: &[
        "\
apiVersion: v1
kind: Namespace
metadata: {name: plain}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: plain}
spec:
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, ports: [{containerPort: 8080}]}]}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: allow-nothing, namespace: plain}
spec: {}
",
        "\
apiVersion: apps/v1
kind: Deployment
metadata: {name: bare, namespace: foo}
spec:
  template:
    metadata: {labels: {app: bare, sidecar.istio.io/inject: 'false'}}
    spec: {containers: [{name: bare, ports: [{containerPort: 8080}]}]}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: deny-admin, namespace: foo}
spec:
  selector: {matchLabels: {app: bare}}
  action: DENY
  rules:
  - to:
    - operation: {paths: [/admin]}
",
    ],
    good: &[
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: allow-nothing, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  rules: []
",
        "\
apiVersion: apps/v1
kind: Deployment
metadata: {name: bare, namespace: foo}
spec:
  template:
    metadata: {labels: {app: bare, sidecar.istio.io/inject: 'false'}}
    spec: {containers: [{name: bare, ports: [{containerPort: 8080}]}]}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: deny-admin, namespace: foo}
spec:
  action: DENY
  rules:
  - to:
    - operation: {paths: [/admin]}
",
    ],
    check,
};

fn check(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    let Some(mesh) = subject.mesh else { return };
    for written in subject.policies() {
        if written.compiled.is_none() || !written.policy.target.references().is_empty() {
            continue;
        }
        let target = &written.policy.target;
        let selected = subject.selected(mesh, &written.policy.meta, target.selector.as_ref());
        let mut workloads = selected.iter().filter_map(|at| mesh.workload(*at));
        let Some(first) = workloads.next() else { continue };
        let bare = |dataplane| dataplane == Dataplane::None;
        if !bare(first.dataplane) || !workloads.all(|workload| bare(workload.dataplane)) {
            continue;
        }
        let message =
            format!("no workload that it is about has a proxy: {}", first.dataplane_because);
        let witness = selected.first().and_then(|workload| {
            let request = requests_to(subject, mesh, *workload, true).pop()?;
            subject.decided(request)?.if_decided(Verdict::Allow)
        });
        found.push(
            written
                .whole(message)
                .help("label the namespace `istio-injection: enabled`, or take the policy away")
                .witness(witness),
        );
    }
}

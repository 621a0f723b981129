//! A port that goes past the sidecar → no policy is asked there.

use crate::decide::Verdict;
use crate::explanation::Change;
use crate::istio::Resource;
use crate::lint::subject::{Subject, has_proxy};
use crate::lint::witness::requests_to;
use crate::lint::{Finding, Level, Lint};

pub(super) const LINT: Lint = Lint {
    code: "PC113",
    name: "port-past-the-proxy",
    level: Level::High,
    what: "An annotation takes a port away from the sidecar, and policies are about the workload.",
    why: "What goes past the sidecar is seen by nobody: no mutual TLS, no policy. Whoever reaches the pod's network \
          may call the port.",
    bad: &[
        "\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: foo}
spec:
  template:
    metadata:
      labels: {app: web}
      annotations: {sidecar.istio.io/interceptionMode: NONE}
    spec: {containers: [{name: web, ports: [{containerPort: 8080}]}]}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: allow-nothing, namespace: foo}
spec:
  selector: {matchLabels: {app: web}}
",
        "\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: foo}
spec:
  template:
    metadata:
      labels: {app: web}
      annotations: {traffic.sidecar.istio.io/excludeInboundPorts: \"9090\"}
    spec: {containers: [{name: web, ports: [{containerPort: 8080}, {containerPort: 9090}]}]}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: allow-nothing, namespace: foo}
spec:
  selector: {matchLabels: {app: web}}
",
        "\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: foo}
spec:
  template:
    metadata:
      labels: {app: web}
      annotations: {traffic.sidecar.istio.io/includeInboundPorts: \"8080\"}
    spec: {containers: [{name: web, ports: [{containerPort: 8080}, {containerPort: 9090}]}]}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: deny-bar, namespace: foo}
spec:
  selector: {matchLabels: {app: web}}
  action: DENY
  rules:
  - from:
    - source: {namespaces: [bar]}
",
    ],
    good: &[
        "\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: foo}
spec:
  template:
    metadata:
      labels: {app: web}
      annotations: {sidecar.istio.io/interceptionMode: TPROXY}
    spec: {containers: [{name: web, ports: [{containerPort: 8080}]}]}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: allow-nothing, namespace: foo}
spec:
  selector: {matchLabels: {app: web}}
",
        "\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: foo}
spec:
  template:
    metadata:
      labels: {app: web}
      annotations: {traffic.sidecar.istio.io/excludeInboundPorts: \"9090\"}
    spec: {containers: [{name: web, ports: [{containerPort: 8080}]}]}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: allow-nothing, namespace: foo}
spec:
  selector: {matchLabels: {app: web}}
",
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: allow-nothing, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  rules: []
",
    ],
    check,
};

fn check(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    let Some(mesh) = subject.mesh else { return };
    for (index, workload) in mesh
        .inventory
        .workloads
        .iter()
        .enumerate()
        .filter(|(_, to)| has_proxy(to))
    {
        let Some(enforcement) = mesh.enforcement(index) else { continue };
        let ports = workload.listeners.keys().chain(&workload.container_ports);
        let Some(port) = ports
            .copied()
            .find(|port| workload.interception.passes(*port))
        else {
            continue;
        };
        let policy = enforcement
            .deny
            .policies
            .first()
            .or_else(|| enforcement.allow.policies.first());
        let Some(policy) = policy.and_then(|policy| mesh.policies.get(*policy)) else { continue };
        let plaintext = requests_to(subject, mesh, index, false).pop();
        let witness = plaintext.and_then(|request| {
            subject
                .decided(Change::Port(port).of(&request))?
                .if_decided(Verdict::Allow)
        });
        let written = subject.resources.iter().find(|resource| {
            matches!(resource, Resource::Workload(written)
                if Some(&written.meta.origin) == workload.origin.as_ref())
        });
        let (Some(resource), true) = (written, witness.is_some()) else { continue };
        found.push(
            Finding::of(
                resource.kind(),
                resource.meta(),
                format!("port {port} goes past the sidecar: no policy is asked there"),
            )
            .help(if workload.interception.is_off() {
                "take `interceptionMode: NONE` out, or keep others off the pod by a NetworkPolicy"
            } else {
                "take the port out of the annotation, or keep others off it by a NetworkPolicy"
            })
            .related(policy.origin.clone(), format!("`{}` is about the workload", policy.id()))
            .witness(witness),
        );
    }
}

//! A RequestAuthentication for a ztunnel → no token is read.

use crate::lint::subject::Subject;
use crate::lint::{Finding, Level, Lint};
use crate::mesh::Dataplane;

pub(super) const LINT: Lint = Lint {
    code: "PC124",
    name: "token-rule-at-a-ztunnel",
    level: Level::High,
    what: "A RequestAuthentication selects workloads in ambient mode, where nobody reads tokens.",
    why: "A ztunnel sees connections and no tokens. Only a waypoint reads them, and it looks at policies with \
          `targetRefs` alone.",
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
kind: RequestAuthentication
metadata: {name: jwt, namespace: amb}
spec:
  jwtRules:
  - issuer: https://issuer.example
    jwksUri: https://issuer.example/keys
    audiences: [httpbin]
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
kind: RequestAuthentication
metadata: {name: jwt, namespace: amb}
spec:
  selector: {matchLabels: {app: web}}
  jwtRules:
  - issuer: https://issuer.example
    jwksUri: https://issuer.example/keys
    audiences: [httpbin]
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
kind: RequestAuthentication
metadata: {name: jwt, namespace: amb}
spec:
  targetRefs: [{kind: Service, group: \"\", name: web}]
  jwtRules:
  - issuer: https://issuer.example
    jwksUri: https://issuer.example/keys
    audiences: [httpbin]
",
        "\
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: jwt, namespace: foo}
spec:
  jwtRules:
  - issuer: https://issuer.example
    jwksUri: https://issuer.example/keys
    audiences: [httpbin]
",
    ],
    check,
};

fn check(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    let Some(mesh) = subject.mesh else { return };
    for policy in subject.request_authentications() {
        if !policy.target.references().is_empty() {
            continue;
        }
        let about = subject.selected(mesh, &policy.meta, policy.target.selector.as_ref());
        let mut about = about.iter().filter_map(|at| mesh.workload(*at)).peekable();
        // Of the whole mesh, only if nothing else is in it.
        let some = about.peek().is_some();
        if some && about.all(|workload| workload.dataplane == Dataplane::Ambient) {
            found.push(
                Finding::of(
                    "RequestAuthentication",
                    &policy.meta,
                    "a ztunnel reads no tokens: this policy does nothing",
                )
                .help("name the waypoint's Service or Gateway in `targetRefs`"),
            );
        }
    }
}

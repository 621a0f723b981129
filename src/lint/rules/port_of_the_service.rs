//! A rule for the port of a Service → the proxy is called on another one.

use crate::explanation::Change;
use crate::lint::subject::{Subject, mistaken, service_port_target};
use crate::lint::{Finding, Level, Lint};
use crate::mesh::Attribute;

pub(super) const LINT: Lint = Lint {
    code: "PC111",
    name: "port-of-the-service",
    level: Level::High,
    what: "A rule names the port of a Service, and the workload is called on another one.",
    why: "`ports` are those that the workload listens on, behind the Service's `targetPort`; for a gateway that is \
          8080 or 8443 where its Service has 80 or 443. A rule for the Service's port never matches.",
    bad: &[
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: http, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  rules:
  - to:
    - operation: {ports: ['80']}
",
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: deny-http, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  action: DENY
  rules:
  - to:
    - operation: {ports: ['80'], paths: [/admin]}
",
    ],
    good: &[
        "\
apiVersion: v1
kind: Service
metadata: {name: pods, namespace: foo}
spec:
  clusterIP: None
  selector: {app: httpbin}
  ports: [{name: http, port: 81, targetPort: 8080}]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: http, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  rules:
  - to:
    - operation: {ports: ['81']}
",
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: http, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  rules:
  - to:
    - operation: {ports: ['8080']}
",
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: db, namespace: foo}
spec:
  selector: {matchLabels: {app: db}}
  rules:
  - to:
    - operation: {ports: ['5432']}
",
    ],
    check,
};

fn check(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    let Some(mesh) = subject.mesh else { return };
    for written in subject.policies() {
        for term in written
            .terms()
            .filter(|term| term.attribute == Attribute::DestinationPort)
        {
            let Ok(port) = term.text().parse::<u16>() else { continue };
            let Some((service, target)) = service_port_target(mesh, &written.workloads, port)
            else {
                continue;
            };
            let witness = mistaken(subject, written, &term, &Change::Port(target));
            let message = format!(
                "{port} is the port of Service `{service}`, and the workload is called on {target}"
            );
            found.push(
                written
                    .finding(&term, message)
                    .help(format!("write `{target}`"))
                    .witness(witness)
                    .replace(format!("write `{target}`"), target.to_string()),
            );
        }
    }
}

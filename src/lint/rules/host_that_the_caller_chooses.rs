//! A DENY rule by host before a sidecar → the caller names another host.

use crate::explanation::Change;
use crate::istio::Action;
use crate::lint::subject::{Subject, escapes};
use crate::lint::{Finding, Level, Lint};
use crate::mesh::{Attribute, Dataplane};

pub(super) const LINT: Lint = Lint {
    code: "PC062",
    name: "host-that-the-caller-chooses",
    level: Level::High,
    what: "A DENY rule keeps a host out before a sidecar, and the caller only has to name another one.",
    why: "A sidecar takes every request that reaches its port, whatever host it names: the host is a header that the \
          caller writes. A gateway looks for a route by the host, so there the lint says nothing.",
    bad: &[
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: deny-host, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  action: DENY
  rules:
  - to:
    - operation: {hosts: [admin.example.com]}
",
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: deny-header, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  action: DENY
  rules:
  - when:
    - key: request.headers[:authority]
      values: [admin.example.com]
",
    ],
    good: &[
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: deny-path, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  action: DENY
  rules:
  - to:
    - operation: {paths: [/admin]}
",
        "\
apiVersion: apps/v1
kind: Deployment
metadata: {name: ingress, namespace: gw}
spec:
  template:
    metadata: {labels: {istio: ingressgateway}}
    spec: {containers: [{name: istio-proxy, ports: [{containerPort: 8080}]}]}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: deny-host, namespace: gw}
spec:
  selector: {matchLabels: {istio: ingressgateway}}
  action: DENY
  rules:
  - to:
    - operation: {hosts: [admin.example.com]}
",
    ],
    check,
};

fn check(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    for (mesh, written) in subject.in_force(Action::Deny) {
        let mut last = None;
        for term in written.terms() {
            let host = term.attribute == Attribute::Host
                || matches!(&term.attribute, Attribute::RequestHeader(name) if name == ":authority" || name == "host");
            let place = (term.rule, term.place);
            if !host || !term.is_positive() || last == Some(place) {
                continue;
            }
            let other = Change::Host("other.example".to_owned());
            let Some(witness) = escapes(subject, written, &term, &other) else { continue };
            let to = mesh.workload(witness.request().workload);
            if to.is_some_and(|to| to.dataplane == Dataplane::Sidecar) {
                last = Some(place);
                found.push(
                    written
                        .finding(
                            &term,
                            format!(
                                "`{}` is kept out by a name that the caller chooses",
                                term.text()
                            ),
                        )
                        .help("deny by path or port, or let an ALLOW policy name the hosts")
                        .witness(Some(witness)),
                );
            }
        }
    }
}

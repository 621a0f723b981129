//! An HTTP field in a rule about a TCP port → an ALLOW rule is gone, a DENY rule denies everything.

use crate::decide::{Because, Verdict};
use crate::istio::Action;
use crate::lint::subject::Subject;
use crate::lint::witness::requests_to;
use crate::lint::{Finding, Level, Lint};
use crate::mesh::{ListenerClass, Mesh};
use crate::request::{Payload, Request};

pub(super) const LINT: Lint = Lint {
    code: "PC110",
    name: "http-field-on-a-tcp-port",
    level: Level::High,
    what: "A rule asks for something of HTTP, and a port that it is about takes bytes.",
    why: "On a port that is declared as TCP there are no paths, methods, headers or tokens. istiod leaves an ALLOW \
          rule with such a field out; of a DENY rule it leaves the field out, so that every connection is denied that \
          the rest matches.",
    bad: &[
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: db-readers, namespace: foo}
spec:
  selector: {matchLabels: {app: db}}
  rules:
  - to:
    - operation: {methods: [GET]}
",
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: deny-admin, namespace: foo}
spec:
  selector: {matchLabels: {app: db}}
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
metadata: {name: db-readers, namespace: foo}
spec:
  selector: {matchLabels: {app: db}}
  rules:
  - to:
    - operation: {ports: [\"5432\"]}
",
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: deny-admin, namespace: foo}
spec:
  action: DENY
  rules:
  - to:
    - operation: {paths: [/admin], ports: ['8080']}
",
    ],
    check,
};

fn check(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    let Some(mesh) = subject.mesh else { return };
    for written in subject
        .policies()
        .iter()
        .filter(|written| written.enforces(mesh))
    {
        let mut last = None;
        for term in written.terms() {
            if !term.attribute.is_http_only() || last == Some(term.rule) {
                continue;
            }
            last = Some(term.rule);
            let Some(place) = written.rule(mesh, term.rule) else { continue };
            let help = "name HTTP ports in `ports`, or declare the port's protocol in the Service: `name: http-…`";
            match written.policy.action {
                // A rule that counts nowhere: some other port would be an HTTP one.
                Action::Allow => {
                    let mut workloads = written.workloads.iter();
                    if !workloads
                        .clone()
                        .next()
                        .is_some_and(|_| workloads.all(|at| takes_bytes(mesh, *at)))
                    {
                        continue;
                    }
                    let message = format!(
                        "the rule is gone: `{}` is of HTTP, and every port takes bytes",
                        term.field
                    );
                    let witness = written.workloads.first().and_then(|workload| {
                        let request = requests_to(subject, mesh, *workload, false)
                            .into_iter()
                            .next()?;
                        subject.decided(request)?.if_decided(Verdict::Deny)
                    });
                    found.push(written.finding(&term, message).help(help).witness(witness));
                }
                Action::Deny => {
                    let witness = written.workloads.iter().find_map(|workload| {
                        to_tcp_ports(subject, mesh, *workload)
                            .into_iter()
                            .find_map(|request| {
                                let witness = subject.decided(request)?;
                                (witness.decision().because == Because::DenyRule(place))
                                    .then_some(witness)
                            })
                    });
                    if let Some(witness) = witness {
                        let message = format!(
                            "on a TCP port `{}` is left out, and connections are denied",
                            term.field
                        );
                        found.push(
                            written
                                .finding(&term, message)
                                .help(help)
                                .witness(Some(witness)),
                        );
                    }
                }
                Action::Audit | Action::Custom => {}
            }
        }
    }
}

/// Whether ports are declared, and all of them as TCP.
fn takes_bytes(mesh: &Mesh, workload: usize) -> bool {
    mesh.workload(workload).is_some_and(|to| {
        let undeclared = to
            .container_ports
            .iter()
            .any(|port| !to.listeners.contains_key(port));
        let mut classes = to.listeners.values().map(|listener| listener.class);
        !to.listeners.is_empty() && !undeclared && classes.all(|class| class == ListenerClass::Tcp)
    })
}

/// A connection to each port of a workload that is declared as TCP.
fn to_tcp_ports(subject: &Subject<'_>, mesh: &Mesh, workload: usize) -> Vec<Request> {
    let Some(to) = mesh.workload(workload) else { return Vec::new() };
    let tcp = to
        .listeners
        .iter()
        .filter(|(_, listener)| listener.class == ListenerClass::Tcp);
    let ports: Vec<u16> = tcp.map(|(port, _)| *port).collect();
    let bases = requests_to(subject, mesh, workload, false);
    let requests = bases.iter().flat_map(|base| {
        ports
            .iter()
            .map(|port| Request { port: *port, payload: Payload::Bytes, ..base.clone() })
    });
    requests.collect()
}

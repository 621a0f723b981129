//! `portLevelMtls` with a port of a Service → the mode is of a port that nobody calls.

use crate::decide::Verdict;
use crate::diagnostic::FieldPath;
use crate::explanation::Change;
use crate::istio::Mode;
use crate::lint::subject::{Subject, service_port_target};
use crate::lint::witness::requests_to;
use crate::lint::{Finding, Level, Lint};

pub(super) const LINT: Lint = Lint {
    code: "PC007",
    name: "port-mode-of-service-port",
    level: Level::High,
    what: "`portLevelMtls` names the port of a Service, and the workload is called on another one.",
    why: "The ports of `portLevelMtls` are those that the workload listens on, behind the Service's `targetPort`. A \
          mode for the Service's port changes nothing: the port that is called keeps the mode of the workload.",
    bad: &[
        "\
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: strict-http, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  mtls: {mode: PERMISSIVE}
  portLevelMtls: {80: {mode: STRICT}}
",
        "\
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: open-http, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  mtls: {mode: STRICT}
  portLevelMtls: {80: {mode: PERMISSIVE}}
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
kind: PeerAuthentication
metadata: {name: strict-http, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  portLevelMtls: {81: {mode: STRICT}}
",
        "\
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: another-revision, namespace: foo, labels: {istio.io/rev: canary}}
spec:
  selector: {matchLabels: {app: httpbin}}
  mtls: {mode: PERMISSIVE}
  portLevelMtls: {80: {mode: STRICT}}
",
        "\
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: strict-http, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  portLevelMtls: {8080: {mode: STRICT}}
",
        "\
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: strict-db, namespace: foo}
spec:
  selector: {matchLabels: {app: db}}
  portLevelMtls: {5432: {mode: STRICT}}
",
    ],
    check,
};

fn check(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    let Some(mesh) = subject.mesh else { return };
    for policy in subject.peer_authentications() {
        // Where another one counts this one says nothing.
        let Some(workloads) = subject.reach(policy).map(|reach| &reach.chosen) else { continue };
        let entries = policy.port_level.iter().flatten();
        for (written, mode) in entries {
            let Ok(port) = written.value.parse::<u16>() else { continue };
            let Some((service, target)) = service_port_target(mesh, workloads, port) else {
                continue;
            };
            let message = format!(
                "port {port} is that of Service `{service}`, and the workload is called on {target}"
            );
            let strict = mode.value == Mode::Strict;
            let witness = workloads.first().filter(|_| strict).and_then(|workload| {
                let request = requests_to(subject, mesh, *workload, false)
                    .into_iter()
                    .next()?;
                let request = Change::Port(target).of(&Change::Plaintext.of(&request));
                subject.decided(request)?.if_decided(Verdict::Allow)
            });
            let path = FieldPath::root()
                .field("spec")
                .field("portLevelMtls")
                .field(&written.value);
            found.push(
                Finding::of("PeerAuthentication", &policy.meta, message)
                    .at(written.position, path)
                    .help(format!("write {target}"))
                    .witness(witness),
            );
        }
    }
}

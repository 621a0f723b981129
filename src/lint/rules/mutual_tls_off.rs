//! A PeerAuthentication that says DISABLE → the port takes plaintext alone.

use crate::diagnostic::FieldPath;
use crate::istio::Mode;
use crate::lint::subject::Subject;
use crate::lint::{Finding, Level, Lint};

pub(super) const LINT: Lint = Lint {
    code: "PC005",
    name: "mutual-tls-off",
    level: Level::High,
    what: "A PeerAuthentication switches mutual TLS off.",
    why: "Under DISABLE the proxy does not end TLS: requests come in plaintext, anybody on the way can read and change \
          them, and no caller has an identity that a policy could ask for. Proxies of the mesh stop speaking mutual \
          TLS to the port.",
    bad: &[
        "\
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: mtls-off, namespace: foo}
spec:
  mtls: {mode: DISABLE}
",
        "\
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: port, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  mtls: {mode: STRICT}
  portLevelMtls: {8080: {mode: DISABLE}}
",
    ],
    good: &[
        "\
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: passed-over, namespace: istio-system}
spec:
  selector: {matchLabels: {app: httpbin}}
  mtls: {mode: DISABLE}
",
        "\
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: older, namespace: foo, creationTimestamp: \"2024-01-01T00:00:00Z\"}
spec:
  selector: {matchLabels: {app: httpbin}}
  mtls: {mode: STRICT}
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: younger, namespace: foo, creationTimestamp: \"2025-01-01T00:00:00Z\"}
spec:
  selector: {matchLabels: {app: httpbin}}
  mtls: {mode: DISABLE}
",
        "\
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: permissive, namespace: foo}
spec:
  mtls: {mode: PERMISSIVE}
",
        "\
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: port, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  mtls: {mode: STRICT}
  portLevelMtls: {8080: {mode: PERMISSIVE}}
",
    ],
    check,
};

fn check(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    const HELP: &str = "write STRICT, or PERMISSIVE where callers without a proxy remain";
    let Some(mesh) = subject.mesh else { return };
    for policy in subject.peer_authentications() {
        let Some(reach) = subject.reach(policy) else { continue };
        let spec = FieldPath::root().field("spec");
        if let Some(mode) = policy
            .mode
            .as_ref()
            .filter(|mode| mode.value == Mode::Disable)
        {
            let path = spec.field("mtls").field("mode");
            let force = reach.force(mesh, policy, mode.position, |mtls| {
                std::iter::once(&mtls.workload)
                    .chain(mtls.ports.values())
                    .collect()
            });
            found.extend(
                force.told(
                    Finding::of("PeerAuthentication", &policy.meta, "mutual TLS is switched off")
                        .at(mode.position, path)
                        .help(HELP),
                ),
            );
        }
        for (port, mode) in policy.port_level.iter().flatten() {
            let Ok(number) = port.value.parse::<u16>() else { continue };
            if mode.value == Mode::Disable {
                let message = format!("mutual TLS is switched off on port {}", port.value);
                let path = spec.field("portLevelMtls").field(&port.value);
                let force = reach.force(mesh, policy, mode.position, |mtls| {
                    mtls.ports.get(&number).into_iter().collect()
                });
                found.extend(
                    force.told(
                        Finding::of("PeerAuthentication", &policy.meta, message)
                            .at(mode.position, path)
                            .help(HELP),
                    ),
                );
            }
        }
    }
}

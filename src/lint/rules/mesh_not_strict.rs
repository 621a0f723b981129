//! The mesh-wide PeerAuthentication → it takes plaintext.

use crate::decide::Verdict;
use crate::diagnostic::{FieldPath, Origin};
use crate::explanation::Change;
use crate::istio::Mode;
use crate::lint::peer_authentication::Force;
use crate::lint::subject::{Subject, has_proxy};
use crate::lint::witness::requests_to;
use crate::lint::{Finding, Level, Lint};
use crate::mesh::{DecidedMode, Level as Reach, level};

pub(super) const LINT: Lint = Lint {
    code: "PC004",
    name: "mesh-not-strict",
    level: Level::Medium,
    what: "The PeerAuthentication of the whole mesh does not say STRICT.",
    why: "Where plaintext is taken, whoever reaches a pod's network may call it without an identity, and every policy \
          that asks who calls has to reckon with that. A mesh that says STRICT once makes the exception the thing that \
          must be written.",
    bad: &[
        "\
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: istio-system}
spec:
  mtls: {mode: PERMISSIVE}
",
        "\
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: istio-system}
spec:
  mtls: {mode: UNSET}
",
    ],
    good: &[
        "\
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: older, namespace: istio-system, creationTimestamp: \"2024-01-01T00:00:00Z\"}
spec:
  mtls: {mode: STRICT}
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: younger, namespace: istio-system, creationTimestamp: \"2025-01-01T00:00:00Z\"}
spec:
  mtls: {mode: PERMISSIVE}
",
        "\
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: another-revision, namespace: istio-system, labels: {istio.io/rev: canary}}
spec:
  mtls: {mode: PERMISSIVE}
",
        "\
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: istio-system}
spec:
  mtls: {mode: STRICT}
",
        "\
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: foo}
spec:
  mtls: {mode: PERMISSIVE}
",
    ],
    check,
};

fn check(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    let Some(mesh) = subject.mesh else { return };
    let root = mesh.settings.root_namespace.as_str();
    for policy in subject.peer_authentications() {
        let mode = policy.mode.as_ref().map_or(Mode::Unset, |mode| mode.value);
        let takes_plaintext = matches!(mode, Mode::Permissive | Mode::Unset);
        let Some(reach) = subject.reach(policy).filter(|reach| reach.counts) else { continue };
        if level(policy, root) != Some(Reach::Mesh) || !takes_plaintext {
            continue;
        }
        let place = Origin::new(&policy.meta.origin.file, policy.mode_position());
        // UNSET leaves it to the default of Istio, which nobody wrote.
        let by = |decided: &DecidedMode| match &decided.by {
            Some((_, origin)) => *origin == place,
            None => mode == Mode::Unset,
        };
        let witness = reach.chosen.iter().find_map(|workload| {
            let mtls = &mesh.enforcement(*workload)?.mtls;
            let request = requests_to(subject, mesh, *workload, false)
                .into_iter()
                .next()
                .filter(|request| by(mtls.of_port(request.port)))?;
            subject
                .decided(Change::Plaintext.of(&request))?
                .if_decided(Verdict::Allow)
        });
        let force = if reach.chosen.iter().any(|workload| {
            mesh.workload(*workload).is_some_and(has_proxy)
                && mesh
                    .enforcement(*workload)
                    .is_some_and(|enforcement| by(&enforcement.mtls.workload))
        }) {
            Force::Somewhere
        } else {
            Force::Elsewhere
        };
        let path = FieldPath::root().field("spec").field("mtls").field("mode");
        let message = "what no other PeerAuthentication is about takes plaintext";
        found.extend(
            force.told(
                Finding::of("PeerAuthentication", &policy.meta, message)
                    .at(policy.mode_position(), path)
                    .help("write `mode: STRICT`, and PERMISSIVE for the namespaces that are not there yet")
                    .witness(witness),
            ),
        );
    }
}

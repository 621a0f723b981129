//! The mesh-wide PeerAuthentication → it takes plaintext.

use crate::decide::Verdict;
use crate::diagnostic::FieldPath;
use crate::explanation::Change;
use crate::istio::Mode;
use crate::lint::subject::{Subject, has_proxy};
use crate::lint::witness::requests_to;
use crate::lint::{Finding, Level, Lint};
use crate::mesh::{Level as Reach, level};

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
        if level(policy, root) != Some(Reach::Mesh) || !takes_plaintext {
            continue;
        }
        let workloads = mesh.inventory.workloads.iter().enumerate();
        let mut workloads = workloads.filter(|(_, workload)| has_proxy(workload));
        let witness = workloads.find_map(|(workload, _)| {
            let request = requests_to(subject, mesh, workload, false)
                .into_iter()
                .next()?;
            subject
                .decided(Change::Plaintext.of(&request))?
                .if_decided(Verdict::Allow)
        });
        let path = FieldPath::root().field("spec").field("mtls").field("mode");
        found.push(
            Finding::of("PeerAuthentication", &policy.meta, "the whole mesh takes plaintext")
                .at(policy.mode_position(), path)
                .help("write `mode: STRICT`, and PERMISSIVE for the namespaces that are not there yet")
                .witness(witness),
        );
    }
}

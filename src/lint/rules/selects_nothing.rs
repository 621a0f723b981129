//! A selector that no workload has the labels of → the policy is about nothing.

use crate::diagnostic::FieldPath;
use crate::istio::Resource;
use crate::lint::subject::Subject;
use crate::lint::{Finding, Level, Lint};
use crate::mesh::level;

pub(super) const LINT: Lint = Lint {
    code: "PC025",
    name: "selects-nothing",
    level: Level::Medium,
    what: "A selector matches no workload that the files know, or stands where istiod reads none.",
    why: "A misspelt label is no error anywhere: the policy is accepted, and about nothing. The lint speaks of labels only \
          where the files hold workloads of the namespace. A PeerAuthentication of the root namespace that has a \
          selector is passed over, whatever it selects.",
    bad: &[
        "\
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: strict, namespace: istio-system}
spec:
  selector: {matchLabels: {app: httpbin}}
  mtls: {mode: STRICT}
",
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: typo, namespace: foo}
spec:
  selector: {matchLabels: {app: htpbin}}
  action: DENY
  rules:
  - to:
    - operation: {paths: [/admin]}
",
        "\
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: typo, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin, version: v9}}
  mtls: {mode: STRICT}
",
    ],
    good: &[
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: right, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  action: DENY
  rules:
  - to:
    - operation: {paths: [/admin]}
",
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: elsewhere, namespace: not-in-the-files}
spec:
  selector: {matchLabels: {app: unknown}}
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
    for resource in &subject.resources {
        let selector = match resource {
            Resource::AuthorizationPolicy(policy) => policy.target.selector.as_ref(),
            Resource::RequestAuthentication(policy) => policy.target.selector.as_ref(),
            Resource::PeerAuthentication(policy) => policy.selector.as_ref(),
            Resource::Namespace(_)
            | Resource::ServiceAccount(_)
            | Resource::Service(_)
            | Resource::Workload(_)
            | Resource::MeshConfig(..)
            | Resource::Later { .. } => None,
        };
        let Some(selector) = selector.filter(|selector| !selector.match_labels.is_empty()) else {
            continue;
        };
        let meta = resource.meta();
        if let Resource::PeerAuthentication(policy) = resource
            && level(policy, &mesh.settings.root_namespace).is_none()
        {
            let path = FieldPath::root().field("spec").field("selector");
            let message = format!(
                "of the root namespace `{}` istiod reads no PeerAuthentication with a selector",
                meta.namespace
            );
            found.push(
                Finding::of(resource.kind(), meta, message)
                    .at(selector.position, path)
                    .help("put it into the namespace of the workloads, or take the selector out"),
            );
            continue;
        }
        let known = !subject.selected(mesh, meta, None).is_empty();
        if !known || !subject.selected(mesh, meta, Some(selector)).is_empty() {
            continue;
        }
        let labels: Vec<String> = selector
            .match_labels
            .iter()
            .map(|(label, value)| format!("{label}: {value}"))
            .collect();
        let path = FieldPath::root()
            .field("spec")
            .field("selector")
            .field("matchLabels");
        let position = selector
            .label_positions
            .values()
            .min()
            .copied()
            .unwrap_or(selector.position);
        let message = format!("no workload carries {{{}}}", labels.join(", "));
        found.push(
            Finding::of(resource.kind(), meta, message)
                .at(position, path)
                .help("mend the labels: a policy is about pods that carry all of them")
                .sure_if("the files hold every workload that the policy may be about"),
        );
    }
}

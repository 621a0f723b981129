//! Several of PeerAuthentication for one scope → one of them counts, the others do not.

use std::collections::BTreeMap;

use crate::lint::subject::Subject;
use crate::lint::{Finding, Level, Lint};
use crate::mesh::{Level as Reach, REVISION_LABEL, level};

pub(super) const LINT: Lint = Lint {
    code: "PC008",
    name: "several-peer-authentications",
    level: Level::Medium,
    what: "Several PeerAuthentications are about the same scope; only the oldest counts.",
    why: "Of several PeerAuthentications of one level istiod takes the oldest and leaves the others aside, without a \
          word. What the others say is not merged in, and which one is the oldest changes when one is deleted and \
          written anew.",
    bad: &[
        "\
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: a, namespace: foo, creationTimestamp: \"2024-01-01T00:00:00Z\"}
spec:
  mtls: {mode: STRICT}
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: b, namespace: foo, creationTimestamp: \"2024-02-01T00:00:00Z\"}
spec:
  mtls: {mode: PERMISSIVE}
",
        "\
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: a, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  mtls: {mode: STRICT}
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: b, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  mtls: {mode: STRICT}
",
    ],
    good: &[
        "\
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: a, namespace: foo}
spec:
  mtls: {mode: STRICT}
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: b, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  mtls: {mode: PERMISSIVE}
",
        "\
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: a, namespace: foo}
spec:
  mtls: {mode: STRICT}
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: b, namespace: bar}
spec:
  mtls: {mode: PERMISSIVE}
",
    ],
    check,
};

fn check(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    let Some(mesh) = subject.mesh else { return };
    let root = mesh.settings.root_namespace.as_str();
    let mut scopes: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for policy in subject.peer_authentications() {
        let labels = policy
            .selector
            .as_ref()
            .map(|selector| &selector.match_labels);
        let labels = labels.filter(|labels| !labels.is_empty());
        let revision = policy.meta.labels.get(REVISION_LABEL);
        let reach = level(policy, root);
        if reach.is_some() {
            let scope = (&policy.meta.namespace, labels, revision, reach == Some(Reach::Mesh));
            scopes.entry(scope).or_default().push(policy);
        }
    }
    for ((namespace, labels, ..), policies) in scopes {
        // Only the age tells which counts, and a file need not say it: all but the first are told of.
        let Some((first, others)) = policies.split_first() else { continue };
        for policy in others {
            let what = if labels.is_some() { "the same workloads of" } else { "the whole of" };
            let message = format!(
                "two PeerAuthentications are about {what} namespace `{namespace}`, and only the older counts"
            );
            found.push(
                Finding::of("PeerAuthentication", &policy.meta, message)
                    .help("keep one of them")
                    .related(
                        first.meta.origin.clone(),
                        format!("the other is `{}`", first.meta.id()),
                    ),
            );
        }
    }
}

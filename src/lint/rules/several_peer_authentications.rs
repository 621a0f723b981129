//! Several of PeerAuthentication for one scope → one of them counts, the others do not.

use std::collections::{BTreeMap, BTreeSet};

use crate::istio::PeerAuthentication;
use crate::lint::subject::Subject;
use crate::lint::{Finding, Level, Lint};
use crate::mesh::{Level as Reach, REVISION_LABEL, Workload, level};

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
metadata: {name: by-account, namespace: foo, creationTimestamp: \"2024-01-01T00:00:00Z\"}
spec:
  selector: {matchLabels: {app: httpbin}}
  mtls: {mode: STRICT}
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: by-tier, namespace: foo, creationTimestamp: \"2025-01-01T00:00:00Z\"}
spec:
  selector: {matchLabels: {tier: web}}
  mtls: {mode: PERMISSIVE}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: httpbin-web, namespace: foo}
spec:
  template:
    metadata: {labels: {app: httpbin, tier: web}}
    spec: {containers: [{name: httpbin}]}
",
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
    let mut told = BTreeSet::new();
    for ((namespace, labels, ..), policies) in scopes {
        let policies = oldest_first(policies);
        let Some((first, others)) = policies.split_first() else { continue };
        for policy in others {
            let what = if labels.is_some() { "the same workloads of" } else { "the whole of" };
            let message = format!(
                "two PeerAuthentications are about {what} namespace `{namespace}`, and only the older counts"
            );
            told.insert(&policy.meta.origin);
            found.push(twice(policy, message, first));
        }
    }
    // Other labels may be those of the same pods.
    for policy in subject.peer_authentications() {
        let Some((workload, first)) = subject.reach(policy).and_then(|reach| reach.behind) else {
            continue;
        };
        if told.contains(&policy.meta.origin) || told.contains(&first.meta.origin) {
            continue;
        }
        let name = mesh
            .workload(workload)
            .map_or_else(String::new, Workload::full_name);
        let message =
            format!("two PeerAuthentications are about `{name}`, and only the older counts there");
        found.push(twice(policy, message, first));
    }
}

fn twice(policy: &PeerAuthentication, message: String, first: &PeerAuthentication) -> Finding {
    Finding::of("PeerAuthentication", &policy.meta, message)
        .help("keep one of them")
        .related(first.meta.origin.clone(), format!("the other is `{}`", first.meta.id()))
}

/// The one that counts first, where every age is known. Only the age tells, and a file need not say it: then all but
/// the first of the text are told of.
fn oldest_first(mut policies: Vec<&PeerAuthentication>) -> Vec<&PeerAuthentication> {
    if policies.iter().all(|policy| policy.meta.created.is_some()) {
        policies.sort_by_key(|policy| (policy.meta.created, &policy.meta.name));
    }
    policies
}

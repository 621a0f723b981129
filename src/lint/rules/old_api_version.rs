//! `security.istio.io/v1beta1` → the same is there as `v1`.

use crate::diagnostic::FieldPath;
use crate::lint::subject::Subject;
use crate::lint::{Finding, Level, Lint};

pub(super) const LINT: Lint = Lint {
    code: "PC039",
    name: "old-api-version",
    level: Level::Low,
    what: "A policy is written in `security.istio.io/v1beta1`; it is the same in `v1`.",
    why: "`v1` has the same fields and has been there since Istio 1.22. New tools and examples write it, and the old \
          one will go some day.",
    bad: &[
        "\
apiVersion: security.istio.io/v1beta1
kind: AuthorizationPolicy
metadata: {name: old, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  rules:
  - from:
    - source: {namespaces: [foo]}
",
        "\
apiVersion: security.istio.io/v1beta1
kind: PeerAuthentication
metadata: {name: old, namespace: foo}
spec:
  mtls: {mode: STRICT}
",
    ],
    good: &[
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: new, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  rules:
  - from:
    - source: {namespaces: [foo]}
",
        "\
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: new, namespace: foo}
spec:
  mtls: {mode: STRICT}
",
    ],
    check,
};

fn check(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    const OLD: &str = "security.istio.io/v1beta1";
    const NEW: &str = "security.istio.io/v1";
    for resource in &subject.resources {
        let meta = resource.meta();
        let written = meta
            .api_version
            .as_ref()
            .filter(|written| written.value == OLD);
        let Some(written) = written else { continue };
        found.push(
            Finding::of(resource.kind(), meta, format!("`{OLD}` is the same as `{NEW}`"))
                .value(written, FieldPath::root().field("apiVersion"))
                .help(format!("write `{NEW}`"))
                .replace(format!("write `{NEW}`"), NEW),
        );
    }
}

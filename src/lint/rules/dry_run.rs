//! A policy that is annotated as a dry run → it settles nothing.

use crate::decide::Verdict;
use crate::diagnostic::FieldPath;
use crate::istio::Action;
use crate::lint::subject::Subject;
use crate::lint::witness::Aim;
use crate::lint::{Finding, Level, Lint};

pub(super) const LINT: Lint = Lint {
    code: "PC034",
    name: "dry-run",
    level: Level::High,
    what: "A policy carries `istio.io/dry-run: true`, so it is logged and not enforced.",
    why: "The annotation is meant for trying a policy out, and is easily forgotten. A DENY policy refuses nobody as \
          long as it is there, and an ALLOW policy keeps nobody out.",
    bad: &[
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: trial, namespace: foo, annotations: {istio.io/dry-run: \"true\"}}
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
metadata: {name: trial-allow, namespace: foo, annotations: {istio.io/dry-run: \"1\"}}
spec:
  selector: {matchLabels: {app: httpbin}}
  rules:
  - from:
    - source: {principals: [cluster.local/ns/foo/sa/sleep]}
",
    ],
    good: &[
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: real, namespace: foo, annotations: {istio.io/dry-run: \"false\"}}
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
metadata: {name: plain, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
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
    for written in subject.policies() {
        let compiled = written.compiled.and_then(|index| mesh.policies.get(index));
        if !compiled.is_some_and(|policy| policy.dry_run) {
            continue;
        }
        // What a DENY rule matches is let in all the same.
        let denies = written.policy.action == Action::Deny;
        let witness = denies
            .then(|| subject.matching(written, Aim::default()))
            .flatten();
        let witness =
            witness.and_then(|request| subject.decided(request)?.if_decided(Verdict::Allow));
        let path = FieldPath::root().field("metadata").field("annotations");
        found.push(
            written
                .whole("this policy is a dry run: nothing that it says is enforced")
                .at(written.policy.meta.origin.position, path)
                .help("take the annotation `istio.io/dry-run` away once the logs look right")
                .witness(witness),
        );
    }
}

//! Two JWT rules for one issuer before one workload → which keys count depends on the order.

use std::collections::BTreeSet;

use crate::diagnostic::{FieldPath, Origin};
use crate::lint::subject::Subject;
use crate::lint::{Finding, Level, Lint};

pub(super) const LINT: Lint = Lint {
    code: "PC097",
    name: "issuer-twice",
    level: Level::Medium,
    what: "Two JWT rules of the same issuer are about one workload.",
    why: "Each is a provider of its own, and both look for the token in the same place. The first one that verifies \
          takes the token out of the request, and a token that only the second one would verify may be refused or left \
          unseen.",
    bad: &[
        "\
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: a, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  jwtRules:
  - issuer: https://issuer.example
    jwksUri: https://issuer.example/keys
    audiences: [httpbin]
---
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: b, namespace: foo}
spec:
  jwtRules:
  - issuer: https://issuer.example
    jwksUri: https://issuer.example/other-keys
    audiences: [httpbin]
",
        "\
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: both, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  jwtRules:
  - issuer: https://issuer.example
    jwksUri: https://issuer.example/keys
    audiences: [httpbin]
  - issuer: https://issuer.example
    jwksUri: https://issuer.example/old-keys
    audiences: [httpbin]
",
    ],
    good: &[
        "\
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: one, namespace: foo}
spec:
  jwtRules:
  - issuer: https://issuer.example
    jwksUri: https://issuer.example/keys
    audiences: [httpbin]
",
        "\
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: two, namespace: foo}
spec:
  jwtRules:
  - issuer: https://issuer.example
    jwksUri: https://issuer.example/keys
    audiences: [httpbin]
  - issuer: https://second.example
    jwksUri: https://second.example/keys
    audiences: [httpbin]
",
    ],
    check,
};

fn check(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    let Some(mesh) = subject.mesh else { return };
    let mut told = BTreeSet::new();
    for workload in 0..mesh.inventory.workloads.len() {
        let tokens = mesh
            .enforcement(workload)
            .map_or(&[][..], |enforcement| &enforcement.tokens);
        // They come by issuer.
        for pair in tokens.windows(2) {
            let [first, second] = pair else { continue };
            let key = (first.origin.clone(), second.origin.clone());
            if first.issuer != second.issuer || first.headers != second.headers || !told.insert(key)
            {
                continue;
            }
            let here = |origin: &Origin, rule: crate::diagnostic::Position| origin.position == rule;
            for policy in subject.request_authentications() {
                for (index, rule) in policy.rules.iter().enumerate() {
                    let file = policy.meta.origin.file == second.origin.file;
                    if file && here(&second.origin, rule.position) {
                        let path = FieldPath::root()
                            .field("spec")
                            .field("jwtRules")
                            .item(index);
                        let message = format!(
                            "tokens of `{}` are read by two rules before one workload",
                            first.issuer
                        );
                        found.push(
                            Finding::of("RequestAuthentication", &policy.meta, message)
                                .at(rule.position, path)
                                .help("write one rule with a key set that holds the keys of both")
                                .related(
                                    first.origin.clone(),
                                    format!("the other is of `{}`", first.policy),
                                ),
                        );
                    }
                }
            }
        }
    }
}

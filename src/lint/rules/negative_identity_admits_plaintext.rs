//! An ALLOW rule that says who may not call → callers without any identity may.

use crate::decide::{Because, Verdict};
use crate::explanation::Change;
use crate::istio::Action;
use crate::lint::subject::Subject;
use crate::lint::witness::Aim;
use crate::lint::{Finding, Level, Lint};

pub(super) const LINT: Lint = Lint {
    code: "PC002",
    name: "negative-identity-admits-plaintext",
    level: Level::High,
    what: "An ALLOW rule says who may not call, and a caller without identity is not among them.",
    why: "A caller that speaks plaintext has no identity, so it satisfies `notNamespaces`, `notPrincipals` and their \
          like. Unless the mode is STRICT, whoever leaves out the certificate is admitted: a pod without a sidecar, \
          also one of the namespace that is kept out.",
    bad: &[
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: not-bar, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  rules:
  - from:
    - source: {notNamespaces: [bar]}
",
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: not-evil, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  rules:
  - from:
    - source: {notPrincipals: [cluster.local/ns/foo/sa/evil]}
    to:
    - operation: {methods: [GET]}
",
    ],
    good: &[
        "\
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: strict, namespace: foo}
spec:
  mtls: {mode: STRICT}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: not-bar, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  rules:
  - from:
    - source: {notNamespaces: [bar]}
",
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: somebody-but-bar, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  rules:
  - from:
    - source: {principals: ['*'], notNamespaces: [bar]}
",
    ],
    check,
};

fn check(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    for (_, written) in subject.in_force(Action::Allow) {
        let mut last = None;
        for term in written.terms() {
            let place = (term.rule, term.place);
            if term.is_positive() || !term.attribute.is_identity() || last == Some(place) {
                continue;
            }
            last = Some(place);
            let Some(matched) = subject.matching(written, Aim::of(&term)) else { continue };
            let Some(witness) = subject
                .decided(Change::Plaintext.of(&matched))
                .and_then(|witness| witness.if_decided(Verdict::Allow))
            else {
                continue;
            };
            let admits = |because: &Because| matches!(because, Because::AllowRule(rule) if Some(rule.policy) == written.compiled);
            if admits(&witness.decision().because) {
                let message =
                    format!("`{}` does not keep out callers without identity", term.field);
                found.push(
                    written
                        .finding(&term, message)
                        .help("add `principals: [\"*\"]` to the source, or make the mode STRICT")
                        .witness(Some(witness)),
                );
            }
        }
    }
}

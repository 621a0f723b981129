//! A DENY rule that says who may not call → the same caller without its certificate may.

use crate::decide::Verdict;
use crate::explanation::Change;
use crate::istio::Action;
use crate::lint::subject::Subject;
use crate::lint::witness::Aim;
use crate::lint::{Finding, Level, Lint};

pub(super) const LINT: Lint = Lint {
    code: "PC003",
    name: "identity-deny-spares-plaintext",
    level: Level::High,
    what: "A DENY rule says who may not call, and the same caller is let in when it shows no certificate.",
    why: "A caller that speaks plaintext has no identity, so a rule that names one does not match it. Unless the mode \
          is STRICT, whoever is to be kept out only has to leave out the certificate.",
    bad: &[
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: deny-bar, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  action: DENY
  rules:
  - from:
    - source: {namespaces: [bar]}
",
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: deny-evil, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  action: DENY
  rules:
  - to:
    - operation: {paths: [/admin]}
    when:
    - key: source.principal
      values: [cluster.local/ns/foo/sa/evil]
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
metadata: {name: deny-bar, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  action: DENY
  rules:
  - from:
    - source: {namespaces: [bar]}
",
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: deny-bar-and-nobody, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  action: DENY
  rules:
  - from:
    - source: {namespaces: [bar]}
  - from:
    - source: {notPrincipals: ['*']}
",
    ],
    check,
};

fn check(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    for (_, written) in subject.in_force(Action::Deny) {
        let mut last = None;
        for term in written.terms() {
            let place = (term.rule, term.place);
            if !term.is_positive() || !term.attribute.is_identity() || last == Some(place) {
                continue;
            }
            last = Some(place);
            let Some(matched) = subject.matching(written, Aim::of(&term)) else { continue };
            let beside = subject
                .decided(matched.clone())
                .and_then(|witness| witness.if_decided(Verdict::Deny));
            let witness = subject
                .decided(Change::Plaintext.of(&matched))
                .and_then(|witness| witness.if_decided(Verdict::Allow));
            if let (Some(beside), Some(witness)) = (beside, witness) {
                let message = format!("`{}` refuses nobody who shows no certificate", term.field);
                found.push(
                    written
                        .finding(&term, message)
                        .help("add a rule with `notPrincipals: [\"*\"]`, or make the mode STRICT")
                        .witness(Some(witness.beside(beside))),
                );
            }
        }
    }
}

//! `remoteIpBlocks` before a sidecar → the caller says its own address.

use crate::decide::Verdict;
use crate::explanation::Change;
use crate::istio::Action;
use crate::lint::subject::{NamedCallers, Subject, escapes};
use crate::lint::witness::Aim;
use crate::lint::{Finding, Level, Lint};
use crate::mesh::{Attribute, Dataplane};

pub(super) const LINT: Lint = Lint {
    code: "PC080",
    name: "client-address-of-a-header",
    level: Level::High,
    what: "A rule before a sidecar asks for `remoteIpBlocks`, which the caller writes into a header.",
    why: "A sidecar takes the last address of `X-Forwarded-For` for the client's, whoever sent the header. A pod that \
          calls the workload directly writes what it likes there: an address that is admitted, or one that is not kept \
          out.",
    bad: &[
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: office, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  rules:
  - from:
    - source: {remoteIpBlocks: [203.0.113.0/24], principals: ['*']}
",
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: office, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  rules:
  - from:
    - source: {remoteIpBlocks: [203.0.113.0/24]}
",
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: not-evil, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  action: DENY
  rules:
  - from:
    - source: {remoteIpBlocks: [198.51.100.7]}
",
    ],
    good: &[
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: through-gateway, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  rules:
  - from:
    - source: {principals: [cluster.local/ns/istio-system/sa/ingress], remoteIpBlocks: [203.0.113.0/24]}
",
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: connection, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  rules:
  - from:
    - source: {ipBlocks: [10.0.0.0/8]}
",
    ],
    check,
};

fn check(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    for action in [Action::Allow, Action::Deny] {
        for (mesh, written) in subject.in_force(action) {
            let terms: Vec<_> = written.terms().collect();
            let named = NamedCallers::of(&terms, Attribute::is_identity);
            for term in &terms {
                if term.attribute != Attribute::RemoteIp
                    || !term.is_positive()
                    || term.index > 0
                    || named.beside(term)
                {
                    continue;
                }
                let forged = Change::ForwardedFor("192.0.2.99".to_owned());
                let witness = if action == Action::Deny {
                    escapes(subject, written, term, &forged)
                } else {
                    // The search for a match put the address into the header.
                    let matched = subject.matching(written, Aim::of(term));
                    matched.and_then(|request| subject.decided(request)?.if_decided(Verdict::Allow))
                };
                let Some(witness) = witness else { continue };
                let to = mesh.workload(witness.request().workload);
                if to.is_some_and(|to| to.dataplane == Dataplane::Sidecar) && is_forged(&witness) {
                    found.push(
                        written
                            .finding(term, "the client's address is what the caller says it is")
                            .help("ask for it at the gateway, or ask for the gateway's principal as well")
                            .witness(Some(witness)),
                    );
                }
            }
        }
    }
}

/// Whether the address is that of a header.
fn is_forged(witness: &crate::lint::Witness) -> bool {
    let crate::request::Payload::Http(http) = &witness.request().payload else { return false };
    http.headers
        .iter()
        .any(|(name, _)| name == "x-forwarded-for")
}

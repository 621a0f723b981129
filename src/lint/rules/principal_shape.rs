//! A principal that istiod never mints → nobody has it.

use crate::lint::subject::Subject;
use crate::lint::{Finding, Level, Lint};
use crate::mesh::Attribute;

pub(super) const LINT: Lint = Lint {
    code: "PC013",
    name: "principal-shape",
    level: Level::Medium,
    what: "A principal has not the form `TRUST-DOMAIN/ns/NAMESPACE/sa/ACCOUNT`.",
    why: "istiod gives every workload an identity of exactly this form. A principal of another form, with a part \
          missing or misspelt, matches none of them: an ALLOW rule admits nobody by it, a DENY rule refuses nobody.",
    bad: &[
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: short, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  rules:
  - from:
    - source: {principals: [cluster.local/foo/sleep]}
",
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: deny-typo, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  action: DENY
  rules:
  - from:
    - source: {principals: [cluster.local/ns/foo/sa/sleep/, cluster.local/ns/foo/serviceaccount/x]}
",
    ],
    good: &[
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: whole, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  rules:
  - from:
    - source: {principals: [cluster.local/ns/foo/sa/sleep]}
",
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: patterns, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  rules:
  - from:
    - source: {principals: ['*', 'cluster.local/ns/foo/*', '*/sa/sleep']}
",
    ],
    check,
};

fn check(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    for written in subject.policies() {
        for term in written.terms() {
            let text = term.text();
            // Another lint tells of the scheme.
            if term.attribute != Attribute::SourcePrincipal
                || text.contains('*')
                || text.starts_with("spiffe://")
            {
                continue;
            }
            let parts: Vec<&str> = text.split('/').collect();
            let whole = matches!(parts.as_slice(), [domain, "ns", namespace, "sa", account]
                if ![domain, namespace, account].iter().any(|part| part.is_empty()));
            if !whole {
                let message = format!("`{text}` is no principal that istiod gives a workload");
                found.push(
                    written
                        .finding(&term, message)
                        .help("write `TRUST-DOMAIN/ns/NAMESPACE/sa/ACCOUNT`")
                        .sure_if("every certificate comes from istiod"),
                );
            }
        }
    }
}

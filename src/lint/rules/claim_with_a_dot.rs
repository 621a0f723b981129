//! A claim with a dot in its name → it is no nested claim.

use crate::lint::subject::Subject;
use crate::lint::{Finding, Level, Lint};
use crate::mesh::Attribute;

pub(super) const LINT: Lint = Lint {
    code: "PC101",
    name: "claim-with-a-dot",
    level: Level::Medium,
    what: "A condition on a claim has a dot in its brackets, which is part of the name and no way into an object.",
    why: "`request.auth.claims[realm.roles]` reads a claim whose name is `realm.roles`. The claim `roles` of the \
          object `realm` is `request.auth.claims[realm][roles]`.",
    bad: &[
        "\
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: jwt, namespace: foo}
spec:
  jwtRules:
  - issuer: https://issuer.example
    jwksUri: https://issuer.example/keys
    audiences: [httpbin]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: role, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  rules:
  - when:
    - key: request.auth.claims[realm_access.roles]
      values: [admin]
",
        "\
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: jwt, namespace: foo}
spec:
  jwtRules:
  - issuer: https://issuer.example
    jwksUri: https://issuer.example/keys
    audiences: [httpbin]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: deny, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  action: DENY
  rules:
  - when:
    - key: request.auth.claims[user.level]
      values: ['0']
",
    ],
    good: &[
        "\
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: jwt, namespace: foo}
spec:
  jwtRules:
  - issuer: https://issuer.example
    jwksUri: https://issuer.example/keys
    audiences: [httpbin]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: role, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  rules:
  - when:
    - key: request.auth.claims[realm_access][roles]
      values: [admin]
",
        "\
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: jwt, namespace: foo}
spec:
  jwtRules:
  - issuer: https://issuer.example
    jwksUri: https://issuer.example/keys
    audiences: [httpbin]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: uri, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  rules:
  - when:
    - key: request.auth.claims[https://issuer.example/roles]
      values: [admin]
",
    ],
    check,
};

fn check(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    for written in subject.policies() {
        let mut last = None;
        for term in written.terms() {
            let Attribute::RequestClaim(parts) = &term.attribute else { continue };
            let dotted = parts
                .iter()
                .find(|part| part.contains('.') && !part.contains(['/', ':']));
            let Some(part) = dotted.filter(|_| last != Some((term.rule, term.place))) else {
                continue;
            };
            last = Some((term.rule, term.place));
            let brackets = part.replace('.', "][");
            found.push(
                written
                    .finding(&term, format!("`{part}` is the name of one claim, dot and all"))
                    .help(format!(
                        "for a claim in an object write `request.auth.claims[{brackets}]`"
                    ))
                    .sure_if("the token holds it in an object"),
            );
        }
    }
}

//! A JWT rule without audiences → a token for another service is good here.

use crate::decide::Verdict;
use crate::diagnostic::FieldPath;
use crate::istio::Action;
use crate::lint::subject::{Subject, Written};
use crate::lint::witness::Aim;
use crate::lint::{Finding, Level, Lint, Witness};
use crate::mesh::{Attribute, Mesh};
use crate::request::Claim;

pub(super) const LINT: Lint = Lint {
    code: "PC096",
    name: "any-audience",
    level: Level::High,
    what: "A JWT rule names no audience, and a token for another service is accepted.",
    why: "An issuer gives tokens for many services. Without `audiences` a token that was given for one of them is good \
          at all: whoever runs one service can use what it receives at the others.",
    bad: &[
        "\
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: in-a-header, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  jwtRules:
  - {issuer: https://issuer.example, jwksUri: https://issuer.example/keys, fromHeaders: [{name: x-jwt}]}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: by-token, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  rules:
  - from:
    - source: {requestPrincipals: ['https://issuer.example/*']}
",
        "\
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: jwt, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  jwtRules:
  - issuer: https://issuer.example
    jwksUri: https://issuer.example/keys
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: ask, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  rules:
  - from:
    - source: {requestPrincipals: ['https://issuer.example/*']}
",
        "\
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: jwt, namespace: foo}
spec:
  jwtRules:
  - issuer: https://issuer.example
    jwksUri: https://issuer.example/keys
    audiences: []
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: ask, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  rules:
  - when:
    - key: request.auth.claims[role]
      values: [admin]
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
metadata: {name: ask, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  rules:
  - from:
    - source: {requestPrincipals: ['https://issuer.example/*']}
",
        "\
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: jwt, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  jwtRules:
  - issuer: https://issuer.example
    jwksUri: https://issuer.example/keys
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: ask, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  rules:
  - from:
    - source: {requestPrincipals: ['https://issuer.example/*']}
    when:
    - key: request.auth.audiences
      values: [httpbin]
",
    ],
    check,
};

fn check(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    for policy in subject.request_authentications() {
        for (index, rule) in policy.rules.iter().enumerate() {
            if !rule.audiences.is_empty() {
                continue;
            }
            let id = policy.meta.id();
            let witness = subject.in_force(Action::Allow).find_map(|(mesh, written)| {
                let reads = |workload: &usize| {
                    let tokens = mesh
                        .enforcement(*workload)
                        .map(|enforcement| &enforcement.tokens);
                    tokens
                        .into_iter()
                        .flatten()
                        .any(|provider| provider.policy == id && provider.issuer == rule.issuer)
                };
                let under = written.workloads.iter().any(reads);
                under.then(|| admitted(subject, mesh, written)).flatten()
            });
            if witness.is_some() {
                let path = FieldPath::root()
                    .field("spec")
                    .field("jwtRules")
                    .item(index);
                found.push(
                    Finding::of(
                        "RequestAuthentication",
                        &policy.meta,
                        "a token for any audience is good",
                    )
                    .at(rule.position, path)
                    .help("name the `audiences` that this workload is")
                    .sure_if("the issuer gives tokens for other services as well")
                    .witness(witness),
                );
            }
        }
    }
}

/// A request that a policy admits by a token, with a token for somebody else.
fn admitted(subject: &Subject<'_>, mesh: &Mesh, written: &Written<'_>) -> Option<Witness> {
    let rules = written.policy.rules.iter().flatten().count();
    (0..rules).find_map(|rule| {
        let aim = Aim::rule(rule);
        let (_, compiled) = mesh.rule(written.rule(mesh, rule)?)?;
        let clauses = compiled
            .sources
            .iter()
            .flat_map(|clause| &clause.conditions)
            .chain(&compiled.when);
        let audience = clauses
            .clone()
            .any(|condition| condition.attribute == Attribute::RequestAudiences);
        let mut request = subject.matching(written, aim).filter(|_| !audience)?;
        // Wherever the search has put the token, it stays.
        let token = request.tokens.first_mut()?;
        token
            .claims
            .insert("aud".to_owned(), Claim::String("another-service".to_owned()));
        subject.decided(request)?.if_decided(Verdict::Allow)
    })
}

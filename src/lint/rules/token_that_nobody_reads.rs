//! A policy that asks for a token where no RequestAuthentication reads one → it never matches.

use crate::lint::subject::{Subject, Written, is_of_token};
use crate::lint::{Finding, Level, Lint};
use crate::matcher::StringMatch;
use crate::mesh::{Attribute, Mesh, ValueMatch};
use crate::spiffe::TrustDomains;

pub(super) const LINT: Lint = Lint {
    code: "PC091",
    name: "token-that-nobody-reads",
    level: Level::Error,
    what: "A policy asks for a token, and no RequestAuthentication about the workload reads tokens of that issuer.",
    why: "Only a RequestAuthentication reads tokens. Where none is about the workload, or none of that issuer, a \
          request has no claims whatever it sends: an ALLOW rule admits nobody by them, a DENY rule refuses nobody. \
          The lint speaks only where the files hold a RequestAuthentication.",
    bad: &[
        "\
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: elsewhere, namespace: foo}
spec:
  selector: {matchLabels: {app: sleep}}
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
  selector: {matchLabels: {app: httpbin}}
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
    - source: {requestPrincipals: [https://other.example/sub]}
",
    ],
    good: &[
        "\
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: jwt, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
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
  jwtRules:
  - issuer: https://issuer.example
    jwksUri: https://issuer.example/keys
    audiences: [httpbin]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: claims, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  rules:
  - when:
    - key: request.auth.claims[role]
      values: [admin]
",
    ],
    check,
};

fn check(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    let Some(mesh) = subject.mesh else { return };
    // A folder with nothing but policies is not blamed.
    if subject.request_authentications().next().is_none() {
        return;
    }
    for written in subject
        .policies()
        .iter()
        .filter(|written| !written.workloads.is_empty())
    {
        let issuers = issuers(mesh, written);
        let mut last = None;
        for term in written.terms() {
            let place = (term.rule, term.place, term.attribute.clone());
            if !term.is_positive() || !is_of_token(&term.attribute) {
                continue;
            }
            let message = if issuers.is_empty() {
                format!("`{}` asks for a token, and nothing reads tokens there", term.field)
            } else if other_issuer(&term.attribute, term.text(), &issuers) {
                format!("no token of `{}` is read there", term.text())
            } else {
                continue;
            };
            if issuers.is_empty() && last.as_ref() == Some(&place) {
                continue;
            }
            last = Some(place);
            found.push(
                written
                    .finding(&term, message)
                    .help("add a RequestAuthentication for the issuer, about the same workload")
                    .sure_if(
                        "the files hold every RequestAuthentication that is about the workload",
                    ),
            );
        }
    }
}

/// The issuers whose tokens any of the policy's workloads reads.
fn issuers<'m>(mesh: &'m Mesh, written: &Written<'_>) -> Vec<&'m str> {
    let enforcements = written
        .workloads
        .iter()
        .filter_map(|workload| mesh.enforcement(*workload));
    let providers = enforcements.flat_map(|enforcement| &enforcement.tokens);
    providers.map(|provider| provider.issuer.as_str()).collect()
}

/// Whether a request principal is of an issuer that none of these is, and that is no spelling of one.
fn other_issuer(attribute: &Attribute, text: &str, issuers: &[&str]) -> bool {
    let Ok(matches) = attribute.matches_of(text, "", &TrustDomains::default()) else {
        return false;
    };
    let near = |issuer: &str| {
        let plain = |issuer: &str| issuer.trim_end_matches('/').to_ascii_lowercase();
        issuers.iter().any(|known| plain(known) == plain(issuer))
    };
    matches.iter().any(|value| {
        let ValueMatch::RequestPrincipal { issuer, .. } = value else { return false };
        let fits = issuers
            .iter()
            .any(|known| known.is_empty() || issuer.matches(known));
        // Another lint tells of spellings.
        let spelling = matches!(issuer, StringMatch::Exact(issuer) if near(issuer));
        !fits && !spelling
    })
}

//! An issuer that a policy and a RequestAuthentication spell otherwise → they never meet.

use crate::lint::subject::Subject;
use crate::lint::{Finding, Level, Lint};
use crate::matcher::StringMatch;
use crate::mesh::{Attribute, ValueMatch};
use crate::spiffe::TrustDomains;

pub(super) const LINT: Lint = Lint {
    code: "PC095",
    name: "issuer-spelt-otherwise",
    level: Level::Error,
    what: "A policy and the RequestAuthentication spell one issuer with and without a slash at its end, or in another \
          case.",
    why: "Issuers are compared byte by byte. `https://issuer.example` and `https://issuer.example/` are two issuers, \
          so the rule matches no token.",
    bad: &[
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
    - source: {requestPrincipals: ['https://issuer.example//*']}
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
    - source: {requestPrincipals: ['https://Issuer.example/sub']}
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
    - source: {requestPrincipals: ['*']}
",
    ],
    check,
};

fn check(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    let Some(mesh) = subject.mesh else { return };
    for written in subject.policies() {
        let enforcements = written
            .workloads
            .iter()
            .filter_map(|workload| mesh.enforcement(*workload));
        let providers: Vec<_> = enforcements
            .flat_map(|enforcement| &enforcement.tokens)
            .collect();
        for term in written
            .terms()
            .filter(|term| term.attribute == Attribute::RequestPrincipal)
        {
            let matches = term
                .attribute
                .matches_of(term.text(), "", &TrustDomains::default());
            let Ok([ValueMatch::RequestPrincipal { issuer: StringMatch::Exact(issuer), .. }]) =
                matches.as_deref()
            else {
                continue;
            };
            let plain = |issuer: &str| issuer.trim_end_matches('/').to_ascii_lowercase();
            let fits = providers
                .iter()
                .any(|provider| provider.issuer.is_empty() || provider.issuer == *issuer);
            let near = providers
                .iter()
                .find(|provider| plain(&provider.issuer) == plain(issuer));
            let Some(provider) = near.filter(|_| !fits) else { continue };
            let subject_part = term
                .text()
                .rsplit_once('/')
                .map_or("*", |(_, subject)| subject);
            let mended = format!("{}/{subject_part}", provider.issuer);
            let message = format!("the issuer is `{}` there, and `{issuer}` here", provider.issuer);
            found.push(
                written
                    .finding(&term, message)
                    .help(format!("write `{mended}`"))
                    .related(provider.origin.clone(), format!("`{}` spells it so", provider.policy))
                    .replace("spell the issuer as the RequestAuthentication does", mended),
            );
        }
    }
}

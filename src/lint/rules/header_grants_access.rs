//! An ALLOW rule that believes a header about the caller → whoever sends the header is admitted.

use crate::decide::Verdict;
use crate::explanation::Change;
use crate::istio::Action;
use crate::lint::subject::{NamedCallers, Subject, is_of_token};
use crate::lint::witness::Aim;
use crate::lint::{Finding, Level, Lint};
use crate::mesh::Attribute;

pub(super) const LINT: Lint = Lint {
    code: "PC071",
    name: "header-grants-access",
    level: Level::Critical,
    what: "An ALLOW rule admits by a header that says who the caller is, and nothing else about the caller.",
    why: "`x-forwarded-…`, `x-user…`, `x-internal` and their like are meant to be written by a gateway. Whoever \
          reaches the workload can write them as well, and is admitted: a pod in the cluster, or everybody, where the \
          gateway does not strip them. Headers that a RequestAuthentication of the workload writes are not meant: the \
          proxy removes what the client sent.",
    bad: &[
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: by-header, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  rules:
  - from:
    - source: {notIpBlocks: [198.51.100.0/24]}
    when:
    - {key: 'request.headers[x-internal]', values: ['true']}
",
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: by-header, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  rules:
  - from:
    - source: {namespaces: ['*']}
    when:
    - {key: 'request.headers[x-internal]', values: ['true']}
",
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: internal, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  rules:
  - when:
    - key: request.headers[x-internal]
      values: ['true']
",
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: user, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  rules:
  - to:
    - operation: {paths: [/admin/*]}
    when:
    - key: request.headers[X-User-Role]
      values: [admin]
",
    ],
    good: &[
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: internal-from-gateway, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  rules:
  - from:
    - source: {principals: [cluster.local/ns/istio-system/sa/ingress]}
    when:
    - key: request.headers[x-internal]
      values: ['true']
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
    outputClaimToHeaders: [{header: x-user-role, claim: role}]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: user, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  rules:
  - when:
    - key: request.headers[x-user-role]
      values: [admin]
",
    ],
    check,
};

/// How names of headers begin that say something of the caller.
const ABOUT_THE_CALLER: [&str; 12] = [
    "x-forwarded-",
    "x-envoy-",
    "x-user",
    "x-internal",
    "x-auth",
    "x-role",
    "x-admin",
    "x-real-ip",
    "x-client-",
    "x-ssl-",
    "x-tenant",
    "x-remote-",
];

fn check(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    for (mesh, written) in subject.in_force(Action::Allow) {
        let terms: Vec<_> = written.terms().collect();
        let known = |attribute: &Attribute| {
            attribute.is_identity()
                || is_of_token(attribute)
                || matches!(attribute, Attribute::SourceIp | Attribute::RemoteIp)
        };
        let named = NamedCallers::of(&terms, known);
        for term in &terms {
            let Attribute::RequestHeader(name) = &term.attribute else { continue };
            let telling = ABOUT_THE_CALLER.iter().any(|begin| name.starts_with(begin));
            if !telling || !term.is_positive() || term.index > 0 || named.beside(term) {
                continue;
            }
            let Some(matched) = subject.matching(written, Aim::of(term)) else { continue };
            let providers = mesh
                .enforcement(matched.workload)
                .map(|enforcement| &enforcement.tokens);
            let written_by_proxy = providers.into_iter().flatten().any(|provider| {
                provider.payload_header.as_ref() == Some(name)
                    || provider
                        .claim_headers
                        .iter()
                        .any(|(header, _)| header == name)
            });
            let requests = [Change::Plaintext.of(&matched), matched];
            let mut decided = requests
                .into_iter()
                .filter_map(|request| subject.decided(request));
            let witness = decided.find_map(|witness| witness.if_decided(Verdict::Allow));
            if !written_by_proxy && witness.is_some() {
                found.push(
                    written
                        .finding(term, format!("whoever sends the header `{name}` is admitted"))
                        .help("add `from` with the principal of the gateway that writes the header, or ask for a token")
                        .sure_if("nothing that all callers must pass removes the header")
                        .witness(witness),
                );
            }
        }
    }
}

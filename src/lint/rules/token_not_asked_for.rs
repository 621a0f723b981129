//! A RequestAuthentication without a policy that asks for a token → requests without one pass.

use crate::decide::Verdict;
use crate::diagnostic::FieldPath;
use crate::explanation::Change;
use crate::lint::subject::{Subject, is_of_token};
use crate::lint::witness::requests_to;
use crate::lint::{Finding, Level, Lint};
use crate::mesh::Mesh;

pub(super) const LINT: Lint = Lint {
    code: "PC090",
    name: "token-not-asked-for",
    level: Level::High,
    what: "A RequestAuthentication is about a workload, and no policy there asks for a token.",
    why: "A RequestAuthentication refuses bad tokens. A request without any token passes: to ask for one, an \
          AuthorizationPolicy has to name `requestPrincipals` or a claim.",
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
metadata: {name: readers, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  rules:
  - to:
    - operation: {methods: [GET]}
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
metadata: {name: no-token, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  action: DENY
  rules:
  - from:
    - source: {notRequestPrincipals: ['*']}
",
    ],
    check,
};

fn check(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    let Some(mesh) = subject.mesh else { return };
    for policy in subject
        .request_authentications()
        .filter(|policy| !policy.rules.is_empty())
    {
        let id = policy.meta.id();
        let workloads = mesh.inventory.workloads.iter().enumerate();
        let witness = workloads.map(|(at, _)| at).find_map(|workload| {
            let enforcement = mesh.enforcement(workload)?;
            let under = enforcement
                .tokens
                .iter()
                .any(|provider| provider.policy == id);
            if !under || asks_for_a_token(mesh, workload) {
                return None;
            }
            let paths = ["/", "/anything"].map(|path| Change::Path(path.to_owned()));
            let requests = requests_to(subject, mesh, workload, true).into_iter().rev();
            let requests =
                requests.flat_map(|request| paths.each_ref().map(|path| path.of(&request)));
            requests
                .filter_map(|request| subject.decided(request))
                .find_map(|witness| witness.if_decided(Verdict::Allow))
        });
        if witness.is_some() {
            let position = policy
                .rules
                .first()
                .map_or(policy.meta.origin.position, |rule| rule.position);
            found.push(
                Finding::of(
                    "RequestAuthentication",
                    &policy.meta,
                    "a request without any token passes",
                )
                .at(position, FieldPath::root().field("spec").field("jwtRules").item(0))
                .help("add an AuthorizationPolicy that asks for `requestPrincipals`")
                .witness(witness),
            );
        }
    }
}

/// Whether any rule before a workload looks at a token.
fn asks_for_a_token(mesh: &Mesh, workload: usize) -> bool {
    let Some(enforcement) = mesh.enforcement(workload) else { return false };
    let custom = enforcement.custom.values().map(|custom| &custom.rules);
    let sets = custom.chain([&enforcement.allow, &enforcement.deny]);
    let rules = sets
        .flat_map(|set| &set.rules)
        .filter_map(|place| mesh.rule(*place));
    rules.into_iter().any(|(_, rule)| {
        let clauses = rule.sources.iter().chain(&rule.operations);
        let mut conditions = clauses
            .flat_map(|clause| &clause.conditions)
            .chain(&rule.when);
        conditions.any(|condition| is_of_token(&condition.attribute))
    })
}

//! An ALLOW rule without a condition that leaves anybody out → everybody is admitted.

use crate::decide::{Because, Verdict};
use crate::explanation::Change;
use crate::istio::Action;
use crate::lint::subject::Subject;
use crate::lint::witness::requests_to;
use crate::lint::{Finding, Level, Lint};
use crate::mesh::{Attribute, Rule};

pub(super) const LINT: Lint = Lint {
    code: "PC021",
    name: "allow-all",
    level: Level::High,
    what: "An ALLOW rule admits every request.",
    why: "A rule without conditions, or with nothing but stars for methods, paths and hosts, matches whatever comes, \
          and one matching rule is enough: the other ALLOW rules about the workload no longer keep anybody out.",
    bad: &[
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: open-database, namespace: foo}
spec:
  selector: {matchLabels: {app: db}}
  rules:
  - {}
",
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: every-path, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  rules:
  - to:
    - operation: {paths: ['/{**}']}
",
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: every-path, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  rules:
  - to:
    - operation: {paths: ['/*']}
",
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: open, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  rules:
  - {}
",
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: stars, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  rules:
  - to:
    - operation: {methods: ['*'], paths: ['*']}
",
    ],
    good: &[
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: somebody, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  rules:
  - from:
    - source: {principals: ['*']}
",
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: deny-all, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  action: DENY
  rules:
  - {}
",
    ],
    check,
};

fn check(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    for (mesh, written) in subject.in_force(Action::Allow) {
        let Some(policy) = written.compiled.and_then(|index| mesh.policies.get(index)) else {
            continue;
        };
        for rule in policy.rules.iter().filter(|rule| admits_all(rule)) {
            let mut requests = written.workloads.iter().flat_map(|workload| {
                let over_http = requests_to(subject, mesh, *workload, true);
                // A rule without anything of HTTP admits connections, too.
                let connections = requests_to(subject, mesh, *workload, false);
                over_http
                    .into_iter()
                    .chain(connections)
                    .flat_map(|request| [Change::Plaintext.of(&request), request])
            });
            let witness = requests.find_map(|request| {
                let witness = subject.decided(request)?.if_decided(Verdict::Allow)?;
                let by_it = matches!(witness.decision().because, Because::AllowRule(place)
                    if Some(place.policy) == written.compiled);
                by_it.then_some(witness)
            });
            // A template's star takes no bracket [AP-100].
            let template = conditions(rule).any(|condition| {
                condition
                    .values
                    .iter()
                    .all(|value| value.written.value != "*" && value.written.value != "/*")
            });
            let message = if template {
                "this rule admits every request but for paths with brackets and their like"
            } else {
                "this rule admits every request"
            };
            if witness.is_some() {
                found.push(
                    written
                        .of_rule(rule.index, message)
                        .help("say who may call, or what; to open a workload on purpose, say so in an exception")
                        .witness(witness),
                );
            }
        }
    }
}

/// Whether every source, every operation and every condition of a rule is a star over something that all requests have.
fn admits_all(rule: &Rule) -> bool {
    let trivial = |conditions: &[crate::mesh::Condition]| {
        conditions.iter().all(|condition| {
            let always = matches!(
                condition.attribute,
                Attribute::Method | Attribute::Host | Attribute::Path
            );
            let star = condition.values.iter().any(|value| {
                let text = value.written.value.as_str();
                // Every path begins with a slash.
                let path = condition.attribute == Attribute::Path && matches!(text, "/*" | "/{**}");
                text == "*" || path
            });
            always && star && !condition.negated
        })
    };
    let any = |clauses: &[crate::mesh::Clause]| {
        clauses.is_empty() || clauses.iter().any(|clause| trivial(&clause.conditions))
    };
    rule.dropped.is_none() && any(&rule.sources) && any(&rule.operations) && trivial(&rule.when)
}

/// Every condition of a rule.
fn conditions(rule: &Rule) -> impl Iterator<Item = &crate::mesh::Condition> {
    let clauses = rule.sources.iter().chain(&rule.operations);
    clauses
        .flat_map(|clause| &clause.conditions)
        .chain(&rule.when)
}

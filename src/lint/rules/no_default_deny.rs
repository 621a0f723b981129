//! DENY policies without an ALLOW policy → whatever they do not name is admitted.

use crate::decide::{Because, Verdict};
use crate::explanation::Change;
use crate::istio::Action;
use crate::lint::subject::Subject;
use crate::lint::witness::requests_to;
use crate::lint::{Finding, Level, Lint};

pub(super) const LINT: Lint = Lint {
    code: "PC024",
    name: "no-default-deny",
    level: Level::Medium,
    what: "A workload is under DENY policies and no ALLOW policy, so everything that they do not name is admitted.",
    why: "DENY rules list what is bad, and lists have gaps: another spelling of a path, another method, another port. \
          With an ALLOW policy beside them, what nobody thought of is refused.",
    bad: &[
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: deny-admin, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  action: DENY
  rules:
  - to:
    - operation: {paths: [/admin]}
",
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: deny-bar, namespace: foo}
spec:
  action: DENY
  rules:
  - from:
    - source: {namespaces: [bar]}
",
    ],
    good: &[
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: deny-admin, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  action: DENY
  rules:
  - to:
    - operation: {paths: [/admin]}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: allow-foo, namespace: foo}
spec:
  rules:
  - from:
    - source: {namespaces: [foo]}
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
    for (mesh, written) in subject.in_force(Action::Deny) {
        let witness = written.workloads.iter().find_map(|workload| {
            let open = mesh.enforcement(*workload)?.allow.policies.is_empty();
            let requests = requests_to(subject, mesh, *workload, false);
            let paths = ["/", "/anything"].map(|path| Change::Path(path.to_owned()));
            let requests = requests.into_iter().rev().filter(|_| open);
            requests
                .flat_map(|request| paths.each_ref().map(|path| path.of(&request)))
                .find_map(|request| {
                    let witness = subject.decided(request)?.if_decided(Verdict::Allow)?;
                    (witness.decision().because == Because::NothingDenies).then_some(witness)
                })
        });
        if let Some(witness) = witness {
            let to = mesh.workload(witness.request().workload);
            let name = to.map_or_else(String::new, crate::mesh::Workload::full_name);
            found.push(
                written
                    .whole(format!(
                        "no ALLOW policy is about {name}: what this one does not name is admitted"
                    ))
                    .help("add an ALLOW policy that says who may call")
                    .witness(Some(witness)),
            );
        }
    }
}

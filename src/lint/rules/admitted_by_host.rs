//! An ALLOW rule before a sidecar that asks for a host alone → any caller can name it.

use crate::decide::Verdict;
use crate::explanation::Change;
use crate::istio::Action;
use crate::lint::subject::Subject;
use crate::lint::witness::Aim;
use crate::lint::{Finding, Level, Lint};
use crate::mesh::{Attribute, Dataplane};

pub(super) const LINT: Lint = Lint {
    code: "PC063",
    name: "admitted-by-host",
    level: Level::Medium,
    what: "An ALLOW rule before a sidecar asks for a host and for nothing about the caller.",
    why: "The host is a header that the caller writes, and a sidecar takes every request that reaches its port. \
          Whoever names the host is admitted: it says nothing about who calls, or from where.",
    bad: &[
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: by-host, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  rules:
  - to:
    - operation: {hosts: [httpbin.foo.svc.cluster.local]}
",
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: by-host-and-path, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  rules:
  - to:
    - operation: {hosts: ['*.example.com'], paths: [/api/*]}
",
    ],
    good: &[
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: by-caller, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  rules:
  - from:
    - source: {principals: [cluster.local/ns/foo/sa/sleep]}
    to:
    - operation: {hosts: [httpbin.foo.svc.cluster.local]}
",
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: any-host, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  rules:
  - to:
    - operation: {hosts: ['*']}
",
    ],
    check,
};

fn check(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    for (mesh, written) in subject.in_force(Action::Allow) {
        let mut last = None;
        for term in written.terms() {
            let rule = written
                .rule(mesh, term.rule)
                .and_then(|place| mesh.rule(place));
            let anybody =
                rule.is_some_and(|(_, rule)| rule.sources.is_empty() && rule.when.is_empty());
            let host =
                term.attribute == Attribute::Host && term.is_positive() && term.text() != "*";
            if !anybody || !host || last == Some((term.rule, term.place)) {
                continue;
            }
            last = Some((term.rule, term.place));
            let Some(matched) = subject.matching(written, Aim::of(&term)) else { continue };
            let stranger = Change::Principal("cluster.local/ns/anywhere/sa/anybody".to_owned());
            let strangers = [Change::Plaintext.of(&matched), stranger.of(&matched)];
            let mut decided = strangers
                .into_iter()
                .filter_map(|request| subject.decided(request));
            let witness = decided.find_map(|witness| witness.if_decided(Verdict::Allow));
            let to = mesh.workload(matched.workload);
            let sidecar = to.is_some_and(|to| to.dataplane == Dataplane::Sidecar);
            if sidecar && witness.is_some() {
                found.push(
                    written
                        .finding(&term, format!("whoever names `{}` is admitted", term.text()))
                        .help("say who may call: add `from`")
                        .witness(witness),
                );
            }
        }
    }
}

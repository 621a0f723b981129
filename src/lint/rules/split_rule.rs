//! Two rules of which one says who and the next one what → either is enough.

use crate::decide::Verdict;
use crate::explanation::Change;
use crate::istio::{Action, Rule};
use crate::lint::subject::Subject;
use crate::lint::witness::Aim;
use crate::lint::{Finding, Level, Lint};

pub(super) const LINT: Lint = Lint {
    code: "PC027",
    name: "split-rule",
    level: Level::High,
    what: "One rule says who may call and the next one what may be called, so either alone is enough.",
    why: "`- from:` and `- to:` as two items of `rules` are two rules, and one that matches admits the request: \
          whoever the first one names may do anything, and anybody may do what the second one names. To ask for both, \
          they stand in one item: the second without its dash.",
    bad: &[
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: split, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  rules:
  - from:
    - source: {principals: [cluster.local/ns/foo/sa/sleep]}
  - to:
    - operation: {methods: [GET]}
",
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: split-paths, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  rules:
  - to:
    - operation: {paths: [/info]}
  - from:
    - source: {namespaces: [foo]}
",
    ],
    good: &[
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: both, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  rules:
  - from:
    - source: {principals: [cluster.local/ns/foo/sa/sleep]}
    to:
    - operation: {methods: [GET]}
",
        "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: two, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  rules:
  - from:
    - source: {principals: [cluster.local/ns/foo/sa/sleep]}
  - from:
    - source: {namespaces: [bar]}
    to:
    - operation: {methods: [GET]}
",
    ],
    check,
};

fn check(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    for (_, written) in subject.in_force(Action::Allow) {
        let rules: Vec<Option<&Rule>> = written
            .policy
            .rules
            .iter()
            .flatten()
            .map(Option::as_ref)
            .collect();
        for (index, pair) in rules.windows(2).enumerate() {
            let [Some(first), Some(second)] = pair else { continue };
            let what = match (says(first), says(second)) {
                ((true, false), (false, true)) => index + 1,
                ((false, true), (true, false)) => index,
                _ => continue,
            };
            // Anybody may do what the one rule names: a caller that the other one does not know is asked.
            let aim = Aim::rule(what);
            let witness = subject.matching(written, aim).and_then(|matched| {
                let stranger = Change::Principal("cluster.local/ns/anywhere/sa/anybody".to_owned());
                let strangers = [stranger.of(&matched), Change::Plaintext.of(&matched)];
                let decided = strangers
                    .into_iter()
                    .filter_map(|request| subject.decided(request));
                decided
                    .filter_map(|witness| witness.if_decided(Verdict::Allow))
                    .next()
            });
            if witness.is_some() {
                found.push(
                    written
                        .of_rule(index + 1, "this rule is enough without the one before it")
                        .help("to ask for both, take the dash away, so that `from` and `to` are one rule")
                        .sure_if("both were meant to hold together")
                        .witness(witness),
                );
            }
        }
    }
}

/// Whether a rule says who, and whether it says what.
fn says(rule: &Rule) -> (bool, bool) {
    let some = |there: bool| there && rule.when.is_empty();
    let from = rule.from.as_ref().is_some_and(|from| !from.is_empty());
    let to = rule.to.as_ref().is_some_and(|to| !to.is_empty());
    (some(from), some(to))
}

//! Bytes as choices of a mesh and of questions: the engine agrees with the second evaluator; an explanation decides as the
//! evaluator does; neither another order nor a policy about somebody else changes anything; and what a DENY policy says only
//! ever takes away.

use portcullis::decide::Verdict;
use portcullis::request::{Request, RequestSpec};

use super::super::choices::Choices;
use super::super::engine_and_naive::{Agreement, Drawn, ask, question};

/// So many questions are asked of a mesh.
const QUESTIONS: usize = 6;

/// A policy that denies everything to a workload that is not there.
const IRRELEVANT: &str = "{apiVersion: security.istio.io/v1, kind: AuthorizationPolicy, metadata: {name: zz, namespace: foo}, \
     spec: {action: DENY, selector: {matchLabels: {app: nobody}}, rules: [{}]}}";

/// The claim.
pub fn holds(bytes: &[u8]) {
    let mut choices = Choices::Bytes(bytes);
    let drawn = Drawn::of(&mut choices);
    let (mesh, world) = (drawn.mesh(), drawn.world());
    let specs: Vec<RequestSpec> = (0..QUESTIONS).map(|_| question(&mut choices)).collect();
    let mut other = drawn.clone();
    other.manifests.reverse();
    // Without a time of creation the order of the resources must not count either.
    other.manifests.insert(0, IRRELEVANT.to_owned());
    let other = other.mesh();
    let mut without = drawn.clone();
    without
        .manifests
        .retain(|manifest| !manifest.contains("action: DENY"));
    let without = without.mesh();
    for spec in &specs {
        ask(
            &mesh,
            &world,
            spec,
            |request| mesh.decide(request),
            |agreement| match agreement {
                Agreement::Disagree(how) | Agreement::NotAsked(how) => {
                    panic!("{how}\n{}", drawn.with_test(spec).text())
                }
                Agreement::Agree(_) | Agreement::BothUnknown | Agreement::NotModelled(_) => {}
            },
        );
        let say = |request: &Request| mesh.decide(request);
        for request in mesh.requests(spec).unwrap_or_default() {
            let decision = say(&request);
            let text = || drawn.with_test(spec).text();
            assert_eq!(mesh.explain(&request).decision, decision, "{}", text());
            let reordered = other.decide(&request);
            assert_eq!(
                (reordered.verdict, reordered.status, reordered.stage()),
                (decision.verdict, decision.status, decision.stage()),
                "{}",
                text()
            );
            if decision.verdict == Verdict::Allow {
                assert_eq!(without.decide(&request).verdict, Verdict::Allow, "{}", text());
            }
        }
    }
}

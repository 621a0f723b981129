//! Every refusal that a real Envoy gave: the explanation decides as the evaluator does, names what Envoy named, and tells
//! a change that helps wherever one is known to.

use portcullis::decide::{Stage, Verdict};
use portcullis::explanation::{Explanation, alternatives};
use portcullis::mesh::{Condition, Mesh};
use portcullis::request::Request;
use portcullis::suite::Case;

use super::envoy::{NOW, each_suite};
use crate::support::generate::Random;

/// How many changes are thrown together for a refusal without a remedy: whether any helps. More where
/// `PORTCULLIS_THOROUGH` is set.
const THROWN: usize = 60;

#[rstest::rstest]
#[case::random_scenarios("envoy", 2_827, 2_354)]
#[case::edge_cases("envoy-facts", 590, 548)]
fn a_refusal_is_explained(
    #[case] folder: &str,
    #[case] refusals: usize,
    #[case] at_least_helped: usize,
) {
    let thrown = if std::option_env!("PORTCULLIS_THOROUGH").is_some() { 3_000 } else { THROWN };
    let mut random = Random::new(7);
    let (mut refused, mut helped) = (0_usize, 0_usize);
    let wrong = each_suite(folder, |name, prepared| {
        let mesh = &prepared.mesh;
        let mut wrong = Vec::new();
        for case in &prepared.suite.cases {
            for mut request in mesh.requests(&case.spec).unwrap_or_default() {
                request.now = Some(NOW);
                let decision = mesh.decide(&request);
                let explanation = mesh.explain(&request);
                let mut bad = |what: &str| wrong.push(format!("{name} {}: {what}", case.name));
                if explanation.decision != decision {
                    bad("the explanation decides otherwise");
                }
                if matches!(decision.verdict, Verdict::Allow | Verdict::Unknown) {
                    continue;
                }
                refused += 1;
                if !names_what_envoy_named(case, mesh, &explanation) {
                    bad("another policy or stage is named");
                }
                match mesh.remedy(&request) {
                    Some(remedy) => {
                        helped += 1;
                        if mesh.decide(&remedy.of(&request)).verdict != Verdict::Allow {
                            bad("the remedy does not help");
                        }
                    }
                    None if by_chance(mesh, &request, thrown, &mut random) => {
                        bad("a change helps, and none is told");
                    }
                    None => {}
                }
            }
        }
        wrong
    });
    let Some(wrong) = wrong else { return };
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(refused, refusals);
    assert!(helped >= at_least_helped, "only {helped} of {refused} are told what helps");
}

/// Whether the explanation tells the policy, the rule and the stage that the proxy told, and says why: the conditions by
/// which the rule matched, or what the nearest rules miss.
fn names_what_envoy_named(case: &Case, mesh: &Mesh, explanation: &Explanation) -> bool {
    let because = &case.expect.because;
    let decision = &explanation.decision;
    let rule = decision.rule().and_then(|place| mesh.rule(place));
    let policy = because
        .policy
        .as_ref()
        .is_none_or(|policy| rule.is_some_and(|(found, _)| found.id() == *policy));
    let index = because
        .rule
        .is_none_or(|wanted| rule.is_some_and(|(_, rule)| rule.index == wanted));
    let stage = because
        .stage
        .is_none_or(|stage| decision.stage().map(Stage::as_str) == Some(stage));
    // The stage that settles it is the last that is told of those before the policies.
    let reached = decision
        .stage()
        .is_none_or(|stage| explanation.trace.stages.contains(&stage) || stage == Stage::Http);
    let told = match decision.stage() {
        Some(Stage::Allow) => {
            let rules = explanation.trace.seen.is_some();
            let near = explanation.near_misses.iter();
            rules
                && near
                    .clone()
                    .all(|near| near.gone.is_some() || !near.misses.is_empty())
        }
        Some(Stage::Deny | Stage::Custom) => rule.is_some_and(|(_, rule)| {
            let unconditional =
                rule.sources.is_empty() && rule.operations.is_empty() && rule.when.is_empty();
            let over_tcp = explanation.seen().is_some_and(|seen| seen.http.is_none());
            unconditional
                || over_tcp
                || !explanation.matched(mesh).is_empty()
                || rule
                    .sources
                    .iter()
                    .chain(&rule.operations)
                    .any(|clause| clause.conditions.is_empty())
        }),
        Some(Stage::Route | Stage::Transport | Stage::Http | Stage::Jwt | Stage::Audit) | None => {
            true
        }
    };
    policy && index && stage && reached && told
}

/// Whether some of many changes thrown together let the request through.
fn by_chance(mesh: &Mesh, request: &Request, times: usize, random: &mut Random) -> bool {
    let rules = mesh.policies.iter().flat_map(|policy| &policy.rules);
    let conditions: Vec<&Condition> = rules
        .flat_map(|rule| {
            let clauses = rule.sources.iter().chain(&rule.operations);
            clauses
                .flat_map(|clause| &clause.conditions)
                .chain(&rule.when)
        })
        .collect();
    if conditions.is_empty() {
        return false;
    }
    (0..times).any(|_| {
        let mut changed = request.clone();
        for _ in 0..=random.below(7) {
            let changes = alternatives(mesh, &changed, random.pick(&conditions));
            if !changes.is_empty() {
                changed = changes[random.below(changes.len())].of(&changed);
            }
        }
        mesh.decide(&changed).verdict == Verdict::Allow
    })
}

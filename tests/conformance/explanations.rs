//! Every refusal that a real Envoy gave: the explanation decides as the evaluator does, and names a change that helps.

use std::collections::BTreeMap;

use portcullis::decide::{Because, Verdict};
use portcullis::explanation::alternatives;
use portcullis::mesh::Mesh;
use portcullis::request::Request;

use super::envoy::{NOW, each_suite};
use crate::support::generate::Random;

#[rstest::rstest]
#[case::random_scenarios("envoy")]
#[case::edge_cases("envoy-facts")]
fn a_refusal_names_the_change_that_helps(#[case] folder: &str) {
    let (mut refused, mut helped) = (0_usize, 0_usize);
    let mut without: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    let mut random = Random::new(7);
    let mut missed = Vec::new();
    let wrong = each_suite(folder, |name, prepared| {
        let mesh = &prepared.mesh;
        let mut wrong = Vec::new();
        for case in &prepared.suite.cases {
            for mut request in mesh.requests(&case.spec).unwrap_or_default() {
                request.now = Some(NOW);
                let decision = mesh.decide(&request);
                let explanation = mesh.explain(&request);
                if explanation.decision != decision {
                    wrong.push(format!("{name} {}: the explanation decides otherwise", case.name));
                }
                if matches!(decision.verdict, Verdict::Allow | Verdict::Unknown) {
                    continue;
                }
                refused += 1;
                match mesh.remedy(&request) {
                    Some(remedy) => {
                        helped += 1;
                        let after = mesh.decide(&remedy.of(&request));
                        if after.verdict != Verdict::Allow {
                            wrong.push(format!("{name} {}: {:?} does not help", case.name, remedy));
                        }
                    }
                    None if by_chance(mesh, &request, &mut random) => {
                        missed.push(format!("{name} {}", case.name));
                    }
                    None => {
                        let why = match &decision.because {
                            Because::NothingAllows => "nothing allows",
                            Because::DenyRule(_) => "deny",
                            Because::Token(_) => "token",
                            Because::Transport(_) => "transport",
                            Because::Http(_) => "http",
                            _ => "custom",
                        };
                        without
                            .entry(why)
                            .or_default()
                            .push(format!("{name} {}", case.name));
                    }
                }
            }
        }
        wrong
    });
    let Some(wrong) = wrong else { return };
    println!("missed: {} {missed:?}", missed.len());
    println!("{folder}: {refused} refused, {helped} helped");
    for (why, cases) in without {
        println!("  {why}: {} {:?}", cases.len(), &cases[..cases.len().min(12)]);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Whether some of many changes thrown together let the request through.
fn by_chance(mesh: &Mesh, request: &Request, random: &mut Random) -> bool {
    let conditions: Vec<_> = mesh
        .policies
        .iter()
        .flat_map(|policy| &policy.rules)
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
    (0..3000).any(|_| {
        let mut changed = request.clone();
        for _ in 0..random.below(7) + 1 {
            let condition = conditions[random.below(conditions.len())];
            let changes = alternatives(mesh, &changed, condition);
            if !changes.is_empty() {
                changed = changes[random.below(changes.len())].of(&changed);
            }
        }
        mesh.decide(&changed).verdict == Verdict::Allow
    })
}

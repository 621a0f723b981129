//! The claims of the fuzz targets, asked of their corpus; and the second evaluator beside the engine and beside a real Envoy.

use std::collections::BTreeMap;
use std::path::Path;

use portcullis::decide::Verdict;
use portcullis::suite;
use serde::Deserialize as _;
use serde_yaml::Value;

use crate::fuzz::choices::Choices;
use crate::fuzz::claims;
use crate::fuzz::engine_and_naive::{
    Agreement, Drawn, ask, compare, disagree, naive_question, question,
};
use crate::fuzz::naive::{self, Answer, World};
use crate::fuzz::shrink::{Suite, shrink};
use crate::support::{project, shared};

/// Every file of a target's corpus.
fn corpus(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/corpus")
        .join(target);
    #[expect(clippy::disallowed_methods, reason = "tests read the project")]
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{target}: {error}"));
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.unwrap().path();
        #[expect(clippy::disallowed_methods, reason = "tests read the project")]
        let bytes = std::fs::read(&path).unwrap();
        files.push((path.display().to_string(), bytes));
    }
    files.sort();
    files
}

/// Says which file it was if the claim panics.
struct Replay<'f>(&'f str);

impl Drop for Replay<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the claim does not hold of {}", self.0);
        }
    }
}

#[rstest::rstest]
#[case("certificate")]
#[case("cidr")]
#[case("decide")]
#[case("evaluator")]
#[case("explain")]
#[case("parse")]
#[case("path")]
#[case("request")]
#[case("spiffe")]
#[case("template")]
#[case("token")]
fn the_claim_holds_of_its_corpus(#[case] target: &str) {
    let (_, claim) = claims::ALL
        .iter()
        .find(|(name, _)| *name == target)
        .unwrap();
    let files = corpus(target);
    assert!(files.len() >= 5, "{target} has {} files", files.len());
    for (file, bytes) in &files {
        let _replay = Replay(file);
        claim(bytes);
    }
}

#[test]
fn every_claim_has_a_target_and_every_target_is_documented() {
    let manifest = project("fuzz/Cargo.toml");
    let document = project("fuzz/README.md");
    for (name, _) in claims::ALL {
        assert!(manifest.contains(&format!("path = \"fuzz_targets/{name}.rs\"")), "{name}");
        assert!(
            project(&format!("fuzz/fuzz_targets/{name}.rs"))
                .contains(&format!("claims::{name}::holds"))
        );
        assert!(document.contains(&format!("| `{name}` |")), "fuzz/README.md does not name {name}");
    }
}

#[test]
fn the_engine_and_the_second_evaluator_agree() {
    let mut agreed = 0;
    for seed in 0..60 {
        let mut choices = Choices::Seed(seed);
        let drawn = Drawn::of(&mut choices);
        let (mesh, world) = (drawn.mesh(), drawn.world());
        for _ in 0..40 {
            let spec = question(&mut choices);
            ask(
                &mesh,
                &world,
                &spec,
                |request| mesh.decide(request),
                |agreement| match agreement {
                    Agreement::Agree(_) => agreed += 1,
                    Agreement::BothUnknown | Agreement::NotModelled(_) => {}
                    Agreement::Disagree(how) | Agreement::NotAsked(how) => {
                        panic!("mesh {seed}: {how}\n{}", drawn.with_test(&spec).text())
                    }
                },
            );
        }
    }
    assert!(agreed > 2_000, "{agreed} answers were compared");
}

/// A suite's text as values, with its manifests.
fn values(text: &str) -> Vec<(Value, Vec<Value>)> {
    let mut suites = Vec::new();
    for document in serde_yaml::Deserializer::from_str(text) {
        let suite = Value::deserialize(document).unwrap();
        let manifests = suite
            .get("manifests")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let manifests = serde_yaml::Deserializer::from_str(manifests)
            .map(|document| Value::deserialize(document).unwrap())
            .filter(|manifest| !manifest.is_null());
        suites.push((suite.clone(), manifests.collect()));
    }
    suites
}

// What it was written from is the statements; what it is measured by is an Envoy.
#[rstest::rstest]
#[case("envoy", 5_400)]
#[case("envoy-facts", 1_000)]
fn the_second_evaluator_answers_as_a_real_envoy_did(#[case] folder: &str, #[case] least: usize) {
    let Some(place) = shared(&format!("conformance/{folder}")) else { return };
    let (mut agreed, mut wrong) = (0, Vec::new());
    let mut not_modelled: BTreeMap<String, usize> = BTreeMap::new();
    #[expect(clippy::disallowed_methods, reason = "tests read the corpus")]
    let entries = std::fs::read_dir(place).unwrap();
    for entry in entries {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if !suite::is_suite_file(&name) {
            continue;
        }
        #[expect(clippy::disallowed_methods, reason = "tests read the corpus")]
        let text = std::fs::read_to_string(&path).unwrap();
        let mut findings = Vec::new();
        let read = suite::read(&name, &text, &mut findings);
        for (suite, (head, manifests)) in read.iter().zip(values(&text)) {
            let world = match World::read(&head, &manifests) {
                Ok(world) => world,
                Err(why) => {
                    *not_modelled.entry(why).or_default() += suite.cases.len();
                    continue;
                }
            };
            for case in &suite.cases {
                for answer in
                    naive::answers(&world, &naive_question(&case.spec)).unwrap_or_default()
                {
                    let said = match &answer {
                        Answer::Allow => Verdict::Allow,
                        Answer::Deny(_) => Verdict::Deny,
                        Answer::Refused => Verdict::Refused,
                        Answer::Rejected(_) => Verdict::Rejected,
                        Answer::Unauthenticated(_) => Verdict::Unauthenticated,
                        Answer::Unknown(why) | Answer::NotModelled(why) => {
                            *not_modelled.entry(why.clone()).or_default() += 1;
                            continue;
                        }
                    };
                    if said == case.expect.verdict {
                        agreed += 1;
                    } else {
                        wrong.push(format!("{name} {}: {answer:?}, {:?}", case.name, case.expect));
                    }
                }
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{}\n{}",
        wrong.len(),
        wrong
            .iter()
            .take(20)
            .cloned()
            .collect::<Vec<_>>()
            .join("\n")
    );
    assert!(agreed >= least, "{agreed} agreed; not modelled: {not_modelled:?}");
}

fn value(text: &str) -> Value {
    serde_yaml::from_str(text).unwrap()
}

#[test]
fn a_suite_is_made_least() {
    let suite = Suite {
        head: value("{apiVersion: a, mesh: {trustDomain: td, trustDomainAliases: [x, y]}}"),
        manifests: vec![
            value("{a: 1}"),
            value("{kind: K, spec: {rules: [{to: [p, /admin, q]}, {}]}}"),
        ],
        test: value("{name: case, request: {path: /admin/x, method: GET}}"),
    };
    let mut asked = 0;
    let least = shrink(&suite, 10_000, |suite| {
        asked += 1;
        let text = suite.text();
        text.contains("/adm") && text.contains("- y")
    });
    assert!(asked < 2_000, "asked {asked} times");
    // One of two places is enough, and what the judge does not ask for is gone.
    assert_eq!(least.text().matches("/adm").count(), 1, "{}", least.text());
    assert!(!least.text().contains("rules: []"), "{}", least.text());
    assert!(!least.text().contains("GET") && !least.text().contains("- x"), "{}", least.text());
}

#[test]
fn a_disagreement_is_found_and_made_least() {
    // A judge that calls every denial by a path a disagreement stands for an engine with a defect.
    let mut choices = Choices::Seed(7);
    let drawn = Drawn::of(&mut choices);
    let mut suite = drawn.suite();
    suite.manifests.push(value(
        "{apiVersion: security.istio.io/v1, kind: AuthorizationPolicy, metadata: {name: p, namespace: foo}, \
         spec: {action: DENY, rules: [{to: [{operation: {paths: [/admin, /x]}}]}]}}",
    ));
    suite.test = value(
        "{name: case, from: sleep.foo, to: 'httpbin.foo:8080', request: {path: /admin, headers: [[x-role, a]]}, expect: allow}",
    );
    assert_eq!(disagree(&suite, None), None);
    let fails = |suite: &Suite| {
        let text = suite.text();
        let mut findings = Vec::new();
        let suites = suite::read("least.test.yaml", &text, &mut findings);
        let Some(prepared) = suites
            .first()
            .and_then(|suite| suite::prepare(suite, &[]).ok())
        else {
            return false;
        };
        let outcomes = suite::run(&prepared, None);
        outcomes.iter().any(|outcome| {
            outcome.asked.as_ref().is_some_and(|(_, decision)| {
                let world = World::read(&suite.head, &suite.manifests).unwrap();
                let answer = naive::answers(&world, &naive_question(&outcome.case.spec)).unwrap();
                decision.status == Some(403)
                    && matches!(compare(decision, &answer[0]), Agreement::Agree(_))
            })
        })
    };
    let least = shrink(&suite, 20_000, fails);
    assert!(fails(&least));
    assert!(least.text().len() < 600, "{}", least.text());
}

//! What lints claim, asked of the requests of the corpus and of requests that seeds make.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use portcullis::decide::{Observer, Truth, Verdict};
use portcullis::diagnostic::{Origin, Position};
use portcullis::istio::Resource;
use portcullis::lint::{self, Finding, Levels, Subject, Sure};
use portcullis::mesh::{Condition, ConditionRef, Mesh, Part, RuleRef};
use portcullis::request::RequestSpec;

use crate::conformance::envoy::each_suite;
use crate::support::generate::{Random, World, question};

/// Lints that say of one value that no request matches it.
const NEVER: [&str; 7] = ["PC001", "PC012", "PC037", "PC043", "PC044", "PC052", "PC095"];

/// What was found in a mesh, by the place of the value.
struct Claims {
    /// Values that never match.
    never: BTreeMap<(Arc<str>, Position), &'static str>,
    /// Sources, operations and conditions that never hold, by the place of the first value.
    contradictions: BTreeSet<(Arc<str>, Position)>,
    count: BTreeMap<&'static str, usize>,
}

impl Claims {
    fn of(mesh: &Mesh, resources: &[Resource]) -> Self {
        let subject = Subject::new(resources, Some(mesh));
        let findings = lint::run(&subject, &Levels::default(), &mut || {});
        let mut claims = Self {
            never: BTreeMap::new(),
            contradictions: BTreeSet::new(),
            count: BTreeMap::new(),
        };
        for (lint, _, finding) in findings.found {
            let place = (Arc::clone(&finding.origin.file), finding.origin.position);
            *claims.count.entry(lint.code).or_default() += 1;
            check_witness(mesh, lint.code, &finding);
            if NEVER.contains(&lint.code) && finding.sure == Sure::Certain {
                claims.never.insert(place, lint.code);
            } else if lint.code == "PC030" {
                claims.contradictions.insert(place);
            }
        }
        claims
    }
}

/// Every witness is decided as it is shown, and the one beside it otherwise.
#[track_caller]
fn check_witness(mesh: &Mesh, code: &str, finding: &Finding) {
    let Some(witness) = &finding.witness else { return };
    assert_eq!(&mesh.decide(witness.request()), witness.decision(), "{code}");
    assert_ne!(witness.decision().verdict, Verdict::Unknown, "{code}: {}", witness.shown());
    if let Some(other) = witness.other() {
        assert_eq!(&mesh.decide(other.request()), other.decision(), "{code}");
        assert_ne!(witness.decision().verdict, other.decision().verdict, "{code}");
    }
}

/// Looks whether a claim is broken by a request.
struct Watcher<'w> {
    mesh: &'w Mesh,
    claims: &'w Claims,
    /// What the parts of the rule said so far.
    parts: BTreeMap<Part, Truth>,
    places: BTreeMap<Part, Vec<(Arc<str>, Position)>>,
    broken: Vec<String>,
}

impl Watcher<'_> {
    fn file(&self, rule: RuleRef) -> Arc<str> {
        Arc::clone(&self.mesh.rule(rule).unwrap().0.origin.file)
    }
}

impl Observer for Watcher<'_> {
    const WATCHING: bool = true;

    fn value(&mut self, place: ConditionRef, value: usize, truth: Truth) {
        let condition = self.mesh.condition(place).unwrap();
        let at = (self.file(place.rule), condition.values[value].written.position);
        if let Some(code) = self.claims.never.get(&at)
            && truth == Truth::Yes
        {
            let written = &condition.values[value].written.value;
            self.broken
                .push(format!("{code}: `{written}` at {}:{} matches", at.0, at.1));
        }
    }

    fn condition(&mut self, place: ConditionRef, condition: &Condition, truth: Truth) {
        let least = self.parts.entry(place.part).or_insert(Truth::Yes);
        *least = (*least).min(truth);
        let file = self.file(place.rule);
        let values = condition
            .values
            .iter()
            .map(|value| (Arc::clone(&file), value.written.position));
        self.places.entry(place.part).or_default().extend(values);
    }

    fn rule(&mut self, _: RuleRef, _: Truth) {
        let (parts, mut places) =
            (std::mem::take(&mut self.parts), std::mem::take(&mut self.places));
        for (part, truth) in parts {
            let places = places.remove(&part).unwrap_or_default();
            let claimed = places
                .iter()
                .find(|place| self.claims.contradictions.contains(place));
            if let (Truth::Yes, Some((file, position))) = (truth, claimed) {
                self.broken
                    .push(format!("PC030: what stands at {file}:{position} holds"));
            }
        }
    }
}

/// What of the claims a question breaks.
fn broken(mesh: &Mesh, claims: &Claims, spec: &RequestSpec) -> Vec<String> {
    let mut watcher = Watcher {
        mesh,
        claims,
        parts: BTreeMap::new(),
        places: BTreeMap::new(),
        broken: Vec::new(),
    };
    for request in mesh.requests(spec).unwrap_or_default() {
        drop(mesh.decide_with(&request, &mut watcher));
    }
    watcher.broken
}

fn add(total: &mut BTreeMap<&'static str, usize>, count: &BTreeMap<&'static str, usize>) {
    for (code, more) in count {
        *total.entry(code).or_default() += more;
    }
}

#[rstest::rstest]
#[case::random_scenarios("envoy")]
#[case::edge_cases("envoy-facts")]
fn no_request_of_the_corpus_breaks_a_claim(#[case] folder: &str) {
    let mut total = BTreeMap::new();
    let wrong = each_suite(folder, |name, prepared| {
        let claims = Claims::of(&prepared.mesh, &prepared.suite.policies.resources);
        add(&mut total, &claims.count);
        let cases = prepared.suite.cases.iter();
        let broken = cases.flat_map(|case| broken(&prepared.mesh, &claims, &case.spec));
        broken.map(|what| format!("{name}: {what}")).collect()
    });
    let Some(wrong) = wrong else { return };
    println!("{folder}: {total:?}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_request_of_a_seed_breaks_a_claim() {
    let mut total = BTreeMap::new();
    for seed in 0..400 {
        let mut random = Random::new(seed);
        let world = World::of(&mut random);
        let (mesh, resources) = (world.mesh(), world.resources());
        let claims = Claims::of(&mesh, &resources);
        add(&mut total, &claims.count);
        for _ in 0..24 {
            let spec = question(&mut random);
            let wrong = broken(&mesh, &claims, &spec);
            assert!(wrong.is_empty(), "seed {seed}: {}\n{}", wrong.join("\n"), world.text());
        }
    }
    for code in ["PC001", "PC012", "PC030", "PC052", "PC053"] {
        assert!(
            total.get(code).is_some_and(|count| *count > 10),
            "{code} was not put to the test: {total:?}"
        );
    }
}

/// A path that the proxy's normalization would change is never what it leaves: it changes nothing a second time.
#[test]
fn a_normal_path_stays_as_it_is() {
    use portcullis::request::{Normalization, normalize};
    const LETTERS: [&str; 9] = ["/", ".", "%2e", "%2F", "%5c", "\\", ";", "a", "%61"];
    const MODES: [Normalization; 4] = [
        Normalization::None,
        Normalization::Base,
        Normalization::MergeSlashes,
        Normalization::DecodeAndMergeSlashes,
    ];
    let mut paths = vec!["/".to_owned()];
    let mut last = paths.clone();
    for _ in 0..4 {
        last = last
            .iter()
            .flat_map(|path| LETTERS.map(|letter| format!("{path}{letter}")))
            .collect();
        paths.extend(last.clone());
    }
    let mut changed = Vec::new();
    for mode in MODES {
        for path in &paths {
            let Ok(once) = normalize(path, mode) else { continue };
            // Of these the lint does not speak.
            if once.path().contains(';') {
                continue;
            }
            let twice = normalize(once.path(), mode).map(|path| path.path().to_owned());
            if twice.as_deref() != Ok(once.path()) {
                changed.push(format!("{mode:?} {path} → {} → {twice:?}", once.path()));
            }
        }
    }
    assert!(changed.is_empty(), "{} of them:\n{}", changed.len(), changed.join("\n"));
}

/// Origins are those of the texts.
#[test]
fn a_finding_is_where_the_value_is() {
    let world = World::of(&mut Random::new(3));
    let resources = world.resources();
    let subject = Subject::new(&resources, None);
    let findings = lint::run(&subject, &Levels::default(), &mut || {});
    for (_, _, finding) in findings.found {
        let Origin { file, .. } = &finding.origin;
        assert_eq!(file, &finding.resource_origin.file);
    }
}

//! What holds of every mesh and every question, asked of some thousands that seeds make.
//!
//! A failing claim prints its seed, its mesh and the command that asks it again.

use std::collections::{BTreeMap, BTreeSet};

use portcullis::decide::{Because, Decision, Facts, Observer, Stage, Truth, Verdict};
use portcullis::explanation::{Remedy, inside, outside};
use portcullis::istio::{
    AuthorizationPolicy, Meta, PeerAuthentication, RequestAuthentication, Resource,
};
use portcullis::mesh::{
    Admission, Attribute, Change, Changed, Condition, ConditionRef, Mesh, RuleRef,
};
use portcullis::request::{Payload, Request, RequestSpec};

use crate::support::generate::{Policy, Random, Rule, World, question};

/// Questions to each mesh.
const QUESTIONS: usize = 16;

/// Says where it happened if the claim about this seed panics.
struct Replay<'w>(u64, &'w World);

impl Drop for Replay<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let Self(seed, world) = self;
            eprintln!("{}", world.text());
            eprintln!("again: PORTCULLIS_SEED={seed} cargo test --features yaml properties");
        }
    }
}

/// Asks a claim about meshes of the seeds from 0 to `seeds`, or of the one in `PORTCULLIS_SEED`. The claim returns
/// how many of its questions could have shown it to be wrong; together these must be `telling`.
#[track_caller]
fn holds(seeds: u64, telling: usize, claim: impl Fn(&World, &mut Random) -> usize) {
    let replayed: Option<u64> = replayed();
    let mut told = 0;
    let range = replayed.map_or(0..seeds, |seed| seed..seed + 1);
    for seed in range {
        let mut random = Random::new(seed);
        let world = World::of(&mut random);
        let _replay = Replay(seed, &world);
        told += claim(&world, &mut random);
    }
    assert!(replayed.is_some() || told >= telling, "only {told} questions were telling");
}

#[expect(clippy::disallowed_methods, reason = "the one way to ask about a single seed again")]
fn replayed() -> Option<u64> {
    Some(std::env::var("PORTCULLIS_SEED").ok()?.parse().unwrap())
}

fn questions(random: &mut Random) -> Vec<RequestSpec> {
    (0..QUESTIONS).map(|_| question(random)).collect()
}

/// What a decision says, in words that do not depend on the order of the files.
#[derive(Debug, PartialEq)]
struct Answer {
    verdict: Verdict,
    status: Option<u16>,
    stage: Option<Stage>,
    rule: Option<String>,
    shadow: Vec<(Stage, Truth, Option<String>)>,
}

impl Answer {
    fn of(mesh: &Mesh, decision: &Decision) -> Self {
        let id = |rule: RuleRef| mesh.rule(rule).unwrap().1.id.clone();
        let shadows = decision.shadow.iter();
        Self {
            verdict: decision.verdict,
            status: decision.status,
            stage: decision.stage(),
            rule: decision.rule().map(id),
            shadow: shadows
                .map(|shadow| (shadow.stage, shadow.passes, shadow.rule.map(id)))
                .collect(),
        }
    }

    /// The same, dry runs aside.
    fn enforced(self) -> Self {
        Self { shadow: Vec::new(), ..self }
    }
}

/// The answers to a question, one for each workload behind the destination.
fn answers(mesh: &Mesh, spec: &RequestSpec) -> Vec<Answer> {
    let requests = mesh.requests(spec).unwrap();
    let requests = requests.iter();
    requests
        .map(|request| Answer::of(mesh, &mesh.decide(request)))
        .collect()
}

/// The answers of two meshes to some questions, side by side.
fn side_by_side(before: &World, after: &World, random: &mut Random) -> Vec<(Answer, Answer)> {
    let (before, after) = (before.mesh(), after.mesh());
    let mut pairs = Vec::new();
    for spec in questions(random) {
        let (old, new) = (answers(&before, &spec), answers(&after, &spec));
        assert_eq!(old.len(), new.len(), "{spec:?}");
        pairs.extend(old.into_iter().zip(new));
    }
    pairs
}

/// Counts what it is told.
#[derive(Default)]
struct Watcher {
    stages: usize,
    rules: usize,
    conditions: usize,
    values: usize,
    facts: usize,
}

impl Observer for Watcher {
    const WATCHING: bool = true;

    fn stage(&mut self, _: Stage) {
        self.stages += 1;
    }

    fn facts(&mut self, _: &Facts<'_>) {
        self.facts += 1;
    }

    fn value(&mut self, _: ConditionRef, _: usize, _: Truth) {
        self.values += 1;
    }

    fn condition(&mut self, _: ConditionRef, condition: &Condition, _: Truth) {
        self.conditions += 1;
        // All values of a condition are told, and before it.
        assert!(self.values >= self.conditions && !condition.values.is_empty());
    }

    fn rule(&mut self, _: RuleRef, _: Truth) {
        self.rules += 1;
    }
}

#[test]
fn an_observer_never_changes_the_decision() {
    holds(150, 500, |world, random| {
        let mesh = world.mesh();
        let mut telling = 0;
        for spec in questions(random) {
            for request in mesh.requests(&spec).unwrap() {
                let mut watcher = Watcher::default();
                let watched = mesh.decide_with(&request, &mut watcher);
                assert_eq!(watched, mesh.decide(&request), "{request:?}");
                let told = [watcher.stages, watcher.rules, watcher.conditions, watcher.values];
                telling += usize::from(watcher.facts > 0 && told.iter().all(|told| *told > 1));
            }
        }
        telling
    });
}

#[test]
fn an_explanation_decides_as_the_evaluator_does() {
    holds(150, 800, |world, random| {
        let mesh = world.mesh();
        let mut telling = 0;
        for spec in questions(random) {
            for request in mesh.requests(&spec).unwrap() {
                let explanation = mesh.explain(&request);
                assert_eq!(explanation.decision, mesh.decide(&request), "{request:?}");
                let because = &explanation.decision.because;
                // The rule that decided is among those that matched, and by what.
                if let Some(rule) = explanation.decision.rule() {
                    let mut matching = explanation.trace.matching();
                    assert!(matching.any(|matching| matching.rule == rule), "{request:?}");
                    for place in explanation.matched(&mesh) {
                        assert_eq!(place.rule, rule);
                    }
                    telling += 1;
                }
                // What is near did not match, and is told by what fails or why it is gone.
                let near = &explanation.near_misses;
                assert!(near.is_empty() || *because == Because::NothingAllows);
                for near in near {
                    let rule = explanation.trace.rule(near.rule).unwrap();
                    assert_eq!(rule.truth, Truth::No, "{request:?}");
                    assert_eq!(near.gone.is_some(), near.misses.is_empty(), "{request:?}");
                    telling += 1;
                }
                let surprises = explanation.surprises(&mesh, &request);
                let names: BTreeSet<&str> =
                    surprises.iter().map(|surprise| surprise.name).collect();
                assert_eq!(names.len(), surprises.len(), "told twice: {surprises:?}");
            }
        }
        telling
    });
}

#[test]
fn a_remedy_helps_and_nothing_of_it_can_be_left_out() {
    holds(120, 500, |world, random| {
        let mesh = world.mesh();
        let mut telling = 0;
        for spec in questions(random) {
            for request in mesh.requests(&spec).unwrap() {
                let Some(remedy) = mesh.remedy(&request) else { continue };
                let passes = |request: &Request| mesh.decide(request).verdict == Verdict::Allow;
                assert!(!passes(&request), "{request:?}");
                assert!(passes(&remedy.of(&request)), "{remedy:?}");
                for left_out in 0..remedy.changes.len() {
                    let mut changes = remedy.changes.clone();
                    changes.remove(left_out);
                    let fewer = Remedy { changes };
                    assert!(!passes(&fewer.of(&request)), "{left_out} of {remedy:?}");
                }
                telling += 1;
            }
        }
        telling
    });
}

#[test]
fn a_condition_that_can_hold_is_led_into() {
    // What is known to hold for some request holds for one that `inside` or, negated, `outside` leads to.
    holds(150, 400, |world, random| {
        let mesh = world.mesh();
        let requests: Vec<Request> = questions(random)
            .iter()
            .flat_map(|spec| mesh.requests(spec).unwrap())
            .collect();
        let mut telling = 0;
        for request in &requests {
            let explanation = mesh.explain(request);
            for rule in &explanation.trace.rules {
                for (place, truth) in explanation.trace.conditions(rule) {
                    let condition = mesh.condition(*place).unwrap();
                    let lead = if condition.negated { outside } else { inside };
                    let changes = lead(&mesh, request, condition);
                    assert!(changes.iter().all(|change| change.of(request) != *request));
                    let elsewhere = requests.iter().any(|other| {
                        other.workload == request.workload
                            && truth_of(&mesh, other, *place) == Some(Truth::Yes)
                            && only_differs_in(&condition.attribute, other, request)
                    });
                    if *truth != Truth::No || !elsewhere {
                        continue;
                    }
                    // Where the changed request does not come as far, nothing is said.
                    let led: Vec<Truth> = changes
                        .iter()
                        .filter_map(|change| truth_of(&mesh, &change.of(request), *place))
                        .collect();
                    if led.is_empty() {
                        continue;
                    }
                    assert!(led.contains(&Truth::Yes), "{condition:?}\n{request:?}\n{changes:?}");
                    telling += 1;
                }
            }
        }
        telling
    });
}

/// What one condition says of a request; absent where it is not asked.
fn truth_of(mesh: &Mesh, request: &Request, place: ConditionRef) -> Option<Truth> {
    let explanation = mesh.explain(request);
    let rule = explanation.trace.rule(place.rule)?;
    let conditions = explanation.trace.conditions(rule);
    let found = conditions.iter().find(|(other, _)| *other == place);
    found.map(|(_, truth)| *truth)
}

/// Whether a change of what an attribute reads could make the one request of the other: both are of the same kind.
fn only_differs_in(attribute: &Attribute, one: &Request, other: &Request) -> bool {
    let http = |request: &Request| matches!(request.payload, Payload::Http(_));
    let movable = !matches!(attribute, Attribute::DestinationIp | Attribute::FilterMetadata(..));
    movable
        && one.port == other.port
        && http(one) == http(other)
        && one.tls.is_some() == other.tls.is_some()
}

#[test]
fn the_same_question_has_the_same_answer_twice() {
    // And none at all panics.
    holds(150, 2000, |world, random| {
        let (mesh, again) = (world.mesh(), world.mesh());
        let mut telling = 0;
        for spec in questions(random) {
            let requests = mesh.requests(&spec).unwrap();
            assert_eq!(requests, again.requests(&spec).unwrap());
            for request in requests {
                let decision = mesh.decide(&request);
                assert_eq!(decision, mesh.decide(&request), "{request:?}");
                assert_eq!(decision, again.decide(&request), "{request:?}");
                telling += 1;
            }
        }
        telling
    });
}

#[test]
fn the_questions_reach_every_verdict() {
    let mut seen: BTreeMap<Verdict, usize> = BTreeMap::new();
    for seed in 0..100 {
        let mut random = Random::new(seed);
        let mesh = World::of(&mut random).mesh();
        for spec in questions(&mut random) {
            for answer in answers(&mesh, &spec) {
                *seen.entry(answer.verdict).or_default() += 1;
            }
        }
    }
    let enough = [
        (Verdict::Allow, 200),
        (Verdict::Deny, 200),
        (Verdict::Refused, 50),
        (Verdict::Rejected, 50),
        (Verdict::Unauthenticated, 20),
        (Verdict::Unknown, 15),
    ];
    for (verdict, least) in enough {
        assert!(seen.get(&verdict).is_some_and(|count| *count >= least), "{verdict:?} of {seen:?}");
    }
}

#[test]
fn the_order_of_the_files_changes_nothing() {
    holds(150, 400, |world, random| {
        let other = world.shuffled(random);
        let mut telling = 0;
        for (before, after) in side_by_side(world, &other, random) {
            assert_eq!(before, after);
            telling += usize::from(before.rule.is_some());
        }
        telling
    });
}

#[test]
fn one_more_deny_policy_never_opens_anything() {
    holds(150, 180, |world, random| {
        let mut other = world.clone();
        let mut policy = Policy::of(random, "more".to_owned());
        (policy.action, policy.dry_run) = ("DENY", false);
        other.policies.push(policy);
        let mut telling = 0;
        for (before, after) in side_by_side(world, &other, random) {
            let possible: &[Verdict] = match before.verdict {
                Verdict::Allow => &[Verdict::Allow, Verdict::Deny, Verdict::Unknown],
                Verdict::Unknown => &[Verdict::Deny, Verdict::Unknown],
                Verdict::Deny
                | Verdict::Refused
                | Verdict::Rejected
                | Verdict::Unauthenticated
                | Verdict::Unreachable => std::slice::from_ref(&before.verdict),
            };
            assert!(possible.contains(&after.verdict), "{before:?} becomes {after:?}");
            telling += usize::from(before.verdict != after.verdict);
        }
        telling
    });
}

#[test]
fn one_more_rule_of_an_allow_policy_never_shuts_anything() {
    // One more ALLOW *policy* may: a workload that is under none takes everything.
    holds(150, 20, |world, random| {
        let mut other = world.clone();
        let mut enforced = other.policies.iter_mut();
        let Some(policy) = enforced.find(|policy| policy.action == "ALLOW" && !policy.dry_run)
        else {
            return 0;
        };
        policy.rules.push(Rule::of(random));
        let mut telling = 0;
        for (before, after) in side_by_side(world, &other, random) {
            let by_rules = [Verdict::Allow, Verdict::Deny, Verdict::Unknown];
            let possible: &[Verdict] = match (before.verdict, before.stage, &before.rule) {
                (Verdict::Deny, Some(Stage::Allow), None) => &by_rules,
                (Verdict::Unknown, ..) => &[Verdict::Allow, Verdict::Unknown],
                _ => std::slice::from_ref(&before.verdict),
            };
            assert!(possible.contains(&after.verdict), "{before:?} becomes {after:?}");
            telling += usize::from(before.verdict != after.verdict);
        }
        telling
    });
}

#[test]
fn a_dry_run_or_an_audit_never_changes_the_answer() {
    // A CUSTOM policy in dry run may: the proxy enforces it as DENY [SEL-31].
    holds(150, 170, |world, random| {
        let mut other = world.clone();
        let mut policy = Policy::of(random, "more".to_owned());
        (policy.action, policy.dry_run) =
            random.pick(&[("ALLOW", true), ("DENY", true), ("AUDIT", false), ("AUDIT", true)]);
        other.policies.push(policy);
        let mut telling = 0;
        for (before, after) in side_by_side(world, &other, random) {
            // Were it enforced, it would say something else.
            let contrary = |(_, passes, _): &(Stage, Truth, Option<String>)| {
                *passes == if before.verdict == Verdict::Allow { Truth::No } else { Truth::Yes }
            };
            telling += usize::from(after.shadow.iter().any(contrary));
            assert_eq!(before.enforced(), after.enforced());
        }
        telling
    });
}

#[test]
fn two_rules_with_a_value_each_say_what_one_with_both_says() {
    // Which rule decides may change. Lists of `notX` are *none of*, so they do not split; nor do lists with a value
    // that istiod cannot translate, for that takes away the whole ALLOW rule, or of a DENY rule the value alone.
    holds(150, 150, |world, random| {
        let mut other = world.clone();
        let mut telling = 0;
        let mut policies: Vec<&mut Policy> = other.policies.iter_mut().collect();
        random.shuffle(&mut policies);
        let split = policies.into_iter().find_map(|policy| {
            let (place, halves) = policy
                .rules
                .iter()
                .enumerate()
                .find_map(|(place, rule)| Some((place, halves(rule, random)?)))?;
            policy.rules.splice(place..=place, halves);
            Some(policy.name.clone())
        });
        let Some(name) = split else { return 0 };
        for (before, after) in side_by_side(world, &other, random) {
            assert_eq!(
                (before.verdict, before.status, before.stage),
                (after.verdict, after.status, after.stage)
            );
            let decides = |rule: &String| rule.contains(&format!("-policy[{name}]-"));
            telling += usize::from(before.rule.as_ref().is_some_and(decides));
        }
        telling
    });
}

/// A rule as two, by the first value of one of its lists.
fn halves(rule: &Rule, random: &mut Random) -> Option<[Rule; 2]> {
    let mut halves = [rule.clone(), rule.clone()];
    let splits: Vec<usize> = halves[0]
        .terms_mut()
        .iter()
        .enumerate()
        .filter(|(_, term)| !term.negated && term.values.len() > 1 && term.is_well_formed())
        .map(|(place, _)| place)
        .collect();
    if splits.is_empty() {
        return None;
    }
    let place = random.pick(&splits);
    let [first, rest] = &mut halves;
    first.terms_mut().swap_remove(place).values.truncate(1);
    rest.terms_mut().swap_remove(place).values.remove(0);
    Some(halves)
}

/// The same policy under the name of another one.
fn renamed(policy: &Resource, like: &Resource) -> Resource {
    with_meta(policy, |meta| {
        meta.name.clone_from(&like.meta().name);
        meta.namespace.clone_from(&like.meta().namespace);
    })
}

/// The same policy, bound to another revision of istiod.
fn bound_elsewhere(policy: &Resource) -> Resource {
    with_meta(policy, |meta| {
        let (label, revision) = ("istio.io/rev".to_owned(), "elsewhere".to_owned());
        drop(meta.labels.insert(label, revision));
    })
}

fn with_meta(policy: &Resource, change: impl FnOnce(&mut Meta)) -> Resource {
    let mut other = policy.clone();
    if let Resource::AuthorizationPolicy(AuthorizationPolicy { meta, .. })
    | Resource::PeerAuthentication(PeerAuthentication { meta, .. })
    | Resource::RequestAuthentication(RequestAuthentication { meta, .. }) = &mut other
    {
        change(meta);
    }
    other
}

/// Compares a changed mesh with the mesh that is compiled anew; how many workloads are under something else.
#[track_caller]
fn as_if_compiled(before: &Mesh, changed: &Changed, anew: &Mesh) -> usize {
    assert_eq!(changed.mesh.policies, anew.policies);
    let places = 0..before.inventory.workloads.len();
    for place in places.clone() {
        assert_eq!(changed.mesh.enforcement(place), anew.enforcement(place));
        assert_eq!(changed.mesh.passed_over(place), anew.passed_over(place));
        assert!(
            changed.workloads.contains(&place)
                || before.policies.len() != anew.policies.len()
                || before.enforcement(place) == anew.enforcement(place)
        );
    }
    places
        .filter(|place| before.enforcement(*place) != anew.enforcement(*place))
        .count()
}

#[test]
fn a_changed_mesh_is_as_if_it_were_compiled_anew() {
    holds(400, 1500, |world, random| {
        let policies = world.policies();
        if policies.is_empty() {
            return 0;
        }
        let (at, other) = (random.below(policies.len()), random.below(policies.len()));
        let (one, other) = (&policies[at], &policies[other]);
        let mut without = policies.clone();
        drop(without.remove(at));
        let mut replaced = policies.clone();
        let mut appended = without.clone();
        appended.push(one.clone());
        let change = |after| Change {
            kind: one.kind(),
            namespace: &one.meta().namespace,
            name: &one.meta().name,
            after,
        };
        let changed =
            |mesh: &Mesh, after| mesh.changed(&change(after), Admission::Bypassed).unwrap();
        let (all, fewer) = (world.mesh_of(&policies), world.mesh_of(&without));
        let mut told = as_if_compiled(&all, &changed(&all, None), &fewer)
            + as_if_compiled(&fewer, &changed(&fewer, Some(one)), &world.mesh_of(&appended));
        // A change of a changed mesh, and one that takes the policy from this revision and gives it back.
        let gone = changed(&all, None).mesh;
        told += as_if_compiled(&gone, &changed(&gone, Some(one)), &world.mesh_of(&appended));
        let elsewhere = bound_elsewhere(one);
        let mut of_elsewhere = policies.clone();
        of_elsewhere[at] = elsewhere.clone();
        let after = changed(&all, Some(&elsewhere));
        told += as_if_compiled(&all, &after, &world.mesh_of(&of_elsewhere));
        told += as_if_compiled(&after.mesh, &changed(&after.mesh, Some(one)), &all);
        if one.kind() == other.kind() {
            replaced[at] = renamed(other, one);
            let after = changed(&all, Some(&replaced[at]));
            told += as_if_compiled(&all, &after, &world.mesh_of(&replaced));
        }
        told
    });
}

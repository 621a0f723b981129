//! A mesh that comes from a cluster: what the server is before it knows it, and how it takes up what changes there.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use portcullis::admission::{Facts, Gate, Known};
use portcullis::cluster::{Contact, Heard, KINDS, Kind, Store};
use portcullis::server::{Certificate, Options, Source};
use portcullis::suite;
use rstest::rstest;
use serde::Deserialize as _;
use serde_json::Value;

use super::support::{Citadel, Serving, options, serve};
use crate::admission::support::{GUARDS, MESH, ask, object};

/// What is heard of a cluster, by hand.
#[derive(Clone)]
struct Heart {
    cluster: Arc<Mutex<(Store, Contact)>>,
    certificate: Certificate,
}

impl Heart {
    fn of(citadel: &Citadel) -> Self {
        Self { cluster: Arc::default(), certificate: citadel.certificate() }
    }

    fn tell(&self, change: impl FnOnce(&mut Store, &mut Contact)) {
        let (store, contact) = &mut *self.cluster.lock().unwrap();
        change(store, contact);
    }

    /// Every kind is listed, but for `without`.
    fn list(&self, manifests: &str, without: Option<Kind>) {
        let objects = objects(manifests);
        self.tell(|store, _| {
            for kind in KINDS.iter().filter(|kind| Some(**kind) != without) {
                store.begin(*kind);
                for (_, namespace, name, text) in objects.iter().filter(|one| one.0 == *kind) {
                    store.listed(*kind, namespace, name, text);
                }
                store.end(*kind);
            }
        });
    }

    fn apply(&self, manifest: &str) {
        for (kind, namespace, name, text) in objects(manifest) {
            self.tell(|store, _| store.applied(kind, &namespace, &name, &text));
        }
    }
}

/// Manifests as the API server has them: kind, namespace, name, JSON.
fn objects(manifests: &str) -> Vec<(Kind, String, String, String)> {
    serde_yaml::Deserializer::from_str(manifests)
        .map(|document| {
            let object = Value::deserialize(document).unwrap();
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let group = object["apiVersion"].as_str().unwrap();
            let group = group.split_once('/').map_or("", |(group, _)| group);
            let kind = KINDS
                .iter()
                .find(|kind| kind.group == group && object["kind"] == kind.kind);
            let meta = &object["metadata"];
            (*kind.unwrap(), text(&meta["namespace"]), text(&meta["name"]), object.to_string())
        })
        .collect()
}

impl Source for Heart {
    fn state(&mut self) -> (String, String) {
        (self.cluster.lock().unwrap().0.generation().to_string(), String::new())
    }

    fn known(&mut self) -> Result<(Known, Vec<String>), Vec<String>> {
        let mut findings = Vec::new();
        let guards = suite::read("guards.test.yaml", GUARDS, &mut findings);
        let loaded = self.cluster.lock().unwrap().0.loaded();
        findings.extend(loaded.findings);
        if !findings.is_empty() {
            return Err(findings.iter().map(ToString::to_string).collect());
        }
        let facts = Facts {
            resources: loaded.resources,
            guards: guards
                .into_iter()
                .map(|guard| (guard, Vec::new()))
                .collect(),
            gate: Gate::default(),
            ..Facts::default()
        };
        let told = |error: &portcullis::diagnostic::Diagnostic| error.to_string();
        match Known::prepare(facts) {
            Ok((known, findings)) => Ok((known, findings.iter().map(told).collect())),
            Err(errors) => Err(errors.iter().map(told).collect()),
        }
    }

    fn heard(&mut self) -> Option<Heard> {
        let (store, contact) = &mut *self.cluster.lock().unwrap();
        let waits_for = store.waits_for().iter().map(ToString::to_string).collect();
        Some(contact.heard(waits_for))
    }

    fn certificate(&mut self) -> Result<Certificate, String> {
        Ok(self.certificate.clone())
    }
}

fn serving(fail_open: bool) -> (Heart, Serving) {
    let citadel = Citadel::new();
    let heart = Heart::of(&citadel);
    let serving = serve(&citadel, heart.clone(), Options { fail_open, ..options() }).unwrap();
    (heart, serving)
}

/// Whether a change that a guard keeps out is allowed, and what is said of it.
fn open(serving: &Serving) -> (bool, String) {
    let open = "{selector: {matchLabels: {app: httpbin}}, rules: [{}]}";
    let review = ask("CREATE", &object("AuthorizationPolicy", "open", open), &Value::Null);
    let (status, body) = serving.post(&review.to_string());
    assert_eq!(status, 200, "{body}");
    let response = serde_json::from_str::<Value>(&body).unwrap()["response"].clone();
    (response["allowed"].as_bool().unwrap(), response.to_string())
}

fn ready(serving: &Serving) -> bool {
    serving.health("/readyz").0 == 200
}

fn count(serving: &Serving, event: &str) -> usize {
    let log = serving.log.lock().unwrap();
    let wanted = format!("\"event\":\"{event}\"");
    log.iter().filter(|line| line.contains(&wanted)).count()
}

/// Long enough for many looks.
fn a_while() {
    std::thread::sleep(Duration::from_millis(150));
}

#[rstest]
#[case::closed(false)]
#[case::open(true)]
fn before_everything_is_listed_it_listens_and_cannot_look(#[case] fail_open: bool) {
    let (heart, serving) = serving(fail_open);
    assert_eq!(serving.health("/livez").0, 200);
    assert_eq!(serving.health("/readyz"), (503, "the mesh is not known yet".to_owned()));
    let (allowed, why) = open(&serving);
    assert!(allowed == fail_open && why.contains("the mesh is not known yet"), "{why}");
    heart.list(MESH, KINDS.last().copied());
    a_while();
    assert!(!ready(&serving), "one kind is not listed yet");
    assert_eq!(serving.metric("portcullis_cluster_waits_for{}"), "1");
    heart.tell(|store, _| store.absent(KINDS[KINDS.len() - 1]));
    serving.wait_for("everything", ready);
    let (allowed, why) = open(&serving);
    assert!(!allowed && why.contains("guard `readers`"), "{why}");
    assert_eq!(serving.metric("portcullis_known{what=\"workloads\"}"), "2");
    assert_eq!(serving.metric("portcullis_cluster_waits_for{}"), "0");
    assert_eq!(serving.metric("portcullis_reload_failed{what=\"known\"}"), "0");
}

#[test]
fn what_changes_in_the_cluster_is_what_the_next_change_is_held_against() {
    let (heart, serving) = serving(false);
    heart.list(MESH, None);
    serving.wait_for("everything", ready);
    assert!(!open(&serving).0);
    // What the guard forbids is so already: it fails without the change, too, and keeps nothing out.
    heart.apply(
        "{apiVersion: security.istio.io/v1, kind: AuthorizationPolicy, metadata: {name: all, namespace: foo}, spec: {rules: [{}]}}",
    );
    serving.wait_for("the policy", |serving| open(serving).0);
    let policies = KINDS.iter().find(|kind| kind.kind == "AuthorizationPolicy");
    heart.tell(|store, _| store.deleted(*policies.unwrap(), "foo", "all"));
    serving.wait_for("its end", |serving| !open(serving).0);
}

#[test]
fn what_is_not_understood_keeps_the_old_mesh_and_is_told() {
    let (heart, serving) = serving(false);
    heart.list(MESH, None);
    serving.wait_for("everything", ready);
    let bad = |rules: &str| {
        format!(
            "{{apiVersion: security.istio.io/v1, kind: AuthorizationPolicy, metadata: {{name: all, namespace: foo}}, spec: {rules}}}"
        )
    };
    heart.apply(&bad("{rules: [{}], oops: 1}"));
    let failed = "portcullis_reload_failed{what=\"known\"}";
    serving.wait_for("the failure", |serving| serving.metric(failed) == "1");
    let told = "authorizationpolicies.security.istio.io/foo/all:1:1";
    let log = serving.log.lock().unwrap().join("\n");
    assert!(log.contains("reload failed") && log.contains(told) && log.contains("oops"), "{log}");
    assert!(ready(&serving) && !open(&serving).0, "the old mesh serves on");
    heart.apply(&bad("{rules: [{}]}"));
    serving.wait_for("the mended policy", |serving| serving.metric(failed) == "0");
    assert!(open(&serving).0);
}

#[test]
fn a_mesh_that_is_not_understood_from_the_beginning_is_none() {
    let (heart, serving) = serving(false);
    heart.list(&MESH.replace("mtls: {mode: STRICT}", "mtls: {mode: MAYBE}"), None);
    let failed = "portcullis_reload_failed{what=\"known\"}";
    serving.wait_for("the failure", |serving| serving.metric(failed) == "1");
    assert!(!ready(&serving) && !open(&serving).0);
    heart.list(MESH, None);
    serving.wait_for("the mended mesh", ready);
}

#[test]
fn many_changes_at_a_time_are_one_reload_and_what_is_not_read_is_none() {
    let citadel = Citadel::new();
    let heart = Heart::of(&citadel);
    let slow = Options { reload_interval: Duration::from_millis(300), ..options() };
    let serving = serve(&citadel, heart.clone(), slow).unwrap();
    heart.list(MESH, None);
    serving.wait_for("everything", ready);
    let pod = |name: usize, phase: &str| {
        format!(
            "{{apiVersion: v1, kind: Pod, metadata: {{name: web-{name}, namespace: foo}}, spec: {{containers: [{{name: web}}]}}, status: {{phase: {phase}}}}}"
        )
    };
    let before = count(&serving, "reloaded");
    (0..500).for_each(|name| heart.apply(&pod(name, "Pending")));
    let pods = "portcullis_known{what=\"workloads\"}";
    serving.wait_for("the pods", |serving| serving.metric(pods) == "502");
    let reloads = count(&serving, "reloaded") - before;
    assert!(reloads <= 3, "{reloads} reloads");
    let before = count(&serving, "reloaded");
    (0..500).for_each(|name| heart.apply(&pod(name, "Running")));
    std::thread::sleep(Duration::from_millis(700));
    assert_eq!(count(&serving, "reloaded"), before);
}

#[test]
#[expect(clippy::disallowed_methods, reason = "an age is counted from now")]
fn a_cluster_that_is_lost_keeps_the_mesh_and_is_told() {
    let (heart, serving) = serving(false);
    heart.list(MESH, None);
    heart.tell(|_, contact| contact.answered(Instant::now()));
    let connected = |serving: &Serving| serving.metric("portcullis_cluster_connected{}");
    serving.wait_for("everything", |serving| ready(serving) && connected(serving) == "1");
    assert_eq!(serving.metric("portcullis_cluster_age_seconds{}"), "0");
    let long_ago = Instant::now().checked_sub(Duration::from_secs(47));
    heart.tell(|_, contact| {
        contact.answered(long_ago.unwrap());
        contact.trouble("pods", "refused");
    });
    serving.wait_for("the loss", |serving| connected(serving) == "0");
    let age: u64 = serving
        .metric("portcullis_cluster_age_seconds{}")
        .parse()
        .unwrap();
    assert!((47..60).contains(&age), "{age}");
    assert_eq!(count(&serving, "cluster lost"), 1);
    assert!(ready(&serving) && !open(&serving).0, "the old mesh serves on");
    heart.tell(|_, contact| {
        contact.calm("pods");
        contact.answered(Instant::now());
    });
    serving.wait_for("the return", |serving| connected(serving) == "1");
    assert_eq!(count(&serving, "cluster found"), 1);
}

/// The metrics of a cluster are told only where there is one.
#[test]
fn files_are_no_cluster() {
    let citadel = Citadel::new();
    let source = super::support::InMemory::of(MESH, GUARDS, citadel.certificate());
    let serving = serve(&citadel, source, options()).unwrap();
    let (_, text) = serving.health("/metrics");
    assert!(!text.contains("portcullis_cluster_connected{"), "{text}");
}

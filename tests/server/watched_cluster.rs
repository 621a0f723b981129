//! A cluster that is watched: what its API server says and does not say, and what is known of it.

use std::time::{Duration, Instant};

use portcullis::cluster::{Cluster, Heard, KINDS, Place};
use rstest::rstest;
use serde_json::{Value, json};

use super::api_server::ApiServer;
use crate::ca::support::Scratch;

const SECURITY: &str = "security.istio.io";
const POLICIES: &str = "authorizationpolicies";

/// An API server that serves everything but Istio's policies, and a watch of it.
struct Watched {
    server: ApiServer,
    cluster: Cluster,
    heard: Vec<(&'static str, String)>,
    _scratch: Scratch,
}

impl Watched {
    fn of(server: ApiServer) -> Self {
        for kind in KINDS.iter().filter(|kind| kind.group != SECURITY) {
            server.serve(kind.group, "v1", kind.kind, kind.plural);
        }
        let scratch = Scratch::new();
        let place = Place {
            kubeconfig: Some(scratch.write("kubeconfig", server.kubeconfig())),
            context: Some("here".to_owned()),
            istio_namespace: "mesh".to_owned(),
            revision: "canary".to_owned(),
        };
        let cluster = Cluster::watched(place).unwrap();
        Self { server, cluster, heard: Vec::new(), _scratch: scratch }
    }

    /// With all of Istio's policies in this version.
    fn whole(version: &str) -> Self {
        let server = ApiServer::start();
        policies(&server, version);
        Self::of(server)
    }

    fn heard(&mut self) -> Heard {
        let heard = self.cluster.heard();
        self.heard.extend(heard.news.iter().cloned());
        heard
    }

    #[track_caller]
    fn until(&mut self, what: &str, mut so: impl FnMut(&mut Self) -> bool) {
        let began = began();
        while !so(self) {
            assert!(began.elapsed() < Duration::from_secs(60), "{what}: {:?}", self.heard);
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    #[track_caller]
    fn until_all_is_known(&mut self) {
        self.until("everything is listed", |watched| watched.heard().waits_for.is_empty());
    }

    #[track_caller]
    fn until_there_are(&mut self, wanted: &[&str]) {
        self.until(&format!("there are {wanted:?}"), |watched| watched.names() == wanted);
    }

    fn names(&self) -> Vec<String> {
        let loaded = self.cluster.loaded();
        assert_eq!(loaded.findings, []);
        let names = loaded.resources.iter().map(|resource| {
            let meta = resource.meta();
            format!("{} {}", resource.kind(), meta.id())
        });
        names.collect()
    }

    fn told(&mut self, event: &str, word: &str) -> bool {
        self.heard();
        self.heard
            .iter()
            .any(|(name, message)| *name == event && message.contains(word))
    }
}

#[expect(clippy::disallowed_methods, reason = "a test that waits gives up some day")]
fn began() -> Instant {
    Instant::now()
}

fn policies(server: &ApiServer, version: &str) {
    for kind in KINDS.iter().filter(|kind| kind.group == SECURITY) {
        server.serve(SECURITY, version, kind.kind, kind.plural);
    }
}

fn policy(version: &str, name: &str) -> Value {
    json!({
        "apiVersion": format!("{SECURITY}/{version}"),
        "kind": "AuthorizationPolicy",
        "metadata": {"name": name, "namespace": "foo", "managedFields": [{"manager": "kubectl"}]},
        "spec": {},
    })
}

#[test]
fn what_is_there_what_comes_and_what_goes_is_known() {
    let server = ApiServer::start();
    policies(&server, "v1");
    server.apply(SECURITY, POLICIES, policy("v1", "a"));
    let mut watched = Watched::of(server);
    watched.until_all_is_known();
    watched.until_there_are(&["AuthorizationPolicy foo/a"]);
    watched.server.apply(SECURITY, POLICIES, policy("v1", "b"));
    watched.until_there_are(&["AuthorizationPolicy foo/a", "AuthorizationPolicy foo/b"]);
    watched.server.delete(SECURITY, POLICIES, policy("v1", "a"));
    watched.until_there_are(&["AuthorizationPolicy foo/b"]);
    watched.until("it is connected", |watched| watched.heard().connected);
    assert_eq!(watched.heard, [], "there is nothing to tell");
}

/// Whatever is listed is listed in the whole cluster, but for the one config map; nothing else is asked for.
#[test]
fn of_config_maps_one_is_asked_for_and_of_secrets_none() {
    let mut watched = Watched::whole("v1");
    watched.until_all_is_known();
    assert_eq!(watched.server.asked("secrets"), Vec::<String>::new());
    let maps = watched.server.asked("configmaps");
    assert!(!maps.is_empty());
    for asked in &maps {
        let named = "fieldSelector=metadata.name%3Distio-canary";
        assert!(asked.starts_with("/api/v1/namespaces/mesh/configmaps?"), "{asked}");
        assert!(asked.contains(named), "{asked}");
    }
    let others = watched.server.asked("/namespaces/");
    assert_eq!(others.len(), maps.len(), "{others:?}");
}

#[rstest]
#[case::the_only_one(&["v1beta1"], "v1beta1")]
#[case::the_best(&["v1", "v1beta1"], "v1")]
#[case::not_one_that_is_not_understood(&["v1beta1", "v2"], "v1beta1")]
fn a_version_that_is_understood_is_asked_for(#[case] served: &[&str], #[case] want: &str) {
    let server = ApiServer::start();
    for version in served {
        policies(&server, version);
    }
    server.apply(SECURITY, POLICIES, policy(want, "a"));
    let mut watched = Watched::of(server);
    watched.until_all_is_known();
    assert_eq!(watched.names(), ["AuthorizationPolicy foo/a"]);
    let asked = watched.server.asked("/authorizationpolicies");
    assert!(asked.iter().all(|path| path.contains(&format!("/{want}/"))), "{asked:?}");
}

#[test]
fn a_kind_that_is_missing_is_empty_and_is_watched_when_it_is_there() {
    let mut watched = Watched::of(ApiServer::start());
    watched.until_all_is_known();
    assert!(watched.told("kind missing", "`authorizationpolicies.security.istio.io`"));
    policies(&watched.server, "v1");
    watched
        .server
        .apply(SECURITY, POLICIES, policy("v1", "late"));
    watched.until_there_are(&["AuthorizationPolicy foo/late"]);
    assert!(watched.told("kind found", "`authorizationpolicies.security.istio.io`"));
}

#[test]
fn what_may_not_be_listed_is_told_and_waited_for() {
    let server = ApiServer::start();
    policies(&server, "v1");
    server.forbid(SECURITY, POLICIES, true);
    let mut watched = Watched::of(server);
    watched.until("it waits for one", |watched| watched.heard().waits_for.len() == 1);
    assert_eq!(watched.heard().waits_for, ["authorizationpolicies.security.istio.io"]);
    assert!(watched.told("cluster lost", "authorizationpolicies cannot be listed (403)"));
    assert!(!watched.heard().connected);
    watched.server.forbid(SECURITY, POLICIES, false);
    watched.until_all_is_known();
    watched.until("it is connected", |watched| watched.heard().connected);
}

#[test]
fn what_happened_while_nothing_answered_is_known_when_it_answers() {
    let server = ApiServer::start();
    policies(&server, "v1");
    server.apply(SECURITY, POLICIES, policy("v1", "a"));
    let mut watched = Watched::of(server);
    watched.until_all_is_known();
    watched.until("it is connected", |watched| watched.heard().connected);
    watched.server.down(true);
    watched.until("it is lost", |watched| !watched.heard().connected);
    assert!(watched.told("cluster lost", ""));
    assert_eq!(watched.names(), ["AuthorizationPolicy foo/a"], "what was known is known");
    watched.server.delete(SECURITY, POLICIES, policy("v1", "a"));
    watched.server.apply(SECURITY, POLICIES, policy("v1", "b"));
    watched.server.down(false);
    watched.until_there_are(&["AuthorizationPolicy foo/b"]);
    watched.until("it is connected", |watched| watched.heard().connected);
    assert!(watched.told("cluster found", ""));
}

#[test]
fn a_kubeconfig_that_names_no_such_context_is_refused() {
    let (server, scratch) = (ApiServer::start(), Scratch::new());
    let place = |context: Option<&str>, path: String| Place {
        kubeconfig: Some(path),
        context: context.map(str::to_owned),
        ..Place::default()
    };
    let path = scratch.write("kubeconfig", server.kubeconfig());
    for wrong in [place(Some("elsewhere"), path), place(None, scratch.path("missing"))] {
        assert!(Cluster::watched(wrong).is_err());
    }
}

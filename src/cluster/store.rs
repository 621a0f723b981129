//! What a watch tells of objects → the resources of all of them, as a file with each would give them.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::kinds::{KINDS, Kind};
use crate::diagnostic::{Code, Diagnostic};
use crate::parse::{self, Loaded};

/// Namespace and name.
type Id = (String, String);

/// The objects of a cluster, each as it was read when it came. What is not read of an object is not kept.
#[derive(Debug, Default)]
pub struct Store {
    kinds: BTreeMap<Kind, OfKind>,
    generation: u64,
}

#[derive(Debug, Default)]
struct OfKind {
    /// Whether all of them have been told once, or that there are none.
    told: bool,
    objects: BTreeMap<Id, Loaded>,
    /// Those of a list that has not ended yet.
    coming: BTreeMap<Id, Loaded>,
}

impl Store {
    /// A list begins, which counts once it has ended.
    pub fn begin(&mut self, kind: Kind) {
        self.kinds.entry(kind).or_default().coming.clear();
    }

    /// An object of the list, as JSON.
    pub fn listed(&mut self, kind: Kind, namespace: &str, name: &str, text: &str) {
        let object = understood(kind, namespace, name, text);
        let id = (namespace.to_owned(), name.to_owned());
        let of_kind = self.kinds.entry(kind).or_default();
        drop(of_kind.coming.insert(id, object));
    }

    /// The list has ended: whatever is not in it is gone.
    pub fn end(&mut self, kind: Kind) {
        let of_kind = self.kinds.entry(kind).or_default();
        let objects = std::mem::take(&mut of_kind.coming);
        self.replace(kind, objects);
    }

    /// There are no objects of a kind, because the cluster does not know the kind.
    pub fn absent(&mut self, kind: Kind) {
        self.replace(kind, BTreeMap::new());
    }

    fn replace(&mut self, kind: Kind, objects: BTreeMap<Id, Loaded>) {
        let of_kind = self.kinds.entry(kind).or_default();
        if !of_kind.told || of_kind.objects != objects {
            of_kind.told = true;
            of_kind.objects = objects;
            self.generation = self.generation.wrapping_add(1);
        }
    }

    /// An object is new, or otherwise.
    pub fn applied(&mut self, kind: Kind, namespace: &str, name: &str, text: &str) {
        let object = understood(kind, namespace, name, text);
        let id = (namespace.to_owned(), name.to_owned());
        let of_kind = self.kinds.entry(kind).or_default();
        if of_kind.objects.get(&id) != Some(&object) {
            drop(of_kind.objects.insert(id, object));
            self.generation = self.generation.wrapping_add(1);
        }
    }

    /// An object is gone.
    pub fn deleted(&mut self, kind: Kind, namespace: &str, name: &str) {
        let id = (namespace.to_owned(), name.to_owned());
        let of_kind = self.kinds.entry(kind).or_default();
        if of_kind.objects.remove(&id).is_some() {
            self.generation = self.generation.wrapping_add(1);
        }
    }

    /// Whether all objects of a kind have been told once.
    #[must_use]
    pub fn knows(&self, kind: Kind) -> bool {
        self.kinds.get(&kind).is_some_and(|of_kind| of_kind.told)
    }

    /// The kinds that have not been told yet; only where there is none of them the cluster is known.
    #[must_use]
    pub fn waits_for(&self) -> Vec<Kind> {
        let all = KINDS.iter().copied();
        all.filter(|kind| !self.knows(*kind)).collect()
    }

    /// Another number whenever something that is read is otherwise. What is not read (a status, who manages a field)
    /// changes nothing.
    #[must_use]
    pub const fn generation(&self) -> u64 {
        self.generation
    }

    /// The resources of all objects, and what there is to say about them.
    #[must_use]
    pub fn loaded(&self) -> Loaded {
        let mut all = Loaded::default();
        for of_kind in self.kinds.values() {
            for object in of_kind.objects.values() {
                all.resources.extend(object.resources.iter().cloned());
                all.findings.extend(object.findings.iter().cloned());
                for (kind, count) in &object.passed_over {
                    *all.passed_over.entry(kind.clone()).or_default() += count;
                }
            }
        }
        parse::duplicates(&mut all);
        all
    }
}

/// Reads an object as a file with it is read. Its place is its name in the cluster: there are no lines.
fn understood(kind: Kind, namespace: &str, name: &str, text: &str) -> Loaded {
    let mut loaded = Loaded::default();
    let place = match namespace {
        "" => format!("{kind}/{name}"),
        namespace => format!("{kind}/{namespace}/{name}"),
    };
    let file: Arc<str> = Arc::from(place);
    match parse::json::document(text, &[]) {
        // What carries no namespace has none: the API server names it wherever there is one.
        Ok(node) => parse::resource_nodes(&file, text, &[node], "", &mut loaded),
        Err(why) => {
            let message = format!("`{file}` cannot be read: {why}");
            loaded
                .findings
                .push(Diagnostic::error(Code::Unreadable, message));
        }
    }
    loaded
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(name: &str) -> Kind {
        *KINDS.iter().find(|kind| kind.kind == name).unwrap()
    }

    fn policy(name: &str, rest: &str) -> String {
        format!(
            r#"{{"apiVersion": "security.istio.io/v1", "kind": "AuthorizationPolicy", "metadata": {{"name": "{name}", "namespace": "foo"}}, {rest}}}"#
        )
    }

    fn pod(labels: &str, status: &str) -> String {
        format!(
            r#"{{"apiVersion": "v1", "kind": "Pod", "metadata": {{"name": "web-0", "namespace": "foo", "resourceVersion": "{}", "labels": {labels}}}, "spec": {{"containers": [{{"name": "web"}}]}}, "status": {status}}}"#,
            status.len()
        )
    }

    fn names(store: &Store) -> Vec<String> {
        let loaded = store.loaded();
        assert_eq!(loaded.findings, []);
        let ids = loaded.resources.iter().map(|resource| resource.meta().id());
        ids.collect()
    }

    #[test]
    fn a_list_counts_when_it_has_ended_and_as_a_whole() {
        let (mut store, policies) = (Store::default(), kind("AuthorizationPolicy"));
        let add = |store: &mut Store, name: &str| {
            store.listed(policies, "foo", name, &policy(name, r#""spec": {}"#));
        };
        store.begin(policies);
        add(&mut store, "a");
        assert_eq!((names(&store), store.knows(policies)), (vec![], false));
        // The connection ended; what came before it does not stay.
        store.begin(policies);
        add(&mut store, "b");
        store.end(policies);
        assert_eq!((names(&store), store.knows(policies)), (vec!["foo/b".to_owned()], true));
        store.begin(policies);
        add(&mut store, "c");
        assert_eq!(names(&store), ["foo/b"], "the old list counts until the new one has ended");
        store.end(policies);
        assert_eq!(names(&store), ["foo/c"]);
        store.absent(policies);
        assert_eq!((names(&store), store.knows(policies)), (vec![], true));
    }

    #[test]
    fn a_cluster_is_known_when_every_kind_was_told_once() {
        let mut store = Store::default();
        assert_eq!(store.waits_for(), KINDS);
        for (at, kind) in KINDS.iter().enumerate() {
            assert_eq!(store.waits_for().len(), KINDS.len() - at);
            if at % 2 == 0 {
                store.absent(*kind);
            } else {
                store.begin(*kind);
                store.end(*kind);
            }
        }
        assert_eq!(store.waits_for(), []);
    }

    #[rstest::rstest]
    #[case::nothing(&pod(r#"{"app": "web"}"#, "{}"), false)]
    #[case::what_is_not_read(&pod(r#"{"app": "web"}"#, r#"{"phase": "Running"}"#), false)]
    #[case::an_address(&pod(r#"{"app": "web"}"#, r#"{"podIP": "10.0.0.1"}"#), true)]
    #[case::a_label(&pod(r#"{"app": "shop"}"#, "{}"), true)]
    fn only_what_is_read_is_news(#[case] next: &str, #[case] news: bool) {
        let (mut store, pods) = (Store::default(), kind("Pod"));
        store.applied(pods, "foo", "web-0", &pod(r#"{"app": "web"}"#, "{}"));
        let before = store.generation();
        store.applied(pods, "foo", "web-0", next);
        assert_eq!(store.generation() != before, news);
        let before = store.generation();
        store.begin(pods);
        store.listed(pods, "foo", "web-0", next);
        store.end(pods);
        let first = store.generation();
        assert_ne!(first, before, "that there is no more is news once");
        store.begin(pods);
        store.listed(pods, "foo", "web-0", next);
        store.end(pods);
        assert_eq!(store.generation(), first);
        store.deleted(pods, "foo", "web-0");
        assert_ne!(store.generation(), first);
        let last = store.generation();
        store.deleted(pods, "foo", "web-0");
        assert_eq!(store.generation(), last);
    }

    #[rstest::rstest]
    #[case::a_field(
        &policy("open", r#""spec": {"rulez": []}"#),
        "unknown field `rulez` in `spec`\n  --> authorizationpolicies.security.istio.io/foo/open:1:1"
    )]
    #[case::a_version(
        &policy("open", r#""spec": {}"#).replace("io/v1", "io/v2"),
        "AuthorizationPolicy of `security.istio.io/v2` is not understood\n  --> authorizationpolicies.security.istio.io/foo/open:1:1"
    )]
    #[case::no_json("{", "`authorizationpolicies.security.istio.io/foo/open` cannot be read: EOF")]
    fn what_is_not_understood_is_told_with_its_name(#[case] text: &str, #[case] want: &str) {
        let (mut store, policies) = (Store::default(), kind("AuthorizationPolicy"));
        store.applied(policies, "foo", "open", text);
        let told: Vec<String> = store
            .loaded()
            .findings
            .iter()
            .map(ToString::to_string)
            .collect();
        assert!(told.len() == 1 && told[0].contains(want), "{told:?}");
        store.applied(policies, "foo", "open", &policy("open", r#""spec": {}"#));
        assert_eq!(names(&store), ["foo/open"]);
    }

    #[test]
    fn of_config_maps_only_the_meshs_is_read() {
        let (mut store, maps) = (Store::default(), kind("ConfigMap"));
        let map = |name: &str| {
            format!(
                r#"{{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {{"name": "{name}", "namespace": "istio-system"}}, "data": {{"mesh": "trustDomain: td"}}}}"#
            )
        };
        for name in ["istio", "secrets"] {
            store.applied(maps, "istio-system", name, &map(name));
        }
        assert_eq!(names(&store), ["istio-system/istio"]);
        assert_eq!(store.loaded().passed_over["ConfigMap"], 1);
    }
}

//! What a cluster holds, by hand → an API server on loopback that lists and watches it, as far as a client asks.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

/// A kind as the API server serves it.
#[derive(Clone, Debug)]
struct Served {
    version: String,
    kind: String,
    plural: String,
}

#[derive(Default)]
struct State {
    /// By group.
    served: BTreeMap<String, Vec<Served>>,
    /// By group and plural, and then by namespace and name.
    objects: BTreeMap<(String, String), BTreeMap<(String, String), Value>>,
    /// What has happened, the number of an event being its place and one: group, plural, type, object.
    events: Vec<(String, String, &'static str, Value)>,
    /// By group and plural: what nobody may list.
    forbidden: BTreeSet<(String, String)>,
    /// What was asked for.
    asked: Vec<String>,
    /// Another number when every connection is to end.
    epoch: u32,
    /// Whether nobody is answered.
    down: bool,
}

/// It, as long as the test runs.
#[derive(Clone)]
pub(crate) struct ApiServer {
    state: Arc<(Mutex<State>, Condvar)>,
    pub(crate) address: SocketAddr,
}

impl ApiServer {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = Self { state: Arc::default(), address };
        let accepting = server.clone();
        drop(std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (server, stream) = (accepting.clone(), stream.unwrap());
                drop(std::thread::spawn(move || server.converse(&stream)));
            }
        }));
        server
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let changed = change(&mut self.state.0.lock().unwrap());
        self.state.1.notify_all();
        changed
    }

    pub(crate) fn kubeconfig(&self) -> String {
        json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "other",
            "clusters": [
                {"name": "here", "cluster": {"server": format!("http://{}", self.address)}},
                {"name": "nowhere", "cluster": {"server": "http://127.0.0.1:1"}},
            ],
            "users": [{"name": "webhook", "user": {}}],
            "contexts": [
                {"name": "here", "context": {"cluster": "here", "user": "webhook"}},
                {"name": "other", "context": {"cluster": "nowhere", "user": "webhook"}},
            ],
        })
        .to_string()
    }

    pub(crate) fn serve(&self, group: &str, version: &str, kind: &str, plural: &str) {
        let [version, kind, plural] = [version, kind, plural].map(str::to_owned);
        self.change(|state| {
            let served = state.served.entry(group.to_owned()).or_default();
            served.push(Served { version, kind, plural });
        });
    }

    pub(crate) fn forbid(&self, group: &str, plural: &str, forbidden: bool) {
        let key = (group.to_owned(), plural.to_owned());
        self.change(|state| {
            if forbidden { state.forbidden.insert(key) } else { state.forbidden.remove(&key) }
        });
    }

    /// Ends every connection, and answers none until it is up again.
    pub(crate) fn down(&self, down: bool) {
        self.change(|state| {
            state.down = down;
            state.epoch += 1;
        });
    }

    pub(crate) fn apply(&self, group: &str, plural: &str, object: Value) {
        self.event(group, plural, "MODIFIED", object);
    }

    pub(crate) fn delete(&self, group: &str, plural: &str, object: Value) {
        self.event(group, plural, "DELETED", object);
    }

    fn event(&self, group: &str, plural: &str, what: &'static str, mut object: Value) {
        self.change(|state| {
            let version = (state.events.len() + 1).to_string();
            object["metadata"]["resourceVersion"] = Value::from(version);
            let text = |name: &str| {
                object["metadata"][name]
                    .as_str()
                    .unwrap_or_default()
                    .to_owned()
            };
            let id = (text("namespace"), text("name"));
            let objects = state
                .objects
                .entry((group.to_owned(), plural.to_owned()))
                .or_default();
            if what == "DELETED" {
                drop(objects.remove(&id));
            } else {
                // An item of a list does not say what it is.
                let mut item = object.clone();
                item.as_object_mut()
                    .unwrap()
                    .retain(|name, _| name != "kind" && name != "apiVersion");
                drop(objects.insert(id, item));
            }
            state
                .events
                .push((group.to_owned(), plural.to_owned(), what, object));
        });
    }

    /// What was asked for, as far as it holds a word.
    pub(crate) fn asked(&self, word: &str) -> Vec<String> {
        self.change(|state| {
            let asked = state.asked.iter().filter(|path| path.contains(word));
            asked.cloned().collect()
        })
    }

    fn converse(&self, stream: &TcpStream) {
        let mut lines = BufReader::new(stream).lines();
        let epoch = self.change(|state| state.epoch);
        loop {
            let Some(Ok(first)) = lines.next() else { return };
            while lines
                .next()
                .is_some_and(|line| line.is_ok_and(|line| !line.is_empty()))
            {}
            let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
            let gone = self.change(|state| {
                state.asked.push(path.clone());
                state.down || state.epoch != epoch
            });
            if gone {
                return;
            }
            if path.contains("watch=true") {
                return self.watch(stream, &path, epoch).unwrap_or_default();
            }
            let (status, body) = self.change(|state| state.answer(&path));
            let body = body.to_string();
            let head = format!(
                "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
                body.len()
            );
            let mut stream = stream;
            if stream.write_all([head, body].concat().as_bytes()).is_err() {
                return;
            }
        }
    }

    fn watch(&self, mut stream: &TcpStream, path: &str, epoch: u32) -> std::io::Result<()> {
        let (group, plural) = named(path);
        let from = path.split("resourceVersion=").nth(1).unwrap_or_default();
        let mut next: usize = from
            .split('&')
            .next()
            .unwrap_or_default()
            .parse()
            .unwrap_or(0);
        let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
        stream.write_all(head.as_bytes())?;
        loop {
            let (state, changed) = &*self.state;
            let mut state = state.lock().unwrap();
            while state.events.len() <= next && state.epoch == epoch {
                state = changed
                    .wait_timeout(state, Duration::from_secs(1))
                    .unwrap()
                    .0;
            }
            if state.epoch != epoch {
                return Ok(());
            }
            let (of_group, of_plural, what, object) = state.events[next].clone();
            drop(state);
            next += 1;
            if (of_group.as_str(), of_plural.as_str()) == (group, plural) {
                let line = format!("{}\n", json!({"type": what, "object": object}));
                write!(stream, "{:x}\r\n{line}\r\n", line.len())?;
            }
        }
    }
}

/// `/apis/GROUP/VERSION/[namespaces/NAMESPACE/]PLURAL?…` → group and plural.
fn named(path: &str) -> (&str, &str) {
    let path = path.split('?').next().unwrap();
    let group = path
        .strip_prefix("/apis/")
        .map_or("", |rest| rest.split('/').next().unwrap());
    (group, path.rsplit('/').next().unwrap())
}

impl State {
    fn answer(&self, path: &str) -> (&'static str, Value) {
        let path_alone = path.split('?').next().unwrap();
        let parts: Vec<&str> = path_alone.trim_matches('/').split('/').collect();
        let found = match parts[..] {
            ["readyz"] => Some(json!("ok")),
            ["api"] => Some(
                json!({"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []}),
            ),
            ["apis"] => Some(self.groups()),
            ["api", "v1"] => Some(self.resources("", "v1")),
            ["apis", group, version] => Some(self.resources(group, version)),
            _ => return self.list(path_alone),
        };
        found.map_or(("404 Not Found", Value::Null), |found| ("200 OK", found))
    }

    fn groups(&self) -> Value {
        let groups: Vec<Value> = self
            .served
            .iter()
            .filter(|(group, _)| !group.is_empty())
            .map(|(group, served)| {
                let versions: BTreeSet<&str> =
                    served.iter().map(|served| served.version.as_str()).collect();
                let versions: Vec<Value> = versions
                    .iter()
                    .map(|version| json!({"groupVersion": format!("{group}/{version}"), "version": version}))
                    .collect();
                // The last is preferred, whatever it is.
                json!({"name": group, "versions": versions, "preferredVersion": versions.last()})
            })
            .collect();
        json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups})
    }

    fn resources(&self, group: &str, version: &str) -> Value {
        let served = self.served.get(group).cloned().unwrap_or_default();
        let served = served.iter().filter(|served| served.version == version);
        let resources: Vec<Value> = served
            .map(|served| {
                json!({
                    "name": served.plural, "singularName": "", "namespaced": true,
                    "kind": served.kind, "verbs": ["list", "watch"],
                })
            })
            .collect();
        let version =
            if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
        json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": version, "resources": resources})
    }

    fn list(&self, path: &str) -> (&'static str, Value) {
        let (group, plural) = named(path);
        let key = (group.to_owned(), plural.to_owned());
        let refused = |status: &'static str, code: u16, reason: &str| {
            let message = format!("{plural} cannot be listed");
            let body = json!({
                "kind": "Status", "apiVersion": "v1", "status": "Failure", "metadata": {},
                "message": message, "reason": reason, "code": code,
            });
            (status, body)
        };
        if self.forbidden.contains(&key) {
            return refused("403 Forbidden", 403, "Forbidden");
        }
        let served = self.served.get(group).into_iter().flatten();
        if !served.into_iter().any(|served| served.plural == plural) {
            return refused("404 Not Found", 404, "NotFound");
        }
        let items: Vec<&Value> = self
            .objects
            .get(&key)
            .map(|all| all.values().collect())
            .unwrap_or_default();
        let version = self.events.len().to_string();
        (
            "200 OK",
            json!({"kind": "List", "apiVersion": "v1", "metadata": {"resourceVersion": version}, "items": items}),
        )
    }
}

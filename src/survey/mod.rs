//! A mesh → which known callers may send a request, and which requests a known caller may send: over the workloads
//! that the files know and the requests that the rules speak of.

mod examples;

use std::collections::BTreeSet;

use examples::{Sent, examples};

use crate::decide::Decision;
use crate::mesh::{
    Attribute, Dataplane, Enforcement, ListenerClass, Mesh, QuestionError, Rule, Workload,
};
use crate::request::{Caller, HostSpec, HttpSpec, Protocol, Request, RequestSpec};

/// So many requests are asked of one destination at most.
pub const MOST_REQUESTS: usize = 64;

/// Somebody that the files know.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct KnownCaller {
    /// The principal; absent: it has none to show.
    pub identity: Option<String>,
    /// What it is: a workload's `name.namespace`, `a service account`, `plaintext` …
    pub name: String,
    /// The same in the words of a question.
    caller: AskedAs,
}

/// [`Caller`], in an order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum AskedAs {
    External,
    Plaintext,
    Principal(String),
    Workload(String),
}

impl From<&AskedAs> for Caller {
    fn from(asked: &AskedAs) -> Self {
        match asked {
            AskedAs::External => Self::External,
            AskedAs::Plaintext => Self::Plaintext,
            AskedAs::Principal(principal) => {
                Self::Certificate { uris: vec![format!("spiffe://{principal}")], foreign: false }
            }
            AskedAs::Workload(name) => Self::Workload(name.clone()),
        }
    }
}

/// A question and its answer from every workload that may answer it.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked {
    /// The question.
    pub spec: RequestSpec,
    /// The answers; never empty.
    pub answers: Vec<(Request, Decision)>,
}

/// Everybody that the files know: workloads, service accounts that no workload runs as, principals that policies name
/// in full, and whoever has no identity, in the cluster and outside.
#[must_use]
pub fn callers(mesh: &Mesh) -> Vec<KnownCaller> {
    let own = &mesh.settings.trust.own;
    let mut known = BTreeSet::new();
    let mut identities = BTreeSet::new();
    for workload in &mesh.inventory.workloads {
        let speaks_for_itself = match workload.dataplane {
            Dataplane::Ambient | Dataplane::Gateway | Dataplane::Sidecar => true,
            Dataplane::None => false,
            // It hands on what others send.
            Dataplane::Waypoint => continue,
        };
        let identity = speaks_for_itself.then(|| workload.principal(own));
        identities.extend(identity.clone());
        known.insert(KnownCaller {
            identity,
            name: workload.full_name(),
            caller: AskedAs::Workload(format!("{}/{}", workload.kind, workload.full_name())),
        });
    }
    let accounts = mesh.inventory.service_accounts.iter();
    let accounts = accounts
        .map(|(namespace, name)| (format!("{own}/ns/{namespace}/sa/{name}"), "service account"));
    let named = named_principals(mesh).map(|principal| (principal, "named in a policy"));
    for (principal, name) in accounts.chain(named) {
        if identities.insert(principal.clone()) {
            known.insert(KnownCaller {
                identity: Some(principal.clone()),
                name: name.to_owned(),
                caller: AskedAs::Principal(principal),
            });
        }
    }
    let nobody = |name: &str, caller| KnownCaller { identity: None, name: name.to_owned(), caller };
    known.insert(nobody("plaintext", AskedAs::Plaintext));
    known.insert(nobody("external", AskedAs::External));
    known.into_iter().collect()
}

/// The principals that policies write without a star.
fn named_principals(mesh: &Mesh) -> impl Iterator<Item = String> {
    let rules = mesh.policies.iter().flat_map(|policy| &policy.rules);
    let conditions = rules.flat_map(|rule| {
        let of_sources = rule.sources.iter().flat_map(|clause| &clause.conditions);
        of_sources.chain(&rule.when)
    });
    conditions
        .filter(|condition| condition.attribute == Attribute::SourcePrincipal)
        .flat_map(|condition| &condition.values)
        .map(|value| value.written.value.clone())
        .filter(|principal| !principal.contains('*') && principal.split('/').count() >= 5)
        // `cluster.local` is this mesh, whatever its trust domain is called.
        .map(|principal| match principal.strip_prefix("cluster.local/") {
            Some(rest) => format!("{}/{rest}", mesh.settings.trust.own),
            None => principal,
        })
        .collect::<BTreeSet<_>>()
        .into_iter()
}

/// Asks for every known caller whether it may send `spec`, whose own caller does not count.
///
/// # Errors
/// A destination that the files do not know.
pub fn who_can(
    mesh: &Mesh,
    spec: &RequestSpec,
) -> Result<Vec<(KnownCaller, Asked)>, QuestionError> {
    let mut found = Vec::new();
    // A short host would mean another Service for every caller.
    let mut spec = spec.clone();
    if !spec.to.contains(['.', ':']) {
        let namespace = spec.namespace.as_deref().unwrap_or("default");
        spec.to = format!("{}.{namespace}", spec.to);
    }
    for known in callers(mesh) {
        let spec = RequestSpec { from: Caller::from(&known.caller), ..spec.clone() };
        found.push((known, ask(mesh, spec)?));
    }
    Ok(found)
}

/// Asks for every known destination whether the caller of `spec` may send it the requests that its rules speak of.
///
/// # Errors
/// A caller that the files do not know.
pub fn what_can(mesh: &Mesh, spec: &RequestSpec) -> Result<Vec<(String, Asked)>, QuestionError> {
    let mut found = Vec::new();
    if let Caller::Workload(name) = &spec.from {
        mesh.caller(name, spec.namespace.as_deref().unwrap_or("default"))?;
    }
    for destination in destinations(mesh) {
        for sent in destination.requests(mesh) {
            let spec = destination.spec(spec, sent);
            // A Service port whose workload the files do not hold is nobody's.
            match ask(mesh, spec) {
                Ok(asked) => found.push((destination.name.clone(), asked)),
                Err(QuestionError::NoEndpoint { .. }) => break,
                Err(error) => return Err(error),
            }
        }
    }
    Ok(found)
}

fn ask(mesh: &Mesh, spec: RequestSpec) -> Result<Asked, QuestionError> {
    let requests = mesh.requests(&spec)?;
    let answers = requests
        .into_iter()
        .map(|request| {
            let decision = mesh.decide(&request);
            (request, decision)
        })
        .collect();
    Ok(Asked { spec, answers })
}

/// A port that can be called.
struct Destination {
    /// `name.namespace:port`.
    name: String,
    /// As a question names it, without port.
    to: String,
    by_host: bool,
    port: u16,
    /// The places of the workloads behind it.
    workloads: Vec<usize>,
    class: ListenerClass,
}

/// Every port of every Service, and the container ports of workloads that no Service leads to.
fn destinations(mesh: &Mesh) -> Vec<Destination> {
    let inventory = &mesh.inventory;
    let mut found = Vec::new();
    let mut reached = BTreeSet::new();
    for service in &inventory.services {
        for (port, backends) in &service.ports {
            let Some(first) = backends.first() else { continue };
            reached.extend(backends.iter().map(|backend| backend.workload));
            let class = mesh
                .workload(first.workload)
                .map_or(ListenerClass::Sniffed, |workload| {
                    workload.class_of(service.dialled(*port, *first))
                });
            let to = format!("{}.{}", service.name, service.namespace);
            found.push(Destination {
                name: format!("{to}:{port}"),
                to,
                by_host: true,
                port: *port,
                workloads: backends.iter().map(|backend| backend.workload).collect(),
                class,
            });
        }
    }
    let alone = inventory.workloads.iter().enumerate();
    for (place, workload) in alone.filter(|(place, _)| !reached.contains(place)) {
        for port in own_ports(workload) {
            found.push(Destination {
                name: format!("{}:{port}", workload.full_name()),
                to: format!("{}/{}", workload.kind, workload.full_name()),
                by_host: false,
                port,
                workloads: vec![place],
                class: workload.class_of(port),
            });
        }
    }
    found
}

/// The ports that a container or a caller declares.
fn own_ports(workload: &Workload) -> BTreeSet<u16> {
    let declared = workload.listeners.keys().chain(&workload.container_ports);
    declared.copied().collect()
}

impl Destination {
    /// The question of whoever asks, put to this destination.
    fn spec(&self, asker: &RequestSpec, sent: Sent) -> RequestSpec {
        let (protocol, http) = match sent {
            Sent::Bytes => (Protocol::Tcp, HttpSpec::default()),
            Sent::Http { method, path, host, headers } => (
                Protocol::Http,
                HttpSpec {
                    method: Some(method),
                    target: Some(path),
                    host: HostSpec::Given(host.unwrap_or_else(|| self.name.clone())),
                    headers: [asker.http.headers.clone(), headers].concat(),
                    ..asker.http.clone()
                },
            ),
        };
        RequestSpec {
            to: self.to.clone(),
            port: Some(self.port),
            by_host: self.by_host,
            protocol: Some(protocol),
            http,
            ..asker.clone()
        }
    }

    /// The requests that the rules about this destination speak of, each once, at most [`MOST_REQUESTS`].
    fn requests(&self, mesh: &Mesh) -> Vec<Sent> {
        if self.class == ListenerClass::Tcp {
            return vec![Sent::Bytes];
        }
        let mut requests = BTreeSet::new();
        requests.insert(Sent::Http {
            method: "GET".to_owned(),
            path: "/".to_owned(),
            host: None,
            headers: Vec::new(),
        });
        let enforcements = self
            .workloads
            .iter()
            .filter_map(|place| mesh.enforcement(*place));
        for rule in enforcements.flat_map(|enforcement| rules(mesh, enforcement)) {
            for sent in examples(rule) {
                if requests.len() < MOST_REQUESTS {
                    requests.insert(sent);
                }
            }
        }
        let mut requests: Vec<Sent> = requests.into_iter().collect();
        if self.class == ListenerClass::Sniffed {
            requests.push(Sent::Bytes);
        }
        requests
    }
}

fn rules<'m>(mesh: &'m Mesh, enforcement: &'m Enforcement) -> impl Iterator<Item = &'m Rule> {
    let custom = enforcement.custom.values().map(|custom| &custom.rules);
    let sets = [&enforcement.custom_dry_run, &enforcement.deny, &enforcement.allow];
    sets.into_iter()
        .chain(custom)
        .flat_map(|set| &set.rules)
        .filter_map(|place| mesh.rule(*place))
        .map(|(_, rule)| rule)
}

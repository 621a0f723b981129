//! A suite file → suites: their mesh, their workloads, their cases.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use super::case::{Case, MAX_CASES, test};
use super::format::{
    ALLOW_WHEN, ALLOWING, LISTENER, METADATA, NAMESPACE, SERVICE, SERVICE_PORT, SUITE, WORKLOAD,
};
use crate::diagnostic::{Code, Diagnostic, FieldPath, Origin, Position, Severity, Sourced};
use crate::istio::{self, MeshConfig, Meta, Resource};
use crate::mesh::{
    Admission, Dataplane, Interception, IstioVersion, Listener, ListenerClass, ProviderStub,
    Workload, class_of_protocol,
};
use crate::parse::embedded::{Outer, embedded};
use crate::parse::node::{Node, Value};
use crate::parse::reader::{Fields, Place, Reader};
use crate::parse::yaml::{Dialect, documents_in};
use crate::parse::{self, Loaded};

/// The version that this reader understands.
pub(super) const API_VERSION: &str = "portcullis.dev/v1alpha1";
/// The kind.
pub(super) const KIND: &str = "TestSuite";

/// One suite.
#[derive(Clone, Debug)]
pub struct Suite {
    /// The file it stands in.
    pub file: Arc<str>,
    /// Where it begins.
    pub position: Position,
    /// Its name; the file's where none is written.
    pub name: String,
    /// Whether a test may pass because no policy applies.
    pub vacuous_allowed: bool,
    /// What it is about.
    pub policies: Policies,
    /// Its cases, in the order written.
    pub cases: Vec<Case>,
}

/// The mesh of a suite, before the files that it names are read.
#[derive(Clone, Debug)]
pub struct Policies {
    /// `mesh`.
    pub config: MeshConfig,
    /// `revision`.
    pub revision: String,
    /// `istio`: the release that the proxies are of; absent for the newest.
    pub istio_version: Option<IstioVersion>,
    /// `resources`: paths and patterns, relative to the suite's file.
    pub patterns: Vec<Sourced<String>>,
    /// What `manifests`, `services` and `namespaces` hold.
    pub resources: Vec<Resource>,
    /// `workloads`.
    pub workloads: Vec<Workload>,
    /// `providers`.
    pub stubs: BTreeMap<String, ProviderStub>,
    /// `admission`. Where none is written: policies of files must pass the API server and Istio's webhook, and
    /// policies written in place are read as istiod reads them, so that a suite can ask "what if".
    pub admission: Option<Admission>,
}

/// Whether a file is a suite by its name.
#[must_use]
pub fn is_suite_file(name: &str) -> bool {
    let name = name.rsplit('/').next().unwrap_or(name);
    ["test.yaml", "test.yml", "test.json"].iter().any(|ending| {
        name.strip_suffix(ending)
            .is_some_and(|stem| stem.is_empty() || stem.ends_with('.'))
    })
}

/// Reads the suites of one text. Complaints are appended; a suite with an error is not returned.
pub fn read(file: &str, text: &str, findings: &mut Vec<Diagnostic>) -> Vec<Suite> {
    let file: Arc<str> = Arc::from(file);
    let documents = documents_in(Dialect::Suite, &file, text, findings);
    let outer = Outer::new(text);
    let mut suites = Vec::new();
    for document in &documents {
        let before = findings.len();
        let mut reader = Reader { file: Arc::clone(&file), complaints: findings };
        let suite = suite(&mut reader, &outer, document);
        if findings.len() == before {
            suites.extend(suite);
        }
    }
    suites
}

fn suite(reader: &mut Reader<'_>, outer: &Outer<'_>, document: &Node) -> Option<Suite> {
    let file = Arc::clone(&reader.file);
    let mut fields = reader.fields(&(document, FieldPath::root()))?;
    let api_version = string(reader, &mut fields, "apiVersion");
    let kind = string(reader, &mut fields, "kind");
    if api_version.as_deref() != Some(API_VERSION) || kind.as_deref() != Some(KIND) {
        let finding = Diagnostic::error(Code::UnsupportedVersion, "this is not a test suite")
            .at(&file, document.position, &FieldPath::root())
            .help(format!("a suite begins with `apiVersion: {API_VERSION}` and `kind: {KIND}`"));
        reader.push(finding);
        return None;
    }
    SUITE.of(reader, &mut fields);
    let mut name = file.to_string();
    if let Some(mut metadata) = fields
        .take("metadata")
        .and_then(|place| reader.fields(&place))
    {
        METADATA.of(reader, &mut metadata);
        if let Some(written) = string(reader, &mut metadata, "name") {
            name = written;
        }
        metadata.pass_over(&["origin", "tags", "labels", "annotations", "description"]);
        reader.finish(metadata);
    }
    let vacuous = fields
        .take("vacuous")
        .and_then(|place| reader.word(&place, VACUOUS));
    let admission = fields
        .take("admission")
        .and_then(|place| reader.word(&place, ADMISSIONS));
    let config = fields
        .take("mesh")
        .map(|place| parse::mesh_config::mesh_config(reader, place.0, place.1));
    let revision = string(reader, &mut fields, "revision").unwrap_or_default();
    let istio_version = fields
        .take("istio")
        .and_then(|place| istio_version(reader, &place));
    let patterns = fields
        .take("resources")
        .map(|place| reader.strings(&place))
        .unwrap_or_default();
    let mut resources = manifests(reader, outer, &mut fields);
    for place in items(reader, &mut fields, "namespaces") {
        resources.extend(namespace(reader, &place));
    }
    for place in items(reader, &mut fields, "services") {
        resources.extend(service(reader, &place));
    }
    let workloads = items(reader, &mut fields, "workloads")
        .into_iter()
        .filter_map(|place| workload(reader, &place))
        .collect();
    let stubs = fields
        .take("providers")
        .map(|place| stubs(reader, &place))
        .unwrap_or_default();
    let (mut cases, mut names) = (Vec::new(), BTreeMap::new());
    let tests = items(reader, &mut fields, "tests");
    let none_written = tests.is_empty();
    for place in tests {
        test(reader, &place, &mut names, &mut cases);
        if cases.len() > MAX_CASES {
            let finding = Diagnostic::error(
                Code::Limit,
                format!("the suite has more than {MAX_CASES} cases"),
            )
            .at(&file, document.position, &FieldPath::root());
            reader.push(finding);
            return None;
        }
    }
    let position = fields.position;
    if none_written {
        reader.complain_at(position, &fields.path, Code::MissingField, "the suite has no `tests`");
    }
    reader.finish(fields);
    Some(Suite {
        file,
        position,
        name,
        vacuous_allowed: vacuous.unwrap_or(false),
        policies: Policies {
            config: config.unwrap_or_default(),
            revision,
            istio_version,
            patterns,
            resources,
            workloads,
            stubs,
            admission,
        },
        cases,
    })
}

pub(super) fn string(
    reader: &mut Reader<'_>,
    fields: &mut Fields<'_>,
    name: &'static str,
) -> Option<String> {
    fields
        .take(name)
        .and_then(|place| reader.string(&place))
        .map(|text| text.value)
}

pub(super) fn required(
    reader: &mut Reader<'_>,
    fields: &mut Fields<'_>,
    name: &'static str,
) -> Option<String> {
    if let Some(place) = fields.take(name) {
        return reader.string(&place).map(|text| text.value);
    }
    let finding = Diagnostic::error(Code::MissingField, format!("`{name}` is missing")).at(
        &reader.file,
        fields.position,
        &fields.path,
    );
    reader.push(finding);
    None
}

pub(super) fn ip(reader: &mut Reader<'_>, at: &Place<'_>) -> Option<IpAddr> {
    let text = reader.string(at)?.value;
    let address = text.parse().ok();
    if address.is_none() {
        reader.complain(at, Code::BadValue, format!("`{text}` is not an IP address"));
    }
    address
}

fn istio_version(reader: &mut Reader<'_>, at: &Place<'_>) -> Option<IstioVersion> {
    let text = reader.string(at)?.value;
    match text.parse() {
        Ok(version) => Some(version),
        Err(error) => {
            reader.complain(at, Code::BadValue, format!("`{text}` is no release: {error}"));
            None
        }
    }
}

fn items<'n>(
    reader: &mut Reader<'_>,
    fields: &mut Fields<'n>,
    name: &'static str,
) -> Vec<Place<'n>> {
    fields
        .take(name)
        .map(|place| reader.items(&place))
        .unwrap_or_default()
}

/// `manifests`: a text in the text. Its complaints and its policies have the places of the suite's file.
fn manifests(reader: &mut Reader<'_>, outer: &Outer<'_>, fields: &mut Fields<'_>) -> Vec<Resource> {
    let Some(place) = fields.take("manifests") else { return Vec::new() };
    let Some(documents) = embedded(reader, outer, &place, Dialect::Suite) else {
        return Vec::new();
    };
    let mut loaded = Loaded::default();
    parse::resource_nodes(
        &reader.file.clone(),
        place.0.as_str().unwrap_or_default(),
        &documents,
        "default",
        &mut loaded,
    );
    parse::duplicates(&mut loaded);
    for finding in loaded.findings {
        if finding.severity == Severity::Error {
            reader.push(finding);
        }
    }
    loaded.resources
}

fn meta(reader: &Reader<'_>, position: Position, name: String, namespace: String) -> Meta {
    Meta {
        origin: Origin::new(&reader.file, position),
        api_version: None,
        name,
        namespace,
        labels: BTreeMap::new(),
        annotations: BTreeMap::new(),
        created: None,
    }
}

fn namespace(reader: &mut Reader<'_>, at: &Place<'_>) -> Option<Resource> {
    let mut fields = reader.fields(at)?;
    NAMESPACE.of(reader, &mut fields);
    let name = required(reader, &mut fields, "name")?;
    let mut meta = meta(reader, fields.position, name, String::new());
    meta.labels = fields
        .take("labels")
        .map(|place| reader.string_map(&place))
        .unwrap_or_default();
    reader.finish(fields);
    Some(Resource::Namespace(meta))
}

fn service(reader: &mut Reader<'_>, at: &Place<'_>) -> Option<Resource> {
    let mut fields = reader.fields(at)?;
    SERVICE.of(reader, &mut fields);
    let name = required(reader, &mut fields, "name");
    let namespace = required(reader, &mut fields, "namespace");
    let selector = fields
        .take("selector")
        .map(|place| reader.string_map(&place))
        .unwrap_or_default();
    let mut ports = Vec::new();
    for place in items(reader, &mut fields, "ports") {
        ports.extend(service_port(reader, &place));
    }
    let position = fields.position;
    reader.finish(fields);
    let meta = meta(reader, position, name?, namespace?);
    Some(Resource::Service(istio::Service {
        meta,
        selector,
        ports,
        cluster_ips: Vec::new(),
        headless: false,
        external_name: None,
    }))
}

fn service_port(reader: &mut Reader<'_>, at: &Place<'_>) -> Option<istio::ServicePort> {
    let mut fields = reader.fields(at)?;
    SERVICE_PORT.of(reader, &mut fields);
    let port = fields
        .take("port")
        .and_then(|place| reader.number::<u16>(&place));
    let target = fields
        .take("targetPort")
        .and_then(|place| match &place.0.value {
            Value::String(name) => Some(istio::TargetPort::Name(name.clone())),
            Value::Null
            | Value::Bool(_)
            | Value::Integer(_)
            | Value::Float(_)
            | Value::Sequence(_)
            | Value::Mapping(_) => reader.number::<u16>(&place).map(istio::TargetPort::Number),
        });
    let protocol = fields
        .take("protocol")
        .and_then(|place| protocol(reader, &place))
        .map(|(name, _)| name);
    let name = string(reader, &mut fields, "name").unwrap_or_default();
    reader.finish(fields);
    let port = port?;
    Some(istio::ServicePort {
        name,
        port,
        target: target.unwrap_or(istio::TargetPort::Number(port)),
        tcp: true,
        app_protocol: protocol,
    })
}

/// A protocol's name in lower case and its class.
fn protocol(reader: &mut Reader<'_>, at: &Place<'_>) -> Option<(String, ListenerClass)> {
    let text = reader.string(at)?.value;
    if let Some(class) = class_of_protocol(&text) {
        return Some((text.to_ascii_lowercase(), class));
    }
    reader
        .complain(at, Code::BadValue, format!("`{text}` is no protocol that Istio knows"))
        .help = Some(
        "HTTP, HTTP2, GRPC, TCP, TLS, HTTPS, MONGO, MYSQL, REDIS; left out: sniffed".to_owned(),
    );
    None
}

pub(super) const VACUOUS: &[(&str, bool)] = &[("allowed", true), ("fails", false)];
pub(super) const ADMISSIONS: &[(&str, Admission)] =
    &[("enforced", Admission::Enforced), ("bypassed", Admission::Bypassed)];
pub(super) const DATAPLANES: &[(&str, Dataplane)] = &[
    ("sidecar", Dataplane::Sidecar),
    ("none", Dataplane::None),
    ("ambient", Dataplane::Ambient),
    ("gateway", Dataplane::Gateway),
    ("waypoint", Dataplane::Waypoint),
];

fn workload(reader: &mut Reader<'_>, at: &Place<'_>) -> Option<Workload> {
    let mut fields = reader.fields(at)?;
    WORKLOAD.of(reader, &mut fields);
    let name = required(reader, &mut fields, "name");
    let namespace = required(reader, &mut fields, "namespace");
    let service_account =
        string(reader, &mut fields, "serviceAccount").unwrap_or_else(|| "default".to_owned());
    let labels = fields
        .take("labels")
        .map(|place| reader.string_map(&place))
        .unwrap_or_default();
    let mut ips: Vec<IpAddr> = fields
        .take("ip")
        .and_then(|place| ip(reader, &place))
        .into_iter()
        .collect();
    for place in items(reader, &mut fields, "ips") {
        ips.extend(ip(reader, &place));
    }
    let dataplane = fields
        .take("dataplane")
        .and_then(|place| reader.word(&place, DATAPLANES));
    let dataplane = dataplane.unwrap_or(Dataplane::Sidecar);
    let mut listeners = BTreeMap::new();
    for place in items(reader, &mut fields, "ports") {
        listeners.extend(listener(reader, &place, dataplane));
    }
    let mut container_ports: BTreeSet<u16> = listeners.keys().copied().collect();
    for place in items(reader, &mut fields, "undeclaredPorts") {
        container_ports.extend(reader.number::<u16>(&place));
    }
    reader.finish(fields);
    Some(Workload {
        name: name?,
        namespace: namespace?,
        kind: "workload".to_owned(),
        origin: None,
        service_account,
        labels,
        ips,
        dataplane,
        dataplane_because: "the suite says so".to_owned(),
        listeners,
        container_ports,
        interception: Interception::default(),
        proxy_config: istio::ProxyConfig::default(),
        doubt: None,
    })
}

fn listener(
    reader: &mut Reader<'_>,
    at: &Place<'_>,
    dataplane: Dataplane,
) -> Option<(u16, Listener)> {
    let mut fields = reader.fields(at)?;
    LISTENER.of(reader, &mut fields);
    let port = fields
        .take("port")
        .and_then(|place| reader.number::<u16>(&place));
    let written = fields
        .take("protocol")
        .map(|place| protocol(reader, &place));
    reader.finish(fields);
    let (class, terminates_tls) = match written {
        None => (ListenerClass::Sniffed, false),
        Some(None) => return None,
        // A gateway ends HTTPS; behind a sidecar it is a byte stream.
        Some(Some((name, _))) if name == "https" && dataplane == Dataplane::Gateway => {
            (ListenerClass::Http, true)
        }
        Some(Some((_, class))) => (class, false),
    };
    Some((port?, Listener { class, terminates_tls, because: "the suite says so".to_owned() }))
}

/// What a provider always answers.
#[derive(Clone, Copy, Debug)]
pub(super) enum Word {
    Allow,
    Deny,
    Error,
}

pub(super) const STUBS: &[(&str, Word)] =
    &[("allow", Word::Allow), ("deny", Word::Deny), ("error", Word::Error)];

fn stubs(reader: &mut Reader<'_>, at: &Place<'_>) -> BTreeMap<String, ProviderStub> {
    let mut stubs = BTreeMap::new();
    let Value::Mapping(entries) = &at.0.value else {
        drop(reader.fields(at));
        return stubs;
    };
    for (key, node) in entries {
        let place = (node, at.1.field(&key.name));
        let stub = if node.as_str().is_some() {
            reader.word(&place, STUBS).map(|word| match word {
                Word::Allow => ProviderStub::Allow,
                Word::Deny => ProviderStub::Deny,
                Word::Error => ProviderStub::Error,
            })
        } else {
            allow_when(reader, &place)
        };
        stubs.extend(stub.map(|stub| (key.name.clone(), stub)));
    }
    stubs
}

fn allow_when(reader: &mut Reader<'_>, at: &Place<'_>) -> Option<ProviderStub> {
    let mut fields = reader.fields(at)?;
    ALLOWING.of(reader, &mut fields);
    let when = fields
        .take("allowWhen")
        .and_then(|place| reader.fields(&place));
    reader.finish(fields);
    let mut when = when?;
    ALLOW_WHEN.of(reader, &mut when);
    let header = required(reader, &mut when, "header");
    let equals = required(reader, &mut when, "equals");
    reader.finish(when);
    Some(ProviderStub::AllowWhen { header: header?.to_ascii_lowercase(), equals: equals? })
}

#[cfg(test)]
mod tests {
    #[rstest::rstest]
    #[case("portcullis.test.yaml", true)]
    #[case("a/b/httpbin.test.yml", true)]
    #[case("test.yaml", true)]
    #[case("contest.yaml", false)]
    #[case("policies.yaml", false)]
    fn a_suite_is_known_by_its_name(#[case] name: &str, #[case] want: bool) {
        assert_eq!(super::is_suite_file(name), want);
    }
}

//! A suite's mesh as YAML values → the same as plain lists and texts, nothing put together yet.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde_yaml::Value;

use super::path::Normalization;
use super::rules::{Field, Policy, Rule};
use super::tokens::Provider;

/// What a mesh is made of, as it is written.
#[derive(Clone, Debug, Default)]
pub struct World {
    pub root_namespace: String,
    /// The mesh's own first.
    pub trust_domains: Vec<String>,
    pub ca_trust_domains: Vec<String>,
    pub auto_mtls: bool,
    pub normalization: Normalization,
    pub trusted_proxies: u32,
    pub authorizers: Vec<Authorizer>,
    /// What each is said to answer.
    pub answers: BTreeMap<String, Said>,
    pub workloads: Vec<Workload>,
    pub services: Vec<Service>,
    pub policies: Vec<Policy>,
    pub peer: Vec<PeerAuthentication>,
    pub tokens: Vec<(Target, Vec<Provider>)>,
}

/// An entry of `extensionProviders`.
#[derive(Clone, Debug, Default)]
pub struct Authorizer {
    pub name: String,
    /// Absent: of a kind that authorizes nothing.
    pub http: Option<bool>,
    pub service: String,
    pub port: i64,
    pub fail_open: bool,
    pub status_on_error: String,
    pub included: Vec<String>,
}

/// What an authorizer is said to answer.
#[derive(Clone, Debug)]
pub enum Said {
    Allow,
    Deny,
    Error,
    When(String, String),
}

/// A workload as a suite writes it.
#[derive(Clone, Debug, Default)]
pub struct Workload {
    pub name: String,
    pub namespace: String,
    pub service_account: String,
    pub labels: BTreeMap<String, String>,
    pub ips: Vec<IpAddr>,
    pub dataplane: String,
    /// Port and protocol; an empty one is found out by looking.
    pub ports: Vec<(u16, String)>,
    /// Ports that go past the sidecar [IN-35].
    pub excluded: Vec<u16>,
    /// If any, all others do.
    pub included: Option<Vec<u16>>,
    /// The names of container ports.
    port_names: BTreeMap<String, u16>,
}

/// A Service as a suite writes it.
#[derive(Clone, Debug, Default)]
pub struct Service {
    pub name: String,
    pub namespace: String,
    pub selector: BTreeMap<String, String>,
    /// Port, workload, and the workload's own port.
    pub ports: Vec<(u16, String, u16)>,
}

/// What a policy is about.
#[derive(Clone, Debug, Default)]
pub struct Target {
    pub name: String,
    pub namespace: String,
    pub created: Option<String>,
    pub labels: BTreeMap<String, String>,
    pub references: usize,
}

/// A PeerAuthentication as written; an empty mode is none.
#[derive(Clone, Debug, Default)]
pub struct PeerAuthentication {
    pub target: Target,
    pub mode: String,
    pub ports: Vec<(u16, String)>,
}

fn text(value: &Value, field: &str) -> String {
    match value.get(field) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        Some(Value::Bool(flag)) => flag.to_string(),
        _ => String::new(),
    }
}

fn list<'v>(value: &'v Value, field: &str) -> &'v [Value] {
    match value.get(field) {
        Some(Value::Sequence(items)) => items,
        _ => &[],
    }
}

fn texts(value: &Value, field: &str) -> Vec<String> {
    list(value, field)
        .iter()
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect()
}

fn map(value: Option<&Value>) -> BTreeMap<String, String> {
    let mut map = BTreeMap::new();
    if let Some(Value::Mapping(entries)) = value {
        for (key, value) in entries {
            if let (Some(key), Some(value)) = (key.as_str(), value.as_str()) {
                map.insert(key.to_owned(), value.to_owned());
            }
        }
    }
    map
}

fn number(value: &Value, field: &str) -> Option<i64> {
    value.get(field).and_then(Value::as_i64)
}

fn port(value: &Value, field: &str) -> u16 {
    number(value, field)
        .and_then(|port| u16::try_from(port).ok())
        .unwrap_or_default()
}

impl World {
    /// Reads a suite (its `mesh`, `providers`, `workloads`, `services`) and its manifests.
    ///
    /// # Errors
    /// What is not modelled.
    pub fn read(suite: &Value, manifests: &[Value]) -> Result<Self, String> {
        let mut world =
            Self { root_namespace: "istio-system".to_owned(), auto_mtls: true, ..Self::default() };
        world.mesh(suite.get("mesh").unwrap_or(&Value::Null))?;
        for field in ["resources", "istio", "namespaces"] {
            if suite.get(field).is_some() {
                return Err(format!("`{field}` of a suite"));
            }
        }
        if let Some(Value::Mapping(providers)) = suite.get("providers") {
            for (name, said) in providers {
                let when = said.get("allowWhen");
                let said = match (said.as_str(), when) {
                    (Some("allow"), _) => Said::Allow,
                    (Some("deny"), _) => Said::Deny,
                    (Some("error"), _) => Said::Error,
                    (_, Some(when)) => {
                        Said::When(text(when, "header").to_ascii_lowercase(), text(when, "equals"))
                    }
                    _ => return Err("an answer of a provider".to_owned()),
                };
                world
                    .answers
                    .insert(name.as_str().unwrap_or_default().to_owned(), said);
            }
        }
        for workload in list(suite, "workloads") {
            world.workload(workload)?;
        }
        let namespaces: Vec<&Value> = of_kind(manifests, "Namespace").collect();
        for pod in of_kind(manifests, "Pod") {
            world.pod(pod, &namespaces)?;
        }
        for service in sorted_services(suite, manifests) {
            world.service(service)?;
        }
        let revision = match text(suite, "revision") {
            revision if revision.is_empty() => "default".to_owned(),
            revision => revision,
        };
        for manifest in manifests {
            let meta = manifest.get("metadata").unwrap_or(&Value::Null);
            let labels = map(meta.get("labels"));
            // Only the istiod of exactly that name reads it [SEL-40].
            if labels
                .get("istio.io/rev")
                .is_some_and(|other| *other != revision)
            {
                continue;
            }
            world.manifest(manifest, meta)?;
        }
        Ok(world)
    }

    fn mesh(&mut self, mesh: &Value) -> Result<(), String> {
        if let Some(root) = mesh.get("rootNamespace").and_then(Value::as_str) {
            self.root_namespace = root.to_owned();
        }
        let own = mesh
            .get("trustDomain")
            .and_then(Value::as_str)
            .unwrap_or("cluster.local");
        self.trust_domains.push(own.to_owned());
        self.trust_domains.extend(texts(mesh, "trustDomainAliases"));
        for certificate in list(mesh, "caCertificates") {
            self.ca_trust_domains
                .extend(texts(certificate, "trustDomains"));
        }
        if let Some(auto) = mesh.get("enableAutoMtls").and_then(Value::as_bool) {
            self.auto_mtls = auto;
        }
        let written = mesh
            .get("pathNormalization")
            .map(|it| text(it, "normalization"));
        self.normalization = match written.as_deref() {
            None | Some("BASE" | "DEFAULT" | "") => Normalization::Base,
            Some("NONE") => Normalization::None,
            Some("MERGE_SLASHES") => Normalization::MergeSlashes,
            Some("DECODE_AND_MERGE_SLASHES") => Normalization::DecodeAndMergeSlashes,
            Some(_) => return Err("a normalization of another name".to_owned()),
        };
        let topology = mesh
            .get("defaultConfig")
            .and_then(|config| config.get("gatewayTopology"))
            .and_then(|topology| number(topology, "numTrustedProxies"));
        self.trusted_proxies = topology
            .and_then(|hops| u32::try_from(hops).ok())
            .unwrap_or(0);
        for provider in list(mesh, "extensionProviders") {
            let mut authorizer =
                Authorizer { name: text(provider, "name"), ..Authorizer::default() };
            for (field, http) in [("envoyExtAuthzHttp", true), ("envoyExtAuthzGrpc", false)] {
                let Some(body) = provider.get(field) else { continue };
                authorizer.http = Some(http);
                authorizer.service = text(body, "service");
                authorizer.port = number(body, "port").unwrap_or(0);
                authorizer.fail_open = body.get("failOpen").and_then(Value::as_bool) == Some(true);
                authorizer.status_on_error = text(body, "statusOnError");
                authorizer.included = texts(body, "includeRequestHeadersInCheck");
                if body.get("pathPrefix").is_some() {
                    return Err("the path prefix of a provider".to_owned());
                }
            }
            self.authorizers.push(authorizer);
        }
        Ok(())
    }

    fn workload(&mut self, written: &Value) -> Result<(), String> {
        let mut workload = Workload {
            name: text(written, "name"),
            namespace: text(written, "namespace"),
            service_account: text(written, "serviceAccount"),
            labels: map(written.get("labels")),
            dataplane: text(written, "dataplane"),
            ..Workload::default()
        };
        if workload.service_account.is_empty() {
            workload.service_account = "default".to_owned();
        }
        if workload.dataplane.is_empty() {
            workload.dataplane = "sidecar".to_owned();
        }
        for address in [text(written, "ip")].iter().chain(&texts(written, "ips")) {
            workload.ips.extend(address.parse::<IpAddr>().ok());
        }
        if workload
            .labels
            .keys()
            .any(|label| label.contains("gateway-name"))
        {
            return Err("a gateway of the Gateway API".to_owned());
        }
        for listener in list(written, "ports") {
            let protocol = text(listener, "protocol").to_ascii_uppercase();
            workload.ports.push((port(listener, "port"), protocol));
        }
        self.workloads.push(workload);
        Ok(())
    }

    /// A Pod, and what stands before it [IN-30].
    fn pod(&mut self, written: &Value, namespaces: &[&Value]) -> Result<(), String> {
        let nothing = Value::Null;
        let meta = written.get("metadata").unwrap_or(&nothing);
        let spec = written.get("spec").unwrap_or(&nothing);
        let mut workload = Workload {
            name: text(meta, "name"),
            namespace: text(meta, "namespace"),
            service_account: text(spec, "serviceAccountName"),
            labels: map(meta.get("labels")),
            ..Workload::default()
        };
        if workload.service_account.is_empty() {
            workload.service_account = "default".to_owned();
        }
        let status = written.get("status").unwrap_or(&nothing);
        workload
            .ips
            .extend(text(status, "podIP").parse::<IpAddr>().ok());
        let mut has_proxy = false;
        for container in list(spec, "containers") {
            has_proxy |= text(container, "name") == "istio-proxy";
            for entry in list(container, "ports") {
                workload
                    .port_names
                    .insert(text(entry, "name"), port(entry, "containerPort"));
            }
        }
        let annotations = map(meta.get("annotations"));
        for name in ["inject.istio.io/templates", "sidecar.istio.io/inject"] {
            if annotations.contains_key(name) {
                return Err(format!("the annotation {name}"));
            }
        }
        let ports = |name: &str| {
            annotations.get(name).map(|text| {
                text.split(',')
                    .filter_map(|port| port.trim().parse::<u16>().ok())
                    .collect::<Vec<_>>()
            })
        };
        workload.excluded =
            ports("traffic.sidecar.istio.io/excludeInboundPorts").unwrap_or_default();
        let include = "traffic.sidecar.istio.io/includeInboundPorts";
        if annotations.get(include).map(String::as_str) != Some("*") {
            workload.included = ports(include);
        }
        let namespace = namespaces.iter().find_map(|namespace| {
            let meta = namespace.get("metadata")?;
            (text(meta, "name") == workload.namespace).then(|| map(meta.get("labels")))
        });
        let wish = workload
            .labels
            .get("sidecar.istio.io/inject")
            .map(String::as_str);
        let called = match &namespace {
            None => true,
            Some(labels) => match labels.get("istio-injection").map(String::as_str) {
                Some("enabled") => true,
                Some("disabled") => false,
                _ => labels.contains_key("istio.io/rev") || wish == Some("true"),
            },
        };
        let injected = has_proxy || (called && wish != Some("false"));
        workload.dataplane = if injected { "sidecar" } else { "none" }.to_owned();
        if workload
            .labels
            .keys()
            .any(|label| label.contains("gateway") || label.contains("istio.io/dataplane"))
        {
            return Err("a gateway, or ambient mode".to_owned());
        }
        self.workloads.push(workload);
        Ok(())
    }

    fn service(&mut self, written: &Value) -> Result<(), String> {
        let nothing = Value::Null;
        // In a manifest there are a metadata and a spec, in a suite there are none.
        let meta = written.get("metadata").unwrap_or(written);
        let spec = written.get("spec").unwrap_or(written);
        let in_suite = written.get("spec").is_none();
        let mut service = Service {
            name: text(meta, "name"),
            namespace: text(meta, "namespace"),
            selector: map(spec.get("selector")),
            ports: Vec::new(),
        };
        for entry in list(spec, "ports") {
            let own = port(entry, "port");
            // The Service says the protocol of a port that nothing else declares [PA-10].
            let declared =
                if in_suite { text(entry, "protocol") } else { text(entry, "appProtocol") };
            let protocol = protocol_of(own, &declared, &text(entry, "name"));
            for workload in &mut self.workloads {
                if workload.namespace != service.namespace
                    || service.selector.is_empty()
                    || !is_within(&service.selector, &workload.labels)
                {
                    continue;
                }
                let target = match entry.get("targetPort").unwrap_or(&nothing) {
                    Value::String(name) => workload.port_names.get(name).copied(),
                    Value::Number(_) => Some(port(entry, "targetPort")),
                    _ => Some(own),
                };
                let Some(target) = target else { continue };
                service.ports.push((own, workload.name.clone(), target));
                if !workload.ports.iter().any(|(known, _)| *known == target) {
                    workload.ports.push((target, protocol.clone()));
                }
            }
        }
        self.services.push(service);
        Ok(())
    }

    fn manifest(&mut self, manifest: &Value, meta: &Value) -> Result<(), String> {
        let nothing = Value::Null;
        let spec = manifest.get("spec").unwrap_or(&nothing);
        let mut target = Target {
            name: text(meta, "name"),
            namespace: text(meta, "namespace"),
            created: meta
                .get("creationTimestamp")
                .and_then(Value::as_str)
                .map(str::to_owned),
            labels: map(spec
                .get("selector")
                .and_then(|selector| selector.get("matchLabels"))),
            references: list(spec, "targetRefs").len()
                + usize::from(spec.get("targetRef").is_some()),
        };
        if target.namespace.is_empty() {
            target.namespace = "default".to_owned();
        }
        match manifest.get("kind").and_then(Value::as_str) {
            Some("AuthorizationPolicy") => {
                self.policies
                    .push(policy(spec, &map(meta.get("annotations")), target));
            }
            Some("PeerAuthentication") => self.peer.push(peer_authentication(spec, target)),
            Some("RequestAuthentication") => {
                let rules = list(spec, "jwtRules").iter().map(provider).collect();
                self.tokens.push((target, rules));
            }
            Some("Namespace" | "Pod" | "Service") => {}
            other => return Err(format!("a {} among the manifests", other.unwrap_or("thing"))),
        }
        Ok(())
    }
}

fn of_kind<'v>(manifests: &'v [Value], kind: &str) -> impl Iterator<Item = &'v Value> {
    manifests
        .iter()
        .filter(move |manifest| manifest.get("kind").and_then(Value::as_str) == Some(kind))
}

/// The oldest first: it says the protocol of a port that several lead to [PA-12].
fn sorted_services<'v>(suite: &'v Value, manifests: &'v [Value]) -> Vec<&'v Value> {
    let mut services: Vec<&Value> = list(suite, "services")
        .iter()
        .chain(of_kind(manifests, "Service"))
        .collect();
    services.sort_by_key(|service| {
        let meta = service.get("metadata").unwrap_or(service);
        (text(meta, "creationTimestamp"), text(meta, "name"), text(meta, "namespace"))
    });
    services
}

/// `appProtocol`, else the name up to its first dash, else the number of the port [PA-10]; empty for a sniffed port.
fn protocol_of(number: u16, declared: &str, name: &str) -> String {
    const KNOWN: &[&str] =
        &["HTTP", "HTTP2", "GRPC", "GRPC-WEB", "HTTPS", "TLS", "TCP", "MONGO", "MYSQL", "REDIS"];
    match declared {
        "kubernetes.io/h2c" | "kubernetes.io/ws" => return "HTTP".to_owned(),
        "kubernetes.io/wss" => return "TCP".to_owned(),
        _ => {}
    }
    let said = if declared.is_empty() { name } else { declared };
    let said = said.to_ascii_uppercase();
    let first = said.split('-').next().unwrap_or_default();
    let first = if said.starts_with("GRPC-WEB") { "GRPC-WEB" } else { first };
    if KNOWN.contains(&first) {
        return first.to_owned();
    }
    let by_number = [25, 53, 3306, 27017].contains(&number);
    if by_number { "TCP".to_owned() } else { String::new() }
}

/// Whether a selector wants nothing but what is there [SEL-2].
pub fn is_within(wanted: &BTreeMap<String, String>, labels: &BTreeMap<String, String>) -> bool {
    wanted
        .iter()
        .all(|(label, value)| labels.get(label) == Some(value))
}

fn policy(spec: &Value, annotations: &BTreeMap<String, String>, target: Target) -> Policy {
    // Go's words for true [SEL-30].
    let dry_run = annotations
        .get("istio.io/dry-run")
        .is_some_and(|value| ["1", "t", "T", "TRUE", "true", "True"].contains(&value.as_str()));
    let action = match text(spec, "action") {
        action if action.is_empty() => "ALLOW".to_owned(),
        action => action,
    };
    let mut rules = Vec::new();
    for written in list(spec, "rules") {
        // A rule that is null is no rule.
        if written.is_null() {
            continue;
        }
        rules.push(Rule {
            from: list(written, "from")
                .iter()
                .map(|from| fields(from.get("source")))
                .collect(),
            to: list(written, "to")
                .iter()
                .map(|to| fields(to.get("operation")))
                .collect(),
            when: list(written, "when").iter().flat_map(condition).collect(),
        });
    }
    Policy {
        namespace: target.namespace.clone(),
        target,
        action,
        dry_run,
        provider: spec
            .get("provider")
            .map(|provider| text(provider, "name"))
            .unwrap_or_default(),
        rules,
    }
}

const FIELDS: &[(&str, &str, &str)] = &[
    ("principals", "notPrincipals", "source.principal"),
    ("requestPrincipals", "notRequestPrincipals", "request.auth.principal"),
    ("namespaces", "notNamespaces", "source.namespace"),
    ("ipBlocks", "notIpBlocks", "source.ip"),
    ("remoteIpBlocks", "notRemoteIpBlocks", "remote.ip"),
    ("serviceAccounts", "notServiceAccounts", "source.serviceAccount"),
    ("trustDomains", "notTrustDomains", "source.trustDomain"),
    ("hosts", "notHosts", "hosts"),
    ("ports", "notPorts", "destination.port"),
    ("methods", "notMethods", "methods"),
    ("paths", "notPaths", "paths"),
];

/// The fields of a source or an operation; the keys of conditions that read the same name them.
fn fields(written: Option<&Value>) -> Vec<Field> {
    let mut fields = Vec::new();
    let Some(written) = written else { return fields };
    for (plain, not, key) in FIELDS {
        for (name, negated) in [(plain, false), (not, true)] {
            let values = texts(written, name);
            if !values.is_empty() {
                fields.push(Field { key: (*key).to_owned(), negated, values });
            }
        }
    }
    fields
}

/// `values` and `notValues` as two fields; a key alone stays, because it may be unknown.
fn condition(written: &Value) -> Vec<Field> {
    let key = text(written, "key");
    let mut fields = Vec::new();
    for (name, negated) in [("values", false), ("notValues", true)] {
        fields.push(Field { key: key.clone(), negated, values: texts(written, name) });
    }
    fields
}

fn peer_authentication(spec: &Value, target: Target) -> PeerAuthentication {
    let mut policy = PeerAuthentication {
        target,
        mode: spec
            .get("mtls")
            .map(|mtls| text(mtls, "mode"))
            .unwrap_or_default(),
        ports: Vec::new(),
    };
    if let Some(Value::Mapping(ports)) = spec.get("portLevelMtls") {
        for (port, mtls) in ports {
            let port = match port {
                Value::String(port) => port.parse().ok(),
                Value::Number(port) => port.as_u64().and_then(|port| u16::try_from(port).ok()),
                _ => None,
            };
            policy
                .ports
                .push((port.unwrap_or_default(), text(mtls, "mode")));
        }
    }
    policy
}

fn provider(written: &Value) -> Provider {
    let mut provider = Provider {
        issuer: text(written, "issuer"),
        audiences: texts(written, "audiences"),
        parameters: texts(written, "fromParams"),
        cookies: texts(written, "fromCookies"),
        forward: written.get("forwardOriginalToken").and_then(Value::as_bool) == Some(true),
        space_delimited: texts(written, "spaceDelimitedClaims"),
        ..Provider::default()
    };
    provider
        .space_delimited
        .extend(["scope".to_owned(), "permission".to_owned()]);
    for header in list(written, "fromHeaders") {
        let name = text(header, "name").to_ascii_lowercase();
        provider.headers.push((name, text(header, "prefix")));
    }
    // The usual places, where none is written [JWT-20].
    if provider.headers.is_empty() && provider.parameters.is_empty() && provider.cookies.is_empty()
    {
        provider
            .headers
            .push(("authorization".to_owned(), "Bearer ".to_owned()));
        provider.parameters.push("access_token".to_owned());
    }
    let payload = text(written, "outputPayloadToHeader").to_ascii_lowercase();
    provider.payload_header = Some(payload).filter(|name| !name.is_empty());
    for output in list(written, "outputClaimToHeaders") {
        let header = text(output, "header").to_ascii_lowercase();
        provider.claim_headers.push((header, text(output, "claim")));
    }
    provider
}

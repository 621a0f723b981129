//! A suite's mesh as YAML values → the same as plain lists and texts, nothing put together yet.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde_yaml::Value;

use super::path::Normalization;
use super::rules::{Field, Policy, Rule};
use super::tokens::Provider;

/// What a mesh is made of, as it is written.
#[derive(Clone, Debug, Default)]
pub(crate) struct World {
    pub(crate) root_namespace: String,
    /// The mesh's own first.
    pub(crate) trust_domains: Vec<String>,
    pub(crate) ca_trust_domains: Vec<String>,
    pub(crate) auto_mtls: bool,
    pub(crate) normalization: Normalization,
    pub(crate) trusted_proxies: u32,
    pub(crate) authorizers: Vec<Authorizer>,
    /// What each is said to answer.
    pub(crate) answers: BTreeMap<String, Said>,
    pub(crate) workloads: Vec<Workload>,
    pub(crate) services: Vec<Service>,
    pub(crate) policies: Vec<Policy>,
    pub(crate) peer: Vec<PeerAuthentication>,
    pub(crate) tokens: Vec<(Target, Vec<Provider>)>,
}

/// An entry of `extensionProviders`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Authorizer {
    pub(crate) name: String,
    /// Absent: of a kind that authorizes nothing.
    pub(crate) http: Option<bool>,
    pub(crate) service: String,
    pub(crate) port: i64,
    pub(crate) fail_open: bool,
    pub(crate) status_on_error: String,
    pub(crate) included: Vec<String>,
}

/// What an authorizer is said to answer.
#[derive(Clone, Debug)]
pub(crate) enum Said {
    Allow,
    Deny,
    Error,
    When(String, String),
}

/// A workload as a suite writes it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Workload {
    pub(crate) name: String,
    pub(crate) namespace: String,
    pub(crate) service_account: String,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) ips: Vec<IpAddr>,
    pub(crate) dataplane: String,
    /// Port and protocol; an empty one is found out by looking.
    pub(crate) ports: Vec<(u16, String)>,
}

/// A Service as a suite writes it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Service {
    pub(crate) name: String,
    pub(crate) namespace: String,
    pub(crate) selector: BTreeMap<String, String>,
    /// Port and target port.
    pub(crate) ports: Vec<(u16, u16)>,
}

/// What a policy is about.
#[derive(Clone, Debug, Default)]
pub(crate) struct Target {
    pub(crate) name: String,
    pub(crate) namespace: String,
    pub(crate) created: Option<String>,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) references: usize,
}

/// A PeerAuthentication as written; an empty mode is none.
#[derive(Clone, Debug, Default)]
pub(crate) struct PeerAuthentication {
    pub(crate) target: Target,
    pub(crate) mode: String,
    pub(crate) ports: Vec<(u16, String)>,
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
    pub(crate) fn read(suite: &Value, manifests: &[Value]) -> Result<Self, String> {
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
        for service in list(suite, "services") {
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

    fn service(&mut self, written: &Value) -> Result<(), String> {
        let mut service = Service {
            name: text(written, "name"),
            namespace: text(written, "namespace"),
            selector: map(written.get("selector")),
            ports: Vec::new(),
        };
        for entry in list(written, "ports") {
            let own = port(entry, "port");
            let target = match entry.get("targetPort") {
                None => own,
                Some(Value::Number(_)) => port(entry, "targetPort"),
                Some(_) => return Err("a target port by name".to_owned()),
            };
            service.ports.push((own, target));
            // The Service says the protocol of a port that the workload itself does not declare [PA-10].
            let protocol = text(entry, "protocol").to_ascii_uppercase();
            let name = text(entry, "name");
            if !name.is_empty() || protocol.is_empty() {
                return Err("a protocol by the name or the number of a port".to_owned());
            }
            for workload in &mut self.workloads {
                if workload.namespace == service.namespace
                    && is_within(&service.selector, &workload.labels)
                    && !workload.ports.iter().any(|(known, _)| *known == target)
                {
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
            other => return Err(format!("a {} among the manifests", other.unwrap_or("thing"))),
        }
        Ok(())
    }
}

/// Whether a selector wants nothing but what is there [SEL-2].
pub(crate) fn is_within(
    wanted: &BTreeMap<String, String>,
    labels: &BTreeMap<String, String>,
) -> bool {
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

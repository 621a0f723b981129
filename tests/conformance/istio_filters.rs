//! Istio's own goldens: policies in, filters out; every pair must be equal, field order aside.

use std::collections::BTreeMap;

use portcullis::envoy::{self, Layer, Message};
use portcullis::mesh::{Admission, Dataplane, Interception, Mesh, MeshInputs, Workload};
use portcullis::parse::{self, Loaded};
use serde_yaml::Value;

use crate::support::corpus::{Run, document, list, text, texts};
use crate::support::shared;

/// Pairs that are not reproduced, and why. Istio's own tests do not read the one that is here.
const EXCEPTIONS: &[(&str, &str)] = &[(
    "http/allow-host-before-111",
    "no case of Istio's tests reads it: it is of releases before 1.11",
)];

fn to_yaml(message: &Message) -> Value {
    match message {
        Message::Bool(value) => Value::Bool(*value),
        Message::List(values) => values.iter().map(to_yaml).collect(),
        Message::Number(value) => Value::Number((*value).into()),
        Message::Object(fields) => Value::Mapping(
            fields
                .iter()
                .map(|(name, value)| (name.as_str().into(), to_yaml(value)))
                .collect(),
        ),
        Message::Text(text) => Value::String(text.clone()),
    }
}

#[expect(clippy::disallowed_methods, reason = "tests read the corpus")]
fn input(name: &str) -> String {
    std::fs::read_to_string(shared(&format!("conformance/istio/builder/{name}")).unwrap()).unwrap()
}

/// The mesh of one case: its policies, one workload, its MeshConfig.
fn mesh(case: &Value, configs: &Value) -> Mesh {
    let mut loaded = Loaded::default();
    let name = text(case, "input");
    parse::resources(name, &input(name), "default", &mut loaded);
    let mut config = portcullis::istio::MeshConfig::default();
    if let Some(named) = case["meshConfig"].as_str() {
        let written = serde_yaml::to_string(&configs[named]).unwrap();
        config = parse::mesh_config_file(named, &written, &mut loaded.findings).unwrap();
    }
    let bundle = &case["trustDomainBundle"];
    if !bundle.is_null() {
        config.trust_domain = Some(text(bundle, "trustDomain").to_owned());
        config.trust_domain_aliases = Some(
            texts(bundle, "aliases")
                .iter()
                .map(|&name| name.to_owned())
                .collect(),
        );
    }
    let workload = &case["workload"];
    let labels: BTreeMap<String, String> =
        serde_yaml::from_value(workload["labels"].clone()).unwrap();
    let workload = Workload {
        name: "httpbin".to_owned(),
        namespace: text(workload, "namespace").to_owned(),
        kind: "workload".to_owned(),
        origin: None,
        service_account: "default".to_owned(),
        labels,
        ips: Vec::new(),
        dataplane: Dataplane::Sidecar,
        dataplane_because: String::new(),
        listeners: BTreeMap::new(),
        container_ports: std::collections::BTreeSet::new(),
        interception: Interception::default(),
        doubt: None,
        proxy_config: portcullis::istio::ProxyConfig::default(),
    };
    let compiled = Mesh::compile(MeshInputs {
        config,
        resources: vec![&loaded.resources],
        workloads: vec![workload],
        admission: Admission::Bypassed,
        ..MeshInputs::default()
    });
    compiled.unwrap().0
}

#[test]
fn filters_are_those_of_istio() {
    let Some(corpus) = document("istio/builder/cases.yaml") else { return };
    let mut run = Run::default();
    for case in list(&corpus, "cases") {
        let mesh = mesh(case, &corpus["meshConfigs"]);
        let enforcement = mesh.enforcement(0).unwrap();
        let layer = if text(case, "protocol") == "tcp" { Layer::Tcp } else { Layer::Http };
        let filters = if text(case, "builder") == "custom" {
            envoy::custom_filters(&mesh, enforcement, layer)
        } else {
            envoy::authorization_filters(&mesh, enforcement, layer)
        };
        let got: Vec<Value> = filters.iter().map(to_yaml).collect();
        for key in ["expected", "expectedExtended"] {
            if case[key].is_null() {
                continue;
            }
            let names = texts(case, key);
            let want: Vec<Value> = names
                .iter()
                .map(|name| serde_yaml::from_str(&input(name)).unwrap())
                .collect();
            run.case(&format!("{} {key}", text(case, "name")), &want, &got);
        }
    }
    let unread = texts(&corpus, "filesNotReferencedByAnyCase");
    let excepted = |name: &&str| EXCEPTIONS.iter().any(|(pair, _)| name.starts_with(pair));
    assert!(unread.iter().all(excepted), "{unread:?}");
    run.agrees_in(51);
}

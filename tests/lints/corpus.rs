//! What Istio ships and what Kiali's checkers say → our findings, or why there is none.

use std::collections::{BTreeMap, BTreeSet};

use portcullis::diagnostic::Severity;
use portcullis::lint::{self, Level, Levels, Subject};
use portcullis::mesh::{Mesh, MeshInputs};
use portcullis::parse::{Loaded, duplicates, resources};
use serde_yaml::Value;

use crate::support::corpus::{document, list, text};
use crate::support::shared;

/// The codes of what is found in a text.
fn found(text: &str) -> Vec<(&'static str, Level, String)> {
    let mut loaded = Loaded::default();
    resources("case.yaml", text, "default", &mut loaded);
    duplicates(&mut loaded);
    let inputs = MeshInputs { resources: vec![&loaded.resources], ..MeshInputs::default() };
    let mesh = Mesh::compile(inputs).ok().map(|(mesh, _)| mesh);
    let subject = Subject::new(&loaded.resources, mesh.as_ref());
    let findings = lint::run(&subject, &Levels::default(), &mut || {});
    let mut codes: Vec<_> = findings
        .found
        .iter()
        .map(|(lint, level, finding)| (lint.code, *level, finding.message.clone()))
        .collect();
    let refused = loaded
        .resources
        .iter()
        .flat_map(portcullis::validate::refusals);
    let said = loaded.findings.into_iter().chain(refused);
    codes.extend(said.map(|said| {
        let level = if said.severity == Severity::Error { Level::Error } else { Level::Low };
        (said.code.as_str(), level, said.message)
    }));
    codes
}

/// A mesh configuration without a `ConfigMap` around it, which is no manifest.
const NO_RESOURCE: &str = "pkg__config__analysis__analyzers__testdata__mesh-with-automtls.yaml";

#[test]
fn nothing_that_istio_ships_has_an_error() {
    let Some(index) = document("istio/samples/index.yaml") else { return };
    let mut wrong = Vec::new();
    for entry in list(&index, "files") {
        let file = text(entry, "file");
        let Some(place) = shared(&format!("conformance/istio/samples/{file}")) else { return };
        #[expect(clippy::disallowed_methods, reason = "tests read the corpus")]
        let content = std::fs::read_to_string(place).unwrap();
        if file.ends_with(NO_RESOURCE) {
            continue;
        }
        let errors = found(&content)
            .into_iter()
            .filter(|(_, level, _)| *level == Level::Error);
        wrong.extend(errors.map(|(code, _, message)| format!("{file}: {code} {message}")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What stands for a code of Kiali.
enum Ours {
    /// Any of these codes is found in every case of it.
    Codes(&'static [&'static str]),
    /// Nothing, and why that is right, or what is missing to say it.
    Nothing(&'static str),
}

/// Every code of Kiali about the kinds that are looked at.
const KIALI: &[(&str, Ours)] = &[
    ("KIA0002", Ours::Codes(&["PC008"])),
    ("KIA0003", Ours::Codes(&["PC008"])),
    ("KIA0004", Ours::Codes(&["PC025"])),
    (
        "KIA0101",
        Ours::Nothing(
            "told where the name is one slip from a known one or the files hold a whole cluster (PC014)",
        ),
    ),
    ("KIA0102", Ours::Codes(&["PC053"])),
    (
        "KIA0104",
        Ours::Nothing(
            "an opinion about registries: the proxy compares the header alone, and any host can be routed",
        ),
    ),
    (
        "KIA0105",
        Ours::Nothing(
            "under PERMISSIVE identities are there for those who have one; told where nobody has one (PC001) and where plaintext slips past (PC002, PC003)",
        ),
    ),
    ("KIA0106", Ours::Codes(&["PC013", "PC014", "PC037"])),
    ("KIA0107", Ours::Nothing("a caller of another cluster of the mesh is as good as one of this")),
    ("KIA0108", Ours::Codes(&["PC011", "PC013"])),
    ("KIA0109", Ours::Codes(&["PC120"])),
    ("KIA0110", Ours::Codes(&["PC010", "PC120"])),
    ("KIA1110", Ours::Codes(&["PC124"])),
    (
        "KIA1115",
        Ours::Nothing(
            "an AuthorizationPolicy by selector in ambient mode is enforced by the ztunnel: told where it asks for more than that can see (PC120)",
        ),
    ),
    ("KIA0212", Ours::Nothing("needs DestinationRule")),
    ("KIA1111", Ours::Nothing("about WasmPlugin")),
    ("KIA1112", Ours::Nothing("about Telemetry")),
    ("KIA1113", Ours::Nothing("about VirtualService")),
    ("KIA1114", Ours::Nothing("about VirtualService")),
    ("KIA1116", Ours::Nothing("about WasmPlugin")),
    ("KIA1117", Ours::Nothing("about Telemetry")),
    ("KIA0401", Ours::Nothing("needs DestinationRule")),
    ("KIA0501", Ours::Nothing("needs DestinationRule")),
    ("KIA0505", Ours::Nothing("needs DestinationRule")),
    ("KIA0506", Ours::Nothing("needs DestinationRule")),
    (
        "KIA1301",
        Ours::Nothing(
            "that no policy is about a workload is no fault of a file; `who-can` tells who may call it",
        ),
    ),
    ("KIA1317", Ours::Nothing("about a workload and its waypoint, which is not evaluated yet")),
];

/// Cases in which we say nothing, and why.
const SILENT: &[(&str, &str, &str)] = &[
    (
        "KIA0106",
        "TestEmptyServiceAccount",
        "nobody says which accounts there are: a file with one policy does not hold a cluster",
    ),
    (
        "KIA0108",
        "TestForeignDomainWithEmptyKnownDomains",
        "`cluster.local` is the mesh's own trust domain where nobody says otherwise",
    ),
    (
        "KIA0109",
        "TestAmbientPolicyChecker_TargetRefsServiceOptOut_WarnsDespiteNsEnrollment",
        "about the waypoint of a Service, which is not evaluated yet",
    ),
];

/// The objects of a case as manifests: those that it is given, its workloads and its namespaces.
fn manifests(case: &Value) -> Option<String> {
    // The checkers' policies often have a key that the webhook refuses, which is not what their cases are about.
    let text = case["config"].as_str()?;
    let mut text = text.replace("key: request.headers\n", "key: request.headers[x]\n");
    let mut seen = BTreeSet::new();
    for namespace in case["namespaces"].as_sequence().into_iter().flatten() {
        let ambient = namespace["isAmbient"].as_bool() == Some(true);
        let Some(name) = namespace.as_str().or_else(|| namespace["name"].as_str()) else {
            continue;
        };
        let labels =
            if ambient { "istio.io/dataplane-mode: ambient" } else { "istio-injection: enabled" };
        if seen.insert(name.to_owned()) {
            text.push_str(&format!(
                "\n---\napiVersion: v1\nkind: Namespace\nmetadata: {{name: {name}, labels: {{{labels}}}}}\n"
            ));
        }
    }
    for workload in case["workloads"].as_sequence().into_iter().flatten() {
        let (Some(name), Some(namespace)) =
            (workload["name"].as_str(), workload["namespace"].as_str())
        else {
            continue;
        };
        let labels = serde_json::to_string(&workload["labels"]).unwrap();
        let labels = if labels == "null" { "{}".to_owned() } else { labels };
        text.push_str(&format!(
            "\n---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}, namespace: {namespace}}}\nspec:\n  template:\n    metadata: {{labels: {labels}}}\n    spec: {{containers: [{{name: a}}]}}\n"
        ));
    }
    let accounts = case["serviceAccounts"].as_mapping().into_iter().flatten();
    for account in accounts.flat_map(|(_, accounts)| accounts.as_sequence().into_iter().flatten()) {
        let parts: Vec<&str> = account.as_str()?.split('/').collect();
        if let [_, "ns", namespace, "sa", name] = parts.as_slice() {
            text.push_str(&format!(
                "\n---\napiVersion: v1\nkind: ServiceAccount\nmetadata: {{name: {name}, namespace: {namespace}}}\n"
            ));
        }
    }
    Some(text)
}

/// The codes that a case expects.
fn expected(case: &Value) -> BTreeSet<String> {
    let mut findings: Vec<&Value> = Vec::new();
    findings.extend(
        case["expected"]["findings"]
            .as_sequence()
            .into_iter()
            .flatten(),
    );
    for object in case["expected"]["objects"]
        .as_sequence()
        .into_iter()
        .flatten()
    {
        findings.extend(object["findings"].as_sequence().into_iter().flatten());
    }
    findings
        .iter()
        .filter_map(|finding| finding["code"].as_str())
        .map(str::to_owned)
        .collect()
}

#[test]
fn what_kiali_finds_is_found_or_there_is_a_reason() {
    const FILES: [&str; 6] = [
        "ambient_policies.yaml",
        "authorization_hosts.yaml",
        "authorization_mtls.yaml",
        "authorization_namespaces_and_methods.yaml",
        "authorization_principals.yaml",
        "peerauthentication_mtls.yaml",
    ];
    let mut silent = Vec::new();
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for file in FILES {
        let Some(corpus) = document(&format!("kiali/{file}")) else { return };
        for case in list(&corpus, "cases") {
            let Some(manifests) = manifests(case) else { continue };
            let ours = found(&manifests);
            for code in expected(case) {
                *seen.entry(code.clone()).or_default() += 1;
                let Some((_, row)) = KIALI.iter().find(|(name, _)| *name == code) else {
                    silent.push(format!("{code} has no row ({file} {})", text(case, "name")));
                    continue;
                };
                let excused = SILENT
                    .iter()
                    .any(|(of, name, _)| *of == code && *name == text(case, "name"));
                if let Ours::Codes(codes) = row
                    && !excused
                    && !ours.iter().any(|(ours, ..)| codes.contains(ours))
                {
                    silent.push(format!("{code}: {file} {}: {ours:?}", text(case, "name")));
                }
            }
        }
    }
    println!("{seen:?}");
    assert!(silent.is_empty(), "{}", silent.join("\n"));
    for (code, row) in KIALI {
        if let Ours::Nothing(why) = row {
            assert!(!why.is_empty(), "{code}");
        }
    }
    assert!(matches!(
        found("{apiVersion: v1, kind: Namespace, metadata: {name: a}}").as_slice(),
        []
    ));
}

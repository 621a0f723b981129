//! The corpus of PeerAuthentication: effective modes, and which policies reach a workload.
//!
//! Out of scope here, with the reason: `client_mtls_disabled_for_endpoint.yaml`, `client_tls_auto.yaml` and
//! `service_mtls_mode.yaml` (what a client proxy speaks, with `DestinationRule`s and endpoints), `ambient/`,
//! `ambient_convert.yaml`, `ambient_index_states.yaml` and `ambient_namespace_change.yaml` (ztunnel's conversion).

use portcullis::istio::{PeerAuthentication, Resource};
use portcullis::mesh::{self, Attachment, Level, MtlsMode, Proxy, SelectionRules, TargetService};
use serde_yaml::Value;

use crate::support::corpus::{Run, document, files, labels, list, resources, text, texts};

const OUT_OF_SCOPE: &[&str] = &[
    "ORIGIN.md",
    "ambient",
    "ambient_convert.yaml",
    "ambient_index_states.yaml",
    "ambient_namespace_change.yaml",
    "client_mtls_disabled_for_endpoint.yaml",
    "client_tls_auto.yaml",
    "service_mtls_mode.yaml",
];
const IN_SCOPE: &[&str] = &[
    "compose.yaml",
    "inbound_mtls_settings.yaml",
    "jwt_space_delimited_claims.yaml",
    "namespace_and_global_modes.yaml",
    "policies_for_workload.yaml",
    "request_authn_for_workload.yaml",
];

fn peer_authentications(resources: &[Resource]) -> Vec<&PeerAuthentication> {
    let mut found = Vec::new();
    for resource in resources {
        if let Resource::PeerAuthentication(policy) = resource {
            found.push(policy);
        }
    }
    found
}

#[test]
fn every_file_is_in_scope_or_listed() {
    let Some(found) = files("istio/peerauthn") else { return };
    let mut known: Vec<&str> = OUT_OF_SCOPE.iter().chain(IN_SCOPE).copied().collect();
    known.sort_unstable();
    assert_eq!(found, known);
}

#[test]
fn modes_compose_as_istiod_composes_them() {
    let Some(document) = document("istio/peerauthn/compose.yaml") else { return };
    let mut run = Run::default();
    for case in list(&document, "cases") {
        let resources = resources(list(case, "policies"));
        let candidates = peer_authentications(&resources);
        let got = mesh::compose(&candidates, text(case, "rootNamespace"));
        run.case(text(case, "name"), &text(&case["expected"], "mode"), &got.workload.mode.as_str());
        let ports: Vec<(u16, String)> = got
            .ports
            .iter()
            .map(|(port, decided)| (*port, decided.mode.as_str().to_owned()))
            .collect();
        let mut want: Vec<(u16, String)> = case["expected"]["perPort"]
            .as_mapping()
            .into_iter()
            .flatten()
            .map(|(port, mode)| {
                let port = port
                    .as_str()
                    .map_or_else(|| port.as_u64().unwrap().to_string(), str::to_owned);
                (port.parse().unwrap(), mode.as_str().unwrap().to_owned())
            })
            .collect();
        want.sort();
        run.case(text(case, "name"), &want, &ports);
    }
    run.agrees_in(28);
}

#[test]
fn a_port_has_the_mode_that_istiod_gives_it() {
    let Some(document) = document("istio/peerauthn/inbound_mtls_settings.yaml") else { return };
    let mut run = Run::default();
    for case in list(&document, "cases") {
        let resources = resources(list(case, "policies"));
        let candidates = peer_authentications(&resources);
        let got = mesh::compose(&candidates, text(case, "rootNamespace"));
        let port = u16::try_from(case["port"].as_u64().unwrap()).unwrap();
        run.case(
            text(case, "name"),
            &text(&case["expected"], "mode"),
            &got.of_port(port).mode.as_str(),
        );
    }
    run.agrees_in(8);
}

/// `namespace/name` of the policies of one kind that are about a workload, sorted.
fn attached(case: &Value, resources: &[Resource], wanted: &str) -> Vec<String> {
    let workload = &case["workload"];
    let labels = labels(&workload["labels"]);
    let service = workload.get("service").map(|service| TargetService {
        name: text(service, "name"),
        namespace: text(service, "namespace"),
        external: text(service, "registry") == "External",
    });
    let services: Vec<TargetService<'_>> = service.into_iter().collect();
    let proxy = Proxy {
        namespace: text(workload, "namespace"),
        labels: &labels,
        waypoint: workload["waypoint"].as_bool().unwrap_or(false),
        services: &services,
    };
    let rules = SelectionRules {
        root_namespace: text(case, "rootNamespace"),
        selectors_reach_gateway_api: case["selectorPoliciesApplyToGatewayAPI"]
            .as_bool()
            .unwrap_or(true),
    };
    let mut names: Vec<String> = match wanted {
        "PeerAuthentication" => {
            let all = peer_authentications(resources).into_iter();
            let reaching = mesh::reaching(all, rules.root_namespace, proxy.namespace, &labels);
            reaching.iter().map(|policy| policy.meta.id()).collect()
        }
        _ => resources
            .iter()
            .filter_map(|resource| {
                if let Resource::RequestAuthentication(policy) = resource {
                    Some(policy)
                } else {
                    None
                }
            })
            .filter(|policy| {
                rules.attachment(&policy.meta, &policy.target, &proxy) == Attachment::Attached
            })
            .map(|policy| policy.meta.id())
            .collect(),
    };
    names.sort();
    names
}

fn sorted(value: &Value, key: &str) -> Vec<String> {
    let mut names: Vec<String> = texts(value, key).into_iter().map(str::to_owned).collect();
    names.sort();
    names
}

/// The mode of the namespace level, else of the mesh level; `UNKNOWN` where there is neither policy.
fn namespace_mode(resources: &[Resource], root: &str, namespace: &str) -> &'static str {
    let mut candidates = peer_authentications(resources);
    candidates.retain(|policy| {
        matches!(mesh::level(policy, root), Some(Level::Mesh | Level::Namespace))
            && mesh::applies(policy, root, namespace, &std::collections::BTreeMap::new())
    });
    if candidates.is_empty() {
        return "UNKNOWN";
    }
    mesh::compose(&candidates, root).namespace.as_str()
}

#[test]
fn the_policies_of_a_workload_are_those_that_istiod_finds() {
    let Some(document) = document("istio/peerauthn/policies_for_workload.yaml") else { return };
    let mut run = Run::default();
    for case in list(&document, "cases") {
        let resources = resources(list(&document["fixtures"], text(case, "policies")));
        let (name, expected) = (text(case, "name"), &case["expected"]);
        if expected.get("requestAuthentications").is_some() {
            let got = attached(case, &resources, "RequestAuthentication");
            run.case(name, &sorted(expected, "requestAuthentications"), &got);
        }
        if expected.get("peerAuthentications").is_some() {
            let got = attached(case, &resources, "PeerAuthentication");
            run.case(name, &sorted(expected, "peerAuthentications"), &got);
        }
        if let Some(mode) = expected.get("namespaceMutualTLSMode") {
            let namespace = text(&case["workload"], "namespace");
            let got = namespace_mode(&resources, text(case, "rootNamespace"), namespace);
            run.case(name, &mode.as_str().unwrap(), &got);
        }
    }
    run.agrees_in(72);
}

#[test]
fn the_mode_of_a_namespace_is_its_own_or_the_meshs() {
    let Some(document) = document("istio/peerauthn/namespace_and_global_modes.yaml") else {
        return;
    };
    let Some(fixtures) = self::document("istio/peerauthn/policies_for_workload.yaml") else {
        return;
    };
    let mut run = Run::default();
    for case in list(&document, "cases") {
        let resources = resources(list(&fixtures["fixtures"], text(case, "policies")));
        let expected = &case["expected"];
        let mesh_wide = namespace_mode(&resources, "istio-config", "a-namespace-without-policies");
        run.case(text(case, "name"), &text(expected, "globalMode"), &mesh_wide);
        for (namespace, mode) in expected["namespaceModes"]
            .as_mapping()
            .into_iter()
            .flatten()
        {
            let got = namespace_mode(&resources, "istio-config", namespace.as_str().unwrap());
            run.case(text(case, "name"), &mode.as_str().unwrap(), &got);
        }
    }
    run.agrees_in(9);
}

#[test]
fn request_authentications_of_the_root_namespace_reach_everywhere() {
    let Some(document) = document("istio/peerauthn/request_authn_for_workload.yaml") else {
        return;
    };
    let mut run = Run::default();
    for case in list(&document, "cases") {
        let resources = resources(list(&document, "policies"));
        let got = attached(case, &resources, "RequestAuthentication");
        run.case(text(case, "name"), &sorted(&case["expected"], "requestAuthentications"), &got);
    }
    run.agrees_in(3);
}

#[test]
fn scope_and_permission_are_always_split_at_spaces() {
    let Some(document) = document("istio/peerauthn/jwt_space_delimited_claims.yaml") else {
        return;
    };
    let mut run = Run::default();
    for case in list(&document, "cases") {
        let written = case["spaceDelimitedClaims"].as_sequence();
        let written = written
            .into_iter()
            .flatten()
            .map(|claim| claim.as_str().unwrap());
        let got: Vec<String> = mesh::space_delimited(written).into_iter().collect();
        run.case(text(case, "name"), &sorted(case, "expected"), &got);
    }
    run.agrees_in(5);
}

#[test]
fn without_any_policy_a_port_is_permissive() {
    let none = mesh::compose(&[], "istio-system");
    assert_eq!(none.of_port(80).mode, MtlsMode::Permissive);
}

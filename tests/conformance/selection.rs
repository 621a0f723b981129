//! The corpus of AuthorizationPolicy selection.

use portcullis::istio::{Action, Resource};
use portcullis::mesh::{Attachment, Proxy, SelectionRules, TargetService};
use serde_yaml::Value;

use crate::support::corpus::{Run, document, flag, labels, list, resources, text, texts};

/// Whether a policy is about the workload of a case.
fn attached(case: &Value, root_namespace: &str, resource: &Resource) -> bool {
    let Resource::AuthorizationPolicy(policy) = resource else { panic!("{}", resource.kind()) };
    let workload = &case["workload"];
    let labels = labels(&workload["labels"]);
    let services: Vec<TargetService<'_>> = workload["services"]
        .as_sequence()
        .into_iter()
        .flatten()
        .map(|service| TargetService {
            name: text(service, "name"),
            namespace: text(service, "namespace"),
            external: text(service, "registry") == "External",
        })
        .collect();
    let proxy = Proxy {
        namespace: text(workload, "namespace"),
        labels: &labels,
        waypoint: flag(workload, "waypoint"),
        services: &services,
    };
    let rules = SelectionRules {
        root_namespace,
        selectors_reach_gateway_api: case["selectorPoliciesApplyToGatewayAPI"]
            .as_bool()
            .unwrap_or(true),
    };
    rules.attachment(&policy.meta, &policy.target, &proxy) == Attachment::Attached
}

#[test]
fn policies_are_found_by_namespace_selector_and_target() {
    let Some(document) = document("istio/selection/authorization_policies_for_workload.yaml")
    else {
        return;
    };
    let mut run = Run::default();
    for case in list(&document, "cases") {
        let resources = resources(list(case, "policies"));
        let actions = [
            ("allow", Action::Allow),
            ("deny", Action::Deny),
            ("audit", Action::Audit),
            ("custom", Action::Custom),
        ];
        for (key, action) in actions {
            let mut got: Vec<String> = resources
                .iter()
                .filter(|resource| matches!(resource, Resource::AuthorizationPolicy(policy) if policy.action == action))
                .filter(|resource| attached(case, text(case, "rootNamespace"), resource))
                .map(|resource| resource.meta().id())
                .collect();
            got.sort();
            let mut want: Vec<String> = texts(&case["expected"], key)
                .into_iter()
                .map(str::to_owned)
                .collect();
            want.sort();
            run.case(text(case, "name"), &want, &got);
        }
    }
    run.agrees_in(80);
}

#[test]
fn a_policy_attaches_where_istiod_attaches_it() {
    let Some(document) = document("istio/selection/policy_attachment.yaml") else { return };
    let mut run = Run::default();
    for case in list(&document, "cases") {
        // The corpus gives the policy as name, namespace and target alone; any kind would do.
        let policy = &case["policy"];
        let manifest = serde_yaml::from_str::<Value>(&format!(
            "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {{name: {}, namespace: {}}}\n",
            text(policy, "name"),
            text(policy, "namespace"),
        ));
        let mut manifest = manifest.unwrap();
        manifest
            .as_mapping_mut()
            .unwrap()
            .insert("spec".into(), policy["spec"].clone());
        let resources = resources(&[manifest]);
        let root = case["workload"]["rootNamespace"]
            .as_str()
            .unwrap_or("istio-system");
        run.case(text(case, "name"), &flag(case, "expected"), &attached(case, root, &resources[0]));
    }
    run.agrees_in(26);
}

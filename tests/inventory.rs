//! Manifests to workloads: what stands before them, which port is what, who owns whom.

use portcullis::mesh::{Dataplane, ListenerClass, Mesh, MeshInputs, Seen};
use portcullis::parse::{Loaded, resources};
use rstest::rstest;

/// The mesh of a text.
fn mesh(text: &str) -> Mesh {
    let mut loaded = Loaded::default();
    resources("mesh.yaml", text, "default", &mut loaded);
    assert!(loaded.findings.is_empty(), "{}", loaded.findings[0]);
    Mesh::compile(MeshInputs { resources: vec![&loaded.resources], ..MeshInputs::default() })
        .unwrap()
        .0
}

// [IN-30] The injection webhook goes by labels; an annotation can only refuse.
#[rstest]
#[case::enabled("{istio-injection: enabled}", "{}", "{}", Dataplane::Sidecar)]
#[case::revision("{istio.io/rev: canary}", "{}", "{}", Dataplane::Sidecar)]
#[case::disabled("{istio-injection: disabled}", "{}", "{}", Dataplane::None)]
#[case::disabled_wins_over_the_pod(
    "{istio-injection: disabled}",
    "{sidecar.istio.io/inject: 'true'}",
    "{}",
    Dataplane::None
)]
#[case::disabled_wins_over_the_revision(
    "{istio-injection: disabled, istio.io/rev: canary}",
    "{}",
    "{}",
    Dataplane::None
)]
#[case::no_label("{}", "{}", "{}", Dataplane::None)]
#[case::the_pod_asks("{}", "{sidecar.istio.io/inject: 'true'}", "{}", Dataplane::Sidecar)]
#[case::the_pod_names_a_revision("{}", "{istio.io/rev: canary}", "{}", Dataplane::Sidecar)]
#[case::an_annotation_calls_nobody(
    "{}",
    "{}",
    "{sidecar.istio.io/inject: 'true'}",
    Dataplane::None
)]
#[case::the_pod_refuses(
    "{istio-injection: enabled}",
    "{sidecar.istio.io/inject: 'false'}",
    "{}",
    Dataplane::None
)]
#[case::an_annotation_refuses(
    "{istio-injection: enabled}",
    "{}",
    "{sidecar.istio.io/inject: 'false'}",
    Dataplane::None
)]
#[case::the_label_wins_over_the_annotation(
    "{istio-injection: enabled}",
    "{sidecar.istio.io/inject: 'true'}",
    "{sidecar.istio.io/inject: 'false'}",
    Dataplane::Sidecar
)]
#[case::ambient("{istio.io/dataplane-mode: ambient}", "{}", "{}", Dataplane::Ambient)]
#[case::the_pod_leaves_ambient(
    "{istio.io/dataplane-mode: ambient}",
    "{istio.io/dataplane-mode: none}",
    "{}",
    Dataplane::None
)]
#[case::a_sidecar_is_not_ambient(
    "{istio.io/dataplane-mode: ambient, istio-injection: enabled}",
    "{}",
    "{}",
    Dataplane::Sidecar
)]
#[case::a_gateway("{}", "{gateway.networking.k8s.io/gateway-name: gw}", "{}", Dataplane::Gateway)]
#[case::a_gateway_by_template(
    "{}",
    "{}",
    "{inject.istio.io/templates: gateway}",
    Dataplane::Gateway
)]
#[case::a_waypoint(
    "{}",
    "{gateway.istio.io/managed: istio.io-mesh-controller}",
    "{}",
    Dataplane::Waypoint
)]
fn what_stands_before_a_workload(
    #[case] namespace: &str,
    #[case] labels: &str,
    #[case] annotations: &str,
    #[case] want: Dataplane,
) {
    let mesh = mesh(&format!(
        "apiVersion: v1\nkind: Namespace\nmetadata: {{name: foo, labels: {namespace}}}\n---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web, namespace: foo}}\nspec: {{template: {{metadata: {{labels: {labels}, annotations: {annotations}}}, spec: {{containers: [{{name: web}}]}}}}}}\n"
    ));
    assert_eq!(
        mesh.inventory.workloads[0].dataplane, want,
        "{}",
        mesh.inventory.workloads[0].dataplane_because
    );
}

#[test]
fn without_its_namespace_a_workload_is_taken_to_have_a_sidecar() {
    let mesh = mesh(
        "apiVersion: v1\nkind: Pod\nmetadata: {name: web, namespace: foo}\nspec: {containers: [{name: web}]}\n",
    );
    assert_eq!(mesh.inventory.workloads[0].dataplane, Dataplane::Sidecar);
    assert!(
        mesh.inventory.workloads[0]
            .dataplane_because
            .starts_with("assumed")
    );
}

// [IN-35]
#[rstest]
#[case::none("{}", 8080, false)]
#[case::excluded("{traffic.sidecar.istio.io/excludeInboundPorts: '9000, 8080'}", 8080, true)]
#[case::another_is_excluded("{traffic.sidecar.istio.io/excludeInboundPorts: '9000'}", 8080, false)]
#[case::not_included("{traffic.sidecar.istio.io/includeInboundPorts: '9000'}", 8080, true)]
#[case::none_is_included("{traffic.sidecar.istio.io/includeInboundPorts: ''}", 8080, true)]
#[case::all_are_included("{traffic.sidecar.istio.io/includeInboundPorts: '*'}", 8080, false)]
fn annotations_take_ports_from_the_sidecar(
    #[case] annotations: &str,
    #[case] port: u16,
    #[case] want: bool,
) {
    let mesh = mesh(&format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: web, namespace: foo, annotations: {annotations}}}\nspec: {{containers: [{{name: web}}]}}\n"
    ));
    assert_eq!(mesh.inventory.workloads[0].interception.passes(port), want);
}

// [IN-35]
#[test]
fn a_sidecar_resource_may_name_ports_where_nothing_is_intercepted() {
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: web, namespace: foo, annotations: {sidecar.istio.io/interceptionMode: NONE}}\nspec: {containers: [{name: web}]}\n";
    for (namespace, open) in [("foo", true), ("istio-system", true), ("bar", false)] {
        let mesh = mesh(&format!(
            "{pod}---\napiVersion: networking.istio.io/v1\nkind: Sidecar\nmetadata: {{name: s, namespace: {namespace}}}\n"
        ));
        let seen = mesh.inventory.workloads[0].interception.inbound(80);
        assert_eq!(matches!(seen, Seen::Unknown(_)), open, "{namespace}");
    }
}

// [IN-30]
#[rstest]
#[case::none("{}", false)]
#[case::istios_own("{inject.istio.io/templates: 'sidecar,custom'}", false)]
#[case::another("{inject.istio.io/templates: grpc-agent}", true)]
fn a_template_that_is_not_istios_leaves_open_what_stands_there(
    #[case] annotations: &str,
    #[case] open: bool,
) {
    let mesh = mesh(&format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: web, namespace: foo, annotations: {annotations}}}\nspec: {{containers: [{{name: web}}]}}\n"
    ));
    assert_eq!(mesh.inventory.workloads[0].doubt.is_some(), open);
}

// [IN-35]
#[rstest]
#[case::refused("{traffic.sidecar.istio.io/excludeInboundPorts: http}", Err(()))]
#[case::no_mode("{sidecar.istio.io/interceptionMode: 'OFF'}", Err(()))]
#[case::told("{sidecar.istio.io/bootstrapOverride: mine}", Ok(1))]
#[case::empty("{sidecar.istio.io/bootstrapOverride: ''}", Ok(0))]
fn what_annotations_leave_open_is_told(#[case] annotations: &str, #[case] want: Result<usize, ()>) {
    let text = format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: web, namespace: foo, annotations: {annotations}}}\nspec: {{containers: [{{name: web}}]}}\n"
    );
    let mut loaded = Loaded::default();
    resources("mesh.yaml", &text, "default", &mut loaded);
    let compiled =
        Mesh::compile(MeshInputs { resources: vec![&loaded.resources], ..MeshInputs::default() });
    let told = compiled.map(|(_, findings)| findings.len());
    assert_eq!(told.map_err(drop), want);
}

const SERVICES: &str = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: foo}
spec:
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, ports: [{name: main, containerPort: 8080}, {containerPort: 9000}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: young, namespace: foo, creationTimestamp: '2022-01-01T00:00:00Z'}
spec: {selector: {app: web}, ports: [{name: http, port: 81, targetPort: main}, {name: dns, port: 53, protocol: UDP}]}
---
apiVersion: v1
kind: Service
metadata: {name: old, namespace: foo, creationTimestamp: '2020-01-01T00:00:00Z'}
spec: {selector: {app: web}, ports: [{name: tcp, port: 80, targetPort: 8080}, {name: grpc, port: 9000}]}
";

// [PA-12] "The oldest service decides the protocol for that port."
#[rstest]
#[case::two_services(8080, ListenerClass::Tcp)]
#[case::one_service(9000, ListenerClass::Http)]
#[case::no_service(7000, ListenerClass::Sniffed)]
fn a_port_is_what_the_oldest_service_says(#[case] port: u16, #[case] want: ListenerClass) {
    assert_eq!(mesh(SERVICES).inventory.workloads[0].class_of(port), want);
}

#[test]
fn a_named_target_port_leads_to_the_containers_port_and_udp_leads_nowhere() {
    let mesh = mesh(SERVICES);
    let young = mesh
        .inventory
        .services
        .iter()
        .find(|service| service.name == "young")
        .unwrap();
    let ports: Vec<(u16, u16)> = young
        .ports
        .iter()
        .map(|(port, backends)| (*port, backends[0].port))
        .collect();
    assert_eq!(ports, [(81, 8080)]);
}

#[test]
fn a_pod_of_a_replica_set_of_a_deployment_is_no_workload_of_its_own() {
    let mesh = mesh(
        "apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: foo}
spec: {template: {spec: {containers: [{name: web}]}}}
---
apiVersion: apps/v1
kind: ReplicaSet
metadata: {name: web-1, namespace: foo, ownerReferences: [{apiVersion: apps/v1, kind: Deployment, name: web, controller: true, uid: a}]}
spec: {template: {spec: {containers: [{name: web}]}}}
---
apiVersion: v1
kind: Pod
metadata: {name: web-1-x, namespace: foo, ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: web-1, controller: true, uid: b}]}
spec: {containers: [{name: web}]}
status: {podIPs: [{ip: 10.1.2.3}]}
",
    );
    let names: Vec<&str> = mesh
        .inventory
        .workloads
        .iter()
        .map(|workload| workload.name.as_str())
        .collect();
    assert_eq!(names, ["web"]);
    assert_eq!(mesh.inventory.workloads[0].ips, ["10.1.2.3".parse::<std::net::IpAddr>().unwrap()]);
}

// [IN-11] The ConfigMap of another revision says nothing.
#[test]
fn the_mesh_config_is_that_of_the_revision() {
    let config = |name: &str, domain: &str| {
        format!(
            "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}, namespace: istio-system}}\ndata: {{mesh: 'trustDomain: {domain}'}}\n"
        )
    };
    let mesh = mesh(&(config("istio-canary", "new") + &config("istio", "old")));
    assert_eq!(mesh.settings.trust.own, "old");
}

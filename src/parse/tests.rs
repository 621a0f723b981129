//! What a person reads about a broken manifest, and what is read of a good one.

use insta::assert_snapshot;
use rstest::rstest;

use super::*;
use crate::istio::{
    Action, ContainerPort, ForwardClientCertDetails, GatewayTopology, InterceptionMode, MeshConfig,
    Mode, Normalization, ProviderKind, ProxyConfig, Service, ServicePort, TargetPort, Workload,
};

fn load(text: &str) -> Loaded {
    let mut loaded = Loaded::default();
    resources("a.yaml", text, "default", &mut loaded);
    duplicates(&mut loaded);
    loaded
}

/// All that is said of a text.
fn said(text: &str) -> String {
    let findings = load(text).findings.into_iter();
    findings.map(|finding| format!("{finding}\n")).collect()
}

/// The resources of a text of which nothing is said.
fn good(text: &str) -> Vec<Resource> {
    let loaded = load(text);
    assert_eq!(loaded.findings, Vec::new());
    loaded.resources
}

const POLICY: &str =
    "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: p}\n";

#[test]
fn an_unknown_field_is_named_with_the_one_that_could_be_meant() {
    let text = "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata:
  name: allow-sleep
  lables: {}
spec:
  Rules: []
  rules:
  - from:
    - source:
        principal: [cluster.local/ns/sleep/sa/sleep]
        namespaces: [sleep]
items: []
";
    assert_snapshot!(said(text), @r"
    error[PC905]: unknown field `lables` in `metadata`
      --> a.yaml:5:3 metadata
       = help: did you mean `labels`?
    error[PC905]: unknown field `Rules` in `spec`
      --> a.yaml:7:3 spec
       = help: did you mean `rules`?
    error[PC905]: unknown field `principal` in `source`
      --> a.yaml:11:9 spec.rules[0].from[0].source
       = help: did you mean `principals`?
    error[PC905]: unknown field `items`
      --> a.yaml:13:1
    ");
}

#[test]
fn a_scalar_that_is_no_text_is_refused_as_the_api_server_does() {
    let text = "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: p, labels: {app.example/version: 1}}
spec:
  rules:
  - to: [{operation: {ports: [80], methods: GET}}]
    when:
    - key: request.headers[x-ok]
      values: [yes]
";
    assert_snapshot!(said(text), @r"
    error[PC904]: `app.example/version` takes a string, not the number `1`
      --> a.yaml:3:51 metadata.labels
       = help: put it in quotes: Kubernetes reads it as something else than text
    error[PC904]: `ports[0]` takes a string, not the number `80`
      --> a.yaml:6:31 spec.rules[0].to[0].operation.ports[0]
       = help: put it in quotes: Kubernetes reads it as something else than text
    error[PC904]: `methods` takes a list, not a string
      --> a.yaml:6:45 spec.rules[0].to[0].operation.methods
       = help: write it as a list item: `- …`
    error[PC904]: `values[0]` takes a string, not the boolean `true`
      --> a.yaml:9:16 spec.rules[0].when[0].values[0]
       = help: put it in quotes: Kubernetes reads it as something else than text
    ");
}

#[test]
fn a_wrong_word_is_named_with_the_right_ones() {
    let text = "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: p}
spec: {action: allow}
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: p}
spec: {mtls: {mode: 1}, portLevelMtls: {80: {mode: MUTUAL}}}
";
    assert_snapshot!(said(text), @r"
    error[PC908]: `action` does not take `allow`
      --> a.yaml:4:16 spec.action
       = help: did you mean `ALLOW`?
    error[PC904]: `mode` takes a string, not the number `1`
      --> a.yaml:9:21 spec.mtls.mode
       = help: one of `DISABLE`, `PERMISSIVE`, `STRICT`, `UNSET`
    error[PC908]: `mode` does not take `MUTUAL`
      --> a.yaml:9:52 spec.portLevelMtls.80.mode
       = help: one of `DISABLE`, `PERMISSIVE`, `STRICT`, `UNSET`
    ");
}

#[test]
fn rules_that_are_no_list_are_refused() {
    assert_snapshot!(said(&format!("{POLICY}spec:\n  rules:\n    from: []\n")), @r"
    error[PC904]: `rules` takes a list, not a mapping
      --> a.yaml:6:5 spec.rules
       = help: write it as a list item: `- …`
    ");
}

#[test]
fn two_selectors_are_two_keys_of_one_name() {
    let text = format!(
        "{POLICY}spec:\n  selector: {{matchLabels: {{app: a}}}}\n  selector: {{matchLabels: {{app: b}}}}\n"
    );
    assert_snapshot!(said(&text), @r"
    error[PC906]: the key `selector` stands twice: the first is at 5:3
      --> a.yaml:6:3 spec
       = help: keep one of them: Kubernetes would take the last
    ");
}

#[test]
fn a_resource_that_is_defined_twice_is_named_with_both_places() {
    let text = format!("{POLICY}---\n{POLICY}");
    assert_snapshot!(said(&text), @r"
    error[PC909]: the AuthorizationPolicy `default/p` is defined twice
      --> a.yaml:5:1
       = help: keep one of them: the other is at a.yaml:1:1
    ");
}

#[test]
fn a_name_that_kubernetes_does_not_take_is_refused() {
    let text = "\
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: Default, namespace: a.b}
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {generateName: default-}
";
    assert_snapshot!(said(text), @r"
    error[PC908]: `name` does not take `Default` [VAL-9]
      --> a.yaml:3:18 metadata.name
       = help: at most 253 lower-case letters, digits, `-`, `.`, with a letter or digit at both ends
    error[PC908]: `namespace` does not take `a.b` [VAL-9]
      --> a.yaml:3:38 metadata.namespace
       = help: at most 63 lower-case letters, digits, `-`, with a letter or digit at both ends
    error[PC907]: `metadata` has no `name`
      --> a.yaml:7:11 metadata
       = help: write the name that the resource has in the cluster
    ");
}

#[test]
fn a_policy_is_not_passed_over_for_a_slip_in_its_kind() {
    let text = "\
apiVersion: security.istio.io/v1alpha1
kind: AuthorizationPolicy
---
apiVersion: securty.istio.io/v1
kind: PeerAuthentication
---
apiVersion: security.istio.io/v1
kind: AuthorisationPolicy
---
apiversion: v1
kind: Pod
---
spec: {}
---
[a]
";
    assert_snapshot!(said(text), @r"
    error[PC910]: AuthorizationPolicy of `security.istio.io/v1alpha1` is not understood
      --> a.yaml:1:1
       = help: write `apiVersion: security.istio.io/v1`
    error[PC910]: PeerAuthentication of `securty.istio.io/v1` is not understood
      --> a.yaml:4:1
       = help: write `apiVersion: security.istio.io/v1`
    error[PC908]: `security.istio.io` has no kind `AuthorisationPolicy`
      --> a.yaml:7:1
       = help: did you mean `AuthorizationPolicy`?
    error[PC907]: this is no resource: it has no `apiVersion`
      --> a.yaml:10:1
       = help: did you mean `apiVersion` for `apiversion`?
    error[PC907]: this is no resource: it has no `apiVersion` and no `kind`
      --> a.yaml:13:1
       = help: a resource needs `apiVersion`, `kind` and `metadata.name`
    error[PC904]: a document takes a mapping, not a list
      --> a.yaml:15:1
    ");
}

#[test]
fn null_is_refused_where_the_schema_does_not_drop_it() {
    let text = "\
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: p, labels: ~}
spec:
  selector: {matchLabels: {app: ~}}
  targetRef: ~
  jwtRules:
  - ~
  - {issuer: a, audiences: [~], jwksUri: 'https://a', jwks_uri: 'https://a'}
";
    assert_snapshot!(said(text), @r"
    error[PC904]: `matchLabels` takes a string for each label, not null
      --> a.yaml:5:33 spec.selector.matchLabels
    error[PC904]: `jwtRules[0]` takes a mapping, not null
      --> a.yaml:8:5 spec.jwtRules[0]
    error[PC904]: `audiences[0]` takes a string, not null
      --> a.yaml:9:29 spec.jwtRules[1].audiences[0]
    error[PC908]: `jwks_uri` is `jwksUri` once more: only one of them can be set
      --> a.yaml:9:65 spec.jwtRules[1].jwks_uri
    ");
}

#[test]
fn the_mesh_of_a_config_map_is_complained_of_at_its_own_place() {
    let text = "\
apiVersion: v1
kind: ConfigMap
metadata: {name: istio-canary}
data:
  mesh: |-
    trust_domain: td*
    rotNamespace: a

    pathNormalization: {normalization: BAS}
    defaultConfig:
      gatewayTopolgy: {numTrustedProxies: 1}
    discoverySelectors: [{}]
";
    assert_snapshot!(said(text), @r"
    error[PC908]: `trust_domain`: malformed label `td*` in trust domain `td*` [ID-4]
      --> a.yaml:6:19 data.mesh.trust_domain
    warning[PC905]: unknown field `rotNamespace` in `mesh`
      --> a.yaml:7:5 data.mesh
       = help: did you mean `rootNamespace`?
    error[PC908]: `normalization` does not take `BAS`
      --> a.yaml:9:40 data.mesh.pathNormalization.normalization
       = help: did you mean `BASE`?
    warning[PC905]: unknown field `gatewayTopolgy` in `defaultConfig`
      --> a.yaml:11:7 data.mesh.defaultConfig
       = help: did you mean `gatewayTopology`?
    warning[PC916]: `discoverySelectors` is not evaluated yet: every namespace is looked at
      --> a.yaml:12:25 data.mesh.discoverySelectors
    ");
}

#[rstest]
#[case::folded("  mesh: >-\n    {rootNamespace:\n    5}\n", "a.yaml:6:5")]
#[case::quoted("  mesh: \"a: 1\\nrootNamespace: 5\"\n", "a.yaml:5:9")]
#[case::below_a_comment("  mesh: |2 # c\n\n    rootNamespace: 5\n", "a.yaml:7:20")]
#[case::unreadable("  mesh: |\n    a: b\n    c: [\n", "a.yaml:7:8")]
fn a_place_in_a_string_is_as_exact_as_its_form_allows(#[case] data: &str, #[case] place: &str) {
    let text = format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: istio}}\ndata:\n{data}");
    let loaded = load(&text);
    let errors = loaded
        .findings
        .iter()
        .filter(|finding| finding.severity == Severity::Error);
    let places: Vec<_> = errors
        .map(|finding| finding.origin.as_ref().unwrap().to_string())
        .collect();
    assert_eq!(places, [place]);
}

#[test]
fn what_is_read_of_a_kubernetes_kind_has_its_type() {
    let text = "\
apiVersion: v1
kind: Service
metadata: {name: s, oddity: 1}
spec:
  odd: 1
  ports: [{port: 0}, {port: 80, targetPort: '80'}, {name: a}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: d}
spec:
  template:
    spec:
      hostNetwork: 'true'
      containers:
      - ports: [{containerPort: 65536, protocol: tcp}]
";
    assert_snapshot!(said(text), @r"
    error[PC908]: `port` does not take `0`: out of range
      --> a.yaml:6:18 spec.ports[0].port
    error[PC908]: `targetPort` does not take `80`
      --> a.yaml:6:45 spec.ports[1].targetPort
       = help: a number without quotes, or the name of a container's port
    error[PC907]: a port of a Service needs `port`
      --> a.yaml:6:52 spec.ports[2]
    error[PC904]: `hostNetwork` takes a boolean, not a string
      --> a.yaml:14:20 spec.template.spec.hostNetwork
    error[PC908]: `containerPort` does not take `65536`: out of range
      --> a.yaml:16:33 spec.template.spec.containers[0].ports[0].containerPort
    error[PC908]: `protocol` does not take `tcp`
      --> a.yaml:16:50 spec.template.spec.containers[0].ports[0].protocol
       = help: did you mean `TCP`?
    ");
}

#[test]
fn a_resource_with_an_error_is_not_among_the_resources() {
    let text = format!("{POLICY}spec: {{rule: []}}\n---\n{POLICY}status: {{anything: 1}}\n");
    let loaded = load(&text);
    assert_eq!(loaded.findings.len(), 1);
    assert_eq!(loaded.resources.len(), 1);
}

#[test]
fn a_policy_as_a_cluster_gives_it_is_read() {
    let text = "\
apiVersion: v1
kind: List
metadata: {resourceVersion: ''}
items:
- apiVersion: security.istio.io/v1beta1
  kind: AuthorizationPolicy
  metadata:
    annotations: {kubectl.kubernetes.io/last-applied-configuration: '{}'}
    creationTimestamp: '2020-02-02T02:02:02Z'
    deletionGracePeriodSeconds: 30
    deletionTimestamp: '2020-02-02T02:02:03Z'
    finalizers: [a]
    generateName: p-
    generation: 1
    managedFields: [{manager: kubectl}]
    name: p-1
    namespace: foo
    ownerReferences: [{kind: X, name: y}]
    resourceVersion: '1'
    selfLink: /a
    uid: u
  spec: {action: DENY, rules: [~, {}, {from: [], to: ~}]}
  status: {conditions: []}
";
    let [Resource::AuthorizationPolicy(policy)] = &good(text)[..] else { panic!("one policy") };
    assert_eq!(policy.meta.id(), "foo/p-1");
    assert_eq!(policy.meta.created.map(|time| time.0), Some(1_580_608_922));
    assert_eq!(policy.action, Action::Deny);
    let rules = policy.rules.as_deref().unwrap();
    assert_eq!(rules.iter().map(Option::is_none).collect::<Vec<_>>(), [true, false, false]);
    let last = rules[2].as_ref().unwrap();
    assert_eq!((&last.from, &last.to), (&None, &None));
}

#[rstest]
#[case::absent("")]
#[case::null("spec: ~\n")]
#[case::empty("spec: {}\n")]
#[case::no_rules("spec: {rules: []}\n")]
fn a_policy_without_rules_is_allow_without_rules(#[case] spec: &str) {
    let [Resource::AuthorizationPolicy(policy)] = &good(&format!("{POLICY}{spec}"))[..] else {
        panic!("one policy")
    };
    assert_eq!((policy.action, &policy.rules), (Action::Allow, &None));
}

#[test]
fn lists_stand_in_lists_and_typed_lists_name_the_kind_once() {
    let text = "\
apiVersion: v1
kind: List
items:
- {apiVersion: v1, kind: Namespace, metadata: {name: a, namespace: ignored}}
- apiVersion: v1
  kind: ServiceAccountList
  items: [{metadata: {name: b}}, {metadata: {name: c, namespace: x}}]
- {apiVersion: v1, kind: List}
- {apiVersion: v1, kind: PodList, items: ~}
- {apiVersion: v1, kind: Secret, metadata: {name: s}}
- {apiVersion: policy.linkerd.io/v1alpha1, kind: AuthorizationPolicy}
- {apiVersion: portcullis.dev/v1alpha1, kind: TestSuite}
- {apiVersion: networking.istio.io/v1, kind: Gateway, metadata: {name: g}}
- {apiVersion: gateway.networking.k8s.io/v1, kind: Gateway, metadata: {name: g}}
- {apiVersion: v1, kind: ConfigMap, metadata: {name: istio}}
";
    let loaded = load(text);
    assert_eq!(loaded.findings, Vec::new());
    let ids: Vec<_> = loaded
        .resources
        .iter()
        .map(|resource| format!("{} {}", resource.kind(), resource.meta().id()))
        .collect();
    assert_eq!(
        ids,
        [
            "Namespace /a",
            "ServiceAccount default/b",
            "ServiceAccount x/c",
            "Gateway default/g",
            "Gateway default/g"
        ]
    );
    let passed_over: Vec<_> = loaded
        .passed_over
        .iter()
        .map(|(kind, count)| (kind.as_str(), *count))
        .collect();
    assert_eq!(passed_over, [("AuthorizationPolicy", 1), ("ConfigMap", 1), ("Secret", 1)]);
}

#[test]
fn json_is_read_like_yaml() {
    let text = r#"{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "a"}}"#;
    assert_eq!(good(text).len(), 1);
}

fn workload(text: &str) -> Workload {
    match good(text).pop() {
        Some(Resource::Workload(workload)) => workload,
        other => panic!("no workload: {other:?}"),
    }
}

#[test]
fn a_pod_is_read_with_its_owner_and_addresses() {
    let pod = workload(
        "\
apiVersion: v1
kind: Pod
metadata:
  name: sleep-1
  labels: {app: sleep, empty: ~}
  ownerReferences: [{kind: Node, name: n}, {kind: ReplicaSet, name: sleep, controller: true}]
spec:
  serviceAccount: sleep
  serviceAccountName: sleep
  hostNetwork: true
  initContainers:
  - {name: istio-init, ports: [{containerPort: 1}]}
  - {name: istio-proxy, restartPolicy: Always, ports: [{containerPort: 15090, name: http-envoy-prom}]}
  containers:
  - {name: sleep, ports: [{containerPort: 80}, {containerPort: 53, protocol: UDP}]}
status: {podIP: 10.0.0.1, podIPs: [{ip: 10.0.0.1}, {ip: 'fd00::1'}]}
",
    );
    assert_eq!(pod.owner, Some(("ReplicaSet".to_owned(), "sleep".to_owned())));
    assert_eq!(pod.labels["empty"], "");
    assert_eq!(pod.service_account, "sleep");
    assert!(pod.host_network && pod.has_proxy);
    let port = |name: &str, port| ContainerPort { name: name.to_owned(), port };
    assert_eq!(pod.ports, [port("", 80), port("http-envoy-prom", 15090)]);
    assert_eq!(
        pod.ips,
        ["10.0.0.1".parse::<std::net::IpAddr>().unwrap(), "fd00::1".parse().unwrap()]
    );
}

#[rstest]
#[case::deployment("apps/v1", "Deployment", "{template: TEMPLATE}")]
#[case::controller("v1", "ReplicationController", "{template: TEMPLATE}")]
#[case::job("batch/v1", "Job", "{template: TEMPLATE}")]
#[case::cron_job("batch/v1", "CronJob", "{jobTemplate: {spec: {template: TEMPLATE}}}")]
fn the_pods_of_an_owner_are_those_of_its_template(
    #[case] version: &str,
    #[case] kind: &str,
    #[case] spec: &str,
) {
    let template = "{metadata: {labels: {app: a}, annotations: {b: c}}, spec: {containers: [{name: a, ports: [{containerPort: 80, name: http}]}]}}";
    let workload = workload(&format!(
        "apiVersion: {version}\nkind: {kind}\nmetadata: {{name: w, labels: {{app: owner}}}}\nspec: {}\n",
        spec.replace("TEMPLATE", template)
    ));
    assert_eq!(workload.kind, kind);
    assert_eq!(workload.labels["app"], "a");
    assert_eq!(workload.annotations["b"], "c");
    assert_eq!(workload.service_account, "default");
    assert_eq!(workload.ports, [ContainerPort { name: "http".to_owned(), port: 80 }]);
}

#[test]
fn a_name_that_the_cluster_makes_up_is_never_defined_twice() {
    let job = "apiVersion: batch/v1\nkind: Job\nmetadata: {generateName: j-}\n";
    assert_eq!(good(&format!("{job}---\n{job}")).len(), 2);
}

#[test]
fn a_service_port_goes_to_its_own_number_unless_it_says_otherwise() {
    let text = "\
apiVersion: v1
kind: Service
metadata: {name: s}
spec:
  type: ExternalName
  externalName: a.example
  selector: {app: a}
  ports:
  - {port: 80, name: http}
  - {port: 81, targetPort: 8080, appProtocol: grpc}
  - {port: 53, targetPort: dns, protocol: UDP}
";
    let [Resource::Service(Service { ports, external_name, selector, .. })] = &good(text)[..]
    else {
        panic!("one service")
    };
    let port = |name: &str, port, target, tcp, app_protocol: Option<&str>| ServicePort {
        name: name.to_owned(),
        port,
        target,
        tcp,
        app_protocol: app_protocol.map(str::to_owned),
    };
    assert_eq!(
        ports,
        &[
            port("http", 80, TargetPort::Number(80), true, None),
            port("", 81, TargetPort::Number(8080), true, Some("grpc")),
            port("", 53, TargetPort::Name("dns".to_owned()), false, None),
        ]
    );
    assert_eq!(external_name.as_deref(), Some("a.example"));
    assert_eq!(selector["app"], "a");
}

#[test]
fn the_mesh_is_read_in_either_spelling() {
    let text = "\
apiVersion: v1
kind: ConfigMap
metadata: {name: istio, namespace: istio-system}
data:
  meshNetworks: 'networks: {}'
  mesh: |
    root_namespace: root
    trustDomain: td
    trust_domain: ignored
    trustDomainAliases: [old]
    caCertificates: [{pem: a, trustDomains: [other]}]
    enableAutoMtls: false
    path_normalization: {normalization: 4}
    verify_certificate_at_client: true
    accessLogFile: /dev/stdout
    default_service_export_to: ['.']
    outboundTrafficPolicy: {mode: REGISTRY_ONLY}
    defaultConfig: {concurrency: 2, gatewayTopology: {numTrustedProxies: '2'}}
    extensionProviders:
    - name: http
      envoyExtAuthzHttp: {service: foo/a, port: 80, failOpen: true, statusOnError: '503', includeHeadersInCheck: [a]}
    - {name: grpc, envoy_ext_authz_grpc: {service: a, port: '9000'}}
    - {name: logs, envoyFileAccessLog: {path: /dev/stdout}}
";
    // Where both spellings stand, the second is unknown to istiod.
    let loaded = load(text);
    let said: Vec<_> = loaded
        .findings
        .iter()
        .map(|finding| finding.message.as_str())
        .collect();
    assert_eq!(said, ["unknown field `trust_domain` in `mesh`"]);
    let [Resource::MeshConfig(_, config)] = &loaded.resources[..] else { panic!("one mesh") };
    let MeshConfig {
        root_namespace,
        trust_domain,
        trust_domain_aliases,
        ca_trust_domains,
        enable_auto_mtls,
        normalization,
        extension_providers,
        default_config,
        default_service_export_to,
        registry_only,
    } = config.as_ref();
    assert_eq!(root_namespace.as_deref(), Some("root"));
    assert_eq!(trust_domain.as_deref(), Some("td"));
    assert_eq!(trust_domain_aliases.as_deref(), Some(&["old".to_owned()][..]));
    assert_eq!(ca_trust_domains.as_deref(), Some(&["other".to_owned()][..]));
    assert_eq!(*enable_auto_mtls, Some(false));
    assert_eq!(*normalization, Some(Normalization::DecodeAndMergeSlashes));
    assert_eq!(default_service_export_to.as_deref(), Some(&[".".to_owned()][..]));
    assert_eq!(*registry_only, Some(true));
    assert_eq!(
        default_config
            .gateway_topology
            .map(|to| to.num_trusted_proxies),
        Some(2)
    );
    let [http, grpc, logs] = extension_providers.as_deref().unwrap() else { panic!("three") };
    assert_eq!((http.kind, http.port, http.fail_open), (ProviderKind::Http, Some(80), true));
    assert_eq!(http.status_on_error.as_deref(), Some("503"));
    assert_eq!(http.include_request_headers, ["a"]);
    assert_eq!((grpc.kind, grpc.port, grpc.fail_open), (ProviderKind::Grpc, Some(9000), false));
    assert_eq!(logs.kind, ProviderKind::Other);
}

/// A Deployment whose pods have this ProxyConfig.
fn deployment(config: &str) -> String {
    let lines: String = config
        .lines()
        .map(|line| format!("          {line}\n"))
        .collect();
    format!(
        "apiVersion: apps/v1
kind: Deployment
metadata: {{name: gw}}
spec:
  template:
    metadata:
      annotations:
        proxy.istio.io/config: |
{lines}    spec: {{containers: []}}
"
    )
}

// [IN-9] [IN-35] [RT-33]
#[test]
fn a_pod_has_a_proxy_config_of_its_own() {
    let text = deployment(
        "concurrency: 2
gateway_topology: {numTrustedProxies: '3', forwardClientCertDetails: 5}
proxyHeaders: {forwardedClientCert: SANITIZE, server: {disabled: true}}
interceptionMode: TPROXY
proxyMetadata: {ISTIO_META_DNS_CAPTURE: 'true'}",
    );
    let [Resource::Workload(Workload { proxy_config, .. })] = &good(&text)[..] else {
        panic!("one workload")
    };
    let want = ProxyConfig {
        gateway_topology: Some(GatewayTopology {
            num_trusted_proxies: 3,
            forward_client_cert_details: Some(ForwardClientCertDetails::AlwaysForwardOnly),
            proxy_protocol: false,
        }),
        forwarded_client_cert: Some(ForwardClientCertDetails::Sanitize),
        interception_mode: Some(InterceptionMode::Tproxy),
    };
    assert_eq!(*proxy_config, want);
}

// [IN-9]
#[rstest]
#[case::no_yaml("gatewayTopology: }", Severity::Error, 9)]
#[case::no_mapping("- a", Severity::Error, 9)]
#[case::no_number("gatewayTopology:\n  numTrustedProxies: two", Severity::Error, 10)]
#[case::no_word("interceptionMode: 'OFF'", Severity::Error, 9)]
#[case::unknown("gatewayTopologie: {}", Severity::Warning, 9)]
#[case::proxy_protocol("gatewayTopology:\n  proxyProtocol: {}", Severity::Warning, 10)]
#[case::environment("proxyMetadata:\n  ISTIO_META_HTTP10: '1'", Severity::Warning, 10)]
#[case::runtime("runtimeValues: {a: b}", Severity::Warning, 9)]
#[case::header("proxyHeaders:\n  requestId: {disabled: true}", Severity::Warning, 10)]
fn what_a_proxy_config_of_a_pod_leaves_open_is_told(
    #[case] config: &str,
    #[case] severity: Severity,
    #[case] line: u32,
) {
    let loaded = load(&deployment(config));
    let [finding] = &loaded.findings[..] else { panic!("{:?}", loaded.findings) };
    assert_eq!(finding.severity, severity, "{finding}");
    assert_eq!(finding.origin.as_ref().unwrap().position.line, line, "{finding}");
}

#[test]
fn an_unknown_field_of_a_suites_mesh_is_an_error() {
    let file = Arc::from("a.yaml");
    let mut complaints = Vec::new();
    let documents = yaml::documents(&file, "trustDomian: a\n", &mut complaints);
    let mut reader = Reader { file, complaints: &mut complaints };
    mesh_config::mesh_config(&mut reader, &documents[0], FieldPath::root().field("mesh"));
    assert_eq!(complaints[0].severity, Severity::Error);
    assert_eq!(complaints[0].help.as_deref(), Some("did you mean `trustDomain`?"));
}

#[test]
fn a_port_without_a_mode_is_unset() {
    let text = "\
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: p}
spec: {selector: {matchLabels: {app: a}}, mtls: {}, portLevelMtls: {80: {}, '81': {mode: STRICT}}}
";
    let [Resource::PeerAuthentication(policy)] = &good(text)[..] else { panic!("one policy") };
    assert_eq!(policy.mode, None);
    let ports: Vec<_> = policy
        .port_level
        .iter()
        .flatten()
        .map(|(port, mode)| (port.value.as_str(), mode.value))
        .collect();
    assert_eq!(ports, [("80", Mode::Unset), ("81", Mode::Strict)]);
}

#[test]
fn complaints_are_bounded_and_the_bound_is_an_error() {
    let fields: String = (0..20_000).map(|n| format!("x{n}: 1\n")).collect();
    let loaded = load(&format!("{POLICY}{fields}---\n{POLICY}{fields}"));
    assert_eq!(loaded.findings.len(), reader::MAX_COMPLAINTS + 2);
    let bound = &loaded.findings[reader::MAX_COMPLAINTS];
    assert_eq!((bound.code, bound.severity), (Code::Limit, Severity::Error));
}

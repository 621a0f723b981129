//! docs/inputs.md: what of Pods, Services, Namespaces and MeshConfig is read, what leaves an answer open, and what is
//! warned about. Every row is asked with and without it.

use portcullis::cli::Exit;

use crate::support::captured::{Call, Captured};
use crate::support::{is_or_becomes, project};

/// What a row does to an answer.
#[derive(Clone, Copy, PartialEq)]
enum How {
    /// The answer is another one; the statement says which.
    Read(&'static str),
    /// There is no answer.
    Unknown,
    /// The answer stays, and a warning says that it may be wrong.
    Warned,
}

/// One field.
struct Row {
    of: &'static str,
    field: &'static str,
    how: How,
    /// What is written in the mesh otherwise, so that the row shows.
    setup: &'static [(&'static str, &'static str)],
    /// What the row writes.
    change: &'static [(&'static str, &'static str)],
    question: &'static [&'static str],
}

/// `a.bar` may call `b.foo`, as nobody else may, and nobody may call the gateway.
const MESH: &str = "\
apiVersion: v1
kind: ConfigMap
metadata: {name: istio, namespace: istio-system}
data:
  mesh: |-
    MESH: x
---
apiVersion: v1
kind: Namespace
metadata: {name: foo, labels: {istio-injection: enabled}}
---
apiVersion: v1
kind: Namespace
metadata: {name: bar, labels: {istio-injection: enabled }}
---
apiVersion: v1
kind: Pod
metadata: {name: a, namespace: bar, labels: {app: a}, annotations: {of: a}}
spec: {containers: [{name: a}]}
---
apiVersion: v1
kind: Pod
metadata: {name: b, namespace: foo, labels: {app: b}, annotations: {of: b}}
spec: {containers: [{name: b, ports: [{containerPort: 8080}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: b, namespace: foo, labels: {of: s}, annotations: {of: s}}
spec: {clusterIP: 10.96.0.1, selector: {app: b}, ports: [{name: http, port: 80, targetPort: 8080}]}
---
apiVersion: v1
kind: Pod
metadata: {name: gw, namespace: edge, labels: {istio: ingressgateway}, annotations: {of: gw}}
spec: {containers: [{name: istio-proxy, ports: [{containerPort: 8080}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: gw, namespace: edge}
spec: {selector: {istio: ingressgateway}, ports: [{name: http2, port: 80, targetPort: 8080}]}
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: strict, namespace: foo}
spec: {mtls: {mode: STRICT}}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: b, namespace: foo}
spec: {rules: [{from: [{source: {principals: [cluster.local/ns/bar/sa/default]}}]}]}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: gw, namespace: edge}
spec: {rules: [{from: [{source: {remoteIpBlocks: [203.0.113.0/24]}}]}]}
";

const A_TO_B: &[&str] = &["a.bar", "GET", "http://b.foo/"];
const ANYBODY_TO_B: &[&str] = &["external", "GET", "http://b.foo/"];
const GATEWAY_TO_B: &[&str] = &["gw.edge", "GET", "http://b.foo/"];
const ANYBODY_TO_THE_GATEWAY: &[&str] = &[
    "external",
    "GET",
    "http://gw.edge/",
    "--source-ip",
    "10.0.0.9",
    "-H",
    "x-forwarded-for: 203.0.113.7",
    "-H",
    "x-forwarded-client-cert: x",
];

/// A rule of `b` with another condition beside the caller.
macro_rules! and {
    ($what:literal) => {
        &[("sa/default]}}]}]", concat!("sa/default]}}], ", $what, "}]"))]
    };
}

const HEADER: &[(&str, &str)] =
    and!("when: [{key: 'request.headers[x-forwarded-client-cert]', values: [x]}]");

/// A field of the pod `a`, of `b` or of the gateway, and of the mesh.
macro_rules! annotation {
    (a, $value:literal) => {
        &[("annotations: {of: a}", concat!("annotations: {", $value, "}"))]
    };
    (b, $value:literal) => {
        &[("annotations: {of: b}", concat!("annotations: {", $value, "}"))]
    };
    (gw, $value:literal) => {
        &[("annotations: {of: gw}", concat!("annotations: {", $value, "}"))]
    };
    (service, $value:literal) => {
        &[("annotations: {of: s}", concat!("annotations: {", $value, "}"))]
    };
}
macro_rules! label {
    ($value:literal) => {
        &[("labels: {app: b}", concat!("labels: {app: b, ", $value, "}"))]
    };
}
macro_rules! mesh {
    ($value:literal) => {
        &[("MESH: x", $value)]
    };
}

const fn row(
    of: &'static str,
    field: &'static str,
    how: How,
    change: &'static [(&'static str, &'static str)],
    question: &'static [&'static str],
) -> Row {
    Row { of, field, how, setup: &[], change, question }
}

impl Row {
    const fn beside(mut self, setup: &'static [(&'static str, &'static str)]) -> Self {
        self.setup = setup;
        self
    }
}

use How::{Read, Unknown, Warned};

const ROWS: &[Row] = &[
    // MeshConfig
    row("MeshConfig", "caCertificates[].trustDomains", Read("IN-4"), mesh!("caCertificates: [{trustDomains: [td]}]"), &["td/ns/bar/sa/default", "GET", "http://b.foo/"])
        .beside(&[("principals: [cluster.local/ns/bar/sa/default]", "principals: ['*']")]),
    row("MeshConfig", "defaultConfig", Read("IN-9"), mesh!("defaultConfig: {gatewayTopology: {numTrustedProxies: 1}}"), ANYBODY_TO_THE_GATEWAY),
    row("MeshConfig", "defaultServiceExportTo", Unknown, mesh!("defaultServiceExportTo: ['.']"), A_TO_B),
    row("MeshConfig", "discoverySelectors", Warned, mesh!("discoverySelectors: [{matchLabels: {a: b}}]"), A_TO_B),
    row("MeshConfig", "enableAutoMtls", Read("IN-5"), mesh!("enableAutoMtls: false"), A_TO_B),
    row("MeshConfig", "extensionProviders", Read("IN-8"), mesh!("extensionProviders: [{name: ext, envoyExtAuthzGrpc: {service: ext.foo.svc, port: 9000}}]"), &["a.bar", "GET", "http://b.foo/", "--provider", "ext=allow"])
        .beside(&[("kind: PeerAuthentication\nmetadata: {name: strict, namespace: foo}\nspec: {mtls: {mode: STRICT}}", "kind: AuthorizationPolicy\nmetadata: {name: ext, namespace: foo}\nspec: {action: CUSTOM, provider: {name: ext}, rules: [{}]}")]),
    row("MeshConfig", "outboundTrafficPolicy.mode", Unknown, mesh!("outboundTrafficPolicy: {mode: REGISTRY_ONLY}"), &["a.bar", "GET", "http://10.0.0.2:8080/"])
        .beside(&[("containerPort: 8080}]}]}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: b", "containerPort: 8080}]}]}\nstatus: {podIP: 10.0.0.2}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: b")]),
    row("MeshConfig", "pathNormalization", Read("IN-7"), mesh!("pathNormalization: {normalization: MERGE_SLASHES}"), &["a.bar", "GET", "http://b.foo//x"])
        .beside(and!("to: [{operation: {paths: [/x]}}]")),
    row("MeshConfig", "rootNamespace", Read("IN-1"), mesh!("rootNamespace: edge"), A_TO_B)
        .beside(&[("spec: {rules: [{from: [{source: {remoteIpBlocks: [203.0.113.0/24]}}]}]}", "spec: {action: DENY, rules: [{}]}")]),
    row("MeshConfig", "trustDomain", Read("IN-2"), mesh!("trustDomain: td"), A_TO_B)
        .beside(&[("principals: [cluster.local/", "principals: [td/")]),
    row("MeshConfig", "trustDomainAliases", Read("IN-3"), mesh!("trustDomainAliases: [td]"), A_TO_B)
        .beside(&[("principals: [cluster.local/", "principals: [td/")]),
    // ProxyConfig
    row("ProxyConfig", "caCertificatesPem", Warned, annotation!(b, "proxy.istio.io/config: 'caCertificatesPem: [x]'"), A_TO_B),
    row("ProxyConfig", "customConfigFile", Warned, annotation!(b, "proxy.istio.io/config: 'customConfigFile: /x'"), A_TO_B),
    row("ProxyConfig", "gatewayTopology.forwardClientCertDetails", Read("RT-33"), annotation!(gw, "proxy.istio.io/config: 'gatewayTopology: {forwardClientCertDetails: ALWAYS_FORWARD_ONLY}'"), ANYBODY_TO_THE_GATEWAY)
        .beside(&[("from: [{source: {remoteIpBlocks: [203.0.113.0/24]}}]", "when: [{key: 'request.headers[x-forwarded-client-cert]', values: [x]}]")]),
    row("ProxyConfig", "gatewayTopology.numTrustedProxies", Read("IN-9"), annotation!(gw, "proxy.istio.io/config: 'gatewayTopology: {numTrustedProxies: 1}'"), ANYBODY_TO_THE_GATEWAY),
    row("ProxyConfig", "gatewayTopology.proxyProtocol", Unknown, annotation!(gw, "proxy.istio.io/config: 'gatewayTopology: {proxyProtocol: {}}'"), ANYBODY_TO_THE_GATEWAY),
    row("ProxyConfig", "interceptionMode", Read("IN-35"), annotation!(b, "proxy.istio.io/config: 'interceptionMode: NONE'"), ANYBODY_TO_B),
    row("ProxyConfig", "proxyBootstrapTemplatePath", Warned, annotation!(b, "proxy.istio.io/config: 'proxyBootstrapTemplatePath: /x'"), A_TO_B),
    row("ProxyConfig", "proxyHeaders.forwardedClientCert", Read("RT-33"), annotation!(b, "proxy.istio.io/config: 'proxyHeaders: {forwardedClientCert: FORWARD_ONLY}'"), &["a.bar", "GET", "http://b.foo/", "-H", "x-forwarded-client-cert: x"])
        .beside(HEADER),
    row("ProxyConfig", "proxyHeaders.requestId", Warned, annotation!(b, "proxy.istio.io/config: 'proxyHeaders: {requestId: {disabled: true}}'"), A_TO_B),
    row("ProxyConfig", "proxyHeaders.xForwardedHost", Warned, annotation!(b, "proxy.istio.io/config: 'proxyHeaders: {xForwardedHost: {enabled: true}}'"), A_TO_B),
    row("ProxyConfig", "proxyHeaders.xForwardedPort", Warned, annotation!(b, "proxy.istio.io/config: 'proxyHeaders: {xForwardedPort: {enabled: true}}'"), A_TO_B),
    row("ProxyConfig", "proxyMetadata.ISTIO_META_ENABLE_HBONE", Warned, annotation!(b, "proxy.istio.io/config: 'proxyMetadata: {ISTIO_META_ENABLE_HBONE: \"true\"}'"), A_TO_B),
    row("ProxyConfig", "proxyMetadata.ISTIO_META_HTTP10", Warned, annotation!(b, "proxy.istio.io/config: 'proxyMetadata: {ISTIO_META_HTTP10: \"1\"}'"), A_TO_B),
    row("ProxyConfig", "proxyMetadata.ISTIO_META_INTERCEPTION_MODE", Warned, annotation!(b, "proxy.istio.io/config: 'proxyMetadata: {ISTIO_META_INTERCEPTION_MODE: NONE}'"), A_TO_B),
    row("ProxyConfig", "proxyMetadata.ISTIO_META_NETWORK", Warned, annotation!(b, "proxy.istio.io/config: 'proxyMetadata: {ISTIO_META_NETWORK: n}'"), A_TO_B),
    row("ProxyConfig", "proxyMetadata.ISTIO_META_TLS_*", Warned, annotation!(b, "proxy.istio.io/config: 'proxyMetadata: {ISTIO_META_TLS_CLIENT_KEY: /x}'"), A_TO_B),
    row("ProxyConfig", "proxyMetadata.PROV_CERT", Warned, annotation!(b, "proxy.istio.io/config: 'proxyMetadata: {PROV_CERT: /x}'"), A_TO_B),
    row("ProxyConfig", "runtimeValues", Warned, annotation!(b, "proxy.istio.io/config: 'runtimeValues: {x: y}'"), A_TO_B),
    // Namespace
    row("Namespace", "label istio-injection", Read("IN-30"), &[("{name: foo, labels: {istio-injection: enabled}", "{name: foo, labels: {istio-injection: disabled}")], ANYBODY_TO_B),
    row("Namespace", "label istio.io/dataplane-mode", Unknown, &[("{name: foo, labels: {istio-injection: enabled}", "{name: foo, labels: {istio.io/dataplane-mode: ambient}")], A_TO_B),
    row("Namespace", "label istio.io/rev", Read("IN-30"), &[("{name: foo, labels: {}", "{name: foo, labels: {istio.io/rev: x}")], ANYBODY_TO_B)
        .beside(&[("{name: foo, labels: {istio-injection: enabled}", "{name: foo, labels: {}")]),
    row("Namespace", "labels istio.io/ingress-use-waypoint, istio.io/use-waypoint", Unknown, &[("{name: foo, labels: {istio-injection: enabled}", "{name: foo, labels: {istio-injection: enabled, istio.io/ingress-use-waypoint: 'true', istio.io/use-waypoint: w}")], GATEWAY_TO_B),
    // Pods
    row("Pod", "annotation inject.istio.io/templates", Unknown, annotation!(b, "inject.istio.io/templates: grpc-agent"), A_TO_B),
    row("Pod", "annotation istio.io/reroute-virtual-interfaces", Warned, annotation!(b, "istio.io/reroute-virtual-interfaces: net1"), A_TO_B),
    row("Pod", "annotation proxy.istio.io/config", Read("IN-9"), annotation!(gw, "proxy.istio.io/config: 'gatewayTopology: {numTrustedProxies: 1}'"), ANYBODY_TO_THE_GATEWAY),
    row("Pod", "annotation sidecar.istio.io/bootstrapOverride", Warned, annotation!(b, "sidecar.istio.io/bootstrapOverride: x"), A_TO_B),
    row("Pod", "annotation sidecar.istio.io/inject", Read("IN-30"), annotation!(b, "sidecar.istio.io/inject: 'false'"), ANYBODY_TO_B),
    row("Pod", "annotation sidecar.istio.io/interceptionMode", Read("IN-35"), annotation!(b, "sidecar.istio.io/interceptionMode: NONE"), ANYBODY_TO_B),
    row("Pod", "annotation traffic.sidecar.istio.io/excludeInboundPorts", Read("IN-35"), annotation!(b, "traffic.sidecar.istio.io/excludeInboundPorts: '8080'"), ANYBODY_TO_B),
    row("Pod", "annotation traffic.sidecar.istio.io/excludeInterfaces", Unknown, annotation!(b, "traffic.sidecar.istio.io/excludeInterfaces: eth1"), A_TO_B),
    row("Pod", "annotation traffic.sidecar.istio.io/excludeOutboundIPRanges", Read("IN-20"), annotation!(a, "traffic.sidecar.istio.io/excludeOutboundIPRanges: 10.96.0.0/12"), A_TO_B),
    row("Pod", "annotation traffic.sidecar.istio.io/excludeOutboundPorts", Read("IN-20"), annotation!(a, "traffic.sidecar.istio.io/excludeOutboundPorts: '80'"), A_TO_B),
    row("Pod", "annotation traffic.sidecar.istio.io/includeInboundPorts", Read("IN-35"), annotation!(b, "traffic.sidecar.istio.io/includeInboundPorts: '9000'"), ANYBODY_TO_B),
    row("Pod", "annotation traffic.sidecar.istio.io/includeOutboundIPRanges", Read("IN-20"), annotation!(a, "traffic.sidecar.istio.io/includeOutboundIPRanges: 10.0.0.0/24"), A_TO_B),
    row("Pod", "annotation traffic.sidecar.istio.io/includeOutboundPorts", Read("IN-20"), &[("includeOutboundIPRanges: ''", "includeOutboundIPRanges: '', traffic.sidecar.istio.io/includeOutboundPorts: '80'")], A_TO_B)
        .beside(annotation!(a, "traffic.sidecar.istio.io/includeOutboundIPRanges: ''")),
    row("Pod", "annotation traffic.sidecar.istio.io/kubevirtInterfaces", Warned, annotation!(b, "traffic.sidecar.istio.io/kubevirtInterfaces: net1"), A_TO_B),
    row("Pod", "containers", Read("IN-30"), &[("spec: {containers: [{name: b,", "spec: {containers: [{name: istio-proxy,")], ANYBODY_TO_B)
        .beside(&[("{name: foo, labels: {istio-injection: enabled}", "{name: foo, labels: {}")]),
    row("Pod", "hostNetwork", Read("IN-30"), &[("spec: {containers: [{name: b,", "spec: {hostNetwork: true, containers: [{name: b,")], ANYBODY_TO_B),
    row("Pod", "label gateway.istio.io/managed", Unknown, label!("gateway.istio.io/managed: istio.io-mesh-controller"), A_TO_B),
    row("Pod", "label gateway.networking.k8s.io/gateway-name", Read("PA-6"), label!("gateway.networking.k8s.io/gateway-name: g"), ANYBODY_TO_B)
        .beside(&[("principals: [cluster.local/ns/bar/sa/default]", "notPrincipals: [x]")]),
    row("Pod", "label istio.io/dataplane-mode", Unknown, label!("istio.io/dataplane-mode: ambient"), ANYBODY_TO_B)
        .beside(&[("{name: foo, labels: {istio-injection: enabled}", "{name: foo, labels: {}")]),
    row("Pod", "label istio.io/rev", Read("IN-30"), label!("istio.io/rev: x"), ANYBODY_TO_B)
        .beside(&[("{name: foo, labels: {istio-injection: enabled}", "{name: foo, labels: {}")]),
    row("Pod", "label networking.istio.io/tunnel", Unknown, label!("security.istio.io/tlsMode: disabled, networking.istio.io/tunnel: http"), A_TO_B),
    row("Pod", "label security.istio.io/tlsMode", Read("CL-11"), label!("security.istio.io/tlsMode: disabled"), A_TO_B),
    row("Pod", "label sidecar.istio.io/inject", Read("IN-30"), label!("sidecar.istio.io/inject: 'false'"), ANYBODY_TO_B),
    row("Pod", "label topology.istio.io/network", Unknown, &[("labels: {app: a}", "labels: {topology.istio.io/network: one}"), ("labels: {app: b}", "labels: {app: b, topology.istio.io/network: two}")], A_TO_B),
    row("Pod", "serviceAccountName", Read("ID-1"), &[("spec: {containers: [{name: a}]}", "spec: {serviceAccountName: other, containers: [{name: a}]}")], A_TO_B),
    // Services
    row("Service", "annotation networking.istio.io/exportTo", Unknown, annotation!(service, "networking.istio.io/exportTo: '.'"), A_TO_B),
    row("Service", "clusterIP: None", Read("RT-40"), &[("clusterIP: 10.96.0.1", "clusterIP: None")], A_TO_B)
        .beside(and!("to: [{operation: {ports: ['8080']}}]")),
    row("Service", "labels istio.io/ingress-use-waypoint, istio.io/use-waypoint", Unknown, &[("labels: {of: s}", "labels: {istio.io/ingress-use-waypoint: 'true', istio.io/use-waypoint: w}")], GATEWAY_TO_B),
    row("Service", "ports[].appProtocol", Read("PA-10"), &[("{name: http, port: 80", "{name: http, appProtocol: tcp, port: 80")], A_TO_B)
        .beside(and!("to: [{operation: {methods: [GET]}}]")),
    row("Service", "ports[].name", Read("PA-10"), &[("{name: http, port: 80", "{name: tcp, port: 80")], A_TO_B)
        .beside(and!("to: [{operation: {methods: [GET]}}]")),
    row("Service", "ports[].targetPort", Read("AP-48"), &[("targetPort: 8080}]}\n---\napiVersion: v1\nkind: Pod", "targetPort: 9090}]}\n---\napiVersion: v1\nkind: Pod")], A_TO_B)
        .beside(and!("to: [{operation: {ports: ['8080']}}]")),
];

/// The mesh with something else in some places.
fn with(mesh: &str, changes: &[(&str, &str)]) -> String {
    let mut mesh = mesh.to_owned();
    for (from, to) in changes {
        assert_eq!(mesh.matches(from).count(), 1, "{from}\n{mesh}");
        mesh = mesh.replace(from, to);
    }
    mesh
}

fn ask(mesh: &str, question: &[&str]) -> Call {
    // What nothing is written into is no field of MeshConfig.
    let mesh = mesh.replace("MESH: x", "{}");
    let words = [&["can-i"], question, &["-f", "mesh.yaml"]].concat();
    Captured::with(&[("mesh.yaml", &mesh)]).run(&words)
}

#[test]
fn every_row_does_what_it_says() {
    let mut wrong = Vec::new();
    for row in ROWS {
        let mesh = with(MESH, row.setup);
        let without = ask(&mesh, row.question);
        let with = ask(&with(&mesh, row.change), row.question);
        let settled = |call: &Call| matches!(call.exit, Exit::Yes | Exit::No);
        let right = match row.how {
            // What another proxy leaves open may be read of this one.
            Read(_) => settled(&with) && with.exit != without.exit,
            Unknown => settled(&without) && with.exit == Exit::Unknown,
            Warned => {
                let last = row.field.trim_end_matches('*');
                let name = last.rsplit(['.', ' ']).next().unwrap_or(last);
                settled(&with)
                    && with.exit == without.exit
                    && with.err.contains(name)
                    && !without.err.contains(name)
            }
        };
        if !right {
            wrong.push(format!(
                "{} {}: {:?}, then {:?}\n{}{}",
                row.of, row.field, without.exit, with.exit, with.out, with.err
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_page_has_every_row() {
    let mut table = "| of | field | the answer |\n| --- | --- | --- |\n".to_owned();
    for row in ROWS {
        let how = match row.how {
            Read(statement) => format!("goes by it: {statement}"),
            Unknown => "is unknown".to_owned(),
            Warned => "does not change, with a warning".to_owned(),
        };
        table.push_str(&format!("| {} | `{}` | {how} |\n", row.of, row.field));
    }
    let text = project("docs/inputs.md");
    let (before, rest) = text.split_once("| of |").unwrap();
    let (_, after) = rest.split_once("\n\n").unwrap();
    is_or_becomes("docs/inputs.md", &text, &format!("{before}{table}\n{after}"));
}

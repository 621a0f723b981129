//! Choices → a suite's mesh, in which values stand at which answers turn.

use std::fmt::Write as _;

use super::super::choices::Choices;

type Table = &'static [(&'static str, &'static [&'static str])];

const PRINCIPALS: &[&str] = &[
    "cluster.local/ns/foo/sa/sleep",
    "*",
    "*/sa/sleep",
    "cluster.local/*",
    "old.td/ns/foo/sa/sleep",
    "td*/ns/foo/sa/sleep",
    "*.td/ns/foo/sa/sleep",
    "*/ns/foo/sa/sleep",
    "td1/ns/foo/sa/sleep",
    "other/ns/foo/sa/sleep",
    "cluster.local/ns/*/sa/sleep",
    "cluster.local/ns/foo/sa/*",
    "cluster.local/ns/foo/*",
    "spiffe://cluster.local/ns/foo/sa/sleep",
    "/ns/foo/sa/sleep",
    "*foo*",
    "*ns/foo/sa/sleep",
    "cluster.local/ns/foo/sa/slee",
    "Cluster.local/ns/foo/sa/sleep",
    "**",
    "",
];
const NAMESPACES: &[&str] = &[
    "foo",
    "bar",
    "*",
    "f*",
    "*o",
    "f*o",
    "fo",
    "foo*",
    "*oo*",
    "f*o*",
    "foo/sa/sleep",
    "FOO",
    "f.o",
    "",
];
const ACCOUNTS: &[&str] = &[
    "sleep",
    "foo/sleep",
    "bar/sleep",
    "slee",
    "foo/sleepy",
    "istio-system/sleep",
    "sleep/",
    "sleep/y",
    "foo/a/b",
    "",
];
const DOMAINS: &[&str] = &[
    "cluster.local",
    "old.td",
    "*",
    "cluster*",
    "*.local",
    "c*l",
    "td1",
    "cluster.loca",
    "*.td",
    "cluster.local/ns",
    "*l*",
    "",
];
const BLOCKS: &[&str] = &[
    "10.0.0.0/8",
    "10.1.2.3",
    "0.0.0.0/0",
    "10.1.2.4/31",
    "10.1.2.2/31",
    "::/0",
    "2001:db8::1",
    "2001:db8::/127",
    "10.1.2.3/32",
    "10.1.2.3/30",
    "11.0.0.0/8",
    "::ffff:10.1.2.3",
    "1.2.3.4",
];
const BAD_BLOCKS: &[&str] = &["a.b.c.d", "10.0.0.0/33", "10.0.0.0/08", "10.1.2.3/", "1.2.3", ""];
const PORTS: &[&str] = &["8080", "9000", "7000", "80", "0", "65535", "08080", "8443"];
const BAD_PORTS: &[&str] = &["65536", "http", "+80", "-1", ""];
const ISSUED: &[&str] = &[
    "issuer/subject",
    "*",
    "issuer/*",
    "*/subject",
    "iss*",
    "*ect",
    "issuer/sub*",
    "issuer",
    "*uer/subject",
    "*/*",
    "https://issuer/x/subject",
    "https://issuer/x/*",
    "https://iss*",
    "*er/sub*",
    "",
];
const HOSTS: &[&str] = &[
    "example.com",
    "*",
    "*.com",
    "EXAMPLE.*",
    "web.foo:80",
    "httpbin.foo:8080",
    "example.com:80",
    "example.com.",
    "*:80",
    "web*",
    "",
];
const METHODS: &[&str] = &["GET", "*", "P*", "*ST", "get", "POST", "GET*", "*GET", "G", ""];
const PATHS: &[&str] = &[
    "/admin",
    "/*",
    "/admin/*",
    "*/admin",
    "*",
    "/admin/{*}",
    "/{**}",
    "/{*}/x/{**}/end",
    "/a*n",
    "/ADMIN",
    "/admin/",
    "/admin/x",
    "/{*}",
    "/admin/{**}",
    "/{**}/end",
    "/a/{*}/b/{**}",
    "/admin*",
    "*min",
    "/admin?x=1",
    "/%7Eu",
    "/~u",
    "",
];
const TEXTS: &[&str] = &["admin", "*", "ad*", "*in", "a,b", "admi", "ADMIN", "**", ""];
const SERVER_NAMES: &[&str] = &[
    "outbound_.80_._.web.foo.svc.cluster.local",
    "*",
    "example.com",
    "*.com",
    "EXAMPLE.com",
    "outbound_*",
    "",
];
const PATHS_SEEN: &[&str] = &["/admin", "/admin?x=1", "*", "/*", "*x=1", "/?access_token=*"];

const SOURCES: Table = &[
    ("principals", PRINCIPALS),
    ("requestPrincipals", ISSUED),
    ("namespaces", NAMESPACES),
    ("ipBlocks", BLOCKS),
    ("remoteIpBlocks", BLOCKS),
    ("serviceAccounts", ACCOUNTS),
    ("trustDomains", DOMAINS),
];
const OPERATIONS: Table =
    &[("hosts", HOSTS), ("ports", PORTS), ("methods", METHODS), ("paths", PATHS), ("paths", PATHS)];
const KEYS: Table = &[
    ("source.ip", BLOCKS),
    ("remote.ip", BLOCKS),
    ("source.namespace", NAMESPACES),
    ("source.principal", PRINCIPALS),
    ("source.serviceAccount", ACCOUNTS),
    ("source.trustDomain", DOMAINS),
    ("request.headers[X-Role]", TEXTS),
    ("request.headers[x-role]", TEXTS),
    ("request.headers[user-agent]", TEXTS),
    ("request.headers[authorization]", &["*", "Bearer *", "Bearer stated.token.0"]),
    ("request.headers[x-claim]", TEXTS),
    ("request.headers[x-forwarded-for]", &["*", "10.1.2.3", "10.1.2.3*"]),
    ("request.headers[x-forwarded-proto]", &["http", "https", "*"]),
    ("request.headers[x-request-id]", &["*", "a"]),
    ("request.headers[:authority]", HOSTS),
    ("request.headers[host]", HOSTS),
    ("request.headers[:method]", METHODS),
    ("request.headers[:path]", PATHS_SEEN),
    ("request.headers[:scheme]", &["http", "https"]),
    ("request.auth.principal", ISSUED),
    ("request.auth.audiences", TEXTS),
    ("request.auth.presenter", TEXTS),
    ("request.auth.claims[role]", TEXTS),
    ("request.auth.claims[scope]", &["admin", "x", "*", "x admin"]),
    ("request.auth.claims[words]", &["admin", "x", "*", "x admin"]),
    ("request.auth.claims[a][b]", TEXTS),
    ("request.auth.claims[a]", TEXTS),
    ("request.auth.claims[a.b]", TEXTS),
    ("request.auth.claims[a][b]c[d]", TEXTS),
    ("request.auth.claims", TEXTS),
    ("destination.ip", BLOCKS),
    ("destination.port", PORTS),
    ("connection.sni", SERVER_NAMES),
    ("experimental.envoy.filters.a.b[c]", &["admin", "[admin]", "*"]),
    ("request.headers[broken", TEXTS),
    ("source.labels[unknown]", TEXTS),
];

fn values(choices: &mut Choices<'_>, name: &str, table: &[&'static str]) -> String {
    let count = 1 + choices.below(3);
    let mut list = Vec::new();
    for _ in 0..count {
        let value = match name {
            "ports" | "destination.port" if choices.once_in(25) => choices.pick(BAD_PORTS),
            _ if table == BLOCKS && choices.once_in(25) => choices.pick(BAD_BLOCKS),
            _ if choices.once_in(3) => choices.pick_early(table),
            _ => choices.pick(table),
        };
        list.push(format!("'{value}'"));
    }
    format!("[{}]", list.join(", "))
}

fn clause(choices: &mut Choices<'_>, table: Table) -> String {
    let mut fields: Vec<(String, String)> = Vec::new();
    for _ in 0..=choices.below(3) {
        let (name, of) = choices.pick(table);
        let values = values(choices, name, of);
        let name = match name.split_at_checked(1) {
            Some((first, rest)) if choices.once_in(4) => {
                format!("not{}{rest}", first.to_uppercase())
            }
            _ => name.to_owned(),
        };
        if fields.iter().all(|(other, _)| *other != name) {
            fields.push((name, values));
        }
    }
    let fields: Vec<String> = fields
        .iter()
        .map(|(name, values)| format!("{name}: {values}"))
        .collect();
    format!("{{{}}}", fields.join(", "))
}

fn rule(choices: &mut Choices<'_>) -> String {
    if choices.once_in(60) {
        return "null".to_owned();
    }
    let mut parts = Vec::new();
    for (list, entry, table) in [("from", "source", SOURCES), ("to", "operation", OPERATIONS)] {
        let count = choices.pick(&[0, 0, 1, 1, 2]);
        let clauses: Vec<String> = (0..count)
            .map(|_| format!("{{{entry}: {}}}", clause(choices, table)))
            .collect();
        if count > 0 {
            parts.push(format!("{list}: [{}]", clauses.join(", ")));
        }
    }
    let mut when = Vec::new();
    for _ in 0..choices.pick(&[0, 0, 0, 1, 1, 2]) {
        let (key, of) = choices.pick(KEYS);
        let mut condition = format!("key: '{key}'");
        let both = choices.once_in(8);
        let negated = choices.once_in(4);
        if !negated || both {
            write!(condition, ", values: {}", values(choices, key, of)).expect("texts take all");
        }
        if negated || both {
            write!(condition, ", notValues: {}", values(choices, key, of)).expect("texts take all");
        }
        when.push(format!("{{{condition}}}"));
    }
    if !when.is_empty() {
        parts.push(format!("when: [{}]", when.join(", ")));
    }
    format!("{{{}}}", parts.join(", "))
}

fn metadata(choices: &mut Choices<'_>, name: &str, namespaces: &[&str]) -> String {
    let mut meta = format!("name: {name}, namespace: {}", choices.pick(namespaces));
    if choices.once_in(3) {
        let second = choices.below(3);
        write!(meta, ", creationTimestamp: '2026-01-01T00:00:0{second}Z'").expect("texts take all");
    }
    if choices.once_in(20) {
        let revision = choices.pick(&["default", "canary"]);
        write!(meta, ", labels: {{istio.io/rev: {revision}}}").expect("texts take all");
    }
    meta
}

fn target(choices: &mut Choices<'_>, attachable: bool) -> &'static str {
    match choices.below(14) {
        0..=4 => "",
        5 => "selector: {matchLabels: {app: other}}, ",
        6 => "selector: {}, ",
        7 => "selector: {matchLabels: {app: httpbin, version: v1}}, ",
        8 if attachable && choices.once_in(2) => {
            "targetRefs: [{kind: Service, group: '', name: web}], "
        }
        _ => "selector: {matchLabels: {app: httpbin}}, ",
    }
}

/// An AuthorizationPolicy.
fn policy(choices: &mut Choices<'_>, name: &str) -> String {
    let action = choices.pick(&["ALLOW", "ALLOW", "DENY", "ALLOW", "DENY", "CUSTOM", "AUDIT"]);
    let mut meta = metadata(choices, name, &["foo", "foo", "foo", "istio-system", "bar"]);
    if choices.once_in(8) {
        let word = choices.pick(&["true", "True", "1", "yes", "false", "t"]);
        write!(meta, ", annotations: {{istio.io/dry-run: '{word}'}}").expect("texts take all");
    }
    let mut spec = target(choices, true).to_owned();
    if action != "ALLOW" || choices.once_in(2) {
        write!(spec, "action: {action}, ").expect("texts take all");
    }
    if action == "CUSTOM" {
        let provider = choices.pick(&[
            "grpc", "grpc", "http", "http", "missing", "twice", "broken", "other", "spaced",
        ]);
        write!(spec, "provider: {{name: {provider}}}, ").expect("texts take all");
    }
    let rules: Vec<String> = (0..choices.pick(&[1, 0, 1, 2, 3]))
        .map(|_| rule(choices))
        .collect();
    format!(
        "{{apiVersion: security.istio.io/v1, kind: AuthorizationPolicy, metadata: {{{meta}}}, spec: {{{spec}rules: [{}]}}}}",
        rules.join(", ")
    )
}

fn peer_authentication(choices: &mut Choices<'_>, name: &str) -> String {
    const MODES: &[&str] =
        &["PERMISSIVE", "STRICT", "PERMISSIVE", "UNSET", "DISABLE", "PERMISSIVE"];
    let meta = metadata(choices, name, &["foo", "foo", "istio-system", "bar"]);
    let mut spec = target(choices, false).to_owned();
    if !choices.once_in(6) {
        write!(spec, "mtls: {{mode: {}}}, ", choices.pick(MODES)).expect("texts take all");
    }
    if choices.once_in(2) {
        let (port, mode) = (choices.pick(&["8080", "9000", "7000", "80"]), choices.pick(MODES));
        write!(spec, "portLevelMtls: {{'{port}': {{mode: {mode}}}}}").expect("texts take all");
    }
    format!(
        "{{apiVersion: security.istio.io/v1, kind: PeerAuthentication, metadata: {{{meta}}}, spec: {{{spec}}}}}"
    )
}

fn request_authentication(choices: &mut Choices<'_>, name: &str) -> String {
    let meta = metadata(choices, name, &["foo", "foo", "foo", "istio-system", "bar"]);
    let mut rules = Vec::new();
    for _ in 0..choices.pick(&[1, 1, 0, 2]) {
        let issuer = choices.pick_early(&["issuer", "issuer", "other", "https://issuer/x"]);
        let mut rule = format!("issuer: '{issuer}'");
        for (once_in, fields) in [
            (
                4,
                &[
                    ", audiences: [admin]",
                    ", audiences: ['https://admin/', x]",
                    ", audiences: [none]",
                ][..],
            ),
            (
                4,
                &[
                    ", fromHeaders: [{name: X-Jwt}]",
                    ", fromHeaders: [{name: x-jwt, prefix: 'Bearer '}]",
                    ", fromHeaders: [{name: Authorization, prefix: 'Bearer '}]",
                ][..],
            ),
            (8, &[", fromParams: [token]", ", fromParams: [token, access_token]"][..]),
            (8, &[", fromCookies: [token]"][..]),
            (4, &[", forwardOriginalToken: true"][..]),
            (
                5,
                &[
                    ", outputClaimToHeaders: [{header: X-Claim, claim: role}]",
                    ", outputClaimToHeaders: [{header: x-claim, claim: a.b}]",
                    ", outputPayloadToHeader: x-role",
                ][..],
            ),
            (6, &[", spaceDelimitedClaims: [words]"][..]),
        ] {
            if choices.once_in(once_in) {
                rule.push_str(choices.pick(fields));
            }
        }
        rules.push(format!("{{{rule}}}"));
    }
    format!(
        "{{apiVersion: security.istio.io/v1, kind: RequestAuthentication, metadata: {{{meta}}}, spec: {{{}jwtRules: [{}]}}}}",
        target(choices, true),
        rules.join(", ")
    )
}

/// Everything of a suite but `manifests` and `tests`, and the documents of `manifests`.
pub fn suite(choices: &mut Choices<'_>) -> (String, Vec<String>) {
    let mut mesh = Vec::new();
    if choices.once_in(3) {
        mesh.push(format!(
            "trustDomain: {}",
            choices.pick(&["td1", "cluster.local", "td1.old.td"])
        ));
    }
    if choices.once_in(2) {
        let aliases = choices.pick(&["[old.td]", "[old.td, cluster.local]", "[td1, old.td]"]);
        mesh.push(format!("trustDomainAliases: {aliases}"));
    }
    if choices.once_in(6) {
        mesh.push("caCertificates: [{trustDomains: [other]}]".to_owned());
    }
    if choices.once_in(12) {
        mesh.push("enableAutoMtls: false".to_owned());
    }
    if choices.once_in(12) {
        mesh.push("rootNamespace: bar".to_owned());
    }
    let how =
        choices.pick(&["BASE", "DEFAULT", "NONE", "MERGE_SLASHES", "DECODE_AND_MERGE_SLASHES"]);
    mesh.push(format!("pathNormalization: {{normalization: {how}}}"));
    let hops = choices.below(4);
    mesh.push(format!("defaultConfig: {{gatewayTopology: {{numTrustedProxies: {hops}}}}}"));
    let authorizer = |name: &str, kind: &str, rest: &str| {
        format!(
            "{{name: {name}, {kind}: {{service: authz.foo.svc.cluster.local, port: 9000{rest}}}}}"
        )
    };
    let rest = choices.pick(&["", ", failOpen: true", ", statusOnError: '503'"]);
    let included = choices.pick(&[
        "",
        ", includeRequestHeadersInCheck: [x-role]",
        ", includeRequestHeadersInCheck: [x-*]",
    ]);
    mesh.push(format!(
        "extensionProviders: [{}]",
        [
            authorizer("grpc", "envoyExtAuthzGrpc", rest),
            authorizer("http", "envoyExtAuthzHttp", &format!("{rest}{included}")),
            authorizer("twice", "envoyExtAuthzGrpc", ""),
            authorizer("twice", "envoyExtAuthzHttp", ""),
            "{name: broken, envoyExtAuthzGrpc: {service: authz.foo.svc.cluster.local, port: 0}}"
                .to_owned(),
            "{name: spaced, envoyExtAuthzGrpc: {service: foo/authz.foo.svc.cluster.local, port: 9000}}"
                .to_owned(),
            "{name: other, envoyFileAccessLog: {path: /dev/stdout}}".to_owned(),
        ]
        .join(", ")
    ));
    let mut providers = Vec::new();
    for name in ["grpc", "http", "spaced"] {
        let said = choices.pick(&[
            "allow",
            "deny",
            "allow",
            "error",
            "{allowWhen: {header: x-role, equals: admin}}",
            "",
        ]);
        if !said.is_empty() {
            providers.push(format!("{name}: {said}"));
        }
    }
    let in_manifests = choices.once_in(3);
    let revision = if choices.once_in(12) { "revision: canary\n" } else { "" };
    let head = format!(
        "apiVersion: portcullis.dev/v1alpha1\nkind: TestSuite\nvacuous: allowed\nadmission: bypassed\n{revision}mesh: {{{}}}\nproviders: {{{}}}\n{}",
        mesh.join(", "),
        providers.join(", "),
        if in_manifests { GATEWAY } else { PLACES }
    );
    let mut manifests = if in_manifests { places(choices) } else { Vec::new() };
    for number in 0..choices.pick(&[1, 2, 3, 4, 5, 0]) {
        manifests.push(policy(choices, &format!("p{number}")));
    }
    for number in 0..choices.pick(&[0, 0, 0, 1, 1, 2, 3]) {
        manifests.push(peer_authentication(choices, &format!("a{number}")));
    }
    for number in 0..choices.pick(&[0, 1, 1, 2]) {
        manifests.push(request_authentication(choices, &format!("r{number}")));
    }
    (head, manifests)
}

/// Who calls, and who is called, as a cluster has them.
fn places(choices: &mut Choices<'_>) -> Vec<String> {
    let mut manifests = Vec::new();
    if choices.once_in(2) {
        let labels = choices.pick(&[
            "istio-injection: enabled",
            "istio-injection: disabled",
            "istio.io/rev: default",
            "a: b",
        ]);
        manifests.push(format!(
            "{{apiVersion: v1, kind: Namespace, metadata: {{name: foo, labels: {{{labels}}}}}}}"
        ));
    }
    for (name, namespace, ip) in [
        ("sleep", "foo", "10.1.2.3"),
        ("sleep", "bar", "10.1.2.5"),
        ("httpbin", "foo", "10.1.2.4"),
        ("bare", "foo", "10.1.2.6"),
    ] {
        let label = match name {
            "bare" => ", sidecar.istio.io/inject: 'false'",
            _ => choices.pick_early(&[
                "",
                "",
                ", sidecar.istio.io/inject: 'true'",
                ", sidecar.istio.io/inject: 'false'",
            ]),
        };
        let annotation = choices.pick_early(&[
            "",
            "",
            ", annotations: {traffic.sidecar.istio.io/excludeInboundPorts: '9000, 7000'}",
            ", annotations: {traffic.sidecar.istio.io/includeInboundPorts: '8080'}",
            ", annotations: {traffic.sidecar.istio.io/includeInboundPorts: '*'}",
        ]);
        let container = if choices.once_in(8) { ", {name: istio-proxy}" } else { "" };
        manifests.push(format!(
            "{{apiVersion: v1, kind: Pod, metadata: {{name: {name}, namespace: {namespace}, labels: {{app: {name}{label}}}{annotation}}}, spec: {{serviceAccountName: {name}, containers: [{{name: app, ports: [{{name: web, containerPort: 8080}}]}}{container}]}}, status: {{podIP: {ip}}}}}"
        ));
    }
    for name in ["web", "old"] {
        if name == "old" && choices.once_in(2) {
            continue;
        }
        let how = |choices: &mut Choices<'_>| {
            choices.pick(&[
                "name: http",
                "name: tcp-x",
                "name: grpc-web-x",
                "name: x",
                "name: http, appProtocol: tcp",
                "name: tcp, appProtocol: kubernetes.io/h2c",
                "name: HTTP2-x",
            ])
        };
        let (first, second) = (how(choices), how(choices));
        let target = choices.pick(&["8080", "web", "9000", "missing"]);
        let created = choices.pick(&["", ", creationTimestamp: '2026-01-01T00:00:00Z'"]);
        manifests.push(format!(
            "{{apiVersion: v1, kind: Service, metadata: {{name: {name}, namespace: foo{created}}}, spec: {{selector: {{app: httpbin}}, ports: [{{port: 80, {first}, targetPort: {target}}}, {{port: 3306, {second}, targetPort: 7000}}]}}}}"
        ));
    }
    manifests
}

/// The one that stands in the suite itself then.
const GATEWAY: &str = "\
workloads:
- {name: gateway, namespace: istio-system, labels: {istio: ingressgateway}, dataplane: gateway, ip: 10.1.2.7, ports: [{port: 8080, protocol: HTTP}, {port: 8443, protocol: HTTPS}]}
";

/// Who calls, and who is called.
const PLACES: &str = "\
workloads:
- {name: sleep, namespace: foo, serviceAccount: sleep, labels: {app: sleep}, ip: 10.1.2.3}
- {name: sleep, namespace: bar, serviceAccount: sleep, labels: {app: sleep}, ips: [10.1.2.5, '2001:db8::1']}
- {name: httpbin, namespace: foo, labels: {app: httpbin}, ips: [10.1.2.4, '2001:db8::2'], ports: [{port: 8080, protocol: HTTP}, {port: 9000, protocol: TCP}]}
- {name: bare, namespace: foo, serviceAccount: bare, dataplane: none, ip: 10.1.2.6}
- {name: gateway, namespace: istio-system, labels: {istio: ingressgateway}, dataplane: gateway, ip: 10.1.2.7, ports: [{port: 8080, protocol: HTTP}, {port: 8443, protocol: HTTPS}]}
services:
- {name: web, namespace: foo, selector: {app: httpbin}, ports: [{port: 80, targetPort: 8080, protocol: HTTP}, {port: 7001, protocol: TCP}]}
";

//! A mesh and questions, a line each → a suite.
//!
//! A line of the first text is a policy, `KIND namespace/name spec`, perhaps with more metadata behind `with`; or it is
//! a field of the suite. A line of the second is one request and its answer; `from` and `to` are left out where
//! a caller with the identity `cluster.local/ns/foo/sa/a` sends to port 8080 of `httpbin.foo`.

use portcullis::suite;

/// The workloads of every mesh.
const WORKLOADS: &str = "\
workloads:
- {name: httpbin, namespace: foo, labels: {app: httpbin}, ip: 10.0.0.9, ports: [{port: 8080, protocol: HTTP}, {port: 9000, protocol: TCP}, {port: 7000}], undeclaredPorts: [5555]}
- {name: sleep, namespace: bar, serviceAccount: sleep, ip: 10.0.0.8}
- {name: legacy, namespace: foo, serviceAccount: a, dataplane: none, ip: 10.0.0.7, ports: [{port: 8080, protocol: HTTP}]}
- {name: edge, namespace: edge, dataplane: gateway, labels: {app: edge}, ip: 10.0.0.6, ports: [{port: 80, protocol: HTTP}, {port: 443, protocol: HTTPS}]}
- {name: gw, namespace: edge, dataplane: gateway, labels: {app: gw, gateway.networking.k8s.io/gateway-name: gw}, ip: 10.0.0.5, ports: [{port: 80, protocol: HTTP}]}
";

/// One line of a mesh as a manifest; absent for a field of the suite.
pub(crate) fn manifest(line: &str) -> Option<String> {
    let (kind, rest) = line.split_once(' ')?;
    let (group, kind) = match kind {
        "AP" => ("security.istio.io/v1", "AuthorizationPolicy"),
        "PA" => ("security.istio.io/v1", "PeerAuthentication"),
        "RA" => ("security.istio.io/v1", "RequestAuthentication"),
        "POD" => ("v1", "Pod"),
        "SVC" => ("v1", "Service"),
        _ => return None,
    };
    let (name, spec) = rest.split_once(' ').unwrap();
    let (namespace, name) = name.split_once('/').unwrap();
    let (spec, metadata) = spec.split_once(" with ").unwrap_or((spec, ""));
    Some(format!(
        "  ---\n  apiVersion: {group}\n  kind: {kind}\n  metadata: {{name: {name}, namespace: {namespace}, {metadata}}}\n  spec: {spec}\n"
    ))
}

/// One line of questions as an entry of `tests`.
fn entry(number: usize, line: &str) -> String {
    let mut entry = format!("{{name: question {number}, {line}");
    for (field, value) in
        [("from", "{principal: cluster.local/ns/foo/sa/a}"), ("to", "httpbin.foo:8080")]
    {
        if !line.contains(&format!("{field}: ")) {
            entry = format!("{entry}, {field}: {value}");
        }
    }
    format!("- {entry}}}\n")
}

/// A suite of both.
pub(crate) fn suite(mesh: &str, questions: &str) -> suite::Suite {
    let lines = |text: &str| -> Vec<String> {
        text.lines()
            .map(|line| line.trim().to_owned())
            .filter(|line| !line.is_empty())
            .collect()
    };
    let mut text =
        "apiVersion: portcullis.dev/v1alpha1\nkind: TestSuite\nvacuous: allowed\n".to_owned();
    let mut manifests = String::new();
    for line in lines(mesh) {
        match manifest(&line) {
            Some(manifest) => manifests.push_str(&manifest),
            None => text.push_str(&format!("{line}\n")),
        }
    }
    if !manifests.is_empty() {
        text.push_str(&format!("manifests: |\n{manifests}"));
    }
    text.push_str(WORKLOADS);
    text.push_str("tests:\n");
    for (number, line) in lines(questions).iter().enumerate() {
        text.push_str(&entry(number, line));
    }
    let mut findings = Vec::new();
    let mut suites = suite::read("brief.test.yaml", &text, &mut findings);
    assert!(findings.is_empty(), "{}\n{text}", findings[0]);
    suites.pop().unwrap()
}

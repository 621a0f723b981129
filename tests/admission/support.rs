//! A small mesh with two guards, and reviews of changes to it.

use portcullis::admission::{Answer, Facts, Gate, Known, review};
use portcullis::parse::{self, Loaded};
use portcullis::suite;
use serde_json::{Value, json};

/// Two workloads, the caller `sleep`, and policies that let it read.
pub(crate) const MESH: &str = "\
apiVersion: v1
kind: Namespace
metadata: {name: foo, labels: {istio-injection: enabled}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: sleep, namespace: foo}
spec:
  template:
    metadata: {labels: {app: sleep}}
    spec: {serviceAccountName: sleep, containers: [{name: sleep}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: httpbin, namespace: foo}
spec:
  template:
    metadata: {labels: {app: httpbin}}
    spec: {serviceAccountName: httpbin, containers: [{name: httpbin, ports: [{containerPort: 8080}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: httpbin, namespace: foo}
spec:
  selector: {app: httpbin}
  ports: [{name: http, port: 80, targetPort: 8080}]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: readers, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  rules:
  - from: [{source: {principals: [cluster.local/ns/foo/sa/sleep]}}]
    to: [{operation: {methods: [GET]}}]
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: foo}
spec: {mtls: {mode: STRICT}}
";

/// What must stay so.
pub(crate) const GUARDS: &str = "\
apiVersion: portcullis.dev/v1alpha1
kind: TestSuite
metadata: {name: readers}
tests:
- name: sleep reads
  from: sleep.foo
  to: httpbin.foo:80
  expect: allow
- name: sleep does not write
  from: sleep.foo
  to: httpbin.foo:80
  request: {method: POST}
  expect: deny
---
apiVersion: portcullis.dev/v1alpha1
kind: TestSuite
metadata: {name: plaintext}
tests:
- name: nobody without identity
  from: {plaintext: true}
  to: httpbin.foo:80
  expect: refused
";

pub(crate) fn facts(gate: Gate) -> Facts {
    let mut loaded = Loaded::default();
    parse::resources("mesh.yaml", MESH, "default", &mut loaded);
    assert_eq!(loaded.findings, []);
    let mut findings = Vec::new();
    let guards = suite::read("guards.test.yaml", GUARDS, &mut findings);
    assert_eq!(findings, []);
    Facts {
        resources: loaded.resources,
        guards: guards
            .into_iter()
            .map(|guard| (guard, Vec::new()))
            .collect(),
        gate,
        ..Facts::default()
    }
}

pub(crate) fn known(gate: Gate) -> Known {
    let (known, findings) = Known::prepare(facts(gate)).unwrap();
    assert_eq!(findings, []);
    known
}

/// A policy of namespace `foo`, as JSON; the spec is YAML of one line.
pub(crate) fn object(kind: &str, name: &str, spec: &str) -> Value {
    let spec: Value = serde_yaml::from_str(spec).unwrap();
    json!({
        "apiVersion": "security.istio.io/v1",
        "kind": kind,
        "metadata": { "name": name, "namespace": "foo", "uid": "7", "managedFields": [{ "manager": "kubectl" }] },
        "spec": spec,
    })
}

/// A review, as the API server writes it.
pub(crate) fn ask(operation: &str, object: &Value, old: &Value) -> Value {
    let shown = if object.is_null() { old } else { object };
    json!({
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": "705ab4f5-6393-11e8-b7cc-42010a800002",
            "kind": { "group": "security.istio.io", "version": "v1", "kind": shown["kind"] },
            "resource": { "group": "security.istio.io", "version": "v1", "resource": "authorizationpolicies" },
            "name": shown["metadata"]["name"],
            "namespace": "foo",
            "operation": operation,
            "userInfo": { "username": "admin", "groups": ["system:authenticated"] },
            "object": object,
            "oldObject": old,
            "dryRun": false,
            "options": { "apiVersion": "meta.k8s.io/v1", "kind": "CreateOptions" },
        },
    })
}

/// `allowed`, or the status, the reason and the message; then the warnings, each in a line.
pub(crate) fn said(answer: &Answer) -> String {
    let body: Value = serde_json::from_str(&answer.body()).unwrap();
    assert_eq!(body["apiVersion"], "admission.k8s.io/v1");
    assert_eq!(body["kind"], "AdmissionReview");
    assert_eq!(body["response"]["allowed"], answer.is_allowed());
    let status = &body["response"]["status"];
    let mut lines = vec![if answer.is_allowed() {
        assert!(status.is_null());
        "allowed".to_owned()
    } else {
        format!(
            "{} {}: {}",
            status["code"],
            status["reason"].as_str().unwrap(),
            status["message"].as_str().unwrap()
        )
    }];
    for warning in body["response"]["warnings"]
        .as_array()
        .into_iter()
        .flatten()
    {
        let warning = warning.as_str().unwrap();
        assert!(warning.chars().count() <= 256, "{warning}");
        lines.push(format!("warning: {warning}"));
    }
    lines.join("\n")
}

pub(crate) fn answer(review_of: &Value, gate: Gate) -> Answer {
    review(&review_of.to_string(), &known(gate))
}

//! The JSON Schema of a suite and the reader: neither knows a field that the other does not.

use std::collections::BTreeSet;

use portcullis::cli::Exit;
use portcullis::suite::format::{SUITE, Shape, TEST, Table};
use serde_json::Value;

use super::formats::validated;
use crate::support::captured::Captured;
use crate::support::project;

/// Every field of every table, once at least.
const EVERYTHING: &str = "
apiVersion: portcullis.dev/v1alpha1
kind: TestSuite
metadata: {name: everything, origin: here, tags: [a], labels: {a: b}, annotations: {}, description: all of it}
mesh: {trustDomain: cluster.local}
resources: [policy.yaml]
manifests: ''
revision: default
istio: 1.28.4
admission: enforced
vacuous: allowed
providers: {ext: deny, other: {allowWhen: {header: x-a, equals: b}}}
namespaces: [{name: b, labels: {istio-injection: enabled}}]
services: [{name: s, namespace: b, selector: {app: a}, ports: [{port: 80, targetPort: 8080, protocol: HTTP, name: http}, {port: 81, targetPort: web}]}]
workloads:
- {name: a, namespace: b, serviceAccount: a, labels: {app: a}, ip: 10.0.0.1, ips: ['fd00::1'], dataplane: sidecar, ports: [{port: 8080, protocol: HTTP}, {port: 9000}], undeclaredPorts: [5555]}
tests:
- name: most of it
  from: [a.b, {workload: a.b, ip: 10.0.0.2}, {principal: cluster.local/ns/b/sa/x, foreignCa: false}, {uris: ['spiffe://a/b']}, {plaintext: true}, {external: true}]
  to: [a.b:8080]
  request: {method: [GET, POST], path: /, host: x, headers: {a: b}, version: '1.1', jwt: {claims: {sub: x}, defect: expired}}
  protocol: HTTP
  tls: auto
  sni: x
  alpn: [h2]
  sourceIp: 10.0.0.3
  remoteIp: 10.0.0.4
  expect: allow
  because: {policy: a/b, rule: 0, stage: allow, default: false, envoyPolicyId: x}
  status: 200
  skip: not today
- name: the rest
  from: a.b
  to: a.b:8080
  request: {host: null, headers: [[a, b]], jwt: {token: x}}
  expect: allow
  todo: later
";

fn yaml(text: &str) -> Value {
    serde_yaml::from_str(text).unwrap()
}

/// The fields of a table and of every table below it that a value has, as `table.field`.
fn fields(shape: &Shape, value: &Value, found: &mut BTreeSet<String>) {
    match (shape, value) {
        (Shape::Object(table), Value::Object(entries)) => {
            for field in table.fields {
                if let Some(value) = entries.get(field.name) {
                    found.insert(format!("{}.{}", table.name, field.name));
                    fields(&field.shape, value, found);
                }
            }
        }
        (Shape::List(item) | Shape::OneOrList(item), Value::Array(items)) => {
            items.iter().for_each(|value| fields(item, value, found));
        }
        (Shape::OneOrList(item), value) => fields(item, value, found),
        (Shape::Map(of), Value::Object(entries)) => {
            entries.values().for_each(|value| fields(of, value, found));
        }
        (Shape::Either(shapes), value) => {
            shapes.iter().for_each(|shape| fields(shape, value, found));
        }
        _ => {}
    }
}

/// Every field of every table.
fn known(table: &Table, found: &mut BTreeSet<String>) {
    for field in table.fields {
        if found.insert(format!("{}.{}", table.name, field.name)) {
            below(&field.shape, found);
        }
    }
}

fn below(shape: &Shape, found: &mut BTreeSet<String>) {
    match shape {
        Shape::Object(table) => known(table, found),
        Shape::List(of) | Shape::OneOrList(of) | Shape::Map(of) => below(of, found),
        Shape::Either(shapes) => shapes.iter().for_each(|shape| below(shape, found)),
        Shape::Any
        | Shape::Flag
        | Shape::Number(_)
        | Shape::Text
        | Shape::Words(_)
        | Shape::Null => {}
    }
}

#[test]
fn the_reader_takes_every_field_of_the_tables() {
    let (mut all, mut written) = (BTreeSet::new(), BTreeSet::new());
    known(&SUITE, &mut all);
    fields(&Shape::Object(&SUITE), &yaml(EVERYTHING), &mut written);
    assert_eq!(written, all, "this suite must hold every field");
    let policy = "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: p, namespace: b}\nspec: {rules: [{}]}\n";
    let files = [("all.test.yaml", EVERYTHING), ("policy.yaml", policy)];
    let call = Captured::with(&files).run(&["test", "all.test.yaml", "-q"]);
    assert_eq!((call.exit, call.err.as_str()), (Exit::Yes, ""));
    assert!(
        TEST.fields
            .iter()
            .any(|field| field.name == "expect" && field.required)
    );
}

fn schema() -> Value {
    let call = Captured::default().run(&["schema", "suite"]);
    assert_eq!(call.exit, Exit::Yes);
    serde_json::from_str(&call.out).unwrap()
}

/// Whether a value is valid, as far as the schema of suites goes.
fn is_valid(schema: &Value, root: &Value, value: &Value) -> bool {
    if let Some(name) = schema["$ref"].as_str() {
        return is_valid(root.pointer(name.strip_prefix('#').unwrap()).unwrap(), root, value);
    }
    let any = schema["anyOf"].as_array();
    let is_type = match schema["type"].as_str() {
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("boolean") => value.is_boolean(),
        Some("integer") => value.is_u64(),
        Some("null") => value.is_null(),
        _ => true,
    };
    let is_word = schema["enum"]
        .as_array()
        .is_none_or(|words| words.contains(value));
    let is_any =
        any.is_none_or(|schemas| schemas.iter().any(|schema| is_valid(schema, root, value)));
    let members = value.as_object().is_none_or(|members| {
        let required = schema["required"].as_array();
        required.is_none_or(|names| {
            names
                .iter()
                .all(|name| members.contains_key(name.as_str().unwrap()))
        }) && members
            .iter()
            .all(|(name, value)| match schema["properties"].get(name) {
                Some(schema) => is_valid(schema, root, value),
                None => match &schema["additionalProperties"] {
                    Value::Bool(more) => *more,
                    Value::Null => true,
                    schema @ (Value::Number(_)
                    | Value::String(_)
                    | Value::Array(_)
                    | Value::Object(_)) => is_valid(schema, root, value),
                },
            })
    });
    let items = value.as_array().is_none_or(|items| {
        items.iter().all(|item| {
            schema
                .get("items")
                .is_none_or(|schema| is_valid(schema, root, item))
        }) && (schema["minItems"].is_null() || !items.is_empty())
    });
    is_type && is_word && is_any && members && items
}

#[test]
fn every_suite_at_hand_is_valid() {
    let schema = schema();
    let mut seen = 0;
    let mut folders = vec!["policies".to_owned()];
    while let Some(folder) = folders.pop() {
        #[expect(clippy::disallowed_methods, reason = "tests read the project")]
        let entries =
            std::fs::read_dir(format!("{}/{folder}", env!("CARGO_MANIFEST_DIR"))).unwrap();
        for entry in entries.map(Result::unwrap) {
            let path = format!("{folder}/{}", entry.file_name().to_string_lossy());
            if entry.path().is_dir() {
                folders.push(path);
            } else if portcullis::suite::is_suite_file(&path) {
                for document in project(&path).split("\n---\n") {
                    assert!(is_valid(&schema, &schema, &yaml(document)), "{path}");
                    seen += 1;
                }
            }
        }
    }
    assert!(seen > 3, "only {seen} suites");
    assert!(is_valid(&schema, &schema, &yaml(EVERYTHING)));
}

#[rstest::rstest]
#[case::a_field_that_is_none("skip: not today", "skp: not today")]
#[case::a_word_that_is_none("expect: allow", "expect: allowed")]
#[case::no_expectation("  expect: allow\n  todo", "  todo")]
#[case::text_for_a_number("status: 200", "status: '200'")]
#[case::an_empty_matrix("to: [a.b:8080]", "to: []")]
#[case::a_caller_with_a_field_that_is_none("{plaintext: true}", "{plain: true}")]
#[case::another_kind("kind: TestSuite", "kind: Suite")]
fn what_the_reader_refuses_is_not_valid(#[case] from: &str, #[case] to: &str) {
    let wrong = EVERYTHING.replace(from, to);
    assert_ne!(wrong, EVERYTHING);
    let schema = schema();
    assert!(!is_valid(&schema, &schema, &yaml(&wrong)));
    let call = Captured::with(&[("all.test.yaml", &wrong)]).run(&["test", "all.test.yaml"]);
    assert_eq!(call.exit, Exit::CouldNotAsk);
}

#[test]
fn a_validator_takes_the_schema() {
    let text = serde_json::json!({"schema": schema(), "suite": yaml(EVERYTHING)}).to_string();
    validated(
        &text,
        &["jsonschema"],
        "
import sys, json, jsonschema
both = json.load(sys.stdin)
jsonschema.Draft202012Validator.check_schema(both['schema'])
jsonschema.validate(both['suite'], both['schema'])
",
    );
}

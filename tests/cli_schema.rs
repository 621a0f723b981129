//! Every document is as its schema says.

use portcullis::cli::Exit;
use rstest::rstest;
use serde_json::Value;

use crate::cli::MESH;
use crate::support::captured::Captured;

fn run(words: &str) -> Value {
    let words: Vec<&str> = words.split(' ').collect();
    let files = [("mesh.yaml", MESH), (".portcullis.yaml", "filename: mesh.yaml\n")];
    let call = Captured::with(&files).run(&words);
    assert!(call.exit <= Exit::CouldNotAsk, "{}{}", call.out, call.err);
    serde_json::from_str(&call.out).unwrap()
}

/// What of a document its schema does not say, in the words of JSON Schema that the schemas use.
fn differences(schema: &Value, root: &Value, value: &Value, path: &str, found: &mut Vec<String>) {
    if let Some(reference) = schema["$ref"].as_str() {
        let target = root.pointer(reference.trim_start_matches('#')).unwrap();
        return differences(target, root, value, path, found);
    }
    if let Some(any) = schema["anyOf"].as_array() {
        let fits = any.iter().any(|schema| {
            let mut found = Vec::new();
            differences(schema, root, value, path, &mut found);
            found.is_empty()
        });
        if !fits {
            found.push(format!("{path} is none of anyOf: {value}"));
        }
        return;
    }
    let is = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let types = match &schema["type"] {
        Value::String(one) => vec![one.as_str()],
        Value::Array(many) => many.iter().filter_map(Value::as_str).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => {
            panic!("{path} has no type")
        }
    };
    if !types.contains(&is) {
        found.push(format!("{path} is {is}, not {types:?}"));
    }
    if let Value::Array(items) = value {
        for item in items {
            differences(&schema["items"], root, item, &format!("{path}[]"), found);
        }
    }
    let Value::Object(fields) = value else { return };
    for (name, field) in fields {
        match schema["properties"].get(name) {
            Some(schema) => differences(schema, root, field, &format!("{path}.{name}"), found),
            None => found.push(format!("{path}.{name} is not in the schema")),
        }
    }
    for name in schema["required"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
    {
        if !fields.contains_key(name) {
            found.push(format!("{path}.{name} is absent"));
        }
    }
}

#[rstest]
#[case::yes("answer", "can-i sleep.foo http://httpbin.foo:8000/ -o json")]
#[case::no("answer", "can-i sleep.foo POST http://httpbin.foo:8000/ -o json")]
#[case::complaint("complaint", "can-i slep.foo http://httpbin.foo:8000/ -o json")]
#[case::settings("settings", "config -o json")]
#[case::what_can("what-can", "what-can sleep.foo -o json")]
#[case::who_can("who-can", "who-can http://httpbin.foo:8000/ -o json")]
fn a_document_is_as_its_schema_says(#[case] kind: &str, #[case] words: &str) {
    let schema = run(&format!("schema {kind}"));
    let document = run(words);
    let mut found = Vec::new();
    differences(&schema, &schema, &document, "$", &mut found);
    assert!(found.is_empty(), "{found:#?}\n{document:#}");
    // A document that lacks a field, or has one too many, is none.
    let mut other = document.clone();
    let fields = other.as_object_mut().unwrap();
    let version = fields.remove("apiVersion").unwrap();
    fields.insert("apiversion".to_owned(), version);
    differences(&schema, &schema, &other, "$", &mut found);
    assert_eq!(found, ["$.apiversion is not in the schema", "$.apiVersion is absent"]);
}

//! The tables of the suite format → their JSON Schema (2020-12), for editors.

use serde_json::{Map, Value, json};

use super::json::Document;
use crate::suite::format::{SUITE, Shape, Table};

/// The schema of a suite.
#[must_use]
pub fn suite_schema() -> Document {
    let mut definitions = Map::new();
    let root = object(&SUITE, &mut definitions);
    let mut schema = Map::new();
    schema.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
    schema.insert("title".to_owned(), json!("portcullis test suite"));
    if let Value::Object(fields) = root {
        schema.extend(fields);
    }
    schema.insert("$defs".to_owned(), Value::Object(definitions));
    Document::new(Value::Object(schema))
}

fn object(table: &Table, definitions: &mut Map<String, Value>) -> Value {
    let mut properties = Map::new();
    for field in table.fields {
        let mut schema = shape(&field.shape, definitions);
        if let Some(fields) = schema.as_object_mut() {
            fields.insert("description".to_owned(), json!(field.about));
        }
        properties.insert(field.name.to_owned(), schema);
    }
    let required = table
        .fields
        .iter()
        .filter(|field| field.required)
        .map(|field| field.name);
    json!({
        "type": "object",
        "additionalProperties": false,
        "required": required.collect::<Vec<_>>(),
        "properties": properties,
    })
}

fn shape(of: &Shape, definitions: &mut Map<String, Value>) -> Value {
    match of {
        Shape::Any => json!({}),
        Shape::Either(shapes) => {
            let shapes = shapes.iter().map(|of| shape(of, definitions));
            json!({"anyOf": shapes.collect::<Vec<_>>()})
        }
        Shape::Flag => json!({"type": "boolean"}),
        Shape::List(item) => json!({"type": "array", "items": shape(item, definitions)}),
        Shape::Map(value) => {
            json!({"type": "object", "additionalProperties": shape(value, definitions)})
        }
        Shape::Number(most) => json!({"type": "integer", "minimum": 0, "maximum": most}),
        Shape::Object(table) => {
            if !definitions.contains_key(table.name) {
                let schema = object(table, definitions);
                definitions.insert(table.name.to_owned(), schema);
            }
            json!({"$ref": format!("#/$defs/{}", table.name)})
        }
        Shape::OneOrList(item) => {
            let item = shape(item, definitions);
            json!({"anyOf": [item, {"type": "array", "minItems": 1, "items": item}]})
        }
        Shape::Text => json!({"type": "string"}),
        Shape::Words(words) => json!({"enum": words()}),
        Shape::Null => json!({"type": "null"}),
    }
}

//! A configuration of Envoy → a document.

use serde_json::Value;

use super::json::Document;
use crate::envoy::Message;

/// The configuration, its fields in their order.
#[must_use]
pub fn configuration(message: &Message) -> Document {
    Document(value(message))
}

fn value(message: &Message) -> Value {
    match message {
        Message::Bool(set) => Value::Bool(*set),
        Message::List(values) => Value::Array(values.iter().map(value).collect()),
        Message::Number(number) => Value::from(*number),
        Message::Object(fields) => Value::Object(
            fields
                .iter()
                .map(|(name, field)| (name.clone(), value(field)))
                .collect(),
        ),
        Message::Text(text) => Value::String(text.clone()),
    }
}

//! A message → its JSON.

use portcullis::envoy::Message;

pub(crate) fn json(message: &Message, into: &mut String) {
    match message {
        Message::Bool(set) => into.push_str(if *set { "true" } else { "false" }),
        Message::Number(number) => into.push_str(&number.to_string()),
        Message::Text(text) => quote(text, into),
        Message::List(values) => {
            into.push('[');
            for (index, value) in values.iter().enumerate() {
                if index > 0 {
                    into.push(',');
                }
                json(value, into);
            }
            into.push(']');
        }
        Message::Object(fields) => {
            into.push('{');
            for (index, (name, value)) in fields.iter().enumerate() {
                if index > 0 {
                    into.push(',');
                }
                quote(name, into);
                into.push(':');
                json(value, into);
            }
            into.push('}');
        }
    }
}

fn quote(text: &str, into: &mut String) {
    into.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => into.extend(['\\', character]),
            '\n' => into.push_str("\\n"),
            '\t' => into.push_str("\\t"),
            other => into.push(other),
        }
    }
    into.push('"');
}

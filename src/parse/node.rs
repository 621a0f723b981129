//! A format-blind tree: what YAML and JSON say, with the place of every key and value.

use crate::diagnostic::Position;

/// One value and where it begins.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Node {
    pub(crate) position: Position,
    pub(crate) value: Value,
}

/// What a value is, as Kubernetes reads it (YAML 1.1 scalars).
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    Integer(i64),
    Float(f64),
    String(String),
    Sequence(Vec<Node>),
    /// In the order written; names are unique (a duplicate is complained of, the first is kept).
    Mapping(Vec<(Key, Node)>),
}

/// A key of a mapping. Kubernetes turns a key that is no string into one: `on:` is `"true"`, `1:` is `"1"`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    pub(crate) name: String,
    pub(crate) position: Position,
}

impl Node {
    /// The value of `name` where this is a mapping that has it and it is not null.
    pub(crate) fn get(&self, name: &str) -> Option<&Self> {
        let Value::Mapping(entries) = &self.value else { return None };
        let (_, node) = entries.iter().find(|(key, _)| key.name == name)?;
        (node.value != Value::Null).then_some(node)
    }

    /// The text where this is a string.
    pub(crate) fn as_str(&self) -> Option<&str> {
        if let Value::String(text) = &self.value { Some(text) } else { None }
    }
}

impl Value {
    /// What to call this value in a complaint: `a string`, `the number 80`, `true` …
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::Null => "null".to_owned(),
            Self::Bool(value) => format!("the boolean `{value}`"),
            Self::Integer(value) => format!("the number `{value}`"),
            Self::Float(value) => format!("the number `{value}`"),
            Self::String(_) => "a string".to_owned(),
            Self::Sequence(_) => "a list".to_owned(),
            Self::Mapping(_) => "a mapping".to_owned(),
        }
    }
}

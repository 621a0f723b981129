//! JSON text → one tree: strictly, no key twice, nothing behind the end, no place but the beginning.

use std::collections::BTreeSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::node::{Key, Node, Value};
use crate::diagnostic::Position;

/// The tree of a JSON text, nested at most 127 deep. Every node is said to stand at the beginning: whoever wrote the
/// text is a program, and finds its way by field paths. What is in the lists and objects of keys that are `passed_over`,
/// wherever they stand, is left out: these are empty.
///
/// # Errors
/// What is wrong with the text, with line and column; also a key that stands twice in one object [RFC 8259 §4].
pub(crate) fn document(text: &str, passed_over: &[&str]) -> Result<Node, String> {
    let mut json = serde_json::Deserializer::from_str(text);
    Tree { passed_over, empty: false }
        .deserialize(&mut json)
        .and_then(|tree| json.end().map(|()| tree))
        .map_err(|error| error.to_string())
}

const fn node(value: Value) -> Node {
    Node { position: Position::START, value }
}

/// How a value is read.
#[derive(Clone, Copy)]
struct Tree<'s> {
    passed_over: &'s [&'s str],
    /// Whether what is in a list or an object is left out.
    empty: bool,
}

impl<'de> DeserializeSeed<'de> for Tree<'_> {
    type Value = Node;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        deserializer.deserialize_any(self).map(node)
    }
}

impl<'de> Visitor<'de> for Tree<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Integer(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        // Kubernetes takes no whole number beyond 64 bits with a sign for one.
        #[expect(
            clippy::as_conversions,
            clippy::cast_precision_loss,
            reason = "beyond 64 bits with a sign Kubernetes reads a double"
        )]
        Ok(i64::try_from(value).map_or(Value::Float(value as f64), Value::Integer))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        super::scalar::settle(Value::Float(value)).ok_or_else(|| E::custom("no finite number"))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Value, E> {
        Ok(Value::String(text.to_owned()))
    }

    fn visit_string<E: Error>(self, text: String) -> Result<Value, E> {
        Ok(Value::String(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut sequence = Vec::new();
        if self.empty {
            while items.next_element::<IgnoredAny>()?.is_some() {}
        }
        while let Some(item) = items.next_element_seed(self)? {
            sequence.push(item);
        }
        Ok(Value::Sequence(sequence))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut mapping: Vec<(Key, Node)> = Vec::new();
        let mut names = BTreeSet::new();
        if self.empty {
            while entries.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        }
        while let Some(name) = entries.next_key::<String>()? {
            // Few keys are compared one by one, many are looked up.
            let twice = if mapping.len() < 16 {
                mapping.iter().any(|(key, _)| key.name == name)
            } else {
                if names.is_empty() {
                    names.extend(mapping.iter().map(|(key, _)| key.name.clone()));
                }
                !names.insert(name.clone())
            };
            if twice {
                return Err(A::Error::custom(format_args!("the key `{name}` stands twice")));
            }
            let empty = self.passed_over.contains(&name.as_str());
            let value = entries.next_value_seed(Self { empty, ..self })?;
            mapping.push((Key { name, position: Position::START }, value));
        }
        Ok(Value::Mapping(mapping))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case::twice(r#"{"a": 1, "a": 2}"#, "the key `a` stands twice at line 1 column 12")]
    #[case::behind(r#"{} {}"#, "trailing characters at line 1 column 4")]
    #[case::yaml("a: 1", "expected value at line 1 column 1")]
    #[case::empty("", "EOF while parsing a value at line 1 column 0")]
    #[case::nan("NaN", "expected value at line 1 column 1")]
    fn what_is_no_json_is_refused(#[case] text: &str, #[case] want: &str) {
        assert_eq!(document(text, &[]).unwrap_err(), want);
    }

    #[test]
    fn a_key_among_many_is_refused_the_second_time() {
        let keys: Vec<String> = (0..40).map(|key| format!("\"k{key}\": 0")).collect();
        let good = format!("{{{}}}", keys.join(", "));
        assert!(document(&good, &[]).is_ok());
        let bad = good.replace("\"k39\"", "\"k17\"");
        assert!(
            document(&bad, &[])
                .unwrap_err()
                .starts_with("the key `k17` stands twice")
        );
    }

    #[test]
    fn what_is_passed_over_is_there_and_empty() {
        let text = r#"{"a": {"b": [1, {"c": 2, "c": 2}], "d": "e"}, "b": {"f": 0}, "g": [{"b": 5}], "d": null}"#;
        let tree = document(text, &["b", "d"]).unwrap();
        let same =
            document(r#"{"a": {"b": [], "d": "e"}, "b": {}, "g": [{"b": 5}], "d": null}"#, &[]);
        assert_eq!(Ok(tree), same);
        // It is JSON all the same.
        assert!(document(r#"{"b": [1,]}"#, &["b"]).is_err());
    }

    #[test]
    fn nesting_is_bounded() {
        let deep = |depth| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(document(&deep(127), &[]).is_ok());
        assert!(document(&deep(10_000), &[]).is_err());
    }

    #[test]
    fn numbers_are_those_of_kubernetes() {
        let number = |text: &str| document(text, &[]).unwrap().value;
        assert_eq!(number("80"), Value::Integer(80));
        assert_eq!(number("1e3"), Value::Integer(1000));
        assert_eq!(number("1.5"), Value::Float(1.5));
        assert_eq!(number("18446744073709551615"), Value::Float(18_446_744_073_709_551_615.0));
    }
}

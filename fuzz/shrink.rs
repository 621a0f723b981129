//! A suite of one test and a judge → the least suite about which the judge still says yes.
//!
//! The judge is any closure: the engine and the second evaluator disagree, the engine and a real Envoy disagree …

use serde_yaml::{Mapping, Value};

/// A suite of one test, as YAML values, so that any part of it can be left out.
#[derive(Clone, Debug, PartialEq)]
pub struct Suite {
    /// Everything but `manifests` and `tests`.
    pub head: Value,
    /// The documents of `manifests`.
    pub manifests: Vec<Value>,
    /// The entry of `tests`.
    pub test: Value,
}

impl Suite {
    /// The file, as `portcullis test` reads it.
    pub fn text(&self) -> String {
        let mut suite = match &self.head {
            Value::Mapping(head) => head.clone(),
            _ => Mapping::new(),
        };
        let print = |value: &Value| serde_yaml::to_string(value).unwrap_or_default();
        let manifests: Vec<String> = self.manifests.iter().map(print).collect();
        if !manifests.is_empty() {
            suite.insert("manifests".into(), manifests.join("---\n").into());
        }
        suite.insert("tests".into(), Value::Sequence(vec![self.test.clone()]));
        print(&Value::Mapping(suite))
    }
}

/// Leaves out policies, rules, fields, values and characters as long as the judge says yes; at most so many times is it
/// asked.
pub fn shrink(suite: &Suite, most: usize, mut still: impl FnMut(&Suite) -> bool) -> Suite {
    let mut whole = Value::Sequence(vec![
        suite.head.clone(),
        Value::Sequence(suite.manifests.clone()),
        suite.test.clone(),
    ]);
    let mut asked = 0;
    loop {
        let before = whole.clone();
        let mut place = 0;
        // After a success the next candidate stands at the same place.
        while let Some(smaller) = nth_smaller(&whole, place) {
            if asked >= most {
                return parts(&whole).unwrap_or_else(|| suite.clone());
            }
            asked += 1;
            match parts(&smaller) {
                Some(candidate) if still(&candidate) => whole = smaller,
                _ => place += 1,
            }
        }
        if whole == before {
            return parts(&whole).unwrap_or_else(|| suite.clone());
        }
    }
}

fn parts(whole: &Value) -> Option<Suite> {
    let Value::Sequence(parts) = whole else { return None };
    let [head, Value::Sequence(manifests), test] = parts.as_slice() else { return None };
    Some(Suite { head: head.clone(), manifests: manifests.clone(), test: test.clone() })
}

fn nth_smaller(value: &Value, place: usize) -> Option<Value> {
    let mut left = place;
    smaller(value, &mut left)
}

/// The candidate so many places on: ranges left out, the long ones first, then what is smaller within.
fn smaller(value: &Value, left: &mut usize) -> Option<Value> {
    match value {
        Value::Sequence(items) => {
            if let Some((from, to)) = range(items.len(), left) {
                let mut items = items.clone();
                items.drain(from..to);
                return Some(Value::Sequence(items));
            }
            for (index, item) in items.iter().enumerate() {
                if let Some(less) = smaller(item, left) {
                    let mut items = items.clone();
                    if let Some(slot) = items.get_mut(index) {
                        *slot = less;
                    }
                    return Some(Value::Sequence(items));
                }
            }
            None
        }
        Value::Mapping(entries) => {
            if let Some((from, to)) = range(entries.len(), left) {
                let kept = entries
                    .iter()
                    .enumerate()
                    .filter(|(at, _)| *at < from || *at >= to);
                let kept = kept.map(|(_, (key, value))| (key.clone(), value.clone()));
                return Some(Value::Mapping(kept.collect()));
            }
            for (key, entry) in entries {
                if let Some(less) = smaller(entry, left) {
                    let mut entries = entries.clone();
                    entries.insert(key.clone(), less);
                    return Some(Value::Mapping(entries));
                }
            }
            None
        }
        Value::String(text) => {
            let letters: Vec<char> = text.chars().collect();
            let (from, to) = range(letters.len(), left)?;
            let kept = letters
                .iter()
                .enumerate()
                .filter(|(at, _)| *at < from || *at >= to);
            Some(Value::String(kept.map(|(_, letter)| *letter).collect()))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Tagged(_) => None,
    }
}

/// The range so many places on among those of half the length, of a quarter …; counts down what is passed.
fn range(length: usize, left: &mut usize) -> Option<(usize, usize)> {
    let mut size = length;
    while size > 0 {
        let ranges = length.div_ceil(size);
        if *left < ranges {
            let from = *left * size;
            return Some((from, (from + size).min(length)));
        }
        *left -= ranges;
        size /= 2;
    }
    None
}

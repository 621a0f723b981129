//! A node and what a kind expects of it → values, and a complaint for everything else.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::node::{Key, Node, Value};
use super::suggest::nearest;
use super::tree::quoted;
use crate::diagnostic::{Code, Diagnostic, FieldPath, Position, Sourced};

/// So many complaints are kept of all texts together.
pub(crate) const MAX_COMPLAINTS: usize = 10_000;

/// Reads the nodes of one text; collects every complaint and stops at none.
#[derive(Debug)]
pub(crate) struct Reader<'c> {
    pub(crate) file: Arc<str>,
    pub(crate) complaints: &'c mut Vec<Diagnostic>,
}

/// The fields of one mapping, taken one by one; what is left over at the end is unknown.
#[derive(Debug)]
pub(crate) struct Fields<'n> {
    entries: Vec<(&'n Key, &'n Node)>,
    asked: Vec<&'static str>,
    pub(crate) position: Position,
    pub(crate) path: FieldPath,
}

/// A node and its path.
pub(crate) type Place<'n> = (&'n Node, FieldPath);

impl<'n> Fields<'n> {
    /// The field `name`; null counts as absent, as the API server drops it.
    pub(crate) fn take(&mut self, name: &'static str) -> Option<Place<'n>> {
        self.asked.push(name);
        let index = self.entries.iter().position(|(key, _)| key.name == name)?;
        let (_, node) = self.entries.swap_remove(index);
        (node.value != Value::Null).then(|| (node, self.path.field(name)))
    }

    /// As [`Fields::take`], but null is given as it stands.
    pub(crate) fn take_even_null(&mut self, name: &'static str) -> Option<Place<'n>> {
        self.asked.push(name);
        let index = self.entries.iter().position(|(key, _)| key.name == name)?;
        let (_, node) = self.entries.swap_remove(index);
        Some((node, self.path.field(name)))
    }

    /// The value of a field, which is still to be taken.
    pub(crate) fn peek(&self, name: &str) -> Option<&'n Node> {
        let (_, node) = self.entries.iter().find(|(key, _)| key.name == name)?;
        Some(node)
    }

    /// The names that are left.
    pub(crate) fn names(&self) -> impl Iterator<Item = &'n str> {
        self.entries.iter().map(|(key, _)| key.name.as_str())
    }

    /// The fields that `known` knows are not looked into.
    pub(crate) fn pass_over_where(&mut self, known: impl Fn(&str) -> bool) {
        self.entries.retain(|(key, _)| !known(&key.name));
    }

    /// The field is known and its content is not looked into.
    pub(crate) fn pass_over(&mut self, names: &[&'static str]) {
        for name in names {
            drop(self.take_even_null(name));
        }
    }
}

impl Reader<'_> {
    /// Complains about the place.
    pub(crate) fn complain(
        &mut self,
        (node, path): &Place<'_>,
        code: Code,
        message: impl Into<String>,
    ) -> &mut Diagnostic {
        self.complain_at(node.position, path, code, message)
    }

    /// Complains about what is not there, at the place where it would be.
    pub(crate) fn complain_at(
        &mut self,
        position: Position,
        path: &FieldPath,
        code: Code,
        message: impl Into<String>,
    ) -> &mut Diagnostic {
        let finding = Diagnostic::error(code, message).at(&self.file, position, path);
        self.push(finding)
    }

    /// Adds a finding; gives it back so that help can be added. Beyond [`MAX_COMPLAINTS`] an error says
    /// that there are more, and only the latest is kept.
    #[expect(clippy::indexing_slicing, reason = "the element was pushed on the line before")]
    pub(crate) fn push(&mut self, finding: Diagnostic) -> &mut Diagnostic {
        if self.complaints.len() >= MAX_COMPLAINTS {
            let last = self.complaints.get(MAX_COMPLAINTS);
            if last.is_none_or(|last| last.code != Code::Limit) {
                let message = format!("more than {MAX_COMPLAINTS} complaints: not all are told");
                let origin = finding.origin.clone();
                self.complaints.truncate(MAX_COMPLAINTS);
                self.complaints
                    .push(Diagnostic { origin, ..Diagnostic::error(Code::Limit, message) });
            }
            self.complaints.truncate(MAX_COMPLAINTS + 1);
        }
        self.complaints.push(finding);
        let last = self.complaints.len() - 1;
        &mut self.complaints[last]
    }

    /// Complains that the place takes `wanted`.
    pub(crate) fn wrong_type(&mut self, place: &Place<'_>, wanted: &str) {
        self.wrong_type_of(&last_field(&place.1), place, wanted);
    }

    fn wrong_type_of(&mut self, name: &str, place: &Place<'_>, wanted: &str) {
        let found = place.0.value.describe();
        let help = match &place.0.value {
            Value::Bool(_) | Value::Integer(_) | Value::Float(_) if wanted == "a string" => {
                Some("put it in quotes: Kubernetes reads it as something else than text".to_owned())
            }
            Value::String(_) | Value::Mapping(_) if wanted == "a list" => {
                Some("write it as a list item: `- …`".to_owned())
            }
            Value::Null
            | Value::Bool(_)
            | Value::Integer(_)
            | Value::Float(_)
            | Value::String(_)
            | Value::Sequence(_)
            | Value::Mapping(_) => None,
        };
        let name = if name.is_empty() { "a document".to_owned() } else { format!("`{name}`") };
        self.complain(place, Code::WrongType, format!("{name} takes {wanted}, not {found}"))
            .help = help;
    }

    /// The fields of a mapping; absent with a complaint where the node is something else.
    pub(crate) fn fields<'n>(&mut self, place: &Place<'n>) -> Option<Fields<'n>> {
        let (node, path) = place;
        let Value::Mapping(entries) = &node.value else {
            self.wrong_type(place, "a mapping");
            return None;
        };
        Some(Fields {
            entries: entries.iter().map(|(key, node)| (key, node)).collect(),
            asked: Vec::new(),
            position: node.position,
            path: path.clone(),
        })
    }

    /// Leaves of a mapping the fields of these names, and complains about every other one.
    pub(crate) fn only(
        &mut self,
        fields: &mut Fields<'_>,
        names: impl Iterator<Item = &'static str> + Clone,
    ) {
        let (known, mut others): (Vec<_>, Vec<_>) = std::mem::take(&mut fields.entries)
            .into_iter()
            .partition(|(key, _)| names.clone().any(|name| name == key.name));
        std::mem::swap(&mut fields.entries, &mut others);
        fields.asked.extend(names);
        self.unknown(fields);
        fields.entries = known;
    }

    /// Complains about every field that nobody took.
    pub(crate) fn finish(&mut self, mut fields: Fields<'_>) {
        self.unknown(&mut fields);
    }

    /// As [`Reader::finish`], where the fields are borrowed: nothing is left of them.
    pub(crate) fn unknown(&mut self, fields: &mut Fields<'_>) {
        let mut left = std::mem::take(&mut fields.entries);
        left.sort_by_key(|(key, _)| key.position);
        for (key, _) in left {
            let owner = last_field(&fields.path);
            let place = if owner.is_empty() { String::new() } else { format!(" in `{owner}`") };
            let mut finding = Diagnostic::error(
                Code::UnknownField,
                format!("unknown field `{}`{place}", quoted(&key.name)),
            )
            .at(&self.file, key.position, &fields.path);
            if let Some(known) = nearest(&key.name, fields.asked.iter().copied()) {
                finding.help = Some(format!("did you mean `{known}`?"));
            }
            self.push(finding);
        }
    }

    /// A string; anything else is a complaint: the API server refuses `ports: [80]`.
    pub(crate) fn string(&mut self, place: &Place<'_>) -> Option<Sourced<String>> {
        if let Value::String(text) = &place.0.value {
            return Some(Sourced::new(text.clone(), place.0.position));
        }
        self.wrong_type(place, "a string");
        None
    }

    pub(crate) fn boolean(&mut self, place: &Place<'_>) -> Option<bool> {
        if let Value::Bool(value) = place.0.value {
            return Some(value);
        }
        self.wrong_type(place, "a boolean");
        None
    }

    /// A whole number that fits `T`.
    pub(crate) fn number<T: TryFrom<i64>>(&mut self, place: &Place<'_>) -> Option<T> {
        let Value::Integer(value) = place.0.value else {
            self.wrong_type(place, "a whole number");
            return None;
        };
        let number = T::try_from(value).ok();
        if number.is_none() {
            self.out_of_range(place, value);
        }
        number
    }

    /// A port from 1 to 65535.
    pub(crate) fn port(&mut self, place: &Place<'_>) -> Option<u16> {
        let port = self.number(place)?;
        if port == 0 {
            self.out_of_range(place, 0);
            return None;
        }
        Some(port)
    }

    fn out_of_range(&mut self, place: &Place<'_>, value: i64) {
        let name = last_field(&place.1);
        let message = format!("`{name}` does not take `{value}`: out of range");
        self.complain(place, Code::BadValue, message);
    }

    /// The items of a list; empty with a complaint where the node is something else.
    pub(crate) fn items<'n>(&mut self, place: &Place<'n>) -> Vec<Place<'n>> {
        let Value::Sequence(items) = &place.0.value else {
            self.wrong_type(place, "a list");
            return Vec::new();
        };
        items
            .iter()
            .enumerate()
            .map(|(index, node)| (node, place.1.item(index)))
            .collect()
    }

    /// A list of strings.
    pub(crate) fn strings(&mut self, place: &Place<'_>) -> Vec<Sourced<String>> {
        self.items(place)
            .into_iter()
            .filter_map(|item| self.string(&item))
            .collect()
    }

    /// A mapping from names to strings, such as labels.
    pub(crate) fn string_map(&mut self, place: &Place<'_>) -> BTreeMap<String, String> {
        let Value::Mapping(entries) = &place.0.value else {
            self.wrong_type(place, "a mapping");
            return BTreeMap::new();
        };
        let mut map = BTreeMap::new();
        for (key, node) in entries {
            // A null label value is kept by the API server as an empty string.
            if node.value == Value::Null {
                map.insert(key.name.clone(), String::new());
            } else if let Value::String(value) = &node.value {
                map.insert(key.name.clone(), value.clone());
            } else {
                // The name of a label has dots of its own.
                self.wrong_type_of(&key.name, &(node, place.1.clone()), "a string");
            }
        }
        map
    }

    /// One of a few words; a complaint names the nearest.
    pub(crate) fn word<T: Copy>(
        &mut self,
        place: &Place<'_>,
        words: &[(&'static str, T)],
    ) -> Option<T> {
        let known = || words.iter().map(|(word, _)| *word);
        let (near, message, code) = if let Value::String(text) = &place.0.value {
            if let Some((_, value)) = words.iter().find(|(word, _)| word == text) {
                return Some(*value);
            }
            let message = format!("`{}` does not take `{}`", last_field(&place.1), quoted(text));
            (nearest(text, known()), message, Code::BadValue)
        } else {
            let found = place.0.value.describe();
            let message = format!("`{}` takes a string, not {found}", last_field(&place.1));
            (None, message, Code::WrongType)
        };
        let help = near.map_or_else(
            || format!("one of `{}`", known().collect::<Vec<_>>().join("`, `")),
            |word| format!("did you mean `{word}`?"),
        );
        self.complain(place, code, message).help = Some(help);
        None
    }
}

/// The last field name of a path: `source` of `spec.rules[0].from[0].source`.
pub(crate) fn last_field(path: &FieldPath) -> String {
    let last = path.as_str().rsplit('.').next().unwrap_or_default();
    last.to_owned()
}

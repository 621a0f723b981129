//! `lint:` of a settings file → levels and exceptions.

use crate::diagnostic::Code;
use crate::lint::{self, Ignore, Level, Levels, Lint, named};
use crate::parse::node::Value;
use crate::parse::reader::{Fields, Place, Reader};
use crate::parse::suggest::nearest;

/// Reads the section; every complaint is the reader's.
pub(crate) fn levels(reader: &mut Reader<'_>, place: &Place<'_>) -> Levels {
    let mut levels = Levels::default();
    let Some(mut fields) = reader.fields(place) else { return levels };
    if let Some(place) = fields.take("levels") {
        let mut words: Vec<(&'static str, Option<Level>)> = vec![("off", None)];
        words.extend(Level::ALL.map(|level| (level.as_str(), Some(level))));
        for (word, place) in entries(reader, &place) {
            let lint = lint_of(reader, &place, &word);
            // YAML takes `off` for a boolean.
            let off = (place.0.value == Value::Bool(false)).then_some(None);
            let level = off.or_else(|| reader.word(&place, &words));
            let (Some(lint), Some(level)) = (lint, level) else { continue };
            levels.levels.insert(lint.code, level);
        }
    }
    if let Some(place) = fields.take("ignore") {
        let items = reader.items(&place);
        levels.ignore = items
            .iter()
            .filter_map(|item| ignore(reader, item))
            .collect();
    }
    reader.finish(fields);
    levels
}

/// The keys of a mapping and their values.
fn entries<'n>(reader: &mut Reader<'_>, place: &Place<'n>) -> Vec<(String, Place<'n>)> {
    let (node, path) = place;
    let Value::Mapping(entries) = &node.value else {
        reader.wrong_type(place, "a mapping");
        return Vec::new();
    };
    entries
        .iter()
        .map(|(key, node)| (key.name.clone(), (node, path.field(&key.name))))
        .collect()
}

fn lint_of(reader: &mut Reader<'_>, place: &Place<'_>, word: &str) -> Option<&'static Lint> {
    let lint = named(word);
    if lint.is_none() {
        let names = lint::ALL.iter().map(|lint| lint.name);
        let help = nearest(word, names).map_or_else(
            || "docs/lints.md lists them all".to_owned(),
            |name| format!("did you mean `{name}`?"),
        );
        let message = format!("no lint has the code or the name `{word}`");
        reader.complain(place, Code::BadValue, message).help = Some(help);
    }
    lint
}

fn ignore(reader: &mut Reader<'_>, place: &Place<'_>) -> Option<Ignore> {
    let mut fields = reader.fields(place)?;
    let word = required(reader, &mut fields, "lint")?;
    let resource = required(reader, &mut fields, "resource");
    let reason = required(reader, &mut fields, "reason");
    reader.finish(fields);
    let lint = lint_of(reader, place, &word)?;
    Some(Ignore { code: lint.code, resource: resource?, reason: reason? })
}

/// A text that must be there and say something.
fn required(
    reader: &mut Reader<'_>,
    fields: &mut Fields<'_>,
    name: &'static str,
) -> Option<String> {
    let found = fields.take(name).and_then(|place| reader.string(&place));
    let said = found.filter(|text| !text.value.trim().is_empty());
    if said.is_none() {
        let message = format!("an exception needs a `{name}`");
        reader.complain_at(fields.position, &fields.path, Code::MissingField, message);
    }
    said.map(|text| text.value)
}

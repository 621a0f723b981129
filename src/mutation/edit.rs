//! A mutant and the text that its resource stands in → the lines that differ, and the text with them changed.

use std::sync::Arc;

use super::text::{Text, scalar};
use super::{Edit, Mutant, Step};
use crate::diagnostic::{FieldPath, Position};
use crate::parse::embedded::{Outer, embedded};
use crate::parse::node::{Key, Node, Value};
use crate::parse::reader::Reader;
use crate::parse::yaml::{Dialect, documents_in};
use crate::suite::is_suite_file;

/// The lines of a text that a mutant changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diff {
    /// The first line that differs, from 1.
    pub line: usize,
    /// The lines that go.
    pub removed: Vec<String>,
    /// The lines that come.
    pub added: Vec<String>,
    /// The whole text afterwards.
    pub text: String,
}

/// What the mutant does to the text of its file. Absent where the place cannot be changed by itself: behind an alias,
/// say, or where the text is not the one that was read.
#[must_use]
pub fn diff(mutant: &Mutant, text: &str) -> Option<Diff> {
    let root = resource(mutant, text)?;
    let lines = Text::new(text);
    let (start, end, new) = change(&lines, &root, mutant)?;
    let changed = format!("{}{new}{}", lines.between(0, start), lines.from(end));
    let (old_lines, new_lines): (Vec<&str>, Vec<&str>) =
        (text.lines().collect(), changed.lines().collect());
    let same = old_lines
        .iter()
        .zip(&new_lines)
        .take_while(|(old, new)| old == new)
        .count();
    let behind = |lines: &[&str]| lines.len().saturating_sub(same);
    let same_behind = old_lines
        .iter()
        .rev()
        .zip(new_lines.iter().rev())
        .take_while(|(old, new)| old == new)
        .count()
        .min(behind(&old_lines))
        .min(behind(&new_lines));
    let middle = |lines: &[&str]| -> Vec<String> {
        let count = behind(lines) - same_behind;
        lines
            .iter()
            .skip(same)
            .take(count)
            .map(|&line| line.to_owned())
            .collect()
    };
    Some(Diff {
        line: same + 1,
        removed: middle(&old_lines),
        added: middle(&new_lines),
        text: changed,
    })
}

/// The tree of the mutant's resource.
fn resource(mutant: &Mutant, text: &str) -> Option<Node> {
    let file: Arc<str> = Arc::clone(&mutant.origin.file);
    let mut complaints = Vec::new();
    let mut documents = documents_in(Dialect::Suite, &file, text, &mut complaints);
    if is_suite_file(&file) {
        let outer = Outer::new(text);
        let mut reader = Reader { file, complaints: &mut complaints };
        let manifests = documents
            .iter()
            .filter_map(|document| document.get("manifests"));
        let places = manifests.map(|node| (node, FieldPath::root()));
        documents = places
            .filter_map(|place| embedded(&mut reader, &outer, &place, Dialect::Suite))
            .flatten()
            .collect();
    }
    documents
        .into_iter()
        .find_map(|document| at(document, mutant.origin.position))
}

/// The mapping that begins at a place: a document, or an item of a list of resources.
fn at(node: Node, place: Position) -> Option<Node> {
    if node.position == place {
        return Some(node);
    }
    let Value::Mapping(entries) = node.value else { return None };
    let (_, items) = entries.into_iter().find(|(key, _)| key.name == "items")?;
    let Value::Sequence(items) = items.value else { return None };
    items.into_iter().find_map(|item| at(item, place))
}

/// Where a node stands in its parent.
struct Found<'n> {
    parent: &'n Node,
    /// Absent for an item of a list.
    key: Option<&'n Key>,
    node: &'n Node,
    /// How many the parent has.
    siblings: usize,
}

fn find<'n>(root: &'n Node, path: &[Step]) -> Option<Found<'n>> {
    let (last, before) = path.split_last()?;
    let parent = before
        .iter()
        .try_fold(root, |node, step| Some(child(node, step)?.1))?;
    let (key, node) = child(parent, last)?;
    let siblings = match &parent.value {
        Value::Mapping(entries) => entries.len(),
        Value::Sequence(items) => items.len(),
        Value::Null | Value::Bool(_) | Value::Integer(_) | Value::Float(_) | Value::String(_) => 0,
    };
    Some(Found { parent, key, node, siblings })
}

fn child<'n>(node: &'n Node, step: &Step) -> Option<(Option<&'n Key>, &'n Node)> {
    match (step, &node.value) {
        (Step::Field(name), Value::Mapping(entries)) => {
            let (key, node) = entries.iter().find(|(key, _)| key.name == *name)?;
            Some((Some(key), node))
        }
        (Step::Item(index), Value::Sequence(items)) => Some((None, items.get(*index)?)),
        _ => None,
    }
}

/// What is replaced by what: from an offset to another.
type Replacement = (usize, usize, String);

fn change(text: &Text<'_>, root: &Node, mutant: &Mutant) -> Option<Replacement> {
    match &mutant.edit {
        Edit::Drop if mutant.path.is_empty() => whole(text, root),
        Edit::Drop => drop_at(text, &find(root, &mutant.path)?),
        Edit::Insert(name, value) => insert(text, find(root, &mutant.path)?.node, name, value),
        Edit::Rename(name) => {
            let key = find(root, &mutant.path)?.key?;
            let start = text.offset(key.position)?;
            let quoted = text.from(start).starts_with(['"', '\'']);
            let length = key.name.len() + if quoted { 2 } else { 0 };
            let new = if quoted { format!("\"{name}\"") } else { name.clone() };
            Some((start, start + length, new))
        }
        Edit::Replace(value) => {
            let node = find(root, &mutant.path)?.node;
            let start = text.offset(node.position)?;
            let end = text.flow_end(start);
            let old = text.between(start, end).trim_end();
            let new = match old.chars().next()? {
                '"' if !value.contains(['"', '\\']) => format!("\"{value}\""),
                '\'' => format!("'{}'", value.replace('\'', "''")),
                '|' | '>' | '&' | '*' | '!' => return None,
                _ => scalar(value),
            };
            Some((start, start + old.len(), new))
        }
    }
}

/// A whole resource: its document, or its item of a list.
fn whole(text: &Text<'_>, root: &Node) -> Option<Replacement> {
    let start = text.offset(root.position)?;
    let line = text.line_start(start);
    let indent = text.between(line, start);
    if indent.trim().is_empty() && !text.from(start).starts_with('{') {
        // A document ends where a line is indented by less, or a new document begins.
        let mut end = line;
        for content in text.from(line).split_inclusive('\n') {
            let out = content.trim_end().trim_start_matches(' ');
            let depth = content.len() - content.trim_start_matches(' ').len();
            let is_end = depth < indent.len() || out == "---" || out == "...";
            if end > line && !out.is_empty() && is_end {
                break;
            }
            end += content.len();
        }
        return Some((line, end, String::new()));
    }
    None
}

fn drop_at(text: &Text<'_>, found: &Found<'_>) -> Option<Replacement> {
    let parent = text.offset(found.parent.position)?;
    let start = text.offset(found.key.map_or(found.node.position, |key| key.position))?;
    if text.from(parent).starts_with(['[', '{']) {
        return drop_in_flow(text, start, found.siblings);
    }
    let line = text.line_start(start);
    let before = text.between(line, start);
    let indent = before.chars().count();
    if found.key.is_none() {
        // `- x`: the dash stands before it on its line.
        let dash = before
            .strip_suffix(|c: char| c == ' ')
            .map(|before| before.trim_end_matches(' '))?;
        let depth = dash.strip_suffix('-')?;
        return depth
            .trim()
            .is_empty()
            .then(|| (line, text.block_end(start, depth.chars().count(), false), String::new()));
    }
    let end = text.block_end(start, indent, true);
    if found.siblings == 1 {
        return Some((start, end, "{}\n".to_owned()));
    }
    if before.trim().is_empty() {
        return Some((line, end, String::new()));
    }
    // `- key:`: the next key moves up to the dash.
    let rest = text.from(end);
    let skipped = rest.len() - rest.trim_start_matches([' ', '\n']).len();
    Some((start, end + skipped, String::new()))
}

/// An item of `[a, b]` or a field of `{a: b, c: d}`, with the comma that belongs to it.
fn drop_in_flow(text: &Text<'_>, start: usize, siblings: usize) -> Option<Replacement> {
    // A key is followed by its value: the end is that of both.
    let mut end = text.flow_end(start);
    let behind = text.from(end).trim_start();
    if behind.starts_with(':') {
        let value = text.from(end).find(':')? + 1;
        let value = end + value;
        let skipped = text.from(value).len() - text.from(value).trim_start().len();
        end = text.flow_end(value + skipped);
    }
    if siblings == 1 {
        return Some((start, end, String::new()));
    }
    let rest = text.from(end);
    let trimmed = rest.trim_start();
    if let Some(behind) = trimmed.strip_prefix(',') {
        let behind = behind.trim_start_matches(' ');
        return Some((start, text.text.len() - behind.len(), String::new()));
    }
    let comma = text.between(0, start).trim_end().strip_suffix(',')?;
    Some((comma.len(), end, String::new()))
}

/// A new first field of a mapping.
fn insert(text: &Text<'_>, mapping: &Node, name: &str, value: &str) -> Option<Replacement> {
    let start = text.offset(mapping.position)?;
    if text.from(start).starts_with('{') {
        let empty = matches!(&mapping.value, Value::Mapping(entries) if entries.is_empty());
        let comma = if empty { "" } else { ", " };
        return Some((start + 1, start + 1, format!("{name}: {value}{comma}")));
    }
    let indent = text.between(text.line_start(start), start);
    indent
        .trim()
        .is_empty()
        .then(|| (start, start, format!("{name}: {value}\n{indent}")))
}

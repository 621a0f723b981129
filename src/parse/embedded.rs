//! A text that stands as a string in another text → its documents, with the places that they have in the
//! outer text.

use std::cell::OnceCell;

use super::node::{Node, Value};
use super::reader::{Place, Reader};
use super::yaml::{self, Dialect};
use crate::diagnostic::Position;

/// The documents of the YAML text in a string of `outer`. The places are exact in a block scalar (`|`);
/// in any other string everything stands where the string begins. Absent with a complaint where the
/// node is no string.
pub(crate) fn embedded(
    reader: &mut Reader<'_>,
    outer: &Outer<'_>,
    place: &Place<'_>,
    dialect: Dialect,
) -> Option<Vec<Node>> {
    let start = place.0.position;
    let inner = reader.string(place)?.value;
    let frame = Frame::find(outer, &inner, start);
    let before = reader.complaints.len();
    let mut documents = yaml::documents_in(dialect, &reader.file, &inner, reader.complaints);
    for finding in reader.complaints.iter_mut().skip(before) {
        if let Some(origin) = &mut finding.origin {
            origin.position = frame.outside(origin.position);
        }
        let path = finding.path.as_str();
        finding.path = if path.is_empty() { place.1.clone() } else { place.1.field(path) };
    }
    for document in &mut documents {
        frame.place(document);
    }
    Some(documents)
}

/// The outer text. Its lines are counted once, however many texts stand in it.
#[derive(Debug)]
pub(crate) struct Outer<'t> {
    text: &'t str,
    lines: OnceCell<Vec<&'t str>>,
}

impl<'t> Outer<'t> {
    pub(crate) const fn new(text: &'t str) -> Self {
        Self { text, lines: OnceCell::new() }
    }

    /// The lines behind the first `count`.
    fn lines_behind(&self, count: u32) -> Option<&[&'t str]> {
        let lines = self.lines.get_or_init(|| self.text.lines().collect());
        lines.get(usize::try_from(count).ok()?..)
    }
}

/// Where the lines of an inner text stand in the outer text.
#[derive(Clone, Copy)]
enum Frame {
    /// So many lines and characters further.
    Block { lines: u32, indent: u32 },
    /// Not line by line.
    Inline(Position),
}

impl Frame {
    /// Whether a string is a block scalar is seen from the text itself: its lines follow each other there
    /// with the same indent. Such a string begins at its first character, or at its `|`.
    fn find(outer: &Outer<'_>, inner: &str, start: Position) -> Self {
        let blank = inner.lines().take_while(|line| line.trim().is_empty());
        let blank = u32::try_from(blank.count()).unwrap_or(u32::MAX);
        let block = |lines: u32| {
            let indent = indent(outer.lines_behind(lines)?, inner)?;
            Some(Self::Block { lines, indent })
        };
        block(start.line.saturating_sub(1).saturating_sub(blank))
            .or_else(|| block(start.line))
            .unwrap_or(Self::Inline(start))
    }

    fn outside(self, inside: Position) -> Position {
        match self {
            Self::Block { lines, indent } => Position {
                line: lines.saturating_add(inside.line),
                column: indent.saturating_add(inside.column),
            },
            Self::Inline(start) => start,
        }
    }

    /// Moves a node with all that it holds; the reader bounds how deep that is.
    fn place(self, node: &mut Node) {
        node.position = self.outside(node.position);
        match &mut node.value {
            Value::Sequence(items) => items.iter_mut().for_each(|item| self.place(item)),
            Value::Mapping(entries) => {
                for (key, node) in entries {
                    key.position = self.outside(key.position);
                    self.place(node);
                }
            }
            Value::Null
            | Value::Bool(_)
            | Value::Integer(_)
            | Value::Float(_)
            | Value::String(_) => {}
        }
    }
}

/// How many spaces stand before each inner line in the outer text; absent where anything else does.
fn indent(outer: &[&str], inner: &str) -> Option<u32> {
    let (mut outer, mut indent) = (outer.iter(), None);
    for inside in inner.lines() {
        let outside = outer.next()?;
        if inside.trim().is_empty() {
            continue;
        }
        let margin = outside.strip_suffix(inside)?;
        let width = margin
            .bytes()
            .all(|byte| byte == b' ')
            .then_some(margin.len())?;
        if *indent.get_or_insert(width) != width {
            return None;
        }
    }
    u32::try_from(indent?).ok()
}

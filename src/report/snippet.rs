//! A place in a text → its line, quoted and underlined, with what is said about it.

use std::collections::BTreeMap;
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Origin as Place, Renderer, Snippet};

use super::style::Style;
use crate::diagnostic::{Origin, Position, Sourced, printable};

/// The texts that were read, by the name that origins give them.
pub type Sources = BTreeMap<String, String>;

/// Lines longer than this are not quoted.
const LONGEST: usize = 4_000;
/// Lines further apart than this are quoted one by one.
const APART: u32 = 40;

/// Something said about a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    /// The place.
    pub origin: Origin,
    /// The scalars that are written from there on, to underline those on the same line; empty: one character.
    pub written: Vec<Sourced<String>>,
    /// What is said.
    pub label: String,
}

/// A title, remarks about places of one text, and what follows from them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Quotation {
    /// The word before the title: `nearest`, `matched`.
    pub word: &'static str,
    /// The title.
    pub title: String,
    /// The remarks.
    pub remarks: Vec<Remark>,
    /// What to do.
    pub help: Vec<String>,
    /// What else is worth knowing.
    pub notes: Vec<String>,
    /// The code behind the word; empty where there is none.
    pub code: &'static str,
    /// How many lines of the texts are left out at their beginning.
    pub lines_before: usize,
}

impl Quotation {
    /// The lines as text, with a final newline.
    #[must_use]
    pub fn to_text(&self, sources: &Sources, style: Style) -> String {
        let level = match self.word {
            "critical" | "error" | "high" => Level::ERROR,
            "low" | "medium" => Level::WARNING,
            _ => Level::NOTE,
        };
        let mut title = level
            .with_name(self.word)
            .secondary_title(printable(&self.title));
        if !self.code.is_empty() {
            title = title.id(self.code);
        }
        let mut group = Group::with_title(title);
        for remarks in together(&self.remarks) {
            group = quoted(group, &remarks, sources, self.lines_before);
        }
        for help in &self.help {
            group = group.element(Level::HELP.message(printable(help)));
        }
        for note in &self.notes {
            group = group.element(Level::NOTE.message(printable(note)));
        }
        let renderer = if style.colour { Renderer::styled() } else { Renderer::plain() };
        let mut text = renderer.term_width(style.width).render(&[group]);
        text.push('\n');
        text
    }
}

/// Remarks in the order of the text, those close to each other together.
fn together(remarks: &[Remark]) -> Vec<Vec<&Remark>> {
    let mut sorted: Vec<&Remark> = remarks.iter().collect();
    sorted.sort_by(|a, b| a.origin.cmp(&b.origin));
    let mut groups: Vec<Vec<&Remark>> = Vec::new();
    for remark in sorted {
        let near = groups
            .last()
            .and_then(|group| group.last())
            .is_some_and(|last: &&Remark| {
                last.origin.file == remark.origin.file
                    && remark
                        .origin
                        .position
                        .line
                        .saturating_sub(last.origin.position.line)
                        <= APART
            });
        match groups.last_mut() {
            Some(group) if near => group.push(remark),
            _ => groups.push(vec![remark]),
        }
    }
    groups
}

/// The lines of the remarks; where the text is not at hand, their places.
fn quoted<'g>(
    mut group: Group<'g>,
    remarks: &[&Remark],
    sources: &Sources,
    lines_before: usize,
) -> Group<'g> {
    let lines = remarks
        .first()
        .zip(remarks.last())
        .and_then(|(first, last)| {
            let text = sources.get(first.origin.file.as_ref())?;
            let from = usize::try_from(first.origin.position.line).ok()?;
            let to = usize::try_from(last.origin.position.line).ok()?;
            let skipped = from.checked_sub(1 + lines_before)?;
            let lines: Vec<&str> = text.lines().skip(skipped).take(to + 1 - from).collect();
            let short =
                lines.iter().all(|line| line.len() <= LONGEST) && lines.len() == to + 1 - from;
            short.then(|| (from, lines, first.origin.file.to_string()))
        });
    let Some((from, lines, file)) = lines else {
        for remark in remarks {
            let Position { line, column } = remark.origin.position;
            let place = Place::path(remark.origin.file.to_string())
                .line(usize::try_from(line).unwrap_or(usize::MAX))
                .char_column(usize::try_from(column).unwrap_or(usize::MAX));
            group = group
                .element(place)
                .element(Level::NOTE.no_name().message(printable(&remark.label)));
        }
        return group;
    };
    let source = lines.join("\n");
    let mut snippet = Snippet::source(source).line_start(from).path(file);
    for (index, remark) in remarks.iter().enumerate() {
        let before = usize::try_from(remark.origin.position.line).unwrap_or(from) - from;
        let start: usize = lines.iter().take(before).map(|line| line.len() + 1).sum();
        let span = lines
            .get(before)
            .map_or(0..0, |line| underlined(line, remark));
        let kind = if index == 0 { AnnotationKind::Primary } else { AnnotationKind::Context };
        snippet = snippet.annotation(
            kind.span(start + span.start..start + span.end)
                .label(printable(&remark.label)),
        );
    }
    group.element(snippet)
}

/// The bytes of a line that a remark is about: from its first scalar to its last one on this line.
fn underlined(line: &str, remark: &Remark) -> Range<usize> {
    let Position { line: number, column } = remark.origin.position;
    let on_this_line = remark
        .written
        .iter()
        .filter(|written| written.position.line == number);
    let last = on_this_line.max_by_key(|written| written.position.column);
    let (start, end) = (byte_of(line, column), last.map_or(0, |last| end_of(line, last)));
    let one = line
        .get(start..)
        .and_then(|rest| rest.chars().next())
        .map_or(0, char::len_utf8);
    start..end.max(start + one)
}

/// The byte at which a column, from 1, begins.
fn byte_of(line: &str, column: u32) -> usize {
    let column = usize::try_from(column).unwrap_or(usize::MAX);
    line.char_indices()
        .nth(column.saturating_sub(1))
        .map_or(line.len(), |(at, _)| at)
}

/// The byte behind a scalar as it is written, quotes included.
fn end_of(line: &str, written: &Sourced<String>) -> usize {
    let start = byte_of(line, written.position.column);
    let rest = line.get(start..).unwrap_or_default();
    let length = match rest.chars().next() {
        Some(quote @ ('"' | '\'')) => rest
            .get(1..)
            .and_then(|rest| rest.find(quote))
            .map_or(1, |end| end + 2),
        Some(_) if rest.starts_with(&written.value) => written.value.len(),
        Some(first) => first.len_utf8(),
        None => 0,
    };
    start + length
}

//! A YAML text and a place in it → where what stands there ends, and the text with a part of it changed.

use crate::diagnostic::Position;

/// A text by lines and by bytes.
pub(super) struct Text<'t> {
    pub(super) text: &'t str,
    /// The offset of the first byte of every line.
    lines: Vec<usize>,
}

impl<'t> Text<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        let breaks = text.match_indices('\n').map(|(at, _)| at + 1);
        Self { text, lines: std::iter::once(0).chain(breaks).collect() }
    }

    /// The offset of a place.
    pub(super) fn offset(&self, at: Position) -> Option<usize> {
        let line = usize::try_from(at.line).ok()?.checked_sub(1)?;
        let start = *self.lines.get(line)?;
        let column = usize::try_from(at.column).ok()?.checked_sub(1)?;
        let rest = self.text.get(start..)?;
        let (within, _) = rest
            .char_indices()
            .chain(std::iter::once((rest.len(), ' ')))
            .nth(column)?;
        Some(start + within)
    }

    /// The offset at which the line of a place begins.
    pub(super) fn line_start(&self, offset: usize) -> usize {
        self.text
            .get(..offset)
            .and_then(|before| before.rfind('\n'))
            .map_or(0, |at| at + 1)
    }

    pub(super) fn from(&self, offset: usize) -> &'t str {
        self.text.get(offset..).unwrap_or_default()
    }

    pub(super) fn between(&self, start: usize, end: usize) -> &'t str {
        self.text.get(start..end).unwrap_or_default()
    }

    /// The end of a block that begins in the line at `offset`: behind the last line that is indented by more than
    /// `indent`, or, where the block may be a list at the height of its key, begins with a dash there. Lines without
    /// content belong to what follows.
    pub(super) fn block_end(&self, offset: usize, indent: usize, dashes: bool) -> usize {
        let start = self.line_start(offset);
        let mut end = start;
        let mut at = start;
        for (number, line) in self.from(start).split_inclusive('\n').enumerate() {
            at += line.len();
            let content = line.trim_start_matches(' ');
            let depth = line.len() - content.len();
            let content = content.trim_end();
            if number == 0 {
                end = at;
                continue;
            }
            if content.is_empty() || content.starts_with('#') {
                continue;
            }
            let of_list =
                dashes && depth == indent && (content == "-" || content.starts_with("- "));
            if (depth <= indent && !of_list) || content == "---" || content == "..." {
                break;
            }
            end = at;
        }
        end
    }

    /// The end of a flow node or scalar that begins at `offset`.
    pub(super) fn flow_end(&self, offset: usize) -> usize {
        let text = self.from(offset);
        let mut depth = 0_usize;
        let mut quote = None;
        let mut escaped = false;
        let mut before = ' ';
        for (at, c) in text.char_indices() {
            match (quote, c) {
                (Some('"'), _) if std::mem::take(&mut escaped) => {}
                (Some('"'), '\\') => escaped = true,
                (Some(open), c) if c == open => {
                    quote = None;
                    if depth == 0 {
                        return offset + at + 1;
                    }
                }
                (Some(_), _) => {}
                (None, '"' | '\'') if matches!(before, ' ' | '[' | '{' | ',' | ':' | '\n') => {
                    quote = Some(c);
                }
                (None, '[' | '{') => depth += 1,
                (None, ']' | '}' | ',') if depth == 0 => return offset + at,
                (None, '\n') if depth == 0 => return offset + at,
                (None, '#') if depth == 0 && before == ' ' => return offset + at,
                (None, ']' | '}') => {
                    depth -= 1;
                    if depth == 0 {
                        return offset + at + 1;
                    }
                }
                (None, _) => {}
            }
            before = c;
        }
        offset + text.len()
    }
}

/// A string as a plain scalar where that is safe, else in single quotes.
pub(super) fn scalar(value: &str) -> String {
    let plain = value.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/')
        && !value.contains([':', '#', '{', '}', '[', ']', ',', '\n', '\'', '"', '&', '%', '`'])
        && !["y", "n", "yes", "no", "on", "off", "true", "false", "null"]
            .contains(&value.to_ascii_lowercase().as_str());
    if plain { value.to_owned() } else { format!("'{}'", value.replace('\'', "''")) }
}

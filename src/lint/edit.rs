//! A text and changes of its scalars → the changed text, every other byte as it was; or which change does not fit.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::finding::{Edit, Fix};
use crate::diagnostic::{Origin, Position};

/// A change that cannot be made without touching more than one scalar.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{origin}: {because}")]
pub struct NoFit {
    /// The place.
    pub origin: Origin,
    /// Why.
    pub because: String,
}

/// The texts that change when every fix is applied, by name. The same change twice is made once.
///
/// # Errors
/// The first change that does not fit; then nothing is changed.
pub fn apply<'f>(
    texts: &BTreeMap<String, String>,
    fixes: impl IntoIterator<Item = &'f Fix>,
) -> Result<BTreeMap<String, String>, NoFit> {
    let mut edits: BTreeMap<&str, Vec<&Edit>> = BTreeMap::new();
    for edit in fixes.into_iter().flat_map(|fix| &fix.edits) {
        edits.entry(&edit.place().0.file).or_default().push(edit);
    }
    let mut changed = BTreeMap::new();
    for (file, mut edits) in edits {
        edits.sort();
        edits.dedup();
        let Some(text) = texts.get(file) else {
            let origin = edits.first().map(|edit| edit.place().0.clone());
            return Err(origin.map_or_else(
                || no_fit(&Origin::new(&file.into(), Position::START), "nothing is there"),
                |origin| no_fit(&origin, "the text is not at hand"),
            ));
        };
        changed.insert(file.to_owned(), with(text, &edits)?);
    }
    Ok(changed)
}

/// Texts, where their lines begin and what of them is shared, to ask of many fixes whether they fit.
#[derive(Debug)]
pub struct IndexedTexts<'t>(BTreeMap<&'t str, Indexed<'t>>);

/// One of them.
#[derive(Debug)]
struct Indexed<'t> {
    lines: Lines<'t>,
    /// What an anchor shares with its aliases.
    shared: Vec<Range<Position>>,
}

impl<'t> IndexedTexts<'t> {
    /// Finds the lines of every text, and asks which places of it an anchor shares.
    pub fn of(
        texts: &'t BTreeMap<String, String>,
        shared: impl Fn(&str) -> Vec<Range<Position>>,
    ) -> Self {
        let indexed = texts.iter().map(|(file, text)| {
            (file.as_str(), Indexed { lines: Lines::of(text), shared: shared(text) })
        });
        Self(indexed.collect())
    }

    /// Of each fix, whether it can be made beside the others. Of two that change one place in different ways neither
    /// can.
    ///
    /// # Errors
    /// Why it cannot be made.
    #[must_use]
    pub fn fit(&self, fixes: &[Fix]) -> Vec<Result<(), NoFit>> {
        let mut places: BTreeMap<&Edit, Range<usize>> = BTreeMap::new();
        let mut fit: Vec<Result<(), NoFit>> = Vec::new();
        for fix in fixes {
            fit.push(fix.edits.iter().try_for_each(|edit| {
                places.insert(edit, self.place(edit)?);
                Ok(())
            }));
        }
        let mut in_order: Vec<(&str, usize, usize, &Edit)> = places
            .iter()
            .map(|(edit, range)| (edit.place().0.file.as_ref(), range.start, range.end, *edit))
            .collect();
        in_order.sort_unstable();
        let mut twice: BTreeSet<&Edit> = BTreeSet::new();
        for pair in in_order.windows(2) {
            if let [before, after] = pair
                && before.0 == after.0
                && meet(&(before.1..before.2), &(after.1..after.2))
            {
                twice.extend([before.3, after.3]);
            }
        }
        for (fix, fit) in fixes.iter().zip(&mut fit) {
            if let Some(edit) = fix.edits.iter().find(|edit| twice.contains(edit)) {
                *fit = Err(no_fit(&edit.place().0, TWICE));
            }
        }
        fit
    }

    fn place(&self, edit: &Edit) -> Result<Range<usize>, NoFit> {
        let (origin, _) = edit.place();
        let Some(text) = self.0.get(origin.file.as_ref()) else {
            return Err(no_fit(origin, "the text is not at hand"));
        };
        if text
            .shared
            .iter()
            .any(|place| place.contains(&origin.position))
        {
            return Err(no_fit(origin, "an anchor shares what is written there with other places"));
        }
        Ok(place(&text.lines, edit)?.0)
    }
}

const TWICE: &str = "two findings ask for different changes of this place";

/// Whether two changes, the one that begins first before the other, are of one place.
fn meet(before: &Range<usize>, after: &Range<usize>) -> bool {
    after.start < before.end || before == after
}

fn no_fit(origin: &Origin, because: &str) -> NoFit {
    NoFit { origin: origin.clone(), because: because.to_owned() }
}

/// A text and where its lines begin.
#[derive(Debug)]
struct Lines<'t> {
    text: &'t str,
    starts: Vec<usize>,
}

impl<'t> Lines<'t> {
    fn of(text: &'t str) -> Self {
        let breaks = text.match_indices('\n').map(|(at, _)| at + 1);
        Self { text, starts: std::iter::once(0).chain(breaks).collect() }
    }

    /// The line at a place and the bytes before it, its line break left out.
    fn line(&self, number: u32) -> Option<(usize, &'t str)> {
        let index = usize::try_from(number).ok()?.checked_sub(1)?;
        let start = *self.starts.get(index)?;
        let end = self
            .starts
            .get(index + 1)
            .copied()
            .unwrap_or(self.text.len());
        let line = self.text.get(start..end)?;
        let line = line.strip_suffix('\n').unwrap_or(line);
        Some((start, line.strip_suffix('\r').unwrap_or(line)))
    }
}

/// A text with all edits made, from the last to the first.
fn with(text: &str, edits: &[&Edit]) -> Result<String, NoFit> {
    let lines = Lines::of(text);
    let mut places = Vec::new();
    for edit in edits {
        places.push((place(&lines, edit)?, *edit));
    }
    places.sort_by_key(|((range, _), _)| range.start);
    for pair in places.windows(2) {
        if let [((before, _), _), ((after, _), edit)] = pair
            && meet(before, after)
        {
            return Err(no_fit(&edit.place().0, TWICE));
        }
    }
    let mut changed = text.to_owned();
    for ((range, new), _) in places.iter().rev() {
        changed.replace_range(range.clone(), new);
    }
    Ok(changed)
}

/// The bytes that an edit replaces, and what comes there.
fn place(lines: &Lines<'_>, edit: &Edit) -> Result<(Range<usize>, String), NoFit> {
    let (origin, written) = edit.place();
    let Some((start, line)) = lines.line(origin.position.line) else {
        return Err(no_fit(origin, "the text has no such line"));
    };
    let column = usize::try_from(origin.position.column).unwrap_or(usize::MAX);
    let at = line
        .char_indices()
        .nth(column.saturating_sub(1))
        .map(|(at, _)| at);
    let Some((before, rest)) = at.and_then(|at| line.split_at_checked(at)) else {
        return Err(no_fit(origin, "the line is shorter"));
    };
    let Some(scalar) = Scalar::read(rest, written) else {
        return Err(no_fit(
            origin,
            &format!("`{written}` is not written there on one line, plain or in simple quotes"),
        ));
    };
    let at = start + before.len();
    match edit {
        Edit::Replace { value, .. } => {
            let new = scalar
                .quoted(value)
                .ok_or_else(|| no_fit(origin, "the new value needs other quotes"))?;
            Ok((at..at + scalar.length, new))
        }
        Edit::Append { value, .. } => {
            let new = scalar
                .quoted(value)
                .ok_or_else(|| no_fit(origin, "the new value needs other quotes"))?;
            let end = at + scalar.length;
            let block = before.strip_suffix("- ").or_else(|| {
                let trimmed = before.trim_end_matches(' ');
                trimmed.strip_suffix('-')
            });
            if let Some(indent) =
                block.filter(|indent| indent.chars().all(|c| c == ' ' || c == '-'))
            {
                // A list in a list begins on the line of the outer one: blanks keep the inner place.
                let indent: String = indent.chars().map(|_| ' ').collect();
                let dash = before.get(indent.len()..).unwrap_or("- ");
                let line_end = start + line.len();
                let line_break = if lines
                    .text
                    .get(line_end..)
                    .is_some_and(|rest| rest.starts_with('\r'))
                {
                    "\r\n"
                } else {
                    "\n"
                };
                return Ok((line_end..line_end, format!("{line_break}{indent}{dash}{new}")));
            }
            if before.trim_end().ends_with(['[', ',']) {
                return Ok((end..end, format!(", {new}")));
            }
            Err(no_fit(origin, "the list is not written so that an item can be added on its line"))
        }
    }
}

/// A scalar as it is written on one line.
struct Scalar {
    length: usize,
    /// The quotation mark; absent for a plain one.
    quote: Option<char>,
}

impl Scalar {
    /// Reads `written` at the beginning of `rest`: in quotes without escapes, or plain.
    fn read(rest: &str, written: &str) -> Option<Self> {
        for quote in ['\'', '"'] {
            let inner = rest
                .strip_prefix(quote)
                .and_then(|rest| rest.strip_prefix(written));
            if inner.is_some_and(|rest| rest.starts_with(quote)) && simple(written) {
                return Some(Self { length: written.len() + 2, quote: Some(quote) });
            }
        }
        let behind = rest.strip_prefix(written).filter(|_| !written.is_empty())?;
        let ends = behind.is_empty()
            || behind.starts_with([',', ']', '}'])
            || (behind.starts_with(' ') && {
                let next = behind.trim_start();
                next.is_empty() || next.starts_with(['#', ',', ']', '}'])
            });
        ends.then_some(Self { length: written.len(), quote: None })
    }

    /// Another value in the same quotes, or in quotes where a plain one would be read as something else.
    fn quoted(&self, value: &str) -> Option<String> {
        if !simple(value) {
            return None;
        }
        match self.quote {
            Some(quote) => Some(format!("{quote}{value}{quote}")),
            None if is_plain(value) => Some(value.to_owned()),
            None => Some(format!("'{value}'")),
        }
    }
}

/// Whether a value is the same in either quotes.
fn simple(value: &str) -> bool {
    !value.contains(['\'', '"', '\\']) && !value.chars().any(char::is_control)
}

/// Whether a value is read as this text without quotes, in a block and in a flow.
fn is_plain(value: &str) -> bool {
    let begins = value.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/');
    let rest = value
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || "/._-:=@+".contains(c));
    let word = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    begins
        && rest
        && !value.ends_with(':')
        && !word.iter().any(|word| value.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rstest::rstest;

    use super::*;

    fn made(
        text: &str,
        position: (u32, u32),
        written: &str,
        append: bool,
        value: &str,
    ) -> Result<String, String> {
        let origin =
            Origin::new(&Arc::from("a"), Position { line: position.0, column: position.1 });
        let place = (origin, written.to_owned());
        let value = value.to_owned();
        let edit = if append {
            Edit::Append { behind: place, value }
        } else {
            Edit::Replace { written: place, value }
        };
        let texts = [("a".to_owned(), text.to_owned())].into();
        let fix = Fix { title: String::new(), edits: vec![edit.clone(), edit] };
        apply(&texts, [&fix])
            .map(|mut changed| changed.remove("a").unwrap())
            .map_err(|error| error.because)
    }

    #[rstest]
    #[case::block("m:\n- get # c\n- b\n", (2, 3), "get", "GET", "m:\n- GET # c\n- b\n")]
    #[case::flow("m: [get, b]\n", (1, 5), "get", "GET", "m: [GET, b]\n")]
    #[case::quotes("m: ['get']\n", (1, 5), "get", "GET", "m: ['GET']\n")]
    #[case::wide_characters("é: {m: \"get\"}\n", (1, 8), "get", "GET", "é: {m: \"GET\"}\n")]
    #[case::needs_quotes("m: [a]", (1, 5), "a", "*", "m: ['*']")]
    fn a_scalar_is_replaced(
        #[case] text: &str,
        #[case] at: (u32, u32),
        #[case] written: &str,
        #[case] value: &str,
        #[case] want: &str,
    ) {
        assert_eq!(made(text, at, written, false, value).as_deref(), Ok(want));
    }

    #[rstest]
    #[case::block("h:\n  - a.b # c\n", (2, 5), "a.b", "a.b:*", "h:\n  - a.b # c\n  - 'a.b:*'\n")]
    #[case::block_with_line_breaks_of_windows("h:\r\n- a.b\r\n", (2, 3), "a.b", "x", "h:\r\n- a.b\r\n- x\r\n")]
    #[case::last_line_without_a_break("h:\n- a.b", (2, 3), "a.b", "x", "h:\n- a.b\n- x")]
    #[case::list_in_a_list("- - a\n", (1, 5), "a", "x", "- - a\n  - x\n")]
    #[case::flow("h: [\"a.b\", c]\n", (1, 5), "a.b", "a.b:*", "h: [\"a.b\", \"a.b:*\", c]\n")]
    fn an_item_is_added(
        #[case] text: &str,
        #[case] at: (u32, u32),
        #[case] written: &str,
        #[case] value: &str,
        #[case] want: &str,
    ) {
        assert_eq!(made(text, at, written, true, value).as_deref(), Ok(want));
    }

    #[rstest]
    #[case::folded("m:\n- >-\n  get\n", (2, 3), "get")]
    #[case::escaped("m: [\"g\\x65t\"]\n", (1, 5), "get")]
    #[case::longer("m: [getter]\n", (1, 5), "get")]
    #[case::another("m: [put]\n", (1, 5), "get")]
    #[case::beyond("m: [get]\n", (7, 5), "get")]
    #[case::beyond_the_line("m: [get]\n", (1, 50), "get")]
    fn what_is_not_plainly_there_is_left_alone(
        #[case] text: &str,
        #[case] at: (u32, u32),
        #[case] written: &str,
    ) {
        assert!(made(text, at, written, false, "GET").is_err());
    }

    /// Of three fixes, whether each fits beside the others.
    fn fit(text: &str, changes: [(u32, u32, &str, &str); 3]) -> Vec<bool> {
        let fixes = changes.map(|(line, column, written, value)| {
            let origin = Origin::new(&Arc::from("a"), Position { line, column });
            let written = (origin, written.to_owned());
            let edit = Edit::Replace { written, value: value.to_owned() };
            Fix { title: String::new(), edits: vec![edit] }
        });
        let texts = [("a".to_owned(), text.to_owned())].into();
        // What stands in the second line is shared.
        let shared = |_: &str| {
            let at = |line| Position { line, column: 1 };
            std::iter::once(at(2)..at(3)).collect()
        };
        let fit = IndexedTexts::of(&texts, shared).fit(&fixes);
        let kept: Vec<Fix> = fixes
            .into_iter()
            .zip(&fit)
            .filter(|(_, fit)| fit.is_ok())
            .map(|(fix, _)| fix)
            .collect();
        assert!(apply(&texts, &kept).is_ok(), "what fits can be made");
        fit.iter().map(Result::is_ok).collect()
    }

    #[rstest]
    #[case::apart([(1, 5, "80", "1"), (3, 5, "90", "2"), (4, 5, "70", "3")], [true, true, true])]
    #[case::two_of_one_place([(1, 5, "80", "1"), (3, 5, "90", "2"), (1, 5, "80", "3")], [false, true, false])]
    #[case::the_same_twice([(1, 5, "80", "1"), (3, 5, "90", "2"), (1, 5, "80", "1")], [true, true, true])]
    #[case::shared([(2, 8, "60", "1"), (3, 5, "90", "2"), (4, 5, "70", "3")], [false, true, true])]
    #[case::gone([(1, 5, "81", "1"), (3, 5, "90", "2"), (9, 5, "70", "3")], [false, true, false])]
    fn what_does_not_fit_keeps_nothing_else_from_being_made(
        #[case] changes: [(u32, u32, &str, &str); 3],
        #[case] want: [bool; 3],
    ) {
        assert_eq!(fit("a: [80]\nb: &x [60]\nc: [90]\nd: [70]\n", changes), want);
    }

    #[test]
    fn an_item_is_not_added_to_what_is_no_list() {
        assert!(made("m:\n  [\n  get,\n  ]\n", (3, 3), "get", true, "x").is_err());
    }
}

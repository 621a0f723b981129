//! A text → the places whose content an anchor shares with whatever has an alias to it.

use std::ops::Range;

use granit_parser::{Event, Parser, options};

use super::tree::MAX_DEPTH;
use super::yaml::{marked, without_mark};
use crate::diagnostic::Position;

/// The last place of a text.
const END: Position = Position { line: u32::MAX, column: u32::MAX };

/// From where to where something has an anchor, in the order of their ends. What is not read ends the place that it
/// stands in at the end of the text.
#[must_use]
pub fn anchored(text: &str) -> Vec<Range<Position>> {
    let mut found = Vec::new();
    if !text.contains('&') {
        return found;
    }
    let options = options! {
        emit_comments: false,
        emit_unresolved_aliases: true,
        flow_nesting_limit: MAX_DEPTH,
        block_nesting_limit: MAX_DEPTH,
    };
    let mut parser = Parser::new_from_str_with_options(without_mark(text), options);
    let mut open: Vec<Option<Position>> = Vec::new();
    // Ends: a turn takes one of finitely many events, or leaves a document.
    while let Some(event) = parser.next_event() {
        match event {
            Ok((Event::Scalar(_, _, anchor, _), span)) if anchor != 0 => {
                let start = marked(&span.start);
                found.push(start..Position { column: start.column.saturating_add(1), ..start });
            }
            Ok((Event::SequenceStart(_, anchor, _) | Event::MappingStart(_, anchor, _), span)) => {
                open.push((anchor != 0).then(|| marked(&span.start)));
            }
            Ok((Event::SequenceEnd | Event::MappingEnd, span)) => {
                let start = open.pop().flatten();
                found.extend(start.map(|start| start..marked(&span.start)));
            }
            Ok(_) => {}
            Err(_) => {
                found.extend(open.drain(..).flatten().map(|start| start..END));
                if !matches!(parser.proceed_next_document(), Ok(true)) {
                    break;
                }
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::scalar("m: [&a get, *a]\n", &["1:8 1:9"])]
    // A list that is not indented begins with its first item.
    #[case::block("a: &x\n- b\n- c\nd: *x\n", &["2:3 4:1"])]
    #[case::flow("a: &x [b, c]\nd: 1\n", &["1:7 1:12"])]
    #[case::mapping("a: &x\n  b: c\nd: 1\n", &["2:3 3:1"])]
    #[case::one_in_another("a: &x {b: &y c}\n", &["1:14 1:15", "1:7 1:15"])]
    #[case::none("a: b&c\nd: '&e'\n", &[])]
    #[case::behind_an_error("a: &x [b\n--- \nc: &y d\n", &["1:7 4294967295:4294967295", "3:7 3:8"])]
    fn a_place_with_an_anchor_is_found(#[case] text: &str, #[case] want: &[&str]) {
        let found: Vec<String> = anchored(text)
            .iter()
            .map(|place| format!("{} {}", place.start, place.end))
            .collect();
        assert_eq!(found, want);
    }
}

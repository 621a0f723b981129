//! Events ↔ the lines of a journal, each sealed with the hash of all before; where the sound ones end.

use std::io;

use super::certificate::hex;
use super::journal::JournalError;
use super::key::sha256;
use super::time::UnixTime;

/// What stands before the hash in a line.
const SEAL: &str = ",\"hash\":\"";

/// How far a journal reaches, or a part of it from its first line on. By default nowhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct End {
    /// How many lines there are.
    pub(super) lines: u64,
    /// How many bytes.
    pub(super) length: u64,
    /// The hash of the last line, which the next one names; zeros where there is none.
    pub(super) head: [u8; 32],
}

impl End {
    /// Writes an event behind it; `fields` are those of the event, as JSON without its braces.
    pub(super) fn seal(&mut self, at: UnixTime, fields: &str, into: &mut String) {
        let begin = into.len();
        into.push_str(&format!("{{\"sequence\":{},\"at\":{at},{fields}", self.lines));
        into.push_str(&format!(",\"previous\":\"{}\"", hex(&self.head)));
        let (_, body) = into.split_at(begin);
        self.head = sha256(body.as_bytes());
        into.push_str(SEAL);
        into.push_str(&hex(&self.head));
        into.push_str("\"}\n");
        self.lines += 1;
        self.length += bytes(into.len() - begin);
    }
}

fn bytes(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

/// What [`scan`] found.
#[derive(Debug)]
pub(super) struct Scan {
    /// Where the last sound line ends.
    pub(super) end: End,
    /// Where it begins.
    pub(super) before_last: End,
    /// How many bytes are behind it, of a write that was cut short.
    pub(super) torn: usize,
}

/// Checks every line that is behind `from`. The end of the file may be torn: a write that was never reported leaves a
/// line without its end, or zeros. Anything else that is wrong is damage.
pub(super) fn scan<'b>(
    bytes: &'b [u8],
    from: End,
    mut each: impl FnMut(usize, &'b str),
) -> Result<Scan, JournalError> {
    let mut scan = Scan { end: from, before_last: from, torn: 0 };
    let mut rest = bytes;
    while !rest.is_empty() {
        let line = usize::try_from(scan.end.lines)
            .unwrap_or(usize::MAX)
            .saturating_add(1);
        let Some((content, behind)) = first_line(rest) else {
            scan.torn = rest.len();
            break;
        };
        match sound(content, &scan.end) {
            Ok((text, end)) => {
                each(line, text);
                scan.before_last = scan.end;
                scan.end = end;
                rest = behind;
            }
            // A file that grew and was not filled has zeros.
            Err(_) if content.contains(&0) && first_line(behind).is_none() => {
                scan.torn = rest.len();
                break;
            }
            Err(reason) => return Err(JournalError::Damaged { line, reason }),
        }
    }
    if scan.end.lines == 0 {
        return Err(JournalError::Damaged { line: 1, reason: "there is no whole line" });
    }
    Ok(scan)
}

/// Up to the first line feed, and what is behind it; absent where there is none.
pub(super) fn first_line(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut reader = bytes;
    // The standard library's own search is the fast one.
    let length = io::BufRead::skip_until(&mut reader, b'\n').ok()?;
    let (content, behind) = bytes.split_at_checked(length)?;
    Some((content.strip_suffix(b"\n")?, behind))
}

/// The line as text, and where it ends, where it is whole and follows the one before.
fn sound<'b>(content: &'b [u8], before: &End) -> Result<(&'b str, End), &'static str> {
    let text = std::str::from_utf8(content).map_err(|_utf8| "it is not UTF-8")?;
    let (body, seal) = text.rsplit_once(SEAL).ok_or("it has no hash")?;
    let head = sha256(body.as_bytes());
    if seal.strip_suffix("\"}") != Some(hex(&head).as_str()) {
        return Err("its hash is not that of its text");
    }
    let previous = body
        .strip_suffix('"')
        .and_then(|body| body.rsplit_once(",\"previous\":\""));
    if previous.is_none_or(|(_, previous)| previous != hex(&before.head)) {
        return Err("it does not follow the line before");
    }
    let found = number(body, "{\"sequence\":").map(|(number, _)| number);
    if found.is_none() || found != i64::try_from(before.lines).ok() {
        return Err("its number is not the next");
    }
    let length = before.length.saturating_add(bytes(content.len())) + 1;
    Ok((text, End { lines: before.lines + 1, length, head }))
}

/// The number behind the first `key`, and what is behind it.
pub(super) fn number<'line>(line: &'line str, key: &str) -> Option<(i64, &'line str)> {
    let (_, rest) = line.split_once(key)?;
    let end = rest.find(|c: char| !c.is_ascii_digit() && c != '-')?;
    let (digits, rest) = rest.split_at_checked(end)?;
    Some((digits.parse().ok()?, rest))
}

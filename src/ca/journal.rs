//! Events → lines of a file that are durable before anybody learns of them, each sealed with the hash of all before.
//!
//! A line is a JSON object whose last two fields are `previous`, the hash of the line before, and `hash`, the SHA-256
//! of everything in front of it. Many callers may append at once: whoever finds nobody writing writes for all that
//! wait, with one sync.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use serde_json::{Map, Value};

use super::certificate::hex;
use super::key::sha256;
use super::store::{Store, replace};
use super::time::UnixTime;

/// The file's name.
pub(super) const JOURNAL: &str = "journal.jsonl";
/// What stands before the hash in a line.
const SEAL: &str = ",\"hash\":\"";
/// What the first line names as the one before it.
const NOTHING: [u8; 32] = [0; 32];

/// Why the journal cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// A line is damaged and is not the torn end of the last write.
    #[error("journal line {line}: {reason}")]
    Damaged {
        /// From 1.
        line: usize,
        /// What is wrong.
        reason: &'static str,
    },
    /// There is none.
    #[error("the journal is missing")]
    Missing,
    /// The store failed; nothing was recorded.
    #[error("the journal cannot be read or written: {0}")]
    Store(#[source] io::Error),
    /// The serial number is taken.
    #[error("the serial number is in the journal already")]
    SerialTaken,
}

/// What a journal says at a glance.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// How many lines it has.
    pub lines: u64,
    /// The hash of the last line, in hexadecimal: who keeps it can tell later that nothing was cut off.
    pub head: String,
    /// How many bytes were a torn write's, and were cut off.
    pub torn: usize,
    /// How many certificates were issued.
    pub issued: usize,
}

/// What has been recorded, as far as issuing needs to know.
#[derive(Debug, Default)]
struct Index {
    serials: BTreeSet<[u8; 16]>,
    /// By generation: when the last certificate of it expires.
    last_not_after: BTreeMap<u64, UnixTime>,
    last_at: UnixTime,
}

#[derive(Debug)]
struct State {
    index: Index,
    /// Lines that wait for the next write.
    pending: String,
    next: u64,
    head: [u8; 32],
    /// What is known to be on disk: number of lines, their hash, their length in bytes.
    durable: (u64, [u8; 32], u64),
    /// Counts failed writes: who waited over one has failed.
    failures: u64,
    last_failure: Option<io::ErrorKind>,
    writing: bool,
    /// A failed write may have left bytes behind the durable ones.
    dirty: bool,
}

/// The journal of one CA, open for appending.
#[derive(Debug)]
pub(super) struct Journal {
    state: Mutex<State>,
    written: Condvar,
}

/// What an issue adds to the index.
#[derive(Clone, Copy, Debug)]
pub(super) struct Issued {
    pub(super) serial: [u8; 16],
    pub(super) generation: u64,
    pub(super) not_after: UnixTime,
}

impl Journal {
    /// Begins a journal with one event.
    pub(super) fn begin(
        store: &impl Store,
        at: UnixTime,
        event: Map<String, Value>,
    ) -> Result<(), JournalError> {
        let (line, _) = seal(0, at, event, &NOTHING);
        replace(store, JOURNAL, line.as_bytes()).map_err(JournalError::Store)
    }

    /// Reads a journal and cuts off the torn end of a write that nobody was told of.
    pub(super) fn open(store: &impl Store) -> Result<(Self, Summary), JournalError> {
        let bytes = store
            .read(JOURNAL)
            .map_err(JournalError::Store)?
            .ok_or(JournalError::Missing)?;
        let mut index = Index::default();
        let mut twice = None;
        let scan = scan(&bytes, |number, line| {
            if !index.remember(line) {
                twice = Some(number);
            }
        })?;
        if let Some(line) = twice {
            return Err(JournalError::Damaged {
                line,
                reason: "its serial number was issued before",
            });
        }
        if scan.torn > 0 {
            store
                .truncate(JOURNAL, scan.length)
                .map_err(JournalError::Store)?;
            store.sync(JOURNAL).map_err(JournalError::Store)?;
        }
        let summary = Summary {
            lines: scan.lines,
            head: hex(&scan.head),
            torn: scan.torn,
            issued: index.serials.len(),
        };
        let state = State {
            index,
            pending: String::new(),
            next: scan.lines,
            head: scan.head,
            durable: (scan.lines, scan.head, scan.length),
            failures: 0,
            last_failure: None,
            writing: false,
            dirty: false,
        };
        Ok((Self { state: Mutex::new(state), written: Condvar::new() }, summary))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a serial number was ever recorded, durable or about to be.
    pub(super) fn has_serial(&self, serial: &[u8; 16]) -> bool {
        self.lock().index.serials.contains(serial)
    }

    /// When the last event was.
    pub(super) fn last_at(&self) -> UnixTime {
        self.lock().index.last_at
    }

    /// When the last certificate of a generation expires; absent where it issued none.
    pub(super) fn last_not_after(&self, generation: u64) -> Option<UnixTime> {
        self.lock().index.last_not_after.get(&generation).copied()
    }

    /// Records events, all or none, and returns when they are durable.
    ///
    /// # Errors
    /// Nothing of it counts: the caller must not act on the events.
    pub(super) fn append(
        &self,
        store: &impl Store,
        at: UnixTime,
        events: Vec<(Map<String, Value>, Option<Issued>)>,
    ) -> Result<(), JournalError> {
        let mut state = self.lock();
        let mut taken = BTreeSet::new();
        let serials = events
            .iter()
            .filter_map(|(_, issued)| issued.map(|issued| issued.serial));
        for serial in serials {
            if state.index.serials.contains(&serial) || !taken.insert(serial) {
                return Err(JournalError::SerialTaken);
            }
        }
        for (event, issued) in events {
            let (line, hash) = seal(state.next, at, event, &state.head);
            state.pending.push_str(&line);
            state.next += 1;
            state.head = hash;
            state.index.last_at = at;
            if let Some(issued) = issued {
                state.index.add(issued);
            }
        }
        let (mine, failures) = (state.next, state.failures);
        loop {
            if state.failures != failures {
                let kind = state.last_failure.unwrap_or(io::ErrorKind::Other);
                return Err(JournalError::Store(kind.into()));
            }
            if state.durable.0 >= mine {
                return Ok(());
            }
            if state.writing {
                state = self
                    .written
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner);
            } else {
                state = self.write(store, state);
            }
        }
    }

    /// Writes everything that waits, with the lock given back while the disk works.
    fn write<'s>(
        &'s self,
        store: &impl Store,
        mut state: MutexGuard<'s, State>,
    ) -> MutexGuard<'s, State> {
        state.writing = true;
        let batch = std::mem::take(&mut state.pending);
        let (lines, head, dirty, length) = (state.next, state.head, state.dirty, state.durable.2);
        drop(state);
        let clean = || if dirty { store.truncate(JOURNAL, length) } else { Ok(()) };
        let result = clean()
            .and_then(|()| store.append(JOURNAL, batch.as_bytes()))
            .and_then(|()| store.sync(JOURNAL));
        let mut state = self.lock();
        state.writing = false;
        match result {
            Ok(()) => {
                let written = u64::try_from(batch.len()).unwrap_or(u64::MAX);
                state.durable = (lines, head, length.saturating_add(written));
                state.dirty = false;
            }
            Err(error) => {
                // What waits behind the failed lines hangs on their hash, so it fails with them. Serial numbers stay
                // taken: whether a line reached the disk is not known, and a burnt number costs nothing.
                state.pending.clear();
                state.next = state.durable.0;
                state.head = state.durable.1;
                state.failures += 1;
                state.last_failure = Some(error.kind());
                state.dirty = true;
            }
        }
        self.written.notify_all();
        state
    }
}

impl Index {
    fn add(&mut self, issued: Issued) {
        self.serials.insert(issued.serial);
        let last = self
            .last_not_after
            .entry(issued.generation)
            .or_insert(issued.not_after);
        *last = (*last).max(issued.not_after);
    }

    /// Takes over what a sound line says; `false` where it issues a serial number again. Quotes inside of values are escaped, so a key is found where it is one.
    fn remember(&mut self, line: &str) -> bool {
        // The fields of a line are in the order in which it was written, so none is looked for twice.
        let Some((at, rest)) = number(line, "\"at\":") else { return false };
        self.last_at = at;
        let Some(rest) = rest.strip_prefix(",\"event\":\"issue\",\"serial\":\"") else {
            return true;
        };
        let serial = rest.get(..32).and_then(serial);
        let generation = |rest| number(rest, "\"generation\":").map(|(generation, _)| generation);
        let parts = number(rest, "\"notAfter\":").and_then(|(not_after, rest)| {
            Some((not_after, u64::try_from(generation(rest)?).ok()?))
        });
        let (Some(serial), Some((not_after, generation))) = (serial, parts) else { return false };
        let before = self.serials.len();
        self.add(Issued { serial, generation, not_after });
        self.serials.len() > before
    }
}

fn behind<'line>(line: &'line str, key: &str) -> Option<&'line str> {
    line.split_once(key).map(|(_, rest)| rest)
}

/// The number behind `key`, and what is behind it.
fn number<'line>(line: &'line str, key: &str) -> Option<(i64, &'line str)> {
    let rest = behind(line, key)?;
    let end = rest.find(|c: char| !c.is_ascii_digit() && c != '-')?;
    let (digits, rest) = rest.split_at_checked(end)?;
    Some((digits.parse().ok()?, rest))
}

/// 32 hexadecimal digits.
pub(super) fn serial(text: &str) -> Option<[u8; 16]> {
    (text.len() == 32)
        .then(|| u128::from_str_radix(text, 16).ok().map(u128::to_be_bytes))
        .flatten()
}

/// An event as a line, and the line's hash.
fn seal(
    sequence: u64,
    at: UnixTime,
    event: Map<String, Value>,
    previous: &[u8; 32],
) -> (String, [u8; 32]) {
    let mut fields = Map::new();
    fields.insert("sequence".to_owned(), sequence.into());
    fields.insert("at".to_owned(), at.into());
    fields.extend(event);
    fields.insert("previous".to_owned(), hex(previous).into());
    let mut line = Value::Object(fields).to_string();
    line.pop();
    let hash = sha256(line.as_bytes());
    line.push_str(SEAL);
    line.push_str(&hex(&hash));
    line.push_str("\"}\n");
    (line, hash)
}

struct Scan {
    lines: u64,
    head: [u8; 32],
    /// Where the last sound line ends.
    length: u64,
    torn: usize,
}

/// Checks every line. The end of the file may be torn: a write that was never reported leaves a line without its end,
/// or zeros. Anything else that is wrong is damage.
fn scan<'b>(bytes: &'b [u8], mut each: impl FnMut(usize, &'b str)) -> Result<Scan, JournalError> {
    let mut scan = Scan { lines: 0, head: NOTHING, length: 0, torn: 0 };
    let mut rest = bytes;
    while !rest.is_empty() {
        let line = usize::try_from(scan.lines)
            .unwrap_or(usize::MAX)
            .saturating_add(1);
        let damaged = |reason| JournalError::Damaged { line, reason };
        let Some((content, behind)) = first_line(rest) else {
            scan.torn = rest.len();
            break;
        };
        match sound(content, scan.lines, &scan.head) {
            Ok((text, hash)) => {
                each(line, text);
                scan.head = hash;
                scan.lines += 1;
                scan.length += u64::try_from(content.len()).unwrap_or(0) + 1;
                rest = behind;
            }
            // A file that grew and was not filled has zeros.
            Err(_) if content.contains(&0) && first_line(behind).is_none() => {
                scan.torn = rest.len();
                break;
            }
            Err(reason) => return Err(damaged(reason)),
        }
    }
    if scan.lines == 0 {
        return Err(JournalError::Damaged { line: 1, reason: "there is no whole line" });
    }
    Ok(scan)
}

/// Up to the first line feed, and what is behind it; absent where there is none.
fn first_line(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut reader = bytes;
    // The standard library's own search is the fast one.
    let length = io::BufRead::skip_until(&mut reader, b'\n').ok()?;
    let (content, behind) = bytes.split_at_checked(length)?;
    Some((content.strip_suffix(b"\n")?, behind))
}

/// The line as text, and its hash, where it is whole and follows the one before.
fn sound<'b>(
    content: &'b [u8],
    sequence: u64,
    head: &[u8; 32],
) -> Result<(&'b str, [u8; 32]), &'static str> {
    let text = std::str::from_utf8(content).map_err(|_utf8| "it is not UTF-8")?;
    let (body, seal) = text.rsplit_once(SEAL).ok_or("it has no hash")?;
    let hash = sha256(body.as_bytes());
    if seal.strip_suffix("\"}") != Some(hex(&hash).as_str()) {
        return Err("its hash is not that of its text");
    }
    let previous = body
        .strip_suffix('"')
        .and_then(|body| body.rsplit_once(",\"previous\":\""));
    if previous.is_none_or(|(_, previous)| previous != hex(head)) {
        return Err("it does not follow the line before");
    }
    let found = number(body, "{\"sequence\":").map(|(number, _)| number);
    if found.is_none() || found != i64::try_from(sequence).ok() {
        return Err("its number is not the next");
    }
    Ok((text, hash))
}

/// The events of a journal, in their order, and its summary.
///
/// # Errors
/// [`JournalError`] where the journal cannot be read or a line is damaged.
pub(super) fn events(
    store: &impl Store,
) -> Result<(Vec<Map<String, Value>>, Summary), JournalError> {
    let bytes = store
        .read(JOURNAL)
        .map_err(JournalError::Store)?
        .ok_or(JournalError::Missing)?;
    let mut lines = Vec::new();
    let scan = scan(&bytes, |_, line| lines.push(line))?;
    let mut events = Vec::new();
    for (index, line) in lines.into_iter().enumerate() {
        match serde_json::from_str(line) {
            Ok(Value::Object(event)) => events.push(event),
            _ => return Err(JournalError::Damaged { line: index + 1, reason: "it is not JSON" }),
        }
    }
    let issued = events
        .iter()
        .filter(|event| event.get("event").is_some_and(|event| event == "issue"))
        .count();
    let summary = Summary { lines: scan.lines, head: hex(&scan.head), torn: scan.torn, issued };
    Ok((events, summary))
}

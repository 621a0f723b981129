//! A store's journal and checkpoint → what they tell: from every line, or only from those that no checkpoint covers.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::certificate::hex;
use super::checkpoint::{self, CHECKPOINT};
use super::journal::{JOURNAL, JournalError};
use super::replay::{Issued, Note, Replay};
use super::sealed_line::{End, scan};
use super::store::Store;

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

/// What reading a journal yields.
#[derive(Debug)]
pub(super) struct History {
    /// What the lines tell that a checkpoint covers.
    pub(super) base: Replay,
    /// What the lines behind them tell.
    pub(super) notes: Vec<Note>,
    /// What they issued.
    pub(super) serials: BTreeSet<[u8; 16]>,
    /// Where the last line ends.
    pub(super) end: End,
    /// Where it begins.
    before_last: End,
    /// How many bytes are behind it, of a write that was cut short.
    pub(super) torn: usize,
}

impl History {
    /// The lines behind `base`, which is nothing, or what a checkpoint says.
    fn behind(store: &impl Store, base: Replay) -> Result<Self, JournalError> {
        let bytes = bytes(store, JOURNAL, base.end.length)?.ok_or(JournalError::Missing)?;
        let (mut notes, mut serials, mut wrong) = (Vec::new(), BTreeSet::new(), None);
        let scan = scan(&bytes, base.end, |line, text| match Note::of(text) {
            Some(note) => {
                let again =
                    |issued: &Issued| base.has(&issued.serial) || !serials.insert(issued.serial);
                if note.issued.as_ref().is_some_and(again) {
                    wrong = Some((line, "its serial number was issued before"));
                }
                notes.push(note);
            }
            None => wrong = Some((line, "it does not say when, or what was issued")),
        })?;
        if let Some((line, reason)) = wrong {
            return Err(JournalError::Damaged { line, reason });
        }
        let (end, before_last, torn) = (scan.end, scan.before_last, scan.torn);
        Ok(Self { base, notes, serials, end, before_last, torn })
    }

    /// The lines that the checkpoint does not cover; all of them where that is not there or does not fit, and then why.
    pub(super) fn read(store: &impl Store) -> Result<(Self, Option<&'static str>), JournalError> {
        let reason = match read_checkpoint(store) {
            Ok(None) => None,
            Ok(Some(replay)) => {
                match Self::behind(store, replay) {
                    // The line behind names the hash of the last one that is covered.
                    Ok(read) if !read.notes.is_empty() => return Ok((read, None)),
                    Ok(_) => Some("the journal ends before it does"),
                    // Damage is told by the whole journal, or there is none.
                    Err(_) => Some("the journal does not go on where it ends"),
                }
            }
            Err(reason) => Some(reason),
        };
        Ok((Self::behind(store, Replay::default())?, reason))
    }

    /// What all lines but the last tell.
    pub(super) fn but_the_last(&self) -> Replay {
        let notes = self.notes.split_last().map(|(_, notes)| notes);
        self.base
            .followed_by(notes.unwrap_or_default(), self.before_last)
    }
}

/// The events of a journal, in their order, and its summary. Every line is checked.
///
/// # Errors
/// [`JournalError`] where the journal cannot be read or a line is damaged.
pub(super) fn events(
    store: &impl Store,
) -> Result<(Vec<Map<String, Value>>, Summary), JournalError> {
    let bytes = bytes(store, JOURNAL, 0)?.ok_or(JournalError::Missing)?;
    let mut lines = Vec::new();
    let scan = scan(&bytes, End::default(), |_, line| lines.push(line))?;
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
    let summary =
        Summary { lines: scan.end.lines, head: hex(&scan.end.head), torn: scan.torn, issued };
    Ok((events, summary))
}

/// Whether the checkpoint, where there is one, says what the journal's lines say, which are read from the first one on.
///
/// # Errors
/// [`JournalError::Checkpoint`] where it does not; others where the journal cannot be read or a line is damaged.
pub(super) fn check_checkpoint(store: &impl Store) -> Result<(), JournalError> {
    let Some(found) = read_checkpoint(store).map_err(JournalError::Checkpoint)? else {
        return Ok(());
    };
    let read = History::behind(store, Replay::default())?;
    if found.end.lines >= read.end.lines {
        return Err(JournalError::Checkpoint("the journal ends before it does"));
    }
    let covered = usize::try_from(found.end.lines).unwrap_or(usize::MAX);
    let (notes, _) = read.notes.split_at_checked(covered).unwrap_or_default();
    // The hash is that of a line of this very journal, and so is the length, or the next line would not be found.
    if Replay::default().followed_by(notes, found.end) != found
        || !History::behind(store, found).is_ok_and(|read| !read.notes.is_empty())
    {
        return Err(JournalError::Checkpoint(
            "it says something else than the lines that it covers",
        ));
    }
    Ok(())
}

/// What a file holds from an offset on. No secret: what is wiped is not copied first.
fn bytes(store: &impl Store, name: &str, from: u64) -> Result<Option<Vec<u8>>, JournalError> {
    let bytes = store.read_from(name, from).map_err(JournalError::Store)?;
    Ok(bytes.map(|mut bytes| std::mem::take(&mut *bytes)))
}

/// The checkpoint; absent where there is none.
fn read_checkpoint(store: &impl Store) -> Result<Option<Replay>, &'static str> {
    match bytes(store, CHECKPOINT, 0) {
        Ok(Some(bytes)) => checkpoint::parse(&bytes).map(Some),
        Ok(None) => Ok(None),
        Err(_) => Err("it cannot be read"),
    }
}

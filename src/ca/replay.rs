//! A journal's sound lines → what issuing needs to know of them.

use std::collections::BTreeMap;

use super::sealed_line::{End, number};
use super::time::UnixTime;

/// What an issue tells those that come after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Issued {
    pub(super) serial: [u8; 16],
    pub(super) generation: u64,
    pub(super) not_after: UnixTime,
}

/// What one line tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Note {
    pub(super) at: UnixTime,
    /// Absent where nothing was issued.
    pub(super) issued: Option<Issued>,
}

impl Note {
    /// Takes from a sound line what it tells; absent where it is not as lines are written. Quotes inside of values are
    /// escaped, so a key is found where it is one.
    pub(super) fn of(line: &str) -> Option<Self> {
        // The fields of a line are in the order in which it was written, so none is looked for twice.
        let (at, rest) = number(line, "\"at\":")?;
        let Some(rest) = rest.strip_prefix(",\"event\":\"issue\",\"serial\":\"") else {
            return Some(Self { at, issued: None });
        };
        let serial = serial(rest.get(..32)?)?;
        let (not_after, rest) = number(rest, "\"notAfter\":")?;
        let (generation, _) = number(rest, "\"generation\":")?;
        let generation = u64::try_from(generation).ok()?;
        Some(Self { at, issued: Some(Issued { serial, generation, not_after }) })
    }
}

/// 32 hexadecimal digits.
pub(super) fn serial(text: &str) -> Option<[u8; 16]> {
    (text.len() == 32)
        .then(|| u128::from_str_radix(text, 16).ok().map(u128::to_be_bytes))
        .flatten()
}

/// What all lines up to one tell together. By default there is none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Replay {
    pub(super) end: End,
    pub(super) last_at: UnixTime,
    /// By generation: when the last certificate of it expires.
    pub(super) last_not_after: BTreeMap<u64, UnixTime>,
    /// Of everything that was issued; in their order, each once.
    pub(super) serials: Vec<[u8; 16]>,
}

impl Replay {
    /// Whether a serial number was issued in these lines.
    pub(super) fn has(&self, serial: &[u8; 16]) -> bool {
        self.serials.binary_search(serial).is_ok()
    }

    /// The same with further lines, which lead to `end`.
    pub(super) fn followed_by(&self, notes: &[Note], end: End) -> Self {
        let mut longer = self.clone();
        longer.end = end;
        longer.serials.reserve(notes.len());
        for note in notes {
            longer.last_at = note.at;
            if let Some(issued) = note.issued {
                longer.serials.push(issued.serial);
                last_not_after(&mut longer.last_not_after, &issued);
            }
        }
        // Two runs, of which the first is in order: this sort merges them.
        longer.serials.sort();
        longer
    }
}

/// Makes an issue known to a table of the last ends of validity.
pub(super) fn last_not_after(table: &mut BTreeMap<u64, UnixTime>, issued: &Issued) {
    let last = table.entry(issued.generation).or_insert(issued.not_after);
    *last = (*last).max(issued.not_after);
}

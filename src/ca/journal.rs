//! Events → lines of a file that are durable before anybody learns of them, each sealed with the hash of all before.
//!
//! A line is a JSON object whose last two fields are `previous`, the hash of the line before, and `hash`, the SHA-256
//! of everything in front of it. Many callers may append at once: whoever finds nobody writing writes for all that
//! wait, with one sync.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Map, Value};

use super::certificate::hex;
use super::checkpoint::{self, CHECKPOINT};
use super::history::{History, Summary};
use super::replay::{Issued, Note, Replay, last_not_after};
use super::sealed_line::End;
use super::store::{Store, replace};
use super::time::UnixTime;

/// The file's name.
pub(super) const JOURNAL: &str = "journal.jsonl";
/// The longest that a write waits for those that will soon want one, too.
const PATIENCE: Duration = Duration::from_millis(5);
/// A checkpoint is as long as all certificates before it; so that writing them never outweighs writing the journal,
/// the next one waits for this part of the lines.
const PART: u64 = 32;

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
    /// The journal is sound, and its checkpoint is not, or is another journal's.
    #[error("the journal's lines are sound, and its checkpoint is not theirs: {0}")]
    Checkpoint(&'static str),
}

/// What goes into the journal, and what an issue tells those that come after it.
pub(super) type Event = (Map<String, Value>, Option<Issued>);

/// Lines that wait for the next write.
#[derive(Debug, Default)]
struct Batch {
    lines: String,
    /// What they tell.
    notes: Vec<Note>,
    /// Of how many callers they are.
    callers: usize,
}

#[derive(Debug)]
struct State {
    /// What the lines tell that the newest checkpoint covers.
    base: Arc<Replay>,
    /// Serial numbers that are not in `base`: durable, waiting, or of a write that failed.
    taken: BTreeSet<[u8; 16]>,
    last_not_after: BTreeMap<u64, UnixTime>,
    last_at: UnixTime,
    pending: Batch,
    /// Where what waits ends.
    next: End,
    /// Counts writes: which of them the waiting lines belong to.
    batch: usize,
    /// How many callers were there when the last write was done, it being for them or not: as many are likely to come
    /// again.
    crowd: usize,
    /// What is known to be on disk.
    durable: End,
    /// What the durable lines behind `base` tell.
    since: Vec<Note>,
    /// How many of them the next checkpoint waits for; absent while one is being written.
    due: Option<u64>,
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
    /// Who waits for a write, by whether its number is odd: nobody is woken for another's.
    written: [Condvar; 2],
    /// Where the next write waits for a crowd.
    arrived: Condvar,
    oddity: Option<String>,
}

/// How many lines a checkpoint waits for.
fn due(store: &impl Store, base: &Replay) -> u64 {
    let part = base.end.lines.checked_div(PART).unwrap_or_default();
    store.lines_of_a_checkpoint().max(part).max(1)
}

fn count(notes: &[Note]) -> u64 {
    u64::try_from(notes.len()).unwrap_or(u64::MAX)
}

impl Journal {
    /// Begins a journal with one event.
    pub(super) fn begin(
        store: &impl Store,
        at: UnixTime,
        event: Map<String, Value>,
    ) -> Result<(), JournalError> {
        let mut line = String::new();
        End::default().seal(at, &fields(event), &mut line);
        replace(store, JOURNAL, line.as_bytes()).map_err(JournalError::Store)
    }

    /// Reads a journal and cuts off the torn end of a write that nobody was told of. What a checkpoint covers is not
    /// read again; where many lines are behind it, or it does not fit, a new one is written.
    pub(super) fn open(store: &impl Store) -> Result<(Self, Summary), JournalError> {
        let (mut read, misfit) = History::read(store)?;
        if read.torn > 0 {
            store
                .truncate(JOURNAL, read.end.length)
                .map_err(JournalError::Store)?;
            store.sync(JOURNAL).map_err(JournalError::Store)?;
        }
        let mut oddity = misfit.map(|reason| {
            format!("the journal's checkpoint was not used, and every line was checked: {reason}")
        });
        if misfit.is_some() || count(&read.notes) > due(store, &read.base) {
            let replay = read.but_the_last();
            // A line that a killed process wrote may not be durable yet, and the checkpoint must not outlive it.
            let written = store
                .sync(JOURNAL)
                .and_then(|()| replace(store, CHECKPOINT, &checkpoint::to_bytes(&replay)));
            match written {
                Ok(()) => {
                    read.notes.drain(..read.notes.len().saturating_sub(1));
                    read.serials.retain(|serial| !replay.has(serial));
                    read.base = replay;
                }
                Err(error) => {
                    oddity = Some(format!(
                        "the journal's checkpoint cannot be written, so that opening takes longer: {error}"
                    ));
                }
            }
        }
        let summary = Summary {
            lines: read.end.lines,
            head: hex(&read.end.head),
            torn: read.torn,
            issued: read.base.serials.len() + read.serials.len(),
        };
        Ok((Self::of(store, read, oddity), summary))
    }

    fn of(store: &impl Store, read: History, oddity: Option<String>) -> Self {
        let mut table = read.base.last_not_after.clone();
        for issued in read.notes.iter().filter_map(|note| note.issued.as_ref()) {
            last_not_after(&mut table, issued);
        }
        let state = State {
            due: Some(due(store, &read.base)),
            taken: read.serials,
            last_not_after: table,
            last_at: read.notes.last().map_or(read.base.last_at, |note| note.at),
            base: Arc::new(read.base),
            pending: Batch::default(),
            next: read.end,
            batch: 0,
            crowd: 0,
            durable: read.end,
            since: read.notes,
            failures: 0,
            last_failure: None,
            writing: false,
            dirty: false,
        };
        Self {
            state: Mutex::new(state),
            written: [Condvar::new(), Condvar::new()],
            arrived: Condvar::new(),
            oddity,
        }
    }

    /// What was odd about the checkpoint when the journal was opened.
    pub(super) fn oddity(&self) -> Option<&str> {
        self.oddity.as_deref()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a serial number was ever recorded, durable or about to be.
    pub(super) fn has_serial(&self, serial: &[u8; 16]) -> bool {
        self.lock().has(serial)
    }

    /// When the last event was.
    pub(super) fn last_at(&self) -> UnixTime {
        self.lock().last_at
    }

    /// When the last certificate of a generation expires; absent where it issued none.
    pub(super) fn last_not_after(&self, generation: u64) -> Option<UnixTime> {
        self.lock().last_not_after.get(&generation).copied()
    }

    /// On what the callers of a write wait, and those of the next.
    const fn written(&self, batch: usize) -> [&Condvar; 2] {
        let [even, odd] = &self.written;
        if batch.is_multiple_of(2) { [even, odd] } else { [odd, even] }
    }

    /// Records events, all or none, and returns when they are durable.
    ///
    /// # Errors
    /// Nothing of it counts: the caller must not act on the events.
    pub(super) fn append(
        &self,
        store: &impl Store,
        at: UnixTime,
        events: Vec<Event>,
    ) -> Result<(), JournalError> {
        let events: Vec<(String, Note)> = events
            .into_iter()
            .map(|(event, issued)| (fields(event), Note { at, issued }))
            .collect();
        let mut state = self.lock();
        state.queue(events)?;
        if state.is_crowded() {
            self.arrived.notify_one();
        }
        let (mine, batch, failures) = (state.next.lines, state.batch, state.failures);
        let [written, _] = self.written(batch);
        loop {
            if state.failures != failures {
                let kind = state.last_failure.unwrap_or(io::ErrorKind::Other);
                return Err(JournalError::Store(kind.into()));
            }
            if state.durable.lines >= mine {
                return Ok(());
            }
            if state.writing {
                state = written.wait(state).unwrap_or_else(PoisonError::into_inner);
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
        if !state.is_crowded() {
            // Who was told of the last write comes again, and would have to wait for all of this one.
            let patience = (store.sync_time() / 2).min(PATIENCE);
            (state, _) = self
                .arrived
                .wait_timeout_while(state, patience, |state| !state.is_crowded())
                .unwrap_or_else(PoisonError::into_inner);
        }
        let batch = std::mem::take(&mut state.pending);
        let (end, dirty, before) = (state.next, state.dirty, state.durable);
        let (failures, [written, next]) = (state.failures, self.written(state.batch));
        state.batch = state.batch.wrapping_add(1);
        drop(state);
        let clean = || if dirty { store.truncate(JOURNAL, before.length) } else { Ok(()) };
        let result = clean()
            .and_then(|()| store.append(JOURNAL, batch.lines.as_bytes()))
            .and_then(|()| store.sync(JOURNAL));
        let mut state = self.lock();
        state.writing = false;
        let checkpoint = match result {
            Ok(()) => {
                state.durable = end;
                state.dirty = false;
                state.crowd = batch.callers + state.pending.callers;
                let checkpoint = state.checkpoint();
                state.since.extend(batch.notes);
                checkpoint
            }
            Err(error) => {
                state.fail(&error);
                None
            }
        };
        if state.failures == failures {
            written.notify_all();
            // Somebody must write what came in the meantime.
            next.notify_one();
        } else {
            written.notify_all();
            next.notify_all();
        }
        let Some((base, notes)) = checkpoint else { return state };
        drop(state);
        let replay = base.followed_by(&notes, before);
        let result = replace(store, CHECKPOINT, &checkpoint::to_bytes(&replay));
        let mut state = self.lock();
        state.checkpointed(store, replay, notes, result.is_ok());
        state
    }
}

impl State {
    fn has(&self, serial: &[u8; 16]) -> bool {
        self.taken.contains(serial) || self.base.has(serial)
    }

    /// Whether as many callers wait as are likely to come.
    const fn is_crowded(&self) -> bool {
        self.pending.callers >= self.crowd
    }

    /// Puts events behind those that wait, all or none.
    fn queue(&mut self, events: Vec<(String, Note)>) -> Result<(), JournalError> {
        let mut own = BTreeSet::new();
        for (_, note) in &events {
            if let Some(issued) = note.issued
                && (self.has(&issued.serial) || !own.insert(issued.serial))
            {
                return Err(JournalError::SerialTaken);
            }
        }
        self.taken.extend(own);
        self.pending.callers += 1;
        for (fields, note) in events {
            self.next.seal(note.at, &fields, &mut self.pending.lines);
            self.pending.notes.push(note);
            self.last_at = note.at;
            if let Some(issued) = &note.issued {
                last_not_after(&mut self.last_not_after, issued);
            }
        }
        Ok(())
    }

    /// What waits behind the failed lines hangs on their hash, so it fails with them. Serial numbers stay taken:
    /// whether a line reached the disk is not known, and a burnt number costs nothing.
    fn fail(&mut self, error: &io::Error) {
        self.pending = Batch::default();
        self.crowd = 0;
        self.next = self.durable;
        self.failures += 1;
        self.last_failure = Some(error.kind());
        self.dirty = true;
    }

    /// What the next checkpoint is made of, where it pays: all up to the last write, and not that.
    fn checkpoint(&mut self) -> Option<(Arc<Replay>, Vec<Note>)> {
        self.due.take_if(|due| count(&self.since) >= *due)?;
        Some((Arc::clone(&self.base), std::mem::take(&mut self.since)))
    }

    /// What a checkpoint covers need not be kept otherwise. Where none could be written, all is as before, and the next
    /// attempt waits for as many lines again.
    fn checkpointed(
        &mut self,
        store: &impl Store,
        replay: Replay,
        mut notes: Vec<Note>,
        written: bool,
    ) {
        if written {
            for issued in notes.iter().filter_map(|note| note.issued) {
                self.taken.remove(&issued.serial);
            }
            self.due = Some(due(store, &replay));
            self.base = Arc::new(replay);
        } else {
            notes.append(&mut self.since);
            self.due = Some(count(&notes).saturating_add(due(store, &self.base)));
            self.since = notes;
        }
    }
}

/// An event's fields as JSON without the braces.
fn fields(event: Map<String, Value>) -> String {
    let mut text = Value::Object(event).to_string();
    text.pop();
    text.split_off(1)
}

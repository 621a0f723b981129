//! Work that takes long → one line on a person's terminal that says how far it is.

use std::time::Duration;

use super::complain;
use super::system::{Stream, System};

/// Shorter work says nothing.
const PATIENCE: Duration = Duration::from_secs(1);
/// The line is not written more often than this.
const PACE: Duration = Duration::from_millis(100);

/// The progress of one piece of work.
#[derive(Debug)]
pub(crate) struct Progress {
    what: &'static str,
    done: usize,
    started: Option<Duration>,
    /// When the line was written last; absent: it is not there.
    written: Option<Duration>,
}

impl Progress {
    /// Nothing is done yet of `what`, as `reading files`.
    pub(crate) const fn of(what: &'static str) -> Self {
        Self { what, done: 0, started: None, written: None }
    }

    /// One step more begins.
    pub(crate) fn step(&mut self, system: &mut impl System) {
        self.done += 1;
        if !system.is_terminal(Stream::Stderr) {
            return;
        }
        let now = system.running_for();
        let started = *self.started.get_or_insert(now);
        let due = self
            .written
            .map_or(started + PATIENCE, |written| written + PACE);
        if now >= due {
            complain(system, &format!("\r{}: {} …\u{1b}[K", self.what, self.done));
            self.written = Some(now);
        }
    }

    /// All is done: the line goes away.
    pub(crate) fn end(self, system: &mut impl System) {
        if self.written.is_some() {
            complain(system, "\r\u{1b}[K");
        }
    }
}

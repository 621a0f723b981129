//! Bodies that are read at the same time → which of them goes, so that all of them stay within a bound of memory.
//!
//! Each body has a bound of its own, and may take its time. Many at once would hold far more: where there is no room for
//! more, the one that has been on its way for longest goes. Whoever means it is done long before.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// All bodies that are held.
#[derive(Clone, Debug)]
pub(super) struct Bodies(Arc<Table>);

#[derive(Debug)]
struct Table {
    most: usize,
    held: Mutex<Held>,
}

/// Each body by the order in which they began, and all their bytes.
#[derive(Debug, Default)]
struct Held {
    bodies: BTreeMap<u64, Part>,
    bytes: usize,
    last: u64,
}

#[derive(Debug)]
struct Part {
    bytes: usize,
    /// Absent once all of it has come: it is waited for no more, and stays.
    leave: Option<Arc<Notify>>,
}

impl Held {
    fn remove(&mut self, number: u64) -> Option<Part> {
        let part = self.bodies.remove(&number)?;
        self.bytes = self.bytes.saturating_sub(part.bytes);
        Some(part)
    }
}

impl Table {
    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Bodies {
    /// So many bytes of all together.
    pub(super) fn of(most: usize) -> Self {
        Self(Arc::new(Table { most, held: Mutex::default() }))
    }

    /// A body of which nothing has come yet.
    pub(super) fn begin(&self) -> Body {
        let leave = Arc::new(Notify::new());
        let mut held = self.0.held();
        held.last = held.last.wrapping_add(1);
        let number = held.last;
        let part = Part { bytes: 0, leave: Some(Arc::clone(&leave)) };
        drop(held.bodies.insert(number, part));
        drop(held);
        Body { table: Arc::clone(&self.0), number, leave }
    }
}

/// A body, as long as it is held.
#[derive(Debug)]
pub(super) struct Body {
    table: Arc<Table>,
    number: u64,
    leave: Arc<Notify>,
}

impl Body {
    /// More of it comes. False where there is no room for it: every other body is whole, or it has had to go.
    pub(super) fn grows(&self, bytes: usize) -> bool {
        let mut held = self.table.held();
        while held.bytes.saturating_add(bytes) > self.table.most {
            let mut others = held.bodies.iter();
            let on_its_way = others.find(|(number, part)| {
                **number != self.number && part.bytes > 0 && part.leave.is_some()
            });
            let Some(number) = on_its_way.map(|(number, _)| *number) else { return false };
            if let Some(leave) = held.remove(number).and_then(|part| part.leave) {
                leave.notify_one();
            }
        }
        let Some(part) = held.bodies.get_mut(&self.number) else { return false };
        part.bytes = part.bytes.saturating_add(bytes);
        held.bytes = held.bytes.saturating_add(bytes);
        true
    }

    /// All of it has come.
    pub(super) fn is_whole(&self) {
        if let Some(part) = self.table.held().bodies.get_mut(&self.number) {
            part.leave = None;
        }
    }

    /// Waits until it has to go.
    pub(super) async fn is_in_the_way(&self) {
        self.leave.notified().await;
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        drop(self.table.held().remove(self.number));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(bodies: &Bodies) -> usize {
        bodies.0.held().bytes
    }

    #[test]
    fn the_oldest_on_its_way_goes() {
        let bodies = Bodies::of(10);
        let [empty, first, second, third] = [(); 4].map(|()| bodies.begin());
        assert!(first.grows(4) && second.grows(4));
        assert!(third.grows(4));
        // Who has had to go may not come again.
        assert!(!first.grows(1));
        assert!(second.grows(1) && empty.grows(1));
        assert_eq!(held(&bodies), 10);
        drop((second, first));
        assert_eq!(held(&bodies), 5);
    }

    #[test]
    fn a_whole_one_stays() {
        let bodies = Bodies::of(10);
        let [first, second] = [(); 2].map(|()| bodies.begin());
        assert!(first.grows(8));
        first.is_whole();
        assert!(!second.grows(3));
        assert!(second.grows(2));
        drop(first);
        assert!(second.grows(8));
        assert!(!second.grows(1), "no body is longer than all may be");
        assert_eq!(held(&bodies), 10);
    }

    #[tokio::test]
    async fn who_has_to_go_is_told() {
        let bodies = Bodies::of(4);
        let [first, second] = [(); 2].map(|()| bodies.begin());
        assert!(first.grows(4) && second.grows(4));
        first.is_in_the_way().await;
    }
}

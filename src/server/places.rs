//! Who comes, asks and leaves → who must go, so that somebody else finds a place.
//!
//! A connection costs nothing to open and memory to hold. Those that have not sent a whole request yet are kept few, and
//! the oldest of them goes first: whoever means it has asked long before as many others have come.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

/// The places of a listener.
#[derive(Clone, Debug)]
pub(super) struct Places(Arc<Table>);

#[derive(Debug)]
struct Table {
    newcomers: usize,
    most: usize,
    /// In the order in which they came, and the last number.
    taken: Mutex<(BTreeMap<u64, Arc<Activity>>, u64)>,
}

impl Table {
    fn taken(&self) -> MutexGuard<'_, (BTreeMap<u64, Arc<Activity>>, u64)> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Places {
    /// So many places, and so many of them for those who have not sent a whole request yet.
    pub(super) fn of(newcomers: usize, most: usize) -> Self {
        Self(Arc::new(Table { newcomers, most, taken: Mutex::default() }))
    }

    /// A place for a connection that has just come, which another one may have to leave; absent where all are busy.
    pub(super) fn take(&self) -> Option<Place> {
        let mut guard = self.0.taken();
        let (taken, last) = &mut *guard;
        let newcomers = taken.values().filter(|taken| taken.is_new()).count();
        if newcomers >= self.0.newcomers {
            free(taken, first_newcomer(taken)?);
        } else if taken.len() >= self.0.most {
            let place = first_newcomer(taken).or_else(|| longest_at_rest(taken))?;
            free(taken, place);
        }
        *last = last.wrapping_add(1);
        let activity = Arc::new(Activity::default());
        taken.insert(*last, Arc::clone(&activity));
        Some(Place { table: Arc::clone(&self.0), number: *last, activity })
    }

    /// Has the oldest newcomer leave, if there is one.
    pub(super) fn free_one(&self) {
        let (taken, _) = &mut *self.0.taken();
        if let Some(place) = first_newcomer(taken) {
            free(taken, place);
        }
    }
}

fn first_newcomer(taken: &BTreeMap<u64, Arc<Activity>>) -> Option<u64> {
    let mut newcomers = taken.iter().filter(|(_, taken)| taken.is_new());
    newcomers.next().map(|(place, _)| *place)
}

fn longest_at_rest(taken: &BTreeMap<u64, Arc<Activity>>) -> Option<u64> {
    let at_rest = taken
        .iter()
        .filter_map(|(place, taken)| Some((taken.at_rest()?.0, *place)));
    at_rest.max().map(|(_, place)| place)
}

fn free(taken: &mut BTreeMap<u64, Arc<Activity>>, place: u64) {
    if let Some(activity) = taken.remove(&place) {
        activity.leave.notify_one();
    }
}

/// The place of one connection, as long as it is there.
#[derive(Debug)]
pub(super) struct Place {
    table: Arc<Table>,
    number: u64,
    pub(super) activity: Arc<Activity>,
}

impl Place {
    /// Waits until somebody else needs the place.
    pub(super) async fn is_wanted(&self) {
        self.activity.leave.notified().await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        drop(self.table.taken().0.remove(&self.number));
    }
}

/// What a connection is about.
#[derive(Debug)]
pub(super) struct Activity {
    leave: Notify,
    /// Whether a whole request, body included, has come.
    whole: AtomicBool,
    /// How many requests are being answered.
    asked: AtomicUsize,
    /// Since when none is, and whether there has been any.
    since: Mutex<(Instant, bool)>,
}

impl Default for Activity {
    fn default() -> Self {
        Self {
            leave: Notify::new(),
            whole: AtomicBool::new(false),
            asked: AtomicUsize::new(0),
            since: Mutex::new((Instant::now(), false)),
        }
    }
}

impl Activity {
    fn is_new(&self) -> bool {
        !self.whole.load(Ordering::SeqCst)
    }

    /// How long nothing has been asked, and whether there was anything before; absent while something is.
    pub(super) fn at_rest(&self) -> Option<(Duration, bool)> {
        if self.asked.load(Ordering::SeqCst) > 0 {
            return None;
        }
        let (since, any) = *self.since.lock().unwrap_or_else(PoisonError::into_inner);
        Some((since.elapsed(), any))
    }

    /// A request begins.
    pub(super) fn asked(self: &Arc<Self>) -> Asked {
        self.asked.fetch_add(1, Ordering::SeqCst);
        Asked(Arc::clone(self))
    }
}

/// A request, as long as it is answered.
#[derive(Debug)]
pub(super) struct Asked(Arc<Activity>);

impl Asked {
    /// All of it has come: its connection is none of those that only wait.
    pub(super) fn has_come(&self) {
        self.0.whole.store(true, Ordering::SeqCst);
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        let mut since = self.0.since.lock().unwrap_or_else(PoisonError::into_inner);
        *since = (Instant::now(), true);
        self.0.asked.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asks(place: &Place) {
        place.activity.asked().has_come();
    }

    fn left(places: &[&Place]) -> Vec<bool> {
        let taken = places[0].table.taken();
        places
            .iter()
            .map(|place| !taken.0.contains_key(&place.number))
            .collect()
    }

    #[test]
    fn the_oldest_newcomer_goes_first() {
        let places = Places::of(2, 4);
        let [good, first, second] = [(); 3].map(|()| {
            let place = places.take().unwrap();
            if places.0.taken().1 == 1 {
                asks(&place);
            }
            place
        });
        let third = places.take().unwrap();
        assert_eq!(left(&[&good, &first, &second, &third]), [false, true, false, false]);
        places.free_one();
        assert_eq!(left(&[&good, &second, &third]), [false, true, false]);
        drop(third);
        places.free_one();
        assert_eq!(left(&[&good]), [false]);
    }

    #[test]
    fn then_who_has_rested_for_longest_and_nobody_who_is_busy() {
        let places = Places::of(2, 2);
        let [first, second] = [(); 2].map(|()| places.take().unwrap());
        asks(&second);
        std::thread::sleep(Duration::from_millis(2));
        asks(&first);
        let third = places.take().unwrap();
        assert_eq!(left(&[&first, &second, &third]), [false, true, false]);
        let busy = [first.activity.asked(), third.activity.asked()];
        busy.iter().for_each(Asked::has_come);
        assert!(places.take().is_none());
        drop(busy);
        assert!(places.take().is_some());
    }
}

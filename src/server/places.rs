//! Who comes, how far it gets, and leaves → who must go, so that somebody else finds a place.
//!
//! A connection costs nothing to open and memory to hold, the more the further it gets. So there is room for so many at
//! each stage, and whoever enters a full one takes the place of another at the same stage: those who say nothing take no
//! place from who shakes hands, and those who shake hands none from who asks. Of those that have not sent a whole request
//! the oldest goes: whoever means it is a stage further long before as many others have come.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

/// How far a connection has got. Each stage costs more than the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    /// Nothing has come: a socket, and nothing else.
    Silent,
    /// Something has come, but no whole `ClientHello`: no key has been used yet.
    Greeting,
    /// The handshake has begun, and waits for the other side to finish it.
    Shaking,
    /// No request has come whole, body included.
    Asking,
    /// A whole request has come.
    Known,
}

/// For how many there is room at each stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Connections on which nothing has come yet.
    pub silent: usize,
    /// Those that have sent something, but no whole `ClientHello`.
    pub greeting: usize,
    /// Those whose handshake has begun.
    pub shaking: usize,
    /// Those that have not sent a whole request, body included.
    pub asking: usize,
    /// Those that have. For one more the one that has had nothing to do for longest is closed; where all are busy, it is.
    pub known: usize,
    /// Requests, from their heads until their answers are taken. For one more the connection goes that has had one open for
    /// longest: whoever means it has its answer long before.
    pub requests: usize,
}

impl Room {
    const fn at(&self, stage: Stage) -> usize {
        match stage {
            Stage::Silent => self.silent,
            Stage::Greeting => self.greeting,
            Stage::Shaking => self.shaking,
            Stage::Asking => self.asking,
            Stage::Known => self.known,
        }
    }
}

/// The places of a listener.
#[derive(Clone, Debug)]
pub(super) struct Places(Arc<Table>);

#[derive(Debug)]
struct Table {
    room: Room,
    taken: Mutex<Taken>,
}

/// Who is at which stage, in the order in which they entered it; and how often one was entered.
#[derive(Debug, Default)]
struct Taken {
    at: BTreeMap<Stage, BTreeMap<u64, Arc<Activity>>>,
    /// Whose request each is, in the order in which they began.
    open: BTreeMap<u64, Arc<Activity>>,
    last: u64,
}

impl Table {
    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has a connection enter a stage; where it is full, another one leaves, or this one.
    fn enter(&self, stage: Stage, taken: &mut Taken, activity: Arc<Activity>) {
        taken.last = taken.last.wrapping_add(1);
        let number = taken.last;
        let there = taken.at.entry(stage).or_default();
        if there.len() >= self.room.at(stage) {
            let goes = match stage {
                Stage::Silent | Stage::Greeting | Stage::Shaking | Stage::Asking => {
                    there.first_key_value().map(|(number, _)| *number)
                }
                Stage::Known => longest_at_rest(there),
            };
            match goes.and_then(|goes| there.remove(&goes)) {
                Some(other) => other.leave.notify_one(),
                None => return activity.leave.notify_one(),
            }
        }
        activity.number.store(number, Ordering::SeqCst);
        there.insert(number, activity);
    }
}

fn longest_at_rest(there: &BTreeMap<u64, Arc<Activity>>) -> Option<u64> {
    let at_rest = there
        .iter()
        .filter_map(|(number, activity)| Some((activity.at_rest()?.0, *number)));
    at_rest.max().map(|(_, number)| number)
}

impl Places {
    pub(super) fn of(room: Room) -> Self {
        Self(Arc::new(Table { room, taken: Mutex::default() }))
    }

    /// A place for a connection that has just come, which it may have to leave for another one.
    pub(super) fn take(&self) -> Place {
        let activity = Arc::new(Activity {
            table: Arc::clone(&self.0),
            number: AtomicU64::new(0),
            leave: Notify::new(),
            asked: AtomicUsize::new(0),
            since: Mutex::new((Instant::now(), false)),
        });
        self.0
            .enter(Stage::Silent, &mut self.0.taken(), Arc::clone(&activity));
        Place { activity }
    }

    /// Has somebody leave who has not sent a whole request: who has got least far, and of those the oldest. Whether there
    /// is one.
    pub(super) fn free_one(&self) -> bool {
        let mut taken = self.0.taken();
        let newcomers = taken.at.range_mut(..Stage::Known);
        let first = newcomers.filter_map(|(_, there)| there.pop_first()).next();
        let Some((_, activity)) = first else { return false };
        activity.leave.notify_one();
        true
    }
}

/// The place of one connection, as long as it is there.
#[derive(Debug)]
pub(super) struct Place {
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
        let Activity { table, number, .. } = &*self.activity;
        let mut taken = table.taken();
        let number = number.load(Ordering::SeqCst);
        for there in taken.at.values_mut() {
            drop(there.remove(&number));
        }
    }
}

/// What a connection is about.
#[derive(Debug)]
pub(super) struct Activity {
    table: Arc<Table>,
    /// Which entry was its last. Written where the table is held.
    number: AtomicU64,
    leave: Notify,
    /// How many requests are being answered.
    asked: AtomicUsize,
    /// Since when none is, and whether there has been any.
    since: Mutex<(Instant, bool)>,
}

impl Activity {
    /// It is this far now. Nothing happens where it is already, or has lost its place meanwhile.
    pub(super) fn gets_to(self: &Arc<Self>, stage: Stage) {
        let mut taken = self.table.taken();
        let number = self.number.load(Ordering::SeqCst);
        let mut before = taken.at.range_mut(..stage);
        if before.any(|(_, there)| there.remove(&number).is_some()) {
            self.table.enter(stage, &mut taken, Arc::clone(self));
        }
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
        let table = &self.table;
        let mut taken = table.taken();
        taken.last = taken.last.wrapping_add(1);
        let number = taken.last;
        drop(taken.open.insert(number, Arc::clone(self)));
        while taken.open.len() > table.room.requests {
            let Some((_, longest)) = taken.open.pop_first() else { break };
            longest.leave.notify_one();
        }
        drop(taken);
        Asked { open: Arc::new(Open { activity: Arc::clone(self), number }) }
    }
}

/// A request, as long as it is answered.
#[derive(Debug)]
pub(super) struct Asked {
    open: Arc<Open>,
}

/// A request, until its answer is taken.
#[derive(Debug)]
pub(super) struct Open {
    activity: Arc<Activity>,
    number: u64,
}

impl Asked {
    /// All of it has come: its connection is none of those that only wait.
    pub(super) fn has_come(&self) {
        self.open.activity.gets_to(Stage::Known);
    }

    /// What is to be held until the answer is taken.
    pub(super) fn open(&self) -> Arc<Open> {
        Arc::clone(&self.open)
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        let activity = &self.open.activity;
        let mut since = activity
            .since
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *since = (Instant::now(), true);
        activity.asked.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        drop(self.activity.table.taken().open.remove(&self.number));
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const TWO: Room = Room { silent: 2, greeting: 2, shaking: 2, asking: 2, known: 2, requests: 9 };

    /// A connection that has got so far; one that is known rests.
    fn comes(places: &Places, stage: Stage) -> Place {
        let place = places.take();
        match stage {
            Stage::Silent => {}
            Stage::Greeting | Stage::Shaking | Stage::Asking => place.activity.gets_to(stage),
            Stage::Known => place.activity.asked().has_come(),
        }
        place
    }

    fn left(places: &[&Place]) -> Vec<bool> {
        let taken = places[0].activity.table.taken();
        let is_there = |place: &Place| {
            let number = place.activity.number.load(Ordering::SeqCst);
            taken.at.values().any(|there| there.contains_key(&number))
        };
        places.iter().map(|place| !is_there(place)).collect()
    }

    #[rstest]
    #[case::silent(Stage::Silent)]
    #[case::greeting(Stage::Greeting)]
    #[case::shaking(Stage::Shaking)]
    #[case::asking(Stage::Asking)]
    fn the_oldest_at_a_full_stage_goes_and_nobody_at_another(#[case] stage: Stage) {
        let places = Places::of(TWO);
        let others: Vec<Place> = [Stage::Greeting, Stage::Shaking, Stage::Asking, Stage::Known]
            .into_iter()
            .filter(|other| *other != stage)
            .map(|other| comes(&places, other))
            .collect();
        let [first, second, third] = [(); 3].map(|()| comes(&places, stage));
        assert_eq!(left(&[&first, &second, &third]), [true, false, false]);
        assert!(!left(&others.iter().collect::<Vec<_>>()).contains(&true));
    }

    #[test]
    fn who_enters_a_stage_has_as_long_there_as_anybody_else() {
        let places = Places::of(TWO);
        let slow = places.take();
        let [second, third] = [(); 2].map(|()| comes(&places, Stage::Shaking));
        slow.activity.gets_to(Stage::Shaking);
        assert_eq!(left(&[&slow, &second, &third]), [false, true, false]);
        let fourth = comes(&places, Stage::Shaking);
        assert_eq!(left(&[&slow, &third, &fourth]), [false, true, false]);
    }

    #[test]
    fn who_has_lost_its_place_gets_no_further() {
        let places = Places::of(TWO);
        let [first, _second, _third] = [(); 3].map(|()| places.take());
        first.activity.gets_to(Stage::Asking);
        first.activity.gets_to(Stage::Known);
        assert_eq!(left(&[&first]), [true]);
    }

    #[test]
    fn where_nothing_is_left_those_go_who_have_got_least_far() {
        let places = Places::of(TWO);
        let stages = [Stage::Known, Stage::Asking, Stage::Shaking, Stage::Silent, Stage::Greeting];
        let [known, asking, shaking, silent, greeting] = stages.map(|stage| comes(&places, stage));
        for gone in [&silent, &greeting, &shaking, &asking] {
            assert_eq!(left(&[gone]), [false]);
            assert!(places.free_one());
            assert_eq!(left(&[gone]), [true]);
        }
        assert!(!places.free_one());
        assert_eq!(left(&[&known]), [false]);
    }

    #[tokio::test]
    async fn who_has_a_request_open_for_longest_goes_for_one_too_many() {
        let places = Places::of(Room { requests: 3, ..TWO });
        let [first, second] = [(); 2].map(|()| places.take());
        let quick = first.activity.asked();
        let unread = second.activity.asked().open();
        drop(quick);
        let open = [(); 2].map(|()| first.activity.asked());
        let wanted = |place: Place| async move {
            tokio::time::timeout(Duration::from_millis(20), place.is_wanted())
                .await
                .is_ok()
        };
        drop(first.activity.asked());
        assert!(wanted(second).await, "its answer is not taken");
        assert!(!wanted(first).await);
        drop((open, unread));
        assert!(places.0.taken().open.is_empty());
    }

    #[test]
    fn of_those_who_have_asked_who_has_rested_for_longest_goes_and_nobody_who_is_busy() {
        let places = Places::of(TWO);
        let [first, second] = [(); 2].map(|()| comes(&places, Stage::Known));
        std::thread::sleep(Duration::from_millis(2));
        drop(first.activity.asked());
        let third = comes(&places, Stage::Known);
        assert_eq!(left(&[&first, &second, &third]), [false, true, false]);
        let busy = [first.activity.asked(), third.activity.asked()];
        assert_eq!(left(&[&comes(&places, Stage::Known)]), [true]);
        drop(busy);
        assert_eq!(left(&[&comes(&places, Stage::Known)]), [false]);
    }
}

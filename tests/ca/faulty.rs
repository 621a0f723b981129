//! A disk in memory that fails, fills up, or loses power at any step: what a CA gave out is recorded, whatever happens.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use portcullis::ca::{
    AuthorityError, CertificateAuthority, IssueError, Secrets, Settings, SignerKey, Store, Wish,
    audit,
};
use portcullis::spiffe::{SpiffeId, TrustDomain};
use rstest::rstest;
use zeroize::Zeroizing;

pub(super) const NOW: i64 = 1_790_000_000;

/// What happens at a step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Fault {
    /// The step fails, once; it may have been half done.
    Error,
    /// From this step on nothing can be written, until told otherwise.
    Full,
    /// The power goes before the step, and with it all that was not synced.
    Power,
    /// The power goes in the middle of the step, and half of what it wrote is on disk.
    Torn,
    /// The process is killed before the step; the disk keeps everything.
    Killed,
}

#[derive(Clone, Debug, Default)]
struct Disk {
    /// Names and contents as a running process sees them.
    seen: BTreeMap<String, Vec<u8>>,
    /// What a sync of the names has made durable.
    names: BTreeMap<String, usize>,
    /// Contents by number: the durable part.
    synced: BTreeMap<usize, Vec<u8>>,
    /// Which content a name has now.
    number: BTreeMap<String, usize>,
    next: usize,
}

impl Disk {
    /// What is left when the power goes.
    fn after_power_cut(&self) -> Self {
        let mut left = Self { next: self.next, ..Self::default() };
        for (name, number) in &self.names {
            let content = self.synced.get(number).cloned().unwrap_or_default();
            left.seen.insert(name.clone(), content.clone());
            left.names.insert(name.clone(), *number);
            left.number.insert(name.clone(), *number);
            left.synced.insert(*number, content);
        }
        left
    }
}

#[derive(Debug, Default)]
struct Machine {
    disk: Mutex<Disk>,
    step: AtomicUsize,
    /// At which step what happens.
    plan: Mutex<Option<(usize, Fault)>>,
    dead: Mutex<bool>,
    /// How many bytes of which file were read.
    read: Mutex<BTreeMap<String, usize>>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct FaultyStore(Arc<Machine>, Option<u64>);

fn broken(kind: io::ErrorKind) -> io::Error {
    io::Error::new(kind, "as planned")
}

impl FaultyStore {
    /// Counts a step. `half` does half of it.
    fn step(&self, half: impl FnOnce(&mut Disk)) -> io::Result<()> {
        if *self.0.dead.lock().unwrap() {
            return Err(broken(io::ErrorKind::Other));
        }
        let step = self.0.step.fetch_add(1, Ordering::SeqCst);
        let plan = *self.0.plan.lock().unwrap();
        let mut disk = self.0.disk.lock().unwrap();
        match plan {
            Some((at, Fault::Error)) if step == at => {
                half(&mut disk);
                Err(broken(io::ErrorKind::Other))
            }
            Some((at, Fault::Full)) if step >= at => {
                half(&mut disk);
                Err(broken(io::ErrorKind::StorageFull))
            }
            Some((at, fault)) if step == at => {
                if fault == Fault::Torn {
                    half(&mut disk);
                    // The half that was written happens to be on disk.
                    let seen: Vec<(usize, Vec<u8>)> = disk
                        .number
                        .iter()
                        .map(|(name, number)| (*number, disk.seen[name].clone()))
                        .collect();
                    disk.synced.extend(seen);
                }
                if fault != Fault::Killed {
                    *disk = disk.after_power_cut();
                }
                *self.0.dead.lock().unwrap() = true;
                Err(broken(io::ErrorKind::Other))
            }
            _ => Ok(()),
        }
    }

    pub(super) fn steps(&self) -> usize {
        self.0.step.load(Ordering::SeqCst)
    }

    pub(super) fn plan(&self, plan: Option<(usize, Fault)>) {
        *self.0.plan.lock().unwrap() = plan;
    }

    /// The machine starts again.
    pub(super) fn restart(&self) -> Self {
        let disk = self.0.disk.lock().unwrap().clone();
        Self::of(disk, self.1)
    }

    fn of(disk: Disk, lines_of_a_checkpoint: Option<u64>) -> Self {
        let machine = Machine { disk: Mutex::new(disk), ..Machine::default() };
        Self(Arc::new(machine), lines_of_a_checkpoint)
    }

    /// The machine starts again, after the power went.
    pub(super) fn after_power_cut(&self) -> Self {
        Self::of(self.0.disk.lock().unwrap().after_power_cut(), self.1)
    }

    /// The same disk, with a checkpoint after so many lines.
    pub(super) fn with_checkpoints(&self, lines: u64) -> Self {
        Self(Arc::clone(&self.0), Some(lines))
    }

    /// A file; absent where there is none.
    pub(super) fn file(&self, name: &str) -> Option<Vec<u8>> {
        self.0.disk.lock().unwrap().seen.get(name).cloned()
    }

    /// Puts a file there, durable; or takes it away.
    pub(super) fn put(&self, name: &str, bytes: Option<Vec<u8>>) {
        let mut disk = self.0.disk.lock().unwrap();
        disk.seen.remove(name);
        disk.number.remove(name);
        if let Some(bytes) = bytes {
            let number = disk.next;
            disk.next += 1;
            disk.seen.insert(name.to_owned(), bytes.clone());
            disk.number.insert(name.to_owned(), number);
            disk.synced.insert(number, bytes);
        }
        disk.names = disk.number.clone();
    }

    /// How many bytes of a file were read since the machine started.
    pub(super) fn bytes_read(&self, name: &str) -> usize {
        self.0.read.lock().unwrap().get(name).copied().unwrap_or(0)
    }
}

fn half(bytes: &[u8]) -> &[u8] {
    &bytes[..bytes.len() / 2]
}

impl Store for FaultyStore {
    fn lines_of_a_checkpoint(&self) -> u64 {
        self.1.unwrap_or(8192)
    }

    fn read_from(&self, name: &str, from: u64) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
        if *self.0.dead.lock().unwrap() {
            return Err(broken(io::ErrorKind::Other));
        }
        let Some(bytes) = self.file(name) else { return Ok(None) };
        let from = bytes.len().min(usize::try_from(from).unwrap_or(usize::MAX));
        *self
            .0
            .read
            .lock()
            .unwrap()
            .entry(name.to_owned())
            .or_default() += bytes.len() - from;
        Ok(Some(Zeroizing::new(bytes[from..].to_vec())))
    }

    fn names(&self) -> io::Result<Vec<String>> {
        Ok(self.0.disk.lock().unwrap().seen.keys().cloned().collect())
    }

    fn create(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let put = |disk: &mut Disk, bytes: &[u8]| {
            disk.seen.insert(name.to_owned(), bytes.to_vec());
            disk.number.insert(name.to_owned(), disk.next);
            disk.next += 1;
        };
        self.step(|disk| put(disk, half(bytes)))?;
        let mut disk = self.0.disk.lock().unwrap();
        assert!(!disk.seen.contains_key(name), "{name} is there already");
        put(&mut disk, bytes);
        Ok(())
    }

    fn append(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.step(|disk| disk.seen.get_mut(name).unwrap().extend(half(bytes)))?;
        self.0
            .disk
            .lock()
            .unwrap()
            .seen
            .get_mut(name)
            .unwrap()
            .extend(bytes);
        Ok(())
    }

    fn truncate(&self, name: &str, length: u64) -> io::Result<()> {
        self.step(|_| {})?;
        self.0
            .disk
            .lock()
            .unwrap()
            .seen
            .get_mut(name)
            .unwrap()
            .truncate(usize::try_from(length).unwrap());
        Ok(())
    }

    fn sync(&self, name: &str) -> io::Result<()> {
        self.step(|_| {})?;
        let mut disk = self.0.disk.lock().unwrap();
        let (number, content) = (disk.number[name], disk.seen[name].clone());
        disk.synced.insert(number, content);
        Ok(())
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.step(|_| {})?;
        let mut disk = self.0.disk.lock().unwrap();
        let content = disk.seen.remove(from).unwrap();
        let number = disk.number.remove(from).unwrap();
        disk.seen.insert(to.to_owned(), content);
        disk.number.insert(to.to_owned(), number);
        Ok(())
    }

    fn sync_names(&self) -> io::Result<()> {
        self.step(|_| {})?;
        let mut disk = self.0.disk.lock().unwrap();
        disk.names = disk.number.clone();
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.step(|_| {})?;
        let mut disk = self.0.disk.lock().unwrap();
        disk.seen.remove(name);
        disk.number.remove(name);
        Ok(())
    }
}

pub(super) type Authority = CertificateAuthority<FaultyStore>;

pub(super) fn create(store: &FaultyStore) -> Result<Authority, AuthorityError> {
    let settings = Settings::of(TrustDomain::parse("cluster.local").unwrap());
    Authority::create(store.clone(), &settings, SignerKey::Here, Secrets::default(), NOW)
}

pub(super) fn open(store: &FaultyStore) -> Authority {
    Authority::open(store.clone(), Secrets::default())
        .unwrap()
        .0
}

pub(super) fn wish() -> Wish {
    let id = SpiffeId::parse("spiffe://cluster.local/ns/foo/sa/sleep").unwrap();
    Wish { id, dns: Vec::new(), ttl: None, caller: "test".to_owned() }
}

/// The serial numbers of a journal; each once.
pub(super) fn recorded(authority: &Authority) -> BTreeSet<String> {
    let records = authority.records().unwrap();
    let serials: BTreeSet<String> = records.iter().map(|record| record.serial.clone()).collect();
    assert_eq!(serials.len(), records.len(), "a serial number is there twice");
    serials
}

/// How many steps an act takes where nothing fails.
pub(super) fn count(store: &FaultyStore, act: impl FnOnce()) -> usize {
    let before = store.steps();
    act();
    store.steps() - before
}

#[rstest]
fn issuing_survives_a_fault_at_every_step(
    #[values(Fault::Error, Fault::Full, Fault::Power, Fault::Torn, Fault::Killed)] fault: Fault,
) {
    let whole = FaultyStore::default();
    let authority = create(&whole).unwrap();
    let steps = count(&whole, || drop(authority.issue(&wish(), NOW).unwrap()));
    assert_eq!(steps, 2, "one write, one sync");
    for at in 0..=steps {
        let store = whole.restart();
        let authority = open(&store);
        let mut given: BTreeSet<String> = recorded(&authority);
        given.insert(authority.issue(&wish(), NOW).unwrap().serial);
        store.plan(Some((store.steps() + at, fault)));
        match authority.issue(&wish(), NOW) {
            Ok(svid) => assert!(given.insert(svid.serial)),
            Err(IssueError::Unavailable(_)) => assert!(at < steps),
            Err(error) => panic!("{error}"),
        }
        if fault == Fault::Full {
            // Still no room; reading goes on.
            assert!(authority.issue(&wish(), NOW).is_err());
            assert!(given.is_subset(&recorded(&authority)) || at < steps);
        }
        // A disk that has come to itself is enough: nobody restarts.
        if matches!(fault, Fault::Error | Fault::Full) {
            store.plan(None);
            given.insert(authority.issue(&wish(), NOW).unwrap().serial);
        }
        let again = open(&store.restart());
        let recorded = recorded(&again);
        assert!(
            given.is_subset(&recorded),
            "{fault:?} at {at}: a certificate was given out and is not recorded"
        );
        again.issue(&wish(), NOW).unwrap();
        audit(&store.restart(), None).unwrap();
    }
}

#[rstest]
fn beginning_survives_a_fault_at_every_step(
    #[values(Fault::Error, Fault::Full, Fault::Power, Fault::Torn, Fault::Killed)] fault: Fault,
) {
    let whole = FaultyStore::default();
    let steps = count(&whole, || drop(create(&whole).unwrap()));
    for at in 0..steps {
        let store = FaultyStore::default();
        store.plan(Some((at, fault)));
        let begun = create(&store).is_ok();
        let again = store.restart();
        // Either there is a CA that works, or there is none and one can begin.
        let authority = match Authority::open(again.clone(), Secrets::default()) {
            Ok((authority, _)) => authority,
            Err(AuthorityError::Absent) => {
                assert!(!begun);
                create(&again).unwrap()
            }
            Err(error) => panic!("{fault:?} at {at}: {error}"),
        };
        authority.issue(&wish(), NOW).unwrap();
    }
}

#[rstest]
fn rotating_survives_a_fault_at_every_step(
    #[values(Fault::Error, Fault::Full, Fault::Power, Fault::Torn, Fault::Killed)] fault: Fault,
) {
    const LATER: i64 = NOW + 86_400;
    let whole = FaultyStore::default();
    let mut authority = create(&whole).unwrap();
    let first = whole.restart();
    let steps = count(&whole, || {
        authority.rotate_root(NOW).unwrap();
        authority.rotate_root(LATER).unwrap();
        authority.rotate_root(LATER + 86_400 * 2).unwrap();
    });
    assert!(steps > 15, "{steps}");
    for at in 0..steps {
        let store = first.restart();
        let mut authority = open(&store);
        let before = authority.issue(&wish(), NOW).unwrap();
        store.plan(Some((store.steps() + at, fault)));
        for time in [NOW, LATER, LATER + 86_400 * 2] {
            if authority.rotate_root(time).is_err() {
                break;
            }
        }
        let mut again = open(&store.restart());
        let chain: Vec<_> = before
            .chain
            .iter()
            .map(|der| portcullis::ca::Certificate::from_der(der).unwrap())
            .collect();
        assert!(
            again
                .bundle()
                .verify(&chain, portcullis::ca::Usage::Client, NOW)
                .is_ok()
                || again
                    .generations()
                    .iter()
                    .all(|generation| generation.number > 1)
        );
        again.issue(&wish(), LATER + 86_400 * 2).unwrap();
        again.rotate_root(LATER + 86_400 * 4).unwrap();
    }
}

#[test]
fn many_callers_share_a_write_and_none_is_told_too_early() {
    let store = FaultyStore::default();
    let authority = create(&store).unwrap();
    let before = store.steps();
    let serials: BTreeSet<String> = std::thread::scope(|scope| {
        let callers: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    (0..20)
                        .map(|_| authority.issue(&wish(), NOW).unwrap().serial)
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        callers
            .into_iter()
            .flat_map(|caller| caller.join().unwrap())
            .collect()
    });
    assert_eq!(serials.len(), 160);
    assert_eq!(serials, recorded(&authority));
    assert!(store.steps() - before <= 320);
    // Cut the power: all of them are on disk.
    assert_eq!(recorded(&open(&store.after_power_cut())), serials);
}

#[test]
fn a_batch_is_whole_or_not_there() {
    let store = FaultyStore::default();
    let authority = create(&store).unwrap();
    let wishes = vec![wish(); 5];
    assert_eq!(authority.issue_all(&wishes, NOW).unwrap().len(), 5);
    store.plan(Some((store.steps() + 1, Fault::Power)));
    assert!(authority.issue_all(&wishes, NOW).is_err());
    assert_eq!(recorded(&open(&store.restart())).len(), 5);
}

#[test]
fn a_clock_that_goes_back_is_not_believed() {
    let settings = Settings::of(TrustDomain::parse("cluster.local").unwrap());
    let store = FaultyStore::default();
    let authority =
        Authority::create(store, &settings, SignerKey::Here, Secrets::default(), NOW - 86_400)
            .unwrap();
    authority.issue(&wish(), NOW).unwrap();
    authority.issue(&wish(), NOW - 300).unwrap();
    let error = authority.issue(&wish(), NOW - 3_600).unwrap_err();
    assert!(matches!(error, IssueError::ClockWentBack { .. }), "{error}");
    authority.accept_clock("test", NOW - 3_600).unwrap();
    authority.issue(&wish(), NOW - 3_600).unwrap();
}

#[rstest]
#[case::zero_is_the_default(Some(0), 86_400)]
#[case::negative_is_the_default(Some(-5), 86_400)]
#[case::least_is_the_default(Some(i64::MIN), 86_400)]
#[case::asked(Some(3_600), 3_600)]
#[case::longest(Some(90 * 86_400), 90 * 86_400)]
fn a_certificate_lasts_as_asked(#[case] ttl: Option<i64>, #[case] want: i64) {
    // [CA-9]
    let authority = create(&FaultyStore::default()).unwrap();
    let svid = authority.issue(&Wish { ttl, ..wish() }, NOW).unwrap();
    assert_eq!(svid.not_after - NOW, want);
    for ttl in [90 * 86_400 + 1, i64::MAX] {
        let error = authority
            .issue(&Wish { ttl: Some(ttl), ..wish() }, NOW)
            .unwrap_err();
        assert!(matches!(error, IssueError::TooLong { .. }), "{error}");
    }
}

#[test]
fn no_certificate_outlives_its_ca() {
    // [CA-3]
    let store = FaultyStore::default();
    let settings = Settings {
        ca_ttl: 91 * 86_400,
        ..Settings::of(TrustDomain::parse("cluster.local").unwrap())
    };
    let authority =
        Authority::create(store, &settings, SignerKey::Here, Secrets::default(), NOW).unwrap();
    let end = NOW + settings.ca_ttl;
    let svid = authority
        .issue(&Wish { ttl: Some(48 * 3_600), ..wish() }, end - 36_000)
        .unwrap();
    assert_eq!(svid.not_after, end);
    let error = authority.issue(&wish(), end + 1).unwrap_err();
    assert!(matches!(error, IssueError::CaNotValid { .. }), "{error}");
}

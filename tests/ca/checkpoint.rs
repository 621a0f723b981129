//! A checkpoint spares reading a journal, and changes nothing else: not what is known, and not what is noticed.

use std::collections::BTreeSet;

use portcullis::ca::{CertificateAuthority, Opened, Rotation, Secrets, audit};
use rstest::rstest;

use super::faulty::{Authority, Fault, FaultyStore, NOW, count, create, open, recorded, wish};

const CHECKPOINT: &str = "journal.checkpoint";
const JOURNAL: &str = "journal.jsonl";

/// A CA that issued as many, whose journal has one line more, without a checkpoint.
fn issued(many: usize) -> (FaultyStore, Vec<String>) {
    let store = FaultyStore::default();
    let svids = create(&store)
        .unwrap()
        .issue_all(&vec![wish(); many], NOW)
        .unwrap();
    (store, svids.into_iter().map(|svid| svid.serial).collect())
}

/// The same, and it was opened since, which left a checkpoint.
fn with_checkpoint(many: usize) -> (FaultyStore, Vec<String>) {
    let (store, serials) = issued(many);
    let store = store.restart().with_checkpoints(4);
    drop(open(&store));
    assert!(store.file(CHECKPOINT).is_some());
    (store.restart(), serials)
}

fn opened(store: &FaultyStore) -> (Authority, Opened) {
    CertificateAuthority::open(store.clone(), Secrets::default()).unwrap()
}

/// A checkpoint that was tampered with by somebody who knows how to seal it.
fn resealed(checkpoint: &[u8], from: &str, to: &str) -> Vec<u8> {
    let end = checkpoint.iter().position(|byte| *byte == b'\n').unwrap();
    let front = std::str::from_utf8(&checkpoint[..end]).unwrap();
    assert!(front.contains(from), "{front}");
    let mut bytes = front.replacen(from, to, 1).into_bytes();
    bytes.extend(&checkpoint[end..checkpoint.len() - 32]);
    sealed(bytes)
}

fn sealed(mut bytes: Vec<u8>) -> Vec<u8> {
    let hash = ring::digest::digest(&ring::digest::SHA256, &bytes);
    bytes.extend(hash.as_ref());
    bytes
}

/// A number of its first line.
fn field(checkpoint: &[u8], name: &str) -> String {
    let text = String::from_utf8_lossy(checkpoint);
    let (_, rest) = text.split_once(&format!("\"{name}\":")).unwrap();
    rest.split([',', '}'])
        .next()
        .unwrap()
        .trim_matches('"')
        .to_owned()
}

#[test]
fn opening_reads_what_is_behind_a_checkpoint_and_no_more() {
    let (store, serials) = with_checkpoint(20);
    let (authority, found) = opened(&store);
    assert_eq!(found.warnings, [""; 0]);
    // All but the last line are covered.
    assert!(store.bytes_read(JOURNAL) * 15 < store.file(JOURNAL).unwrap().len());
    assert_eq!((found.journal.lines, found.journal.issued), (21, 20));
    assert_eq!(found.journal, audit(&store, None).unwrap().0);
    assert!(serials.iter().all(|serial| authority.has_issued(serial)));
    assert!(!authority.has_issued(&"0".repeat(32)));
    // A journal of few lines has none.
    let few = issued(20).0.with_checkpoints(21);
    drop(open(&few));
    assert_eq!(few.file(CHECKPOINT), None);
}

#[rstest]
#[case::every_line(1)]
#[case::every_few(3)]
#[case::many(40)]
fn a_ca_that_runs_writes_checkpoints_too(#[case] lines: u64) {
    let store = FaultyStore::default().with_checkpoints(lines);
    let authority = create(&store).unwrap();
    for _ in 0..60 {
        authority.issue(&wish(), NOW).unwrap();
    }
    let serials = recorded(&authority);
    assert!(serials.iter().all(|serial| authority.has_issued(serial)));
    drop(authority);
    audit(&store, None).unwrap();
    let covered: u64 = field(&store.file(CHECKPOINT).unwrap(), "lines")
        .parse()
        .unwrap();
    assert!((60_u64.saturating_sub(2 * lines)..61).contains(&covered), "{covered}");
    let store = store.restart();
    let (authority, found) = opened(&store);
    assert!(found.warnings.is_empty() && found.journal.issued == 60, "{found:?}");
    assert!(serials.iter().all(|serial| authority.has_issued(serial)));
    // Between two checkpoints are so many lines, and few more are read.
    let length = store.file(JOURNAL).unwrap().len() / 61;
    assert!(store.bytes_read(JOURNAL) < length * (usize::try_from(lines).unwrap() + 3) + length);
}

#[test]
fn what_was_known_of_the_clock_and_of_generations_is_known_from_a_checkpoint() {
    const DAY: i64 = 86_400;
    let store = FaultyStore::default().with_checkpoints(1);
    let mut authority = create(&store).unwrap();
    // Of the old generation, the last to end is not the last that was issued.
    authority
        .issue(&portcullis::ca::Wish { ttl: Some(9 * DAY), ..wish() }, NOW)
        .unwrap();
    authority.issue(&wish(), NOW).unwrap();
    authority.rotate_root(NOW).unwrap();
    let activated = authority.rotate_root(NOW + DAY).unwrap();
    assert_eq!(activated, Rotation::Activated { number: 2 });
    for _ in 0..3 {
        authority.issue(&wish(), NOW + DAY).unwrap();
    }
    drop(authority);
    for store in [store.restart(), {
        let store = store.restart();
        store.put(CHECKPOINT, None);
        store
    }] {
        let mut authority = open(&store);
        assert!(authority.issue(&wish(), NOW).is_err(), "the clock went back by a day");
        authority.rotate_root(NOW + 8 * DAY).unwrap();
        assert!(
            authority
                .generations()
                .iter()
                .any(|generation| generation.number == 1)
        );
        authority.rotate_root(NOW + 10 * DAY).unwrap();
        assert!(
            authority
                .generations()
                .iter()
                .all(|generation| generation.number > 1)
        );
    }
}

#[rstest]
fn opening_survives_a_fault_at_every_step_of_a_checkpoint(
    #[values(Fault::Error, Fault::Full, Fault::Power, Fault::Torn, Fault::Killed)] fault: Fault,
    #[values(None, Some(b"old".to_vec()))] before: Option<Vec<u8>>,
) {
    let (whole, serials) = issued(9);
    whole.put(CHECKPOINT, before);
    let whole = whole.with_checkpoints(4);
    let steps = {
        let store = whole.restart();
        count(&store, || drop(open(&store)))
    };
    assert_eq!(steps, 5, "a sync, a file and its sync, its name and its sync");
    for at in 0..steps {
        let store = whole.restart();
        store.plan(Some((at, fault)));
        let found = CertificateAuthority::open(store.clone(), Secrets::default());
        match (fault, found) {
            (Fault::Error | Fault::Full, Ok((authority, found))) => {
                // It is missed, and nothing else is.
                assert!(
                    found
                        .warnings
                        .iter()
                        .any(|text| text.contains("cannot be written")),
                    "{:?}",
                    found.warnings
                );
                assert!(serials.iter().all(|serial| authority.has_issued(serial)));
                store.plan(None);
                authority.issue(&wish(), NOW).unwrap();
                let ailments = authority.ailments(NOW).unwrap();
                assert!(
                    ailments
                        .iter()
                        .any(|text| text.contains("cannot be written"))
                );
            }
            (Fault::Error | Fault::Full, Err(error)) => panic!("{fault:?} at {at}: {error}"),
            // The machine is dead.
            (Fault::Power | Fault::Torn | Fault::Killed, _) => {}
        }
        let store = store.restart();
        let (authority, _) = opened(&store);
        assert!(serials.iter().all(|serial| authority.has_issued(serial)));
        authority.issue(&wish(), NOW).unwrap();
        drop(authority);
        audit(&store, None).unwrap();
        assert!(opened(&store.restart()).1.warnings.is_empty());
    }
}

#[rstest]
fn issuing_survives_a_fault_at_every_step_of_a_checkpoint(
    #[values(Fault::Error, Fault::Full, Fault::Power, Fault::Torn, Fault::Killed)] fault: Fault,
) {
    let whole = FaultyStore::default().with_checkpoints(3);
    drop(
        create(&whole)
            .unwrap()
            .issue_all(&vec![wish(); 2], NOW)
            .unwrap(),
    );
    let act = |authority: &Authority, given: &mut BTreeSet<String>| {
        for _ in 0..4 {
            if let Ok(svid) = authority.issue(&wish(), NOW) {
                assert!(given.insert(svid.serial));
            }
        }
    };
    let steps = {
        let store = whole.restart();
        let authority = open(&store);
        count(&store, || act(&authority, &mut BTreeSet::new()))
    };
    assert_eq!(steps, 4 * 2 + 2 * 4, "four certificates, two checkpoints");
    for at in 0..steps {
        let store = whole.restart();
        let authority = open(&store);
        let mut given = recorded(&authority);
        store.plan(Some((store.steps() + at, fault)));
        act(&authority, &mut given);
        if matches!(fault, Fault::Error | Fault::Full) {
            store.plan(None);
            // The next attempt waits for as many lines again, and succeeds.
            for _ in 0..8 {
                given.insert(authority.issue(&wish(), NOW).unwrap().serial);
            }
            assert!(given.iter().all(|serial| authority.has_issued(serial)));
            let covered: u64 = field(&store.file(CHECKPOINT).unwrap(), "lines")
                .parse()
                .unwrap();
            assert!(covered > 5, "{covered}");
        }
        drop(authority);
        let store = store.restart();
        let (authority, found) = opened(&store);
        assert!(
            found.warnings.iter().all(|text| text.contains("cut short")),
            "{fault:?} at {at}: {:?}",
            found.warnings
        );
        assert!(given.is_subset(&recorded(&authority)), "{fault:?} at {at}");
        assert!(given.iter().all(|serial| authority.has_issued(serial)));
        authority.issue(&wish(), NOW).unwrap();
        drop(authority);
        audit(&store, None).unwrap();
    }
}

#[test]
fn a_checkpoint_does_not_outlive_the_lines_that_it_covers() {
    let whole = FaultyStore::default();
    let authority = create(&whole).unwrap();
    authority.issue_all(&vec![wish(); 5], NOW).unwrap();
    // Killed between the write and its sync: the lines are there, and not durable.
    whole.plan(Some((whole.steps() + 1, Fault::Killed)));
    assert!(authority.issue_all(&vec![wish(); 9], NOW).is_err());
    let store = whole.restart().with_checkpoints(4);
    let serials = recorded(&open(&store));
    assert_eq!(serials.len(), 14);
    let store = store.after_power_cut();
    let (authority, found) = opened(&store);
    assert!(found.warnings.is_empty(), "{:?}", found.warnings);
    assert_eq!(recorded(&authority), serials);
}

#[test]
fn many_callers_write_one_checkpoint_at_a_time() {
    let store = FaultyStore::default().with_checkpoints(7);
    let authority = create(&store).unwrap();
    let given: BTreeSet<String> = std::thread::scope(|scope| {
        let callers: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    (0..30)
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
    assert_eq!(given.len(), 240);
    assert!(given.iter().all(|serial| authority.has_issued(serial)));
    drop(authority);
    audit(&store, None).unwrap();
    let (authority, found) = opened(&store.after_power_cut());
    assert!(found.warnings.is_empty() && found.journal.issued == 240, "{found:?}");
    assert!(given.iter().all(|serial| authority.has_issued(serial)));
}

#[test]
fn a_checkpoint_with_any_byte_changed_or_cut_is_no_checkpoint() {
    let (store, serials) = with_checkpoint(5);
    let sound = store.file(CHECKPOINT).unwrap();
    let flipped = (0..sound.len()).map(|at| {
        let mut copy = sound.clone();
        copy[at] ^= 1;
        copy
    });
    let cut = (0..sound.len()).map(|length| sound[..length].to_vec());
    let longer = [sound.iter().copied().chain([0]).collect()];
    for bytes in flipped.chain(cut).chain(longer) {
        store.put(CHECKPOINT, Some(bytes.clone()));
        let error = audit(&store, None).unwrap_err().to_string();
        assert!(error.contains("its checkpoint is not theirs"), "{error}");
        let (authority, found) = opened(&store);
        assert!(
            found.warnings.len() == 1 && found.warnings[0].contains("every line was checked"),
            "{:?}",
            found.warnings
        );
        assert!(serials.iter().all(|serial| authority.has_issued(serial)));
        drop(authority);
        // A new one is in its place.
        audit(&store, None).unwrap();
        assert!(opened(&store).1.warnings.is_empty());
    }
}

/// Of a checkpoint of twenty lines: what somebody who can seal it puts into its first line.
#[rstest]
#[case::fewer_lines("\"lines\":20", "\"lines\":19", "does not go on where it ends")]
#[case::more_lines("\"lines\":20", "\"lines\":21", "does not go on where it ends")]
#[case::no_line("\"lines\":20", "\"lines\":0", "does not go on where it ends")]
#[case::most_lines("\"lines\":20", "\"lines\":18446744073709551615", "does not go on")]
#[case::another_length("\"length\":", "\"length\":1", "")]
#[case::longest("\"length\":", "\"length\":9223372036854775807,\"was\":", "ends before it does")]
#[case::beyond("\"length\":", "\"length\":18446744073709551615,\"was\":", "")]
#[case::no_length("\"length\":", "\"length\":0,\"was\":", "does not go on where it ends")]
#[case::another_head(
    "\"head\":\"",
    "\"head\":\"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\",\"was\":\"",
    "does not go on where it ends"
)]
#[case::short_head("\"head\":\"", "\"head\":\"00\",\"was\":\"", "first line is not a checkpoint's")]
#[case::another_count("\"serials\":19", "\"serials\":18", "first line is not a checkpoint's")]
#[case::another_kind("JournalCheckpoint", "Checkpoint", "first line is not a checkpoint's")]
#[case::another_version("v1alpha1", "v1", "first line is not a checkpoint's")]
#[case::no_clock("lastAt", "at", "first line is not a checkpoint's")]
#[case::odd_generation("{\"1\":", "{\"one\":", "first line is not a checkpoint's")]
#[case::no_json("{", "[", "first line is not JSON")]
fn a_forged_checkpoint_that_does_not_fit_is_not_used(
    #[case] from: &str,
    #[case] to: &str,
    #[case] reason: &str,
) {
    let (store, serials) = with_checkpoint(20);
    let forged = resealed(&store.file(CHECKPOINT).unwrap(), from, to);
    store.put(CHECKPOINT, Some(forged));
    assert!(audit(&store, None).is_err());
    let (authority, found) = opened(&store);
    assert!(found.warnings.len() == 1 && found.warnings[0].contains(reason), "{found:?}");
    assert!(serials.iter().all(|serial| authority.has_issued(serial)));
    // The doctor says so too, once: then there is a new one.
    assert_eq!(authority.ailments(NOW).unwrap(), found.warnings);
    drop(authority);
    assert_eq!(open(&store).ailments(NOW).unwrap(), [""; 0]);
}

/// What opening believes, and who reads everything does not.
#[rstest]
#[case::clock("\"lastAt\":1", "\"lastAt\":2")]
#[case::generation("{\"1\":1", "{\"1\":2")]
#[case::another_generation("{\"1\":", "{\"2\":")]
fn a_forged_checkpoint_that_fits_is_seen_by_an_audit(#[case] from: &str, #[case] to: &str) {
    let (store, _) = with_checkpoint(20);
    let sound = store.file(CHECKPOINT).unwrap();
    store.put(CHECKPOINT, Some(resealed(&sound, from, to)));
    let error = audit(&store, None).unwrap_err();
    assert!(error.to_string().contains("something else than the lines"), "{error}");
    let (authority, found) = opened(&store);
    assert_eq!(found.warnings, [""; 0]);
    let ailments = authority.ailments(NOW).unwrap();
    assert!(ailments.len() == 1 && ailments[0].contains("something else"), "{ailments:?}");
}

#[test]
fn a_serial_number_that_a_checkpoint_hides_or_invents_is_seen_by_an_audit() {
    let (store, _) = with_checkpoint(20);
    let sound = store.file(CHECKPOINT).unwrap();
    let front = sound.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    let mut another = sound[..sound.len() - 32].to_vec();
    another[front + 15] ^= 1;
    store.put(CHECKPOINT, Some(sealed(another)));
    assert!(opened(&store).1.warnings.is_empty());
    let error = audit(&store, None).unwrap_err();
    assert!(error.to_string().contains("something else than the lines"), "{error}");
    // Out of their order they would not be found, and twice is a lie: neither is opened with.
    for same in [false, true] {
        let mut swapped = sound[..sound.len() - 32].to_vec();
        let (one, two) = (front..front + 16, front + 16..front + 32);
        let first = swapped[one.clone()].to_vec();
        if !same {
            swapped.copy_within(two.clone(), front);
        }
        swapped[two].copy_from_slice(&first);
        store.put(CHECKPOINT, Some(sealed(swapped)));
        let warnings = opened(&store).1.warnings;
        assert!(warnings[0].contains("its serial numbers are not in order"), "{warnings:?}");
    }
    let mut half = sound[..sound.len() - 32].to_vec();
    half.push(0);
    store.put(CHECKPOINT, Some(sealed(half)));
    assert!(opened(&store).1.warnings[0].contains("not in order"));
}

#[test]
fn an_old_checkpoint_fits_and_another_journals_does_not() {
    let (store, mut serials) = with_checkpoint(8);
    let old = store.file(CHECKPOINT).unwrap();
    let svids = open(&store).issue_all(&vec![wish(); 8], NOW).unwrap();
    serials.extend(svids.into_iter().map(|svid| svid.serial));
    drop(open(&store));
    assert_ne!(store.file(CHECKPOINT).unwrap(), old);
    store.put(CHECKPOINT, Some(old.clone()));
    audit(&store, None).unwrap();
    let (authority, found) = opened(&store);
    assert_eq!((found.warnings.len(), found.journal.issued), (0, 16));
    assert!(serials.iter().all(|serial| authority.has_issued(serial)));
    let (another, _) = with_checkpoint(8);
    another.put(CHECKPOINT, Some(old));
    assert!(audit(&another, None).is_err());
    assert!(opened(&another).1.warnings[0].contains("does not go on where it ends"));
}

#[rstest]
#[case::its_last_line(1)]
#[case::the_line_that_a_checkpoint_hangs_on(2)]
#[case::many(7)]
fn lines_cut_off_whole_are_missed_by_the_checkpoint(#[case] cut: usize) {
    let (store, _) = with_checkpoint(8);
    let journal = store.file(JOURNAL).unwrap();
    let lines: Vec<&[u8]> = journal.split_inclusive(|byte| *byte == b'\n').collect();
    store.put(JOURNAL, Some(lines[..lines.len() - cut].concat()));
    let error = audit(&store, None).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("the journal ends before it does"),
        "{error}"
    );
    let (authority, found) = opened(&store);
    assert!(found.warnings[0].contains("the journal ends before it does"), "{found:?}");
    assert_eq!(found.journal.issued, 8 - cut);
    authority.issue(&wish(), NOW).unwrap();
}

#[test]
fn damage_before_a_checkpoint_is_seen_by_whoever_reads_it_and_behind_by_everybody() {
    let (store, _) = with_checkpoint(8);
    open(&store).issue(&wish(), NOW).unwrap();
    let journal = store.file(JOURNAL).unwrap();
    let damage = |line: usize| {
        let mut lines: Vec<Vec<u8>> = journal
            .split_inclusive(|byte| *byte == b'\n')
            .map(<[u8]>::to_vec)
            .collect();
        lines[line - 1][30] ^= 1;
        store.put(JOURNAL, Some(lines.concat()));
    };
    damage(3);
    let (authority, found) = opened(&store);
    assert!(found.warnings.is_empty(), "{found:?}");
    assert!(authority.ailments(NOW).unwrap()[0].contains("journal line 3"));
    assert!(authority.records().is_err() && audit(&store, None).is_err());
    for line in [9, 10] {
        damage(line);
        let error = CertificateAuthority::open(store.clone(), Secrets::default()).unwrap_err();
        assert!(error.to_string().contains(&format!("journal line {line}")), "{error}");
    }
}

#[test]
fn a_new_ca_does_not_begin_with_an_old_checkpoint() {
    let (old, _) = with_checkpoint(8);
    let store = FaultyStore::default();
    store.put(CHECKPOINT, old.file(CHECKPOINT));
    drop(create(&store).unwrap());
    assert_eq!(store.file(CHECKPOINT), None);
    assert!(opened(&store).1.warnings.is_empty());
}

#[rstest]
#[case::that_a_checkpoint_covers(1)]
#[case::behind_it(8)]
fn a_serial_number_that_is_issued_again_is_damage(#[case] line: usize) {
    let (store, _) = with_checkpoint(8);
    let mut journal = String::from_utf8(store.file(JOURNAL).unwrap()).unwrap();
    let old: Vec<&str> = journal.lines().collect();
    let (again, last) = (old[line], old[8]);
    let (_, hash) = last.trim_end_matches("\"}").rsplit_once('"').unwrap();
    let (front, _) = again.split_once(",\"previous\"").unwrap();
    let (_, event) = front.split_once(',').unwrap();
    let body = format!("{{\"sequence\":9,{event},\"previous\":\"{hash}\"");
    let seal = sealed(body.clone().into_bytes()).split_off(body.len());
    let seal: String = seal.iter().map(|byte| format!("{byte:02x}")).collect();
    journal.push_str(&format!("{body},\"hash\":\"{seal}\"}}\n"));
    store.put(JOURNAL, Some(journal.into_bytes()));
    let error = CertificateAuthority::open(store, Secrets::default()).unwrap_err();
    assert_eq!(error.to_string(), "journal line 10: its serial number was issued before");
}

#[test]
fn the_longer_a_journal_the_rarer_its_checkpoints() {
    let store = issued(127).0.with_checkpoints(1);
    drop(open(&store));
    let authority = open(&store);
    // Of 127 lines that are covered, a 32nd is three; of 130 it is four.
    let steps = count(&store, || {
        for _ in 0..9 {
            authority.issue(&wish(), NOW).unwrap();
        }
    });
    assert_eq!(steps, 9 * 2 + 2 * 4, "nine certificates, two checkpoints");
}

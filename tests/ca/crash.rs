//! A CA that is killed while eight clients ask it: nothing that a client got is lost, and it always starts again.
//!
//! `KILL_ROUNDS=1000 cargo test --release ca::crash -- --nocapture` kills it a thousand times; three times where unsaid,
//! and then with checkpoints so often that it is killed while it writes them, too.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use portcullis::ca::{
    Certificate, CertificateAuthority, Directory, Permissions, Secrets, Settings, SignerKey,
    Summary, Usage, Wish, audit, pem,
};
use portcullis::spiffe::{SpiffeId, TrustDomain};

use super::support::Scratch;

const NOW: i64 = 1_790_000_000;
const CLIENTS: usize = 8;

fn wish(client: usize) -> Wish {
    let id = SpiffeId::parse(&format!("spiffe://cluster.local/ns/foo/sa/client-{client}")).unwrap();
    Wish { id, dns: Vec::new(), ttl: None, caller: format!("client {client}") }
}

/// How many rounds, where somebody said.
#[expect(clippy::disallowed_methods, reason = "it may be told to run longer")]
fn rounds() -> Option<u64> {
    let rounds = std::env::var("KILL_ROUNDS").ok()?;
    Some(rounds.parse().unwrap())
}

fn directory(path: &str) -> Directory {
    let store = Directory::open(path.as_ref(), Permissions::Private).unwrap();
    if rounds().is_some() { store } else { store.with_lines_of_a_checkpoint(10) }
}

fn open(path: &str) -> CertificateAuthority<Directory> {
    let (authority, opened) =
        CertificateAuthority::open(directory(path), Secrets::default()).unwrap();
    assert!(
        opened
            .warnings
            .iter()
            .all(|text| text.contains("cut short")),
        "{:?}",
        opened.warnings
    );
    authority
}

/// Every line from the first on, and that the checkpoint says the same.
fn whole(path: &str) -> Summary {
    audit(&directory(path), None).unwrap().0
}

/// The process that is killed. By itself it is no test.
#[test]
#[expect(clippy::disallowed_methods, reason = "the parent says where the CA is")]
fn child() {
    let Ok(path) = std::env::var("CRASH_CHILD") else { return };
    let authority = open(&path);
    let say = |text: String| std::io::stdout().lock().write_all(text.as_bytes()).unwrap();
    say("\nopen\n".to_owned());
    std::thread::scope(|scope| {
        for client in 0..CLIENTS {
            let (authority, say) = (&authority, &say);
            scope.spawn(move || {
                loop {
                    let svid = authority.issue(&wish(client), NOW).unwrap();
                    let chain = svid.chain_pem().replace('\n', "|");
                    say(format!("\nissued {} {chain}\n", svid.serial));
                }
            });
        }
    });
}

#[test]
#[expect(clippy::disallowed_methods, reason = "it measures how long a start takes")]
fn a_ca_that_is_killed_loses_nothing() {
    let rounds = rounds().unwrap_or(3);
    let scratch = Scratch::new();
    let path = scratch.path("ca");
    let store = Directory::create(path.as_ref(), Permissions::Private).unwrap();
    let settings = Settings::of(TrustDomain::parse("cluster.local").unwrap());
    let authority =
        CertificateAuthority::create(store, &settings, SignerKey::Here, Secrets::default(), NOW)
            .unwrap();
    let root = authority.roots();
    drop(authority);
    let mut serials = BTreeSet::new();
    let mut starts = Vec::new();
    let mut random = u64::from(std::process::id()) | 1;
    for round in 0..rounds {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["ca::crash::child", "--exact", "--nocapture"])
            .env("CRASH_CHILD", &path)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).split(b'\n');
        let begun = Instant::now();
        assert!(
            lines.by_ref().any(|line| line.unwrap() == b"open"),
            "round {round}: it does not start"
        );
        starts.push((begun.elapsed(), round));
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let reader = std::thread::spawn(move || lines.map(Result::unwrap).collect::<Vec<_>>());
        std::thread::sleep(Duration::from_millis(1 + (random >> 33) % 200));
        child.kill().unwrap();
        child.wait().unwrap();
        let received = reader.join().unwrap();
        if round % 50 == 49 {
            // Opening reads what is behind the checkpoint; this reads everything.
            let summary = whole(&path);
            println!("{} kills: {} certificates recorded", round + 1, summary.issued);
            assert!(summary.issued >= serials.len());
        }
        let authority = open(&path);
        assert_eq!(authority.roots(), root);
        let mut last = None;
        // A line without its end was never received.
        for line in received
            .iter()
            .filter(|line| line.starts_with(b"issued ") && line.ends_with(b"|"))
        {
            let text = std::str::from_utf8(line).unwrap();
            let (serial, chain) = text
                .strip_prefix("issued ")
                .unwrap()
                .split_once(' ')
                .unwrap();
            assert!(
                authority.has_issued(serial),
                "round {round}: {serial} was given out and is not recorded"
            );
            assert!(
                serials.insert(serial.to_owned()),
                "round {round}: {serial} was given out twice"
            );
            last = Some(chain.to_owned());
        }
        if let Some(chain) = last {
            let blocks = pem::parse(&chain.replace('|', "\n")).unwrap();
            let chain: Vec<Certificate> = blocks
                .iter()
                .map(|block| Certificate::from_der(&block.bytes).unwrap())
                .collect();
            assert!(
                authority
                    .bundle()
                    .verify(&chain, Usage::Client, NOW)
                    .is_ok()
            );
        }
    }
    let summary = whole(&path);
    starts.sort();
    let (slowest, round) = starts[starts.len() - 1];
    println!(
        "{rounds} kills: {} certificates received, {} recorded; it starts in {:?}, at the slowest in {slowest:?}",
        serials.len(),
        summary.issued,
        starts[starts.len() / 2].0,
    );
    assert!(summary.issued >= serials.len() && !serials.is_empty());
    let checkpoint = std::fs::exists(format!("{path}/journal.checkpoint")).unwrap();
    assert!(checkpoint || summary.lines < 20_000);
    assert!(slowest < Duration::from_secs(1), "round {round}: it starts in {slowest:?}");
}

/// What a full disk says; there is one wherever this runs.
#[test]
fn a_disk_that_is_full_gives_no_certificate_out() {
    // A limit on the size of files does what a full disk does, and needs no mount: the shell sets it, then becomes
    // the command.
    let scratch = Scratch::new();
    let (state, out) = (scratch.path("state"), scratch.path("out"));
    let run = |limit: &str, words: &[&str]| {
        let quoted: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
        let script = format!(
            "trap '' XFSZ; ulimit -f {limit}; exec '{}' ca {} --state '{state}'",
            env!("CARGO_BIN_EXE_portcullis"),
            quoted.join(" ")
        );
        Command::new("sh").args(["-c", &script]).output().unwrap()
    };
    let good = |output: std::process::Output| {
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    good(run("unlimited", &["init"]));
    for n in 0..3 {
        good(run("unlimited", &["issue", "foo/a", "--out", &format!("{out}{n}")]));
    }
    // One block is 512 bytes in sh; the journal is longer already.
    let full = run("2", &["issue", "foo/a", "--out", &out]);
    assert_eq!(full.status.code(), Some(2), "{}", String::from_utf8_lossy(&full.stderr));
    assert!(
        String::from_utf8_lossy(&full.stderr)
            .contains("unavailable: the journal cannot be read or written"),
        "{}",
        String::from_utf8_lossy(&full.stderr)
    );
    assert!(!std::path::Path::new(&out).exists());
    good(run("unlimited", &["audit", "verify"]));
    good(run("unlimited", &["issue", "foo/a", "--out", &out]));
    // A checkpoint that cannot be written is a warning; what needs no room goes on.
    let checkpoint = scratch.write("state/journal.checkpoint", "torn");
    std::fs::set_permissions(&checkpoint, std::fs::Permissions::from_mode(0o600)).unwrap();
    let full = run("0", &["list"]);
    assert_eq!(String::from_utf8_lossy(&full.stdout).lines().count(), 4);
    assert!(
        String::from_utf8_lossy(&full.stderr).contains("checkpoint cannot be written"),
        "{}",
        String::from_utf8_lossy(&full.stderr)
    );
    assert_eq!(run("unlimited", &["audit", "verify"]).status.code(), Some(1));
    good(run("unlimited", &["issue", "foo/b", "--out", &scratch.path("b")]));
    good(run("unlimited", &["audit", "verify"]));
}

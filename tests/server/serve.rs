//! A running server: what it answers, how it takes up what is new, and how it ends.

use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use portcullis::admission::MAX_REVIEW;
use portcullis::request::{TokenReader, TokenReading};
use portcullis::server::{Certificate, Limits, Options, Room, StartError};
use rstest::rstest;
use serde_json::Value;

use super::support::{Citadel, InMemory, Serving, Tls, answer, options, post, send, serve};
use crate::admission::support::{GUARDS, MESH, ask, object};

const ALLOW: &str = "AuthorizationPolicy";

/// A change that a guard keeps out.
fn open() -> String {
    let open = "{selector: {matchLabels: {app: httpbin}}, rules: [{}]}";
    ask("CREATE", &object(ALLOW, "open", open), &Value::Null).to_string()
}

/// A change that nothing keeps out.
fn harmless() -> String {
    let spec = "{selector: {matchLabels: {app: sleep}}, rules: [{}]}";
    ask("CREATE", &object(ALLOW, "harmless", spec), &Value::Null).to_string()
}

fn serving() -> (Citadel, InMemory, Serving) {
    let citadel = Citadel::new();
    let source = InMemory::of(MESH, GUARDS, citadel.certificate());
    let serving = serve(&citadel, source.clone(), options()).unwrap();
    (citadel, source, serving)
}

#[track_caller]
fn allowed((status, body): (u16, String)) -> bool {
    assert_eq!(status, 200, "{body}");
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(body["response"]["uid"], "705ab4f5-6393-11e8-b7cc-42010a800002");
    body["response"]["allowed"].as_bool().unwrap()
}

#[test]
fn reviews_are_answered_over_tls_and_counted_and_logged() {
    let (_citadel, _source, serving) = serving();
    let mut connection = serving.connect();
    assert!(!allowed(post(&mut connection, &open())));
    assert!(allowed(post(&mut connection, &harmless())));
    assert_eq!(
        serving.metric("portcullis_reviews_total{operation=\"CREATE\",allowed=\"false\"}"),
        "1"
    );
    assert_eq!(serving.metric("portcullis_known{what=\"cases\"}"), "3");
    assert_eq!(serving.metric("portcullis_reload_failed{what=\"known\"}"), "0");
    let log = serving.log.lock().unwrap();
    let decision = log
        .iter()
        .find(|line| line.contains("\"decision\""))
        .unwrap();
    let decision: Value = serde_json::from_str(decision).unwrap();
    assert_eq!(decision["name"], "open");
    assert_eq!(decision["allowed"], false);
    assert!(
        log.iter()
            .all(|line| serde_json::from_str::<Value>(line).is_ok())
    );
}

#[rstest]
#[case::get("GET /validate HTTP/1.1\r\nHost: x\r\n", 405)]
#[case::put("PUT /validate HTTP/1.1\r\nHost: x\r\n", 405)]
#[case::elsewhere("POST /mutate HTTP/1.1\r\nHost: x\r\n", 404)]
#[case::no_content_type("POST /validate HTTP/1.1\r\nHost: x\r\n", 415)]
#[case::yaml("POST /validate HTTP/1.1\r\nHost: x\r\nContent-Type: application/yaml\r\n", 415)]
#[case::charset(
    "POST /validate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json; charset=utf-8\r\n",
    200
)]
#[case::packed(
    "POST /validate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\n",
    415
)]
#[case::http_1_0("POST /validate HTTP/1.0\r\nContent-Type: application/json\r\n", 200)]
#[case::a_long_head(&format!("POST /validate HTTP/1.1\r\nHost: x\r\nX: {}\r\n", "x".repeat(70_000)), 431)]
fn what_is_sent_must_be_a_review(#[case] head: &str, #[case] status: u16) {
    let (_citadel, _source, serving) = serving();
    assert_eq!(send(&mut serving.connect(), head, &harmless()).0, status);
    assert!(allowed(serving.post(&harmless())));
}

#[rstest]
#[case::one_byte_more(MAX_REVIEW + 1, 413)]
#[case::as_long_as_may_be(MAX_REVIEW, 200)]
fn a_body_is_bounded(#[case] length: usize, #[case] status: u16) {
    let (_citadel, _source, serving) = serving();
    let review = harmless();
    let body = format!("{review}{}", " ".repeat(length - review.len()));
    assert_eq!(serving.post(&body).0, status);
}

#[test]
fn a_body_that_does_not_end_is_not_waited_for() {
    let citadel = Citadel::new();
    let source = InMemory::of(MESH, GUARDS, citadel.certificate());
    let mut options = options();
    options.limits.request_time = Duration::from_millis(300);
    let serving = serve(&citadel, source, options).unwrap();
    let mut stream = serving.connect();
    let head = "POST /validate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{\"a\":";
    stream.write_all(head.as_bytes()).unwrap();
    assert_eq!(answer(&mut stream).0, 504);
    assert!(allowed(serving.post(&harmless())));
}

#[rstest]
#[case::silent(Gets::Nowhere, "silence")]
#[case::a_byte(Gets::ToAByte, "handshake time")]
#[case::a_hello(Gets::ToAHello, "handshake time")]
fn who_gets_no_further_is_not_waited_for(#[case] gets: Gets, #[case] reason: &str) {
    let citadel = Citadel::new();
    let source = InMemory::of(MESH, GUARDS, citadel.certificate());
    let mut options = options();
    options.limits.head_time = Duration::from_millis(300);
    let serving = serve(&citadel, source, options).unwrap();
    let resting = gets.begin(&serving);
    let mut half = serving.connect();
    half.write_all(b"POST /validate HT").unwrap();
    serving.wait_for("its end", |serving| {
        let name = "portcullis_connections_turned_away_total";
        serving.metric(&format!("{name}{{reason=\"{reason}\"}}")) == "1"
    });
    assert_eq!(answer(&mut half).0, 0);
    drop(resting);
    assert!(allowed(serving.post(&harmless())));
}

#[test]
fn who_has_rested_for_longest_goes_where_no_place_is_left() {
    let citadel = Citadel::new();
    let source = InMemory::of(MESH, GUARDS, citadel.certificate());
    let mut options = options();
    options.limits.room.known = 2;
    let serving = serve(&citadel, source, options).unwrap();
    let [mut first, mut second] = [(); 2].map(|()| serving.connect());
    assert!(allowed(post(&mut first, &harmless())));
    assert!(allowed(post(&mut second, &harmless())));
    assert!(allowed(serving.post(&harmless())));
    assert_eq!(answer(&mut first).0, 0);
    assert!(allowed(post(&mut second, &harmless())));
    let displaced = "portcullis_connections_turned_away_total{reason=\"displaced\"}";
    assert_eq!(serving.metric(displaced), "1");
}

/// How far a connection gets before it rests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gets {
    Nowhere,
    ToAByte,
    ToAHello,
    ToHalfARequest,
}

impl Gets {
    fn begin(self, serving: &Serving) -> Tls {
        let mut stream = serving.connect();
        match self {
            Self::Nowhere => {}
            Self::ToAByte => stream.sock.write_all(&[22]).unwrap(),
            Self::ToAHello => {
                assert!(stream.conn.write_tls(&mut stream.sock).unwrap() > 100);
            }
            Self::ToHalfARequest => stream.write_all(HALF.as_bytes()).unwrap(),
        }
        stream
    }

    /// Goes on from there, as somebody who means it.
    fn finish(self, mut stream: Tls) -> u16 {
        match self {
            // The one byte is part of the hello.
            Self::ToAByte => {
                let mut hello = Vec::new();
                stream.conn.write_tls(&mut hello).unwrap();
                stream.sock.write_all(&hello[1..]).unwrap();
                post(&mut stream, &harmless()).0
            }
            Self::Nowhere | Self::ToAHello => post(&mut stream, &harmless()).0,
            Self::ToHalfARequest => {
                stream.write_all(b"}").unwrap();
                answer(&mut stream).0
            }
        }
    }
}

const HALF: &str = "POST /validate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{";

/// Each stage has room of its own: who rests at one takes a place from nobody who has got further, or less far.
#[rstest]
#[case::silent(Gets::Nowhere)]
#[case::a_byte(Gets::ToAByte)]
#[case::a_hello(Gets::ToAHello)]
#[case::half_a_request(Gets::ToHalfARequest)]
fn who_rests_takes_places_only_from_those_who_rest_there_too(#[case] bad: Gets) {
    let citadel = Citadel::new();
    let source = InMemory::of(MESH, GUARDS, citadel.certificate());
    let mut options = options();
    // Whoever gets further was silent first, for a moment: there is room for all of them but where they rest.
    let room = |gets| if gets == bad { 3 } else { 100 };
    options.limits.room = Room {
        silent: room(Gets::Nowhere),
        greeting: room(Gets::ToAByte),
        shaking: room(Gets::ToAHello),
        asking: room(Gets::ToHalfARequest),
        known: 9,
        requests: 100,
    };
    let serving = serve(&citadel, source, options).unwrap();
    let mut kept = serving.connect();
    assert!(allowed(post(&mut kept, &harmless())));
    let others = [Gets::Nowhere, Gets::ToAByte, Gets::ToAHello, Gets::ToHalfARequest];
    let others: Vec<(Gets, Tls)> = others
        .into_iter()
        .filter(|other| *other != bad)
        .map(|other| (other, other.begin(&serving)))
        .collect();
    assert!(allowed(serving.post(&harmless())));
    let mut resting: Vec<Tls> = (0..40).map(|_| bad.begin(&serving)).collect();
    let displaced = "portcullis_connections_turned_away_total{reason=\"displaced\"}";
    serving.wait_for("the places of the oldest", |serving| serving.metric(displaced) == "37");
    assert!(allowed(serving.post(&harmless())), "who means it finds a place");
    assert!(allowed(post(&mut kept, &harmless())));
    for (other, stream) in others {
        let status = other.finish(stream);
        assert!(
            matches!((other, status), (Gets::ToHalfARequest, 400) | (_, 200)),
            "{other:?}: {status}"
        );
    }
    let first = resting.swap_remove(0);
    assert_eq!(answer(&mut { first.sock }).0, 0, "the oldest is gone");
}

#[test]
fn reviews_with_the_same_uid_are_answered_each_for_itself() {
    let (_citadel, _source, serving) = serving();
    std::thread::scope(|scope| {
        for number in 0..8 {
            let serving = &serving;
            scope.spawn(move || {
                let review = if number % 2 == 0 { open() } else { harmless() };
                let mut connection = serving.connect();
                for _ in 0..8 {
                    assert_eq!(allowed(post(&mut connection, &review)), number % 2 == 1);
                }
            });
        }
    });
}

#[test]
fn what_is_good_takes_the_place_of_what_was_and_what_is_bad_does_not() {
    let (_citadel, source, serving) = serving();
    let mut kept = serving.connect();
    assert!(!allowed(post(&mut kept, &open())));
    // No guard is left.
    let guards = GUARDS
        .replace("expect: deny", "expect: allow")
        .replace("httpbin", "sleep");
    source.write(|files| files.guards = guards.replace("refused", "allow"));
    serving.wait_for("another guard", |_| allowed(serving.post(&open())));
    assert!(allowed(post(&mut kept, &open())), "a connection that was there sees it, too");
    source.write(|files| files.manifests.push_str("oops: 1\n"));
    let failed = "portcullis_reload_failed{what=\"known\"}";
    serving.wait_for("the failure", |serving| serving.metric(failed) == "1");
    assert!(allowed(serving.post(&open())));
    let told = |log: &[String]| {
        log.iter()
            .any(|line| line.contains("reload failed") && line.contains("oops"))
    };
    assert!(told(&serving.log.lock().unwrap()));
    source.write(|files| {
        files.manifests = MESH.to_owned();
        files.guards = GUARDS.to_owned();
    });
    serving.wait_for("the mended files", |serving| serving.metric(failed) == "0");
    assert!(!allowed(post(&mut kept, &open())));
}

/// No file descriptor was left, say: the files are as they were, and can be read now. It is told once that they could not.
#[test]
fn what_could_not_be_read_is_read_again() {
    let (citadel, source, serving) = serving();
    source.write(|files| files.manifests.push_str("oops: 1\n"));
    let good = citadel.certificate();
    source.rotate(Certificate { key: citadel.certificate().key, ..citadel.certificate() });
    let failed = |what| format!("portcullis_reload_failed{{what=\"{what}\"}}");
    for what in ["known", "certificate"] {
        serving.wait_for(what, |serving| serving.metric(&failed(what)) == "1");
    }
    // More than one look later.
    std::thread::sleep(std::time::Duration::from_millis(500));
    let log = serving.log.lock().unwrap().clone();
    assert_eq!(
        log.iter()
            .filter(|line| line.contains("reload failed"))
            .count(),
        2,
        "{log:?}"
    );
    source.write_unseen(|files| {
        files.manifests = MESH.to_owned();
        files.certificate = good;
    });
    for what in ["known", "certificate"] {
        serving.wait_for(what, |serving| serving.metric(&failed(what)) == "0");
    }
}

#[test]
fn a_certificate_is_taken_up_by_new_connections_and_a_bad_one_is_not() {
    let (citadel, source, serving) = serving();
    let mut kept = serving.connect();
    assert!(allowed(post(&mut kept, &harmless())));
    let shown = || {
        let mut connection = serving.connect();
        assert!(allowed(post(&mut connection, &harmless())));
        connection.conn.peer_certificates().unwrap()[0].to_vec()
    };
    let first = shown();
    source.rotate(citadel.certificate());
    serving.wait_for("another certificate", |_| shown() != first);
    assert!(allowed(post(&mut kept, &harmless())));
    let second = shown();
    // The key of somebody else.
    let bad = Certificate { key: citadel.certificate().key, ..citadel.certificate() };
    source.rotate(bad);
    serving.wait_for("the failure", |serving| {
        serving.metric("portcullis_reload_failed{what=\"certificate\"}") == "1"
    });
    assert_eq!(shown(), second);
}

#[test]
fn a_server_without_a_mesh_or_a_certificate_does_not_start() {
    let citadel = Citadel::new();
    let told = |source: InMemory| serve(&citadel, source, options()).map(|_| ()).unwrap_err();
    let no_mesh = told(InMemory::of("kind: [", GUARDS, citadel.certificate()));
    assert!(matches!(no_mesh, StartError::Known(_)));
    let none = Certificate { chain: Vec::new(), key: Vec::new(), clients: None };
    let no_certificate = told(InMemory::of(MESH, GUARDS, none));
    assert_eq!(
        no_certificate.to_string(),
        "no certificate to serve with: the certificate: there is none in the file"
    );
}

#[test]
fn who_has_no_certificate_is_turned_away_where_one_is_asked_for() {
    let citadel = Citadel::new();
    let mut certificate = citadel.certificate();
    certificate.clients = Some(certificate.chain.clone());
    let serving = serve(&citadel, InMemory::of(MESH, GUARDS, certificate), options()).unwrap();
    let mut stream = serving.connect();
    assert!(
        stream
            .write_all(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
            .is_err()
            || answer(&mut stream).0 == 0
    );
    assert_eq!(serving.health("/livez").0, 200);
}

/// A defect, as nobody foresees it: it shows only once it is armed.
#[derive(Debug, Default)]
struct Panics(AtomicBool);

impl TokenReader for Panics {
    fn read(&self, _: &str, _: Option<&str>) -> TokenReading {
        assert!(!self.0.load(Ordering::SeqCst), "a defect");
        TokenReading::Unread("nobody read it".to_owned())
    }
}

const TOKENS: &str = "\
---
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: tokens, namespace: foo}
spec: {jwtRules: [{issuer: i, jwks: '{\"keys\": []}'}]}
";
const WITH_A_TOKEN: &str = "\
---
apiVersion: portcullis.dev/v1alpha1
kind: TestSuite
metadata: {name: tokens}
tests:
- name: a token
  from: sleep.foo
  to: httpbin.foo:80
  request: {jwt: {token: a.b.c}}
  expect: unknown
";

#[rstest]
#[case::closed(false)]
#[case::open(true)]
fn a_defect_is_an_answer_and_ends_nothing(#[case] fail_open: bool) {
    let citadel = Citadel::new();
    let (manifests, guards) = ([MESH, TOKENS].concat(), [GUARDS, WITH_A_TOKEN].concat());
    let source = InMemory::of(&manifests, &guards, citadel.certificate());
    let reader = Arc::new(Panics::default());
    let held = Arc::clone(&reader);
    source.write(|files| files.token_reader = Some(held));
    let serving = serve(&citadel, source, Options { fail_open, ..options() }).unwrap();
    assert_eq!(serving.log.lock().unwrap().len(), 1, "{:?}", serving.log.lock().unwrap());
    reader.0.store(true, Ordering::SeqCst);
    let (status, body) = serving.post(&open());
    assert_eq!(allowed((status, body.clone())), fail_open);
    let body: Value = serde_json::from_str(&body).unwrap();
    if fail_open {
        let warning = body["response"]["warnings"][0].as_str().unwrap();
        assert!(warning.contains("--fail-open"), "{warning}");
    } else {
        assert_eq!(body["response"]["status"]["reason"], "InternalError");
    }
    assert_eq!(serving.metric("portcullis_panics_total"), "1");
    reader.0.store(false, Ordering::SeqCst);
    assert!(!allowed(serving.post(&open())));
}

/// A reader that is slow once it is armed: until it is let go.
#[derive(Debug, Default)]
struct Waits {
    armed: AtomicBool,
    let_go: AtomicBool,
    asked: AtomicUsize,
}

impl TokenReader for Waits {
    fn read(&self, _: &str, _: Option<&str>) -> TokenReading {
        if self.armed.load(Ordering::SeqCst) {
            self.asked.fetch_add(1, Ordering::SeqCst);
            while !self.let_go.load(Ordering::SeqCst) {
                std::thread::sleep(Duration::from_millis(5));
            }
        }
        TokenReading::Unread("nobody read it".to_owned())
    }
}

#[test]
fn too_many_that_wait_are_told_and_who_has_gone_is_not_answered() {
    let citadel = Citadel::new();
    let (manifests, guards) = ([MESH, TOKENS].concat(), [GUARDS, WITH_A_TOKEN].concat());
    let source = InMemory::of(&manifests, &guards, citadel.certificate());
    let reader = Arc::new(Waits::default());
    let held = Arc::clone(&reader);
    source.write(|files| files.token_reader = Some(held));
    let limits = Limits { concurrency: 1, queue: 1, ..options().limits };
    let serving = serve(&citadel, source, Options { limits, ..options() }).unwrap();
    reader.armed.store(true, Ordering::SeqCst);
    let begin = || {
        let (mut stream, body) = (serving.connect(), open());
        write!(
            stream,
            "POST /validate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        stream.flush().unwrap();
        stream
    };
    let mut first = begin();
    serving.wait_for("the first is looked at", |_| reader.asked.load(Ordering::SeqCst) > 0);
    let second = begin();
    // Nothing tells that it waits, or that it is forgotten.
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(serving.post(&open()).0, 429);
    drop(second);
    std::thread::sleep(Duration::from_millis(500));
    reader.let_go.store(true, Ordering::SeqCst);
    assert_eq!(answer(&mut first).0, 200);
    let of_one = reader.asked.load(Ordering::SeqCst);
    assert_eq!(serving.post(&open()).0, 200);
    assert_eq!(reader.asked.load(Ordering::SeqCst), 2 * of_one);
}

#[test]
fn a_server_that_is_stopped_says_so_and_finishes() {
    let (_citadel, _source, serving) = serving();
    assert_eq!(serving.health("/readyz"), (200, "ok".to_owned()));
    let mut connection = serving.connect();
    assert!(allowed(post(&mut connection, &harmless())));
    let health = serving.running.health().unwrap();
    let stopped = std::thread::spawn(move || serving.running.stop());
    std::thread::sleep(Duration::from_millis(60));
    let mut stream = std::net::TcpStream::connect(health).unwrap();
    stream
        .write_all(b"GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n")
        .unwrap();
    assert_eq!(answer(&mut stream).0, 503);
    // Whoever has not heard yet is served.
    assert!(allowed(post(&mut connection, &harmless())));
    assert!(stopped.join().unwrap(), "every connection ended by itself");
}

#[test]
fn the_limits_are_those_that_are_promised() {
    let limits = Limits::of(2);
    assert_eq!(limits.body, 3 << 20);
    assert_eq!(limits.head, 64 << 10);
    let Room { silent, greeting, shaking, asking, known, requests } = limits.room;
    assert_eq!(requests, 4_096);
    let rooms = [silent, greeting, shaking, asking, known];
    assert_eq!(rooms, [8_192, 2_048, 2_048, 512, 1_024]);
    let document = include_str!("../../docs/admission.md");
    let table = document.split("| how far |").nth(1).unwrap();
    let told: Vec<usize> = table
        .lines()
        .skip(2)
        .map_while(|line| line.split('|').nth(2)?.trim().replace(',', "").parse().ok())
        .collect();
    assert_eq!(told, rooms, "docs/admission.md");
    assert_eq!((limits.concurrency, limits.queue), (4, 256));
    let seconds =
        [limits.head_time, limits.request_time, limits.idle_time, limits.lag, limits.drain];
    assert_eq!(seconds.map(|time| time.as_secs()), [5, 10, 90, 5, 25]);
}

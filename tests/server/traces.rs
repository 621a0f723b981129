//! Spans of reviews, as a collector of OpenTelemetry on loopback is sent them.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use portcullis::server::{Options, StartError};
use rstest::rstest;
use serde_json::Value;

use super::support::{Citadel, InMemory, Serving, options, send, serve};
use crate::admission::support::{GUARDS, MESH, ask, object};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";

/// What a collector was sent: the bodies, which are protobuf and hold ids and texts as they are.
type Taken = Arc<Mutex<Vec<Vec<u8>>>>;

/// A collector at a port of its own, which answers with `status`, or never.
fn collector(status: Option<u16>) -> (String, Taken) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/v1/traces", listener.local_addr().unwrap());
    let taken = Taken::default();
    let held = Arc::clone(&taken);
    drop(std::thread::spawn(move || {
        let mut silent = Vec::new();
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let Some(status) = status else {
                silent.push(stream);
                continue;
            };
            let mut read = Vec::new();
            let mut byte = [0];
            while !read.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap_or_default() == 1 {
                read.push(byte[0]);
            }
            let head = String::from_utf8(read).unwrap().to_ascii_lowercase();
            assert!(head.starts_with("post /v1/traces "), "{head}");
            assert!(head.contains("content-type: application/x-protobuf"), "{head}");
            let length = head.split("content-length: ").nth(1).unwrap();
            let mut body = vec![0; length.split('\r').next().unwrap().parse().unwrap()];
            stream.read_exact(&mut body).unwrap();
            held.lock().unwrap().push(body);
            let answer = format!(
                "HTTP/1.1 {status} X\r\nContent-Type: application/x-protobuf\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            );
            stream.write_all(answer.as_bytes()).unwrap();
        }
    }));
    (url, taken)
}

fn serving(url: &str) -> (Citadel, Serving) {
    let citadel = Citadel::new();
    let source = InMemory::of(MESH, GUARDS, citadel.certificate());
    let mut options = Options { traces: Some(url.to_owned()), ..options() };
    options.limits.lag = Duration::ZERO;
    let serving = serve(&citadel, source, options).unwrap();
    (citadel, serving)
}

/// Asks about a policy that a guard keeps out.
fn asks(serving: &Serving, sampled: &str) {
    let open = "{selector: {matchLabels: {app: httpbin}}, rules: [{}]}";
    let review = ask("CREATE", &object("AuthorizationPolicy", "open", open), &Value::Null);
    let head = format!(
        "POST /validate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\ntraceparent: 00-{TRACE}-{PARENT}-{sampled}\r\n"
    );
    let (status, body) = send(&mut serving.connect(), &head, &review.to_string());
    assert_eq!(status, 200);
    assert!(body.contains("\"allowed\":false"), "{body}");
}

fn holds(body: &[u8], part: &[u8]) -> bool {
    body.windows(part.len()).any(|window| window == part)
}

#[rstest]
#[case::of_a_trace_that_is_recorded("01", true)]
#[case::of_a_trace_that_is_not("00", false)]
fn a_review_is_a_span_of_its_callers_trace(#[case] sampled: &str, #[case] sent: bool) {
    let (url, taken) = collector(Some(200));
    let (_citadel, serving) = serving(&url);
    asks(&serving, sampled);
    assert!(serving.running.stop());
    let taken = taken.lock().unwrap();
    assert_eq!(taken.len(), usize::from(sent), "what is left is sent at the end");
    for body in taken.iter() {
        assert!(holds(body, &u128::from_str_radix(TRACE, 16).unwrap().to_be_bytes()));
        assert!(holds(body, &u64::from_str_radix(PARENT, 16).unwrap().to_be_bytes()));
        for text in [
            "service.name",
            "portcullis",
            "POST /validate",
            "http.response.status_code",
            "705ab4f5-6393-11e8-b7cc-42010a800002",
            "admission.operation",
            "CREATE",
            "AuthorizationPolicy",
            "admission.namespace",
            "foo",
            "open",
            "Forbidden",
            "admission.allowed",
            "admission.dry_run",
        ] {
            assert!(holds(body, text.as_bytes()), "{text}");
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "how long it takes is the claim")]
fn now() -> Instant {
    Instant::now()
}

/// A URL at which nobody listens.
fn nowhere() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}/v1/traces", listener.local_addr().unwrap())
}

#[rstest]
#[case::is_away(nowhere())]
#[case::never_answers(collector(None).0)]
#[case::refuses(collector(Some(400)).0)]
fn a_collector_that_takes_nothing_delays_no_review_and_no_end(#[case] url: String) {
    let (_citadel, serving) = serving(&url);
    let began = now();
    for _ in 0..20 {
        asks(&serving, "01");
    }
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    let began = now();
    assert!(serving.running.stop());
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}

#[test]
fn spans_that_are_not_taken_are_counted() {
    let (url, _) = collector(Some(400));
    let (_citadel, serving) = serving(&url);
    asks(&serving, "01");
    serving.wait_for("a set of spans", |serving| {
        serving.metric("portcullis_trace_export_failures_total") != "0"
    });
}

#[test]
fn spans_are_sent_without_tls_and_nowhere_else() {
    let citadel = Citadel::new();
    let source = InMemory::of(MESH, GUARDS, citadel.certificate());
    let options =
        Options { traces: Some("https://collector:4318/v1/traces".to_owned()), ..options() };
    let error = serve(&citadel, source, options).map(|_| ()).unwrap_err();
    assert!(matches!(error, StartError::Traces(_)));
    assert_eq!(
        error.to_string(),
        "no spans can be sent to `https://collector:4318/v1/traces`: spans are sent without TLS: name a collector beside the webhook, `http://HOST:4318`"
    );
}

//! Frames of HTTP/2 that mean harm, written by hand, against the running webhook.

use std::io::{Read as _, Write as _};

use portcullis::server::Room;
use rstest::rstest;

use super::hostile::{harmless, lives};
use super::process::Process;
use super::support::{Citadel, InMemory, Serving, Tls, options, serve};
use crate::admission::support::{GUARDS, MESH};

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;
const END_HEADERS: u8 = 4;

/// RFC 9113 §4.1.
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = length[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// `POST https://a/`, RFC 7541 §6.
const HEAD: &[u8] = &[0x83, 0x87, 0x84, 0x41, 1, b'a'];

fn head(stream: u32) -> Vec<u8> {
    frame(HEADERS, END_HEADERS, stream, HEAD)
}

fn rapid_reset() -> Vec<u8> {
    let streams = (0..20_000_u32).map(|number| 2 * number + 1);
    streams
        .flat_map(|stream| [head(stream), frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes())])
        .flatten()
        .collect()
}

fn continuations() -> Vec<u8> {
    let mut frames = frame(HEADERS, 0, 1, HEAD);
    for _ in 0..20_000 {
        frames.extend(frame(CONTINUATION, 0, 1, &[0x00, 1, b'x', 1, b'y']));
    }
    frames
}

fn settings() -> Vec<u8> {
    // SETTINGS_INITIAL_WINDOW_SIZE, which each time touches every stream.
    let one = frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0xff, 0xff]);
    one.repeat(100_000)
}

fn pings() -> Vec<u8> {
    frame(PING, 0, 0, &[0; 8]).repeat(100_000)
}

fn empty_data() -> Vec<u8> {
    [head(1), frame(DATA, 0, 1, &[]).repeat(100_000)].concat()
}

/// A header of 4,000 bytes that goes into the table once, and is then named by one byte 10,000 times.
fn hpack_bomb() -> Vec<u8> {
    let mut block = HEAD.to_vec();
    block.extend([0x40, 1, b'x', 0x7f, 0xa1, 0x1e]);
    block.extend([b'y'; 4_000]);
    block.extend([0xbe; 10_000]);
    let streams = (0..50_u32).map(|number| 2 * number + 1);
    streams
        .flat_map(|stream| {
            frame(HEADERS, END_HEADERS, stream, if stream == 1 { &block } else { &block[..] })
        })
        .collect()
}

fn many_streams() -> Vec<u8> {
    let streams = (0..20_000_u32).map(|number| 2 * number + 1);
    streams.flat_map(head).collect()
}

/// What the connection is ended with, if it is: the code of GOAWAY, RFC 9113 §7.
fn ended_with(read: &[u8]) -> Option<u32> {
    let mut rest = read;
    let mut code = None;
    while let Some((head, behind)) = rest.split_at_checked(9) {
        let length = usize::try_from(u32::from_be_bytes([0, head[0], head[1], head[2]])).unwrap();
        let (payload, behind) = behind.split_at_checked(length)?;
        if head[3] == GOAWAY {
            code = Some(u32::from_be_bytes(payload[4..8].try_into().unwrap()));
        }
        rest = behind;
    }
    code
}

const ENHANCE_YOUR_CALM: u32 = 11;

#[rstest]
#[case::rapid_reset(rapid_reset(), Some(ENHANCE_YOUR_CALM))]
#[case::continuation_flood(continuations(), Some(ENHANCE_YOUR_CALM))]
#[case::settings_flood(settings(), None)]
#[case::ping_flood(pings(), None)]
#[case::empty_data_flood(empty_data(), Some(ENHANCE_YOUR_CALM))]
#[case::hpack_bomb(hpack_bomb(), None)]
#[case::many_streams(many_streams(), None)]
#[case::no_preface(Vec::new(), None)]
fn a_flood_ends_its_own_connection_at_most(#[case] frames: Vec<u8>, #[case] code: Option<u32>) {
    let process = Process::start(&[]);
    let mut client = process.client.clone();
    client.alpn_protocols = vec![b"h2".to_vec()];
    let mut stream = process.tls(&client);
    stream
        .sock
        .set_read_timeout(Some(std::time::Duration::from_secs(3)))
        .unwrap();
    stream
        .sock
        .set_write_timeout(Some(std::time::Duration::from_secs(3)))
        .unwrap();
    let preface = if frames.is_empty() {
        &b"GET / HTTP/1.1\r\n\r\n"[..]
    } else {
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
    };
    let all = [preface, &frame(SETTINGS, 0, 0, &[]), &frames].concat();
    // Whoever does not read what the server says fills its socket; that is part of it.
    if let Err(error) = stream.write_all(&all).and_then(|()| stream.flush()) {
        eprintln!("it ended before everything was written: {error}");
    }
    let good = process.post(&harmless());
    assert_eq!(good.0, 200, "beside it");
    let mut read = Vec::new();
    let open = stream.read_to_end(&mut read).is_err_and(|error| {
        matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut)
    });
    if let Some(code) = code {
        assert!(!open, "the connection goes on");
        // A reset behind it can take the reason away before it is read.
        assert!([None, Some(code)].contains(&ended_with(&read)), "{:?}", ended_with(&read));
    }
    lives(&process);
}

/// Asks ten times with HTTP/2, and lets nothing of an answer's body come.
fn asks_and_takes_nothing(serving: &Serving) -> Tls {
    let mut stream = serving.connect();
    let mut client = (*serving.client).clone();
    client.alpn_protocols = vec![b"h2".to_vec()];
    let name = "localhost".try_into().unwrap();
    stream.conn = rustls::ClientConnection::new(client.into(), name).unwrap();
    // SETTINGS_INITIAL_WINDOW_SIZE, RFC 9113 §6.5.2.
    let settings = frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0]);
    let heads =
        (0..10_u32).flat_map(|number| frame(HEADERS, END_HEADERS | 1, 2 * number + 1, HEAD));
    let all = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".iter().copied();
    let all: Vec<u8> = all.chain(settings).chain(heads).collect();
    stream.write_all(&all).unwrap();
    stream.flush().unwrap();
    stream
}

#[test]
fn who_takes_no_answer_leaves_for_one_request_too_many() {
    let citadel = Citadel::new();
    let source = InMemory::of(MESH, GUARDS, citadel.certificate());
    let mut options = options();
    options.limits.room = Room { requests: 35, ..options.limits.room };
    let serving = serve(&citadel, source, options).unwrap();
    let displaced = "portcullis_connections_turned_away_total{reason=\"displaced\"}";
    let there = "portcullis_connections ";
    let mut unread = Vec::new();
    for connections in ["1", "2", "3"] {
        unread.push(asks_and_takes_nothing(&serving));
        let more = |serving: &Serving| {
            let refused = "portcullis_requests_refused_total{code=\"404\"}";
            serving.metric(refused) == format!("{connections}0")
        };
        serving.wait_for("ten answers", more);
    }
    assert!(serving.metric(displaced).starts_with("no "), "there is room");
    unread.push(asks_and_takes_nothing(&serving));
    serving.wait_for("who was there for longest", |serving| serving.metric(displaced) == "1");
    assert_eq!(serving.post(&harmless()).0, 200);
    serving.wait_for("the others", |serving| serving.metric(there) == "4");
}

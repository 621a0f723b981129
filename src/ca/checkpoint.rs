//! What the lines of a journal tell ↔ a file that spares reading them when the journal is opened.
//!
//! A line of JSON, the serial numbers in their order (16 bytes each), and the SHA-256 of all that. It covers the journal
//! up to some line, and never its last one: the line behind must name the hash of the last that is covered, or the two
//! do not belong together. It can be taken away at any time.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::certificate::hex;
use super::key::sha256;
use super::replay::Replay;
use super::sealed_line::{End, first_line};

/// The file's name.
pub(super) const CHECKPOINT: &str = "journal.checkpoint";
const API_VERSION: &str = "portcullis.dev/v1alpha1";

/// The file's content.
pub(super) fn to_bytes(replay: &Replay) -> Vec<u8> {
    let last_not_after: BTreeMap<String, i64> = replay
        .last_not_after
        .iter()
        .map(|(generation, at)| (generation.to_string(), *at))
        .collect();
    let front = json!({
        "apiVersion": API_VERSION,
        "kind": "JournalCheckpoint",
        "lines": replay.end.lines,
        "length": replay.end.length,
        "head": hex(&replay.end.head),
        "lastAt": replay.last_at,
        "lastNotAfter": last_not_after,
        "serials": replay.serials.len(),
    });
    let mut bytes = format!("{front}\n").into_bytes();
    bytes.extend_from_slice(replay.serials.as_flattened());
    let hash = sha256(&bytes);
    bytes.extend_from_slice(&hash);
    bytes
}

/// Reads it; the error is what is wrong with it by itself. Whether it fits the journal is the journal's to say.
pub(super) fn parse(bytes: &[u8]) -> Result<Replay, &'static str> {
    let (content, hash) = bytes.split_last_chunk::<32>().ok_or("it is too short")?;
    if sha256(content) != *hash {
        return Err("its hash is not that of its content");
    }
    let (front, serials) = first_line(content).ok_or("it has no first line")?;
    let front: Value =
        serde_json::from_slice(front).map_err(|_json| "its first line is not JSON")?;
    let (serials, rest) = serials.as_chunks::<16>();
    let replay = read_front(&front, serials).ok_or("its first line is not a checkpoint's")?;
    let ascending = serials
        .iter()
        .zip(serials.iter().skip(1))
        .all(|(one, next)| one < next);
    if !ascending || !rest.is_empty() {
        return Err("its serial numbers are not in order");
    }
    Ok(replay)
}

fn read_front(front: &Value, serials: &[[u8; 16]]) -> Option<Replay> {
    let number = |name: &str| front.get(name).and_then(Value::as_u64);
    let text = |name: &str| front.get(name).and_then(Value::as_str);
    let head = text("head").filter(|head| head.len() == 64)?;
    let (first, second) = head.split_at_checked(32)?;
    let half = super::replay::serial;
    let head = [half(first)?, half(second)?];
    let known =
        text("apiVersion") == Some(API_VERSION) && text("kind") == Some("JournalCheckpoint");
    let counted = number("serials") == u64::try_from(serials.len()).ok();
    let last_not_after = front.get("lastNotAfter")?.as_object()?;
    let last_not_after: Option<BTreeMap<u64, i64>> = last_not_after
        .iter()
        .map(|(generation, at)| Some((generation.parse().ok()?, at.as_i64()?)))
        .collect();
    (known && counted).then_some(Replay {
        end: End {
            lines: number("lines")?,
            length: number("length")?,
            head: head.as_flattened().try_into().ok()?,
        },
        last_at: front.get("lastAt")?.as_i64()?,
        last_not_after: last_not_after?,
        serials: serials.to_vec(),
    })
}

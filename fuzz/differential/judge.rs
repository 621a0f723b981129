//! Seeds → meshes and requests, asked of both judges.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;

use portcullis::envoy::Message;
use portcullis::mesh::{IstioVersion, Mesh};
use portcullis::real_envoy::{self, Agreement, Asked, Reply};
use portcullis::request::{HttpVersion, Request};

use crate::generate::{Random, World, question};
use crate::summary::Summary;

/// So many meshes share one Envoy.
pub(crate) const TOGETHER: u64 = 20;

/// A mesh and the requests at it; `place` is its place among those that share an Envoy.
struct Drawn {
    world: World,
    mesh: Mesh,
    requests: Vec<Request>,
}

fn draw(seed: u64, place: u64, count: usize, istio: Option<IstioVersion>, now: Option<i64>) -> Drawn {
    let mut random = Random::new(seed);
    let world = World::of(&mut random);
    let mut mesh = world.mesh();
    mesh.settings.istio_version = istio;
    let [.., high, low] = place.to_be_bytes();
    let mut requests = Vec::with_capacity(count);
    while requests.len() < count {
        let mut spec = question(&mut random);
        if now.is_some() {
            // What is stated instead of sent, and what no client here speaks, cannot be asked of an Envoy.
            spec.remote_ip = None;
            spec.now = now;
            if spec.http.version == HttpVersion::Http2 {
                spec.http.version = HttpVersion::Http11;
            }
        }
        let Ok(found) = mesh.requests(&spec) else { continue };
        for mut request in found {
            request.source_ip.get_or_insert(real_envoy::SOMEWHERE);
            // Each mesh has addresses of its own.
            let workload = 3 + u8::try_from(request.workload).unwrap_or_default();
            request.destination_ip = Some(match request.source_ip {
                Some(IpAddr::V6(_)) => {
                    IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, u16::from(high), u16::from(low), 0, 0, 0, workload.into()))
                }
                _ => IpAddr::V4(Ipv4Addr::new(10, 100 + high, low, workload)),
            });
            requests.push(request);
        }
    }
    Drawn { world, mesh, requests }
}

fn json(message: &Message, into: &mut String) {
    match message {
        Message::Bool(set) => into.push_str(if *set { "true" } else { "false" }),
        Message::Number(number) => into.push_str(&number.to_string()),
        Message::Text(text) => quote(text, into),
        Message::List(values) => {
            into.push('[');
            for (index, value) in values.iter().enumerate() {
                if index > 0 {
                    into.push(',');
                }
                json(value, into);
            }
            into.push(']');
        }
        Message::Object(fields) => {
            into.push('{');
            for (index, (name, value)) in fields.iter().enumerate() {
                if index > 0 {
                    into.push(',');
                }
                quote(name, into);
                into.push(':');
                json(value, into);
            }
            into.push('}');
        }
    }
}

fn quote(text: &str, into: &mut String) {
    into.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => into.extend(['\\', character]),
            '\n' => into.push_str("\\n"),
            '\t' => into.push_str("\\t"),
            other => into.push(other),
        }
    }
    into.push('"');
}

pub(crate) fn against_envoy(
    envoy: &Path,
    seeds: impl Iterator<Item = u64>,
    count: usize,
    istio: Option<IstioVersion>,
    now: i64,
    summary: &mut Summary,
) -> Result<(), String> {
    let drawn: Vec<(u64, Drawn)> = seeds
        .enumerate()
        .map(|(place, seed)| {
            (seed, draw(seed, u64::try_from(place).unwrap_or_default(), count, istio, Some(now)))
        })
        .collect();
    let asked: Vec<Asked<'_>> = drawn
        .iter()
        .map(|(_, drawn)| Asked { mesh: &drawn.mesh, requests: drawn.requests.clone() })
        .collect();
    let to_text = |message: &Message| {
        let mut text = String::new();
        json(message, &mut text);
        text
    };
    let replies = real_envoy::ask(envoy, &asked, now, &to_text).map_err(|error| error.to_string())?;
    for ((seed, drawn), replies) in drawn.iter().zip(&replies) {
        for (request, reply) in drawn.requests.iter().zip(replies) {
            judge(*seed, drawn, request, reply, summary);
        }
    }
    Ok(())
}

fn judge(seed: u64, drawn: &Drawn, request: &Request, reply: &Reply, summary: &mut Summary) {
    let decision = drawn.mesh.decide_with(request, summary);
    match real_envoy::compare(&drawn.mesh, &decision, reply) {
        Agreement::Agree => {
            summary.agree += 1;
            *summary.verdicts.entry(decision.verdict.as_str()).or_default() += 1;
        }
        Agreement::Incomparable(reason) => {
            // Reasons name what they are about: the beginning tells them apart well enough.
            let reason = reason.chars().take(70).collect();
            *summary.incomparable.entry(reason).or_default() += 1;
        }
        Agreement::Disagree(how) => summary.disagreements.push(format!(
            "mesh {seed}: {how}\n  {request:?}\n{}\n",
            drawn.world.text()
        )),
    }
}

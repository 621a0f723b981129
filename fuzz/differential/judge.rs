//! Seeds → meshes and requests, asked of the engine and of a real Envoy.

use std::path::Path;

use portcullis::envoy::Message;
use portcullis::real_envoy::{self, Agreement, Asked, Program, Reply};
use portcullis::request::Request;

use crate::draw::{Drawn, Wish, draw};
use crate::json::json;
use crate::least::least;
use crate::summary::Summary;

/// Asks both judges about the meshes of `seeds`, which share an Envoy.
pub(crate) fn against_envoy(
    envoy: &Program<'_>,
    seeds: impl Iterator<Item = u64>,
    wish: Wish,
    shrink: Option<&Path>,
    summary: &mut Summary,
) -> Result<(), String> {
    let drawn: Vec<Drawn> = seeds
        .zip(0..)
        .map(|(seed, place)| draw(seed, place, wish))
        .collect();
    let asked: Vec<Asked<'_>> = drawn
        .iter()
        .map(|drawn| Asked { mesh: &drawn.mesh, requests: drawn.requests.clone() })
        .collect();
    let replies =
        real_envoy::ask(envoy, &asked, wish.now, &text).map_err(|error| error.to_string())?;
    for (drawn, replies) in drawn.iter().zip(&replies) {
        for (at, reply) in replies.iter().enumerate() {
            if !judge(drawn, at, reply, summary) {
                continue;
            }
            // The first of its kind.
            if let Some(folder) = shrink
                && let Some(suite) = least(envoy, drawn, at, wish.now)
            {
                let file = folder.join(format!("{}-{at}.test.yaml", drawn.seed));
                std::fs::write(&file, suite)
                    .map_err(|error| format!("{}: {error}", file.display()))?;
            }
        }
    }
    Ok(())
}

pub(crate) fn text(message: &Message) -> String {
    let mut text = String::new();
    json(message, &mut text);
    text
}

/// Counts what both say of a request; whether it is the first disagreement of its kind.
fn judge(drawn: &Drawn, at: usize, reply: &Reply, summary: &mut Summary) -> bool {
    let Some(request): Option<&Request> = drawn.requests.get(at) else { return false };
    let decision = drawn.mesh.decide_with(request, summary);
    match real_envoy::compare(&drawn.mesh, request, &decision, reply) {
        Agreement::Agree => summary.agree(decision.verdict),
        Agreement::Incomparable(reason) => summary.incomparable(&reason),
        Agreement::Disagree(how) => {
            let told = || {
                format!(
                    "mesh {}, request {at}: {how}\n  {request:?}\n{}",
                    drawn.seed,
                    drawn.world.text()
                )
            };
            return summary.disagree(&how, told);
        }
    }
    false
}

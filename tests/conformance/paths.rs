//! What Envoy made of 374 paths and 17 header lists in four modes of normalization.

use std::net::{IpAddr, Ipv4Addr};

use portcullis::request::{
    Downstream, HttpRequest, HttpVersion, Normalization, ReceiveContext, Refusal, Value, receive,
};
use serde_yaml::Value as Document;

use crate::support::corpus::{Run, list, text, texts};
use crate::support::shared;

/// The file `conformance/paths/<name>`: JSON with characters that YAML does not take. Absent where the
/// corpus is.
fn document(name: &str) -> Option<Document> {
    let place = shared(&format!("conformance/paths/{name}"))?;
    #[expect(clippy::disallowed_methods, reason = "tests read the corpus")]
    let text = std::fs::read_to_string(place).unwrap();
    Some(serde_json::from_str(&text).unwrap())
}

const MODES: [(&str, Normalization); 4] = [
    ("NONE", Normalization::None),
    ("BASE", Normalization::Base),
    ("MERGE_SLASHES", Normalization::MergeSlashes),
    ("DECODE_AND_MERGE_SLASHES", Normalization::DecodeAndMergeSlashes),
];

fn context(normalization: Normalization) -> ReceiveContext {
    ReceiveContext {
        normalization,
        edge: None,
        peer: Some(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        downstream: Downstream::Plaintext,
        client_certificate: portcullis::request::ForwardClientCert::AppendForward,
    }
}

fn get(target: &str, headers: Vec<(String, String)>) -> HttpRequest {
    HttpRequest {
        method: "GET".to_owned(),
        target: target.to_owned(),
        host: Some("a.com".to_owned()),
        headers,
        version: HttpVersion::Http11,
    }
}

fn paths_agree_with(file: &str, skip: impl Fn(&str) -> bool, count: usize) {
    let Some(document) = document(file) else { return };
    let mut run = Run::default();
    for vector in list(&document, "vectors") {
        let target = text(vector, "in");
        for (name, mode) in MODES.into_iter().filter(|_| !skip(target)) {
            let answer = &vector[name];
            let want = match answer["path"].as_str() {
                Some(path) => (200, path.to_owned(), answer["deny_exact_/admin"] == 403),
                None => (answer["status"].as_u64().unwrap(), String::new(), false),
            };
            let got = match receive(&get(target, Vec::new()), &context(mode)) {
                Ok(received) => {
                    let path = &received.path;
                    (200, path.path_and_query().to_owned(), path.path() == "/admin")
                }
                Err(Refusal { status, .. }) => {
                    (u64::from(status.unwrap_or_default()), String::new(), false)
                }
            };
            run.case(&format!("{name} {target:?}"), &want, &got);
        }
    }
    run.agrees_in(count);
}

#[test]
fn a_path_becomes_what_envoy_makes_of_it() {
    paths_agree_with("path_normalization_envoy140.json", |_| false, 4 * 374);
}

/// Before CVE-2026-73551 was fixed, a dot segment with parameters was a name. Nothing else has changed.
#[test]
fn an_older_envoy_differs_in_dot_segments_with_parameters_alone() {
    let has_parameters = |target: &str| target.contains("/.;") || target.contains("/..;");
    paths_agree_with("path_normalization_guards_off.json", has_parameters, 4 * 365);
}

#[test]
fn header_lines_are_refused_and_read_as_envoy_does() {
    let Some(document) = document("rbac_header_matching.json") else { return };
    let mut run = Run::default();
    for case in list(&document, "default") {
        let lines = texts(case, "headers");
        let pairs = lines
            .iter()
            .map(|line| line.split_once(':').unwrap())
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let answer = match receive(&get("/", pairs), &context(Normalization::Base)) {
            Ok(received) => {
                let admin = received
                    .header("x-role")
                    .any(|role| role == Value::Known("admin"));
                if admin { 403 } else { 200 }
            }
            Err(Refusal { status, .. }) => u64::from(status.unwrap_or_default()),
        };
        run.case(&lines.join(", "), &case["DENY_exact_admin"].as_u64().unwrap(), &answer);
    }
    run.agrees_in(17);
}

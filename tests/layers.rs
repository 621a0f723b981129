//! The architecture: a room looks only into the rooms that its row names. Cargo does not see this, so a test does.

use crate::support::sources;

/// room → the rooms it may look into.
const ROOMS: &[(&str, &[&str])] = &[
    ("spiffe", &[]),
    ("matcher", &[]),
    ("diagnostic", &[]),
    ("request", &["spiffe"]),
    ("ca", &["diagnostic", "spiffe"]),
    ("istio", &["diagnostic"]),
    ("parse", &["diagnostic", "istio", "matcher", "spiffe"]),
    ("cluster", &["diagnostic", "parse"]),
    ("validate", &["diagnostic", "istio", "matcher", "spiffe"]),
    ("mesh", &["diagnostic", "istio", "matcher", "request", "spiffe", "validate"]),
    ("decide", &["diagnostic", "istio", "matcher", "mesh", "request"]),
    ("envoy", &["diagnostic", "istio", "matcher", "mesh", "spiffe"]),
    ("coverage", &["decide", "diagnostic", "istio", "mesh", "request"]),
    ("explanation", &["decide", "istio", "matcher", "mesh", "request"]),
    ("call", &["istio", "mesh", "request"]),
    ("survey", &["decide", "matcher", "mesh", "request"]),
    ("jwt", &["request"]),
    ("real_envoy", &["decide", "envoy", "istio", "mesh", "request"]),
    (
        "lint",
        &[
            "decide",
            "diagnostic",
            "explanation",
            "istio",
            "matcher",
            "mesh",
            "request",
            "spiffe",
            "validate",
        ],
    ),
    (
        "suite",
        &["decide", "diagnostic", "istio", "matcher", "mesh", "parse", "request", "validate"],
    ),
    (
        "mutation",
        &[
            "decide",
            "diagnostic",
            "explanation",
            "istio",
            "matcher",
            "mesh",
            "parse",
            "request",
            "suite",
        ],
    ),
    ("scaffold", &["decide", "diagnostic", "explanation", "mesh", "mutation", "request"]),
    (
        "admission",
        &[
            "decide",
            "diagnostic",
            "explanation",
            "istio",
            "lint",
            "mesh",
            "mutation",
            "parse",
            "request",
            "suite",
            "survey",
        ],
    ),
    ("server", &["admission", "cluster", "diagnostic"]),
    (
        "report",
        &[
            "ca",
            "cluster",
            "coverage",
            "decide",
            "diagnostic",
            "envoy",
            "explanation",
            "istio",
            "lint",
            "mesh",
            "mutation",
            "request",
            "scaffold",
            "suite",
            "survey",
        ],
    ),
    (
        "cli",
        &[
            "admission",
            "ca",
            "call",
            "cluster",
            "coverage",
            "decide",
            "diagnostic",
            "envoy",
            "istio",
            "jwt",
            "lint",
            "matcher",
            "mesh",
            "mutation",
            "parse",
            "real_envoy",
            "report",
            "request",
            "scaffold",
            "server",
            "spiffe",
            "suite",
            "survey",
            "validate",
        ],
    ),
    ("testing", &["cli", "decide", "mesh"]),
];

/// `src/mesh/select.rs` → `mesh`.
fn room(path: &str) -> &str {
    let inside = path.strip_prefix("src/").unwrap();
    inside.split(['/', '.']).next().unwrap()
}

/// The rooms that a text names as `crate::room`.
fn looks_into(text: &str) -> Vec<&str> {
    let after = text.split("crate::").skip(1);
    after
        .map(|rest| {
            rest.split(|c: char| !c.is_ascii_lowercase() && c != '_')
                .next()
                .unwrap()
        })
        .collect()
}

#[test]
fn rooms_only_look_inward() {
    let mut wrong = Vec::new();
    for (path, text) in sources("src") {
        if ["src/lib.rs", "src/main.rs"].contains(&path.as_str()) {
            continue;
        }
        let own = room(&path);
        let Some((_, allowed)) = ROOMS.iter().find(|(name, _)| *name == own) else {
            wrong.push(format!("{path}: room `{own}` has no row"));
            continue;
        };
        for seen in looks_into(&text) {
            if !seen.is_empty() && seen != own && !allowed.contains(&seen) {
                wrong.push(format!("{path}: `{own}` looks into `{seen}`"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_table_has_no_circle_and_no_stranger() {
    for (index, (name, allowed)) in ROOMS.iter().enumerate() {
        for other in *allowed {
            let place = ROOMS.iter().position(|(room, _)| room == other);
            assert!(
                place.is_some_and(|place| place < index),
                "`{name}` may look into `{other}`, which stands below it"
            );
        }
    }
}

#[test]
fn a_grouped_import_is_seen() {
    assert_eq!(looks_into("use crate::cli::{a, b};\nlet x = crate::mesh::Mesh;"), ["cli", "mesh"]);
}

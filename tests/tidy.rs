//! House rules that no lint can state.

use std::collections::BTreeSet;

use crate::support::{project, sources};

/// dependency → the only files that may name it.
const DOORWAYS: &[(&str, &[&str])] = &[
    ("ipnet", &["src/matcher/ip.rs"]),
    ("granit_parser", &["src/parse/yaml.rs"]),
    ("strsim", &["src/parse/suggest.rs"]),
    ("serde_json", &["src/jwt.rs", "src/report/json.rs", "src/report/yaml.rs"]),
    ("serde_yaml", &["src/report/yaml.rs"]),
    ("ring", &["src/jwt.rs"]),
    ("base64", &["src/jwt.rs"]),
    ("clap", &["src/cli/args.rs"]),
    ("glob", &["src/cli/system.rs"]),
];

#[test]
fn every_dependency_has_one_doorway() {
    let mut wrong = Vec::new();
    for (path, text) in sources("src") {
        for (name, doorways) in DOORWAYS {
            let named = text
                .lines()
                .filter(|line| !line.trim_start().starts_with("//"))
                .any(|line| {
                    line.match_indices(&format!("{name}::")).any(|(at, _)| {
                        let before = line.get(..at).unwrap_or_default().chars().next_back();
                        before.is_none_or(|c| !c.is_alphanumeric() && c != '_')
                    })
                });
            if named && !doorways.contains(&path.as_str()) {
                wrong
                    .push(format!("{path} names `{name}`; its doorway is {}", doorways.join(", ")));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_dependency_has_a_row_and_a_reason() {
    let manifest = project("Cargo.toml");
    let dependencies = manifest
        .split("[dependencies]")
        .nth(1)
        .unwrap()
        .split("\n[")
        .next()
        .unwrap();
    let mut reason = false;
    let mut names = BTreeSet::new();
    for line in dependencies.lines().filter(|line| !line.is_empty()) {
        if line.starts_with('#') {
            reason = true;
            continue;
        }
        let name = line.split([' ', '=']).next().unwrap().replace('-', "_");
        assert!(reason, "{name} has no reason above it");
        reason = false;
        names.insert(name);
    }
    // thiserror is named wherever an error is declared.
    names.remove("thiserror");
    let rows: BTreeSet<String> = DOORWAYS
        .iter()
        .map(|(name, _)| (*name).to_owned())
        .collect();
    assert_eq!(names, rows);
}

#[test]
fn no_test_file_is_forgotten() {
    let main = project("tests/main.rs");
    for (path, _) in sources("tests") {
        let name = path.rsplit('/').next().unwrap().trim_end_matches(".rs");
        let folder = path.split('/').nth(1).unwrap();
        let below_support = folder == "support" && path != "tests/support/mod.rs";
        if name == "main" || name == "mod" || below_support {
            continue;
        }
        assert!(main.contains(&format!("mod {name};")), "tests/main.rs does not name {path}");
    }
}

#[test]
fn the_engine_alone_depends_on_what_is_written_down() {
    let output = std::process::Command::new(env!("CARGO"))
        .args([
            "tree",
            "--locked",
            "--offline",
            "--no-default-features",
            "-e",
            "normal,no-proc-macro",
        ])
        .args(["--prefix", "none", "--format", "{p}"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let mut lines: Vec<&str> = text
        .lines()
        .map(|line| line.split(" (").next().unwrap())
        .filter(|line| !line.starts_with("portcullis "))
        .collect();
    lines.sort_unstable();
    lines.dedup();
    assert_eq!(lines.join("\n") + "\n", project("docs/engine-dependencies.txt"));
}

#[test]
fn nothing_tells_where_it_was_made() {
    for (path, text) in sources("src").into_iter().chain(sources("tests")) {
        let absolute = ["/ho", "me/"].concat();
        assert!(!text.contains(&absolute), "{path} holds a machine's path");
    }
}

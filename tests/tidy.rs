//! House rules that no lint can state.

use std::collections::BTreeSet;

use crate::support::{project, sources};

/// dependency → the only files that may name it.
const DOORWAYS: &[(&str, &[&str])] = &[
    ("ipnet", &["src/matcher/ip.rs"]),
    ("granit_parser", &["src/parse/anchors.rs", "src/parse/yaml.rs"]),
    ("strsim", &["src/parse/suggest.rs"]),
    (
        "serde_json",
        &[
            "src/admission/answer.rs",
            "src/ca/authority/begin.rs",
            "src/ca/authority/issue.rs",
            "src/ca/authority/mod.rs",
            "src/ca/authority/revoke.rs",
            "src/ca/authority/rotate.rs",
            "src/ca/bundle.rs",
            "src/ca/checkpoint.rs",
            "src/ca/history.rs",
            "src/ca/journal.rs",
            "src/ca/state.rs",
            "src/ca/token.rs",
            "src/cluster/follow.rs",
            "src/report/certificate.rs",
            "src/jwt.rs",
            "src/parse/json.rs",
            "src/real_envoy/tokens.rs",
            "src/report/configuration.rs",
            "src/report/coverage.rs",
            "src/report/document.rs",
            "src/report/json.rs",
            "src/report/lint_sarif.rs",
            "src/report/mutation.rs",
            "src/report/question.rs",
            "src/report/sarif.rs",
            "src/report/sketch.rs",
            "src/report/suite_schema.rs",
            "src/report/test_result.rs",
            "src/report/webhook_manifests.rs",
            "src/report/yaml.rs",
            "src/server/self_test.rs",
        ],
    ),
    (
        "serde",
        &[
            "src/parse/json.rs",
            "src/report/document.rs",
            "src/report/json.rs",
            "src/report/lint_document.rs",
            "src/report/settings.rs",
            "src/report/survey.rs",
        ],
    ),
    (
        "schemars",
        &[
            "src/report/document.rs",
            "src/report/lint_document.rs",
            "src/report/settings.rs",
            "src/report/survey.rs",
        ],
    ),
    ("annotate_snippets", &["src/report/snippet.rs"]),
    ("similar", &["src/report/diff.rs"]),
    ("anstyle", &["src/report/style.rs"]),
    ("serde_yaml", &["src/report/yaml.rs"]),
    ("ring", &["src/ca/key.rs", "src/jwt.rs", "src/real_envoy/tokens.rs"]),
    (
        "base64",
        &[
            "src/ca/pem.rs",
            "src/jwt.rs",
            "src/real_envoy/tokens.rs",
            "src/report/webhook_manifests.rs",
        ],
    ),
    (
        "clap",
        &[
            "src/cli/admission_args.rs",
            "src/cli/args.rs",
            "src/cli/ca_args.rs",
            "src/cli/definition.rs",
            "src/cli/envoy_args.rs",
            "src/cli/flags.rs",
            "src/cli/lint_args.rs",
            "src/cli/test_args.rs",
            "src/cli/webhook_args.rs",
        ],
    ),
    ("socket2", &["src/real_envoy/connection.rs"]),
    ("clap_complete", &["src/cli/completion.rs"]),
    ("clap_mangen", &["src/cli/man.rs"]),
    ("rcgen", &["src/ca/key.rs", "src/ca/profile.rs", "src/real_envoy/certificates.rs"]),
    ("x509_parser", &["src/ca/certificate.rs", "src/ca/crl.rs", "src/server/client_name.rs"]),
    ("webpki", &["src/ca/verify.rs"]),
    (
        "rustls",
        &[
            "src/ca/handshake.rs",
            "src/real_envoy/connection.rs",
            "src/server/client_name.rs",
            "src/server/tls.rs",
        ],
    ),
    (
        "rustls_pki_types",
        &[
            "src/ca/handshake.rs",
            "src/ca/verify.rs",
            "src/server/client_name.rs",
            "src/server/tls.rs",
        ],
    ),
    (
        "tokio",
        &[
            "src/cluster/discovery.rs",
            "src/cluster/follow.rs",
            "src/cluster/watch.rs",
            "src/server/bodies.rs",
            "src/server/connection.rs",
            "src/server/mod.rs",
            "src/server/places.rs",
            "src/server/reload.rs",
            "src/server/respond.rs",
            "src/server/self_test.rs",
            "src/server/traces.rs",
            "src/server/untraced.rs",
        ],
    ),
    ("futures_util", &["src/cluster/follow.rs"]),
    ("k8s_openapi", &[]),
    (
        "kube",
        &[
            "src/cluster/client.rs",
            "src/cluster/discovery.rs",
            "src/cluster/follow.rs",
            "src/cluster/watch.rs",
        ],
    ),
    (
        "hyper",
        &[
            "src/cluster/discovery.rs",
            "src/cluster/follow.rs",
            "src/cluster/watch.rs",
            "src/server/connection.rs",
            "src/server/respond.rs",
            "src/server/self_test.rs",
            "src/server/traces.rs",
            "src/server/untraced.rs",
        ],
    ),
    ("opentelemetry", &["src/server/traces.rs"]),
    ("opentelemetry_http", &["src/server/traces.rs"]),
    ("opentelemetry_otlp", &["src/server/traces.rs"]),
    ("opentelemetry_sdk", &["src/server/traces.rs"]),
    ("hyper_util", &["src/server/connection.rs", "src/server/self_test.rs"]),
    ("http_body_util", &["src/server/respond.rs", "src/server/self_test.rs"]),
    ("tokio_rustls", &["src/server/connection.rs", "src/server/self_test.rs"]),
    ("prometheus_client", &["src/server/metrics.rs", "src/server/traces.rs"]),
    ("pkcs8", &["src/ca/key.rs"]),
    ("time", &["src/ca/time.rs"]),
    ("rustix", &["src/ca/store.rs"]),
    (
        "zeroize",
        &[
            "src/ca/authority/begin.rs",
            "src/ca/authority/mod.rs",
            "src/ca/cacerts.rs",
            "src/ca/key.rs",
            "src/ca/pem.rs",
            "src/ca/store.rs",
            "src/cli/ca.rs",
        ],
    ),
    ("cryptoki", &["src/ca/hsm.rs"]),
    ("glob", &["src/cli/system.rs"]),
    ("quick_junit", &["src/report/junit.rs", "src/report/lint_junit.rs"]),
    ("quick_xml", &["src/report/cobertura.rs"]),
    ("regex_lite", &["src/cli/filter.rs", "src/cli/reproduce.rs"]),
    ("terminal_size", &["src/cli/system.rs"]),
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
                        // Behind `::` it is a module of somebody else's, as in `std::time::`.
                        before.is_none_or(|c| !c.is_alphanumeric() && !matches!(c, '_' | ':'))
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

/// The families of docs/semantics.md.
const FAMILIES: &[&str] =
    &["IN", "ID", "PA", "CL", "SEL", "AP", "PN", "L4", "JWT", "OC", "RT", "CA", "SP", "VAL"];

/// `AP-13` → itself, of `PA-20d` and `ID-31.4` the number; nothing for a text that names no statement.
fn number(text: &str) -> Option<(String, &str)> {
    let (family, rest) = text.split_once('-')?;
    let behind = rest.trim_start_matches(|c: char| c.is_ascii_digit());
    let digits = rest.strip_suffix(behind)?;
    (FAMILIES.contains(&family) && !digits.is_empty())
        .then(|| (format!("{family}-{digits}"), behind))
}

/// Every statement that a text cites: `[AP-13]`, and the `"VAL-17"` that a refusal ends with. What is no single
/// number, a range say, comes second.
fn citations(text: &str) -> (BTreeSet<String>, Vec<String>) {
    let mut found = BTreeSet::new();
    let mut odd = Vec::new();
    let bracketed = text
        .split('[')
        .skip(1)
        .filter_map(|rest| rest.split(']').next());
    let quoted = text
        .lines()
        .flat_map(|line| line.split('"').skip(1).step_by(2))
        .flat_map(|inside| inside.split(' '));
    for cited in bracketed.chain(quoted) {
        let Some((number, behind)) = number(cited) else { continue };
        found.insert(number);
        let part = behind.strip_prefix('.').unwrap_or(behind);
        let one = part.len() < 2 && part.chars().all(|c| c.is_ascii_alphanumeric());
        if !one {
            odd.push(cited.to_owned());
        }
    }
    (found, odd)
}

#[test]
fn every_statement_has_code_and_a_test_and_every_number_is_a_statement() {
    let document = project("docs/semantics.md");
    let mut statements = BTreeSet::new();
    for rest in document
        .lines()
        .filter_map(|line| line.strip_prefix("- **"))
    {
        let (cited, text) = rest.split_once("** ").unwrap();
        assert_eq!(number(cited), Some((cited.to_owned(), "")), "{rest}");
        assert!(text.ends_with(['.', ')']), "{rest}");
        assert!(statements.insert(cited.to_owned()), "{cited} is stated twice");
    }
    let mut in_code = BTreeSet::new();
    let mut in_tests = BTreeSet::new();
    let mut wrong = Vec::new();
    for (path, text) in sources("src").into_iter().chain(sources("tests")) {
        if path == "tests/tidy.rs" {
            continue;
        }
        // Behind the test module of a file there are only tests.
        let (code, tests) = match text.split_once("#[cfg(test)]\nmod ") {
            _ if path.starts_with("tests/") || path.ends_with("/tests.rs") => ("", text.as_str()),
            Some(parts) => parts,
            None => (text.as_str(), ""),
        };
        let ((by_code, odd), (by_tests, odder)) = (citations(code), citations(tests));
        let unknown = by_code
            .union(&by_tests)
            .filter(|number| !statements.contains(*number));
        wrong.extend(
            unknown
                .chain(&odd)
                .chain(&odder)
                .map(|cited| format!("{path}: {cited}")),
        );
        in_code.extend(by_code);
        // Where the corpus is absent its tests say nothing.
        if !path.starts_with("tests/conformance/") {
            in_tests.extend(by_tests);
        }
    }
    assert!(wrong.is_empty(), "cited, but no one statement of docs/semantics.md: {wrong:?}");
    let without_code: Vec<_> = statements.difference(&in_code).collect();
    assert!(without_code.is_empty(), "stated, but no code cites it: {without_code:?}");
    let without_test: Vec<_> = statements.difference(&in_tests).collect();
    assert!(without_test.is_empty(), "stated, but no test cites it: {without_test:?}");
}

#[test]
fn a_range_is_no_citation() {
    let (found, odd) = citations("[AP-30…92] [PA-20d] [ID-31.4] \"VAL-12 VAL-13\" [0-9] UTF-8");
    let want = ["AP-30", "ID-31", "PA-20", "VAL-12", "VAL-13"];
    assert_eq!(found, want.map(str::to_owned).into());
    assert_eq!(odd, ["AP-30…92"]);
}

//! Suites whose verdicts came from a real Envoy 1.40: every case must agree in word, reason and status.

use std::sync::Arc;

use portcullis::jwt::InlineKeys;
use portcullis::suite::{self, CaseResult};

use crate::support::shared;

/// A time at which every real token of the corpus is valid.
pub(super) const NOW: i64 = 1_790_000_000;

/// Shows every suite of a folder, prepared, to `see`: what it says is wrong. Absent where the corpus is.
pub(crate) fn each_suite(
    folder: &str,
    mut see: impl FnMut(&str, &suite::Prepared<'_>) -> Vec<String>,
) -> Option<Vec<String>> {
    let place = shared(&format!("conformance/{folder}"))?;
    #[expect(clippy::disallowed_methods, reason = "tests read the corpus")]
    let entries = std::fs::read_dir(place).unwrap();
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let mut wrong = Vec::new();
    for path in paths {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if !suite::is_suite_file(&name) {
            continue;
        }
        #[expect(clippy::disallowed_methods, reason = "tests read the corpus")]
        let text = std::fs::read_to_string(&path).unwrap();
        let mut findings = Vec::new();
        let suites = suite::read(&name, &text, &mut findings);
        wrong.extend(findings.iter().map(ToString::to_string));
        for suite in &suites {
            let mut prepared = match suite::prepare(suite, &[]) {
                Ok(prepared) => prepared,
                Err(errors) => {
                    wrong.push(errors.to_string());
                    continue;
                }
            };
            prepared.mesh.token_reader = Some(Arc::new(InlineKeys));
            wrong.extend(see(&name, &prepared));
        }
    }
    Some(wrong)
}

/// Runs every suite of a folder: how many cases there were, and what did not pass.
fn run(folder: &str) -> Option<(usize, Vec<String>)> {
    let mut count = 0;
    let wrong = each_suite(folder, |name, prepared| {
        let outcomes = suite::run(prepared, Some(NOW));
        count += outcomes.len();
        outcomes
            .iter()
            .filter(|outcome| outcome.result != CaseResult::Passed)
            .map(|outcome| format!("{name} {}: {:?}", outcome.case.name, outcome.result))
            .collect()
    })?;
    Some((count, wrong))
}

#[rstest::rstest]
#[case::random_scenarios("envoy", 6_028)]
#[case::edge_cases("envoy-facts", 1_044)]
fn every_verdict_is_that_of_a_real_envoy(#[case] folder: &str, #[case] at_least: usize) {
    let Some((count, wrong)) = run(folder) else { return };
    assert!(wrong.is_empty(), "{} disagree:\n{}", wrong.len(), wrong.join("\n"));
    assert!(count >= at_least, "only {count} cases were read");
}

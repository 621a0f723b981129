//! What CI runs: each line of the hooks, the action and the snippet, run.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::project;

/// Runs a script with bash in the project, `portcullis` on the PATH; its output, and whether it succeeded.
fn run(script: &str, variables: &[(&str, &str)]) -> (bool, String) {
    let binary = PathBuf::from(env!("CARGO_BIN_EXE_portcullis"));
    #[expect(clippy::disallowed_methods, reason = "the PATH of the tests")]
    let path = std::env::var("PATH").unwrap();
    let path = format!("{}:{path}", binary.parent().unwrap().display());
    let output = Command::new("bash")
        .args(["-euo", "pipefail", "-c", script])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env("PATH", path)
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.success(), text(&output.stdout) + &text(&output.stderr))
}

/// A path below the folder for the files of tests.
fn out(name: &str) -> String {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("ci");
    std::fs::create_dir_all(&folder).unwrap();
    folder.join(name).to_str().unwrap().to_owned()
}

#[expect(clippy::disallowed_methods, reason = "tests read what they wrote")]
fn written(path: &str) -> String {
    std::fs::read_to_string(path).unwrap()
}

fn yaml(text: &str) -> serde_json::Value {
    serde_yaml::from_str(text).unwrap()
}

#[test]
fn the_hooks_run() {
    let hooks = yaml(&project(".pre-commit-hooks.yaml"));
    let hooks = hooks.as_array().unwrap();
    assert_eq!(hooks.len(), 2);
    for hook in hooks {
        let (passed, said) = run(
            &format!(
                "{} policies/bookinfo -q 2>/dev/null || {} policies/bookinfo --threshold 50",
                hook["entry"].as_str().unwrap(),
                hook["entry"].as_str().unwrap()
            ),
            &[],
        );
        assert!(passed, "{said}");
    }
}

#[test]
fn the_action_runs() {
    let action = yaml(&project("deploy/ci/github/action.yml"));
    let script = action["runs"]["steps"][0]["run"].as_str().unwrap();
    let (summary, junit) = (out("summary.md"), out("portcullis.xml"));
    #[expect(clippy::disallowed_methods, reason = "the summary is appended to")]
    std::fs::write(&summary, "").unwrap();
    let run = |path: &str| {
        run(
            script,
            &[
                ("SUITES", path),
                ("THRESHOLD", "100"),
                ("JUNIT", &junit),
                ("GITHUB_STEP_SUMMARY", &summary),
            ],
        )
    };
    let (passed, said) = run("policies/bookinfo");
    assert!(passed, "{said}");
    assert!(written(&junit).contains("<testsuites"));
    assert!(written(&summary).contains("### portcullis: "));
    let (passed, said) = run("policies/broken");
    assert!(!passed, "{said}");
}

#[test]
fn the_snippet_runs() {
    let snippet = yaml(&project("deploy/ci/gitlab.yml"));
    let script = snippet["policy-tests"]["script"][0].as_str().unwrap();
    let script = script
        .replace("coverage.xml", &out("coverage.xml"))
        .replace("report.xml", &out("report.xml"));
    let (passed, said) = run(&script, &[("SUITES", "policies/bookinfo")]);
    assert!(passed, "{said}");
    assert!(written(&out("coverage.xml")).contains("coverage-04.dtd"));
    // What the job's `coverage` looks for is printed.
    assert!(said.contains(", rules ") && said.contains(" %)"), "{said}");
}

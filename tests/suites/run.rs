//! Running suites: what is chosen, when it stops, what is counted, and what a failure says.

use portcullis::cli::Exit;
use portcullis::report::question_line;
use portcullis::suite;
use rstest::rstest;

use crate::support::captured::{Call, Captured};
use crate::support::{shared, words};

const SUITE: &str = "
apiVersion: portcullis.dev/v1alpha1
kind: TestSuite
metadata: {name: doors}
workloads:
- {name: httpbin, namespace: foo, ports: [{port: 8080, protocol: HTTP}]}
manifests: |
  apiVersion: security.istio.io/v1
  kind: AuthorizationPolicy
  metadata: {name: p, namespace: foo}
  spec:
    action: DENY
    rules: [{to: [{operation: {paths: [/admin]}}]}]
tests:
- {name: shut, from: {plaintext: true}, to: 'httpbin.foo:8080', request: {path: /admin}, expect: deny}
- {name: open, from: {plaintext: true}, to: 'httpbin.foo:8080', request: {path: [/a, /b]}, expect: allow}
- {name: wrong, from: {plaintext: true}, to: 'httpbin.foo:8080', request: {path: /admin}, expect: allow}
- {name: last, from: {plaintext: true}, to: 'httpbin.foo:8080', request: {path: /c}, expect: allow}
";

fn test(flags: &[&str]) -> Call {
    let mut words = vec!["test", "doors.test.yaml"];
    words.extend(flags);
    Captured::with(&[("doors.test.yaml", SUITE)]).run(&words)
}

fn closing(call: &Call) -> &str {
    call.out.lines().last().unwrap_or_default()
}

#[rstest]
#[case::everything(&[], Exit::No, "4 passed, 1 failed")]
#[case::by_name(&["-t", "^open"], Exit::Yes, "2 passed, 0 failed")]
#[case::by_a_value_of_the_matrix(&["-t", r"\[/b\]$"], Exit::Yes, "1 passed, 0 failed")]
#[case::by_suite_and_name(&["-t", "^doors › shut$"], Exit::Yes, "1 passed, 0 failed")]
#[case::a_filter_that_finds_nothing(&["-t", "nobody"], Exit::NothingRan, "0 passed, 0 failed")]
#[case::a_filter_that_is_none(&["-t", "("], Exit::CouldNotAsk, "")]
#[case::stopping_at_a_failure(&["--fail-fast"], Exit::No, "3 passed, 1 failed, 1 not run")]
#[case::on_one_thread(&["--fail-fast", "-j1"], Exit::No, "3 passed, 1 failed, 1 not run")]
fn what_is_chosen_is_run(#[case] flags: &[&str], #[case] exit: Exit, #[case] want: &str) {
    let call = test(flags);
    assert_eq!((call.exit, closing(&call)), (exit, want), "{}", call.err);
}

#[test]
fn a_list_runs_nothing() {
    let call = test(&["--list"]);
    assert_eq!(call.exit, Exit::Yes);
    insta::assert_snapshot!(call.out, @r"
    doors.test.yaml:15:3 doors › shut
    doors.test.yaml:16:3 doors › open [/a]
    doors.test.yaml:16:3 doors › open [/b]
    doors.test.yaml:17:3 doors › wrong
    doors.test.yaml:18:3 doors › last
    ");
    assert_eq!(test(&["--list", "-t", "nobody"]).exit, Exit::NothingRan);
}

#[test]
fn what_ran_is_counted() {
    let call = test(&["--count", "-t", "open|shut"]);
    insta::assert_snapshot!(call.out, @r"
           3 doors.test.yaml doors: 3 passed, 0 failed
    1 files, 1 suites, 3 cases
    3 passed, 0 failed
    ");
}

#[rstest]
#[case::skipped("skip: not today", Exit::NothingRan, "0 passed, 0 failed, 1 skipped")]
#[case::to_be_done("todo: shut it", Exit::Yes, "0 passed, 0 failed, 1 todo")]
#[case::done_already("expect: deny, todo: shut it", Exit::Yes, "0 passed, 0 failed, 1 todo")]
fn what_is_not_done_is_never_called_passed(
    #[case] field: &str,
    #[case] exit: Exit,
    #[case] want: &str,
) {
    let field = if field.starts_with("expect") {
        field.to_owned()
    } else {
        format!("expect: allow, {field}")
    };
    let suite =
        SUITE.replace("expect: allow}\n- {name: last", &format!("{field}}}\n- {{name: last"));
    let call =
        Captured::with(&[("a.test.yaml", &suite)]).run(&["test", "a.test.yaml", "-t", "wrong"]);
    assert_eq!((call.exit, closing(&call)), (exit, want));
    assert!(call.out.contains("shut it") || call.out.contains("not today"), "{}", call.out);
}

#[rstest]
#[case::a_folder_without_suite("certs")]
#[case::a_folder_of_policies_only("policies/broken")]
fn where_there_is_no_suite_nothing_ran(#[case] path: &str) {
    let call = Captured::default().run(&["test", path]);
    assert_eq!(call.exit, Exit::NothingRan);
    assert!(call.err.contains("no suite (`*.test.yaml`) was found"), "{}", call.err);
}

#[rstest]
#[case::text("text")]
#[case::json("json")]
#[case::yaml("yaml")]
#[case::junit("junit")]
#[case::tap("tap")]
#[case::sarif("sarif")]
#[case::github("github")]
#[case::markdown("markdown")]
fn the_exit_code_is_the_same_in_every_format(#[case] format: &str) {
    for (flags, exit) in [
        (&["-t", "open"][..], Exit::Yes),
        (&[], Exit::No),
        (&["-t", "("], Exit::CouldNotAsk),
        (&["-t", "nobody"], Exit::NothingRan),
    ] {
        let mut flags = flags.to_vec();
        flags.extend(["-o", format]);
        assert_eq!(test(&flags).exit, exit, "-o {format}");
        flags.extend(["--output-file", "out/report"]);
        let call = test(&flags);
        assert_eq!(call.exit, exit, "-o {format} --output-file");
        assert_eq!(call.written.contains_key("out/report"), exit != Exit::CouldNotAsk);
    }
}

#[test]
fn the_output_is_the_same_for_every_number_of_threads() {
    let one = Captured::default().run(&["test", "policies", "-o", "json", "-j", "1"]);
    for threads in ["2", "3", "16"] {
        let many = Captured::default().run(&["test", "policies", "-o", "json", "-j", threads]);
        assert_eq!(one.out, many.out);
    }
}

const OTHER: &str = "
apiVersion: portcullis.dev/v1alpha1
kind: TestSuite
metadata: {name: other}
resources: [policy.yaml]
workloads: [{name: a, namespace: b, ports: [{port: 80, protocol: HTTP}]}]
tests:
- {name: refused, from: {plaintext: true}, to: 'a.b:80', expect: deny}
";
const POLICY: &str = "
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: nobody, namespace: b}
spec: {}
";

#[test]
fn a_watched_suite_runs_again_when_a_file_of_it_changes() {
    let right = SUITE
        .replace("{name: wrong", "{name: right")
        .replace("expect: allow}\n- {name: last", "expect: deny}\n- {name: last");
    let open = POLICY.replace("spec: {}", "spec: {rules: [{}]}");
    let call = Captured::with(&[
        ("doors.test.yaml", SUITE),
        ("other.test.yaml", OTHER),
        ("policy.yaml", POLICY),
    ])
    .changing(&[
        ("doors.test.yaml", SUITE),
        ("doors.test.yaml", &right),
        ("policy.yaml", "a: ["),
        ("policy.yaml", &open),
    ])
    .run(&["test", "doors.test.yaml", "other.test.yaml", "--watch"]);
    let closings: Vec<&str> = call
        .out
        .lines()
        .filter(|line| line.contains(" passed, "))
        .collect();
    // Both suites; nothing has changed; the first; the second cannot be read; the second.
    assert_eq!(closings, ["5 passed, 1 failed", "5 passed, 0 failed", "0 passed, 1 failed"]);
    assert_eq!(call.exit, Exit::No);
    assert!(call.err.contains("PC902"), "{}", call.err);
}

/// Every case that is at hand: of the shelf, and of the corpus where it is here.
fn every_case() -> Vec<suite::Case> {
    let mut folders = vec![std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("policies")];
    folders.extend(
        ["envoy", "envoy-facts"]
            .iter()
            .filter_map(|name| shared(&format!("conformance/{name}"))),
    );
    let mut cases = Vec::new();
    while let Some(folder) = folders.pop() {
        #[expect(clippy::disallowed_methods, reason = "tests read the project and the corpus")]
        let entries = std::fs::read_dir(folder).unwrap();
        for entry in entries.map(|entry| entry.unwrap().path()) {
            let name = entry.to_string_lossy().into_owned();
            if entry.is_dir() {
                folders.push(entry);
            } else if suite::is_suite_file(&name) {
                #[expect(
                    clippy::disallowed_methods,
                    reason = "tests read the project and the corpus"
                )]
                let text = std::fs::read_to_string(entry).unwrap();
                let suites = suite::read(&name, &text, &mut Vec::new());
                cases.extend(suites.into_iter().flat_map(|suite| suite.cases));
            }
        }
    }
    cases
}

#[test]
fn a_question_on_a_line_asks_the_same() {
    let cases = every_case();
    assert!(cases.len() > 600, "only {} cases are at hand", cases.len());
    for case in cases {
        let line = question_line(&case.spec).unwrap();
        let mut findings = Vec::new();
        let again = suite::questions("line", 0, &line, &mut findings);
        assert_eq!(findings, [], "{line}");
        assert_eq!(again, [case.spec], "{line}");
    }
}

/// Every case of three stories is turned round, so that all fail; then of the command lines that are shown every
/// fifth is run, and gives the answer that the failure shows.
#[test]
fn a_failure_is_asked_again_by_the_line_that_it_shows() {
    let mut ran = 0;
    for story in ["bookinfo", "deny-by-default", "tcp-database"] {
        let path = format!("policies/{story}/portcullis.test.yaml");
        let suite = crate::support::project(&path)
            .replace("expect: deny", "expect: unreachable")
            .replace("expect: allow", "expect: deny");
        let call = Captured::with(&[(&path, &suite)]).run(&["test", &path]);
        assert_eq!(call.exit, Exit::No);
        for block in call.out.split("FAILED ").skip(1).step_by(5) {
            let got = if block.contains(", got allow\n") { "yes" } else { "no" };
            let line = block
                .lines()
                .find_map(|line| line.trim().strip_prefix("again: "))
                .unwrap();
            let (line, input) = match line.split_once(" | ") {
                Some((printed, line)) => (line, words(printed).pop()),
                None => (line, None),
            };
            let words = words(line.strip_prefix("portcullis ").unwrap());
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            let input = input.unwrap_or_default();
            let again = Captured::with(&[("-", &input)]).run(&words);
            assert!(again.out.starts_with(got), "{line}\n{block}\n{}{}", again.out, again.err);
            ran += 1;
        }
    }
    assert!(ran > 100, "only {ran} cases failed");
}

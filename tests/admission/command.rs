//! `admission review`: what it prints, and how it ends.

use portcullis::cli::Exit;
use rstest::rstest;
use serde_json::Value;

use super::support::{GUARDS, MESH, ask, object};
use crate::support::captured::{Call, Captured};

fn call(spec: &str, flags: &[&str]) -> Call {
    let policy = object("AuthorizationPolicy", "new", spec);
    let review = ask("CREATE", &policy, &Value::Null).to_string();
    let files = [("mesh.yaml", MESH), ("guards.test.yaml", GUARDS), ("review.json", &review)];
    let words = ["admission", "review", "review.json"].iter().chain(flags);
    Captured::with(&files).run(&words.copied().collect::<Vec<_>>())
}

const OPEN: &str = "{selector: {matchLabels: {app: httpbin}}, rules: [{}]}";
const MESH_AND_GUARDS: &[&str] = &["-f", "mesh.yaml", "--guard", "guards.test.yaml"];

#[rstest]
#[case::allowed(
    "{rules: [{to: [{operation: {paths: [/x]}}]}]}",
    MESH_AND_GUARDS,
    Exit::Yes,
    "allowed: CREATE AuthorizationPolicy foo/new\n"
)]
#[case::no_mesh_at_all(OPEN, &[], Exit::Yes, "allowed: CREATE AuthorizationPolicy foo/new\n")]
#[case::denied(
    OPEN,
    MESH_AND_GUARDS,
    Exit::No,
    "denied: CREATE AuthorizationPolicy foo/new\n  Forbidden: guard `readers`: case `sleep does not write` would fail: the answer is `allow`, not `deny` (by `foo/new`, rule 0)\n"
)]
#[case::a_file_that_is_not_there(OPEN, &["-f", "nowhere.yaml"], Exit::CouldNotAsk, "")]
#[case::no_guard_in_the_file(OPEN, &["--guard", "mesh.yaml"], Exit::CouldNotAsk, "")]
fn the_exit_code_is_the_answer(
    #[case] spec: &str,
    #[case] flags: &[&str],
    #[case] exit: Exit,
    #[case] out: &str,
) {
    let call = call(spec, flags);
    assert_eq!((call.exit, call.out.as_str()), (exit, out), "{}", call.err);
    assert_eq!(call.err.is_empty(), exit != Exit::CouldNotAsk, "{}", call.err);
}

#[rstest]
#[case::not_there("nowhere.yaml", "cannot read `nowhere.yaml`", false)]
#[case::misspelt("misspelt.yaml", "unknown field `acton`", false)]
#[case::of_other_kinds(
    "secret.yaml",
    "the files hold nothing that is looked at, only Secret 1",
    true
)]
fn what_keeps_files_from_being_a_mesh_is_told_once(
    #[case] file: &str,
    #[case] says: &str,
    #[case] nothing: bool,
) {
    let misspelt = "{apiVersion: security.istio.io/v1, kind: AuthorizationPolicy, metadata: {name: a, namespace: b}, spec: {acton: DENY}}";
    let secret = "{apiVersion: v1, kind: Secret, metadata: {name: a, namespace: b}}";
    let files = [("review.json", "{}"), ("misspelt.yaml", misspelt), ("secret.yaml", secret)];
    let call = Captured::with(&files).run(&["admission", "review", "review.json", "-f", file]);
    assert_eq!(call.exit, Exit::CouldNotAsk);
    assert!(call.err.contains(says), "{}", call.err);
    assert_eq!(call.err.contains("hold nothing"), nothing, "{}", call.err);
}

#[test]
fn what_is_no_review_could_not_be_asked() {
    let call =
        Captured::with(&[("review.json", "{}")]).run(&["admission", "review", "review.json"]);
    assert_eq!(call.exit, Exit::CouldNotAsk);
    assert!(
        call.out
            .starts_with("denied\n  BadRequest: this is no AdmissionReview"),
        "{}",
        call.out
    );
}

#[test]
fn the_review_to_send_back_is_printed_as_json() {
    let call = call(OPEN, &[MESH_AND_GUARDS, &["-o", "json"]].concat());
    assert_eq!(call.exit, Exit::No);
    let review: Value = serde_json::from_str(&call.out).unwrap();
    assert_eq!(review["response"]["status"]["code"], 403);
}

#[test]
fn lints_and_a_budget_are_flags() {
    let flags = ["-f", "mesh.yaml", "--warn-level", "low", "--max-newly-allowed", "0"];
    let call = call(OPEN, &flags);
    assert_eq!(call.exit, Exit::No);
    assert!(
        call.out
            .contains("Forbidden: budget: this newly allows at least"),
        "{}",
        call.out
    );
    assert!(call.out.contains("warning: PC"), "{}", call.out);
}

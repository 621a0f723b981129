//! `lint --fix` and `--diff`: what is written, what is left alone and why, and what is told when it is done.

use portcullis::cli::Exit;
use portcullis::lint::EXAMPLE_MESH;
use rstest::rstest;

use crate::support::captured::{Call, Captured};

/// A policy about `httpbin.foo`; what is written behind its selector.
fn policy(name: &str, rest: &str) -> String {
    format!(
        "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {{name: {name}, namespace: foo}}\n\
         spec:\n  selector: {{matchLabels: {{app: httpbin}}}}\n{rest}"
    )
}

fn lint(text: &str, words: &[&str]) -> Call {
    let words: Vec<&str> = ["lint", "policy.yaml", "mesh.yaml"]
        .iter()
        .chain(words)
        .copied()
        .collect();
    Captured::with(&[("mesh.yaml", EXAMPLE_MESH), ("policy.yaml", text)]).run(&words)
}

const GET: &str = "  rules:\n  - to:\n    - operation: {methods: [get]}\n";

#[rstest]
#[case::absent("not-there.yaml", "cannot read `not-there.yaml`")]
#[case::empty_pattern("nothing/*.yaml", "nothing/*.yaml")]
fn a_file_that_cannot_be_read_is_told_when_others_were_mended(
    #[case] path: &str,
    #[case] said: &str,
) {
    let text = policy("p", GET);
    let files = [("mesh.yaml", EXAMPLE_MESH), ("policy.yaml", text.as_str())];
    let call = Captured::with(&files).run(&["lint", "policy.yaml", path, "mesh.yaml", "--fix"]);
    assert_eq!(call.exit, Exit::CouldNotAsk, "{}", call.out);
    assert!(call.out.contains("error[PC901]") && call.out.contains(said), "{}", call.out);
    assert_eq!(call.written["policy.yaml"], text.replace("get", "GET"));
}

/// Of every place that an anchor shares: a fix there would change another policy unseen.
#[rstest]
#[case::scalar("  rules: [{to: [{operation: {methods: [&m get]}}]}]\n")]
#[case::list("  rules: [{to: [{operation: {methods: &m [get]}}]}]\n")]
#[case::block_list("  rules:\n  - to:\n    - operation:\n        methods: &m\n        - get\n")]
#[case::operation("  rules: [{to: [{operation: &m {methods: [get]}}]}]\n")]
#[case::rules("  rules: &m\n  - to:\n    - operation: {methods: [get]}\n")]
#[case::alias(
    "  rules:\n  - from: [{source: {namespaces: [&m get]}}]\n    to: [{operation: {methods: [*m]}}]\n"
)]
fn what_an_anchor_shares_is_left_alone(#[case] rest: &str) {
    let call = lint(&policy("p", rest), &["--fix"]);
    assert!(call.out.contains("[PC053]"), "{}", call.out);
    assert!(!call.out.contains("--fix does it"), "{}", call.out);
    assert!(call.out.contains("--fix leaves it alone: "), "{}", call.out);
    assert!(call.written.is_empty(), "{:?}", call.written);
    assert_eq!(call.exit, Exit::No);
}

#[test]
fn what_stands_behind_an_anchor_is_mended() {
    let rest = "  rules:\n  - from: [{source: {namespaces: &n [foo]}}]\n    to: [{operation: {methods: [get]}}]\n";
    let call = lint(&policy("p", rest), &["--fix"]);
    assert_eq!(call.exit, Exit::Yes, "{}", call.out);
    assert!(call.written["policy.yaml"].contains("methods: [GET]"));
}

#[test]
fn no_fix_depends_on_what_the_files_do_not_say() {
    let deny = policy(
        "p",
        "  action: DENY\n  rules:\n  - to:\n    - operation: {methods: [GET], paths: [/admin], ports: ['8080']}\n",
    );
    let call = lint(&deny, &["--fix"]);
    assert!(call.out.contains("high[PC045]") && call.out.contains("[PC054]"), "{}", call.out);
    assert!(call.out.contains("this is so if the program"), "{}", call.out);
    assert!(!call.out.contains("--fix does it"), "{}", call.out);
    assert!(call.written.is_empty(), "{:?}", call.written);
}

/// A value that is not what a fix can know is told of, with what may be meant.
#[rstest]
#[case::url("to", "operation: {paths: ['https://httpbin.foo/a']}", "write `/a`")]
#[case::blank("to", "operation: {paths: [' /c']}", "write `/c`, if that is what is meant")]
#[case::regular_expression("to", "operation: {paths: ['^/admin']}", "write `/^/admin`, if")]
#[case::dots("to", "operation: {paths: ['../admin']}", "write `/../admin`, if")]
#[case::no_principal("from", "source: {principals: ['spiffe://']}", "write `TRUST-DOMAIN/ns/")]
#[case::any_principal("from", "source: {principals: ['spiffe://*']}", "write `TRUST-DOMAIN/ns/")]
#[case::denied_method("to", "operation: {methods: [get]}", "name `GET`, too")]
fn a_value_that_only_a_person_can_mend_is_left_alone(
    #[case] place: &str,
    #[case] entry: &str,
    #[case] said: &str,
) {
    let action = if entry.contains("methods") { "DENY" } else { "ALLOW" };
    let rest = format!("  action: {action}\n  rules: [{{{place}: [{{{entry}}}]}}]\n");
    let call = lint(&policy("p", &rest), &["--fix"]);
    assert!(call.out.contains(said), "{}", call.out);
    assert!(!call.out.contains("--fix does it"), "{}", call.out);
    assert!(call.written.is_empty(), "{:?}", call.written);
}

#[test]
fn a_fix_says_what_is_decided_otherwise() {
    let call = lint(&policy("p", GET), &[]);
    let said = "--fix does it: write `GET`, which is admitted then, and `get` no more";
    assert!(call.out.contains(said), "{}", call.out);
}

#[test]
fn a_diff_beside_a_fix_changes_nothing() {
    let call = lint(&policy("p", GET), &["--fix", "--diff"]);
    assert!(call.out.contains("+    - operation: {methods: [GET]}"), "{}", call.out);
    assert!(call.written.is_empty(), "{:?}", call.written);
    assert_eq!(call.exit, Exit::No, "it is not mended: {}", call.out);
}

#[test]
fn standard_input_has_a_diff_and_cannot_be_mended() {
    let text = policy("p", GET);
    let files = [("mesh.yaml", EXAMPLE_MESH), ("-", text.as_str())];
    let call = Captured::with(&files).run(&["lint", "-", "mesh.yaml", "--diff"]);
    assert_eq!((call.exit, call.err.as_str()), (Exit::No, ""));
    assert!(call.out.contains("+    - operation: {methods: [GET]}"), "{}", call.out);
    let call = Captured::with(&files).run(&["lint", "-", "mesh.yaml", "--fix"]);
    assert_eq!(call.exit, Exit::CouldNotAsk);
    assert!(call.err.contains("standard input cannot be mended"), "{}", call.err);
}

#[test]
fn what_is_in_the_cluster_though_refused_is_looked_at() {
    let refused = policy(
        "p",
        "  action: DENY\n  rules:\n  - from: [{source: {}}]\n    to: [{operation: {hosts: [a.example]}}]\n",
    );
    let call = lint(&refused, &[]);
    assert!(!call.out.contains("PC060"), "{}", call.out);
    let call = lint(&refused, &["--admission-bypassed"]);
    assert!(call.out.contains("low[PC911]"), "{}", call.out);
    assert!(call.out.contains("high[PC060]"), "{}", call.out);
}

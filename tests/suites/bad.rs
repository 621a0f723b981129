//! Suite files that are wrong: what is said of each, and that nothing is run beside it.

use portcullis::cli::Exit;
use rstest::rstest;

use crate::support::captured::Captured;

const HEAD: &str = "apiVersion: portcullis.dev/v1alpha1\nkind: TestSuite\n";
const GOOD: &str = "
workloads: [{name: a, namespace: b, ports: [{port: 80, protocol: HTTP}]}]
tests:
- {name: fine, from: {plaintext: true}, to: 'a.b:80', expect: allow, because: {default: true}}
";

/// Runs a suite that is fine and this one: how it ends, what is said, and that nothing is printed but for what ran.
fn beside_a_good_one(text: &str) -> (Exit, String) {
    let good = format!("{HEAD}metadata: {{name: good}}{GOOD}");
    let files = [("good.test.yaml", good.as_str()), ("bad.test.yaml", text)];
    let call = Captured::with(&files).run(&["test", "good.test.yaml", "bad.test.yaml"]);
    if call.exit == Exit::CouldNotAsk {
        assert_eq!(call.out, "", "something was run");
    }
    (call.exit, call.err)
}

/// A list in a list in a list …
fn nested(depth: usize) -> String {
    format!("mesh: {}{}", "[".repeat(depth), "]".repeat(depth))
}

fn aliases(levels: usize) -> String {
    let mut text = "workloads:\n- &a0 {name: a}\n".to_owned();
    for level in 1..levels {
        let below = format!("*a{}, ", level - 1).repeat(10);
        text.push_str(&format!("- &a{level} [{below}]\n"));
    }
    text
}

fn line_of(test: &str) -> String {
    format!("{GOOD}- {test}\n")
}

// What is wrong with the file as a whole, and with a field that is not `tests`.
#[rstest]
#[case::no_suite("x: 1\n", "this is not a test suite")]
#[case::another_kind("apiVersion: v1\nkind: Service\n", "this is not a test suite")]
#[case::a_later_version(
    "apiVersion: portcullis.dev/v9\nkind: TestSuite\n",
    "this is not a test suite"
)]
#[case::a_policy(
    "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: a}\n",
    "this is not a test suite"
)]
#[case::a_list("- a\n", "takes a mapping")]
#[case::braces_of_helm("{{- if .Values.x }}\n", "PC902")]
#[case::not_closed("{\"a\": [\n", "PC902")]
#[case::something_behind_json("{\"apiVersion\": \"portcullis.dev/v1alpha1\"} x\n", "PC902")]
#[case::a_tab("a:\n\tb: 1\n", "PC902")]
#[case::a_nul("a: \u{0}\n", "PC902")]
#[case::an_unknown_tag("a: !!python/object:os.system x\n", "error[PC")]
#[case::an_alias_without_anchor("a: *b\n", "PC902")]
fn a_file_that_is_no_suite_ends_everything(#[case] text: &str, #[case] want: &str) {
    let (exit, said) = beside_a_good_one(text);
    assert_eq!(exit, Exit::CouldNotAsk, "{said}");
    assert!(said.contains(want), "{said}");
    assert!(said.contains("bad.test.yaml:"), "no place: {said}");
}

#[rstest]
#[case::no_tests(String::new(), "the suite has no `tests`")]
#[case::an_empty_list("tests: []\n".to_owned(), "the suite has no `tests`")]
#[case::tests_that_are_no_list("tests: {name: a}\n".to_owned(), "`tests` takes a list")]
#[case::an_alias_bomb(aliases(12), "PC903")]
#[case::an_alias_of_itself("workloads: &a [*a]\n".to_owned(), "error[PC")]
#[case::deep_nesting(nested(1_000), "PC903")]
#[case::very_deep_nesting(nested(100_000), "PC903")]
#[case::an_unknown_field(format!("{GOOD}resource: [a]\n"), "did you mean `resources`?")]
#[case::another_case(format!("{GOOD}Resources: [a]\n"), "unknown field `Resources`")]
#[case::a_key_twice(format!("{GOOD}tests: []\n"), "PC906")]
#[case::a_wrong_type(format!("{GOOD}resources: policies.yaml\n"), "`resources` takes a list")]
#[case::a_number_for_text(format!("{GOOD}revision: 1\n"), "`revision` takes a string")]
#[case::a_word_that_is_none(format!("{GOOD}vacuous: sure\n"), "`vacuous` does not take `sure`")]
#[case::a_release_that_is_none(format!("{GOOD}istio: newest\n"), "`newest` is no release")]
#[case::an_unknown_answer(format!("{GOOD}providers: {{p: maybe}}\n"), "does not take `maybe`")]
#[case::an_unknown_protocol(GOOD.replace("HTTP", "SMTP"), "is no protocol that Istio knows")]
#[case::a_port_beyond(GOOD.replace("port: 80,", "port: 65616,"), "does not take `65616`")]
#[case::not_a_number(GOOD.replace("port: 80,", "port: .nan,"), "no infinities and no `.nan`")]
#[case::manifests_that_are_broken(format!("{GOOD}manifests: |\n  a: [\n"), "PC902")]
#[case::a_policy_with_a_mistake(format!("{GOOD}manifests: |\n  apiVersion: security.istio.io/v1\n  kind: AuthorizationPolicy\n  metadata: {{name: p, namespace: b}}\n  spec: {{rule: []}}\n"), "did you mean `rules`?")]
#[case::a_policy_twice(format!("{GOOD}manifests: |\n  apiVersion: security.istio.io/v1\n  kind: AuthorizationPolicy\n  metadata: {{name: p, namespace: b}}\n  ---\n  apiVersion: security.istio.io/v1\n  kind: AuthorizationPolicy\n  metadata: {{name: p, namespace: b}}\n"), "is defined twice")]
#[case::no_file(format!("{GOOD}resources: [none.yaml]\n"), "cannot read `none.yaml`")]
#[case::a_pattern_of_nothing(format!("{GOOD}resources: ['none/**/*.yaml']\n"), "the pattern matches no file")]
#[case::a_broken_pattern(format!("{GOOD}resources: ['a***b']\n"), "cannot read `a***b`")]
#[case::standard_input(format!("{GOOD}resources: ['-']\n"), "`-` is no path beside the suite's file")]
#[case::a_path_from_the_root(format!("{GOOD}resources: [/etc/passwd]\n"), "`/etc/passwd` is no path beside")]
#[case::a_device(format!("{GOOD}resources: ['{}dev/zero']\n", "../".repeat(20)), "neither a file nor a pipe")]
#[case::itself(format!("{GOOD}resources: [bad.test.yaml]\n"), "`bad.test.yaml` names a suite")]
#[case::another_suite(format!("{GOOD}resources: [good.test.yaml]\n"), "`good.test.yaml` names a suite")]
#[case::no_yaml_there(format!("{GOOD}resources: [tests/support]\n"), "holds no YAML or JSON file")]
fn a_wrong_suite_is_told_with_its_place(#[case] rest: String, #[case] want: &str) {
    let (exit, said) = beside_a_good_one(&format!("{HEAD}{rest}"));
    assert_eq!(exit, Exit::CouldNotAsk, "{said}");
    assert!(said.contains(want), "{said}");
}

// One entry of `tests`, and what is wrong with it.
#[rstest]
#[case::without_expectation(
    "{name: x, from: {plaintext: true}, to: 'a.b:80'}",
    "`expect` is missing"
)]
#[case::without_name("{from: {plaintext: true}, to: 'a.b:80', expect: allow}", "`name` is missing")]
#[case::an_empty_name(
    "{name: ' ', from: {plaintext: true}, to: 'a.b:80', expect: allow}",
    "needs a name"
)]
#[case::without_caller("{name: x, to: 'a.b:80', expect: allow}", "needs `from` and `to`")]
#[case::a_name_twice(
    "{name: fine, from: {plaintext: true}, to: 'a.b:80', expect: allow}",
    "is called `fine`, too"
)]
#[case::an_unknown_word(
    "{name: x, from: {plaintext: true}, to: 'a.b:80', expect: allowed}",
    "did you mean `allow`?"
)]
#[case::an_unknown_assertion(
    "{name: x, from: {plaintext: true}, to: 'a.b:80', expect: allow, decision: {}}",
    "unknown field `decision`"
)]
#[case::an_unknown_reason(
    "{name: x, from: {plaintext: true}, to: 'a.b:80', expect: allow, because: {polcy: a/b}}",
    "did you mean `policy`?"
)]
#[case::an_unknown_stage(
    "{name: x, from: {plaintext: true}, to: 'a.b:80', expect: allow, because: {stage: rbac}}",
    "does not take `rbac`"
)]
#[case::a_status_that_is_none(
    "{name: x, from: {plaintext: true}, to: 'a.b:80', expect: allow, status: .nan}",
    "no infinities and no `.nan`"
)]
#[case::a_negative_rule(
    "{name: x, from: {plaintext: true}, to: 'a.b:80', expect: allow, because: {rule: -1}}",
    "does not take `-1`"
)]
#[case::two_callers_in_one(
    "{name: x, from: {plaintext: true, external: true}, to: 'a.b:80', expect: allow}",
    "a caller is one of"
)]
#[case::an_address_that_is_none(
    "{name: x, from: {plaintext: true, ip: 10.0.0}, to: 'a.b:80', expect: allow}",
    "is not an IP address"
)]
#[case::an_empty_matrix(
    "{name: x, from: [], to: 'a.b:80', expect: allow}",
    "an empty list makes no case"
)]
#[case::an_empty_matrix_of_paths(
    "{name: x, from: {plaintext: true}, to: 'a.b:80', request: {path: []}, expect: allow}",
    "an empty list makes no case"
)]
#[case::a_header_that_is_no_pair(
    "{name: x, from: {plaintext: true}, to: 'a.b:80', request: {headers: [[a]]}, expect: allow}",
    "a header line is a pair"
)]
#[case::a_token_two_ways(
    "{name: x, from: {plaintext: true}, to: 'a.b:80', request: {jwt: {token: a, claims: {}}}, expect: allow}",
    "`jwt` is either"
)]
#[case::not_evaluated_yet(
    "{name: x, from: {plaintext: true}, to: 'a.b:80', via: gw, expect: allow}",
    "unknown field `via`"
)]
#[case::null("~", "takes a mapping")]
fn a_wrong_test_is_told_with_its_place(#[case] test: &str, #[case] want: &str) {
    let (exit, said) = beside_a_good_one(&format!("{HEAD}{}", line_of(test)));
    assert_eq!(exit, Exit::CouldNotAsk, "{said}");
    assert!(said.contains(want), "{said}");
    assert!(said.contains("bad.test.yaml:7:"), "no place: {said}");
}

#[test]
fn a_matrix_that_would_fill_the_memory_is_refused_before_it_is_made() {
    let list = format!("[{}]", vec!["/a"; 2_000].join(", "));
    let test = format!(
        "{{name: x, from: {{plaintext: true}}, to: 'a.b:80', request: {{path: {list}, method: {list}}}, expect: allow}}"
    );
    let (exit, said) = beside_a_good_one(&format!("{HEAD}{}", line_of(&test)));
    assert_eq!(exit, Exit::CouldNotAsk);
    assert!(said.contains("the lists make 4000000 cases"), "{said}");
}

// What is odd and yet a suite.
#[rstest]
#[case::two_documents(format!("{HEAD}{GOOD}---\n{HEAD}{GOOD}"))]
#[case::windows_line_ends(format!("{HEAD}{GOOD}").replace('\n', "\r\n"))]
#[case::a_byte_order_mark(format!("\u{feff}{HEAD}{GOOD}"))]
#[case::json("{\"apiVersion\": \"portcullis.dev/v1alpha1\", \"kind\": \"TestSuite\", \"workloads\": [{\"name\": \"a\", \"namespace\": \"b\"}], \"tests\": [{\"name\": \"x\", \"from\": {\"plaintext\": true}, \"to\": \"a.b:80\", \"expect\": \"allow\", \"because\": {\"default\": true}}]}".to_owned())]
#[case::names_of_every_script(format!("{HEAD}metadata: {{name: 'прове\u{301}рка \u{202e}x'}}{}", GOOD.replace("fine", "許可 🚪 \\u202e")))]
fn an_odd_suite_is_run(#[case] text: String) {
    let (exit, said) = beside_a_good_one(&text);
    assert_eq!((exit, said.as_str()), (Exit::Yes, ""));
}

#[test]
fn a_name_never_drives_the_terminal() {
    let text = format!(
        "{HEAD}metadata: {{name: \"\\e[31mred\"}}\nworkloads: [{{name: a, namespace: b}}]\ntests:\n- {{name: \"\\u202eodd\\e[0m\", from: {{plaintext: true}}, to: 'a.b:80', expect: deny}}\n"
    );
    let call = Captured::with(&[("odd.test.yaml", &text)]).run(&["test", "odd.test.yaml"]);
    assert_eq!(call.exit, Exit::No);
    assert!(!call.out.contains(['\u{1b}', '\u{202e}']), "{:?}", call.out);
}

#[test]
fn a_hundred_thousand_cases_are_run() {
    let paths: Vec<String> = (0..1_000).map(|number| format!("/{number}")).collect();
    let callers: Vec<String> = (0..100)
        .map(|number| format!("{{plaintext: true, ip: 10.0.0.{number}}}"))
        .collect();
    let text = format!(
        "{HEAD}vacuous: allowed\nworkloads: [{{name: a, namespace: b, ports: [{{port: 80, protocol: HTTP}}]}}]\ntests:\n- {{name: many, from: [{}], to: 'a.b:80', request: {{path: [{}]}}, expect: allow}}\n",
        callers.join(", "),
        paths.join(", ")
    );
    let call = Captured::with(&[("many.test.yaml", &text)]).run(&["test", "many.test.yaml"]);
    assert_eq!(call.out.get(..40.min(call.out.len())), Some("100000 passed, 0 failed\n"));
    assert_eq!(call.exit, Exit::Yes);
}

/// A folder of the disk that holds a suite, and what `make` puts beside it.
#[cfg(unix)]
fn on_disk(name: &str, resources: &str, make: impl Fn(&std::path::Path)) -> (Exit, String) {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    if folder.exists() {
        std::fs::remove_dir_all(&folder).unwrap();
    }
    std::fs::create_dir_all(&folder).unwrap();
    make(&folder);
    let suite = format!("{HEAD}resources: [{resources}]\n{GOOD}");
    #[expect(clippy::disallowed_methods, reason = "a test of the disk")]
    std::fs::write(folder.join("a.test.yaml"), suite).unwrap();
    let call = Captured::default().run(&["test", folder.to_str().unwrap()]);
    (call.exit, call.err)
}

#[cfg(unix)]
#[test]
fn a_pipe_that_never_ends_is_not_waited_for() {
    let (exit, said) = on_disk("pipe", "pipe.yaml", |folder| {
        let made = std::process::Command::new("mkfifo")
            .arg(folder.join("pipe.yaml"))
            .status();
        assert!(made.unwrap().success());
    });
    assert_eq!(exit, Exit::CouldNotAsk);
    assert!(said.contains("`pipe.yaml` is a pipe"), "{said}");
}

#[cfg(unix)]
#[test]
fn links_that_lead_in_a_circle_are_not_followed() {
    let (exit, said) = on_disk("circle", "'.'", |folder| {
        std::os::unix::fs::symlink(folder, folder.join("again")).unwrap();
        std::os::unix::fs::symlink("loop.yaml", folder.join("loop.yaml")).unwrap();
    });
    assert_eq!(exit, Exit::CouldNotAsk);
    assert!(said.contains("holds no YAML or JSON file"), "{said}");
}

//! Settings: a file found upward, the environment, flags, in this precedence.

use std::time::Duration;

use portcullis::cli::Exit;
use rstest::rstest;

use crate::cli::MESH;
use crate::support::captured::{Call, Captured};

const QUESTION: [&str; 3] =
    ["can-i", "cluster.local/ns/foo/sa/sleep", "http://httpbin.foo:8000/get"];

fn ask(settings: &str, variables: &[(&str, &str)], more: &[&str]) -> Call {
    let files = [("mesh.yaml", MESH), (".portcullis.yaml", settings)];
    let words: Vec<&str> = QUESTION.iter().chain(more).copied().collect();
    Captured::with(&files).variables(variables).run(&words)
}

#[rstest]
#[case::file("filename: mesh.yaml", &[], &[], Exit::Yes)]
#[case::a_list("filename: [mesh.yaml]", &[], &[], Exit::Yes)]
#[case::environment("", &[("PORTCULLIS_FILENAME", "mesh.yaml")], &[], Exit::Yes)]
#[case::flag("", &[], &["-f", "mesh.yaml"], Exit::Yes)]
#[case::none("", &[], &[], Exit::CouldNotAsk)]
#[case::the_environment_counts_over_the_file("filename: nowhere.yaml", &[("PORTCULLIS_FILENAME", "mesh.yaml")], &[], Exit::Yes)]
#[case::a_flag_counts_over_the_environment("", &[("PORTCULLIS_FILENAME", "nowhere.yaml")], &["-f", "mesh.yaml"], Exit::Yes)]
#[case::a_flag_counts_over_the_file("filename: nowhere.yaml", &[], &["-f", "mesh.yaml"], Exit::Yes)]
#[case::a_variable_that_is_near_to_no_setting("filename: mesh.yaml", &[("PORTCULLIS_VERSION", "1.2.3")], &[], Exit::Yes)]
#[case::an_empty_variable_is_not_set("filename: mesh.yaml", &[("PORTCULLIS_FILENAME", "")], &[], Exit::Yes)]
#[case::no_config("filename: mesh.yaml", &[("PORTCULLIS_FILENAME", "mesh.yaml")], &["--no-config"], Exit::CouldNotAsk)]
#[case::a_trust_domain_of_the_file("filename: mesh.yaml\ntrust-domain: corp.example", &[], &[], Exit::No)]
#[case::a_trust_domain_of_a_flag("filename: mesh.yaml\ntrust-domain: corp.example", &[], &["--trust-domain", "cluster.local"], Exit::Yes)]
#[case::a_list_of_the_environment("filename: mesh.yaml\ntrust-domain: corp.example", &[("PORTCULLIS_TRUST_DOMAIN_ALIAS", "a.example,cluster.local")], &[], Exit::Yes)]
#[case::a_boolean("filename: mesh.yaml\nquiet: true", &[], &[], Exit::Yes)]
#[case::an_empty_file("# nothing", &[], &["-f", "mesh.yaml"], Exit::Yes)]
fn the_nearer_setting_counts(
    #[case] settings: &str,
    #[case] variables: &[(&str, &str)],
    #[case] more: &[&str],
    #[case] want: Exit,
) {
    let call = ask(settings, variables, more);
    assert_eq!(call.exit, want, "{}{}", call.out, call.err);
    assert_eq!(call.out.is_empty(), want == Exit::CouldNotAsk || settings.contains("quiet"));
}

#[rstest]
#[case::unknown("filenmae: mesh.yaml")]
#[case::a_flag_of_one_question("header: 'x: y'")]
#[case::wrong_type("namespace: 3")]
#[case::no_boolean("quiet: 'yes'")]
#[case::a_value_that_the_flag_does_not_take("filename: mesh.yaml\noutput: jsn")]
#[case::no_version("filename: mesh.yaml\nistio: newest")]
#[case::no_address("filename: mesh.yaml\nsource-ip: here")]
#[case::no_mapping("- filename")]
#[case::two_documents("namespace: a\n---\nnamespace: b")]
fn a_wrong_settings_file_is_told_with_its_place(#[case] settings: &str) {
    let call = ask(settings, &[], &[]);
    assert_eq!((call.exit, call.out.as_str()), (Exit::CouldNotAsk, ""));
    assert!(call.err.contains("--> .portcullis.yaml:"), "{settings}: {}", call.err);
}

#[test]
fn what_is_wrong_with_settings_is_told() {
    let told = |settings: &str, variables: &[(&str, &str)]| ask(settings, variables, &[]).err;
    insta::assert_snapshot!(told("filenmae: mesh.yaml\nnamespace: 3", &[]), @r"
    error[PC905]: unknown field `filenmae`
      --> .portcullis.yaml:1:1
       = help: did you mean `filename`?

    error[PC904]: `namespace` takes a string, not the number `3`
      --> .portcullis.yaml:2:12 namespace
       = help: put it in quotes: Kubernetes reads it as something else than text
    ");
    insta::assert_snapshot!(told("filename: mesh.yaml\noutput: jsn", &[]), @r"
    error[PC908]: `output` does not take `jsn`
      --> .portcullis.yaml:2:9
       = help: one of text, json, yaml
    ");
    insta::assert_snapshot!(told("filename: mesh.yaml\nistio: newest", &[]), @r"
    error[PC908]: `istio` does not take `newest`
      --> .portcullis.yaml:2:8
       = help: a release of Istio is written with three numbers, as `1.28.4`
    ");
    insta::assert_snapshot!(told("filename: mesh.yaml", &[("PORTCULLIS_OUTPUT", "jsn")]), @r"
    error[PC908]: `PORTCULLIS_OUTPUT` does not take `jsn`
       = help: one of text, json, yaml
    ");
    insta::assert_snapshot!(told("filename: mesh.yaml", &[("PORTCULLIS_VERSION", "1.2.3")]), @r"
    warning[PC905]: `PORTCULLIS_VERSION` is no setting
       = help: `portcullis config` prints all there are; --no-config leaves them out
    ");
    insta::assert_snapshot!(told("filename: mesh.yaml", &[("PORTCULLIS_TRUST_DOMIAN", "x")]), @r"
    error[PC905]: `PORTCULLIS_TRUST_DOMIAN` is no setting
       = help: did you mean `PORTCULLIS_TRUST_DOMAIN`?
    ");
}

#[rstest]
#[case::here(".portcullis.yaml", "manifests", "cannot read `manifests`")]
#[case::above("../.portcullis.yaml", "manifests", "cannot read `../manifests`")]
#[case::far_above("../../.portcullis.yaml", "manifests/a", "cannot read `../../manifests/a`")]
#[case::absolute("../.portcullis.yaml", "/nowhere/manifests", "cannot read `/nowhere/manifests`")]
fn a_settings_file_is_found_upward_and_its_paths_are_relative_to_it(
    #[case] file: &str,
    #[case] path: &str,
    #[case] want: &str,
) {
    let settings = format!("filename: {path}");
    let call = Captured::with(&[(file, &settings)]).run(&QUESTION);
    assert!(call.err.contains(want), "{}", call.err);
}

#[test]
fn the_nearest_settings_file_is_the_only_one() {
    let files = [(".portcullis.yaml", "namespace: near"), ("../.portcullis.yaml", "output: json")];
    let call = Captured::with(&files).run(&["config"]);
    assert!(call.out.contains("near") && !call.out.contains("json"), "{}", call.out);
}

#[test]
fn another_settings_file_can_be_named() {
    let files = [
        (".portcullis.yaml", "filename: nowhere.yaml"),
        ("ci/p.yaml", "filename: ../mesh.yaml"),
        ("ci/../mesh.yaml", MESH),
    ];
    let words: Vec<&str> = QUESTION
        .iter()
        .chain(&["--config", "ci/p.yaml"])
        .copied()
        .collect();
    let call = Captured::with(&files).run(&words);
    assert_eq!(call.exit, Exit::Yes, "{}", call.err);
    let call = Captured::with(&files).run(&["config", "--config", "ci/none.yaml"]);
    assert_eq!(call.exit, Exit::CouldNotAsk);
}

#[test]
fn config_prints_what_counts_and_where_it_comes_from() {
    let settings = "filename: [mesh.yaml, k8s]\nnamespace: shop\ntrust-domain: corp.example\n";
    let variables = [("PORTCULLIS_NAMESPACE", "foo"), ("PORTCULLIS_PROVIDER", "opa=allow")];
    let call = Captured::with(&[("../.portcullis.yaml", settings)])
        .variables(&variables)
        .run(&["config"]);
    insta::assert_snapshot!(call.out, @r"
    settings file: ../.portcullis.yaml
      filename      ../mesh.yaml, ../k8s  ../.portcullis.yaml:1:11
      namespace     foo                   PORTCULLIS_NAMESPACE
      provider      opa=allow             PORTCULLIS_PROVIDER
      trust-domain  corp.example          ../.portcullis.yaml:3:15
    not set: accepted, admission-bypassed, alpn, color, coverage-threshold, explain, fail-level, istio, jobs, mesh-config, output, quiet, recursive, remote-ip, revision, root-namespace, sni, source-ip, state, threshold, trust-domain-alias, via, xff
    ");
    let none = Captured::default().run(&["config"]).out;
    insta::assert_snapshot!(none, @r"
    no .portcullis.yaml at or above the working directory
    not set: accepted, admission-bypassed, alpn, color, coverage-threshold, explain, fail-level, filename, istio, jobs, mesh-config, namespace, output, provider, quiet, recursive, remote-ip, revision, root-namespace, sni, source-ip, state, threshold, trust-domain, trust-domain-alias, via, xff
    ");
}

#[test]
fn config_is_a_document_too() {
    let call =
        Captured::with(&[(".portcullis.yaml", "namespace: shop")]).run(&["config", "-o", "yaml"]);
    assert!(call.out.contains("- name: namespace\n  variable: PORTCULLIS_NAMESPACE\n  values:\n  - shop\n  source: .portcullis.yaml:1:12\n"), "{}", call.out);
}

#[rstest]
#[case::patient(Duration::from_millis(10), false)]
#[case::long(Duration::from_millis(600), true)]
fn long_work_tells_how_far_it_is(#[case] pace: Duration, #[case] want: bool) {
    let files = [("a.yaml", MESH), ("b.yaml", ""), ("c.yaml", ""), ("d.yaml", "")];
    let words =
        [&QUESTION[..], &["-f", "a.yaml", "-f", "b.yaml", "-f", "c.yaml", "-f", "d.yaml"]].concat();
    let call = Captured::with(&files)
        .at_a_terminal()
        .pace(pace)
        .run(&words);
    assert_eq!(call.exit, Exit::Yes, "{}", call.err);
    assert_eq!(call.err.contains("reading files: "), want, "{}", call.err);
    assert_eq!(call.err.ends_with("\r\u{1b}[K"), want);
    // Whoever is no person is told nothing.
    let call = Captured::with(&files).pace(pace).run(&words);
    assert_eq!(call.err, "");
}

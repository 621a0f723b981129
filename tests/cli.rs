//! The command line, in process: exit codes, first lines, complaints.

use portcullis::cli::Exit;
use rstest::rstest;

use crate::support::captured::Captured;

pub(crate) const MESH: &str = "
apiVersion: v1
kind: Namespace
metadata: {name: foo, labels: {istio-injection: enabled}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: sleep, namespace: foo}
spec:
  template:
    metadata: {labels: {app: sleep}}
    spec:
      serviceAccountName: sleep
      containers: [{name: sleep}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: httpbin, namespace: foo}
spec:
  template:
    metadata: {labels: {app: httpbin}}
    spec:
      serviceAccountName: httpbin
      containers: [{name: httpbin, ports: [{containerPort: 8080}]}]
---
apiVersion: v1
kind: Service
metadata: {name: httpbin, namespace: foo}
spec:
  selector: {app: httpbin}
  ports: [{name: http, port: 8000, targetPort: 8080}]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: readers, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  rules:
  - from:
    - source: {principals: [cluster.local/ns/foo/sa/sleep]}
    to:
    - operation: {methods: [GET]}
";

const CUSTOM: &str = "
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: ask, namespace: foo}
spec:
  action: CUSTOM
  provider: {name: gatekeeper}
  rules: [{}]
---
apiVersion: v1
kind: ConfigMap
metadata: {name: istio, namespace: istio-system}
data:
  mesh: |
    extensionProviders:
    - name: gatekeeper
      envoyExtAuthzHttp: {service: gatekeeper.foo.svc.cluster.local, port: 9000}
";

fn ask(words: &[&str]) -> crate::support::captured::Call {
    let files = [("mesh.yaml", MESH), ("custom.yaml", CUSTOM)];
    Captured::with(&files).run(words)
}

#[rstest]
#[case::yes(&["can-i", "sleep.foo", "http://httpbin.foo:8000/get", "-f", "mesh.yaml"], Exit::Yes)]
#[case::no(&["can-i", "sleep.foo", "POST", "http://httpbin.foo:8000/get", "-f", "mesh.yaml"], Exit::No)]
#[case::a_plaintext_caller_has_no_principal(&["can-i", "--plaintext", "http://httpbin.foo:8000/", "-f", "mesh.yaml"], Exit::No)]
#[case::a_principal(&["can-i", "cluster.local/ns/foo/sa/sleep", "http://httpbin.foo:8000/", "-f", "mesh.yaml"], Exit::Yes)]
#[case::a_service_account(&["can-i", "sa/sleep.foo", "http://httpbin.foo:8000/", "-f", "mesh.yaml"], Exit::Yes)]
#[case::a_short_host_is_looked_up_beside_the_caller(&["can-i", "sleep.foo", "http://httpbin:8000/", "-f", "mesh.yaml"], Exit::Yes)]
#[case::a_long_host(&["can-i", "sleep.foo", "http://httpbin.foo.svc.cluster.local:8000/", "-f", "mesh.yaml"], Exit::Yes)]
#[case::an_authorizer_without_stub(&["can-i", "sleep.foo", "http://httpbin.foo:8000/", "-f", "mesh.yaml", "-f", "custom.yaml"], Exit::Unknown)]
#[case::an_authorizer_that_says_yes(&["can-i", "sleep.foo", "http://httpbin.foo:8000/", "-f", "mesh.yaml", "-f", "custom.yaml", "--provider", "gatekeeper=allow"], Exit::Yes)]
#[case::an_authorizer_that_says_no(&["can-i", "sleep.foo", "http://httpbin.foo:8000/", "-f", "mesh.yaml", "-f", "custom.yaml", "--provider", "gatekeeper=deny"], Exit::No)]
#[case::no_scheme(&["can-i", "sleep.foo", "httpbin.foo:8000/get", "-f", "mesh.yaml"], Exit::CouldNotAsk)]
#[case::no_such_file(&["can-i", "sleep.foo", "http://httpbin.foo:8000/", "-f", "nowhere.yaml"], Exit::CouldNotAsk)]
#[case::no_such_port(&["can-i", "sleep.foo", "http://httpbin.foo:8080/", "-f", "mesh.yaml"], Exit::CouldNotAsk)]
#[case::no_such_workload(&["can-i", "slep.foo", "http://httpbin.foo:8000/", "-f", "mesh.yaml"], Exit::CouldNotAsk)]
#[case::no_words(&["can-i", "-f", "mesh.yaml"], Exit::CouldNotAsk)]
#[case::a_wrong_flag(&["can-i", "--nope"], Exit::CouldNotAsk)]
#[case::help(&["can-i", "--help"], Exit::Yes)]
#[case::no_suite(&["test", "src"], Exit::NothingRan)]
fn the_exit_code_is_the_answer(#[case] words: &[&str], #[case] want: Exit) {
    for format in ["text", "json", "yaml"] {
        let mut words = words.to_vec();
        if !words.contains(&"--help") && !words.contains(&"--nope") {
            words.extend(["-o", format]);
        }
        let call = ask(&words);
        assert_eq!(call.exit, want, "{format}\n{}{}", call.out, call.err);
    }
}

#[test]
fn the_answer_says_yes_and_which_rule() {
    let call = ask(&["can-i", "sleep.foo", "http://httpbin.foo:8000/get", "-f", "mesh.yaml"]);
    insta::assert_snapshot!(call.out, @r"
    yes     sleep.foo → httpbin.foo:8000 GET /get
            because ALLOW policy `foo/readers` rule 0 admits it
            --> mesh.yaml:39:5
    ");
    assert_eq!(call.err, "");
}

#[test]
fn a_misspelt_name_is_met_with_the_nearest() {
    let call = ask(&["can-i", "slep.foo", "http://httpbin.foo:8000/get", "-f", "mesh.yaml"]);
    insta::assert_snapshot!(call.err, @r"
    error[PC913]: the files know no workload `slep.foo`
       = help: did you mean `sleep.foo`?
    ");
}

#[test]
fn a_divided_answer_is_unknown_and_names_every_workload() {
    let second = MESH.replace("name: httpbin, namespace: foo}\nspec:\n  template:\n    metadata: {labels: {app: httpbin}}",
        "name: httpbin-v2, namespace: foo}\nspec:\n  template:\n    metadata: {labels: {app: httpbin, version: v2}}");
    let deny = "
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: not-v2, namespace: foo}
spec:
  selector: {matchLabels: {version: v2}}
  action: DENY
  rules: [{}]
";
    let v2 = second
        .split("---")
        .find(|document| document.contains("httpbin-v2"))
        .unwrap();
    let files = [("mesh.yaml", MESH), ("v2.yaml", v2), ("deny.yaml", deny)];
    let call = Captured::with(&files).run(&[
        "can-i",
        "sleep.foo",
        "http://httpbin.foo:8000/get",
        "-f",
        "mesh.yaml",
        "-f",
        "v2.yaml",
        "-f",
        "deny.yaml",
    ]);
    insta::assert_snapshot!(call.out, @r"
    unknown sleep.foo → httpbin.foo:8000 GET /get
            it depends on which workload answers:
            allow           httpbin.foo:8080: ALLOW policy `foo/readers` rule 0 admits it
            --> mesh.yaml:39:5
            deny            httpbin-v2.foo:8080: DENY policy `foo/not-v2` rule 0 refuses it
            --> deny.yaml:8:11
    ");
    assert_eq!(call.exit, Exit::Unknown);
}

#[test]
fn many_questions_get_a_line_each_and_the_worst_exit_code() {
    let lines = r#"{"from": "sleep.foo", "to": "httpbin.foo:8000", "request": {"path": "/get"}}
{"from": "sleep.foo", "to": "httpbin.foo:8000", "request": {"method": ["GET", "POST"], "path": "/get"}}
"#;
    let files = [("mesh.yaml", MESH), ("questions.jsonl", lines)];
    let call =
        Captured::with(&files).run(&["can-i", "--requests", "questions.jsonl", "-f", "mesh.yaml"]);
    insta::assert_snapshot!(call.out, @r"
    yes     sleep.foo → httpbin.foo:8000 GET /get  because ALLOW policy `foo/readers` rule 0 admits it
    yes     sleep.foo → httpbin.foo:8000 GET /get  because ALLOW policy `foo/readers` rule 0 admits it
    no      sleep.foo → httpbin.foo:8000 POST /get  because ALLOW policies are about httpbin.foo and no rule of them matches: `foo/readers`
    ");
    assert_eq!(call.exit, Exit::No);
}

#[test]
fn a_line_that_is_no_question_is_named_with_its_line() {
    let files = [
        ("mesh.yaml", MESH),
        ("questions.jsonl", "\n{\"from\": \"sleep.foo\", \"too\": \"httpbin.foo:8000\"}\n"),
    ];
    let call =
        Captured::with(&files).run(&["can-i", "--requests", "questions.jsonl", "-f", "mesh.yaml"]);
    assert_eq!(call.exit, Exit::CouldNotAsk);
    assert!(call.err.contains("questions.jsonl:2:"), "{}", call.err);
    assert!(call.err.contains("did you mean `to`?"), "{}", call.err);
}

#[test]
fn a_policy_that_is_not_understood_ends_everything() {
    let broken = MESH
        .replace("principals:", "principal:")
        .replace("methods: [GET]", "ports: [80]");
    let call = Captured::with(&[("mesh.yaml", &broken)]).run(&[
        "can-i",
        "sleep.foo",
        "http://httpbin.foo:8000/get",
        "-f",
        "mesh.yaml",
    ]);
    insta::assert_snapshot!(call.err);
    assert_eq!((call.exit, call.out.as_str()), (Exit::CouldNotAsk, ""));
}

const SUITE: &str = "
apiVersion: portcullis.dev/v1alpha1
kind: TestSuite
metadata: {name: one}
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
- {name: right, from: {plaintext: true}, to: 'httpbin.foo:8080', request: {path: /admin}, expect: deny}
- {name: wrong, from: {plaintext: true}, to: 'httpbin.foo:8080', request: {path: /admin}, expect: allow, status: 200}
- {name: later, from: {plaintext: true}, to: 'httpbin.foo:8080', request: {path: /admin}, expect: allow, todo: open it}
- {name: never, from: {plaintext: true}, to: 'httpbin.foo:8080', expect: allow, skip: not today}
";

#[test]
fn a_failed_case_says_what_was_expected_and_why_it_is_otherwise() {
    let call = Captured::with(&[("one.test.yaml", SUITE)]).run(&["test", "one.test.yaml"]);
    insta::assert_snapshot!(call.out, @r"
    FAILED one.test.yaml:16:3 one › wrong
           plaintext → httpbin.foo:8080 GET /admin
           expect: expected allow, got deny
           status: expected 200, got 403
           because DENY policy `foo/p` rule 0 refuses it
           matched: DENY `foo/p` rule 0
             --> one.test.yaml:13:40
              |
           13 |     rules: [{to: [{operation: {paths: [/admin]}}]}]
              |                                        ^^^^^^ `paths` holds: the request has `/admin`
              |
              = help: it gets through with one change, for instance: ask for the path `/`
           again: portcullis test one.test.yaml -t '^wrong$'
    TODO one.test.yaml:17:3 one › later
           open it
    SKIPPED one.test.yaml:18:3 one › never
           not today
    1 passed, 1 failed, 1 skipped, 1 todo
    ");
    assert_eq!(call.exit, Exit::No);
}

#[rstest]
#[case::no_policy_applies("expect: allow", Exit::No)]
#[case::said_to_be_so("expect: allow, because: {default: true}", Exit::Yes)]
fn a_case_that_passes_because_nothing_applies_is_vacuous(#[case] expect: &str, #[case] want: Exit) {
    let suite = SUITE
        .replace("namespace: foo}\n  spec", "namespace: bar}\n  spec")
        .split("tests:")
        .next()
        .unwrap()
        .to_owned();
    let strict = "  ---\n  apiVersion: security.istio.io/v1\n  kind: PeerAuthentication\n  metadata: {name: d, namespace: foo}\n  spec: {mtls: {mode: STRICT}}\n";
    let test = format!(
        "{suite}{strict}tests:\n- {{name: t, from: {{principal: cluster.local/ns/a/sa/a}}, to: 'httpbin.foo:8080', {expect}}}\n"
    );
    let call = Captured::with(&[("one.test.yaml", &test)]).run(&["test", "one.test.yaml"]);
    assert_eq!(call.exit, want, "{}{}", call.out, call.err);
}

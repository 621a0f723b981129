//! Who can, and what can: tables over what the files know and the rules speak of.

use portcullis::cli::Exit;
use rstest::rstest;

use crate::cli::MESH;
use crate::support::captured::{Call, Captured};

/// Two more callers of one identity, one without proxy, an account of nobody, a rule that asks about everything.
const MORE: &str = "
apiVersion: v1
kind: Namespace
metadata: {name: bar}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: sleep-canary, namespace: foo}
spec:
  template:
    metadata: {labels: {app: sleep}}
    spec: {serviceAccountName: sleep, containers: [{name: sleep}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: legacy, namespace: bar}
spec:
  template:
    metadata: {labels: {app: legacy}}
    spec: {containers: [{name: legacy, ports: [{containerPort: 7000}]}]}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: batch, namespace: foo}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: more, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  rules:
  - from: [{source: {principals: [partner.example/ns/web/sa/web, cluster.local/ns/foo/sa/batch]}}]
    to:
    - operation: {methods: [DELETE], paths: ['/items/{*}', '/admin*', '*.txt'], hosts: [api.example]}
    when: [{key: 'request.headers[x-role]', values: [admin*]}]
  - from: [{source: {ipBlocks: [203.0.113.0/24]}}]
    to: [{operation: {paths: [/public]}}]
";

fn ask(words: &str) -> Call {
    let files = [("mesh.yaml", MESH), ("more.yaml", MORE)];
    let words = format!("{words} -f mesh.yaml -f more.yaml");
    let words: Vec<&str> = words.split(' ').collect();
    Captured::with(&files).run(&words)
}

#[test]
fn who_can_groups_known_callers_by_identity() {
    let call = ask("who-can GET http://httpbin.foo:8000/headers --all");
    insta::assert_snapshot!(call.out, @r"
    ANSWER  IDENTITY                         CALLERS                          BECAUSE
    yes     cluster.local/ns/foo/sa/sleep    sleep-canary.foo, sleep.foo      ALLOW policy `foo/readers` rule 0 admits it (mesh.yaml:39:5)
    no      -                                external, legacy.bar, plaintext  ALLOW policies are about httpbin.foo and no rule of them matches: `foo/readers`, `foo/more`
    no      cluster.local/ns/foo/sa/batch    service account                  ALLOW policies are about httpbin.foo and no rule of them matches: `foo/readers`, `foo/more`
    no      cluster.local/ns/foo/sa/httpbin  httpbin.foo                      ALLOW policies are about httpbin.foo and no rule of them matches: `foo/readers`, `foo/more`
    no      partner.example/ns/web/sa/web    named in a policy                the handshake fails: the certificate's trust domain is neither the mesh's nor an alias
    ");
    assert_eq!((call.exit, call.err.as_str()), (Exit::Yes, ""));
}

#[test]
fn who_can_tells_how_many_cannot() {
    let call = ask("who-can GET http://httpbin.foo:8000/public");
    insta::assert_snapshot!(call.out, @r"
    ANSWER   IDENTITY                         CALLERS                          BECAUSE
    yes      cluster.local/ns/foo/sa/sleep    sleep-canary.foo, sleep.foo      ALLOW policy `foo/readers` rule 0 admits it (mesh.yaml:39:5)
    unknown  -                                external, legacy.bar, plaintext  whether rule 1 of `foo/more` matches depends on something that the question does not say
    unknown  cluster.local/ns/foo/sa/batch    service account                  whether rule 1 of `foo/more` matches depends on something that the question does not say
    unknown  cluster.local/ns/foo/sa/httpbin  httpbin.foo                      whether rule 1 of `foo/more` matches depends on something that the question does not say
    no: 1 caller (--all tells which, and why)
    ");
}

#[test]
fn what_can_asks_what_the_rules_speak_of() {
    let call = ask("what-can sleep.foo --all");
    insta::assert_snapshot!(call.out, @r"
    ANSWER  TO                REQUESTS                                            BECAUSE
    yes     httpbin.foo:8000  GET /, GET /public                                  ALLOW policy `foo/readers` rule 0 admits it (mesh.yaml:39:5)
    yes     legacy.bar:7000   GET /, TCP                                          no proxy stands before legacy.bar (its namespace asks for no injection): no policy is enforced
    no      httpbin.foo:8000  DELETE /admin (Host: api.example)                   ALLOW policies are about httpbin.foo and no rule of them matches: `foo/readers`, `foo/more`
                              DELETE /admin (Host: api.example; x-role: admin)
                              DELETE /items/x (Host: api.example)
                              DELETE /items/x (Host: api.example; x-role: admin)
                              DELETE /x.txt (Host: api.example)
                              DELETE /x.txt (Host: api.example; x-role: admin)
    ");
    let call = ask("what-can sa/batch.foo");
    insta::assert_snapshot!(call.out, @r"
    ANSWER   TO                REQUESTS                                            BECAUSE
    yes      httpbin.foo:8000  DELETE /admin (Host: api.example; x-role: admin)    ALLOW policy `foo/more` rule 0 admits it (more.yaml:32:5)
                               DELETE /items/x (Host: api.example; x-role: admin)
                               DELETE /x.txt (Host: api.example; x-role: admin)
    yes      legacy.bar:7000   GET /, TCP                                          no proxy stands before legacy.bar (its namespace asks for no injection): no policy is enforced
    unknown  httpbin.foo:8000  GET /public                                         whether rule 1 of `foo/more` matches depends on something that the question does not say
    no: 4 requests (--all tells which, and why)
    ");
}

#[test]
fn what_can_needs_no_name_in_plaintext() {
    let call = ask("what-can --plaintext");
    insta::assert_snapshot!(call.out, @r"
    ANSWER   TO                REQUESTS     BECAUSE
    yes      legacy.bar:7000   GET /, TCP   no proxy stands before legacy.bar (its namespace asks for no injection): no policy is enforced
    unknown  httpbin.foo:8000  GET /public  whether rule 1 of `foo/more` matches depends on something that the question does not say
    no: 7 requests (--all tells which, and why)
    ");
}

#[test]
fn a_table_is_a_document_too() {
    let call = ask("who-can GET http://httpbin.foo:8000/headers -o yaml");
    insta::assert_snapshot!(call.out, @r"
    apiVersion: portcullis.dev/v1alpha1
    kind: WhoCan
    question: httpbin.foo:8000 GET /headers
    answer: 'yes'
    rows:
    - answer: 'yes'
      identity: cluster.local/ns/foo/sa/sleep
      callers:
      - sleep-canary.foo
      - sleep.foo
      reason: ALLOW policy `foo/readers` rule 0 admits it
      origin: mesh.yaml:39:5
    - answer: 'no'
      identity: null
      callers:
      - external
      - legacy.bar
      - plaintext
      reason: 'ALLOW policies are about httpbin.foo and no rule of them matches: `foo/readers`, `foo/more`'
      origin: null
    - answer: 'no'
      identity: cluster.local/ns/foo/sa/batch
      callers:
      - service account
      reason: 'ALLOW policies are about httpbin.foo and no rule of them matches: `foo/readers`, `foo/more`'
      origin: null
    - answer: 'no'
      identity: cluster.local/ns/foo/sa/httpbin
      callers:
      - httpbin.foo
      reason: 'ALLOW policies are about httpbin.foo and no rule of them matches: `foo/readers`, `foo/more`'
      origin: null
    - answer: 'no'
      identity: partner.example/ns/web/sa/web
      callers:
      - named in a policy
      reason: 'the handshake fails: the certificate''s trust domain is neither the mesh''s nor an alias'
      origin: null
    ");
    let call = ask("what-can sa/batch.foo -o json");
    assert!(call.out.contains("\"kind\": \"WhatCan\""), "{}", call.out);
    assert!(
        call.out
            .contains("\"DELETE /items/x (Host: api.example; x-role: admin)\""),
        "{}",
        call.out
    );
}

#[rstest]
#[case::somebody("who-can GET http://httpbin.foo:8000/headers", Exit::Yes)]
#[case::the_method_may_be_left_out("who-can http://httpbin.foo:8000/headers", Exit::Yes)]
#[case::the_method_may_be_a_flag("who-can -X GET http://httpbin.foo:8000/headers", Exit::Yes)]
#[case::a_short_host_is_of_the_questions_namespace(
    "who-can http://httpbin:8000/headers -n foo",
    Exit::Yes
)]
#[case::nobody("who-can PUT http://httpbin.foo:8000/headers", Exit::No)]
#[case::perhaps("who-can PUT http://httpbin.foo:8000/public", Exit::Unknown)]
#[case::quiet("who-can PUT http://httpbin.foo:8000/headers -q", Exit::No)]
#[case::no_such_service("who-can GET http://htpbin.foo:8000/headers", Exit::CouldNotAsk)]
#[case::no_words("who-can", Exit::CouldNotAsk)]
#[case::words_that_are_no_request("who-can get http://httpbin.foo:8000/", Exit::CouldNotAsk)]
#[case::something("what-can sleep.foo", Exit::Yes)]
#[case::as_kubectl_says_it("what-can --as sleep.foo", Exit::Yes)]
#[case::from_an_address("what-can 203.0.113.4", Exit::Yes)]
#[case::no_such_caller("what-can slep.foo", Exit::CouldNotAsk)]
#[case::no_caller("what-can", Exit::CouldNotAsk)]
fn the_exit_code_is_that_of_the_best_row(#[case] words: &str, #[case] want: Exit) {
    for format in ["text", "json", "yaml"] {
        let call = ask(&format!("{words} -o {format}"));
        assert_eq!(call.exit, want, "{format}\n{}{}", call.out, call.err);
        assert_eq!(
            call.out.is_empty(),
            words.ends_with("-q") || format == "text" && want == Exit::CouldNotAsk
        );
    }
}

#[test]
fn nothing_that_can_be_called_is_nothing_that_ran() {
    let policy = "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: p}\nspec: {}\n";
    let call = Captured::with(&[("p.yaml", policy)]).run(&["what-can", "external", "-f", "p.yaml"]);
    assert_eq!(call.exit, Exit::NothingRan, "{}{}", call.out, call.err);
}

#[test]
fn what_cannot_be_asked_is_told() {
    let told = |words| ask(words).err;
    insta::assert_snapshot!(told("who-can"), @r"
    error[PC914]: nothing is asked
       = help: write `portcullis who-can [METHOD] URL -f PATH`, as in `portcullis who-can GET http://httpbin.foo:8000/headers -f policies/`
    ");
    insta::assert_snapshot!(told("who-can sleep.foo http://httpbin.foo:8000/"), @r"
    error[PC914]: `sleep.foo http://httpbin.foo:8000/` is no METHOD and URL
       = help: write `portcullis who-can [METHOD] URL -f PATH`, as in `portcullis who-can GET http://httpbin.foo:8000/headers -f policies/`
    ");
    insta::assert_snapshot!(told("what-can"), @r"
    error[PC914]: who calls is not said
       = help: write `portcullis what-can FROM -f PATH`, as in `portcullis what-can sleep.foo -f policies/`
    ");
    insta::assert_snapshot!(told("what-can slep.foo"), @r"
    error[PC913]: the files know no workload `slep.foo`
       = help: did you mean `sleep.foo`?
    ");
}

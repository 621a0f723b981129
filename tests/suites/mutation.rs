//! Mutants: each is what it says it is, suites that test nothing let them live, and a survivor is told with a case.

use std::collections::BTreeSet;

use portcullis::cli::Exit;
use portcullis::mutation::{Operator, diff, mutants, resource_in, same};
use portcullis::parse::{Loaded, resources};
use rstest::rstest;

use crate::support::captured::{Call, Captured};
use crate::support::project;

const POLICIES: &str = "\
# Who may read.
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata:
  name: readers
  namespace: foo
spec:
  selector:
    matchLabels:
      app: httpbin
  rules:
  - from:
    - source:
        principals: [\"cluster.local/ns/foo/sa/sleep\", 'cluster.local/ns/ops/*']
        notNamespaces:
        - bar # not them

    to:
    - operation: {methods: [GET, HEAD], paths: [\"/headers\"]}
    - operation:
        ports:
        - \"8080\"
  - when:
    - key: source.ip
      values: [10.1.2.0/24]
    - key: request.headers[x-team]
      notValues: [\"red\"]
---
{apiVersion: security.istio.io/v1, kind: AuthorizationPolicy, metadata: {name: shut, namespace: foo}, spec: {action: DENY, rules: [{to: [{operation: {paths: [/secret/*]}}]}, {from: [{source: {namespaces: [bar]}}]}]}}
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: strict, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  mtls: {mode: STRICT}
  portLevelMtls:
    8080: {mode: PERMISSIVE}
---
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata:
  namespace: foo
  name: tokens
spec:
  jwtRules:
  - issuer: https://a
    audiences: [v, w]
  - issuer: https://b
    audiences:
    - z
";

fn loaded(file: &str, text: &str) -> Vec<portcullis::istio::Resource> {
    let mut loaded = Loaded::default();
    resources(file, text, "default", &mut loaded);
    assert_eq!(loaded.findings, [], "{file}");
    loaded.resources
}

#[test]
fn every_operator_has_a_mutant_and_every_mutant_a_name_of_its_own() {
    let all: Vec<_> = loaded("a.yaml", POLICIES)
        .iter()
        .flat_map(|resource| mutants(resource, "istio-system"))
        .collect();
    let names: BTreeSet<String> = all.iter().map(ToString::to_string).collect();
    assert_eq!(names.len(), all.len());
    let operators: BTreeSet<Operator> = all.iter().map(|mutant| mutant.operator).collect();
    let every: BTreeSet<Operator> = Operator::ALL.iter().copied().collect();
    assert_eq!(operators, every);
    insta::assert_snapshot!(names.into_iter().collect::<Vec<_>>().join("\n"), @r"
    drop-alternative AuthorizationPolicy foo/readers spec.rules[0].to[0]
    drop-alternative AuthorizationPolicy foo/readers spec.rules[0].to[1]
    drop-condition AuthorizationPolicy foo/readers spec.rules[0].from[0].source.notNamespaces
    drop-condition AuthorizationPolicy foo/readers spec.rules[0].from[0].source.principals
    drop-condition AuthorizationPolicy foo/readers spec.rules[0].to[0].operation.methods
    drop-condition AuthorizationPolicy foo/readers spec.rules[0].to[0].operation.paths
    drop-condition AuthorizationPolicy foo/readers spec.rules[0].to[1].operation.ports
    drop-condition AuthorizationPolicy foo/readers spec.rules[1].when[0]
    drop-condition AuthorizationPolicy foo/readers spec.rules[1].when[1]
    drop-condition RequestAuthentication foo/tokens spec.jwtRules[1].audiences
    drop-part AuthorizationPolicy foo/readers spec.rules[0].from
    drop-part AuthorizationPolicy foo/readers spec.rules[0].to
    drop-part AuthorizationPolicy foo/shut spec.rules[0].to
    drop-part AuthorizationPolicy foo/shut spec.rules[1].from
    drop-policy AuthorizationPolicy foo/readers
    drop-policy AuthorizationPolicy foo/shut
    drop-policy PeerAuthentication foo/strict
    drop-policy RequestAuthentication foo/tokens
    drop-port PeerAuthentication foo/strict spec.portLevelMtls
    drop-rule AuthorizationPolicy foo/readers spec.rules[0]
    drop-rule AuthorizationPolicy foo/readers spec.rules[1]
    drop-rule AuthorizationPolicy foo/shut spec.rules[0]
    drop-rule AuthorizationPolicy foo/shut spec.rules[1]
    drop-rule RequestAuthentication foo/tokens spec.jwtRules[0]
    drop-rule RequestAuthentication foo/tokens spec.jwtRules[1]
    drop-selector AuthorizationPolicy foo/readers spec.selector
    drop-value AuthorizationPolicy foo/readers spec.rules[0].from[0].source.principals[0]
    drop-value AuthorizationPolicy foo/readers spec.rules[0].from[0].source.principals[1]
    drop-value AuthorizationPolicy foo/readers spec.rules[0].to[0].operation.methods[0]
    drop-value AuthorizationPolicy foo/readers spec.rules[0].to[0].operation.methods[1]
    drop-value RequestAuthentication foo/tokens spec.jwtRules[0].audiences[0]
    drop-value RequestAuthentication foo/tokens spec.jwtRules[0].audiences[1]
    flip-action AuthorizationPolicy foo/readers spec
    flip-action AuthorizationPolicy foo/shut spec.action
    loosen-mtls PeerAuthentication foo/strict spec.mtls.mode
    narrow-value AuthorizationPolicy foo/readers spec.rules[0].from[0].source.principals[1]
    narrow-value AuthorizationPolicy foo/shut spec.rules[0].to[0].operation.paths[0]
    negate AuthorizationPolicy foo/readers spec.rules[0].from[0].source.notNamespaces
    negate AuthorizationPolicy foo/readers spec.rules[0].from[0].source.principals
    negate AuthorizationPolicy foo/readers spec.rules[0].to[0].operation.methods
    negate AuthorizationPolicy foo/readers spec.rules[0].to[0].operation.paths
    negate AuthorizationPolicy foo/readers spec.rules[0].to[1].operation.ports
    negate AuthorizationPolicy foo/readers spec.rules[1].when[0].values
    negate AuthorizationPolicy foo/readers spec.rules[1].when[1].notValues
    negate AuthorizationPolicy foo/shut spec.rules[0].to[0].operation.paths
    negate AuthorizationPolicy foo/shut spec.rules[1].from[0].source.namespaces
    tighten-mtls PeerAuthentication foo/strict spec.portLevelMtls.8080.mode
    widen-namespace AuthorizationPolicy foo/readers metadata.namespace
    widen-namespace AuthorizationPolicy foo/shut metadata.namespace
    widen-namespace PeerAuthentication foo/strict metadata.namespace
    widen-namespace RequestAuthentication foo/tokens metadata.namespace
    widen-value AuthorizationPolicy foo/readers spec.rules[0].from[0].source.notNamespaces[0]
    widen-value AuthorizationPolicy foo/readers spec.rules[0].from[0].source.principals[0]
    widen-value AuthorizationPolicy foo/readers spec.rules[0].from[0].source.principals[1]
    widen-value AuthorizationPolicy foo/readers spec.rules[0].to[0].operation.methods[0]
    widen-value AuthorizationPolicy foo/readers spec.rules[0].to[0].operation.methods[1]
    widen-value AuthorizationPolicy foo/readers spec.rules[0].to[0].operation.paths[0]
    widen-value AuthorizationPolicy foo/readers spec.rules[1].when[0].values[0]
    widen-value AuthorizationPolicy foo/readers spec.rules[1].when[1].notValues[0]
    widen-value AuthorizationPolicy foo/shut spec.rules[0].to[0].operation.paths[0]
    widen-value AuthorizationPolicy foo/shut spec.rules[1].from[0].source.namespaces[0]
    ");
}

/// The lines that a mutant shows, put into the text, are read as the mutant is: in block style and flow style, in
/// files of their own and within a suite.
#[rstest]
#[case::every_style("a.yaml", POLICIES.to_owned(), "istio-system")]
#[case::within_a_suite("a.test.yaml", in_a_suite(POLICIES), "istio-system")]
#[case::a_story("policies.yaml", project("policies/bookinfo/policies.yaml"), "istio-system")]
#[case::a_story_in_the_root_namespace(
    "mesh.yaml",
    project("policies/deny-by-default/mesh.yaml"),
    "istio-system"
)]
fn the_lines_of_a_mutant_say_what_it_does(
    #[case] file: &str,
    #[case] text: String,
    #[case] root: &str,
) {
    let resources = if file.ends_with(".test.yaml") {
        portcullis::suite::read(file, &text, &mut Vec::new())
            .remove(0)
            .policies
            .resources
    } else {
        loaded(file, &text)
    };
    let mut shown = 0;
    for resource in &resources {
        for mutant in mutants(resource, root) {
            let Some(diff) = diff(&mutant, &text) else {
                // A document on one line is not taken out of its file.
                assert!(mutant.path.is_empty(), "{mutant} has no lines");
                continue;
            };
            let read = resource_in(&diff.text, &mutant);
            let is_it = match (&mutant.resource, &read) {
                (None, Some(None)) => true,
                (Some(wanted), Some(Some(read))) => same(wanted, read),
                _ => false,
            };
            assert!(is_it, "{mutant}\n{}\nread as {read:#?}", diff.text);
            assert!(!diff.removed.is_empty() || !diff.added.is_empty(), "{mutant} changes no line");
            shown += 1;
        }
    }
    assert!(shown > 2, "only {shown} mutants were shown");
}

fn in_a_suite(policies: &str) -> String {
    let indented: String = policies.lines().map(|line| format!("  {line}\n")).collect();
    format!(
        "apiVersion: portcullis.dev/v1alpha1\nkind: TestSuite\nmanifests: |\n{indented}workloads: [{{name: httpbin, namespace: foo, labels: {{app: httpbin}}}}]\ntests:\n- {{name: x, from: {{plaintext: true}}, to: 'httpbin.foo:8080', expect: deny}}\n"
    )
}

const SUITE: &str = "
apiVersion: portcullis.dev/v1alpha1
kind: TestSuite
metadata: {name: doors}
workloads:
- {name: httpbin, namespace: foo, ports: [{port: 8080, protocol: HTTP}]}
resources: [policy.yaml]
tests:
- {name: reads, from: {principal: cluster.local/ns/foo/sa/sleep}, to: 'httpbin.foo:8080', request: {path: /headers}, expect: allow}
";
const POLICY: &str = "
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: p, namespace: foo}
spec:
  rules:
  - from: [{source: {principals: [cluster.local/ns/foo/sa/sleep]}}]
    to: [{operation: {paths: [/headers]}}]
";
/// With these cases no mutant of the policy lives.
const MORE: &str = "\
- {name: a stranger, from: {principal: cluster.local/ns/foo/sa/sleeper}, to: 'httpbin.foo:8080', request: {path: /headers}, expect: deny}
- {name: elsewhere, from: {principal: cluster.local/ns/foo/sa/sleep}, to: 'httpbin.foo:8080', request: {path: /headersx}, expect: deny}
- {name: of another namespace, from: {plaintext: true}, to: 'other.bar:8080', expect: allow, because: {default: true}}
";

fn mutate(suite: &str, flags: &[&str]) -> Call {
    let mut words = vec!["mutate", "a.test.yaml"];
    words.extend(flags);
    let suite = suite.replace(
        "resources:",
        "- {name: other, namespace: bar, ports: [{port: 8080, protocol: HTTP}]}\nresources:",
    );
    Captured::with(&[("a.test.yaml", &suite), ("policy.yaml", POLICY), ("accepted.yaml", ACCEPTED)])
        .run(&words)
}

const ACCEPTED: &str = "
apiVersion: portcullis.dev/v1alpha1
kind: AcceptedMutants
accepted:
- mutant: drop-part AuthorizationPolicy foo/p spec.rules[0].to
  reason: the program answers one path only
- mutant: drop-rule AuthorizationPolicy foo/q spec.rules
  reason: gone
";

#[test]
fn a_survivor_is_told_with_its_lines_and_a_case_that_tells_it() {
    let call = mutate(SUITE, &["--accepted", "accepted.yaml"]);
    assert_eq!(call.exit, Exit::No);
    insta::assert_snapshot!(call.out, @r#"
    SURVIVED policy.yaml:7 drop-part AuthorizationPolicy foo/p spec.rules[0].from
           -  - from: [{source: {principals: [cluster.local/ns/foo/sa/sleep]}}]
           -    to: [{operation: {paths: [/headers]}}]
           +  - to: [{operation: {paths: [/headers]}}]
           deny (403), and allow (200) with the change: cluster.local/ns/elsewhere/sa/somebody → httpbin.foo:8080 GET /headers
           a case that tells it: - {"name":"drop-part AuthorizationPolicy foo/p spec.rules[0].from","from":{"principal":"cluster.local/ns/elsewhere/sa/somebody"},"to":"httpbin.foo:8080","sourceIp":"192.0.2.1","protocol":"HTTP","request":{"path":"/headers"},"expect":"deny"}
    SURVIVED policy.yaml:7 widen-value AuthorizationPolicy foo/p spec.rules[0].from[0].source.principals[0]
           -  - from: [{source: {principals: [cluster.local/ns/foo/sa/sleep]}}]
           +  - from: [{source: {principals: [cluster.local/ns/foo/sa/sleep*]}}]
           deny (403), and allow (200) with the change: cluster.local/ns/foo/sa/sleepx → httpbin.foo:8080 GET /headers
           a case that tells it: - {"name":"widen-value AuthorizationPolicy foo/p spec.rules[0].from[0].source.principals[0]","from":{"principal":"cluster.local/ns/foo/sa/sleepx"},"to":"httpbin.foo:8080","sourceIp":"192.0.2.1","protocol":"HTTP","request":{"path":"/headers"},"expect":"deny"}
    ACCEPTED policy.yaml:8 drop-part AuthorizationPolicy foo/p spec.rules[0].to
           because the program answers one path only
    SURVIVED policy.yaml:8 widen-value AuthorizationPolicy foo/p spec.rules[0].to[0].operation.paths[0]
           -    to: [{operation: {paths: [/headers]}}]
           +    to: [{operation: {paths: [/headers*]}}]
           deny (403), and allow (200) with the change: cluster.local/ns/foo/sa/sleep → httpbin.foo:8080 GET /headers/x
           a case that tells it: - {"name":"widen-value AuthorizationPolicy foo/p spec.rules[0].to[0].operation.paths[0]","from":{"principal":"cluster.local/ns/foo/sa/sleep"},"to":"httpbin.foo:8080","sourceIp":"192.0.2.1","protocol":"HTTP","request":{"path":"/headers/x"},"expect":"deny"}
    SURVIVED policy.yaml:4 widen-namespace AuthorizationPolicy foo/p metadata.namespace
           -metadata: {name: p, namespace: foo}
           +metadata: {name: p, namespace: istio-system}
           allow (200), and deny (403) with the change: cluster.local/ns/elsewhere/sa/somebody → other.bar:8080 GET /
           a case that tells it: - {"name":"widen-namespace AuthorizationPolicy foo/p metadata.namespace","from":{"principal":"cluster.local/ns/elsewhere/sa/somebody"},"to":"other.bar:8080","sourceIp":"192.0.2.1","protocol":"HTTP","expect":"allow"}
    STALE drop-rule AuthorizationPolicy foo/q spec.rules: it is accepted, and does not survive
    mutants: 5 noticed, 5 survived, score 50.00 %, 1 of the survivors accepted
    "#);
}

#[test]
fn the_cases_that_are_told_kill_every_survivor() {
    let call = mutate(SUITE, &[]);
    let mut suite = SUITE.to_owned();
    let mut added = 0;
    for line in call
        .out
        .lines()
        .filter_map(|line| line.trim().strip_prefix("a case that tells it: "))
    {
        let case = line
            .replace("\"expect\":\"allow\"", "\"expect\":\"allow\",\"because\":{\"default\":true}");
        suite.push_str(&format!("{case}\n"));
        added += 1;
    }
    assert!(added > 3, "{}", call.out);
    let call = mutate(&suite, &[]);
    assert_eq!(call.exit, Exit::Yes, "{}", call.out);
}

#[rstest]
#[case::every_mutant_dies(&[], Exit::Yes)]
#[case::at_a_hundred_percent(&["--threshold", "100"], Exit::Yes)]
#[case::in_json(&["-o", "json"], Exit::Yes)]
#[case::no_such_mutant(&["-t", "nothing"], Exit::NothingRan)]
#[case::no_expression(&["-t", "("], Exit::CouldNotAsk)]
#[case::no_list(&["--accepted", "policy.yaml"], Exit::CouldNotAsk)]
#[case::no_file(&["--accepted", "none.yaml"], Exit::CouldNotAsk)]
fn a_suite_that_tests_every_edge_lets_no_mutant_live(#[case] flags: &[&str], #[case] want: Exit) {
    let call = mutate(&format!("{SUITE}{MORE}"), flags);
    assert_eq!(call.exit, want, "{}{}", call.out, call.err);
}

#[rstest]
#[case::unaccepted(&[], Exit::No)]
#[case::below(&["--threshold", "90"], Exit::No)]
#[case::above(&["--threshold", "30"], Exit::Yes)]
#[case::below_in_json(&["--threshold", "90", "-o", "json"], Exit::No)]
#[case::below_in_yaml(&["--threshold", "90", "-o", "yaml"], Exit::No)]
fn a_suite_that_tests_little_fails(#[case] flags: &[&str], #[case] want: Exit) {
    assert_eq!(mutate(SUITE, flags).exit, want);
}

#[test]
fn a_suite_that_fails_as_it_is_tells_nothing() {
    let call = mutate(&SUITE.replace("expect: allow", "expect: deny"), &[]);
    assert_eq!(call.exit, Exit::No);
    assert!(call.err.contains("does not pass as it is"), "{}", call.err);
}

#[test]
fn the_survivors_are_the_same_for_every_number_of_threads() {
    let words = |threads| ["mutate", "policies/tcp-database", "-j", threads];
    let one = Captured::default().run(&words("1"));
    assert_eq!(one.out, Captured::default().run(&words("5")).out);
}

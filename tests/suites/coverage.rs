//! Coverage: what decided a case, both ways; the formats that viewers read.

use portcullis::cli::Exit;
use rstest::rstest;

use crate::support::captured::{Call, Captured};

const SUITE: &str = "
apiVersion: portcullis.dev/v1alpha1
kind: TestSuite
metadata: {name: doors}
workloads:
- {name: httpbin, namespace: foo, ports: [{port: 8080, protocol: HTTP}]}
manifests: |
  apiVersion: security.istio.io/v1
  kind: AuthorizationPolicy
  metadata: {name: allow, namespace: foo}
  spec:
    rules:
    - to:
      - operation:
          methods: [GET, HEAD]
          notPaths: [/admin]
    - from: [{source: {namespaces: [ops]}}]
  ---
  apiVersion: security.istio.io/v1
  kind: AuthorizationPolicy
  metadata: {name: deny, namespace: foo}
  spec:
    action: DENY
    rules:
    - to: [{operation: {paths: [/secret]}}]
    - when: [{key: nothing.known, values: [x]}]
  ---
  apiVersion: security.istio.io/v1
  kind: PeerAuthentication
  metadata: {name: strict, namespace: foo}
  spec: {mtls: {mode: STRICT}}
tests:
";

fn cover(tests: &[&str], flags: &[&str]) -> Call {
    let mut suite = SUITE.to_owned();
    for (number, test) in tests.iter().enumerate() {
        suite.push_str(&format!("- {{name: t{number}, to: 'httpbin.foo:8080', {test}}}\n"));
    }
    let mut words = vec!["test", "a.test.yaml"];
    words.extend(flags);
    let call = Captured::with(&[("a.test.yaml", &suite)]).run(&words);
    assert!(!call.out.contains("FAILED") && !call.out.contains("\"result\": \"failed\""));
    call
}

const READ: &str = "from: {principal: cluster.local/ns/a/sa/a}, request: {path: /x}, expect: allow";
const ADMIN: &str =
    "from: {principal: cluster.local/ns/a/sa/a}, request: {path: /admin}, expect: deny";
const POST: &str =
    "from: {principal: cluster.local/ns/a/sa/a}, request: {method: POST, path: /x}, expect: deny";
const SECRET: &str =
    "from: {principal: cluster.local/ns/a/sa/a}, request: {path: /secret}, expect: deny";
const OPS: &str = "from: {principal: cluster.local/ns/ops/sa/a}, request: {method: POST, path: /x}, expect: allow";
const PLAINTEXT: &str = "from: {plaintext: true}, request: {path: /x}, expect: refused";

#[test]
fn what_decided_is_told_by_rule_and_value() {
    let call = cover(&[READ, ADMIN, POST, SECRET, PLAINTEXT], &["--coverage"]);
    insta::assert_snapshot!(call.out, @r"
     matched   other  rule
                     a.test.yaml
           1       2  foo/allow rule 0 13:7
           0       1    methods `HEAD` 15:26
           0       2  foo/allow rule 1 17:7
           0       2    namespaces `ops` 17:37
           1       1  foo/deny rule 0 25:7
           0       -  foo/deny rule 1 26:7
                       is never there: `nothing.known` is no key that a condition can read
           4       1  mode of foo/strict a.test.yaml:31:23
    coverage: policies 2/2 (100.00 %), rules 2/3 (66.66 %), values 3/5 (60.00 %)
    5 passed, 0 failed
    ");
}

// One row a kind of request, and the counts of rule 0 of `allow`, `methods` `GET` and `notPaths` `/admin`: how often
// each decided by matching, and by not matching.
#[rstest]
#[case::a_match_decides_for_the_rule_and_the_value(READ, (1, 0), (1, 0), (0, 1))]
#[case::a_negated_value_decides_by_matching(ADMIN, (0, 1), (0, 0), (1, 0))]
#[case::a_value_decides_by_not_matching(POST, (0, 1), (0, 1), (0, 0))]
#[case::what_deny_settled_allow_did_not_decide(SECRET, (0, 0), (0, 0), (0, 0))]
#[case::another_rule_admits_it(OPS, (0, 0), (0, 0), (0, 0))]
#[case::the_transport_was_before(PLAINTEXT, (0, 0), (0, 0), (0, 0))]
fn a_value_counts_where_its_other_answer_would_have_turned_the_verdict(
    #[case] test: &str,
    #[case] rule: (u64, u64),
    #[case] get: (u64, u64),
    #[case] admin: (u64, u64),
) {
    let call = cover(&[test], &["--coverage", "-o", "json"]);
    let document: serde_json::Value = serde_json::from_str(&call.out).unwrap();
    let of = &document["coverage"]["perPolicy"][0]["rules"][0];
    let sides = |of: &serde_json::Value| {
        (of["matched"].as_u64().unwrap(), of["unmatched"].as_u64().unwrap())
    };
    assert_eq!(of["values"][0]["value"], "GET");
    assert_eq!(of["values"][2]["value"], "/admin");
    assert_eq!((sides(of), sides(&of["values"][0]), sides(&of["values"][2])), (rule, get, admin));
}

#[rstest]
#[case::reached("66", Exit::Yes)]
#[case::not_reached("66.67", Exit::No)]
#[case::nonsense("lots", Exit::CouldNotAsk)]
fn a_threshold_is_of_rules_that_decided_both_ways(#[case] threshold: &str, #[case] want: Exit) {
    // Of three rules that can match, the one for `ops` is not covered.
    let call = cover(&[READ, POST, SECRET], &["--coverage-threshold", threshold]);
    assert_eq!(call.exit, want, "{}{}", call.out, call.err);
}

#[test]
fn viewers_are_given_the_lines_of_the_policies() {
    let call = cover(
        &[READ, ADMIN, POST],
        &["--lcov", "out/policies.info", "--cobertura", "out/policies.xml"],
    );
    insta::assert_snapshot!(call.written["out/policies.info"], @r"
    TN:
    SF:a.test.yaml
    FN:8,foo/allow
    FN:19,foo/deny
    FNDA:1,foo/allow
    FNDA:0,foo/deny
    FNF:2
    FNH:1
    BRDA:13,0,0,1
    BRDA:13,0,1,2
    BRDA:15,0,0,1
    BRDA:15,0,1,1
    BRDA:15,1,0,0
    BRDA:15,1,1,1
    BRDA:16,0,0,1
    BRDA:16,0,1,1
    BRDA:17,0,0,0
    BRDA:17,0,1,2
    BRDA:17,1,0,0
    BRDA:17,1,1,2
    BRDA:25,0,0,0
    BRDA:25,0,1,1
    BRDA:25,1,0,0
    BRDA:25,1,1,1
    BRF:16
    BRH:11
    DA:8,1
    DA:13,1
    DA:15,3
    DA:16,2
    DA:17,2
    DA:19,0
    DA:25,1
    LF:7
    LH:6
    end_of_record
    ");
    insta::assert_snapshot!(call.written["out/policies.xml"], @r#"
    <?xml version="1.0" encoding="UTF-8"?>
    <!DOCTYPE coverage SYSTEM "http://cobertura.sourceforge.net/xml/coverage-04.dtd">
    <coverage line-rate="0.8571" branch-rate="0.6875" lines-covered="6" lines-valid="7" branches-covered="11" branches-valid="16" complexity="0" version="0.1.0" timestamp="0">
      <sources>
        <source>.</source>
      </sources>
      <packages>
        <package name="policies" line-rate="0.8571" branch-rate="0.6875" complexity="0">
          <classes>
            <class name="a.test.yaml" filename="a.test.yaml" line-rate="0.8571" branch-rate="0.6875" complexity="0">
              <methods/>
              <lines>
                <line number="8" hits="1" branch="false"/>
                <line number="13" hits="1" branch="true" condition-coverage="100% (2/2)"/>
                <line number="15" hits="3" branch="true" condition-coverage="75% (3/4)"/>
                <line number="16" hits="2" branch="true" condition-coverage="100% (2/2)"/>
                <line number="17" hits="2" branch="true" condition-coverage="50% (2/4)"/>
                <line number="19" hits="0" branch="false"/>
                <line number="25" hits="1" branch="true" condition-coverage="50% (2/4)"/>
              </lines>
            </class>
          </classes>
        </package>
      </packages>
    </coverage>
    "#);
}

#[test]
fn coverage_is_the_same_for_every_number_of_threads() {
    let words = |threads| ["test", "policies", "--coverage", "-j", threads];
    let one = Captured::default().run(&words("1"));
    assert_eq!(one.out, Captured::default().run(&words("7")).out);
}

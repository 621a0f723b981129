//! `test --init`: what is written for the stories passes, and tests every rule.

use std::path::Path;

use portcullis::cli::Exit;
use rstest::rstest;

use crate::support::captured::Captured;

/// A copy of a folder's manifests on the disk, without its suites.
fn copied(story: &str) -> String {
    let from = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("policies")
        .join(story);
    let to = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join("init")
        .join(story);
    if to.exists() {
        std::fs::remove_dir_all(&to).unwrap();
    }
    std::fs::create_dir_all(&to).unwrap();
    #[expect(clippy::disallowed_methods, reason = "tests read the project")]
    let entries = std::fs::read_dir(from).unwrap();
    for entry in entries.map(Result::unwrap) {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.ends_with(".yaml") && !portcullis::suite::is_suite_file(&name) {
            std::fs::copy(entry.path(), to.join(name)).unwrap();
        }
    }
    to.to_str().unwrap().to_owned()
}

#[rstest]
#[case("bookinfo")]
#[case("deny-by-default")]
#[case("tcp-database")]
#[case("jwt-claims")]
#[case("ingress-ip-blocks")]
fn what_is_written_passes_and_tests_every_rule(#[case] story: &str) {
    let folder = copied(story);
    let call = Captured::default().run(&["test", "--init", &folder]);
    assert_eq!(call.exit, Exit::Yes, "{}", call.err);
    let file = format!("{folder}/portcullis.test.yaml");
    let suite = &call.written[&file];
    assert!(suite.contains("\n# review: "), "{suite}");
    let call = Captured::with(&[(&file, suite)]).run(&["test", &file, "--coverage"]);
    assert_eq!(call.exit, Exit::Yes, "{}{}\n{suite}", call.out, call.err);
    let rules = call.out.split(", rules ").nth(1).unwrap();
    assert!(rules.contains("(100.00 %)"), "{}", call.out);
    let mutated = Captured::with(&[(&file, suite)]).run(&["mutate", &file, "--threshold", "60"]);
    assert_eq!(mutated.exit, Exit::Yes, "{}", mutated.out);
}

#[test]
fn a_suite_that_is_there_is_left_alone() {
    let call = Captured::default().run(&["test", "--init", "policies/bookinfo"]);
    assert_eq!((call.exit, call.written.len()), (Exit::CouldNotAsk, 0));
    assert!(call.err.contains("is there already"), "{}", call.err);
}

#[test]
fn what_is_written_is_read_by_people() {
    let folder = copied("tcp-database");
    let call = Captured::default().run(&["test", "--init", &folder]);
    let suite = call
        .written
        .values()
        .next()
        .unwrap()
        .replace(&folder, "policies");
    insta::assert_snapshot!(suite, @r"
    # The answers as they stand, at the edges of every rule. Read each test: is this what the policies are for?
    # Take its mark away when it is.
    apiVersion: portcullis.dev/v1alpha1
    kind: TestSuite
    metadata:
      name: tcp-database
    resources:
    - .
    tests:
    # review: policies/policies.yaml:20:5
    - name: database/postgres rule 0 matches
      from:
        principal: cluster.local/ns/shop/sa/orders
      to: postgres.database:5432
      sourceIp: 192.0.2.1
      protocol: TCP
      expect: allow
      because:
        policy: database/postgres
        rule: 0
    # review: policies/policies.yaml:20:5
    - name: database/postgres rule 0, outside principals
      from:
        principal: cluster.local/ns/shop/sa/ordersx
      to: postgres.database:5432
      sourceIp: 192.0.2.1
      protocol: TCP
      expect: deny
    # review: policies/policies.yaml:27:5
    - name: database/postgres rule 1 matches
      from:
        principal: cluster.local/ns/monitoring/sa/prometheus
      to: postgres.database:9187
      sourceIp: 192.0.2.1
      protocol: HTTP
      request:
        path: /metrics
      expect: allow
      because:
        policy: database/postgres
        rule: 1
    # review: policies/policies.yaml:27:5
    - name: database/postgres rule 1, outside principals
      from:
        principal: cluster.local/ns/monitoring/sa/prometheusx
      to: postgres.database:9187
      sourceIp: 192.0.2.1
      protocol: HTTP
      request:
        path: /metrics
      expect: deny
    # review: policies/policies.yaml:27:5
    - name: database/postgres rule 1, outside ports
      from:
        principal: cluster.local/ns/monitoring/sa/prometheus
      to: postgres.database:5432
      sourceIp: 192.0.2.1
      protocol: HTTP
      request:
        path: /metrics
        host: postgres.database:9187
      expect: deny
    # review: policies/policies.yaml:27:5
    - name: database/postgres rule 1, outside methods
      from:
        principal: cluster.local/ns/monitoring/sa/prometheus
      to: postgres.database:9187
      sourceIp: 192.0.2.1
      protocol: HTTP
      request:
        method: HEAD
        path: /metrics
      expect: deny
    # review: policies/policies.yaml:27:5
    - name: database/postgres rule 1, outside paths
      from:
        principal: cluster.local/ns/monitoring/sa/prometheus
      to: postgres.database:9187
      sourceIp: 192.0.2.1
      protocol: HTTP
      request:
        path: /metricsx
      expect: deny
    # review: policies/mesh.yaml:8:11
    - name: istio-system/default keeps plaintext from postgres.database
      from:
        plaintext: true
      to: postgres.database:5432
      sourceIp: 192.0.2.1
      protocol: TCP
      expect: refused
    # review: policies/mesh.yaml:8:11
    - name: istio-system/default keeps plaintext from warehouse.database
      from:
        plaintext: true
      to: warehouse.database:5432
      sourceIp: 192.0.2.1
      protocol: TCP
      expect: refused
    ");
}

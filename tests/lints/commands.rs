//! `lint`, `validate` and `explain` as they are called.

use portcullis::cli::Exit;
use portcullis::lint::EXAMPLE_MESH;
use rstest::rstest;

use crate::support::captured::{Call, Captured};

const DENY_ADMIN: &str = "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: deny-admin, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  action: DENY
  rules:
  - to:
    - operation: {paths: [/admin]} # the console
";

const BY_SCHEME: &str = "\
apiVersion: security.istio.io/v1beta1
kind: AuthorizationPolicy
metadata:
  name: readers
  namespace: foo
spec:
  selector: {matchLabels: {app: httpbin}}
  rules:
  - from:
    - source:
        principals:
        - \"spiffe://cluster.local/ns/foo/sa/sleep\" # the caller
    to:
    - operation: { methods: [ get,  HEAD ] }
";

fn lint(policy: &str, words: &[&str]) -> Call {
    lint_with(&[("policy.yaml", policy)], words)
}

fn lint_with(files: &[(&str, &str)], words: &[&str]) -> Call {
    let mut all = vec![("mesh.yaml", EXAMPLE_MESH)];
    all.extend_from_slice(files);
    let words: Vec<&str> = ["lint", "policy.yaml", "mesh.yaml"]
        .iter()
        .chain(words)
        .copied()
        .collect();
    Captured::with(&all).run(&words)
}

#[test]
fn a_finding_quotes_its_line_and_shows_the_request() {
    let call = lint(DENY_ADMIN, &[]);
    assert_eq!((call.exit, call.err.as_str()), (Exit::No, ""));
    insta::assert_snapshot!(call.out, @r#"
    medium[PC024]: no ALLOW policy is about httpbin.foo: what this one does not name is admitted
     --> policy.yaml:1:1
      |
    1 | apiVersion: security.istio.io/v1
      | ^
      |
      = help: add an ALLOW policy that says who may call
      = note: plaintext → httpbin.foo:8080 GET / is allowed: no ALLOW policy is about httpbin.foo, and nothing else refuses it

    low[PC912]: on TCP ports this DENY rule denies without its HTTP fields: name the `ports` that are meant [VAL-30]
     --> policy.yaml:8:5
      |
    8 |   - to:
      |     ^ spec.rules[0]

    high[PC040]: `/admin` is kept out, and another spelling of it is not
     --> policy.yaml:9:27
      |
    9 |     - operation: {paths: [/admin]} # the console
      |                           ^^^^^^ spec.rules[0].to[0].operation.paths[0]
      |
      = help: turn the rule round: let an ALLOW policy name the paths that may be called
      = note: this is so if the program behind the proxy merges slashes
      = note: cluster.local/ns/default/sa/default → httpbin.foo:8080 GET //admin is allowed: no ALLOW policy is about httpbin.foo, and nothing else refuses it
      = note: beside it, cluster.local/ns/default/sa/default → httpbin.foo:8080 GET /admin is denied: DENY policy `foo/deny-admin` rule 0 refuses it

    high[PC045]: `/admin` is kept out, and `/admin/` is not
     --> policy.yaml:9:27
      |
    9 |     - operation: {paths: [/admin]} # the console
      |                           ^^^^^^ spec.rules[0].to[0].operation.paths[0]
      |
      = help: name `/admin/`, too
      = note: this is so if the program behind the proxy answers both alike
      = note: cluster.local/ns/default/sa/default → httpbin.foo:8080 GET /admin/ is allowed: no ALLOW policy is about httpbin.foo, and nothing else refuses it
      = note: beside it, cluster.local/ns/default/sa/default → httpbin.foo:8080 GET /admin is denied: DENY policy `foo/deny-admin` rule 0 refuses it

    2 high, 1 medium, 1 low
    "#);
}

/// The exit code is the same in every format.
#[rstest]
#[case::clean("spec: {}", &[], Exit::Yes)]
#[case::below_the_level("spec:\n  action: DENY\n  rules: [{from: [{source: {namespaces: [prod, foo]}}], to: [{operation: {ports: ['8080']}}]}, {from: [{source: {notPrincipals: ['*']}}]}]", &[], Exit::Yes)]
#[case::at_the_level("spec:\n  rules: [{}]", &[], Exit::No)]
#[case::below_another_level("spec:\n  rules: [{}]", &["--fail-level", "critical"], Exit::Yes)]
#[case::refused("spec:\n  action: DENY", &[], Exit::No)]
#[case::unreadable("spec: [", &[], Exit::CouldNotAsk)]
fn exit_codes_are_those_of_the_findings(
    #[case] spec: &str,
    #[case] words: &[&str],
    #[case] want: Exit,
    #[values("text", "json", "yaml", "sarif", "github", "junit")] format: &str,
) {
    let policy = format!(
        "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {{name: p, namespace: foo}}\n{spec}\n"
    );
    let words: Vec<&str> = ["-o", format].iter().chain(words).copied().collect();
    let call = lint(&policy, &words);
    assert_eq!(call.exit, want, "{}{}", call.out, call.err);
    let quiet: Vec<&str> = words.iter().chain(&["-q"]).copied().collect();
    let call = lint(&policy, &quiet);
    assert_eq!((call.exit, call.out.as_str()), (want, ""));
}

#[test]
fn nothing_to_look_at_is_told() {
    let call = Captured::with(&[("empty.yaml", "")]).run(&["lint", "empty.yaml"]);
    assert_eq!(call.exit, Exit::NothingRan);
    let call = Captured::default().run(&["lint"]);
    assert_eq!(call.exit, Exit::CouldNotAsk);
    assert!(call.err.contains("no file is named"), "{}", call.err);
    let call = Captured::default().run(&["lint", "not-there.yaml"]);
    assert_eq!(call.exit, Exit::CouldNotAsk);
}

#[test]
fn a_fix_changes_one_scalar_and_leaves_every_other_byte() {
    let call = lint(BY_SCHEME, &["--fix"]);
    let want = BY_SCHEME
        .replace("v1beta1", "v1")
        .replace("\"spiffe://cluster", "\"cluster")
        .replace("get,", "GET,");
    assert_eq!(call.written.get("policy.yaml"), Some(&want));
    assert_eq!(call.written.len(), 1, "nothing else is written");
    assert_eq!(call.exit, Exit::Yes, "{}", call.out);
    insta::assert_snapshot!(call.out, @r#"
    --- policy.yaml
    +++ policy.yaml
    @@ -1,3 +1,3 @@
    -apiVersion: security.istio.io/v1beta1
    +apiVersion: security.istio.io/v1
     kind: AuthorizationPolicy
     metadata:
    @@ -10,5 +10,5 @@
         - source:
             principals:
    -        - "spiffe://cluster.local/ns/foo/sa/sleep" # the caller
    +        - "cluster.local/ns/foo/sa/sleep" # the caller
         to:
    -    - operation: { methods: [ get,  HEAD ] }
    +    - operation: { methods: [ GET,  HEAD ] }
    nothing found
    "#);
}

#[test]
fn a_diff_changes_nothing() {
    let call = lint(BY_SCHEME, &["--diff"]);
    assert!(
        call.out
            .contains("+        - \"cluster.local/ns/foo/sa/sleep\" # the caller\n"),
        "{}",
        call.out
    );
    assert!(call.written.is_empty());
    assert_eq!(call.exit, Exit::No);
}

#[test]
fn what_is_shared_by_an_anchor_is_not_mended() {
    let policy = BY_SCHEME.replace("methods: [ get,", "methods: [ &m get,");
    let call = lint(&policy, &["--fix"]);
    assert!(call.written["policy.yaml"].contains("&m get"), "{:?}", call.written);
    assert_eq!(call.exit, Exit::No);
}

#[test]
fn a_settings_file_sets_levels_and_makes_exceptions() {
    let settings = "\
lint:
  levels: {PC024: off, trailing-slash: low}
  ignore:
  - {lint: PC040, resource: foo/deny-*, reason: the program is strict about paths}
";
    let call = lint_with(&[("policy.yaml", DENY_ADMIN), (".portcullis.yaml", settings)], &[]);
    assert_eq!(call.exit, Exit::Yes, "{}", call.out);
    assert!(!call.out.contains("PC024"), "{}", call.out);
    assert!(call.out.contains("low[PC045]"), "{}", call.out);
    let told =
        "not told: PC040 of AuthorizationPolicy foo/deny-admin: the program is strict about paths";
    assert!(call.out.contains(told), "{}", call.out);
}

#[rstest]
#[case::unknown_lint("lint: {levels: {trailing-slsh: low}}", "did you mean `trailing-slash`?")]
#[case::unknown_level("lint: {levels: {PC045: lo}}", "did you mean `low`?")]
#[case::no_reason(
    "lint: {ignore: [{lint: PC045, resource: foo/x}]}",
    "an exception needs a `reason`"
)]
#[case::unknown_field("lint: {level: {}}", "did you mean `levels`?")]
fn a_slip_in_the_settings_is_told(#[case] settings: &str, #[case] said: &str) {
    let call = lint_with(&[("policy.yaml", DENY_ADMIN), (".portcullis.yaml", settings)], &[]);
    assert_eq!(call.exit, Exit::CouldNotAsk);
    assert!(call.err.contains(said), "{}", call.err);
}

#[test]
fn an_annotation_makes_an_exception_where_it_gives_a_reason() {
    let annotated = |annotations: &str| {
        DENY_ADMIN.replace(
            "namespace: foo}",
            &format!("namespace: foo, annotations: {{{annotations}}}}}"),
        )
    };
    let all = "lint.portcullis.dev/PC024: a, lint.portcullis.dev/PC040: b, lint.portcullis.dev/trailing-slash: c";
    let call = lint(&annotated(all), &[]);
    assert_eq!(call.exit, Exit::Yes, "{}", call.out);
    assert_eq!(call.out.matches("not told: ").count(), 3, "{}", call.out);
    let call =
        lint(&annotated("lint.portcullis.dev/PC045: ' ', lint.portcullis.dev/PC999: x"), &[]);
    assert!(
        call.out
            .contains("`lint.portcullis.dev/PC045` gives no reason"),
        "{}",
        call.out
    );
    assert!(call.out.contains("no lint is called `PC999`"), "{}", call.out);
    assert!(call.out.contains("high[PC045]"), "{}", call.out);
}

#[test]
fn validate_tells_what_would_be_refused_and_needs_no_mesh() {
    let policy = DENY_ADMIN.replace("paths: [/admin]", "path: [/admin]");
    let call = Captured::with(&[("p.yaml", policy.as_str())]).run(&["validate", "p.yaml"]);
    assert_eq!((call.exit, call.err.as_str()), (Exit::No, ""));
    insta::assert_snapshot!(call.out, @r#"
    error[PC905]: unknown field `path` in `operation`
     --> p.yaml:9:19
      |
    9 |     - operation: {path: [/admin]} # the console
      |                   ^ spec.rules[0].to[0].operation
      |
      = help: did you mean `paths`?

    1 error
    "#);
    let call = Captured::with(&[("p.yaml", DENY_ADMIN)]).run(&["validate", "p.yaml"]);
    assert_eq!(call.exit, Exit::Yes, "a warning of the webhook refuses nothing: {}", call.out);
    assert!(call.out.contains("low[PC912]"), "{}", call.out);
}

#[test]
fn explain_prints_the_page_of_a_code_or_a_name() {
    let by_code = Captured::default().run(&["explain", "pc012"]);
    let by_name = Captured::default().run(&["explain", "spiffe-scheme"]);
    assert_eq!(by_code.exit, Exit::Yes);
    assert!(
        by_code
            .out
            .starts_with("## PC012 `spiffe-scheme`\n\nLevel: error. "),
        "{}",
        by_code.out
    );
    assert_eq!(by_code.out, by_name.out);
    let call = Captured::default().run(&["explain", "PC905"]);
    assert_eq!(
        (call.exit, call.out.as_str()),
        (Exit::Yes, "## PC905\n\nA field that this kind does not have.\n")
    );
    let call = Captured::default().run(&["explain", "spiffe-schema"]);
    assert_eq!(call.exit, Exit::CouldNotAsk);
    assert!(call.err.contains("did you mean `spiffe-scheme`?"), "{}", call.err);
}

#[test]
fn sarif_holds_the_request_as_a_code_flow() {
    let call = lint(DENY_ADMIN, &["-o", "sarif"]);
    let log: serde_json::Value = serde_json::from_str(&call.out).unwrap();
    let run = &log["runs"][0];
    let results = run["results"].as_array().unwrap();
    let slash = results
        .iter()
        .find(|result| result["ruleId"] == "PC045")
        .unwrap();
    let place = &slash["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "policy.yaml");
    assert_eq!(
        (&place["region"]["startLine"], &place["region"]["startColumn"]),
        (&9.into(), &27.into())
    );
    let steps = slash["codeFlows"][0]["threadFlows"][0]["locations"]
        .as_array()
        .unwrap();
    let said = steps[0]["location"]["message"]["text"].as_str().unwrap();
    assert!(said.ends_with("→ httpbin.foo:8080 GET /admin/"), "{said}");
    assert_eq!(steps.len(), 2);
    for result in results {
        let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
        assert!(rules.iter().any(|rule| rule["id"] == result["ruleId"]), "{result}");
    }
}

#[test]
fn github_and_junit_name_the_place() {
    let call = lint(DENY_ADMIN, &["-o", "github"]);
    let wanted =
        "::error file=policy.yaml,line=9,col=27,title=PC045 trailing-slash::`/admin` is kept out";
    assert!(call.out.contains(wanted), "{}", call.out);
    assert!(call.out.lines().all(|line| line.starts_with("::")), "{}", call.out);
    let call = lint(DENY_ADMIN, &["-o", "junit"]);
    assert!(
        call.out
            .contains("<testcase name=\"PC045 trailing-slash policy.yaml:9:27\""),
        "{}",
        call.out
    );
    assert!(call.out.contains("<failure"), "{}", call.out);
    assert!(
        call.out.contains("<testcase name=\"nothing found\""),
        "the file without a finding: {}",
        call.out
    );
}

#[test]
fn the_document_is_what_its_schema_says() {
    let call = lint(DENY_ADMIN, &["-o", "json"]);
    let document: serde_json::Value = serde_json::from_str(&call.out).unwrap();
    assert_eq!(document["kind"], "LintResult");
    let schema: serde_json::Value =
        serde_json::from_str(&portcullis::report::lint_schema().to_line()).unwrap();
    let wanted = schema["$defs"]["LintFinding"]["properties"]
        .as_object()
        .unwrap();
    for finding in document["findings"].as_array().unwrap() {
        let fields: Vec<_> = finding.as_object().unwrap().keys().collect();
        assert_eq!(fields, wanted.keys().collect::<Vec<_>>());
    }
}

#[test]
fn progress_is_shown_at_a_terminal() {
    let files = [("mesh.yaml", EXAMPLE_MESH), ("policy.yaml", DENY_ADMIN)];
    let call = Captured::with(&files)
        .at_a_terminal()
        .pace(std::time::Duration::from_secs(2))
        .run(&["lint", "policy.yaml", "mesh.yaml", "-q"]);
    assert!(call.err.contains("\rlinting: "), "{:?}", call.err);
}

#[rstest]
#[case::lower_case(
    "lint.portcullis.dev/pc024: a, lint.portcullis.dev/pc040: b, lint.portcullis.dev/Pc045: c"
)]
#[case::upper_case(
    "lint.portcullis.dev/PC024: a, lint.portcullis.dev/PC040: b, lint.portcullis.dev/PC045: c"
)]
fn the_case_of_a_code_does_not_matter(#[case] annotations: &str) {
    let annotated = format!("namespace: foo, annotations: {{{annotations}}}}}");
    let call = lint(&DENY_ADMIN.replace("namespace: foo}", &annotated), &[]);
    assert_eq!(call.out.matches("not told: ").count(), 3, "{}", call.out);
    assert_eq!(call.exit, Exit::Yes, "{}", call.out);
}

const PAST_THE_PROXY: &str = "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: nobody, namespace: foo}
spec: {selector: {matchLabels: {app: open}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: open, namespace: foo}
spec:
  template:
    metadata:
      labels: {app: open}
      annotations: {traffic.sidecar.istio.io/excludeInboundPorts: '9090', MORE}
    spec: {containers: [{name: a, ports: [{containerPort: 9090}]}]}
";

#[rstest]
#[case::reason("lint.portcullis.dev/PC113: metrics", "not told: PC113", Exit::Yes)]
#[case::no_reason(
    "lint.portcullis.dev/PC113: ''",
    "`lint.portcullis.dev/PC113` gives no reason",
    Exit::No
)]
#[case::no_lint("lint.portcullis.dev/PC999: x", "no lint is called `PC999`", Exit::No)]
fn an_annotation_of_the_pods_counts_as_well(
    #[case] annotation: &str,
    #[case] said: &str,
    #[case] exit: Exit,
) {
    let call = lint(&PAST_THE_PROXY.replace("MORE", annotation), &[]);
    assert!(call.out.contains(said), "{}", call.out);
    assert_eq!(call.exit, exit, "{}", call.out);
}

/// What XML 1.0 has no character for cannot stand in it.
#[test]
fn junit_is_well_formed_whatever_is_written() {
    let policy = DENY_ADMIN.replace("[/admin]", "[\"/adm\\uFFFEin\\uFFFF\", \"/adm\\u0001in\"]");
    let call = lint(&policy, &["-o", "junit"]);
    assert!(call.out.contains("adm\\u{fffe}in\\u{ffff}"), "{}", call.out);
    let forbidden = |c: char| matches!(c, '\u{fffe}' | '\u{ffff}') || (c < ' ' && c != '\n');
    assert!(!call.out.contains(forbidden), "{}", call.out);
}

/// A fingerprint tells findings apart that are of different resources.
#[test]
fn no_two_findings_have_one_fingerprint() {
    let other = DENY_ADMIN.replace("name: deny-admin", "name: deny-other");
    let unknown = DENY_ADMIN.replace("action: DENY", "actoin: DENY");
    for (one, two) in [(DENY_ADMIN, &other), (&unknown, &unknown.replace("deny-admin", "other"))] {
        let files = [("mesh.yaml", EXAMPLE_MESH), ("a.yaml", one), ("b.yaml", two)];
        let call =
            Captured::with(&files).run(&["lint", "a.yaml", "b.yaml", "mesh.yaml", "-o", "sarif"]);
        let log: serde_json::Value = serde_json::from_str(&call.out).unwrap();
        let results = log["runs"][0]["results"].as_array().unwrap();
        let prints = results.iter().map(|result| {
            result["partialFingerprints"]["finding/v1"]
                .as_str()
                .unwrap()
        });
        let mut prints: Vec<&str> = prints.collect();
        let count = prints.len();
        prints.sort_unstable();
        prints.dedup();
        assert_eq!(prints.len(), count, "{}", call.out);
    }
}

#[test]
fn what_a_webhook_warns_about_names_its_resource() {
    let call = lint(DENY_ADMIN, &["-o", "sarif"]);
    let log: serde_json::Value = serde_json::from_str(&call.out).unwrap();
    let results = log["runs"][0]["results"].as_array().unwrap();
    let warning = results
        .iter()
        .find(|result| result["ruleId"] == "PC912")
        .unwrap();
    let name = &warning["locations"][0]["logicalLocations"][0]["fullyQualifiedName"];
    assert_eq!(name, "AuthorizationPolicy foo/deny-admin spec.rules[0]");
}

/// What `--mesh-config` names is as good as a `ConfigMap` among the files.
#[rstest]
#[case::trust_domain(
    "trustDomain: corp.example",
    "  rules: [{from: [{source: {principals: [partner.example/ns/foo/sa/a]}}]}]",
    "the mesh takes no certificate of `partner.example`"
)]
#[case::no_provider(
    "trustDomain: cluster.local",
    "  action: CUSTOM\n  provider: {name: opa}\n  rules: [{to: [{operation: {paths: [/a]}}]}]",
    "whatever this policy matches is denied"
)]
fn the_configuration_may_come_by_a_flag(
    #[case] config: &str,
    #[case] rest: &str,
    #[case] said: &str,
) {
    let policy = format!(
        "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {{name: p, namespace: foo}}\n\
         spec:\n  selector: {{matchLabels: {{app: httpbin}}}}\n{rest}\n"
    );
    let files = [("policy.yaml", policy.as_str()), ("config.yaml", config)];
    let call = lint_with(&files, &["--mesh-config", "config.yaml"]);
    assert!(call.out.contains(said), "{}", call.out);
    assert!(!call.out.contains("configuration, which is not given"), "{}", call.out);
}

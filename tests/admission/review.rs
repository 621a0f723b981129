//! Reviews of the API server, good, odd and hostile → what is answered.

use portcullis::admission::{Budget, Facts, Gate, Known, MAX_REVIEW, review};
use portcullis::lint::Level;
use portcullis::suite;
use rstest::rstest;
use serde_json::{Value, json};

use super::support::{answer, ask, facts, known, object, said};

const ALLOW: &str = "AuthorizationPolicy";

fn create(kind: &str, name: &str, spec: &str) -> String {
    said(&answer(&ask("CREATE", &object(kind, name, spec), &Value::Null), Gate::default()))
}

#[rstest]
#[case::what_changes_nothing_that_is_guarded(
    create(ALLOW, "metrics", "{rules: [{to: [{operation: {paths: [/metrics]}}]}]}"),
    "allowed"
)]
#[case::a_guard_names_itself_the_case_and_the_reason(
    create(
        ALLOW,
        "writers",
        "{selector: {matchLabels: {app: httpbin}}, rules: [{to: [{operation: {methods: [POST]}}]}]}"
    ),
    "403 Forbidden: guard `readers`: case `sleep does not write` would fail: the answer is `allow`, not `deny` (by `foo/writers`, rule 0)"
)]
#[case::every_guard_that_breaks_is_told(
    create("PeerAuthentication", "default", "{mtls: {mode: DISABLE}}"),
    "403 Forbidden: guard `readers`: case `sleep reads` would fail: the answer is `rejected`, not `allow`; case `sleep does not write` would fail: the answer is `rejected`, not `deny`; guard `plaintext`: case `nobody without identity` would fail: the answer is `deny`, not `refused`"
)]
#[case::another_workload_is_none_of_the_guards(
    create(ALLOW, "writers", "{selector: {matchLabels: {app: sleep}}, rules: [{}]}"),
    "allowed"
)]
#[case::a_slip_of_the_pen(
    create(ALLOW, "a", "{rules: [{from: [{source: {principal: [x]}}]}]}"),
    "403 Invalid: PC905 spec.rules[0].from[0].source: unknown field `principal` in `source`; did you mean `principals`?"
)]
#[case::what_istiods_webhook_refuses(
    create(ALLOW, "a", "{action: DENY, rules: [{from: [{source: {ipBlocks: [10.0.0.0/33]}}]}]}"),
    "403 Invalid: PC911 spec.rules[0].from[0].source.ipBlocks[0]: `ipBlocks` does not take `10.0.0.0/33`: it is neither an IP address nor a CIDR block [VAL-21]"
)]
#[case::what_a_json_number_is(
    create(ALLOW, "a", "{rules: [{to: [{operation: {ports: [80]}}]}]}"),
    "403 Invalid: PC904 spec.rules[0].to[0].operation.ports[0]: `ports[0]` takes a string, not the number `80`; put it in quotes: Kubernetes reads it as something else than text"
)]
fn a_change_is_held_against_the_mesh(#[case] said: String, #[case] want: &str) {
    assert_eq!(said, want);
}

#[rstest]
#[case::create("CREATE", "v1beta1")]
#[case::update("UPDATE", "v1")]
fn every_version_is_the_same_policy(#[case] operation: &str, #[case] version: &str) {
    let open = "{selector: {matchLabels: {app: httpbin}}, rules: [{}]}";
    let mut object = object(ALLOW, "readers", open);
    object["apiVersion"] = json!(format!("security.istio.io/{version}"));
    let mut review = ask(operation, &object, &object);
    review["request"]["kind"]["version"] = json!(version);
    assert_eq!(
        said(&answer(&review, Gate::default())),
        "403 Forbidden: guard `readers`: case `sleep does not write` would fail: the answer is `allow`, not `deny` (by `foo/readers`, rule 0)"
    );
}

/// The only policy goes, and with it what shut everybody else out.
#[rstest]
#[case::of_the_old_object(|_: &mut Value| {})]
#[case::of_the_request(|request: &mut Value| request["oldObject"] = Value::Null)]
#[case::of_the_old_object_alone(|request: &mut Value| request["name"] = json!(""))]
fn what_is_deleted_is_known_by_its_name(#[case] spoil: fn(&mut Value)) {
    let old = object(ALLOW, "readers", "{}");
    let mut review = ask("DELETE", &Value::Null, &old);
    spoil(&mut review["request"]);
    let said = said(&answer(&review, Gate::default()));
    assert!(
        said.starts_with(
            "403 Forbidden: guard `readers`: case `sleep reads` would fail: no policy"
        ),
        "{said}"
    );
}

#[test]
fn a_deletion_of_nothing_is_denied() {
    let mut review = ask("DELETE", &Value::Null, &object(ALLOW, "readers", "{}"));
    review["request"]["oldObject"] = Value::Null;
    review["request"]["name"] = Value::Null;
    assert_eq!(
        said(&answer(&review, Gate::default())),
        "403 Forbidden: this does not name the AuthorizationPolicy that it deletes"
    );
}

#[test]
fn a_name_that_is_yet_to_be_made_up_is_no_hindrance() {
    let mut object = object(ALLOW, "", "{selector: {matchLabels: {app: httpbin}}, rules: [{}]}");
    object["metadata"] = json!({ "generateName": "open-", "namespace": "foo" });
    let said = said(&answer(&ask("CREATE", &object, &Value::Null), Gate::default()));
    assert!(said.contains("(by `foo/open-xxxxx`, rule 0)"), "{said}");
}

#[test]
fn a_namespace_is_that_of_the_request_where_the_object_says_none() {
    let mut object =
        object(ALLOW, "open", "{selector: {matchLabels: {app: httpbin}}, rules: [{}]}");
    object["metadata"] = json!({ "name": "open" });
    let said = said(&answer(&ask("CREATE", &object, &Value::Null), Gate::default()));
    assert!(said.contains("(by `foo/open`, rule 0)"), "{said}");
}

/// The one whose name is made up stands beside the one of that name, and not in its place.
#[test]
fn a_name_that_is_yet_to_be_made_up_is_nobodys() {
    let mut facts = facts(Gate::default());
    let mut loaded = portcullis::parse::Loaded::default();
    let there = MESH_OF_DENIALS.replace("NAME", "deny-xxxxx");
    portcullis::parse::resources("deny.yaml", &there, "default", &mut loaded);
    facts.resources.extend(loaded.resources);
    facts.guards.clear();
    let mut findings = Vec::new();
    let guards = suite::read("g.test.yaml", WRITERS, &mut findings);
    facts
        .guards
        .extend(guards.into_iter().map(|guard| (guard, Vec::new())));
    let (known, _) = Known::prepare(facts).unwrap();
    assert_eq!(findings, []);
    let mut object = object(
        ALLOW,
        "",
        "{selector: {matchLabels: {app: httpbin}}, action: DENY, rules: [{to: [{operation: {methods: [PUT], ports: ['8080']}}]}]}",
    );
    object["metadata"] = json!({ "generateName": "deny-", "namespace": "foo" });
    assert_eq!(said(&review(&ask("CREATE", &object, &Value::Null).to_string(), &known)), "allowed");
}

const MESH_OF_DENIALS: &str = "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: NAME, namespace: foo}
spec: {selector: {matchLabels: {app: httpbin}}, action: DENY, rules: [{to: [{operation: {methods: [GET], paths: [/private], ports: ['8080']}}]}]}
";
const WRITERS: &str = "\
apiVersion: portcullis.dev/v1alpha1
kind: TestSuite
metadata: {name: private}
tests:
- name: nobody reads what is private
  from: sleep.foo
  to: httpbin.foo:80
  request: {path: /private}
  expect: deny
";

/// The files do not say which of two is the older one, and so it goes by name, before the change and after it.
#[rstest]
#[case::without_a_time(Value::Null)]
#[case::with_the_time_that_the_api_server_knows(json!("2024-01-01T00:00:00Z"))]
fn an_object_is_as_old_as_before_it_was_changed(#[case] created: Value) {
    let mut facts = facts(Gate::default());
    let mut loaded = portcullis::parse::Loaded::default();
    let other = "{apiVersion: security.istio.io/v1, kind: PeerAuthentication, metadata: {name: other, namespace: foo}, spec: {mtls: {mode: STRICT}}}";
    portcullis::parse::resources("other.yaml", other, "default", &mut loaded);
    facts.resources.extend(loaded.resources);
    let (known, _) = Known::prepare(facts).unwrap();
    let [mut new, mut old] = ["PERMISSIVE", "STRICT"].map(|mode| {
        object("PeerAuthentication", "default", &format!("{{mtls: {{mode: {mode}}}}}"))
    });
    for object in [&mut new, &mut old] {
        object["metadata"]["creationTimestamp"] = created.clone();
    }
    let said = said(&review(&ask("UPDATE", &new, &old).to_string(), &known));
    assert!(said.starts_with("403 Forbidden: guard `plaintext`"), "{said}");
}

#[rstest]
#[case::create(
    "CREATE",
    "400 BadRequest: neither `request.namespace` nor `request.object` says a namespace"
)]
#[case::delete(
    "DELETE",
    "403 Forbidden: this does not name the AuthorizationPolicy that it deletes"
)]
fn an_object_of_no_namespace_is_none_that_can_be_looked_at(
    #[case] operation: &str,
    #[case] want: &str,
) {
    let mut written = object(ALLOW, "readers", "{rules: [{}]}");
    written["metadata"] = json!({ "name": "readers" });
    let [new, old] =
        if operation == "CREATE" { [written, Value::Null] } else { [Value::Null, written] };
    let mut review = ask(operation, &new, &old);
    review["request"]["namespace"] = Value::Null;
    assert_eq!(said(&answer(&review, Gate::default())), want);
}

/// A policy that waits for a finalizer still counts when it is asked whether another one may go, and goes with its last.
#[rstest]
#[case::one_is_left(json!(["a"]), "{}", "allowed")]
#[case::the_last(json!([]), "{}", "403 Forbidden: guard `readers`")]
#[case::none(Value::Null, "{}", "403 Forbidden: guard `readers`")]
#[case::whatever_it_says_at_the_end(Value::Null, "{rule: 1}", "403 Forbidden: guard `readers`")]
fn an_object_goes_with_its_last_finalizer(
    #[case] left: Value,
    #[case] spec: &str,
    #[case] want: &str,
) {
    let mut old = object(ALLOW, "readers", "{}");
    old["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
    old["metadata"]["finalizers"] = json!(["a", "b"]);
    let mut new = object(ALLOW, "readers", spec);
    new["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
    new["metadata"]["finalizers"] = left;
    let said = said(&answer(&ask("UPDATE", &new, &old), Gate::default()));
    assert!(said.starts_with(want), "{said}");
}

/// A change of an object that is being deleted; `spec` is the new one.
fn leaving(spec: &str, change: fn(&mut Value)) -> String {
    let broken = "{rules: [{from: [{source: {principal: [x]}}]}]}";
    let mut old = object(ALLOW, "readers", broken);
    old["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
    old["metadata"]["finalizers"] = json!(["a", "b"]);
    let mut new = old.clone();
    new["metadata"]["finalizers"] = json!(["a"]);
    new["spec"] = serde_yaml::from_str(spec).unwrap();
    let mut review = ask("UPDATE", &new, &old);
    change(&mut review["request"]);
    said(&answer(&review, Gate::default()))
}

#[test]
fn a_finalizer_may_go_also_from_an_object_that_would_not_be_admitted() {
    assert_eq!(leaving("{rules: [{from: [{source: {principal: [x]}}]}]}", |_| {}), "allowed");
}

/// Kyverno passed over whatever was being deleted: CVE-2023-34091.
#[rstest]
#[case::another_spec("{selector: {matchLabels: {app: httpbin}}, rules: [{}]}", |_: &mut Value| {}, "403 Forbidden: guard")]
#[case::another_annotation("{rules: [{from: [{source: {principal: [x]}}]}]}", |request: &mut Value| request["object"]["metadata"]["annotations"] = json!({ "istio.io/dry-run": "true" }), "403 Invalid")]
#[case::another_label("{rules: [{from: [{source: {principal: [x]}}]}]}", |request: &mut Value| request["object"]["metadata"]["labels"] = json!({ "istio.io/rev": "other" }), "403 Invalid")]
#[case::only_now_said_to_be_deleted("{rules: [{from: [{source: {principal: [x]}}]}]}", |request: &mut Value| { drop(request["oldObject"]["metadata"].as_object_mut().unwrap().remove("deletionTimestamp")); }, "403 Invalid")]
#[case::without_what_it_was("{rules: [{from: [{source: {principal: [x]}}]}]}", |request: &mut Value| request["oldObject"] = Value::Null, "403 Invalid")]
fn what_is_being_deleted_is_no_way_round(
    #[case] spec: &str,
    #[case] change: fn(&mut Value),
    #[case] want: &str,
) {
    let said = leaving(spec, change);
    assert!(said.starts_with(want), "{said}");
}

fn spoilt(spoil: fn(&mut Value)) -> (u16, String) {
    let mut review = ask("CREATE", &object(ALLOW, "a", "{}"), &Value::Null);
    spoil(&mut review);
    let answer = answer(&review, Gate::default());
    (answer.http_status, said(&answer))
}

#[rstest]
#[case::no_request(|r: &mut Value| r["request"] = Value::Null, 400, "400 BadRequest: the review has no `request`")]
#[case::no_uid(|r: &mut Value| r["request"]["uid"] = Value::Null, 400, "400 BadRequest: `request.uid` must be a text of 1 to 256 bytes: it is given back")]
#[case::uid_of_a_mebibyte(|r: &mut Value| r["request"]["uid"] = json!("u".repeat(1 << 20)), 400, "400 BadRequest: `request.uid` must be a text of 1 to 256 bytes: it is given back")]
#[case::uid_that_is_a_number(|r: &mut Value| r["request"]["uid"] = json!(7), 400, "400 BadRequest: `request.uid` must be a text of 1 to 256 bytes: it is given back")]
#[case::v1beta1(|r: &mut Value| r["apiVersion"] = json!("admission.k8s.io/v1beta1"), 400, "400 BadRequest: AdmissionReview of `admission.k8s.io/v1beta1` is not spoken: write `admissionReviewVersions: [v1]`")]
#[case::another_kind(|r: &mut Value| r["kind"] = json!("TokenReview"), 400, "400 BadRequest: this is no AdmissionReview: `kind` must be `AdmissionReview`")]
#[case::no_operation(|r: &mut Value| r["request"]["operation"] = Value::Null, 400, "400 BadRequest: `request.operation` does not take ``")]
#[case::no_kind(|r: &mut Value| r["request"]["kind"] = json!({}), 400, "400 BadRequest: `request.kind` must say `group`, `version` and `kind`")]
#[case::no_object(|r: &mut Value| r["request"]["object"] = Value::Null, 400, "400 BadRequest: `request.object` is missing for CREATE")]
#[case::an_object_that_is_a_text(|r: &mut Value| r["request"]["object"] = json!("{}"), 400, "400 BadRequest: `request.object` and `request.oldObject` are objects, or null")]
#[case::an_object_of_another_kind(|r: &mut Value| r["request"]["object"]["kind"] = json!("PeerAuthentication"), 400, "400 BadRequest: `request.object` is no AuthorizationPolicy of `security.istio.io/v1`, as `request.kind` says")]
#[case::an_object_of_another_namespace(|r: &mut Value| r["request"]["object"]["metadata"]["namespace"] = json!("bar"), 400, "400 BadRequest: `request.object` is of namespace `bar`, and `request.namespace` is `foo`")]
#[case::a_dry_run_that_is_a_text(|r: &mut Value| r["request"]["dryRun"] = json!("yes"), 400, "400 BadRequest: `request.dryRun` takes `true` or `false`")]
#[case::a_dry_run(|r: &mut Value| r["request"]["dryRun"] = json!(true), 200, "allowed")]
#[case::a_field_that_is_yet_to_come(|r: &mut Value| r["request"]["new"] = json!({}), 200, "allowed")]
#[case::the_status(|r: &mut Value| { r["request"]["subResource"] = json!("status"); r["request"]["object"]["spec"] = json!({"rule": 1}); }, 200, "allowed")]
#[case::another_subresource(|r: &mut Value| r["request"]["subResource"] = json!("scale"), 200, "403 Forbidden: the subresource `scale` is not understood")]
#[case::a_version_that_is_yet_to_come(|r: &mut Value| r["request"]["kind"]["version"] = json!("v2"), 200, "403 Forbidden: AuthorizationPolicy of `security.istio.io/v2` is not understood: write `security.istio.io/v1`")]
#[case::a_kind_that_is_yet_to_come(|r: &mut Value| r["request"]["kind"]["kind"] = json!("RateLimit"), 200, "403 Forbidden: RateLimit of `security.istio.io` is not understood")]
#[case::a_kind_of_somebody_else(|r: &mut Value| r["request"]["kind"] = json!({ "group": "", "version": "v1", "kind": "Pod" }), 200, "allowed\nwarning: portcullis does not look at Pod of `/v1`: leave it out of the webhook's rules")]
#[case::connected(|r: &mut Value| r["request"]["operation"] = json!("CONNECT"), 200, "403 Forbidden: AuthorizationPolicy cannot be connected to")]
fn a_review_that_is_odd_has_a_clear_answer(
    #[case] spoil: fn(&mut Value),
    #[case] status: u16,
    #[case] want: &str,
) {
    assert_eq!(spoilt(spoil), (status, want.to_owned()));
}

#[rstest]
#[case::nothing("", 400)]
#[case::yaml("kind: AdmissionReview", 400)]
#[case::a_list("[]", 400)]
#[case::a_key_twice(r#"{"kind": "AdmissionReview", "kind": "AdmissionReview"}"#, 400)]
#[case::behind_the_end("{} {}", 400)]
#[case::deep(&"[".repeat(10_000), 400)]
#[case::deep_objects(&"{\"a\":".repeat(10_000), 400)]
#[case::too_long(&" ".repeat(portcullis::admission::MAX_REVIEW + 1), 413)]
fn a_text_that_is_no_review_is_refused(#[case] text: &str, #[case] status: u16) {
    let answer = review(text, &known(Gate::default()));
    assert_eq!(answer.http_status, status);
    assert!(said(&answer).starts_with(&format!("{status} BadRequest: ")));
}

/// The longest review that is read costs no more than its length.
#[test]
fn a_long_object_is_read() {
    let paths: Vec<String> = (0..100_000)
        .map(|path| format!("/some/path/{path}"))
        .collect();
    let mut long = object(ALLOW, "long", "{}");
    long["spec"] = json!({ "rules": [{ "to": [{ "operation": { "paths": paths } }] }] });
    let answer = answer(&ask("CREATE", &long, &Value::Null), Gate::default());
    assert!(said(&answer).starts_with("allowed"), "{}", said(&answer));
}

#[test]
fn a_uid_is_given_back_also_where_the_rest_is_wrong() {
    let mut review = ask("CREATE", &object(ALLOW, "a", "{}"), &Value::Null);
    review["request"]["operation"] = json!("STEAL");
    let answer = answer(&review, Gate::default());
    assert_eq!(answer.uid, "705ab4f5-6393-11e8-b7cc-42010a800002");
}

#[test]
fn a_destination_rule_is_not_guessed_at() {
    let rule = json!({
        "apiVersion": "networking.istio.io/v1",
        "kind": "DestinationRule",
        "metadata": { "name": "a", "namespace": "foo" },
        "spec": { "host": "httpbin", "trafficPolicy": { "tls": { "mode": "DISABLE" } } },
    });
    let mut review = ask("CREATE", &rule, &Value::Null);
    review["request"]["kind"] =
        json!({ "group": "networking.istio.io", "version": "v1", "kind": "DestinationRule" });
    assert_eq!(
        said(&answer(&review, Gate::default())),
        "allowed\nwarning: DestinationRule is not evaluated yet: it may change answers"
    );
}

fn levels(deny: Option<Level>, warn: Option<Level>) -> String {
    let gate = Gate { deny_level: deny, warn_level: warn, ..Gate::default() };
    let spec = "{selector: {matchLabels: {app: sleep}}, rules: [{from: [{source: {principals: ['spiffe://cluster.local/ns/foo/sa/x']}}]}]}";
    said(&answer(&ask("CREATE", &object(ALLOW, "a", spec), &Value::Null), gate))
}

#[test]
fn lints_deny_or_warn_by_their_level() {
    assert_eq!(levels(None, None), "allowed");
    insta::assert_snapshot!(levels(None, Some(Level::Low)), @r"
    allowed
    warning: PC012 error `spiffe-scheme` spec.rules[0].from[0].source.principals[0]: `spiffe://cluster.local/ns/foo/sa/x` carries `spiffe://`, and no peer is called so
    ");
    insta::assert_snapshot!(levels(Some(Level::Error), Some(Level::Low)), @r"
    403 Forbidden: lint: PC012 error `spiffe-scheme` spec.rules[0].from[0].source.principals[0]: `spiffe://cluster.local/ns/foo/sa/x` carries `spiffe://`, and no peer is called so
    ");
}

fn budget(allowed: Option<usize>, denied: Option<usize>, requests: usize) -> Gate {
    let budget = Budget { newly_allowed: allowed, newly_denied: denied, requests };
    Gate { budget: Some(budget), ..Gate::default() }
}

#[rstest]
#[case::within(budget(Some(10), None, 2000))]
#[case::beyond(budget(Some(1), None, 2000))]
#[case::cut_short(budget(Some(1), None, 1))]
fn a_budget_bounds_what_is_newly_allowed(#[case] gate: Gate) {
    let mut facts = facts(gate.clone());
    facts.guards.clear();
    let (known, _) = Known::prepare(facts).unwrap();
    let open = "{selector: {matchLabels: {app: httpbin}}, rules: [{to: [{operation: {paths: ['/admin*']}}]}]}";
    let review_of = ask("CREATE", &object(ALLOW, "open", open), &Value::Null);
    let said = said(&review(&review_of.to_string(), &known));
    match gate.budget.unwrap() {
        Budget { requests: 1, .. } => insta::assert_snapshot!(said, @r"
        allowed
        warning: this changes no answer that was looked at (1 requests asked, then the search was cut short, so there may be more)
        "),
        Budget { newly_allowed: Some(1), .. } => insta::assert_snapshot!(said, @r"
        403 Forbidden: budget: this newly allows at least 2 callers of ports, of at most 1: any other identity of the mesh → httpbin.foo:8080 GET /admin/x; httpbin.foo → httpbin.foo:8080 GET /admin/x (16 requests asked near the edges of the rules, so there may be more)
        "),
        _ => insta::assert_snapshot!(said, @r"
        allowed
        warning: this newly allows 2: any other identity of the mesh → httpbin.foo:8080 GET /admin/x; httpbin.foo → httpbin.foo:8080 GET /admin/x (16 requests asked near the edges of the rules, so there may be more)
        "),
    }
}

/// Each request is held against all that an object holds: a long one is searched with fewer.
#[rstest]
#[case::long(MAX_REVIEW, true)]
#[case::short(0, false)]
fn a_long_review_is_searched_with_fewer_requests(#[case] length: usize, #[case] cut_short: bool) {
    let mut facts = facts(budget(None, None, 2000));
    facts.guards.clear();
    let (known, _) = Known::prepare(facts).unwrap();
    let rules: Vec<String> = (0..10)
        .map(|rule| format!("{{from: [{{source: {{principals: [cluster.local/ns/foo/sa/r{rule}]}}}}], to: [{{operation: {{paths: [/a{rule}/b], methods: [M{rule}]}}}}]}}"))
        .collect();
    let many =
        format!("{{selector: {{matchLabels: {{app: httpbin}}}}, rules: [{}]}}", rules.join(", "));
    let text = ask("CREATE", &object(ALLOW, "many", &many), &Value::Null).to_string();
    let spaces = " ".repeat(length.saturating_sub(text.len()));
    let said = said(&review(&[text, spaces].concat(), &known));
    assert_eq!(
        said.contains("(33 requests asked, then the search was cut short"),
        cut_short,
        "{said}"
    );
    assert_eq!(said.contains("cut short"), cut_short, "{said}");
}

/// So many paths in one rule, for a caller that there is not: nothing changes.
fn many_paths(count: usize) -> String {
    let paths: Vec<String> = (0..count).map(|path| format!("/{path}")).collect();
    let mut policy = object(ALLOW, "many", "{selector: {matchLabels: {app: httpbin}}}");
    policy["spec"]["rules"] = json!([{
        "from": [{ "source": { "principals": ["cluster.local/ns/x/sa/x"] } }],
        "to": [{ "operation": { "paths": paths } }],
    }]);
    ask("CREATE", &policy, &Value::Null).to_string()
}

const TOO_MANY: &str = "413 RequestEntityTooLarge: portcullis could not look at all of this: with so many values before the workloads that it reaches, the cases of guard `many` take too long";

#[rstest]
#[case::few(1_000, "allowed")]
#[case::too_many(100_000, TOO_MANY)]
fn guards_take_so_many_comparisons_and_no_more(#[case] values: usize, #[case] want: &str) {
    let cases: Vec<String> = (0..250)
        .map(|case| format!("- {{name: c{case}, from: sleep.foo, to: 'httpbin.foo:80', request: {{method: POST, path: /{case}}}, expect: deny}}"))
        .collect();
    let suite = format!(
        "apiVersion: portcullis.dev/v1alpha1\nkind: TestSuite\nmetadata: {{name: many}}\ntests:\n{}\n",
        cases.join("\n")
    );
    let mut findings = Vec::new();
    let guards = suite::read("many.test.yaml", &suite, &mut findings);
    assert_eq!(findings, []);
    let mut facts = facts(Gate::default());
    facts.guards = guards
        .into_iter()
        .map(|guard| (guard, Vec::new()))
        .collect();
    let (known, _) = Known::prepare(facts).unwrap();
    let mut answer = review(&many_paths(values), &known);
    assert_eq!(said(&answer), want);
    answer.let_pass();
    assert!(answer.is_allowed());
    let told = answer
        .warnings
        .iter()
        .any(|warning| warning.starts_with("allowed as --fail-open says: "));
    assert_eq!(told, want == TOO_MANY);
}

#[rstest]
#[case::that_deny(
    Some(Level::Low),
    None,
    "413 RequestEntityTooLarge: portcullis could not look at all of this: it has too many values for lints: "
)]
#[case::that_warn(None, Some(Level::Low), "warning: it has too many values for lints: ")]
fn lints_that_had_to_stop_are_told(
    #[case] deny_level: Option<Level>,
    #[case] warn_level: Option<Level>,
    #[case] want: &str,
) {
    let gate = Gate { deny_level, warn_level, ..Gate::default() };
    let mut facts = facts(gate);
    facts.guards.clear();
    let (known, _) = Known::prepare(facts).unwrap();
    // A request for every path of a DENY rule is looked for, and held against all of them.
    let deny = r#""spec":{"action":"DENY","#;
    let review_of = many_paths(6_000).replace(r#""spec":{"#, deny);
    let review_of = review_of.replace("cluster.local/ns/x/sa/x", "*");
    let said = said(&review(&review_of, &known));
    assert!(said.contains(want), "{said}");
}

/// A request that meets n conditions is changed n times: a rule of very many is not aimed at, and that is told.
#[test]
fn a_budget_aims_at_no_rule_of_very_many_conditions() {
    let mut facts = facts(budget(None, None, 2000));
    facts.guards.clear();
    let (known, _) = Known::prepare(facts).unwrap();
    let of = |count: usize| {
        let conditions: Vec<Value> = (0..count)
            .map(|number| json!({ "key": format!("request.headers[x{number}]"), "values": ["a"] }))
            .collect();
        let mut policy = object(ALLOW, "many", "{selector: {matchLabels: {app: httpbin}}}");
        policy["spec"]["rules"] = json!([{ "when": conditions }]);
        let asked = ask("CREATE", &policy, &Value::Null).to_string();
        said(&review(&asked, &known)).contains("cut short")
    };
    assert_eq!([of(2), of(32), of(33), of(20_000)], [false, false, true, true]);
}

#[test]
fn a_budget_bounds_what_is_newly_denied() {
    let mut facts = facts(budget(None, Some(0), 2000));
    facts.guards.clear();
    let (known, _) = Known::prepare(facts).unwrap();
    let shut = "{selector: {matchLabels: {app: httpbin}}, action: DENY, rules: [{to: [{operation: {methods: [GET]}}]}]}";
    let review_of = ask("CREATE", &object(ALLOW, "shut", shut), &Value::Null);
    insta::assert_snapshot!(said(&review(&review_of.to_string(), &known)), @r"
    403 Forbidden: budget: this newly denies at least 1 callers of ports, of at most 0: sleep.foo → httpbin.foo:8080 GET / (12 requests asked near the edges of the rules, so there may be more)
    warning: PC912 spec.rules[0]: on TCP ports this DENY rule denies without its HTTP fields: name the `ports` that are meant [VAL-30]
    ");
}

#[test]
fn a_guard_that_fails_already_is_told_and_keeps_nothing_out() {
    let mut facts = facts(Gate::default());
    facts
        .resources
        .retain(|resource| resource.kind() != "AuthorizationPolicy");
    let (known, findings) = Known::prepare(facts).unwrap();
    let told: Vec<String> = findings.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(told.join("\n"), @r"
    warning[PC918]: guard `readers`: case `sleep reads` fails already, and keeps no change out: no policy is about its destination
      --> guards.test.yaml:5:3
    warning[PC918]: guard `readers`: case `sleep does not write` fails already, and keeps no change out: the answer is `allow`, not `deny`
      --> guards.test.yaml:9:3
    ");
    let open = object(ALLOW, "open", "{selector: {matchLabels: {app: httpbin}}, rules: [{}]}");
    let review_of = ask("CREATE", &open, &Value::Null);
    assert_eq!(said(&review(&review_of.to_string(), &known)), "allowed");
}

#[test]
fn an_empty_mesh_knows_what_is_valid() {
    let (known, _) = Known::prepare(Facts::default()).unwrap();
    let bad = object("PeerAuthentication", "a", "{mtls: {mode: MAYBE}}");
    let said = said(&review(&ask("CREATE", &bad, &Value::Null).to_string(), &known));
    assert!(said.starts_with("403 Invalid: PC908 spec.mtls.mode: "), "{said}");
}

#[test]
fn a_record_is_one_line_with_everything_in_it() {
    let open = "{selector: {matchLabels: {app: httpbin}}, rules: [{to: [{operation: {methods: [POST]}}]}]}";
    let answer =
        answer(&ask("CREATE", &object(ALLOW, "open", open), &Value::Null), Gate::default());
    insta::assert_snapshot!(answer.record(), @r#"
    {"uid":"705ab4f5-6393-11e8-b7cc-42010a800002","operation":"CREATE","kind":"AuthorizationPolicy","namespace":"foo","name":"open","dryRun":false,"allowed":false,"reason":"Forbidden","message":"guard `readers`: case `sleep does not write` would fail: the answer is `allow`, not `deny` (by `foo/open`, rule 0)","warnings":[]}
    "#);
}

/// A suite that says something of its own is asked in a mesh of its own, with the known policies in it.
#[rstest]
#[case::a_workload_and_a_policy(
    "manifests: |\n  apiVersion: security.istio.io/v1\n  kind: AuthorizationPolicy\n  metadata: {name: shut, namespace: foo}\n  spec: {selector: {matchLabels: {app: canary}}}\nworkloads: [{name: canary, namespace: foo, labels: {app: canary}, ports: [{port: 8080, protocol: HTTP}]}]",
    "canary.foo:8080",
    "{selector: {matchLabels: {app: canary}}, rules: [{}]}"
)]
#[case::a_trust_domain(
    "mesh: {trustDomain: td1}",
    "httpbin.foo:80",
    "{selector: {matchLabels: {app: httpbin}}, rules: [{from: [{source: {principals: [td1/ns/foo/sa/sleep]}}]}]}"
)]
#[case::a_root_namespace(
    "mesh: {rootNamespace: foo}\nmanifests: |\n  apiVersion: security.istio.io/v1\n  kind: AuthorizationPolicy\n  metadata: {name: shut, namespace: bar}\n  spec: {}\nworkloads: [{name: canary, namespace: bar, labels: {app: canary}, ports: [{port: 8080, protocol: HTTP}]}]",
    "canary.bar:8080",
    "{selector: {matchLabels: {app: canary}}, rules: [{}]}"
)]
fn a_suite_of_its_own_mesh_is_asked_there(
    #[case] own: &str,
    #[case] to: &str,
    #[case] change: &str,
) {
    let suite_of = |name: &str| {
        format!(
            "apiVersion: portcullis.dev/v1alpha1\nkind: TestSuite\nmetadata: {{name: {name}}}\nvacuous: allowed\n{own}\ntests: [{{name: t, from: sleep.foo, to: '{to}', request: {{method: POST}}, expect: deny}}]\n"
        )
    };
    // Two that say the same, and one that says nothing, which does not notice.
    let mut facts = facts(Gate::default());
    let text = format!("{}---\n{}", suite_of("first"), suite_of("second"));
    let mut findings = Vec::new();
    let own = suite::read("own.test.yaml", &text, &mut findings);
    assert_eq!(findings, []);
    let readers = facts.guards.remove(0);
    facts.guards = own.into_iter().map(|suite| (suite, Vec::new())).collect();
    facts.guards.push(readers);
    let (known, findings) = Known::prepare(facts).unwrap();
    assert_eq!(findings, []);
    let change = ask("CREATE", &object(ALLOW, "wide", change), &Value::Null);
    let why = "case `t` would fail: the answer is `allow`, not `deny` (by `foo/wide`, rule 0)";
    assert_eq!(
        said(&review(&change.to_string(), &known)),
        format!("403 Forbidden: guard `first`: {why}; guard `second`: {why}")
    );
}

//! What a real kube-apiserver sent, review after review → what is answered.

use portcullis::admission::{Facts, Gate, Known, review};
use portcullis::parse::{self, Loaded};
use portcullis::suite;
use serde_json::Value;

use super::support::said;
use crate::support::project;

const SHOP: &str = "\
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {istio-injection: enabled}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  template:
    metadata: {labels: {app: web}}
    spec: {serviceAccountName: web, containers: [{name: web}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: cart, namespace: shop}
spec:
  template:
    metadata: {labels: {app: cart}}
    spec: {serviceAccountName: cart, containers: [{name: cart, ports: [{containerPort: 8080}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: cart, namespace: shop}
spec: {selector: {app: cart}, ports: [{name: http, port: 80, targetPort: 8080}]}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: cart, namespace: shop}
spec: {selector: {matchLabels: {app: cart}}, rules: [{from: [{source: {principals: [cluster.local/ns/shop/sa/web]}}]}]}
";
const GUARD: &str = "\
apiVersion: portcullis.dev/v1alpha1
kind: TestSuite
metadata: {name: shop}
tests:
- name: web reads
  from: web.shop
  to: cart.shop:80
  request: {path: /cart/1}
  expect: allow
- name: nobody else
  from: {principal: cluster.local/ns/other/sa/other}
  to: cart.shop:80
  request: {path: /cart/1}
  expect: deny
";

fn known() -> Known {
    let mut loaded = Loaded::default();
    parse::resources("shop.yaml", SHOP, "default", &mut loaded);
    let mut findings = loaded.findings;
    let guards = suite::read("shop.test.yaml", GUARD, &mut findings);
    assert_eq!(findings, []);
    let facts = Facts {
        resources: loaded.resources,
        guards: guards
            .into_iter()
            .map(|guard| (guard, Vec::new()))
            .collect(),
        gate: Gate::default(),
        ..Facts::default()
    };
    let (known, findings) = Known::prepare(facts).unwrap();
    assert_eq!(findings, []);
    known
}

#[test]
fn what_a_real_api_server_sends_is_understood() {
    const RECORDED: &[&str] = &[
        "01-authorization_policy-create-dry_run",
        "02-authorization_policy-create",
        "03-authorization_policy-update",
        "04-authorization_policy-patch",
        "05-authorization_policy-finalizer",
        "06-authorization_policy-status",
        "07-authorization_policy-delete",
        "08-authorization_policy-update-while_deleted",
        "09-authorization_policy-update-while_deleted",
        "10-authorization_policy-create-v1beta1",
        "11-authorization_policy-delete_all",
        "12-peer_authentication-create",
        "13-peer_authentication-delete_all",
        "14-request_authentication-create",
        "15-request_authentication-delete",
        "16-destination_rule-create",
        "17-destination_rule-delete",
    ];
    let known = known();
    let mut lines = Vec::new();
    for name in RECORDED {
        let text = project(&format!("tests/admission/recorded/{name}.json"));
        let sent: Value = serde_json::from_str(&text).unwrap();
        let answer = review(&text, &known);
        assert_eq!(sent["request"]["uid"], answer.uid.as_str(), "{name}");
        assert_eq!(answer.http_status, 200, "{name}");
        assert_eq!(sent["request"]["dryRun"].as_bool().unwrap_or(false), answer.about.dry_run);
        lines.push(format!("{name}: {}", said(&answer)));
    }
    insta::assert_snapshot!(lines.join("\n"), @r"
    01-authorization_policy-create-dry_run: allowed
    02-authorization_policy-create: allowed
    03-authorization_policy-update: 403 Forbidden: guard `shop`: case `nobody else` would fail: the answer is `allow`, not `deny` (by `shop/cart`, rule 0)
    04-authorization_policy-patch: 403 Forbidden: guard `shop`: case `web reads` would fail: the answer is `deny`, not `allow` (by `shop/cart`, rule 0)
    warning: PC912 spec.rules[0]: on TCP ports this DENY rule denies without its HTTP fields: name the `ports` that are meant [VAL-30]
    05-authorization_policy-finalizer: 403 Forbidden: guard `shop`: case `web reads` would fail: the answer is `deny`, not `allow` (by `shop/cart`, rule 0)
    warning: PC912 spec.rules[0]: on TCP ports this DENY rule denies without its HTTP fields: name the `ports` that are meant [VAL-30]
    06-authorization_policy-status: allowed
    07-authorization_policy-delete: 403 Forbidden: guard `shop`: case `web reads` would fail: no policy is about its destination; case `nobody else` would fail: the answer is `allow`, not `deny`
    08-authorization_policy-update-while_deleted: 403 Forbidden: guard `shop`: case `web reads` would fail: no policy is about its destination; case `nobody else` would fail: the answer is `allow`, not `deny`
    09-authorization_policy-update-while_deleted: 403 Forbidden: guard `shop`: case `web reads` would fail: no policy is about its destination; case `nobody else` would fail: the answer is `allow`, not `deny`
    10-authorization_policy-create-v1beta1: allowed
    11-authorization_policy-delete_all: 403 Forbidden: guard `shop`: case `web reads` would fail: no policy is about its destination; case `nobody else` would fail: the answer is `allow`, not `deny`
    12-peer_authentication-create: allowed
    13-peer_authentication-delete_all: allowed
    14-request_authentication-create: allowed
    15-request_authentication-delete: allowed
    16-destination_rule-create: allowed
    warning: DestinationRule is not evaluated yet: it may change answers
    17-destination_rule-delete: allowed
    warning: DestinationRule is not evaluated yet: it may change answers
    ");
}

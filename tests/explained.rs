//! What a person reads below an answer: the nearest rule, what holds, what is passed over, and that nothing drives a
//! terminal.

use portcullis::cli::Exit;

use crate::support::captured::Captured;

const MESH: &str = "apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {istio-injection: enabled}}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {serviceAccountName: web, containers: [{name: web}]}
---
apiVersion: v1
kind: Pod
metadata: {name: cart, namespace: shop, labels: {app: cart}}
spec: {serviceAccountName: cart, containers: [{name: cart, ports: [{containerPort: 8080}, {containerPort: 6379}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: cart, namespace: shop}
spec:
  selector: {app: cart}
  ports: [{name: http, port: 80, targetPort: 8080}, {name: tcp-redis, port: 6379}]
";

const POLICIES: &str = "apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: readers, namespace: shop}
spec:
  selector: {matchLabels: {app: cart}}
  rules:
  - from:
    - source:
        namespaces: [monitoring]
    to:
    - operation:
        methods: [GET]
        paths:
        - /metrics
        - /healthz
  - to:
    - operation:
        methods: [GET, HEAD]
        paths: ['/items/*']
    when:
    - key: request.headers[x-tenant]
      notValues: [evil]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: writers, namespace: shop}
spec:
  selector: {matchLabels: {app: basket}}
  rules:
  - to: [{operation: {methods: [POST]}}]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: no-admin, namespace: shop}
spec:
  action: DENY
  rules:
  - to: [{operation: {paths: [/admin*], ports: ['8080']}}]
";

fn ask(words: &[&str]) -> crate::support::captured::Call {
    let mut all = vec!["can-i"];
    all.extend(words);
    all.extend(["-f", "mesh.yaml", "-f", "policies.yaml"]);
    Captured::with(&[("mesh.yaml", MESH), ("policies.yaml", POLICIES)]).run(&all)
}

#[test]
fn the_nearest_rule_is_quoted_with_every_field_that_fails() {
    let call = ask(&["web.shop", "DELETE", "http://cart.shop/items/1", "-H", "x-tenant: evil"]);
    insta::assert_snapshot!(call.out, @r"
    no      web.shop → cart.shop:80 DELETE /items/1  (403)
            because ALLOW policies are about cart.shop and no rule of them matches: `shop/readers`

    nearest: ALLOW `shop/readers` rule 1, 2 fields fail
      --> policies.yaml:18:19
       |
    18 |         methods: [GET, HEAD]
       |                   ^^^^^^^^^ `methods` fails: the request has `DELETE`
    ...
    22 |       notValues: [evil]
       |                   ---- `request.headers[x-tenant]` fails: the request has `evil`
       |
       = help: it gets through with 2 changes together, for instance: use the method `GET`; leave out the header `x-tenant`
    ");
    assert_eq!(call.exit, Exit::No);
}

#[test]
fn a_policy_that_would_have_admitted_it_is_told() {
    let call = ask(&["web.shop", "POST", "http://cart.shop/orders"]);
    insta::assert_snapshot!(call.out, @r"
    no      web.shop → cart.shop:80 POST /orders  (403)
            because ALLOW policies are about cart.shop and no rule of them matches: `shop/readers`

    nearest: ALLOW `shop/readers` rule 1, 2 fields fail
      --> policies.yaml:18:19
       |
    18 |         methods: [GET, HEAD]
       |                   ^^^^^^^^^ `methods` fails: the request has `POST`
    19 |         paths: ['/items/*']
       |                 ---------- `paths` fails: the request has `/orders`
       |
       = help: it gets through with 2 changes together, for instance: use the method `GET`; ask for the path `/items/x`

    passed over: AuthorizationPolicy `shop/writers` would admit it, but its selector wants the label `app: basket`, the workload has `app: cart`
                 --> policies.yaml:24:1
    ");
}

#[test]
fn a_deny_rule_is_quoted_with_every_field_that_holds() {
    insta::assert_snapshot!(ask(&["web.shop", "http://cart.shop/admin/x"]).out, @r"
    no      web.shop → cart.shop:80 GET /admin/x  (403)
            because DENY policy `shop/no-admin` rule 0 refuses it

    matched: DENY `shop/no-admin` rule 0
      --> policies.yaml:38:31
       |
    38 |   - to: [{operation: {paths: [/admin*], ports: ['8080']}}]
       |                               ^^^^^^^           ------ `ports` holds: the request has `8080`
       |                               |
       |                               `paths` holds: the request has `/admin/x`
       |
       = help: it gets through with one change, for instance: ask for the path `/items/x`
    ");
}

#[test]
fn a_rule_that_is_not_there_on_a_tcp_port_is_said_to_be_gone() {
    insta::assert_snapshot!(ask(&["web.shop", "tcp://cart.shop:6379"]).out, @r"
    no      web.shop → cart.shop:6379 TCP
            because ALLOW policies are about cart.shop and no rule of them matches: `shop/readers`
            note: the caller sees its connection closed

    nearest: ALLOW `shop/readers` rule 0, but it is not there on a TCP port: `methods` exists for HTTP only
     --> policies.yaml:7:5
      |
    7 |   - from:
      |     ^ this rule is left out
      |
      = note: port 6379 takes a byte stream (port name tcp-redis of Service shop/cart), so rule 1 of `shop/readers` is not there: it uses `methods`, which exists for HTTP only, and an ALLOW rule that has such a field anywhere is left out as a whole [L4-2]
    ");
}

#[test]
fn everything_is_told_stage_by_stage_where_it_is_asked_for() {
    insta::assert_snapshot!(ask(&["web.shop", "http://cart.shop/items/1", "--explain"]).out, @r"
    yes     web.shop → cart.shop:80 GET /items/1
            because ALLOW policy `shop/readers` rule 1 admits it

    matched: ALLOW `shop/readers` rule 1
      --> policies.yaml:18:19
       |
    18 |         methods: [GET, HEAD]
       |                   ^^^^^^^^^ `methods` holds: the request has `GET`
    19 |         paths: ['/items/*']
       |                 ---------- `paths` holds: the request has `/items/1`
    ...
    22 |       notValues: [evil]
       |                   ---- `request.headers[x-tenant]` holds: the request has no such header

    passed over: AuthorizationPolicy `shop/writers`: its selector wants the label `app: basket`, the workload has `app: cart`
                 --> policies.yaml:24:1

    stage by stage
      transport       let in
                        mutual TLS, the peer is `cluster.local/ns/shop/sa/web`
                        PERMISSIVE, as no PeerAuthentication says otherwise
      http            read
      deny            no match
                        `shop/no-admin` rule 0: fails on `paths` (policies.yaml:38:5)
      allow           allowed
                        `shop/readers` rule 0: fails on `namespaces` and `paths` (policies.yaml:7:5)
                        `shop/readers` rule 1: matches (policies.yaml:16:5)
    ");
}

#[test]
fn without_a_line_to_quote_what_helps_is_told_below() {
    insta::assert_snapshot!(ask(&["web.shop", "get", "http://cart.shop/items/1"]).out, @r"
    no      web.shop → cart.shop:80 get /items/1  (400)
            because the proxy turns the request itself away: unknown method
            note: methods are upper case: did you mean `GET`?
            help: it gets through with one change, for instance: use the method `GET`
    ");
}

#[rstest::rstest]
#[case::escape("/items\u{1b}[31m", "\u{1b}")]
#[case::right_to_left("/items/\u{202e}x", "\u{202e}")]
#[case::line_break("/items/\n  yes", "\n  yes")]
fn nothing_that_is_asked_drives_the_terminal(#[case] path: &str, #[case] raw: &str) {
    let call = ask(&["web.shop", "DELETE", &format!("http://cart.shop{path}"), "--explain"]);
    assert!(!call.out.contains(raw), "{:?}", call.out);
}

#[rstest::rstest]
#[case::value("/\\e[31mred", "\u{1b}")]
#[case::bidi("/\\u202Ex", "\u{202e}")]
fn nothing_that_is_quoted_drives_the_terminal(#[case] value: &str, #[case] raw: &str) {
    let policies = POLICIES.replace("'/items/*'", &format!("\"{value}\""));
    // The character itself, as an editor may have put it there.
    let literal = POLICIES.replace("'/items/*'", &format!("'{raw}'"));
    for policies in [policies, literal] {
        let files = [("mesh.yaml", MESH), ("policies.yaml", policies.as_str())];
        let words =
            ["can-i", "web.shop", "http://cart.shop/x", "-f", "mesh.yaml", "-f", "policies.yaml"];
        let call = Captured::with(&files).run(&words);
        assert!(
            !format!("{}{}", call.out, call.err).contains(raw),
            "{:?} {:?}",
            call.out,
            call.err
        );
    }
}

#[rstest::rstest]
#[case::a_terminal(&[], true, true)]
#[case::no_terminal(&[], false, false)]
#[case::always(&["--color", "always"], false, true)]
#[case::never(&["--color", "never"], true, false)]
fn colours_are_for_terminals(#[case] flags: &[&str], #[case] terminal: bool, #[case] want: bool) {
    let mut system = Captured::with(&[("mesh.yaml", MESH), ("policies.yaml", POLICIES)]);
    if terminal {
        system = system.at_a_terminal();
    }
    let mut words = vec!["can-i", "web.shop", "DELETE", "http://cart.shop/items/1"];
    words.extend(["-f", "mesh.yaml", "-f", "policies.yaml"]);
    words.extend(flags);
    let call = system.run(&words);
    assert_eq!(call.out.contains("\u{1b}["), want, "{:?}", call.out);
    assert_eq!(call.exit, Exit::No);
}

#[test]
fn the_environment_can_refuse_colours() {
    let files = [("mesh.yaml", MESH), ("policies.yaml", POLICIES)];
    let words = [
        "can-i",
        "web.shop",
        "DELETE",
        "http://cart.shop/",
        "-f",
        "mesh.yaml",
        "-f",
        "policies.yaml",
    ];
    let call = Captured::with(&files)
        .at_a_terminal()
        .variables(&[("NO_COLOR", "1")])
        .run(&words);
    assert!(!call.out.contains('\u{1b}'), "{:?}", call.out);
}

#[test]
fn a_document_says_the_same() {
    let call = ask(&["web.shop", "DELETE", "http://cart.shop/items/1", "-o", "json"]);
    let document: serde_json::Value = serde_json::from_str(&call.out).unwrap();
    let explanation = &document["endpoints"][0]["explanation"];
    assert_eq!(explanation["nearest"][0]["policy"], "shop/readers");
    assert_eq!(explanation["nearest"][0]["rule"], 1);
    let field = &explanation["nearest"][0]["fields"][0];
    assert_eq!(field["path"], "to[0].operation.methods");
    assert_eq!(field["wants"], "`GET` or `HEAD`");
    assert_eq!(field["has"], "`DELETE`");
    assert_eq!(
        field["origin"],
        serde_json::json!({"file": "policies.yaml", "line": 18, "column": 19})
    );
    assert_eq!(explanation["remedy"], serde_json::json!(["use the method `GET`"]));
    assert_eq!(call.exit, Exit::No);
}

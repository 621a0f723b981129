//! A request that comes through a gateway: two proxies are asked.

use portcullis::cli::Exit;
use rstest::rstest;

use crate::support::captured::{Call, Captured};

const MESH: &str = "
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {istio-injection: enabled}}
---
apiVersion: v1
kind: Namespace
metadata: {name: istio-system}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: ingress, namespace: istio-system}
spec:
  template:
    metadata: {labels: {istio: ingressgateway}}
    spec: {serviceAccountName: ingress, containers: [{name: istio-proxy}]}
---
apiVersion: v1
kind: Service
metadata: {name: ingress, namespace: istio-system}
spec:
  selector: {istio: ingressgateway}
  ports: [{name: http2, port: 80, targetPort: 8080}, {name: https, port: 443, targetPort: 8443}, {name: tcp, port: 31400}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: cart, namespace: shop}
spec:
  template:
    metadata: {labels: {app: cart}}
    spec: {serviceAccountName: cart, containers: [{name: cart}]}
---
apiVersion: v1
kind: Service
metadata: {name: cart, namespace: shop}
spec:
  selector: {app: cart}
  ports: [{name: http, port: 8080}, {name: tcp, port: 9000}]
";

fn policy(namespace: &str, app: &str, spec: &str) -> String {
    format!(
        "
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {{name: p, namespace: {namespace}}}
spec:
  selector: {{matchLabels: {app}}}
{spec}
"
    )
}

fn ask(policies: &[String], words: &str) -> Call {
    let mesh = format!("{MESH}{}", policies.concat());
    let words = format!("can-i {words} -f mesh.yaml");
    let words: Vec<&str> = words.split(' ').collect();
    Captured::with(&[("mesh.yaml", &mesh)]).run(&words)
}

const GATEWAY: &str = "{istio: ingressgateway}";
const CART: &str = "{app: cart}";

#[test]
fn the_gateway_is_who_calls_the_workload() {
    let cart = policy(
        "shop",
        CART,
        "  rules: [{from: [{source: {principals: [cluster.local/ns/istio-system/sa/ingress]}}]}]",
    );
    let words = "external http://cart.shop:8080/items --via ingress.istio-system";
    let call = ask(std::slice::from_ref(&cart), words);
    insta::assert_snapshot!(call.out, @r"
    yes     outside → cart.shop:8080 GET /items via ingress.istio-system
            because ALLOW policy `shop/p` rule 0 admits it
            --> mesh.yaml:46:11
            note: the gateway ingress.istio-system lets it pass: no AuthorizationPolicy is about ingress.istio-system: whoever gets a connection may call it
    ");
    assert_eq!(call.exit, Exit::Yes);
    let call = ask(&[cart], "external http://cart.shop:8080/items");
    assert_eq!(call.exit, Exit::No);
}

#[test]
fn the_gateway_is_asked_first() {
    let gateway = policy(
        "istio-system",
        GATEWAY,
        "  action: DENY\n  rules: [{to: [{operation: {paths: [/admin]}}]}]",
    );
    let call = ask(&[gateway], "external http://cart.shop:8080/admin --via ingress.istio-system");
    insta::assert_snapshot!(call.out, @r"
    no      outside → cart.shop:8080 GET /admin via ingress.istio-system  (403)
            because DENY policy `istio-system/p` rule 0 refuses it
            note: the gateway itself answers: the workload is not asked

    matched: DENY `istio-system/p` rule 0
      --> mesh.yaml:47:38
       |
    47 |   rules: [{to: [{operation: {paths: [/admin]}}]}]
       |                                      ^^^^^^ `paths` holds: the request has `/admin`
       |
       = help: it gets through with one change, for instance: ask for the path `/`
    ");
    assert_eq!(call.exit, Exit::No);
}

#[test]
fn the_workload_is_asked_behind_it() {
    let cart =
        policy("shop", CART, "  action: DENY\n  rules: [{to: [{operation: {methods: [POST]}}]}]");
    let call =
        ask(&[cart], "external POST http://cart.shop:8080/ --via ingress.istio-system -o json");
    assert_eq!(call.exit, Exit::No, "{}{}", call.out, call.err);
    assert!(
        call.out
            .contains("the gateway ingress.istio-system lets it pass"),
        "{}",
        call.out
    );
}

const REMOTE: &str = "  rules: [{from: [{source: {remoteIpBlocks: [203.0.113.0/24]}}]}]";
const DIRECT: &str = "  rules: [{from: [{source: {ipBlocks: [203.0.113.0/24]}}]}]";
const HEADER: &str =
    "  rules: [{when: [{key: 'request.headers[x-forwarded-for]', values: ['203.0.113.7']}]}]";
const HOST: &str = "  rules: [{to: [{operation: {hosts: [shop.example]}}]}]";
const PATH: &str = "  action: DENY\n  rules: [{to: [{operation: {paths: [/a/b]}}]}]";

#[rstest]
// The gateway appends the address that it was called from, and the sidecar trusts one hop.
#[case::the_clients_address(
    CART,
    REMOTE,
    "external http://cart.shop:8080/ --source-ip 203.0.113.7",
    Exit::Yes
)]
#[case::another_address(
    CART,
    REMOTE,
    "external http://cart.shop:8080/ --source-ip 198.51.100.1",
    Exit::No
)]
#[case::a_forged_address(
    CART,
    REMOTE,
    "external http://cart.shop:8080/ --source-ip 198.51.100.1 --xff 203.0.113.7",
    Exit::No
)]
#[case::an_address_that_is_not_told(CART, REMOTE, "external http://cart.shop:8080/", Exit::Unknown)]
#[case::an_address_as_caller(CART, REMOTE, "203.0.113.7 http://cart.shop:8080/", Exit::Yes)]
#[case::the_address_at_the_gateway(
    GATEWAY,
    REMOTE,
    "external http://cart.shop:8080/ --source-ip 203.0.113.7",
    Exit::Yes
)]
#[case::the_connection_is_the_gateways(
    CART,
    DIRECT,
    "external http://cart.shop:8080/ --source-ip 203.0.113.7",
    Exit::Unknown
)]
#[case::the_header_as_the_gateway_writes_it(
    CART,
    HEADER,
    "external http://cart.shop:8080/ --source-ip 203.0.113.7",
    Exit::Yes
)]
#[case::the_header_that_is_not_told(CART, HEADER, "external http://cart.shop:8080/", Exit::Unknown)]
#[case::the_host_of_the_caller(
    CART,
    HOST,
    "external http://cart.shop:8080/ --host shop.example",
    Exit::Yes
)]
#[case::the_host_of_the_caller_at_the_gateway(
    GATEWAY,
    HOST,
    "external http://cart.shop:8080/ --host shop.example",
    Exit::Yes
)]
#[case::the_host_of_the_service(CART, HOST, "external http://cart.shop:8080/", Exit::No)]
#[case::a_short_host_is_of_the_questions_namespace(
    CART,
    HOST,
    "external http://cart:8080/ -n shop --host shop.example",
    Exit::Yes
)]
#[case::bytes(
    CART,
    "  rules: [{from: [{source: {namespaces: [istio-system]}}]}]",
    "external tcp://cart.shop:9000 PORT 31400",
    Exit::Yes
)]
#[case::own_tls(CART, PATH, "external tls://cart.shop:9000 PORT 31400", Exit::Unknown)]
// What an https port of a gateway takes in is said by its Gateway.
#[case::https(GATEWAY, PATH, "external https://cart.shop:8080/", Exit::Unknown)]
fn what_the_workload_sees_is_what_the_gateway_sends(
    #[case] app: &str,
    #[case] spec: &str,
    #[case] words: &str,
    #[case] want: Exit,
) {
    let namespace = if app == GATEWAY { "istio-system" } else { "shop" };
    let (words, port) = words.split_once(" PORT ").unwrap_or((words, ""));
    let via = if port.is_empty() { String::new() } else { format!(":{port}") };
    let words = format!("{words} --via ingress.istio-system{via}");
    let call = ask(&[policy(namespace, app, spec)], &words);
    assert_eq!(call.exit, want, "{}{}", call.out, call.err);
}

#[test]
fn a_token_that_the_gateway_verifies_may_not_arrive() {
    let tokens = |forward: bool| {
        format!(
            "
---
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {{name: t, namespace: istio-system}}
spec:
  selector: {{matchLabels: {GATEWAY}}}
  jwtRules: [{{issuer: 'https://i', jwksUri: 'https://i/keys', forwardOriginalToken: {forward}}}]
"
        )
    };
    let claims = "external http://cart.shop:8080/ --via ingress.istio-system --jwt-claims {iss:\u{a0}'https://i',sub:\u{a0}a}";
    for (forward, want) in [(false, Exit::Unknown), (true, Exit::Yes)] {
        let call = ask(&[tokens(forward)], &claims.replace('\u{a0}', "\t"));
        assert_eq!(call.exit, want, "{forward}: {}{}", call.out, call.err);
    }
    // Without a token there is nothing to be taken out.
    let call = ask(&[tokens(false)], "external http://cart.shop:8080/ --via ingress.istio-system");
    assert_eq!(call.exit, Exit::Yes, "{}{}", call.out, call.err);
}

#[test]
fn a_port_that_the_gateway_does_not_have_is_told() {
    let call = ask(&[], "external http://cart.shop:8080/ --via ingress.istio-system:81");
    assert_eq!(call.exit, Exit::CouldNotAsk);
    insta::assert_snapshot!(call.err, @r"
    error[PC913]: Service `ingress.istio-system` has no TCP port 81
       = help: it has 80, 443, 31400: write `ingress.istio-system:80`
    ");
    let call = ask(&[], "external http://cart.shop:8080/ --via cart.shop");
    insta::assert_snapshot!(call.err, @r"
    error[PC913]: `cart.shop` is no gateway: it has a sidecar (its namespace says istio-injection: enabled)
       = help: the gateways of the files: ingress.istio-system
    ");
}

#[rstest]
#[case::the_clients_address_is_not_the_gateways("remoteIpBlocks: [10.0.0.5]", "", Exit::Unknown)]
#[case::the_clients_address("remoteIpBlocks: [203.0.113.7]", " --source-ip 203.0.113.7", Exit::Yes)]
#[case::the_connection_is_the_gateways(
    "ipBlocks: [10.0.0.5]",
    " --source-ip 203.0.113.7",
    Exit::Yes
)]
#[case::the_connection_is_not_the_clients(
    "ipBlocks: [203.0.113.7]",
    " --source-ip 203.0.113.7",
    Exit::No
)]
fn a_gateway_with_an_address_calls_from_it(
    #[case] source: &str,
    #[case] flags: &str,
    #[case] want: Exit,
) {
    let pod = "
---
apiVersion: v1
kind: Pod
metadata:
  name: ingress-1
  namespace: istio-system
  ownerReferences: [{apiVersion: apps/v1, kind: Deployment, name: ingress, controller: true}]
spec: {containers: [{name: istio-proxy}]}
status: {podIP: 10.0.0.5}
";
    let cart = policy("shop", CART, &format!("  rules: [{{from: [{{source: {{{source}}}}}]}}]"));
    let words = format!("external http://cart.shop:8080/ --via ingress.istio-system{flags}");
    let call = ask(&[cart, pod.to_owned()], &words);
    assert_eq!(call.exit, want, "{}{}", call.out, call.err);
}

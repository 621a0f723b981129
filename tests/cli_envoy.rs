//! What `envoy` prints, and when it prints nothing.

use portcullis::cli::Exit;

use crate::cli::MESH;
use crate::support::captured::{Call, Captured};

const POLICIES: &str = "
apiVersion: v1
kind: Service
metadata: {name: bytes, namespace: foo}
spec: {selector: {app: httpbin}, ports: [{name: tcp, port: 9000}]}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: deny, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  action: DENY
  rules:
  - from: [{source: {serviceAccounts: [a.b], notTrustDomains: ['*.corp']}}]
    when: [{key: source.ip, values: ['2001:db8::/32']}]
---
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: tokens, namespace: foo}
spec:
  selector: {matchLabels: {app: httpbin}}
  jwtRules:
  - {issuer: b, jwksUri: 'https://b.example/keys', audiences: [web], fromHeaders: [{name: x-token, prefix: 'T '}]}
  - {issuer: a, jwks: '{\"keys\":[{\"kty\":\"oct\",\"k\":\"YQ\"}]}', forwardOriginalToken: true, outputClaimToHeaders: [{header: x-sub, claim: sub}]}
";

fn call(words: &str) -> Call {
    let files = [("mesh.yaml", MESH), ("more.yaml", POLICIES)];
    let words: Vec<&str> = words.split_whitespace().collect();
    Captured::with(&files).run(&words)
}

#[test]
fn the_filters_of_bytes_hold_no_tokens() {
    let call = call("envoy rbac httpbin.foo --port 9000 -f mesh.yaml -f more.yaml");
    assert_eq!(call.exit, Exit::Yes);
    assert!(!call.out.contains("httpFilters"), "{}", call.out);
    assert!(!call.out.contains("jwt_authn"), "{}", call.out);
    assert!(call.out.contains("envoy.filters.network.rbac"), "{}", call.out);
}

#[test]
fn the_filters_of_http_stand_in_the_order_of_the_proxy() {
    let call = call("envoy rbac httpbin.foo --port 8080 -f mesh.yaml -f more.yaml");
    assert_eq!(call.exit, Exit::Yes);
    let told = [
        "envoy.filters.http.jwt_authn",
        // By issuer, each a provider of its own [JWT-2].
        "origins-0",
        "issuer: a",
        "headerName: x-sub",
        "origins-1",
        "issuer: b",
        "- web",
        "valuePrefix: 'T '",
        "{\"keys\":[]}",
        "requiresAll",
        "action: DENY",
        "prefixLen: 32",
        "addressPrefix: '2001:db8::'",
        "safeRegex",
        "ns[foo]-policy[readers]-rule[0]",
    ];
    let mut rest = call.out.as_str();
    for words in ["envoy.filters.http.jwt_authn", "action: DENY", "ns[foo]-policy[readers]-rule[0]"]
    {
        rest = rest
            .split_once(words)
            .unwrap_or_else(|| panic!("{words}: {}", call.out))
            .1;
    }
    for words in told {
        assert!(call.out.contains(words), "{words}: {}", call.out);
    }
    // Nothing of a name means anything to the expression, and the first star of a trust domain stops at a slash.
    assert!(call.out.contains(r"spiffe://.+/ns/foo/(.+/|)sa/a\.b(/.+)?"), "{}", call.out);
    assert!(call.out.contains(r"spiffe://[^/]*\.corp/.*"), "{}", call.out);
    assert!(call.err.contains("the keys of issuer `b` are fetched"), "{}", call.err);
}

#[test]
fn a_whole_configuration_listens_at_the_declared_ports() {
    let call = call(
        "envoy bootstrap httpbin.foo --address 127.0.0.1 --port 4711 -f mesh.yaml -f more.yaml",
    );
    assert_eq!(call.exit, Exit::Yes, "{}", call.err);
    for listens in ["\"name\": \"127.0.0.1_4711\"", "\"name\": \"127.0.0.1_8080\""] {
        assert!(call.out.contains(listens), "{}", call.out);
    }
    // The chains of HTTP that a PERMISSIVE port has beside plaintext.
    assert!(call.out.contains("\"istio-peer-exchange\""), "{}", call.out);
    assert!(call.out.contains("\"prefix\": \"spiffe://cluster.local/\""), "{}", call.out);
}

#[rstest::rstest]
#[case::nobody("envoy rbac nobody.foo -f mesh.yaml", "the files know no workload `nobody.foo`")]
#[case::no_address("envoy bootstrap sleep.foo -f mesh.yaml", "--address 127.0.0.1")]
#[case::no_port("envoy bootstrap sleep.foo --address 127.0.0.1 -f mesh.yaml", "--port 8080")]
fn what_cannot_be_printed_is_said(#[case] words: &str, #[case] said: &str) {
    let call = call(words);
    assert_eq!(call.exit, Exit::CouldNotAsk);
    assert!(call.err.contains(said), "{}", call.err);
    assert_eq!(call.out, "");
}

//! The flags of a question, one by one.

use portcullis::cli::Exit;
use rstest::rstest;

use crate::cli::MESH;
use crate::support::captured::{Call, Captured};

/// A pod with an address, and policies that look at every part of a request.
const MORE: &str = "
apiVersion: v1
kind: Pod
metadata:
  name: sleep-1
  namespace: foo
  ownerReferences: [{apiVersion: apps/v1, kind: Deployment, name: sleep, controller: true}]
spec: {serviceAccountName: sleep, containers: [{name: sleep}]}
status: {podIP: 10.1.2.3, podIPs: [{ip: 10.1.2.3}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: foo}
spec:
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web}]}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: foo}
spec:
  selector: {app: web}
  ports: [{name: http, port: 80}, {name: tcp, port: 90}]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: web, namespace: foo}
spec:
  selector: {matchLabels: {app: web}}
  rules:
  - to: [{operation: {paths: [/host], hosts: [shop.example]}}]
  - to: [{operation: {paths: [/source]}}]
    from: [{source: {ipBlocks: [10.1.0.0/16]}}]
  - to: [{operation: {paths: [/remote]}}]
    from: [{source: {remoteIpBlocks: [203.0.113.0/24]}}]
  - to: [{operation: {paths: [/sni]}}]
    when: [{key: connection.sni, values: [web.example]}]
  - to: [{operation: {paths: [/account]}}]
    from: [{source: {serviceAccounts: [foo/sleep]}}]
  - to: [{operation: {paths: [/post], methods: [POST]}}]
  - to: [{operation: {ports: ['90']}}]
    from: [{source: {namespaces: [foo]}}]
";

fn ask(words: &str) -> Call {
    let files = [("mesh.yaml", MESH), ("more.yaml", MORE)];
    let words = format!("can-i {words} -f mesh.yaml -f more.yaml");
    let words: Vec<&str> = words.split(' ').collect();
    Captured::with(&files).run(&words)
}

#[rstest]
#[case::type_and_name("deploy/sleep -n foo http://web/account", Exit::Yes)]
#[case::type_name_and_namespace("deployment/sleep.foo http://web/account", Exit::Yes)]
#[case::a_flag_for_the_caller("--as sleep.foo http://web.foo/account", Exit::Yes)]
#[case::a_flag_for_the_caller_with_a_method("--as sleep.foo POST http://web.foo/post", Exit::Yes)]
#[case::as_kubectl_names_accounts(
    "--as system:serviceaccount:foo:sleep http://web.foo/account",
    Exit::Yes
)]
#[case::another_account("--as system:serviceaccount:foo:other http://web.foo/account", Exit::No)]
#[case::an_account_and_its_namespace("sa/sleep -n foo http://web.foo/account", Exit::Yes)]
#[case::an_account_of_another_trust_domain(
    "cluster.local/ns/foo/sa/sleep http://httpbin.foo:8000/ --trust-domain corp.example",
    Exit::No
)]
#[case::an_account_is_of_the_meshs_trust_domain(
    "sa/sleep.foo http://httpbin.foo:8000/ --trust-domain corp.example",
    Exit::Yes
)]
#[case::a_flag_for_the_method("sleep.foo http://web.foo/post -X POST", Exit::Yes)]
#[case::another_method("sleep.foo http://web.foo/post --method PUT", Exit::No)]
#[case::a_pods_address("10.1.2.3 http://web.foo/account", Exit::Yes)]
#[case::a_pods_address_is_where_it_calls_from("10.1.2.3 http://web.foo/source", Exit::Yes)]
#[case::an_address_outside_has_no_identity("10.1.2.9 http://web.foo/account", Exit::No)]
#[case::an_address_outside_is_where_it_calls_from("10.1.2.9 http://web.foo/source", Exit::Yes)]
#[case::somebody_outside("external http://web.foo/source --source-ip 10.1.9.9", Exit::Yes)]
#[case::somebody_outside_without_address("external http://web.foo/source", Exit::Unknown)]
#[case::a_pods_address_is_called("sleep.foo tcp://10.1.2.3:90", Exit::Yes)]
#[case::host("sleep.foo http://web.foo/host --host shop.example", Exit::Yes)]
#[case::another_host("sleep.foo http://web.foo/host", Exit::No)]
#[case::no_host("sleep.foo http://web.foo/host --host=", Exit::No)]
#[case::remote_ip("sleep.foo http://web.foo/remote --remote-ip 203.0.113.7", Exit::Yes)]
#[case::another_remote_ip("sleep.foo http://web.foo/remote --remote-ip 198.51.100.1", Exit::No)]
#[case::forwarded("sleep.foo http://web.foo/remote --xff 198.51.100.1,203.0.113.7", Exit::Yes)]
#[case::the_last_one_counts(
    "sleep.foo http://web.foo/remote --xff 203.0.113.7,198.51.100.1",
    Exit::No
)]
#[case::sni("sleep.foo http://web.foo/sni --sni web.example", Exit::Yes)]
#[case::the_proxys_own_sni("sleep.foo http://web.foo/sni", Exit::No)]
#[case::bytes("sleep.foo tcp://web.foo:90", Exit::Yes)]
#[case::own_tls("sleep.foo tls://web.foo:90", Exit::No)]
#[case::recursive("sleep.foo http://web.foo/account -R", Exit::Yes)]
fn a_flag_says_what_the_request_is_like(#[case] words: &str, #[case] want: Exit) {
    let call = ask(words);
    assert_eq!(call.exit, want, "{}{}", call.out, call.err);
}

#[test]
fn what_is_offered_in_tls_decides_how_bytes_are_taken() {
    // Without Istio's ALPN, TLS is bytes to a sidecar, also where it is the mesh's own.
    let call = ask("sleep.foo http://web.foo/account --alpn h2");
    assert_ne!(call.exit, Exit::Yes, "{}", call.out);
    let call = ask("sleep.foo http://web.foo/account --alpn istio-http/1.1,istio");
    assert_eq!(call.exit, Exit::Yes, "{}", call.out);
}

#[rstest]
#[case::bare("trustDomain: corp.example", &[], Exit::No)]
#[case::helm_values("meshConfig: {trustDomain: corp.example}", &[], Exit::No)]
#[case::a_flag_counts_over_it("trustDomain: corp.example", &["--trust-domain", "cluster.local"], Exit::Yes)]
#[case::it_counts_over_the_files("rootNamespace: istio-config", &[], Exit::Yes)]
#[case::misspelt("trustDomian: corp.example", &[], Exit::CouldNotAsk)]
#[case::none_in_it("apiVersion: v1\nkind: Secret", &[], Exit::CouldNotAsk)]
fn a_mesh_config_is_a_file_of_its_own(
    #[case] text: &str,
    #[case] more: &[&str],
    #[case] want: Exit,
) {
    let root = "
apiVersion: v1
kind: ConfigMap
metadata: {name: istio, namespace: istio-system}
data: {mesh: 'rootNamespace: istio-system'}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: nothing, namespace: istio-config}
spec: {selector: {matchLabels: {app: nobody}}}
";
    let files = [("mesh.yaml", MESH), ("root.yaml", root), ("config.yaml", text)];
    let words = [
        "can-i",
        "cluster.local/ns/foo/sa/sleep",
        "http://httpbin.foo:8000/",
        "-f",
        "mesh.yaml",
        "-f",
        "root.yaml",
        "--mesh-config",
        "config.yaml",
    ];
    let call = Captured::with(&files).run(&[&words[..], more].concat());
    assert_eq!(call.exit, want, "{}{}", call.out, call.err);
}

#[rstest]
#[case::the_host("tls://web.foo:90", "web.foo", Exit::Yes)]
#[case::another("tls://web.foo:90", "web", Exit::No)]
#[case::said("tls://web.foo:90 --sni web", "web", Exit::Yes)]
#[case::the_name_that_is_asked_for(
    "tls://web.foo:90 --host shop.example:443",
    "shop.example",
    Exit::Yes
)]
#[case::a_sidecar_asks_for_the_service("tcp://web.foo:90", "web.foo", Exit::No)]
fn tls_of_the_callers_own_asks_for_the_host(
    #[case] words: &str,
    #[case] name: &str,
    #[case] want: Exit,
) {
    let policy = format!(
        "
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {{name: sni, namespace: foo}}
spec:
  selector: {{matchLabels: {{app: web}}}}
  rules: [{{when: [{{key: connection.sni, values: [{name}]}}]}}]
"
    );
    let without = MORE.rsplit_once("---").unwrap().0;
    let files = [("mesh.yaml", MESH), ("more.yaml", without), ("sni.yaml", &policy)];
    let words = format!("can-i sleep.foo {words} -f mesh.yaml -f more.yaml -f sni.yaml");
    let words: Vec<&str> = words.split(' ').collect();
    let call = Captured::with(&files).run(&words);
    assert_eq!(call.exit, want, "{}{}", call.out, call.err);
}

#[test]
fn flags_count_for_the_lines_of_a_file_that_do_not_say_otherwise() {
    let lines = r#"{"from": "sleep.foo", "to": "web.foo:80", "request": {"path": "/source"}}
{"from": "sleep.foo", "to": "web.foo:80", "request": {"path": "/source"}, "sourceIp": "10.2.0.1"}
"#;
    let files = [("mesh.yaml", MESH), ("more.yaml", MORE), ("lines", lines)];
    let words = [
        "can-i",
        "--requests",
        "lines",
        "-f",
        "mesh.yaml",
        "-f",
        "more.yaml",
        "--source-ip",
        "10.1.0.1",
    ];
    let call = Captured::with(&files).run(&words);
    let first: Vec<&str> = call
        .out
        .lines()
        .map(|line| line.split(' ').next().unwrap())
        .collect();
    assert_eq!(first, ["yes", "no"], "{}{}", call.out, call.err);
}

#[test]
fn every_line_of_a_file_goes_through_the_gateway_and_comes_from_the_address() {
    let ingress = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: ingress, namespace: foo}
spec:
  template:
    metadata: {labels: {istio: ingressgateway}}
    spec: {containers: [{name: istio-proxy}]}
";
    let lines = r#"{"from": {"external": true, "ip": "203.0.113.9"}, "to": "web.foo:80", "request": {"path": "/remote"}}
{"from": {"external": true, "ip": "198.51.100.1"}, "to": "web.foo:80", "request": {"path": "/remote"}}
"#;
    let files =
        [("mesh.yaml", MESH), ("more.yaml", MORE), ("ingress.yaml", ingress), ("lines", lines)];
    let words = [
        "can-i",
        "--requests",
        "lines",
        "-f",
        "mesh.yaml",
        "-f",
        "more.yaml",
        "-f",
        "ingress.yaml",
    ];
    let answers = |more: &[&str]| {
        let call = Captured::with(&files).run(&[&words[..], more].concat());
        let answers = call
            .out
            .lines()
            .map(|line| line.split(' ').next().unwrap().to_owned());
        answers.collect::<Vec<_>>().join(" ")
    };
    assert_eq!(answers(&["--via", "ingress.foo"]), "yes no");
    assert_eq!(answers(&["--xff", "203.0.113.1"]), "yes yes");
    assert_eq!(answers(&["--via", ":80"]), "");
}

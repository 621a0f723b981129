//! Wrong ways to ask: each answer says what to do.

use portcullis::cli::Exit;

use crate::cli::MESH;
use crate::support::captured::Captured;

const BOOKINFO: &str = "
apiVersion: v1
kind: Namespace
metadata: {name: bookinfo, labels: {istio-injection: enabled}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: reviews, namespace: bookinfo}
spec:
  template:
    metadata: {labels: {app: reviews}}
    spec: {containers: [{name: reviews, ports: [{containerPort: 9080}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: reviews, namespace: bookinfo}
spec:
  selector: {app: reviews}
  ports: [{name: http, port: 9080}, {name: http-admin, port: 9090}]
---
apiVersion: v1
kind: Service
metadata: {name: ratings, namespace: bookinfo}
spec:
  selector: {app: ratings}
  ports: [{name: http, port: 9080}]
";

/// What is told; nothing is answered.
fn told(words: &str) -> String {
    let files = [
        ("mesh.yaml", MESH),
        ("bookinfo.yaml", BOOKINFO),
        ("notes.yaml", "- buy milk\n- sleep\n"),
        ("secret.yaml", "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\n"),
        ("-", ""),
        ("chart.yaml", "replicas: {{ .Values.replicas }}\n"),
    ];
    let words: Vec<&str> = words.split(' ').filter(|word| !word.is_empty()).collect();
    let call = Captured::with(&files).run(&words);
    assert_eq!((call.exit, call.out.as_str()), (Exit::CouldNotAsk, ""), "{}", call.err);
    call.err
}

const FILES: &str = "-f mesh.yaml -f bookinfo.yaml";

fn asked(words: &str) -> String {
    told(&format!("can-i {words} {FILES}"))
}

#[test]
fn a_wrong_name_is_met_with_the_nearest() {
    insta::assert_snapshot!(asked("slep.foo http://httpbin.foo:8000/"), @r"
    error[PC913]: the files know no workload `slep.foo`
       = help: did you mean `sleep.foo`?
    ");
    insta::assert_snapshot!(asked("sleep.foo http://htpbin.foo:8000/"), @r"
    error[PC913]: the files know no workload or Service `htpbin.foo`
       = help: did you mean `httpbin.foo`?
    ");
    insta::assert_snapshot!(asked("sleep.fooo http://httpbin.foo:8000/"), @r"
    error[PC913]: the files know no workload `sleep.fooo`
       = help: there is a `sleep` in `foo`: did you mean `sleep.foo`?
    ");
    insta::assert_snapshot!(asked("nobody.nowhere http://httpbin.foo:8000/"), @r"
    error[PC913]: the files know no workload `nobody.nowhere`
       = help: the files know `httpbin.foo`, `reviews.bookinfo`, `sleep.foo`
    ");
    insta::assert_snapshot!(asked("client.bookinof http://httpbin.foo:8000/"), @r"
    error[PC913]: the files know no workload `client.bookinof`
       = help: the files know no namespace `bookinof`: did you mean `bookinfo`?
    ");
}

#[test]
fn a_name_of_another_namespace_is_told() {
    insta::assert_snapshot!(asked("sleep http://httpbin.foo:8000/"), @r"
    error[PC913]: the files know no workload `sleep` in namespace `default`
       = help: there is a `sleep` in `foo`: did you mean `sleep.foo`?
    ");
    insta::assert_snapshot!(asked("sleep.foo http://reviews:9080/"), @r"
    error[PC913]: the files know no workload or Service `reviews` in namespace `foo`
       = help: there is a `reviews` in `bookinfo`: did you mean `reviews.bookinfo`?
    ");
    insta::assert_snapshot!(asked("reviews -n foo http://httpbin.foo:8000/"), @r"
    error[PC913]: the files know no workload `reviews` in namespace `foo`
       = help: there is a `reviews` in `bookinfo`: did you mean `reviews.bookinfo`?
    ");
}

#[test]
fn a_wrong_kind_is_told() {
    insta::assert_snapshot!(asked("sts/sleep.foo http://httpbin.foo:8000/"), @r"
    error[PC913]: the files know no workload `sts/sleep.foo`
       = help: `sleep.foo` is a Deployment: write `deployment/sleep.foo`
    ");
    insta::assert_snapshot!(asked("foo/sleep http://httpbin.foo:8000/"), @r"
    error[PC913]: the files know no workload `foo/sleep` in namespace `default`
       = help: the namespace stands behind the name: write `sleep.foo`
    ");
}

#[test]
fn a_wrong_port_is_met_with_those_there_are() {
    insta::assert_snapshot!(asked("sleep.foo http://httpbin.foo/get"), @r"
    error[PC913]: Service `httpbin.foo` has no TCP port 80
       = help: it has 8000: write `httpbin.foo:8000`
    ");
    insta::assert_snapshot!(asked("sleep.foo http://httpbin.foo:8080/get"), @r"
    error[PC913]: Service `httpbin.foo` has no TCP port 8080
       = help: 8080 is the port of its pods; it has 8000: write `httpbin.foo:8000`
    ");
    insta::assert_snapshot!(asked("sleep.foo tcp://reviews.bookinfo"), @r"
    error[PC913]: `reviews.bookinfo` needs a port
       = help: it has 9080, 9090: write `reviews.bookinfo:9080`
    ");
    insta::assert_snapshot!(asked("sleep.foo http://httpbin.foo:80800/"), @r"
    error[PC914]: `httpbin.foo:80800` has a port that is no number from 0 to 65535
       = help: as in `httpbin.foo:8000`
    ");
    insta::assert_snapshot!(asked("sleep.foo http://ratings.bookinfo:9080/"), @r"
    error[PC913]: Service `ratings.bookinfo` has no workload behind port 9080
       = help: its selector matches no pod template in the files, or its targetPort names no port of one
    ");
}

#[test]
fn a_url_that_is_none_is_told() {
    insta::assert_snapshot!(asked("sleep.foo httpbin.foo:8000/get"), @r"
    error[PC914]: `httpbin.foo:8000/get` has no scheme
       = help: write `http://httpbin.foo:8000/get`, or `tcp://host:port` for a byte stream
    ");
    insta::assert_snapshot!(asked("sleep.foo grpc://httpbin.foo:8000/"), @r"
    error[PC914]: `grpc` is no scheme that can be asked about
       = help: for the proxy it is HTTP: write `http://`
    ");
    insta::assert_snapshot!(asked("sleep.foo http:///get"), @r"
    error[PC914]: `http:///get` names no host
       = help: as in `http://httpbin.foo:8000/headers`
    ");
    insta::assert_snapshot!(asked("sleep.foo http://fd00::1:80/"), @r"
    error[PC914]: `fd00::1:80` has a port that is no number from 0 to 65535
       = help: an IPv6 address stands in brackets: `http://[fd00::1:80]/`
    ");
    insta::assert_snapshot!(asked("sleep.foo GET tcp://httpbin.foo:8000"), @r"
    error[PC914]: the method `GET` means nothing to tcp://
       = help: leave it out, or ask about http://
    ");
}

#[test]
fn what_is_outside_the_mesh_is_told() {
    insta::assert_snapshot!(asked("sleep.foo http://www.example.com/"), @r"
    error[PC913]: the files know no workload or Service `www.example.com`
       = help: a host outside the mesh has no proxy of the mesh before it; the files know `httpbin.foo`, `ratings.bookinfo`, `reviews.bookinfo`, `sleep.foo`
    ");
    insta::assert_snapshot!(asked("sleep.foo http://10.9.8.7:80/"), @r"
    error[PC913]: the files know no workload or Service `10.9.8.7`
       = help: no Pod (`status.podIP`) and no Service (`spec.clusterIP`) of the files has this address: name a workload or a Service instead
    ");
}

#[test]
fn words_that_are_no_question_are_told() {
    insta::assert_snapshot!(asked(""), @r"
    error[PC914]: nothing is asked
       = help: write `portcullis can-i FROM [METHOD] URL -f PATH`, as in `portcullis can-i sleep.foo GET http://httpbin.foo:8000/headers -f policies/`
    ");
    insta::assert_snapshot!(asked("http://httpbin.foo:8000/"), @r"
    error[PC914]: who calls is not said
       = help: write `portcullis can-i FROM [METHOD] URL -f PATH`, as in `portcullis can-i sleep.foo GET http://httpbin.foo:8000/headers -f policies/`
    ");
    insta::assert_snapshot!(asked("sleep.foo GET http://httpbin.foo:8000/ -X POST"), @r"
    error[PC914]: a question is FROM, METHOD and URL, each once, and not these 3 words
       = help: write `portcullis can-i FROM [METHOD] URL -f PATH`, as in `portcullis can-i sleep.foo GET http://httpbin.foo:8000/headers -f policies/`
    ");
    insta::assert_snapshot!(asked("sleep.foo http://httpbin.foo:8000/ --header nonsense"), @r"
    error[PC914]: `-H nonsense` is no header line
       = help: write `-H 'Name: value'`
    ");
    insta::assert_snapshot!(asked("sleep.foo http://httpbin.foo:8000/ --provider opa"), @r"
    error[PC914]: `--provider opa` is not understood
       = help: write `NAME=allow`, `NAME=deny` or `NAME=error`
    ");
}

#[test]
fn a_gateway_that_is_none_is_told() {
    insta::assert_snapshot!(asked("external http://httpbin.foo:8000/ --via sleep.foo"), @r"
    error[PC913]: `sleep.foo` is no gateway: it has a sidecar (its namespace says istio-injection: enabled)
       = help: the files hold no gateway: its Deployment runs istio-proxy and carries the label `istio: ingressgateway`, or `gateway.networking.k8s.io/gateway-name`
    ");
    insta::assert_snapshot!(asked("external http://httpbin.foo:8000/ --via ingres.istio-system"), @r"
    error[PC913]: the files know no workload `ingres.istio-system`
       = help: the files know `httpbin.foo`, `reviews.bookinfo`, `sleep.foo`
    ");
}

#[test]
fn files_that_hold_nothing_are_told() {
    let ask = |files: &str| told(&format!("can-i sleep.foo http://httpbin.foo:8000/ {files}"));
    insta::assert_snapshot!(ask(""), @r"
    error[PC914]: no file is named that holds policies
       = help: name it: `-f policies/`, `-f 'k8s/**/*.yaml'`, `-f -`, or `filename:` in .portcullis.yaml
    ");
    insta::assert_snapshot!(ask("-f policies/nowhere"), @r"
    error[PC901]: cannot read `policies/nowhere`: no such file or folder
       = help: a path is relative to the working directory; `-` is standard input
    ");
    insta::assert_snapshot!(ask("-f src/cli"), @r"
    error[PC901]: `src/cli` holds no YAML or JSON file
       = help: name a file, a folder or a pattern that holds Kubernetes manifests
    ");
    insta::assert_snapshot!(ask("-f notes.yaml"), @r"
    error[PC904]: a document takes a mapping, not a list
      --> notes.yaml:1:1
       = help: this is no Kubernetes manifest: one has `apiVersion`, `kind` and `metadata`
    ");
    insta::assert_snapshot!(ask("-f secret.yaml"), @r"
    error[PC901]: the files hold nothing that is looked at, only Secret 1
       = help: name files with AuthorizationPolicies, Services, Deployments, Pods and Namespaces
    ");
    insta::assert_snapshot!(ask("-f chart.yaml"), @r"
    error[PC907]: this is no resource: it has no `apiVersion` and no `kind`
      --> chart.yaml:1:1
       = help: a resource needs `apiVersion`, `kind` and `metadata.name`

    error[PC902]: a mapping cannot be a key
      --> chart.yaml:1:12 replicas
       = help: `{{` is left of a template: render it first, as `helm template` does
    ");
    insta::assert_snapshot!(ask("-f Cargo.toml"), @r"
    error[PC904]: a document takes a mapping, not a list
      --> Cargo.toml:1:1
       = help: this is no Kubernetes manifest: one has `apiVersion`, `kind` and `metadata`

    error[PC902]: did not find expected <document start>
      --> Cargo.toml:2:1
       = help: one document ends before this: put `---` between two
    ");
}

#[test]
fn standard_input_is_read_once() {
    insta::assert_snapshot!(asked("sleep.foo http://httpbin.foo:8000/ --mesh-config - -f -"), @r"
    error[PC914]: `-f -` and `--mesh-config -` both read standard input
       = help: write one of them to a file
    ");
    insta::assert_snapshot!(asked("--requests - -f -"), @r"
    error[PC914]: `-f -` and `--requests -` both read standard input
       = help: write one of them to a file
    ");
    insta::assert_snapshot!(asked("--requests - --mesh-config -"), @r"
    error[PC914]: `--mesh-config -` and `--requests -` both read standard input
       = help: write one of them to a file
    ");
}

#[test]
fn a_service_account_that_nobody_runs_as_may_be_misspelt() {
    let call = Captured::with(&[("mesh.yaml", MESH)]).run(&[
        "can-i",
        "sa/slep.foo",
        "http://httpbin.foo:8000/",
        "-f",
        "mesh.yaml",
    ]);
    insta::assert_snapshot!(call.err, @r"
    warning[PC913]: no workload of the files runs as `cluster.local/ns/foo/sa/slep`
       = help: did you mean `cluster.local/ns/foo/sa/sleep`?
    ");
    assert_eq!(call.exit, Exit::No);
    // One that is like no other is meant so.
    let call = Captured::with(&[("mesh.yaml", MESH)]).run(&[
        "can-i",
        "sa/planned.elsewhere",
        "http://httpbin.foo:8000/",
        "-f",
        "mesh.yaml",
    ]);
    assert_eq!((call.exit, call.err.as_str()), (Exit::No, ""));
}

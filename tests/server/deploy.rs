//! What runs the webhook in a cluster, and the proof that it answers before the API server asks it.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use portcullis::cli::Exit;
use portcullis::server::{Check, Target, self_test};
use rstest::rstest;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::Value;

use super::support::{Citadel, InMemory, options, serve};
use crate::admission::support::{GUARDS, MESH};
use crate::ca::support::Scratch;
use crate::support::captured::Captured;
use crate::support::{is_or_becomes, project};

const ROOT: &str = "-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n";

fn manifests(words: &[&str]) -> (Exit, String, String) {
    let words = [&["webhook", "manifests"], words].concat();
    let call = Captured::with(&[("root.pem", ROOT), ("no.pem", "text\n")]).run(&words);
    (call.exit, call.out, call.err)
}

#[track_caller]
fn printed(words: &[&str]) -> Vec<Value> {
    let (exit, out, err) = manifests(&[&["-o", "json"], words].concat());
    assert_eq!((exit, err.as_str()), (Exit::Yes, ""));
    let list: Value = serde_json::from_str(&out).unwrap();
    list["items"].as_array().unwrap().clone()
}

fn kinds(manifests: &[Value]) -> Vec<&str> {
    manifests
        .iter()
        .map(|one| one["kind"].as_str().unwrap())
        .collect()
}

#[rstest]
#[case("server", &["server"])]
#[case("server-from-cluster", &["server", "--from-cluster"])]
#[case("registration", &["registration"])]
fn the_kustomize_bases_are_what_is_printed(#[case] folder: &str, #[case] words: &[&str]) {
    let path = format!("deploy/webhook/{folder}/webhook.yaml");
    let (exit, out, err) = manifests(words);
    assert_eq!(exit, Exit::Yes);
    assert_eq!(err.contains("`caBundle` is a placeholder"), folder == "registration", "{err}");
    is_or_becomes(&path, &project(&path), &out);
}

#[test]
fn all_of_it_is_the_server_and_its_registration() {
    let all = printed(&["--ca-bundle", "root.pem"]);
    let wanted = [
        "Namespace",
        "ServiceAccount",
        "Deployment",
        "Service",
        "PodDisruptionBudget",
        "NetworkPolicy",
        "ValidatingWebhookConfiguration",
    ];
    assert_eq!(kinds(&all), wanted);
    assert_eq!(kinds(&printed(&["server"])), wanted[..6]);
    let mut rights = wanted.to_vec();
    drop(rights.splice(2..2, ["ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"]));
    assert_eq!(kinds(&printed(&["--ca-bundle", "root.pem", "--from-cluster"])), rights);
    let elsewhere = ["--ca-bundle", "root.pem", "--url", "https://localhost:8443/validate"];
    assert_eq!(kinds(&printed(&elsewhere)), wanted[6..]);
}

#[test]
fn options_go_where_they_belong() {
    let words = "--ca-bundle root.pem --namespace gate --name keeper --image i:1 --replicas 3 --guards g --policies p \
        --certificate c --fail-open -- --max-newly-allowed 0";
    let all = printed(&words.split_whitespace().collect::<Vec<_>>());
    let deployment = &all[2];
    let pod = &deployment["spec"]["template"]["spec"];
    let container = &pod["containers"][0];
    let arguments: Vec<&str> = container["args"]
        .as_array()
        .unwrap()
        .iter()
        .map(|word| word.as_str().unwrap())
        .collect();
    let arguments = arguments.join(" ");
    assert!(arguments.starts_with("webhook serve "), "{arguments}");
    assert!(
        arguments.ends_with("--guard /etc/portcullis/guards --fail-open --max-newly-allowed 0"),
        "{arguments}"
    );
    assert_eq!(container["image"], "i:1");
    assert_eq!(deployment["metadata"]["namespace"], "gate");
    assert_eq!(deployment["spec"]["replicas"], 3);
    assert_eq!(pod["volumes"][0]["secret"]["secretName"], "c");
    assert_eq!(pod["volumes"][1]["configMap"]["name"], "p");
    assert_eq!(pod["volumes"][2]["configMap"]["name"], "g");
    let webhook = &all[6]["webhooks"][0];
    assert_eq!(webhook["failurePolicy"], "Ignore");
    assert_eq!(webhook["clientConfig"]["service"]["name"], "keeper");
    assert_eq!(
        webhook["namespaceSelector"]["matchExpressions"][0]["values"],
        serde_json::json!(["kube-system", "gate"])
    );
}

fn of_kind<'m>(manifests: &'m [Value], kind: &str) -> &'m Value {
    manifests.iter().find(|one| one["kind"] == kind).unwrap()
}

fn arguments(manifests: &[Value]) -> Vec<&str> {
    let pod = &of_kind(manifests, "Deployment")["spec"]["template"]["spec"];
    let words = pod["containers"][0]["args"].as_array().unwrap();
    words.iter().map(|word| word.as_str().unwrap()).collect()
}

/// What the deployment runs is understood by the program.
#[rstest]
#[case::files(&[], "/etc/portcullis/policies")]
#[case::a_cluster(
    &["--from-cluster", "--istio-namespace", "mesh", "--revision", "canary"],
    if cfg!(feature = "kube") { "missing.yaml" } else { "`--features kube`" }
)]
fn the_arguments_are_those_of_serve(#[case] words: &[&str], #[case] why: &str) {
    let mut options = vec!["--guards", "g", "--fail-open", "--", "--max-newly-denied", "3"];
    if words.contains(&"--from-cluster") {
        // A kubeconfig of whoever runs the test is not what is meant.
        options.extend(["--kubeconfig", "missing.yaml"]);
    }
    let all = printed(&[&["server"], words, &options].concat());
    let words = arguments(&all);
    let call = Captured::default().run(&words);
    assert_eq!(call.exit, Exit::CouldNotAsk);
    assert!(call.err.contains(why), "{}", call.err);
}

/// To list and watch what is read: no more, and no less.
#[test]
fn the_rights_are_those_to_what_is_read() {
    let all = printed(&["server", "--from-cluster", "--namespace", "gate", "--name", "keeper"]);
    let texts = |value: &Value| -> Vec<String> {
        let texts = value.as_array().unwrap().iter();
        texts
            .map(|text| text.as_str().unwrap().to_owned())
            .collect()
    };
    let mut given = Vec::new();
    for rule in of_kind(&all, "ClusterRole")["rules"].as_array().unwrap() {
        assert_eq!(texts(&rule["verbs"]), ["list", "watch"]);
        assert!(rule.get("resourceNames").is_none());
        for group in texts(&rule["apiGroups"]) {
            let resources = texts(&rule["resources"]);
            given.extend(resources.into_iter().map(|plural| (group.clone(), plural)));
        }
    }
    let wanted: Vec<(String, String)> = portcullis::cluster::KINDS
        .iter()
        .filter(|kind| kind.kind != "ConfigMap")
        .map(|kind| (kind.group.to_owned(), kind.plural.to_owned()))
        .collect();
    assert_eq!(given, wanted);
    assert!(
        given
            .iter()
            .all(|(_, plural)| plural != "secrets" && plural != "*")
    );
    let role = of_kind(&all, "Role");
    assert_eq!(role["metadata"]["namespace"], "istio-system");
    let wanted = serde_json::json!([{
        "apiGroups": [""], "resources": ["configmaps"], "resourceNames": ["istio"], "verbs": ["list", "watch"],
    }]);
    assert_eq!(role["rules"], wanted);
    for binding in ["ClusterRoleBinding", "RoleBinding"] {
        let binding = of_kind(&all, binding);
        assert_eq!(binding["roleRef"]["name"], "keeper");
        let subject =
            serde_json::json!([{"kind": "ServiceAccount", "name": "keeper", "namespace": "gate"}]);
        assert_eq!(binding["subjects"], subject);
    }
}

/// The chart gives the same rights.
#[test]
fn the_rights_of_the_chart_are_those_that_are_printed() {
    let text = project("deploy/chart/templates/rights.yaml");
    let role = text.split("kind: ClusterRoleBinding").next().unwrap();
    let lines = role.lines().filter_map(|line| {
        let group = line
            .strip_prefix("- apiGroups: [")
            .map(|rest| rest.trim_end_matches(']'));
        group.or_else(|| line.strip_prefix("  - "))
    });
    let mut wanted = Vec::new();
    let many = portcullis::cluster::KINDS.iter().filter(|kind| !kind.one);
    for kind in many {
        let group = if kind.group.is_empty() { "\"\"" } else { kind.group };
        if !wanted.contains(&group) {
            wanted.push(group);
        }
        wanted.push(kind.plural);
    }
    assert_eq!(lines.collect::<Vec<_>>(), wanted);
}

#[rstest]
#[case::files(&[], false)]
#[case::a_cluster(&["--from-cluster"], true)]
fn a_token_and_a_way_out_are_for_who_reads_a_cluster(#[case] words: &[&str], #[case] reads: bool) {
    let all = printed(&[&["server"], words].concat());
    let pod = &of_kind(&all, "Deployment")["spec"]["template"]["spec"];
    assert_eq!(pod["automountServiceAccountToken"], reads);
    let limits = &pod["containers"][0]["resources"]["limits"];
    assert_eq!(limits["memory"], if reads { "1Gi" } else { "256Mi" });
    assert_eq!(pod["volumes"].as_array().unwrap().len(), if reads { 1 } else { 2 });
    let egress = &of_kind(&all, "NetworkPolicy")["spec"]["egress"];
    let ports = serde_json::json!([{"ports": [{"port": 443}, {"port": 6443}]}]);
    assert_eq!(*egress, if reads { ports } else { serde_json::json!([]) });
    assert_eq!(arguments(&all).contains(&"--from-cluster"), reads);
    assert_eq!(arguments(&all).contains(&"--filename"), !reads);
}

/// The config map of istiod is that of its revision.
#[test]
fn a_revision_names_its_config_map() {
    let words = ["server", "--from-cluster", "--istio-namespace", "mesh", "--revision", "canary"];
    let all = printed(&words);
    let role = of_kind(&all, "Role");
    assert_eq!(role["metadata"]["namespace"], "mesh");
    assert_eq!(role["rules"][0]["resourceNames"][0], "istio-canary");
    let words = arguments(&all).join(" ");
    assert!(words.ends_with("--from-cluster --istio-namespace mesh --revision canary"), "{words}");
}

#[rstest]
#[case::both(&["serve", "--from-cluster", "-f", "policies"], "cannot be used with '--filename <PATH>'")]
#[case::a_context_of_nothing(&["serve", "-f", "policies", "--context", "prod"], "`--context` is about a cluster, and none is read")]
#[case::a_revision_of_nothing(&["manifests", "--revision", "canary"], "`--revision` is about a cluster")]
#[case::a_config_map_beside(&["manifests", "--from-cluster", "--policies", "p"], "cannot be used with")]
#[case::no_cluster(
    &["serve", "--from-cluster", "--kubeconfig", "missing.yaml"],
    if cfg!(feature = "kube") { "no cluster can be read" } else { "build it with `--features kube`" }
)]
fn words_about_a_cluster_are_held_against_each_other(#[case] words: &[&str], #[case] why: &str) {
    let call = Captured::default().run(&[&["webhook"], words].concat());
    assert_eq!((call.exit, call.out.as_str()), (Exit::CouldNotAsk, ""));
    assert!(call.err.contains(why), "{}", call.err);
}

#[rstest]
#[case::namespace(&["--namespace", "Not_a_label"], "a DNS label has at most 63")]
#[case::url(&["--url", "http://localhost/validate"], "`https://HOST:PORT/validate` is meant")]
#[case::no_file(&["--ca-bundle", "missing.pem"], "missing.pem")]
#[case::no_certificate(&["--ca-bundle", "no.pem"], "`no.pem` holds no certificate as PEM")]
fn what_makes_no_sense_is_refused(#[case] words: &[&str], #[case] why: &str) {
    let (exit, out, err) = manifests(words);
    assert_eq!((exit, out.as_str()), (Exit::CouldNotAsk, ""));
    assert!(err.contains(why), "{err}");
}

fn target(citadel: &Citadel, address: std::net::SocketAddr) -> Target {
    Target {
        url: format!("https://{address}/validate"),
        server_name: "localhost".to_owned(),
        roots: citadel.roots_pem().into_bytes(),
        client: None,
        patience: Duration::from_secs(10),
    }
}

fn troubles(checks: &[Check]) -> Vec<&'static str> {
    checks
        .iter()
        .filter(|check| check.trouble.is_some())
        .map(|check| check.claim)
        .collect()
}

#[test]
fn a_webhook_that_answers_passes() {
    let citadel = Citadel::new();
    let source = InMemory::of(MESH, GUARDS, citadel.certificate());
    let serving = serve(&citadel, source, options()).unwrap();
    let address = serving.running.address();
    let checks = self_test(&target(&citadel, address)).unwrap();
    assert_eq!((checks.len(), troubles(&checks)), (4, Vec::new()), "{checks:?}");

    let url = format!("https://{address}/validate");
    let roots = citadel.roots_pem();
    let words = |name| {
        ["webhook", "self-test", "--url", &url, "--ca-bundle", "root.pem", "--server-name", name]
    };
    let call = Captured::with(&[("root.pem", &roots)]).run(&words("localhost"));
    assert_eq!((call.exit, call.err.as_str()), (Exit::Yes, ""));
    insta::assert_snapshot!(call.out, @r"
    ok: an invalid object is denied
    ok: a harmless change is allowed
    ok: it is ready
    ok: its metrics are told
    ");
    let call = Captured::with(&[("root.pem", &roots)]).run(&words("portcullis.portcullis.svc"));
    assert_eq!((call.exit, call.out.as_str()), (Exit::CouldNotAsk, ""));
    assert!(call.err.contains("not valid for name"), "{}", call.err);
}

#[test]
fn one_that_cannot_be_asked_is_told() {
    let (citadel, other) = (Citadel::new(), Citadel::new());
    let source = InMemory::of(MESH, GUARDS, citadel.certificate());
    let serving = serve(&citadel, source, options()).unwrap();
    let address = serving.running.address();
    let why = self_test(&target(&other, address)).unwrap_err();
    assert!(why.contains("invalid peer certificate"), "{why}");
    assert!(serving.running.stop());
    let why = self_test(&target(&citadel, address)).unwrap_err();
    assert!(why.contains("cannot be reached"), "{why}");
}

/// One that allows, or denies, whatever it is asked, at every path.
#[rstest]
#[case::allows(r#"{"allowed":true}"#, &["an invalid object is denied", "its metrics are told"])]
#[case::denies(r#"{"allowed":false,"status":{"reason":"Forbidden"}}"#, &["an invalid object is denied", "a harmless change is allowed", "its metrics are told"])]
#[case::denies_as_invalid(r#"{"allowed":false,"status":{"reason":"Invalid"}}"#, &["a harmless change is allowed", "its metrics are told"])]
fn one_that_does_not_look_does_not_pass(#[case] response: &str, #[case] wanted: &[&str]) {
    let citadel = Citadel::new();
    let mut response: Value = serde_json::from_str(response).unwrap();
    response["uid"] = Value::from("70727463-0000-4000-8000-73656c662d74");
    let body = serde_json::json!({"response": response}).to_string();
    let address = careless(
        &citadel,
        format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()),
    );
    let checks = self_test(&target(&citadel, address)).unwrap();
    assert_eq!(troubles(&checks), wanted, "{checks:?}");
}

/// A server that gives every request of one connection the same answer.
fn careless(citadel: &Citadel, answer: String) -> std::net::SocketAddr {
    let certificate = citadel.certificate();
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&certificate.chain).collect();
    let key = PrivateKeyDer::from_pem_slice(&certificate.key).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain.unwrap(), key)
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(thread::spawn(move || {
        let (tcp, _) = listener.accept().unwrap();
        let connection = ServerConnection::new(Arc::new(config)).unwrap();
        let mut stream = StreamOwned::new(connection, tcp);
        loop {
            let mut head = Vec::new();
            let mut byte = [0];
            while !head.ends_with(b"\r\n\r\n") {
                if !matches!(stream.read(&mut byte), Ok(1)) {
                    return;
                }
                head.push(byte[0]);
            }
            let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
            let length = head.split("content-length: ").nth(1);
            let length = length.map_or(0, |rest| rest.split('\r').next().unwrap().parse().unwrap());
            stream.read_exact(&mut vec![0; length]).unwrap();
            stream.write_all(answer.as_bytes()).unwrap();
        }
    }));
    address
}

#[test]
fn one_is_started_and_asked_where_no_url_is_named() {
    let (citadel, scratch) = (Citadel::new(), Scratch::new());
    let certificate = citadel.certificate();
    let chain = scratch.write("chain.pem", &certificate.chain);
    let key = scratch.write("key.pem", &certificate.key);
    let root = scratch.write("root.pem", citadel.roots_pem());
    let words = [
        "webhook",
        "self-test",
        "-f",
        "policies/bookinfo",
        "--guard",
        "policies/bookinfo",
        "--max-newly-denied",
        "0",
        "--deny-level",
        "low",
        "--certificate",
        &chain,
        "--key",
        &key,
        "--ca-bundle",
        &root,
        "--server-name",
        "localhost",
    ];
    let call = Captured::default().run(&words);
    assert_eq!((call.exit, call.out.lines().count()), (Exit::Yes, 4), "{}{}", call.out, call.err);
    let words: Vec<&str> = words
        .into_iter()
        .filter(|word| !["-f", "policies/bookinfo", "--guard"].contains(word))
        .collect();
    let call = Captured::default().run(&words);
    assert_eq!(call.exit, Exit::CouldNotAsk);
    assert!(call.err.contains("no file is named that holds policies"), "{}", call.err);
}

/// The document's commands about the webhook are understood, whatever comes of them here.
#[test]
fn the_page_shows_words_that_are_taken() {
    let text = project("docs/admission.md");
    let lines: Vec<&str> = text
        .lines()
        .map(str::trim)
        .filter(|line| line.starts_with("portcullis webhook "))
        .collect();
    assert_eq!(lines.len(), 6, "{lines:?}");
    for line in lines {
        let command = line.split([' ', '\n']).skip(1);
        let words: Vec<&str> = command
            .take_while(|word| !["|", "&&", "&"].contains(word))
            .collect();
        let call = Captured::with(&[("serving/root-cert.pem", ROOT)]).run(&words);
        assert!(!call.err.contains("Usage:"), "{line}: {}", call.err);
    }
}

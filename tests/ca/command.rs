//! `portcullis ca`, in process, over real directories.

use std::os::unix::fs::PermissionsExt as _;

use portcullis::cli::Exit;
use rstest::rstest;

use super::support::{Scratch, openssl};
use crate::support::captured::{Call, Captured};

/// Runs `ca` with a CA's directory in `scratch`.
fn ca(scratch: &Scratch, words: &[&str]) -> Call {
    let state = scratch.path("state");
    let mut all = vec!["ca"];
    all.extend(words);
    all.extend(["--state", &state]);
    Captured::with(&[]).run(&all)
}

/// The same where it must succeed; what it printed.
fn ok(scratch: &Scratch, words: &[&str]) -> String {
    let call = ca(scratch, words);
    assert_eq!(call.exit, Exit::Yes, "{words:?}\n{}{}", call.out, call.err);
    call.out
}

/// A CA with a certificate of `foo/sleep` and one of `foo/httpbin`.
fn with_two() -> Scratch {
    let scratch = Scratch::new();
    ok(&scratch, &["init"]);
    ok(&scratch, &["issue", "foo/sleep", "--out", &scratch.path("sleep")]);
    ok(
        &scratch,
        &[
            "issue",
            "spiffe://cluster.local/ns/foo/sa/httpbin",
            "--dns",
            "httpbin.foo.svc",
            "--out",
            &scratch.path("httpbin"),
        ],
    );
    scratch
}

fn mode(path: &str) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn an_issued_certificate_verifies_here_and_with_openssl() {
    let scratch = with_two();
    let chain = scratch.path("sleep/cert-chain.pem");
    let call = ca(&scratch, &["verify", &chain]);
    insta::assert_snapshot!(call.out, @r"
    standard    accepts spiffe://cluster.local/ns/foo/sa/sleep
    envoy       accepts spiffe://cluster.local/ns/foo/sa/sleep
    ");
    assert_eq!((call.exit, call.err.as_str()), (Exit::Yes, ""));
    let roots = scratch.path("sleep/root-cert.pem");
    for purpose in ["sslclient", "sslserver"] {
        // The clock of these tests stands still.
        let words = [
            "verify",
            "-x509_strict",
            "-attime",
            "1790000000",
            "-purpose",
            purpose,
            "-CAfile",
            &roots,
            "-untrusted",
            &chain,
            &chain,
        ];
        if let Some((good, text)) = openssl(&words) {
            assert!(good, "{text}");
        }
    }
}

#[test]
fn state_and_keys_are_the_owners_alone() {
    let scratch = with_two();
    assert_eq!(mode(&scratch.path("state")), 0o700);
    for name in
        ["authority.json", "journal.jsonl", "1-root.pem", "1-signer.pem", "token.pem", "lock"]
    {
        assert_eq!(mode(&scratch.path(&format!("state/{name}"))), 0o600, "{name}");
    }
    assert_eq!(mode(&scratch.path("sleep")), 0o700);
    assert_eq!(mode(&scratch.path("sleep/key.pem")), 0o600);
    assert_eq!(mode(&scratch.path("sleep/cert-chain.pem")), 0o644);
}

#[test]
fn two_certificates_meet_in_a_handshake() {
    let scratch = with_two();
    let (client, server) = (scratch.path("sleep"), scratch.path("httpbin"));
    let call = ca(&scratch, &["handshake", "--client", &client, "--server", &server]);
    insta::assert_snapshot!(call.out, @r"
    client saw  spiffe://cluster.local/ns/foo/sa/httpbin
    server saw  spiffe://cluster.local/ns/foo/sa/sleep
    handshake   TLSv1_3
    ");
    let call = ca(
        &scratch,
        &[
            "handshake",
            "--client",
            &client,
            "--server",
            &server,
            "--expect",
            "spiffe://cluster.local/ns/foo/sa/other",
        ],
    );
    insta::assert_snapshot!(call.out, @r"
    client saw  refused: it is `spiffe://cluster.local/ns/foo/sa/httpbin`, and `spiffe://cluster.local/ns/foo/sa/other` is expected
    server saw  no certificate
    handshake   failed: client: invalid peer certificate: ApplicationVerificationFailure
    ");
    assert_eq!(call.exit, Exit::No);
}

#[rstest]
#[case::readable_key(0o644, "1-signer.pem")]
#[case::readable_journal(0o640, "journal.jsonl")]
#[case::readable_state(0o604, "authority.json")]
fn a_file_that_others_can_read_is_refused(#[case] mode: u32, #[case] name: &str) {
    let scratch = with_two();
    let path = scratch.path(&format!("state/{name}"));
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
    let call = ca(&scratch, &["issue", "foo/x", "--out", &scratch.path("x")]);
    assert_eq!(call.exit, Exit::CouldNotAsk);
    assert!(call.err.contains("others may look in"), "{}", call.err);
    ok(&scratch, &["issue", "foo/x", "--out", &scratch.path("x"), "--allow-insecure-permissions"]);
}

#[test]
fn a_directory_that_others_can_enter_is_refused() {
    let scratch = with_two();
    std::fs::set_permissions(scratch.path("state"), std::fs::Permissions::from_mode(0o755))
        .unwrap();
    assert_eq!(ca(&scratch, &["list"]).exit, Exit::CouldNotAsk);
}

#[test]
fn links_in_the_place_of_files_are_refused() {
    let scratch = with_two();
    let (key, moved) = (scratch.path("state/1-signer.pem"), scratch.path("moved.pem"));
    std::fs::rename(&key, &moved).unwrap();
    std::os::unix::fs::symlink(&moved, &key).unwrap();
    assert_eq!(ca(&scratch, &["list"]).exit, Exit::CouldNotAsk);
    std::fs::remove_file(&key).unwrap();
    std::fs::hard_link(&moved, &key).unwrap();
    let call = ca(&scratch, &["list"]);
    assert!(call.err.contains("it has 2 names"), "{}", call.err);
    std::fs::remove_file(&key).unwrap();
    std::fs::rename(&moved, &key).unwrap();
    ok(&scratch, &["list"]);
    // And of the directory itself.
    std::os::unix::fs::symlink(scratch.path("state"), scratch.path("link")).unwrap();
    let call = Captured::with(&[]).run(&["ca", "list", "--state", &scratch.path("link")]);
    assert_eq!(call.exit, Exit::CouldNotAsk);
}

#[test]
fn a_second_process_is_told_that_the_first_has_it() {
    let scratch = with_two();
    let path = scratch.path("state");
    let held = portcullis::ca::Directory::open(path.as_ref(), portcullis::ca::Permissions::Private)
        .unwrap();
    let call = ca(&scratch, &["list"]);
    assert!(call.err.contains("another process has it open"), "{}", call.err);
    drop(held);
    ok(&scratch, &["list"]);
}

#[test]
fn nothing_is_written_over() {
    let scratch = with_two();
    let call = ca(&scratch, &["issue", "foo/sleep", "--out", &scratch.path("sleep")]);
    assert_eq!(call.exit, Exit::CouldNotAsk);
    assert!(call.err.contains("`--force` writes over it"), "{}", call.err);
    ok(&scratch, &["issue", "foo/sleep", "--force", "--out", &scratch.path("sleep")]);
    let call = ca(&scratch, &["init"]);
    assert!(call.err.contains("there is a CA here already"), "{}", call.err);
}

#[rstest]
#[case::another_trust_domain(&["issue", "spiffe://other/a"], "is not of trust domain `cluster.local`")]
#[case::no_path(&["issue", "spiffe://cluster.local"], "has no path")]
#[case::upper_case(&["issue", "spiffe://CLUSTER.local/a"], "is not the ID's own spelling")]
#[case::dots(&["issue", "foo/.."], "path segment `.` or `..`")]
#[case::slashes(&["issue", "foo/a/b"], "`/` in the path")]
#[case::no_slash(&["issue", "sleep"], "neither `namespace/account` nor a SPIFFE ID")]
#[case::too_long(&["issue", "foo/a", "--ttl", "91d"], "a certificate lasts at most 90d")]
#[case::bad_length(&["issue", "foo/a", "--ttl", "0h"], "not a length")]
#[case::bad_dns(&["issue", "foo/a", "--dns", "a..b"], "`a..b` is no DNS name")]
#[case::newline_in_dns(&["issue", "foo/a", "--dns", "a\nb"], "is no DNS name")]
fn what_must_not_be_issued_is_not(#[case] words: &[&str], #[case] want: &str) {
    let scratch = with_two();
    let out = scratch.path("x");
    let mut words = words.to_vec();
    words.extend(["--out", &out]);
    let call = ca(&scratch, &words);
    assert_eq!(call.exit, Exit::CouldNotAsk);
    assert!(call.err.contains(want), "{}", call.err);
    assert!(!std::path::Path::new(&out).exists());
}

/// Words behind `openssl` that must succeed; `false` where it is not installed.
fn made(words: &[&str]) -> bool {
    let Some((good, text)) = openssl(words) else { return false };
    assert!(good, "{words:?}\n{text}");
    true
}

#[rstest]
#[case::p256(&["ec", "-pkeyopt", "ec_paramgen_curve:P-256"])]
#[case::p384(&["ec", "-pkeyopt", "ec_paramgen_curve:P-384"])]
#[case::rsa(&["rsa:2048"])]
#[case::ed25519(&["ed25519"])]
fn a_request_of_openssl_is_signed_for_the_identity_that_is_named(#[case] key: &[&str]) {
    let scratch = with_two();
    let (private, request) = (scratch.path("k"), scratch.path("r.csr"));
    let mut words = vec![
        "req",
        "-new",
        "-nodes",
        "-subj",
        "/CN=whoever",
        "-addext",
        "subjectKeyIdentifier=hash",
    ];
    words.extend([
        "-addext",
        "subjectAltName=DNS:victim.example,IP:10.0.0.1",
        "-keyout",
        &private,
        "-out",
        &request,
        "-newkey",
    ]);
    words.extend(key);
    if !made(&words) {
        return;
    }
    let chain = ok(&scratch, &["sign", &request, "--as", "foo/sleep"]);
    let file = scratch.write("chain.pem", &chain);
    let call = ca(&scratch, &["inspect", &file]);
    // Neither the request's subject nor its names are in it.
    let names: Vec<&str> = call
        .out
        .lines()
        .filter(|line| line.starts_with("name "))
        .collect();
    assert_eq!(
        names,
        [
            "name        URI:spiffe://cluster.local/ns/foo/sa/sleep",
            "name        URI:spiffe://cluster.local"
        ]
    );
    assert!(call.out.starts_with("subject     none\n"), "{}", call.out);
    ok(&scratch, &["verify", "--strict", &file]);
}

#[rstest]
#[case::another_uri(&["subjectAltName=URI:spiffe://cluster.local/ns/kube-system/sa/admin"], "and the identity is `spiffe://cluster.local/ns/foo/sa/sleep`")]
#[case::two_uris(&["subjectAltName=URI:spiffe://cluster.local/ns/foo/sa/sleep,URI:spiffe://cluster.local/ns/foo/sa/victim"], "the request names")]
#[case::the_same_twice(&["subjectAltName=URI:spiffe://cluster.local/ns/foo/sa/sleep,URI:spiffe://cluster.local/ns/foo/sa/sleep"], "the request names")]
#[case::a_ca(&["basicConstraints=critical,CA:TRUE"], "the request asks for a CA's certificate")]
#[case::a_signer(&["keyUsage=critical,keyCertSign"], "the request asks for a CA's certificate")]
// [CA-5]
fn a_request_for_more_than_its_due_is_refused(#[case] extensions: &[&str], #[case] want: &str) {
    let scratch = with_two();
    let (private, request) = (scratch.path("k"), scratch.path("r.csr"));
    let mut words =
        vec!["req", "-new", "-nodes", "-subj", "/", "-keyout", &private, "-out", &request];
    words.extend(["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]);
    for extension in extensions {
        words.extend(["-addext", extension]);
    }
    if !made(&words) {
        return;
    }
    let call = ca(&scratch, &["sign", &request, "--as", "foo/sleep"]);
    assert!(call.err.contains(want), "{}", call.err);
    assert_eq!((call.exit, call.out.as_str()), (Exit::No, ""));
    // A refusal is written down.
    assert!(
        scratch
            .read("state/journal.jsonl")
            .contains("\"event\":\"deny\"")
    );
}

#[rstest]
#[case::weak_rsa(&["rsa:1024"], "the request's key is not taken: RSA 1024")]
#[case::p521(&["ec", "-pkeyopt", "ec_paramgen_curve:P-521"], "the request's key is not taken")]
#[case::odd_rsa(&["rsa:2052"], "the request's key is not taken: RSA 2052")]
fn a_request_with_a_weak_key_is_refused(#[case] key: &[&str], #[case] want: &str) {
    let scratch = with_two();
    let (private, request) = (scratch.path("k"), scratch.path("r.csr"));
    let mut words = vec![
        "req", "-new", "-nodes", "-subj", "/", "-keyout", &private, "-out", &request, "-newkey",
    ];
    words.extend(key);
    if !made(&words) {
        return;
    }
    let call = ca(&scratch, &["sign", &request, "--as", "foo/sleep"]);
    assert!(call.err.contains(want), "{}", call.err);
}

#[test]
fn a_key_serves_one_identity() {
    let scratch = with_two();
    let (private, request) = (scratch.path("k"), scratch.path("r.csr"));
    let words = [
        "req", "-new", "-nodes", "-subj", "/", "-keyout", &private, "-out", &request, "-newkey",
        "ec",
    ];
    if !made(&[&words[..], &["-pkeyopt", "ec_paramgen_curve:P-256"]].concat()) {
        return;
    }
    ok(&scratch, &["sign", &request, "--as", "foo/sleep"]);
    ok(&scratch, &["sign", &request, "--as", "foo/sleep"]);
    let call = ca(&scratch, &["sign", &request, "--as", "foo/other"]);
    assert!(
        call.err
            .contains("was certified before, for `spiffe://cluster.local/ns/foo/sa/sleep`"),
        "{}",
        call.err
    );
    // And the CA's own serves none.
    let request = scratch.path("ca.csr");
    let key = scratch.path("state/1-signer.pem");
    assert!(made(&["req", "-new", "-subj", "/", "-key", &key, "-out", &request]));
    let call = ca(&scratch, &["sign", &request, "--as", "foo/other"]);
    assert!(call.err.contains("the request's key is the CA's own"), "{}", call.err);
}

#[test]
fn an_exported_ca_is_istios_and_begins_another() {
    let scratch = with_two();
    let folder = scratch.path("cacerts");
    ok(&scratch, &["export", "--istio-cacerts", &folder]);
    assert_eq!(mode(&scratch.path("cacerts/ca-key.pem")), 0o600);
    assert!(
        scratch
            .read("state/journal.jsonl")
            .contains("\"event\":\"export-key\"")
    );
    let secret = ok(&scratch, &["export", "--k8s-secret"]);
    assert!(secret.starts_with("apiVersion: v1\nkind: Secret\nmetadata:\n  name: cacerts\n  namespace: istio-system\ntype: Opaque\ndata:\n  ca-cert.pem: LS0t"), "{secret}");
    // The plugged-in CA issues below the same root.
    let other = scratch.path("other");
    let run = |words: &[&str]| {
        let call = Captured::with(&[]).run(&[&["ca"], words, &["--state", &other]].concat());
        assert_eq!(call.exit, Exit::Yes, "{}{}", call.out, call.err);
    };
    run(&["init", "--from", &folder]);
    run(&["issue", "foo/sleep", "--out", &scratch.path("theirs")]);
    ok(&scratch, &["verify", &scratch.path("theirs/cert-chain.pem")]);
    let call = Captured::with(&[]).run(&["ca", "rotate-root", "--state", &other]);
    assert!(call.err.contains("the root is plugged in"), "{}", call.err);
}

/// Istio's own way to make `cacerts`: RSA, with openssl.
#[rstest]
#[case::pkcs8(None)]
#[case::pkcs1(Some("rsa"))]
fn a_ca_that_openssl_made_is_plugged_in(#[case] traditional: Option<&str>) {
    let scratch = Scratch::new();
    let path = |name: &str| scratch.path(name);
    std::fs::create_dir_all(path("in")).unwrap();
    let root = [
        "req",
        "-x509",
        "-new",
        "-nodes",
        "-newkey",
        "rsa:2048",
        "-days",
        "36500",
        "-subj",
        "/O=Istio/CN=Root CA",
    ];
    let (root_key, root_cert) = (path("root-key.pem"), path("in/root-cert.pem"));
    if !made(
        &[
            &root[..],
            &[
                "-addext",
                "keyUsage=critical,keyCertSign,cRLSign",
                "-keyout",
                &root_key,
                "-out",
                &root_cert,
            ],
        ]
        .concat(),
    ) {
        return;
    }
    let (key, request, cert) = (path("in/ca-key.pem"), path("ca.csr"), path("in/ca-cert.pem"));
    assert!(made(&[
        "req",
        "-new",
        "-nodes",
        "-newkey",
        "rsa:2048",
        "-subj",
        "/O=Istio/CN=Intermediate CA/L=cluster1",
        "-keyout",
        &key,
        "-out",
        &request
    ]));
    let extensions = scratch.write("ext", "basicConstraints=critical,CA:true,pathlen:0\nkeyUsage=critical,digitalSignature,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\nsubjectAltName=DNS:istiod.istio-system.svc\n");
    assert!(made(&[
        "x509",
        "-req",
        "-days",
        "36000",
        "-in",
        &request,
        "-CA",
        &root_cert,
        "-CAkey",
        &root_key,
        "-CAcreateserial",
        "-extfile",
        &extensions,
        "-out",
        &cert
    ]));
    if let Some(kind) = traditional {
        let old = scratch.path("old.pem");
        assert!(made(&[kind, "-traditional", "-in", &key, "-out", &old]));
        std::fs::rename(old, &key).unwrap();
        assert!(
            scratch
                .read("in/ca-key.pem")
                .starts_with("-----BEGIN RSA PRIVATE KEY-----")
        );
    }
    scratch.write(
        "in/cert-chain.pem",
        scratch.read("in/ca-cert.pem") + &scratch.read("in/root-cert.pem"),
    );
    // The certificates of openssl begin now, and the clock of these tests stands still before that.
    let at_now = |words: &[&str]| {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_portcullis"))
            .args([&["ca"], words, &["--state", &path("state")]].concat())
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    at_now(&["init", "--from", &path("in")]);
    at_now(&["issue", "foo/sleep", "--out", &path("leaf")]);
    at_now(&["verify", &path("leaf/cert-chain.pem")]);
    let (leaf, chain) = (path("leaf/cert-chain.pem"), path("leaf/cert-chain.pem"));
    assert!(made(&["verify", "-x509_strict", "-CAfile", &root_cert, "-untrusted", &chain, &leaf]));
}

#[rstest]
#[case::another_key("ca-key.pem", "sleep/key.pem", "do not fit together")]
#[case::another_root("root-cert.pem", "other/root-cert.pem", "does not lead from")]
#[case::a_leaf("ca-cert.pem", "sleep/cert-chain.pem", "does not hold exactly one certificate")]
#[case::no_pem("cert-chain.pem", "state/journal.jsonl", "")]
#[case::a_key_in_the_bundle("root-cert.pem", "sleep/key.pem", "something else than certificates")]
fn plugged_in_files_must_fit_together(#[case] name: &str, #[case] from: &str, #[case] want: &str) {
    let scratch = with_two();
    let other = scratch.path("another");
    assert_eq!(
        Captured::with(&[])
            .run(&["ca", "init", "--state", &other])
            .exit,
        Exit::Yes
    );
    let out = scratch.path("other");
    assert_eq!(
        Captured::with(&[])
            .run(&["ca", "issue", "a/b", "--out", &out, "--state", &other])
            .exit,
        Exit::Yes
    );
    let folder = scratch.path("cacerts");
    ok(&scratch, &["export", "--istio-cacerts", &folder]);
    scratch.write(&format!("cacerts/{name}"), scratch.read(from));
    let call = Captured::with(&[]).run(&[
        "ca",
        "init",
        "--from",
        &folder,
        "--state",
        &scratch.path("third"),
    ]);
    if want.is_empty() {
        // A chain that names only what the other files hold is whole.
        assert_eq!(call.exit, Exit::Yes, "{}", call.err);
        return;
    }
    assert_eq!(call.exit, Exit::CouldNotAsk);
    assert!(call.err.contains(want), "{}", call.err);
    let call = Captured::with(&[]).run(&["ca", "list", "--state", &scratch.path("third")]);
    assert!(call.err.contains("there is no CA here"), "{}", call.err);
}

#[test]
fn a_bundle_is_read_where_it_is_said_whose_it_is() {
    // [SP-1] [SP-3]
    let scratch = with_two();
    let document = scratch.write("bundle.json", ok(&scratch, &["bundle", "--spiffe"]));
    let pem = scratch.write("bundle.pem", ok(&scratch, &["bundle"]));
    let chain = scratch.path("sleep/cert-chain.pem");
    for bundle in [&document, &pem, &format!("cluster.local={pem}")] {
        assert_eq!(ca(&scratch, &["verify", &chain, "--bundle", bundle]).exit, Exit::Yes);
    }
    // A root of another trust domain does not vouch; Envoy pools them.
    let call = ca(
        &scratch,
        &["verify", &chain, "--bundle", &format!("other={pem}"), "--trust-domain", "cluster.local"],
    );
    insta::assert_snapshot!(call.out + &call.err, @r"
    standard    refuses: no bundle of trust domain `cluster.local` is here
    envoy       accepts spiffe://cluster.local/ns/foo/sa/sleep
    warning[PC942]: the standard refuses it (no bundle of trust domain `cluster.local` is here), and Envoy accepts it as `spiffe://cluster.local/ns/foo/sa/sleep`
    ");
    assert_eq!(call.exit, Exit::No);
    // A private key in a bundle is refused.
    let mixed =
        scratch.write("mixed.pem", scratch.read("bundle.pem") + &scratch.read("sleep/key.pem"));
    let call = ca(&scratch, &["verify", &chain, "--bundle", &mixed]);
    assert!(
        call.err
            .contains("a private key does not belong in a bundle"),
        "{}",
        call.err
    );
}

#[test]
fn a_token_verifies_with_the_key_set() {
    use portcullis::request::{Claim, Signature, TokenReader as _, TokenReading};
    let scratch = with_two();
    let jwks = ok(&scratch, &["mint-jwt", "--jwks"]);
    let words = [
        "mint-jwt",
        "--iss",
        "https://issuer.example",
        "--sub",
        "u",
        "--aud",
        "a",
        "--aud",
        "b",
        "--claims",
        r#"{"groups": ["x"]}"#,
    ];
    let token = ok(&scratch, &words);
    let reading = portcullis::jwt::InlineKeys.read(token.trim(), Some(&jwks));
    let TokenReading::Read { claims, signature } = reading else { panic!("{reading:?}") };
    assert_eq!(signature, Signature::Good);
    assert_eq!(claims.get("iss"), Some(&Claim::String("https://issuer.example".to_owned())));
    assert_eq!(claims.get("groups"), Some(&Claim::List(vec![Claim::String("x".to_owned())])));
    let svid = ok(&scratch, &["mint-jwt", "--svid", "--sub", "foo/sleep", "--aud", "x"]);
    let TokenReading::Read { claims, signature } =
        portcullis::jwt::InlineKeys.read(svid.trim(), Some(&jwks))
    else {
        panic!()
    };
    assert_eq!(signature, Signature::Good);
    assert_eq!(
        claims.get("sub"),
        Some(&Claim::String("spiffe://cluster.local/ns/foo/sa/sleep".to_owned()))
    );
    for (words, want) in [
        (&["mint-jwt", "--svid", "--sub", "foo/sleep"][..], "a JWT-SVID has at least one audience"),
        (&["mint-jwt", "--sub", "u", "--claims", r#"{"exp": 9}"#], "claim `exp` has its own flag"),
        (&["mint-jwt", "--sub", "u", "--claims", "[]"], "claims are a JSON object"),
    ] {
        let call = ca(&scratch, words);
        assert!(call.err.contains(want) && call.out.is_empty(), "{}", call.err);
    }
}

#[test]
fn a_revoked_certificate_is_refused_with_the_crl() {
    // [CA-24]
    let scratch = with_two();
    let (chain, other) =
        (scratch.path("sleep/cert-chain.pem"), scratch.path("httpbin/cert-chain.pem"));
    ok(&scratch, &["revoke", &chain]);
    assert!(ok(&scratch, &["revoke", &chain]).contains("was revoked before"));
    let crl = scratch.write("crl.pem", ok(&scratch, &["crl"]));
    let call = ca(&scratch, &["verify", &chain, "--crl", &crl]);
    insta::assert_snapshot!(call.out, @r"
    standard    refuses: the certificate: revoked on 2026-09-21T14:13:20Z
    envoy       refuses: the certificate: revoked on 2026-09-21T14:13:20Z
    ");
    ok(&scratch, &["verify", &other, "--crl", &crl]);
    let roots = scratch.path("sleep/root-cert.pem");
    let check = |chain: &str| {
        openssl(&[
            "verify",
            "-crl_check_all",
            "-attime",
            "1790000000",
            "-CRLfile",
            &crl,
            "-CAfile",
            &roots,
            "-untrusted",
            chain,
            chain,
        ])
    };
    if let (Some((good, text)), Some((other, its))) = (check(&chain), check(&other)) {
        assert!(!good && text.contains("certificate revoked"), "{text}");
        assert!(other, "{its}");
    }
    let call = ca(&scratch, &["revoke", "00000000000000000000000000000001"]);
    assert_eq!(call.exit, Exit::No);
}

#[test]
fn a_list_says_what_expires() {
    let scratch = with_two();
    ok(&scratch, &["issue", "foo/short", "--ttl", "1h", "--out", &scratch.path("short")]);
    assert_eq!(ok(&scratch, &["list"]).lines().count(), 3);
    let soon = ok(&scratch, &["list", "--expiring", "2h"]);
    assert!(soon.lines().count() == 1 && soon.contains("/sa/short"), "{soon}");
}

#[test]
fn an_audit_sees_what_was_changed_and_what_was_cut() {
    let scratch = with_two();
    let whole = scratch.read("state/journal.jsonl");
    let out = ok(&scratch, &["audit", "verify"]);
    let head = out.trim().rsplit(' ').next().unwrap().to_owned();
    ok(&scratch, &["audit", "verify", "--head", &head]);
    // One letter of a line that is not the last.
    scratch.write("state/journal.jsonl", whole.replacen("/sa/sleep", "/sa/slept", 1));
    let call = ca(&scratch, &["audit", "verify"]);
    assert!(
        call.exit == Exit::No
            && call
                .err
                .contains("journal line 2: its hash is not that of its text"),
        "{}",
        call.err
    );
    assert!(
        ca(&scratch, &["issue", "foo/x", "--out", &scratch.path("x")])
            .err
            .contains("journal line 2")
    );
    // One letter of the last line: damage too, not a torn write.
    scratch.write("state/journal.jsonl", whole.replacen("/sa/httpbin", "/sa/httpbim", 1));
    assert_eq!(ca(&scratch, &["audit", "verify"]).exit, Exit::No);
    // The last line cut off whole holds by itself; who kept its hash sees it.
    let cut: String = whole
        .lines()
        .take(2)
        .map(|line| format!("{line}\n"))
        .collect();
    scratch.write("state/journal.jsonl", cut);
    ok(&scratch, &["audit", "verify"]);
    assert_eq!(ca(&scratch, &["audit", "verify", "--head", &head]).exit, Exit::No);
    // A line torn in its middle is a write that was never reported.
    scratch.write("state/journal.jsonl", whole.split_at(whole.len() - 40).0);
    let call = ca(&scratch, &["issue", "foo/x", "--out", &scratch.path("x")]);
    assert!(
        call.exit == Exit::Yes && call.err.contains("of a write that was cut short"),
        "{}",
        call.err
    );
    ok(&scratch, &["audit", "verify"]);
}

#[test]
fn a_checkpoint_that_is_none_is_a_finding_and_replaced() {
    let scratch = with_two();
    let torn = || {
        let path = scratch.write("state/journal.checkpoint", "torn");
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
    };
    torn();
    let call = ca(&scratch, &["audit", "verify"]);
    insta::assert_snapshot!(call.err, @"error[PC943]: the journal's lines are sound, and its checkpoint is not theirs: it is too short");
    assert_eq!(call.exit, Exit::No);
    let call = ca(&scratch, &["doctor"]);
    insta::assert_snapshot!(call.err, @"warning[PC943]: the journal's checkpoint was not used, and every line was checked: it is too short");
    assert_eq!(call.exit, Exit::No);
    assert_eq!(ok(&scratch, &["doctor"]), "sound\n");
    torn();
    let call = ca(&scratch, &["issue", "foo/x", "--out", &scratch.path("x")]);
    assert!(call.exit == Exit::Yes && call.err.contains("every line was checked"), "{}", call.err);
    ok(&scratch, &["audit", "verify"]);
    // One that others can read or write is nobody's word.
    let path = scratch.path("state/journal.checkpoint");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    let call = ca(&scratch, &["issue", "foo/y", "--out", &scratch.path("y")]);
    assert!(call.exit == Exit::Yes && call.err.contains("it cannot be read"), "{}", call.err);
    assert_eq!(mode(&path), 0o600);
}

#[test]
fn a_doctor_names_what_is_wrong() {
    let scratch = with_two();
    assert_eq!(ok(&scratch, &["doctor"]), "sound\n");
    let stray = scratch.write("state/notes.txt", "");
    std::fs::set_permissions(stray, std::fs::Permissions::from_mode(0o600)).unwrap();
    scratch.write("state/1-root.pem", scratch.read("sleep/key.pem"));
    let call = ca(&scratch, &["doctor"]);
    insta::assert_snapshot!(call.err, @r"
    warning[PC943]: `1-root.pem`: the CA's key and certificate do not fit together

    warning[PC943]: `notes.txt` does not belong here
    ");
    assert_eq!(call.exit, Exit::No);
    // A root's key may be kept elsewhere.
    std::fs::remove_file(scratch.path("state/1-root.pem")).unwrap();
    std::fs::remove_file(scratch.path("state/notes.txt")).unwrap();
    ok(&scratch, &["doctor"]);
    ok(&scratch, &["issue", "foo/x", "--out", &scratch.path("x")]);
}

#[test]
fn a_passphrase_guards_the_keys() {
    let scratch = Scratch::new();
    let (right, wrong) =
        (scratch.write("right", "open sesame\n"), scratch.write("wrong", "close\n"));
    ok(&scratch, &["init", "--passphrase-file", &right]);
    assert!(
        scratch
            .read("state/1-signer.pem")
            .starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----")
    );
    let out = scratch.path("x");
    let issue = ["issue", "foo/x", "--out", &out];
    assert!(
        ca(&scratch, &issue)
            .err
            .contains("the private key is under a passphrase")
    );
    assert!(
        ca(&scratch, &[&issue[..], &["--passphrase-file", &wrong]].concat())
            .err
            .contains("the passphrase is not")
    );
    ok(&scratch, &[&issue[..], &["--passphrase-file", &right]].concat());
    let key = scratch.path("state/1-signer.pem");
    if let Some((good, text)) =
        openssl(&["pkey", "-in", &key, "-passin", "pass:open sesame", "-noout", "-check"])
    {
        assert!(good, "{text}");
    }
}

#[test]
fn documents_say_the_same() {
    let scratch = with_two();
    let chain = scratch.path("sleep/cert-chain.pem");
    let out = ok(&scratch, &["verify", &chain, "-o", "json"]);
    insta::assert_snapshot!(out, @r#"
    {
      "apiVersion": "portcullis.dev/v1alpha1",
      "kind": "Verification",
      "standard": {
        "answer": "accepted",
        "id": "spiffe://cluster.local/ns/foo/sa/sleep"
      },
      "envoy": {
        "answer": "accepted",
        "principals": [
          "spiffe://cluster.local/ns/foo/sa/sleep"
        ]
      },
      "difference": null
    }
    "#);
    let out = ok(&scratch, &["inspect", &chain, "-o", "yaml"]);
    assert!(out.contains("keyUsage:\n  - digitalSignature\n  - keyEncipherment\n"), "{out}");
}

#[test]
fn a_certificate_is_as_citadel_makes_it() {
    // [CA-1] [CA-2] [CA-3] [CA-4] [CA-5] [CA-6] [CA-7] [CA-8] [CA-9] [CA-21]
    let scratch = with_two();
    let out = ok(&scratch, &["inspect", &scratch.path("httpbin/cert-chain.pem"), "-o", "json"]);
    let document: serde_json::Value = serde_json::from_str(&out).unwrap();
    let leaf = &document["certificates"][0];
    let serial = leaf["serial"].as_str().unwrap();
    assert!(
        (30..=32).contains(&serial.len())
            && !serial.starts_with(['8', '9', 'a', 'b', 'c', 'd', 'e', 'f']),
        "{serial}"
    );
    assert_eq!(leaf["notBefore"], "2026-09-21T14:11:20Z");
    assert_eq!(leaf["notAfter"], "2026-09-22T14:13:20Z");
    assert_eq!(leaf["subject"], "");
    assert_eq!(
        leaf["names"],
        serde_json::json!(["URI:spiffe://cluster.local/ns/foo/sa/httpbin", "DNS:httpbin.foo.svc"])
    );
    assert_eq!(leaf["namesCritical"], true);
    assert_eq!(leaf["keyUsage"], serde_json::json!(["digitalSignature", "keyEncipherment"]));
    assert_eq!(leaf["extendedKeyUsage"], serde_json::json!(["serverAuth", "clientAuth"]));
    assert_eq!((&leaf["ca"], &leaf["findings"]), (&false.into(), &serde_json::json!([])));
    let signer = &document["certificates"][1];
    assert_eq!(signer["subject"], "O=cluster.local, CN=Intermediate CA 1");
    assert_eq!((&signer["ca"], &signer["pathLen"]), (&true.into(), &0.into()));
    assert_eq!(signer["notAfter"], "2036-09-18T14:13:20Z");
}

#[rstest]
#[case("ca-cert.pem")]
#[case("ca-key.pem")]
#[case("root-cert.pem")]
#[case("cert-chain.pem")]
fn an_incomplete_plugged_in_ca_is_an_error(#[case] missing: &str) {
    // [CA-20]
    let scratch = with_two();
    let folder = scratch.path("cacerts");
    ok(&scratch, &["export", "--istio-cacerts", &folder]);
    std::fs::remove_file(scratch.path(&format!("cacerts/{missing}"))).unwrap();
    let call = Captured::with(&[]).run(&[
        "ca",
        "init",
        "--from",
        &folder,
        "--state",
        &scratch.path("other"),
    ]);
    assert!(call.exit == Exit::CouldNotAsk && call.err.contains(missing), "{}", call.err);
    assert!(!std::path::Path::new(&scratch.path("other")).exists());
}

#[test]
fn a_ca_near_its_end_is_due() {
    // [CA-22]
    let scratch = Scratch::new();
    let state = scratch.path("state");
    let run =
        |words: &[&str]| Captured::with(&[]).run(&[&["ca"], words, &["--state", &state]].concat());
    assert_eq!(run(&["init", "--ca-ttl", "100d"]).exit, Exit::Yes);
    let store =
        portcullis::ca::Directory::open(state.as_ref(), portcullis::ca::Permissions::Private)
            .unwrap();
    let (authority, _) =
        portcullis::ca::CertificateAuthority::open(store, portcullis::ca::Secrets::default())
            .unwrap();
    let after = |days: i64| authority.ailments(1_790_000_000 + days * 86_400).unwrap();
    assert_eq!(after(79), Vec::<String>::new());
    assert!(after(81)[0].contains("less than a fifth of generation 1's life is left"));
    assert!(after(101)[0].contains("has expired"));
}

#[test]
fn a_ca_that_lost_its_state_is_not_begun_anew() {
    let scratch = with_two();
    let journal = scratch.read("state/journal.jsonl");
    std::fs::remove_file(scratch.path("state/authority.json")).unwrap();
    let call = ca(&scratch, &["init"]);
    assert!(
        call.exit == Exit::CouldNotAsk && call.err.contains("is gone: bring that back"),
        "{}",
        call.err
    );
    assert_eq!(scratch.read("state/journal.jsonl"), journal);
    assert!(scratch.read("state/1-root.pem").contains("PRIVATE KEY"));
}

#[test]
fn nothing_is_issued_that_cannot_be_put_away() {
    let scratch = with_two();
    let before = scratch.read("state/journal.jsonl");
    let file = scratch.write("file", "");
    assert_eq!(ca(&scratch, &["issue", "foo/x", "--out", &file]).exit, Exit::CouldNotAsk);
    assert_eq!(
        ca(&scratch, &["issue", "foo/x", "--out", &scratch.path("sleep")]).exit,
        Exit::CouldNotAsk
    );
    assert_eq!(scratch.read("state/journal.jsonl"), before);
}

//! A CA whose signing key is in SoftHSM2: it signs, its certificates verify and shake hands, and the key stays inside.

use std::process::{Command, Output};

use super::support::{Scratch, openssl};

/// Where distributions put the module.
const MODULES: &[&str] = &[
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib64/pkcs11/libsofthsm2.so",
];

struct Hsm {
    scratch: Scratch,
    module: &'static str,
}

impl Hsm {
    /// A fresh token; absent, with a printed line, where SoftHSM2 is not installed.
    fn new() -> Option<Self> {
        let module = MODULES
            .iter()
            .find(|path| std::path::Path::new(path).exists());
        let Some(module) = module else {
            eprintln!("skipped: SoftHSM2 is not installed (apt-get install softhsm2)");
            return None;
        };
        let scratch = Scratch::new();
        std::fs::create_dir_all(scratch.path("tokens")).unwrap();
        scratch
            .write("softhsm2.conf", format!("directories.tokendir = {}\n", scratch.path("tokens")));
        scratch.write("pin", "1234\n");
        scratch.write("wrong", "4321\n");
        let hsm = Self { scratch, module };
        let words = [
            "--init-token",
            "--free",
            "--label",
            "portcullis",
            "--pin",
            "1234",
            "--so-pin",
            "5678",
        ];
        let made = Command::new("softhsm2-util")
            .args(words)
            .env("SOFTHSM2_CONF", hsm.scratch.path("softhsm2.conf"))
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        Some(hsm)
    }

    /// A process of its own for each command: the module reads its configuration from the environment.
    fn ca(&self, pin: &str, words: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_portcullis"))
            .args(
                [
                    &["ca"],
                    words,
                    &[
                        "--state",
                        &self.scratch.path("state"),
                        "--pin-file",
                        &self.scratch.path(pin),
                    ],
                ]
                .concat(),
            )
            .env("SOFTHSM2_CONF", self.scratch.path("softhsm2.conf"))
            .output()
            .unwrap()
    }

    fn good(&self, words: &[&str]) -> String {
        let output = self.ca("pin", words);
        assert!(output.status.success(), "{words:?}\n{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    fn bad(&self, pin: &str, words: &[&str]) -> String {
        let output = self.ca(pin, words);
        assert_eq!(output.status.code(), Some(2));
        String::from_utf8(output.stderr).unwrap()
    }
}

#[test]
fn a_key_in_a_module_signs_and_stays_there() {
    let Some(hsm) = Hsm::new() else { return };
    hsm.good(&["init", "--hsm-module", hsm.module, "--hsm-token", "portcullis"]);
    let key = hsm.scratch.read("state/1-signer.pem");
    assert!(
        key.starts_with("portcullis-key: pkcs11:module=") && !key.contains("PRIVATE KEY"),
        "{key}"
    );
    let (client, server) = (hsm.scratch.path("client"), hsm.scratch.path("server"));
    hsm.good(&["issue", "foo/sleep", "--out", &client]);
    hsm.good(&["issue", "foo/httpbin", "--out", &server]);
    let chain = format!("{client}/cert-chain.pem");
    hsm.good(&["verify", &chain]);
    let seen = hsm.good(&["handshake", "--client", &client, "--server", &server]);
    assert!(seen.contains("handshake   TLSv1_3"), "{seen}");
    let roots = format!("{client}/root-cert.pem");
    if let Some((good, text)) =
        openssl(&["verify", "-x509_strict", "-CAfile", &roots, "-untrusted", &chain, &chain])
    {
        assert!(good, "{text}");
    }
    assert_eq!(hsm.good(&["doctor"]), "sound\n");
    assert!(
        hsm.bad("pin", &["export", "--k8s-secret"])
            .contains("the key cannot leave its module")
    );
    assert!(
        hsm.bad("wrong", &["issue", "foo/x", "--out", &hsm.scratch.path("x")])
            .contains("the PKCS#11 module")
    );
    // The next generation's key is made in the token too.
    hsm.good(&["rotate-root"]);
    assert!(
        hsm.scratch
            .read("state/2-signer.pem")
            .starts_with("portcullis-key: ")
    );
    let crl = hsm.good(&["crl"]);
    assert!(crl.contains("BEGIN X509 CRL"), "{crl}");
}

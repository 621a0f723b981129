//! `certs/`: every certificate and request is judged as its README says, by the standard, as Envoy, and by openssl.
//!
//! `MAKE_CERTS=1 cargo test shelf` makes them all anew, with new keys, and writes the README. The README is the
//! record of what was seen: read the difference before you keep it.

use std::fmt::Write as _;
use std::path::PathBuf;

use portcullis::ca::bundle::{read_bundle, read_certificates};
use portcullis::ca::{
    CertificateAuthority, Directory, EnvoyAnswer, Permissions, Secrets, Settings, SignerKey,
    TrustBundle, Usage, Wish, pem,
};
use portcullis::spiffe::{SpiffeId, TrustDomain};

use super::forge::{ID, NOW, pems};
use super::recipes::{Recipe, Shop, all};
use super::support::{Scratch, openssl};
use crate::support::project;

const HEAD: &str = "# Certificates for tests

Good and bad certificates and requests, one a file, made by `MAKE_CERTS=1 cargo test shelf` from the recipes in
`tests/ca/recipes.rs`, with fixed validity (2026 to 2036) and new keys each time. No CA's key is kept. The leaves' keys
are in `keys/`. Never trust one of them anywhere.

Each certificate has its CAs behind it and leads to `root.pem`, or to `NAME.root.pem` where there is one. The columns say
what is made of it at 2026-06-01: by a reader of the standards (RFC 5280 and SPIFFE X509-SVID) to whom its holder is a
client, by Envoy 1.40 in a mesh whose trust domain is `cluster.local`, and by `openssl verify -purpose sslclient`. Of a
request they say whether this CA signs it for `spiffe://cluster.local/ns/foo/sa/sleep`, and whether openssl verifies its
signature. A test compares all of it with this page.

| file | how it was made | standard | Envoy | openssl |
|---|---|---|---|---|
";

fn place(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("certs")
        .join(name)
}

#[expect(clippy::disallowed_methods, reason = "the shelf is written here")]
fn make() {
    let shop = Shop::new();
    for entry in std::fs::read_dir(place("")).unwrap() {
        let path = entry.unwrap().path();
        if path
            .extension()
            .is_some_and(|extension| extension == "pem" || extension == "csr")
        {
            std::fs::remove_file(path).unwrap();
        }
    }
    std::fs::create_dir_all(place("keys")).unwrap();
    std::fs::write(place("root.pem"), pems(std::slice::from_ref(&shop.root.der))).unwrap();
    for (name, key) in [
        ("p256", &shop.p256),
        ("p384", &shop.p384),
        ("ed25519", &shop.ed25519),
        ("rsa-2048", &shop.rsa),
    ] {
        std::fs::write(
            place(&format!("keys/{name}.pem")),
            key.private.to_pem(None).unwrap().as_bytes(),
        )
        .unwrap();
    }
    for recipe in all() {
        let made = (recipe.make)(&shop);
        let extension = if made.request { "csr" } else { "pem" };
        std::fs::write(place(&format!("{}.{extension}", recipe.name)), made.text).unwrap();
        if let Some(root) = made.root {
            std::fs::write(place(&format!("{}.root.pem", recipe.name)), root).unwrap();
        }
    }
}

/// What is made of one file: accepted or why not, Envoy's word, openssl's word.
struct Judged {
    accepted: bool,
    standard: String,
    envoy: &'static str,
    openssl: Option<&'static str>,
}

fn word(yes: bool) -> &'static str {
    if yes { "yes" } else { "no" }
}

fn certificate(name: &str) -> Judged {
    let text = project(&format!("certs/{name}.pem"));
    let own = place(&format!("{name}.root.pem"));
    let root =
        if own.exists() { format!("certs/{name}.root.pem") } else { "certs/root.pem".to_owned() };
    let file = place(&format!("{name}.pem"));
    let (file, roots) =
        (file.to_str().unwrap(), PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(&root));
    let words = [
        "verify",
        "-attime",
        &NOW.to_string(),
        "-purpose",
        "sslclient",
        "-CAfile",
        roots.to_str().unwrap(),
        "-untrusted",
        file,
        file,
    ];
    let openssl = openssl(&words).map(|(good, _)| word(good));
    let refused = |why: String, envoy| Judged { accepted: false, standard: why, envoy, openssl };
    let chain = match read_certificates(&text) {
        Ok(chain) => chain,
        // Whether Envoy reads what is not read here is not said.
        Err(error) => return refused(error.to_string(), "unknown"),
    };
    let roots = match read_bundle(&project(&root)) {
        Ok(roots) => roots,
        Err(error) => return refused(error.to_string(), "unknown"),
    };
    let bundle = TrustBundle::new(TrustDomain::parse("cluster.local").unwrap(), roots);
    let verification =
        bundle.verification(&chain, Usage::Client, NOW, &["cluster.local".to_owned()]);
    let envoy = match verification.envoy {
        EnvoyAnswer::Accepted { .. } => "yes",
        EnvoyAnswer::Refused { .. } => "no",
        EnvoyAnswer::Unknown { .. } | _ => "unknown",
    };
    match verification.strict {
        Ok(_) => Judged { accepted: true, standard: "yes".to_owned(), envoy, openssl },
        Err(error) => refused(error.to_string(), envoy),
    }
}

fn request(name: &str, authority: &CertificateAuthority<Directory>) -> Judged {
    let text = project(&format!("certs/{name}.csr"));
    let file = place(&format!("{name}.csr"));
    let openssl = openssl(&["req", "-verify", "-noout", "-in", file.to_str().unwrap()])
        .map(|(good, text)| word(good && !text.contains("verify failure")));
    let wish = Wish {
        id: SpiffeId::parse(ID).unwrap(),
        dns: Vec::new(),
        ttl: None,
        caller: "test".to_owned(),
    };
    let block = pem::parse(&text).unwrap().remove(0);
    match authority.sign_request(&block.bytes, &wish, NOW) {
        Ok(_) => Judged { accepted: true, standard: "yes".to_owned(), envoy: "", openssl },
        Err(error) => Judged { accepted: false, standard: error.to_string(), envoy: "", openssl },
    }
}

/// A reason without what differs from one making to the next.
fn steady(text: &str) -> String {
    text.replace('|', "\\|")
        .replace('\n', "\\n")
        .replace('\0', "\\0")
}

#[test]
fn the_shelf_is_what_its_page_says() {
    // [SP-2] [SP-5] [SP-6]
    #[expect(clippy::disallowed_methods, reason = "a way to make the shelf anew")]
    let anew = std::env::var("MAKE_CERTS").is_ok();
    if anew {
        make();
    }
    let scratch = Scratch::new();
    let store = Directory::create(scratch.path("ca").as_ref(), Permissions::Private).unwrap();
    let settings = Settings::of(TrustDomain::parse("cluster.local").unwrap());
    let authority =
        CertificateAuthority::create(store, &settings, SignerKey::Here, Secrets::default(), NOW)
            .unwrap();
    let mut page = HEAD.to_owned();
    let mut wrong = Vec::new();
    let mut without_openssl = false;
    let recipes = all();
    for Recipe { name, how, good, .. } in &recipes {
        let is_request = name.starts_with("request-");
        let judged = if is_request { request(name, &authority) } else { certificate(name) };
        if judged.accepted != *good {
            wrong.push(format!("{name}: {}", judged.standard));
        }
        without_openssl |= judged.openssl.is_none();
        let file = if is_request { format!("{name}.csr") } else { format!("{name}.pem") };
        let standard = if judged.accepted {
            "yes".to_owned()
        } else {
            format!("no: {}", steady(&judged.standard))
        };
        let (envoy, openssl) = (judged.envoy, judged.openssl.unwrap_or("?"));
        writeln!(page, "| {file} | {how} | {standard} | {envoy} | {openssl} |").unwrap();
    }
    assert!(recipes.len() >= 120);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    if anew {
        #[expect(clippy::disallowed_methods, reason = "the page is written here")]
        std::fs::write(place("README.md"), &page).unwrap();
    }
    let want = project("certs/README.md");
    // Where openssl is not installed, its column is not compared.
    let comparable = |text: &str| -> String {
        if !without_openssl {
            return text.to_owned();
        }
        text.lines()
            .map(|line| {
                line.trim_end_matches(" |")
                    .rsplit_once(" | ")
                    .map_or(line, |(front, _)| front)
                    .to_owned()
                    + "\n"
            })
            .collect()
    };
    for (line, expected) in comparable(&page).lines().zip(comparable(&want).lines()) {
        assert_eq!(line, expected);
    }
    assert_eq!(page.lines().count(), want.lines().count());
}

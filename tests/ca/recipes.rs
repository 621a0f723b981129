//! The shelf's recipes: a name, how it is made, whether the standard takes it, and the making.

use portcullis::ca::{Algorithm, pem};

use super::forge::*;

/// What the recipes share. Everything but the leaves' keys is forgotten afterwards.
pub(crate) struct Shop {
    pub(crate) root: Authority,
    pub(crate) signer: Authority,
    pub(crate) other: Authority,
    pub(crate) rsa_root: Authority,
    pub(crate) p256: Key,
    pub(crate) p384: Key,
    pub(crate) ed25519: Key,
    pub(crate) rsa: Key,
}

impl Shop {
    pub(crate) fn new() -> Self {
        let root = Authority::root("Root CA", |_| {});
        let signer = root.below("Intermediate CA", |_| {});
        Self {
            signer,
            other: Authority::root("Root CA of another trust domain", |_| {}),
            rsa_root: Authority::root_of(Key::rsa(2048), "RSA Root CA", |_| {}),
            p256: Key::new(Algorithm::EcdsaP256),
            p384: Key::new(Algorithm::EcdsaP384),
            ed25519: Key::new(Algorithm::Ed25519),
            rsa: Key::rsa(2048),
            root,
        }
    }

    /// A leaf of the intermediate, changed, with the intermediate behind it.
    fn leaf(&self, change: impl FnOnce(&mut Tbs)) -> Made {
        let mut tbs = self.signer.leaf(&self.p256.spki);
        change(&mut tbs);
        self.chain(&[tbs.signed(&self.signer.key)])
    }

    fn chain(&self, ders: &[Vec<u8>]) -> Made {
        let mut ders = ders.to_vec();
        ders.push(self.signer.der.clone());
        Made::pem(pems(&ders))
    }

    /// A leaf below an intermediate of the root that is changed.
    fn below(&self, change: impl FnOnce(&mut Tbs)) -> Made {
        let authority = self.root.below("Odd CA", change);
        Made::pem(pems(&[authority.leaf(&self.p256.spki).signed(&authority.key), authority.der]))
    }

    /// A leaf straight below a root of its own that is changed.
    fn rooted(&self, change: impl FnOnce(&mut Tbs)) -> Made {
        let root = Authority::root("Odd Root CA", change);
        Made {
            text: pems(&[root.leaf(&self.p256.spki).signed(&root.key)]),
            root: Some(pems(&[root.der])),
            request: false,
        }
    }

    /// A leaf with these names below a CA that permits and excludes these.
    fn constrained(&self, permitted: &[Vec<u8>], excluded: &[Vec<u8>], names: &[Vec<u8>]) -> Made {
        let authority = self
            .root
            .below("Odd CA", |tbs| tbs.constrain(permitted, excluded));
        let mut tbs = authority.leaf(&self.p256.spki);
        tbs.names(names);
        Made::pem(pems(&[tbs.signed(&authority.key), authority.der]))
    }

    /// A leaf for another key.
    fn keyed(&self, spki: &[u8]) -> Made {
        self.chain(&[self.signer.leaf(spki).signed(&self.signer.key)])
    }

    /// A leaf whose names are these.
    fn named(&self, names: &[Vec<u8>]) -> Made {
        self.leaf(|tbs| tbs.names(names))
    }

    fn uri(&self, text: &str) -> Made {
        self.named(&[uri(text)])
    }

    /// A leaf of the RSA root, with an algorithm and a signature that openssl makes.
    fn rsa_signed(&self, algorithm: Vec<u8>, words: &[&str]) -> Made {
        let mut tbs = self.rsa_root.leaf(&self.p256.spki);
        tbs.inner = algorithm;
        tbs.outer = tbs.inner.clone();
        let key = self.rsa_root.key.private.to_pem(None).unwrap();
        let file = std::env::temp_dir().join(format!("forge-{}.pem", std::process::id()));
        #[expect(clippy::disallowed_methods, reason = "openssl reads its key from a file")]
        std::fs::write(&file, key.as_bytes()).unwrap();
        let der = tbs.der();
        let signature =
            pipe(&[&["dgst"], words, &["-sign", file.to_str().unwrap()]].concat(), &der);
        std::fs::remove_file(file).unwrap();
        let text = pems(&[seq(&[&der, &tbs.outer, &bits(&signature)])]);
        Made { text, root: Some(pems(std::slice::from_ref(&self.rsa_root.der))), request: false }
    }

    /// The DER of a good leaf, changed as bytes.
    fn bytes(&self, change: impl FnOnce(Vec<u8>) -> Vec<u8>) -> Made {
        let der = self.signer.leaf(&self.p256.spki).signed(&self.signer.key);
        self.chain(&[change(der)])
    }

    /// The text of a good chain, changed.
    fn text(&self, change: impl FnOnce(String) -> String) -> Made {
        let mut made = self.leaf(|_| {});
        made.text = change(made.text);
        made
    }

    fn request(&self, change: impl FnOnce(&mut Csr)) -> Made {
        Self::request_of(&self.p256, change)
    }

    fn request_of(key: &Key, change: impl FnOnce(&mut Csr)) -> Made {
        let mut csr = Csr::new(key);
        change(&mut csr);
        Made::csr(&csr.signed(key))
    }
}

/// A file of the shelf.
pub(crate) struct Made {
    pub(crate) text: String,
    /// A root of its own; absent where the shelf's root is meant.
    pub(crate) root: Option<String>,
    pub(crate) request: bool,
}

impl Made {
    fn pem(text: String) -> Self {
        Self { text, root: None, request: false }
    }

    fn csr(der: &[u8]) -> Self {
        Self {
            text: pem::to_text("CERTIFICATE REQUEST", der).to_string(),
            root: None,
            request: true,
        }
    }
}

/// One certificate or request.
pub(crate) struct Recipe {
    pub(crate) name: &'static str,
    pub(crate) how: &'static str,
    /// Whether a reader by the standard takes it at 2026-06-01, or this CA signs it.
    pub(crate) good: bool,
    pub(crate) make: fn(&Shop) -> Made,
}

const GOOD: bool = true;
const BAD: bool = false;

fn row(name: &'static str, good: bool, how: &'static str, make: fn(&Shop) -> Made) -> Recipe {
    Recipe { name, how, good, make }
}

fn unknown() -> &'static str {
    "1.3.6.1.4.1.99999.1"
}

/// Every recipe, in the order of the README.
pub(crate) fn all() -> Vec<Recipe> {
    [names(), uses(), authorities(), encodings(), keys(), texts(), requests()]
        .into_iter()
        .flatten()
        .collect()
}

fn names() -> Vec<Recipe> {
    vec![
        row("good", GOOD, "as Citadel makes it", |s| s.leaf(|_| {})),
        row("with-dns", GOOD, "a DNS name beside the URI", |s| {
            s.named(&[uri(ID), dns("sleep.foo.svc")])
        }),
        row("with-every-name", GOOD, "DNS, mail and IP beside the URI", |s| {
            s.named(&[dns("sleep.foo.svc"), uri(ID), email("a@example.com"), ip(&[10, 0, 0, 1])])
        }),
        row("with-subject", GOOD, "a subject, names not critical", |s| {
            s.leaf(|t| {
                t.subject = name(&[("CN", "sleep")]);
                t.names(&[uri(ID)]);
            })
        }),
        row(
            "subject-and-critical-names",
            GOOD,
            "a subject, names critical all the same, as Citadel does",
            |s| s.leaf(|t| t.subject = name(&[("CN", "sleep")])),
        ),
        row("not-istio-path", GOOD, "a path that is not `/ns/…/sa/…`", |s| {
            s.uri("spiffe://cluster.local/billing/payments")
        }),
        row("odd-characters", GOOD, "every character that a path may have", |s| {
            s.uri("spiffe://cluster.local/a.b-c_d/...")
        }),
        row("long-id", GOOD, "an ID of 2048 bytes", |s| {
            s.uri(&format!("spiffe://cluster.local/{}", "a".repeat(2048 - 23)))
        }),
        row(
            "upper-case-trust-domain",
            GOOD,
            "upper case in the trust domain: the same ID to the standard",
            |s| s.uri("spiffe://Cluster.Local/ns/foo/sa/sleep"),
        ),
        row(
            "upper-case-scheme",
            GOOD,
            "upper case in the scheme: the same ID to the standard",
            |s| s.uri("SPIFFE://cluster.local/ns/foo/sa/sleep"),
        ),
        row("no-names", BAD, "no subjectAltName", |s| s.leaf(|t| t.without(SAN))),
        row("no-uri", BAD, "a DNS name and no URI", |s| s.named(&[dns("sleep.foo.svc")])),
        row("empty-names", BAD, "a subjectAltName without names", |s| s.named(&[])),
        row("two-uris", BAD, "two SPIFFE IDs", |s| {
            s.named(&[uri(ID), uri("spiffe://cluster.local/ns/foo/sa/admin")])
        }),
        row("two-uris-the-same", BAD, "one SPIFFE ID twice", |s| s.named(&[uri(ID), uri(ID)])),
        row("uri-and-https", BAD, "a SPIFFE ID and another URI", |s| {
            s.named(&[uri(ID), uri("https://example.com/")])
        }),
        row("https-uri", BAD, "a URI that is no SPIFFE ID", |s| {
            s.uri("https://cluster.local/ns/foo/sa/sleep")
        }),
        row("urn-uri", BAD, "a URI without host", |s| s.uri("urn:cluster.local:sleep")),
        row("no-path", BAD, "the ID of the trust domain itself", |s| {
            s.uri("spiffe://cluster.local")
        }),
        row("only-a-slash", BAD, "a path that is `/`", |s| s.uri("spiffe://cluster.local/")),
        row("trailing-slash", BAD, "a path that ends in `/`", |s| {
            s.uri("spiffe://cluster.local/ns/foo/sa/sleep/")
        }),
        row("empty-segment", BAD, "an empty path segment", |s| {
            s.uri("spiffe://cluster.local/ns//sa/sleep")
        }),
        row("dot-segment", BAD, "`..` in the path", |s| {
            s.uri("spiffe://cluster.local/ns/foo/../bar/sa/sleep")
        }),
        row("percent-encoding", BAD, "`%2e` in the path", |s| {
            s.uri("spiffe://cluster.local/ns/foo/sa/%2e")
        }),
        row("wildcard-path", BAD, "`*` in the path", |s| {
            s.uri("spiffe://cluster.local/ns/foo/sa/*")
        }),
        row("query", BAD, "a query", |s| s.uri("spiffe://cluster.local/ns/foo/sa/sleep?x=1")),
        row("fragment", BAD, "a fragment", |s| s.uri("spiffe://cluster.local/ns/foo/sa/sleep#x")),
        row("port", BAD, "a port", |s| s.uri("spiffe://cluster.local:443/ns/foo/sa/sleep")),
        row("user", BAD, "a user before the trust domain", |s| {
            s.uri("spiffe://admin@cluster.local/ns/foo/sa/sleep")
        }),
        row("space", BAD, "a space in the path", |s| {
            s.uri("spiffe://cluster.local/ns/foo/sa/sl eep")
        }),
        row("newline", BAD, "a line feed in the path", |s| {
            s.uri("spiffe://cluster.local/ns/foo/sa/sleep\nx")
        }),
        row("no-trust-domain", BAD, "no trust domain", |s| s.uri("spiffe:///ns/foo/sa/sleep")),
        row("long-trust-domain", BAD, "a trust domain of 256 bytes", |s| {
            s.uri(&format!("spiffe://{}/a", "a".repeat(256)))
        }),
        row("other-trust-domain", BAD, "an ID of a trust domain that has no bundle", |s| {
            s.uri("spiffe://other.example/ns/foo/sa/sleep")
        }),
        row("longer-trust-domain", BAD, "a trust domain that only begins like the mesh's", |s| {
            s.uri("spiffe://cluster.local.evil.example/ns/foo/sa/sleep")
        }),
        row("not-ascii", BAD, "a URI that is not ASCII", |s| {
            s.uri("spiffe://cluster.local/ns/foo/sa/sl\u{e9}ep")
        }),
        row("nul-in-uri", BAD, "NUL in the URI", |s| {
            s.uri("spiffe://cluster.local/ns/foo/sa/sleep\0.evil")
        }),
        row("nul-in-dns", BAD, "NUL in a DNS name", |s| {
            s.named(&[uri(ID), dns("good.com\0.evil.com")])
        }),
        row("id-in-common-name", BAD, "the ID as common name only", |s| {
            s.leaf(|t| {
                t.subject = name(&[("CN", ID)]);
                t.without(SAN);
            })
        }),
        row("id-as-dns", BAD, "the ID as a DNS name", |s| s.named(&[dns(ID)])),
        row("id-as-mail", BAD, "the ID as a mail address", |s| s.named(&[email(ID)])),
        row("id-as-dns-beside-another", BAD, "another URI, and the ID as a DNS name", |s| {
            s.named(&[uri("https://example.com/"), dns(ID)])
        }),
        row("names-not-critical", BAD, "no subject, and names not critical", |s| {
            s.leaf(|t| t.put(SAN, false, tlv(0x30, &uri(ID))))
        }),
        row("underscore-in-dns", BAD, "a DNS name that is none", |s| {
            s.named(&[uri(ID), dns("a_b.foo.svc")])
        }),
        row(
            "ip-of-five-bytes",
            GOOD,
            "an IP address of five bytes beside the URI: nobody looks",
            |s| s.named(&[uri(ID), ip(&[1, 2, 3, 4, 5])]),
        ),
        row("thousand-names", GOOD, "a thousand DNS names", |s| {
            let many: Vec<Vec<u8>> = (0..1000).map(|n| dns(&format!("n{n}.foo.svc"))).collect();
            s.named(&[vec![uri(ID)], many].concat())
        }),
    ]
}

fn uses() -> Vec<Recipe> {
    vec![
        row("no-key-usage", BAD, "no keyUsage", |s| s.leaf(|t| t.without(KEY_USAGE))),
        row("key-usage-not-critical", BAD, "keyUsage not critical", |s| {
            s.leaf(|t| t.put(KEY_USAGE, false, vec![3, 2, 5, 0xa0]))
        }),
        row("no-digital-signature", BAD, "keyEncipherment only", |s| s.leaf(|t| t.usage(&[2]))),
        row("key-agreement-only", BAD, "keyAgreement only", |s| s.leaf(|t| t.usage(&[4]))),
        row("key-agreement-too", GOOD, "keyAgreement too", |s| s.leaf(|t| t.usage(&[0, 4]))),
        row("digital-signature-only", GOOD, "digitalSignature only", |s| s.leaf(|t| t.usage(&[0]))),
        row("empty-key-usage", BAD, "keyUsage without bits", |s| s.leaf(|t| t.usage(&[]))),
        row("key-cert-sign", BAD, "keyCertSign in a leaf", |s| s.leaf(|t| t.usage(&[0, 5]))),
        row("crl-sign", BAD, "cRLSign in a leaf", |s| s.leaf(|t| t.usage(&[0, 6]))),
        row("ca-as-leaf", BAD, "`cA` in a leaf", |s| {
            s.leaf(|t| t.put(BASIC, true, seq(&[&[1, 1, 0xff]])))
        }),
        row("ca-as-leaf-that-signs", BAD, "`cA` and keyCertSign in a leaf", |s| {
            s.leaf(|t| {
                t.put(BASIC, true, seq(&[&[1, 1, 0xff]]));
                t.usage(&[0, 5]);
            })
        }),
        row("no-basic-constraints", GOOD, "no basicConstraints", |s| s.leaf(|t| t.without(BASIC))),
        row("basic-constraints-not-critical", GOOD, "basicConstraints not critical", |s| {
            s.leaf(|t| t.put(BASIC, false, seq(&[])))
        }),
        row("no-purposes", GOOD, "no extendedKeyUsage", |s| s.leaf(|t| t.without(EXTENDED))),
        row("client-only", BAD, "clientAuth only", |s| s.leaf(|t| t.purposes(&[CLIENT]))),
        row("server-only", BAD, "serverAuth only", |s| s.leaf(|t| t.purposes(&[SERVER]))),
        row("any-purpose", BAD, "anyExtendedKeyUsage only", |s| {
            s.leaf(|t| t.purposes(&["2.5.29.37.0"]))
        }),
        row("any-purpose-too", GOOD, "anyExtendedKeyUsage beside both", |s| {
            s.leaf(|t| t.purposes(&[SERVER, CLIENT, "2.5.29.37.0"]))
        }),
        row("mail-only", BAD, "emailProtection only", |s| {
            s.leaf(|t| t.purposes(&["1.3.6.1.5.5.7.3.4"]))
        }),
        row("empty-purposes", BAD, "extendedKeyUsage without purposes", |s| {
            s.leaf(|t| t.purposes(&[]))
        }),
        row("purposes-critical", GOOD, "extendedKeyUsage critical", |s| {
            s.leaf(|t| t.put(EXTENDED, true, seq(&[&oid(SERVER), &oid(CLIENT)])))
        }),
        row("unknown-extension", GOOD, "an unknown extension", |s| {
            s.leaf(|t| t.put(unknown(), false, vec![5, 0]))
        }),
        row("unknown-critical", BAD, "an unknown critical extension", |s| {
            s.leaf(|t| t.put(unknown(), true, vec![5, 0]))
        }),
        row("constraints-in-leaf", BAD, "nameConstraints in a leaf", |s| {
            s.leaf(|t| t.constrain(&[uri("cluster.local")], &[]))
        }),
        row("policies", GOOD, "certificatePolicies", |s| {
            s.leaf(|t| t.put("2.5.29.32", false, seq(&[&seq(&[&oid("2.5.29.32.0")])])))
        }),
        row("no-authority-key", BAD, "no authorityKeyIdentifier", |s| {
            s.leaf(|t| t.without(AUTHORITY_KEY))
        }),
        row("authority-key-critical", BAD, "authorityKeyIdentifier critical", |s| {
            s.leaf(|t| {
                let key = s.signer.key.id();
                t.put(AUTHORITY_KEY, true, seq(&[&tlv(0x80, &key)]));
            })
        }),
        row("another-authority-key", BAD, "authorityKeyIdentifier of another key", |s| {
            s.leaf(|t| t.put(AUTHORITY_KEY, false, seq(&[&tlv(0x80, &[7; 20])])))
        }),
        row(
            "authority-key-names-certificate",
            BAD,
            "authorityKeyIdentifier with issuer and serial number",
            |s| {
                s.leaf(|t| {
                    let key = tlv(0x80, &s.signer.key.id());
                    let issuer = tlv(0xa1, &tlv(0xa4, &s.root.tbs.subject));
                    let serial = tlv(0x82, &s.signer.tbs.serial);
                    t.put(AUTHORITY_KEY, false, seq(&[&key, &issuer, &serial]));
                })
            },
        ),
        row("no-subject-key", GOOD, "no subjectKeyIdentifier", |s| {
            s.leaf(|t| t.without(SUBJECT_KEY))
        }),
        row("subject-key-critical", BAD, "subjectKeyIdentifier critical", |s| {
            s.leaf(|t| t.put(SUBJECT_KEY, true, tlv(4, &[7; 20])))
        }),
    ]
}

fn authorities() -> Vec<Recipe> {
    vec![
        row("below-the-root", GOOD, "signed by the root itself", |s| {
            Made::pem(pems(&[s.root.leaf(&s.p256.spki).signed(&s.root.key)]))
        }),
        row("three-intermediates", GOOD, "three CAs between leaf and root", |s| {
            let a = s.root.below("A", |_| {});
            let b = a.below("B", |_| {});
            let c = b.below("C", |_| {});
            Made::pem(pems(&[c.leaf(&s.p256.spki).signed(&c.key), c.der, b.der, a.der]))
        }),
        row(
            "intermediates-in-disorder",
            GOOD,
            "the same, the CAs in another order and a stranger among them",
            |s| {
                let a = s.root.below("A", |_| {});
                let b = a.below("B", |_| {});
                Made::pem(pems(&[
                    b.leaf(&s.p256.spki).signed(&b.key),
                    a.der,
                    s.other.der.clone(),
                    b.der,
                ]))
            },
        ),
        row("nine-intermediates", BAD, "nine CAs between leaf and root", |s| {
            let mut chain = Vec::new();
            let mut last = s.root.below("1", |_| {});
            for name in ["2", "3", "4", "5", "6", "7", "8", "9"] {
                let next = last.below(name, |_| {});
                chain.insert(0, last.der);
                last = next;
            }
            chain.insert(0, last.der.clone());
            chain.insert(0, last.leaf(&s.p256.spki).signed(&last.key));
            Made::pem(pems(&chain))
        }),
        row("no-intermediate", BAD, "the intermediate left out", |s| {
            Made::pem(pems(&[s.signer.leaf(&s.p256.spki).signed(&s.signer.key)]))
        }),
        row("self-signed", BAD, "signed by its own key", |s| {
            let mut tbs = s.signer.leaf(&s.p256.spki);
            tbs.issuer = name(&[("CN", "me")]);
            tbs.subject = tbs.issuer.clone();
            Made::pem(pems(&[tbs.signed(&s.p256)]))
        }),
        row("another-root", BAD, "signed by a root that is not in the bundle", |s| {
            Made::pem(pems(&[s.other.leaf(&s.p256.spki).signed(&s.other.key), s.other.der.clone()]))
        }),
        row(
            "same-name-another-key",
            BAD,
            "signed by another key under the intermediate's name",
            |s| s.chain(&[s.signer.leaf(&s.p256.spki).signed(&s.other.key)]),
        ),
        row("leaf-in-the-bundle", BAD, "the leaf itself as the bundle", |s| {
            let der = s.signer.leaf(&s.p256.spki).signed(&s.signer.key);
            Made {
                text: pems(std::slice::from_ref(&der)),
                root: Some(pems(&[der])),
                request: false,
            }
        }),
        row(
            "intermediate-in-the-bundle",
            GOOD,
            "the intermediate as the bundle, without its root",
            |s| {
                let der = s.signer.leaf(&s.p256.spki).signed(&s.signer.key);
                Made {
                    text: pems(&[der]),
                    root: Some(pems(std::slice::from_ref(&s.signer.der))),
                    request: false,
                }
            },
        ),
        row("leaf-as-issuer", BAD, "signed by a leaf", |s| {
            let middle = s.signer.leaf(&s.p384.spki);
            let mut tbs = s.signer.leaf(&s.p256.spki);
            let mut middle = middle;
            middle.subject = name(&[("CN", "middle")]);
            middle.names(&[uri(ID)]);
            tbs.issuer = middle.subject.clone();
            tbs.put(AUTHORITY_KEY, false, seq(&[&tlv(0x80, &s.p384.id())]));
            tbs.inner = algorithm("1.2.840.10045.4.3.3");
            tbs.outer = tbs.inner.clone();
            s.chain(&[tbs.signed(&s.p384), middle.signed(&s.signer.key)])
        }),
        row("ca-without-ca", BAD, "an intermediate without `cA`", |s| {
            s.below(|t| t.put(BASIC, true, seq(&[])))
        }),
        row("ca-without-basic-constraints", BAD, "an intermediate without basicConstraints", |s| {
            s.below(|t| t.without(BASIC))
        }),
        row(
            "ca-basic-constraints-not-critical",
            BAD,
            "an intermediate whose basicConstraints are not critical",
            |s| s.below(|t| t.put(BASIC, false, seq(&[&[1, 1, 0xff]]))),
        ),
        row("ca-without-key-cert-sign", BAD, "an intermediate without keyCertSign", |s| {
            s.below(|t| t.usage(&[0, 6]))
        }),
        row("ca-without-key-usage", BAD, "an intermediate without keyUsage", |s| {
            s.below(|t| t.without(KEY_USAGE))
        }),
        row("ca-without-subject-key", BAD, "an intermediate without subjectKeyIdentifier", |s| {
            s.below(|t| t.without(SUBJECT_KEY))
        }),
        row(
            "ca-unknown-critical",
            BAD,
            "an intermediate with an unknown critical extension",
            |s| s.below(|t| t.put(unknown(), true, vec![5, 0])),
        ),
        row("ca-server-only", BAD, "an intermediate for servers only", |s| {
            s.below(|t| t.purposes(&[SERVER]))
        }),
        row("ca-both-purposes", GOOD, "an intermediate for servers and clients", |s| {
            s.below(|t| t.purposes(&[SERVER, CLIENT]))
        }),
        row("ca-expired", BAD, "an expired intermediate", |s| {
            s.below(|t| {
                t.begin = utc("250101000000Z");
                t.end = utc("260531235959Z");
            })
        }),
        row("ca-not-yet-valid", BAD, "an intermediate that is not valid yet", |s| {
            s.below(|t| t.begin = utc("260601000001Z"))
        }),
        row("ca-with-id", GOOD, "an intermediate with the trust domain's ID", |s| {
            s.below(|t| t.names(&[uri("spiffe://cluster.local")]))
        }),
        row("ca-with-path", BAD, "an intermediate whose ID has a path", |s| {
            s.below(|t| t.names(&[uri("spiffe://cluster.local/ns/istio-system/sa/istiod")]))
        }),
        row(
            "ca-of-another-trust-domain",
            BAD,
            "an intermediate with another trust domain's ID",
            |s| s.below(|t| t.names(&[uri("spiffe://other.example")])),
        ),
        row("path-length-kept", GOOD, "pathLenConstraint 0 above a leaf", |s| {
            s.below(|t| t.put(BASIC, true, seq(&[&[1, 1, 0xff], &[2, 1, 0]])))
        }),
        row("path-length-exceeded", BAD, "pathLenConstraint 0 above another CA", |s| {
            let a = s
                .root
                .below("A", |t| t.put(BASIC, true, seq(&[&[1, 1, 0xff], &[2, 1, 0]])));
            let b = a.below("B", |_| {});
            Made::pem(pems(&[b.leaf(&s.p256.spki).signed(&b.key), b.der, a.der]))
        }),
        row("root-expired", BAD, "an expired root", |s| {
            s.rooted(|t| {
                t.begin = utc("250101000000Z");
                t.end = utc("260531235959Z");
            })
        }),
        row("root-unknown-critical", BAD, "a root with an unknown critical extension", |s| {
            s.rooted(|t| t.put(unknown(), true, vec![5, 0]))
        }),
        row("root-without-ca", BAD, "a root without `cA`", |s| {
            s.rooted(|t| t.put(BASIC, true, seq(&[])))
        }),
        row("root-version-1", BAD, "a root of version 1", |s| {
            s.rooted(|t| {
                t.version = 0;
                t.extensions.clear();
            })
        }),
        row("root-of-another-trust-domain", BAD, "a root with another trust domain's ID", |s| {
            s.rooted(|t| t.names(&[uri("spiffe://other.example")]))
        }),
        row("uri-permitted", GOOD, "a CA that permits the URI host `cluster.local`", |s| {
            s.below(|t| t.constrain(&[uri("cluster.local")], &[]))
        }),
        row("uri-permitted-domain", GOOD, "a CA that permits URI hosts below `.local`", |s| {
            s.below(|t| t.constrain(&[uri(".local")], &[]))
        }),
        row("uri-not-permitted", BAD, "a CA that permits another URI host", |s| {
            s.below(|t| t.constrain(&[uri("other.example")], &[]))
        }),
        row(
            "uri-not-permitted-domain",
            BAD,
            "a CA that permits URI hosts below `.cluster.local`, which is not one",
            |s| s.below(|t| t.constrain(&[uri(".cluster.local")], &[])),
        ),
        row("uri-excluded", BAD, "a CA that excludes the URI host `cluster.local`", |s| {
            s.below(|t| t.constrain(&[], &[uri("cluster.local")]))
        }),
        row("uri-excluded-another", GOOD, "a CA that excludes another URI host", |s| {
            s.below(|t| t.constrain(&[], &[uri("other.example")]))
        }),
        row(
            "uri-permitted-by-root",
            GOOD,
            "a root that permits the URI host `cluster.local`",
            |s| s.rooted(|t| t.constrain(&[uri("cluster.local")], &[])),
        ),
        row("uri-not-permitted-by-root", BAD, "a root that permits another URI host", |s| {
            s.rooted(|t| t.constrain(&[uri("other.example")], &[]))
        }),
        row(
            "dns-constraint-about-no-name",
            GOOD,
            "a CA that permits a DNS domain, and a leaf without DNS name",
            |s| s.below(|t| t.constrain(&[dns("svc")], &[])),
        ),
        row(
            "dns-not-permitted",
            BAD,
            "a CA that permits another DNS domain than the leaf's",
            |s| {
                let authority = s
                    .root
                    .below("Odd CA", |t| t.constrain(&[dns("example.com")], &[]));
                let mut tbs = authority.leaf(&s.p256.spki);
                tbs.names(&[uri(ID), dns("sleep.foo.svc")]);
                Made::pem(pems(&[tbs.signed(&authority.key), authority.der]))
            },
        ),
        row("constraints-not-critical", BAD, "a CA whose nameConstraints are not critical", |s| {
            s.below(|t| {
                t.constrain(&[uri("cluster.local")], &[]);
                let (_, _, value) = t.extensions.pop().unwrap();
                t.put(CONSTRAINTS, false, value);
            })
        }),
        row("empty-constraints", BAD, "a CA with empty nameConstraints", |s| {
            s.below(|t| t.put(CONSTRAINTS, true, seq(&[])))
        }),
        row(
            "ip-constraint-about-no-name",
            GOOD,
            "a CA that permits an address block, and a leaf without address",
            |s| s.below(|t| t.constrain(&[ip(&[10, 0, 0, 0, 255, 0, 0, 0])], &[])),
        ),
        row("dns-permitted", GOOD, "a CA that permits the leaf's DNS domain", |s| {
            s.constrained(&[dns("svc")], &[], &[uri(ID), dns("sleep.foo.svc")])
        }),
        row("dns-excluded", BAD, "a CA that excludes the leaf's DNS domain", |s| {
            s.constrained(&[], &[dns("foo.svc")], &[uri(ID), dns("sleep.foo.svc")])
        }),
        row(
            "dns-wildcard-excluded",
            BAD,
            "a CA that excludes a name that the leaf's wildcard holds",
            |s| s.constrained(&[], &[dns("sleep.foo.svc")], &[uri(ID), dns("*.foo.svc")]),
        ),
        row("ip-permitted", GOOD, "a CA that permits the leaf's address", |s| {
            s.constrained(&[ip(&[10, 0, 0, 0, 255, 0, 0, 0])], &[], &[uri(ID), ip(&[10, 1, 2, 3])])
        }),
        row("ip-not-permitted", BAD, "a CA that permits other addresses than the leaf's", |s| {
            s.constrained(&[ip(&[10, 0, 0, 0, 255, 0, 0, 0])], &[], &[uri(ID), ip(&[11, 1, 2, 3])])
        }),
        row("mail-permitted", GOOD, "a CA that permits the leaf's mail domain", |s| {
            s.constrained(&[email("example.com")], &[], &[uri(ID), email("a@example.com")])
        }),
        row(
            "mail-not-permitted",
            BAD,
            "a CA that permits another mail domain than the leaf's",
            |s| s.constrained(&[email("example.com")], &[], &[uri(ID), email("a@example.org")]),
        ),
        row(
            "uri-one-of-two-permitted",
            BAD,
            "a CA that permits one of the hosts of the leaf's two URIs",
            |s| {
                s.constrained(&[uri("cluster.local")], &[], &[uri(ID), uri("https://example.com/")])
            },
        ),
        row(
            "uri-permitted-and-excluded",
            BAD,
            "a CA that permits and excludes the URI host",
            |s| s.constrained(&[uri("cluster.local")], &[uri("cluster.local")], &[uri(ID)]),
        ),
        row("root-without-key-cert-sign", BAD, "a root without keyCertSign", |s| {
            s.rooted(|t| t.usage(&[0, 6]))
        }),
        row(
            "dns-wildcard-permitted",
            GOOD,
            "a CA that permits the parent of the leaf's wildcard",
            |s| s.constrained(&[dns("foo.svc")], &[], &[uri(ID), dns("*.foo.svc")]),
        ),
        row(
            "dns-wildcard-half-permitted",
            BAD,
            "a CA that permits one name that the leaf's wildcard holds",
            |s| s.constrained(&[dns("sleep.foo.svc")], &[], &[uri(ID), dns("*.foo.svc")]),
        ),
    ]
}

fn encodings() -> Vec<Recipe> {
    vec![
        row("expired-one-second", BAD, "expired a second ago", |s| {
            s.leaf(|t| t.end = utc("260531235959Z"))
        }),
        row("last-second", GOOD, "in its last second", |s| {
            s.leaf(|t| t.end = utc("260601000000Z"))
        }),
        row("first-second", GOOD, "in its first second", |s| {
            s.leaf(|t| t.begin = utc("260601000000Z"))
        }),
        row("not-yet-one-second", BAD, "valid in a second", |s| {
            s.leaf(|t| t.begin = utc("260601000001Z"))
        }),
        row("ends-before-it-begins", BAD, "an end before the beginning", |s| {
            s.leaf(|t| {
                t.begin = utc("270101000000Z");
                t.end = utc("260101000000Z");
            })
        }),
        row("until-2049", GOOD, "until the last year of UTCTime", |s| {
            s.leaf(|t| t.end = utc("491231235959Z"))
        }),
        row("until-2050", GOOD, "until the first year of GeneralizedTime", |s| {
            s.leaf(|t| t.end = generalized("20500101000000Z"))
        }),
        row("until-9999", GOOD, "without end, as RFC 5280 writes it", |s| {
            s.leaf(|t| t.end = generalized("99991231235959Z"))
        }),
        row("generalized-before-2050", GOOD, "GeneralizedTime where UTCTime belongs", |s| {
            s.leaf(|t| t.end = generalized("20360101000000Z"))
        }),
        row("fractional-seconds", BAD, "fractions of a second", |s| {
            s.leaf(|t| t.end = generalized("20500101000000.5Z"))
        }),
        row("utc-without-seconds", BAD, "UTCTime without seconds", |s| {
            s.leaf(|t| t.end = utc("3601010000Z"))
        }),
        row("utc-not-ascii", BAD, "UTCTime with a byte above 0x7f", |s| {
            s.leaf(|t| t.end = tlv(0x17, b"36010100000\xb0Z"))
        }),
        row("version-1", BAD, "version 1 with extensions", |s| s.leaf(|t| t.version = 0)),
        row("version-1-plain", BAD, "version 1 without extensions", |s| {
            s.leaf(|t| {
                t.version = 0;
                t.extensions.clear();
            })
        }),
        row("version-2", BAD, "version 2 with extensions", |s| s.leaf(|t| t.version = 1)),
        row("version-4", BAD, "version 4", |s| s.leaf(|t| t.version = 3)),
        row("serial-zero", BAD, "serial number 0", |s| s.leaf(|t| t.serial = vec![0])),
        row("serial-negative", BAD, "a negative serial number", |s| {
            s.leaf(|t| t.serial = vec![0x80])
        }),
        row("serial-one", GOOD, "serial number 1", |s| s.leaf(|t| t.serial = vec![1])),
        row("serial-20-bytes", GOOD, "a serial number of 20 bytes", |s| {
            s.leaf(|t| t.serial = vec![0x7f; 20])
        }),
        row("serial-21-bytes", BAD, "a serial number of 21 bytes", |s| {
            s.leaf(|t| t.serial = vec![0x7f; 21])
        }),
        row("serial-padded", BAD, "a serial number with a needless zero in front", |s| {
            s.leaf(|t| t.serial = vec![0, 1])
        }),
        row("serial-empty", BAD, "a serial number without bytes", |s| {
            s.leaf(|t| t.serial = Vec::new())
        }),
        row("extension-twice", BAD, "keyUsage twice", |s| {
            s.leaf(|t| t.extensions.push((KEY_USAGE, true, vec![3, 2, 5, 0xa0])))
        }),
        row("names-twice", BAD, "two lists of names, each with an ID", |s| {
            s.leaf(|t| {
                t.extensions.push((
                    SAN,
                    true,
                    tlv(0x30, &uri("spiffe://cluster.local/ns/foo/sa/admin")),
                ));
            })
        }),
        row("sixty-five-extensions", BAD, "65 extensions", |s| {
            s.leaf(|t| {
                for number in 1..=60 {
                    t.put(
                        Box::leak(format!("1.3.6.1.4.1.99999.2.{number}").into_boxed_str()),
                        false,
                        vec![5, 0],
                    );
                }
            })
        }),
        row("trailing-byte", BAD, "a byte behind the end", |s| {
            s.bytes(|der| [der, vec![0]].concat())
        }),
        row("truncated", BAD, "the last byte missing", |s| {
            s.bytes(|mut der| {
                der.pop();
                der
            })
        }),
        row("empty", BAD, "no byte at all", |s| s.bytes(|_| Vec::new())),
        row("indefinite-length", BAD, "an indefinite length outside", |s| {
            s.bytes(|der| [&[0x30, 0x80], &der[4..], &[0, 0]].concat())
        }),
        row("long-form-length", BAD, "a length that is longer than it needs to be", |s| {
            s.bytes(|der| [&[0x30, 0x83, 0], &der[2..]].concat())
        }),
        row("flipped-signature", BAD, "one bit of the signature flipped", |s| {
            s.bytes(|mut der| {
                *der.last_mut().unwrap() ^= 1;
                der
            })
        }),
        row("flipped-name", BAD, "one letter of the ID changed", |s| {
            s.bytes(|der| {
                let at = der
                    .windows(5)
                    .position(|window| window == b"sleep")
                    .unwrap();
                let mut der = der;
                der[at] = b'x';
                der
            })
        }),
        row("algorithm-mismatch", BAD, "another algorithm inside than outside", |s| {
            s.leaf(|t| t.inner = algorithm("1.2.840.10045.4.3.3"))
        }),
        row("unknown-algorithm", BAD, "an unknown algorithm", |s| {
            s.leaf(|t| {
                t.inner = algorithm(unknown());
                t.outer = t.inner.clone();
            })
        }),
        row("deep-subject", GOOD, "a subject of a thousand parts", |s| {
            s.leaf(|t| {
                let parts = vec![("OU", "x"); 1000];
                t.subject = name(&parts);
                t.names(&[uri(ID)]);
            })
        }),
        row("empty-issuer", BAD, "an issuer without name", |s| {
            let root = Authority::root("x", |t| {
                t.subject = name(&[]);
                t.issuer = name(&[]);
            });
            Made {
                text: pems(&[root.leaf(&s.p256.spki).signed(&root.key)]),
                root: Some(pems(&[root.der])),
                request: false,
            }
        }),
    ]
}

fn rsa_pss(salt: u8) -> Vec<u8> {
    let sha256 = seq(&[&oid("2.16.840.1.101.3.4.2.1"), &[5, 0]]);
    let mask = seq(&[&oid("1.2.840.113549.1.1.8"), &sha256]);
    seq(&[
        &oid("1.2.840.113549.1.1.10"),
        &seq(&[&tlv(0xa0, &sha256), &tlv(0xa1, &mask), &tlv(0xa2, &[2, 1, salt])]),
    ])
}

/// A public RSA key of these numbers.
fn rsa_spki(modulus: &[u8], exponent: &[u8]) -> Vec<u8> {
    let key = seq(&[&tlv(2, &[&[0], modulus].concat()), &tlv(2, exponent)]);
    seq(&[&algorithm("1.2.840.113549.1.1.1"), &bits(&key)])
}

fn keys() -> Vec<Recipe> {
    vec![
        row("p384", GOOD, "an ECDSA key on P-384", |s| s.keyed(&s.p384.spki)),
        row("rsa-2048", GOOD, "an RSA key of 2048 bits", |s| s.keyed(&s.rsa.spki)),
        row("ed25519", GOOD, "an Ed25519 key", |s| s.keyed(&s.ed25519.spki)),
        row("p521", BAD, "an ECDSA key on P-521", |s| {
            s.keyed(&openssl_public(&openssl_key(&[
                "-algorithm",
                "EC",
                "-pkeyopt",
                "ec_paramgen_curve:P-521",
            ])))
        }),
        row("p192", BAD, "an ECDSA key on P-192", |s| {
            s.keyed(&openssl_public(&openssl_key(&[
                "-algorithm",
                "EC",
                "-pkeyopt",
                "ec_paramgen_curve:P-192",
            ])))
        }),
        row("secp256k1", BAD, "an ECDSA key on secp256k1", |s| {
            s.keyed(&openssl_public(&openssl_key(&[
                "-algorithm",
                "EC",
                "-pkeyopt",
                "ec_paramgen_curve:secp256k1",
            ])))
        }),
        row("explicit-curve", BAD, "P-256 written out as numbers", |s| {
            s.keyed(&openssl_public(&openssl_key(&[
                "-algorithm",
                "EC",
                "-pkeyopt",
                "ec_paramgen_curve:P-256",
                "-pkeyopt",
                "ec_param_enc:explicit",
            ])))
        }),
        row("rsa-1024", BAD, "an RSA key of 1024 bits", |s| {
            s.keyed(&openssl_public(&openssl_key(&[
                "-algorithm",
                "RSA",
                "-pkeyopt",
                "rsa_keygen_bits:1024",
            ])))
        }),
        row("rsa-2052", BAD, "an RSA key of 2052 bits", |s| {
            s.keyed(&openssl_public(&openssl_key(&[
                "-algorithm",
                "RSA",
                "-pkeyopt",
                "rsa_keygen_bits:2052",
            ])))
        }),
        row("rsa-exponent-1", BAD, "an RSA key with exponent 1", |s| {
            s.keyed(&rsa_spki(&[0xc5; 256], &[1]))
        }),
        row("rsa-exponent-even", BAD, "an RSA key with an even exponent", |s| {
            s.keyed(&rsa_spki(&[0xc5; 256], &[1, 0, 0]))
        }),
        row("x25519", BAD, "a key that signs nothing", |s| {
            s.keyed(&openssl_public(&openssl_key(&["-algorithm", "X25519"])))
        }),
        row("rsa-root", GOOD, "signed by an RSA root with SHA-256", |s| {
            s.rsa_signed(algorithm("1.2.840.113549.1.1.11"), &["-sha256"])
        }),
        row("rsa-root-sha512", GOOD, "signed by an RSA root with SHA-512", |s| {
            s.rsa_signed(algorithm("1.2.840.113549.1.1.13"), &["-sha512"])
        }),
        row("rsa-root-sha1", BAD, "signed by an RSA root with SHA-1", |s| {
            s.rsa_signed(algorithm("1.2.840.113549.1.1.5"), &["-sha1"])
        }),
        row("rsa-root-md5", BAD, "signed by an RSA root with MD5", |s| {
            s.rsa_signed(algorithm("1.2.840.113549.1.1.4"), &["-md5"])
        }),
        row("rsa-root-pss", GOOD, "signed by an RSA root with PSS", |s| {
            s.rsa_signed(
                rsa_pss(32),
                &["-sha256", "-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:32"],
            )
        }),
        row(
            "rsa-root-pss-salt",
            BAD,
            "signed by an RSA root with PSS, the salt longer than said",
            |s| {
                s.rsa_signed(
                    rsa_pss(32),
                    &[
                        "-sha256",
                        "-sigopt",
                        "rsa_padding_mode:pss",
                        "-sigopt",
                        "rsa_pss_saltlen:20",
                    ],
                )
            },
        ),
        row("rsa-root-small", BAD, "signed by an RSA root of 1024 bits", |s| {
            let key = openssl_key(&["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024"]);
            let spki = openssl_public(&key);
            let file = std::env::temp_dir().join(format!("forge-small-{}.pem", std::process::id()));
            #[expect(clippy::disallowed_methods, reason = "openssl reads its key from a file")]
            std::fs::write(&file, key.as_bytes()).unwrap();
            let sign = |tbs: &Tbs| {
                let der = tbs.der();
                let signature = pipe(&["dgst", "-sha256", "-sign", file.to_str().unwrap()], &der);
                seq(&[&der, &tbs.outer, &bits(&signature)])
            };
            let mut root = s.rsa_root.tbs.clone();
            root.spki.clone_from(&spki);
            let root_der = sign(&root);
            let leaf = sign(&s.rsa_root.leaf(&s.p256.spki));
            std::fs::remove_file(&file).unwrap();
            Made { text: pems(&[leaf]), root: Some(pems(&[root_der])), request: false }
        }),
    ]
}

fn texts() -> Vec<Recipe> {
    vec![
        row("text-around", GOOD, "text before, between and behind the blocks", |s| {
            s.text(|text| {
                format!(
                    "subject: nobody\n{}\nthe end\n",
                    text.replace(
                        "-----END CERTIFICATE-----\n",
                        "-----END CERTIFICATE-----\nissuer: somebody\n"
                    )
                )
            })
        }),
        row("windows-lines", GOOD, "lines that end as on Windows", |s| {
            s.text(|text| text.replace('\n', "\r\n"))
        }),
        row("root-behind", GOOD, "the root behind the intermediate", |s| {
            s.text(|text| text + &pems(std::slice::from_ref(&s.root.der)))
        }),
        row("trusted-label", BAD, "the label `TRUSTED CERTIFICATE`", |s| {
            s.text(|text| text.replace("CERTIFICATE", "TRUSTED CERTIFICATE"))
        }),
        row("other-label", BAD, "another block behind the certificate", |s| {
            s.text(|text| text + &pem::to_text("X509 CRL", &[0x30, 0]))
        }),
        row("not-base64", BAD, "a star in the base64", |s| {
            s.text(|text| text.replacen("MII", "M*I", 1))
        }),
        row("no-end", BAD, "the last line missing", |s| {
            s.text(|text| text.trim_end().rsplit_once('\n').unwrap().0.to_owned())
        }),
        row("der-of-another-kind", BAD, "a public key under the label `CERTIFICATE`", |s| {
            Made::pem(pems(std::slice::from_ref(&s.p256.spki)))
        }),
    ]
}

fn requests() -> Vec<Recipe> {
    vec![
        row("request-good", GOOD, "a request for the ID", |s| s.request(|r| r.names(&[uri(ID)]))),
        row("request-no-names", GOOD, "a request that names nobody", |s| s.request(|_| {})),
        row("request-subject", GOOD, "a request with a subject", |s| {
            s.request(|r| r.subject = name(&[("CN", "sleep")]))
        }),
        row("request-dns", GOOD, "a request with a DNS name: passed over", |s| {
            s.request(|r| r.names(&[uri(ID), dns("victim.example")]))
        }),
        row(
            "request-subject-key",
            GOOD,
            "a request with an extension that Java's keytool sends",
            |s| s.request(|r| r.ask(&[(SUBJECT_KEY, false, tlv(4, &[7; 20]))])),
        ),
        row("request-unknown-attribute", GOOD, "a request with an unknown attribute", |s| {
            s.request(|r| {
                r.attributes
                    .push(seq(&[&oid(unknown()), &tlv(0x31, &[5, 0])]));
            })
        }),
        row("request-challenge", GOOD, "a request with a challenge password", |s| {
            s.request(|r| {
                r.attributes
                    .push(seq(&[&oid("1.2.840.113549.1.9.7"), &tlv(0x31, &tlv(0x0c, b"secret"))]));
            })
        }),
        row("request-p384", GOOD, "a request for a P-384 key", |s| {
            Shop::request_of(&s.p384, |_| {})
        }),
        row("request-ed25519", GOOD, "a request for an Ed25519 key", |s| {
            Shop::request_of(&s.ed25519, |_| {})
        }),
        row("request-rsa", GOOD, "a request for an RSA key", |s| Shop::request_of(&s.rsa, |_| {})),
        row("request-another-id", BAD, "a request for another ID", |s| {
            s.request(|r| r.names(&[uri("spiffe://cluster.local/ns/foo/sa/admin")]))
        }),
        row("request-two-ids", BAD, "a request for two IDs", |s| {
            s.request(|r| r.names(&[uri(ID), uri("spiffe://cluster.local/ns/foo/sa/admin")]))
        }),
        row("request-id-twice", BAD, "a request for the ID twice", |s| {
            s.request(|r| r.names(&[uri(ID), uri(ID)]))
        }),
        row("request-https", BAD, "a request for another URI", |s| {
            s.request(|r| r.names(&[uri("https://example.com/")]))
        }),
        row("request-upper-case", BAD, "a request for the ID in upper case", |s| {
            s.request(|r| r.names(&[uri("spiffe://CLUSTER.local/ns/foo/sa/sleep")]))
        }),
        row("request-nul", BAD, "a request whose URI has a NUL", |s| {
            s.request(|r| r.names(&[uri("spiffe://cluster.local/ns/foo/sa/sleep\0x")]))
        }),
        row("request-ca", BAD, "a request for a CA's certificate", |s| {
            s.request(|r| r.ask(&[(BASIC, true, seq(&[&[1, 1, 0xff]]))]))
        }),
        row("request-key-cert-sign", BAD, "a request for keyCertSign", |s| {
            s.request(|r| r.ask(&[(KEY_USAGE, true, vec![3, 2, 2, 0x84])]))
        }),
        row("request-two-lists", BAD, "a request with two lists of extensions", |s| {
            s.request(|r| {
                r.names(&[uri(ID)]);
                r.names(&[uri(ID)]);
            })
        }),
        row("request-names-twice", BAD, "a request with two lists of names in one", |s| {
            s.request(|r| {
                r.ask(&[
                    (SAN, false, tlv(0x30, &uri(ID))),
                    (SAN, false, tlv(0x30, &uri("spiffe://cluster.local/ns/foo/sa/admin"))),
                ]);
            })
        }),
        row("request-many-attributes", BAD, "a request with a hundred attributes", |s| {
            s.request(|r| {
                for _ in 0..100 {
                    r.attributes
                        .push(seq(&[&oid(unknown()), &tlv(0x31, &[5, 0])]));
                }
            })
        }),
        row("request-version", BAD, "a request of another version", |s| {
            s.request(|r| r.version = 1)
        }),
        row("request-bad-signature", BAD, "a request whose signature is flipped", |s| {
            let mut der = Csr::new(&s.p256).signed(&s.p256);
            *der.last_mut().unwrap() ^= 1;
            Made::csr(&der)
        }),
        row("request-another-key", BAD, "a request that another key signed", |s| {
            Made::csr(&Csr::new(&s.p256).signed(&s.signer.key))
        }),
        row("request-algorithm", BAD, "a request whose algorithm is another", |s| {
            s.request(|r| r.algorithm = algorithm(ED25519))
        }),
        row("request-trailing", BAD, "a request with a byte behind the end", |s| {
            Made::csr(&[Csr::new(&s.p256).signed(&s.p256), vec![0]].concat())
        }),
        row("request-truncated", BAD, "a request whose last byte is missing", |s| {
            let mut der = Csr::new(&s.p256).signed(&s.p256);
            der.pop();
            Made::csr(&der)
        }),
        row("request-rsa-1024", BAD, "a request for a weak RSA key", |_| {
            let key = openssl_key(&["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024"]);
            openssl_request(&key)
        }),
        row("request-rsa-exponent-3", BAD, "a request for an RSA key with exponent 3", |_| {
            let key = openssl_key(&[
                "-algorithm",
                "RSA",
                "-pkeyopt",
                "rsa_keygen_bits:2048",
                "-pkeyopt",
                "rsa_keygen_pubexp:3",
            ]);
            openssl_request(&key)
        }),
        row("request-p521", BAD, "a request for a P-521 key", |_| {
            openssl_request(&openssl_key(&[
                "-algorithm",
                "EC",
                "-pkeyopt",
                "ec_paramgen_curve:P-521",
            ]))
        }),
        row("request-certificate", BAD, "a certificate under the label of a request", |s| {
            Made::csr(&s.signer.der)
        }),
    ]
}

fn openssl_request(key: &str) -> Made {
    let text = pipe(&["req", "-new", "-subj", "/CN=x", "-key", "/dev/stdin"], key.as_bytes());
    Made { text: String::from_utf8(text).unwrap(), root: None, request: true }
}

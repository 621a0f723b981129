//! Recipes → certificates and requests, field by field: whatever no library would write. Keys are made anew each time.

use std::process::Command;

use portcullis::ca::{Algorithm, PrivateKey, pem};

/// 2026-01-01T00:00:00Z.
pub(crate) const BEGIN: &str = "260101000000Z";
/// 2036-01-01T00:00:00Z.
pub(crate) const END: &str = "360101000000Z";
/// 2026-06-01T00:00:00Z: when the shelf is looked at.
pub(crate) const NOW: i64 = 1_780_272_000;
pub(crate) const ID: &str = "spiffe://cluster.local/ns/foo/sa/sleep";

pub(crate) fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut der = vec![tag];
    match content.len() {
        short @ 0..0x80 => der.push(u8::try_from(short).unwrap()),
        long => {
            let bytes: Vec<u8> = long
                .to_be_bytes()
                .into_iter()
                .skip_while(|byte| *byte == 0)
                .collect();
            der.push(0x80 | u8::try_from(bytes.len()).unwrap());
            der.extend(bytes);
        }
    }
    der.extend(content);
    der
}

pub(crate) fn seq(parts: &[&[u8]]) -> Vec<u8> {
    tlv(0x30, &parts.concat())
}

pub(crate) fn oid(text: &str) -> Vec<u8> {
    let numbers: Vec<u64> = text
        .split('.')
        .map(|number| number.parse().unwrap())
        .collect();
    let mut bytes = Vec::new();
    for number in std::iter::once(numbers[0] * 40 + numbers[1]).chain(numbers[2..].iter().copied())
    {
        let mut groups: Vec<u8> = Vec::new();
        let mut rest = number;
        loop {
            groups.push(u8::try_from(rest & 0x7f).unwrap());
            rest >>= 7;
            if rest == 0 {
                break;
            }
        }
        for (index, group) in groups.iter().enumerate().rev() {
            bytes.push(if index > 0 { group | 0x80 } else { *group });
        }
    }
    tlv(6, &bytes)
}

pub(crate) fn bits(content: &[u8]) -> Vec<u8> {
    tlv(3, &[&[0], content].concat())
}

pub(crate) fn utc(text: &str) -> Vec<u8> {
    tlv(0x17, text.as_bytes())
}

pub(crate) fn generalized(text: &str) -> Vec<u8> {
    tlv(0x18, text.as_bytes())
}

/// `O=…, CN=…` as UTF-8; of no parts, the empty name.
pub(crate) fn name(parts: &[(&str, &str)]) -> Vec<u8> {
    let parts: Vec<Vec<u8>> = parts
        .iter()
        .map(|(kind, value)| {
            let kind = oid(match *kind {
                "CN" => "2.5.4.3",
                "O" => "2.5.4.10",
                "OU" => "2.5.4.11",
                other => other,
            });
            tlv(0x31, &seq(&[&kind, &tlv(0x0c, value.as_bytes())]))
        })
        .collect();
    tlv(0x30, &parts.concat())
}

pub(crate) fn uri(text: &str) -> Vec<u8> {
    tlv(0x86, text.as_bytes())
}

pub(crate) fn dns(text: &str) -> Vec<u8> {
    tlv(0x82, text.as_bytes())
}

pub(crate) fn email(text: &str) -> Vec<u8> {
    tlv(0x81, text.as_bytes())
}

pub(crate) fn ip(bytes: &[u8]) -> Vec<u8> {
    tlv(0x87, bytes)
}

/// The algorithms of signatures.
pub(crate) const ECDSA_SHA256: &str = "1.2.840.10045.4.3.2";
pub(crate) const ED25519: &str = "1.3.101.112";

pub(crate) fn algorithm(name: &str) -> Vec<u8> {
    let rsa = name.starts_with("1.2.840.113549.1.1.") && name != "1.2.840.113549.1.1.10";
    if rsa { seq(&[&oid(name), &[5, 0]]) } else { seq(&[&oid(name)]) }
}

/// A key, and its public half.
pub(crate) struct Key {
    pub(crate) private: PrivateKey,
    pub(crate) spki: Vec<u8>,
}

impl Key {
    pub(crate) fn new(algorithm: Algorithm) -> Self {
        Self::of(PrivateKey::generate(algorithm).unwrap())
    }

    fn of(private: PrivateKey) -> Self {
        let spki = private.public_key();
        Self { private, spki }
    }

    pub(crate) fn rsa(bits: u32) -> Self {
        Self::of(
            PrivateKey::from_pem(
                &openssl_key(&[
                    "-algorithm",
                    "RSA",
                    "-pkeyopt",
                    &format!("rsa_keygen_bits:{bits}"),
                ]),
                None,
            )
            .unwrap(),
        )
    }

    fn algorithm(&self) -> &'static str {
        match self.private.algorithm() {
            Algorithm::EcdsaP256 => ECDSA_SHA256,
            Algorithm::EcdsaP384 => "1.2.840.10045.4.3.3",
            Algorithm::Ed25519 => ED25519,
            Algorithm::Rsa => "1.2.840.113549.1.1.11",
        }
    }

    pub(crate) fn id(&self) -> Vec<u8> {
        // Any 20 bytes that differ from key to key will do.
        let tail = &self.spki[self.spki.len() - 20..];
        tail.to_vec()
    }
}

/// A private key that openssl makes, as PEM.
pub(crate) fn openssl_key(words: &[&str]) -> String {
    let output = Command::new("openssl")
        .arg("genpkey")
        .args(words)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The public half of a private key, as DER.
pub(crate) fn openssl_public(private: &str) -> Vec<u8> {
    pipe(&["pkey", "-pubout", "-outform", "DER"], private.as_bytes())
}

/// What openssl makes of its input.
pub(crate) fn pipe(words: &[&str], input: &[u8]) -> Vec<u8> {
    use std::io::Write as _;
    use std::process::Stdio;
    let mut child = Command::new("openssl")
        .args(words)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{words:?}");
    output.stdout
}

/// What is signed of a certificate. Every field is DER already.
#[derive(Clone)]
pub(crate) struct Tbs {
    /// 0 for version 1, which has no field.
    pub(crate) version: u8,
    /// The content of the integer.
    pub(crate) serial: Vec<u8>,
    pub(crate) inner: Vec<u8>,
    pub(crate) outer: Vec<u8>,
    pub(crate) issuer: Vec<u8>,
    pub(crate) begin: Vec<u8>,
    pub(crate) end: Vec<u8>,
    pub(crate) subject: Vec<u8>,
    pub(crate) spki: Vec<u8>,
    pub(crate) extensions: Vec<(&'static str, bool, Vec<u8>)>,
}

pub(crate) const SAN: &str = "2.5.29.17";
pub(crate) const KEY_USAGE: &str = "2.5.29.15";
pub(crate) const EXTENDED: &str = "2.5.29.37";
pub(crate) const BASIC: &str = "2.5.29.19";
pub(crate) const CONSTRAINTS: &str = "2.5.29.30";
pub(crate) const SUBJECT_KEY: &str = "2.5.29.14";
pub(crate) const AUTHORITY_KEY: &str = "2.5.29.35";
pub(crate) const SERVER: &str = "1.3.6.1.5.5.7.3.1";
pub(crate) const CLIENT: &str = "1.3.6.1.5.5.7.3.2";

impl Tbs {
    /// Puts an extension in the place of the one that is there, or last.
    pub(crate) fn put(&mut self, oid: &'static str, critical: bool, value: Vec<u8>) {
        match self
            .extensions
            .iter_mut()
            .find(|(known, _, _)| *known == oid)
        {
            Some(place) => *place = (oid, critical, value),
            None => self.extensions.push((oid, critical, value)),
        }
    }

    pub(crate) fn without(&mut self, oid: &str) {
        self.extensions.retain(|(known, _, _)| *known != oid);
    }

    pub(crate) fn names(&mut self, names: &[Vec<u8>]) {
        let critical = self.subject == name(&[]);
        self.put(SAN, critical, tlv(0x30, &names.concat()));
    }

    /// Bit 0 is the first of RFC 5280.
    pub(crate) fn usage(&mut self, bits: &[u8]) {
        let byte = bits.iter().fold(0_u8, |byte, bit| byte | 0x80 >> bit);
        let unused = u8::try_from(byte.trailing_zeros().min(7)).unwrap();
        let content = if byte == 0 { vec![3, 1, 0] } else { vec![3, 2, unused, byte] };
        self.put(KEY_USAGE, true, content);
    }

    pub(crate) fn purposes(&mut self, oids: &[&str]) {
        let list: Vec<Vec<u8>> = oids.iter().map(|text| oid(text)).collect();
        self.put(EXTENDED, false, tlv(0x30, &list.concat()));
    }

    /// `permitted` and `excluded` are general names; an empty list is left out.
    pub(crate) fn constrain(&mut self, permitted: &[Vec<u8>], excluded: &[Vec<u8>]) {
        let list = |tag: u8, bases: &[Vec<u8>]| {
            let subtrees: Vec<Vec<u8>> = bases.iter().map(|base| seq(&[base])).collect();
            if bases.is_empty() { Vec::new() } else { tlv(tag, &subtrees.concat()) }
        };
        self.put(
            CONSTRAINTS,
            true,
            tlv(0x30, &[list(0xa0, permitted), list(0xa1, excluded)].concat()),
        );
    }

    pub(crate) fn der(&self) -> Vec<u8> {
        let extensions: Vec<Vec<u8>> = self
            .extensions
            .iter()
            .map(|(name, critical, value)| {
                let critical: &[u8] = if *critical { &[1, 1, 0xff] } else { &[] };
                seq(&[&oid(name), critical, &tlv(4, value)])
            })
            .collect();
        let version = if self.version == 0 { Vec::new() } else { tlv(0xa0, &[2, 1, self.version]) };
        let extensions = if extensions.is_empty() {
            Vec::new()
        } else {
            tlv(0xa3, &tlv(0x30, &extensions.concat()))
        };
        seq(&[
            &version,
            &tlv(2, &self.serial),
            &self.inner,
            &self.issuer,
            &seq(&[&self.begin, &self.end]),
            &self.subject,
            &self.spki,
            &extensions,
        ])
    }

    /// Signed by a key whose algorithm is the one that is named.
    pub(crate) fn signed(&self, key: &Key) -> Vec<u8> {
        let der = self.der();
        seq(&[&der, &self.outer, &bits(&key.private.sign(&der).unwrap())])
    }
}

/// A CA: its certificate and its key.
pub(crate) struct Authority {
    pub(crate) tbs: Tbs,
    pub(crate) key: Key,
    pub(crate) der: Vec<u8>,
}

fn serial(key: &Key) -> Vec<u8> {
    [&[0x40], &key.spki[key.spki.len() - 15..]].concat()
}

impl Authority {
    /// A root with a name of its own.
    pub(crate) fn root(common_name: &str, change: impl FnOnce(&mut Tbs)) -> Self {
        Self::root_of(Key::new(Algorithm::EcdsaP256), common_name, change)
    }

    pub(crate) fn root_of(key: Key, common_name: &str, change: impl FnOnce(&mut Tbs)) -> Self {
        let subject = name(&[("O", "cluster.local"), ("CN", common_name)]);
        let mut tbs = Tbs {
            version: 2,
            serial: serial(&key),
            inner: algorithm(key.algorithm()),
            outer: algorithm(key.algorithm()),
            issuer: subject.clone(),
            begin: utc(BEGIN),
            end: utc(END),
            subject,
            spki: key.spki.clone(),
            extensions: Vec::new(),
        };
        tbs.put(BASIC, true, seq(&[&[1, 1, 0xff]]));
        tbs.usage(&[5, 6]);
        tbs.put(SUBJECT_KEY, false, tlv(4, &key.id()));
        change(&mut tbs);
        let der = tbs.signed(&key);
        Self { tbs, key, der }
    }

    /// A CA below this one.
    pub(crate) fn below(&self, common_name: &str, change: impl FnOnce(&mut Tbs)) -> Self {
        let key = Key::new(Algorithm::EcdsaP256);
        let mut tbs = self.tbs.clone();
        tbs.serial = serial(&key);
        tbs.issuer = self.tbs.subject.clone();
        tbs.subject = name(&[("O", "cluster.local"), ("CN", common_name)]);
        tbs.begin = utc(BEGIN);
        tbs.end = utc(END);
        tbs.spki.clone_from(&key.spki);
        tbs.inner = algorithm(self.key.algorithm());
        tbs.outer = tbs.inner.clone();
        tbs.extensions.clear();
        tbs.put(BASIC, true, seq(&[&[1, 1, 0xff]]));
        tbs.usage(&[5, 6]);
        tbs.put(SUBJECT_KEY, false, tlv(4, &key.id()));
        tbs.put(AUTHORITY_KEY, false, seq(&[&tlv(0x80, &self.key.id())]));
        change(&mut tbs);
        let der = tbs.signed(&self.key);
        Self { tbs, key, der }
    }

    /// What a leaf of this CA for `spki` says: as Citadel makes it.
    pub(crate) fn leaf(&self, spki: &[u8]) -> Tbs {
        let mut tbs = self.tbs.clone();
        tbs.serial = [&[0x41], &spki[spki.len() - 15..]].concat();
        tbs.issuer = self.tbs.subject.clone();
        tbs.subject = name(&[]);
        tbs.begin = utc(BEGIN);
        tbs.end = utc(END);
        tbs.spki = spki.to_vec();
        tbs.inner = algorithm(self.key.algorithm());
        tbs.outer = tbs.inner.clone();
        tbs.extensions.clear();
        tbs.names(&[uri(ID)]);
        tbs.usage(&[0, 2]);
        tbs.purposes(&[SERVER, CLIENT]);
        tbs.put(BASIC, true, seq(&[]));
        let tail = &spki[spki.len() - 20..];
        tbs.put(SUBJECT_KEY, false, tlv(4, tail));
        tbs.put(AUTHORITY_KEY, false, seq(&[&tlv(0x80, &self.key.id())]));
        tbs
    }
}

/// What is signed of a request. Every field is DER already.
#[derive(Clone)]
pub(crate) struct Csr {
    pub(crate) version: u8,
    pub(crate) subject: Vec<u8>,
    pub(crate) spki: Vec<u8>,
    /// Whole attributes.
    pub(crate) attributes: Vec<Vec<u8>>,
    pub(crate) algorithm: Vec<u8>,
}

impl Csr {
    pub(crate) fn new(key: &Key) -> Self {
        Self {
            version: 0,
            subject: name(&[]),
            spki: key.spki.clone(),
            attributes: Vec::new(),
            algorithm: algorithm(key.algorithm()),
        }
    }

    /// Asks for extensions: object identifier, critical, value.
    pub(crate) fn ask(&mut self, extensions: &[(&str, bool, Vec<u8>)]) {
        let list: Vec<Vec<u8>> = extensions
            .iter()
            .map(|(name, critical, value)| {
                let critical: &[u8] = if *critical { &[1, 1, 0xff] } else { &[] };
                seq(&[&oid(name), critical, &tlv(4, value)])
            })
            .collect();
        let value = tlv(0x31, &tlv(0x30, &list.concat()));
        self.attributes
            .push(seq(&[&oid("1.2.840.113549.1.9.14"), &value]));
    }

    pub(crate) fn names(&mut self, names: &[Vec<u8>]) {
        self.ask(&[(SAN, false, tlv(0x30, &names.concat()))]);
    }

    pub(crate) fn der(&self) -> Vec<u8> {
        seq(&[
            &[2, 1, self.version],
            &self.subject,
            &self.spki,
            &tlv(0xa0, &self.attributes.concat()),
        ])
    }

    pub(crate) fn signed(&self, key: &Key) -> Vec<u8> {
        let der = self.der();
        seq(&[&der, &self.algorithm, &bits(&key.private.sign(&der).unwrap())])
    }
}

/// PEM of certificates, one behind another.
pub(crate) fn pems(ders: &[Vec<u8>]) -> String {
    ders.iter()
        .map(|der| pem::to_text("CERTIFICATE", der).to_string())
        .collect()
}

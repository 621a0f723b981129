//! DER → what a certificate or a request for one says: names, validity, key, uses, constraints. [RFC 5280] [RFC 2986]

use std::net::IpAddr;

use x509_parser::certificate::X509Certificate;
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::cri_attributes::ParsedCriAttribute;
use x509_parser::extensions::{
    AuthorityKeyIdentifier, GeneralName as Parsed, GeneralSubtree,
    NameConstraints as ParsedConstraints, ParsedExtension, X509Extension,
};
use x509_parser::oid_registry::Oid;
use x509_parser::prelude::FromDer as _;
use x509_parser::public_key::PublicKey;
use x509_parser::x509::{SubjectPublicKeyInfo, X509Name, X509Version};

use super::der::{is_der, next};
use super::time::UnixTime;

/// Larger certificates and requests are not read.
pub(super) const MAX_DER: usize = 1 << 20;
/// A certificate with more extensions is not read: looking for repeated ones is quadratic.
const MAX_EXTENSIONS: usize = 64;

/// Why bytes are not a certificate or a request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateError {
    /// The bytes are not the structure.
    #[error("not DER of a certificate: {reason}")]
    Malformed {
        /// What the parser says.
        reason: String,
    },
    /// The bytes go on behind the structure.
    #[error("{bytes} bytes behind the end")]
    Trailing {
        /// How many.
        bytes: usize,
    },
    /// There are more bytes than are read.
    #[error("{bytes} bytes, more than {MAX_DER}")]
    TooLong {
        /// How many.
        bytes: usize,
    },
    /// There are more extensions than are read.
    #[error("{count} extensions, more than {MAX_EXTENSIONS}")]
    TooManyExtensions {
        /// How many.
        count: usize,
    },
}

/// What a public key is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// ECDSA on P-256.
    P256,
    /// ECDSA on P-384.
    P384,
    /// Ed25519.
    Ed25519,
    /// RSA with this many bits.
    Rsa(usize),
    /// Anything else, by its object identifiers.
    Other(String),
}

impl std::fmt::Display for KeyKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::P256 => f.write_str("ECDSA P-256"),
            Self::P384 => f.write_str("ECDSA P-384"),
            Self::Ed25519 => f.write_str("Ed25519"),
            Self::Rsa(bits) => write!(f, "RSA {bits}"),
            Self::Other(oid) => write!(f, "another kind ({oid})"),
        }
    }
}

/// A distinguished name: its DER, and its parts as pairs of type and value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Name {
    pub(crate) der: Vec<u8>,
    pub(crate) parts: Vec<Vec<(String, Vec<u8>)>>,
    pub(crate) text: String,
}

/// One name of a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum GeneralName {
    Directory(Vec<Vec<(String, Vec<u8>)>>),
    Dns(String),
    Email(String),
    Ip(Vec<u8>),
    /// Any other kind; the text is the kind's name.
    Other(String),
    Uri(String),
    /// A name that cannot be read.
    Malformed,
}

impl GeneralName {
    /// An `IA5String` has ASCII only, and a name with NUL in it is read as two different ones by two readers.
    pub(crate) fn is_malformed(&self) -> bool {
        match self {
            Self::Dns(text) | Self::Email(text) | Self::Uri(text) => {
                !text.is_ascii() || text.contains('\0')
            }
            Self::Malformed => true,
            Self::Directory(_) | Self::Ip(_) | Self::Other(_) => false,
        }
    }
}

impl std::fmt::Display for GeneralName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Directory(_) => f.write_str("directory name"),
            Self::Dns(name) => write!(f, "DNS:{name}"),
            Self::Email(name) => write!(f, "email:{name}"),
            Self::Ip(bytes) => match ip(bytes) {
                Some(address) => write!(f, "IP:{address}"),
                None => write!(f, "IP of {} bytes", bytes.len()),
            },
            Self::Other(kind) => f.write_str(kind),
            Self::Uri(name) => write!(f, "URI:{name}"),
            Self::Malformed => f.write_str("a malformed name"),
        }
    }
}

/// Four or sixteen bytes as an address.
pub(crate) fn ip(bytes: &[u8]) -> Option<IpAddr> {
    if let Ok(four) = <[u8; 4]>::try_from(bytes) {
        return Some(IpAddr::from(four));
    }
    <[u8; 16]>::try_from(bytes).ok().map(IpAddr::from)
}

/// The names that a CA's certificates may have. [RFC 5280 §4.2.1.10]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct NameConstraints {
    /// Absent: every name. Empty: the list is there, and empty.
    pub(crate) permitted: Option<Vec<GeneralName>>,
    pub(crate) excluded: Option<Vec<GeneralName>>,
}

/// An extension's value with its `critical` flag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Extension<T> {
    pub(crate) critical: bool,
    pub(crate) value: T,
}

/// `basicConstraints`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BasicConstraints {
    pub(crate) ca: bool,
    pub(crate) path_len: Option<u32>,
}

/// `authorityKeyIdentifier`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct AuthorityKey {
    pub(crate) key: Option<Vec<u8>>,
    /// Whether issuer or serial number are there as well.
    pub(crate) names_certificate: bool,
}

/// `keyUsage`, bit 0 as the least.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KeyUsage(pub(crate) u16);

impl KeyUsage {
    const NAMES: [&str; 9] = [
        "digitalSignature",
        "nonRepudiation",
        "keyEncipherment",
        "dataEncipherment",
        "keyAgreement",
        "keyCertSign",
        "cRLSign",
        "encipherOnly",
        "decipherOnly",
    ];

    pub(crate) const fn digital_signature(self) -> bool {
        self.0 & 1 != 0
    }

    pub(crate) const fn key_cert_sign(self) -> bool {
        self.0 & (1 << 5) != 0
    }

    pub(crate) const fn crl_sign(self) -> bool {
        self.0 & (1 << 6) != 0
    }

    /// The names of the bits that are set, as RFC 5280 writes them.
    pub(crate) fn names(self) -> Vec<&'static str> {
        let set = |index: usize| {
            self.0
                .checked_shr(u32::try_from(index).unwrap_or(u32::MAX))
                .unwrap_or(0)
                & 1
                == 1
        };
        Self::NAMES
            .iter()
            .enumerate()
            .filter(|(index, _)| set(*index))
            .map(|(_, name)| *name)
            .collect()
    }
}

/// `id-kp-serverAuth`.
pub(crate) const SERVER_AUTH: &str = "1.3.6.1.5.5.7.3.1";
/// `id-kp-clientAuth`.
pub(crate) const CLIENT_AUTH: &str = "1.3.6.1.5.5.7.3.2";

/// A certificate: its bytes and what they say. Nothing of it has been checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    pub(crate) der: Vec<u8>,
    pub(crate) version: u32,
    /// As encoded: big-endian with a sign.
    pub(crate) serial: Vec<u8>,
    pub(crate) issuer: Name,
    pub(crate) subject: Name,
    pub(crate) not_before: UnixTime,
    pub(crate) not_after: UnixTime,
    pub(crate) public_key: Vec<u8>,
    pub(crate) key: KeyKind,
    /// The RSA exponent where the key is RSA and the exponent is small.
    pub(crate) rsa_exponent: Option<u64>,
    pub(crate) signature_algorithm: String,
    pub(crate) same_algorithm_inside: bool,
    /// Object identifiers that stand twice among the extensions.
    pub(crate) repeated: Vec<String>,
    /// Critical extensions that nothing below holds, by object identifier.
    pub(crate) unknown_critical: Vec<String>,
    /// Extensions that cannot be read, by object identifier.
    pub(crate) unreadable: Vec<String>,
    /// Whether the encoding is the one that DER has, and version and extensions fit together: BoringSSL reads no other.
    pub(crate) is_der: bool,
    /// Whether policy constraints are there and not critical.
    pub(crate) policy_constraints: bool,
    pub(crate) names: Option<Extension<Vec<GeneralName>>>,
    pub(crate) basic_constraints: Option<Extension<BasicConstraints>>,
    pub(crate) key_usage: Option<Extension<KeyUsage>>,
    pub(crate) extended_key_usage: Option<Extension<Vec<String>>>,
    pub(crate) name_constraints: Option<Extension<NameConstraints>>,
    pub(crate) subject_key: Option<Extension<Vec<u8>>>,
    pub(crate) authority_key: Option<Extension<AuthorityKey>>,
}

impl Certificate {
    /// Reads DER.
    ///
    /// # Errors
    /// [`CertificateError`] where the bytes are not exactly one certificate. An extension that cannot be read is no
    /// error here; verification refuses it.
    pub fn from_der(der: &[u8]) -> Result<Self, CertificateError> {
        let parsed = parse(der)?;
        let tbs = &parsed.tbs_certificate;
        let mut certificate = Self {
            der: der.to_vec(),
            version: tbs.version.0.saturating_add(1),
            serial: tbs.raw_serial().to_vec(),
            issuer: name(&tbs.issuer),
            subject: name(&tbs.subject),
            not_before: tbs.validity.not_before.timestamp(),
            not_after: tbs.validity.not_after.timestamp(),
            public_key: tbs.subject_pki.raw.to_vec(),
            key: key_kind(&tbs.subject_pki),
            rsa_exponent: rsa_exponent(&tbs.subject_pki),
            signature_algorithm: parsed.signature_algorithm.algorithm.to_id_string(),
            same_algorithm_inside: parsed.signature_algorithm == tbs.signature,
            repeated: Vec::new(),
            unknown_critical: Vec::new(),
            unreadable: Vec::new(),
            is_der: is_der(der) && is_plain(der).is_some(),
            policy_constraints: false,
            names: None,
            basic_constraints: None,
            key_usage: None,
            extended_key_usage: None,
            name_constraints: None,
            subject_key: None,
            authority_key: None,
        };
        let extensions = tbs.extensions();
        if extensions.len() > MAX_EXTENSIONS {
            return Err(CertificateError::TooManyExtensions { count: extensions.len() });
        }
        for (index, extension) in extensions.iter().enumerate() {
            if extensions
                .iter()
                .take(index)
                .any(|other| other.oid == extension.oid)
            {
                certificate.repeated.push(extension.oid.to_id_string());
                continue;
            }
            certificate.remember(extension);
        }
        Ok(certificate)
    }

    /// Takes an extension's value over.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "every other extension is not understood here"
    )]
    fn remember(&mut self, extension: &X509Extension<'_>) {
        let critical = extension.critical;
        match extension.parsed_extension() {
            ParsedExtension::SubjectAlternativeName(value) => {
                let value = value.general_names.iter().map(general_name).collect();
                self.names = Some(Extension { critical, value });
            }
            ParsedExtension::BasicConstraints(value) => {
                let value = BasicConstraints { ca: value.ca, path_len: value.path_len_constraint };
                self.basic_constraints = Some(Extension { critical, value });
            }
            ParsedExtension::KeyUsage(value) => {
                self.key_usage = Some(Extension { critical, value: KeyUsage(value.flags) });
            }
            ParsedExtension::ExtendedKeyUsage(value) => {
                let mut uses: Vec<String> = value.other.iter().map(Oid::to_id_string).collect();
                let known = [
                    (value.any, "2.5.29.37.0"),
                    (value.server_auth, SERVER_AUTH),
                    (value.client_auth, CLIENT_AUTH),
                    (value.code_signing, "1.3.6.1.5.5.7.3.3"),
                    (value.email_protection, "1.3.6.1.5.5.7.3.4"),
                    (value.time_stamping, "1.3.6.1.5.5.7.3.8"),
                    (value.ocsp_signing, "1.3.6.1.5.5.7.3.9"),
                ];
                uses.extend(
                    known
                        .iter()
                        .filter(|(set, _)| *set)
                        .map(|(_, oid)| (*oid).to_owned()),
                );
                self.extended_key_usage = Some(Extension { critical, value: uses });
            }
            ParsedExtension::NameConstraints(value) => {
                self.name_constraints = Some(Extension { critical, value: constraints(value) });
            }
            ParsedExtension::SubjectKeyIdentifier(value) => {
                self.subject_key = Some(Extension { critical, value: value.0.to_vec() });
            }
            ParsedExtension::AuthorityKeyIdentifier(value) => {
                self.authority_key = Some(Extension { critical, value: authority_key(value) });
            }
            ParsedExtension::ParseError { .. } => {
                self.unreadable.push(extension.oid.to_id_string());
            }
            ParsedExtension::PolicyConstraints(_) if !critical => self.policy_constraints = true,
            _ if critical => self.unknown_critical.push(extension.oid.to_id_string()),
            _ => {}
        }
    }

    /// Whether the key of `issuer` made this certificate's signature; absent where signatures of this kind are not
    /// verified here (SHA-1, RSA below 2048 bits, curves other than P-256 and P-384).
    #[must_use]
    pub(crate) fn is_signed_by(&self, issuer: &Self) -> Option<bool> {
        if self.is_signed_with_sha1() { None } else { self.is_signed_by_even_with_sha1(issuer) }
    }

    /// Whether its signature is RSA with SHA-1.
    pub(crate) fn is_signed_with_sha1(&self) -> bool {
        ["1.2.840.113549.1.1.5", "1.3.14.3.2.29"].contains(&self.signature_algorithm.as_str())
    }

    /// The same with RSA and SHA-1, which Envoy still takes.
    pub(crate) fn is_signed_by_even_with_sha1(&self, issuer: &Self) -> Option<bool> {
        if !issuer.key_is_read() {
            return None;
        }
        let parsed = parse(&self.der).ok()?;
        let (_, key) = SubjectPublicKeyInfo::from_der(&issuer.public_key).ok()?;
        match parsed.verify_signature(Some(&key)) {
            Ok(()) => Some(true),
            Err(x509_parser::error::X509Error::SignatureVerificationError) => Some(false),
            Err(_) => None,
        }
    }

    /// Whether signatures by this certificate's key are verified here.
    pub(crate) const fn key_is_read(&self) -> bool {
        match self.key {
            KeyKind::P256 | KeyKind::P384 | KeyKind::Ed25519 => true,
            KeyKind::Rsa(bits) => bits >= 2048,
            KeyKind::Other(_) => false,
        }
    }

    /// The DER that was read.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The first second of its validity.
    #[must_use]
    pub const fn not_before(&self) -> UnixTime {
        self.not_before
    }

    /// The last second of its validity.
    #[must_use]
    pub const fn not_after(&self) -> UnixTime {
        self.not_after
    }

    /// The serial number in lower-case hexadecimal, as encoded.
    #[must_use]
    pub fn serial(&self) -> String {
        hex(&self.serial)
    }

    /// The URIs among its names, in their order.
    pub fn uris(&self) -> impl Iterator<Item = &str> {
        self.names
            .iter()
            .flat_map(|names| &names.value)
            .filter_map(|name| match name {
                GeneralName::Uri(uri) => Some(uri.as_str()),
                GeneralName::Directory(_)
                | GeneralName::Dns(_)
                | GeneralName::Email(_)
                | GeneralName::Ip(_)
                | GeneralName::Other(_)
                | GeneralName::Malformed => None,
            })
    }

    /// Whether it says that it is a CA's.
    #[must_use]
    pub fn is_ca(&self) -> bool {
        self.basic_constraints
            .as_ref()
            .is_some_and(|constraints| constraints.value.ca)
    }

    /// Whether subject and issuer are the same name.
    #[must_use]
    pub fn is_self_issued(&self) -> bool {
        self.subject.der == self.issuer.der
    }

    /// What kind of key it certifies.
    #[must_use]
    pub const fn key(&self) -> &KeyKind {
        &self.key
    }
}

/// Lower-case hexadecimal.
#[must_use]
pub(crate) fn hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from(if value < 10 { b'0' + value } else { b'a' + value - 10 });
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.push(digit(byte >> 4));
        text.push(digit(byte & 15));
    }
    text
}

/// What is signed, and the algorithm of its signature, of a certificate or a request; absent where the frame around
/// them is not exactly the one that RFC 5280 §4.1 draws. The parser is more generous, and the frame is not signed.
fn frame(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (0x30, whole, []) = next(der)? else { return None };
    let (0x30, signed, rest) = next(whole)? else { return None };
    let (0x30, algorithm, rest) = next(rest)? else { return None };
    let (0x03, [0, ..], []) = next(rest)? else { return None };
    let (0x06, _, parameters) = next(algorithm)? else { return None };
    // Nothing, NULL, or those of RSA-PSS.
    let plain = matches!(parameters, [] | [5, 0] | [0x30, ..]);
    plain.then_some((signed, algorithm))
}

/// Version, serial number and validity as DER has them; absent where they are otherwise. Version 1 has no extensions,
/// version 3 may have some. [RFC 5280 §4.1]
fn is_plain(der: &[u8]) -> Option<()> {
    let (tbs, outer) = frame(der)?;
    let (version, rest) = match next(tbs)? {
        (0xa0, version, rest) => (version, rest),
        _ => (&[2, 1, 0][..], tbs),
    };
    let (2, serial, rest) = next(rest)? else { return None };
    let padded = match serial {
        [] => true,
        [0, second, ..] => second & 0x80 == 0,
        [0xff, second, ..] => second & 0x80 != 0,
        _ => false,
    };
    let (0x30, inner, rest) = next(rest)? else { return None };
    let (0x30, _, rest) = next(rest)? else { return None };
    let (0x30, validity, rest) = next(rest)? else { return None };
    let (begin, begin_text, behind) = next(validity)?;
    let (end, end_text, _) = next(behind)?;
    let is_time = |tag: u8, text: &[u8]| {
        let digits = match tag {
            0x17 => 12,
            0x18 => 14,
            _ => return false,
        };
        text.len() == digits + 1
            && text.ends_with(b"Z")
            && text.iter().take(digits).all(u8::is_ascii_digit)
    };
    let (_, _, rest) = next(rest)?;
    let (_, _, rest) = next(rest)?;
    let has_extensions = !rest.is_empty();
    let fits = match version {
        [2, 1, 0] => !has_extensions,
        [2, 1, 2] => true,
        _ => false,
    };
    (inner == outer && !padded && is_time(begin, begin_text) && is_time(end, end_text) && fits)
        .then_some(())
}

fn parse(der: &[u8]) -> Result<X509Certificate<'_>, CertificateError> {
    whole(der, X509Certificate::from_der)
}

/// What a parser reads, where it reads all. What is too long is not even begun.
fn whole<'d, T, E: std::fmt::Debug>(
    der: &'d [u8],
    parser: impl FnOnce(&'d [u8]) -> Result<(&'d [u8], T), x509_parser::nom::Err<E>>,
) -> Result<T, CertificateError> {
    if der.len() > MAX_DER {
        return Err(CertificateError::TooLong { bytes: der.len() });
    }
    match parser(der) {
        Ok(([], value)) => Ok(value),
        Ok((rest, _)) => Err(CertificateError::Trailing { bytes: rest.len() }),
        Err(x509_parser::nom::Err::Incomplete(_)) => {
            Err(CertificateError::Malformed { reason: "it ends too early".to_owned() })
        }
        Err(x509_parser::nom::Err::Error(error) | x509_parser::nom::Err::Failure(error)) => {
            Err(CertificateError::Malformed { reason: format!("{error:?}") })
        }
    }
}

fn parts(name: &X509Name<'_>) -> Vec<Vec<(String, Vec<u8>)>> {
    name.iter_rdn()
        .map(|rdn| {
            rdn.iter()
                .map(|attribute| {
                    (attribute.attr_type().to_id_string(), attribute.attr_value().data.to_vec())
                })
                .collect()
        })
        .collect()
}

fn name(name: &X509Name<'_>) -> Name {
    Name { der: name.as_raw().to_vec(), parts: parts(name), text: name.to_string() }
}

fn general_name(name: &Parsed<'_>) -> GeneralName {
    match name {
        Parsed::RFC822Name(text) => GeneralName::Email((*text).to_owned()),
        Parsed::DNSName(text) => GeneralName::Dns((*text).to_owned()),
        Parsed::URI(text) => GeneralName::Uri((*text).to_owned()),
        Parsed::DirectoryName(name) => GeneralName::Directory(parts(name)),
        Parsed::IPAddress(bytes) => GeneralName::Ip(bytes.to_vec()),
        Parsed::OtherName(..) => GeneralName::Other("otherName".to_owned()),
        Parsed::X400Address(_) => GeneralName::Other("x400Address".to_owned()),
        Parsed::EDIPartyName(_) => GeneralName::Other("ediPartyName".to_owned()),
        Parsed::RegisteredID(_) => GeneralName::Other("registeredID".to_owned()),
        Parsed::Invalid(..) => GeneralName::Malformed,
    }
}

fn constraints(parsed: &ParsedConstraints<'_>) -> NameConstraints {
    let bases = |subtrees: &Option<Vec<GeneralSubtree<'_>>>| {
        subtrees.as_ref().map(|list| {
            list.iter()
                .map(|subtree| general_name(&subtree.base))
                .collect()
        })
    };
    NameConstraints {
        permitted: bases(&parsed.permitted_subtrees),
        excluded: bases(&parsed.excluded_subtrees),
    }
}

fn authority_key(parsed: &AuthorityKeyIdentifier<'_>) -> AuthorityKey {
    AuthorityKey {
        key: parsed.key_identifier.as_ref().map(|key| key.0.to_vec()),
        names_certificate: parsed.authority_cert_issuer.is_some()
            || parsed.authority_cert_serial.is_some(),
    }
}

fn key_kind(key: &SubjectPublicKeyInfo<'_>) -> KeyKind {
    let algorithm = key.algorithm.algorithm.to_id_string();
    let curve = key
        .algorithm
        .parameters
        .as_ref()
        .and_then(|parameters| parameters.as_oid().ok())
        .map(|oid| oid.to_id_string());
    match (algorithm.as_str(), curve.as_deref()) {
        ("1.2.840.10045.2.1", Some("1.2.840.10045.3.1.7")) => KeyKind::P256,
        ("1.2.840.10045.2.1", Some("1.3.132.0.34")) => KeyKind::P384,
        ("1.2.840.10045.2.1", Some(curve)) => KeyKind::Other(format!("curve {curve}")),
        ("1.2.840.10045.2.1", None) => KeyKind::Other("explicit curve".to_owned()),
        ("1.3.101.112", _) => KeyKind::Ed25519,
        ("1.2.840.113549.1.1.1", _) => match key.parsed() {
            Ok(PublicKey::RSA(rsa)) => KeyKind::Rsa(bits(rsa.modulus)),
            _ => KeyKind::Other("unreadable RSA".to_owned()),
        },
        (other, _) => KeyKind::Other(other.to_owned()),
    }
}

/// The length of a big-endian number in bits.
fn bits(number: &[u8]) -> usize {
    let mut rest = number.iter().skip_while(|byte| **byte == 0);
    rest.next().map_or(0, |first| {
        let top = usize::try_from(8 - first.leading_zeros()).unwrap_or(8);
        top + 8 * rest.count()
    })
}

fn rsa_exponent(key: &SubjectPublicKeyInfo<'_>) -> Option<u64> {
    match key.parsed() {
        Ok(PublicKey::RSA(rsa)) => rsa.try_exponent().ok(),
        _ => None,
    }
}

/// A request for a certificate: what its bytes say, and whether the key that it is for signed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    pub(crate) public_key: Vec<u8>,
    pub(crate) key: KeyKind,
    pub(crate) rsa_exponent: Option<u64>,
    pub(crate) has_common_name: bool,
    /// Absent where the request names nobody.
    pub(crate) names: Option<Vec<GeneralName>>,
    pub(crate) asks_for_ca: bool,
    /// Absent where signatures of this kind are not verified here.
    pub(crate) signed: Option<bool>,
}

impl Request {
    /// Whether the key that it is for made its signature; `false` too where signatures of this kind are not verified
    /// here.
    #[must_use]
    pub fn is_signed(&self) -> bool {
        self.signed == Some(true)
    }
}

/// A request with more attributes is not read.
const MAX_ATTRIBUTES: usize = 16;

impl Request {
    /// Reads DER of a PKCS #10 request. Extensions that nothing here knows are passed over: they are never copied.
    ///
    /// # Errors
    /// [`CertificateError`] where the bytes are not exactly one request, or one with more attributes or repeated
    /// requests for extensions than anybody needs.
    #[expect(clippy::wildcard_enum_match_arm, reason = "nothing else of a request is looked at")]
    pub fn from_der(der: &[u8]) -> Result<Self, CertificateError> {
        let parsed = whole(der, X509CertificationRequest::from_der)?;
        let info = &parsed.certification_request_info;
        if !is_der(der) || frame(der).is_none() {
            return Err(CertificateError::Malformed {
                reason: "its encoding is not DER".to_owned(),
            });
        }
        let malformed = |reason: &str| CertificateError::Malformed { reason: reason.to_owned() };
        if info.version != X509Version::V1 {
            return Err(malformed("a request's version is 0"));
        }
        if info.attributes().len() > MAX_ATTRIBUTES {
            return Err(malformed("too many attributes"));
        }
        let requested: Vec<&[X509Extension<'_>]> = info
            .iter_attributes()
            .filter_map(|attribute| match attribute.parsed_attribute() {
                ParsedCriAttribute::ExtensionRequest(request) => {
                    Some(request.extensions.as_slice())
                }
                _ => None,
            })
            .collect();
        // Two lists of extensions are read differently by different readers.
        if requested.len() > 1 {
            return Err(malformed("two requests for extensions"));
        }
        let mut names = None;
        let mut asks_for_ca = false;
        for extension in requested.into_iter().flatten() {
            match extension.parsed_extension() {
                ParsedExtension::SubjectAlternativeName(_) if names.is_some() => {
                    return Err(malformed("two lists of names"));
                }
                ParsedExtension::SubjectAlternativeName(value) => {
                    names = Some(value.general_names.iter().map(general_name).collect());
                }
                ParsedExtension::BasicConstraints(value) => asks_for_ca |= value.ca,
                ParsedExtension::KeyUsage(value) => {
                    asks_for_ca |= value.key_cert_sign() || value.crl_sign();
                }
                _ => {}
            }
        }
        let key = key_kind(&info.subject_pki);
        let read = !matches!(key, KeyKind::Other(_) | KeyKind::Rsa(0..2048));
        let signed = match parsed.verify_signature() {
            _ if !read => None,
            Ok(()) => Some(true),
            Err(x509_parser::error::X509Error::SignatureVerificationError) => Some(false),
            Err(_) => None,
        };
        Ok(Self {
            public_key: info.subject_pki.raw.to_vec(),
            rsa_exponent: rsa_exponent(&info.subject_pki),
            key,
            has_common_name: info.subject.iter_common_name().next().is_some(),
            names,
            asks_for_ca,
            signed,
        })
    }
}

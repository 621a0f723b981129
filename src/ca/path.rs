//! A certificate, others and roots → a path that holds, as the standard or as Envoy reads it, or why there is none.

use super::certificate::{CLIENT_AUTH, Certificate, GeneralName, KeyKind, SERVER_AUTH};
use super::crl::Crl;
use super::name_constraints::{self, Budget, Dialect, Violation};
use super::time::UnixTime;

/// How many signatures one verification may check: a hostile peer chooses the certificates.
const MAX_SIGNATURES: usize = 100;
/// More certificates from a peer, or roots, are not looked at.
pub(super) const MAX_CERTIFICATES: usize = 1024;

/// Who reads the path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reader {
    /// Envoy 1.40 with BoringSSL, `trusted_ca` and a client's or server's purpose.
    Envoy,
    /// RFC 5280.
    Standard,
}

/// What a certificate is wanted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Usage {
    /// Its holder opens the connection.
    Client,
    /// Its holder accepts the connection.
    Server,
}

/// What a path must satisfy.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    pub(super) reader: Reader,
    pub(super) usage: Usage,
    pub(super) at: UnixTime,
    /// How many certificates may stand between leaf and root.
    pub(super) max_intermediates: usize,
}

/// Which certificate of a path something is said about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// The certificate in question.
    Leaf,
    /// One between it and the root, the nearest to the leaf as 1.
    Intermediate(usize),
    /// A certificate of the bundle.
    Root,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Leaf => f.write_str("the certificate"),
            Self::Intermediate(index) => write!(f, "intermediate {index}"),
            Self::Root => f.write_str("the root"),
        }
    }
}

/// Why a path does not hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// No certificate of the bundle or of the peer has the issuer's name and key.
    #[error("no certificate of its issuer is here")]
    UnknownIssuer,
    /// The signature is not the issuer's.
    #[error("the signature is not of its issuer's key")]
    BadSignature,
    /// Nothing here verifies signatures of this kind.
    #[error("signatures of this kind (`{algorithm}`) are not verified here")]
    UnverifiedSignature {
        /// The object identifier of the algorithm.
        algorithm: String,
    },
    /// The validity has not begun.
    #[error("not valid before {}", super::time::to_text(*.not_before))]
    NotYetValid {
        /// Its first second.
        not_before: UnixTime,
    },
    /// The validity is over.
    #[error("expired: not valid after {}", super::time::to_text(*.not_after))]
    Expired {
        /// Its last second.
        not_after: UnixTime,
    },
    /// An extension that the reader does not know is critical.
    #[error("critical extension `{oid}` is not known")]
    UnknownCritical {
        /// Its object identifier.
        oid: String,
    },
    /// An extension stands twice.
    #[error("extension `{oid}` stands twice")]
    RepeatedExtension {
        /// Its object identifier.
        oid: String,
    },
    /// An extension cannot be read.
    #[error("extension `{oid}` cannot be read")]
    UnreadableExtension {
        /// Its object identifier.
        oid: String,
    },
    /// An extension that must not be critical is.
    #[error("{extension} is critical")]
    MustNotBeCritical {
        /// Its name.
        extension: &'static str,
    },
    /// An extension that must be critical is not.
    #[error("{extension} is not critical")]
    MustBeCritical {
        /// Its name.
        extension: &'static str,
    },
    /// Something that must be there is not.
    #[error("{what} is missing")]
    Missing {
        /// Its name.
        what: &'static str,
    },
    /// The issuer is no CA.
    #[error("it is no CA's certificate (basicConstraints has no `cA`)")]
    NotCa,
    /// A CA whose key must not sign certificates.
    #[error("its keyUsage does not have `keyCertSign`")]
    MayNotSign,
    /// A leaf that is a CA.
    #[error("it is a CA's certificate (`cA` is true)")]
    LeafIsCa,
    /// A leaf whose key may sign certificates or CRLs.
    #[error("its keyUsage has `{usage}`, which is a CA's")]
    LeafMaySign {
        /// The bit.
        usage: &'static str,
    },
    /// More intermediates than a CA above allows.
    #[error("more CAs stand below it than its pathLenConstraint ({path_len}) allows")]
    PathTooLong {
        /// The constraint.
        path_len: u32,
    },
    /// More intermediates than are looked at.
    #[error("more certificates between leaf and root than are looked at")]
    TooDeep,
    /// The work that a peer may cause is used up.
    #[error("more signatures or names to check than one verification may")]
    TooMuchWork,
    /// A name that a CA above excludes.
    #[error("its name `{name}` is excluded by a CA above it")]
    NameExcluded {
        /// The name.
        name: String,
    },
    /// A name that no CA above permits.
    #[error("its name `{name}` is not among those that a CA above it permits")]
    NameNotPermitted {
        /// The name.
        name: String,
    },
    /// A name constraint that cannot be compared.
    #[error("a name constraint above it cannot be compared: {what}")]
    NameConstraintUnread {
        /// The constraint.
        what: String,
    },
    /// Name constraints in a leaf.
    #[error("it has nameConstraints, which only a CA's has")]
    ConstraintsInLeaf,
    /// Its uses leave out the one that is wanted.
    #[error("its extendedKeyUsage does not have `{usage}`")]
    WrongUsage {
        /// The use that is wanted.
        usage: &'static str,
    },
    /// Its key must not make the signature of a handshake.
    #[error("its keyUsage does not have `digitalSignature`")]
    MayNotAuthenticate,
    /// Version 1 or 2.
    #[error("version {version}, not 3")]
    Version {
        /// The version.
        version: u32,
    },
    /// A serial number that is not positive, or longer than 20 bytes.
    #[error("serial number `{serial}` is not a positive number of at most 20 bytes in DER")]
    Serial {
        /// In hexadecimal.
        serial: String,
    },
    /// Not DER, or a version that does not fit its fields.
    #[error("its encoding is not DER, or its version does not fit its fields")]
    NotDer,
    /// The signature's algorithm inside and outside of what is signed differ.
    #[error("the signature's algorithm is named twice, differently")]
    AlgorithmMismatch,
    /// A key that is too weak, or of a kind that nothing here reads.
    #[error("its key is not taken: {key}")]
    WeakKey {
        /// What it is.
        key: String,
    },
    /// A name that cannot be read.
    #[error("one of its names is malformed")]
    MalformedName,
    /// The issuer has no name.
    #[error("its issuer has no name")]
    EmptyIssuer,
    /// A signature of a kind that Envoy does not take.
    #[error("signatures of this kind (`{algorithm}`) are not among those that Envoy takes")]
    SignatureNotTaken {
        /// The object identifier of the algorithm.
        algorithm: String,
    },
    /// A CA without a name.
    #[error("it is a CA's and has no subject")]
    EmptySubject,
    /// Key identifiers that do not fit together.
    #[error("its authorityKeyIdentifier is not its issuer's subjectKeyIdentifier")]
    KeyIdentifierMismatch,
    /// An authority key identifier that names a certificate.
    #[error("its authorityKeyIdentifier has more than a key identifier, or none")]
    OddAuthorityKey,
    /// It was revoked.
    #[error("revoked on {}", super::time::to_text(*.on))]
    Revoked {
        /// When.
        on: UnixTime,
    },
    /// The CRL about it cannot be used.
    #[error("the CRL of its issuer {reason}")]
    UnusableCrl {
        /// Why.
        reason: &'static str,
    },
    /// There are CRLs, and none of its issuer.
    #[error("there are CRLs, and none of its issuer")]
    NoCrl,
}

impl Fault {
    /// How much is known when this is found: of several tried paths, the fault that says most is reported.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "all others are found with the issuer at hand"
    )]
    fn rank(&self) -> u8 {
        match self {
            Self::UnknownIssuer => 0,
            Self::KeyIdentifierMismatch => 1,
            Self::BadSignature => 2,
            Self::UnverifiedSignature { .. } => 3,
            _ => 4,
        }
    }
}

/// A fault and where it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {fault}")]
pub struct PathError {
    /// Which certificate.
    pub place: Place,
    /// What is wrong with it.
    #[source]
    pub fault: Fault,
}

fn at(place: Place) -> impl Fn(Fault) -> PathError {
    move |fault| PathError { place, fault }
}

/// The certificates from leaf to root; the root is of the bundle.
#[derive(Clone, Debug)]
pub(super) struct Path<'c> {
    pub(super) certificates: Vec<&'c Certificate>,
}

struct Search<'c> {
    rules: Rules,
    others: &'c [Certificate],
    roots: &'c [Certificate],
    crls: &'c [Crl],
    signatures: usize,
    names: Budget,
}

/// Looks for a path from `leaf` over `others` to one of `roots`.
pub(super) fn find<'c>(
    leaf: &'c Certificate,
    others: &'c [Certificate],
    roots: &'c [Certificate],
    crls: &'c [Crl],
    rules: Rules,
) -> Result<Path<'c>, PathError> {
    let mut search = Search { rules, others, roots, crls, signatures: 0, names: Budget::default() };
    if others.len() > MAX_CERTIFICATES || roots.len() > MAX_CERTIFICATES {
        return Err(at(Place::Leaf)(Fault::TooMuchWork));
    }
    alone(leaf, Place::Leaf, rules).map_err(at(Place::Leaf))?;
    // BoringSSL takes a certificate that is itself in the store (partial chains are on).
    if rules.reader == Reader::Envoy && roots.iter().any(|root| root.der == leaf.der) {
        return Ok(Path { certificates: vec![leaf] });
    }
    search.extend(&mut vec![leaf])
}

impl<'c> Search<'c> {
    /// Tries every issuer of the last certificate, roots first.
    fn extend(&mut self, path: &mut Vec<&'c Certificate>) -> Result<Path<'c>, PathError> {
        let depth = path.len() - 1;
        let here = if depth == 0 { Place::Leaf } else { Place::Intermediate(depth) };
        let Some(&last) = path.last() else { return Err(at(here)(Fault::UnknownIssuer)) };
        let mut best = at(here)(Fault::UnknownIssuer);
        let mut keep = |error: PathError| {
            let fatal = error.fault == Fault::TooMuchWork;
            if error.fault.rank() > best.fault.rank() || fatal {
                best = error;
            }
            fatal
        };
        for root in self
            .roots
            .iter()
            .filter(|root| root.subject.der == last.issuer.der)
        {
            match self.step(path, here, root, Place::Root) {
                Ok(()) => {
                    path.push(root);
                    let whole = self.whole(path);
                    if whole.is_ok() {
                        return Ok(Path { certificates: path.clone() });
                    }
                    path.pop();
                    if whole.is_err_and(&mut keep) {
                        return Err(best);
                    }
                }
                Err(error) => {
                    if keep(error) {
                        return Err(best);
                    }
                }
            }
        }
        for issuer in self
            .others
            .iter()
            .filter(|other| other.subject.der == last.issuer.der)
        {
            // A path holds no name-and-key twice. [RFC 4158 §2.4.2]
            if path.iter().any(|passed| {
                passed.public_key == issuer.public_key && passed.subject.der == issuer.subject.der
            }) {
                continue;
            }
            let place = Place::Intermediate(depth + 1);
            if depth >= self.rules.max_intermediates {
                if keep(at(here)(Fault::TooDeep)) {
                    return Err(best);
                }
                continue;
            }
            let step = self.step(path, here, issuer, place);
            let found = step.and_then(|()| {
                path.push(issuer);
                let found = self.extend(path);
                path.pop();
                found
            });
            match found {
                Ok(path) => return Ok(path),
                Err(error) => {
                    if keep(error) {
                        return Err(best);
                    }
                }
            }
        }
        Err(best)
    }

    /// Whether `issuer` is a CA's at all, and signed the last certificate of `path`.
    fn step(
        &mut self,
        path: &[&'c Certificate],
        here: Place,
        issuer: &'c Certificate,
        place: Place,
    ) -> Result<(), PathError> {
        let Some(&last) = path.last() else { return Ok(()) };
        let mismatch = match (&last.authority_key, &issuer.subject_key) {
            (Some(authority), Some(subject)) => authority
                .value
                .key
                .as_ref()
                .is_some_and(|key| *key != subject.value),
            _ => false,
        };
        if mismatch {
            return Err(at(here)(Fault::KeyIdentifierMismatch));
        }
        self.signatures += 1;
        if self.signatures > MAX_SIGNATURES {
            return Err(at(here)(Fault::TooMuchWork));
        }
        let signed = match self.rules.reader {
            Reader::Envoy => last.is_signed_by_even_with_sha1(issuer),
            Reader::Standard => last.is_signed_by(issuer),
        };
        match signed {
            Some(true) => {}
            None if self.rules.reader == Reader::Envoy
                && !BORING_SSL_SIGNATURES.contains(&last.signature_algorithm.as_str()) =>
            {
                let algorithm = last.signature_algorithm.clone();
                return Err(at(here)(Fault::SignatureNotTaken { algorithm }));
            }
            Some(false) => return Err(at(here)(Fault::BadSignature)),
            None => {
                let algorithm = last.signature_algorithm.clone();
                return Err(at(here)(Fault::UnverifiedSignature { algorithm }));
            }
        }
        // BoringSSL looks at the extensions of what the peer sent, and only at the validity of what it trusts [SP-6].
        if self.rules.reader == Reader::Envoy && place == Place::Root {
            in_time(issuer, self.rules).map_err(at(place))?;
            let usage = issuer.key_usage.as_ref();
            if usage.is_some_and(|usage| !usage.value.key_cert_sign()) {
                return Err(at(place)(Fault::MayNotSign));
            }
            return Ok(());
        }
        alone(issuer, place, self.rules).map_err(at(place))?;
        may_issue(issuer, place, self.rules).map_err(at(place))?;
        // CAs that stand below this one, those that issued themselves left out; the leaf is none.
        let below = path
            .iter()
            .skip(1)
            .filter(|below| !below.is_self_issued())
            .count();
        match issuer
            .basic_constraints
            .as_ref()
            .and_then(|constraints| constraints.value.path_len)
        {
            Some(path_len) if usize::try_from(path_len).is_ok_and(|most| below > most) => {
                Err(at(place)(Fault::PathTooLong { path_len }))
            }
            _ => Ok(()),
        }
    }

    /// What only a whole path tells: names and revocation.
    fn whole(&mut self, path: &[&'c Certificate]) -> Result<(), PathError> {
        let dialect = match self.rules.reader {
            Reader::Envoy => Dialect::BoringSsl,
            Reader::Standard => Dialect::Standard,
        };
        for (index, certificate) in path.iter().enumerate() {
            // "Self-issued certificates … unless the certificate is the final certificate in the path." [RFC 5280 §6.1.3]
            if index > 0 && certificate.is_self_issued() {
                continue;
            }
            let place = if index == 0 { Place::Leaf } else { Place::Intermediate(index) };
            for above in path.iter().skip(index + 1) {
                let Some(constraints) = &above.name_constraints else { continue };
                name_constraints::check(&constraints.value, certificate, dialect, &mut self.names)
                    .map_err(|violation| {
                        at(place)(match violation {
                            Violation::Excluded(name) => Fault::NameExcluded { name },
                            Violation::NotPermitted(name) => Fault::NameNotPermitted { name },
                            Violation::TooMuchWork => Fault::TooMuchWork,
                            Violation::Unread(what) => Fault::NameConstraintUnread { what },
                        })
                    })?;
            }
        }
        if self.crls.is_empty() {
            return Ok(());
        }
        for (index, (certificate, issuer)) in path.iter().zip(path.iter().skip(1)).enumerate() {
            let place = if index == 0 { Place::Leaf } else { Place::Intermediate(index) };
            self.not_revoked(certificate, issuer).map_err(at(place))?;
        }
        // BoringSSL looks for a CRL of every certificate of the path, the root among them [CA-24].
        match (self.rules.reader, path.last()) {
            (Reader::Envoy, Some(root)) if root.is_self_issued() => {
                self.not_revoked(root, root).map_err(at(Place::Root))
            }
            _ => Ok(()),
        }
    }

    fn not_revoked(
        &mut self,
        certificate: &Certificate,
        issuer: &Certificate,
    ) -> Result<(), Fault> {
        let mut of_issuer = self
            .crls
            .iter()
            .filter(|crl| crl.issuer == issuer.subject.der)
            .peekable();
        // Without CRL of its issuer the standard's reader was not asked about it; Envoy was.
        if of_issuer.peek().is_none() {
            return if self.rules.reader == Reader::Envoy { Err(Fault::NoCrl) } else { Ok(()) };
        }
        let unusable = |reason| Fault::UnusableCrl { reason };
        for crl in of_issuer {
            self.signatures += 1;
            if self.signatures > MAX_SIGNATURES {
                return Err(Fault::TooMuchWork);
            }
            if issuer
                .key_usage
                .as_ref()
                .is_some_and(|usage| !usage.value.crl_sign())
            {
                return Err(unusable("is signed by a key whose keyUsage does not have `cRLSign`"));
            }
            crl.usable(issuer, self.rules.at, self.rules.reader == Reader::Standard)
                .map_err(unusable)?;
            if let Some(on) = crl.revoked_on(&certificate.serial) {
                return Err(Fault::Revoked { on });
            }
        }
        Ok(())
    }
}

/// RSA with SHA-1 and SHA-2, PSS, ECDSA with SHA-2, Ed25519.
const BORING_SSL_SIGNATURES: &[&str] = &[
    "1.2.840.113549.1.1.5",
    "1.2.840.113549.1.1.10",
    "1.2.840.113549.1.1.11",
    "1.2.840.113549.1.1.12",
    "1.2.840.113549.1.1.13",
    "1.2.840.10045.4.3.2",
    "1.2.840.10045.4.3.3",
    "1.2.840.10045.4.3.4",
    "1.3.101.112",
];

fn in_time(certificate: &Certificate, rules: Rules) -> Result<(), Fault> {
    if rules.at < certificate.not_before {
        return Err(Fault::NotYetValid { not_before: certificate.not_before });
    }
    // BoringSSL takes the last second for expired already [SP-6].
    let last = certificate.not_after - i64::from(rules.reader == Reader::Envoy);
    if rules.at > last {
        return Err(Fault::Expired { not_after: certificate.not_after });
    }
    Ok(())
}

/// What is asked of every certificate by itself.
fn alone(certificate: &Certificate, place: Place, rules: Rules) -> Result<(), Fault> {
    if rules.reader == Reader::Envoy && !certificate.is_der {
        return Err(Fault::NotDer);
    }
    if let Some(oid) = certificate.repeated.first() {
        return Err(Fault::RepeatedExtension { oid: oid.clone() });
    }
    if let Some(oid) = certificate.unreadable.first() {
        return Err(Fault::UnreadableExtension { oid: oid.clone() });
    }
    if !certificate.same_algorithm_inside {
        return Err(Fault::AlgorithmMismatch);
    }
    if let Some(oid) = certificate.unknown_critical.first() {
        return Err(Fault::UnknownCritical { oid: oid.clone() });
    }
    let is_critical = |critical: Option<bool>| critical == Some(true);
    if is_critical(certificate.authority_key.as_ref().map(|key| key.critical)) {
        return Err(Fault::MustNotBeCritical { extension: "authorityKeyIdentifier" });
    }
    if is_critical(certificate.subject_key.as_ref().map(|key| key.critical)) {
        return Err(Fault::MustNotBeCritical { extension: "subjectKeyIdentifier" });
    }
    in_time(certificate, rules)?;
    right_usage(certificate, place, rules)?;
    if rules.reader == Reader::Standard { by_the_standard(certificate, place) } else { Ok(()) }
}

/// What RFC 5280 finds wrong with a certificate by itself, whenever it is looked at; absent where nothing is.
pub(super) fn standard_fault(certificate: &Certificate) -> Option<Fault> {
    let place = match (certificate.is_ca(), certificate.is_self_issued()) {
        (true, true) => Place::Root,
        (true, false) => Place::Intermediate(1),
        (false, _) => Place::Leaf,
    };
    let known_use = certificate
        .extended_key_usage
        .as_ref()
        .is_some_and(|uses| uses.value.iter().any(|used| used == SERVER_AUTH));
    let rules = Rules {
        reader: Reader::Standard,
        usage: if known_use { Usage::Server } else { Usage::Client },
        at: certificate.not_before,
        max_intermediates: 0,
    };
    alone(certificate, place, rules).err()
}

/// Extended key usage limits a CA's certificate too, for both readers; `anyExtendedKeyUsage` names no purpose.
fn right_usage(certificate: &Certificate, place: Place, rules: Rules) -> Result<(), Fault> {
    let (oid, usage) = match rules.usage {
        Usage::Client => (CLIENT_AUTH, "clientAuth"),
        Usage::Server => (SERVER_AUTH, "serverAuth"),
    };
    if let Some(uses) = &certificate.extended_key_usage
        && !uses.value.iter().any(|used| used == oid)
    {
        return Err(Fault::WrongUsage { usage });
    }
    match (&certificate.key_usage, place, rules.reader) {
        (Some(key_usage), Place::Leaf, Reader::Envoy) => {
            let key_usage = key_usage.value;
            if key_usage.digital_signature() { Ok(()) } else { Err(Fault::MayNotAuthenticate) }
        }
        _ => Ok(()),
    }
}

/// What RFC 5280 asks beyond what Envoy looks at.
fn by_the_standard(certificate: &Certificate, place: Place) -> Result<(), Fault> {
    if certificate.version != 3 {
        return Err(Fault::Version { version: certificate.version });
    }
    // "CAs MUST force the serialNumber to be a non-negative integer … not longer than 20 octets." [§4.1.2.2]
    let serial = &certificate.serial;
    let negative = serial.first().is_some_and(|byte| byte & 0x80 != 0);
    // DER has one encoding of a number. [X.690 §8.3.2]
    let padded = matches!(serial.as_slice(), [0, second, ..] if second & 0x80 == 0);
    if negative || padded || serial.iter().all(|byte| *byte == 0) || serial.len() > 20 {
        return Err(Fault::Serial { serial: certificate.serial() });
    }
    if !certificate.is_der {
        return Err(Fault::NotDer);
    }
    if certificate.issuer.parts.is_empty() {
        return Err(Fault::EmptyIssuer);
    }
    let weak = match certificate.key {
        KeyKind::P256 | KeyKind::P384 | KeyKind::Ed25519 => false,
        KeyKind::Rsa(bits) => {
            bits < 2048
                || !bits.is_multiple_of(8)
                || certificate
                    .rsa_exponent
                    .is_none_or(|exponent| exponent < 3 || exponent.is_multiple_of(2))
        }
        KeyKind::Other(_) => true,
    };
    if weak {
        return Err(Fault::WeakKey { key: certificate.key.to_string() });
    }
    let names = certificate.names.as_ref();
    if names.is_some_and(|names| names.value.iter().any(GeneralName::is_malformed)) {
        return Err(Fault::MalformedName);
    }
    let dns = |name: &GeneralName| matches!(name, GeneralName::Dns(name) if !super::profile::is_dns_name(name));
    if names.is_some_and(|names| names.value.iter().any(dns)) {
        return Err(Fault::MalformedName);
    }
    // "Conforming CAs MUST mark this extension as critical", and a critical one is not known here. [RFC 5280 §4.2.1.11]
    if certificate.policy_constraints {
        return Err(Fault::MustBeCritical { extension: "policyConstraints" });
    }
    // "If the subject field contains an empty sequence, then … the subjectAltName extension MUST be marked critical."
    if certificate.subject.parts.is_empty() && names.is_some_and(|names| !names.critical) {
        return Err(Fault::MustBeCritical {
            extension: "subjectAltName of a certificate without subject",
        });
    }
    let authority = certificate.authority_key.as_ref().map(|key| &key.value);
    if authority.is_some_and(|authority| authority.key.is_none() || authority.names_certificate) {
        return Err(Fault::OddAuthorityKey);
    }
    match (place, authority) {
        (Place::Root, Some(authority)) if certificate.is_self_issued() => {
            let own = certificate.subject_key.as_ref().map(|key| &key.value);
            if authority.key.as_ref() != own {
                return Err(Fault::KeyIdentifierMismatch);
            }
        }
        (Place::Root, None) => {}
        // "MUST be included in all certificates generated by conforming CAs", self-signed ones left out. [§4.2.1.1]
        (_, None) => {
            return Err(Fault::Missing { what: "authorityKeyIdentifier" });
        }
        _ => {}
    }
    if place == Place::Leaf { leaf_by_the_standard(certificate) } else { Ok(()) }
}

fn leaf_by_the_standard(certificate: &Certificate) -> Result<(), Fault> {
    if certificate.name_constraints.is_some() {
        return Err(Fault::ConstraintsInLeaf);
    }
    if certificate.is_ca() {
        return Err(Fault::LeafIsCa);
    }
    let usage = certificate.key_usage.as_ref().map(|usage| usage.value);
    if usage.is_some_and(|usage| usage.key_cert_sign()) {
        return Err(Fault::LeafMaySign { usage: "keyCertSign" });
    }
    if usage.is_some_and(|usage| usage.crl_sign()) {
        return Err(Fault::LeafMaySign { usage: "cRLSign" });
    }
    Ok(())
}

/// What is asked of a certificate that issued another.
fn may_issue(certificate: &Certificate, place: Place, rules: Rules) -> Result<(), Fault> {
    if !certificate.is_ca() {
        return Err(Fault::NotCa);
    }
    let usage = certificate.key_usage.as_ref();
    if usage.is_some_and(|usage| !usage.value.key_cert_sign()) {
        return Err(Fault::MayNotSign);
    }
    if rules.reader == Reader::Envoy {
        return Ok(());
    }
    // "Conforming CAs MUST include this extension [keyUsage] in certificates that contain public keys that are used to
    // validate digital signatures on other public key certificates." [RFC 5280 §4.2.1.3]
    // A root was chosen by somebody, who may have had a reason.
    if usage.is_none() && place != Place::Root {
        return Err(Fault::Missing { what: "keyUsage" });
    }
    if certificate
        .basic_constraints
        .as_ref()
        .is_some_and(|constraints| !constraints.critical)
    {
        return Err(Fault::MustBeCritical { extension: "basicConstraints" });
    }
    if certificate.subject.parts.is_empty() {
        return Err(Fault::EmptySubject);
    }
    if certificate.subject_key.is_none() {
        return Err(Fault::Missing { what: "subjectKeyIdentifier" });
    }
    if certificate
        .name_constraints
        .as_ref()
        .is_some_and(|constraints| !constraints.critical)
    {
        return Err(Fault::MustBeCritical { extension: "nameConstraints" });
    }
    Ok(())
}

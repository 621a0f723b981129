//! A chain of certificates and a bundle → the SPIFFE ID that it proves by the standard, and what Envoy makes of it.

use std::collections::BTreeMap;

use rustls_pki_types::{CertificateDer, UnixTime as WebpkiTime};

use super::certificate::{Certificate, GeneralName, KeyKind};
use super::crl::Crl;
use super::path::{self, Fault, Path, PathError, Place, Reader, Rules, Usage};
use super::time::UnixTime;
use crate::spiffe::{SpiffeId, SpiffeIdError, TrustDomain, URI_PREFIX};

/// How many certificates may stand between a leaf and its root.
pub const MAX_INTERMEDIATES: usize = 8;

/// Why a chain does not prove a SPIFFE ID by the standard. [SPIFFE X509-SVID §5]
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SvidError {
    /// There is no certificate.
    #[error("there is no certificate")]
    NoCertificate,
    /// No path to a root of the bundle holds.
    #[error(transparent)]
    Path(#[from] PathError),
    /// The TLS library refuses the path.
    #[error("the TLS library refuses it: {reason}")]
    Library {
        /// What it says.
        reason: String,
    },
    /// No URI among its names.
    #[error("it has no URI among its names, and an X509-SVID has exactly one")]
    NoUri,
    /// More than one URI among its names.
    #[error("it has {count} URIs among its names, and an X509-SVID has exactly one")]
    SeveralUris {
        /// How many.
        count: usize,
    },
    /// The URI is no SPIFFE ID.
    #[error("its URI `{}` is no SPIFFE ID: {source}", .uri.escape_debug())]
    NotSpiffe {
        /// The URI.
        uri: String,
        /// Why not.
        source: SpiffeIdError,
    },
    /// The ID names a trust domain and no workload.
    #[error("its SPIFFE ID `{id}` has no path, and a workload's has one")]
    NoPath {
        /// The ID.
        id: SpiffeId,
    },
    /// No bundle of the ID's trust domain is here.
    #[error("no bundle of trust domain `{trust_domain}` is here")]
    UnknownTrustDomain {
        /// The trust domain.
        trust_domain: TrustDomain,
    },
    /// Key usage is absent.
    #[error("keyUsage is missing")]
    NoKeyUsage,
    /// Key usage is not critical.
    #[error("keyUsage is not critical")]
    KeyUsageNotCritical,
    /// The key must not make the signature of a handshake.
    #[error("keyUsage does not have `digitalSignature`")]
    MayNotAuthenticate,
    /// Extended key usage has one of the two purposes of TLS only.
    #[error("extendedKeyUsage does not have both `serverAuth` and `clientAuth`")]
    HalfUsage,
    /// A CA's certificate whose SPIFFE ID has a path.
    #[error("{place}: a CA's SPIFFE ID has no path, and its URI is `{}`", .uri.escape_debug())]
    CaWithPath {
        /// Which one.
        place: Place,
        /// Its URI.
        uri: String,
    },
    /// A CA of another trust domain.
    #[error("{place} is of trust domain `{found}`, and the certificate is of `{wanted}`")]
    CaOfAnotherTrustDomain {
        /// Which one.
        place: Place,
        /// Its trust domain.
        found: TrustDomain,
        /// The leaf's trust domain.
        wanted: TrustDomain,
    },
}

/// What Envoy 1.40 makes of a chain, where istiod configured it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EnvoyAnswer {
    /// The handshake succeeds; RBAC's principals are these, in the order of the certificate. [ID-10]
    Accepted {
        /// URIs, where there is one; else DNS names; else none.
        principals: Vec<String>,
    },
    /// The handshake fails.
    Refused {
        /// Why.
        reason: String,
    },
    /// It cannot be said offline.
    Unknown {
        /// Why not.
        reason: String,
    },
}

/// Both answers about a chain, and where they differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verification {
    /// By the standard.
    pub strict: Result<SpiffeId, SvidError>,
    /// By Envoy.
    pub envoy: EnvoyAnswer,
}

impl Verification {
    /// One sentence where the two answers differ in whether, or in whom; absent where they agree. Where Envoy's is
    /// unknown there is nothing to compare.
    #[must_use]
    pub fn difference(&self) -> Option<String> {
        match (&self.strict, &self.envoy) {
            (Ok(id), EnvoyAnswer::Accepted { principals }) => match principals.as_slice() {
                [one] if one == id.as_str() => None,
                _ => Some(format!(
                    "the standard reads `{id}`, and Envoy compares bytes with {}",
                    principals
                        .iter()
                        .map(|name| format!("`{name}`"))
                        .collect::<Vec<_>>()
                        .join(", ")
                )),
            },
            (Ok(id), EnvoyAnswer::Refused { reason }) => {
                Some(format!("the standard accepts `{id}`, and Envoy does not: {reason}"))
            }
            (Err(error), EnvoyAnswer::Accepted { principals }) => Some(format!(
                "the standard refuses it ({error}), and Envoy accepts it as {}",
                principals
                    .iter()
                    .map(|name| format!("`{name}`"))
                    .collect::<Vec<_>>()
                    .join(", ")
            )),
            (Err(_), EnvoyAnswer::Refused { .. }) | (_, EnvoyAnswer::Unknown { .. }) => None,
        }
    }
}

/// The roots of one or several trust domains, and CRLs. A root of one trust domain never vouches for another. [SP-1]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustBundle {
    roots: BTreeMap<TrustDomain, Vec<Certificate>>,
    crls: Vec<Crl>,
}

impl TrustBundle {
    /// The bundle of one trust domain.
    #[must_use]
    pub fn new(trust_domain: TrustDomain, roots: Vec<Certificate>) -> Self {
        let mut bundle = Self::default();
        bundle.insert(trust_domain, roots);
        bundle
    }

    /// Adds roots of a trust domain to those that it has.
    pub fn insert(&mut self, trust_domain: TrustDomain, roots: Vec<Certificate>) {
        let known = self.roots.entry(trust_domain).or_default();
        for root in roots {
            if !known.contains(&root) {
                known.push(root);
            }
        }
    }

    /// Adds CRLs. An issuer that has none here is not asked about.
    pub fn insert_crls(&mut self, crls: impl IntoIterator<Item = Crl>) {
        self.crls.extend(crls);
    }

    /// The trust domains, each with its roots.
    pub fn iter(&self) -> impl Iterator<Item = (&TrustDomain, &[Certificate])> {
        self.roots
            .iter()
            .map(|(trust_domain, roots)| (trust_domain, roots.as_slice()))
    }

    /// The SPIFFE ID that `chain`, leaf first, proves at a point in time: by RFC 5280, the X509-SVID standard, and the
    /// TLS library as well.
    ///
    /// # Errors
    /// [`SvidError`], the first fault.
    pub fn verify(
        &self,
        chain: &[Certificate],
        usage: Usage,
        at: UnixTime,
    ) -> Result<SpiffeId, SvidError> {
        let (leaf, others) = chain.split_first().ok_or(SvidError::NoCertificate)?;
        let id = leaf_id(leaf);
        // Which bundle counts is the ID's to say, so an unreadable ID is looked up in all: the path's fault, where
        // there is one too, says more. [SP-1]
        let pooled: Vec<Certificate>;
        let roots = match &id {
            Ok(id) => self
                .roots
                .get(id.trust_domain())
                .map(Vec::as_slice)
                .ok_or_else(|| SvidError::UnknownTrustDomain {
                    trust_domain: id.trust_domain().clone(),
                })?,
            Err(_) => {
                pooled = self.roots.values().flatten().cloned().collect();
                &pooled
            }
        };
        let rules =
            Rules { reader: Reader::Standard, usage, at, max_intermediates: MAX_INTERMEDIATES };
        let path = path::find(leaf, others, roots, &self.crls, rules)?;
        library_agrees(&path, usage, at)?;
        let id = id?;
        svid_rules(leaf)?;
        authorities(&path, &id)?;
        Ok(id)
    }

    /// What Envoy makes of `chain`: one pool of roots whatever the trust domain [SP-5], BoringSSL's rules, then a name
    /// that begins with `spiffe://` and one of `trust_domains` [PA-22].
    #[must_use]
    pub fn as_envoy(
        &self,
        chain: &[Certificate],
        usage: Usage,
        at: UnixTime,
        trust_domains: &[String],
    ) -> EnvoyAnswer {
        let Some((leaf, others)) = chain.split_first() else {
            return EnvoyAnswer::Refused { reason: SvidError::NoCertificate.to_string() };
        };
        let roots: Vec<Certificate> = self.roots.values().flatten().cloned().collect();
        // BoringSSL's own bound is 100, and no certificate of a mesh comes near.
        let rules = Rules { reader: Reader::Envoy, usage, at, max_intermediates: 100 };
        if let Err(error) = path::find(leaf, others, &roots, &self.crls, rules) {
            let reason = error.to_string();
            let undecided =
                matches!(error.fault, Fault::UnverifiedSignature { .. } | Fault::TooMuchWork);
            return if undecided {
                EnvoyAnswer::Unknown { reason }
            } else {
                EnvoyAnswer::Refused { reason }
            };
        }
        if let KeyKind::Ed25519 | KeyKind::Other(_) = leaf.key {
            let reason = format!(
                "a handshake with its key ({}) is not among those that Envoy takes",
                leaf.key
            );
            return EnvoyAnswer::Refused { reason };
        }
        envoy_names(leaf, trust_domains)
    }

    /// Both answers.
    #[must_use]
    pub fn verification(
        &self,
        chain: &[Certificate],
        usage: Usage,
        at: UnixTime,
        trust_domains: &[String],
    ) -> Verification {
        Verification {
            strict: self.verify(chain, usage, at),
            envoy: self.as_envoy(chain, usage, at, trust_domains),
        }
    }
}

/// Whether one of the names lets the certificate in, and what RBAC will see.
fn envoy_names(leaf: &Certificate, trust_domains: &[String]) -> EnvoyAnswer {
    let names = leaf
        .names
        .as_ref()
        .map(|names| names.value.as_slice())
        .unwrap_or_default();
    if names.contains(&GeneralName::Malformed) {
        return EnvoyAnswer::Unknown { reason: "one of its names is malformed".to_owned() };
    }
    let text = |name: &GeneralName| match name {
        GeneralName::Uri(text) | GeneralName::Dns(text) | GeneralName::Email(text) => {
            Some(text.clone())
        }
        GeneralName::Ip(_)
        | GeneralName::Directory(_)
        | GeneralName::Other(_)
        | GeneralName::Malformed => None,
    };
    // istiod asks for a prefix and for no kind of name: a DNS name that reads like a SPIFFE ID will do.
    let in_domain = |name: &String| {
        trust_domains.iter().any(|domain| {
            name.strip_prefix(URI_PREFIX)
                .and_then(|rest| rest.strip_prefix(domain.as_str()))
                .is_some_and(|rest| rest.starts_with('/'))
        })
    };
    if !names.iter().filter_map(text).any(|name| in_domain(&name)) {
        let reason =
            "no name of it begins with `spiffe://`, an accepted trust domain and `/`".to_owned();
        return EnvoyAnswer::Refused { reason };
    }
    let uris: Vec<String> = leaf.uris().map(str::to_owned).collect();
    let dns = || {
        names.iter().filter_map(|name| match name {
            GeneralName::Dns(name) => Some(name.clone()),
            GeneralName::Uri(_)
            | GeneralName::Email(_)
            | GeneralName::Ip(_)
            | GeneralName::Directory(_)
            | GeneralName::Other(_)
            | GeneralName::Malformed => None,
        })
    };
    EnvoyAnswer::Accepted { principals: if uris.is_empty() { dns().collect() } else { uris } }
}

/// "An X.509 SVID MUST contain exactly one URI SAN." [SPIFFE X509-SVID §2] [SP-2]
fn leaf_id(leaf: &Certificate) -> Result<SpiffeId, SvidError> {
    let mut uris = leaf.uris();
    let uri = uris.next().ok_or(SvidError::NoUri)?;
    let more = uris.count();
    if more > 0 {
        return Err(SvidError::SeveralUris { count: more + 1 });
    }
    let id = SpiffeId::parse(uri)
        .map_err(|source| SvidError::NotSpiffe { uri: uri.to_owned(), source })?;
    // "A leaf certificate's SPIFFE ID MUST have a non-root path component." [SPIFFE X509-SVID §5.2]
    if id.path().is_empty() { Err(SvidError::NoPath { id }) } else { Ok(id) }
}

/// What the X509-SVID standard asks of a leaf beyond RFC 5280.
fn svid_rules(leaf: &Certificate) -> Result<(), SvidError> {
    // "The key usage extension MUST be set on all SVIDs, and MUST be marked critical … Leaf SVIDs MUST set
    // digitalSignature." [SPIFFE X509-SVID §4.3]
    let usage = leaf.key_usage.as_ref().ok_or(SvidError::NoKeyUsage)?;
    if !usage.critical {
        return Err(SvidError::KeyUsageNotCritical);
    }
    if !usage.value.digital_signature() {
        return Err(SvidError::MayNotAuthenticate);
    }
    // "When included, fields id-kp-serverAuth and id-kp-clientAuth MUST be set." [SPIFFE X509-SVID §4.4]
    let both = |uses: &Vec<String>| {
        [super::certificate::SERVER_AUTH, super::certificate::CLIENT_AUTH]
            .iter()
            .all(|wanted| uses.iter().any(|used| used == wanted))
    };
    if leaf
        .extended_key_usage
        .as_ref()
        .is_some_and(|uses| !both(&uses.value))
    {
        return Err(SvidError::HalfUsage);
    }
    Ok(())
}

/// "A signing certificate … MUST NOT have a path component", and is of the leaf's trust domain. [SPIFFE X509-SVID §4.1]
fn authorities(path: &Path<'_>, id: &SpiffeId) -> Result<(), SvidError> {
    let last = path.certificates.len() - 1;
    for (index, authority) in path.certificates.iter().enumerate().skip(1) {
        let place = if index == last { Place::Root } else { Place::Intermediate(index) };
        for uri in authority.uris() {
            let Ok(own) = SpiffeId::parse(uri) else { continue };
            if !own.path().is_empty() {
                return Err(SvidError::CaWithPath { place, uri: uri.to_owned() });
            }
            if own.trust_domain() != id.trust_domain() {
                return Err(SvidError::CaOfAnotherTrustDomain {
                    place,
                    found: own.trust_domain().clone(),
                    wanted: id.trust_domain().clone(),
                });
            }
        }
    }
    Ok(())
}

/// A second opinion: what holds here must hold in the library that the handshakes use. It does not compare URI,
/// directory and mail names with constraints, so about those alone it is not asked.
fn library_agrees(path: &Path<'_>, usage: Usage, at: UnixTime) -> Result<(), SvidError> {
    let refuse = |error: webpki::Error| SvidError::Library { reason: error.to_string() };
    let (Some((leaf, rest)), Some(root)) =
        (path.certificates.split_first(), path.certificates.last())
    else {
        return Err(SvidError::NoCertificate);
    };
    let leaf = CertificateDer::from(leaf.der.as_slice());
    let leaf = webpki::EndEntityCert::try_from(&leaf).map_err(refuse)?;
    let root = CertificateDer::from(root.der.as_slice());
    let anchors = [webpki::anchor_from_trusted_cert(&root).map_err(refuse)?];
    let between: Vec<CertificateDer<'_>> = rest
        .iter()
        .map(|certificate| CertificateDer::from(certificate.der.as_slice()))
        .collect();
    let seconds = u64::try_from(at).unwrap_or_default();
    let usage = match usage {
        Usage::Client => webpki::KeyUsage::client_auth(),
        Usage::Server => webpki::KeyUsage::server_auth(),
    };
    let verified = leaf.verify_for_usage(
        webpki::ALL_VERIFICATION_ALGS,
        &anchors,
        &between,
        WebpkiTime::since_unix_epoch(std::time::Duration::from_secs(seconds)),
        usage,
        None,
        None,
    );
    match verified {
        Ok(_) => Ok(()),
        Err(webpki::Error::NameConstraintViolation) if has_uncompared_constraints(path) => Ok(()),
        Err(error) => Err(refuse(error)),
    }
}

fn has_uncompared_constraints(path: &Path<'_>) -> bool {
    path.certificates
        .iter()
        .filter_map(|certificate| certificate.name_constraints.as_ref())
        .any(|constraints| {
            let lists = [&constraints.value.permitted, &constraints.value.excluded];
            lists.into_iter().flatten().flatten().any(|name| {
                matches!(
                    name,
                    GeneralName::Uri(_) | GeneralName::Directory(_) | GeneralName::Email(_)
                )
            })
        })
}

/// Everything that keeps a certificate from being an X509-SVID whoever signed it, and a CA's from being one above it;
/// empty where nothing does.
#[must_use]
pub(super) fn spiffe_findings(certificate: &Certificate) -> Vec<String> {
    let mut findings = Vec::new();
    if certificate.is_ca() {
        let paths = certificate
            .uris()
            .filter_map(|uri| SpiffeId::parse(uri).ok());
        for id in paths.filter(|id| !id.path().is_empty()) {
            findings.push(format!("a CA's SPIFFE ID has no path, and this one is `{id}`"));
        }
        if certificate
            .key_usage
            .as_ref()
            .is_none_or(|usage| !usage.value.key_cert_sign())
        {
            findings.push("keyUsage does not have `keyCertSign`".to_owned());
        }
    } else {
        findings.extend(leaf_id(certificate).err().map(|error| error.to_string()));
        findings.extend(svid_rules(certificate).err().map(|error| error.to_string()));
        // Not asked by the standard, and a library of it asks all the same.
        if certificate.basic_constraints.is_none() {
            findings.push(
                "basicConstraints is missing: some SPIFFE libraries want `CA:FALSE` said"
                    .to_owned(),
            );
        }
        for uri in certificate.uris() {
            if SpiffeId::parse(uri).is_ok_and(|id| id.as_str() != uri) {
                findings.push(format!("`{uri}` has upper case, and Envoy compares bytes"));
            }
        }
    }
    findings.extend(path::standard_fault(certificate).map(|fault| fault.to_string()));
    findings.dedup();
    findings
}

/// What a path verifier answers about chains that need not be SVIDs: for suites about RFC 5280 alone.
///
/// # Errors
/// [`SvidError`] of the path or of the library.
pub fn verify_path(
    chain: &[Certificate],
    roots: &[Certificate],
    crls: &[Crl],
    usage: Usage,
    at: UnixTime,
    max_intermediates: usize,
) -> Result<(), SvidError> {
    let (leaf, others) = chain.split_first().ok_or(SvidError::NoCertificate)?;
    let rules = Rules { reader: Reader::Standard, usage, at, max_intermediates };
    let path = path::find(leaf, others, roots, crls, rules)?;
    library_agrees(&path, usage, at)
}

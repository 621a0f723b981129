//! Names, keys and validity → certificates and CRLs in Citadel's profile. [CA-1]

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DistinguishedName,
    DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod, KeyUsagePurpose, RevokedCertParams,
    SanType, SerialNumber, SubjectPublicKeyInfo,
};

use super::certificate::Certificate;
use super::key::PrivateKey;
use super::time::{UnixTime, to_date};
use crate::spiffe::{SpiffeId, TrustDomain};

/// First and last second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// The first second.
    pub not_before: UnixTime,
    /// The last second.
    pub not_after: UnixTime,
}

/// Why no certificate was made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProfileError {
    /// A time that certificates cannot name.
    #[error("a certificate cannot name this time")]
    Time,
    /// The key is of a kind that is not certified here.
    #[error("no certificate is made for a key of this kind")]
    Key,
    /// A name that certificates cannot have.
    #[error("`{}` is no DNS name", .name.escape_debug())]
    DnsName {
        /// The name.
        name: String,
    },
    /// The library fails, or the key in its module.
    #[error("signing failed: {reason}")]
    Library {
        /// What it says.
        reason: String,
    },
    /// The key is not that of the certificate, or the certificate's subject cannot be written again as it is.
    #[error("the CA's key and certificate do not fit together")]
    Mismatch,
}

fn library(error: &rcgen::Error) -> ProfileError {
    ProfileError::Library { reason: error.to_string() }
}

/// A CA's certificate and key, ready to sign.
pub(super) struct Signer {
    pub(super) certificate: Certificate,
    issuer: Issuer<'static, PrivateKey>,
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Signer({})", self.certificate.subject.text)
    }
}

impl Signer {
    /// Takes a CA's certificate and its key, and signs something to see that they fit.
    pub(super) fn new(certificate: Certificate, key: PrivateKey) -> Result<Self, ProfileError> {
        let issuer = Issuer::from_ca_cert_der(&certificate.der.as_slice().into(), key)
            .map_err(|error| library(&error))?;
        let signer = Self { certificate, issuer };
        let mut probe = CertificateParams::default();
        probe.serial_number = Some(SerialNumber::from_slice(&[1]));
        let probe = probe
            .signed_by(signer.issuer.key(), &signer.issuer)
            .map_err(|error| library(&error))?;
        let probe = Certificate::from_der(probe.der()).map_err(|_der| ProfileError::Mismatch)?;
        let fits = probe.issuer.der == signer.certificate.subject.der
            && probe.is_signed_by(&signer.certificate) == Some(true);
        if fits { Ok(signer) } else { Err(ProfileError::Mismatch) }
    }

    pub(super) fn key(&self) -> &PrivateKey {
        self.issuer.key()
    }
}

fn base(serial: &[u8; 16], validity: Validity) -> Result<CertificateParams, ProfileError> {
    let mut params = CertificateParams::default();
    params.serial_number = Some(SerialNumber::from_slice(serial));
    params.not_before = to_date(validity.not_before).ok_or(ProfileError::Time)?;
    params.not_after = to_date(validity.not_after).ok_or(ProfileError::Time)?;
    params.distinguished_name = DistinguishedName::new();
    params.use_authority_key_identifier_extension = true;
    Ok(params)
}

fn uri(uri: &str) -> Result<SanType, ProfileError> {
    Ok(SanType::URI(
        uri.try_into()
            .map_err(|error: rcgen::Error| library(&error))?,
    ))
}

/// A workload's certificate: no subject, so the names are critical [CA-4] [CA-5].
pub(super) fn leaf(
    signer: &Signer,
    public_key: &[u8],
    id: &SpiffeId,
    dns: &[String],
    serial: &[u8; 16],
    validity: Validity,
) -> Result<Vec<u8>, ProfileError> {
    let public_key =
        SubjectPublicKeyInfo::from_der(public_key).map_err(|_key| ProfileError::Key)?;
    let mut params = base(serial, validity)?;
    params.subject_alt_names.push(uri(id.as_str())?);
    for name in dns {
        if !is_dns_name(name) {
            return Err(ProfileError::DnsName { name: name.clone() });
        }
        let name = name
            .as_str()
            .try_into()
            .map_err(|error: rcgen::Error| library(&error))?;
        params.subject_alt_names.push(SanType::DnsName(name));
    }
    params.is_ca = IsCa::ExplicitNoCa; // [CA-8]
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment]; // [CA-6]
    params.extended_key_usages =
        vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth]; // [CA-7]
    let certificate = params
        .signed_by(&public_key, &signer.issuer)
        .map_err(|error| library(&error))?;
    Ok(certificate.der().to_vec())
}

/// Letters, digits and dashes between dots, with a star at most as the whole first label; 253 bytes.
pub(super) fn is_dns_name(name: &str) -> bool {
    let labels = name.strip_prefix("*.").unwrap_or(name);
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    name.len() <= 253 && labels.split('.').all(label)
}

fn authority(
    trust_domain: &TrustDomain,
    name: &str,
    constraint: BasicConstraints,
    serial: &[u8; 16],
    validity: Validity,
) -> Result<CertificateParams, ProfileError> {
    let mut params = base(serial, validity)?;
    params
        .distinguished_name
        .push(DnType::OrganizationName, trust_domain.as_str()); // [CA-21]
    params.distinguished_name.push(DnType::CommonName, name);
    // "Signing certificates SHOULD themselves be SVIDs", and then have no path. [SPIFFE X509-SVID §4.1]
    params
        .subject_alt_names
        .push(uri(&format!("{}{trust_domain}", crate::spiffe::URI_PREFIX))?);
    params.is_ca = IsCa::Ca(constraint);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Ok(params)
}

/// A root that signs itself.
pub(super) fn root(
    trust_domain: &TrustDomain,
    name: &str,
    key: PrivateKey,
    serial: &[u8; 16],
    validity: Validity,
) -> Result<Signer, ProfileError> {
    let params = authority(trust_domain, name, BasicConstraints::Unconstrained, serial, validity)?;
    let certificate = params.self_signed(&key).map_err(|error| library(&error))?;
    signer(certificate.der(), key)
}

/// A CA below `root`, above leaves only.
pub(super) fn intermediate(
    root: &Signer,
    trust_domain: &TrustDomain,
    name: &str,
    key: PrivateKey,
    serial: &[u8; 16],
    validity: Validity,
) -> Result<Signer, ProfileError> {
    let params = authority(trust_domain, name, BasicConstraints::Constrained(0), serial, validity)?;
    let certificate = params
        .signed_by(&key, &root.issuer)
        .map_err(|error| library(&error))?;
    signer(certificate.der(), key)
}

fn signer(der: &[u8], key: PrivateKey) -> Result<Signer, ProfileError> {
    let certificate = Certificate::from_der(der).map_err(|_der| ProfileError::Mismatch)?;
    Signer::new(certificate, key)
}

/// A CRL of the signer. Revoked certificates are serial numbers with their times.
pub(super) fn crl(
    signer: &Signer,
    number: u64,
    validity: Validity,
    revoked: &[(Vec<u8>, UnixTime)],
) -> Result<Vec<u8>, ProfileError> {
    let mut revoked_certs = Vec::new();
    for (serial, on) in revoked {
        revoked_certs.push(RevokedCertParams {
            serial_number: SerialNumber::from_slice(serial),
            revocation_time: to_date(*on).ok_or(ProfileError::Time)?,
            reason_code: None,
            invalidity_date: None,
        });
    }
    let params = CertificateRevocationListParams {
        this_update: to_date(validity.not_before).ok_or(ProfileError::Time)?,
        next_update: to_date(validity.not_after).ok_or(ProfileError::Time)?,
        crl_number: SerialNumber::from_slice(&number.to_be_bytes()),
        issuing_distribution_point: None,
        revoked_certs,
        key_identifier_method: KeyIdMethod::PreSpecified(
            signer
                .certificate
                .subject_key
                .as_ref()
                .map(|key| key.value.clone())
                .unwrap_or_default(),
        ),
    };
    let crl = params
        .signed_by(&signer.issuer)
        .map_err(|error| library(&error))?;
    Ok(crl.der().to_vec())
}

/// A request for a certificate, with these names.
///
/// # Errors
/// [`ProfileError`] where a name is no URI of ASCII, or the key fails.
pub fn request(key: &PrivateKey, uris: &[&str]) -> Result<Vec<u8>, ProfileError> {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    for name in uris {
        params.subject_alt_names.push(uri(name)?);
    }
    let request = params
        .serialize_request(key)
        .map_err(|error| library(&error))?;
    Ok(request.der().to_vec())
}

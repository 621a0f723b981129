//! DER of a CRL → whom it revokes, and whether it can be used. [RFC 5280 §5]

use std::collections::BTreeMap;

use x509_parser::prelude::FromDer as _;
use x509_parser::revocation_list::CertificateRevocationList;
use x509_parser::x509::SubjectPublicKeyInfo;

use super::certificate::{Certificate, CertificateError};
use super::time::UnixTime;

/// Larger CRLs are not read.
const MAX_DER: usize = 16 << 20;
/// `cRLNumber`.
const CRL_NUMBER: &str = "2.5.29.20";

/// A certificate revocation list. Nothing of it has been checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Crl {
    der: Vec<u8>,
    pub(super) issuer: Vec<u8>,
    this_update: UnixTime,
    /// Absent where it does not say.
    next_update: Option<UnixTime>,
    revoked: BTreeMap<Vec<u8>, UnixTime>,
    /// Whether `cRLNumber` is critical; absent where there is none.
    number_critical: Option<bool>,
    unknown_critical: bool,
}

impl Crl {
    /// Reads DER.
    ///
    /// # Errors
    /// [`CertificateError`] where the bytes are not exactly one CRL.
    pub fn from_der(der: &[u8]) -> Result<Self, CertificateError> {
        if der.len() > MAX_DER {
            return Err(CertificateError::TooLong { bytes: der.len() });
        }
        let malformed = |reason: String| CertificateError::Malformed { reason };
        let (rest, parsed) = CertificateRevocationList::from_der(der)
            .map_err(|error| malformed(error.to_string()))?;
        if !rest.is_empty() {
            return Err(CertificateError::Trailing { bytes: rest.len() });
        }
        let extensions = parsed.extensions();
        let number = extensions
            .iter()
            .find(|extension| extension.oid.to_id_string() == CRL_NUMBER);
        let known = |oid: &str| oid == CRL_NUMBER;
        let entry_critical = parsed.iter_revoked_certificates().any(|entry| {
            entry
                .extensions()
                .iter()
                .any(|extension| extension.critical)
        });
        Ok(Self {
            der: der.to_vec(),
            issuer: parsed.issuer().as_raw().to_vec(),
            this_update: parsed.last_update().timestamp(),
            next_update: parsed.next_update().map(|at| at.timestamp()),
            revoked: parsed
                .iter_revoked_certificates()
                .map(|entry| (entry.raw_serial().to_vec(), entry.revocation_date.timestamp()))
                .collect(),
            number_critical: number.map(|number| number.critical),
            unknown_critical: entry_critical
                || extensions
                    .iter()
                    .any(|extension| extension.critical && !known(&extension.oid.to_id_string())),
        })
    }

    /// How many certificates it revokes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.revoked.len()
    }

    /// Whether it revokes none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.revoked.is_empty()
    }

    /// When the certificate with this serial number, as encoded, was revoked; absent where it was not.
    #[must_use]
    pub fn revoked_on(&self, serial: &[u8]) -> Option<UnixTime> {
        self.revoked.get(serial).copied()
    }

    /// Whether it is its issuer's, and in force. `by_the_standard` asks for what RFC 5280 §5.2.3 says of its number.
    pub(super) fn usable(
        &self,
        issuer: &Certificate,
        at: UnixTime,
        by_the_standard: bool,
    ) -> Result<(), &'static str> {
        let signed = CertificateRevocationList::from_der(&self.der).is_ok_and(|(_, parsed)| {
            let key = SubjectPublicKeyInfo::from_der(&issuer.public_key);
            key.is_ok_and(|(_, key)| parsed.verify_signature(&key).is_ok())
        });
        if !signed {
            return Err("is not signed by it");
        }
        if self.unknown_critical {
            return Err("has a critical extension that is not known");
        }
        if at < self.this_update {
            return Err("is not in force yet");
        }
        if self.next_update.is_some_and(|next| at > next) {
            return Err("is out of date");
        }
        if by_the_standard && self.number_critical != Some(false) {
            return Err("has no `cRLNumber`, or a critical one");
        }
        Ok(())
    }
}

//! A certificate → what people and programs read about it.

use super::certificate::{Certificate, hex};
use super::key::sha256;
use super::time::UnixTime;
use super::verify::spiffe_findings;

/// What a certificate says, in words. Every list may be empty; an absent value is an absent extension.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The subject; empty where it has none.
    pub subject: String,
    /// The issuer.
    pub issuer: String,
    /// The serial number in hexadecimal.
    pub serial: String,
    /// The first second of its validity.
    pub not_before: UnixTime,
    /// The last second of its validity.
    pub not_after: UnixTime,
    /// How many seconds are left; negative where it has expired.
    pub left: i64,
    /// Its names, each with its kind: `URI:spiffe://…`.
    pub names: Vec<String>,
    /// Whether its list of names is critical.
    pub names_critical: Option<bool>,
    /// What kind of key it certifies.
    pub key: String,
    /// The algorithm of its signature, as an object identifier.
    pub signature_algorithm: String,
    /// `cA` of its basic constraints.
    pub ca: Option<bool>,
    /// How many CAs may stand below it.
    pub path_len: Option<u32>,
    /// Its key usages.
    pub key_usage: Vec<&'static str>,
    /// Its extended key usages: names of the two of TLS, else object identifiers.
    pub extended_key_usage: Vec<String>,
    /// The identifier of its key.
    pub subject_key: Option<String>,
    /// The identifier of its issuer's key.
    pub authority_key: Option<String>,
    /// SHA-256 of its DER.
    pub fingerprint: String,
    /// What keeps it from being an X509-SVID, or a CA's above one.
    pub findings: Vec<String>,
}

impl Certificate {
    /// What it says, at a point in time.
    #[must_use]
    pub fn facts(&self, at: UnixTime) -> Facts {
        let names = self.names.as_ref();
        let usage = |oid: &String| match oid.as_str() {
            super::certificate::SERVER_AUTH => "serverAuth".to_owned(),
            super::certificate::CLIENT_AUTH => "clientAuth".to_owned(),
            other => other.to_owned(),
        };
        let constraints = self
            .basic_constraints
            .as_ref()
            .map(|constraints| constraints.value);
        let authority = self
            .authority_key
            .as_ref()
            .and_then(|key| key.value.key.as_deref());
        Facts {
            subject: self.subject.text.clone(),
            issuer: self.issuer.text.clone(),
            serial: self.serial(),
            not_before: self.not_before,
            not_after: self.not_after,
            left: self.not_after.saturating_sub(at),
            names: names
                .iter()
                .flat_map(|names| &names.value)
                .map(ToString::to_string)
                .collect(),
            names_critical: names.map(|names| names.critical),
            key: self.key.to_string(),
            signature_algorithm: self.signature_algorithm.clone(),
            ca: constraints.map(|constraints| constraints.ca),
            path_len: constraints.and_then(|constraints| constraints.path_len),
            key_usage: self
                .key_usage
                .as_ref()
                .map(|usage| usage.value.names())
                .unwrap_or_default(),
            extended_key_usage: self
                .extended_key_usage
                .iter()
                .flat_map(|uses| &uses.value)
                .map(usage)
                .collect(),
            subject_key: self.subject_key.as_ref().map(|key| hex(&key.value)),
            authority_key: authority.map(hex),
            fingerprint: hex(&sha256(&self.der)),
            findings: spiffe_findings(self),
        }
    }
}

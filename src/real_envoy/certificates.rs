//! Names → certificates of a CA that lives as long as this value, and of another one that nobody trusts.

use std::collections::BTreeMap;
use std::sync::Arc;

use rcgen::string::Ia5String;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, SanType,
};

/// Why no certificate can be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no certificate can be made of these names: {0}")]
pub struct Unissuable(pub String);

fn unissuable(error: &rcgen::Error) -> Unissuable {
    Unissuable(error.to_string())
}

/// A certificate and its key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Issued {
    /// DER.
    pub(super) certificate: Vec<u8>,
    /// PKCS #8, DER.
    pub(super) key: Vec<u8>,
    /// Both as PEM.
    pub(super) pem: [String; 2],
}

#[derive(Debug)]
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    fn new(name: &str) -> Result<Self, rcgen::Error> {
        let mut parameters = CertificateParams::default();
        parameters.distinguished_name = DistinguishedName::new();
        parameters.distinguished_name.push(DnType::CommonName, name);
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate()?;
        let pem = parameters.self_signed(&key)?.pem();
        Ok(Self { issuer: Issuer::new(parameters, key), pem })
    }

    fn issue(&self, uris: &[String]) -> Result<Issued, rcgen::Error> {
        let mut parameters = CertificateParams::default();
        parameters.distinguished_name = DistinguishedName::new();
        for uri in uris {
            let uri = Ia5String::try_from(uri.as_str())?;
            parameters.subject_alt_names.push(SanType::URI(uri));
        }
        parameters.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ClientAuth, ExtendedKeyUsagePurpose::ServerAuth];
        let key = KeyPair::generate()?;
        let certificate = parameters.signed_by(&key, &self.issuer)?;
        Ok(Issued {
            pem: [certificate.pem(), key.serialize_pem()],
            certificate: certificate.der().to_vec(),
            key: key.serialize_der(),
        })
    }
}

/// Both authorities, and what they have issued.
#[derive(Debug)]
pub(super) struct Certificates {
    mesh: Authority,
    foreign: Authority,
    issued: BTreeMap<(Vec<String>, bool), Arc<Issued>>,
}

impl Certificates {
    pub(super) fn new() -> Result<Self, Unissuable> {
        let new = |name| Authority::new(name).map_err(|error| unissuable(&error));
        Ok(Self { mesh: new("mesh")?, foreign: new("foreign")?, issued: BTreeMap::new() })
    }

    /// The root of the mesh, PEM.
    pub(super) fn roots(&self) -> &str {
        &self.mesh.pem
    }

    /// The certificate with these URI names, in their order.
    pub(super) fn issue(
        &mut self,
        uris: &[String],
        of_this_mesh: bool,
    ) -> Result<Arc<Issued>, Unissuable> {
        let wanted = (uris.to_vec(), of_this_mesh);
        if let Some(issued) = self.issued.get(&wanted) {
            return Ok(Arc::clone(issued));
        }
        let authority = if of_this_mesh { &self.mesh } else { &self.foreign };
        let issued = Arc::new(authority.issue(uris).map_err(|error| unissuable(&error))?);
        self.issued.insert(wanted, Arc::clone(&issued));
        Ok(issued)
    }
}

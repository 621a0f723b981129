//! Private keys: made, read, kept under a passphrase, and used to sign; never printed.

use rcgen::{KeyPair, PublicKeyData, SignatureAlgorithm, SigningKey};
use zeroize::{Zeroize as _, Zeroizing};

use super::der::{tlv, untlv};
use super::pem;

/// What kind of key to make.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Algorithm {
    /// ECDSA on P-256 with SHA-256.
    #[default]
    EcdsaP256,
    /// ECDSA on P-384 with SHA-384.
    EcdsaP384,
    /// Ed25519.
    Ed25519,
    /// RSA with SHA-256: read and used, never made here.
    Rsa,
}

impl Algorithm {
    /// The name as `--key` takes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::EcdsaP256 => "ecdsa-p256",
            Self::EcdsaP384 => "ecdsa-p384",
            Self::Ed25519 => "ed25519",
            Self::Rsa => "rsa",
        }
    }

    fn of(algorithm: &'static SignatureAlgorithm) -> Self {
        if *algorithm == rcgen::PKCS_ECDSA_P256_SHA256 {
            Self::EcdsaP256
        } else if *algorithm == rcgen::PKCS_ECDSA_P384_SHA384 {
            Self::EcdsaP384
        } else if *algorithm == rcgen::PKCS_ED25519 {
            Self::Ed25519
        } else {
            Self::Rsa
        }
    }
}

/// Why there is no key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// No key of this kind is made here.
    #[error(
        "RSA keys are not made here: make a CA with openssl, and begin from it with `ca init --from`"
    )]
    NotMadeHere,
    /// The text holds no private key.
    #[error("no private key in it")]
    Missing,
    /// The text holds more than one private key.
    #[error("more than one private key in it")]
    Several,
    /// The key cannot be read: damaged, or of another kind.
    #[error(
        "the private key cannot be read: ECDSA on P-256 or P-384, Ed25519, or RSA from 2048 bits is"
    )]
    Unreadable,
    /// The key is under a passphrase and none was given.
    #[error("the private key is under a passphrase")]
    PassphraseNeeded,
    /// The passphrase is not the key's.
    #[error("the passphrase is not the private key's")]
    WrongPassphrase,
    /// The library cannot make or use a key.
    #[error("the key cannot be made or used")]
    Library,
    /// The PKCS#11 module says no.
    #[error("the PKCS#11 module: {reason}")]
    Module {
        /// What it says.
        reason: String,
    },
}

/// A key that never leaves a module.
pub(super) trait RemoteKey: Send + Sync {
    /// The public key as rcgen wants it: the point, uncompressed.
    fn public_key(&self) -> &[u8];
    /// A signature with ECDSA on P-256 and SHA-256, in DER.
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError>;
    /// The module's path and the token's label.
    #[cfg(feature = "hsm")]
    fn place(&self) -> (String, String);
    /// How to find it again, without secrets: `pkcs11:token=…;object=…`.
    fn reference(&self) -> String;
}

enum Kind {
    Here(Box<KeyPair>),
    Remote(Box<dyn RemoteKey>),
}

/// A private key. Its own copies are wiped when it goes; those inside of the signing library are not.
pub struct PrivateKey(Kind);

/// Never the key.
impl std::fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PrivateKey({}, elided)", self.algorithm().as_str())
    }
}

impl Drop for PrivateKey {
    fn drop(&mut self) {
        if let Kind::Here(key) = &mut self.0 {
            key.zeroize();
        }
    }
}

impl PrivateKey {
    /// Makes a key from the operating system's randomness.
    ///
    /// # Errors
    /// [`KeyError::NotMadeHere`] for RSA.
    pub fn generate(algorithm: Algorithm) -> Result<Self, KeyError> {
        let algorithm = match algorithm {
            Algorithm::EcdsaP256 => &rcgen::PKCS_ECDSA_P256_SHA256,
            Algorithm::EcdsaP384 => &rcgen::PKCS_ECDSA_P384_SHA384,
            Algorithm::Ed25519 => &rcgen::PKCS_ED25519,
            Algorithm::Rsa => return Err(KeyError::NotMadeHere),
        };
        let key = KeyPair::generate_for(algorithm).map_err(|_library| KeyError::Library)?;
        Ok(Self(Kind::Here(Box::new(key))))
    }

    #[cfg_attr(not(feature = "hsm"), expect(dead_code, reason = "only a module's keys are remote"))]
    pub(super) fn remote(key: Box<dyn RemoteKey>) -> Self {
        Self(Kind::Remote(key))
    }

    /// Reads the one private key of a PEM text: `PRIVATE KEY`, `EC PRIVATE KEY`, `RSA PRIVATE KEY`, or
    /// `ENCRYPTED PRIVATE KEY` with its passphrase.
    ///
    /// # Errors
    /// [`KeyError`] where there is not exactly one, or it cannot be read.
    pub fn from_pem(text: &str, passphrase: Option<&str>) -> Result<Self, KeyError> {
        let blocks = pem::parse(text).map_err(|_pem| KeyError::Unreadable)?;
        let mut keys = blocks
            .iter()
            .filter(|block| block.label.ends_with("PRIVATE KEY"));
        let (key, more) = (keys.next().ok_or(KeyError::Missing)?, keys.next());
        if more.is_some() {
            return Err(KeyError::Several);
        }
        match key.label.as_str() {
            "PRIVATE KEY" => Self::from_pkcs8(&key.bytes),
            "EC PRIVATE KEY" => {
                Self::from_pkcs8(&ec_to_pkcs8(&key.bytes).ok_or(KeyError::Unreadable)?)
            }
            "RSA PRIVATE KEY" => Self::from_pkcs8(&rsa_to_pkcs8(&key.bytes)),
            "ENCRYPTED PRIVATE KEY" => {
                let passphrase = passphrase.ok_or(KeyError::PassphraseNeeded)?;
                let locked = pkcs8::EncryptedPrivateKeyInfo::try_from(key.bytes.as_slice())
                    .map_err(|_der| KeyError::Unreadable)?;
                let key = locked
                    .decrypt(passphrase)
                    .map_err(|_pkcs5| KeyError::WrongPassphrase)?;
                Self::from_pkcs8(key.as_bytes())
            }
            _ => Err(KeyError::Unreadable),
        }
    }

    /// Reads DER of PKCS #8.
    ///
    /// # Errors
    /// [`KeyError::Unreadable`].
    pub fn from_pkcs8(der: &[u8]) -> Result<Self, KeyError> {
        let key = KeyPair::try_from(der).map_err(|_library| KeyError::Unreadable)?;
        Ok(Self(Kind::Here(Box::new(key))))
    }

    /// What kind of key it is.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        Algorithm::of(PublicKeyData::algorithm(self))
    }

    /// Its public key as DER of `SubjectPublicKeyInfo`.
    #[must_use]
    pub fn public_key(&self) -> Vec<u8> {
        self.subject_public_key_info()
    }

    /// A signature over `message`; of ECDSA in DER.
    ///
    /// # Errors
    /// [`KeyError`] where the module or the library fails.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        match &self.0 {
            Kind::Here(key) => {
                SigningKey::sign(key.as_ref(), message).map_err(|_library| KeyError::Library)
            }
            Kind::Remote(key) => key.sign(message),
        }
    }

    /// The key as PEM: `PRIVATE KEY`, or `ENCRYPTED PRIVATE KEY` (PBES2 with scrypt and AES-256, as openssl reads it)
    /// under a passphrase. A key in a module is a reference.
    ///
    /// # Errors
    /// [`KeyError::Library`] where the randomness or the cipher fails.
    pub fn to_pem(&self, passphrase: Option<&str>) -> Result<Zeroizing<String>, KeyError> {
        let key = match &self.0 {
            Kind::Here(key) => key,
            Kind::Remote(key) => {
                return Ok(Zeroizing::new(format!("{REFERENCE}{}\n", key.reference())));
            }
        };
        let Some(passphrase) = passphrase else {
            return Ok(pem::to_text("PRIVATE KEY", key.serialized_der()));
        };
        let (salt, iv) = (random::<16>()?, random::<16>()?);
        // 16 MiB and some tenths of a second a guess; openssl refuses more memory than 32 MiB.
        let cost =
            pkcs8::pkcs5::scrypt::Params::new(14, 8, 8, 32).map_err(|_cost| KeyError::Library)?;
        let parameters = pkcs8::pkcs5::pbes2::Parameters::scrypt_aes256cbc(cost, &salt, &iv)
            .map_err(|_parameters| KeyError::Library)?;
        let plain = pkcs8::PrivateKeyInfo::try_from(key.serialized_der())
            .map_err(|_der| KeyError::Library)?;
        let locked = plain
            .encrypt_with_params(parameters, passphrase)
            .map_err(|_pkcs5| KeyError::Library)?;
        Ok(pem::to_text("ENCRYPTED PRIVATE KEY", locked.as_bytes()))
    }

    /// The module's path and the token's label; absent for a key that is here.
    #[cfg(feature = "hsm")]
    pub(super) fn place(&self) -> Option<(String, String)> {
        match &self.0 {
            Kind::Here(_) => None,
            Kind::Remote(key) => Some(key.place()),
        }
    }

    /// DER of PKCS #8; absent for a key in a module.
    #[must_use]
    pub(super) fn pkcs8(&self) -> Option<Zeroizing<Vec<u8>>> {
        match &self.0 {
            Kind::Here(key) => Some(Zeroizing::new(key.serialize_der())),
            Kind::Remote(_) => None,
        }
    }
}

/// How a file names a key that is in a module.
pub(super) const REFERENCE: &str = "portcullis-key: ";

impl PublicKeyData for PrivateKey {
    fn der_bytes(&self) -> &[u8] {
        match &self.0 {
            Kind::Here(key) => key.der_bytes(),
            Kind::Remote(key) => key.public_key(),
        }
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        match &self.0 {
            Kind::Here(key) => PublicKeyData::algorithm(key.as_ref()),
            Kind::Remote(_) => &rcgen::PKCS_ECDSA_P256_SHA256,
        }
    }
}

impl SigningKey for PrivateKey {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        Self::sign(self, message).map_err(|_key| rcgen::Error::RemoteKeyError)
    }
}

/// Bytes from the operating system.
pub(super) fn random<const N: usize>() -> Result<[u8; N], KeyError> {
    let random = ring::rand::SystemRandom::new();
    let mut bytes = [0; N];
    ring::rand::SecureRandom::fill(&random, &mut bytes)
        .map_err(|_unspecified| KeyError::Library)?;
    Ok(bytes)
}

/// SHA-256.
#[must_use]
pub(super) fn sha256(bytes: &[u8]) -> [u8; 32] {
    let digest = ring::digest::digest(&ring::digest::SHA256, bytes);
    digest.as_ref().try_into().unwrap_or_default()
}

/// `PrivateKeyInfo` around an `RSAPrivateKey`. [RFC 5208 §5]
fn rsa_to_pkcs8(key: &[u8]) -> Zeroizing<Vec<u8>> {
    let algorithm = [0x30, 13, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1, 5, 0];
    wrap(&algorithm, key)
}

/// `PrivateKeyInfo` around an `ECPrivateKey` that names its curve. [RFC 5915 §3]
fn ec_to_pkcs8(key: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (content, _) = untlv(0x30, key)?;
    let (_, rest) = untlv(2, content)?;
    let (_, rest) = untlv(4, rest)?;
    let (curve, _) = untlv(0xa0, rest)?;
    let mut algorithm = vec![6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1];
    algorithm.extend(curve);
    Some(wrap(&tlv(0x30, &algorithm), key))
}

fn wrap(algorithm: &[u8], key: &[u8]) -> Zeroizing<Vec<u8>> {
    let inner = Zeroizing::new(tlv(4, key));
    let mut content = Zeroizing::new(vec![2, 1, 0]);
    content.extend(algorithm);
    content.extend(inner.iter());
    Zeroizing::new(tlv(0x30, &content))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(Algorithm::EcdsaP256)]
    #[case(Algorithm::EcdsaP384)]
    #[case(Algorithm::Ed25519)]
    fn a_key_survives_its_pem(#[case] algorithm: Algorithm) {
        let key = PrivateKey::generate(algorithm).unwrap();
        let again = PrivateKey::from_pem(&key.to_pem(None).unwrap(), None).unwrap();
        assert_eq!((again.algorithm(), again.public_key()), (algorithm, key.public_key()));
    }

    #[test]
    fn a_passphrase_locks_a_key() {
        let key = PrivateKey::generate(Algorithm::EcdsaP256).unwrap();
        let locked = key.to_pem(Some("open sesame")).unwrap();
        assert!(locked.starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----"));
        let open =
            |passphrase| PrivateKey::from_pem(&locked, passphrase).map(|key| key.public_key());
        assert_eq!(open(Some("open sesame")), Ok(key.public_key()));
        assert_eq!(open(Some("close")), Err(KeyError::WrongPassphrase));
        assert_eq!(open(None), Err(KeyError::PassphraseNeeded));
    }

    #[test]
    fn a_key_never_prints() {
        let key = PrivateKey::generate(Algorithm::EcdsaP256).unwrap();
        assert_eq!(format!("{key:?}"), "PrivateKey(ecdsa-p256, elided)");
    }

    #[test]
    fn rsa_keys_are_not_made() {
        assert_eq!(PrivateKey::generate(Algorithm::Rsa).unwrap_err(), KeyError::NotMadeHere);
    }
}

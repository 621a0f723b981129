//! A PKCS#11 module, a token and a PIN → a key that signs and never leaves the token.

use std::sync::{Mutex, PoisonError};

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error, RvError};
use cryptoki::mechanism::Mechanism;
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, UserType};
use cryptoki::types::AuthPin;

use super::certificate::hex;
use super::der::{tlv, untlv};
use super::key::{KeyError, PrivateKey, RemoteKey, random, sha256};

/// The object identifier of P-256, as DER: what kind of key to make.
const P256: [u8; 10] = [6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];

struct TokenKey {
    module: String,
    token: String,
    id: Vec<u8>,
    public_key: Vec<u8>,
    private: ObjectHandle,
    /// A session is one conversation: whoever signs has it alone.
    session: Mutex<Session>,
}

fn failed(error: &Error) -> KeyError {
    KeyError::Module { reason: error.to_string() }
}

fn says(reason: &str) -> KeyError {
    KeyError::Module { reason: reason.to_owned() }
}

/// Makes an ECDSA key on P-256 in a token; its private half cannot be taken out.
///
/// # Errors
/// [`KeyError::Module`]: no such module or token, a wrong PIN, or the token refuses.
pub fn generate(module: &str, token: &str, pin: &str) -> Result<PrivateKey, KeyError> {
    if module.contains(';') || token.contains(';') {
        return Err(says("a semicolon in the module's path or the token's label"));
    }
    let session = login(module, token, pin)?;
    let id = random::<16>()?.to_vec();
    let label = b"portcullis CA".to_vec();
    let public = [
        Attribute::Token(true),
        Attribute::Private(false),
        Attribute::Verify(true),
        Attribute::Id(id.clone()),
        Attribute::Label(label.clone()),
        Attribute::EcParams(P256.to_vec()),
    ];
    let private = [
        Attribute::Token(true),
        Attribute::Private(true),
        Attribute::Sensitive(true),
        Attribute::Extractable(false),
        Attribute::Sign(true),
        Attribute::Id(id.clone()),
        Attribute::Label(label),
    ];
    session
        .generate_key_pair(&Mechanism::EccKeyPairGen, &public, &private)
        .map_err(|error| failed(&error))?;
    find(session, module, token, id)
}

/// Finds a key again by its reference.
///
/// # Errors
/// As of [`generate`], or the key is gone.
pub(super) fn open(reference: &str, pin: Option<&str>) -> Result<PrivateKey, KeyError> {
    let pin = pin.ok_or_else(|| says("it wants a PIN"))?;
    let part = |name: &str| {
        let rest = reference.strip_prefix("pkcs11:")?;
        rest.split(';')
            .find_map(|part| part.strip_prefix(name)?.strip_prefix('='))
    };
    let (Some(module), Some(token), Some(id)) = (part("module"), part("token"), part("id")) else {
        return Err(says("the key's reference cannot be read"));
    };
    let id = super::replay::serial(id).ok_or_else(|| says("the key's reference cannot be read"))?;
    find(login(module, token, pin)?, module, token, id.to_vec())
}

fn login(module: &str, token: &str, pin: &str) -> Result<Session, KeyError> {
    let context = Pkcs11::new(module).map_err(|error| failed(&error))?;
    match context.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)) {
        // One process may hold several keys of one module.
        Ok(()) | Err(Error::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => {}
        Err(error) => return Err(failed(&error)),
    }
    let slots = context
        .get_slots_with_initialized_token()
        .map_err(|error| failed(&error))?;
    let slot = slots
        .into_iter()
        .find(|slot| {
            context
                .get_token_info(*slot)
                .is_ok_and(|info| info.label().trim_end() == token)
        })
        .ok_or_else(|| says("it has no token of this label"))?;
    let session = context
        .open_rw_session(slot)
        .map_err(|error| failed(&error))?;
    match session.login(UserType::User, Some(&AuthPin::new(pin.into()))) {
        Ok(()) | Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => Ok(session),
        Err(error) => Err(failed(&error)),
    }
}

fn find(session: Session, module: &str, token: &str, id: Vec<u8>) -> Result<PrivateKey, KeyError> {
    let one = |class: ObjectClass| {
        let wanted =
            [Attribute::Class(class), Attribute::KeyType(KeyType::EC), Attribute::Id(id.clone())];
        let found = session
            .find_objects(&wanted)
            .map_err(|error| failed(&error))?;
        match found.as_slice() {
            [only] => Ok(*only),
            _ => Err(says("the key is not in the token, or is there twice")),
        }
    };
    let (public, private) = (one(ObjectClass::PUBLIC_KEY)?, one(ObjectClass::PRIVATE_KEY)?);
    let attributes = session
        .get_attributes(public, &[AttributeType::EcPoint])
        .map_err(|error| failed(&error))?;
    let point = attributes
        .into_iter()
        .find_map(
            |attribute| if let Attribute::EcPoint(point) = attribute { Some(point) } else { None },
        )
        .ok_or_else(|| says("the public key has no point"))?;
    // The point is inside of an OCTET STRING. [PKCS#11 §6.3.3]
    let public_key = match untlv(4, &point) {
        Some((inner, [])) => inner.to_vec(),
        _ => point,
    };
    let key = TokenKey {
        module: module.to_owned(),
        token: token.to_owned(),
        id,
        public_key,
        private,
        session: Mutex::new(session),
    };
    Ok(PrivateKey::remote(Box::new(key)))
}

impl RemoteKey for TokenKey {
    fn public_key(&self) -> &[u8] {
        &self.public_key
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        let session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        let numbers = session
            .sign(&Mechanism::Ecdsa, self.private, &sha256(message))
            .map_err(|error| failed(&error))?;
        let (r, s) = numbers
            .split_at_checked(numbers.len() / 2)
            .ok_or_else(|| says("its signature cannot be read"))?;
        Ok(tlv(0x30, &[integer(r), integer(s)].concat()))
    }

    fn place(&self) -> (String, String) {
        (self.module.clone(), self.token.clone())
    }

    fn reference(&self) -> String {
        format!("pkcs11:module={};token={};id={}", self.module, self.token, hex(&self.id))
    }
}

/// A number that is not negative, as DER.
fn integer(number: &[u8]) -> Vec<u8> {
    let mut content: Vec<u8> = number
        .iter()
        .copied()
        .skip_while(|byte| *byte == 0)
        .collect();
    if content.first().is_none_or(|first| first & 0x80 != 0) {
        content.insert(0, 0);
    }
    tlv(2, &content)
}

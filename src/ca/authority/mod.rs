//! A CA over its store: begun, opened, issuing, revoking and rotating; nothing leaves before its record is durable.

mod begin;
mod doctor;
mod issue;
mod revoke;
mod rotate;

use std::io;

use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

pub use self::begin::{PluggedIn, Settings, SignerKey};
pub use self::issue::{BACKDATE, CLOCK_TOLERANCE, IssueError, Wish, X509Svid};
pub use self::revoke::Record;
pub use self::rotate::Rotation;
use super::certificate::Certificate;
use super::history::{self, Summary};
use super::journal::{Journal, JournalError};
use super::key::{self, KeyError, PrivateKey};
use super::pem;
use super::profile::{ProfileError, Signer};
use super::state::{Generation, STATE, State, Status};
use super::store::{Store, TEMPORARY};
use super::time::UnixTime;
use super::verify::TrustBundle;
use crate::spiffe::TrustDomain;

/// The file of the key that signs tokens.
const TOKEN_KEY: &str = "token.pem";

/// What opens the keys. Never printed, and wiped when it goes.
#[derive(Clone, Default)]
pub struct Secrets {
    /// The passphrase that the keys are under; absent where they are under none.
    pub passphrase: Option<Zeroizing<String>>,
    /// The PIN of the PKCS#11 token; absent where no key is in one.
    pub pin: Option<Zeroizing<String>>,
}

/// Only whether they are there.
impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Secrets(passphrase: {}, pin: {})", self.passphrase.is_some(), self.pin.is_some())
    }
}

/// Why a CA cannot be begun, opened or changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AuthorityError {
    /// The store fails.
    #[error("`{name}`: {source}")]
    Store {
        /// The file.
        name: String,
        /// How.
        #[source]
        source: io::Error,
    },
    /// There is a CA already.
    #[error("there is a CA here already")]
    Exists,
    /// There is a journal of a CA, and no CA.
    #[error(
        "there is the journal of a CA here whose `{STATE}` is gone: bring that back, or begin elsewhere"
    )]
    Orphaned,
    /// There is no CA.
    #[error("there is no CA here (no `{STATE}`)")]
    Absent,
    /// The state cannot be read.
    #[error("`{STATE}` cannot be read: {reason}")]
    Damaged {
        /// What is wrong.
        reason: &'static str,
    },
    /// The journal cannot be used.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A key cannot be used.
    #[error("`{name}`: {source}")]
    Key {
        /// The file.
        name: String,
        /// Why.
        #[source]
        source: KeyError,
    },
    /// No certificate can be made.
    #[error(transparent)]
    Profile(#[from] ProfileError),
    /// A plugged-in file is not what it should be.
    #[error("`{name}`: {reason}")]
    PluggedIn {
        /// The file.
        name: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// The settings cannot be kept.
    #[error("{0}")]
    Settings(&'static str),
    /// The root is somebody else's.
    #[error(
        "the root is plugged in: rotate it where it comes from, then begin a new CA from the new files"
    )]
    NotOurRoot,
}

/// What was found when a CA was opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Opened {
    /// The journal.
    pub journal: Summary,
    /// What is odd and harmless.
    pub warnings: Vec<String>,
}

/// A CA: one trust domain, one store.
#[derive(Debug)]
pub struct CertificateAuthority<S> {
    store: S,
    state: State,
    journal: Journal,
    signer: Signer,
    secrets: Secrets,
}

fn store_error(name: &str) -> impl FnOnce(io::Error) -> AuthorityError + '_ {
    move |source| AuthorityError::Store { name: name.to_owned(), source }
}

fn key_error(name: &str) -> impl FnOnce(KeyError) -> AuthorityError + '_ {
    move |source| AuthorityError::Key { name: name.to_owned(), source }
}

fn event(value: Value) -> Map<String, Value> {
    if let Value::Object(map) = value { map } else { Map::new() }
}

fn signer_file(number: u64) -> String {
    format!("{number}-signer.pem")
}

fn root_file(number: u64) -> String {
    format!("{number}-root.pem")
}

fn read_key(
    store: &impl Store,
    name: &str,
    secrets: &Secrets,
) -> Result<Option<PrivateKey>, AuthorityError> {
    let Some(bytes) = store.read(name).map_err(store_error(name))? else { return Ok(None) };
    let text = std::str::from_utf8(&bytes)
        .map_err(|_utf8| KeyError::Unreadable)
        .map_err(key_error(name))?;
    if let Some(reference) = text.strip_prefix(key::REFERENCE) {
        let reference = reference.lines().next().unwrap_or_default();
        return remote(reference, secrets)
            .map(Some)
            .map_err(key_error(name));
    }
    let passphrase = secrets.passphrase.as_ref().map(|text| text.as_str());
    PrivateKey::from_pem(text, passphrase)
        .map(Some)
        .map_err(key_error(name))
}

#[cfg(feature = "hsm")]
fn remote(reference: &str, secrets: &Secrets) -> Result<PrivateKey, KeyError> {
    crate::ca::hsm::open(reference, secrets.pin.as_ref().map(|pin| pin.as_str()))
}

#[cfg(not(feature = "hsm"))]
fn remote(_reference: &str, _secrets: &Secrets) -> Result<PrivateKey, KeyError> {
    Err(KeyError::Module { reason: "this build has no PKCS#11 (feature `hsm`)".to_owned() })
}

impl<S: Store> CertificateAuthority<S> {
    /// Opens a CA: keys, certificates and journal must fit together.
    ///
    /// # Errors
    /// [`AuthorityError`], the first thing that is wrong.
    pub fn open(store: S, secrets: Secrets) -> Result<(Self, Opened), AuthorityError> {
        let state = read_state(&store)?.ok_or(AuthorityError::Absent)?;
        let mut warnings = Vec::new();
        for name in store.names().map_err(store_error("."))? {
            if name.ends_with(TEMPORARY) {
                store.remove(&name).map_err(store_error(&name))?;
                warnings.push(format!(
                    "`{name}` was left by a write that was cut short; it is gone now"
                ));
            }
        }
        let (journal, summary) = Journal::open(&store)?;
        if summary.torn > 0 {
            warnings.push(format!(
                "the journal ended in {} bytes of a write that was cut short; they are gone now",
                summary.torn
            ));
        }
        warnings.extend(journal.oddity().map(str::to_owned));
        let signer = open_signer(&store, &state, &secrets)?;
        let authority = Self { store, state, journal, signer, secrets };
        Ok((authority, Opened { journal: summary, warnings }))
    }

    /// Its trust domain.
    #[must_use]
    pub const fn trust_domain(&self) -> &TrustDomain {
        &self.state.trust_domain
    }

    /// Its generations, the oldest first.
    #[must_use]
    pub fn generations(&self) -> &[Generation] {
        &self.state.generations
    }

    /// The roots to trust now: of every generation that signs, will sign, or whose certificates live.
    #[must_use]
    pub fn roots(&self) -> Vec<Certificate> {
        let own = self
            .state
            .generations
            .iter()
            .map(|generation| &generation.root);
        own.chain(&self.state.other_roots).cloned().collect()
    }

    /// The same as a bundle of its trust domain.
    #[must_use]
    pub fn bundle(&self) -> TrustBundle {
        TrustBundle::new(self.state.trust_domain.clone(), self.roots())
    }

    fn active(&self) -> &Generation {
        let active = self
            .state
            .generations
            .iter()
            .find(|generation| generation.status == Status::Active);
        #[expect(
            clippy::expect_used,
            reason = "a state without an active generation is refused when it is opened"
        )]
        active.expect("an active generation")
    }

    /// Believes a clock that stands before the journal's last event, and writes that down.
    ///
    /// # Errors
    /// [`JournalError`] where it cannot be recorded.
    pub fn accept_clock(&self, caller: &str, at: UnixTime) -> Result<(), JournalError> {
        let record = json!({"event": "clock", "caller": caller});
        self.journal
            .append(&self.store, at, vec![(event(record), None)])
    }

    /// The key that signs tokens.
    ///
    /// # Errors
    /// [`AuthorityError`] where it is not there or cannot be read.
    pub fn token_key(&self) -> Result<PrivateKey, AuthorityError> {
        read_key(&self.store, TOKEN_KEY, &self.secrets)?
            .ok_or(KeyError::Missing)
            .map_err(key_error(TOKEN_KEY))
    }

    /// Writes down that a token was made.
    ///
    /// # Errors
    /// [`JournalError`]; then it must not be given out.
    pub fn record_token(
        &self,
        subject: &str,
        expires: UnixTime,
        caller: &str,
        at: UnixTime,
    ) -> Result<(), JournalError> {
        let record =
            json!({"event": "mint-jwt", "subject": subject, "notAfter": expires, "caller": caller});
        self.journal
            .append(&self.store, at, vec![(event(record), None)])
    }

    /// The files that istiod takes as its plugged-in CA, by name; the key among them. The export is in the journal.
    /// [CA-20]
    ///
    /// # Errors
    /// [`AuthorityError`] where the key is in a module, or the export cannot be recorded.
    pub fn istio_cacerts(
        &self,
        caller: &str,
        at: UnixTime,
    ) -> Result<Vec<(&'static str, Zeroizing<String>)>, AuthorityError> {
        let generation = self.active();
        if self.signer.key().pkcs8().is_none() {
            let source = KeyError::Module { reason: "the key cannot leave its module".to_owned() };
            return Err(AuthorityError::Key { name: signer_file(generation.number), source });
        }
        let key = self
            .signer
            .key()
            .to_pem(None)
            .map_err(key_error("ca-key.pem"))?;
        let pem =
            |certificate: &Certificate| pem::to_text("CERTIFICATE", certificate.der()).to_string();
        let signer = generation.chain.first().map(pem).unwrap_or_default();
        let chain: String = generation
            .chain
            .iter()
            .chain([&generation.root])
            .map(pem)
            .collect();
        // Every root to trust, so that an istiod with two roots in rotation trusts both.
        let roots: String = self.roots().iter().map(pem).collect();
        let exported =
            json!({"event": "export-key", "generation": generation.number, "caller": caller});
        self.journal
            .append(&self.store, at, vec![(event(exported), None)])?;
        Ok(vec![
            ("ca-cert.pem", Zeroizing::new(signer)),
            ("ca-key.pem", key),
            ("root-cert.pem", Zeroizing::new(roots)),
            ("cert-chain.pem", Zeroizing::new(chain)),
        ])
    }
}

/// Checks every line of a store's journal, that its checkpoint says what they say, and whether one of them has the hash
/// `head`, in hexadecimal; `true` where none is given.
///
/// # Errors
/// [`JournalError`] at the first line that is damaged, or where the checkpoint is not the journal's.
pub fn audit(store: &impl Store, head: Option<&str>) -> Result<(Summary, bool), JournalError> {
    let (events, summary) = history::events(store)?;
    history::check_checkpoint(store)?;
    let has = |head: &str| {
        events
            .iter()
            .any(|event| event.get("hash").and_then(Value::as_str) == Some(head))
    };
    Ok((summary, head.is_none_or(has)))
}

fn read_state(store: &impl Store) -> Result<Option<State>, AuthorityError> {
    let Some(bytes) = store.read(STATE).map_err(store_error(STATE))? else { return Ok(None) };
    let damaged = |reason| AuthorityError::Damaged { reason };
    let text = std::str::from_utf8(&bytes).map_err(|_utf8| damaged("it is not UTF-8"))?;
    let state = State::parse(text).map_err(damaged)?;
    let active = state
        .generations
        .iter()
        .filter(|generation| generation.status == Status::Active)
        .count();
    if active != 1
        || state
            .generations
            .iter()
            .any(|generation| generation.chain.is_empty())
    {
        return Err(damaged("not exactly one active generation"));
    }
    Ok(Some(state))
}

fn open_signer(
    store: &impl Store,
    state: &State,
    secrets: &Secrets,
) -> Result<Signer, AuthorityError> {
    let active = state
        .generations
        .iter()
        .find(|generation| generation.status == Status::Active);
    let active = active.ok_or(AuthorityError::Damaged { reason: "no active generation" })?;
    let name = signer_file(active.number);
    let key = read_key(store, &name, secrets)?
        .ok_or(KeyError::Missing)
        .map_err(key_error(&name))?;
    let certificate = active
        .chain
        .first()
        .ok_or(AuthorityError::Damaged { reason: "no signer" })?;
    Ok(Signer::new(certificate.clone(), key)?)
}

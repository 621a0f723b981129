//! A CA over its store: begun, opened, issuing, revoking and rotating; nothing leaves before its record is durable.

use std::io;

use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

use super::certificate::{Certificate, CertificateError, GeneralName, KeyKind, Request, hex};
use super::journal::{self, Issued, Journal, JournalError, Summary};
use super::key::{self, Algorithm, KeyError, PrivateKey, random, sha256};
use super::pem;
use super::profile::{self, ProfileError, Signer, Validity};
use super::state::{Generation, STATE, State, Status};
use super::store::{Store, TEMPORARY, replace};
use super::time::UnixTime;
use super::verify::{SvidError, TrustBundle};
use crate::spiffe::{SpiffeId, TrustDomain};

/// How far a certificate's validity begins before it is issued: clocks differ. [CA-2]
pub const BACKDATE: i64 = 120;
/// A clock that stands further before the journal's last event than this is not believed.
pub const CLOCK_TOLERANCE: i64 = 300;
/// The file of the key that signs tokens.
const TOKEN_KEY: &str = "token.pem";

/// What a new CA is to be like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Its trust domain.
    pub trust_domain: TrustDomain,
    /// What keys it makes for itself.
    pub algorithm: Algorithm,
    /// How long root and intermediate last, in seconds.
    pub ca_ttl: i64,
    /// How long a certificate lasts where nobody says, in seconds. [CA-9]
    pub default_ttl: i64,
    /// How long a certificate may last, in seconds. [CA-9]
    pub max_ttl: i64,
    /// How long a bundle takes to reach everybody, in seconds: a new root signs only after that.
    pub propagation: i64,
}

impl Settings {
    /// As Citadel: ten years, 24 hours, 90 days; P-256 where Citadel has RSA.
    #[must_use]
    pub const fn of(trust_domain: TrustDomain) -> Self {
        Self {
            trust_domain,
            algorithm: Algorithm::EcdsaP256,
            ca_ttl: 3650 * 86_400,
            default_ttl: 86_400,
            max_ttl: 90 * 86_400,
            propagation: 86_400,
        }
    }
}

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

/// Where a new CA's signing key comes from.
#[derive(Debug)]
pub enum SignerKey {
    /// Made and kept here.
    Here,
    /// In a module.
    Given(Box<PrivateKey>),
}

/// A CA that comes from elsewhere: PEM texts of Istio's `cacerts`. [CA-20]
#[derive(Clone, Debug)]
pub struct PluggedIn {
    /// `ca-cert.pem`: the certificate that signs.
    pub ca_cert: String,
    /// `ca-key.pem`: its key.
    pub ca_key: Zeroizing<String>,
    /// `root-cert.pem`: one root.
    pub root_cert: String,
    /// `cert-chain.pem`: the certificate that signs and those above it; the root may be among them.
    pub cert_chain: String,
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

/// Why a certificate was not issued.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IssueError {
    /// The identity is of another trust domain.
    #[error("`{id}` is not of trust domain `{trust_domain}`")]
    AnotherTrustDomain {
        /// The identity.
        id: SpiffeId,
        /// The CA's trust domain.
        trust_domain: TrustDomain,
    },
    /// The identity has no path.
    #[error("`{id}` has no path, so it is no workload's")]
    NoPath {
        /// The identity.
        id: SpiffeId,
    },
    /// It would last too long. [CA-9]
    #[error("{} asked for, and a certificate lasts at most {}", super::time::length_text(*.asked), super::time::length_text(*.most))]
    TooLong {
        /// What was asked for, in seconds.
        asked: i64,
        /// The most, in seconds.
        most: i64,
    },
    /// The CA is no longer, or not yet, valid. [CA-3]
    #[error("the CA's own certificates are valid from {} to {}", super::time::to_text(*.not_before), super::time::to_text(*.not_after))]
    CaNotValid {
        /// From.
        not_before: UnixTime,
        /// To.
        not_after: UnixTime,
    },
    /// The clock went back.
    #[error("the clock says {}, and the journal's last event was at {}", super::time::to_text(*.at), super::time::to_text(*.last))]
    ClockWentBack {
        /// The clock.
        at: UnixTime,
        /// The journal.
        last: UnixTime,
    },
    /// The request cannot be read.
    #[error("the request cannot be read: {0}")]
    Request(#[from] CertificateError),
    /// The request's signature is not by its key, or cannot be verified.
    #[error(
        "the request is not signed by the key that it is for, or with an algorithm that is not verified here"
    )]
    RequestNotSigned,
    /// The request asks to be a CA.
    #[error("the request asks for a CA's certificate")]
    RequestForCa,
    /// The request names somebody else.
    #[error("the request names {names}, and the identity is `{id}`")]
    RequestNamesAnother {
        /// Its URIs.
        names: String,
        /// The identity.
        id: SpiffeId,
    },
    /// The request's key is too weak.
    #[error("the request's key is not taken: {key}")]
    WeakKey {
        /// What it is.
        key: String,
    },
    /// The request's key is the CA's own.
    #[error("the request's key is the CA's own")]
    CaKey,
    /// The request's key was certified for somebody else.
    #[error("the request's key was certified before, for `{id}`")]
    KeyOfAnother {
        /// For whom.
        id: String,
    },
    /// A certificate cannot be made.
    #[error(transparent)]
    Profile(#[from] ProfileError),
    /// A key cannot be made.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// It was made and does not hold; it is not given out.
    #[error("the certificate does not verify, and is not given out: {0}")]
    DoesNotVerify(#[from] SvidError),
    /// The record is not durable, so nothing is given out. The CA goes on once the disk does.
    #[error("unavailable: {0}")]
    Unavailable(#[from] JournalError),
}

/// A certificate that is asked for.
#[derive(Clone, Debug)]
pub struct Wish {
    /// For whom.
    pub id: SpiffeId,
    /// Further DNS names.
    pub dns: Vec<String>,
    /// How long, in seconds; the CA's default where absent, zero or negative [CA-9].
    pub ttl: Option<i64>,
    /// Who asks: goes into the journal.
    pub caller: String,
}

/// A certificate with its chain, and its key where it was made here.
#[derive(Debug)]
pub struct X509Svid {
    /// Whose.
    pub id: SpiffeId,
    /// DER: the certificate, then the CAs above it without the root.
    pub chain: Vec<Vec<u8>>,
    /// Its key; absent where the caller has it.
    pub key: Option<PrivateKey>,
    /// Its serial number in hexadecimal.
    pub serial: String,
    /// The last second of its validity.
    pub not_after: UnixTime,
}

impl X509Svid {
    /// The chain as PEM, leaf first.
    #[must_use]
    pub fn chain_pem(&self) -> String {
        self.chain
            .iter()
            .map(|der| pem::to_text("CERTIFICATE", der).to_string())
            .collect()
    }
}

/// What a call of [`CertificateAuthority::rotate_root`] did, or what it waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rotation {
    /// A new root is in the bundle; it signs from `due` on, when this is called again.
    Prepared {
        /// The generation.
        number: u64,
        /// When it may sign.
        due: UnixTime,
    },
    /// A prepared root waits until everybody has the bundle.
    Waiting {
        /// The generation.
        number: u64,
        /// When it may sign.
        due: UnixTime,
    },
    /// The new root signs now; the old one stays in the bundle.
    Activated {
        /// The generation.
        number: u64,
    },
}

/// What was found when a CA was opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Opened {
    /// The journal.
    pub journal: Summary,
    /// What is odd and harmless.
    pub warnings: Vec<String>,
}

/// An issued certificate, as the journal knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its serial number in hexadecimal.
    pub serial: String,
    /// Whose.
    pub id: String,
    /// When it was issued.
    pub at: UnixTime,
    /// The last second of its validity.
    pub not_after: UnixTime,
    /// Which generation signed it.
    pub generation: u64,
    /// When it was revoked; absent where it was not.
    pub revoked: Option<UnixTime>,
    /// SHA-256 of its public key in hexadecimal.
    pub key: String,
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

/// What goes into the journal, and what an issue adds to its index.
type Event = (Map<String, Value>, Option<Issued>);

fn event(value: Value) -> Map<String, Value> {
    if let Value::Object(map) = value { map } else { Map::new() }
}

/// 128 random bits, the top one clear, not all zero. [CA-1]
fn serial() -> Result<[u8; 16], KeyError> {
    loop {
        let mut serial = random::<16>()?;
        if let Some(first) = serial.first_mut() {
            *first &= 0x7f;
        }
        if serial != [0; 16] {
            return Ok(serial);
        }
    }
}

fn signer_file(number: u64) -> String {
    format!("{number}-signer.pem")
}

fn root_file(number: u64) -> String {
    format!("{number}-root.pem")
}

/// Key and certificate in one file, so that neither is ever there without the other.
fn key_file(
    key: &PrivateKey,
    certificate: Option<&Certificate>,
    secrets: &Secrets,
) -> Result<Zeroizing<String>, KeyError> {
    let passphrase = secrets.passphrase.as_ref().map(|text| text.as_str());
    let mut text = Zeroizing::new(String::with_capacity(16 << 10));
    text.push_str(&key.to_pem(passphrase)?);
    if let Some(certificate) = certificate {
        text.push_str(&pem::to_text("CERTIFICATE", certificate.der()));
    }
    Ok(text)
}

/// Makes a root and an intermediate, and puts their keys into the store. Nothing names them yet.
fn new_generation(
    store: &impl Store,
    settings: &Settings,
    secrets: &Secrets,
    number: u64,
    signer_key: SignerKey,
    at: UnixTime,
) -> Result<(Generation, Signer), AuthorityError> {
    let (root_name, signer_name) = (root_file(number), signer_file(number));
    let make = |name| PrivateKey::generate(settings.algorithm).map_err(key_error(name));
    let serial = || serial().map_err(key_error("serial number"));
    let not_after = at.saturating_add(settings.ca_ttl);
    let validity = Validity { not_before: at.saturating_sub(BACKDATE).max(0), not_after };
    let trust_domain = &settings.trust_domain;
    let root = profile::root(
        trust_domain,
        &format!("Root CA {number}"),
        make(&root_name)?,
        &serial()?,
        validity,
    )?;
    let key = match signer_key {
        SignerKey::Here => make(&signer_name)?,
        SignerKey::Given(key) => *key,
    };
    let name = format!("Intermediate CA {number}");
    let signer = profile::intermediate(&root, trust_domain, &name, key, &serial()?, validity)?;
    for (name, signer) in [(&root_name, &root), (&signer_name, &signer)] {
        let text =
            key_file(signer.key(), Some(&signer.certificate), secrets).map_err(key_error(name))?;
        replace(store, name, text.as_bytes()).map_err(store_error(name))?;
    }
    let generation = Generation {
        number,
        status: Status::Active,
        plugged_in: false,
        published_at: at,
        root: root.certificate,
        chain: vec![signer.certificate.clone()],
    };
    Ok((generation, signer))
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
    super::hsm::open(reference, secrets.pin.as_ref().map(|pin| pin.as_str()))
}

#[cfg(not(feature = "hsm"))]
fn remote(_reference: &str, _secrets: &Secrets) -> Result<PrivateKey, KeyError> {
    Err(KeyError::Module { reason: "this build has no PKCS#11 (feature `hsm`)".to_owned() })
}

impl<S: Store> CertificateAuthority<S> {
    /// Begins a CA in an empty store, or in one where a beginning was cut short.
    ///
    /// # Errors
    /// [`AuthorityError`]; then there is no CA in the store.
    pub fn create(
        store: S,
        settings: &Settings,
        signer_key: SignerKey,
        secrets: Secrets,
        at: UnixTime,
    ) -> Result<Self, AuthorityError> {
        begin(&store, settings)?;
        let (generation, signer) = new_generation(&store, settings, &secrets, 1, signer_key, at)?;
        Self::found(store, settings, generation, signer, secrets, at)
    }

    /// Begins a CA from plugged-in files. [CA-20]
    ///
    /// # Errors
    /// [`AuthorityError`] where a file is not what it should be, or they do not fit together.
    pub fn import(
        store: S,
        settings: &Settings,
        files: &PluggedIn,
        secrets: Secrets,
        at: UnixTime,
    ) -> Result<Self, AuthorityError> {
        begin(&store, settings)?;
        let generation = plugged_in(files, at)?;
        let key = PrivateKey::from_pem(
            &files.ca_key,
            secrets.passphrase.as_ref().map(|text| text.as_str()),
        )
        .map_err(key_error("ca-key.pem"))?;
        let Some(first) = generation.chain.first() else {
            return Err(AuthorityError::Damaged { reason: "a generation without a signer" });
        };
        let signer = Signer::new(first.clone(), key)?;
        let name = signer_file(1);
        let text = key_file(signer.key(), Some(first), &secrets).map_err(key_error(&name))?;
        replace(&store, &name, text.as_bytes()).map_err(store_error(&name))?;
        Self::found(store, settings, generation, signer, secrets, at)
    }

    /// Writes what every new CA has; the last step, the state, makes it one.
    fn found(
        store: S,
        settings: &Settings,
        generation: Generation,
        signer: Signer,
        secrets: Secrets,
        at: UnixTime,
    ) -> Result<Self, AuthorityError> {
        let token = PrivateKey::generate(Algorithm::EcdsaP256).map_err(key_error(TOKEN_KEY))?;
        let text = key_file(&token, None, &secrets).map_err(key_error(TOKEN_KEY))?;
        replace(&store, TOKEN_KEY, text.as_bytes()).map_err(store_error(TOKEN_KEY))?;
        let begun = json!({
            "event": "init",
            "trustDomain": settings.trust_domain.as_str(),
            "root": hex(&sha256(generation.root.der())),
            "pluggedIn": generation.plugged_in,
        });
        Journal::begin(&store, at, event(begun))?;
        let state = State {
            trust_domain: settings.trust_domain.clone(),
            default_ttl: settings.default_ttl,
            max_ttl: settings.max_ttl,
            propagation: settings.propagation,
            generations: vec![generation],
        };
        replace(&store, STATE, state.to_json().as_bytes()).map_err(store_error(STATE))?;
        let (journal, _) = Journal::open(&store)?;
        Ok(Self { store, state, journal, signer, secrets })
    }

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
        self.state
            .generations
            .iter()
            .map(|generation| generation.root.clone())
            .collect()
    }

    /// The same as a bundle of its trust domain.
    #[must_use]
    pub fn bundle(&self) -> TrustBundle {
        TrustBundle::new(self.state.trust_domain.clone(), self.roots())
    }

    /// Issues a certificate for a key that is made here.
    ///
    /// # Errors
    /// [`IssueError`]; a refusal is in the journal.
    pub fn issue(&self, wish: &Wish, at: UnixTime) -> Result<X509Svid, IssueError> {
        let mut issued = self.issue_all(std::slice::from_ref(wish), at)?;
        issued.pop().ok_or(IssueError::Key(KeyError::Missing))
    }

    /// Issues several certificates with one record on disk, all or none; in the order of the wishes.
    ///
    /// # Errors
    /// As of [`Self::issue`], for the first that cannot be.
    pub fn issue_all(&self, wishes: &[Wish], at: UnixTime) -> Result<Vec<X509Svid>, IssueError> {
        let mut signed = Vec::with_capacity(wishes.len());
        for wish in wishes {
            let made = PrivateKey::generate(Algorithm::EcdsaP256)
                .map_err(IssueError::from)
                .and_then(|key| Ok((self.sign(wish, &key.public_key(), at)?, key)));
            let ((mut svid, record), key) = made.map_err(|error| self.denied(wish, error, at))?;
            svid.key = Some(key);
            signed.push((svid, record));
        }
        let (svids, records) = signed.into_iter().unzip();
        self.journal.append(&self.store, at, records)?;
        Ok(svids)
    }

    /// Signs a request. Its names and extensions are never copied: the identity is the caller's to say. It must be
    /// signed by the key that it is for, and not name anybody else.
    ///
    /// # Errors
    /// [`IssueError`]; a refusal is in the journal.
    pub fn sign_request(
        &self,
        request: &[u8],
        wish: &Wish,
        at: UnixTime,
    ) -> Result<X509Svid, IssueError> {
        let signed = self
            .checked_request(request, wish)
            .and_then(|key| self.sign(wish, &key, at));
        let (svid, record) = signed.map_err(|error| self.denied(wish, error, at))?;
        self.journal.append(&self.store, at, vec![record])?;
        Ok(svid)
    }

    /// The public key of a request that may be signed for `wish`.
    fn checked_request(&self, request: &[u8], wish: &Wish) -> Result<Vec<u8>, IssueError> {
        let request = Request::from_der(request)?;
        // [CA-10]
        if request.signed != Some(true) {
            return Err(match request.key {
                KeyKind::Other(_) | KeyKind::Rsa(0..2048) => {
                    IssueError::WeakKey { key: request.key.to_string() }
                }
                KeyKind::P256 | KeyKind::P384 | KeyKind::Ed25519 | KeyKind::Rsa(_) => {
                    IssueError::RequestNotSigned
                }
            });
        }
        let small = |exponent: u64| exponent < 65_537 || exponent.is_multiple_of(2);
        if let KeyKind::Rsa(bits) = request.key
            && (bits > 8192 || !bits.is_multiple_of(8) || request.rsa_exponent.is_none_or(small))
        {
            return Err(IssueError::WeakKey { key: request.key.to_string() });
        }
        if request.asks_for_ca {
            return Err(IssueError::RequestForCa);
        }
        let names = request.names.unwrap_or_default();
        let uris: Vec<String> = names
            .iter()
            .filter(|name| name.is_malformed() || matches!(name, GeneralName::Uri(_)))
            .map(ToString::to_string)
            .collect();
        let own = format!("URI:{}", wish.id);
        if uris.len() > 1 || uris.iter().any(|uri| *uri != own) {
            return Err(IssueError::RequestNamesAnother {
                names: uris.join(", "),
                id: wish.id.clone(),
            });
        }
        let certificates = self.state.generations.iter();
        let mut authorities =
            certificates.flat_map(|generation| generation.chain.iter().chain([&generation.root]));
        if authorities.any(|authority| authority.public_key == request.public_key) {
            return Err(IssueError::CaKey);
        }
        let key = hex(&sha256(&request.public_key));
        let (events, _) = journal::events(&self.store)?;
        let text = |event: &Map<String, Value>, name: &str| {
            event.get(name).and_then(Value::as_str).map(str::to_owned)
        };
        let earlier = events
            .iter()
            .filter(|event| text(event, "key").as_deref() == Some(key.as_str()));
        for id in earlier.filter_map(|event| text(event, "id")) {
            if id != wish.id.as_str() {
                return Err(IssueError::KeyOfAnother { id });
            }
        }
        Ok(request.public_key)
    }

    /// Makes a certificate and the record of it. It must not leave before the record is durable.
    fn sign(
        &self,
        wish: &Wish,
        public_key: &[u8],
        at: UnixTime,
    ) -> Result<(X509Svid, Event), IssueError> {
        let generation = self.active();
        let validity = self.validity(wish, generation, at)?;
        if !wish.id.is_member_of(&self.state.trust_domain) {
            let trust_domain = self.state.trust_domain.clone();
            return Err(IssueError::AnotherTrustDomain { id: wish.id.clone(), trust_domain });
        }
        if wish.id.path().is_empty() {
            return Err(IssueError::NoPath { id: wish.id.clone() });
        }
        let serial = serial()?;
        let der = profile::leaf(&self.signer, public_key, &wish.id, &wish.dns, &serial, validity)?;
        let record = json!({
            "event": "issue",
            "serial": hex(&serial),
            "id": wish.id.as_str(),
            "dns": wish.dns,
            "key": hex(&sha256(public_key)),
            "certificate": hex(&sha256(&der)),
            "notAfter": validity.not_after,
            "generation": generation.number,
            "caller": wish.caller,
        });
        let issued =
            Issued { serial, generation: generation.number, not_after: validity.not_after };
        let mut chain = vec![der];
        chain.extend(
            generation
                .chain
                .iter()
                .map(|authority| authority.der().to_vec()),
        );
        let svid = X509Svid {
            id: wish.id.clone(),
            chain,
            key: None,
            serial: hex(&serial),
            not_after: validity.not_after,
        };
        Ok((svid, (event(record), Some(issued))))
    }

    /// From a little before now, for as long as is asked for, never beyond any CA above. [CA-2] [CA-3] [CA-9]
    fn validity(
        &self,
        wish: &Wish,
        generation: &Generation,
        at: UnixTime,
    ) -> Result<Validity, IssueError> {
        let last = self.journal.last_at();
        if at < last.saturating_sub(CLOCK_TOLERANCE) {
            return Err(IssueError::ClockWentBack { at, last });
        }
        let asked = wish
            .ttl
            .filter(|ttl| *ttl > 0)
            .unwrap_or(self.state.default_ttl);
        if asked > self.state.max_ttl {
            return Err(IssueError::TooLong { asked, most: self.state.max_ttl });
        }
        let (not_before, not_after) = (generation.not_before(), generation.not_after());
        if at < not_before || at > not_after {
            return Err(IssueError::CaNotValid { not_before, not_after });
        }
        Ok(Validity {
            not_before: at.saturating_sub(BACKDATE).max(not_before),
            not_after: at.saturating_add(asked).min(not_after),
        })
    }

    /// Writes a refusal down. Where even that fails, the refusal stands all the same.
    fn denied(&self, wish: &Wish, error: IssueError, at: UnixTime) -> IssueError {
        let record = json!({
            "event": "deny",
            "id": wish.id.as_str(),
            "reason": error.to_string(),
            "caller": wish.caller,
        });
        // An event in the past of the journal would make the clock that went back the journal's own.
        let at = at.max(self.journal.last_at());
        match self
            .journal
            .append(&self.store, at, vec![(event(record), None)])
        {
            Ok(()) | Err(_) => error,
        }
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

    /// Whether a certificate with this serial number, in hexadecimal, was issued here.
    #[must_use]
    pub fn has_issued(&self, serial: &str) -> bool {
        journal::serial(serial).is_some_and(|serial| self.journal.has_serial(&serial))
    }

    /// Every issued certificate, in the order of the journal.
    ///
    /// # Errors
    /// [`JournalError`] where the journal cannot be read.
    pub fn records(&self) -> Result<Vec<Record>, JournalError> {
        records(&self.store)
    }

    /// Revokes a certificate by its serial number, where it was issued here; `false` where it is revoked already.
    ///
    /// # Errors
    /// [`JournalError`] where it cannot be recorded; then it is not revoked. An unknown serial number is `None`.
    pub fn revoke(
        &self,
        serial: &str,
        caller: &str,
        at: UnixTime,
    ) -> Result<Option<bool>, JournalError> {
        let records = if self.has_issued(serial) { self.records()? } else { Vec::new() };
        let Some(record) = records.iter().find(|record| record.serial == serial) else {
            return Ok(None);
        };
        if record.revoked.is_some() {
            return Ok(Some(false));
        }
        let revoked =
            json!({"event": "revoke", "serial": serial, "id": record.id, "caller": caller});
        self.journal
            .append(&self.store, at, vec![(event(revoked), None)])?;
        Ok(Some(true))
    }

    /// CRLs as DER: of every signing CA whose key is here, and of their roots where those keys are here [CA-24].
    /// They are in force for `length` seconds.
    ///
    /// # Errors
    /// [`AuthorityError`] where a key or the journal cannot be used.
    pub fn crls(&self, length: i64, at: UnixTime) -> Result<Vec<Vec<u8>>, AuthorityError> {
        let records = self.records()?;
        let (_, summary) = journal::events(&self.store)?;
        let validity = Validity { not_before: at, not_after: at.saturating_add(length) };
        let mut crls = Vec::new();
        for generation in &self.state.generations {
            let revoked: Vec<(Vec<u8>, UnixTime)> = records
                .iter()
                .filter(|record| record.generation == generation.number && record.not_after >= at)
                .filter_map(|record| {
                    Some((journal::serial(&record.serial)?.to_vec(), record.revoked?))
                })
                .collect();
            let signer = generation
                .chain
                .first()
                .map(|signer| (signer, signer_file(generation.number), revoked));
            let root = (&generation.root, root_file(generation.number), Vec::new());
            for (certificate, file, revoked) in signer.into_iter().chain([root]) {
                let Some(key) = read_key(&self.store, &file, &self.secrets)? else { continue };
                let signer = Signer::new(certificate.clone(), key)?;
                crls.push(profile::crl(&signer, summary.lines, validity, &revoked)?);
            }
        }
        let made = json!({"event": "crl", "number": summary.lines, "count": crls.len()});
        self.journal
            .append(&self.store, at, vec![(event(made), None)])?;
        Ok(crls)
    }

    /// The next step of a rotation: roots whose last certificate is dead leave the bundle; then a prepared root begins
    /// to sign once its bundle is everywhere, or a new one is prepared.
    ///
    /// # Errors
    /// [`AuthorityError`]; then the CA is as before.
    pub fn rotate_root(&mut self, at: UnixTime) -> Result<Rotation, AuthorityError> {
        self.forget_dead(at)?;
        let prepared = self
            .state
            .generations
            .iter()
            .find(|generation| generation.status == Status::Prepared);
        if let Some(prepared) = prepared {
            let (number, due) =
                (prepared.number, prepared.published_at.saturating_add(self.state.propagation));
            if at < due {
                return Ok(Rotation::Waiting { number, due });
            }
            self.activate(number, at)?;
            return Ok(Rotation::Activated { number });
        }
        if self.active().plugged_in {
            return Err(AuthorityError::NotOurRoot);
        }
        let number = self
            .state
            .generations
            .iter()
            .map(|generation| generation.number)
            .max()
            .unwrap_or(0)
            + 1;
        let active = self.active();
        let settings = Settings {
            trust_domain: self.state.trust_domain.clone(),
            algorithm: self.signer.key().algorithm(),
            ca_ttl: active.not_after().saturating_sub(active.not_before()),
            default_ttl: self.state.default_ttl,
            max_ttl: self.state.max_ttl,
            propagation: self.state.propagation,
        };
        let (mut generation, _) =
            new_generation(&self.store, &settings, &self.secrets, number, SignerKey::Here, at)?;
        generation.status = Status::Prepared;
        let root = hex(&sha256(generation.root.der()));
        let mut state = self.state.clone();
        state.generations.push(generation);
        self.change(
            state,
            json!({"event": "prepare-root", "generation": number, "root": root}),
            at,
        )?;
        Ok(Rotation::Prepared { number, due: at.saturating_add(self.state.propagation) })
    }

    fn activate(&mut self, number: u64, at: UnixTime) -> Result<(), AuthorityError> {
        let mut state = self.state.clone();
        for generation in &mut state.generations {
            if generation.number == number {
                generation.status = Status::Active;
            } else if generation.status == Status::Active {
                generation.status = Status::Retired;
            }
        }
        let signer = open_signer(&self.store, &state, &self.secrets)?;
        self.change(state, json!({"event": "activate-root", "generation": number}), at)?;
        self.signer = signer;
        Ok(())
    }

    /// Takes retired generations away whose last certificate is dead, with a tolerance for clocks.
    fn forget_dead(&mut self, at: UnixTime) -> Result<(), AuthorityError> {
        let dead: Vec<u64> = self
            .state
            .generations
            .iter()
            .filter(|generation| generation.status == Status::Retired)
            .map(|generation| generation.number)
            .filter(|number| {
                let last = self.journal.last_not_after(*number);
                last.is_none_or(|last| last.saturating_add(CLOCK_TOLERANCE) < at)
            })
            .collect();
        for number in dead {
            let mut state = self.state.clone();
            state
                .generations
                .retain(|generation| generation.number != number);
            self.change(state, json!({"event": "forget-root", "generation": number}), at)?;
            for name in [root_file(number), signer_file(number)] {
                if self
                    .store
                    .read(&name)
                    .map_err(store_error(&name))?
                    .is_some()
                {
                    self.store.remove(&name).map_err(store_error(&name))?;
                }
            }
        }
        Ok(())
    }

    /// Puts a new state in the place of the old: first the record, then the state, then it counts.
    fn change(&mut self, state: State, record: Value, at: UnixTime) -> Result<(), AuthorityError> {
        self.journal
            .append(&self.store, at, vec![(event(record), None)])?;
        replace(&self.store, STATE, state.to_json().as_bytes()).map_err(store_error(STATE))?;
        self.state = state;
        Ok(())
    }

    /// The number of the bundle's present content: every root that comes or goes makes it greater by one.
    #[must_use]
    pub fn bundle_sequence(&self) -> u64 {
        let newest = self
            .state
            .generations
            .iter()
            .map(|generation| generation.number)
            .max()
            .unwrap_or(0);
        let here = u64::try_from(self.state.generations.len()).unwrap_or(u64::MAX);
        (newest * 2).saturating_sub(here)
    }

    /// After how many seconds a bundle should be fetched again: often enough for a rotation.
    #[must_use]
    pub fn refresh_hint(&self) -> i64 {
        self.state.propagation.checked_div(4).unwrap_or(1).max(1)
    }

    /// What is wrong or soon will be, in words: CAs near their end, chains that do not verify, keys that do not fit,
    /// files that do not belong here, a clock before the journal. Empty where all is well.
    ///
    /// # Errors
    /// [`AuthorityError`] where something cannot even be looked at.
    pub fn ailments(&self, at: UnixTime) -> Result<Vec<String>, AuthorityError> {
        let mut ailments = Vec::new();
        for generation in &self.state.generations {
            let number = generation.number;
            let (not_before, not_after) = (generation.not_before(), generation.not_after());
            let life = not_after.saturating_sub(not_before);
            if at > not_after {
                ailments.push(format!("generation {number} has expired"));
            } else if generation.status == Status::Active
                && not_after.saturating_sub(at) < life.checked_div(5).unwrap_or_default()
            {
                // [CA-22]
                ailments.push(format!(
                    "less than a fifth of generation {number}'s life is left: `ca rotate-root`"
                ));
            }
            for (file, certificate) in [
                (root_file(number), Some(&generation.root)),
                (signer_file(number), generation.chain.first()),
            ] {
                match (read_key(&self.store, &file, &self.secrets), certificate) {
                    (Ok(Some(key)), Some(certificate)) => {
                        if let Err(error) = Signer::new(certificate.clone(), key) {
                            ailments.push(format!("`{file}`: {error}"));
                        }
                    }
                    (Err(error), _) => ailments.push(error.to_string()),
                    // A root's key is best kept elsewhere.
                    (Ok(_), _) => {}
                }
            }
        }
        if at < self.journal.last_at().saturating_sub(CLOCK_TOLERANCE) {
            ailments.push("the clock stands before the journal's last event".to_owned());
        }
        let numbers: Vec<u64> = self
            .state
            .generations
            .iter()
            .map(|generation| generation.number)
            .collect();
        let belongs = |name: &str| {
            ["lock", STATE, TOKEN_KEY, journal::JOURNAL].contains(&name)
                || numbers
                    .iter()
                    .any(|number| *name == root_file(*number) || *name == signer_file(*number))
        };
        for name in self.store.names().map_err(store_error("."))? {
            if !belongs(&name) {
                ailments.push(format!("`{name}` does not belong here"));
            }
        }
        if let Err(error) = journal::events(&self.store) {
            ailments.push(error.to_string());
        }
        Ok(ailments)
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

/// Every issued certificate of a journal.
fn records(store: &impl Store) -> Result<Vec<Record>, JournalError> {
    let (events, _) = journal::events(store)?;
    let mut records: Vec<Record> = Vec::new();
    let mut places = std::collections::BTreeMap::new();
    for event in &events {
        let text = |name: &str| {
            event
                .get(name)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        let number = |name: &str| event.get(name).and_then(Value::as_i64).unwrap_or_default();
        match text("event").as_str() {
            "issue" => {
                places.insert(text("serial"), records.len());
                records.push(Record {
                    serial: text("serial"),
                    id: text("id"),
                    at: number("at"),
                    not_after: number("notAfter"),
                    generation: event
                        .get("generation")
                        .and_then(Value::as_u64)
                        .unwrap_or_default(),
                    revoked: None,
                    key: text("key"),
                });
            }
            "revoke" => {
                let record = places
                    .get(&text("serial"))
                    .and_then(|place| records.get_mut(*place));
                if let Some(record) = record {
                    record.revoked = Some(number("at"));
                }
            }
            _ => {}
        }
    }
    Ok(records)
}

/// Checks every line of a store's journal, and whether one of them has the hash `head`, in hexadecimal; `true` where
/// none is given.
///
/// # Errors
/// [`JournalError`] at the first line that is damaged.
pub fn audit(store: &impl Store, head: Option<&str>) -> Result<(Summary, bool), JournalError> {
    let (events, summary) = journal::events(store)?;
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

/// Whether a CA may begin in a store. What an earlier beginning left is taken away.
fn begin(store: &impl Store, settings: &Settings) -> Result<(), AuthorityError> {
    if store.read(STATE).map_err(store_error(STATE))?.is_some() {
        return Err(AuthorityError::Exists);
    }
    if settings.default_ttl <= 0 || settings.max_ttl < settings.default_ttl {
        return Err(AuthorityError::Settings(
            "the default length of certificates is not within 1 second and the longest",
        ));
    }
    if settings.ca_ttl <= settings.max_ttl || settings.propagation <= 0 {
        return Err(AuthorityError::Settings(
            "a CA lasts longer than what it issues, and a bundle takes time to arrive",
        ));
    }
    for name in store.names().map_err(store_error("."))? {
        if name.ends_with(TEMPORARY) || name.ends_with("-root.pem") || name.ends_with("-signer.pem")
        {
            store.remove(&name).map_err(store_error(&name))?;
        }
    }
    Ok(())
}

/// Reads Istio's four files. The chain must lead from the signer to the root.
fn plugged_in(files: &PluggedIn, at: UnixTime) -> Result<Generation, AuthorityError> {
    let wrong = |name: &'static str, reason: String| AuthorityError::PluggedIn { name, reason };
    let read = |name: &'static str, text: &str| {
        let blocks = pem::parse(text).map_err(|error| wrong(name, error.to_string()))?;
        if blocks.iter().any(|block| block.label != "CERTIFICATE") {
            return Err(wrong(name, "it holds something else than certificates".to_owned()));
        }
        blocks
            .iter()
            .map(|block| {
                Certificate::from_der(&block.bytes).map_err(|error| wrong(name, error.to_string()))
            })
            .collect::<Result<Vec<_>, _>>()
    };
    let one = |name: &'static str, mut list: Vec<Certificate>| match (list.pop(), list.is_empty()) {
        (Some(only), true) => Ok(only),
        _ => Err(wrong(name, "it does not hold exactly one certificate".to_owned())),
    };
    let signer = one("ca-cert.pem", read("ca-cert.pem", &files.ca_cert)?)?;
    let root = one("root-cert.pem", read("root-cert.pem", &files.root_cert)?)?;
    let mut chain = vec![signer];
    for certificate in read("cert-chain.pem", &files.cert_chain)? {
        if certificate.der != root.der && !chain.contains(&certificate) {
            chain.push(certificate);
        }
    }
    for (index, certificate) in chain.iter().enumerate() {
        if !certificate.is_ca() {
            return Err(wrong(
                "cert-chain.pem",
                "it holds a certificate that is no CA's".to_owned(),
            ));
        }
        let above = chain.get(index + 1).unwrap_or(&root);
        // A root that signs leaves itself stands in both files.
        if certificate.der != root.der && certificate.is_signed_by(above) != Some(true) {
            return Err(wrong(
                "cert-chain.pem",
                "it does not lead from `ca-cert.pem` to `root-cert.pem`".to_owned(),
            ));
        }
    }
    Ok(Generation {
        number: 1,
        status: Status::Active,
        plugged_in: true,
        published_at: at,
        root,
        chain,
    })
}

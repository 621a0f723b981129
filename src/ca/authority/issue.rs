//! Wishes and requests → certificates, each recorded before it leaves, or why not.

use serde_json::{Map, Value, json};

use super::{CertificateAuthority, event};
use crate::ca::certificate::{CertificateError, GeneralName, KeyKind, Request, hex};
use crate::ca::journal::{Event, JournalError};
use crate::ca::key::{Algorithm, KeyError, PrivateKey, random, sha256};
use crate::ca::profile::{self, ProfileError, Validity};
use crate::ca::replay::Issued;
use crate::ca::state::Generation;
use crate::ca::store::Store;
use crate::ca::time::UnixTime;
use crate::ca::{history, pem};
use crate::spiffe::{SpiffeId, TrustDomain};

/// How far a certificate's validity begins before it is issued: clocks differ. [CA-2]
pub const BACKDATE: i64 = 120;
/// A clock that stands further before the journal's last event than this is not believed.
pub const CLOCK_TOLERANCE: i64 = 300;

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
    #[error("{} asked for, and a certificate lasts at most {}", crate::ca::time::length_text(*.asked), crate::ca::time::length_text(*.most))]
    TooLong {
        /// What was asked for, in seconds.
        asked: i64,
        /// The most, in seconds.
        most: i64,
    },
    /// The CA is no longer, or not yet, valid. [CA-3]
    #[error("the CA's own certificates are valid from {} to {}", crate::ca::time::to_text(*.not_before), crate::ca::time::to_text(*.not_after))]
    CaNotValid {
        /// From.
        not_before: UnixTime,
        /// To.
        not_after: UnixTime,
    },
    /// The clock went back.
    #[error("the clock says {}, and the journal's last event was at {}", crate::ca::time::to_text(*.at), crate::ca::time::to_text(*.last))]
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

impl<S: Store> CertificateAuthority<S> {
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
        let (events, _) = history::events(&self.store)?;
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
}

/// 128 random bits, the top one clear, not all zero. [CA-1]
pub(super) fn serial() -> Result<[u8; 16], KeyError> {
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

//! A CA and a point in time → the next step of its root's rotation.

use serde_json::{Value, json};

use super::begin::{Settings, SignerKey, new_generation};
use super::issue::CLOCK_TOLERANCE;
#[cfg(feature = "hsm")]
use super::key_error;
use super::{
    AuthorityError, CertificateAuthority, event, open_signer, root_file, signer_file, store_error,
};
use crate::ca::certificate::hex;
use crate::ca::key::sha256;
use crate::ca::state::{STATE, State, Status};
use crate::ca::store::{Store, replace};
use crate::ca::time::UnixTime;

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

impl<S: Store> CertificateAuthority<S> {
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
        let signer_key = self.another_signer_key()?;
        let (mut generation, _) =
            new_generation(&self.store, &settings, &self.secrets, number, signer_key, at)?;
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

    /// Where the next generation's signing key comes from: where this one's is.
    #[cfg(feature = "hsm")]
    fn another_signer_key(&self) -> Result<SignerKey, AuthorityError> {
        let Some((module, token)) = self.signer.key().place() else { return Ok(SignerKey::Here) };
        let name = signer_file(self.active().number);
        let pin = self
            .secrets
            .pin
            .as_ref()
            .map(|pin| pin.as_str())
            .unwrap_or_default();
        let key = crate::ca::hsm::generate(&module, &token, pin).map_err(key_error(&name))?;
        Ok(SignerKey::Given(Box::new(key)))
    }

    #[cfg(not(feature = "hsm"))]
    #[expect(
        clippy::unused_self,
        clippy::unnecessary_wraps,
        reason = "the same signature with and without the feature"
    )]
    fn another_signer_key(&self) -> Result<SignerKey, AuthorityError> {
        Ok(SignerKey::Here)
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
}

//! A CA → what is wrong with it, or soon will be.

use super::issue::CLOCK_TOLERANCE;
use super::{
    AuthorityError, CertificateAuthority, TOKEN_KEY, read_key, root_file, signer_file, store_error,
};
use crate::ca::checkpoint::CHECKPOINT;
use crate::ca::journal;
use crate::ca::profile::Signer;
use crate::ca::state::{STATE, Status};
use crate::ca::store::Store;
use crate::ca::time::UnixTime;

impl<S: Store> CertificateAuthority<S> {
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
            ["lock", STATE, TOKEN_KEY, journal::JOURNAL, CHECKPOINT].contains(&name)
                || numbers
                    .iter()
                    .any(|number| *name == root_file(*number) || *name == signer_file(*number))
        };
        for name in self.store.names().map_err(store_error("."))? {
            if !belongs(&name) {
                ailments.push(format!("`{name}` does not belong here"));
            }
        }
        ailments.extend(self.journal.oddity().map(str::to_owned));
        if let Err(error) = super::audit(&self.store, None) {
            ailments.push(error.to_string());
        }
        Ok(ailments)
    }
}

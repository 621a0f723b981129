//! A CA's journal → what was issued, what is revoked, and CRLs.

use serde_json::{Value, json};

use super::{AuthorityError, CertificateAuthority, event, read_key, root_file, signer_file};
use crate::ca::journal::JournalError;
use crate::ca::profile::{self, Signer, Validity};
use crate::ca::store::Store;
use crate::ca::time::UnixTime;
use crate::ca::{history, replay};

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

impl<S: Store> CertificateAuthority<S> {
    /// Whether a certificate with this serial number, in hexadecimal, was issued here.
    #[must_use]
    pub fn has_issued(&self, serial: &str) -> bool {
        replay::serial(serial).is_some_and(|serial| self.journal.has_serial(&serial))
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
        let (_, summary) = history::events(&self.store)?;
        let validity = Validity { not_before: at, not_after: at.saturating_add(length) };
        let mut crls = Vec::new();
        for generation in &self.state.generations {
            let revoked: Vec<(Vec<u8>, UnixTime)> = records
                .iter()
                .filter(|record| record.generation == generation.number && record.not_after >= at)
                .filter_map(|record| {
                    Some((replay::serial(&record.serial)?.to_vec(), record.revoked?))
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
}

/// Every issued certificate of a journal.
fn records(store: &impl Store) -> Result<Vec<Record>, JournalError> {
    let (events, _) = history::events(store)?;
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

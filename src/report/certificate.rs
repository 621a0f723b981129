//! What is known of certificates, verifications, issued records and handshakes → text and documents.

use serde_json::{Value, json};

use super::json::Document;
use crate::ca::handshake::{Outcome, Seen};
use crate::ca::time::{UnixTime, length_text, to_text};
use crate::ca::{EnvoyAnswer, Facts, Record, Verification};
use crate::diagnostic::printable;

/// What certificates say, as text.
#[must_use]
pub fn facts_text(all: &[Facts]) -> String {
    let mut text = String::new();
    for (index, facts) in all.iter().enumerate() {
        if index > 0 {
            text.push('\n');
        }
        let or_none =
            |text: &str| if text.is_empty() { "none".to_owned() } else { printable(text) };
        let mut row = |name: &str, value: &str| {
            text.push_str(&format!("{name:<12}{value}\n"));
        };
        row("subject", &or_none(&facts.subject));
        row("issuer", &or_none(&facts.issuer));
        row("serial", &facts.serial);
        let left = if facts.left < 0 {
            format!("expired {} ago", length_text(-facts.left))
        } else {
            format!("{} left", length_text(facts.left))
        };
        row(
            "valid",
            &format!("{} to {}, {left}", to_text(facts.not_before), to_text(facts.not_after)),
        );
        for name in &facts.names {
            row("name", &printable(name));
        }
        row("key", &facts.key);
        row(
            "ca",
            match facts.ca {
                Some(true) => "yes",
                Some(false) => "no",
                None => "no (not said)",
            },
        );
        row("usage", &or_none(&facts.key_usage.join(", ")));
        row("for", &or_none(&facts.extended_key_usage.join(", ")));
        row("sha256", &facts.fingerprint);
        for finding in &facts.findings {
            row("finding", &printable(finding));
        }
    }
    text
}

/// What certificates say, kind `Certificates`.
#[must_use]
pub fn facts_document(all: &[Facts]) -> Document {
    let one = |facts: &Facts| {
        json!({
            "subject": facts.subject,
            "issuer": facts.issuer,
            "serial": facts.serial,
            "notBefore": to_text(facts.not_before),
            "notAfter": to_text(facts.not_after),
            "secondsLeft": facts.left,
            "names": facts.names,
            "namesCritical": facts.names_critical,
            "key": facts.key,
            "signatureAlgorithm": facts.signature_algorithm,
            "ca": facts.ca,
            "pathLen": facts.path_len,
            "keyUsage": facts.key_usage,
            "extendedKeyUsage": facts.extended_key_usage,
            "subjectKeyIdentifier": facts.subject_key,
            "authorityKeyIdentifier": facts.authority_key,
            "sha256": facts.fingerprint,
            "findings": facts.findings,
        })
    };
    Document::of_kind(
        "Certificates",
        json!({"certificates": all.iter().map(one).collect::<Vec<_>>()}),
    )
}

/// Which of the two answers are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answers {
    /// Both, and where they differ.
    Both,
    /// Envoy's.
    Envoy,
    /// The standard's.
    Strict,
}

/// A verification as text.
#[must_use]
pub fn verification_text(verification: &Verification, answers: Answers) -> String {
    let mut text = String::new();
    if answers != Answers::Envoy {
        text.push_str(&match &verification.strict {
            Ok(id) => format!("standard    accepts {id}\n"),
            Err(error) => format!("standard    refuses: {}\n", printable(&error.to_string())),
        });
    }
    if answers != Answers::Strict {
        text.push_str(&match &verification.envoy {
            EnvoyAnswer::Accepted { principals } => {
                format!("envoy       accepts {}\n", printable(&principals.join(", ")))
            }
            EnvoyAnswer::Refused { reason } => {
                format!("envoy       refuses: {}\n", printable(reason))
            }
            EnvoyAnswer::Unknown { reason } => {
                format!("envoy       unknown: {}\n", printable(reason))
            }
        });
    }
    text
}

/// A verification, kind `Verification`.
#[must_use]
pub fn verification_document(verification: &Verification, answers: Answers) -> Document {
    let strict = match &verification.strict {
        Ok(id) => json!({"answer": "accepted", "id": id.as_str()}),
        Err(error) => json!({"answer": "refused", "reason": error.to_string()}),
    };
    let envoy = match &verification.envoy {
        EnvoyAnswer::Accepted { principals } => {
            json!({"answer": "accepted", "principals": principals})
        }
        EnvoyAnswer::Refused { reason } => json!({"answer": "refused", "reason": reason}),
        EnvoyAnswer::Unknown { reason } => json!({"answer": "unknown", "reason": reason}),
    };
    let body = match answers {
        Answers::Both => {
            json!({"standard": strict, "envoy": envoy, "difference": verification.difference()})
        }
        Answers::Envoy => json!({"envoy": envoy}),
        Answers::Strict => json!({"standard": strict}),
    };
    Document::of_kind("Verification", body)
}

/// Issued certificates as text, one a line.
#[must_use]
pub fn records_text(records: &[Record], at: UnixTime) -> String {
    records
        .iter()
        .map(|record| {
            format!(
                "{} {:<8} {} {}\n",
                record.serial,
                word(record, at),
                to_text(record.not_after),
                record.id
            )
        })
        .collect()
}

/// Issued certificates, kind `IssuedCertificates`.
#[must_use]
pub fn records_document(records: &[Record], at: UnixTime) -> Document {
    let one = |record: &Record| {
        json!({
            "serial": record.serial,
            "id": record.id,
            "state": word(record, at),
            "issuedAt": to_text(record.at),
            "notAfter": to_text(record.not_after),
            "revokedAt": record.revoked.map(to_text),
            "generation": record.generation,
        })
    };
    Document::of_kind(
        "IssuedCertificates",
        json!({"certificates": records.iter().map(one).collect::<Vec<_>>()}),
    )
}

fn word(record: &Record, at: UnixTime) -> &'static str {
    if record.revoked.is_some() {
        "revoked"
    } else if record.not_after < at {
        "expired"
    } else {
        "valid"
    }
}

/// A handshake as text.
#[must_use]
pub fn handshake_text(outcome: &Outcome) -> String {
    let seen = |seen: &Option<Seen>| match seen {
        Some(Ok(id)) => id.to_string(),
        Some(Err(error)) => format!("refused: {}", printable(&error.to_string())),
        None => "no certificate".to_owned(),
    };
    let mut text = format!("client saw  {}\n", seen(&outcome.client_saw));
    text.push_str(&format!("server saw  {}\n", seen(&outcome.server_saw)));
    text.push_str(&match (&outcome.failure, &outcome.protocol) {
        (Some(failure), _) => format!("handshake   failed: {}\n", printable(failure)),
        (None, protocol) => format!("handshake   {}\n", protocol.as_deref().unwrap_or("succeeded")),
    });
    text
}

/// A handshake, kind `Handshake`.
#[must_use]
pub fn handshake_document(outcome: &Outcome) -> Document {
    let seen = |seen: &Option<Seen>| match seen {
        Some(Ok(id)) => json!({"id": id.as_str()}),
        Some(Err(error)) => json!({"refused": error.to_string()}),
        None => Value::Null,
    };
    Document::of_kind(
        "Handshake",
        json!({
            "clientSaw": seen(&outcome.client_saw),
            "serverSaw": seen(&outcome.server_saw),
            "protocol": outcome.protocol,
            "failure": outcome.failure,
        }),
    )
}

/// One step's result in a few named values, kind as given.
#[must_use]
pub fn values_document(kind: &str, values: &[(&str, String)]) -> Document {
    let body = values
        .iter()
        .map(|(name, value)| ((*name).to_owned(), Value::from(value.as_str())))
        .collect();
    Document::of_kind(kind, Value::Object(body))
}

//! Answers and outcomes → lines for people.

use std::fmt::{self, Write};

use super::answer::endpoint;
use super::json::Count;
use crate::diagnostic::printable;
use crate::request::{Caller, HostSpec, Protocol, RequestSpec};
use crate::suite::{CaseResult, Outcome, Prepared};

/// A question in short: `sleep.foo → httpbin.foo:8000 GET /headers`.
#[must_use]
pub fn question(spec: &RequestSpec) -> String {
    let from = match &spec.from {
        Caller::Certificate { uris, .. } => match uris.as_slice() {
            [one] => one.strip_prefix("spiffe://").unwrap_or(one).to_owned(),
            many => format!("{} names", many.len()),
        },
        Caller::External => "outside".to_owned(),
        Caller::Plaintext => "plaintext".to_owned(),
        Caller::Workload(name) => name.clone(),
    };
    let mut text = format!("{from} → {}", spec.to);
    if let Some(port) = spec.port {
        text.push_str(&format!(":{port}"));
    }
    match spec.protocol {
        Some(Protocol::Tcp) => text.push_str(" TCP"),
        Some(Protocol::Tls) => text.push_str(" TLS"),
        Some(Protocol::Http) | None => {
            let method = spec.http.method.as_deref().unwrap_or("GET");
            let target = spec.http.target.as_deref().unwrap_or("/");
            text.push_str(&format!(" {method} {target}"));
            let asked = spec
                .port
                .map_or_else(|| spec.to.clone(), |port| format!("{}:{port}", spec.to));
            if let HostSpec::Given(host) = &spec.http.host
                && *host != asked
                && *host != spec.to
            {
                text.push_str(&format!(" (Host: {host})"));
            }
        }
    }
    printable(&text)
}

/// One case that did not pass; nothing for one that did.
///
/// # Errors
/// Those of the writer.
pub fn outcome(out: &mut dyn Write, prepared: &Prepared<'_>, outcome: &Outcome<'_>) -> fmt::Result {
    let (file, suite) = (&prepared.suite.file, &prepared.suite.name);
    let case = outcome.case;
    let head = |out: &mut dyn Write, word: &str| {
        writeln!(
            out,
            "{word} {file}:{} {} › {}",
            case.position,
            printable(suite),
            printable(&case.name)
        )
    };
    match &outcome.result {
        CaseResult::Passed => Ok(()),
        CaseResult::Failed(mismatches) => {
            head(out, "FAILED")?;
            writeln!(out, "       {}", question(&case.spec))?;
            for mismatch in mismatches {
                let (what, expected, found) = (mismatch.what, &mismatch.expected, &mismatch.found);
                writeln!(
                    out,
                    "       {what}: expected {}, got {}",
                    printable(expected),
                    printable(found)
                )?;
            }
            if let Some((request, decision)) = &outcome.asked {
                let endpoint = endpoint(&prepared.mesh, request, decision.clone());
                writeln!(out, "       because {}", printable(&endpoint.reason))?;
                if let Some(origin) = &endpoint.origin {
                    writeln!(out, "       --> {origin}")?;
                }
                for note in &endpoint.notes {
                    writeln!(out, "       note: {}", printable(note))?;
                }
            }
            Ok(())
        }
        CaseResult::CouldNotAsk(error) => {
            head(out, "FAILED")?;
            writeln!(out, "       cannot be asked: {}", printable(&error.to_string()))
        }
        CaseResult::Vacuous => {
            head(out, "VACUOUS")?;
            writeln!(
                out,
                "       passes only because no policy is about the destination; if that is meant, write `because: {{default: true}}`"
            )
        }
        CaseResult::Skipped(reason) => {
            head(out, "SKIPPED")?;
            writeln!(out, "       {}", printable(reason))
        }
        CaseResult::Todo(what) => {
            head(out, "TODO")?;
            writeln!(out, "       {}", printable(what))
        }
    }
}

/// The closing line: `3 passed, 1 failed`, with skipped and todo behind it where there are any.
#[must_use]
pub fn summary(count: Count) -> String {
    let mut text = format!("{} passed, {} failed", count.passed, count.failed);
    if count.skipped > 0 {
        text.push_str(&format!(", {} skipped", count.skipped));
    }
    if count.todo > 0 {
        text.push_str(&format!(", {} todo", count.todo));
    }
    text
}

//! What happens → one line of JSON each.

use std::fmt;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::admission::Answer;
use crate::diagnostic::printable;

/// Which decisions are logged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Decisions {
    /// All of them.
    #[default]
    All,
    /// Those that deny, or warn.
    Notable,
    /// None.
    Nothing,
}

/// Where lines go: each is one JSON object, without the end of the line.
#[derive(Clone)]
pub struct Log(Arc<dyn Fn(&str) + Send + Sync>);

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Log")
    }
}

impl Log {
    /// Lines go to `line`.
    #[must_use]
    pub fn to(line: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self(Arc::new(line))
    }

    /// `{"time": 1790000000.123, "event": "reloaded", …}`.
    pub(super) fn event(&self, event: &str, fields: &[(&str, &str)]) {
        let mut line = format!("{{\"time\":{},\"event\":{}", now(), quoted(event));
        for (name, value) in fields {
            line.push_str(&format!(",{}:{}", quoted(name), quoted(value)));
        }
        line.push('}');
        (self.0)(&line);
    }

    /// The record of a decision, and how long it took.
    pub(super) fn decision(&self, wanted: Decisions, answer: &Answer, seconds: f64) {
        let notable = !answer.is_allowed() || !answer.warnings.is_empty();
        if wanted == Decisions::Nothing || (wanted == Decisions::Notable && !notable) {
            return;
        }
        let record = answer.record();
        let record = record.strip_prefix('{').unwrap_or_default();
        (self.0)(&format!(
            "{{\"time\":{},\"event\":\"decision\",\"seconds\":{seconds:.6},{record}",
            now()
        ));
    }
}

/// Seconds since 1970.
#[expect(clippy::disallowed_methods, reason = "a log says when; no decision depends on it")]
fn now() -> String {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    format!("{}.{:03}", now.as_secs(), now.subsec_millis())
}

/// Text as JSON writes it.
fn quoted(text: &str) -> String {
    let text = printable(text).replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{text}\"")
}

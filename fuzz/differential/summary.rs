//! What a run came to: how many agree, how many do not, and how often each attribute was asked, either way.

use std::collections::BTreeMap;
use std::fmt;

use portcullis::decide::{Observer, Truth, Verdict};
use portcullis::mesh::{Condition, ConditionRef};

/// Disagreements of one kind: how many, and the first.
struct Kind {
    count: u64,
    first: String,
}

#[derive(Default)]
pub(crate) struct Summary {
    pub(crate) agree: u64,
    pub(crate) disagree: u64,
    kinds: BTreeMap<String, Kind>,
    incomparable: BTreeMap<String, u64>,
    /// By the field as written: how often it held, did not, was not known.
    attributes: BTreeMap<String, [u64; 3]>,
    verdicts: BTreeMap<&'static str, u64>,
}

impl Summary {
    pub(crate) fn agree(&mut self, verdict: Verdict) {
        self.agree += 1;
        *self.verdicts.entry(verdict.as_str()).or_default() += 1;
    }

    pub(crate) fn incomparable(&mut self, reason: &str) {
        // Reasons name what they are about: the beginning tells them apart well enough.
        let reason = nameless(reason).chars().take(70).collect();
        *self.incomparable.entry(reason).or_default() += 1;
    }

    /// Counts a disagreement among those of its kind, of which the first is told; whether it is the first.
    pub(crate) fn disagree(&mut self, how: &str, told: impl FnOnce() -> String) -> bool {
        self.disagree += 1;
        let kind = self.kinds.entry(nameless(how));
        let kind = kind.or_insert_with(|| Kind { count: 0, first: told() });
        kind.count += 1;
        kind.count == 1
    }

    /// How many could not be compared.
    pub(crate) fn not_compared(&self) -> u64 {
        self.incomparable.values().sum()
    }
}

/// The words without the numbers in names: what is alike counts together.
fn nameless(words: &str) -> String {
    let mut out = String::new();
    let mut before = ' ';
    for character in words.chars() {
        // The status of an answer stays.
        let named = character.is_ascii_digit() && (before.is_alphabetic() || before == '[');
        out.push(if named { 'N' } else { character });
        before = character;
    }
    out
}

impl Observer for Summary {
    const WATCHING: bool = true;

    fn condition(&mut self, _: ConditionRef, condition: &Condition, truth: Truth) {
        if !self.attributes.contains_key(&condition.field) {
            self.attributes.insert(condition.field.clone(), [0; 3]);
        }
        let Some(counts) = self.attributes.get_mut(&condition.field) else { return };
        match truth {
            Truth::Yes => counts[0] += 1,
            Truth::No => counts[1] += 1,
            Truth::Unknown => counts[2] += 1,
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (field, [yes, no, unknown]) in &self.attributes {
            writeln!(f, "{field}: {yes} hold, {no} do not, {unknown} unknown")?;
        }
        for (reason, count) in &self.incomparable {
            writeln!(f, "not compared: {count}, because {reason}")?;
        }
        for (verdict, count) in &self.verdicts {
            writeln!(f, "{verdict}: {count}")?;
        }
        for (kind, Kind { count, first }) in &self.kinds {
            writeln!(f, "disagree: {count} times: {kind}\n{first}")?;
        }
        writeln!(
            f,
            "{} agree, {} disagree in {} ways, {} not compared",
            self.agree,
            self.disagree,
            self.kinds.len(),
            self.not_compared()
        )
    }
}

//! What a run came to: how many agree, how many do not, and how often each attribute was asked, either way.

use std::collections::BTreeMap;
use std::fmt;

use portcullis::decide::{Observer, Truth};
use portcullis::mesh::{Condition, ConditionRef};

/// So many disagreements are told.
const TOLD: usize = 40;

#[derive(Default)]
pub(crate) struct Summary {
    pub(crate) agree: u64,
    pub(crate) disagreements: Vec<String>,
    pub(crate) incomparable: BTreeMap<String, u64>,
    /// By the field as written: how often it held, did not, was not known.
    attributes: BTreeMap<String, [u64; 3]>,
    /// By verdict.
    pub(crate) verdicts: BTreeMap<&'static str, u64>,
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
        for disagreement in self.disagreements.iter().take(TOLD) {
            writeln!(f, "disagree: {disagreement}")?;
        }
        writeln!(f, "{} agree, {} disagree", self.agree, self.disagreements.len())
    }
}

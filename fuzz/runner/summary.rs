//! What a run came to: how many agree, how many were not modelled, and how often each field was asked, either way.

use std::collections::BTreeMap;
use std::fmt;

use portcullis::decide::{Observer, Truth};
use portcullis::mesh::{Condition, ConditionRef};
use portcullis_fuzz::engine_and_naive::Agreement;
use portcullis_fuzz::shrink::Suite;

pub struct Disagreement {
    pub seed: u64,
    pub how: String,
    pub suite: Suite,
    pub now: Option<i64>,
}

#[derive(Default)]
pub struct Summary {
    pub disagreements: Vec<Disagreement>,
    /// By the verdict that both say.
    agree: BTreeMap<&'static str, u64>,
    both_unknown: u64,
    not_modelled: BTreeMap<String, u64>,
    /// By field: how often it held, did not, was not known. Only a part of the questions is watched.
    fields: BTreeMap<String, [u64; 3]>,
}

impl Summary {
    pub fn add(&mut self, agreement: &Agreement) {
        match agreement {
            Agreement::Agree(verdict) => *self.agree.entry(verdict.as_str()).or_default() += 1,
            Agreement::BothUnknown => self.both_unknown += 1,
            Agreement::NotModelled(why) => match self.not_modelled.get_mut(why) {
                Some(count) => *count += 1,
                None => drop(self.not_modelled.insert(why.clone(), 1)),
            },
            Agreement::Disagree(_) | Agreement::NotAsked(_) => {}
        }
    }

    pub fn join(&mut self, other: Self) {
        self.disagreements.extend(other.disagreements);
        for (verdict, count) in other.agree {
            *self.agree.entry(verdict).or_default() += count;
        }
        self.both_unknown += other.both_unknown;
        for (why, count) in other.not_modelled {
            *self.not_modelled.entry(why).or_default() += count;
        }
        for (field, counts) in other.fields {
            let sums = self.fields.entry(field).or_default();
            for (sum, count) in sums.iter_mut().zip(counts) {
                *sum += count;
            }
        }
    }

    pub fn asked(&self) -> u64 {
        self.agree
            .values()
            .chain(self.not_modelled.values())
            .sum::<u64>()
            + self.both_unknown
    }
}

impl Observer for Summary {
    const WATCHING: bool = true;

    fn condition(&mut self, _: ConditionRef, condition: &Condition, truth: Truth) {
        if !self.fields.contains_key(&condition.field) {
            self.fields.insert(condition.field.clone(), [0; 3]);
        }
        let Some(counts) = self.fields.get_mut(&condition.field) else { return };
        match truth {
            Truth::Yes => counts[0] += 1,
            Truth::No => counts[1] += 1,
            Truth::Unknown => counts[2] += 1,
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "of the questions that were watched:")?;
        for (field, [yes, no, unknown]) in &self.fields {
            writeln!(f, "{yes:>10} hold {no:>10} do not {unknown:>10} unknown  {field}")?;
        }
        for (why, count) in &self.not_modelled {
            writeln!(f, "not modelled: {count}, {why}")?;
        }
        for (verdict, count) in &self.agree {
            writeln!(f, "{verdict}: {count}")?;
        }
        writeln!(f, "unknown to both: {}", self.both_unknown)?;
        let agree: u64 = self.agree.values().sum();
        writeln!(f, "{agree} agree, {} disagree", self.disagreements.len())
    }
}

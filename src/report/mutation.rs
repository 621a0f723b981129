//! What became of mutants → text and a document: how many were noticed, and each survivor with what would tell it.

use serde_json::{Value, json};

use super::document::API_VERSION;
use super::json::Document;
use super::question::case;
use super::text::question;
use crate::diagnostic::printable;
use crate::mutation::{Diff, Mutant, Witness};

/// A run over mutants.
#[derive(Debug, Default)]
pub struct Mutation<'m> {
    /// How many the suites noticed.
    pub killed: usize,
    /// How many nobody could apply: the API server, the webhook or Envoy would refuse them.
    pub unviable: usize,
    /// Those that no suite noticed, in the order of the policies.
    pub survivors: Vec<Survivor<'m>>,
    /// Accepted names that no survivor has: their lines can go.
    pub stale: Vec<String>,
}

/// A mutant that no suite noticed.
#[derive(Debug)]
pub struct Survivor<'m> {
    /// The mutant.
    pub mutant: &'m Mutant,
    /// The lines that it changes; absent where they could not be found.
    pub diff: Option<Diff>,
    /// Whether every workload of the suites is under the same with it as without: no request can tell it.
    pub nothing: bool,
    /// A question that tells it apart; absent where the search found none, which proves nothing.
    pub witness: Option<Witness>,
    /// The command line that asks the question.
    pub command: Option<String>,
    /// Why it may survive; absent where nobody said.
    pub accepted: Option<String>,
}

impl Mutation<'_> {
    /// How many change nothing for any workload: no request can tell them, so they count neither way.
    #[must_use]
    pub fn without_effect(&self) -> usize {
        self.survivors
            .iter()
            .filter(|survivor| survivor.nothing)
            .count()
    }

    /// How many of the mutants that change something were noticed, in hundredths of a percent, rounded down.
    #[must_use]
    pub fn score(&self) -> usize {
        let total = self.killed + self.survivors.len() - self.without_effect();
        (self.killed * 10_000).checked_div(total).unwrap_or(10_000)
    }

    /// How many survivors nobody accepted.
    #[must_use]
    pub fn unaccepted(&self) -> usize {
        self.survivors
            .iter()
            .filter(|survivor| survivor.accepted.is_none() && !survivor.nothing)
            .count()
    }
}

/// Every survivor, for people.
#[must_use]
pub fn text(mutation: &Mutation<'_>) -> String {
    let mut text = String::new();
    for survivor in &mutation.survivors {
        let word = match (&survivor.accepted, survivor.nothing) {
            (Some(_), _) => "ACCEPTED",
            (None, true) => "NO EFFECT",
            (None, false) => "SURVIVED",
        };
        let mutant = survivor.mutant;
        let line = survivor
            .diff
            .as_ref()
            .map_or_else(|| mutant.origin.position.line.to_string(), |diff| diff.line.to_string());
        let name = printable(&mutant.to_string());
        text.push_str(&format!("{word} {}:{line} {name}\n", mutant.origin.file));
        if let Some(reason) = &survivor.accepted {
            text.push_str(&format!("       because {}\n", printable(reason)));
            continue;
        }
        if let Some(diff) = &survivor.diff {
            for (sign, lines) in [('-', &diff.removed), ('+', &diff.added)] {
                for line in lines {
                    text.push_str(&format!("       {sign}{}\n", printable(line)));
                }
            }
        }
        match &survivor.witness {
            Some(witness) => tell(&mut text, survivor, witness),
            None if survivor.nothing => {
                text.push_str("       nothing changes for any workload of the suites\n");
            }
            None => text.push_str("       no request was found that tells it apart\n"),
        }
    }
    for name in &mutation.stale {
        text.push_str(&format!(
            "STALE {}: it is accepted, and does not survive\n",
            printable(name)
        ));
    }
    text
}

fn tell(text: &mut String, survivor: &Survivor<'_>, witness: &Witness) {
    let answer = |(verdict, status): (crate::decide::Verdict, Option<u16>)| match status {
        Some(status) => format!("{} ({status})", verdict.as_str()),
        None => verdict.as_str().to_owned(),
    };
    let (now, mutated) = (answer(witness.now), answer(witness.mutated));
    text.push_str(&format!(
        "       {now}, and {mutated} with the change: {}\n",
        question(&witness.question)
    ));
    if let Some(command) = &survivor.command {
        text.push_str(&format!("       ask it: {command}\n"));
    }
    let name = survivor.mutant.to_string();
    if let Some(case) = case(&name, &witness.question, witness.now.0) {
        text.push_str(&format!("       a case that tells it: - {}\n", printable(&case)));
    }
}

/// The closing line.
#[must_use]
pub fn summary(mutation: &Mutation<'_>) -> String {
    let (score, nothing) = (mutation.score(), mutation.without_effect());
    let survived = mutation.survivors.len() - nothing;
    let accepted = survived - mutation.unaccepted();
    let mut text = format!(
        "mutants: {} noticed, {survived} survived, score {}.{:02} %",
        mutation.killed,
        score / 100,
        score % 100
    );
    for (number, what) in [
        (accepted, "of the survivors accepted"),
        (nothing, "without effect"),
        (mutation.unviable, "not viable"),
    ] {
        if number > 0 {
            text.push_str(&format!(", {number} {what}"));
        }
    }
    text
}

/// The document, kind `MutationResult`.
#[must_use]
pub fn document(mutation: &Mutation<'_>) -> Document {
    let survivor = |survivor: &Survivor<'_>| {
        let mutant = survivor.mutant;
        json!({
            "mutant": mutant.to_string(),
            "operator": mutant.operator.as_str(),
            "file": mutant.origin.file.as_ref(),
            "line": survivor.diff.as_ref().map(|diff| diff.line),
            "removed": survivor.diff.as_ref().map(|diff| &diff.removed),
            "added": survivor.diff.as_ref().map(|diff| &diff.added),
            "changesNothing": survivor.nothing,
            "accepted": survivor.accepted,
            "command": survivor.command,
            "witness": survivor.witness.as_ref().map(witness),
        })
    };
    Document::new(json!({
        "apiVersion": API_VERSION,
        "kind": "MutationResult",
        "killed": mutation.killed,
        "survived": mutation.survivors.len() - mutation.without_effect(),
        "withoutEffect": mutation.without_effect(),
        "unviable": mutation.unviable,
        "scoreInHundredths": mutation.score(),
        "survivors": mutation.survivors.iter().map(survivor).collect::<Vec<_>>(),
        "stale": mutation.stale,
    }))
}

fn witness(witness: &Witness) -> Value {
    let (now, mutated) = (witness.now, witness.mutated);
    json!({
        "question": question(&witness.question),
        "verdict": now.0.as_str(),
        "status": now.1,
        "mutatedVerdict": mutated.0.as_str(),
        "mutatedStatus": mutated.1,
    })
}

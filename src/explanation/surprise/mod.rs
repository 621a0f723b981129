//! An explanation → what a person may not have expected, said in one sentence each, and only where it mattered.

mod address;
mod decision;
mod identity;
mod text;
mod token;

use super::{Explanation, Found, Gone, Seen};
use crate::decide::{Because, Verdict};
use crate::mesh::{Attribute, Condition, ConditionRef, Mesh, Part};
use crate::request::Request;

/// At most so many are told.
const TOLD: usize = 6;

/// Something about the answer that a person may not have expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Surprise {
    /// Its stable name: `host-with-a-port`.
    pub name: &'static str,
    /// The statement of `docs/semantics.md` that says so: `AP-85`.
    pub statement: &'static str,
    /// What it is, in one sentence.
    pub text: String,
    /// The condition that it is about; absent where it is about the whole answer.
    pub place: Option<ConditionRef>,
}

impl Surprise {
    const fn new(name: &'static str, statement: &'static str, text: String) -> Self {
        Self { name, statement, text, place: None }
    }
}

/// One condition, what the request has of it, and everything around.
#[derive(Clone, Copy)]
struct Subject<'s> {
    mesh: &'s Mesh,
    request: &'s Request,
    explanation: &'s Explanation,
    seen: &'s Seen,
    place: ConditionRef,
    condition: &'s Condition,
}

impl Subject<'_> {
    /// The condition's field as a person reads it.
    fn field(&self) -> &str {
        &self.condition.field
    }

    /// The field in a sentence; of a `when` condition only the key is known.
    fn named(&self) -> String {
        if self.place.part == Part::When {
            format!("the condition on `{}`", self.field())
        } else {
            format!("`{}`", self.field())
        }
    }

    /// The values as written.
    fn written(&self) -> impl Iterator<Item = &str> {
        self.condition
            .values
            .iter()
            .map(|value| value.written.value.as_str())
    }

    /// What the request has, value by value; none where it has none or it is not known.
    fn found(&self) -> Vec<String> {
        match self.seen.found(&self.condition.attribute) {
            Found::Values(values) => values,
            Found::Nothing(_) | Found::NotKnown => Vec::new(),
        }
    }
}

impl Explanation {
    /// What may not have been expected, the most telling first. Empty where everything is as it looks.
    #[must_use]
    pub fn surprises(&self, mesh: &Mesh, request: &Request) -> Vec<Surprise> {
        let mut told = Vec::new();
        decision::surprises(mesh, request, self, &mut told);
        if let Some(seen) = self.seen() {
            let mut places = self.matched(mesh);
            let denied = self.decision.verdict == Verdict::Deny;
            if denied && self.decision.because == Because::NothingAllows {
                places = self
                    .near_misses
                    .iter()
                    .flat_map(|near| near.misses.clone())
                    .collect();
            }
            for place in places {
                let Some(condition) = mesh.condition(place) else { continue };
                let subject = Subject { mesh, request, explanation: self, seen, place, condition };
                about(&subject, &mut told);
            }
        }
        let mut unique: Vec<Surprise> = Vec::new();
        for surprise in told {
            if !unique.iter().any(|known| known.name == surprise.name) {
                unique.push(surprise);
            }
        }
        unique.truncate(TOLD);
        unique
    }
}

/// What is surprising about one condition.
fn about(subject: &Subject<'_>, told: &mut Vec<Surprise>) {
    let before = told.len();
    match &subject.condition.attribute {
        Attribute::SourcePrincipal
        | Attribute::SourceNamespace
        | Attribute::SourceServiceAccount
        | Attribute::SourceTrustDomain => identity::surprises(subject, told),
        Attribute::SourceIp | Attribute::RemoteIp | Attribute::DestinationIp => {
            address::surprises(subject, told);
        }
        Attribute::RequestPrincipal
        | Attribute::RequestAudiences
        | Attribute::RequestPresenter
        | Attribute::RequestClaim(_) => token::surprises(subject, told),
        Attribute::Host
        | Attribute::Method
        | Attribute::Path
        | Attribute::RequestHeader(_)
        | Attribute::ServerName
        | Attribute::DestinationPort => text::surprises(subject, told),
        Attribute::FilterMetadata(..) => {}
    }
    text::extra_condition(subject, told);
    for surprise in told.iter_mut().skip(before) {
        surprise.place.get_or_insert(subject.place);
    }
}

/// Whether a condition of an ALLOW rule fails, or one of another rule holds: it is what made the answer a no.
const fn failed(explanation: &Explanation) -> bool {
    matches!(explanation.decision.because, Because::NothingAllows)
}

/// A rule's name in a sentence: ``rule 0 of `foo/p` ``.
fn rule_name(mesh: &Mesh, place: crate::mesh::RuleRef) -> String {
    mesh.rule(place).map_or_else(
        || "a rule".to_owned(),
        |(policy, rule)| format!("rule {} of `{}`", rule.index, policy.id()),
    )
}

/// Which HTTP field takes a rule from a TCP port.
const fn not_on_tcp(gone: Option<&Gone>) -> Option<&String> {
    match gone {
        Some(Gone::NotOnTcp(field)) => Some(field),
        Some(Gone::Untranslatable(_)) | None => None,
    }
}

/// Whether a part of a rule is an alternative among others.
const fn is_alternative(part: Part) -> bool {
    matches!(part, Part::From(_) | Part::To(_))
}

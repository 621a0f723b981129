//! An explanation → what a person is told of it: rules and fields in words, each with its place.

mod passed_over;
mod stages;

use crate::decide::{Stage, Truth};
use crate::diagnostic::{Origin, Sourced};
use crate::explanation::{Explanation, Found, Gone, NearMiss, Seen};
use crate::mesh::{ConditionRef, Mesh, Part, RuleRef};
use crate::request::Request;

/// What is to be told about one decision.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// The stages that were reached, in their order, and what each said.
    pub stages: Vec<StageAccount>,
    /// The rule that decided, with the fields by which it matched; absent where none did.
    pub decided_by: Option<RuleAccount>,
    /// Where nothing allows the request: the rules that miss it by least, each with the fields that fail.
    pub nearest: Vec<RuleAccount>,
    /// What may not have been expected.
    pub surprises: Vec<SurpriseAccount>,
    /// What to do otherwise to be let in, decided and found to help; empty where nothing was found to.
    pub remedy: Vec<String>,
    /// The policies that are not about the workload.
    pub passed_over: Vec<PassedOverAccount>,
}

/// What one stage said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StageAccount {
    /// Which.
    pub stage: Stage,
    /// Whether it is a dry run.
    pub dry_run: bool,
    /// What it said, in a few words: `let in`, `no match`, `denied`.
    pub said: String,
    /// More, a line each.
    pub details: Vec<String>,
}

/// One rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleAccount {
    /// `namespace/name` of its policy.
    pub policy: String,
    /// Its action.
    pub action: &'static str,
    /// Its place in the policy.
    pub rule: usize,
    /// Where it is written.
    pub origin: Origin,
    /// Why it is not in the proxy at all; absent where it is.
    pub gone: Option<String>,
    /// The fields that fail, or those by which it matched.
    pub fields: Vec<FieldAccount>,
}

/// One field of a rule and what the request has of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldAccount {
    /// Where in the rule: `from[0].source.principals`.
    pub path: String,
    /// The field, or the key of a condition: `principals`.
    pub name: String,
    /// Whether it holds.
    pub holds: Truth,
    /// What the rule wants: `` `GET` or `HEAD` ``, `` none of `a` ``.
    pub wants: String,
    /// What the request has: `` `POST` ``, `no verified token`.
    pub has: String,
    /// Where the first value is written.
    pub origin: Origin,
    /// The values as written, from the first on.
    pub written: Vec<Sourced<String>>,
}

/// Something that may not have been expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SurpriseAccount {
    /// Its stable name.
    pub name: &'static str,
    /// The statement that says so.
    pub statement: &'static str,
    /// What it is.
    pub text: String,
}

/// A policy that is not about the workload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PassedOverAccount {
    /// Its kind.
    pub kind: &'static str,
    /// `namespace/name`.
    pub policy: String,
    /// Where it is written.
    pub origin: Origin,
    /// Why not.
    pub why: String,
    /// What it would have done to this request, were it about the workload; absent where it would have changed
    /// nothing, and for another kind than AuthorizationPolicy.
    pub would: Option<&'static str>,
}

impl Account {
    /// What is to be told about a decision.
    #[must_use]
    pub fn of(mesh: &Mesh, request: &Request, explanation: &Explanation) -> Self {
        let seen = explanation.seen();
        let fields = |places: &[ConditionRef], holds: Truth| -> Vec<FieldAccount> {
            places
                .iter()
                .filter_map(|place| field(mesh, *place, seen?, holds))
                .collect()
        };
        let matched = explanation.matched(mesh);
        let decided_by = explanation.decision.rule().and_then(|rule| {
            Some(RuleAccount { fields: fields(&matched, Truth::Yes), ..rule_account(mesh, rule)? })
        });
        let near = |near: &NearMiss| {
            Some(RuleAccount {
                fields: fields(&near.misses, Truth::No),
                gone: near.gone.as_ref().map(gone),
                ..rule_account(mesh, near.rule)?
            })
        };
        let surprises = explanation.surprises(mesh, request).into_iter();
        let remedy = mesh.remedy(request);
        Self {
            stages: stages::stages(mesh, request, explanation),
            decided_by,
            nearest: explanation.near_misses.iter().filter_map(near).collect(),
            surprises: surprises
                .map(|surprise| SurpriseAccount {
                    name: surprise.name,
                    statement: surprise.statement,
                    text: surprise.text,
                })
                .collect(),
            remedy: remedy.map_or_else(Vec::new, |remedy| {
                remedy.changes.iter().map(ToString::to_string).collect()
            }),
            passed_over: passed_over::passed_over(mesh, request, &explanation.decision),
        }
    }
}

fn rule_account(mesh: &Mesh, place: RuleRef) -> Option<RuleAccount> {
    let (policy, rule) = mesh.rule(place)?;
    Some(RuleAccount {
        policy: policy.id(),
        action: policy.action.as_str(),
        rule: rule.index,
        origin: Origin::new(&policy.origin.file, rule.position),
        gone: None,
        fields: Vec::new(),
    })
}

fn gone(gone: &Gone) -> String {
    match gone {
        Gone::NotOnTcp(field) => {
            format!("it is not there on a TCP port: `{field}` exists for HTTP only")
        }
        Gone::Untranslatable(reason) => format!("istiod leaves it out: {reason}"),
    }
}

fn field(mesh: &Mesh, place: ConditionRef, seen: &Seen, holds: Truth) -> Option<FieldAccount> {
    let (policy, _) = mesh.rule(place.rule)?;
    let condition = mesh.condition(place)?;
    let first = condition.values.first()?;
    let path = match place.part {
        Part::From(index) => format!("from[{index}].source.{}", condition.field),
        Part::To(index) => format!("to[{index}].operation.{}", condition.field),
        Part::When => {
            let list = if condition.negated { "notValues" } else { "values" };
            format!("when `{}` {list}", condition.field)
        }
    };
    let written: Vec<&str> = condition
        .values
        .iter()
        .map(|value| value.written.value.as_str())
        .collect();
    let wants = if condition.negated {
        if written.len() == 1 {
            format!("not {}", list(&written, "or"))
        } else {
            format!("none of {}", list(&written, "and"))
        }
    } else {
        list(&written, "or")
    };
    Some(FieldAccount {
        path,
        name: condition.field.clone(),
        holds,
        wants,
        has: has(seen.found(&condition.attribute)),
        origin: Origin::new(&policy.origin.file, first.written.position),
        written: condition
            .values
            .iter()
            .map(|value| value.written.clone())
            .collect(),
    })
}

/// What a request has, in words.
fn has(found: Found) -> String {
    match found {
        Found::Nothing(why) => why.to_owned(),
        Found::NotKnown => "something not known here".to_owned(),
        Found::Values(values) if values.is_empty() => "an empty list".to_owned(),
        Found::Values(values) => list(&values, "and"),
    }
}

/// `` `a`, `b` or `c` ``, and how many more.
fn list(names: &[impl AsRef<str>], conjunction: &str) -> String {
    const SHOWN: usize = 4;
    let mut quoted: Vec<String> = names
        .iter()
        .take(SHOWN)
        .map(|name| format!("`{}`", name.as_ref()))
        .collect();
    let more = names.len().saturating_sub(SHOWN);
    if more > 0 {
        return format!("{} {conjunction} {more} more", quoted.join(", "));
    }
    match quoted.pop() {
        Some(last) if !quoted.is_empty() => format!("{} {conjunction} {last}", quoted.join(", ")),
        Some(only) => only,
        None => String::new(),
    }
}

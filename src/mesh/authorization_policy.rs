//! `AuthorizationPolicies` → rules that are ready to be asked, on HTTP and on TCP.

use super::attribute::{Attribute, Untranslatable, ValueMatch};
use crate::diagnostic::{Origin, Position, Sourced};
use crate::istio::{self, Action, OperationField, SourceField};
use crate::spiffe::TrustDomains;

/// The annotation that makes a policy a dry run [SEL-30].
pub const DRY_RUN_ANNOTATION: &str = "istio.io/dry-run";

/// A compiled policy.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// Its name.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// Where it is written.
    pub origin: Origin,
    /// Its action.
    pub action: Action,
    /// Whether it is evaluated and logged only [SEL-30].
    pub dry_run: bool,
    /// The provider of a CUSTOM policy; empty where none is written.
    pub provider: String,
    /// Its rules, in the order written; null rules are left out [AP-13].
    pub rules: Vec<Rule>,
    /// Whether it has no rule at all, not even a null one: the proxy then gets a rule that never matches.
    pub matches_never: bool,
}

impl Policy {
    /// `namespace/name`.
    #[must_use]
    pub fn id(&self) -> String {
        format!("{}/{}", self.namespace, self.name)
    }
}

/// A compiled rule: any source, any operation, all conditions [AP-10].
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// Its place in the policy, from 0.
    pub index: usize,
    /// `ns[NAMESPACE]-policy[NAME]-rule[INDEX]`, as the proxy logs it [AP-15].
    pub id: String,
    /// Where it is written.
    pub position: Position,
    /// Any of these; none at all is any source.
    pub sources: Vec<Clause>,
    /// Any of these; none at all is any operation.
    pub operations: Vec<Clause>,
    /// All of these.
    pub when: Vec<Condition>,
    /// Why the rule is gone from the proxy; absent for a rule that is there [AP-14].
    pub dropped: Option<String>,
    /// For an ALLOW rule: the field that takes the rule from TCP ports [L4-2].
    pub dropped_on_tcp: Option<String>,
}

/// One `source` or `operation`: all of its conditions. None at all holds always.
#[derive(Clone, Debug, PartialEq)]
pub struct Clause {
    /// Where it is written.
    pub position: Position,
    /// All of these.
    pub conditions: Vec<Condition>,
}

/// One field with its values: any of them, or for a negated one none of them [AP-11] [AP-12].
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    /// What it reads.
    pub attribute: Attribute,
    /// The field as written: `notPaths`, or the key of a `when` condition.
    pub field: String,
    /// Whether none of the values may match.
    pub negated: bool,
    /// Where it is written.
    pub position: Position,
    /// The values.
    pub values: Vec<Value>,
}

/// One written value and the matchers that it became.
#[derive(Clone, Debug, PartialEq)]
pub struct Value {
    /// As written.
    pub written: Sourced<String>,
    /// Any of these; several for a principal of an own trust domain.
    pub matches: Vec<ValueMatch>,
}

/// What translation could not do, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Trouble {
    /// Where.
    pub(crate) position: Position,
    /// What.
    pub(crate) what: Untranslatable,
}

/// Reads a boolean as Go's `strconv.ParseBool` does.
fn parse_bool(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Some(true),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => Some(false),
        _ => None,
    }
}

/// Compiles one policy. `troubles` gets what Envoy would not load at all.
pub(crate) fn compile(
    written: &istio::AuthorizationPolicy,
    trust: &TrustDomains,
    troubles: &mut Vec<Trouble>,
) -> Policy {
    let meta = &written.meta;
    // "Unparsable ⇒ logged and treated as not dry-run (enforced)." [SEL-30]
    let dry_run = meta
        .annotations
        .get(DRY_RUN_ANNOTATION)
        .and_then(|value| parse_bool(value))
        .unwrap_or(false);
    let mut compiler = Compiler { policy: written, trust, troubles };
    let rules = written.rules.iter().flatten().enumerate();
    let rules = rules
        .filter_map(|(index, rule)| Some(compiler.rule(index, rule.as_ref()?)))
        .collect();
    Policy {
        name: meta.name.clone(),
        namespace: meta.namespace.clone(),
        origin: meta.origin.clone(),
        action: written.action,
        dry_run,
        provider: written
            .provider
            .as_ref()
            .map_or_else(String::new, |provider| provider.value.clone()),
        rules,
        matches_never: written.rules.iter().flatten().next().is_none(),
    }
}

struct Compiler<'c> {
    policy: &'c istio::AuthorizationPolicy,
    trust: &'c TrustDomains,
    troubles: &'c mut Vec<Trouble>,
}

impl Compiler<'_> {
    fn rule(&mut self, index: usize, rule: &istio::Rule) -> Rule {
        let meta = &self.policy.meta;
        let mut dropped = None;
        let from = rule.from.iter().flatten();
        let sources = from
            .map(|terms| self.clause(terms, SourceField::name, &mut dropped))
            .collect::<Vec<_>>();
        let to = rule.to.iter().flatten();
        let operations = to
            .map(|terms| self.clause(terms, OperationField::name, &mut dropped))
            .collect::<Vec<_>>();
        let mut when = Vec::new();
        for condition in &rule.when {
            self.when(condition, &mut when, &mut dropped);
        }
        let http_only = sources
            .iter()
            .chain(&operations)
            .flat_map(|clause| &clause.conditions)
            .chain(&when)
            .find(|condition| condition.attribute.is_http_only());
        let dropped_on_tcp = match self.policy.action {
            // "entire rule dropped, even if only one of several from/to alternatives uses it" [L4-2]
            Action::Allow => http_only.map(|condition| condition.field.clone()),
            // The provider is asked about more than is written [AP-115].
            Action::Audit | Action::Custom | Action::Deny => None,
        };
        Rule {
            index,
            id: format!("ns[{}]-policy[{}]-rule[{index}]", meta.namespace, meta.name),
            position: rule.position,
            sources,
            operations,
            when,
            dropped,
            dropped_on_tcp,
        }
    }

    /// One alternative of `from` or `to`; `name` tells how a policy writes a field of it.
    fn clause<F: Copy + Into<Attribute>>(
        &mut self,
        terms: &istio::Terms<F>,
        name: fn(F, bool) -> &'static str,
        dropped: &mut Option<String>,
    ) -> Clause {
        let conditions = terms
            .fields
            .iter()
            .filter_map(|written| {
                self.condition(
                    written.field.into(),
                    name(written.field, written.negated),
                    written.negated,
                    written.position,
                    &written.values,
                    dropped,
                )
            })
            .collect();
        Clause { position: terms.position, conditions }
    }

    fn when(
        &mut self,
        written: &istio::Condition,
        into: &mut Vec<Condition>,
        dropped: &mut Option<String>,
    ) {
        let key = &written.key;
        let attribute = match Attribute::parse(&key.value) {
            Ok(attribute) => attribute,
            Err(unknown @ Untranslatable::UnknownKey(_)) => {
                // "Unknown when key ⇒ the whole rule is skipped for every action." [AP-14]
                dropped.get_or_insert_with(|| unknown.to_string());
                return;
            }
            Err(bad @ (Untranslatable::BadValue(_) | Untranslatable::BadTemplate { .. })) => {
                self.bad_value(&bad, dropped);
                return;
            }
        };
        for (negated, values) in [(false, &written.values), (true, &written.not_values)] {
            if values.is_empty() {
                continue;
            }
            into.extend(self.condition(
                attribute.clone(),
                &key.value,
                negated,
                key.position,
                values,
                dropped,
            ));
        }
    }

    /// "Malformed value: ALLOW ⇒ whole rule dropped; DENY/AUDIT/CUSTOM ⇒ just that value ignored; if it was the
    /// only value, the field disappears." [AP-14]
    fn bad_value(&self, what: &Untranslatable, dropped: &mut Option<String>) {
        if self.policy.action == Action::Allow {
            dropped.get_or_insert_with(|| what.to_string());
        }
    }

    fn condition(
        &mut self,
        attribute: Attribute,
        field: &str,
        negated: bool,
        position: Position,
        written: &[Sourced<String>],
        dropped: &mut Option<String>,
    ) -> Option<Condition> {
        let mut values = Vec::with_capacity(written.len());
        for value in written {
            match attribute.matches_of(&value.value, &self.policy.meta.namespace, self.trust) {
                Ok(matches) => values.push(Value { written: value.clone(), matches }),
                Err(what @ Untranslatable::BadTemplate { .. }) => {
                    self.troubles
                        .push(Trouble { position: value.position, what });
                }
                Err(what @ (Untranslatable::BadValue(_) | Untranslatable::UnknownKey(_))) => {
                    self.bad_value(&what, dropped);
                }
            }
        }
        (!values.is_empty()).then(|| Condition {
            attribute,
            field: field.to_owned(),
            negated,
            position,
            values,
        })
    }
}

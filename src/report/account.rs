//! An explanation → what a person is told of it: rules and fields in words, each with its place.

use std::collections::BTreeSet;

use crate::decide::{Because, Decision, Stage, Truth, Verdict};
use crate::diagnostic::{Origin, Sourced};
use crate::explanation::{Explanation, Found, Gone, NearMiss, Seen};
use crate::istio::Action;
use crate::mesh::{
    Attachment, ConditionRef, DecidedMode, Enforcement, Mesh, Part, PassedOver, RuleRef, RuleSet,
    WhyPassedOver,
};
use crate::request::{Claim, Payload, Request};

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
            stages: stages(mesh, request, explanation),
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
            passed_over: passed_over(mesh, request, &explanation.decision),
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

fn passed_over(mesh: &Mesh, request: &Request, decision: &Decision) -> Vec<PassedOverAccount> {
    let passed = mesh.passed_over(request.workload).into_iter();
    passed
        .map(|passed| PassedOverAccount {
            would: would(mesh, request, decision, &passed),
            kind: passed.kind,
            why: why_passed_over(&passed.why),
            policy: passed.policy,
            origin: passed.origin,
        })
        .collect()
}

/// Whether a person may have meant this policy to decide: it would have, were it about the workload.
fn would(
    mesh: &Mesh,
    request: &Request,
    decision: &Decision,
    passed: &PassedOver,
) -> Option<&'static str> {
    let index = mesh
        .policies
        .iter()
        .position(|policy| policy.origin == passed.origin)?;
    let policy = mesh.policies.get(index).filter(|policy| !policy.dry_run)?;
    let matters = match (policy.action, &decision.because) {
        (Action::Allow, Because::NothingAllows) => "would admit it",
        (Action::Deny, _) if decision.verdict == Verdict::Allow => "would refuse it",
        _ => return None,
    };
    // A policy of another namespace was hardly meant for this workload, unless it selects it by name.
    let meant = match &passed.why {
        WhyPassedOver::NotAttached(Attachment::OtherNamespace) => passed.selects_labels,
        WhyPassedOver::NotAttached(_)
        | WhyPassedOver::SelectorInRootNamespace
        | WhyPassedOver::OlderOne(_) => true,
    };
    (meant && mesh.would_match(request, index) == Truth::Yes).then_some(matters)
}

fn why_passed_over(why: &WhyPassedOver) -> String {
    match why {
        WhyPassedOver::SelectorInRootNamespace => {
            "a PeerAuthentication with a selector in the root namespace is ignored".to_owned()
        }
        WhyPassedOver::OlderOne(older) => format!("`{older}` of the same level is older, and counts alone"),
        WhyPassedOver::NotAttached(attachment) => match attachment {
            Attachment::OtherNamespace => "it is in another namespace".to_owned(),
            Attachment::LabelDiffers { label, wanted, found: Some(found) } => {
                format!("its selector wants the label `{label}: {wanted}`, the workload has `{label}: {found}`")
            }
            Attachment::LabelDiffers { label, wanted, found: None } => {
                format!("its selector wants the label `{label}: {wanted}`, the workload has no label `{label}`")
            }
            Attachment::TargetsSomethingElse => {
                "its targetRefs name something else; a policy with targetRefs is never about a sidecar".to_owned()
            }
            Attachment::WaypointNeedsTargetRefs => "a waypoint reads only policies with targetRefs".to_owned(),
            Attachment::SelectorOffAtGateways => {
                "selectors do not reach gateways of the Gateway API in this mesh".to_owned()
            }
            Attachment::OtherRevision(revision) => format!("it is bound to istiod's revision `{revision}`"),
            Attachment::Attached => "it counts".to_owned(),
        },
    }
}

/// What every stage that was reached said.
fn stages(mesh: &Mesh, request: &Request, explanation: &Explanation) -> Vec<StageAccount> {
    let Some(enforcement) = mesh.enforcement(request.workload) else { return Vec::new() };
    let teller = Teller { mesh, request, explanation, enforcement };
    let mut told = Vec::new();
    for stage in &explanation.trace.stages {
        told.extend(teller.stage(*stage));
        if *stage == Stage::Audit {
            told.extend(teller.dry_runs());
        }
        if explanation.decision.stage() == Some(*stage)
            && explanation.decision.verdict != Verdict::Allow
        {
            break;
        }
    }
    told
}

struct Teller<'t> {
    mesh: &'t Mesh,
    request: &'t Request,
    explanation: &'t Explanation,
    enforcement: &'t Enforcement,
}

impl Teller<'_> {
    fn stage(&self, stage: Stage) -> Option<StageAccount> {
        let account = |said: &str, details| {
            Some(StageAccount { stage, dry_run: false, said: said.to_owned(), details })
        };
        let refused = self.explanation.decision.stage() == Some(stage)
            && self.explanation.decision.verdict != Verdict::Allow;
        match stage {
            Stage::Transport => {
                account(if refused { "refused" } else { "let in" }, self.transport())
            }
            Stage::Http => account(if refused { "refused" } else { "read" }, self.http()),
            Stage::Jwt => {
                if self.enforcement.tokens.is_empty() {
                    return None;
                }
                account(self.tokens_said(refused), self.tokens())
            }
            Stage::Custom => {
                let sets: Vec<&RuleSet> = std::iter::once(&self.enforcement.custom_dry_run)
                    .chain(self.enforcement.custom.values().map(|custom| &custom.rules))
                    .collect();
                self.rules(stage, false, &sets, refused)
            }
            Stage::Audit => self.rules(stage, false, &[&self.enforcement.audit], refused),
            Stage::Deny => self.rules(stage, false, &[&self.enforcement.deny], refused),
            Stage::Allow => self.rules(stage, false, &[&self.enforcement.allow], refused),
            Stage::Route => None,
        }
    }

    fn dry_runs(&self) -> Vec<StageAccount> {
        let sets = [
            (Stage::Deny, &self.enforcement.shadow_deny),
            (Stage::Allow, &self.enforcement.shadow_allow),
        ];
        sets.into_iter()
            .filter_map(|(stage, set)| self.rules(stage, true, &[set], false))
            .collect()
    }

    fn transport(&self) -> Vec<String> {
        let peer = match self.explanation.trace.before_tokens.as_ref() {
            Some(Seen { names: Some(names), .. }) => {
                let name = names.first().map_or("", String::as_str);
                format!(
                    "mutual TLS, the peer is `{}`",
                    name.strip_prefix("spiffe://").unwrap_or(name)
                )
            }
            _ if self.request.tls.is_some() => {
                "TLS without a verified client certificate: no identity".to_owned()
            }
            _ => "plaintext: no identity".to_owned(),
        };
        let DecidedMode { mode, by } = self.enforcement.mtls.of_port(self.request.port);
        let mode = match by {
            Some((policy, origin)) => format!("{} by `{policy}` ({origin})", mode.as_str()),
            None => format!("{}, as no PeerAuthentication says otherwise", mode.as_str()),
        };
        vec![peer, mode]
    }

    fn http(&self) -> Vec<String> {
        let (Payload::Http(http), Some(seen)) =
            (&self.request.payload, self.explanation.trace.before_tokens.as_ref())
        else {
            return Vec::new();
        };
        let Some(received) = &seen.http else { return Vec::new() };
        let mut details = Vec::new();
        let path = received.path.path_and_query();
        if path != http.target {
            details.push(format!("the path `{}` is seen as `{path}`", http.target));
        }
        if let (Some(source), Some(remote)) = (seen.source_ip, seen.remote_ip)
            && source != remote
        {
            details.push(format!("the client's address is {remote}, the connection's {source}"));
        }
        details
    }

    const fn tokens_said(&self, refused: bool) -> &'static str {
        match &self.explanation.trace.seen {
            _ if refused => "refused",
            Some(Seen { claims: Some(_), .. }) => "verified",
            _ => "no token",
        }
    }

    fn tokens(&self) -> Vec<String> {
        let mut details = Vec::new();
        if let Some(claims) = self
            .explanation
            .trace
            .seen
            .as_ref()
            .and_then(|seen| seen.claims.as_ref())
        {
            let text = |name: &str| match claims.get(name) {
                Some(Claim::String(text)) => format!("`{text}`"),
                _ => "none".to_owned(),
            };
            details.push(format!(
                "the token's `iss` is {}, its `sub` is {}",
                text("iss"),
                text("sub")
            ));
        }
        let providers = self.enforcement.tokens.iter();
        details.extend(providers.take(4).map(|provider| {
            format!(
                "`{}` takes tokens of `{}` ({})",
                provider.policy, provider.issuer, provider.origin
            )
        }));
        details
    }

    /// The policies of a stage and how each of their rules went.
    fn rules(
        &self,
        stage: Stage,
        dry_run: bool,
        sets: &[&RuleSet],
        refused: bool,
    ) -> Option<StageAccount> {
        const SHOWN: usize = 8;
        let policies: Vec<usize> = sets.iter().flat_map(|set| &set.policies).copied().collect();
        if policies.is_empty() {
            return None;
        }
        let rules: BTreeSet<RuleRef> = sets.iter().flat_map(|set| &set.rules).copied().collect();
        let trace = &self.explanation.trace;
        let traced: Vec<_> = trace
            .rules
            .iter()
            .filter(|rule| rules.contains(&rule.rule))
            .collect();
        let matched = traced.iter().any(|rule| rule.truth == Truth::Yes);
        let may = traced.iter().any(|rule| rule.truth == Truth::Unknown);
        let said = match (stage, refused, matched) {
            (Stage::Deny, _, true) if dry_run => "would deny",
            (Stage::Allow, _, true) if dry_run => "would allow",
            (Stage::Allow, _, false) if dry_run && !may => "would deny",
            (_, true, _) => "denied",
            (Stage::Allow, _, true) => "allowed",
            (Stage::Custom, _, true) => "asked, and let through",
            (Stage::Audit, _, true) => "audited",
            _ if may => "cannot be told",
            _ => "no match",
        };
        let mut details: Vec<String> = policies
            .iter()
            .filter_map(|index| self.mesh.policies.get(*index))
            .filter(|policy| policy.rules.is_empty())
            .map(|policy| format!("`{}` has no rules ({})", policy.id(), policy.origin))
            .collect();
        details.extend(traced.iter().take(SHOWN).filter_map(|traced| {
            let (policy, rule) = self.mesh.rule(traced.rule)?;
            let origin = Origin::new(&policy.origin.file, rule.position);
            let how = match traced.truth {
                Truth::Yes => "matches".to_owned(),
                Truth::Unknown => "depends on something not known here".to_owned(),
                Truth::No => self.failing(traced.rule),
            };
            Some(format!("`{}` rule {}: {how} ({origin})", policy.id(), rule.index))
        }));
        if let Some(more) = traced.len().checked_sub(SHOWN).filter(|more| *more > 0) {
            details.push(format!("and {more} more rules"));
        }
        Some(StageAccount { stage, dry_run, said: said.to_owned(), details })
    }

    fn failing(&self, rule: RuleRef) -> String {
        let near = self.explanation.near_miss(self.mesh, rule);
        let Some(near) = near else { return "no match".to_owned() };
        if let Some(why) = &near.gone {
            return gone(why);
        }
        let fields = near
            .misses
            .iter()
            .filter_map(|place| self.mesh.condition(*place));
        let names: Vec<&str> = fields.map(|condition| condition.field.as_str()).collect();
        format!("fails on {}", list(&names, "and"))
    }
}

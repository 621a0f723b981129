//! A trace → the ALLOW rules that missed a request by least.

use super::{RuleTrace, Trace};
use crate::decide::Truth;
use crate::istio::Action;
use crate::mesh::{Attribute, Condition, ConditionRef, Mesh, Part, RuleRef};

/// A rule that did not match, and by what it missed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NearMiss {
    /// The rule.
    pub rule: RuleRef,
    /// The conditions that fail, of `from` and of `to` those of the alternative with the fewest. Empty for a rule
    /// that is gone.
    pub misses: Vec<ConditionRef>,
    /// Why the rule is not there at all; absent where it is.
    pub gone: Option<Gone>,
}

/// Why a rule that is written is not in the proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Gone {
    /// The port takes bytes, and this field is about HTTP: the whole ALLOW rule is left out there [L4-2].
    NotOnTcp(String),
    /// istiod cannot translate a part of it, for this reason [AP-14].
    Untranslatable(String),
}

/// What a failing condition weighs, in tenths of one: what a caller cannot choose weighs a little more, so that of
/// two rules as near as each other the one that the caller can meet comes first.
pub(super) const fn weight(attribute: &Attribute) -> u32 {
    match attribute {
        Attribute::SourcePrincipal
        | Attribute::SourceNamespace
        | Attribute::SourceServiceAccount
        | Attribute::SourceTrustDomain
        | Attribute::SourceIp
        | Attribute::RemoteIp
        | Attribute::DestinationIp
        | Attribute::FilterMetadata(..) => 12,
        Attribute::RequestPrincipal
        | Attribute::RequestAudiences
        | Attribute::RequestPresenter
        | Attribute::RequestClaim(_)
        | Attribute::RequestHeader(_)
        | Attribute::Host
        | Attribute::Method
        | Attribute::Path
        | Attribute::DestinationPort
        | Attribute::ServerName => 10,
    }
}

/// What a rule that is not there weighs: more than any that is.
const GONE: u32 = 10_000;

/// The ALLOW rules that were asked, the nearest `limit` of them.
pub(super) fn nearest(mesh: &Mesh, trace: &Trace, limit: usize) -> Vec<NearMiss> {
    let mut found: Vec<(u32, usize)> = allowing(mesh, trace)
        .map(|(index, rule)| (distance(mesh, trace, rule), index))
        .collect();
    found.sort_unstable();
    found.truncate(limit);
    let rules = found
        .into_iter()
        .filter_map(|(_, index)| trace.rules.get(index));
    rules.map(|rule| near_miss(mesh, trace, rule)).collect()
}

/// The enforced ALLOW rules of a trace.
pub(super) fn allowing<'t>(
    mesh: &'t Mesh,
    trace: &'t Trace,
) -> impl Iterator<Item = (usize, &'t RuleTrace)> {
    trace.rules.iter().enumerate().filter(|(_, rule)| {
        let policy = mesh.policies.get(rule.rule.policy);
        policy.is_some_and(|policy| policy.action == Action::Allow && !policy.dry_run)
    })
}

/// How far a rule is from matching, in tenths of a failing condition.
pub(super) fn distance(mesh: &Mesh, trace: &Trace, rule: &RuleTrace) -> u32 {
    if gone(mesh, trace, rule.rule).is_some() {
        return GONE;
    }
    lightest(mesh, trace, rule)
        .into_iter()
        .flatten()
        .map(|(weight, _)| weight)
        .sum()
}

/// By what one rule missed.
pub(super) fn near_miss(mesh: &Mesh, trace: &Trace, rule: &RuleTrace) -> NearMiss {
    let gone = gone(mesh, trace, rule.rule);
    let mut misses = Vec::new();
    if gone.is_none() {
        let best = best(mesh, trace, rule).into_iter();
        misses.extend(
            best.filter(|(_, truth)| *truth == Truth::No)
                .map(|(place, _)| place),
        );
    }
    NearMiss { rule: rule.rule, misses, gone }
}

/// Why a rule is not there, on the kind of port that the trace is of.
pub(super) fn gone(mesh: &Mesh, trace: &Trace, rule: RuleRef) -> Option<Gone> {
    let (_, compiled) = mesh.rule(rule)?;
    if let Some(reason) = &compiled.dropped {
        return Some(Gone::Untranslatable(reason.clone()));
    }
    let over_tcp = trace.seen.as_ref().is_some_and(|seen| seen.http.is_none());
    compiled
        .dropped_on_tcp
        .clone()
        .filter(|_| over_tcp)
        .map(Gone::NotOnTcp)
}

/// The conditions of the nearest alternative of each part of a rule.
pub(super) fn best(mesh: &Mesh, trace: &Trace, rule: &RuleTrace) -> Vec<(ConditionRef, Truth)> {
    let parts = lightest(mesh, trace, rule);
    let chosen: Vec<Part> = parts.into_iter().flatten().map(|(_, part)| part).collect();
    let conditions = trace.conditions(rule).iter().copied();
    conditions
        .filter(|(place, _)| chosen.contains(&place.part))
        .collect()
}

/// Of `from`, `to` and `when` the alternative of which least fails, and what that weighs. Absent for a part without
/// conditions.
fn lightest(mesh: &Mesh, trace: &Trace, rule: &RuleTrace) -> [Option<(u32, Part)>; 3] {
    let Some((_, compiled)) = mesh.rule(rule.rule) else { return [None; 3] };
    // The alternatives that have conditions, in their order: each is told as a whole.
    let mut weights: Vec<(u32, Part)> = Vec::new();
    for (place, truth) in trace.conditions(rule) {
        let failing = mesh.condition(*place).filter(|_| *truth == Truth::No);
        let weight = failing.map_or(0, |condition| weight(&condition.attribute));
        match weights.last_mut() {
            Some((sum, part)) if *part == place.part => *sum += weight,
            _ => weights.push((weight, place.part)),
        }
    }
    let of = |count: usize, wanted: fn(Part) -> bool| {
        let told = weights.iter().filter(|(_, part)| wanted(*part));
        // An alternative of which nothing is asked holds.
        if told.clone().count() < count {
            return None;
        }
        told.min_by_key(|(weight, _)| *weight).copied()
    };
    [
        of(compiled.sources.len(), |part| matches!(part, Part::From(_))),
        of(compiled.operations.len(), |part| matches!(part, Part::To(_))),
        of(0, |part| part == Part::When),
    ]
}

/// For a rule that matches: how many alternatives of `from`, of `to` or of `when` hold, of the part with the fewest.
/// A rule without conditions cannot be made to fail.
pub(super) fn holding_alternatives(mesh: &Mesh, trace: &Trace, rule: &RuleTrace) -> u32 {
    const NEVER: u32 = 100;
    let Some((_, compiled)) = mesh.rule(rule.rule) else { return 0 };
    // The alternatives that have conditions, and whether all of them hold.
    let mut told: Vec<(bool, Part)> = Vec::new();
    for (place, truth) in trace.conditions(rule) {
        match told.last_mut() {
            Some((holds, part)) if *part == place.part => *holds &= *truth != Truth::No,
            _ => told.push((*truth != Truth::No, place.part)),
        }
    }
    let holding = |count: usize, wanted: fn(Part) -> bool| {
        let of_part = told.iter().filter(|(_, part)| wanted(*part));
        let always = of_part.clone().count() < count || count == 0;
        if always {
            NEVER
        } else {
            u32::try_from(of_part.filter(|(holds, _)| *holds).count()).unwrap_or(NEVER)
        }
    };
    [
        holding(compiled.sources.len(), |part| matches!(part, Part::From(_))),
        holding(compiled.operations.len(), |part| matches!(part, Part::To(_))),
        holding(usize::from(!compiled.when.is_empty()), |part| part == Part::When),
    ]
    .into_iter()
    .min()
    .unwrap_or(NEVER)
}

/// One alternative of a rule: one of its sources and one of its operations. By default no rule at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Target {
    rule: Option<RuleRef>,
    from: usize,
    to: usize,
}

impl Target {
    fn holds(&self, part: Part) -> bool {
        part == Part::From(self.from) || part == Part::To(self.to) || part == Part::When
    }
}

/// The alternatives of the ALLOW rules that a workload is under, those that miss by least first.
pub(super) fn targets(mesh: &Mesh, workload: usize, trace: &Trace, limit: usize) -> Vec<Target> {
    /// Of one rule at most so many sources and operations.
    const EACH: usize = 16;
    let set = mesh
        .enforcement(workload)
        .map(|enforcement| &enforcement.allow);
    let mut found = Vec::new();
    for rule in set.into_iter().flat_map(|set| &set.rules) {
        let Some((_, compiled)) = mesh
            .rule(*rule)
            .filter(|_| gone(mesh, trace, *rule).is_none())
        else {
            continue;
        };
        for from in 0..compiled.sources.len().clamp(1, EACH) {
            for to in 0..compiled.operations.len().clamp(1, EACH) {
                let target = Target { rule: Some(*rule), from, to };
                found.push((missing(mesh, trace, &target), target));
            }
        }
    }
    found.sort_by_key(|(missing, _)| *missing);
    found.truncate(limit);
    found.into_iter().map(|(_, target)| target).collect()
}

/// What an alternative misses, in tenths of a failing condition; what is not known counts half.
pub(super) fn missing(mesh: &Mesh, trace: &Trace, target: &Target) -> u32 {
    let Some(rule) = target.rule.and_then(|rule| trace.rule(rule)) else { return 0 };
    let conditions = trace
        .conditions(rule)
        .iter()
        .filter(|(place, _)| target.holds(place.part));
    conditions
        .map(|(place, truth)| match (mesh.condition(*place), truth) {
            (None, _) | (_, Truth::Yes) => 0,
            (Some(condition), Truth::No) => weight(&condition.attribute),
            (Some(condition), Truth::Unknown) => weight(&condition.attribute) / 2,
        })
        .sum()
}

/// The conditions of an alternative that do not hold.
pub(super) fn misses<'m>(mesh: &'m Mesh, trace: &Trace, target: &Target) -> Vec<&'m Condition> {
    let Some(rule) = target.rule.and_then(|rule| trace.rule(rule)) else { return Vec::new() };
    let conditions = trace.conditions(rule).iter();
    conditions
        .filter(|(place, truth)| target.holds(place.part) && *truth != Truth::Yes)
        .filter_map(|(place, _)| mesh.condition(*place))
        .collect()
}

//! PeerAuthentication and RequestAuthentication → their mutants.

use super::authorization_policy::{selector, with, without};
use super::{Edit, Mutants, Operator, field, fields, item};
use crate::diagnostic::Sourced;
use crate::istio::{JwtRule, Mode, PeerAuthentication, RequestAuthentication, Resource};

/// The other mode, and what it is to take it. UNSET is as the level above says: nothing of its own.
fn other(mode: Mode) -> Option<(Operator, Mode, &'static str)> {
    match mode {
        Mode::Strict => Some((Operator::LoosenMtls, Mode::Permissive, "PERMISSIVE")),
        Mode::Permissive | Mode::Disable => Some((Operator::TightenMtls, Mode::Strict, "STRICT")),
        Mode::Unset => None,
    }
}

pub(super) fn peer(policy: &PeerAuthentication, into: &mut Mutants<'_>) {
    let changed = |policy: PeerAuthentication| Some(Resource::PeerAuthentication(policy));
    if policy
        .selector
        .as_ref()
        .is_some_and(|selector| !selector.match_labels.is_empty())
    {
        let without = PeerAuthentication { selector: None, ..policy.clone() };
        let path = fields(&["spec", "selector"]);
        // Istio does not take ports where no workload is selected.
        if policy.port_level.is_none() {
            into.add(Operator::DropSelector, path, Edit::Drop, changed(without));
        }
    }
    if let Some(mode) = &policy.mode
        && let Some((operator, new, word)) = other(mode.value)
    {
        let mode = Some(Sourced::new(new, mode.position));
        let edit = Edit::Replace(word.to_owned());
        let path = fields(&["spec", "mtls", "mode"]);
        into.add(operator, path, edit, changed(PeerAuthentication { mode, ..policy.clone() }));
    }
    let ports = policy.port_level.as_deref().unwrap_or_default();
    let path = fields(&["spec", "portLevelMtls"]);
    for (index, (port, mode)) in ports.iter().enumerate() {
        let port_level = without(ports, index);
        let at = if ports.len() == 1 { path.clone() } else { field(&path, &port.value) };
        let left = PeerAuthentication { port_level, ..policy.clone() };
        into.add(Operator::DropPort, at, Edit::Drop, changed(left));
        if let Some((operator, new, word)) = other(mode.value) {
            let new = (port.clone(), Sourced::new(new, mode.position));
            let port_level = Some(with(ports, index, new));
            let at = field(&field(&path, &port.value), "mode");
            let edit = Edit::Replace(word.to_owned());
            into.add(
                operator,
                at,
                edit,
                changed(PeerAuthentication { port_level, ..policy.clone() }),
            );
        }
    }
}

pub(super) fn tokens(policy: &RequestAuthentication, into: &mut Mutants<'_>) {
    let changed = |rules: Vec<JwtRule>| {
        Some(Resource::RequestAuthentication(RequestAuthentication { rules, ..policy.clone() }))
    };
    selector(&policy.target, into, |target| {
        Resource::RequestAuthentication(RequestAuthentication { target, ..policy.clone() })
    });
    let path = fields(&["spec", "jwtRules"]);
    for (index, rule) in policy.rules.iter().enumerate() {
        let left = without(&policy.rules, index);
        let at = if left.is_none() { path.clone() } else { item(&path, index) };
        into.add(Operator::DropRule, at, Edit::Drop, changed(left.unwrap_or_default()));
        let audiences = field(&item(&path, index), "audiences");
        for place in 0..rule.audiences.len() {
            let left = without(&rule.audiences, place);
            let (operator, at) = match left {
                Some(_) => (Operator::DropValue, item(&audiences, place)),
                None => (Operator::DropCondition, audiences.clone()),
            };
            let new = JwtRule { audiences: left.unwrap_or_default(), ..rule.clone() };
            into.add(operator, at, Edit::Drop, changed(with(&policy.rules, index, new)));
        }
    }
}

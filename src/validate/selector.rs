//! `selector`, `targetRef` and `targetRefs` → what is refused of them.

use super::Judge;
use super::Refuser::{ApiServer, Both, Webhook};
use crate::diagnostic::{FieldPath, Position};
use crate::istio::{PolicyTarget, PolicyTargetReference, WorkloadSelector};

/// The (group, kind) that can be referred to [VAL-7]; the core group is written in two ways.
const TARGETS: [(&str, &str); 5] = [
    ("", "Service"),
    ("core", "Service"),
    ("gateway.networking.k8s.io", "Gateway"),
    ("gateway.networking.k8s.io", "GatewayClass"),
    ("networking.istio.io", "ServiceEntry"),
];

pub(super) fn judge_target(target: &PolicyTarget, spec: &FieldPath, judge: &mut Judge<'_>) {
    one_of(target, spec, judge);
    if let Some(selector) = &target.selector {
        judge_selector(selector, spec, judge);
    }
    if let Some(reference) = &target.target_ref {
        judge_reference(reference, &spec.field("targetRef"), judge);
    }
    let path = spec.field("targetRefs");
    if let Some(reference) = target.target_refs.get(16) {
        judge.at_most(16, target.target_refs.len(), reference.position, &path);
    }
    for (index, reference) in target.target_refs.iter().enumerate() {
        judge_reference(reference, &path.item(index), judge);
    }
}

/// [VAL-1]
fn one_of(target: &PolicyTarget, spec: &FieldPath, judge: &mut Judge<'_>) {
    let positions = |list: Option<Position>| {
        let selector = target.selector.as_ref().map(|selector| selector.position);
        let reference = target
            .target_ref
            .as_ref()
            .map(|reference| reference.position);
        let mut set: Vec<_> = [selector, reference, list].into_iter().flatten().collect();
        set.sort_unstable();
        set.get(1).copied()
    };
    let list = target
        .target_refs
        .first()
        .map(|reference| reference.position);
    // The schema counts an empty list as set, the webhook does not.
    let (refuser, second) = match positions(list) {
        Some(second) => (Both, Some(second)),
        None => (ApiServer, positions(target.empty_target_refs)),
    };
    if let Some(second) = second {
        let message = "only one of `selector`, `targetRef` and `targetRefs` can be set";
        judge.refuse(refuser, "VAL-1", second, spec, message);
    }
}

pub(super) fn judge_selector(selector: &WorkloadSelector, spec: &FieldPath, judge: &mut Judge<'_>) {
    let path = spec.field("selector").field("matchLabels");
    if selector.match_labels.is_empty() {
        let message = "a selector without labels selects everything";
        judge.warn("VAL-4", selector.position, &spec.field("selector"), message);
    }
    judge.at_most(4096, selector.match_labels.len(), selector.position, &path);
    for (key, value) in &selector.match_labels {
        let position = selector
            .label_positions
            .get(key)
            .copied()
            .unwrap_or(selector.position);
        if key.is_empty() {
            judge.refuse(Both, "VAL-2", position, &path, "a label without a key");
        }
        if key.contains('*') || value.contains('*') {
            let message = format!("`*` is no wildcard in the label `{key}: {value}`");
            judge.refuse(Both, "VAL-3", position, &path, &message);
        }
        if value.chars().count() > 63 {
            let message = format!("the value of the label `{key}` is longer than 63 characters");
            judge.refuse(ApiServer, "CRD", position, &path, &message);
        }
    }
}

fn judge_reference(reference: &PolicyTargetReference, path: &FieldPath, judge: &mut Judge<'_>) {
    let PolicyTargetReference { position: _, group, kind, name, namespace } = reference;
    if name.value.is_empty() {
        judge.refuse(Both, "VAL-5", name.position, &path.field("name"), "`name` must be set");
    }
    if name.value.chars().count() > 253 {
        let message = "`name` is longer than 253 characters";
        judge.refuse(ApiServer, "CRD", name.position, &path.field("name"), message);
    }
    if let Some(namespace) = namespace
        && !namespace.value.is_empty()
    {
        let message = format!(
            "`namespace` does not take `{}`: the target is in the namespace of the policy",
            namespace.value
        );
        judge.refuse(Both, "VAL-6", namespace.position, &path.field("namespace"), &message);
    }
    if !is_group(&group.value) {
        let message = format!("`group` does not take `{}`", group.value);
        judge.refuse(ApiServer, "CRD", group.position, &path.field("group"), &message);
    }
    if !kind.value.is_empty() && !is_kind(&kind.value) {
        let message = format!("`kind` does not take `{}`", kind.value);
        judge.refuse(ApiServer, "CRD", kind.position, &path.field("kind"), &message);
    }
    if !TARGETS.contains(&(group.value.as_str(), kind.value.as_str())) {
        let message = format!(
            "`{}` of group `{}` is no target: take `Service`, `ServiceEntry` of `networking.istio.io`, \
             or `Gateway` or `GatewayClass` of `gateway.networking.k8s.io`",
            kind.value, group.value
        );
        let refuser = if kind.value.is_empty() { Both } else { Webhook };
        judge.refuse(refuser, "VAL-7", kind.position, &path.field("kind"), &message);
    }
}

/// Empty, or labels of lower-case letters, digits and inner hyphens with dots between them.
fn is_group(text: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    text.is_empty()
        || text.len() <= 253
            && text.split('.').all(|label| {
                label.bytes().all(|byte| letter(byte) || byte == b'-')
                    && label.bytes().next().is_some_and(letter)
                    && label.bytes().last().is_some_and(letter)
            })
}

/// Letters, digits and inner hyphens, the first a letter.
fn is_kind(text: &str) -> bool {
    text.len() <= 63
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && text
            .bytes()
            .next()
            .is_some_and(|byte| byte.is_ascii_alphabetic())
        && !text.ends_with('-')
}

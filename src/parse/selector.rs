//! `selector`, `targetRef`, `targetRefs` → what a policy says it is about.

use std::collections::BTreeMap;

use super::node::Value;
use super::reader::{Fields, Place, Reader};
use crate::diagnostic::{Position, Sourced};
use crate::istio::{PolicyTarget, PolicyTargetReference, WorkloadSelector};

/// All three fields of a `spec`.
pub(super) fn target(reader: &mut Reader<'_>, spec: &mut Fields<'_>) -> PolicyTarget {
    let selector = spec
        .take("selector")
        .and_then(|place| selector(reader, &place));
    let target_ref = spec
        .take("targetRef")
        .and_then(|place| reference(reader, &place));
    let target_refs = spec.take("targetRefs");
    let empty_target_refs = match &target_refs {
        Some((node, _)) if node.value == Value::Sequence(Vec::new()) => Some(node.position),
        Some(_) | None => None,
    };
    let target_refs = target_refs.map_or_else(Vec::new, |place| {
        let items = reader.items(&place).into_iter();
        items.filter_map(|item| reference(reader, &item)).collect()
    });
    PolicyTarget { selector, target_ref, target_refs, empty_target_refs }
}

/// `selector`.
pub(super) fn selector(reader: &mut Reader<'_>, place: &Place<'_>) -> Option<WorkloadSelector> {
    let mut fields = reader.fields(place)?;
    let mut selector = WorkloadSelector {
        position: fields.position,
        match_labels: BTreeMap::new(),
        label_positions: BTreeMap::new(),
    };
    if let Some(place) = fields.take("matchLabels") {
        // The map is read for the positions; every complaint comes from the second look.
        if let Value::Mapping(entries) = &place.0.value {
            let positions = entries
                .iter()
                .map(|(key, node)| (key.name.clone(), node.position));
            selector.label_positions = positions.collect();
            // Unlike a label of `metadata`, the schema refuses a label without a value.
            for (_, node) in entries.iter().filter(|(_, node)| node.value == Value::Null) {
                reader.wrong_type(&(node, place.1.clone()), "a string for each label");
            }
        }
        selector.match_labels = reader.string_map(&place);
    }
    reader.finish(fields);
    Some(selector)
}

fn reference(reader: &mut Reader<'_>, place: &Place<'_>) -> Option<PolicyTargetReference> {
    let mut fields = reader.fields(place)?;
    let position = fields.position;
    let reference = PolicyTargetReference {
        position,
        group: string_or_empty(reader, &mut fields, "group", position),
        kind: string_or_empty(reader, &mut fields, "kind", position),
        name: string_or_empty(reader, &mut fields, "name", position),
        namespace: fields
            .take("namespace")
            .and_then(|place| reader.string(&place)),
    };
    reader.finish(fields);
    Some(reference)
}

/// A string field; empty, and at the place of its owner, where it is absent.
pub(super) fn string_or_empty(
    reader: &mut Reader<'_>,
    fields: &mut Fields<'_>,
    name: &'static str,
    owner: Position,
) -> Sourced<String> {
    fields
        .take(name)
        .and_then(|place| reader.string(&place))
        .unwrap_or_else(|| Sourced::new(String::new(), owner))
}

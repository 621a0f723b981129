//! The fields of an AuthorizationPolicy → the policy as written.

use super::node::Value;
use super::reader::{Fields, Place, Reader};
use super::selector::{string_or_empty, target};
use super::{Root, meta, spec};
use crate::istio::{
    Action, AuthorizationPolicy, Condition, Field, OperationField, PolicyTarget, Resource, Rule,
    SourceField, Terms,
};

const ACTIONS: [(&str, Action); 4] = [
    ("ALLOW", Action::Allow),
    ("AUDIT", Action::Audit),
    ("CUSTOM", Action::Custom),
    ("DENY", Action::Deny),
];

pub(super) fn read(reader: &mut Reader<'_>, root: &mut Root<'_, '_>) -> Option<Resource> {
    let position = root.fields.position;
    let meta = meta::policy(reader, root);
    // "`action` … ALLOW is the default" [SEL-20].
    let (mut action, mut action_position) = (Action::Allow, position);
    let (mut target_of_spec, mut provider, mut rules) = (PolicyTarget::default(), None, None);
    if let Some(mut spec) = spec(reader, root) {
        target_of_spec = target(reader, &mut spec);
        if let Some(place) = spec.take("action") {
            action_position = place.0.position;
            action = reader.word(&place, &ACTIONS).unwrap_or(action);
        }
        provider = spec.take("provider").and_then(|place| {
            let mut fields = reader.fields(&place)?;
            let position = fields.position;
            let name = string_or_empty(reader, &mut fields, "name", position);
            reader.finish(fields);
            Some(name)
        });
        rules = spec.take("rules").map(|place| {
            let items = reader.items(&place).into_iter();
            let rules = items.filter_map(|item| {
                if item.0.value == Value::Null { Some(None) } else { rule(reader, &item).map(Some) }
            });
            rules.collect::<Vec<_>>()
        });
        rules = rules.filter(|rules| !rules.is_empty());
        reader.finish(spec);
    }
    Some(Resource::AuthorizationPolicy(AuthorizationPolicy {
        meta: meta?,
        target: target_of_spec,
        action,
        action_position,
        provider,
        rules,
    }))
}

fn rule(reader: &mut Reader<'_>, place: &Place<'_>) -> Option<Rule> {
    let mut fields = reader.fields(place)?;
    let sources = |reader: &mut Reader<'_>, fields: &mut Fields<'_>| {
        terms(reader, fields, "source", SourceField::ALL, SourceField::name)
    };
    let operations = |reader: &mut Reader<'_>, fields: &mut Fields<'_>| {
        terms(reader, fields, "operation", OperationField::ALL, OperationField::name)
    };
    let rule = Rule {
        position: fields.position,
        from: entries(reader, &mut fields, "from", sources),
        to: entries(reader, &mut fields, "to", operations),
        when: entries(reader, &mut fields, "when", |reader, fields| condition(reader, fields))
            .unwrap_or_default(),
    };
    reader.finish(fields);
    Some(rule)
}

/// The entries of the list `name`; absent where it is absent or empty.
fn entries<'n, T>(
    reader: &mut Reader<'_>,
    fields: &mut Fields<'n>,
    name: &'static str,
    mut read: impl FnMut(&mut Reader<'_>, &mut Fields<'n>) -> T,
) -> Option<Vec<T>> {
    let items = reader.items(&fields.take(name)?);
    let mut entries = Vec::with_capacity(items.len());
    for item in items {
        if let Some(mut fields) = reader.fields(&item) {
            entries.push(read(reader, &mut fields));
            reader.finish(fields);
        }
    }
    (!entries.is_empty()).then_some(entries)
}

/// The mapping `name` of an entry of `from` or `to`.
fn terms<F: Copy>(
    reader: &mut Reader<'_>,
    entry: &mut Fields<'_>,
    name: &'static str,
    all: &[F],
    name_of: fn(F, bool) -> &'static str,
) -> Terms<F> {
    let mut terms =
        Terms { position: entry.position, present: false, fields: Vec::new(), empty: Vec::new() };
    let Some(place) = entry.take(name) else { return terms };
    terms.present = true;
    let Some(mut fields) = reader.fields(&place) else { return terms };
    terms.position = fields.position;
    for &field in all {
        for negated in [false, true] {
            let Some(place) = fields.take(name_of(field, negated)) else { continue };
            let position = place.0.position;
            let values = reader.strings(&place);
            if values.is_empty() {
                terms.empty.push((field, negated));
            } else {
                terms
                    .fields
                    .push(Field { field, negated, position, values });
            }
        }
    }
    reader.finish(fields);
    terms
}

fn condition(reader: &mut Reader<'_>, fields: &mut Fields<'_>) -> Condition {
    let position = fields.position;
    let mut values = |name| {
        fields
            .take(name)
            .map_or_else(Vec::new, |place| reader.strings(&place))
    };
    let (plain, not) = (values("values"), values("notValues"));
    Condition {
        position,
        key: string_or_empty(reader, fields, "key", position),
        values: plain,
        not_values: not,
    }
}

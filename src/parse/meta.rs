//! `metadata` → what every resource carries.

use super::Root;
use super::reader::{Fields, Place, Reader};
use crate::diagnostic::{Code, FieldPath, Origin};
use crate::istio::{Meta, Timestamp};

/// How closely `metadata` is looked at.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Care {
    /// As [`Care::Kubernetes`], for a kind without namespaces.
    Cluster,
    /// Names are checked, unknown fields are not.
    Kubernetes,
    /// Nothing is checked but types.
    Lenient,
    /// Unknown fields are errors too.
    Policy,
}

/// The metadata of a policy: its name must be there, and unknown fields are errors.
pub(super) fn policy(reader: &mut Reader<'_>, root: &mut Root<'_, '_>) -> Option<Meta> {
    read(reader, root, Care::Policy)
}

/// The metadata of a Kubernetes kind. Where only `generateName` is written, it stands for the name.
pub(super) fn kubernetes(reader: &mut Reader<'_>, root: &mut Root<'_, '_>) -> Option<Meta> {
    read(reader, root, Care::Kubernetes)
}

/// The metadata of a Kubernetes kind without namespaces.
pub(super) fn cluster(reader: &mut Reader<'_>, root: &mut Root<'_, '_>) -> Option<Meta> {
    read(reader, root, Care::Cluster)
}

/// The metadata of a kind that is not evaluated: any name, or none.
pub(super) fn lenient(reader: &mut Reader<'_>, root: &mut Root<'_, '_>) -> Option<Meta> {
    read(reader, root, Care::Lenient)
}

/// Absent with a complaint where there is no name and one is needed.
fn read(reader: &mut Reader<'_>, root: &mut Root<'_, '_>, care: Care) -> Option<Meta> {
    let origin = Origin::new(&reader.file, root.fields.position);
    let mut meta = Meta {
        origin,
        api_version: root.api_version.take(),
        name: String::new(),
        namespace: root.default_namespace.to_owned(),
        labels: Default::default(),
        annotations: Default::default(),
        created: None,
    };
    if care == Care::Cluster {
        meta.namespace.clear();
    }
    let Some(place) = root.fields.take("metadata") else {
        meta.name = missing_name(reader, &root.fields, care)?;
        return Some(meta);
    };
    let mut fields = reader.fields(&place)?;
    if let Some(place) = fields.take("namespace")
        && let Some(namespace) = name(reader, &place, care, is_dns_1123_label)
        && care != Care::Cluster
        && !namespace.is_empty()
    {
        meta.namespace = namespace;
    }
    if let Some(labels) = fields.take("labels") {
        meta.labels = reader.string_map(&labels);
    }
    if let Some(annotations) = fields.take("annotations") {
        meta.annotations = reader.string_map(&annotations);
    }
    if let Some(place) = fields.take("creationTimestamp") {
        meta.created = timestamp(reader, &place);
    }
    let known = match (fields.take("name"), fields.take("generateName")) {
        (Some(place), _) => name(reader, &place, care, is_dns_1123_subdomain),
        (None, Some(place)) if care != Care::Policy => reader.string(&place).map(|name| name.value),
        (None, _) => missing_name(reader, &fields, care),
    };
    if care == Care::Policy {
        fields.pass_over(&[
            "deletionGracePeriodSeconds",
            "deletionTimestamp",
            "finalizers",
            "generation",
            "managedFields",
            "ownerReferences",
            "resourceVersion",
            "selfLink",
            "uid",
        ]);
        reader.finish(fields);
    }
    meta.name = known?;
    Some(meta)
}

fn missing_name(reader: &mut Reader<'_>, fields: &Fields<'_>, care: Care) -> Option<String> {
    if care == Care::Lenient {
        return Some(String::new());
    }
    let path = FieldPath::root().field("metadata");
    reader
        .complain_at(fields.position, &path, Code::MissingField, "`metadata` has no `name`")
        .help = Some("write the name that the resource has in the cluster".to_owned());
    None
}

/// A name that Kubernetes takes [VAL-9]; an empty namespace is the one that is looked at.
fn name(
    reader: &mut Reader<'_>,
    place: &Place<'_>,
    care: Care,
    accepts: fn(&str) -> bool,
) -> Option<String> {
    let field = super::reader::last_field(&place.1);
    let text = reader.string(place)?.value;
    let absent = text.is_empty() && field == "namespace";
    if care == Care::Lenient || absent || accepts(&text) {
        return Some(text);
    }
    let (dot, length) = if field == "namespace" { ("", 63) } else { (", `.`", 253) };
    reader
        .complain(place, Code::BadValue, format!("`{field}` does not take `{text}` [VAL-9]"))
        .help = Some(format!(
        "at most {length} lower-case letters, digits, `-`{dot}, with a letter or digit at both ends"
    ));
    None
}

fn timestamp(reader: &mut Reader<'_>, place: &Place<'_>) -> Option<Timestamp> {
    let text = reader.string(place)?.value;
    let parsed = Timestamp::parse(&text);
    if parsed.is_none() {
        let message = format!("`creationTimestamp` does not take `{text}`");
        reader.complain(place, Code::BadValue, message).help =
            Some("a time as in RFC 3339: `2020-02-02T02:02:02Z`".to_owned());
    }
    parsed
}

fn is_dns_1123_label(text: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    text.len() <= 63
        && text.bytes().all(|byte| letter(byte) || byte == b'-')
        && text.bytes().next().is_some_and(letter)
        && text.bytes().last().is_some_and(letter)
}

fn is_dns_1123_subdomain(text: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    text.len() <= 253
        && text.split('.').all(|label| {
            label.bytes().all(|byte| letter(byte) || byte == b'-')
                && label.bytes().next().is_some_and(letter)
                && label.bytes().last().is_some_and(letter)
        })
}

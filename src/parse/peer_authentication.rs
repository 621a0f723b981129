//! The fields of a PeerAuthentication → the policy as written.

use super::node::Value;
use super::reader::{Place, Reader};
use super::{Root, meta, selector, spec};
use crate::diagnostic::Sourced;
use crate::istio::{Mode, PeerAuthentication, PortLevel, Resource};

const MODES: [(&str, Mode); 4] = [
    ("DISABLE", Mode::Disable),
    ("PERMISSIVE", Mode::Permissive),
    ("STRICT", Mode::Strict),
    ("UNSET", Mode::Unset),
];

pub(super) fn read(reader: &mut Reader<'_>, root: &mut Root<'_, '_>) -> Option<Resource> {
    let mut port_level_position = root.fields.position;
    let meta = meta::policy(reader, root);
    let (mut selector_of_spec, mut mode_of_spec, mut port_level) = (None, None, None);
    if let Some(mut spec) = spec(reader, root) {
        selector_of_spec = spec
            .take("selector")
            .and_then(|place| selector::selector(reader, &place));
        mode_of_spec = spec.take("mtls").and_then(|place| mode(reader, &place));
        if let Some(place) = spec.take("portLevelMtls") {
            port_level_position = place.0.position;
            port_level = Some(ports(reader, &place));
        }
        reader.finish(spec);
    }
    Some(Resource::PeerAuthentication(PeerAuthentication {
        meta: meta?,
        selector: selector_of_spec,
        mode: mode_of_spec,
        port_level,
        port_level_position,
    }))
}

/// `mode` of a mapping.
fn mode(reader: &mut Reader<'_>, place: &Place<'_>) -> Option<Sourced<Mode>> {
    let mut fields = reader.fields(place)?;
    let mode = fields.take("mode").and_then(|place| {
        let position = place.0.position;
        Some(Sourced::new(reader.word(&place, &MODES)?, position))
    });
    reader.finish(fields);
    mode
}

fn ports(reader: &mut Reader<'_>, place: &Place<'_>) -> Vec<PortLevel> {
    let Value::Mapping(entries) = &place.0.value else {
        reader.wrong_type(place, "a mapping");
        return Vec::new();
    };
    let mut ports = Vec::with_capacity(entries.len());
    for (key, node) in entries {
        let unset = Sourced::new(Mode::Unset, node.position);
        let mode = mode(reader, &(node, place.1.field(&key.name))).unwrap_or(unset);
        ports.push((Sourced::new(key.name.clone(), key.position), mode));
    }
    ports
}

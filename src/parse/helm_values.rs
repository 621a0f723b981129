//! Values of Istio's Helm chart, bare or in a resource that installs by them → the MeshConfig that the chart writes.

use super::mesh_config::{mesh_config, not_yet_modelled};
use super::node::{Node, Value};
use super::reader::{Place, Reader};
use crate::diagnostic::FieldPath;
use crate::istio::MeshConfig;

/// Values that change an answer otherwise than through MeshConfig, and what the chart has where they are not written:
/// how pods are injected where their annotations do not say it [IN-35], and istiod's feature flags [IN-10].
const UNREAD: &[(&[&str], &str)] = &[
    (&["global", "proxy", "autoInject"], "enabled"),
    (&["global", "proxy", "excludeIPRanges"], ""),
    (&["global", "proxy", "excludeInboundPorts"], ""),
    (&["global", "proxy", "excludeOutboundPorts"], ""),
    (&["global", "proxy", "includeIPRanges"], "*"),
    (&["global", "proxy", "includeInboundPorts"], "*"),
    (&["global", "proxy", "includeOutboundPorts"], ""),
    (&["pilot", "env", "ENABLE_LAYERED_WAYPOINT_AUTHORIZATION_POLICIES"], "false"),
    (&["pilot", "env", "ENABLE_SELECTOR_BASED_K8S_GATEWAY_POLICY"], "true"),
    (&["pilot", "env", "ENABLE_TLS_ON_SIDECAR_INGRESS"], "false"),
    (&["pilot", "env", "PILOT_ALLOW_SIDECAR_SERVICE_INBOUND_LISTENER_MERGE"], "false"),
    (&["pilot", "env", "PILOT_AUTO_ALLOW_WAYPOINT_POLICY"], "false"),
    (&["pilot", "env", "PILOT_ENABLE_EDS_FOR_HEADLESS_SERVICES"], "false"),
    (&["pilot", "env", "PILOT_ENABLE_MULTIPLE_CUSTOM_AUTHZ_PROVIDERS"], "false"),
    (&["pilot", "env", "PILOT_HTTP10"], "false"),
    (&["pilot", "env", "PILOT_PREFER_SENDING_HBONE"], "false"),
    (&["pilot", "env", "PILOT_SKIP_VALIDATE_TRUST_DOMAIN"], "false"),
    (&["sidecarInjectorWebhook", "enableNamespacesByDefault"], "false"),
];

/// The MeshConfig of a bare file of values; absent where the document is none.
pub(super) fn bare(reader: &mut Reader<'_>, document: &Node) -> Option<MeshConfig> {
    if document.get("meshConfig").is_none() && document.get("global").is_none() {
        return None;
    }
    let root = (document, FieldPath::root());
    let namespace = at(&root, &["global", "istioNamespace"]);
    Some(written(reader, Some(&root), None, namespace))
}

/// The MeshConfig of a resource that installs Istio, or of any that holds one where such a resource has it.
pub(super) fn installation(
    reader: &mut Reader<'_>,
    document: &Node,
    kind: &str,
) -> Option<MeshConfig> {
    let root = (document, FieldPath::root());
    let values = at(&root, &["spec", "values"]);
    let above = at(&root, &["spec", "meshConfig"]);
    let istio_namespace = || at(values.as_ref()?, &["global", "istioNamespace"]);
    let namespace = match kind {
        "IstioOperator" => istio_namespace(),
        // The operator puts its own namespace over that of the values.
        "Istio" | "IstioRevision" => at(&root, &["spec", "namespace"]),
        _ if above.is_none() && at(values.as_ref()?, &["meshConfig"]).is_none() => return None,
        _ => istio_namespace(),
    };
    Some(written(reader, values.as_ref(), above, namespace))
}

/// What the chart writes: `meshConfig` of the values over the one beside them, and where neither names a root
/// namespace, the one that Istio is installed into [IN-1].
fn written(
    reader: &mut Reader<'_>,
    values: Option<&Place<'_>>,
    beside: Option<Place<'_>>,
    namespace: Option<Place<'_>>,
) -> MeshConfig {
    let of_values = values.and_then(|values| at(values, &["meshConfig"]));
    let mut config = MeshConfig::default();
    for (node, path) in of_values.into_iter().chain(beside) {
        config = config.over(&mesh_config(reader, node, path));
    }
    for (path, default) in UNREAD {
        if let Some(place) = values.and_then(|values| at(values, path))
            && text(place.0).as_deref() != Some(*default)
        {
            let message =
                format!("`{}` is not evaluated yet: it may change the answer", path.join("."));
            not_yet_modelled(reader, &place, &message);
        }
    }
    let namespace = namespace
        .and_then(|place| reader.string(&place))
        .map(|name| name.value);
    // To the chart an empty text is an absent one.
    config.root_namespace = config
        .root_namespace
        .filter(|name| !name.is_empty())
        .or_else(|| namespace.filter(|name| !name.is_empty()));
    config
}

/// What stands below these fields; null is absent.
fn at<'n>(place: &Place<'n>, fields: &[&str]) -> Option<Place<'n>> {
    let mut found = place.clone();
    for field in fields {
        found = (found.0.get(field)?, found.1.field(field));
    }
    (found.0.value != Value::Null).then_some(found)
}

/// A scalar as the chart writes it into a template; absent for anything else.
fn text(node: &Node) -> Option<String> {
    match &node.value {
        Value::Bool(value) => Some(value.to_string()),
        Value::Integer(value) => Some(value.to_string()),
        Value::String(value) => Some(value.clone()),
        Value::Float(_) | Value::Mapping(_) | Value::Null | Value::Sequence(_) => None,
    }
}

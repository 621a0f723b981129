//! ProxyConfig, in MeshConfig's `defaultConfig` or in a pod's annotation → the fields that decide a request.

use super::embedded::{Outer, embedded};
use super::mesh_config::{either, enumeration, not_yet_modelled, uint32};
use super::node::{Node, Value};
use super::reader::{Fields, Place, Reader};
use super::suggest::nearest;
use super::yaml::Dialect;
use crate::diagnostic::{Code, Severity};
use crate::istio::{ForwardClientCertDetails, GatewayTopology, InterceptionMode, ProxyConfig};

/// The annotation of a pod with a ProxyConfig of its own.
pub(super) const ANNOTATION: &str = "proxy.istio.io/config";

/// A number is the place in this list.
const FORWARD_CLIENT_CERT_DETAILS: [(&str, ForwardClientCertDetails); 6] = [
    ("UNDEFINED", ForwardClientCertDetails::Undefined),
    ("SANITIZE", ForwardClientCertDetails::Sanitize),
    ("FORWARD_ONLY", ForwardClientCertDetails::ForwardOnly),
    ("APPEND_FORWARD", ForwardClientCertDetails::AppendForward),
    ("SANITIZE_SET", ForwardClientCertDetails::SanitizeSet),
    ("ALWAYS_FORWARD_ONLY", ForwardClientCertDetails::AlwaysForwardOnly),
];

/// A number is the place in this list.
const INTERCEPTION_MODES: [(&str, InterceptionMode); 3] = [
    ("REDIRECT", InterceptionMode::Redirect),
    ("TPROXY", InterceptionMode::Tproxy),
    ("NONE", InterceptionMode::None),
];

/// Fields that can change an answer and are not looked into.
const UNREAD: [(&str, &str); 4] = [
    ("caCertificatesPem", "ca_certificates_pem"),
    ("customConfigFile", "custom_config_file"),
    ("proxyBootstrapTemplatePath", "proxy_bootstrap_template_path"),
    ("runtimeValues", "runtime_values"),
];

/// The fields that are looked into: what could be meant for one of them must not be dropped.
const READ: [&str; 4] = ["gatewayTopology", "interceptionMode", "proxyHeaders", "proxyMetadata"];

/// The text of the annotation, over which istiod lays nothing: without it nothing is written. A field that istiod does
/// not know it drops, with a warning here; what it cannot read ends the injection of the pod, and is an error.
pub(super) fn of_annotation(
    reader: &mut Reader<'_>,
    text: &Outer<'_>,
    annotations: &Place<'_>,
) -> ProxyConfig {
    let Some(node) = annotations.0.get(ANNOTATION) else { return ProxyConfig::default() };
    if node.as_str().is_none_or(|text| text.trim().is_empty()) {
        return ProxyConfig::default();
    }
    let place = (node, annotations.1.field(ANNOTATION));
    let before = reader.complaints.len();
    let documents = embedded(reader, text, &place, Dialect::Kubernetes).unwrap_or_default();
    let config = documents
        .first()
        .map_or_else(ProxyConfig::default, |node| proxy_config(reader, &(node, place.1.clone())));
    for finding in reader.complaints.iter_mut().skip(before) {
        if finding.code == Code::UnknownField {
            finding.severity = Severity::Warning;
        } else if finding.severity == Severity::Error && finding.help.is_none() {
            finding.help =
                Some("a pod with this annotation is not injected, and not admitted".to_owned());
        }
    }
    config
}

/// Reads a ProxyConfig, with its field names in either spelling.
pub(super) fn proxy_config(reader: &mut Reader<'_>, place: &Place<'_>) -> ProxyConfig {
    let Some(mut fields) = reader.fields(place) else { return ProxyConfig::default() };
    let mut config = ProxyConfig {
        gateway_topology: either(&mut fields, "gatewayTopology", "gateway_topology")
            .and_then(|place| gateway_topology(reader, &place)),
        forwarded_client_cert: None,
        interception_mode: either(&mut fields, "interceptionMode", "interception_mode")
            .and_then(|place| enumeration(reader, &place, &INTERCEPTION_MODES)),
    };
    if let Some(place) = either(&mut fields, "proxyHeaders", "proxy_headers") {
        config.forwarded_client_cert = proxy_headers(reader, &place);
    }
    if let Some(place) = either(&mut fields, "proxyMetadata", "proxy_metadata") {
        proxy_metadata(reader, &place);
    }
    for (json, proto) in UNREAD {
        warn(reader, &mut fields, json, proto);
    }
    fields.pass_over_where(|name| nearest(name, READ).is_none());
    reader.finish(fields);
    config
}

fn gateway_topology(reader: &mut Reader<'_>, place: &Place<'_>) -> Option<GatewayTopology> {
    let mut fields = reader.fields(place)?;
    let number = either(&mut fields, "numTrustedProxies", "num_trusted_proxies")
        .and_then(|place| uint32(reader, &place));
    let details = either(&mut fields, "forwardClientCertDetails", "forward_client_cert_details")
        .and_then(|place| enumeration(reader, &place, &FORWARD_CLIENT_CERT_DETAILS));
    let proxy_protocol = either(&mut fields, "proxyProtocol", "proxy_protocol");
    if let Some(place) = &proxy_protocol {
        let message = "`proxyProtocol` is not evaluated yet: the client's address at such a gateway is not known";
        not_yet_modelled(reader, place, message);
    }
    reader.finish(fields);
    Some(GatewayTopology {
        num_trusted_proxies: number.unwrap_or_default(),
        forward_client_cert_details: details,
        proxy_protocol: proxy_protocol.is_some(),
    })
}

/// `forwardedClientCert`. Of the other fields those count that change what a policy sees of a request.
fn proxy_headers(reader: &mut Reader<'_>, place: &Place<'_>) -> Option<ForwardClientCertDetails> {
    let mut fields = reader.fields(place)?;
    let details = either(&mut fields, "forwardedClientCert", "forwarded_client_cert")
        .and_then(|place| enumeration(reader, &place, &FORWARD_CLIENT_CERT_DETAILS));
    for (json, proto) in [
        ("requestId", "request_id"),
        ("xForwardedHost", "x_forwarded_host"),
        ("xForwardedPort", "x_forwarded_port"),
    ] {
        warn(reader, &mut fields, json, proto);
    }
    fields.pass_over_where(|name| nearest(name, ["forwardedClientCert"]).is_none());
    reader.finish(fields);
    details
}

/// Variables of the proxy's environment that change what it takes and who it is.
fn proxy_metadata(reader: &mut Reader<'_>, place: &Place<'_>) {
    const UNREAD: [&str; 5] = [
        "ISTIO_META_ENABLE_HBONE",
        "ISTIO_META_HTTP10",
        "ISTIO_META_INTERCEPTION_MODE",
        "ISTIO_META_NETWORK",
        "PROV_CERT",
    ];
    let Value::Mapping(entries) = &place.0.value else { return };
    for (key, node) in entries {
        let name = key.name.as_str();
        if UNREAD.contains(&name) || name.starts_with("ISTIO_META_TLS_") {
            let message = format!("`{name}` is not evaluated yet: it may change the answer");
            not_yet_modelled(reader, &(node, place.1.field(name)), &message);
        }
    }
}

/// Takes a field that is not looked into; one that says something is told.
fn warn(reader: &mut Reader<'_>, fields: &mut Fields<'_>, json: &'static str, proto: &'static str) {
    let Some(place) = either(fields, json, proto) else { return };
    if !says_nothing(place.0) {
        let message = format!("`{json}` is not evaluated yet: it may change the answer");
        not_yet_modelled(reader, &place, &message);
    }
}

/// Whether a value is the one of an absent field.
fn says_nothing(node: &Node) -> bool {
    match &node.value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Sequence(items) => items.is_empty(),
        Value::Mapping(entries) => entries.is_empty(),
        Value::Bool(_) | Value::Integer(_) | Value::Float(_) => false,
    }
}

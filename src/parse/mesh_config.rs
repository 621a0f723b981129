//! MeshConfig, in a `ConfigMap` or in a test-suite → the fields that decide a request.

use super::embedded::{Outer, embedded};
use super::node::{Node, Value};
use super::proxy_config::proxy_config;
use super::reader::{Fields, Place, Reader, last_field};
use super::yaml::Dialect;
use crate::diagnostic::{Code, Diagnostic, FieldPath, Severity, Sourced};
use crate::istio::{
    Check, CheckedBody, ExtensionProvider, MeshConfig, Meta, Normalization, ProviderKind, Resource,
};
use crate::spiffe::validate_mesh_trust_domain;

/// The fields of `istio.mesh.v1alpha1.MeshConfig` that decide nothing here.
const PASSED_OVER: &[&str] = &[
    "accessLogEncoding",
    "accessLogFile",
    "accessLogFormat",
    "ca",
    "certificates",
    "configSources",
    "connectTimeout",
    "defaultDestinationRuleExportTo",
    "defaultHttpRetryPolicy",
    "defaultProviders",
    "defaultVirtualServiceExportTo",
    "disableEnvoyListenerLog",
    "dnsRefreshRate",
    "enableEnvoyAccessLogService",
    "enablePrometheusMerge",
    "enableTracing",
    "h2UpgradePolicy",
    "hboneIdleTimeout",
    "inboundClusterStatName",
    "inboundTrafficPolicy",
    "ingressClass",
    "ingressControllerMode",
    "ingressSelector",
    "ingressService",
    "localityLbSetting",
    "meshMTLS",
    "outboundClusterStatName",
    "protocolDetectionTimeout",
    "proxyHttpPort",
    "proxyInboundListenPort",
    "proxyListenPort",
    "serviceScopeConfigs",
    "serviceSettings",
    "tcpKeepalive",
    "tlsDefaults",
    "verifyCertificateAtClient",
];

/// `normalization`: `DEFAULT` is `BASE` [IN-7]. A number is the place in this list.
const NORMALIZATIONS: [(&str, Normalization); 5] = [
    ("DEFAULT", Normalization::Base),
    ("NONE", Normalization::None),
    ("BASE", Normalization::Base),
    ("MERGE_SLASHES", Normalization::MergeSlashes),
    ("DECODE_AND_MERGE_SLASHES", Normalization::DecodeAndMergeSlashes),
];

/// The kinds of extension providers, and what they authorize.
const PROVIDERS: [(&str, &str, ProviderKind); 14] = [
    ("datadog", "datadog", ProviderKind::Other),
    ("envoyExtAuthzGrpc", "envoy_ext_authz_grpc", ProviderKind::Grpc),
    ("envoyExtAuthzHttp", "envoy_ext_authz_http", ProviderKind::Http),
    ("envoyFileAccessLog", "envoy_file_access_log", ProviderKind::Other),
    ("envoyHttpAls", "envoy_http_als", ProviderKind::Other),
    ("envoyOtelAls", "envoy_otel_als", ProviderKind::Other),
    ("envoyTcpAls", "envoy_tcp_als", ProviderKind::Other),
    ("lightstep", "lightstep", ProviderKind::Other),
    ("opencensus", "opencensus", ProviderKind::Other),
    ("opentelemetry", "opentelemetry", ProviderKind::Other),
    ("prometheus", "prometheus", ProviderKind::Other),
    ("skywalking", "skywalking", ProviderKind::Other),
    ("stackdriver", "stackdriver", ProviderKind::Other),
    ("zipkin", "zipkin", ProviderKind::Other),
];

/// The key `mesh` of a `ConfigMap`. istiod knows older and newer fields than this list and drops what it
/// does not know: an unknown field is a warning.
pub(super) fn config_map(
    reader: &mut Reader<'_>,
    text: &Outer<'_>,
    meta: Meta,
    mesh: &Place<'_>,
) -> Option<Resource> {
    let path = mesh.1.clone();
    let documents = embedded(reader, text, mesh, Dialect::Kubernetes)?;
    let before = reader.complaints.len();
    let config = documents
        .first()
        .map_or_else(MeshConfig::default, |node| mesh_config(reader, node, path));
    for finding in reader.complaints.iter_mut().skip(before) {
        if finding.code == Code::UnknownField {
            finding.severity = Severity::Warning;
        }
    }
    Some(Resource::MeshConfig(meta, Box::new(config)))
}

/// Reads a MeshConfig as istiod does, with its field names in either spelling (`trustDomain`,
/// `trust_domain`). Unknown fields are errors.
pub(crate) fn mesh_config(reader: &mut Reader<'_>, node: &Node, path: FieldPath) -> MeshConfig {
    let Some(mut fields) = reader.fields(&(node, path)) else { return MeshConfig::default() };
    let config = MeshConfig {
        root_namespace: string(reader, either(&mut fields, "rootNamespace", "root_namespace")),
        trust_domain: either(&mut fields, "trustDomain", "trust_domain")
            .and_then(|place| trust_domain(reader, &place)),
        trust_domain_aliases: either(&mut fields, "trustDomainAliases", "trust_domain_aliases")
            .map(|place| {
                let items = reader.items(&place).into_iter();
                items
                    .filter_map(|item| trust_domain(reader, &item))
                    .collect()
            }),
        ca_trust_domains: either(&mut fields, "caCertificates", "ca_certificates")
            .map(|place| ca_trust_domains(reader, &place)),
        enable_auto_mtls: either(&mut fields, "enableAutoMtls", "enable_auto_mtls")
            .and_then(|place| reader.boolean(&place)),
        normalization: either(&mut fields, "pathNormalization", "path_normalization")
            .and_then(|place| path_normalization(reader, &place)),
        extension_providers: either(&mut fields, "extensionProviders", "extension_providers").map(
            |place| {
                let items = reader.items(&place).into_iter();
                items
                    .filter_map(|item| extension_provider(reader, &item))
                    .collect()
            },
        ),
        default_config: either(&mut fields, "defaultConfig", "default_config")
            .map(|place| proxy_config(reader, &place))
            .unwrap_or_default(),
        default_service_export_to: either(
            &mut fields,
            "defaultServiceExportTo",
            "default_service_export_to",
        )
        .map(|place| strings(reader, Some(place))),
        registry_only: either(&mut fields, "outboundTrafficPolicy", "outbound_traffic_policy")
            .and_then(|place| registry_only(reader, &place)),
    };
    if let Some(place) = either(&mut fields, "discoverySelectors", "discovery_selectors")
        && place.0.value != Value::Sequence(Vec::new())
    {
        let message = "`discoverySelectors` is not evaluated yet: every namespace is looked at";
        not_yet_modelled(reader, &place, message);
    }
    pass_over(&mut fields, PASSED_OVER);
    reader.finish(fields);
    config
}

/// A field by the name that it has in JSON, or by the one that it has in the protocol buffer.
pub(super) fn either<'n>(
    fields: &mut Fields<'n>,
    json: &'static str,
    proto: &'static str,
) -> Option<Place<'n>> {
    // Of two, the decoder of istiod takes the first.
    let by_json = fields.take(json);
    if by_json.is_some() { by_json } else { fields.take(proto) }
}

/// The fields, in either spelling, are not looked into.
fn pass_over(fields: &mut Fields<'_>, names: &[&'static str]) {
    fields.pass_over(names);
    fields.pass_over_where(|name| {
        name.contains('_') && names.contains(&lower_camel_case(name).as_str())
    });
}

/// `trustDomain` of `trust_domain`.
fn lower_camel_case(name: &str) -> String {
    let mut words = name.split('_');
    let mut camel = words.next().unwrap_or_default().to_owned();
    for word in words {
        let mut letters = word.chars();
        camel.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        camel.push_str(letters.as_str());
    }
    camel
}

fn string(reader: &mut Reader<'_>, place: Option<Place<'_>>) -> Option<String> {
    reader.string(&place?).map(|text| text.value)
}

fn strings(reader: &mut Reader<'_>, place: Option<Place<'_>>) -> Vec<String> {
    let texts = place.map_or_else(Vec::new, |place| reader.strings(&place));
    texts.into_iter().map(|text| text.value).collect()
}

/// A whole number that is not negative, in quotes or without, as the decoder of istiod reads it.
pub(super) fn uint32(reader: &mut Reader<'_>, place: &Place<'_>) -> Option<u32> {
    if let Some(number) = place.0.as_str().and_then(|text| text.parse().ok()) {
        return Some(number);
    }
    reader.number(place)
}

fn trust_domain(reader: &mut Reader<'_>, place: &Place<'_>) -> Option<String> {
    let text = reader.string(place)?.value;
    match validate_mesh_trust_domain(&text) {
        Ok(()) => Some(text),
        Err(error) => {
            let field = last_field(&place.1);
            reader.complain(place, Code::BadValue, format!("`{field}`: {error} [ID-4]"));
            None
        }
    }
}

fn ca_trust_domains(reader: &mut Reader<'_>, place: &Place<'_>) -> Vec<String> {
    let mut trust_domains = Vec::new();
    for item in reader.items(place) {
        let Some(mut fields) = reader.fields(&item) else { continue };
        let of_one = either(&mut fields, "trustDomains", "trust_domains");
        trust_domains.extend(strings(reader, of_one));
        pass_over(&mut fields, &["certSigners", "pem", "spiffeBundleUrl"]);
        reader.finish(fields);
    }
    trust_domains
}

fn path_normalization(reader: &mut Reader<'_>, place: &Place<'_>) -> Option<Normalization> {
    let mut fields = reader.fields(place)?;
    let normalization = fields
        .take("normalization")
        .and_then(|place| enumeration(reader, &place, &NORMALIZATIONS));
    reader.finish(fields);
    normalization
}

fn registry_only(reader: &mut Reader<'_>, place: &Place<'_>) -> Option<bool> {
    let mut fields = reader.fields(place)?;
    let mode = fields.take("mode");
    // Whether unknown destinations are called; a number is the place in this list.
    let modes = [("REGISTRY_ONLY", true), ("ALLOW_ANY", false)];
    let registry_only = mode.and_then(|place| enumeration(reader, &place, &modes));
    pass_over(&mut fields, &["egressProxy"]);
    reader.finish(fields);
    // Written without a mode, it has the one of the number 0.
    Some(registry_only.unwrap_or(true))
}

/// One of a few words, or its place among them.
pub(super) fn enumeration<T: Copy>(
    reader: &mut Reader<'_>,
    place: &Place<'_>,
    words: &[(&'static str, T)],
) -> Option<T> {
    let Value::Integer(number) = place.0.value else { return reader.word(place, words) };
    let by_number = usize::try_from(number)
        .ok()
        .and_then(|number| words.get(number));
    if by_number.is_none() {
        let message = format!("`{}` does not take `{number}`", last_field(&place.1));
        reader.complain(place, Code::BadValue, message);
    }
    by_number.map(|(_, value)| *value)
}

pub(super) fn not_yet_modelled(reader: &mut Reader<'_>, place: &Place<'_>, message: &str) {
    let finding = Diagnostic::warning(Code::NotYetModelled, message);
    let finding = finding.at(&reader.file, place.0.position, &place.1);
    reader.push(finding);
}

fn extension_provider(reader: &mut Reader<'_>, place: &Place<'_>) -> Option<ExtensionProvider> {
    let mut fields = reader.fields(place)?;
    let position = fields.position;
    let name = fields.take("name").and_then(|place| reader.string(&place));
    let mut provider = ExtensionProvider {
        name: name.unwrap_or_else(|| Sourced::new(String::new(), position)),
        kind: ProviderKind::Other,
        service: None,
        port: None,
        fail_open: false,
        status_on_error: None,
        include_request_headers: Vec::new(),
        check: Check::default(),
    };
    for (json, proto, kind) in PROVIDERS {
        let Some(place) = either(&mut fields, json, proto) else { continue };
        match kind {
            ProviderKind::Grpc | ProviderKind::Http => {
                provider.kind = kind;
                external_authorizer(reader, &place, &mut provider);
            }
            ProviderKind::Other => {}
        }
    }
    reader.finish(fields);
    Some(provider)
}

fn external_authorizer(
    reader: &mut Reader<'_>,
    place: &Place<'_>,
    provider: &mut ExtensionProvider,
) {
    let Some(mut fields) = reader.fields(place) else { return };
    provider.service = string(reader, fields.take("service"));
    provider.port = fields
        .take("port")
        .and_then(|place| uint32(reader, &place))
        .map(i64::from);
    provider.fail_open = either(&mut fields, "failOpen", "fail_open")
        .and_then(|place| reader.boolean(&place))
        .unwrap_or_default();
    provider.status_on_error =
        string(reader, either(&mut fields, "statusOnError", "status_on_error"));
    provider.check.timeout = string(reader, fields.take("timeout"));
    provider.check.clear_route_cache = either(&mut fields, "clearRouteCache", "clear_route_cache")
        .and_then(|place| reader.boolean(&place))
        .unwrap_or_default();
    provider.check.body =
        either(&mut fields, "includeRequestBodyInCheck", "include_request_body_in_check")
            .and_then(|place| checked_body(reader, &place));
    if provider.kind == ProviderKind::Http {
        let headers =
            either(&mut fields, "includeRequestHeadersInCheck", "include_request_headers_in_check");
        provider.include_request_headers = strings(reader, headers);
        // The older name counts where the newer one is not used.
        let older = either(&mut fields, "includeHeadersInCheck", "include_headers_in_check");
        if provider.include_request_headers.is_empty() {
            provider.include_request_headers = strings(reader, older);
        }
        let check = &mut provider.check;
        check.headers_to_downstream_on_allow = strings(
            reader,
            either(&mut fields, "headersToDownstreamOnAllow", "headers_to_downstream_on_allow"),
        );
        check.headers_to_downstream_on_deny = strings(
            reader,
            either(&mut fields, "headersToDownstreamOnDeny", "headers_to_downstream_on_deny"),
        );
        check.headers_to_upstream_on_allow = strings(
            reader,
            either(&mut fields, "headersToUpstreamOnAllow", "headers_to_upstream_on_allow"),
        );
        let additional = either(
            &mut fields,
            "includeAdditionalHeadersInCheck",
            "include_additional_headers_in_check",
        );
        check.additional_headers = additional
            .map(|place| reader.string_map(&place).into_iter().collect())
            .unwrap_or_default();
        check.path_prefix = string(reader, either(&mut fields, "pathPrefix", "path_prefix"));
    }
    reader.finish(fields);
}

fn checked_body(reader: &mut Reader<'_>, place: &Place<'_>) -> Option<CheckedBody> {
    let mut fields = reader.fields(place)?;
    let mut flag = |json, proto| {
        either(&mut fields, json, proto)
            .and_then(|place| reader.boolean(&place))
            .unwrap_or_default()
    };
    let allow_partial_message = flag("allowPartialMessage", "allow_partial_message");
    let pack_as_bytes = flag("packAsBytes", "pack_as_bytes");
    let max_request_bytes = either(&mut fields, "maxRequestBytes", "max_request_bytes")
        .and_then(|place| uint32(reader, &place))
        .unwrap_or_default();
    reader.finish(fields);
    Some(CheckedBody { max_request_bytes, allow_partial_message, pack_as_bytes })
}

//! An extension provider → the filter that asks it.

use super::matcher;
use super::message::Message;
use super::rbac::Layer;
use crate::istio::{ExtensionProvider, ProviderKind};
use crate::matcher::StringMatch;

/// The longest that a proxy waits where the provider does not say [AP-114].
const TIMEOUT: &str = "600s";

/// The statuses as Envoy's API names them.
const STATUSES: &[(u16, &str)] = &[
    (100, "Continue"),
    (200, "OK"),
    (201, "Created"),
    (202, "Accepted"),
    (203, "NonAuthoritativeInformation"),
    (204, "NoContent"),
    (205, "ResetContent"),
    (206, "PartialContent"),
    (207, "MultiStatus"),
    (208, "AlreadyReported"),
    (226, "IMUsed"),
    (300, "MultipleChoices"),
    (301, "MovedPermanently"),
    (302, "Found"),
    (303, "SeeOther"),
    (304, "NotModified"),
    (305, "UseProxy"),
    (307, "TemporaryRedirect"),
    (308, "PermanentRedirect"),
    (400, "BadRequest"),
    (401, "Unauthorized"),
    (402, "PaymentRequired"),
    (403, "Forbidden"),
    (404, "NotFound"),
    (405, "MethodNotAllowed"),
    (406, "NotAcceptable"),
    (407, "ProxyAuthenticationRequired"),
    (408, "RequestTimeout"),
    (409, "Conflict"),
    (410, "Gone"),
    (411, "LengthRequired"),
    (412, "PreconditionFailed"),
    (413, "PayloadTooLarge"),
    (414, "URITooLong"),
    (415, "UnsupportedMediaType"),
    (416, "RangeNotSatisfiable"),
    (417, "ExpectationFailed"),
    (421, "MisdirectedRequest"),
    (422, "UnprocessableEntity"),
    (423, "Locked"),
    (424, "FailedDependency"),
    (426, "UpgradeRequired"),
    (428, "PreconditionRequired"),
    (429, "TooManyRequests"),
    (431, "RequestHeaderFieldsTooLarge"),
    (500, "InternalServerError"),
    (501, "NotImplemented"),
    (502, "BadGateway"),
    (503, "ServiceUnavailable"),
    (504, "GatewayTimeout"),
    (505, "HTTPVersionNotSupported"),
    (506, "VariantAlsoNegotiates"),
    (507, "InsufficientStorage"),
    (508, "LoopDetected"),
    (510, "NotExtended"),
    (511, "NetworkAuthenticationRequired"),
];

/// The host of a provider: what stands behind the namespace, where one is written.
fn host(provider: &ExtensionProvider) -> &str {
    let service = provider.service.as_deref().unwrap_or_default();
    service.split_once('/').map_or(service, |(_, host)| host)
}

/// The cluster that leads to a provider. What stands behind its name tells meshes apart, and then their providers too:
/// two of them may be one service that is said to answer differently.
pub(super) fn cluster(provider: &ExtensionProvider, behind: &str) -> String {
    let cluster = format!("outbound|{}||{}", provider.port.unwrap_or_default(), host(provider));
    if behind.is_empty() {
        return cluster;
    }
    format!("{cluster}{behind}/{}", provider.name.value)
}

/// The filter that asks a provider; absent for an HTTP one on TCP [AP-113].
pub(super) fn filter(provider: &ExtensionProvider, layer: Layer, behind: &str) -> Option<Message> {
    match (provider.kind, layer) {
        (ProviderKind::Grpc, Layer::Tcp) => {
            let config = common(provider, layer)
                .with("grpcService", grpc_service(provider, behind))
                .with("statPrefix", "tcp.");
            Some(Message::extension(
                "envoy.filters.network.ext_authz",
                "envoy.extensions.filters.network.ext_authz.v3.ExtAuthz",
                config,
            ))
        }
        (ProviderKind::Grpc, Layer::Http) => Some(http(provider, |config| {
            config.with("grpcService", grpc_service(provider, behind))
        })),
        (ProviderKind::Http, Layer::Http) => Some(http(provider, |config| {
            config
                .with_some("allowedHeaders", headers(&provider.include_request_headers))
                .with("httpService", http_service(provider, behind))
        })),
        (ProviderKind::Http, Layer::Tcp) | (ProviderKind::Other, _) => None,
    }
}

/// What the filters of both layers have.
fn common(provider: &ExtensionProvider, layer: Layer) -> Message {
    let prefix = StringMatch::Prefix(format!("istio-ext-authz-{}", provider.name.value));
    let asked = matcher::metadata(
        layer.rbac_name(),
        ["istio_ext_authz_shadow_effective_policy_id"],
        matcher::string_value(&prefix),
    );
    Message::object([])
        .with_flag("failureModeAllow", provider.fail_open)
        .with("filterEnabledMetadata", asked)
        .with("transportApiVersion", "V3")
}

fn http(provider: &ExtensionProvider, service: impl FnOnce(Message) -> Message) -> Message {
    let written: Option<u16> = provider
        .status_on_error
        .as_deref()
        .and_then(|status| status.parse().ok());
    let status = STATUSES
        .iter()
        .find(|(status, _)| Some(*status) == written)
        .map(|(_, name)| Message::object([("code", (*name).into())]));
    let body = provider.check.body.map(|body| {
        Message::object([("maxRequestBytes", body.max_request_bytes.into())])
            .with_flag("allowPartialMessage", body.allow_partial_message)
            .with_flag("packAsBytes", body.pack_as_bytes)
    });
    let config = service(common(provider, Layer::Http))
        .with_some("statusOnError", status)
        .with_some("withRequestBody", body)
        .with_flag("clearRouteCache", provider.check.clear_route_cache);
    Message::extension(
        "envoy.filters.http.ext_authz",
        "envoy.extensions.filters.http.ext_authz.v3.ExtAuthz",
        config,
    )
}

fn timeout(provider: &ExtensionProvider) -> &str {
    provider.check.timeout.as_deref().unwrap_or(TIMEOUT)
}

fn grpc_service(provider: &ExtensionProvider, behind: &str) -> Message {
    Message::object([
        (
            "envoyGrpc",
            Message::object([
                ("authority", host(provider).into()),
                ("clusterName", cluster(provider, behind).into()),
            ]),
        ),
        ("timeout", timeout(provider).into()),
    ])
}

fn http_service(provider: &ExtensionProvider, behind: &str) -> Message {
    let check = &provider.check;
    let server = Message::object([
        ("cluster", cluster(provider, behind).into()),
        ("timeout", timeout(provider).into()),
        ("uri", format!("http://{}", host(provider)).into()),
    ]);
    let added: Vec<Message> = check
        .additional_headers
        .iter()
        .map(|(name, value)| {
            Message::object([("key", name.as_str().into()), ("value", value.as_str().into())])
        })
        .collect();
    let request = (!added.is_empty()).then(|| Message::object([("headersToAdd", added.into())]));
    let response = Message::object([])
        .with_some("allowedClientHeaders", headers(&check.headers_to_downstream_on_deny))
        .with_some("allowedClientHeadersOnSuccess", headers(&check.headers_to_downstream_on_allow))
        .with_some("allowedUpstreamHeaders", headers(&check.headers_to_upstream_on_allow));
    let response = (response != Message::object([])).then_some(response);
    let prefix = check
        .path_prefix
        .as_deref()
        .filter(|prefix| !prefix.is_empty());
    Message::object([("serverUri", server)])
        .with_some("pathPrefix", prefix)
        .with_some("authorizationRequest", request)
        .with_some("authorizationResponse", response)
}

/// A list of header names and patterns of them, letter case aside; absent where it is empty.
fn headers(patterns: &[String]) -> Option<Message> {
    let patterns: Vec<Message> = patterns
        .iter()
        .map(|pattern| matcher::string(&StringMatch::parse(pattern)).with("ignoreCase", true))
        .collect();
    (!patterns.is_empty()).then(|| Message::object([("patterns", patterns.into())]))
}

//! MeshConfig as written: the fields that decide a request. Absent is absent, so that one can be laid
//! over another.

use std::collections::BTreeMap;

use super::ProxyConfig;
use crate::diagnostic::Sourced;

/// `pathNormalization.normalization`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Normalization {
    /// `BASE`, which is also `DEFAULT`.
    Base,
    /// `DECODE_AND_MERGE_SLASHES`.
    DecodeAndMergeSlashes,
    /// `MERGE_SLASHES`.
    MergeSlashes,
    /// `NONE`.
    None,
}

/// The mesh's configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MeshConfig {
    /// `rootNamespace`; `istio-system` where absent [IN-1].
    pub root_namespace: Option<String>,
    /// `trustDomain`; `cluster.local` where absent [IN-2].
    pub trust_domain: Option<String>,
    /// `trustDomainAliases`; none where absent [IN-3].
    pub trust_domain_aliases: Option<Vec<String>>,
    /// The `trustDomains` of all `caCertificates` [IN-4].
    pub ca_trust_domains: Option<Vec<String>>,
    /// `enableAutoMtls`; true where absent [IN-5].
    pub enable_auto_mtls: Option<bool>,
    /// `pathNormalization.normalization`; `BASE` where absent [IN-7].
    pub normalization: Option<Normalization>,
    /// `extensionProviders` [IN-8].
    pub extension_providers: Option<Vec<ExtensionProvider>>,
    /// `defaultConfig`: the ProxyConfig of every proxy, as far as its own says nothing else [IN-9].
    pub default_config: ProxyConfig,
    /// `defaultServiceExportTo`; everywhere (`*`) where absent.
    pub default_service_export_to: Option<Vec<String>>,
    /// Whether `outboundTrafficPolicy.mode` is `REGISTRY_ONLY`; `ALLOW_ANY` where absent.
    pub registry_only: Option<bool>,
}

impl MeshConfig {
    /// This configuration, with what is absent taken from `below`.
    #[must_use]
    pub fn over(self, below: &Self) -> Self {
        let below = below.clone();
        Self {
            root_namespace: self.root_namespace.or(below.root_namespace),
            trust_domain: self.trust_domain.or(below.trust_domain),
            trust_domain_aliases: self.trust_domain_aliases.or(below.trust_domain_aliases),
            ca_trust_domains: self.ca_trust_domains.or(below.ca_trust_domains),
            enable_auto_mtls: self.enable_auto_mtls.or(below.enable_auto_mtls),
            normalization: self.normalization.or(below.normalization),
            extension_providers: self.extension_providers.or(below.extension_providers),
            default_config: self.default_config.over(&below.default_config),
            default_service_export_to: self
                .default_service_export_to
                .or(below.default_service_export_to),
            registry_only: self.registry_only.or(below.registry_only),
        }
    }
}

/// What kind of external authorizer a provider is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ProviderKind {
    /// `envoyExtAuthzGrpc`: asked on HTTP and TCP ports.
    Grpc,
    /// `envoyExtAuthzHttp`: asked on HTTP ports only [AP-113].
    Http,
    /// Tracing, logging and other kinds, which authorize nothing.
    Other,
}

/// One entry of `extensionProviders`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExtensionProvider {
    /// `name`.
    pub name: Sourced<String>,
    /// What it is.
    pub kind: ProviderKind,
    /// `service`, `[namespace/]host`.
    pub service: Option<String>,
    /// `port`; checked where a policy uses the provider.
    pub port: Option<i64>,
    /// `failOpen`: allow where the authorizer cannot be asked; false where absent.
    pub fail_open: bool,
    /// `statusOnError`, a status as text; 403 where absent.
    pub status_on_error: Option<String>,
    /// `includeRequestHeadersInCheck` (exact, prefix and suffix patterns): what an HTTP authorizer is sent beside
    /// the usual headers.
    pub include_request_headers: Vec<String>,
    /// How the authorizer is asked, and what becomes of its answer.
    pub check: Check,
}

/// How an external authorizer is asked, and what becomes of its answer. None of it says who is asked or what the
/// answer is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Check {
    /// `timeout`, as written; 600 seconds where absent [AP-114].
    pub timeout: Option<String>,
    /// `pathPrefix`; none where absent or empty.
    pub path_prefix: Option<String>,
    /// `includeAdditionalHeadersInCheck`, by name.
    pub additional_headers: BTreeMap<String, String>,
    /// `includeRequestBodyInCheck`; absent: the body is not sent.
    pub body: Option<CheckedBody>,
    /// `headersToUpstreamOnAllow`.
    pub headers_to_upstream_on_allow: Vec<String>,
    /// `headersToDownstreamOnAllow`.
    pub headers_to_downstream_on_allow: Vec<String>,
    /// `headersToDownstreamOnDeny`.
    pub headers_to_downstream_on_deny: Vec<String>,
    /// `clearRouteCache`; false where absent.
    pub clear_route_cache: bool,
}

/// How much of a request's body an external authorizer is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CheckedBody {
    /// `maxRequestBytes`.
    pub max_request_bytes: u32,
    /// `allowPartialMessage`; false where absent.
    pub allow_partial_message: bool,
    /// `packAsBytes`; false where absent.
    pub pack_as_bytes: bool,
}

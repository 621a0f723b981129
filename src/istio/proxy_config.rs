//! ProxyConfig as written, in MeshConfig's `defaultConfig` or in a pod's annotation: the fields that decide a request.

/// `forwardClientCertDetails`: what becomes of a client's `x-forwarded-client-cert`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ForwardClientCertDetails {
    /// `ALWAYS_FORWARD_ONLY`.
    AlwaysForwardOnly,
    /// `APPEND_FORWARD`.
    AppendForward,
    /// `FORWARD_ONLY`.
    ForwardOnly,
    /// `SANITIZE`.
    Sanitize,
    /// `SANITIZE_SET`.
    SanitizeSet,
    /// `UNDEFINED`, as if nothing were written.
    Undefined,
}

/// `interceptionMode`: how traffic comes to a sidecar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum InterceptionMode {
    /// `NONE`: by itself not at all.
    None,
    /// `REDIRECT`.
    Redirect,
    /// `TPROXY`.
    Tproxy,
}

/// `gatewayTopology`: what stands before gateways.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GatewayTopology {
    /// `numTrustedProxies`; 0 where absent.
    pub num_trusted_proxies: u32,
    /// `forwardClientCertDetails`; absent and `UNDEFINED` are the same.
    pub forward_client_cert_details: Option<ForwardClientCertDetails>,
    /// Whether `proxyProtocol` is written.
    pub proxy_protocol: bool,
}

/// The configuration of one proxy, or of those that have none of their own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProxyConfig {
    /// `gatewayTopology`.
    pub gateway_topology: Option<GatewayTopology>,
    /// `proxyHeaders.forwardedClientCert`, of sidecars; absent and `UNDEFINED` are the same.
    pub forwarded_client_cert: Option<ForwardClientCertDetails>,
    /// `interceptionMode`; `REDIRECT` where absent.
    pub interception_mode: Option<InterceptionMode>,
}

impl ProxyConfig {
    /// This configuration, with what is absent taken from `below`: a field as a whole, `proxyHeaders` by its fields.
    #[must_use]
    pub fn over(&self, below: &Self) -> Self {
        let defined =
            |value: &ForwardClientCertDetails| *value != ForwardClientCertDetails::Undefined;
        Self {
            gateway_topology: self.gateway_topology.or(below.gateway_topology),
            forwarded_client_cert: self
                .forwarded_client_cert
                .filter(defined)
                .or(below.forwarded_client_cert),
            interception_mode: self.interception_mode.or(below.interception_mode),
        }
    }
}

//! A question that goes through a gateway → what the gateway is asked, and what the workload behind it is.

use std::collections::BTreeSet;

use crate::istio::Normalization as Written;
use crate::mesh::{
    Attribute, Dataplane, Enforcement, ListenerClass, Mesh, QuestionError, Rule, Workload,
};
use crate::request::{
    Caller, Downstream, HostSpec, HttpSpec, Normalization, Payload, Protocol, ReceiveContext,
    Received, Request, RequestSpec, TlsChoice, Value, receive,
};

/// The two questions that a request through a gateway asks, in this order. Where one is answered no, so is the whole.
#[derive(Clone, Debug, PartialEq)]
pub struct Passage {
    /// `name.namespace` of the gateway.
    pub gateway: String,
    /// What the gateway is asked: one request for each workload behind its Service.
    pub to_gateway: Vec<Request>,
    /// What the workload is asked, by the gateway: one request for each workload that may answer. Empty where the
    /// gateway itself answers, because it cannot read the request.
    pub to_workload: Vec<Request>,
}

/// Why it is not known what the gateway makes of the bytes of the caller's own TLS.
const OWN_TLS: &str = "how a gateway hands on TLS that it does not end is not modelled yet";

impl Passage {
    /// The questions that `spec` asks through `gateway`, `name.namespace`, at its Service's `port`.
    ///
    /// # Errors
    /// A name or a port that the files do not know, or a gateway that is none.
    pub fn through(
        mesh: &Mesh,
        spec: &RequestSpec,
        gateway: &str,
        port: Option<u16>,
    ) -> Result<Self, QuestionError> {
        let namespace = spec.namespace.as_deref().unwrap_or("default");
        let name = mesh.caller(gateway, namespace)?;
        let Some(workload) = mesh.workload(name) else {
            return Err(QuestionError::UnknownCaller {
                name: gateway.to_owned(),
                namespace: namespace.to_owned(),
            });
        };
        if workload.dataplane != Dataplane::Gateway {
            return Err(QuestionError::NoGateway {
                name: workload.full_name(),
                because: format!(
                    "{} ({})",
                    described(workload.dataplane),
                    workload.dataplane_because
                ),
            });
        }
        let mut to_gateway = mesh.requests(&RequestSpec {
            to: within(gateway, namespace),
            port,
            http: HttpSpec { host: host(spec), ..spec.http.clone() },
            ..spec.clone()
        })?;
        for request in &mut to_gateway {
            if let Some(doubt) = listener_doubt(mesh, request) {
                request.doubt = Some(doubt);
            }
        }
        let to_workload = Self::behind(mesh, spec, workload, to_gateway.first())?;
        Ok(Self { gateway: workload.full_name(), to_gateway, to_workload })
    }

    /// What the gateway sends on.
    fn behind(
        mesh: &Mesh,
        spec: &RequestSpec,
        gateway: &Workload,
        at_gateway: Option<&Request>,
    ) -> Result<Vec<Request>, QuestionError> {
        let namespace = spec.namespace.as_deref().unwrap_or("default");
        let mut onward = RequestSpec {
            from: Caller::Workload(format!("{}/{}", gateway.kind, gateway.full_name())),
            source_ip: None,
            to: within(&spec.to, namespace),
            tls: TlsChoice::Auto,
            server_name: None,
            alpn: None,
            ..spec.clone()
        };
        let mut doubts = Vec::new();
        let mut written = BTreeSet::new();
        match at_gateway.map(|request| (request, &request.payload)) {
            Some((request, Payload::Http(http))) => {
                let Ok(received) = receive(http, &context(mesh, gateway, request)) else {
                    return Ok(Vec::new());
                };
                if spec.remote_ip.is_none() && received.remote_address().is_none() {
                    written.insert("x-forwarded-for".to_owned());
                }
                onward.http = forwarded(&received, spec, &mut written);
                if let Some(doubt) = token_doubt(mesh, request, &received) {
                    doubts.push(doubt);
                }
            }
            Some((_, Payload::Bytes)) if spec.protocol == Some(Protocol::Tls) => {
                doubts.push(OWN_TLS.to_owned());
            }
            Some((_, Payload::Bytes)) | None => {}
        }
        let mut requests = mesh.requests(&onward)?;
        for request in &mut requests {
            // The address behind an unknown X-Forwarded-For must not be taken for the gateway's own.
            if written.contains("x-forwarded-for") {
                request.source_ip = None;
            }
            let looked_at = mesh
                .enforcement(request.workload)
                .and_then(|enforcement| looks_at(mesh, enforcement, &written));
            if let Some(header) = looked_at {
                doubts.push(format!(
                    "a rule looks at `{header}`, which the gateway writes and the question does not tell: say where the \
                     caller is (--source-ip)"
                ));
            }
            if !doubts.is_empty() {
                request.doubt = Some(doubts.join("; "));
            }
        }
        Ok(requests)
    }
}

/// A name as one of the question's namespace, not of the caller's: the gateway's routes name Services in full.
fn within(name: &str, namespace: &str) -> String {
    if name.contains(['.', ':']) { name.to_owned() } else { format!("{name}.{namespace}") }
}

/// The name that the caller asks the gateway for: the destination's, where the question says no other.
fn host(spec: &RequestSpec) -> HostSpec {
    match (&spec.http.host, spec.port) {
        (HostSpec::OfDestination, Some(port)) => HostSpec::Given(format!("{}:{port}", spec.to)),
        (HostSpec::OfDestination, None) => HostSpec::Given(spec.to.clone()),
        (HostSpec::Absent | HostSpec::Given(_), _) => spec.http.host.clone(),
    }
}

const fn described(dataplane: Dataplane) -> &'static str {
    match dataplane {
        Dataplane::Ambient => "it is in ambient mode",
        Dataplane::Gateway => "it is a gateway",
        Dataplane::None => "it has no proxy",
        Dataplane::Sidecar => "it has a sidecar",
        Dataplane::Waypoint => "it is a waypoint",
    }
}

/// Why it is not known what a gateway's port takes in: a Gateway resource says it, and a Service's port name says
/// something else for a sidecar only.
fn listener_doubt(mesh: &Mesh, request: &Request) -> Option<String> {
    let workload = mesh.workload(request.workload)?;
    let listener = workload.listeners.get(&request.port)?;
    let asks_http = matches!(request.payload, Payload::Http(_));
    (listener.class == ListenerClass::Tcp && asks_http && !listener.terminates_tls).then(|| {
        format!(
            "what port {} of the gateway takes in is said by its Gateway resource, which is not evaluated yet ({})",
            request.port, listener.because
        )
    })
}

/// How the gateway reads the request, as its own filters do.
fn context(mesh: &Mesh, gateway: &Workload, request: &Request) -> ReceiveContext {
    let proxy = mesh.proxy(gateway);
    ReceiveContext {
        normalization: match mesh.settings.normalization {
            Written::Base => Normalization::Base,
            Written::DecodeAndMergeSlashes => Normalization::DecodeAndMergeSlashes,
            Written::MergeSlashes => Normalization::MergeSlashes,
            Written::None => Normalization::None,
        },
        edge: Some(proxy.num_trusted_proxies),
        peer: request.source_ip.filter(|_| !proxy.proxy_protocol),
        downstream: if request.tls.is_some() { Downstream::Tls } else { Downstream::Plaintext },
        client_certificate: proxy.client_certificate,
    }
}

/// The request as the gateway sends it on: the path as it was normalized, X-Forwarded-For with the caller's address.
/// `written` gets the headers whose value only the gateway knows.
fn forwarded(received: &Received, spec: &RequestSpec, written: &mut BTreeSet<String>) -> HttpSpec {
    /// What the next proxy writes anew, or keeps without looking at it.
    const RENEWED: [&str; 2] = ["x-request-id", "x-forwarded-client-cert"];
    let mut headers = Vec::new();
    for (name, value) in received.headers.iter() {
        match value {
            Value::Known(value) => headers.push((name.to_owned(), value.to_owned())),
            Value::Unknown if RENEWED.contains(&name) => {}
            Value::Unknown => {
                written.insert(name.to_owned());
            }
        }
    }
    HttpSpec {
        method: Some(received.method.clone()),
        host: HostSpec::Given(received.authority.clone()),
        target: Some(received.path.path_and_query().to_owned()),
        headers,
        version: spec.http.version,
    }
}

/// Why it is not known whether the request still carries its token behind the gateway: a verified one is taken out
/// unless `forwardOriginalToken` says otherwise, and claims are put into headers.
fn token_doubt(mesh: &Mesh, request: &Request, received: &Received) -> Option<String> {
    let enforcement = mesh.enforcement(request.workload)?;
    let carries = |name: &str| received.header(name).next().is_some();
    let provider = enforcement.tokens.iter().find(|provider| {
        let changes = !provider.forward
            || provider.payload_header.is_some()
            || !provider.claim_headers.is_empty();
        let may_hold = !request.tokens.is_empty()
            || provider.headers.iter().any(|(name, _)| carries(name))
            || !provider.cookies.is_empty() && carries("cookie")
            || !provider.parameters.is_empty() && received.path.path_and_query().contains('?')
            || provider.claim_headers.iter().any(|(name, _)| carries(name));
        changes && may_hold
    })?;
    Some(format!(
        "RequestAuthentication `{}` at the gateway changes what is sent on (the token, or headers with its claims), which \
         is not modelled yet",
        provider.policy
    ))
}

/// A header among `written` that a rule of the workload looks at.
fn looks_at<'w>(
    mesh: &Mesh,
    enforcement: &Enforcement,
    written: &'w BTreeSet<String>,
) -> Option<&'w String> {
    let sets = [&enforcement.custom_dry_run, &enforcement.deny, &enforcement.allow];
    let custom = enforcement.custom.values().map(|custom| &custom.rules);
    let rules = sets
        .into_iter()
        .chain(custom)
        .flat_map(|set| &set.rules)
        .filter_map(|place| mesh.rule(*place))
        .map(|(_, rule)| rule);
    let mut asked = rules.flat_map(conditions);
    asked.find_map(|attribute| {
        let Attribute::RequestHeader(name) = attribute else { return None };
        written.get(name)
    })
}

fn conditions(rule: &Rule) -> impl Iterator<Item = &Attribute> {
    let clauses = rule.sources.iter().chain(&rule.operations);
    clauses
        .flat_map(|clause| &clause.conditions)
        .chain(&rule.when)
        .map(|condition| &condition.attribute)
}

//! A disagreement → the least suite that shows it, as `portcullis test --against-envoy` reads it.

use portcullis::diagnostic::Severity;
use portcullis::istio::{MeshConfig, Normalization, ProviderKind};
use portcullis::jwt::InlineKeys;
use portcullis::mesh::ProviderStub;
use portcullis::real_envoy::{self, Agreement, Asked, Program};
use portcullis::request::{
    Caller, Claim, Defect, HostSpec, HttpVersion, Protocol, RequestSpec, TlsChoice,
};
use portcullis::suite;
use serde_yaml::{Mapping, Value};

use crate::draw::Drawn;
use crate::generate::INVENTORY;
use crate::judge::text;
use crate::shrink::{Suite, shrink};

/// An Envoy is started so often for one disagreement.
const MOST: usize = 400;

/// The least suite; absent where the disagreement does not show in a suite.
pub(crate) fn least(envoy: &Program<'_>, drawn: &Drawn, at: usize, now: i64) -> Option<String> {
    let whole = suite_of(drawn, at)?;
    let still = |suite: &Suite| disagrees(envoy, suite, now);
    if !still(&whole) {
        return None;
    }
    Some(shrink(&whole, MOST, still).text())
}

/// Whether the engine and an Envoy disagree about the test of a suite.
fn disagrees(envoy: &Program<'_>, suite: &Suite, now: i64) -> bool {
    disagreement(envoy, suite, now).is_some()
}

fn disagreement(envoy: &Program<'_>, suite: &Suite, now: i64) -> Option<()> {
    let mut findings = Vec::new();
    let suites = suite::read("case.test.yaml", &suite.text(), &mut findings);
    if findings.iter().any(|finding| finding.severity == Severity::Error) {
        return None;
    }
    let read = suites.first()?;
    let mut prepared = suite::prepare(read, &[]).ok()?;
    prepared.mesh.token_reader = Some(std::sync::Arc::new(InlineKeys));
    let case = read.cases.first()?;
    let mut requests = prepared.mesh.requests(&case.spec).ok()?;
    for request in &mut requests {
        request.now = Some(now);
        request.source_ip.get_or_insert(real_envoy::SOMEWHERE);
    }
    let asked = [Asked { mesh: &prepared.mesh, requests: requests.clone() }];
    let replies = real_envoy::ask(envoy, &asked, now, &text).ok()?;
    let differs = requests
        .iter()
        .zip(replies.first()?)
        .any(|(request, reply)| {
            let decision = prepared.mesh.decide(request);
            let agreement = real_envoy::compare(&prepared.mesh, request, &decision, reply);
            matches!(agreement, Agreement::Disagree(_))
        });
    differs.then_some(())
}

fn map<const N: usize>(entries: [(&str, Value); N]) -> Value {
    Value::Mapping(
        entries
            .into_iter()
            .map(|(name, value)| (name.into(), value))
            .collect(),
    )
}

fn suite_of(drawn: &Drawn, at: usize) -> Option<Suite> {
    let text = format!("{INVENTORY}---\n{}", drawn.world.text());
    let documents = text
        .split("---\n")
        .filter(|document| !document.trim().is_empty());
    let manifests = documents
        .map(|document| serde_yaml::from_str(document).ok())
        .collect::<Option<Vec<Value>>>()?;
    let mut head = map([
        ("apiVersion", "portcullis.dev/v1alpha1".into()),
        ("kind", "TestSuite".into()),
        ("vacuous", "allowed".into()),
        ("admission", "bypassed".into()),
        ("mesh", config(&drawn.world.config)),
        (
            "providers",
            Value::Mapping(
                drawn
                    .world
                    .stubs
                    .iter()
                    .map(|(name, stub)| (name.as_str().into(), answer(stub)))
                    .collect(),
            ),
        ),
    ]);
    if let (Some(version), Value::Mapping(head)) = (drawn.mesh.settings.istio_version, &mut head) {
        head.insert("istio".into(), version.to_string().into());
    }
    Some(Suite { head, manifests, test: test(drawn.specs.get(at)?) })
}

fn answer(stub: &ProviderStub) -> Value {
    match stub {
        ProviderStub::Allow => "allow".into(),
        ProviderStub::Deny => "deny".into(),
        ProviderStub::Error => "error".into(),
        ProviderStub::AllowWhen { header, equals } => map([(
            "allowWhen",
            map([("header", header.as_str().into()), ("equals", equals.as_str().into())]),
        )]),
    }
}

fn config(config: &MeshConfig) -> Value {
    let normalization = match config.normalization {
        Some(Normalization::None) => "NONE",
        Some(Normalization::MergeSlashes) => "MERGE_SLASHES",
        Some(Normalization::DecodeAndMergeSlashes) => "DECODE_AND_MERGE_SLASHES",
        Some(Normalization::Base) | None => "BASE",
    };
    let mut written = Mapping::new();
    written.insert("pathNormalization".into(), map([("normalization", normalization.into())]));
    if let Some(domain) = &config.trust_domain {
        written.insert("trustDomain".into(), domain.as_str().into());
    }
    if let Some(aliases) = &config.trust_domain_aliases {
        written.insert(
            "trustDomainAliases".into(),
            aliases
                .iter()
                .map(|alias| Value::from(alias.as_str()))
                .collect::<Vec<_>>()
                .into(),
        );
    }
    let providers = config.extension_providers.iter().flatten().map(|provider| {
        let mut inner = Mapping::new();
        inner.insert("service".into(), provider.service.clone().unwrap_or_default().into());
        inner.insert("port".into(), provider.port.unwrap_or_default().into());
        if provider.fail_open {
            inner.insert("failOpen".into(), true.into());
        }
        let kind = match provider.kind {
            ProviderKind::Grpc => "envoyExtAuthzGrpc",
            ProviderKind::Http | ProviderKind::Other => {
                let headers = provider
                    .include_request_headers
                    .iter()
                    .map(|name| Value::from(name.as_str()));
                inner.insert(
                    "includeRequestHeadersInCheck".into(),
                    headers.collect::<Vec<_>>().into(),
                );
                "envoyExtAuthzHttp"
            }
        };
        map([("name", provider.name.value.as_str().into()), (kind, Value::Mapping(inner))])
    });
    written.insert("extensionProviders".into(), providers.collect::<Vec<Value>>().into());
    Value::Mapping(written)
}

/// A question as an entry of `tests`; what is stated in a header line by its text is written there.
fn test(spec: &RequestSpec) -> Value {
    let mut test = Mapping::new();
    test.insert("name".into(), "it".into());
    let mut from = match &spec.from {
        Caller::Certificate { uris, foreign } => {
            let mut from = Mapping::new();
            from.insert(
                "uris".into(),
                uris.iter()
                    .map(|uri| Value::from(uri.as_str()))
                    .collect::<Vec<_>>()
                    .into(),
            );
            if *foreign {
                from.insert("foreignCa".into(), true.into());
            }
            from
        }
        Caller::External => Mapping::from_iter([("external".into(), true.into())]),
        Caller::Plaintext => Mapping::from_iter([("plaintext".into(), true.into())]),
        Caller::Workload(name) => Mapping::from_iter([("workload".into(), name.as_str().into())]),
    };
    if let Some(ip) = spec.source_ip {
        from.insert("ip".into(), ip.to_string().into());
    }
    test.insert("from".into(), Value::Mapping(from));
    let port = spec.port.map(|port| format!(":{port}")).unwrap_or_default();
    test.insert("to".into(), format!("{}{port}", spec.to).into());
    if let Some(protocol) = spec.protocol {
        let protocol = match protocol {
            Protocol::Http => "HTTP",
            Protocol::Tcp => "TCP",
            Protocol::Tls => "TLS",
        };
        test.insert("protocol".into(), protocol.into());
    }
    let tls = match spec.tls {
        TlsChoice::Auto => None,
        TlsChoice::Mtls => Some("mtls"),
        TlsChoice::Plaintext => Some("plaintext"),
        TlsChoice::Tls => Some("tls"),
    };
    if let Some(tls) = tls {
        test.insert("tls".into(), tls.into());
    }
    if let Some(name) = &spec.server_name {
        test.insert("sni".into(), name.as_str().into());
    }
    if let Some(alpn) = &spec.alpn {
        test.insert(
            "alpn".into(),
            alpn.iter()
                .map(|name| Value::from(name.as_str()))
                .collect::<Vec<_>>()
                .into(),
        );
    }
    test.insert("request".into(), request(spec));
    test.insert("expect".into(), "allow".into());
    Value::Mapping(test)
}

fn request(spec: &RequestSpec) -> Value {
    let http = &spec.http;
    let mut request = Mapping::new();
    if let Some(method) = &http.method {
        request.insert("method".into(), method.as_str().into());
    }
    if let Some(target) = &http.target {
        request.insert("path".into(), target.as_str().into());
    }
    match &http.host {
        HostSpec::Absent => drop(request.insert("host".into(), Value::Null)),
        HostSpec::Given(host) => drop(request.insert("host".into(), host.as_str().into())),
        HostSpec::OfDestination => {}
    }
    if http.version == HttpVersion::Http10 {
        request.insert("version".into(), "1.0".into());
    }
    let mut headers = Vec::new();
    for (name, value) in &http.headers {
        if value == "Bearer stated"
            && let Some(token) = spec.tokens.first()
        {
            let mut jwt = Mapping::new();
            let claims = token
                .claims
                .iter()
                .map(|(name, claim)| (name.as_str().into(), value_of(claim)));
            jwt.insert("claims".into(), Value::Mapping(claims.collect()));
            let defect = token.defect.map(|defect| match defect {
                Defect::Expired => "expired",
                Defect::NotYet => "notYet",
                Defect::BadSignature => "badSignature",
                Defect::WrongKey => "wrongKey",
                Defect::Malformed => "malformed",
            });
            if let Some(defect) = defect {
                jwt.insert("defect".into(), defect.into());
            }
            request.insert("jwt".into(), Value::Mapping(jwt));
        } else {
            headers.push(Value::Sequence(vec![name.as_str().into(), value.as_str().into()]));
        }
    }
    if !headers.is_empty() {
        request.insert("headers".into(), headers.into());
    }
    Value::Mapping(request)
}

fn value_of(claim: &Claim) -> Value {
    match claim {
        Claim::Bool(set) => (*set).into(),
        Claim::List(items) => items.iter().map(value_of).collect::<Vec<_>>().into(),
        Claim::Map(claims) => Value::Mapping(
            claims
                .iter()
                .map(|(name, claim)| (name.as_str().into(), value_of(claim)))
                .collect(),
        ),
        Claim::Null => Value::Null,
        Claim::Number(number) => (*number).into(),
        Claim::String(text) => text.as_str().into(),
    }
}

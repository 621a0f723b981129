//! A question → the JSON object that asks it: an entry of a suite's `tests`, or a line of `can-i --requests`.

use serde_json::{Map, Value, json};

use crate::decide::Verdict;
use crate::request::{
    Caller, Claim, Claims, Defect, HostSpec, HttpVersion, Protocol, RequestSpec, TlsChoice,
};

/// The fields `from`, `to`, `request` … of a question on one line. Absent for one that no suite can ask: two stated
/// tokens, or a destination that only a client looks up.
#[must_use]
pub fn line(spec: &RequestSpec) -> Option<String> {
    Some(Value::Object(fields(spec)?).to_string())
}

/// A whole entry of `tests` on one line, with a name and an expected word.
#[must_use]
pub fn case(name: &str, spec: &RequestSpec, verdict: Verdict) -> Option<String> {
    Some(Value::Object(entry(name, spec, verdict)?).to_string())
}

/// A whole entry of `tests`.
pub(super) fn entry(
    name: &str,
    spec: &RequestSpec,
    verdict: Verdict,
) -> Option<Map<String, Value>> {
    let mut entry = Map::new();
    entry.insert("name".to_owned(), json!(name));
    entry.extend(fields(spec)?);
    entry.insert("expect".to_owned(), json!(verdict.as_str()));
    Some(entry)
}

fn fields(spec: &RequestSpec) -> Option<Map<String, Value>> {
    let mut fields = Map::new();
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            fields.insert(name.to_owned(), value);
        }
    };
    let text = |text: &Option<String>| text.clone().map(Value::String);
    let ip = |ip: Option<std::net::IpAddr>| ip.map(|ip| json!(ip.to_string()));
    put("from", Some(caller(&spec.from)));
    let to = spec
        .port
        .map_or_else(|| spec.to.clone(), |port| format!("{}:{port}", spec.to));
    put("to", Some(json!(to)));
    put("sourceIp", ip(spec.source_ip));
    put("remoteIp", ip(spec.remote_ip));
    put(
        "protocol",
        spec.protocol.map(|protocol| match protocol {
            Protocol::Http => json!("HTTP"),
            Protocol::Tcp => json!("TCP"),
            Protocol::Tls => json!("TLS"),
        }),
    );
    put(
        "tls",
        match spec.tls {
            TlsChoice::Auto => None,
            TlsChoice::Mtls => Some(json!("mtls")),
            TlsChoice::Plaintext => Some(json!("plaintext")),
            TlsChoice::Tls => Some(json!("tls")),
        },
    );
    put("sni", text(&spec.server_name));
    put("alpn", spec.alpn.as_ref().map(|names| json!(names)));
    let request = request(spec)?;
    put("request", (!request.is_empty()).then_some(Value::Object(request)));
    Some(fields)
}

fn request(spec: &RequestSpec) -> Option<Map<String, Value>> {
    let http = &spec.http;
    let mut fields = Map::new();
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            fields.insert(name.to_owned(), value);
        }
    };
    put("method", http.method.clone().map(Value::String));
    put("path", http.target.clone().map(Value::String));
    put(
        "host",
        match &http.host {
            HostSpec::Absent => Some(Value::Null),
            HostSpec::Given(host) => Some(json!(host)),
            HostSpec::OfDestination => None,
        },
    );
    put(
        "version",
        match http.version {
            HttpVersion::Http10 => Some(json!("1.0")),
            HttpVersion::Http11 => None,
            HttpVersion::Http2 => Some(json!("2")),
        },
    );
    let mut headers = http.headers.as_slice();
    match spec.tokens.as_slice() {
        [] => {}
        [stated] => {
            // A stated token stands behind the headers, as its own `Authorization` line.
            let (last, before) = headers.split_last()?;
            if *last != ("authorization".to_owned(), format!("Bearer {}", stated.text)) {
                return None;
            }
            headers = before;
            let mut token = Map::new();
            token.insert("claims".to_owned(), object(&stated.claims));
            if let Some(defect) = stated.defect {
                token.insert("defect".to_owned(), json!(self::defect(defect)));
            }
            put("jwt", Some(Value::Object(token)));
        }
        _ => return None,
    }
    let pairs = headers.iter().map(|(name, value)| json!([name, value]));
    put("headers", (!headers.is_empty()).then(|| Value::Array(pairs.collect())));
    Some(fields)
}

fn caller(caller: &Caller) -> Value {
    match caller {
        Caller::Certificate { uris, foreign } => {
            let mut fields = Map::new();
            let principal = match uris.as_slice() {
                [one] => one.strip_prefix("spiffe://"),
                _ => None,
            };
            match principal.filter(|principal| !principal.starts_with("spiffe://")) {
                Some(principal) => fields.insert("principal".to_owned(), json!(principal)),
                None => fields.insert("uris".to_owned(), json!(uris)),
            };
            if *foreign {
                fields.insert("foreignCa".to_owned(), json!(true));
            }
            Value::Object(fields)
        }
        Caller::External => json!({"external": true}),
        Caller::Plaintext => json!({"plaintext": true}),
        Caller::Workload(name) => json!(name),
    }
}

const fn defect(defect: Defect) -> &'static str {
    match defect {
        Defect::BadSignature => "badSignature",
        Defect::Expired => "expired",
        Defect::Malformed => "malformed",
        Defect::NotYet => "notYet",
        Defect::WrongKey => "wrongKey",
    }
}

/// Claims as a JSON object on one line.
#[must_use]
pub fn claims(claims: &Claims) -> String {
    object(claims).to_string()
}

fn object(claims: &Claims) -> Value {
    claims
        .iter()
        .map(|(name, claim)| (name.clone(), self::claim(claim)))
        .collect()
}

fn claim(claim: &Claim) -> Value {
    match claim {
        Claim::Bool(value) => json!(value),
        Claim::List(items) => items.iter().map(self::claim).collect(),
        Claim::Map(inner) => object(inner),
        Claim::Null => Value::Null,
        Claim::Number(number) => json!(number),
        Claim::String(text) => json!(text),
    }
}

//! One entry of `tests` → its cases: every combination of the lists in it.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use super::file::{ip, required, string};
use super::format::{BECAUSE, CALLER, JWT, REQUEST, TEST};
use crate::decide::Verdict;
use crate::diagnostic::{Code, Diagnostic, FieldPath, Position};
use crate::parse::node::{Node, Value};
use crate::parse::reader::{Fields, Place, Reader};
use crate::parse::yaml::{Dialect, documents_in};
use crate::request::{
    Caller, Claim, Claims, Defect, HostSpec, HttpSpec, HttpVersion, Protocol, RequestSpec,
    StatedToken, TlsChoice,
};

/// One case.
#[derive(Clone, Debug)]
pub struct Case {
    /// Its name; a case of a matrix carries its combination in brackets.
    pub name: String,
    /// Where the test is written.
    pub position: Position,
    /// The question.
    pub spec: RequestSpec,
    /// The expected answer.
    pub expect: Expectation,
    /// Why it is not run; counted, never called passed.
    pub skip: Option<String>,
    /// What is still to be done before it can pass; it is run, and its failure is counted apart.
    pub todo: Option<String>,
}

/// What a case expects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expectation {
    /// The word.
    pub verdict: Verdict,
    /// Why; each part that is written must hold.
    pub because: Because,
    /// The HTTP status; absent: any.
    pub status: Option<u16>,
}

/// `because`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Because {
    /// `namespace/name` of the deciding policy.
    pub policy: Option<String>,
    /// The rule in it, from 0.
    pub rule: Option<usize>,
    /// The deciding stage.
    pub stage: Option<&'static str>,
    /// No policy applies.
    pub default: bool,
    /// The id that the proxy logs.
    pub envoy_policy_id: Option<String>,
}

/// More cases than this in one suite are not expanded.
pub(super) const MAX_CASES: usize = 250_000;

/// One axis of the matrix: its values with the word that a case's name shows, empty where it is no list.
type Axis<T> = Vec<(T, String)>;

fn axis<T>(
    reader: &mut Reader<'_>,
    place: Option<Place<'_>>,
    mut read: impl FnMut(&mut Reader<'_>, &Place<'_>) -> Option<T>,
) -> Option<Axis<T>> {
    let (node, path) = place?;
    let Value::Sequence(items) = &node.value else {
        return Some(
            read(reader, &(node, path))
                .into_iter()
                .map(|value| (value, String::new()))
                .collect(),
        );
    };
    if items.is_empty() {
        reader
            .complain(&(node, path), Code::BadValue, "an empty list makes no case")
            .help = Some("name at least one value, or leave the field out".to_owned());
        return None;
    }
    let mut axis = Vec::new();
    for (index, item) in items.iter().enumerate() {
        axis.extend(read(reader, &(item, path.item(index))).map(|value| (value, show(item))));
    }
    Some(axis)
}

/// A value as the name of a case shows it.
fn show(node: &Node) -> String {
    let named = ["principal", "workload", "ip"]
        .iter()
        .find_map(|key| node.get(key).and_then(Node::as_str));
    if let Some(text) = node.as_str().or(named) {
        return text.to_owned();
    }
    let flag = ["plaintext", "external", "uris"]
        .iter()
        .find(|key| node.get(key).is_some());
    flag.map_or_else(|| node.value.describe(), |&key| key.to_owned())
}

fn text(reader: &mut Reader<'_>, at: &Place<'_>) -> Option<String> {
    reader.string(at).map(|text| text.value)
}

/// One combination of a question's lists: what a case's name shows of it, and the question.
type Combination = (String, RequestSpec);

/// The fields of a question (`from`, `to`, `request` …) → every combination of the lists in them. None where
/// something is missing, which is complained of.
fn question(reader: &mut Reader<'_>, fields: &mut Fields<'_>) -> Option<Vec<Combination>> {
    let from = axis(reader, fields.take("from"), caller);
    let to = axis(reader, fields.take("to"), text);
    let mut http = HttpSpec::default();
    let mut tokens = Vec::new();
    let mut methods = None;
    let mut targets = None;
    if let Some(mut request) = fields
        .take("request")
        .and_then(|place| reader.fields(&place))
    {
        REQUEST.of(reader, &mut request);
        methods = axis(reader, request.take("method"), text);
        targets = axis(reader, request.take("path"), text);
        self::request(reader, &mut request, &mut http, &mut tokens);
        reader.finish(request);
    }
    let spec = RequestSpec {
        from: Caller::Plaintext,
        source_ip: fields.take("sourceIp").and_then(|place| ip(reader, &place)),
        remote_ip: fields.take("remoteIp").and_then(|place| ip(reader, &place)),
        to: String::new(),
        port: None,
        by_host: false,
        namespace: None,
        protocol: fields
            .take("protocol")
            .and_then(|place| reader.word(&place, PROTOCOLS)),
        tls: fields
            .take("tls")
            .and_then(|place| reader.word(&place, TLS_CHOICES))
            .unwrap_or_default(),
        server_name: string(reader, fields, "sni"),
        alpn: fields.take("alpn").map(|place| {
            reader
                .strings(&place)
                .into_iter()
                .map(|text| text.value)
                .collect()
        }),
        http,
        tokens,
        now: None,
    };
    let (Some(from), Some(to)) = (from, to) else {
        let finding = Diagnostic::error(Code::MissingField, "a question needs `from` and `to`").at(
            &reader.file,
            fields.position,
            &fields.path,
        );
        reader.push(finding);
        return None;
    };
    let methods = optional(methods);
    let targets = optional(targets);
    let count = [to.len(), methods.len(), targets.len()]
        .into_iter()
        .fold(from.len(), usize::saturating_mul);
    if count > MAX_CASES {
        let message =
            format!("the lists make {count} cases, and more than {MAX_CASES} are not read");
        reader.complain_at(fields.position, &fields.path, Code::Limit, message);
        return None;
    }
    let mut combinations = Vec::new();
    for ((caller, ip), from_shown) in &from {
        for (to, to_shown) in &to {
            let (host, port) = split_port(to);
            for (method, method_shown) in &methods {
                for (target, target_shown) in &targets {
                    let mut spec = RequestSpec {
                        from: caller.clone(),
                        to: host.to_owned(),
                        port,
                        source_ip: spec.source_ip.or(*ip),
                        ..spec.clone()
                    };
                    spec.http.method.clone_from(method);
                    spec.http.target.clone_from(target);
                    let shown =
                        [from_shown, to_shown, method_shown, target_shown].map(String::as_str);
                    let shown: Vec<&str> = shown
                        .into_iter()
                        .filter(|shown| !shown.is_empty())
                        .collect();
                    combinations.push((shown.join(", "), spec));
                }
            }
        }
    }
    Some(combinations)
}

/// Reads one entry of `tests` and adds its cases; `names` are those of the entries before it, and where each stands.
pub(super) fn test(
    reader: &mut Reader<'_>,
    at: &Place<'_>,
    names: &mut BTreeMap<String, Position>,
    cases: &mut Vec<Case>,
) {
    let Some(mut fields) = reader.fields(at) else { return };
    TEST.of(reader, &mut fields);
    let name = required(reader, &mut fields, "name");
    if let Some(name) = &name {
        let complaint = match names.insert(name.clone(), fields.position) {
            _ if name.trim().is_empty() => Some("a test needs a name to be told by".to_owned()),
            Some(other) => Some(format!("the test at {other} is called `{name}`, too")),
            None => None,
        };
        if let Some(complaint) = complaint {
            reader.complain_at(fields.position, &fields.path, Code::BadValue, complaint);
        }
    }
    let combinations = question(reader, &mut fields);
    let expect = expectation(reader, &mut fields);
    let skip = string(reader, &mut fields, "skip");
    let todo = string(reader, &mut fields, "todo");
    let position = fields.position;
    reader.finish(fields);
    let (Some(name), Some(combinations), Some(expect)) = (name, combinations, expect) else {
        return;
    };
    for (shown, spec) in combinations {
        cases.push(Case {
            name: if shown.is_empty() { name.clone() } else { format!("{name} [{shown}]") },
            position,
            spec,
            expect: expect.clone(),
            skip: skip.clone(),
            todo: todo.clone(),
        });
    }
}

/// One line of a file of questions, a JSON object as an entry of `tests` without `name` and `expect` → its
/// questions. `index` is the line's, from 0.
pub fn questions(
    file: &str,
    index: usize,
    line: &str,
    findings: &mut Vec<Diagnostic>,
) -> Vec<RequestSpec> {
    let before = findings.len();
    let file: Arc<str> = Arc::from(file);
    let documents = documents_in(Dialect::Suite, &file, line, findings);
    let mut specs = Vec::new();
    for document in &documents {
        let mut reader = Reader { file: Arc::clone(&file), complaints: findings };
        let Some(mut fields) = reader.fields(&(document, FieldPath::root())) else { continue };
        TEST.of(&mut reader, &mut fields);
        fields.pass_over(&["name", "expect", "because", "status", "skip", "todo"]);
        let combinations = question(&mut reader, &mut fields);
        reader.finish(fields);
        specs.extend(combinations.into_iter().flatten().map(|(_, spec)| spec));
    }
    let below = u32::try_from(index).unwrap_or(u32::MAX);
    for finding in findings.iter_mut().skip(before) {
        if let Some(origin) = &mut finding.origin {
            origin.position.line = origin.position.line.saturating_add(below);
        }
    }
    specs
}

/// Claims as JSON or YAML text; none where it is no object.
pub fn stated_claims(text: &str, findings: &mut Vec<Diagnostic>) -> Option<Claims> {
    let documents = documents_in(Dialect::Suite, &Arc::from("--jwt-claims"), text, findings);
    match documents.as_slice() {
        [document] => match claim(document) {
            Claim::Map(claims) => Some(claims),
            Claim::Bool(_) | Claim::List(_) | Claim::Null | Claim::Number(_) | Claim::String(_) => {
                None
            }
        },
        _ => None,
    }
}

/// An axis that may be left out: then it is one value, nothing.
fn optional<T>(axis: Option<Axis<T>>) -> Axis<Option<T>> {
    match axis {
        None => vec![(None, String::new())],
        Some(axis) => axis
            .into_iter()
            .map(|(value, shown)| (Some(value), shown))
            .collect(),
    }
}

pub(super) const PROTOCOLS: &[(&str, Protocol)] =
    &[("HTTP", Protocol::Http), ("TCP", Protocol::Tcp), ("TLS", Protocol::Tls)];
pub(super) const TLS_CHOICES: &[(&str, TlsChoice)] = &[
    ("auto", TlsChoice::Auto),
    ("mtls", TlsChoice::Mtls),
    ("plaintext", TlsChoice::Plaintext),
    ("tls", TlsChoice::Tls),
];
pub(super) const VERSIONS: &[(&str, HttpVersion)] =
    &[("1.0", HttpVersion::Http10), ("1.1", HttpVersion::Http11), ("2", HttpVersion::Http2)];
pub(super) const DEFECTS: &[(&str, Defect)] = &[
    ("expired", Defect::Expired),
    ("notYet", Defect::NotYet),
    ("badSignature", Defect::BadSignature),
    ("wrongKey", Defect::WrongKey),
    ("malformed", Defect::Malformed),
];
pub(super) const VERDICTS: &[(&str, Verdict)] = &[
    ("allow", Verdict::Allow),
    ("deny", Verdict::Deny),
    ("unauthenticated", Verdict::Unauthenticated),
    ("refused", Verdict::Refused),
    ("rejected", Verdict::Rejected),
    ("unreachable", Verdict::Unreachable),
    ("unknown", Verdict::Unknown),
];
pub(super) const STAGES: &[(&str, &str)] = &[
    ("route", "route"),
    ("transport", "transport"),
    ("http", "http"),
    ("jwt", "jwt"),
    ("custom", "custom"),
    ("deny", "deny"),
    ("allow", "allow"),
];

/// `host:port` → its parts; a bare IPv6 address has no port.
pub(crate) fn split_port(to: &str) -> (&str, Option<u16>) {
    if let Some((host, port)) = to.rsplit_once(':')
        && (!host.contains(':') || host.ends_with(']'))
        && let Ok(port) = crate::matcher::parse_port(port)
    {
        return (host, Some(port));
    }
    (to, None)
}

/// `from`: who calls, and from where.
fn caller(reader: &mut Reader<'_>, at: &Place<'_>) -> Option<(Caller, Option<IpAddr>)> {
    if let Some(name) = at.0.as_str() {
        return Some((Caller::Workload(name.to_owned()), None));
    }
    let whole = (at.0, at.1.clone());
    let mut fields = reader.fields(at)?;
    CALLER.of(reader, &mut fields);
    let principal = string(reader, &mut fields, "principal");
    let uris = fields.take("uris").map(|place| reader.strings(&place));
    let workload = string(reader, &mut fields, "workload");
    let mut flag = |name| {
        fields
            .take(name)
            .and_then(|place| reader.boolean(&place))
            .unwrap_or(false)
    };
    let (foreign, plaintext, external) = (flag("foreignCa"), flag("plaintext"), flag("external"));
    let ip = fields.take("ip").and_then(|place| ip(reader, &place));
    reader.finish(fields);
    let caller = match (principal, uris, workload, plaintext, external) {
        (Some(principal), None, None, false, false) => {
            let bare = principal.strip_prefix("spiffe://").unwrap_or(&principal);
            Caller::Certificate { uris: vec![format!("spiffe://{bare}")], foreign }
        }
        (None, Some(uris), None, false, false) => {
            Caller::Certificate { uris: uris.into_iter().map(|uri| uri.value).collect(), foreign }
        }
        (None, None, Some(workload), false, false) => Caller::Workload(workload),
        (None, None, None, true, false) => Caller::Plaintext,
        (None, None, None, false, true) => Caller::External,
        _ => {
            let message = "a caller is one of `principal`, `uris`, `workload`, `plaintext: true`, `external: true`";
            reader.complain(&whole, Code::BadValue, message);
            return None;
        }
    };
    Some((caller, ip))
}

fn request(
    reader: &mut Reader<'_>,
    fields: &mut Fields<'_>,
    http: &mut HttpSpec,
    tokens: &mut Vec<StatedToken>,
) {
    match fields.take_even_null("host") {
        Some((node, _)) if node.value == Value::Null => http.host = HostSpec::Absent,
        Some(place) => http.host = text(reader, &place).map_or(HostSpec::Absent, HostSpec::Given),
        None => {}
    }
    if let Some(place) = fields.take("headers") {
        headers(reader, &place, &mut http.headers);
    }
    if let Some(place) = fields.take("version") {
        http.version = reader.word(&place, VERSIONS).unwrap_or(HttpVersion::Http11);
    }
    if let Some(place) = fields.take("jwt") {
        token(reader, &place, &mut http.headers, tokens);
    }
}

/// A mapping, or pairs where order or repetition matters.
fn headers(reader: &mut Reader<'_>, at: &Place<'_>, into: &mut Vec<(String, String)>) {
    if let Value::Mapping(_) = &at.0.value {
        into.extend(reader.string_map(at));
        return;
    }
    for (node, path) in reader.items(at) {
        let mut pair = reader.strings(&(node, path.clone())).into_iter();
        if let (Some(name), Some(value), None) = (pair.next(), pair.next(), pair.next()) {
            into.push((name.value, value.value));
        } else {
            reader.complain(
                &(node, path),
                Code::BadValue,
                "a header line is a pair: `[name, value]`",
            );
        }
    }
}

/// `jwt`: a real token, or claims that are stated; either way an `Authorization: Bearer` line.
fn token(
    reader: &mut Reader<'_>,
    at: &Place<'_>,
    headers: &mut Vec<(String, String)>,
    tokens: &mut Vec<StatedToken>,
) {
    let whole = (at.0, at.1.clone());
    let Some(mut fields) = reader.fields(at) else { return };
    JWT.of(reader, &mut fields);
    let real = string(reader, &mut fields, "token");
    let claims = fields.take("claims").map(|(node, _)| claim(node));
    let defect = fields
        .take("defect")
        .and_then(|place| reader.word(&place, DEFECTS));
    reader.finish(fields);
    let text = match (real, claims, defect) {
        (Some(real), None, None) => real,
        (None, Some(Claim::Map(claims)), defect) => {
            let stated = stated_token(tokens.len(), claims, defect);
            let text = stated.text.clone();
            tokens.push(stated);
            text
        }
        _ => {
            reader.complain(
                &whole,
                Code::BadValue,
                "`jwt` is either `{claims: {…}, defect: …}` or `{token: …}`",
            );
            return;
        }
    };
    headers.push(("authorization".to_owned(), format!("Bearer {text}")));
}

/// A token that is stated to hold these claims, under a text of its own.
#[must_use]
pub(crate) fn stated_token(number: usize, claims: Claims, defect: Option<Defect>) -> StatedToken {
    StatedToken { text: format!("stated.token.{number}"), claims, defect }
}

/// A tree as a claim.
pub(crate) fn claim(node: &Node) -> Claim {
    match &node.value {
        Value::Null => Claim::Null,
        Value::Bool(value) => Claim::Bool(*value),
        #[expect(
            clippy::as_conversions,
            clippy::cast_precision_loss,
            reason = "JSON numbers are doubles to the proxy"
        )]
        Value::Integer(value) => Claim::Number(*value as f64),
        Value::Float(value) => Claim::Number(*value),
        Value::String(text) => Claim::String(text.clone()),
        Value::Sequence(items) => Claim::List(items.iter().map(claim).collect()),
        Value::Mapping(entries) => Claim::Map(
            entries
                .iter()
                .map(|(key, node)| (key.name.clone(), claim(node)))
                .collect(),
        ),
    }
}

fn expectation(reader: &mut Reader<'_>, fields: &mut Fields<'_>) -> Option<Expectation> {
    let verdict = match fields.take("expect") {
        Some(place) => reader.word(&place, VERDICTS),
        None => {
            let finding = Diagnostic::error(Code::MissingField, "`expect` is missing").at(
                &reader.file,
                fields.position,
                &fields.path,
            );
            reader.push(finding);
            None
        }
    };
    let status = fields
        .take("status")
        .and_then(|place| reader.number::<u16>(&place));
    let mut because = Because::default();
    if let Some(mut written) = fields
        .take("because")
        .and_then(|place| reader.fields(&place))
    {
        BECAUSE.of(reader, &mut written);
        because.policy = string(reader, &mut written, "policy");
        because.rule = written
            .take("rule")
            .and_then(|place| reader.number::<usize>(&place));
        because.stage = written
            .take("stage")
            .and_then(|place| reader.word(&place, STAGES));
        because.default = written
            .take("default")
            .and_then(|place| reader.boolean(&place))
            .unwrap_or(false);
        because.envoy_policy_id = string(reader, &mut written, "envoyPolicyId");
        reader.finish(written);
    }
    Some(Expectation { verdict: verdict?, because, status })
}

#[cfg(test)]
mod tests {
    #[rstest::rstest]
    #[case("httpbin.foo:80", ("httpbin.foo", Some(80)))]
    #[case("httpbin.foo", ("httpbin.foo", None))]
    #[case("[::1]:80", ("[::1]", Some(80)))]
    #[case("::1", ("::1", None))]
    #[case("httpbin.foo:+80", ("httpbin.foo:+80", None))]
    fn a_port_stands_behind_the_last_colon(#[case] to: &str, #[case] want: (&str, Option<u16>)) {
        assert_eq!(super::split_port(to), want);
    }
}

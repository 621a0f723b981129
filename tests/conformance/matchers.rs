//! The matchers that istiod makes of values, keys and rules, against those that a policy compiles to.
//!
//! The corpus has them as Envoy's configuration. What a matcher reads and which texts it takes is compared; how
//! Envoy spells it (`filter_state` or `authenticated`, permission or principal) is not, for nothing here writes it.

use portcullis::decide::Verdict;
use portcullis::istio::MeshConfig;
use portcullis::matcher::{NamespaceMatch, PrincipalMatch, ServiceAccountMatch, StringMatch};
use portcullis::mesh::{
    Admission, Attribute, Condition, Mesh, MeshInputs, Rule, Untranslatable, ValueMatch,
};
use portcullis::request::{
    Caller, Claim, Claims, HostSpec, HttpSpec, Protocol, Request, RequestSpec, StatedToken,
    TlsChoice,
};
use portcullis::spiffe::TrustDomains;
use serde_yaml::Value;

use crate::support::corpus::{Run, document, files, flag, list, resources, text, texts};
use crate::support::golden::{End, Golden, pieces, take_all, template_takes};
use crate::support::sources;

const FOLDER: &str = "istio/trustdomain";

/// What has nothing here to be compared with: file, case, reason.
const NOT_COMPARED: &[(&str, &str, &str)] = &[
    ("matcher_string_kinds.yaml", "wildcardAsRequired", REGEX),
    ("matcher_string_kinds.yaml", "regexExpression", REGEX),
];
const REGEX: &str = "no field of a policy is a regular expression: only writing Envoy's configuration makes one of a text as it is";

/// Whether a case is not to be compared.
fn not_compared(file: &str, case: &Value) -> bool {
    let listed = NOT_COMPARED
        .iter()
        .find(|(of, name, _)| *of == file && *name == text(case, "name"));
    if let Some((file, name, reason)) = listed {
        eprintln!("not compared: {file}: {name}: {reason}");
    }
    listed.is_some()
}

/// Texts around the one that a matcher is about, or around `other`.
fn samples(golden: &Golden, other: &str) -> Vec<String> {
    let core = match golden {
        Golden::Text { text, .. } => text.as_str(),
        Golden::Present | Golden::Regex(_) => other,
    };
    let upper = core.to_ascii_uppercase();
    [
        String::new(),
        core.to_owned(),
        format!("x{core}"),
        format!("/x{core}"),
        format!("{core}x"),
        format!("x{core}x"),
        format!("x{upper}"),
        format!("{upper}x"),
        upper,
        "/other".to_owned(),
    ]
    .into()
}

/// Names that certificates may have, and texts that are none.
const NAMES: &[&str] = &[
    "",
    "foo",
    "https://foo",
    "spiffe://",
    "spiffe://foo",
    "spiffe://foo/",
    "spiffe://foox",
    "spiffe://value",
    "spiffe://notValue",
    "spiffe://cluster.local",
    "spiffe://cluster.local/",
    "spiffe://cluster.local/ns/foo/sa/bar",
    "spiffe://cluster.local/ns/foo/sa/bar\n",
    "spiffe://cluster.local/ns/foo",
    "spiffe://cluster.local/ns/foo/",
    "spiffe://cluster.local/ns/foobar/sa/bar",
    "spiffe://cluster.local/x/ns/foo/y",
    "spiffe://cluster.local/ns/value/sa/notValue",
    "spiffe://cluster.local/ns/notValue/sa/value",
    "spiffe://clusterXlocal/ns/foo/sa/bar",
    "spiffe://cluster.x/ns/foo/sa/bar",
    "spiffe://cluster./ns/foo/sa/bar",
    "spiffe://cluster/local/ns/foo/sa/bar",
    "spiffe://x.local/ns/foo/sa/bar",
    "spiffe://local/ns/foo/sa/bar",
    "spiffe://x/local/",
    "spiffe://localx/ns/foo/sa/bar",
    "cluster.local/ns/foo/sa/bar",
    "/ns/foo/",
];

/// Which of the texts are taken.
fn taken<T: AsRef<str>>(texts: &[T], takes: impl Fn(&str) -> bool) -> Vec<&str> {
    let texts = texts.iter().map(AsRef::as_ref);
    texts.filter(|text| takes(text)).collect()
}

/// What of the samples a golden matcher takes: never all of them, and never none.
#[track_caller]
fn golden_takes<'s, T: AsRef<str>>(golden: &Golden, samples: &'s [T]) -> Vec<&'s str> {
    let takes = taken(samples, |sample| golden.takes(sample));
    let whole = matches!(golden, Golden::Present);
    assert!(!takes.is_empty(), "{golden:?}");
    assert!(whole || takes.len() < samples.len(), "{golden:?}");
    takes
}

/// A plain golden matcher in our words.
fn in_our_words(golden: &Golden) -> StringMatch {
    match golden {
        Golden::Text { end: End::Exact, text, .. } => StringMatch::Exact(text.clone()),
        Golden::Text { end: End::Prefix, text, .. } => StringMatch::Prefix(text.clone()),
        Golden::Text { end: End::Suffix, text, .. } => StringMatch::Suffix(text.clone()),
        Golden::Present => StringMatch::Present,
        Golden::Regex(pieces) => {
            assert!(take_all(pieces, "x") && !take_all(pieces, ""), "`.+` is expected");
            StringMatch::Present
        }
    }
}

/// The only match that a value becomes in a mesh of `cluster.local`.
#[track_caller]
fn compiled(attribute: &Attribute, value: &str) -> ValueMatch {
    let matches = attribute.matches_of(value, "foo", &TrustDomains::default());
    let [only] = matches.unwrap().try_into().unwrap();
    only
}

/// The same, where it is text.
#[track_caller]
fn compiled_text(attribute: &Attribute, value: &str) -> StringMatch {
    let compiled = compiled(attribute, value);
    let ValueMatch::Text(text) = compiled else { panic!("{compiled:?}") };
    text
}

/// A mesh with the workload `httpbin.foo`, whose 8080 is HTTP and 9000 is TCP, under a policy of one rule.
fn mesh_of(config: MeshConfig, action: &str, rule: &Value) -> Mesh {
    let mut policy: Value = serde_yaml::from_str(
        "{apiVersion: security.istio.io/v1, kind: AuthorizationPolicy, metadata: {name: p, namespace: foo}, spec: {}}",
    )
    .unwrap();
    policy["spec"]["action"] = action.into();
    policy["spec"]["rules"] = Value::Sequence(vec![rule.clone()]);
    let workload = serde_yaml::from_str(
        "{apiVersion: v1, kind: Pod, metadata: {name: httpbin, namespace: foo, labels: {app: httpbin, sidecar.istio.io/inject: 'true'}}, spec: {containers: []}}",
    );
    let service = serde_yaml::from_str(
        "{apiVersion: v1, kind: Service, metadata: {name: httpbin, namespace: foo}, spec: {selector: {app: httpbin}, ports: [{port: 8080, name: http}, {port: 9000, name: tcp}, {port: 8001, name: tcp-a}, {port: 8003, name: http-b}]}}",
    );
    let tokens = serde_yaml::from_str(
        "{apiVersion: security.istio.io/v1, kind: RequestAuthentication, metadata: {name: t, namespace: foo}, spec: {jwtRules: [{issuer: issuer}]}}",
    );
    let resources = resources(&[policy, workload.unwrap(), service.unwrap(), tokens.unwrap()]);
    let inputs = MeshInputs {
        config,
        resources: vec![&resources],
        admission: Admission::Bypassed,
        ..MeshInputs::default()
    };
    Mesh::compile(inputs).unwrap().0
}

/// A rule as text.
fn rule_of(text: &str) -> Value {
    serde_yaml::from_str(text).unwrap()
}

/// The rule of the mesh's only policy.
#[track_caller]
fn only_rule(mesh: &Mesh) -> &Rule {
    assert_eq!(mesh.policies.len(), 1, "{:?}", mesh.policies);
    let policy = mesh.policies.get(0).unwrap();
    let [rule] = policy.rules.as_slice() else { panic!("{:?}", policy.rules) };
    rule
}

/// All conditions of a rule.
fn conditions(rule: &Rule) -> impl Iterator<Item = &Condition> {
    let clauses = rule.sources.iter().chain(&rule.operations);
    clauses
        .flat_map(|clause| &clause.conditions)
        .chain(&rule.when)
}

/// A question of a peer with this name to `httpbin.foo`.
fn question(peer: &str, port: u16, http: HttpSpec) -> RequestSpec {
    RequestSpec {
        by_host: false,
        from: Caller::Certificate { uris: vec![peer.to_owned()], foreign: false },
        source_ip: None,
        remote_ip: None,
        to: "httpbin.foo".to_owned(),
        port: Some(port),
        namespace: None,
        protocol: None,
        tls: TlsChoice::Auto,
        server_name: None,
        alpn: None,
        http,
        tokens: Vec::new(),
        now: None,
    }
}

/// Whether the answer is yes; an answer of anything but authorization is none.
#[track_caller]
fn allows(mesh: &Mesh, spec: &RequestSpec, change: impl Fn(&mut Request)) -> bool {
    let mut requests = mesh.requests(spec).unwrap();
    let [request] = requests.as_mut_slice() else { panic!("{requests:?}") };
    change(request);
    let decision = mesh.decide(request);
    let decided = [Verdict::Allow, Verdict::Deny].contains(&decision.verdict);
    assert!(decided, "{decision:?} of {spec:?}");
    decision.verdict == Verdict::Allow
}

const PEER: &str = "spiffe://cluster.local/ns/foo/sa/bar";

#[test]
fn kinds_of_strings_take_what_istiods_take() {
    const FILE: &str = "matcher_string_kinds.yaml";
    let Some(corpus) = document(&format!("{FOLDER}/matcher_string_kinds.yaml")) else { return };
    let mut run = Run::default();
    let mut skipped = 0;
    for case in list(&corpus, "cases") {
        if not_compared(FILE, case) {
            skipped += 1;
            continue;
        }
        let value = text(case, "value");
        let written = match text(case, "kind") {
            "exact" => value.to_owned(),
            "prefix" => format!("{value}*"),
            "suffix" => format!("*{value}"),
            kind => panic!("{kind}"),
        };
        let golden = Golden::read(&case["envoyMatcher"]);
        let ours = StringMatch::parse(&written);
        run.case(text(case, "name"), &in_our_words(&golden), &ours);
        let samples = samples(&golden, "some");
        let takes = |sample: &str| {
            if flag(case, "ignoreCase") { ours.matches_host(sample) } else { ours.matches(sample) }
        };
        run.more(text(case, "name"), &golden_takes(&golden, &samples), &taken(&samples, takes));
    }
    run.agrees_in(6);
    assert_eq!(skipped, NOT_COMPARED.len());
}

#[test]
fn headers_hosts_and_paths_take_what_istiods_take() {
    let Some(corpus) = document(&format!("{FOLDER}/matcher_header_host_path.yaml")) else { return };
    let mut run = Run::default();
    for case in list(&corpus, "cases") {
        let (kind, pattern) = (text(case, "kind"), text(case, "pattern"));
        let name = format!("{kind}: {}", text(case, "name"));
        let of_path = kind == "path";
        let golden = if of_path { &case["envoyMatcher"]["path"] } else { &case["envoyMatcher"] };
        let golden = Golden::read(golden);
        let attribute = match kind {
            "header" => {
                Attribute::parse(&format!("request.headers[{}]", text(case, "header"))).unwrap()
            }
            "host" => Attribute::Host,
            _ => Attribute::Path,
        };
        let ours = compiled_text(&attribute, pattern);
        run.case(&name, &in_our_words(&golden), &ours);
        let around = samples(&golden, if kind == "host" { "some" } else { "/some" });
        let takes = |sample: &str| match kind {
            "header" => ours.matches_header(sample),
            "host" => ours.matches_host(sample),
            _ => ours.matches(sample),
        };
        run.more(&name, &golden_takes(&golden, &around), &taken(&around, takes));

        // And the same asked of a proxy, with what a request can carry.
        let rule = match kind {
            "header" => format!("when: [{{key: 'request.headers[:path]', values: ['{pattern}']}}]"),
            "host" => format!("to: [{{operation: {{hosts: ['{pattern}']}}}}]"),
            _ => format!("to: [{{operation: {{paths: ['{pattern}']}}}}]"),
        };
        let mesh = mesh_of(MeshConfig::default(), "ALLOW", &rule_of(&rule));
        let sent: Vec<String> =
            around
                .into_iter()
                .filter(|sample| {
                    if kind == "host" { !sample.contains('/') } else { sample.starts_with('/') }
                })
                .collect();
        assert!(sent.len() >= 2, "{sent:?}");
        let allowed = taken(&sent, |sample| {
            let http = match kind {
                "host" => {
                    HttpSpec { host: HostSpec::Given(sample.to_owned()), ..HttpSpec::default() }
                }
                _ => HttpSpec { target: Some(sample.to_owned()), ..HttpSpec::default() },
            };
            allows(&mesh, &question(PEER, 8080, http), |_| {})
        });
        run.more(&name, &taken(&sent, |sample| golden.takes(sample)), &allowed);
    }
    run.agrees_in(12);
}

#[test]
fn metadata_is_found_and_taken_as_istiod_does() {
    let Some(corpus) = document(&format!("{FOLDER}/matcher_metadata.yaml")) else { return };
    let mut run = Run::default();
    for case in list(&corpus, "cases") {
        let name = text(case, "name");
        let path = texts(case, "path");
        let golden = &case["envoyMatcher"];
        let keys: Vec<&str> = list(golden, "path")
            .iter()
            .map(|item| text(item, "key"))
            .collect();
        match name {
            "string" => {
                // The name of a filter that a policy can name begins so.
                let filter = format!("envoy.filters.{}", text(case, "filter"));
                let key = format!("experimental.{filter}[{}]", path.concat());
                let want = Attribute::FilterMetadata(filter, keys.concat());
                let attribute = Attribute::parse(&key).unwrap();
                run.case(name, &want, &attribute);
                let golden = Golden::read(&golden["value"]["stringMatch"]);
                let ours = compiled_text(&attribute, text(&case["matcher"], "exact"));
                run.more(name, &in_our_words(&golden), &ours);
            }
            "list-wildcard" => {
                let key = format!("request.auth.claims[{}]", path.join("]["));
                let owned = keys.iter().map(|&key| key.to_owned()).collect();
                let attribute = Attribute::parse(&key).unwrap();
                run.case(name, &Attribute::RequestClaim(owned), &attribute);
                let golden = Golden::read(&golden["value"]["listMatch"]["oneOf"]["stringMatch"]);
                let rule =
                    format!("when: [{{key: '{key}', values: ['{}']}}]", text(case, "pattern"));
                let mesh = mesh_of(MeshConfig::default(), "ALLOW", &rule_of(&rule));
                for items in [&[][..], &[""], &["a"], &["", "a"], &["a\nb"]] {
                    let want = items.iter().any(|item| golden.takes(item));
                    run.more(name, &want, &allows(&mesh, &with_list(&keys, items), |_| {}));
                }
            }
            other => panic!("{other}"),
        }
    }
    run.agrees_in(2);
}

/// A question with a token that has a list of strings at `path`.
fn with_list(path: &[&str], items: &[&str]) -> RequestSpec {
    let items = items
        .iter()
        .map(|&item| Claim::String(item.to_owned()))
        .collect();
    let nested = path.iter().rev().fold(Claim::List(items), |inner, &key| {
        Claim::Map(Claims::from([(key.to_owned(), inner)]))
    });
    let Claim::Map(mut claims) = nested else { panic!("the path is empty") };
    claims.insert("iss".to_owned(), Claim::String("issuer".to_owned()));
    let authorization = ("authorization".to_owned(), "Bearer stated".to_owned());
    let http = HttpSpec { headers: vec![authorization], ..HttpSpec::default() };
    let token = StatedToken { text: "stated".to_owned(), claims, defect: None };
    RequestSpec { tokens: vec![token], ..question(PEER, 8080, http) }
}

#[test]
fn path_templates_take_what_istiods_take() {
    const PATHS: &[&str] = &[
        "/foo/bar/a",
        "/foo/bar/",
        "/foo/bar",
        "/foo/bar/a/b",
        "/foo/a/bar",
        "/foo/a/b/bar",
        "/foo//bar",
        "/foo/a/barx",
        "/a/foo/b/bar",
        "/a/foo/b/c/bar",
        "/a/b/foo/c/bar",
        "/a/b/foo/bar",
        "//foo/b/bar",
    ];
    let Some(corpus) = document(&format!("{FOLDER}/matcher_path_template.yaml")) else { return };
    let mut run = Run::default();
    for case in list(&corpus, "cases") {
        let golden = text(&case["envoyMatcher"], "pathTemplate");
        let ValueMatch::Template(ours) = compiled(&Attribute::Path, text(case, "pattern")) else {
            panic!("no template")
        };
        let want = taken(PATHS, |path| template_takes(golden, path));
        assert!(!want.is_empty() && want.len() < PATHS.len());
        run.case(text(case, "name"), &want, &taken(PATHS, |path| ours.matches(path)));
    }
    run.agrees_in(4);
}

/// Whether a value of `principals` takes a text that begins with `prefix` where a name begins with its scheme.
fn principal_takes(pattern: &str, prefix: &str, sample: &str) -> bool {
    let name = sample
        .strip_prefix(prefix)
        .map(|rest| format!("spiffe://{rest}"));
    PrincipalMatch::parse(pattern).matches(name.as_deref().unwrap_or(sample))
}

#[test]
fn a_pattern_behind_a_prefix_takes_what_istiods_takes() {
    let Some(corpus) = document(&format!("{FOLDER}/matcher_string_with_prefix.yaml")) else {
        return;
    };
    let mut run = Run::default();
    for case in list(&corpus, "cases") {
        let (pattern, prefix) = (text(case, "pattern"), text(case, "prefix"));
        let golden = Golden::read(&case["envoyMatcher"]);
        let behind = [
            "",
            "-prefix-",
            "-prefix-x",
            "x-prefix-",
            "-suffix",
            "x-suffix",
            "x-suffixx",
            "x\n-suffix",
            "admin.example",
            "xadmin.example",
            "xadminXexample",
            "-exact",
            "-exactx",
            "x-exact",
        ];
        let samples: Vec<String> = behind
            .iter()
            .flat_map(|behind| {
                [format!("{prefix}{behind}"), (*behind).to_owned(), format!("x{prefix}{behind}")]
            })
            .collect();
        let got = taken(&samples, |sample| match prefix {
            "" => StringMatch::parse(pattern).matches(sample),
            _ => principal_takes(pattern, prefix, sample),
        });
        run.case(text(case, "name"), &golden_takes(&golden, &samples), &got);
    }
    run.agrees_in(6);
}

#[test]
fn a_suffix_behind_a_prefix_is_literal() {
    let Some(corpus) = document(&format!("{FOLDER}/matcher_string_with_prefix_match.yaml")) else {
        return;
    };
    let mut run = Run::default();
    for case in list(&corpus, "cases") {
        for value in list(case, "values") {
            let sample = text(value, "value");
            let got = principal_takes(text(case, "pattern"), text(case, "prefix"), sample);
            run.case(sample, &flag(value, "expected"), &got);
        }
    }
    run.agrees_in(4);
}

#[test]
fn brackets_are_read_as_istiod_does() {
    let Some(corpus) = document(&format!("{FOLDER}/model_brackets.yaml")) else { return };
    let mut run = Run::default();
    let broken = |key: &str| {
        let parsed = Attribute::parse(key);
        matches!(parsed, Err(Untranslatable::BadValue(_)))
            .then_some(())
            .ok_or(parsed)
    };
    for case in list(&corpus, "single") {
        let value = text(case, "value");
        let key = format!("request.headers{value}");
        match case["expected"].as_str() {
            Some(name) => {
                let want = Attribute::RequestHeader(name.to_owned());
                run.case(&key, &Ok(want), &Attribute::parse(&key));
            }
            None => run.case(&key, &Ok(()), &broken(&key)),
        }
    }
    for case in list(&corpus, "nested") {
        let key = format!("request.auth.claims{}", text(case, "value"));
        if case["expected"].is_sequence() {
            let path = texts(case, "expected")
                .into_iter()
                .map(str::to_owned)
                .collect();
            run.case(&key, &Ok(Attribute::RequestClaim(path)), &Attribute::parse(&key));
        } else {
            run.case(&key, &Ok(()), &broken(&key));
        }
    }
    run.agrees_in(16);
}

#[test]
fn irregular_brackets_behind_regular_ones_are_one_key() {
    // The corpus has irregular ones alone only [AP-75].
    let want = Attribute::RequestClaim(vec!["a][b[c]".to_owned()]);
    assert_eq!(Attribute::parse("request.auth.claims[a][b[c]]"), Ok(want));
}

#[test]
fn a_rule_on_tcp_keeps_what_istiod_keeps() {
    let Some(corpus) = document(&format!("{FOLDER}/model_generate_tcp_vs_http.yaml")) else {
        return;
    };
    let trust_domain = Some("td-1".to_owned());
    let config = MeshConfig { trust_domain, ..MeshConfig::default() };
    let mut run = Run::default();
    for case in list(&corpus, "cases") {
        let (name, tcp) = (text(case, "name"), flag(case, "forTCP"));
        let action = text(case, "action");
        let mesh = mesh_of(config.clone(), action, &corpus["rule"]);
        let rule = only_rule(&mesh);
        assert_eq!(rule.dropped, None);
        let kept: Vec<&str> = conditions(rule)
            .filter(|condition| {
                !tcp || (rule.dropped_on_tcp.is_none() && !condition.attribute.is_http_only())
            })
            .flat_map(|condition| &condition.values)
            .map(|value| value.written.value.as_str())
            .collect();
        let holds = |part: &&str| kept.iter().any(|value| value.contains(part));
        let parts = |key| texts(case, key);
        run.case(name, &parts("contains"), &parts("contains").into_iter().filter(holds).collect());
        run.more(name, &Vec::new(), &parts("notContains").into_iter().filter(holds).collect());

        // And a proxy that is asked about a peer without token: it can match only what is kept without tokens.
        let spec = RequestSpec {
            protocol: Some(if tcp { Protocol::Tcp } else { Protocol::Http }),
            ..question(
                "spiffe://td-1/ns/foo/sa/httpbin-1",
                if tcp { 8001 } else { 8003 },
                HttpSpec::default(),
            )
        };
        let allowed = allows(&mesh, &spec, |request| {
            request.destination_ip = Some("10.0.0.1".parse().unwrap());
        });
        let matches = tcp && !kept.is_empty();
        let want = match action {
            "ALLOW" => matches,
            "DENY" => !matches,
            _ => true,
        };
        run.more(name, &want, &allowed);
    }
    run.agrees_in(6);
}

/// What a matcher reads, and what it takes.
#[derive(Debug, PartialEq)]
struct Shape<'s> {
    reads: String,
    takes: Vec<&'s str>,
}

/// A matcher of the corpus.
fn golden_shape<'s>(golden: &Value, samples: &'s [String]) -> Shape<'s> {
    let [(kind, inner)] = golden.as_mapping().unwrap().iter().collect::<Vec<_>>()[..] else {
        panic!("{golden:?}")
    };
    let kind = kind.as_str().unwrap();
    let string = |reads: &str, matcher: &Value| Shape {
        reads: reads.to_owned(),
        takes: golden_takes(&Golden::read(matcher), samples),
    };
    match kind {
        "destinationIp" | "directRemoteIp" | "remoteIp" => Shape {
            reads: format!(
                "{kind} {}/{}",
                text(inner, "addressPrefix"),
                inner["prefixLen"].as_u64().unwrap()
            ),
            takes: Vec::new(),
        },
        "destinationPort" => {
            Shape { reads: format!("{kind} {}", inner.as_u64().unwrap()), takes: Vec::new() }
        }
        "requestedServerName" => string(kind, inner),
        "metadata" => {
            let [key] = list(inner, "path") else { panic!("{inner:?}") };
            let reads = format!("{} {}", text(inner, "filter"), text(key, "key"));
            let value = &inner["value"];
            match value.get("listMatch") {
                Some(list) => string(&format!("list {reads}"), &list["oneOf"]["stringMatch"]),
                None => string(&reads, &value["stringMatch"]),
            }
        }
        "filter_state" => string("peer", &inner["string_match"]),
        "header" => string(&format!("header {}", text(inner, "name")), &inner["stringMatch"]),
        "urlPath" => string("path", &inner["path"]),
        "uriTemplate" => Shape {
            reads: "path".to_owned(),
            takes: taken(samples, |path| {
                template_takes(text(&inner["typedConfig"], "pathTemplate"), path)
            }),
        },
        other => panic!("`{other}` is not understood"),
    }
}

/// What a value compiles to.
fn our_shape<'s>(attribute: &Attribute, value: &str, samples: &'s [String]) -> Shape<'s> {
    let compiled = compiled(attribute, value);
    let none = |reads: String| Shape { reads, takes: Vec::new() };
    let some = |reads: &str, takes: &dyn Fn(&str) -> bool| Shape {
        reads: reads.to_owned(),
        takes: taken(samples, takes),
    };
    let metadata = |filter: &str, key: &str| {
        format!("{} {key}", filter.strip_prefix("envoy.filters.").unwrap())
    };
    match (attribute, &compiled) {
        (Attribute::DestinationIp, ValueMatch::Ip(block)) => none(format!("destinationIp {block}")),
        (Attribute::SourceIp, ValueMatch::Ip(block)) => none(format!("directRemoteIp {block}")),
        (Attribute::RemoteIp, ValueMatch::Ip(block)) => none(format!("remoteIp {block}")),
        (Attribute::DestinationPort, ValueMatch::Port(port)) => {
            none(format!("destinationPort {port}"))
        }
        (_, ValueMatch::Principal(principal)) => some("peer", &|name| principal.matches(name)),
        (_, ValueMatch::Namespace(namespace)) => some("peer", &|name| namespace.matches(name)),
        (_, ValueMatch::TrustDomain(domain)) => some("peer", &|name| domain.matches(name)),
        (Attribute::Path, ValueMatch::Template(template)) => {
            some("path", &|path| template.matches(path))
        }
        (Attribute::Path, ValueMatch::Text(text)) => some("path", &|path| text.matches(path)),
        (Attribute::ServerName, ValueMatch::Text(text)) => {
            some("requestedServerName", &|name| text.matches(name))
        }
        (Attribute::FilterMetadata(filter, key), ValueMatch::Text(text)) => {
            some(&metadata(filter, key), &|value| text.matches(value))
        }
        (Attribute::FilterMetadata(filter, key), ValueMatch::ListElement(text)) => {
            some(&format!("list {}", metadata(filter, key)), &|value| text.matches(value))
        }
        (Attribute::Host, ValueMatch::Text(text)) => {
            some("header :authority", &|host| text.matches_host(host))
        }
        (Attribute::Method, ValueMatch::Text(text)) => {
            some("header :method", &|method| text.matches_header(method))
        }
        (Attribute::RequestHeader(name), ValueMatch::Text(text)) => {
            some(&format!("header {name}"), &|value| text.matches_header(value))
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_attribute_reads_and_takes_what_istiods_does() {
    let Some(corpus) = document(&format!("{FOLDER}/model_generator.yaml")) else { return };
    let mut run = Run::default();
    let mut samples: Vec<String> = NAMES.iter().map(|&name| name.to_owned()).collect();
    for value in ["exact.com", "val", "v1, v2", "foo", "/abc", "GET"] {
        samples.extend([
            value.to_owned(),
            value.to_uppercase(),
            value.to_lowercase(),
            format!("{value}x"),
            format!("x{value}"),
            format!("[{value}]"),
        ]);
    }
    samples.extend(["/abc/", "/abc/x", "/abc/x/y", "v1", "v2"].map(str::to_owned));
    for case in list(&corpus, "cases") {
        let (name, value) = (text(case, "name"), text(case, "value"));
        // istiod's table gives this generator only keys of such filters.
        let key = text(case, "key").replace("experimental.", "experimental.envoy.filters.");
        let generator = name.split('-').next().unwrap();
        let attribute = match generator {
            "destIPGenerator" => Ok(Attribute::DestinationIp),
            "destPortGenerator" => Ok(Attribute::DestinationPort),
            "connSNIGenerator" => Ok(Attribute::ServerName),
            "srcIPGenerator" => Ok(Attribute::SourceIp),
            "remoteIPGenerator" => Ok(Attribute::RemoteIp),
            "srcNamespaceGenerator" => Ok(Attribute::SourceNamespace),
            "srcTrustDomainGenerator" => Ok(Attribute::SourceTrustDomain),
            "hostGenerator" => Ok(Attribute::Host),
            "pathGenerator" => Ok(Attribute::Path),
            "methodGenerator" => Ok(Attribute::Method),
            "envoyFilterGenerator" | "requestHeaderGenerator" | "srcPrincipalGenerator" => {
                Attribute::parse(&key)
            }
            other => panic!("{other}"),
        };
        let (Ok(attribute), false) = (&attribute, case["error"].as_bool() == Some(true)) else {
            run.case(name, &true, &matches!(attribute, Err(Untranslatable::BadValue(_))));
            continue;
        };
        // A principal is rewritten only where it has five parts: these have one. Trust domains are of a mesh of
        // one, so that each stands for itself.
        let want = golden_shape(&case["envoyMatcher"], &samples);
        let of_http = want.reads == "path" || want.reads.starts_with("header ");
        run.case(name, &want, &our_shape(attribute, value, &samples));
        run.more(name, &of_http, &attribute.is_http_only());
        assert!(!(of_http && flag(case, "forTCP")), "{name}");
    }
    run.agrees_in(21);
}

#[test]
fn a_filter_of_another_name_is_no_key() {
    // The corpus calls the generator itself; no key of a policy leads there.
    let key = "experimental.a.b.c[d]";
    assert_eq!(Attribute::parse(key), Err(Untranslatable::UnknownKey(key.to_owned())));
}

#[test]
fn trust_domains_migrate_in_a_rule_as_istiods_do() {
    let Some(corpus) = document(&format!("{FOLDER}/model_migrate_rule.yaml")) else { return };
    let mut run = Run::default();
    for case in list(&corpus, "cases") {
        let aliases = texts(case, "trustDomainAliases")
            .into_iter()
            .map(str::to_owned);
        let config = MeshConfig {
            trust_domain: Some(text(case, "trustDomain").to_owned()),
            trust_domain_aliases: Some(aliases.collect()),
            ..MeshConfig::default()
        };
        let mesh = mesh_of(config, "ALLOW", &case["rule"]);
        let [condition] = conditions(only_rule(&mesh)).collect::<Vec<_>>()[..] else {
            panic!("one condition is expected")
        };
        let [value] = condition.values.as_slice() else { panic!("{condition:?}") };
        // Each text as it would be alone: `cluster.local` and its like know none of them.
        let as_it_is = |text: &str| compiled(&condition.attribute, text);
        let want: Vec<ValueMatch> = texts(case, "contains").into_iter().map(as_it_is).collect();
        run.case(text(case, "name"), &want, &value.matches);
        for other in texts(case, "notContains") {
            run.more(text(case, "name"), &false, &value.matches.contains(&as_it_is(other)));
        }
    }
    run.agrees_in(3);
}

#[test]
fn namespaces_take_what_istiods_take() {
    let Some(corpus) = document(&format!("{FOLDER}/model_namespace.yaml")) else { return };
    let mut run = Run::default();
    for case in list(&corpus, "cases") {
        let pattern = NamespaceMatch::parse(text(case, "pattern"));
        for value in list(case, "values") {
            let name = text(value, "value");
            run.case(name, &flag(value, "expected"), &pattern.matches(name));
        }
    }
    run.agrees_in(4);
}

#[test]
fn request_principals_are_split_as_istiod_does() {
    let Some(corpus) = document(&format!("{FOLDER}/model_request_principal.yaml")) else { return };
    let mut run = Run::default();
    for case in list(&corpus, "cases") {
        let sides: Vec<(&str, StringMatch)> = list(&case["envoyMatcher"]["and_ids"], "ids")
            .iter()
            .map(|id| {
                let metadata = &id["metadata"];
                assert_eq!(text(metadata, "filter"), "envoy.filters.http.jwt_authn");
                let [payload, claim] = list(metadata, "path") else { panic!("{id:?}") };
                assert_eq!(text(payload, "key"), "payload");
                let golden = Golden::read(&metadata["value"]["string_match"]);
                (text(claim, "key"), in_our_words(&golden))
            })
            .collect();
        let [("iss", issuer), ("sub", subject)] = sides.as_slice() else { panic!("{sides:?}") };
        let want =
            ValueMatch::RequestPrincipal { issuer: issuer.clone(), subject: subject.clone() };
        let pattern = text(case, "pattern");
        run.case(pattern, &want, &compiled(&Attribute::RequestPrincipal, pattern));
    }
    run.agrees_in(8);
}

#[test]
fn values_and_not_values_of_a_source_are_istiods() {
    let Some(corpus) = document(&format!("{FOLDER}/model_rule_principal.yaml")) else { return };
    let mut run = Run::default();
    for case in list(&corpus, "cases") {
        let (field, negated) = match text(case, "generator") {
            "srcPrincipalGenerator" => ("principals", "notPrincipals"),
            "srcNamespaceGenerator" => ("namespaces", "notNamespaces"),
            other => panic!("{other}"),
        };
        let lists = [(field, "values"), (negated, "notValues")]
            .map(|(field, key)| format!("{field}: [{}]", texts(case, key).join(", ")));
        let rule = rule_of(&format!("from: [{{source: {{{}}}}}]", lists.join(", ")));
        let mesh = mesh_of(MeshConfig::default(), "ALLOW", &rule);
        let got: Vec<(bool, Vec<&str>)> = conditions(only_rule(&mesh))
            .map(|condition| {
                let [value] = condition.values.as_slice() else { panic!("{condition:?}") };
                let takes = taken(NAMES, |name| match value.matches.as_slice() {
                    [ValueMatch::Principal(principal)] => principal.matches(name),
                    [ValueMatch::Namespace(namespace)] => namespace.matches(name),
                    other => panic!("{other:?}"),
                });
                (condition.negated, takes)
            })
            .collect();
        let want: Vec<(bool, Vec<&str>)> = case["envoyMatcher"]
            .as_sequence()
            .unwrap()
            .iter()
            .map(|matcher| match matcher.get("notId") {
                Some(inner) => (true, any_of(inner)),
                None => (false, any_of(matcher)),
            })
            .collect();
        run.case(text(case, "name"), &want, &got);
    }
    run.agrees_in(2);
}

/// The names that the only one of `orIds` takes, wherever Envoy reads them.
fn any_of(matcher: &Value) -> Vec<&'static str> {
    let [only] = list(&matcher["orIds"], "ids") else { panic!("{matcher:?}") };
    let string = match only.get("authenticated") {
        Some(inner) => &inner["principalName"],
        None => &only["filterState"]["stringMatch"],
    };
    golden_takes(&Golden::read(string), NAMES)
}

#[test]
fn service_accounts_take_what_istiods_take() {
    let Some(corpus) = document(&format!("{FOLDER}/model_service_account.yaml")) else { return };
    let mut run = Run::default();
    let ours = |case: &Value| {
        ServiceAccountMatch::parse(text(case, "pattern"), text(case, "policyNamespace"))
    };
    for case in list(&corpus, "cases") {
        let got = ours(case).matches(text(case, "value"));
        run.case(text(case, "name"), &flag(case, "expected"), &got);
    }
    for case in list(&corpus, "regex") {
        let (regex, pattern) = (text(case, "regex"), text(case, "pattern"));
        let golden = pieces(regex);
        let (namespace, account) = pattern
            .split_once('/')
            .unwrap_or_else(|| (text(case, "policyNamespace"), pattern));
        let samples: Vec<String> = [
            "spiffe://td/ns/NS/sa/SA",
            "spiffe:///ns/NS/sa/SA",
            "spiffe://ns/NS/sa/SA",
            "spiffe://td/ns/NS/sa/SA/",
            "spiffe://td/ns/NS/sa/SA/x",
            "spiffe://td/ns/NS/sa/SAx",
            "spiffe://td/ns/NSx/sa/SA",
            "spiffe://td/ns/NS//sa/SA",
            "spiffe://td/ns/NS///sa/SA",
            "spiffe://td/ns/NS/x/sa/SA",
            "spiffe://td/ns/NS/visa/SA",
            "spiffe://td/ns/NS/x/sa/SA/sa/SA",
            "spiffe://td/ns/NS/ns/NS/sa/SA",
            "spiffe://td/x/ns/NS/sa/SA",
            "spiffe://td/ns/NS/sa/x",
            "spiffe://t\nd/ns/NS/sa/SA",
            "spiffe://td/ns/NS/x\n/sa/SA",
            "spiffe://td/ns/NS/sa/SA/x\n",
            "td/ns/NS/sa/SA",
        ]
        .iter()
        .flat_map(|sample| {
            let exact = sample.replace("NS", namespace).replace("SA", account);
            let other = |text: &str| text.replace(['.', '+', '(', ')'], "x");
            [
                exact,
                sample
                    .replace("NS", &other(namespace))
                    .replace("SA", &other(account)),
            ]
        })
        .collect();
        let want = taken(&samples, |name| take_all(&golden, name));
        assert!(!want.is_empty() && want.len() < samples.len(), "{regex}");
        run.case(regex, &want, &taken(&samples, |name| ours(case).matches(name)));
    }
    run.agrees_in(15 + 4);
}

#[test]
fn every_file_of_the_folder_is_read_by_a_test() {
    let Some(files) = files(FOLDER) else { return };
    let adapters = sources("tests/conformance");
    let unread: Vec<&String> = files
        .iter()
        .filter(|file| *file != "ORIGIN.md")
        .filter(|file| {
            let mut lines = adapters.iter().flat_map(|(_, text)| text.lines());
            !lines.any(|line| {
                line.contains(&format!("/{file}\"")) && !line.trim_start().starts_with("//")
            })
        })
        .collect();
    assert_eq!(unread, Vec::<&String>::new());
}

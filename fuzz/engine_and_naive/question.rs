//! Choices → a question about a generated mesh, mostly one that gets as far as the policies.

use portcullis::request::{
    Caller, Claim, Claims, Defect, HostSpec, HttpSpec, HttpVersion, Protocol, RequestSpec,
    StatedToken, TlsChoice,
};

use super::super::choices::Choices;

const TARGETS: &[&str] = &[
    "/admin",
    "/",
    "/admin/x",
    "/admin/x?y=/end",
    "/a/x/b/end",
    "//admin",
    "/x/../admin",
    "/x/%2e%2E/admin",
    "/%61dmin",
    "/admin%2Fx",
    "/admin%5cx",
    "/admin\\x",
    "/x%00",
    "/admin;x",
    "/x/..;y/admin",
    "/\u{e9}",
    "/a[b]",
    "/admin/",
    "/admin//",
    "///",
    "/admin/..",
    "/admin/.",
    "/../admin",
    "/x//../admin",
    "/%7Eu",
    "/~u",
    "/admin#x",
    "/admin?x=1",
    "/ADMIN",
    "/q/x/y/end",
    "/admin/a b",
    "/admin/\"{|}^`<>",
    "/%c3%a9%zz",
    "/%2e%2e%2fadmin",
    "/?access_token=stated.token.0",
    "/admin?b=2&token=stated.token.0&a=1",
    "/admin?access_token=x",
    "http://example.com/admin",
    "https://example.com:80/admin?x=1",
    "http://example.com",
    "example.com:80",
    "*",
    "",
];
const HOSTS: &[&str] =
    &["example.com", "EXAMPLE.com", "example.com:80", "web.foo:80", "a.com", "example.com.", ""];
const NAMES: &[&str] = &[
    "x-role",
    "X-ROLE",
    "x-forwarded-for",
    "user-agent",
    "x-claim",
    "x-jwt",
    "origin",
    "access-control-request-method",
    "x-forwarded-proto",
    "connection",
    "x-envoy-internal",
    "content-type",
    "cookie",
    "x-request-id",
];
const VALUES: &[&str] = &[
    "admin",
    "10.1.2.3",
    "a,b",
    "",
    "10.1.2.3, 1.2.3.4",
    "1.2.3.4,10.1.2.3,2001:db8::1",
    "10.1.2.3:80",
    "10.1.2.3,",
    "x-role",
    "\u{e9}",
    "application/grpc",
    "stated.token.0",
    "Bearer stated.token.0",
    "token=stated.token.0; a=b",
    "https",
    " admin ",
    "fe80::1%1",
];

pub fn question(choices: &mut Choices<'_>) -> RequestSpec {
    let certificate =
        |uri: &str| Caller::Certificate { uris: vec![uri.to_owned()], foreign: false };
    let from = match choices.below(44) {
        23 => Caller::Plaintext,
        22 => Caller::External,
        21 => Caller::Workload("bare.foo".to_owned()),
        20 => certificate("spiffe://old.td/ns/foo/sa/sleep"),
        19 => certificate("spiffe://cluster.local/ns/bar/sa/sleep"),
        18 => certificate("spiffe://cluster.local/ns/foo/x/ns/f/sa/sleep/y"),
        17 => certificate("https://cluster.local"),
        16 => Caller::Certificate {
            uris: vec![
                "https://x/ns/foo/y".to_owned(),
                "spiffe://td1/ns/bar/sa/sleep".to_owned(),
                "spiffe://cluster.local/x".to_owned(),
            ],
            foreign: false,
        },
        15 => Caller::Certificate { uris: Vec::new(), foreign: choices.once_in(2) },
        14 => certificate("spiffe://td1/ns/foo/sa/sleep"),
        13 => certificate("spiffe://cluster.local/ns/foobar/sa/sleepy/ns/foo/a/sa/sleep"),
        12 => Caller::Workload("sleep.bar".to_owned()),
        11 => certificate("spiffe://cluster.local/ns/foo/sa/sleep"),
        _ => Caller::Workload("sleep.foo".to_owned()),
    };
    let to = match choices.below(16) {
        15 => ("gateway.istio-system", choices.pick(&[8080, 8443])),
        14 => ("bare.foo", 8080),
        13 => choices.pick(&[("web.foo", 7001), ("web.foo", 3306), ("old.foo", 80)]),
        10..=12 => ("web.foo", 80),
        _ => ("httpbin.foo", choices.pick(&[8080, 8080, 8080, 9000, 7000])),
    };
    let rarely = |choices: &mut Choices<'_>| choices.once_in(10);
    RequestSpec {
        by_host: false,
        from,
        source_ip: choices
            .pick(&[None, None, None, Some("10.1.2.3"), Some("10.1.2.5"), Some("2001:db8::1")])
            .and_then(|ip| ip.parse().ok()),
        remote_ip: choices
            .pick(&[None, None, None, None, Some("10.1.2.3"), Some("2001:db8::")])
            .and_then(|ip| ip.parse().ok()),
        to: to.0.to_owned(),
        port: Some(to.1),
        namespace: None,
        protocol: choices.pick_early(&[
            None,
            None,
            Some(Protocol::Http),
            Some(Protocol::Tcp),
            Some(Protocol::Tls),
        ]),
        tls: choices.pick_early(&[
            TlsChoice::Auto,
            TlsChoice::Auto,
            TlsChoice::Mtls,
            TlsChoice::Plaintext,
            TlsChoice::Tls,
        ]),
        server_name: rarely(choices).then(|| {
            choices
                .pick(&["example.com", "Example.COM", "", "a.com"])
                .to_owned()
        }),
        alpn: rarely(choices).then(|| {
            let count = choices.below(3);
            (0..count)
                .map(|_| {
                    choices.pick(&[
                        "istio",
                        "h2",
                        "istio-h2",
                        "istio-http/1.1",
                        "istio-peer-exchange",
                        "",
                    ])
                })
                .map(str::to_owned)
                .collect()
        }),
        http: http(choices),
        tokens: Vec::new(),
        now: choices.pick_early(&[Some(1_000), Some(1_000), None, Some(1_061), Some(0)]),
    }
    .with_token(choices)
}

/// A token is stated as a suite states one: behind the other lines.
trait WithToken {
    fn with_token(self, choices: &mut Choices<'_>) -> Self;
}

impl WithToken for RequestSpec {
    fn with_token(mut self, choices: &mut Choices<'_>) -> Self {
        if choices.once_in(2) {
            let token = token(choices);
            let line = format!("Bearer {}", token.text);
            self.http.headers.push(("authorization".to_owned(), line));
            self.tokens.push(token);
        } else if choices.once_in(12) {
            let line = choices.pick(&[
                "Bearer a.b.c",
                "Bearer x",
                "bearer stated.token.0",
                "Basic x",
                "Bearer",
            ]);
            self.http
                .headers
                .push(("authorization".to_owned(), line.to_owned()));
        }
        self
    }
}

fn http(choices: &mut Choices<'_>) -> HttpSpec {
    let mut headers = Vec::new();
    for _ in 0..choices.pick(&[0, 0, 1, 1, 2, 3]) {
        let name = if choices.once_in(2) { choices.pick_early(NAMES) } else { choices.pick(NAMES) };
        let value =
            if choices.once_in(2) { choices.pick_early(VALUES) } else { choices.pick(VALUES) };
        headers.push((name.to_owned(), value.to_owned()));
    }
    HttpSpec {
        method: Some(
            choices
                .pick_early(&["GET", "POST", "get", "OPTIONS", "G T", "PUT", "FOO", ""])
                .to_owned(),
        ),
        host: match choices.below(8) {
            7 => HostSpec::Absent,
            5..=6 => HostSpec::Given(choices.pick(HOSTS).to_owned()),
            4 => HostSpec::Given("example.com".to_owned()),
            _ => HostSpec::OfDestination,
        },
        target: Some(
            if choices.once_in(2) { choices.pick_early(TARGETS) } else { choices.pick(TARGETS) }
                .to_owned(),
        ),
        headers,
        version: choices.pick_early(&[
            HttpVersion::Http11,
            HttpVersion::Http11,
            HttpVersion::Http11,
            HttpVersion::Http10,
            HttpVersion::Http2,
        ]),
    }
}

/// A token, under the text that suites give theirs.
fn token(choices: &mut Choices<'_>) -> StatedToken {
    let text = |text: &str| Claim::String(text.to_owned());
    let mut claims = Claims::new();
    let issuer = choices.pick_early(&["issuer", "issuer", "other", "https://issuer/x", ""]);
    if !issuer.is_empty() {
        claims.insert("iss".to_owned(), text(issuer));
    }
    let subject = choices.pick_early(&["subject", "subject", "", "*", "sub/subject"]);
    if !choices.once_in(12) {
        claims.insert("sub".to_owned(), text(subject));
    }
    for name in ["aud", "azp", "role", "a", "scope", "words", "a.b"] {
        let claim = match choices.below(12) {
            1 | 2 => text("admin"),
            3 => Claim::List(vec![text("x"), text("admin")]),
            4 => Claim::List(Vec::new()),
            5 => Claim::Map(Claims::from([("b".to_owned(), text("admin"))])),
            6 => Claim::Number(5.0),
            7 => Claim::Null,
            8 => text("x admin"),
            9 => Claim::List(vec![Claim::Bool(true), text("https://admin/")]),
            10 => Claim::Bool(true),
            _ => continue,
        };
        claims.insert(name.to_owned(), claim);
    }
    for name in ["exp", "nbf", "iat", "jti"] {
        if choices.once_in(12) {
            let number = choices.pick(&[0.0, 1_000.0, 940.0, 939.0, 1_060.0, 1_061.0, -1.0, 1e300]);
            claims.insert(name.to_owned(), Claim::Number(number));
        }
    }
    let defect = choices.once_in(10).then(|| {
        choices.pick(&[
            Defect::Expired,
            Defect::BadSignature,
            Defect::Malformed,
            Defect::NotYet,
            Defect::WrongKey,
        ])
    });
    StatedToken { text: "stated.token.0".to_owned(), claims, defect }
}

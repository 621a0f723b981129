//! A seed to a small mesh, as text, and to questions about it: values are those at which answers turn.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::OnceLock;

use portcullis::diagnostic::{Position, Severity, Sourced};
use portcullis::istio::{ExtensionProvider, MeshConfig, Normalization, ProviderKind, Resource};
use portcullis::mesh::{Admission, Mesh, MeshInputs, ProviderStub};
use portcullis::request::{
    Caller, Claim, Claims, Defect, HostSpec, HttpSpec, HttpVersion, Protocol, RequestSpec,
    StatedToken, TlsChoice,
};

use super::load::load;

/// A stream of numbers that a seed begins (`SplitMix64`).
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// From 0 to `bound`, which is left out.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound).unwrap();
        usize::try_from(self.next() % bound).unwrap()
    }

    /// Once in so many times.
    pub(crate) fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    pub(crate) fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }

    /// Mostly one of the first two.
    pub(crate) fn pick_early<T: Copy>(&mut self, of: &[T]) -> T {
        let bound = if self.once_in(8) { of.len() } else { of.len().min(2) };
        of[self.below(bound)]
    }

    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}

type Table = &'static [(&'static str, &'static [&'static str])];

const PRINCIPALS: &[&str] = &[
    "cluster.local/ns/foo/sa/sleep",
    "*",
    "*/sa/sleep",
    "cluster.local/*",
    "old.td/ns/foo/sa/sleep",
    "td*/ns/foo/sa/sleep",
    "cluster.local/ns/*/sa/sleep",
    "spiffe://cluster.local/ns/foo/sa/sleep",
    "**",
    "",
];
const NAMESPACES: &[&str] = &["foo", "bar", "*", "f*", "*o", "f*o", "fo", "foo/sa/sleep", ""];
const ACCOUNTS: &[&str] = &["sleep", "foo/sleep", "bar/sleep", "slee", "sleep/"];
const DOMAINS: &[&str] = &["cluster.local", "old.td", "*", "cluster*", "*.local", "c*l", ""];
const BLOCKS: &[&str] =
    &["10.0.0.0/8", "10.1.2.3", "0.0.0.0/0", "10.1.2.4/31", "::/0", "2001:db8::1", "10.1.2.3/32"];
const BAD_BLOCKS: &[&str] = &["a.b.c.d", "10.0.0.0/33", ""];
const PORTS: &[&str] = &["8080", "9000", "7000", "0", "65535"];
const BAD_PORTS: &[&str] = &["65536", "http", ""];
const ISSUED: &[&str] =
    &["issuer/subject", "*", "issuer/*", "*/subject", "iss*", "*ect", "issuer/sub*", "issuer", ""];
const HOSTS: &[&str] =
    &["example.com", "*", "*.com", "EXAMPLE.*", "httpbin.foo:8080", "example.com:80", ""];
const METHODS: &[&str] = &["GET", "*", "P*", "*ST", "get", "POST"];
const PATHS: &[&str] = &[
    "/admin",
    "/*",
    "/admin/*",
    "*/admin",
    "*",
    "/admin/{*}",
    "/{**}",
    "/{*}/x/{**}/end",
    "/a*n",
    "/ADMIN",
    "",
];
const TEXTS: &[&str] = &["admin", "*", "ad*", "*in", "a,b", ""];

const SOURCES: Table = &[
    ("principals", PRINCIPALS),
    ("requestPrincipals", ISSUED),
    ("namespaces", NAMESPACES),
    ("ipBlocks", BLOCKS),
    ("remoteIpBlocks", BLOCKS),
    ("serviceAccounts", ACCOUNTS),
    ("trustDomains", DOMAINS),
];
const OPERATIONS: Table =
    &[("hosts", HOSTS), ("ports", PORTS), ("methods", METHODS), ("paths", PATHS)];
const KEYS: Table = &[
    ("source.ip", BLOCKS),
    ("remote.ip", BLOCKS),
    ("source.namespace", NAMESPACES),
    ("source.principal", PRINCIPALS),
    ("source.serviceAccount", ACCOUNTS),
    ("source.trustDomain", DOMAINS),
    ("request.headers[X-Role]", TEXTS),
    ("request.headers[:authority]", HOSTS),
    ("request.auth.principal", ISSUED),
    ("request.auth.audiences", TEXTS),
    ("request.auth.presenter", TEXTS),
    ("request.auth.claims[role]", TEXTS),
    ("request.auth.claims[a][b]", TEXTS),
    ("destination.ip", BLOCKS),
    ("destination.port", PORTS),
    ("connection.sni", HOSTS),
    ("experimental.envoy.filters.a.b[c]", &["admin", "[admin]", "*"]),
    ("request.headers[broken", TEXTS),
    ("source.labels[unknown]", TEXTS),
];

/// A field of a source or an operation, or a key, with its values.
#[derive(Clone, Debug)]
pub(crate) struct Term {
    pub(crate) name: &'static str,
    pub(crate) negated: bool,
    pub(crate) values: Vec<&'static str>,
}

impl Term {
    fn of(random: &mut Random, table: Table) -> Self {
        let (name, values) = random.pick(table);
        let count = 1 + random.below(3);
        let values = (0..count).map(|_| match name {
            "ports" | "destination.port" if random.once_in(20) => random.pick(BAD_PORTS),
            _ if values == BLOCKS && random.once_in(20) => random.pick(BAD_BLOCKS),
            _ if random.once_in(3) => random.pick(values),
            _ => random.pick_early(values),
        });
        let values = values.collect();
        Self { name, negated: random.once_in(5), values }
    }

    /// Whether istiod can translate every value: one that it cannot takes an ALLOW rule away, and elsewhere is
    /// left out, so that a list of such values only is no condition at all.
    pub(crate) fn is_well_formed(&self) -> bool {
        let ports = ["ports", "destination.port"].contains(&self.name);
        let blocks = self.name.ends_with("Blocks") || self.name.ends_with(".ip");
        let bad = match (ports, blocks) {
            (true, _) => BAD_PORTS,
            (_, true) => BAD_BLOCKS,
            (false, false) => &[],
        };
        !self.values.iter().any(|value| bad.contains(value))
    }

    fn list(&self) -> String {
        let values: Vec<String> = self
            .values
            .iter()
            .map(|value| format!("'{value}'"))
            .collect();
        format!("[{}]", values.join(", "))
    }

    /// As a field: `notPaths: ['/x']`.
    fn field(&self) -> String {
        let name = match self.name.split_at_checked(1) {
            Some((first, rest)) if self.negated => format!("not{}{rest}", first.to_uppercase()),
            _ => self.name.to_owned(),
        };
        format!("{name}: {}", self.list())
    }

    /// As a condition.
    fn condition(&self) -> String {
        let list = if self.negated { "notValues" } else { "values" };
        format!("{{key: '{}', {list}: {}}}", self.name, self.list())
    }
}

/// A rule: any source, any operation, all conditions.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rule {
    from: Vec<Vec<Term>>,
    to: Vec<Vec<Term>>,
    when: Vec<Term>,
}

impl Rule {
    pub(crate) fn of(random: &mut Random) -> Self {
        let mut rule = Self::default();
        for (clauses, table) in [(&mut rule.from, SOURCES), (&mut rule.to, OPERATIONS)] {
            for _ in 0..random.pick(&[0, 0, 1, 1, 2]) {
                let mut fields: Vec<Term> = Vec::new();
                for _ in 0..=random.below(2) {
                    let field = Term::of(random, table);
                    let known = |other: &Term| {
                        other.field().split(':').next() == field.field().split(':').next()
                    };
                    if !fields.iter().any(known) {
                        fields.push(field);
                    }
                }
                clauses.push(fields);
            }
        }
        for _ in 0..random.pick(&[0, 0, 0, 1, 2]) {
            rule.when.push(Term::of(random, KEYS));
        }
        rule
    }

    /// Every term, in one order.
    pub(crate) fn terms_mut(&mut self) -> Vec<&mut Term> {
        let clauses = self.from.iter_mut().chain(&mut self.to);
        clauses.flatten().chain(&mut self.when).collect()
    }

    fn text(&self) -> String {
        let mut parts = Vec::new();
        for (list, entry, clauses) in
            [("from", "source", &self.from), ("to", "operation", &self.to)]
        {
            let clauses: Vec<String> = clauses
                .iter()
                .map(|terms| {
                    let fields: Vec<String> = terms.iter().map(Term::field).collect();
                    format!("{{{entry}: {{{}}}}}", fields.join(", "))
                })
                .collect();
            if !clauses.is_empty() {
                parts.push(format!("{list}: [{}]", clauses.join(", ")));
            }
        }
        if !self.when.is_empty() {
            let when: Vec<String> = self.when.iter().map(Term::condition).collect();
            parts.push(format!("when: [{}]", when.join(", ")));
        }
        format!("{{{}}}", parts.join(", "))
    }
}

/// An AuthorizationPolicy.
#[derive(Clone, Debug)]
pub(crate) struct Policy {
    pub(crate) name: String,
    namespace: &'static str,
    app: Option<&'static str>,
    pub(crate) action: &'static str,
    pub(crate) dry_run: bool,
    provider: &'static str,
    pub(crate) rules: Vec<Rule>,
}

impl Policy {
    /// A policy that mostly is about `httpbin.foo`.
    pub(crate) fn of(random: &mut Random, name: String) -> Self {
        let action = random.pick(&["ALLOW", "ALLOW", "ALLOW", "DENY", "DENY", "AUDIT", "CUSTOM"]);
        Self {
            name,
            namespace: random.pick(&["foo", "foo", "foo", "foo", "istio-system", "bar"]),
            app: random.pick(&[None, None, Some("httpbin"), Some("httpbin"), Some("other")]),
            action,
            dry_run: random.once_in(8),
            provider: random.pick(&["grpc", "grpc", "http", "missing"]),
            rules: (0..random.pick(&[0, 1, 1, 2, 3]))
                .map(|_| Rule::of(random))
                .collect(),
        }
    }

    fn text(&self) -> String {
        let mut text = format!(
            "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {{name: {}, namespace: {}",
            self.name, self.namespace
        );
        if self.dry_run {
            text.push_str(", annotations: {istio.io/dry-run: 'true'}");
        }
        write!(text, "}}\nspec:\n  action: {}\n", self.action).unwrap();
        if let Some(app) = self.app {
            writeln!(text, "  selector: {{matchLabels: {{app: {app}}}}}").unwrap();
        }
        if self.action == "CUSTOM" {
            writeln!(text, "  provider: {{name: {}}}", self.provider).unwrap();
        }
        let rules: Vec<String> = self.rules.iter().map(Rule::text).collect();
        writeln!(text, "  rules: [{}]", rules.join(", ")).unwrap();
        text
    }
}

/// Three workloads, the second with a Service of two ports; its 7000 is declared nowhere.
pub(crate) const INVENTORY: &str = "\
{apiVersion: v1, kind: Namespace, metadata: {name: foo, labels: {istio-injection: enabled}}}
---
{apiVersion: v1, kind: Pod, metadata: {name: sleep, namespace: foo, labels: {app: sleep}}, spec: {serviceAccountName: sleep, containers: []}, status: {podIP: 10.1.2.3}}
---
{apiVersion: v1, kind: Pod, metadata: {name: httpbin, namespace: foo, labels: {app: httpbin}}, spec: {serviceAccountName: httpbin, containers: []}, status: {podIP: 10.1.2.4}}
---
{apiVersion: v1, kind: Pod, metadata: {name: bare, namespace: foo, labels: {app: bare, sidecar.istio.io/inject: 'false'}}, spec: {containers: []}}
---
{apiVersion: v1, kind: Service, metadata: {name: httpbin, namespace: foo}, spec: {selector: {app: httpbin}, ports: [{port: 8080, name: http}, {port: 9000, name: tcp}]}}
";

/// The inventory, read once: every mesh has it.
fn inventory() -> &'static [Resource] {
    static READ: OnceLock<Vec<Resource>> = OnceLock::new();
    READ.get_or_init(|| {
        let loaded = load(INVENTORY);
        assert!(loaded.findings.is_empty(), "{:?}", loaded.findings);
        loaded.resources
    })
}

/// A mesh before it is read.
#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) config: MeshConfig,
    pub(crate) stubs: BTreeMap<String, ProviderStub>,
    pub(crate) policies: Vec<Policy>,
    /// Resources of other kinds; the inventory is not among them.
    others: Vec<String>,
    /// The order of the resources.
    order: Random,
    shuffled: bool,
}

impl World {
    pub(crate) fn of(random: &mut Random) -> Self {
        let policies = (0..random.pick(&[0, 1, 2, 3, 4, 5]))
            .map(|number| Policy::of(random, format!("p{number}")))
            .collect();
        let mut others = Vec::new();
        for number in 0..random.pick(&[0, 0, 1, 2]) {
            others.push(peer_authentication(random, number));
        }
        for number in 0..random.pick(&[0, 1, 1, 2]) {
            let issuer = random.pick(&["issuer", "issuer", "issuer", "other", ""]);
            let audiences = random.pick(&["", "", ", audiences: [admin]"]);
            others.push(format!(
                "apiVersion: security.istio.io/v1\nkind: RequestAuthentication\nmetadata: {{name: r{number}, namespace: foo}}\nspec: {{jwtRules: [{{issuer: '{issuer}'{audiences}}}]}}\n"
            ));
        }
        Self {
            config: config(random),
            stubs: stubs(random),
            policies,
            others,
            order: random.clone(),
            shuffled: false,
        }
    }

    /// The same in another order.
    pub(crate) fn shuffled(&self, random: &Random) -> Self {
        Self { order: random.clone(), shuffled: true, ..self.clone() }
    }

    /// Its resources, as files have them.
    pub(crate) fn text(&self) -> String {
        let policies = self.policies.iter().map(Policy::text);
        let mut documents: Vec<String> = policies.chain(self.others.iter().cloned()).collect();
        if self.shuffled {
            self.order.clone().shuffle(&mut documents);
        }
        documents.join("---\n")
    }

    /// Everything that the mesh is made of, the inventory included.
    #[cfg(feature = "cli")]
    pub(crate) fn resources(&self) -> Vec<Resource> {
        let loaded = load(&self.text());
        inventory()
            .iter()
            .cloned()
            .chain(loaded.resources)
            .collect()
    }

    /// The policies.
    pub(crate) fn policies(&self) -> Vec<Resource> {
        let loaded = load(&self.text());
        let wrong = loaded
            .findings
            .iter()
            .find(|finding| finding.severity == Severity::Error);
        assert!(wrong.is_none(), "{wrong:?}");
        loaded.resources
    }

    /// The mesh; what the webhook would refuse is taken as istiod takes it.
    pub(crate) fn mesh(&self) -> Mesh {
        self.mesh_of(&self.policies())
    }

    /// The mesh of these policies.
    pub(crate) fn mesh_of(&self, policies: &[Resource]) -> Mesh {
        let mut resources = [inventory(), policies];
        if self.shuffled {
            resources.reverse();
        }
        let inputs = MeshInputs {
            config: self.config.clone(),
            resources: resources.to_vec(),
            stubs: self.stubs.clone(),
            admission: Admission::Bypassed,
            ..MeshInputs::default()
        };
        Mesh::compile(inputs).unwrap().0
    }
}

fn peer_authentication(random: &mut Random, number: usize) -> String {
    const MODES: &[&str] = &["PERMISSIVE", "STRICT", "PERMISSIVE", "DISABLE", "UNSET"];
    let namespace = random.pick(&["foo", "istio-system"]);
    let mut spec = format!("mtls: {{mode: {}}}", random.pick(MODES));
    if namespace == "foo" && random.once_in(2) {
        let (port, mode) = (random.pick(&["8080", "9000"]), random.pick(MODES));
        write!(spec, ", selector: {{matchLabels: {{app: httpbin}}}}, portLevelMtls: {{{port}: {{mode: {mode}}}}}").unwrap();
    }
    format!(
        "apiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {{name: a{number}, namespace: {namespace}}}\nspec: {{{spec}}}\n"
    )
}

fn config(random: &mut Random) -> MeshConfig {
    let provider = |name: &str, kind| ExtensionProvider {
        name: Sourced { value: name.to_owned(), position: Position::START },
        kind,
        service: Some("authz.foo.svc.cluster.local".to_owned()),
        port: Some(9000),
        fail_open: kind == ProviderKind::Http,
        status_on_error: None,
        include_request_headers: vec!["x-role".to_owned()],
        check: portcullis::istio::Check::default(),
    };
    MeshConfig {
        trust_domain: random.once_in(4).then(|| "td1".to_owned()),
        trust_domain_aliases: Some(vec!["old.td".to_owned(), "cluster.local".to_owned()]),
        normalization: Some(random.pick(&[
            Normalization::Base,
            Normalization::Base,
            Normalization::None,
            Normalization::MergeSlashes,
            Normalization::DecodeAndMergeSlashes,
        ])),
        extension_providers: Some(vec![
            provider("grpc", ProviderKind::Grpc),
            provider("http", ProviderKind::Http),
        ]),
        ..MeshConfig::default()
    }
}

fn stubs(random: &mut Random) -> BTreeMap<String, ProviderStub> {
    let mut stubs = BTreeMap::new();
    for name in ["grpc", "http"] {
        let stub = match random.below(6) {
            0 => ProviderStub::Deny,
            1 => ProviderStub::Error,
            2 => {
                ProviderStub::AllowWhen { header: "x-role".to_owned(), equals: "admin".to_owned() }
            }
            3 => continue,
            _ => ProviderStub::Allow,
        };
        stubs.insert(name.to_owned(), stub);
    }
    stubs
}

/// A question, mostly one that gets as far as the policies.
pub(crate) fn question(random: &mut Random) -> RequestSpec {
    let identity = |uri: &str| Caller::Certificate { uris: vec![uri.to_owned()], foreign: false };
    let from = match random.below(24) {
        0 => Caller::Plaintext,
        1 => Caller::External,
        2 => Caller::Workload("bare.foo".to_owned()),
        3 => identity("spiffe://old.td/ns/foo/sa/sleep"),
        4 => identity("spiffe://cluster.local/ns/bar/sa/sleep"),
        5 => identity("spiffe://cluster.local/ns/foo/x/ns/f/sa/sleep/y"),
        6 => identity("https://cluster.local"),
        7 => Caller::Certificate { uris: Vec::new(), foreign: true },
        _ => Caller::Workload("sleep.foo".to_owned()),
    };
    let rarely = |random: &mut Random| random.once_in(10);
    RequestSpec {
        by_host: false,
        from,
        source_ip: random
            .pick(&[None, None, Some("10.1.2.3"), Some("10.1.2.5"), Some("2001:db8::1")])
            .map(|ip| ip.parse().unwrap()),
        remote_ip: random
            .pick(&[None, None, Some("10.1.2.3"), Some("::1")])
            .map(|ip| ip.parse().unwrap()),
        to: random
            .pick_early(&["httpbin.foo", "httpbin.foo", "10.1.2.4", "bare.foo"])
            .to_owned(),
        port: Some(random.pick(&[8080, 8080, 8080, 9000, 7000])),
        namespace: None,
        protocol: random.pick_early(&[
            None,
            None,
            Some(Protocol::Http),
            Some(Protocol::Tcp),
            Some(Protocol::Tls),
        ]),
        tls: random.pick_early(&[
            TlsChoice::Auto,
            TlsChoice::Auto,
            TlsChoice::Mtls,
            TlsChoice::Plaintext,
            TlsChoice::Tls,
        ]),
        server_name: rarely(random).then(|| random.pick(HOSTS).to_owned()),
        alpn: rarely(random)
            .then(|| vec![random.pick(&["istio", "h2", "istio-h2", ""]).to_owned()]),
        http: http(random),
        tokens: vec![token(random)],
        now: random.pick(&[None, Some(0), Some(i64::MAX)]),
    }
}

fn http(random: &mut Random) -> HttpSpec {
    const TARGETS: &[&str] = &[
        "/admin",
        "/",
        "/admin/x",
        "/admin/x?y=/end",
        "/a/x/b/end",
        "//admin",
        "/x/../admin",
        "/x/%2e%2e/admin",
        "/%61dmin",
        "/admin%2Fx",
        "/x%00",
        "/admin;x",
        "/\u{e9}",
        "/a[b]",
        "http://example.com/admin",
        "example.com:80",
        "*",
        "",
    ];
    let mut headers = Vec::new();
    if random.once_in(2) {
        headers.push((
            "Authorization".to_owned(),
            format!("Bearer {}", random.pick_early(&["stated", "stated", "a.b.c", ""])),
        ));
    }
    for _ in 0..random.below(3) {
        let name = random.pick(&[
            "x-role",
            "X-ROLE",
            "x-forwarded-for",
            "connection",
            "origin",
            "x-envoy-internal",
        ]);
        let value =
            random.pick_early(&["admin", "a,b", "", "10.1.2.3", "10.1.2.3, x", "x-role", "\u{e9}"]);
        headers.push((name.to_owned(), value.to_owned()));
    }
    HttpSpec {
        method: Some(
            random
                .pick_early(&["GET", "POST", "get", "OPTIONS", "CONNECT", "", "G T"])
                .to_owned(),
        ),
        host: match random.below(6) {
            0 => HostSpec::Absent,
            1 => HostSpec::Given(random.pick(HOSTS).to_owned()),
            2 => HostSpec::Given("example.com".to_owned()),
            _ => HostSpec::OfDestination,
        },
        target: Some(random.pick_early(TARGETS).to_owned()),
        headers,
        version: random.pick_early(&[
            HttpVersion::Http11,
            HttpVersion::Http11,
            HttpVersion::Http2,
            HttpVersion::Http10,
        ]),
    }
}

/// The token that `stated` stands for.
fn token(random: &mut Random) -> StatedToken {
    let text = |text: &str| Claim::String(text.to_owned());
    let mut claims = Claims::from([
        ("iss".to_owned(), text(random.pick_early(&["issuer", "issuer", "other", ""]))),
        ("sub".to_owned(), text(random.pick_early(&["subject", "subject", ""]))),
    ]);
    for name in ["aud", "azp", "role", "a", "exp"] {
        let claim = match random.below(9) {
            0 | 1 => text("admin"),
            2 => Claim::List(vec![text("x"), text("admin")]),
            3 => Claim::List(Vec::new()),
            4 => Claim::Map(Claims::from([("b".to_owned(), text("admin"))])),
            5 => Claim::Number(1e300),
            6 => Claim::Null,
            _ => continue,
        };
        claims.insert(name.to_owned(), claim);
    }
    let defect = random
        .once_in(8)
        .then(|| random.pick(&[Defect::Expired, Defect::BadSignature, Defect::Malformed]));
    StatedToken { text: "stated".to_owned(), claims, defect }
}

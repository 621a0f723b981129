//! Decide, explain and account for the same questions, on one core: `cargo bench --bench explain`.
//! A plain program: figures for people, no threshold.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::as_conversions,
    clippy::cast_precision_loss,
    reason = "a benchmark reads the clock and prints"
)]

use std::fmt::Write as _;
use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use portcullis::decide::Verdict;
use portcullis::jwt::InlineKeys;
use portcullis::mesh::Mesh;
use portcullis::report::Account;
use portcullis::request::Request;
use portcullis::suite;

/// The meshes of the corpus made here.
const MESHES: usize = 40;
/// Policies of each, two rules to a policy, all about one workload.
const POLICIES: usize = 12;
/// A time at which every token of the shared corpus is valid.
const NOW: i64 = 1_790_000_000;

/// A mesh with a namespace of policies, and every question that differs: callers, methods, paths, a header, a token.
fn made(mesh: usize) -> String {
    let mut text =
        "apiVersion: portcullis.dev/v1alpha1\nkind: TestSuite\nvacuous: allowed\nmanifests: |\n"
            .to_owned();
    let mut manifest = |body: &str| {
        for line in format!("---\n{body}").lines() {
            writeln!(text, "  {line}").unwrap();
        }
    };
    manifest(
        "apiVersion: security.istio.io/v1\nkind: RequestAuthentication\nmetadata: {name: r, namespace: foo}\nspec: {jwtRules: [{issuer: i}]}\n",
    );
    for policy in 0..POLICIES {
        let action = if policy % 4 == 3 { "DENY" } else { "ALLOW" };
        manifest(&format!(
            "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {{name: p{policy}, namespace: foo}}\nspec:\n  action: {action}\n  rules:\n  - from: [{{source: {{principals: [cluster.local/ns/foo/sa/a{policy}]}}}}, {{source: {{namespaces: [n{policy}], notIpBlocks: [10.0.0.0/8]}}}}]\n    to: [{{operation: {{methods: [GET, POST], paths: [/api/v{policy}/*, '/files/{{*}}/{mesh}']}}}}, {{operation: {{hosts: ['*.h{policy}.example.com'], ports: ['8080']}}}}]\n  - when: [{{key: 'request.headers[x-tenant]', values: [t{policy}]}}, {{key: 'request.auth.claims[role]', notValues: [guest]}}]\n"
        ));
    }
    text.push_str("workloads: [{name: httpbin, namespace: foo, labels: {app: httpbin}, ports: [{port: 8080, protocol: HTTP}, {port: 9000, protocol: TCP}]}]\ntests:\n");
    for (number, from) in [
        "{principal: cluster.local/ns/foo/sa/a1}",
        "{principal: cluster.local/ns/n2/sa/b, ip: 192.0.2.1}",
        "{plaintext: true}",
    ]
    .iter()
    .enumerate()
    {
        for request in [
            "{path: /api/v1/x}",
            "{path: /api/v7/x, method: PUT}",
            "{path: /, headers: {x-tenant: t5}}",
            "{path: '/files/a/3?q', jwt: {claims: {iss: i, sub: s, role: guest}}}",
            "{host: a.h2.example.com}",
        ] {
            writeln!(text, "- {{name: q{number}, from: {from}, to: 'httpbin.foo:8080', request: {request}, expect: deny}}").unwrap();
        }
        writeln!(text, "- {{name: q{number}, from: {from}, to: 'httpbin.foo:9000', expect: deny}}")
            .unwrap();
    }
    text
}

/// The meshes and requests of one suite file.
fn cases(name: &str, text: &str, into: &mut Vec<(Mesh, Vec<Request>)>) {
    let mut findings = Vec::new();
    for suite in suite::read(name, text, &mut findings) {
        let Ok(prepared) = suite::prepare(&suite, &[]) else { continue };
        let mut mesh = prepared.mesh;
        mesh.token_reader = Some(Arc::new(InlineKeys));
        let specs = suite.cases.iter();
        let mut requests: Vec<Request> = specs
            .flat_map(|case| mesh.requests(&case.spec).unwrap_or_default())
            .collect();
        for request in &mut requests {
            request.now = Some(NOW);
        }
        into.push((mesh, requests));
    }
    assert!(findings.is_empty(), "{:?}", findings.first());
}

/// How long something takes for every request, the best of some rounds.
fn time<T>(
    corpus: &[(Mesh, Vec<Request>)],
    rounds: usize,
    what: impl Fn(&Mesh, &Request) -> T,
) -> Duration {
    let round = || {
        let start = Instant::now();
        for (mesh, requests) in corpus {
            for request in requests {
                black_box(what(mesh, black_box(request)));
            }
        }
        start.elapsed()
    };
    (0..rounds).map(|_| round()).min().unwrap_or_default()
}

fn measure(name: &str, corpus: &[(Mesh, Vec<Request>)]) {
    let count: usize = corpus.iter().map(|(_, requests)| requests.len()).sum();
    let refused = |(mesh, requests): &(Mesh, Vec<Request>)| {
        let refused = requests
            .iter()
            .filter(|request| mesh.decide(request).verdict != Verdict::Allow);
        refused.count()
    };
    let refused: usize = corpus.iter().map(refused).sum();
    println!("{name}: {count} requests, {refused} of them refused");
    let decide = time(corpus, 20, Mesh::decide);
    let per = |taken: Duration| taken.as_secs_f64() / count as f64 * 1e6;
    let line = |what: &str, taken: Duration| {
        let ratio = taken.as_secs_f64() / decide.as_secs_f64();
        println!("  {what:<32}{:>9.2} µs each {ratio:>9.1} ×", per(taken));
    };
    line("decide", decide);
    line("explain", time(corpus, 20, Mesh::explain));
    line(
        "explain and surprises",
        time(corpus, 10, |mesh, request| mesh.explain(request).surprises(mesh, request)),
    );
    line("remedy", time(corpus, 2, Mesh::remedy));
    line(
        "explain, remedy and account",
        time(corpus, 2, |mesh, request| Account::of(mesh, request, &mesh.explain(request))),
    );
}

fn main() {
    let mut corpus = Vec::new();
    for mesh in 0..MESHES {
        cases("made.test.yaml", &made(mesh), &mut corpus);
    }
    measure("made here", &corpus);
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/conformance/envoy");
    let Ok(entries) = std::fs::read_dir(shared) else {
        println!("skipped: ../shared/conformance/envoy is not here");
        return;
    };
    let mut corpus = Vec::new();
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    for path in paths {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if suite::is_suite_file(&name) {
            cases(&name, &std::fs::read_to_string(&path).unwrap(), &mut corpus);
        }
    }
    measure("the shared corpus", &corpus);
}

//! Load 10,000 policies over 1,000 workloads and ask 100,000 questions, on one core: `cargo bench`.
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
use std::time::Instant;

use portcullis::decide::Verdict;
use portcullis::mesh::{Mesh, MeshInputs};
use portcullis::parse::{self, Loaded};
use portcullis::request::{Caller, HttpSpec, Request, RequestSpec, TlsChoice};

const NAMESPACES: usize = 50;
const WORKLOADS: usize = 20;
const POLICIES: usize = 200;
const QUESTIONS: usize = 100_000;

/// 50 namespaces of 20 workloads; each namespace has 200 policies, nine in ten with a selector.
fn manifests() -> String {
    let mut text = String::new();
    for namespace in 0..NAMESPACES {
        for workload in 0..WORKLOADS {
            write!(
                text,
                "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: app{workload}, namespace: ns{namespace}}}\nspec:\n  template:\n    metadata: {{labels: {{app: app{workload}}}}}\n    spec:\n      serviceAccountName: app{workload}\n      containers: [{{name: main, ports: [{{containerPort: 8080}}]}}]\n---\napiVersion: v1\nkind: Service\nmetadata: {{name: app{workload}, namespace: ns{namespace}}}\nspec:\n  selector: {{app: app{workload}}}\n  ports: [{{port: 80, targetPort: 8080, name: http}}]\n"
            )
            .unwrap();
        }
        for policy in 0..POLICIES {
            let workload = policy % WORKLOADS;
            let action = if policy % 10 == 3 { "DENY" } else { "ALLOW" };
            write!(
                text,
                "---\napiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {{name: p{policy}, namespace: ns{namespace}}}\nspec:\n  selector: {{matchLabels: {{app: app{workload}}}}}\n  action: {action}\n  rules:\n  - from:\n    - source:\n        principals: [cluster.local/ns/ns{}/sa/app{}, cluster.local/ns/ns{namespace}/sa/app{}]\n    to:\n    - operation:\n        methods: [GET, POST]\n        paths: [/api/v{policy}/*, '/files/{{*}}/{policy}', '*/health{policy}']\n    when:\n    - key: request.headers[x-tenant]\n      notValues: [t{policy}]\n",
                (namespace + policy) % NAMESPACES,
                policy % 7,
                (policy + 3) % WORKLOADS,
            )
            .unwrap();
        }
    }
    text
}

fn questions(mesh: &Mesh) -> Vec<Request> {
    let mut requests = Vec::with_capacity(QUESTIONS);
    let mut seed = 0x2545_F491_4F6C_DD1D_u64;
    let mut next = |below: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        usize::try_from(seed % below as u64).unwrap()
    };
    while requests.len() < QUESTIONS {
        let (from_ns, from, to_ns, to) =
            (next(NAMESPACES), next(WORKLOADS), next(NAMESPACES), next(WORKLOADS));
        let policy = next(POLICIES / WORKLOADS) * WORKLOADS + to;
        let spec = RequestSpec {
            from: Caller::Workload(format!("app{from}.ns{from_ns}")),
            source_ip: None,
            remote_ip: None,
            to: format!("app{to}.ns{to_ns}"),
            port: Some(80),
            by_host: true,
            namespace: None,
            protocol: None,
            tls: TlsChoice::Auto,
            server_name: None,
            alpn: None,
            http: HttpSpec {
                method: Some(if next(3) == 0 { "POST" } else { "GET" }.to_owned()),
                target: Some(format!("/api/v{policy}/items/{}?q=1", next(1000))),
                headers: vec![("x-tenant".to_owned(), format!("t{}", next(5)))],
                ..HttpSpec::default()
            },
            tokens: Vec::new(),
            now: None,
        };
        requests.extend(mesh.requests(&spec).unwrap());
    }
    requests
}

fn main() {
    let text = manifests();
    let start = Instant::now();
    let mut loaded = Loaded::default();
    parse::resources("bench.yaml", &text, "default", &mut loaded);
    parse::duplicates(&mut loaded);
    assert!(loaded.findings.is_empty(), "{:?}", loaded.findings.first());
    let read = start.elapsed();
    let start = Instant::now();
    let (mesh, _) =
        Mesh::compile(MeshInputs { resources: vec![&loaded.resources], ..MeshInputs::default() })
            .unwrap();
    let compiled = start.elapsed();
    let megabytes = text.len() as f64 / 1e6;
    println!(
        "{} policies, {} workloads, {megabytes:.1} MB of YAML: read in {read:.2?}, compiled in {compiled:.2?}",
        NAMESPACES * POLICIES,
        NAMESPACES * WORKLOADS,
    );
    let start = Instant::now();
    let requests = questions(&mesh);
    println!("{} questions made in {:.2?}", requests.len(), start.elapsed());
    for round in 1..=3 {
        let start = Instant::now();
        let allowed = requests
            .iter()
            .filter(|request| mesh.decide(black_box(request)).verdict == Verdict::Allow)
            .count();
        let taken = start.elapsed();
        let rate = requests.len() as f64 / taken.as_secs_f64();
        println!(
            "round {round}: {} decided in {taken:.2?}, {rate:.0} a second, {allowed} allowed",
            requests.len()
        );
    }
}

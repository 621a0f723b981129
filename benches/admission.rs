//! 200 policies over 40 workloads, 3 guards of 20 cases, and changes of an AuthorizationPolicy, on one core:
//! `cargo bench --bench admission [-- WORDS]`, where the words choose among what is measured; `worst`: reviews as long as
//! may be or of so many bytes, against guards of 6,000 cases, all of which they reach. A plain program: figures for people, no threshold.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::as_conversions,
    clippy::cast_precision_loss,
    reason = "a benchmark reads the clock and prints"
)]

mod mesh;

use std::hint::black_box;
use std::time::Instant;

use mesh::{asked, guards, manifests};
use portcullis::admission::{Budget, Facts, Gate, Known, MAX_REVIEW, review};
use portcullis::lint::Level;
use portcullis::parse::{self, Loaded};
use portcullis::suite;

fn known(gate: Gate, guards: &str) -> Known {
    let mut loaded = Loaded::default();
    parse::resources("mesh.yaml", &manifests(), "default", &mut loaded);
    assert_eq!(loaded.findings, []);
    let mut findings = Vec::new();
    let suites = suite::read("guards.test.yaml", guards, &mut findings);
    let facts = Facts {
        resources: loaded.resources,
        guards: suites
            .into_iter()
            .map(|suite| (suite, Vec::new()))
            .collect(),
        gate,
        ..Facts::default()
    };
    let started = Instant::now();
    let (known, findings) = Known::prepare(facts).unwrap();
    assert!(findings.is_empty(), "{findings:?}");
    println!("prepared {} in {:?}", known.size(), started.elapsed());
    known
}

/// Reviews in a second, and the slowest in a hundred.
fn measure(what: &str, known: &Known, selector: &str, times: usize) {
    let mut words = std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with('-'));
    if !words.all(|word| what.contains(&word)) {
        return;
    }
    let reviews: Vec<String> = (0..16).map(|path| asked(path, selector)).collect();
    let mut took = Vec::with_capacity(times);
    let started = Instant::now();
    for review_of in reviews.iter().cycle().take(times) {
        let began = Instant::now();
        let answer = review(review_of, known);
        assert!(answer.is_allowed(), "{}", answer.body());
        black_box(answer.body());
        took.push(began.elapsed());
    }
    let all = started.elapsed();
    took.sort_unstable();
    println!(
        "{what:<60} {:>8.0} reviews/s, p50 {:>9.1?}, p99 {:>9.1?}",
        times as f64 / all.as_secs_f64(),
        took[times / 2],
        took[times * 99 / 100],
    );
}

/// As many values as fit into so many bytes, in a policy before every workload of a namespace.
fn longest(field: &str, length: usize, value: impl Fn(usize) -> String) -> String {
    let (open, close) = match field {
        "principals" | "namespaces" | "ipBlocks" | "notPrincipals" => {
            (format!(r#"{{"from":[{{"source":{{"{field}":["#), "]}}]}")
        }
        "when" => (r#"{"when":[{"key":"request.headers[x-tenant]","values":["#.to_owned(), "]}]}"),
        "conditions" => (r#"{"when":["#.to_owned(), "]}"),
        _ => (format!(r#"{{"to":[{{"operation":{{"{field}":["#), "]}}]}"),
    };
    let mut text = String::new();
    for number in 0.. {
        let value = value(number);
        if text.len() + value.len() > length {
            break;
        }
        text.push_str(&value);
        text.push(',');
    }
    let text = text.trim_end_matches(',');
    let object = format!(
        r#"{{"apiVersion":"security.istio.io/v1","kind":"AuthorizationPolicy","metadata":{{"name":"p7","namespace":"ns0"}},"spec":{{"action":"ALLOW","rules":[{open}{text}{close}]}}}}"#
    );
    format!(
        r#"{{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":{{"uid":"1","kind":{{"group":"security.istio.io","version":"v1","kind":"AuthorizationPolicy"}},"resource":{{"group":"security.istio.io","version":"v1","resource":"authorizationpolicies"}},"name":"p7","namespace":"ns0","operation":"CREATE","object":{object}}}}}"#
    )
}

/// A guard of 6,000 cases before the workloads of one namespace.
fn many_cases() -> String {
    let mut text = String::new();
    for suite in 0..3 {
        text.push_str(&format!("---\napiVersion: portcullis.dev/v1alpha1\nkind: TestSuite\nmetadata: {{name: s{suite}}}\ntests:\n"));
        for case in 0..2_000 {
            text.push_str(&format!(
                "- name: c{case}\n  from: app{}.ns1\n  to: app{}.ns0:80\n  request: {{method: DELETE, path: /x/{case}, headers: {{x-tenant: a{case}}}}}\n  expect: deny\n",
                case / 2 % 10,
                case % 10,
            ));
        }
    }
    text
}

fn worst() {
    let many = many_cases();
    let gates = [
        ("guards", Gate::default(), many.as_str()),
        ("lints", Gate { warn_level: Some(Level::Low), ..Gate::default() }, ""),
        ("budget", Gate { budget: Some(Budget::default()), ..Gate::default() }, ""),
    ];
    let knowns = gates.map(|(name, gate, guards)| (name, known(gate, guards)));
    let words: Vec<String> = std::env::args()
        .skip_while(|word| word != "worst")
        .skip(1)
        .filter(|word| !word.starts_with('-'))
        .collect();
    let (sizes, words): (Vec<_>, Vec<_>) =
        words.iter().partition(|word| word.parse::<usize>().is_ok());
    let length = sizes
        .first()
        .map_or(MAX_REVIEW - 2_000, |size| size.parse().unwrap());
    let mut reviews = Vec::new();
    let mut row = |name: &'static str, field, value: &dyn Fn(usize) -> String| {
        if words.is_empty() || words.iter().any(|word| name.contains(word.as_str())) {
            reviews.push((name, longest(field, length, value)));
        }
    };
    row("exact paths", "paths", &|number| format!("\"/{number}\""));
    row("prefixes", "paths", &|number| format!("\"/{number}*\""));
    row("suffixes", "paths", &|number| format!("\"*{number}\""));
    row("templates", "paths", &|number| format!("\"/{{*}}/{number}\""));
    row("double templates", "paths", &|number| format!("\"/{{**}}/{number}\""));
    row("long templates", "paths", &|number| {
        format!("\"/{{*}}/{{*}}/{{*}}/{{*}}/{{*}}/{{*}}/{number}\"")
    });
    row("not paths", "notPaths", &|number| format!("\"/{number}\""));
    row("hosts", "hosts", &|number| format!("\"{number}*\""));
    row("principals", "principals", &|number| format!("\"a/{number}\""));
    row("suffixes of principals", "principals", &|number| format!("\"*{number}\""));
    row("not principals", "notPrincipals", &|number| format!("\"a/{number}\""));
    row("namespaces", "namespaces", &|number| format!("\"{number}\""));
    row("blocks", "ipBlocks", &|number| {
        format!("\"{}.{}.{}.0/24\"", number >> 16 & 255, number >> 8 & 255, number & 255)
    });
    row("headers", "when", &|number| format!("\"a{number}*\""));
    row("conditions", "conditions", &|number| {
        format!(r#"{{"key":"request.headers[x{number}]","values":["a"]}}"#)
    });
    row("the same condition", "conditions", &|_| {
        r#"{"key":"request.headers[x-tenant]","values":["a*"]}"#.to_owned()
    });
    row("claims", "conditions", &|number| {
        format!(r#"{{"key":"request.auth.claims[x{number}]","notValues":["a"]}}"#)
    });
    for (name, text) in &reviews {
        print!("{name:<24} {:>8} bytes", text.len());
        for (gate, known) in &knowns {
            let began = Instant::now();
            let answer = review(text, known);
            print!(" {gate} {:>10.1?}", began.elapsed());
            let body = answer.body();
            if !answer.is_allowed() {
                let why = body.split("\"message\":").nth(1).unwrap();
                print!(" (denied: {})", why.chars().take(90).collect::<String>());
            }
        }
        println!();
    }
}

fn main() {
    if std::env::args().any(|word| word == "worst") {
        return worst();
    }
    let one = r#","selector":{"matchLabels":{"app":"app7"}}"#;
    let guarded = known(Gate::default(), &guards());
    println!("a review of {} bytes", asked(0, one).len());
    measure("validate and guard, one workload reached", &guarded, one, 20_000);
    measure("validate and guard, a namespace of ten reached", &guarded, "", 20_000);
    let linted = known(Gate { warn_level: Some(Level::Medium), ..Gate::default() }, &guards());
    measure("validate, lint and guard, one workload reached", &linted, one, 2_000);
    let bounded = known(Gate { budget: Some(Budget::default()), ..Gate::default() }, &guards());
    measure("validate, guard and budget, one workload reached", &bounded, one, 500);
}

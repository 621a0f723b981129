//! 200 policies over 40 workloads, 3 guards of 20 cases, and changes of an AuthorizationPolicy, on one core:
//! `cargo bench --bench admission [-- WORDS]`, where the words choose among what is measured. A plain program: figures for people, no threshold.
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
use portcullis::admission::{Budget, Facts, Gate, Known, review};
use portcullis::lint::Level;
use portcullis::parse::{self, Loaded};
use portcullis::suite;

fn known(gate: Gate) -> Known {
    let mut loaded = Loaded::default();
    parse::resources("mesh.yaml", &manifests(), "default", &mut loaded);
    assert_eq!(loaded.findings, []);
    let mut findings = Vec::new();
    let suites = suite::read("guards.test.yaml", &guards(), &mut findings);
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

fn main() {
    let one = r#","selector":{"matchLabels":{"app":"app7"}}"#;
    let guarded = known(Gate::default());
    println!("a review of {} bytes", asked(0, one).len());
    measure("validate and guard, one workload reached", &guarded, one, 20_000);
    measure("validate and guard, a namespace of ten reached", &guarded, "", 20_000);
    let linted = known(Gate { warn_level: Some(Level::Medium), ..Gate::default() });
    measure("validate, lint and guard, one workload reached", &linted, one, 2_000);
    let bounded = known(Gate { budget: Some(Budget::default()), ..Gate::default() });
    measure("validate, guard and budget, one workload reached", &bounded, one, 500);
}

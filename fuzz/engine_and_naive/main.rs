//! Random meshes and questions → whether the engine and the second evaluator agree.
//!
//! `cargo run --release --bin naive -- --seed 1 --cases 100000000 [--threads 2] [--into FOLDER]`

mod ask;
#[path = "../choices.rs"]
mod choices;
mod generate;
#[path = "../naive/mod.rs"]
mod naive;
mod question;
#[path = "../shrink.rs"]
mod shrink;
mod summary;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use portcullis::suite;

use crate::ask::Agreement;
use crate::choices::Choices;
use crate::naive::World;
use crate::shrink::Suite;
use crate::summary::Summary;

/// So many questions are asked of one mesh.
const QUESTIONS: u64 = 400;
/// A run ends after so many disagreements.
const ENOUGH: usize = 20;
/// The judge of the shrinker is asked so many times at most.
const MOST: usize = 20_000;

struct Wanted {
    seed: u64,
    cases: u64,
    threads: u64,
    /// Where least suites go.
    into: Option<PathBuf>,
}

fn wanted() -> Result<Wanted, String> {
    let mut wanted = Wanted { seed: 1, cases: 1_000_000, threads: 1, into: None };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let value = words.next().ok_or(format!("`{word}` needs a value"))?;
        let number = || {
            value
                .parse::<u64>()
                .map_err(|error| format!("`{word} {value}`: {error}"))
        };
        match word.as_str() {
            "--seed" => wanted.seed = number()?,
            "--cases" => wanted.cases = number()?,
            "--threads" => wanted.threads = number()?.max(1),
            "--into" => wanted.into = Some(PathBuf::from(value)),
            _ => return Err(format!("`{word}` is not understood")),
        }
    }
    Ok(wanted)
}

/// A mesh as text, its values, and the mesh itself.
fn drawn(choices: &mut Choices<'_>) -> (Suite, String) {
    let (head, manifests) = generate::suite(choices);
    let value =
        |text: &str| serde_yaml::from_str(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let suite = Suite {
        head: value(&head),
        manifests: manifests.iter().map(|text| value(text)).collect(),
        test: value(
            "{name: case, from: {plaintext: true}, to: 'httpbin.foo:8080', expect: unknown}",
        ),
    };
    let mut text = head;
    text.push_str("manifests: |\n");
    for manifest in &manifests {
        text.push_str("  ---\n  ");
        text.push_str(manifest);
        text.push('\n');
    }
    text.push_str("tests:\n- {name: case, from: {plaintext: true}, to: 'httpbin.foo:8080', expect: unknown}\n");
    (suite, text)
}

/// Asks of one mesh.
fn of_one_mesh(seed: u64, summary: &mut Summary) {
    let mut choices = Choices::Seed(seed);
    let (whole, text) = drawn(&mut choices);
    let mut findings = Vec::new();
    let suites = suite::read("case.test.yaml", &text, &mut findings);
    let Some(read) = suites.first() else { panic!("mesh {seed}: {findings:?}\n{text}") };
    let prepared = match suite::prepare(read, &[]) {
        Ok(prepared) => prepared,
        Err(error) => panic!("mesh {seed}: {error:?}\n{text}"),
    };
    let world = World::read(&whole.head, &whole.manifests)
        .unwrap_or_else(|why| panic!("mesh {seed}: {why}\n{text}"));
    for index in 0..QUESTIONS {
        let spec = question::question(&mut choices);
        // Whoever watches slows it down, so that only one in so many questions is watched.
        let watched = index % 16 == 0;
        let mut agreements = Vec::new();
        let decide = |request: &portcullis::request::Request| {
            if watched {
                prepared.mesh.decide_with(request, summary)
            } else {
                prepared.mesh.decide(request)
            }
        };
        ask::ask(&prepared.mesh, &world, &spec, decide, |agreement| agreements.push(agreement));
        for agreement in agreements {
            if let Agreement::Disagree(how) | Agreement::NotAsked(how) = &agreement {
                summary.disagreements.push(summary::Disagreement {
                    seed,
                    how: how.clone(),
                    suite: with_test(&whole, &spec),
                    now: spec.now,
                });
            }
            summary.add(&agreement);
        }
    }
}

/// The suite with a question as its test.
fn with_test(suite: &Suite, spec: &portcullis::request::RequestSpec) -> Suite {
    let line = portcullis::report::case_line("case", spec, portcullis::decide::Verdict::Unknown);
    let test = line
        .and_then(|line| serde_yaml::from_str(&line).ok())
        .unwrap_or_default();
    Suite { test, ..suite.clone() }
}

fn run(wanted: &Wanted, next: &AtomicU64) -> Summary {
    let mut summary = Summary::default();
    let meshes = wanted.cases.div_ceil(QUESTIONS);
    loop {
        let index = next.fetch_add(1, Ordering::Relaxed);
        if index >= meshes || summary.disagreements.len() >= ENOUGH {
            return summary;
        }
        of_one_mesh(wanted.seed.wrapping_mul(1 << 32).wrapping_add(index), &mut summary);
    }
}

/// Makes each disagreement least, and writes it where files are wanted.
fn tell(wanted: &Wanted, summary: &mut Summary) {
    for (number, disagreement) in summary.disagreements.iter_mut().take(ENOUGH).enumerate() {
        let now = disagreement.now;
        let least =
            shrink::shrink(&disagreement.suite, MOST, |suite| ask::disagree(suite, now).is_some());
        let how = ask::disagree(&least, now)
            .unwrap_or_else(|| format!("(not as a suite) {}", disagreement.how));
        let text = format!("# {how}; now: {now:?}; mesh {}\n{}", disagreement.seed, least.text());
        if let Some(folder) = &wanted.into {
            let path = folder.join(format!("least-{number}.test.yaml"));
            if let Err(error) =
                std::fs::create_dir_all(folder).and_then(|()| std::fs::write(&path, &text))
            {
                eprintln!("error: `{}`: {error}", path.display());
            }
        }
        println!("{text}");
    }
}

fn main() -> ExitCode {
    let wanted = match wanted() {
        Ok(wanted) => wanted,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::from(2);
        }
    };
    let began = Instant::now();
    let next = AtomicU64::new(0);
    let mut summary = Summary::default();
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..wanted.threads)
            .map(|_| scope.spawn(|| run(&wanted, &next)))
            .collect();
        for thread in threads {
            match thread.join() {
                Ok(one) => summary.join(one),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
    });
    let seconds = began.elapsed().as_secs_f64();
    tell(&wanted, &mut summary);
    print!("{summary}");
    #[allow(clippy::as_conversions, clippy::cast_precision_loss, reason = "a rate, for people")]
    let rate = summary.asked() as f64 / seconds;
    println!("seed {}, {seconds:.0} seconds, {rate:.0} cases a second", wanted.seed);
    ExitCode::from(u8::from(!summary.disagreements.is_empty()))
}

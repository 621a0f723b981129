//! Random meshes and questions → whether the engine and the second evaluator agree.
//!
//! `cargo run --release --example naive -- --seed 1 --cases 100000000 [--threads 2] [--into FOLDER] [--shrink 20000]`

mod summary;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use portcullis_fuzz::choices::Choices;
use portcullis_fuzz::engine_and_naive::{Agreement, Drawn, ask, disagree, question};
use portcullis_fuzz::shrink::shrink;

use crate::summary::Summary;

/// So many questions are asked of one mesh.
const QUESTIONS: u64 = 400;
/// A run ends after so many disagreements.
const ENOUGH: usize = 20;

struct Wanted {
    seed: u64,
    cases: u64,
    threads: u64,
    /// Where least suites go.
    into: Option<PathBuf>,
    /// So many times at most are the two asked to make a suite least.
    shrink: usize,
}

fn wanted() -> Result<Wanted, String> {
    let mut wanted = Wanted { seed: 1, cases: 1_000_000, threads: 1, into: None, shrink: 20_000 };
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
            "--shrink" => wanted.shrink = usize::try_from(number()?).unwrap_or(usize::MAX),
            "--into" => wanted.into = Some(PathBuf::from(value)),
            _ => return Err(format!("`{word}` is not understood")),
        }
    }
    Ok(wanted)
}

/// Asks of one mesh.
fn of_one_mesh(seed: u64, summary: &mut Summary) {
    let mut choices = Choices::Seed(seed);
    let drawn = Drawn::of(&mut choices);
    let (mesh, world) = (drawn.mesh(), drawn.world());
    for index in 0..QUESTIONS {
        let spec = question(&mut choices);
        // Whoever watches slows it down, so that only one in so many questions is watched.
        let watched = index % 16 == 0;
        let mut agreements = Vec::new();
        let decide = |request: &portcullis::request::Request| {
            if watched { mesh.decide_with(request, summary) } else { mesh.decide(request) }
        };
        ask(&mesh, &world, &spec, decide, |agreement| agreements.push(agreement));
        for agreement in agreements {
            if let Agreement::Disagree(how) | Agreement::NotAsked(how) = &agreement {
                summary.disagreements.push(summary::Disagreement {
                    seed,
                    how: how.clone(),
                    suite: drawn.with_test(&spec),
                    now: spec.now,
                });
            }
            summary.add(&agreement);
        }
    }
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
            shrink(&disagreement.suite, wanted.shrink, |suite| disagree(suite, now).is_some());
        let how = disagree(&least, now)
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
    #[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "a rate, for people")]
    let rate = summary.asked() as f64 / seconds;
    println!("seed {}, {seconds:.0} seconds, {rate:.0} cases a second", wanted.seed);
    ExitCode::from(u8::from(!summary.disagreements.is_empty()))
}

//! Random meshes and questions → whether the engine and a real Envoy agree.
//!
//! `cargo run --release --example differential -- --envoy PATH --seed 1 --from 0 --worlds 1000 --requests 2000
//! [--together N] [--istio VERSION] [--guard-off NAME] [--seconds N] [--out FILE] [--shrink DIR]`
//!
//! World number N of a seed is the same in every run: a run that ended early goes on with `--from`. `--out` gets the
//! summary after each start of an Envoy, `--shrink` the first disagreement of each kind as the least suite that shows
//! it, for `portcullis test --against-envoy`.

mod draw;
mod edge;
#[path = "../../tests/support/generate.rs"]
#[allow(dead_code, unexpected_cfgs, reason = "tests use more of it")]
mod generate;
mod json;
mod judge;
mod least;
#[path = "../../tests/support/load.rs"]
#[allow(dead_code, reason = "tests use more of it")]
mod load;
#[path = "../shrink.rs"]
mod shrink;
mod summary;

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use portcullis::mesh::IstioVersion;
use portcullis::real_envoy::{self, Entered, Program};

use crate::draw::Wish;
use crate::summary::Summary;

/// What the words ask for.
struct Wanted {
    seed: u64,
    /// The first world.
    from: u64,
    worlds: u64,
    requests: usize,
    /// So many worlds share one Envoy.
    together: u64,
    envoy: PathBuf,
    istio: Option<IstioVersion>,
    /// No world is begun later than so many seconds after the start.
    seconds: u64,
    out: Option<PathBuf>,
    /// The folder that gets the least suites.
    shrink: Option<PathBuf>,
    /// Features of Envoy that are turned off.
    guards_off: Vec<String>,
}

fn wanted() -> Result<Wanted, String> {
    let mut wanted = Wanted {
        seed: 1,
        from: 0,
        worlds: 100,
        requests: 2000,
        together: 25,
        envoy: PathBuf::new(),
        istio: None,
        seconds: u64::MAX,
        out: None,
        shrink: None,
        guards_off: Vec::new(),
    };
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
            "--from" => wanted.from = number()?,
            "--worlds" => wanted.worlds = number()?,
            "--requests" => wanted.requests = usize::try_from(number()?).unwrap_or(usize::MAX),
            "--together" => wanted.together = number()?.clamp(1, 100),
            "--seconds" => wanted.seconds = number()?,
            "--envoy" => wanted.envoy = PathBuf::from(value),
            "--shrink" => wanted.shrink = Some(PathBuf::from(value)),
            "--guard-off" => wanted.guards_off.push(value),
            "--out" => wanted.out = Some(PathBuf::from(value)),
            "--istio" => {
                wanted.istio = Some(
                    value
                        .parse()
                        .map_err(|error| format!("`{value}`: {error}"))?,
                );
            }
            _ => return Err(format!("`{word}` is not understood")),
        }
    }
    if wanted.envoy.as_os_str().is_empty() {
        return Err("name an Envoy: `--envoy PATH`".to_owned());
    }
    Ok(wanted)
}

fn main() -> ExitCode {
    match wanted().and_then(|wanted| run(&wanted)) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

/// The same again, where every address is one of this machine.
fn elsewhere() -> Result<ExitCode, String> {
    let words: Vec<OsString> = std::env::args_os().skip(1).collect();
    let words: Vec<&OsStr> = words.iter().map(OsString::as_os_str).collect();
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    match real_envoy::enter(program.as_os_str(), &words) {
        Entered::Ended(code) => Ok(ExitCode::from(code)),
        Entered::Refused(why) => Err(why),
    }
}

fn run(wanted: &Wanted) -> Result<ExitCode, String> {
    if !real_envoy::every_address_is_local() {
        return elsewhere();
    }
    let began = Instant::now();
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    let wish = Wish {
        count: wanted.requests,
        istio: wanted.istio,
        now: i64::try_from(now).unwrap_or(i64::MAX),
    };
    let guards_off: Vec<&str> = wanted.guards_off.iter().map(String::as_str).collect();
    let envoy = Program { guards_off: &guards_off, ..Program::at(&wanted.envoy) };
    if let Some(folder) = &wanted.shrink {
        std::fs::create_dir_all(folder)
            .map_err(|error| format!("{}: {error}", folder.display()))?;
    }
    let mut summary = Summary::default();
    let mut done = 0;
    let mut failure = None;
    while done < wanted.worlds && began.elapsed().as_secs() < wanted.seconds {
        let count = (wanted.worlds - done).min(wanted.together);
        let first = wanted
            .seed
            .wrapping_mul(1 << 32)
            .wrapping_add(wanted.from + done);
        let seeds = (0..count).map(|index| first.wrapping_add(index));
        if let Err(error) =
            judge::against_envoy(&envoy, seeds, wish, wanted.shrink.as_deref(), &mut summary)
        {
            // One bad start must not hide the others.
            eprintln!(
                "error: worlds {} to {}: {error}",
                wanted.from + done,
                wanted.from + done + count
            );
            failure = Some(error);
        }
        done += count;
        if let Some(out) = &wanted.out {
            let text = told(wanted, done, &began, &summary);
            std::fs::write(out, text).map_err(|error| format!("{}: {error}", out.display()))?;
        }
    }
    print!("{}", told(wanted, done, &began, &summary));
    match failure {
        Some(error) => Err(error),
        None => Ok(ExitCode::from(u8::from(summary.disagree > 0))),
    }
}

fn told(wanted: &Wanted, done: u64, began: &Instant, summary: &Summary) -> String {
    let seconds = began.elapsed().as_secs_f64();
    #[expect(clippy::cast_precision_loss, reason = "a rate is told in round numbers")]
    let rate = summary.agree as f64 / seconds;
    let Wanted { seed, from, requests, .. } = wanted;
    format!(
        "{summary}seed {seed}, worlds {from} to {}, {requests} requests each, {seconds:.0} seconds, {rate:.0} in a second\n",
        from + done
    )
}

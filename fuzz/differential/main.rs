//! Random meshes and questions → whether the engine and a real Envoy agree.
//!
//! `cargo run --release --bin differential -- --envoy PATH --seed 1 --worlds 1000 --requests 1000 [--istio VERSION]
//! [--seconds N]`

mod judge;
mod summary;
#[path = "../../tests/support/generate.rs"]
#[allow(dead_code, reason = "tests use more of it")]
mod generate;
#[path = "../../tests/support/load.rs"]
#[allow(dead_code, reason = "tests use more of it")]
mod load;

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use portcullis::mesh::IstioVersion;
use portcullis::real_envoy::{self, Entered};

/// What the words ask for.
struct Wanted {
    seed: u64,
    worlds: u64,
    requests: usize,
    envoy: Option<PathBuf>,
    istio: Option<IstioVersion>,
    /// No world is begun later than so many seconds after the start.
    seconds: u64,
}

fn wanted() -> Result<Wanted, String> {
    let mut wanted =
        Wanted { seed: 1, worlds: 100, requests: 1000, envoy: None, istio: None, seconds: u64::MAX };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let value = words.next().ok_or(format!("`{word}` needs a value"))?;
        let number = || value.parse::<u64>().map_err(|error| format!("`{word} {value}`: {error}"));
        match word.as_str() {
            "--seed" => wanted.seed = number()?,
            "--worlds" => wanted.worlds = number()?,
            "--requests" => wanted.requests = usize::try_from(number()?).unwrap_or(usize::MAX),
            "--seconds" => wanted.seconds = number()?,
            "--envoy" => wanted.envoy = Some(PathBuf::from(value)),
            "--istio" => {
                wanted.istio = Some(value.parse().map_err(|_| "no version".to_owned())?);
            }
            _ => return Err(format!("`{word}` is not understood")),
        }
    }
    Ok(wanted)
}

fn main() -> ExitCode {
    let wanted = match wanted() {
        Ok(wanted) => wanted,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::from(2);
        }
    };
    if wanted.envoy.is_some() && !real_envoy::every_address_is_local() {
        let words: Vec<OsString> = std::env::args_os().skip(1).collect();
        let words: Vec<&OsStr> = words.iter().map(OsString::as_os_str).collect();
        let program = std::env::current_exe().expect("the program has a path");
        return match real_envoy::enter(program.as_os_str(), &words) {
            Entered::Ended(code) => ExitCode::from(code),
            Entered::Refused(why) => {
                eprintln!("error: {why}");
                ExitCode::from(2)
            }
        };
    }
    let began = Instant::now();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let now = i64::try_from(now).unwrap_or(i64::MAX);
    let mut summary = summary::Summary::default();
    let mut done = 0;
    while done < wanted.worlds && began.elapsed().as_secs() < wanted.seconds {
        let count = (wanted.worlds - done).min(judge::TOGETHER);
        let seeds = (0..count).map(|index| wanted.seed.wrapping_mul(1 << 32).wrapping_add(done + index));
        let Some(envoy) = &wanted.envoy else {
            eprintln!("error: name an Envoy: `--envoy PATH`");
            return ExitCode::from(2);
        };
        let run =
            judge::against_envoy(envoy, seeds, wanted.requests, wanted.istio, now, &mut summary);
        if let Err(error) = run {
            eprintln!("error: {error}");
            return ExitCode::from(2);
        }
        done += count;
        if summary.disagreements.len() > 200 {
            break;
        }
    }
    println!("seed {}, {done} meshes, {:.0} seconds", wanted.seed, began.elapsed().as_secs_f64());
    print!("{summary}");
    ExitCode::from(u8::from(!summary.disagreements.is_empty()))
}

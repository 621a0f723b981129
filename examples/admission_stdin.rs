//! The gate in ten lines, for a host that brings its own way in and out: an AdmissionReview on standard input, the answer
//! on standard output. `cargo run --example admission_stdin -- policies.yaml < review.json`
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "an example reads files and prints"
)]

use std::error::Error;

use portcullis::admission::{Facts, Known, review};
use portcullis::parse::{self, Loaded};

fn main() -> Result<(), Box<dyn Error>> {
    let mut loaded = Loaded::default();
    for path in std::env::args().skip(1) {
        parse::resources(&path, &std::fs::read_to_string(&path)?, "default", &mut loaded);
    }
    let facts = Facts { resources: loaded.resources, ..Facts::default() };
    let (known, _warnings) = Known::prepare(facts)?; // Once; a review only reads it.
    let asked = std::io::read_to_string(std::io::stdin())?;
    println!("{}", review(&asked, &known).body());
    Ok(())
}

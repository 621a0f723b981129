//! Any text: resources and suites are read in bounded time, without a panic, and complaints have places.
#![no_main]

use libfuzzer_sys::fuzz_target;
use portcullis::parse::{self, Loaded};

fuzz_target!(|text: &str| {
    let mut loaded = Loaded::default();
    parse::resources("fuzz.yaml", text, "default", &mut loaded);
    parse::duplicates(&mut loaded);
    let lines = text.lines().count() + 1;
    for finding in &loaded.findings {
        if let Some(origin) = &finding.origin {
            let line = usize::try_from(origin.position.line).unwrap();
            assert!(line >= 1 && line <= lines + 1, "{finding}");
        }
    }
    let mut findings = Vec::new();
    drop(portcullis::suite::read("fuzz.test.yaml", text, &mut findings));
});

//! Any text: resources and suites are read in bounded time, without a panic, and complaints have places.

use portcullis::parse::{self, Loaded};

/// The claim.
pub fn holds(bytes: &[u8]) {
    let Some(text) = super::text(bytes) else { return };
    let mut loaded = Loaded::default();
    parse::resources("fuzz.yaml", text, "default", &mut loaded);
    parse::duplicates(&mut loaded);
    // In YAML a carriage return alone ends a line, too.
    let lines = text.matches(['\n', '\r']).count() + 1;
    for finding in &loaded.findings {
        if let Some(origin) = &finding.origin {
            let line = usize::try_from(origin.position.line).unwrap();
            assert!(line >= 1 && line <= lines + 1, "{finding}");
        }
    }
    for resource in &loaded.resources {
        drop(portcullis::validate::refusals(resource));
    }
    let mut findings = Vec::new();
    drop(portcullis::suite::read("fuzz.test.yaml", text, &mut findings));
}

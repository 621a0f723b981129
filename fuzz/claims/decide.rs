//! A suite in any text: whatever compiles is decided without a panic, and an observer never changes the answer.

use portcullis::decide::Observer;
use portcullis::suite;

struct Watching;

impl Observer for Watching {
    const WATCHING: bool = true;
}

/// The claim.
pub fn holds(bytes: &[u8]) {
    let Some(text) = super::text(bytes) else { return };
    let mut findings = Vec::new();
    for suite in suite::read("fuzz.test.yaml", text, &mut findings) {
        if suite.cases.len() > 100 {
            continue;
        }
        let Ok(prepared) = suite::prepare(&suite, &[]) else { continue };
        for case in &suite.cases {
            let Ok(requests) = prepared.mesh.requests(&case.spec) else { continue };
            for request in requests {
                let plain = prepared.mesh.decide(&request);
                assert_eq!(plain, prepared.mesh.decide_with(&request, &mut Watching));
            }
        }
    }
}

//! A suite in any text: an explanation decides as the evaluator does, a remedy gets the request through, and nothing that is
//! told of an answer panics.

use portcullis::decide::Verdict;
use portcullis::suite;

/// A remedy asks the evaluator many times, so few cases are looked at.
const CASES: usize = 8;

/// The claim.
pub fn holds(bytes: &[u8]) {
    let Some(text) = super::text(bytes) else { return };
    let mut findings = Vec::new();
    for suite in suite::read("fuzz.test.yaml", text, &mut findings) {
        let Ok(prepared) = suite::prepare(&suite, &[]) else { continue };
        let mesh = &prepared.mesh;
        for case in suite.cases.iter().take(CASES) {
            let Ok(requests) = mesh.requests(&case.spec) else { continue };
            for request in requests.iter().take(CASES) {
                let explanation = mesh.explain(request);
                assert_eq!(explanation.decision, mesh.decide(request));
                let surprises = explanation.surprises(mesh, request);
                assert!(surprises.iter().all(|surprise| !surprise.text.is_empty()));
                drop(mesh.passed_over(request.workload));
                if let Some(remedy) = mesh.remedy(request) {
                    assert!(explanation.decision.verdict != Verdict::Allow);
                    assert_eq!(mesh.decide(&remedy.of(request)).verdict, Verdict::Allow);
                }
            }
        }
    }
}

//! A test run → SARIF 2.1.0, as code scanning reads it: a result for every case that failed.

use serde_json::{Value, json};

use super::answer;
use super::json::Document;
use super::outcomes::{CaseRun, Run, SuiteRun};
use super::snippet::Sources;
use crate::diagnostic::{Origin, printable};

/// The words of [`CaseRun::word`] that are results, and what each means.
const RULES: [(&str, &str); 2] = [
    ("failed", "The answer is not the expected one, or the question cannot be asked."),
    ("vacuous", "The case passes only because no policy is about its destination."),
];

/// The document.
#[must_use]
pub fn sarif(run: &Run<'_>) -> Document {
    let rule = |(id, text): (&str, &str)| {
        json!({
            "id": id,
            "shortDescription": {"text": text},
            "defaultConfiguration": {"level": "error"},
        })
    };
    let results = run.suites.iter().flat_map(|suite| {
        let failed = suite
            .cases
            .iter()
            .filter(|case| case.outcome.result.is_failure());
        failed.map(move |case| result(case, suite, run.sources))
    });
    Document::new(json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "portcullis",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": RULES.map(rule),
            }},
            "columnKind": "unicodeCodePoints",
            "results": results.collect::<Vec<_>>(),
        }],
    }))
}

fn result(run: &CaseRun<'_>, suite: &SuiteRun<'_>, sources: &Sources) -> Value {
    let of = suite.prepared.suite;
    let name = format!("{} › {}", of.name, run.outcome.case.name);
    let case = Origin::new(&of.file, run.outcome.case.position);
    let policy = run.outcome.asked.as_ref().and_then(|(request, decision)| {
        answer::endpoint(&suite.prepared.mesh, request, decision.clone()).origin
    });
    let related = policy.map(|origin| {
        let mut location = location(&origin);
        if let Some(fields) = location.as_object_mut() {
            fields.insert("message".to_owned(), json!({"text": "what decided"}));
        }
        location
    });
    json!({
        "ruleId": run.word(),
        "ruleIndex": RULES.iter().position(|(id, _)| *id == run.word()),
        "level": "error",
        "message": {"text": format!("{}\n{}", printable(&name), run.detail(suite.prepared, sources))},
        "locations": [location(&case)],
        "relatedLocations": related.into_iter().collect::<Vec<_>>(),
        "partialFingerprints": {"case/v1": format!("{}/{}/{}", of.file, of.name, run.outcome.case.name)},
    })
}

fn location(origin: &Origin) -> Value {
    json!({
        "physicalLocation": {
            "artifactLocation": {"uri": uri(&origin.file)},
            "region": {"startLine": origin.position.line, "startColumn": origin.position.column},
        },
    })
}

/// A path as a relative reference (RFC 3986 §4.2).
fn uri(path: &str) -> String {
    let mut uri = String::new();
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z'
            | b'A'..=b'Z'
            | b'0'..=b'9'
            | b'-'
            | b'.'
            | b'_'
            | b'~'
            | b'/'
            | b'+'
            | b'='
            | b'@' => {
                uri.push(char::from(byte));
            }
            byte => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    uri
}

//! Questions at the edges of rules → a suite in YAML, every test marked for review.

use serde_json::{Value, json};

use super::question::entry;
use super::yaml::to_yaml;
use crate::decide::Because;
use crate::diagnostic::printable;
use crate::mesh::Mesh;
use crate::scaffold::Sketch;

/// The suite, over everything in its own folder.
///
/// # Errors
/// What the YAML writer says.
pub fn sketch(mesh: &Mesh, name: &str, sketches: &[Sketch]) -> Result<String, String> {
    let head = json!({
        "apiVersion": super::document::API_VERSION,
        "kind": "TestSuite",
        "metadata": {"name": name},
        "resources": ["."],
    });
    let mut text = "# The answers as they stand, at the edges of every rule. Read each test: is this what the policies are for?\n\
        # Take its mark away when it is.\n"
        .to_owned();
    text.push_str(&to_yaml(&head)?);
    text.push_str("tests:\n");
    for sketch in sketches {
        let decision = &sketch.decision;
        let Some(mut entry) = entry(&sketch.name, &sketch.question, decision.verdict) else {
            continue;
        };
        let place = decision.rule().and_then(|place| mesh.rule(place));
        if let Some((policy, rule)) = place {
            let because = json!({"policy": policy.id(), "rule": rule.index});
            entry.insert("because".to_owned(), because);
        } else if matches!(decision.because, Because::NoPolicy | Because::NoProxy(_)) {
            entry.insert("because".to_owned(), json!({"default": true}));
        }
        let origin = sketch
            .origin
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default();
        text.push_str(&format!("# review: {}\n", printable(&origin)));
        text.push_str(&to_yaml(&Value::Array(vec![Value::Object(entry)]))?);
    }
    Ok(text)
}

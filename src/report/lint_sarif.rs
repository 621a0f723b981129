//! Findings → SARIF 2.1.0, the requests that show them as code flows.

use serde_json::{Value, json};

use super::json::Document;
use super::lint::{LintReport, LintRow, WitnessRow};
use crate::diagnostic::{Code, Origin};
use crate::lint::{ALL, Level};

/// The log of one run.
#[must_use]
pub fn lint_sarif(report: &LintReport, version: &str) -> Document {
    let results: Vec<Value> = report.rows.iter().map(result).collect();
    Document(json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "portcullis",
                "semanticVersion": version,
                "rules": rules(report),
            }},
            // Columns are counted in characters.
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    }))
}

/// What is said of the lints and codes that have a finding.
fn rules(report: &LintReport) -> Vec<Value> {
    let found = |code: &str| report.rows.iter().any(|row| row.code == code);
    let lints = ALL.iter().filter(|lint| found(lint.code)).map(|lint| {
        json!({
            "id": lint.code,
            "name": lint.name,
            "shortDescription": {"text": lint.what},
            "fullDescription": {"text": lint.why},
            "defaultConfiguration": {"level": word(lint.level)},
            "properties": {"tags": ["security"], "security-severity": severity(lint.level)},
        })
    });
    let codes = Code::ALL
        .iter()
        .filter(|code| found(code.as_str()))
        .map(|code| json!({"id": code.as_str(), "shortDescription": {"text": code.meaning()}}));
    lints.chain(codes).collect()
}

fn result(row: &LintRow) -> Value {
    let mut text = row.message.clone();
    let sure = row
        .sure_if
        .as_ref()
        .map(|what| format!("this is so if {what}"));
    for more in row.help.iter().chain(&sure) {
        text.push_str(&format!("\n{more}"));
    }
    let mut result = json!({
        "ruleId": row.code,
        "level": word(row.level),
        "message": {"text": text},
        "partialFingerprints": {"finding/v1": fingerprint(row)},
    });
    let Value::Object(fields) = &mut result else { return result };
    if let Some(origin) = &row.origin {
        let mut place = location(origin, None);
        let name = row
            .resource
            .as_ref()
            .map(|resource| format!("{resource} {}", row.path));
        if let (Some(name), Value::Object(fields)) = (name, &mut place) {
            fields.insert(
                "logicalLocations".to_owned(),
                json!([{"fullyQualifiedName": name.trim_end()}]),
            );
        }
        fields.insert("locations".to_owned(), json!([place]));
    }
    if !row.related.is_empty() {
        let related: Vec<Value> = row
            .related
            .iter()
            .map(|(origin, label)| location(origin, Some(label)))
            .collect();
        fields.insert("relatedLocations".to_owned(), json!(related));
    }
    if let Some(origin) = row.origin.as_ref().filter(|_| !row.witness.is_empty()) {
        let flows: Vec<Value> = row
            .witness
            .iter()
            .map(|witness| flow(origin, witness))
            .collect();
        fields.insert("codeFlows".to_owned(), json!(flows));
    }
    result
}

/// The request, and where it is decided.
fn flow(origin: &Origin, witness: &WitnessRow) -> Value {
    let sent = format!("request: {}", witness.request);
    let decided = format!("{}: {}", witness.verdict.as_str(), witness.reason);
    let steps = [
        json!({"location": location(origin, Some(&sent))}),
        json!({"location": location(witness.origin.as_ref().unwrap_or(origin), Some(&decided))}),
    ];
    json!({"message": {"text": witness.sentence()}, "threadFlows": [{"locations": steps}]})
}

fn location(origin: &Origin, message: Option<&str>) -> Value {
    let mut location = json!({
        "physicalLocation": {
            "artifactLocation": {"uri": uri(&origin.file)},
            "region": {"startLine": origin.position.line, "startColumn": origin.position.column},
        },
    });
    if let (Some(message), Value::Object(fields)) = (message, &mut location) {
        fields.insert("message".to_owned(), json!({"text": message}));
    }
    location
}

/// A path as the reference that it is: what has another meaning in a URI is escaped.
fn uri(file: &str) -> String {
    let file = file.strip_prefix("./").unwrap_or(file);
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
    file.bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

/// The same for the same finding, wherever its line has gone.
fn fingerprint(row: &LintRow) -> String {
    // What was not understood has no name but that of its file.
    match (&row.resource, &row.origin) {
        (Some(resource), _) => format!("{}:{resource}:{}", row.code, row.path),
        (None, Some(origin)) => {
            format!("{}:{}:{}:{}", row.code, origin.file, row.path, row.message)
        }
        (None, None) => format!("{}::{}", row.code, row.message),
    }
}

const fn word(level: Level) -> &'static str {
    match level {
        Level::Error | Level::Critical | Level::High => "error",
        Level::Medium => "warning",
        Level::Low => "note",
    }
}

/// What code scanning sorts by, from 0 to 10.
const fn severity(level: Level) -> &'static str {
    match level {
        Level::Critical => "9.0",
        Level::High | Level::Error => "7.5",
        Level::Medium => "5.0",
        Level::Low => "2.0",
    }
}

//! Answers as typed documents for machines, and their JSON Schema.
//!
//! Fields are only ever added to a version.

use schemars::JsonSchema;
use serde::Serialize;

use super::account::{Account, FieldAccount, PassedOverAccount, RuleAccount, StageAccount};
use super::answer::{Answer, Endpoint};
use crate::diagnostic::{Diagnostic, Origin};

/// The version of every document.
pub(super) const API_VERSION: &str = "portcullis.dev/v1alpha1";

/// The answer to one question.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct AnswerDocument {
    /// `portcullis.dev/v1alpha1`.
    api_version: &'static str,
    /// `Answer`.
    kind: &'static str,
    /// The question in short.
    question: String,
    /// `yes`, `no` or `unknown`.
    answer: &'static str,
    /// One for each workload that may answer.
    endpoints: Vec<EndpointDocument>,
    /// What is worth a look in the files.
    warnings: Vec<FindingDocument>,
}

/// The answer of one workload.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct EndpointDocument {
    /// `name.namespace`.
    workload: String,
    /// Its own port.
    port: u16,
    /// `allow`, `deny`, `refused`, `rejected`, `unauthenticated`, `unreachable` or `unknown`.
    verdict: &'static str,
    /// The HTTP status that the client sees; null on TCP, for a closed connection and where it is not known.
    status: Option<u16>,
    /// The stage that settled it; null where nothing is enforced or nothing is known.
    stage: Option<&'static str>,
    /// `namespace/name` of the deciding policy; null where none decided.
    policy: Option<String>,
    /// The deciding rule, from 0; null where none decided.
    rule: Option<usize>,
    /// Where the deciding rule or mode is written, as `file:line:column`.
    origin: Option<String>,
    /// Why, in one sentence.
    reason: String,
    /// What else is worth knowing, in sentences.
    notes: Vec<String>,
    /// What is known beyond the reason; null for an answer that is not explained.
    explanation: Option<ExplanationDocument>,
}

/// Why, and why not.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct ExplanationDocument {
    /// The stages that were reached, in their order.
    stages: Vec<StageDocument>,
    /// The rule that decided, with the fields by which it matched; null where none did.
    decided_by: Option<RuleDocument>,
    /// Where nothing allows the request: the ALLOW rules that miss it by least, the nearest first.
    nearest: Vec<RuleDocument>,
    /// What may not have been expected.
    surprises: Vec<SurpriseDocument>,
    /// Changes of the request that together let it through, decided and found to help; empty where none was found.
    remedy: Vec<String>,
    /// The policies that are not about the workload.
    passed_over: Vec<PassedOverDocument>,
}

/// What one stage said.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct StageDocument {
    /// `transport`, `http`, `custom`, `jwt`, `audit`, `deny` or `allow`.
    stage: &'static str,
    /// Whether these are dry-run policies, which settle nothing.
    dry_run: bool,
    /// What it said, in a few words.
    said: String,
    /// More, in sentences.
    details: Vec<String>,
}

/// A rule and some of its fields.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct RuleDocument {
    /// `ALLOW`, `DENY`, `AUDIT` or `CUSTOM`.
    action: &'static str,
    /// `namespace/name` of the policy.
    policy: String,
    /// The rule's place in the policy, from 0.
    rule: usize,
    /// Where the rule is written.
    origin: PlaceDocument,
    /// Why the rule is not in the proxy; null where it is.
    gone: Option<String>,
    /// The fields.
    fields: Vec<FieldDocument>,
}

/// A field of a rule and what the request has of it.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct FieldDocument {
    /// Where in the rule: `from[0].source.principals`.
    path: String,
    /// What the rule wants, in words.
    wants: String,
    /// What the request has, in words.
    has: String,
    /// Where the first value is written.
    origin: PlaceDocument,
}

/// Something that may not have been expected.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct SurpriseDocument {
    /// Its stable name: `host-with-a-port`.
    name: &'static str,
    /// The statement of `docs/semantics.md`: `AP-85`.
    statement: &'static str,
    /// What it is, in one sentence.
    text: String,
}

/// A policy that is not about the workload.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct PassedOverDocument {
    /// `AuthorizationPolicy`, `PeerAuthentication` or `RequestAuthentication`.
    kind: &'static str,
    /// `namespace/name`.
    policy: String,
    /// Where it is written.
    origin: PlaceDocument,
    /// Why not, in words.
    why: String,
    /// `would admit it` or `would refuse it`, were it about the workload; null where it would have changed nothing.
    would: Option<&'static str>,
}

/// A place in a file.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct PlaceDocument {
    /// The file as it was named; `-` is standard input.
    file: String,
    /// From 1.
    line: u32,
    /// From 1, in characters.
    column: u32,
}

/// Why nothing could be answered.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ComplaintDocument {
    /// `portcullis.dev/v1alpha1`.
    api_version: &'static str,
    /// `Complaint`.
    kind: &'static str,
    /// The findings.
    findings: Vec<FindingDocument>,
}

/// A finding about a text or a word.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct FindingDocument {
    /// `PC` and three digits.
    code: &'static str,
    /// `error` or `warning`.
    severity: String,
    /// The file; null for a word of the command line.
    file: Option<String>,
    /// From 1.
    line: Option<u32>,
    /// From 1, in characters.
    column: Option<u32>,
    /// The field, as `spec.rules[0]`; empty for a whole text.
    path: String,
    /// What is wrong.
    message: String,
    /// What to do about it.
    help: Option<String>,
}

/// The JSON Schema of an answer, draft 2020-12.
pub(super) fn answer_schema() -> serde_json::Value {
    schemars::schema_for!(AnswerDocument).to_value()
}

/// The JSON Schema of a complaint, draft 2020-12.
pub(super) fn complaint_schema() -> serde_json::Value {
    schemars::schema_for!(ComplaintDocument).to_value()
}

impl AnswerDocument {
    pub(super) fn of(answer: &Answer, warnings: &[Diagnostic]) -> Self {
        Self {
            api_version: API_VERSION,
            kind: "Answer",
            question: answer.question.clone(),
            answer: answer.word().as_str(),
            endpoints: answer
                .endpoints
                .iter()
                .map(EndpointDocument::from)
                .collect(),
            warnings: warnings.iter().map(FindingDocument::from).collect(),
        }
    }
}

impl ComplaintDocument {
    pub(super) fn of(findings: &[Diagnostic]) -> Self {
        Self {
            api_version: API_VERSION,
            kind: "Complaint",
            findings: findings.iter().map(FindingDocument::from).collect(),
        }
    }
}

impl From<&Endpoint> for EndpointDocument {
    fn from(endpoint: &Endpoint) -> Self {
        let decision = &endpoint.decision;
        Self {
            workload: endpoint.workload.clone(),
            port: endpoint.port,
            verdict: decision.verdict.as_str(),
            status: decision.status,
            stage: decision.stage().map(|stage| stage.as_str()),
            policy: endpoint.rule.as_ref().map(|(policy, _)| policy.clone()),
            rule: endpoint.rule.as_ref().map(|(_, rule)| *rule),
            origin: endpoint.origin.as_ref().map(ToString::to_string),
            reason: endpoint.reason.clone(),
            notes: endpoint.notes.clone(),
            explanation: endpoint.account.as_ref().map(ExplanationDocument::from),
        }
    }
}

impl From<&Account> for ExplanationDocument {
    fn from(account: &Account) -> Self {
        let surprises = account.surprises.iter();
        Self {
            stages: account.stages.iter().map(StageDocument::from).collect(),
            decided_by: account.decided_by.as_ref().map(RuleDocument::from),
            nearest: account.nearest.iter().map(RuleDocument::from).collect(),
            surprises: surprises
                .map(|surprise| SurpriseDocument {
                    name: surprise.name,
                    statement: surprise.statement,
                    text: surprise.text.clone(),
                })
                .collect(),
            remedy: account.remedy.clone(),
            passed_over: account
                .passed_over
                .iter()
                .map(PassedOverDocument::from)
                .collect(),
        }
    }
}

impl From<&StageAccount> for StageDocument {
    fn from(stage: &StageAccount) -> Self {
        Self {
            stage: stage.stage.as_str(),
            dry_run: stage.dry_run,
            said: stage.said.clone(),
            details: stage.details.clone(),
        }
    }
}

impl From<&RuleAccount> for RuleDocument {
    fn from(rule: &RuleAccount) -> Self {
        Self {
            action: rule.action,
            policy: rule.policy.clone(),
            rule: rule.rule,
            origin: PlaceDocument::from(&rule.origin),
            gone: rule.gone.clone(),
            fields: rule.fields.iter().map(FieldDocument::from).collect(),
        }
    }
}

impl From<&FieldAccount> for FieldDocument {
    fn from(field: &FieldAccount) -> Self {
        Self {
            path: field.path.clone(),
            wants: field.wants.clone(),
            has: field.has.clone(),
            origin: PlaceDocument::from(&field.origin),
        }
    }
}

impl From<&PassedOverAccount> for PassedOverDocument {
    fn from(passed: &PassedOverAccount) -> Self {
        Self {
            kind: passed.kind,
            policy: passed.policy.clone(),
            origin: PlaceDocument::from(&passed.origin),
            why: passed.why.clone(),
            would: passed.would,
        }
    }
}

impl From<&Origin> for PlaceDocument {
    fn from(origin: &Origin) -> Self {
        Self {
            file: origin.file.to_string(),
            line: origin.position.line,
            column: origin.position.column,
        }
    }
}

impl From<&Diagnostic> for FindingDocument {
    fn from(finding: &Diagnostic) -> Self {
        let origin = finding.origin.as_ref();
        Self {
            code: finding.code.as_str(),
            severity: finding.severity.to_string(),
            file: origin.map(|origin| origin.file.to_string()),
            line: origin.map(|origin| origin.position.line),
            column: origin.map(|origin| origin.position.column),
            path: finding.path.as_str().to_owned(),
            message: finding.message.clone(),
            help: finding.help.clone(),
        }
    }
}

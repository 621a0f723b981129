//! Who can, and what can: many answers → a table, or a document.

use std::collections::BTreeMap;
use std::fmt::{self, Write};

use schemars::JsonSchema;
use serde::Serialize;

use super::answer::{Answer, Endpoint, Word, endpoint};
use super::document::API_VERSION;
use super::json::Document;
use crate::diagnostic::printable;
use crate::mesh::Mesh;
use crate::request::{HostSpec, Protocol, RequestSpec};
use crate::survey::{Asked, KnownCaller};

/// Which question a table answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableKind {
    /// What one caller may send.
    WhatCan,
    /// Who may send one request.
    WhoCan,
}

/// The answers of one kind about one identity or one destination.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The answer.
    pub word: Word,
    /// The principal, absent for a caller that has none; or the destination, `name.namespace:port`.
    pub subject: Option<String>,
    /// The callers, or the requests, that are answered so.
    pub items: Vec<String>,
    /// Why, in one sentence.
    pub reason: String,
    /// Where the deciding rule is written, `file:line:column`.
    pub origin: Option<String>,
}

/// Every answer to one question.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// Which question it is.
    pub kind: TableKind,
    /// The question in short.
    pub question: String,
    /// The answers: yes, then unknown, then no.
    pub rows: Vec<Row>,
}

impl Table {
    /// Who may send a request.
    #[must_use]
    pub fn who_can(mesh: &Mesh, question: String, found: &[(KnownCaller, Asked)]) -> Self {
        let answers = found
            .iter()
            .map(|(caller, asked)| (caller.identity.clone(), caller.name.clone(), asked));
        Self { kind: TableKind::WhoCan, question, rows: rows(mesh, answers) }
    }

    /// What a caller may send.
    #[must_use]
    pub fn what_can(mesh: &Mesh, question: String, found: &[(String, Asked)]) -> Self {
        let answers = found
            .iter()
            .map(|(destination, asked)| (Some(destination.clone()), request(&asked.spec), asked));
        Self { kind: TableKind::WhatCan, question, rows: rows(mesh, answers) }
    }

    /// Yes where one row says so, else unknown where one does, else no; absent where nothing was asked.
    #[must_use]
    pub fn word(&self) -> Option<Word> {
        self.rows.iter().map(|row| row.word).min()
    }

    /// The table for people: aligned, the rows of a no only where `all` are wanted.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn text(&self, out: &mut dyn Write, all: bool) -> fmt::Result {
        let (subject, items) = match self.kind {
            TableKind::WhatCan => ("TO", "REQUESTS"),
            TableKind::WhoCan => ("IDENTITY", "CALLERS"),
        };
        let shown: Vec<&Row> = self
            .rows
            .iter()
            .filter(|row| all || row.word != Word::No)
            .collect();
        let mut lines = vec![["ANSWER", subject, items, "BECAUSE"].map(str::to_owned)];
        for row in &shown {
            lines.extend(row.lines());
        }
        if !shown.is_empty() {
            aligned(out, &lines)?;
        }
        let hidden = self.rows.iter().filter(|row| row.word == Word::No && !all);
        let hidden: usize = hidden.map(|row| row.items.len()).sum();
        if hidden > 0 {
            let what = match (self.kind, hidden) {
                (TableKind::WhatCan, 1) => "request",
                (TableKind::WhatCan, _) => "requests",
                (TableKind::WhoCan, 1) => "caller",
                (TableKind::WhoCan, _) => "callers",
            };
            writeln!(out, "no: {hidden} {what} (--all tells which, and why)")?;
        }
        Ok(())
    }

    /// Every row, kind `WhoCan` or `WhatCan`.
    #[must_use]
    pub fn document(&self) -> Document {
        let answer = self.word().map(Word::as_str);
        let question = &self.question;
        match self.kind {
            TableKind::WhatCan => Document::of(&WhatCanDocument {
                api_version: API_VERSION,
                kind: "WhatCan",
                question,
                answer,
                rows: self.rows.iter().map(DestinationDocument::from).collect(),
            }),
            TableKind::WhoCan => Document::of(&WhoCanDocument {
                api_version: API_VERSION,
                kind: "WhoCan",
                question,
                answer,
                rows: self.rows.iter().map(IdentityDocument::from).collect(),
            }),
        }
    }
}

impl TableKind {
    /// The JSON Schema of the document.
    #[must_use]
    pub fn schema(self) -> Document {
        Document(match self {
            Self::WhatCan => schemars::schema_for!(WhatCanDocument<'_>).to_value(),
            Self::WhoCan => schemars::schema_for!(WhoCanDocument<'_>).to_value(),
        })
    }
}

/// What one caller may send.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct WhatCanDocument<'t> {
    /// `portcullis.dev/v1alpha1`.
    api_version: &'static str,
    /// `WhatCan`.
    kind: &'static str,
    /// Who calls.
    question: &'t str,
    /// `yes` where one row says so, else `unknown` where one does, else `no`; null where nothing was asked.
    answer: Option<&'static str>,
    /// The answers: yes, then unknown, then no.
    rows: Vec<DestinationDocument<'t>>,
}

/// The requests to one destination that are answered alike.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct DestinationDocument<'t> {
    /// `yes`, `no` or `unknown`.
    answer: &'static str,
    /// `name.namespace:port`.
    destination: Option<&'t str>,
    /// The requests in short: `GET /x (Host: y; header: value)`, or `TCP`.
    requests: &'t [String],
    /// Why, in one sentence.
    reason: &'t str,
    /// Where the deciding rule or mode is written, as `file:line:column`; null where none is.
    origin: Option<&'t str>,
}

/// Who may send one request.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct WhoCanDocument<'t> {
    /// `portcullis.dev/v1alpha1`.
    api_version: &'static str,
    /// `WhoCan`.
    kind: &'static str,
    /// What is sent where.
    question: &'t str,
    /// `yes` where one row says so, else `unknown` where one does, else `no`; null where nobody was asked for.
    answer: Option<&'static str>,
    /// The answers: yes, then unknown, then no.
    rows: Vec<IdentityDocument<'t>>,
}

/// The callers of one identity that are answered alike.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct IdentityDocument<'t> {
    /// `yes`, `no` or `unknown`.
    answer: &'static str,
    /// The principal; null for callers that have none.
    identity: Option<&'t str>,
    /// Workloads as `name.namespace`, and `plaintext`, `external`, `service account`, `named in a policy`.
    callers: &'t [String],
    /// Why, in one sentence.
    reason: &'t str,
    /// Where the deciding rule or mode is written, as `file:line:column`; null where none is.
    origin: Option<&'t str>,
}

impl<'t> From<&'t Row> for DestinationDocument<'t> {
    fn from(row: &'t Row) -> Self {
        Self {
            answer: row.word.as_str(),
            destination: row.subject.as_deref(),
            requests: &row.items,
            reason: &row.reason,
            origin: row.origin.as_deref(),
        }
    }
}

impl<'t> From<&'t Row> for IdentityDocument<'t> {
    fn from(row: &'t Row) -> Self {
        Self {
            answer: row.word.as_str(),
            identity: row.subject.as_deref(),
            callers: &row.items,
            reason: &row.reason,
            origin: row.origin.as_deref(),
        }
    }
}

impl Row {
    /// The cells of its lines: the items take several where one would be too long.
    fn lines(&self) -> Vec<[String; 4]> {
        const WIDEST: usize = 48;
        let mut items: Vec<String> = Vec::new();
        for item in &self.items {
            let item = printable(item);
            match items.last_mut() {
                Some(line) if line.chars().count() + item.chars().count() + 2 <= WIDEST => {
                    line.push_str(", ");
                    line.push_str(&item);
                }
                Some(_) | None => items.push(item),
            }
        }
        let place = self.origin.as_ref();
        let place = place.map_or_else(String::new, |place| format!(" ({place})"));
        let mut first = Some([
            self.word.as_str().to_owned(),
            printable(self.subject.as_deref().unwrap_or("-")),
            printable(&format!("{}{place}", self.reason)),
        ]);
        let lines = items.into_iter().map(|item| {
            let [word, subject, reason] = first.take().unwrap_or_default();
            [word, subject, item, reason]
        });
        lines.collect()
    }
}

/// Writes lines of cells one below the other.
fn aligned(out: &mut dyn Write, lines: &[[String; 4]]) -> fmt::Result {
    let mut widths = [0; 4];
    for line in lines {
        for (width, cell) in widths.iter_mut().zip(line) {
            *width = (*width).max(cell.chars().count());
        }
    }
    for line in lines {
        let mut text = String::new();
        for (width, cell) in widths.iter().zip(line) {
            write!(text, "{cell:<width$}  ", width = *width)?;
        }
        writeln!(out, "{}", text.trim_end())?;
    }
    Ok(())
}

/// What one row is about: the answers that differ in their item only are one.
type Key = (Word, Option<String>, String, Option<String>);

fn rows<'a>(
    mesh: &Mesh,
    answers: impl Iterator<Item = (Option<String>, String, &'a Asked)>,
) -> Vec<Row> {
    let mut rows: BTreeMap<Key, Vec<String>> = BTreeMap::new();
    for (subject, item, asked) in answers {
        let (word, reason, origin) = answer(mesh, asked);
        rows.entry((word, subject, reason, origin))
            .or_default()
            .push(item);
    }
    rows.into_iter()
        .map(|((word, subject, reason, origin), items)| Row {
            word,
            subject,
            items,
            reason,
            origin,
        })
        .collect()
}

/// The answer of all workloads behind a destination, and why the first says so.
fn answer(mesh: &Mesh, asked: &Asked) -> (Word, String, Option<String>) {
    let endpoints = asked
        .answers
        .iter()
        .map(|(request, decision)| endpoint(mesh, request, decision.clone()))
        .collect();
    let answer = Answer { question: String::new(), endpoints };
    let word = answer.word();
    let Some(shown) = answer.shown() else { return (Word::Unknown, String::new(), None) };
    if answer.is_divided() {
        let each = |endpoint: &Endpoint| {
            format!("{} at {}", Word::from(endpoint.decision.verdict).as_str(), endpoint.workload)
        };
        let each: Vec<String> = answer.endpoints.iter().map(each).collect();
        return (word, format!("it depends on which workload answers: {}", each.join(", ")), None);
    }
    (word, shown.reason.clone(), shown.origin.as_ref().map(ToString::to_string))
}

/// What is sent, in short: `GET /x`, with the host and the headers where they are not the usual ones.
fn request(spec: &RequestSpec) -> String {
    if spec.protocol == Some(Protocol::Tcp) {
        return "TCP".to_owned();
    }
    let method = spec.http.method.as_deref().unwrap_or("GET");
    let target = spec.http.target.as_deref().unwrap_or("/");
    let mut more = Vec::new();
    let usual = |host: &str| {
        spec.port
            .is_some_and(|port| host.ends_with(&format!(":{port}")))
    };
    if let HostSpec::Given(host) = &spec.http.host
        && !usual(host)
    {
        more.push(format!("Host: {host}"));
    }
    let headers = spec.http.headers.iter();
    more.extend(
        headers
            .filter(|(name, _)| name != "authorization")
            .map(|(name, value)| format!("{name}: {value}")),
    );
    if more.is_empty() {
        return format!("{method} {target}");
    }
    format!("{method} {target} ({})", more.join("; "))
}

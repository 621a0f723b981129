//! What reading, refusing and linting said → one list of findings, ready to be shown in any format.

use super::answer::endpoint;
use crate::decide::Verdict;
use crate::diagnostic::{Code, Diagnostic, Origin, Severity, Sourced};
use crate::istio::Resource;
use crate::lint::{Finding, Level, Lint, Silenced, Sure, Witness};
use crate::mesh::Mesh;

/// One finding as it is shown.
#[derive(Clone, Debug, PartialEq)]
pub struct LintRow {
    /// `PC` and three digits.
    pub code: &'static str,
    /// The name of the lint; absent for what reading and refusing say.
    pub name: Option<&'static str>,
    /// How grave it is.
    pub level: Level,
    /// `AuthorizationPolicy foo/allow`; absent where that is not known.
    pub resource: Option<String>,
    /// Where it is; absent for a path that cannot be read.
    pub origin: Option<Origin>,
    /// The field; empty for a whole text.
    pub path: String,
    /// The scalar that is written there.
    pub written: Option<Sourced<String>>,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
    /// What it depends on; absent for what is certain.
    pub sure_if: Option<String>,
    /// The request that shows it, and one beside it.
    pub witness: Vec<WitnessRow>,
    /// Other places.
    pub related: Vec<(Origin, String)>,
    /// What `--fix` does; absent where it does nothing.
    pub fix: Option<String>,
}

/// A decided request as it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WitnessRow {
    /// `plaintext → httpbin.foo:8080 GET /`.
    pub request: String,
    /// What was decided.
    pub verdict: Verdict,
    /// Why, in one sentence.
    pub reason: String,
    /// Where the deciding rule or mode is written.
    pub origin: Option<Origin>,
}

/// Everything that there is to say.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LintReport {
    /// The findings in the order of the text.
    pub rows: Vec<LintRow>,
    /// What is not told, and why: code, resource, reason.
    pub silenced: Vec<(&'static str, String, String)>,
    /// What the findings do not cover, in sentences.
    pub notes: Vec<String>,
}

impl LintReport {
    /// Adds what reading and refusing say.
    pub fn add(&mut self, findings: impl IntoIterator<Item = Diagnostic>) {
        self.rows.extend(findings.into_iter().map(LintRow::from));
    }

    /// Adds what refusing says of one resource.
    pub fn add_of(&mut self, resource: &Resource, findings: impl IntoIterator<Item = Diagnostic>) {
        let name = format!("{} {}", resource.kind(), resource.meta().id());
        let rows = findings.into_iter().map(LintRow::from);
        self.rows
            .extend(rows.map(|row| LintRow { resource: Some(name.clone()), ..row }));
    }

    /// Adds what a lint found.
    pub fn add_finding(
        &mut self,
        mesh: Option<&Mesh>,
        lint: &Lint,
        level: Level,
        finding: Finding,
    ) {
        self.rows.push(LintRow::of(mesh, lint, level, finding));
    }

    /// Adds what is not told.
    pub fn add_silenced(&mut self, lint: &Lint, silenced: Silenced) {
        self.silenced
            .push((lint.code, silenced.resource, silenced.reason));
    }

    /// Puts the findings into the order of the text, each once.
    pub fn sort(&mut self) {
        self.rows.sort_by(|a, b| {
            (&a.origin, a.code, &a.path, &a.message).cmp(&(&b.origin, b.code, &b.path, &b.message))
        });
        self.rows.dedup_by(|a, b| {
            (&a.origin, a.code, &a.path, &a.message) == (&b.origin, b.code, &b.path, &b.message)
        });
        self.silenced.sort();
    }

    /// The gravest level; absent where nothing was found.
    #[must_use]
    pub fn worst(&self) -> Option<Level> {
        self.rows.iter().map(|row| row.level).max()
    }

    /// Whether a text could not be read at all.
    #[must_use]
    pub fn is_unreadable(&self) -> bool {
        let unreadable = [Code::Limit, Code::Syntax, Code::Unreadable, Code::BadRequest];
        self.rows.iter().any(|row| {
            row.level == Level::Error && unreadable.iter().any(|code| code.as_str() == row.code)
        })
    }

    /// `2 errors, 1 high`; empty where nothing was found.
    #[must_use]
    pub fn count(&self) -> String {
        let count = |level: Level| self.rows.iter().filter(|row| row.level == level).count();
        let counts = Level::ALL
            .into_iter()
            .rev()
            .map(|level| (level, count(level)));
        let said = counts
            .filter(|(_, count)| *count > 0)
            .map(|(level, count)| {
                let plural = if level == Level::Error && count > 1 { "s" } else { "" };
                format!("{count} {level}{plural}")
            });
        said.collect::<Vec<_>>().join(", ")
    }
}

impl From<Diagnostic> for LintRow {
    fn from(finding: Diagnostic) -> Self {
        Self {
            code: finding.code.as_str(),
            name: None,
            level: match finding.severity {
                Severity::Error => Level::Error,
                Severity::Warning => Level::Low,
            },
            resource: None,
            origin: finding.origin,
            path: finding.path.as_str().to_owned(),
            written: None,
            message: finding.message,
            help: finding.help,
            sure_if: None,
            witness: Vec::new(),
            related: Vec::new(),
            fix: None,
        }
    }
}

impl LintRow {
    fn of(mesh: Option<&Mesh>, lint: &Lint, level: Level, finding: Finding) -> Self {
        let mut witness = Vec::new();
        let mut next = finding.witness.as_ref();
        while let (Some(shown), Some(mesh)) = (next, mesh) {
            witness.push(WitnessRow::of(mesh, shown));
            next = shown.other();
        }
        let Finding {
            resource,
            resource_origin: _,
            origin,
            path,
            written,
            message,
            help,
            sure,
            witness: _,
            related,
            fix,
        } = finding;
        Self {
            code: lint.code,
            name: Some(lint.name),
            level,
            resource: Some(resource),
            origin: Some(origin),
            path: path.as_str().to_owned(),
            written,
            message,
            help: (!help.is_empty()).then_some(help),
            sure_if: match sure {
                Sure::Certain => None,
                Sure::If(what) => Some(what),
            },
            witness,
            related: related
                .into_iter()
                .map(|other| (other.origin, other.label))
                .collect(),
            fix: fix.map(|fix| fix.title),
        }
    }
}

impl WitnessRow {
    fn of(mesh: &Mesh, witness: &Witness) -> Self {
        let endpoint = endpoint(mesh, witness.request(), witness.decision().clone());
        Self {
            request: witness.shown().to_owned(),
            verdict: endpoint.decision.verdict,
            reason: endpoint.reason,
            origin: endpoint.origin,
        }
    }

    /// `this request is allowed: REQUEST (REASON)`.
    #[must_use]
    pub fn sentence(&self) -> String {
        let verdict = match self.verdict {
            Verdict::Allow => "is allowed",
            Verdict::Deny => "is denied",
            Verdict::Refused => "is refused by the transport",
            Verdict::Rejected => "is rejected",
            Verdict::Unauthenticated => "is answered 401",
            Verdict::Unknown => "cannot be decided",
            Verdict::Unreachable => "reaches nothing",
        };
        format!("{} {verdict}: {}", self.request, self.reason)
    }
}

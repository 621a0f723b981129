//! Levels and exceptions, as settings and annotations say them → whether a finding is told, and how grave it is.

use std::collections::BTreeMap;

use super::finding::Finding;
use super::{Level, Lint, named};
use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::istio::Resource;
use crate::matcher::StringMatch;

/// What an annotation begins with that silences a lint for one resource; the code or name of the lint follows, and
/// the value is the reason.
pub const ANNOTATION: &str = "lint.portcullis.dev/";

/// An exception that a settings file makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ignore {
    /// The code of the lint.
    pub code: &'static str,
    /// `namespace/name` of the resources, a star at one end.
    pub resource: String,
    /// Why; never empty.
    pub reason: String,
}

/// A finding that is not told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Silenced {
    /// `AuthorizationPolicy foo/allow`.
    pub resource: String,
    /// Why, in the words of whoever said so.
    pub reason: String,
}

/// What settings say of lints.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Levels {
    /// The level of lints by code; none: it is switched off.
    pub levels: BTreeMap<&'static str, Option<Level>>,
    /// Exceptions.
    pub ignore: Vec<Ignore>,
}

impl Levels {
    /// The level of a lint's findings; absent where it is switched off.
    #[must_use]
    pub fn of(&self, lint: &Lint) -> Option<Level> {
        self.levels
            .get(lint.code)
            .copied()
            .unwrap_or(Some(lint.level))
    }

    /// Why a finding is not told; absent where it is.
    pub(super) fn silenced(
        &self,
        lint: &Lint,
        finding: &Finding,
        resource: Option<&Resource>,
    ) -> Option<Silenced> {
        let id = resource.map_or_else(String::new, |resource| resource.meta().id());
        let by_settings = self.ignore.iter().find(|ignore| {
            ignore.code == lint.code && StringMatch::parse(&ignore.resource).matches(&id)
        });
        let by_annotation = || {
            let said = annotations(resource?).find(|(word, reason)| {
                // Without a reason it does not count; that is told elsewhere.
                named(word).is_some_and(|named| named.code == lint.code)
                    && !reason.trim().is_empty()
            });
            said.map(|(_, reason)| reason)
        };
        let reason = by_settings
            .map(|ignore| &ignore.reason)
            .or_else(by_annotation)?;
        Some(Silenced { resource: finding.resource.clone(), reason: reason.clone() })
    }
}

/// What stands behind [`ANNOTATION`] in the annotations of a resource and of the pods that it makes, and the reasons.
fn annotations(resource: &Resource) -> impl Iterator<Item = (&str, &String)> {
    // Those of a Pod are its own.
    let of_pods = if let Resource::Workload(workload) = resource
        && workload.kind != "Pod"
    {
        Some(&workload.annotations)
    } else {
        None
    };
    let all = [&resource.meta().annotations].into_iter().chain(of_pods);
    all.flatten()
        .filter_map(|(key, reason)| Some((key.strip_prefix(ANNOTATION)?, reason)))
}

/// Annotations that are meant to silence a lint and do not: no lint has that code, or no reason is given.
#[must_use]
pub fn unknown_annotations(resources: &[Resource]) -> Vec<Diagnostic> {
    let mut findings = Vec::new();
    for resource in resources {
        let meta = resource.meta();
        for (word, reason) in annotations(resource) {
            let problem = if named(word).is_none() {
                format!("no lint is called `{word}`")
            } else if reason.trim().is_empty() {
                format!("`{ANNOTATION}{word}` gives no reason, so it does not count")
            } else {
                continue;
            };
            let path = FieldPath::root().field("metadata").field("annotations");
            findings.push(
                Diagnostic::warning(Code::BadSuppression, problem)
                    .at(&meta.origin.file, meta.origin.position, &path)
                    .help(format!(
                        "write `{ANNOTATION}CODE: why this is meant`; docs/lints.md lists the codes"
                    )),
            );
        }
    }
    findings
}

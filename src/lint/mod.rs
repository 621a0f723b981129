//! Resources, and the mesh that they make → findings: what is wrong, the request that shows it, and how to mend it.
//!
//! A finding is certain, or says what it depends on. Every request that is shown was decided.

mod edit;
mod finding;
mod level;
mod peer_authentication;
mod rules;
mod subject;
mod suppression;
mod witness;

use std::collections::BTreeMap;

pub use edit::{IndexedTexts, NoFit, apply};
pub use finding::{Edit, Finding, Fix, Related, Sure};
pub use level::{Level, NotALevel};
pub use rules::ALL;
pub use subject::{Place, Subject, Term, Written, comparisons};
pub use suppression::{ANNOTATION, Ignore, Levels, Silenced, unknown_annotations};
pub use witness::Witness;

/// One thing that is looked for.
#[derive(Debug)]
pub struct Lint {
    /// Its stable code, `PC` and three digits; never given twice.
    pub code: &'static str,
    /// Its name, which reads as "allow NAME".
    pub name: &'static str,
    /// How grave its findings are where nobody says otherwise.
    pub level: Level,
    /// What it finds, in one sentence.
    pub what: &'static str,
    /// Why that is bad, in a few sentences.
    pub why: &'static str,
    /// Resources in which it is found, beside those of [`EXAMPLE_MESH`].
    pub bad: &'static [&'static str],
    /// Resources in which it is not.
    pub good: &'static [&'static str],
    /// Looks for it.
    pub(crate) check: fn(&Subject<'_>, &mut Vec<Finding>),
}

/// The lint of a code or a name; absent for any other word.
#[must_use]
pub fn named(word: &str) -> Option<&'static Lint> {
    let fits = |lint: &&&Lint| lint.code.eq_ignore_ascii_case(word) || lint.name == word;
    ALL.iter().find(fits).copied()
}

/// What came of looking.
#[derive(Debug, Default)]
pub struct Findings {
    /// What was found, in the order of the text.
    pub found: Vec<(&'static Lint, Level, Finding)>,
    /// What somebody said not to tell, and why.
    pub silenced: Vec<(&'static Lint, Silenced)>,
    /// Lints that left something out, because there are too many values to try them all.
    pub incomplete: Vec<&'static Lint>,
}

/// Asks every lint that is not switched off; `step` is told before each of them.
pub fn run(subject: &Subject<'_>, levels: &Levels, step: &mut dyn FnMut()) -> Findings {
    let mut findings = Findings::default();
    let mut resources = BTreeMap::new();
    for resource in &subject.resources {
        let origin = &resource.meta().origin;
        resources.entry(origin).or_insert(*resource);
    }
    for lint in ALL {
        step();
        let Some(level) = levels.of(lint) else { continue };
        let mut found = Vec::new();
        subject.refresh();
        (lint.check)(subject, &mut found);
        if subject.is_exhausted() {
            findings.incomplete.push(lint);
        }
        for finding in found {
            let resource = resources.get(&finding.resource_origin).copied();
            match levels.silenced(lint, &finding, resource) {
                Some(silenced) => findings.silenced.push((lint, silenced)),
                None => findings.found.push((lint, level, finding)),
            }
        }
    }
    findings
        .found
        .sort_by(|(a, _, x), (b, _, y)| (&x.origin, a.code).cmp(&(&y.origin, b.code)));
    findings
}

/// The mesh that the examples of all lints stand in: a namespace with sidecars, a caller, a workload behind an HTTP
/// port and one behind a TCP port.
pub const EXAMPLE_MESH: &str = "\
apiVersion: v1
kind: Namespace
metadata: {name: foo, labels: {istio-injection: enabled}}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: sleep, namespace: foo}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: sleep, namespace: foo}
spec:
  template:
    metadata: {labels: {app: sleep}}
    spec: {serviceAccountName: sleep, containers: [{name: sleep}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: httpbin, namespace: foo}
spec:
  template:
    metadata: {labels: {app: httpbin}}
    spec: {serviceAccountName: httpbin, containers: [{name: httpbin, ports: [{containerPort: 8080}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: httpbin, namespace: foo}
spec:
  selector: {app: httpbin}
  ports: [{name: http, port: 80, targetPort: 8080}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: db, namespace: foo}
spec:
  template:
    metadata: {labels: {app: db}}
    spec: {serviceAccountName: db, containers: [{name: db, ports: [{containerPort: 5432}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: db, namespace: foo}
spec:
  selector: {app: db}
  ports: [{name: tcp-db, port: 5432}]
";

//! An AdmissionReview and the mesh as it is known → an AdmissionReview: whether the change may happen, and what it does.
//!
//! The change is made in memory, to a mesh that is compiled already, and held against four things, in this order:
//! what the API server and Istio's webhook refuse and Envoy does not load; lints about the object; guards, which are
//! suites that must still pass; and a budget of callers that may be answered otherwise.

mod answer;
mod asked;
mod blast_radius;
mod effort;
mod guard;
mod known;
mod meshes;

use std::sync::Arc;

pub use answer::{About, Answer, MAX_WARNING, MAX_WARNINGS, Reason};
use asked::{Asked, asked, word};
pub use asked::{MAX_REVIEW, Operation};
use blast_radius::{BlastRadius, blast_radius};
use effort::Effort;
use guard::Guard;
use known::is_policy;
pub use known::{Budget, Facts, Gate, Known, Size};

use crate::diagnostic::{Diagnostic, Diagnostics, Severity};
use crate::istio::Resource;
use crate::lint::{self, Level, Subject};
use crate::mesh::{Admission, Change, Changed, Mesh};
use crate::parse::node::{Node, Value};
use crate::parse::{self, Loaded};

/// So many findings, cases or requests are told of each kind.
const TOLD: usize = 3;
/// A review of so many bytes is searched with one request, half of it with two, and so on: each request is held against
/// every value that the object holds, so that a long object would take long. Up to some 50 kB it is no bound beside
/// [`Budget::REQUESTS`].
const SEARCHED: usize = 100 << 20;

/// Answers a review. The same review and the same mesh give the same answer; nothing is remembered, so that a dry run
/// is a review like any other.
///
/// Denied is what could not be looked at: an object that is not understood, a version that is not known. Allowed, with a
/// warning, is a kind that portcullis does not look at. The subresource `status` decides nothing and is allowed.
#[must_use]
pub fn review(text: &str, known: &Known) -> Answer {
    let asked = match asked(text) {
        Ok(asked) => asked,
        Err(trouble) => {
            let mut answer = Answer::allowed(&trouble.uid, About::default());
            answer.http_status = trouble.status;
            answer.deny(Reason::BadRequest, trouble.message);
            return answer;
        }
    };
    let about = About {
        operation: asked.operation.as_str().to_owned(),
        kind: asked.kind.clone(),
        namespace: asked.namespace.clone(),
        name: asked.name.clone(),
        dry_run: asked.dry_run,
    };
    let mut answer = Answer::allowed(&asked.uid, about);
    match handling(&asked) {
        Handling::Look => look(&asked, SEARCHED / text.len().max(1), known, &mut answer),
        Handling::NoMeaning => {}
        Handling::Deny(why) => answer.deny(Reason::Forbidden, why),
        Handling::Warn(why) => answer.warn(why),
    }
    answer
}

/// `request.uid` of a review, to be given back also where nothing else can be said; empty where it cannot be read.
#[must_use]
pub fn uid(text: &str) -> String {
    match asked(text) {
        Ok(asked) => asked.uid,
        Err(trouble) => trouble.uid,
    }
}

/// What is done with a question.
enum Handling {
    /// The change is held against the mesh.
    Look,
    /// It is allowed: it decides nothing.
    NoMeaning,
    Deny(String),
    Warn(String),
}

/// The group of the three kinds that decide.
const SECURITY: &str = "security.istio.io";

/// The kinds that are looked at, and the versions of each.
const KINDS: &[(&str, &[&str], &[&str])] = &[
    (
        SECURITY,
        &["AuthorizationPolicy", "PeerAuthentication", "RequestAuthentication"],
        &["v1", "v1beta1"],
    ),
    ("networking.istio.io", &["DestinationRule"], &["v1", "v1alpha3", "v1beta1"]),
];

fn handling(asked: &Asked) -> Handling {
    let Asked { group, version, kind, .. } = asked;
    let known = KINDS
        .iter()
        .find(|(known, kinds, _)| known == group && kinds.contains(&kind.as_str()));
    let Some((_, _, versions)) = known else {
        // A policy of a kind that is yet to come must not pass unseen.
        if group == SECURITY {
            return Handling::Deny(format!("{kind} of `{group}` is not understood"));
        }
        return Handling::Warn(format!(
            "portcullis does not look at {kind} of `{group}/{version}`: leave it out of the webhook's rules"
        ));
    };
    match asked.subresource.as_str() {
        "" => {}
        "status" => return Handling::NoMeaning,
        other => return Handling::Deny(format!("the subresource `{other}` is not understood")),
    }
    if !versions.contains(&version.as_str()) {
        return Handling::Deny(format!(
            "{kind} of `{group}/{version}` is not understood: write `{group}/v1`"
        ));
    }
    match asked.operation {
        Operation::Connect => Handling::Deny(format!("{kind} cannot be connected to")),
        Operation::Update if is_leaving(asked) && !is_gone(asked) => Handling::NoMeaning,
        Operation::Create | Operation::Delete | Operation::Update => Handling::Look,
    }
}

/// Whether an object that is being deleted stays what it is: its finalizers must be free to go, also when it would not be
/// admitted today. One whose meaning changes is looked at as any other: `deletionTimestamp` is no way round.
fn is_leaving(asked: &Asked) -> bool {
    let (Some(object), Some(old)) = (&asked.object, &asked.old) else { return false };
    let same_meta = |field: &str| of_meta(object, field) == of_meta(old, field);
    is_being_deleted(asked)
        && object.get("spec") == old.get("spec")
        && same_meta("labels")
        && same_meta("annotations")
}

/// Whether an update takes the last finalizer of an object that is being deleted: with it the object goes. When its
/// deletion was looked at it still counted, and whatever else has been deleted since was held against a mesh with it.
fn is_gone(asked: &Asked) -> bool {
    let finalizers = asked
        .object
        .as_ref()
        .and_then(|object| of_meta(object, "finalizers"));
    let is_left = match finalizers.map(|node| &node.value) {
        None => false,
        Some(Value::Sequence(finalizers)) => !finalizers.is_empty(),
        Some(_) => true,
    };
    asked.operation == Operation::Update && is_being_deleted(asked) && !is_left
}

/// Whether an object is being deleted, and was before.
fn is_being_deleted(asked: &Asked) -> bool {
    let has_time = |object: &Option<Node>| {
        let object = object.as_ref();
        object.is_some_and(|object| of_meta(object, "deletionTimestamp").is_some())
    };
    has_time(&asked.object) && has_time(&asked.old)
}

fn of_meta<'n>(object: &'n Node, field: &str) -> Option<&'n Node> {
    object.get("metadata")?.get(field)
}

/// Makes the change, and says what is wrong with it. A budget is searched with `requests` at most.
fn look(asked: &Asked, requests: usize, known: &Known, answer: &mut Answer) {
    let after = match asked.operation {
        Operation::Delete => None,
        Operation::Update if is_gone(asked) => None,
        Operation::Connect | Operation::Create | Operation::Update => {
            match object(asked, known, answer) {
                Some(after) => Some(known.of_its_age(after)),
                None => return,
            }
        }
    };
    let Some((namespace, name)) = identity(asked, after.as_ref()) else {
        return answer.deny(
            Reason::Forbidden,
            format!("this does not name the {} that it deletes", asked.kind),
        );
    };
    answer.about.namespace.clone_from(&namespace);
    answer.about.name.clone_from(&name);
    let change =
        Change { kind: &asked.kind, namespace: &namespace, name: &name, after: after.as_ref() };
    if !after.as_ref().is_none_or(is_policy) || asked.group != SECURITY {
        answer.warn(format!("{} is not evaluated yet: it may change answers", asked.kind));
        return;
    }
    let changed = match known.mesh.changed(&change, Admission::Enforced) {
        Ok(changed) => changed,
        Err(findings) => return refuse(&findings.into_vec(), answer),
    };
    for warning in &changed.warnings {
        answer.warn(told(warning));
    }
    if let Some(after) = &after {
        lints(after, known, &changed, answer);
    }
    guards(&change, known, &changed, answer);
    if let Some(budget) = known.gate.budget {
        let id = format!("{namespace}/{name}");
        let budget = Budget { requests: budget.requests.min(requests), ..budget };
        radius(&blast_radius(&known.mesh, &changed, &id, budget), budget, answer);
    }
}

/// Reads the object as files are read. What is wrong with it is denied.
fn object(asked: &Asked, known: &Known, answer: &mut Answer) -> Option<Resource> {
    let Some(object) = &asked.object else {
        let message = format!("`request.object` is missing for {}", asked.operation.as_str());
        answer.http_status = 400;
        answer.deny(Reason::BadRequest, message);
        return None;
    };
    let group_version = format!("{}/{}", asked.group, asked.version);
    if word(object, "kind") != asked.kind || word(object, "apiVersion") != group_version {
        let message = format!(
            "`request.object` is no {} of `{group_version}`, as `request.kind` says",
            asked.kind
        );
        answer.http_status = 400;
        answer.deny(Reason::BadRequest, message);
        return None;
    }
    let named;
    let object = match with_a_name(object, known) {
        Some(with_a_name) => {
            named = with_a_name;
            &named
        }
        None => object,
    };
    let mut loaded = Loaded::default();
    let file = Arc::from("request.object");
    parse::resource_nodes(&file, "", std::slice::from_ref(object), &asked.namespace, &mut loaded);
    let mut resources = loaded.resources.into_iter();
    match resources.next() {
        Some(resource) if resources.next().is_none() && resource.kind() == asked.kind => {
            let namespace = &resource.meta().namespace;
            if !asked.namespace.is_empty() && *namespace != asked.namespace {
                let message = format!(
                    "`request.object` is of namespace `{namespace}`, and `request.namespace` is `{}`",
                    asked.namespace
                );
                answer.http_status = 400;
                answer.deny(Reason::BadRequest, message);
                return None;
            }
            if namespace.is_empty() {
                // Every kind that is looked at has one: without it there is no workload that it could reach.
                answer.http_status = 400;
                answer.deny(
                    Reason::BadRequest,
                    "neither `request.namespace` nor `request.object` says a namespace",
                );
                return None;
            }
            Some(resource)
        }
        _ => {
            refuse(&loaded.findings, answer);
            None
        }
    }
}

/// The object with the beginning of its name for a name, where the API server is yet to make up the rest. It is a name that
/// nothing known has: a new object takes no other one's place.
fn with_a_name(object: &Node, known: &Known) -> Option<Node> {
    let meta = object.get("metadata")?;
    if meta
        .get("name")
        .is_some_and(|name| name.as_str() != Some(""))
    {
        return None;
    }
    let beginning = meta.get("generateName")?.as_str()?;
    let mut name = format!("{beginning}xxxxx");
    while known.names(&name) {
        name.push('x');
    }
    let mut object = object.clone();
    let Value::Mapping(entries) = &mut object.value else { return None };
    let (_, meta) = entries.iter_mut().find(|(key, _)| key.name == "metadata")?;
    let Value::Mapping(entries) = &mut meta.value else { return None };
    entries.retain(|(key, _)| key.name != "name" && key.name != "generateName");
    let key = parse::node::Key { name: "name".to_owned(), position: meta.position };
    entries.push((key, Node { position: meta.position, value: Value::String(name) }));
    Some(object)
}

/// Namespace and name of what is changed: the object's, else the old object's, else the request's; none where one of them
/// is not said.
fn identity(asked: &Asked, after: Option<&Resource>) -> Option<(String, String)> {
    if let Some(after) = after {
        let meta = after.meta();
        return Some((meta.namespace.clone(), meta.name.clone()));
    }
    let old = asked.old.as_ref().and_then(|old| old.get("metadata"));
    let of = |field: &str, otherwise: &str| {
        let written = old.map_or("", |old| word(old, field));
        if written.is_empty() { otherwise.to_owned() } else { written.to_owned() }
    };
    let name = of("name", &asked.name);
    let namespace = of("namespace", &asked.namespace);
    (!name.is_empty() && !namespace.is_empty()).then_some((namespace, name))
}

/// Denies an object that the API server, Istio's webhook or Envoy would not take, or that is not understood.
fn refuse(findings: &[Diagnostic], answer: &mut Answer) {
    let is_error = |finding: &&Diagnostic| finding.severity == Severity::Error;
    let (errors, warnings): (Vec<_>, Vec<_>) = findings.iter().partition(is_error);
    for warning in warnings {
        answer.warn(told(warning));
    }
    if errors.is_empty() {
        return answer.deny(Reason::InternalError, "the object was not understood");
    }
    let words: Vec<String> = errors.iter().map(|finding| told(finding)).collect();
    answer.deny(Reason::Invalid, some(&words));
}

/// ``PC905 spec.rules[0].from[0].source.principal: unknown field `principal` in `source`; did you mean `principals`?``
fn told(finding: &Diagnostic) -> String {
    let path = finding.path.as_str();
    let space = if path.is_empty() { "" } else { " " };
    let help = finding
        .help
        .as_ref()
        .map(|help| format!("; {help}"))
        .unwrap_or_default();
    format!("{}{space}{path}: {}{help}", finding.code, finding.message)
}

/// The first few, and how many there are beside them.
fn some(words: &[String]) -> String {
    let more = words.len().saturating_sub(TOLD);
    let first: Vec<&str> = words.iter().take(TOLD).map(String::as_str).collect();
    let first = first.join("; ");
    if more == 0 { first } else { format!("{first}; and {more} more") }
}

/// Asks the lints about the object.
fn lints(after: &Resource, known: &Known, changed: &Changed, answer: &mut Answer) {
    let gate = &known.gate;
    let Some(least) = gate.deny_level.into_iter().chain(gate.warn_level).min() else { return };
    let subject = Subject::about(after, known.with(after), &changed.mesh);
    let findings = lint::run(&subject, &gate.levels, &mut || {});
    unfinished_lints(&findings.incomplete, gate, answer);
    let mut denied = Vec::new();
    for (lint, level, finding) in findings.found {
        if finding.resource_origin != after.meta().origin || level < least {
            continue;
        }
        let words =
            format!("{} {level} `{}` {}: {}", lint.code, lint.name, finding.path, finding.message);
        if gate.deny_level.is_some_and(|deny| level >= deny) {
            denied.push(words);
        } else {
            answer.warn(words);
        }
    }
    if !denied.is_empty() {
        answer.deny(Reason::Forbidden, format!("lint: {}", some(&denied)));
    }
}

/// Denies what a lint that would deny has not looked at wholly, and tells of the others.
fn unfinished_lints(incomplete: &[&lint::Lint], gate: &Gate, answer: &mut Answer) {
    let at_least = |least: Option<Level>| -> Vec<String> {
        let counts = |lint: &&&lint::Lint| {
            let level = gate.levels.of(lint);
            least.is_some_and(|least| level.is_some_and(|level| level >= least))
        };
        let counted = incomplete.iter().filter(counts);
        counted.map(|lint| format!("`{}`", lint.name)).collect()
    };
    let (denying, warning) = (at_least(gate.deny_level), at_least(gate.warn_level));
    if !denying.is_empty() {
        answer.cannot_finish(format!("it has too many values for lints: {}", some(&denying)));
    } else if !warning.is_empty() {
        answer.warn(format!("it has too many values for lints: {}", some(&warning)));
    }
}

/// Asks every guard. What the change makes of a mesh is made once, for all guards that are asked in it.
fn guards(change: &Change<'_>, known: &Known, changed: &Changed, answer: &mut Answer) {
    let mut effort = Effort::of(Effort::GUARDS);
    let mut made: Vec<(&Arc<Mesh>, Result<Changed, Diagnostics>)> = Vec::new();
    for guard in &known.guards {
        let mesh = guard.mesh();
        if Arc::ptr_eq(mesh, &known.mesh) {
            hold(guard, changed, &mut effort, answer);
            continue;
        }
        if !made.iter().any(|(other, _)| Arc::ptr_eq(other, mesh)) {
            made.push((mesh, mesh.changed(change, Admission::Bypassed)));
        }
        for (_, changed) in made.iter().filter(|(other, _)| Arc::ptr_eq(other, mesh)) {
            match changed {
                Ok(changed) => hold(guard, changed, &mut effort, answer),
                Err(findings) => {
                    let words: Vec<String> = findings.iter().map(told).collect();
                    let name = guard.name();
                    let message =
                        format!("guard `{name}` cannot take the change: {}", some(&words));
                    answer.deny(Reason::Forbidden, message);
                }
            }
        }
    }
}

/// Denies what breaks a guard, and what there is not enough effort left for.
fn hold(guard: &Guard, changed: &Changed, effort: &mut Effort, answer: &mut Answer) {
    let (broken, finished) = guard.broken(changed, effort);
    if !finished {
        answer.cannot_finish(format!(
            "with so many values before the workloads that it reaches, the cases of guard `{}` take too long",
            guard.name()
        ));
    }
    if broken.is_empty() {
        return;
    }
    let words: Vec<String> = broken
        .iter()
        .map(|broken| format!("case `{}` would fail: {}", broken.case, broken.why))
        .collect();
    let message = format!("guard `{}`: {}", guard.name(), some(&words));
    answer.deny(Reason::Forbidden, message);
}

/// Holds what was found against the budget.
fn radius(found: &BlastRadius, budget: Budget, answer: &mut Answer) {
    let bounded = format!(
        "{} requests asked{}, so there may be more",
        found.asked,
        if found.cut_short {
            ", then the search was cut short"
        } else {
            " near the edges of the rules"
        }
    );
    let mut within = Vec::new();
    let sides = [
        ("allows", &found.newly_allowed, budget.newly_allowed),
        ("denies", &found.newly_denied, budget.newly_denied),
    ];
    for (word, found, most) in sides {
        if found.is_empty() {
            continue;
        }
        let count = found.len();
        match most {
            Some(most) if count > most => answer.deny(
                Reason::Forbidden,
                format!(
                    "budget: this newly {word} at least {count} callers of ports, of at most {most}: {} ({bounded})",
                    some(found)
                ),
            ),
            _ => within.push(format!("newly {word} {count}: {}", some(found))),
        }
    }
    if within.is_empty() && found.cut_short {
        within.push("changes no answer that was looked at".to_owned());
    }
    if !within.is_empty() {
        answer.warn(format!("this {} ({bounded})", within.join("; ")));
    }
}

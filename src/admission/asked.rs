//! An AdmissionReview, as text → what the API server asks, or what is wrong with its question.

use crate::parse::json;
use crate::parse::node::{Node, Value};

/// The longest review that is read, in bytes: what the API server takes for a request of its own.
pub const MAX_REVIEW: usize = 3 << 20;
/// The longest `uid` that is read and given back, in bytes.
const MAX_UID: usize = 256;

/// What is done to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// It is connected to.
    Connect,
    /// It is created.
    Create,
    /// It is deleted.
    Delete,
    /// It is replaced.
    Update,
}

impl Operation {
    /// The word that the API server has for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Connect => "CONNECT",
            Self::Create => "CREATE",
            Self::Delete => "DELETE",
            Self::Update => "UPDATE",
        }
    }
}

/// `request` of an AdmissionReview, as far as it is looked at.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) uid: String,
    pub(super) operation: Operation,
    /// `kind`: the group and the version, `security.istio.io` and `v1`.
    pub(super) group: String,
    pub(super) version: String,
    pub(super) kind: String,
    /// Empty for the object itself.
    pub(super) subresource: String,
    /// Empty for a kind without namespaces.
    pub(super) namespace: String,
    /// Empty where the API server has still to make it up.
    pub(super) name: String,
    pub(super) dry_run: bool,
    pub(super) object: Option<Node>,
    pub(super) old: Option<Node>,
}

/// A question that is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NoReview {
    /// `request.uid`, where that much could be read; else empty.
    pub(super) uid: String,
    /// The HTTP status: 400, or 413 for a text that is too long.
    pub(super) status: u16,
    /// What is wrong with it.
    pub(super) message: String,
}

/// Reads a review.
pub(super) fn asked(text: &str) -> Result<Asked, NoReview> {
    let bad = |uid: &str, message: &str| NoReview {
        uid: uid.to_owned(),
        status: 400,
        message: message.to_owned(),
    };
    if text.len() > MAX_REVIEW {
        let message = format!("the review is longer than {MAX_REVIEW} bytes");
        return Err(NoReview { status: 413, ..bad("", &message) });
    }
    let mut review = json::document(text, &[MANAGED_FIELDS, OLD_OBJECT])
        .map_err(|error| bad("", &format!("the review is no JSON that is read: {error}")))?;
    let uid = review
        .get("request")
        .and_then(|request| request.get("uid"))
        .and_then(Node::as_str)
        .filter(|uid| uid.len() <= MAX_UID)
        .unwrap_or_default()
        .to_owned();
    if word(&review, "kind") != "AdmissionReview" {
        return Err(bad(&uid, "this is no AdmissionReview: `kind` must be `AdmissionReview`"));
    }
    match word(&review, "apiVersion") {
        "admission.k8s.io/v1" => {}
        other => {
            let message = format!(
                "AdmissionReview of `{other}` is not spoken: write `admissionReviewVersions: [v1]`"
            );
            return Err(bad(&uid, &message));
        }
    }
    let Some(mut request) = take(&mut review, "request") else {
        return Err(bad(&uid, "the review has no `request`"));
    };
    if uid.is_empty() {
        let message =
            format!("`request.uid` must be a text of 1 to {MAX_UID} bytes: it is given back");
        return Err(bad("", &message));
    }
    let operation = match word(&request, "operation") {
        "CONNECT" => Operation::Connect,
        "CREATE" => Operation::Create,
        "DELETE" => Operation::Delete,
        "UPDATE" => Operation::Update,
        other => {
            let message = format!("`request.operation` does not take `{other}`");
            return Err(bad(&uid, &message));
        }
    };
    let (object, mut old) = (object(&mut request, "object"), object(&mut request, OLD_OBJECT));
    // It is long, and seldom looked into.
    if operation == Operation::Delete
        || matches!(&object, Ok(Some(object)) if is_being_deleted(object))
    {
        old = whole_old_object(text).map_err(|error| bad(&uid, &error))?;
    }
    let (Ok(object), Ok(old)) = (object, old) else {
        return Err(bad(&uid, "`request.object` and `request.oldObject` are objects, or null"));
    };
    let Some(kind) = request
        .get("kind")
        .filter(|kind| !word(kind, "kind").is_empty())
    else {
        return Err(bad(&uid, "`request.kind` must say `group`, `version` and `kind`"));
    };
    let dry_run = match request.get("dryRun").map(|node| &node.value) {
        None => false,
        Some(Value::Bool(dry_run)) => *dry_run,
        Some(_) => return Err(bad(&uid, "`request.dryRun` takes `true` or `false`")),
    };
    let of_kind = |field| word(kind, field).to_owned();
    let of_request = |field| word(&request, field).to_owned();
    Ok(Asked {
        operation,
        group: of_kind("group"),
        version: of_kind("version"),
        kind: of_kind("kind"),
        subresource: of_request("subResource"),
        namespace: of_request("namespace"),
        name: of_request("name"),
        dry_run,
        object,
        old,
        uid,
    })
}

/// What the API server notes for itself about every field of an object.
const MANAGED_FIELDS: &str = "managedFields";
const OLD_OBJECT: &str = "oldObject";

fn is_being_deleted(object: &Node) -> bool {
    let meta = object.get("metadata");
    meta.is_some_and(|meta| meta.get("deletionTimestamp").is_some())
}

/// The old object with all that is in it; the inner error where it is none.
fn whole_old_object(text: &str) -> Result<Result<Option<Node>, ()>, String> {
    let mut review = json::document(text, &[MANAGED_FIELDS])
        .map_err(|error| format!("the review is no JSON that is read: {error}"))?;
    let request = take(&mut review, "request");
    Ok(request.map_or(Ok(None), |mut request| object(&mut request, OLD_OBJECT)))
}

/// A field's text; empty where it is absent, null or no text.
pub(super) fn word<'n>(node: &'n Node, field: &str) -> &'n str {
    node.get(field).and_then(Node::as_str).unwrap_or_default()
}

/// A field's value, taken out; null counts as absent.
fn take(node: &mut Node, field: &str) -> Option<Node> {
    let Value::Mapping(entries) = &mut node.value else { return None };
    let (_, node) = entries.iter_mut().find(|(key, _)| key.name == field)?;
    let value = std::mem::replace(&mut node.value, Value::Null);
    (value != Value::Null).then_some(Node { position: node.position, value })
}

/// An object, or none; an error where it is something else.
fn object(request: &mut Node, field: &str) -> Result<Option<Node>, ()> {
    match take(request, field) {
        None => Ok(None),
        Some(node) if matches!(node.value, Value::Mapping(_)) => Ok(Some(node)),
        Some(_) => Err(()),
    }
}

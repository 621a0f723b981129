//! What was found about a review → the answer: an AdmissionReview again, and a record for a log.

use serde_json::{Value, json};

use crate::diagnostic::printable;

/// The API server cuts longer ones off.
pub const MAX_WARNING: usize = 256;
/// So many warnings are told at most.
pub const MAX_WARNINGS: usize = 8;
/// So many characters of a denial are told at most.
const MAX_MESSAGE: usize = 4_000;

/// Why a change is denied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// The question is no review.
    BadRequest,
    /// A lint, a guard or the budget keeps it out.
    Forbidden,
    /// Something that should not have happened did.
    InternalError,
    /// The API server or Istio's webhook would refuse the object, or Envoy would not load it.
    Invalid,
    /// To look at all of it would take too long.
    RequestEntityTooLarge,
}

impl Reason {
    /// The word of the Kubernetes API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BadRequest => "BadRequest",
            Self::Forbidden => "Forbidden",
            Self::InternalError => "InternalError",
            Self::Invalid => "Invalid",
            Self::RequestEntityTooLarge => "RequestEntityTooLarge",
        }
    }
}

/// What the change is about, as far as it is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct About {
    /// `CREATE`, `UPDATE`, `DELETE`, `CONNECT`.
    pub operation: String,
    /// The kind of the object.
    pub kind: String,
    /// Its namespace; empty for none.
    pub namespace: String,
    /// Its name; empty where it has none yet.
    pub name: String,
    /// Whether nothing will be stored.
    pub dry_run: bool,
}

/// The answer to a review.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status to answer with: 200, or that the question is none: 400, 413.
    pub http_status: u16,
    /// The review's, given back; empty where it could not be read.
    pub uid: String,
    /// What the change is about.
    pub about: About,
    /// Why it is denied, and what to say of it; absent: it is allowed.
    pub denied: Option<(Reason, String)>,
    /// Whether nothing that was looked at is wrong with it, and it is denied because the rest was not looked at.
    pub unfinished: bool,
    /// At most [`MAX_WARNINGS`] of at most [`MAX_WARNING`] characters.
    pub warnings: Vec<String>,
}

impl Answer {
    /// The answer to what could not be answered, for `why`: no, unless `fail_open`, which is told in a warning.
    #[must_use]
    pub fn of_failure(uid: &str, why: &str, fail_open: bool) -> Self {
        let mut answer = Self::allowed(uid, About::default());
        answer.deny(Reason::InternalError, format!("portcullis could not look at this: {why}"));
        answer.unfinished = true;
        if fail_open {
            answer.let_pass();
        }
        answer
    }

    /// Allows what is denied for nothing but that it could not be looked at, or not at all of it, and says so in a warning.
    pub fn let_pass(&mut self) {
        if !std::mem::take(&mut self.unfinished) {
            return;
        }
        let why = self.denied.take().map(|(_, why)| why);
        let why = why.unwrap_or_default();
        self.warn_first(format!("allowed as --fail-open says: {why}"));
    }

    pub(super) fn allowed(uid: &str, about: About) -> Self {
        Self {
            http_status: 200,
            uid: uid.to_owned(),
            about,
            denied: None,
            unfinished: false,
            warnings: Vec::new(),
        }
    }

    /// Says no. Of several reasons the first counts, and all are told.
    pub(super) fn deny(&mut self, reason: Reason, message: impl AsRef<str>) {
        self.unfinished = false;
        let message = printable(message.as_ref());
        self.denied = Some(match self.denied.take() {
            None => (reason, cut(&message, MAX_MESSAGE)),
            Some((first, told)) => (first, cut(&format!("{told}; {message}"), MAX_MESSAGE)),
        });
    }

    /// Says no, because not all of it was looked at, for `why`.
    pub(super) fn cannot_finish(&mut self, why: impl AsRef<str>) {
        let only = self.denied.is_none() || self.unfinished;
        let why = format!("portcullis could not look at all of this: {}", why.as_ref());
        self.deny(Reason::RequestEntityTooLarge, why);
        self.unfinished = only;
    }

    /// Adds a warning before all others, so that it is told however many there are.
    fn warn_first(&mut self, warning: impl AsRef<str>) {
        let warning = cut(&printable(warning.as_ref()), MAX_WARNING);
        self.warnings.insert(0, warning);
        self.warnings.truncate(MAX_WARNINGS);
    }

    /// Adds a warning, once. Of too many the last says that there are more.
    pub(super) fn warn(&mut self, warning: impl AsRef<str>) {
        let warning = cut(&printable(warning.as_ref()), MAX_WARNING);
        if self.warnings.contains(&warning) {
            return;
        }
        if self.warnings.len() < MAX_WARNINGS {
            self.warnings.push(warning);
        } else if let Some(last) = self.warnings.last_mut() {
            "there are more warnings: `portcullis lint` and `portcullis test` tell all of them"
                .clone_into(last);
        }
    }

    /// Whether the change may happen.
    #[must_use]
    pub const fn is_allowed(&self) -> bool {
        self.denied.is_none()
    }

    /// The AdmissionReview to send back, as JSON.
    #[must_use]
    pub fn body(&self) -> String {
        let mut response = json!({ "uid": self.uid, "allowed": self.is_allowed() });
        if let (Some((reason, message)), Value::Object(response)) = (&self.denied, &mut response) {
            let of_reason = if *reason == Reason::RequestEntityTooLarge { 413 } else { 403 };
            let code = if self.http_status == 200 { of_reason } else { self.http_status };
            let status = json!({
                "status": "Failure",
                "code": code,
                "reason": reason.as_str(),
                "message": message,
            });
            response.insert("status".to_owned(), status);
        }
        if let (false, Value::Object(response)) = (self.warnings.is_empty(), &mut response) {
            response.insert("warnings".to_owned(), json!(self.warnings));
        }
        let review = json!({
            "apiVersion": "admission.k8s.io/v1",
            "kind": "AdmissionReview",
            "response": response,
        });
        review.to_string()
    }

    /// The decision as one line of JSON, for a log.
    #[must_use]
    pub fn record(&self) -> String {
        let reason = self.denied.as_ref().map(|(reason, _)| reason.as_str());
        let message = self.denied.as_ref().map(|(_, message)| message.as_str());
        let record = json!({
            "uid": self.uid,
            "operation": self.about.operation,
            "kind": self.about.kind,
            "namespace": self.about.namespace,
            "name": self.about.name,
            "dryRun": self.about.dry_run,
            "allowed": self.is_allowed(),
            "reason": reason,
            "message": message,
            "warnings": self.warnings,
        });
        record.to_string()
    }
}

/// The text, or as much of it as fits with a `…` behind it. In characters.
fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let kept: String = text.chars().take(most.saturating_sub(1)).collect();
    format!("{kept}…")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case::fits("abc", 3, "abc")]
    #[case::is_cut("abcd", 3, "ab…")]
    #[case::between_characters("äöüß", 3, "äö…")]
    fn a_text_is_cut_between_characters(
        #[case] text: &str,
        #[case] most: usize,
        #[case] want: &str,
    ) {
        assert_eq!(cut(text, most), want);
    }

    #[test]
    fn warnings_are_few_and_short() {
        let mut answer = Answer::allowed("u", About::default());
        for number in 0..20 {
            answer.warn(format!("{number} {}", "ü".repeat(400)));
        }
        assert_eq!(answer.warnings.len(), MAX_WARNINGS);
        assert!(
            answer
                .warnings
                .iter()
                .all(|warning| warning.chars().count() <= MAX_WARNING)
        );
        assert!(
            answer
                .warnings
                .last()
                .unwrap()
                .starts_with("there are more")
        );
    }

    #[test]
    fn what_was_seen_to_be_wrong_stays_denied_whatever_was_not_seen() {
        let of = |denials: &[bool]| {
            let mut answer = Answer::allowed("u", About::default());
            for seen in denials {
                if *seen {
                    answer.deny(Reason::Forbidden, "a guard");
                } else {
                    answer.cannot_finish("a lint");
                }
            }
            answer.let_pass();
            answer.is_allowed()
        };
        let rows: [&[bool]; 5] =
            [&[false], &[false, false], &[true], &[true, false], &[false, true]];
        assert_eq!(rows.map(of), [true, true, false, false, false]);
    }

    #[test]
    fn a_failure_denies_unless_it_is_open() {
        insta::assert_snapshot!(Answer::of_failure("u", "it panicked", false).body(), @r#"{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","response":{"uid":"u","allowed":false,"status":{"status":"Failure","code":403,"reason":"InternalError","message":"portcullis could not look at this: it panicked"}}}"#);
        insta::assert_snapshot!(Answer::of_failure("u", "it panicked", true).body(), @r#"{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","response":{"uid":"u","allowed":true,"warnings":["allowed as --fail-open says: portcullis could not look at this: it panicked"]}}"#);
    }
}

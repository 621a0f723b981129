//! A text to what is read of it, and to what a cluster would say.

use portcullis::diagnostic::Severity;
use portcullis::parse::{Loaded, resources};
use portcullis::validate::{Refusal, Refuser, refusals_by_refuser};

/// What is read of a text.
pub(crate) fn load(text: &str) -> Loaded {
    let mut loaded = Loaded::default();
    resources("case.yaml", text, "default", &mut loaded);
    loaded
}

/// What is said of the resources of a text: the errors of reading it, and the refusals.
pub(crate) struct Said {
    pub(crate) errors: Vec<String>,
    pub(crate) refusals: Vec<Refusal>,
}

impl Said {
    pub(crate) fn of(text: &str) -> Self {
        let loaded = load(text);
        Self {
            errors: loaded
                .findings
                .iter()
                .filter(|finding| finding.severity == Severity::Error)
                .map(|finding| finding.code.to_string())
                .collect(),
            refusals: loaded
                .resources
                .iter()
                .flat_map(refusals_by_refuser)
                .collect(),
        }
    }

    /// The codes of reading and the rules by which those whom `who` chooses refuse; sorted.
    pub(crate) fn causes(&self, who: fn(Refuser) -> bool) -> Vec<String> {
        let mut causes = self.errors.clone();
        causes.extend(self.rules(Severity::Error, who));
        causes.sort();
        causes
    }

    /// The rules by which the webhook warns; sorted.
    pub(crate) fn warnings(&self) -> Vec<String> {
        let mut rules: Vec<_> = self.rules(Severity::Warning, Refuser::is_webhook).collect();
        rules.sort();
        rules
    }

    fn rules(&self, severity: Severity, who: fn(Refuser) -> bool) -> impl Iterator<Item = String> {
        self.refusals
            .iter()
            .filter(move |refusal| refusal.finding.severity == severity && who(refusal.refuser))
            .map(|refusal| {
                let message = &refusal.finding.message;
                let (_, rule) = message.rsplit_once('[').unwrap();
                rule.strip_suffix(']').unwrap().to_owned()
            })
    }
}

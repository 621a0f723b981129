//! A decision → what a person is told: a word, a sentence, a place.

use super::account::Account;
use crate::decide::{Because, Decision, Truth, Verdict};
use crate::diagnostic::Origin;
use crate::explanation::Explanation;
use crate::mesh::{Dataplane, Mesh, MtlsMode};
use crate::request::{Payload, Request};

/// The first word of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Word {
    /// It gets through.
    Yes,
    /// It depends on something not known here.
    Unknown,
    /// It does not.
    No,
}

impl Word {
    /// `yes`, `no` or `unknown`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::No => "no",
            Self::Unknown => "unknown",
            Self::Yes => "yes",
        }
    }
}

impl From<Verdict> for Word {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Allow => Self::Yes,
            Verdict::Unknown => Self::Unknown,
            Verdict::Deny
            | Verdict::Refused
            | Verdict::Rejected
            | Verdict::Unauthenticated
            | Verdict::Unreachable => Self::No,
        }
    }
}

/// The answer of one workload.
#[derive(Clone, Debug, PartialEq)]
pub struct Endpoint {
    /// `name.namespace` of the workload.
    pub workload: String,
    /// Its port.
    pub port: u16,
    /// The decision.
    pub decision: Decision,
    /// Why, in one sentence.
    pub reason: String,
    /// `namespace/name` of the deciding policy and the rule in it.
    pub rule: Option<(String, usize)>,
    /// Where the deciding rule, or the deciding mode, is written.
    pub origin: Option<Origin>,
    /// The mode of the port; absent where no proxy stands there.
    pub mode: Option<MtlsMode>,
    /// What else is worth knowing: dry runs, an assumed sidecar.
    pub notes: Vec<String>,
    /// What is known beyond the reason; absent for an answer that is not explained.
    pub account: Option<Account>,
}

/// The answer to one question: that of every workload that may answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The question in short.
    pub question: String,
    /// The workloads behind the destination; never empty.
    pub endpoints: Vec<Endpoint>,
}

impl Answer {
    /// Asks every request of a question. Absent where there are none.
    #[must_use]
    pub fn of(mesh: &Mesh, question: String, requests: &[Request]) -> Option<Self> {
        if requests.is_empty() {
            return None;
        }
        let endpoints = requests
            .iter()
            .map(|request| endpoint(mesh, request, mesh.decide(request)))
            .collect();
        Some(Self { question, endpoints })
    }

    /// The same answer, explained. Absent where there are no requests.
    #[must_use]
    pub fn explained(mesh: &Mesh, question: String, requests: &[Request]) -> Option<Self> {
        if requests.is_empty() {
            return None;
        }
        let endpoints = requests
            .iter()
            .map(|request| explained(mesh, request, &mesh.explain(request)))
            .collect();
        Some(Self { question, endpoints })
    }

    /// Yes or no where all workloads say so; unknown where they differ or one does not know.
    #[must_use]
    pub fn word(&self) -> Word {
        let mut words = self
            .endpoints
            .iter()
            .map(|endpoint| Word::from(endpoint.decision.verdict));
        let first = words.next().unwrap_or(Word::Unknown);
        if words.all(|word| word == first) { first } else { Word::Unknown }
    }

    /// The workload whose answer is shown first.
    #[must_use]
    pub fn shown(&self) -> Option<&Endpoint> {
        self.endpoints.first()
    }

    /// Whether the workloads behind the destination give different answers.
    #[must_use]
    pub fn is_divided(&self) -> bool {
        let mut verdicts = self
            .endpoints
            .iter()
            .map(|endpoint| endpoint.decision.verdict);
        let first = verdicts.next();
        verdicts.any(|verdict| Some(verdict) != first)
    }
}

/// One workload's answer with all that is known of it.
pub(crate) fn explained(mesh: &Mesh, request: &Request, explanation: &Explanation) -> Endpoint {
    let account = Account::of(mesh, request, explanation);
    Endpoint { account: Some(account), ..endpoint(mesh, request, explanation.decision.clone()) }
}

/// One workload's answer.
pub(crate) fn endpoint(mesh: &Mesh, request: &Request, decision: Decision) -> Endpoint {
    let workload = mesh.workload(request.workload);
    let name = workload.map_or_else(String::new, crate::mesh::Workload::full_name);
    let place = decision.rule().and_then(|place| mesh.rule(place));
    let rule = place.map(|(policy, rule)| (policy.id(), rule.index));
    let mode = mesh
        .enforcement(request.workload)
        .map(|enforcement| enforcement.mtls.of_port(request.port));
    let origin = if matches!(decision.because, Because::Transport(_)) {
        mode.and_then(|mode| mode.by.as_ref())
            .map(|(_, origin)| origin.clone())
    } else {
        place.map(|(policy, rule)| Origin::new(&policy.origin.file, rule.position))
    };
    let notes = notes(mesh, request, &decision, &name);
    let reason = reason(mesh, request, &decision, &name);
    Endpoint {
        workload: name,
        port: request.port,
        decision,
        reason,
        rule,
        origin,
        mode: mode.map(|mode| mode.mode),
        notes,
        account: None,
    }
}

/// What else is worth knowing.
fn notes(mesh: &Mesh, request: &Request, decision: &Decision, name: &str) -> Vec<String> {
    let mut notes = Vec::new();
    let workload = mesh.workload(request.workload);
    if let Some(workload) = workload
        && workload.dataplane == Dataplane::Sidecar
        && workload.dataplane_because.starts_with("assumed")
    {
        notes.push(format!("{name} is taken to have a sidecar ({})", workload.dataplane_because));
    }
    let asks_http = matches!(request.payload, Payload::Http(_));
    if let (Payload::Http(http), Verdict::Rejected) = (&request.payload, decision.verdict)
        && http.method.bytes().any(|byte| byte.is_ascii_lowercase())
    {
        notes.push(format!(
            "methods are upper case: did you mean `{}`?",
            http.method.to_ascii_uppercase()
        ));
    }
    // Where authorization decided without a status, it decided over a byte stream.
    let decided = matches!(decision.verdict, Verdict::Allow | Verdict::Deny);
    let over_tcp = decided && decision.status.is_none();
    if over_tcp && asks_http {
        notes.push(format!(
            "{name}:{} takes a byte stream: method, path and headers are not looked at",
            request.port
        ));
    }
    if over_tcp && decision.verdict == Verdict::Deny {
        notes.push("the caller sees its connection closed".to_owned());
    }
    for shadow in &decision.shadow {
        let which = shadow.rule.and_then(|place| mesh.rule(place));
        let by = which.map_or_else(String::new, |(policy, rule)| {
            format!(" (`{}` rule {})", policy.id(), rule.index)
        });
        let would = match shadow.passes {
            Truth::Yes => "would let it pass",
            Truth::No => "would refuse it",
            Truth::Unknown => "cannot be told",
        };
        notes.push(format!(
            "the dry-run {} policies {would}{by}",
            shadow.stage.as_str().to_ascii_uppercase()
        ));
    }
    notes
}

/// Why, in one sentence.
fn reason(mesh: &Mesh, request: &Request, decision: &Decision, name: &str) -> String {
    let by = |place| match mesh.rule(place) {
        Some((policy, rule)) => {
            format!("{} policy `{}` rule {}", policy.action.as_str(), policy.id(), rule.index)
        }
        None => "a policy".to_owned(),
    };
    match &decision.because {
        Because::AllowRule(place) => format!("{} admits it", by(*place)),
        Because::DenyRule(place) => format!("{} refuses it", by(*place)),
        Because::NothingDenies => {
            format!("no ALLOW policy is about {name}, and nothing else refuses it")
        }
        Because::NoPolicy => {
            format!("no AuthorizationPolicy is about {name}: whoever gets a connection may call it")
        }
        Because::NoProxy(why) => {
            format!("no proxy stands before {name} ({why}): no policy is enforced")
        }
        Because::NothingAllows => {
            let policies = mesh
                .enforcement(request.workload)
                .map_or(&[][..], |found| &found.allow.policies);
            let ids: Vec<String> = policies
                .iter()
                .filter_map(|index| mesh.policies.get(*index))
                .map(|policy| format!("`{}`", policy.id()))
                .collect();
            format!(
                "ALLOW policies are about {name} and no rule of them matches: {}",
                shorten(&ids)
            )
        }
        Because::Custom { provider, rule, answer } => {
            format!("{} asks the authorizer `{provider}`, and {answer}", by(*rule))
        }
        Because::CustomMisconfigured { rule, reason, .. } => {
            format!(
                "{} matches, and its authorizer cannot be used ({reason}): the proxy refuses",
                by(*rule)
            )
        }
        Because::CustomDryRun { rule, .. } => {
            format!("{} is a dry run, which the proxy enforces as DENY", by(*rule))
        }
        Because::Token(why) => format!("the token is not taken: {why}"),
        Because::Transport(why) => {
            let mode = mesh
                .enforcement(request.workload)
                .map(|found| found.mtls.of_port(request.port));
            let by = mode.and_then(|mode| Some((mode.mode, &mode.by.as_ref()?.0)));
            let by = by.map_or_else(String::new, |(mode, policy)| {
                format!(" ({} by `{policy}`)", mode.as_str())
            });
            format!("{why}{by}")
        }
        Because::Http(why) => format!("the proxy turns the request itself away: {why}"),
        Because::Unknown(reasons) => reasons.join("; "),
    }
}

/// A few names, and how many more.
fn shorten(names: &[String]) -> String {
    const SHOWN: usize = 5;
    let mut text = names
        .iter()
        .take(SHOWN)
        .cloned()
        .collect::<Vec<_>>()
        .join(", ");
    if let Some(more) = names.len().checked_sub(SHOWN).filter(|more| *more > 0) {
        text.push_str(&format!(" and {more} more"));
    }
    text
}

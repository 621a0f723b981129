//! A rule → a request that it matches, and a request → what was decided about it, in words.

use std::net::IpAddr;

use super::subject::{Place, Subject, Term};
use crate::decide::{Decision, Facts, Observer, Truth, Verdict};
use crate::explanation::{Change, alternatives};
use crate::matcher::{StringMatch, is_template};
use crate::mesh::{
    Attribute, Condition, ConditionRef, Dataplane, ListenerClass, Mesh, Part, RuleRef,
};
use crate::request::{HttpRequest, HttpVersion, Payload, Request};

/// The address of a caller where none matters [RFC 5737].
const SOMEWHERE: [u8; 4] = [192, 0, 2, 10];

/// A request and what was decided about it.
#[derive(Clone, Debug, PartialEq)]
pub struct Witness {
    request: Request,
    decision: Decision,
    shown: String,
    beside: Option<Box<Self>>,
}

impl Witness {
    /// Decides a request.
    pub(super) fn of(mesh: &Mesh, subject: &Subject<'_>, request: Request) -> Self {
        let decision = mesh.decide(&request);
        let shown = shown(mesh, subject, &request);
        Self { request, decision, shown, beside: None }
    }

    /// The same, where it was decided so.
    pub(super) fn if_decided(self, verdict: Verdict) -> Option<Self> {
        (self.decision.verdict == verdict).then_some(self)
    }

    /// The same with a request beside it that is decided otherwise.
    pub(super) fn beside(self, other: Self) -> Self {
        Self { beside: Some(Box::new(other)), ..self }
    }

    /// The request.
    #[must_use]
    pub const fn request(&self) -> &Request {
        &self.request
    }

    /// What was decided.
    #[must_use]
    pub const fn decision(&self) -> &Decision {
        &self.decision
    }

    /// The request in short: `plaintext → httpbin.foo:8080 GET /admin/`.
    #[must_use]
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// A request that differs little and is decided otherwise: what the policy says, beside what it lets happen.
    #[must_use]
    pub fn other(&self) -> Option<&Self> {
        self.beside.as_deref()
    }
}

/// A request in short.
fn shown(mesh: &Mesh, subject: &Subject<'_>, request: &Request) -> String {
    let names = request
        .tls
        .as_ref()
        .and_then(|tls| tls.certificate.as_ref());
    let name = names.and_then(|certificate| certificate.uris.first());
    let caller = name.map_or("plaintext", |name| name.strip_prefix("spiffe://").unwrap_or(name));
    let mut text = caller.to_owned();
    if let Some(ip) = request
        .source_ip
        .filter(|ip| *ip != IpAddr::from(SOMEWHERE))
    {
        text.push_str(&format!(" from {ip}"));
    }
    let to = mesh
        .workload(request.workload)
        .map_or_else(String::new, |to| to.full_name());
    text.push_str(&format!(" → {to}:{}", request.port));
    let Payload::Http(http) = &request.payload else { return text + " TCP" };
    text.push_str(&format!(" {} {}", http.method, http.target));
    let mut said = Vec::new();
    let usual = subject.authority(mesh, request.workload, request.port);
    if let Some(host) = http.host.as_ref().filter(|host| **host != usual) {
        said.push(format!("Host: {host}"));
    }
    let of_token = |value: &str| {
        request
            .tokens
            .iter()
            .any(|token| value.contains(token.text.as_str()))
    };
    for (name, value) in &http.headers {
        if of_token(value) {
            said.push(format!("{name}: a valid token"));
        } else {
            said.push(format!("{name}: {value}"));
        }
    }
    if !said.is_empty() {
        text.push_str(&format!(" ({})", said.join("; ")));
    }
    text
}

/// One alternative of a rule: its first source and operation, or those that are named.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Aim {
    pub(super) rule: usize,
    pub(super) from: usize,
    pub(super) to: usize,
    /// What is read by this need not hold.
    pub(super) but: Option<Attribute>,
}

impl Aim {
    /// The alternative that a value stands in.
    pub(super) fn of(term: &Term<'_>) -> Self {
        let (from, to) = match term.place {
            Place::From(at) => (at, 0),
            Place::To(at) => (0, at),
            Place::When(_) => (0, 0),
        };
        Self { rule: term.rule, from, to, but: None }
    }

    /// The alternative that a value stands in, whatever its attribute is.
    pub(super) fn but(term: &Term<'_>) -> Self {
        Self { but: Some(term.attribute.clone()), ..Self::of(term) }
    }

    /// A rule's first alternative.
    pub(super) fn rule(rule: usize) -> Self {
        Self { rule, ..Self::default() }
    }

    fn holds(&self, part: Part) -> bool {
        part == Part::From(self.from) || part == Part::To(self.to) || part == Part::When
    }
}

/// Looks for a request that an alternative of a rule matches.
#[derive(Clone)]
pub(super) struct Search<'s, 'a> {
    pub(super) subject: &'s Subject<'a>,
    pub(super) mesh: &'a Mesh,
    pub(super) rule: RuleRef,
    pub(super) aim: Aim,
}

impl Search<'_, '_> {
    /// Requests to begin with.
    pub(super) fn requests_to(&self, workload: usize) -> Vec<Request> {
        let http = self.mesh.rule(self.rule).is_some_and(|(_, rule)| {
            let clauses = rule.sources.iter().chain(&rule.operations);
            let mut conditions = clauses
                .flat_map(|clause| &clause.conditions)
                .chain(&rule.when);
            conditions.any(|condition| condition.attribute.is_http_only())
        });
        requests_to(self.subject, self.mesh, workload, http)
    }

    /// Changes a request, one condition after another, until the alternative matches.
    pub(super) fn from(&self, mut request: Request) -> Option<Request> {
        /// More steps than an alternative has conditions lead nowhere.
        const STEPS: usize = 16;
        const TRIED: usize = 24;
        for _ in 0..STEPS {
            let misses = self.misses(&request)?;
            let Some(first) = misses.first() else { return Some(request) };
            let condition = self.mesh.condition(*first)?;
            let changes = alternatives(self.mesh, &request, condition)
                .into_iter()
                .take(TRIED);
            request = changes.map(|change| change.of(&request)).find(|changed| {
                self.misses(changed)
                    .is_some_and(|now| now.len() < misses.len())
            })?;
        }
        None
    }

    /// The same request, matched by this value.
    pub(super) fn by_value(&self, request: &Request, term: &Term<'_>) -> Option<Request> {
        let here = samples(&term.attribute, term.text()).into_iter();
        let mut changed = here
            .map(|change| change.of(request))
            .chain([request.clone()]);
        changed.find(|changed| self.misses(changed).is_some_and(|misses| misses.is_empty()))
    }

    /// The conditions of the alternative that do not hold; absent where the proxy does not come to ask them.
    fn misses(&self, request: &Request) -> Option<Vec<ConditionRef>> {
        self.subject.affords(request.workload)?;
        let mut asked = Asked { search: self, misses: None };
        drop(self.mesh.decide_with(request, &mut asked));
        asked.misses
    }
}

/// Requests to a workload, over HTTP where that is asked for and a port takes it: as somebody of the mesh, and without
/// identity.
pub(super) fn requests_to(
    subject: &Subject<'_>,
    mesh: &Mesh,
    workload: usize,
    http: bool,
) -> Vec<Request> {
    let Some(to) = mesh.workload(workload) else { return Vec::new() };
    let ports = to.listeners.keys().chain(&to.container_ports).copied();
    let mut ports: Vec<u16> = ports
        .filter(|port| !to.interception.passes(*port))
        .collect();
    ports.sort_by_key(|port| (to.class_of(*port) == ListenerClass::Tcp) == http);
    ports.dedup();
    let port = ports.first().copied().unwrap_or(8080);
    let over_http = to.class_of(port) != ListenerClass::Tcp;
    if http && !over_http {
        return Vec::new();
    }
    let authority = subject.authority(mesh, workload, port);
    let payload = if over_http {
        Payload::Http(HttpRequest {
            method: "GET".to_owned(),
            target: "/".to_owned(),
            host: Some(authority),
            headers: Vec::new(),
            version: HttpVersion::Http11,
        })
    } else {
        Payload::Bytes
    };
    let plaintext = Request {
        workload,
        port,
        source_ip: Some(SOMEWHERE.into()),
        remote_ip: None,
        destination_ip: None,
        tls: None,
        payload,
        tokens: Vec::new(),
        now: Some(0),
        doubt: None,
    };
    // What a gateway takes in has no mode.
    if to.dataplane == Dataplane::Gateway {
        return vec![plaintext];
    }
    let own = &mesh.settings.trust.own;
    let principal = format!("{own}/ns/default/sa/default");
    vec![Change::Principal(principal).of(&plaintext), plaintext]
}

/// Changes that make an attribute what one value stands for.
pub(super) fn samples(attribute: &Attribute, written: &str) -> Vec<Change> {
    let texts = match StringMatch::parse(written) {
        _ if is_template(written) => vec![
            written.replace("{**}", "x").replace("{*}", "x"),
            written.replace("{**}", "").replace("{*}", "x"),
        ],
        StringMatch::Exact(exact) => vec![exact],
        StringMatch::Prefix(prefix) => vec![prefix.clone(), format!("{prefix}x")],
        StringMatch::Present => vec!["x".to_owned(), "/".to_owned()],
        StringMatch::Suffix(suffix) => {
            vec![format!("x{suffix}"), format!("/x{suffix}"), format!("/{suffix}")]
        }
    };
    let change = |text: String| match attribute {
        Attribute::Path => Some(Change::Path(text)),
        Attribute::Method => Some(Change::Method(text)),
        Attribute::Host => Some(Change::Host(text)),
        Attribute::RequestHeader(name) if !name.starts_with(':') && name != "host" => {
            Some(Change::Header { name: name.clone(), value: Some(text) })
        }
        Attribute::SourcePrincipal
        | Attribute::SourceNamespace
        | Attribute::SourceServiceAccount
        | Attribute::SourceTrustDomain
        | Attribute::SourceIp
        | Attribute::RemoteIp
        | Attribute::RequestPrincipal
        | Attribute::RequestAudiences
        | Attribute::RequestPresenter
        | Attribute::RequestClaim(_)
        | Attribute::RequestHeader(_)
        | Attribute::DestinationPort
        | Attribute::DestinationIp
        | Attribute::ServerName
        | Attribute::FilterMetadata(..) => None,
    };
    texts.into_iter().filter_map(change).collect()
}

/// Asks one alternative of one rule, wherever the proxy comes to ask rules.
struct Asked<'w, 's, 'a> {
    search: &'w Search<'s, 'a>,
    misses: Option<Vec<ConditionRef>>,
}

impl Observer for Asked<'_, '_, '_> {
    // Only the facts are wanted of the deciding itself.
    const WATCHING: bool = false;

    fn facts(&mut self, facts: &Facts<'_>) {
        let Search { mesh, rule, aim, .. } = self.search;
        let Some((_, compiled)) = mesh.rule(*rule) else { return };
        let mut misses = Misses { aim, misses: Vec::new(), gone: true };
        facts.rule(*rule, compiled, &mut misses);
        let empty = compiled.sources.is_empty() && compiled.operations.is_empty();
        let unconditional = empty && compiled.when.is_empty();
        let gone = misses.gone && !unconditional;
        self.misses = (!gone).then_some(misses.misses);
    }
}

/// The conditions of an alternative that do not hold for certain.
struct Misses<'w> {
    aim: &'w Aim,
    misses: Vec<ConditionRef>,
    /// Whether no condition was asked: the rule is not there.
    gone: bool,
}

impl Observer for Misses<'_> {
    const WATCHING: bool = true;

    fn condition(&mut self, place: ConditionRef, condition: &Condition, truth: Truth) {
        self.gone = false;
        let counts = self.aim.but.as_ref() != Some(&condition.attribute);
        if truth != Truth::Yes && counts && self.aim.holds(place.part) {
            self.misses.push(place);
        }
    }
}

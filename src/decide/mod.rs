//! Meaning × one request → a decision and its reason, at one enforcement point.

mod decision;
mod holds;
mod request_authentication;
mod transport;
mod truth;

use std::collections::BTreeSet;
use std::net::IpAddr;

pub use decision::{Because, Decision, Shadow, Stage, Verdict};
pub use holds::Facts;
pub use truth::Truth;

use self::request_authentication::{Authenticated, Verifier};
use self::transport::{Accepted, Shut};
use crate::istio::{Normalization as WrittenNormalization, ProviderKind};
use crate::mesh::{
    Condition, ConditionRef, CustomRules, Dataplane, DecidedMode, Enforcement, IstioVersion, Mesh,
    ProviderStub, RuleRef, RuleSet, Seen, Workload, usable_provider,
};
use crate::request::{
    Claims, Downstream, Normalization, Payload, ReceiveContext, Received, Request, Value, receive,
};

/// What an observer of a decision is told, in the order of the asking: a stage, what its rules are asked about, then
/// the values of a condition before the condition and the conditions of a rule before the rule. The decision is the
/// same whether anybody watches or not.
pub trait Observer {
    /// Whether to look at every part of a rule, also behind the one that settles it.
    const WATCHING: bool;

    /// A stage begins to ask its rules.
    fn stage(&mut self, _stage: Stage) {}
    /// What the rules from here on are asked about: once for CUSTOM, once more behind the tokens.
    fn facts(&mut self, _facts: &Facts<'_>) {}
    /// A value of a condition was asked; for a negated condition yes means that the condition fails.
    fn value(&mut self, _place: ConditionRef, _value: usize, _truth: Truth) {}
    /// A condition was asked.
    fn condition(&mut self, _place: ConditionRef, _condition: &Condition, _truth: Truth) {}
    /// A rule was asked, or is not there at all (no).
    fn rule(&mut self, _place: RuleRef, _truth: Truth) {}
}

/// Nobody watches.
impl Observer for () {
    const WATCHING: bool = false;
}

impl Mesh {
    /// Decides a request.
    #[must_use]
    pub fn decide(&self, request: &Request) -> Decision {
        self.decide_with(request, &mut ())
    }

    /// Decides a request and tells an observer every step.
    #[must_use]
    pub fn decide_with<O: Observer>(&self, request: &Request, observer: &mut O) -> Decision {
        let place = (self.workload(request.workload), self.enforcement(request.workload));
        let (Some(workload), Some(enforcement)) = place else {
            return Decision::unknown(vec![
                "the request names no workload of this mesh".to_owned(),
            ]);
        };
        PolicyEnforcementPoint { mesh: self, workload, enforcement, request }.decide(observer)
    }
}

/// One proxy, asked about one request.
struct PolicyEnforcementPoint<'p> {
    mesh: &'p Mesh,
    workload: &'p Workload,
    enforcement: &'p Enforcement,
    request: &'p Request,
}

/// What a set of rules says.
struct Asked {
    truth: Truth,
    rule: Option<RuleRef>,
}

impl PolicyEnforcementPoint<'_> {
    fn decide<O: Observer>(&self, observer: &mut O) -> Decision {
        let request = self.request;
        match self.workload.dataplane {
            Dataplane::None => {
                let status = matches!(request.payload, Payload::Http(_)).then_some(200);
                let because = Because::NoProxy(self.workload.dataplane_because.clone());
                return Decision::new(Verdict::Allow, status, because);
            }
            Dataplane::Ambient => {
                return Decision::unknown(vec![
                    "the workload is in ambient mode, which is not modelled yet".to_owned(),
                ]);
            }
            Dataplane::Waypoint => {
                return Decision::unknown(vec![
                    "the workload is a waypoint, which is not modelled yet".to_owned(),
                ]);
            }
            Dataplane::Gateway | Dataplane::Sidecar => {}
        }
        if let Some(doubt) = &self.workload.doubt {
            return Decision::unknown(vec![doubt.clone()]);
        }
        match self.workload.interception.inbound(request.port) {
            Seen::No(why) => {
                let status = matches!(request.payload, Payload::Http(_)).then_some(200);
                return Decision::new(Verdict::Allow, status, Because::NoProxy(why));
            }
            Seen::Unknown(doubt) => return Decision::unknown(vec![doubt]),
            Seen::Yes => {}
        }
        if let Some(doubt) = &request.doubt {
            return Decision::unknown(vec![doubt.clone()]);
        }
        observer.stage(Stage::Transport);
        let accepted = match self.transport() {
            Ok(accepted) => accepted,
            Err(Shut::Refused(reason)) => {
                return Decision::new(
                    Verdict::Refused,
                    None,
                    Because::Transport(reason.to_owned()),
                );
            }
            Err(Shut::Garbled(reason)) => {
                return Decision::new(Verdict::Rejected, None, Because::Http(reason.to_owned()));
            }
        };
        match &request.payload {
            Payload::Http(http) if accepted.http => {
                observer.stage(Stage::Http);
                match receive(http, &self.receive_context(&accepted)) {
                    Ok(_) if self.path_is_in_doubt(&http.target) => Decision::unknown(vec![
                        "whether a segment of the path that begins with `.;` or `..;` is a dot segment depends on \
                         the patch release of the proxy"
                            .to_owned(),
                    ]),
                    Ok(received) => self.answer(&accepted, received, observer),
                    // What the proxy answers by itself: no `Host` [IN-51], a NUL [OC-18] …
                    Err(refusal) => {
                        let because = Because::Http(refusal.reason.to_owned());
                        Decision::new(Verdict::Rejected, refusal.status, because)
                    }
                }
            }
            Payload::Http(_) | Payload::Bytes => self.tcp(&accepted, observer),
        }
    }

    /// The mode of the dialled port and who says so.
    fn mode(&self) -> &DecidedMode {
        self.enforcement.mtls.of_port(self.request.port)
    }

    fn transport(&self) -> Result<Accepted<'_>, Shut> {
        let request = self.request;
        let class = self.workload.class_of(request.port);
        // A gateway's ports have no mode [PA-6].
        if self.workload.dataplane == Dataplane::Gateway {
            let listener = self.workload.listeners.get(&request.port);
            // A port that nothing declares takes TLS where the caller speaks it.
            let terminates =
                listener.map_or_else(|| request.tls.is_some(), |listener| listener.terminates_tls);
            return transport::gateway(class, terminates, request.tls.as_ref(), &request.payload);
        }
        transport::sidecar(
            self.mode().mode,
            class,
            request.tls.as_ref(),
            &request.payload,
            &self.mesh.settings,
        )
    }

    fn receive_context(&self, accepted: &Accepted<'_>) -> ReceiveContext {
        let gateway = self.workload.dataplane == Dataplane::Gateway;
        let proxy = self.mesh.proxy(self.workload);
        ReceiveContext {
            // [PN-1]
            normalization: match self.mesh.settings.normalization {
                WrittenNormalization::Base => Normalization::Base,
                WrittenNormalization::DecodeAndMergeSlashes => Normalization::DecodeAndMergeSlashes,
                WrittenNormalization::MergeSlashes => Normalization::MergeSlashes,
                WrittenNormalization::None => Normalization::None,
            },
            edge: gateway.then_some(proxy.num_trusted_proxies),
            peer: self
                .request
                .source_ip
                .filter(|_| !self.behind_the_proxy_protocol()),
            downstream: match (accepted.tls, accepted.peer) {
                (_, Some(_)) => Downstream::MutualTls,
                (true, None) => Downstream::Tls,
                (false, None) => Downstream::Plaintext,
            },
            client_certificate: proxy.client_certificate,
        }
    }

    /// Whether a gateway is told the client's address by bytes that no question has.
    fn behind_the_proxy_protocol(&self) -> bool {
        self.workload.dataplane == Dataplane::Gateway
            && self.mesh.proxy(self.workload).proxy_protocol
    }

    /// Whether proxies of this release read the path otherwise than the newest, some of them [PN-3].
    fn path_is_in_doubt(&self, target: &str) -> bool {
        let settings = &self.mesh.settings;
        settings.normalization != WrittenNormalization::None
            && settings
                .istio_version
                .is_some_and(IstioVersion::may_keep_dot_parameters)
            && target.contains(".;")
    }

    fn facts<'f>(
        &'f self,
        accepted: &Accepted<'f>,
        server_name: Option<&'f str>,
        http: Option<&'f Received>,
        claims: Option<&'f Claims>,
    ) -> Facts<'f> {
        let request = self.request;
        // On TCP the connection's own address counts [AP-60].
        let remote_ip = match http {
            Some(http) => http.remote_address(),
            None => request
                .source_ip
                .filter(|_| !self.behind_the_proxy_protocol()),
        };
        Facts {
            peer: accepted.peer,
            source_ip: request.source_ip,
            remote_ip: request.remote_ip.or(remote_ip),
            destination_ip: self.destination_ip(),
            port: request.port,
            server_name,
            http,
            istio: self.mesh.settings.istio_version,
            claims,
        }
    }

    /// The dialled address: as the question says, else the workload's of the caller's family.
    fn destination_ip(&self) -> Option<IpAddr> {
        let family = |ip: &&IpAddr| {
            self.request
                .source_ip
                .is_none_or(|source| source.is_ipv4() == ip.is_ipv4())
        };
        self.request
            .destination_ip
            .or_else(|| self.workload.ips.iter().find(family).copied())
    }

    /// The server name as the listener keeps it: lower case, empty where it reads none [AP-92]. Absent where it is
    /// not known.
    fn server_name(&self, accepted: &Accepted<'_>) -> Option<String> {
        match &self.request.tls {
            Some(tls) if accepted.server_name => tls
                .server_name
                .as_ref()
                .map(|name| name.to_ascii_lowercase()),
            Some(_) | None => Some(String::new()),
        }
    }

    /// What the client sees of a decision about HTTP: a route that is not there [OC-20], gRPC's own status [OC-1].
    fn answer<O: Observer>(
        &self,
        accepted: &Accepted<'_>,
        mut received: Received,
        observer: &mut O,
    ) -> Decision {
        let mut decision = self.http(accepted, &mut received, observer);
        // That there is no route is found out behind all policies.
        let routeless = received
            .header("x-forwarded-proto")
            .any(|value| value == Value::Known(""));
        if routeless && decision.verdict == Verdict::Allow {
            decision.verdict = Verdict::Rejected;
            decision.status = Some(404);
            decision.because = Because::Http("`X-Forwarded-Proto` is empty".to_owned());
        }
        if decision.verdict != Verdict::Allow {
            decision.status = decision
                .status
                .map(|status| received.headers.local_status(status));
        }
        decision
    }

    /// `CUSTOM → JWT authentication → AUDIT → DENY → ALLOW` [AP-1].
    fn http<O: Observer>(
        &self,
        accepted: &Accepted<'_>,
        received: &mut Received,
        observer: &mut O,
    ) -> Decision {
        let server_name = self.server_name(accepted);
        let mut doubts = Vec::new();
        // Token claims do not exist yet for CUSTOM [AP-1].
        let facts = self.facts(accepted, server_name.as_deref(), Some(received), None);
        if let Some(decision) = self.custom(&facts, &mut doubts, observer) {
            return decision;
        }
        observer.stage(Stage::Jwt);
        let verifier = Verifier {
            stated: &self.request.tokens,
            reader: self.mesh.token_reader.as_deref(),
            now: self.request.now,
        };
        let claims = match verifier.authenticate(&self.enforcement.tokens, received) {
            Authenticated::Passed(claims) => claims,
            Authenticated::Rejected(failure) if doubts.is_empty() => {
                return Decision::new(
                    Verdict::Unauthenticated,
                    Some(failure.status()),
                    Because::Token(failure.reason()),
                );
            }
            // Refused either way, but by whom is not known.
            Authenticated::Rejected(failure) => {
                doubts.push(format!(
                    "if it passes the authorizer, the token is bad: {}",
                    failure.reason()
                ));
                return Decision::unknown(doubts);
            }
            Authenticated::Unknown(reason) => {
                doubts.push(reason);
                return Decision::unknown(doubts);
            }
        };
        let facts = self.facts(accepted, server_name.as_deref(), Some(received), claims.as_ref());
        self.ladder(&facts, doubts, observer)
    }

    /// `CUSTOM → AUDIT → DENY → ALLOW` [AP-2].
    fn tcp<O: Observer>(&self, accepted: &Accepted<'_>, observer: &mut O) -> Decision {
        let server_name = self.server_name(accepted);
        let facts = self.facts(accepted, server_name.as_deref(), None, None);
        let mut doubts = Vec::new();
        if let Some(decision) = self.custom(&facts, &mut doubts, observer) {
            return decision;
        }
        self.ladder(&facts, doubts, observer)
    }

    fn ask<O: Observer>(&self, set: &RuleSet, facts: &Facts<'_>, observer: &mut O) -> Asked {
        let mut asked = Asked { truth: Truth::No, rule: None };
        for place in &set.rules {
            let Some((_, rule)) = self.mesh.rule(*place) else { continue };
            let truth = facts.rule(*place, rule, observer);
            if truth > asked.truth {
                asked = Asked { truth, rule: Some(*place) };
                if truth == Truth::Yes && !O::WATCHING {
                    break;
                }
            }
        }
        asked
    }

    /// A refusal by authorization: 403 on HTTP [OC-5], a closed connection on TCP [OC-6].
    fn denied(facts: &Facts<'_>, because: Because) -> Decision {
        Decision::new(Verdict::Deny, facts.http.is_some().then_some(403), because)
    }

    fn doubt(&self, place: Option<RuleRef>) -> String {
        match place.and_then(|place| self.mesh.rule(place)) {
            Some((policy, rule)) => format!(
                "whether rule {} of `{}` matches depends on something that the question does not say",
                rule.index,
                policy.id()
            ),
            None => "a rule depends on something that the question does not say".to_owned(),
        }
    }

    /// "for each CUSTOM provider (sorted by name) with a matching rule: ask provider; deny -> stop" [AP-3]
    fn custom<O: Observer>(
        &self,
        facts: &Facts<'_>,
        doubts: &mut Vec<String>,
        observer: &mut O,
    ) -> Option<Decision> {
        observer.stage(Stage::Custom);
        observer.facts(facts);
        let dry = if self.enforcement.custom_dry_run.rules.is_empty() {
            Asked { truth: Truth::No, rule: None }
        } else {
            self.ask(&self.custom_dry_run(facts.http.is_none()), facts, observer)
        };
        match (dry.truth, dry.rule) {
            (Truth::Yes, Some(rule)) => {
                let provider = self
                    .mesh
                    .rule(rule)
                    .map_or_else(String::new, |(policy, _)| policy.provider.clone());
                return Some(Self::denied(facts, Because::CustomDryRun { provider, rule }));
            }
            (Truth::Unknown, place) => doubts.push(self.doubt(place)),
            _ => {}
        }
        for (name, custom) in &self.enforcement.custom {
            if let Some(decision) = self.ask_provider(name, custom, facts, doubts, observer) {
                return Some(decision);
            }
        }
        None
    }

    /// The CUSTOM rules in dry run that are in the proxy: of the only provider, where it can be used, and on TCP where
    /// it speaks gRPC [SEL-31] [AP-113].
    fn custom_dry_run(&self, over_tcp: bool) -> RuleSet {
        let RuleSet { policies, rules } = &self.enforcement.custom_dry_run;
        let provider = |policy: &usize| {
            self.mesh
                .policies
                .get(*policy)
                .map(|policy| policy.provider.as_str())
        };
        let enforced = self.enforcement.custom.keys().map(String::as_str);
        let names: BTreeSet<&str> = policies
            .iter()
            .filter_map(provider)
            .chain(enforced)
            .collect();
        let is_there = |policy: &usize| {
            let name = provider(policy).unwrap_or_default();
            let usable = usable_provider(&self.mesh.settings.providers, name);
            names.len() == 1
                && usable.is_ok_and(|provider| !over_tcp || provider.kind == ProviderKind::Grpc)
        };
        RuleSet {
            policies: policies.iter().copied().filter(is_there).collect(),
            rules: rules
                .iter()
                .copied()
                .filter(|rule| is_there(&rule.policy))
                .collect(),
        }
    }

    fn ask_provider<O: Observer>(
        &self,
        name: &str,
        custom: &CustomRules,
        facts: &Facts<'_>,
        doubts: &mut Vec<String>,
        observer: &mut O,
    ) -> Option<Decision> {
        // "HTTP provider on a TCP chain: skipped, no enforcement." [AP-113]
        if facts.http.is_none()
            && custom
                .provider
                .as_ref()
                .is_ok_and(|provider| provider.kind == ProviderKind::Http)
        {
            return None;
        }
        let asked = self.ask(&custom.rules, facts, observer);
        let rule = match (asked.truth, asked.rule) {
            (Truth::Yes, Some(rule)) => rule,
            (Truth::Unknown, place) => {
                doubts.push(self.doubt(place));
                return None;
            }
            _ => return None,
        };
        let provider = match &custom.provider {
            Ok(provider) => provider,
            Err(reason) => {
                let because = Because::CustomMisconfigured {
                    provider: name.to_owned(),
                    rule,
                    reason: reason.clone(),
                };
                return Some(Self::denied(facts, because));
            }
        };
        let refusal = |answer: &str| Because::Custom {
            provider: name.to_owned(),
            rule,
            answer: answer.to_owned(),
        };
        match self.mesh.stubs.get(name) {
            None => {
                doubts.push(format!(
                    "the external authorizer `{name}` is asked, and nothing says what it answers"
                ));
                None
            }
            Some(ProviderStub::Allow) => None,
            Some(ProviderStub::Deny) => Some(Self::denied(facts, refusal("it says no"))),
            // "failOpen true ⇒ allow; else deny with statusOnError or 403" [AP-114]
            Some(ProviderStub::Error) if provider.fail_open => None,
            Some(ProviderStub::Error) => {
                let status = provider
                    .status_on_error
                    .as_ref()
                    .and_then(|status| status.parse().ok())
                    .unwrap_or(403);
                let because = refusal("it cannot be asked");
                Some(Decision::new(Verdict::Deny, facts.http.is_some().then_some(status), because))
            }
            Some(ProviderStub::AllowWhen { header, equals }) => {
                let sent = provider.kind == ProviderKind::Grpc
                    || is_sent(header, &provider.include_request_headers);
                let lines: Vec<Value<'_>> = facts
                    .http
                    .filter(|_| sent)
                    .into_iter()
                    .flat_map(|http| http.header(header))
                    .collect();
                let known = lines.iter().map(|line| match line {
                    Value::Known(value) => Some(*value),
                    Value::Unknown => None,
                });
                let Some(known) = known.collect::<Option<Vec<&str>>>() else {
                    doubts.push(format!(
                        "the authorizer `{name}` looks at `{header}`, which the proxy itself writes"
                    ));
                    return None;
                };
                let says_yes = !known.is_empty() && known.join(",") == *equals;
                (!says_yes).then(|| Self::denied(facts, refusal("it says no")))
            }
        }
    }

    /// "if any DENY rule matches -> deny; if there is >=1 enforced ALLOW policy attached -> allow iff some ALLOW
    /// rule matches; else -> allow" [AP-3]
    fn ladder<O: Observer>(
        &self,
        facts: &Facts<'_>,
        mut doubts: Vec<String>,
        observer: &mut O,
    ) -> Decision {
        let enforcement = self.enforcement;
        observer.facts(facts);
        if O::WATCHING {
            observer.stage(Stage::Audit);
            // Only the observer learns of it: AUDIT never affects the verdict [AP-3].
            self.ask(&enforcement.audit, facts, observer);
        }
        let shadow = self.shadows(facts, observer);
        let decided_amid_doubt = !doubts.is_empty();
        observer.stage(Stage::Deny);
        let deny = self.ask(&enforcement.deny, facts, observer);
        observer.stage(Stage::Allow);
        let allow = if deny.truth == Truth::Yes && !O::WATCHING {
            Asked { truth: Truth::No, rule: None }
        } else {
            self.ask(&enforcement.allow, facts, observer)
        };
        let mut decision = match (deny.truth, deny.rule, allow.truth, allow.rule) {
            (Truth::Yes, Some(rule), _, _) => Self::denied(facts, Because::DenyRule(rule)),
            // "counts policies even if all their rules were dropped" [AP-4]
            (_, _, Truth::No, _) if !enforcement.allow.policies.is_empty() => {
                Self::denied(facts, Because::NothingAllows)
            }
            (deny_truth, deny_rule, allow_truth, allow_rule) => {
                if deny_truth == Truth::Unknown {
                    doubts.push(self.doubt(deny_rule));
                }
                if allow_truth == Truth::Unknown {
                    doubts.push(self.doubt(allow_rule));
                }
                if doubts.is_empty() {
                    let because = allow_rule.map_or_else(|| self.by_default(), Because::AllowRule);
                    Decision::new(Verdict::Allow, facts.http.is_some().then_some(200), because)
                } else {
                    Decision::unknown(doubts)
                }
            }
        };
        if decision.verdict == Verdict::Deny && decided_amid_doubt {
            // Refused either way, but by whom, and so with what status, is not known.
            decision.status = None;
        }
        decision.shadow = shadow;
        decision
    }

    /// Why a request passes that no ALLOW rule had to admit. A mode that let it in is no policy about it: the
    /// same request would have come in without.
    fn by_default(&self) -> Because {
        let enforcement = self.enforcement;
        let any = !enforcement.deny.policies.is_empty()
            || !enforcement.custom.is_empty()
            || !enforcement.custom_dry_run.policies.is_empty()
            || !enforcement.tokens.is_empty();
        if any { Because::NothingDenies } else { Because::NoPolicy }
    }

    /// What the dry-run policies would have said beside the real ones [SEL-30].
    fn shadows<O: Observer>(&self, facts: &Facts<'_>, observer: &mut O) -> Vec<Shadow> {
        let mut shadows = Vec::new();
        let sets = [
            (Stage::Deny, &self.enforcement.shadow_deny),
            (Stage::Allow, &self.enforcement.shadow_allow),
        ];
        for (stage, set) in sets {
            if set.policies.is_empty() {
                continue;
            }
            let asked = self.ask(set, facts, observer);
            let passes = if stage == Stage::Deny { asked.truth.not() } else { asked.truth };
            shadows.push(Shadow { stage, passes, rule: asked.rule });
        }
        shadows
    }
}

/// Whether an HTTP authorizer is sent a header: the few that always are, and those of
/// `includeRequestHeadersInCheck`, exact, by prefix or by suffix, letter case aside.
fn is_sent(header: &str, included: &[String]) -> bool {
    const ALWAYS: [&str; 4] = ["authorization", "content-length", "host", ":authority"];
    ALWAYS.contains(&header)
        || included.iter().any(|pattern| {
            let pattern = pattern.to_ascii_lowercase();
            match (pattern.strip_prefix('*'), pattern.strip_suffix('*')) {
                (Some(suffix), _) => header.ends_with(suffix),
                (None, Some(prefix)) => header.starts_with(prefix),
                (None, None) => header == pattern,
            }
        })
}

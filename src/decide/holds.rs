//! A rule and what is known of a request → whether the rule matches.

use std::net::IpAddr;

use super::Observer;
use super::truth::Truth;
use crate::matcher::StringMatch;
use crate::mesh::{
    Attribute, Clause, Condition, ConditionRef, IstioVersion, Part, Rule, RuleRef, ValueMatch,
};
use crate::request::{Certificate, Claim, Claims, Received, Value};

/// What a proxy knows of one request when it asks its rules.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'f> {
    /// The peer's certificate, verified; absent for a plaintext peer.
    pub peer: Option<&'f Certificate>,
    /// The other end of the connection; absent where the question does not say.
    pub source_ip: Option<IpAddr>,
    /// The client by X-Forwarded-For; absent where it cannot be known.
    pub remote_ip: Option<IpAddr>,
    /// The address that was dialled; absent where neither files nor question say.
    pub destination_ip: Option<IpAddr>,
    /// The port that was dialled.
    pub port: u16,
    /// The server name as the listener stores it: in lower case, empty where it reads none. Absent: not known.
    pub server_name: Option<&'f str>,
    /// The request; absent on TCP.
    pub http: Option<&'f Received>,
    /// The release of the proxy; absent: the newest.
    pub istio: Option<IstioVersion>,
    /// The claims of the verified token; absent where there is none.
    pub claims: Option<&'f Claims>,
}

impl Facts<'_> {
    /// Whether a rule matches: any source, any operation, all conditions [AP-10].
    pub(crate) fn rule<O: Observer>(&self, place: RuleRef, rule: &Rule, observer: &mut O) -> Truth {
        let gone = rule.dropped.is_some() || (self.http.is_none() && rule.dropped_on_tcp.is_some());
        if gone {
            observer.rule(place, Truth::No);
            return Truth::No;
        }
        let when = ConditionRef { rule: place, part: Part::When, index: 0 };
        let truth = if O::WATCHING {
            // Every part is looked at, so that the observer sees all that fails.
            let sources = self.clauses(place, Part::From, &rule.sources, observer);
            let operations = self.clauses(place, Part::To, &rule.operations, observer);
            let when = self.conditions(when, &rule.when, observer);
            sources.min(operations).min(when)
        } else {
            let sources = self.clauses(place, Part::From, &rule.sources, observer);
            if sources == Truth::No {
                return Truth::No;
            }
            let operations = self.clauses(place, Part::To, &rule.operations, observer);
            if operations == Truth::No {
                return Truth::No;
            }
            sources
                .min(operations)
                .min(self.conditions(when, &rule.when, observer))
        };
        observer.rule(place, truth);
        truth
    }

    /// Any of the clauses; none at all is any source or any operation.
    fn clauses<O: Observer>(
        &self,
        rule: RuleRef,
        part: fn(usize) -> Part,
        clauses: &[Clause],
        observer: &mut O,
    ) -> Truth {
        if clauses.is_empty() {
            return Truth::Yes;
        }
        let mut greatest = Truth::No;
        for (index, clause) in clauses.iter().enumerate() {
            let first = ConditionRef { rule, part: part(index), index: 0 };
            greatest = greatest.max(self.conditions(first, &clause.conditions, observer));
            if greatest == Truth::Yes && !O::WATCHING {
                break;
            }
        }
        greatest
    }

    /// All of the conditions, the first of which stands at `first`.
    fn conditions<O: Observer>(
        &self,
        first: ConditionRef,
        conditions: &[Condition],
        observer: &mut O,
    ) -> Truth {
        let mut least = Truth::Yes;
        for (index, condition) in conditions.iter().enumerate() {
            // On TCP the HTTP-only fields of a rule that is still there are deleted [L4-2].
            if self.http.is_none() && condition.attribute.is_http_only() {
                continue;
            }
            let place = ConditionRef { index, ..first };
            let truth = self.condition(place, condition, observer);
            observer.condition(place, condition, truth);
            least = least.min(truth);
            if least == Truth::No && !O::WATCHING {
                break;
            }
        }
        least
    }

    /// Any of the values; for a negated condition none of them [AP-11].
    fn condition<O: Observer>(
        &self,
        place: ConditionRef,
        condition: &Condition,
        observer: &mut O,
    ) -> Truth {
        let mut any = Truth::No;
        for (index, value) in condition.values.iter().enumerate() {
            let matches = value.matches.iter();
            let truth = Truth::any(matches.map(|value| self.value(&condition.attribute, value)));
            observer.value(place, index, truth);
            any = any.max(truth);
            if any == Truth::Yes && !O::WATCHING {
                break;
            }
        }
        if condition.negated { any.not() } else { any }
    }

    fn value(&self, attribute: &Attribute, value: &ValueMatch) -> Truth {
        match value {
            ValueMatch::Principal(principal)
                if self.is(IstioVersion::reads_suffixes_as_expressions) =>
            {
                self.name(|name| principal.matches_unquoted(name))
            }
            ValueMatch::Principal(principal) => self.name(|name| Some(principal.matches(name))),
            ValueMatch::Namespace(namespace) => self.name(|name| Some(namespace.matches(name))),
            ValueMatch::ServiceAccount(account)
                if self.is(IstioVersion::reads_accounts_as_expressions) =>
            {
                self.name(|name| account.matches_unquoted(name))
            }
            ValueMatch::ServiceAccount(account) => self.name(|name| Some(account.matches(name))),
            ValueMatch::TrustDomain(domain) => self.name(|name| Some(domain.matches(name))),
            ValueMatch::Ip(block) => {
                let address = if *attribute == Attribute::DestinationIp {
                    self.destination_ip
                } else if *attribute == Attribute::RemoteIp {
                    self.remote_ip
                } else {
                    self.source_ip
                };
                // An address that nobody says is not guessed [IN-42].
                address.map_or(Truth::Unknown, |address| block.contains(address).into())
            }
            ValueMatch::Port(port) => (*port == self.port).into(),
            ValueMatch::RequestPrincipal { issuer, subject } => {
                // "Both claims must exist as JSON strings and both must match." [AP-70]
                let claim = |name: &str, wanted: &StringMatch| match self
                    .claims
                    .and_then(|claims| claims.get(name))
                {
                    Some(Claim::String(text)) => wanted.matches(text),
                    _ => false,
                };
                (claim("iss", issuer) && claim("sub", subject)).into()
            }
            ValueMatch::Template(template) => self
                .http
                .is_some_and(|http| template.matches(http.path.path()))
                .into(),
            // Metadata of other filters is not in the YAML [AP-90].
            ValueMatch::ListElement(_) => Truth::Unknown,
            ValueMatch::Text(text) => self.text(attribute, text),
        }
    }

    /// Whether the proxy is of a release that does so.
    fn is(&self, epoch: fn(IstioVersion) -> bool) -> bool {
        self.istio.is_some_and(epoch)
    }

    /// Whether any name of the peer's certificate matches; a peer without has none [ID-12] [ID-14].
    fn name(&self, matches: impl Fn(&str) -> Option<bool>) -> Truth {
        let names = self
            .peer
            .into_iter()
            .flat_map(|certificate| certificate.names());
        Truth::any(names.map(|name| matches(name).map_or(Truth::Unknown, Truth::from)))
    }

    fn text(&self, attribute: &Attribute, text: &StringMatch) -> Truth {
        match attribute {
            Attribute::ServerName => self
                .server_name
                .map_or(Truth::Unknown, |name| text.matches(name).into()),
            Attribute::RequestAudiences => self.claim(&["aud"], text),
            Attribute::RequestPresenter => self.claim(&["azp"], text),
            Attribute::RequestClaim(path) => self.claim(path, text),
            // The port counts [AP-85].
            Attribute::Host => self
                .http
                .is_some_and(|http| text.matches_host(&http.authority))
                .into(),
            // Case counts [AP-88].
            Attribute::Method => self
                .http
                .is_some_and(|http| text.matches_header(&http.method))
                .into(),
            Attribute::Path => self
                .http
                .is_some_and(|http| text.matches(http.path.path()))
                .into(),
            Attribute::RequestHeader(name) => {
                let lines = self.http.into_iter().flat_map(|http| http.header(name));
                if self.is(IstioVersion::joins_header_lines) {
                    return joined(lines, text);
                }
                // Each line on its own [AP-80]; pseudo headers too [AP-81].
                Truth::any(lines.map(|line| match line {
                    Value::Known(value) => text.matches_header(value).into(),
                    Value::Unknown if *text == StringMatch::Present => Truth::Yes,
                    Value::Unknown => Truth::Unknown,
                }))
            }
            Attribute::FilterMetadata(..) => Truth::Unknown,
            // These match by other kinds of values.
            Attribute::SourcePrincipal
            | Attribute::SourceNamespace
            | Attribute::SourceServiceAccount
            | Attribute::SourceTrustDomain
            | Attribute::SourceIp
            | Attribute::RemoteIp
            | Attribute::RequestPrincipal
            | Attribute::DestinationPort
            | Attribute::DestinationIp => Truth::No,
        }
    }

    /// A string, or a list that holds one, at a path through objects [AP-74] [AP-75].
    fn claim(&self, path: &[impl AsRef<str>], text: &StringMatch) -> Truth {
        let mut level = self.claims;
        let mut found = None;
        for key in path {
            found = level.and_then(|claims| claims.get(key.as_ref()));
            level = match found {
                Some(Claim::Map(inner)) => Some(inner),
                _ => None,
            };
        }
        let is_match = |claim: &Claim| matches!(claim, Claim::String(value) if text.matches(value));
        match found {
            Some(Claim::List(items)) => items.iter().any(is_match).into(),
            Some(claim) => is_match(claim).into(),
            // So a negated condition holds [AP-77].
            None => Truth::No,
        }
    }
}

/// All lines of a header as one value [AP-80].
fn joined<'v>(lines: impl Iterator<Item = Value<'v>>, text: &StringMatch) -> Truth {
    let mut joined: Option<String> = None;
    let mut known = true;
    for line in lines {
        let value = match line {
            Value::Known(value) => value,
            Value::Unknown => {
                known = false;
                ""
            }
        };
        match &mut joined {
            Some(joined) => {
                joined.push(',');
                joined.push_str(value);
            }
            None => joined = Some(value.to_owned()),
        }
    }
    match joined {
        None => Truth::No,
        Some(joined) if known || *text == StringMatch::Present => {
            text.matches_header(&joined).into()
        }
        Some(_) => Truth::Unknown,
    }
}

//! A compiled rule → the policy of an RBAC filter: permissions and principals.

use super::matcher;
use super::message::Message;
use super::rbac::Layer;
use crate::matcher::StringMatch;
use crate::mesh::{Attribute, Clause, Condition, IstioVersion, Rule, ValueMatch};
use crate::spiffe::TrustDomains;

/// Where Envoy looks for what a condition asks.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    /// At what is called: `permissions`.
    Permission,
    /// At who calls, and at everything else: `principals`.
    Principal,
}

impl Side {
    const fn of(attribute: &Attribute) -> Self {
        match attribute {
            Attribute::DestinationIp
            | Attribute::DestinationPort
            | Attribute::FilterMetadata(..)
            | Attribute::Host
            | Attribute::Method
            | Attribute::Path
            | Attribute::ServerName => Self::Permission,
            Attribute::RemoteIp
            | Attribute::RequestAudiences
            | Attribute::RequestClaim(_)
            | Attribute::RequestHeader(_)
            | Attribute::RequestPresenter
            | Attribute::RequestPrincipal
            | Attribute::SourceIp
            | Attribute::SourceNamespace
            | Attribute::SourcePrincipal
            | Attribute::SourceServiceAccount
            | Attribute::SourceTrustDomain => Self::Principal,
        }
    }

    /// The names of `and`, of what it holds, of `or`, and of `not`.
    const fn words(self) -> [&'static str; 4] {
        match self {
            Self::Permission => ["andRules", "rules", "orRules", "notRule"],
            Self::Principal => ["andIds", "ids", "orIds", "notId"],
        }
    }

    fn any_of(self, items: Vec<Message>) -> Message {
        let [_, items_name, or, _] = self.words();
        Message::object([(or, Message::object([(items_name, items.into())]))])
    }

    fn all_of(self, items: Vec<Message>) -> Message {
        let [and, items_name, _, _] = self.words();
        Message::object([(and, Message::object([(items_name, items.into())]))])
    }

    fn not(self, item: Message) -> Message {
        let [_, _, _, not] = self.words();
        Message::object([(not, item)])
    }
}

/// In which order istiod writes the fields of a source or an operation.
const fn rank(attribute: &Attribute) -> u8 {
    match attribute {
        Attribute::Host | Attribute::SourcePrincipal => 0,
        Attribute::Method | Attribute::RequestPrincipal => 1,
        Attribute::Path | Attribute::SourceTrustDomain => 2,
        Attribute::DestinationPort | Attribute::SourceServiceAccount => 3,
        Attribute::SourceNamespace => 4,
        Attribute::RemoteIp => 5,
        Attribute::SourceIp => 6,
        Attribute::DestinationIp
        | Attribute::FilterMetadata(..)
        | Attribute::RequestAudiences
        | Attribute::RequestClaim(_)
        | Attribute::RequestHeader(_)
        | Attribute::RequestPresenter
        | Attribute::ServerName => 7,
    }
}

/// What a rule is translated for.
#[derive(Clone, Copy)]
pub(super) struct Translation<'t> {
    pub(super) layer: Layer,
    pub(super) trust: &'t TrustDomains,
    /// The namespace of the policy.
    pub(super) namespace: &'t str,
    /// The release of istiod; absent: the newest.
    pub(super) istio: Option<IstioVersion>,
}

impl Translation<'_> {
    /// The policy that a rule becomes; absent where the rule is not in the proxy [AP-14] [L4-2].
    pub(super) fn rule(&self, rule: &Rule) -> Option<Message> {
        let gone =
            rule.dropped.is_some() || (self.layer == Layer::Tcp && rule.dropped_on_tcp.is_some());
        if gone {
            return None;
        }
        Some(Message::object([
            (
                "permissions",
                self.side(Side::Permission, &rule.operations, &rule.when)
                    .into(),
            ),
            ("principals", self.side(Side::Principal, &rule.sources, &rule.when).into()),
        ]))
    }

    /// One side of a rule: any of its clauses, each with the conditions of `when` behind it [AP-10].
    fn side(&self, side: Side, clauses: &[Clause], when: &[Condition]) -> Vec<Message> {
        let common: Vec<Message> = when
            .iter()
            .filter(|condition| Side::of(&condition.attribute) == side)
            .filter_map(|condition| self.condition(side, condition))
            .collect();
        let with_common = |mut all: Vec<Message>| {
            all.extend(common.iter().cloned());
            if all.is_empty() {
                all.push(Message::object([("any", true.into())]));
            }
            side.all_of(all)
        };
        if clauses.is_empty() {
            return vec![with_common(Vec::new())];
        }
        let clause = |clause: &Clause| {
            let mut conditions: Vec<&Condition> = clause.conditions.iter().collect();
            conditions.sort_by_key(|condition| (rank(&condition.attribute), condition.negated));
            with_common(
                conditions
                    .into_iter()
                    .filter_map(|condition| self.condition(side, condition))
                    .collect(),
            )
        };
        clauses.iter().map(clause).collect()
    }

    /// How a text goes into a regular expression: older releases hand some on as they are written.
    fn quoting(&self, unquoted: fn(IstioVersion) -> bool) -> fn(&str) -> String {
        if self.istio.is_some_and(unquoted) { str::to_owned } else { matcher::quoted }
    }

    /// Any of a condition's values, or none of them. Absent on TCP for what is HTTP's: only that condition goes
    /// from a rule that does not allow [L4-2].
    fn condition(&self, side: Side, condition: &Condition) -> Option<Message> {
        if self.layer == Layer::Tcp && condition.attribute.is_http_only() {
            return None;
        }
        let any = self.values(side, condition);
        Some(if condition.negated { side.not(any) } else { any })
    }

    fn values(&self, side: Side, condition: &Condition) -> Message {
        let written = || {
            condition
                .values
                .iter()
                .map(|value| value.written.value.as_str())
        };
        let matches = || condition.values.iter().flat_map(|value| &value.matches);
        let texts = || {
            matches()
                .filter_map(ValueMatch::text)
                .collect::<Vec<&StringMatch>>()
        };
        let each = |name: &str, items: Vec<Message>| {
            let items = items.into_iter();
            side.any_of(items.map(|item| Message::object([(name, item)])).collect())
        };
        let named = |names: Vec<Message>| {
            let names = names.into_iter();
            let names = names.map(|name| Message::object([("principalName", name)]));
            each("authenticated", names.collect())
        };
        let headers = |name: &str, ignore_case| {
            let texts = texts().into_iter();
            each(
                "header",
                texts
                    .map(|pattern| matcher::header(name, pattern, ignore_case))
                    .collect(),
            )
        };
        let claims = |keys: &[&str]| {
            let claim = matcher::claim(keys.iter().copied(), &texts());
            Message::object([("metadata", claim)])
        };
        match &condition.attribute {
            Attribute::SourcePrincipal => {
                let principals = self.trust.principals(written());
                named(
                    principals
                        .iter()
                        .map(|value| {
                            matcher::principal(
                                value,
                                self.quoting(IstioVersion::reads_suffixes_as_expressions),
                            )
                        })
                        .collect(),
                )
            }
            Attribute::SourceTrustDomain => {
                let domains = self.trust.trust_domains(written());
                named(
                    domains
                        .iter()
                        .map(|value| matcher::trust_domain(value))
                        .collect(),
                )
            }
            Attribute::SourceNamespace => named(written().map(matcher::namespace).collect()),
            Attribute::SourceServiceAccount => named(
                written()
                    .map(|value| {
                        let quoting = self.quoting(IstioVersion::reads_accounts_as_expressions);
                        matcher::service_account(value, self.namespace, quoting)
                    })
                    .collect(),
            ),
            Attribute::SourceIp => {
                each("directRemoteIp", written().filter_map(matcher::cidr).collect())
            }
            Attribute::RemoteIp => each("remoteIp", written().filter_map(matcher::cidr).collect()),
            Attribute::DestinationIp => {
                each("destinationIp", written().filter_map(matcher::cidr).collect())
            }
            Attribute::DestinationPort => {
                let ports = matches().filter_map(ValueMatch::port);
                each("destinationPort", ports.map(Message::from).collect())
            }
            Attribute::ServerName => {
                let texts = texts().into_iter();
                each("requestedServerName", texts.map(matcher::string).collect())
            }
            Attribute::Host => headers(":authority", true),
            Attribute::Method => headers(":method", false),
            Attribute::RequestHeader(name) => {
                headers(header_as_written(&condition.field).unwrap_or(name), false)
            }
            Attribute::Path => {
                let paths = condition.values.iter();
                side.any_of(
                    paths
                        .flat_map(|value| path(&value.written.value, &value.matches))
                        .collect(),
                )
            }
            Attribute::RequestPrincipal => {
                let mut both: Vec<Message> = matches().filter_map(request_principal).collect();
                match both.pop() {
                    Some(only) if both.is_empty() => only,
                    last => {
                        both.extend(last);
                        side.any_of(both)
                    }
                }
            }
            Attribute::RequestAudiences => claims(&["aud"]),
            Attribute::RequestPresenter => claims(&["azp"]),
            Attribute::RequestClaim(keys) => {
                claims(&keys.iter().map(String::as_str).collect::<Vec<&str>>())
            }
            Attribute::FilterMetadata(filter, key) => {
                let values: Vec<Message> = matches().filter_map(metadata_value).collect();
                let value = matcher::any_value(values);
                Message::object([("metadata", matcher::metadata(filter, [key.as_str()], value))])
            }
        }
    }
}

/// `X-Role` of `request.headers[X-Role]`: istiod hands the name on as it is written.
fn header_as_written(key: &str) -> Option<&str> {
    key.strip_prefix("request.headers")?
        .strip_prefix('[')?
        .strip_suffix(']')
}

/// A path, or a path template: `{*}` is `*` to Envoy, and `{**}` is `**` [AP-100].
fn path(written: &str, matches: &[ValueMatch]) -> Vec<Message> {
    let one = |value: &ValueMatch| {
        if let ValueMatch::Template(_) = value {
            let template = written.replace("{*}", "*").replace("{**}", "**");
            let config = Message::object([("pathTemplate", template.into())]);
            let extension = Message::extension(
                "uri-template",
                "envoy.extensions.path.match.uri_template.v3.UriTemplateMatchConfig",
                config,
            );
            return Some(Message::object([("uriTemplate", extension)]));
        }
        let path = Message::object([("path", matcher::string(value.text()?))]);
        Some(Message::object([("urlPath", path)]))
    };
    matches.iter().filter_map(one).collect()
}

/// Issuer and subject, both [AP-70].
fn request_principal(value: &ValueMatch) -> Option<Message> {
    let ValueMatch::RequestPrincipal { issuer, subject } = value else { return None };
    let claim = |name, pattern| Message::object([("metadata", matcher::claim_text(name, pattern))]);
    Some(Side::Principal.all_of(vec![claim("iss", issuer), claim("sub", subject)]))
}

fn metadata_value(value: &ValueMatch) -> Option<Message> {
    if let ValueMatch::ListElement(pattern) = value {
        return Some(matcher::list_value(pattern));
    }
    value.text().map(matcher::string_value)
}

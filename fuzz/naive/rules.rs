//! A policy's rules and what is known of a request → whether a rule matches. Yes, no, or absent for not known.

use std::net::IpAddr;

use super::http::Received;
use super::tokens::{Claim, Claims};
use super::{identity, text};

/// An AuthorizationPolicy as written.
#[derive(Clone, Debug)]
pub struct Policy {
    pub namespace: String,
    pub target: super::world::Target,
    pub action: String,
    pub dry_run: bool,
    pub provider: String,
    pub rules: Vec<Rule>,
}

/// Sources, operations, conditions: lists of fields with their values.
#[derive(Clone, Debug, Default)]
pub struct Rule {
    pub from: Vec<Vec<Field>>,
    pub to: Vec<Vec<Field>>,
    pub when: Vec<Field>,
}

/// A field, or a key of a condition, with one of its two lists.
#[derive(Clone, Debug)]
pub struct Field {
    /// The name as a key of conditions has it, or `hosts`, `methods`, `paths`.
    pub key: String,
    pub negated: bool,
    pub values: Vec<String>,
}

/// What is known of a request.
#[derive(Clone, Copy)]
pub struct Facts<'f> {
    /// The names of the peer's certificate; absent without one.
    pub names: Option<&'f [String]>,
    pub source_ip: Option<IpAddr>,
    pub remote_ip: Option<IpAddr>,
    pub destination_ip: Option<IpAddr>,
    pub port: u16,
    pub server_name: Option<&'f str>,
    pub http: Option<&'f Received>,
    pub claims: Option<&'f Claims>,
    pub trust_domains: &'f [String],
}

pub fn all(truths: impl IntoIterator<Item = Option<bool>>) -> Option<bool> {
    let mut result = Some(true);
    for truth in truths {
        match truth {
            Some(false) => return Some(false),
            Some(true) => {}
            None => result = None,
        }
    }
    result
}

pub fn any(truths: impl IntoIterator<Item = Option<bool>>) -> Option<bool> {
    all(truths.into_iter().map(not)).map(|truth| !truth)
}

fn not(truth: Option<bool>) -> Option<bool> {
    truth.map(|truth| !truth)
}

/// What a key of a condition reads.
enum Key {
    /// Something with this name.
    Known,
    /// istiod does not know it: the rule is gone [AP-14].
    Unknown,
    /// Its brackets are broken: as a value that cannot be read.
    Broken,
}

fn kind(key: &str) -> Key {
    const PLAIN: &[&str] = &[
        "source.ip",
        "remote.ip",
        "source.namespace",
        "source.principal",
        "source.serviceAccount",
        "source.trustDomain",
        "request.auth.principal",
        "request.auth.audiences",
        "request.auth.presenter",
        "destination.ip",
        "destination.port",
        "connection.sni",
        "hosts",
        "methods",
        "paths",
    ];
    if PLAIN.contains(&key) {
        return Key::Known;
    }
    let whole = |rest: &str| rest.len() > 1 && rest.starts_with('[') && rest.ends_with(']');
    if let Some(rest) = key.strip_prefix("request.headers") {
        return if whole(rest) { Key::Known } else { Key::Broken };
    }
    if let Some(rest) = key.strip_prefix("request.auth.claims") {
        return if rest.is_empty() || whole(rest) { Key::Known } else { Key::Broken };
    }
    if let Some(rest) = key.strip_prefix("experimental.envoy.filters.") {
        return if rest.contains('[') && rest.ends_with(']') { Key::Known } else { Key::Broken };
    }
    Key::Unknown
}

/// What exists for HTTP only [L4-1].
fn is_http_only(key: &str) -> bool {
    ["hosts", "methods", "paths"].contains(&key) || key.starts_with("request.")
}

/// Whether istiod can read a value.
fn is_readable(key: &str, value: &str) -> bool {
    match key {
        "source.ip" | "remote.ip" | "destination.ip" => {
            text::in_block(value, IpAddr::from([0, 0, 0, 0])).is_some()
        }
        "destination.port" => text::port(value).is_some(),
        _ => true,
    }
}

impl Rule {
    fn fields(&self) -> impl Iterator<Item = &Field> {
        self.from.iter().chain(&self.to).flatten().chain(&self.when)
    }

    /// Whether the rule is not there at all: an unknown key [AP-14], and for ALLOW whatever cannot be read [AP-14]
    /// or does not exist on TCP [L4-2].
    fn is_gone(&self, action: &str, tcp: bool) -> bool {
        if self
            .when
            .iter()
            .any(|field| matches!(kind(&field.key), Key::Unknown))
        {
            return true;
        }
        action == "ALLOW"
            && self.fields().any(|field| {
                !field.values.is_empty()
                    && (matches!(kind(&field.key), Key::Broken)
                        || field
                            .values
                            .iter()
                            .any(|value| !is_readable(&field.key, value))
                        || (tcp && is_http_only(&field.key)))
            })
    }
}

impl Facts<'_> {
    /// Whether any rule of a policy matches [AP-10].
    pub fn policy(&self, policy: &Policy) -> Option<bool> {
        any(policy.rules.iter().map(|rule| self.rule(policy, rule)))
    }

    fn rule(&self, policy: &Policy, rule: &Rule) -> Option<bool> {
        if rule.is_gone(&policy.action, self.http.is_none()) {
            return Some(false);
        }
        let alternatives = |lists: &[Vec<Field>]| {
            // No source is any source.
            if lists.is_empty() {
                return Some(true);
            }
            any(lists
                .iter()
                .map(|fields| all(fields.iter().map(|field| self.field(policy, field)))))
        };
        all([
            alternatives(&rule.from),
            alternatives(&rule.to),
            all(rule.when.iter().map(|field| self.field(policy, field))),
        ])
    }

    /// One of the values, or for a negated field none of them [AP-11] [AP-12].
    fn field(&self, policy: &Policy, field: &Field) -> Option<bool> {
        if matches!(kind(&field.key), Key::Broken)
            || (self.http.is_none() && is_http_only(&field.key))
        {
            return Some(true);
        }
        let values: Vec<&String> = field
            .values
            .iter()
            .filter(|value| is_readable(&field.key, value))
            .collect();
        // An empty list is no field [AP-11], one of which nothing is left neither [AP-14].
        if values.is_empty() {
            return Some(true);
        }
        let truth = any(values
            .iter()
            .map(|value| self.value(policy, &field.key, value)));
        if field.negated { not(truth) } else { truth }
    }

    fn value(&self, policy: &Policy, key: &str, value: &str) -> Option<bool> {
        let named = |asked: &dyn Fn(&str) -> bool| {
            Some(
                self.names
                    .is_some_and(|names| names.iter().any(|name| asked(name))),
            )
        };
        let address =
            |address: Option<IpAddr>| address.and_then(|address| text::in_block(value, address));
        match key {
            "source.principal" => {
                let values = identity::principals(value, self.trust_domains);
                named(&|name| values.iter().any(|value| identity::principal(value, name)))
            }
            "source.namespace" => named(&|name| identity::namespace(value, name)),
            "source.serviceAccount" => {
                named(&|name| identity::service_account(value, &policy.namespace, name))
            }
            "source.trustDomain" => {
                let values = identity::trust_domains(value, self.trust_domains);
                named(&|name| {
                    values
                        .iter()
                        .any(|value| identity::trust_domain(value, name))
                })
            }
            "source.ip" => address(self.source_ip),
            "remote.ip" => address(self.remote_ip),
            "destination.ip" => address(self.destination_ip),
            "destination.port" => Some(text::port(value) == Some(self.port)),
            "connection.sni" => self.server_name.map(|name| text::matches(value, name)),
            "request.auth.principal" => Some(self.request_principal(value)),
            "request.auth.audiences" => Some(self.claim(&["aud"], value)),
            "request.auth.presenter" => Some(self.claim(&["azp"], value)),
            "hosts" => self
                .http
                .map(|http| text::matches_host(value, &http.authority)),
            "methods" => self
                .http
                .map(|http| text::matches_header(value, &http.method)),
            "paths" => self.http.map(|http| {
                if text::is_template(value) {
                    text::template(value, &http.path)
                } else {
                    text::matches(value, &http.path)
                }
            }),
            _ => self.bracketed(key, value),
        }
    }

    fn bracketed(&self, key: &str, value: &str) -> Option<bool> {
        if let Some(name) = key.strip_prefix("request.headers[") {
            let name = name.strip_suffix(']').unwrap_or(name).to_ascii_lowercase();
            let lines = self.http.map(|http| http.header(&name)).unwrap_or_default();
            return any(lines.iter().map(|line| match line {
                Some(line) => Some(text::matches_header(value, line)),
                // It is there, whatever it says.
                None if value == "*" => Some(true),
                None => None,
            }));
        }
        if let Some(keys) = key.strip_prefix("request.auth.claims") {
            return Some(
                match keys
                    .strip_prefix('[')
                    .and_then(|keys| keys.strip_suffix(']'))
                {
                    None => false,
                    Some(inside) => {
                        let parts: Vec<&str> = inside.split("][").collect();
                        if parts.iter().any(|part| part.contains(['[', ']'])) {
                            self.claim(&[inside], value)
                        } else {
                            self.claim(&parts, value)
                        }
                    }
                },
            );
        }
        // What other filters say stands nowhere [AP-90].
        None
    }

    /// Issuer and subject, split at the last slash [AP-70].
    fn request_principal(&self, value: &str) -> bool {
        let text = |name: &str| match self.claims.and_then(|claims| claims.get(name)) {
            Some(Claim::Text(text)) => Some(text.as_str()),
            _ => None,
        };
        let (Some(issuer), Some(subject)) = (text("iss"), text("sub")) else { return false };
        let some = |text: &str| text::matches("*", text);
        if value == "*" {
            return some(issuer) && some(subject);
        }
        let Some((before, after)) = value.rsplit_once('/') else {
            if let Some(suffix) = value.strip_prefix('*') {
                return some(issuer) && subject.ends_with(suffix);
            }
            if let Some(prefix) = value.strip_suffix('*') {
                return issuer.starts_with(prefix) && some(subject);
            }
            return issuer == value && subject.is_empty();
        };
        if before == "*" {
            return some(issuer) && subject == after;
        }
        if let Some(suffix) = value.strip_prefix('*') {
            let suffix = suffix
                .strip_suffix(after)
                .and_then(|rest| rest.strip_suffix('/'));
            return suffix.is_some_and(|suffix| issuer.ends_with(suffix)) && subject == after;
        }
        if after == "*" {
            return issuer == before && some(subject);
        }
        match after.strip_suffix('*') {
            Some(prefix) => issuer == before && subject.starts_with(prefix),
            None => issuer == before && subject == after,
        }
    }

    /// Text that matches, or a list with such text in it [AP-74], through objects [AP-75].
    fn claim(&self, keys: &[&str], value: &str) -> bool {
        let Some(mut claims) = self.claims else { return false };
        let Some((last, before)) = keys.split_last() else { return false };
        for key in before {
            let Some(Claim::Map(inner)) = claims.get(*key) else { return false };
            claims = inner;
        }
        let matches =
            |claim: &Claim| matches!(claim, Claim::Text(text) if text::matches(value, text));
        match claims.get(*last) {
            Some(Claim::List(items)) => items.iter().any(matches),
            Some(claim) => matches(claim),
            None => false,
        }
    }
}

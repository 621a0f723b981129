//! A condition → changes of a request that lead into what its values stand for, and out of it.
//!
//! They are proposals: whether a condition then holds is for the evaluator to say.

use std::net::IpAddr;

use super::{Change, TokenPlace};
use crate::matcher::{IpBlock, StringMatch, is_template};
use crate::mesh::{Attribute, Condition, Dataplane, Mesh, TokenProvider, ValueMatch};
use crate::request::{Claim, Claims, Payload, Request};

/// At most so many values of a condition are looked at.
const VALUES: usize = 12;

/// Addresses for documentation, of no one [RFC 5737, RFC 3849].
const NOWHERE: [&str; 3] = ["192.0.2.1", "203.0.113.9", "2001:db8::9"];

/// Methods, the most harmless first.
const METHODS: [&str; 7] = ["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"];

/// What may make the condition hold, and then what may make it fail.
#[must_use]
pub fn alternatives(mesh: &Mesh, request: &Request, condition: &Condition) -> Vec<Change> {
    let (mut first, second) = if condition.negated {
        (outside(mesh, request, condition), inside(mesh, request, condition))
    } else {
        (inside(mesh, request, condition), outside(mesh, request, condition))
    };
    first.extend(second);
    first
}

/// What may make one of the values match.
#[must_use]
pub fn inside(mesh: &Mesh, request: &Request, condition: &Condition) -> Vec<Change> {
    let asked = Asked { mesh, request };
    let values = condition.values.iter().take(VALUES);
    values
        .flat_map(|value| asked.within(&condition.attribute, &value.written.value, &value.matches))
        .filter(|change| change.of(request) != *request)
        .collect()
}

/// What may make none of the values match.
#[must_use]
pub fn outside(mesh: &Mesh, request: &Request, condition: &Condition) -> Vec<Change> {
    let asked = Asked { mesh, request };
    asked
        .out_of(condition)
        .into_iter()
        .filter(|change| change.of(request) != *request)
        .collect()
}

/// Who is asked, and about what.
struct Asked<'a> {
    mesh: &'a Mesh,
    request: &'a Request,
}

impl Asked<'_> {
    fn within(&self, attribute: &Attribute, written: &str, matches: &[ValueMatch]) -> Vec<Change> {
        match attribute {
            Attribute::SourcePrincipal => self.principals_of(written),
            Attribute::SourceNamespace => {
                let namespace = written.replace('*', "x");
                vec![self.principal(None, Some(&namespace), None)]
            }
            Attribute::SourceServiceAccount => {
                let (namespace, account) = match written.split_once('/') {
                    Some((namespace, account)) => (Some(namespace), account),
                    None => (None, written),
                };
                let own = matches.iter().find_map(|value| {
                    let ValueMatch::ServiceAccount(account) = value else { return None };
                    Some(account.namespace())
                });
                vec![self.principal(None, namespace.or(own), Some(account))]
            }
            Attribute::SourceTrustDomain => {
                let domains = self.mesh.settings.accepted_trust_domains.iter();
                domains
                    .map(|domain| self.principal(Some(domain), None, None))
                    .collect()
            }
            Attribute::SourceIp => blocks(matches).map(Change::SourceIp).collect(),
            Attribute::RemoteIp => blocks(matches).flat_map(|ip| self.client(ip)).collect(),
            Attribute::DestinationIp | Attribute::FilterMetadata(..) => Vec::new(),
            Attribute::DestinationPort => self.ports(matches),
            Attribute::Method => methods(written).into_iter().map(Change::Method).collect(),
            Attribute::Path => paths(written).into_iter().map(Change::Path).collect(),
            Attribute::Host => samples(written).into_iter().map(Change::Host).collect(),
            Attribute::ServerName => samples(written)
                .into_iter()
                .map(|name| Change::ServerName(name.to_ascii_lowercase()))
                .collect(),
            Attribute::RequestHeader(name) => self.headers_of(name, written),
            Attribute::RequestPrincipal => {
                let names = matches.iter().filter_map(|value| {
                    let ValueMatch::RequestPrincipal { issuer, subject } = value else {
                        return None;
                    };
                    Some(self.with_names(issuer, subject))
                });
                names.flatten().collect()
            }
            Attribute::RequestAudiences
            | Attribute::RequestPresenter
            | Attribute::RequestClaim(_) => self.tokens_of(attribute, written),
        }
    }

    fn out_of(&self, condition: &Condition) -> Vec<Change> {
        let taken = |text: &str| {
            condition
                .values
                .iter()
                .any(|value| value.written.value == text)
        };
        match &condition.attribute {
            Attribute::SourcePrincipal
            | Attribute::SourceNamespace
            | Attribute::SourceServiceAccount
            | Attribute::SourceTrustDomain => {
                let mut changes = vec![
                    self.principal(None, None, Some("somebody-else")),
                    self.principal(None, Some("elsewhere"), None),
                    self.principal(None, Some("elsewhere"), Some("somebody-else")),
                ];
                let domains = self.mesh.settings.accepted_trust_domains.iter();
                changes.extend(domains.map(|domain| self.principal(Some(domain), None, None)));
                changes.push(Change::Plaintext);
                changes
            }
            Attribute::SourceIp => self.elsewhere(condition).map(Change::SourceIp).collect(),
            Attribute::RemoteIp => self
                .elsewhere(condition)
                .flat_map(|ip| self.client(ip))
                .collect(),
            Attribute::DestinationIp | Attribute::FilterMetadata(..) => Vec::new(),
            Attribute::DestinationPort => self.own_ports().map(Change::Port).collect(),
            Attribute::Method => METHODS
                .into_iter()
                .filter(|method| !taken(method))
                .map(|method| Change::Method(method.to_owned()))
                .collect(),
            Attribute::Path => ["/", "/other"]
                .into_iter()
                .map(|path| Change::Path(path.to_owned()))
                .collect(),
            Attribute::Host => vec![Change::Host("other.example".to_owned())],
            Attribute::ServerName => vec![
                Change::ServerName(String::new()),
                Change::ServerName("other.example".to_owned()),
            ],
            Attribute::RequestHeader(name) => match name.as_str() {
                ":method" => METHODS
                    .into_iter()
                    .map(|method| Change::Method(method.to_owned()))
                    .collect(),
                ":path" => vec![Change::Path("/other".to_owned())],
                ":scheme" => ["http", "https"]
                    .into_iter()
                    .map(|scheme| Change::Header {
                        name: "x-forwarded-proto".to_owned(),
                        value: Some(scheme.to_owned()),
                    })
                    .collect(),
                ":authority" | "host" => vec![Change::Host("other.example".to_owned())],
                _ => vec![
                    Change::Header { name: name.clone(), value: None },
                    Change::Header { name: name.clone(), value: Some("other".to_owned()) },
                ],
            },
            Attribute::RequestPrincipal => self.with_claim(&["sub"], &["somebody-else"]),
            Attribute::RequestAudiences => self.with_claim(&["aud"], &["another"]),
            Attribute::RequestPresenter => self.with_claim(&["azp"], &["another"]),
            Attribute::RequestClaim(path) => {
                let path: Vec<&str> = path.iter().map(String::as_str).collect();
                self.with_claim(&path, &["other"])
            }
        }
    }

    /// The caller's principal, otherwise in the parts that are given. A caller that has none is put into the mesh.
    fn principal(
        &self,
        trust_domain: Option<&str>,
        namespace: Option<&str>,
        account: Option<&str>,
    ) -> Change {
        let own = self.skeleton();
        let [own_domain, _, own_namespace, _, own_account] = own.each_ref().map(String::as_str);
        Change::Principal(format!(
            "{}/ns/{}/sa/{}",
            trust_domain.unwrap_or(own_domain),
            namespace.unwrap_or(own_namespace),
            account.unwrap_or(own_account)
        ))
    }

    /// The five parts of the caller's principal, or of one that it might have.
    fn skeleton(&self) -> [String; 5] {
        let tls = self.request.tls.as_ref();
        let uris = tls
            .and_then(|tls| tls.certificate.as_ref())
            .map(|certificate| &certificate.uris);
        let uri = uris
            .and_then(|uris| uris.first())
            .and_then(|uri| uri.strip_prefix("spiffe://"));
        let parts: Vec<&str> = uri.into_iter().flat_map(|uri| uri.splitn(5, '/')).collect();
        let domain = self.mesh.settings.trust.own.as_str();
        let accepted = |domain: &str| {
            self.mesh
                .settings
                .accepted_trust_domains
                .iter()
                .any(|accepted| accepted == domain)
        };
        let whole = match parts.as_slice() {
            [trust_domain, "ns", namespace, "sa", account] if accepted(trust_domain) => {
                [*trust_domain, "ns", *namespace, "sa", *account]
            }
            [_, "ns", namespace, "sa", account] => [domain, "ns", *namespace, "sa", *account],
            _ => [domain, "ns", "default", "sa", "default"],
        };
        whole.map(str::to_owned)
    }

    /// Principals that a written one stands for, what it leaves open being the caller's own.
    fn principals_of(&self, written: &str) -> Vec<Change> {
        let own = self.skeleton();
        let mut changes = Vec::new();
        for pattern in self.mesh.settings.trust.principal(written) {
            let principal = match StringMatch::parse(&pattern) {
                StringMatch::Exact(exact) => exact,
                StringMatch::Present => own.join("/"),
                StringMatch::Prefix(prefix) => {
                    let parts: Vec<&str> = prefix.splitn(5, '/').collect();
                    self.completed(&own, &parts, 0, |domain, part| domain.starts_with(part))
                }
                StringMatch::Suffix(suffix) => {
                    let parts: Vec<&str> = suffix.split('/').collect();
                    let first = 5_usize.saturating_sub(parts.len());
                    self.completed(&own, &parts, first, |domain, part| domain.ends_with(part))
                }
            };
            changes.push(Change::Principal(principal));
        }
        changes
    }

    /// The parts at their places in the caller's principal; an empty one, and one for which there are words, is the
    /// caller's own.
    fn completed(
        &self,
        own: &[String; 5],
        parts: &[&str],
        first: usize,
        fits: impl Fn(&str, &str) -> bool,
    ) -> String {
        let mut whole = own.clone();
        for (index, part) in parts.iter().enumerate() {
            let at = first + index;
            let Some(slot) = whole.get_mut(at) else { break };
            if at == 0 {
                let domains = self.mesh.settings.accepted_trust_domains.iter();
                let mut fitting = domains.filter(|domain| fits(domain, part));
                if let Some(domain) = fitting.next() {
                    slot.clone_from(domain);
                }
            } else if at.is_multiple_of(2) && !part.is_empty() {
                (*part).clone_into(slot);
            }
        }
        whole.join("/")
    }

    /// Addresses that no value holds: those beside each block, and some of no one.
    fn elsewhere<'c>(&self, condition: &'c Condition) -> impl Iterator<Item = IpAddr> + use<'c> {
        let blocks = condition
            .values
            .iter()
            .take(VALUES)
            .flat_map(|value| &value.matches);
        let beside = blocks
            .filter_map(ValueMatch::block)
            .flat_map(IpBlock::beside);
        let v4_first = self.request.source_ip.is_none_or(|ip| ip.is_ipv4());
        let mut nowhere: Vec<IpAddr> = NOWHERE.iter().filter_map(|ip| ip.parse().ok()).collect();
        if !v4_first {
            nowhere.reverse();
        }
        nowhere.into_iter().chain(beside.flatten())
    }

    /// How a client comes to have this address.
    fn client(&self, ip: IpAddr) -> Vec<Change> {
        let over_http = matches!(self.request.payload, Payload::Http(_));
        if self.request.remote_ip.is_some() {
            return vec![Change::RemoteIp(ip)];
        }
        let workload = self.mesh.workload(self.request.workload);
        let gateway = workload.is_some_and(|workload| workload.dataplane == Dataplane::Gateway);
        let trusted = workload.map_or(0, |workload| self.mesh.proxy(workload).num_trusted_proxies);
        if !over_http || (gateway && trusted == 0) {
            return vec![Change::SourceIp(ip)];
        }
        // Behind the client's address one for each trusted proxy but the last, which is the peer [AP-61].
        let hops = if gateway { trusted } else { 1 };
        let mut list = ip.to_string();
        for _ in 1..hops.min(16) {
            list.push_str(", 192.0.2.200");
        }
        vec![Change::ForwardedFor(list)]
    }

    /// The ports that the workload is known to have.
    fn own_ports(&self) -> impl Iterator<Item = u16> {
        let workload = self.mesh.workload(self.request.workload);
        workload.into_iter().flat_map(|workload| {
            workload
                .listeners
                .keys()
                .chain(&workload.container_ports)
                .copied()
        })
    }

    fn ports(&self, matches: &[ValueMatch]) -> Vec<Change> {
        let wanted = matches.iter().filter_map(ValueMatch::port);
        wanted
            .filter(|port| self.own_ports().any(|own| own == *port))
            .map(Change::Port)
            .collect()
    }

    fn headers_of(&self, name: &str, written: &str) -> Vec<Change> {
        match name {
            ":method" => return methods(written).into_iter().map(Change::Method).collect(),
            ":path" => return paths(written).into_iter().map(Change::Path).collect(),
            ":authority" | "host" => {
                return samples(written).into_iter().map(Change::Host).collect();
            }
            // The proxy tells it from this header, else from the connection.
            ":scheme" => return self.headers_of("x-forwarded-proto", written),
            _ => {}
        }
        let set = |value: String| Change::Header { name: name.to_owned(), value: Some(value) };
        samples(written).into_iter().map(set).collect()
    }

    fn tokens_of(&self, attribute: &Attribute, written: &str) -> Vec<Change> {
        let values = samples(written);
        let values: Vec<&str> = values.iter().map(String::as_str).collect();
        match attribute {
            Attribute::RequestAudiences => self.with_claim(&["aud"], &values),
            Attribute::RequestPresenter => self.with_claim(&["azp"], &values),
            Attribute::RequestClaim(path) => {
                let path: Vec<&str> = path.iter().map(String::as_str).collect();
                self.with_claim(&path, &values)
            }
            Attribute::SourcePrincipal
            | Attribute::SourceNamespace
            | Attribute::SourceServiceAccount
            | Attribute::SourceTrustDomain
            | Attribute::SourceIp
            | Attribute::RemoteIp
            | Attribute::RequestPrincipal
            | Attribute::RequestHeader(_)
            | Attribute::Host
            | Attribute::Method
            | Attribute::Path
            | Attribute::DestinationPort
            | Attribute::DestinationIp
            | Attribute::ServerName
            | Attribute::FilterMetadata(..) => Vec::new(),
        }
    }

    /// Tokens of each provider whose issuer fits, with a subject that fits.
    fn with_names(&self, issuer: &StringMatch, subject: &StringMatch) -> Vec<Change> {
        let mut changes = Vec::new();
        for (provider_issuer, place, claims) in self.tokens() {
            let names = if provider_issuer.is_empty() {
                of_pattern(issuer)
            } else {
                vec![provider_issuer.to_owned()]
            };
            for name in names.into_iter().filter(|name| issuer.matches(name)) {
                for subject in of_pattern(subject) {
                    let mut claims = claims.clone();
                    claims.insert("iss".to_owned(), Claim::String(name.clone()));
                    claims.insert("sub".to_owned(), Claim::String(subject));
                    changes.push(Change::Token { place: place.clone(), claims });
                }
            }
        }
        changes
    }

    /// Tokens in which a claim has one of the values, as text and as an element of a list, and one without it.
    fn with_claim(&self, path: &[&str], values: &[&str]) -> Vec<Change> {
        let mut changes = Vec::new();
        for (_, place, claims) in self.tokens() {
            for value in values {
                let text = Claim::String((*value).to_owned());
                let mut list = vec![text.clone()];
                // Whoever verifies the token asks for its own audience, too.
                if let (["aud"], Some(Claim::String(own))) = (path, claims.get("aud")) {
                    list.push(Claim::String(own.clone()));
                }
                for claim in [text, Claim::List(list)] {
                    let mut claims = claims.clone();
                    set(&mut claims, path, claim);
                    changes.push(Change::Token { place: place.clone(), claims });
                }
            }
            changes.push(Change::WithoutToken(place));
        }
        changes
    }

    /// For each provider its issuer, a place for a token, and claims that it takes: those of the request's own token
    /// where that is of this issuer.
    fn tokens(&self) -> Vec<(&str, TokenPlace, Claims)> {
        let mut found = Vec::new();
        for provider in self.providers() {
            let Some(place) = places(provider).into_iter().next() else { continue };
            let issuer = Claim::String(provider.issuer.clone());
            let own =
                self.request.tokens.iter().find(|token| {
                    token.defect.is_none() && token.claims.get("iss") == Some(&issuer)
                });
            let claims = own.map_or_else(
                || {
                    let mut claims = Claims::new();
                    claims.insert("iss".to_owned(), issuer.clone());
                    claims.insert("sub".to_owned(), Claim::String("somebody".to_owned()));
                    if let Some(audience) = provider.audiences.first() {
                        claims.insert("aud".to_owned(), Claim::String(audience.clone()));
                    }
                    claims
                },
                |token| token.claims.clone(),
            );
            found.push((provider.issuer.as_str(), place, claims));
        }
        found
    }

    fn providers(&self) -> impl Iterator<Item = &TokenProvider> {
        let enforcement = self.mesh.enforcement(self.request.workload);
        let providers = enforcement
            .into_iter()
            .flat_map(|enforcement| &enforcement.tokens);
        providers.take(VALUES)
    }
}

/// Where a provider looks for tokens, in its order.
fn places(provider: &TokenProvider) -> Vec<TokenPlace> {
    let headers = provider
        .headers
        .iter()
        .map(|(name, prefix)| TokenPlace::Header { name: name.clone(), prefix: prefix.clone() });
    let parameters = provider
        .parameters
        .iter()
        .cloned()
        .map(TokenPlace::Parameter);
    let cookies = provider.cookies.iter().cloned().map(TokenPlace::Cookie);
    headers.chain(parameters).chain(cookies).collect()
}

/// No token at any place where one is looked for, then a valid one for each provider: what to try where a token is
/// not taken.
pub(super) fn other_tokens(mesh: &Mesh, request: &Request) -> Vec<Change> {
    let asked = Asked { mesh, request };
    let everywhere = asked.providers().flat_map(places);
    let mut changes: Vec<Change> = everywhere.map(Change::WithoutToken).collect();
    let valid = asked.tokens().into_iter();
    changes.extend(valid.map(|(_, place, claims)| Change::Token { place, claims }));
    changes.retain(|change| change.of(request) != *request);
    changes
}

/// The caller in the mesh, under the name that it has or might have.
pub(super) fn in_the_mesh(mesh: &Mesh, request: &Request) -> Change {
    Asked { mesh, request }.principal(None, None, None)
}

/// Sets a claim at a path through objects.
fn set(claims: &mut Claims, path: &[&str], value: Claim) {
    match path {
        [] => {}
        [last] => {
            claims.insert((*last).to_owned(), value);
        }
        [first, rest @ ..] => {
            let level = claims
                .entry((*first).to_owned())
                .or_insert_with(|| Claim::Map(Claims::new()));
            if !matches!(level, Claim::Map(_)) {
                *level = Claim::Map(Claims::new());
            }
            if let Claim::Map(inner) = level {
                set(inner, rest, value);
            }
        }
    }
}

/// The first address of every block.
fn blocks(matches: &[ValueMatch]) -> impl Iterator<Item = IpAddr> {
    matches
        .iter()
        .filter_map(ValueMatch::block)
        .map(IpBlock::first)
}

/// Texts that a written value stands for.
fn samples(written: &str) -> Vec<String> {
    of_pattern(&StringMatch::parse(written))
}

/// Texts that match.
fn of_pattern(pattern: &StringMatch) -> Vec<String> {
    match pattern {
        StringMatch::Exact(exact) => vec![exact.clone()],
        StringMatch::Prefix(prefix) => vec![format!("{prefix}x"), prefix.clone()],
        StringMatch::Present => vec!["x".to_owned()],
        StringMatch::Suffix(suffix) => vec![format!("x{suffix}"), suffix.clone()],
    }
}

/// Methods that a written one stands for, real ones where there are any.
fn methods(written: &str) -> Vec<String> {
    let pattern = StringMatch::parse(written);
    let mut methods: Vec<String> = METHODS
        .iter()
        .filter(|method| pattern.matches(method))
        .map(|&method| method.to_owned())
        .collect();
    if methods.is_empty() {
        methods = of_pattern(&pattern);
    }
    methods
}

/// Paths that a written one stands for.
fn paths(written: &str) -> Vec<String> {
    if is_template(written) {
        return vec![
            written.replace("{**}", "x").replace("{*}", "x"),
            written.replace("{**}", "").replace("{*}", "x"),
        ];
    }
    match StringMatch::parse(written) {
        StringMatch::Suffix(suffix) if suffix.starts_with('/') => {
            vec![format!("/x{suffix}"), suffix]
        }
        StringMatch::Suffix(suffix) => vec![format!("/x{suffix}"), format!("/{suffix}")],
        StringMatch::Present => vec!["/".to_owned()],
        StringMatch::Prefix(prefix) if prefix.ends_with('/') => {
            vec![format!("{prefix}x"), prefix]
        }
        StringMatch::Prefix(prefix) => vec![prefix.clone(), format!("{prefix}/x")],
        StringMatch::Exact(exact) => vec![exact],
    }
}

//! What rules are asked about → what a request has of an attribute, in words.

use std::net::IpAddr;

use crate::decide::Facts;
use crate::mesh::Attribute;
use crate::request::{Claim, Claims, Received, Value};

/// What the rules of a proxy were asked about.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    /// The names in the peer's certificate, URI names first; absent for a peer without certificate.
    pub names: Option<Vec<String>>,
    /// The other end of the connection; absent: not known.
    pub source_ip: Option<IpAddr>,
    /// The client by X-Forwarded-For; absent: not known.
    pub remote_ip: Option<IpAddr>,
    /// The dialled address; absent: not known.
    pub destination_ip: Option<IpAddr>,
    /// The dialled port.
    pub port: u16,
    /// The server name in lower case, empty where none was sent or read; absent: not known.
    pub server_name: Option<String>,
    /// The request as the filters saw it; absent on TCP.
    pub http: Option<Received>,
    /// The claims of the verified token; absent where there is none.
    pub claims: Option<Claims>,
}

/// What a request has of an attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// Nothing, with the reason in a few words.
    Nothing(&'static str),
    /// Only the running proxy knows.
    NotKnown,
    /// These values.
    Values(Vec<String>),
}

impl Seen {
    pub(super) fn of(facts: &Facts<'_>) -> Self {
        Self {
            names: facts.peer.map(|peer| {
                peer.names()
                    .filter(|name| !name.is_empty())
                    .map(str::to_owned)
                    .collect()
            }),
            source_ip: facts.source_ip,
            remote_ip: facts.remote_ip,
            destination_ip: facts.destination_ip,
            port: facts.port,
            server_name: facts.server_name.map(str::to_owned),
            http: facts.http.cloned(),
            claims: facts.claims.cloned(),
        }
    }

    /// The peer's principal, or its first name that is none; absent without certificate.
    #[must_use]
    pub fn principal(&self) -> Option<&str> {
        let name = self.names.as_ref()?.first()?;
        Some(name.strip_prefix("spiffe://").unwrap_or(name))
    }

    /// What the request has of an attribute, as policies see it.
    #[must_use]
    pub fn found(&self, attribute: &Attribute) -> Found {
        let address = |address: Option<IpAddr>| {
            address.map_or(Found::NotKnown, |address| Found::Values(vec![address.to_string()]))
        };
        match attribute {
            Attribute::SourcePrincipal
            | Attribute::SourceNamespace
            | Attribute::SourceServiceAccount
            | Attribute::SourceTrustDomain => self.names(),
            Attribute::SourceIp => address(self.source_ip),
            Attribute::RemoteIp => address(self.remote_ip),
            Attribute::DestinationIp => address(self.destination_ip),
            Attribute::DestinationPort => Found::Values(vec![self.port.to_string()]),
            Attribute::ServerName => match self.server_name.as_deref() {
                None => Found::NotKnown,
                Some("") => Found::Nothing("no server name"),
                Some(name) => Found::Values(vec![name.to_owned()]),
            },
            Attribute::RequestPrincipal => self.request_principal(),
            Attribute::RequestAudiences => self.claim(&["aud"]),
            Attribute::RequestPresenter => self.claim(&["azp"]),
            Attribute::RequestClaim(path) => {
                self.claim(&path.iter().map(String::as_str).collect::<Vec<_>>())
            }
            Attribute::FilterMetadata(..) => Found::NotKnown,
            Attribute::Host => self.http(|http| Found::Values(vec![http.authority.clone()])),
            Attribute::Method => self.http(|http| Found::Values(vec![http.method.clone()])),
            Attribute::Path => self.http(|http| Found::Values(vec![http.path.path().to_owned()])),
            Attribute::RequestHeader(name) => self.http(|http| header(http, name)),
        }
    }

    fn http(&self, found: impl Fn(&Received) -> Found) -> Found {
        self.http
            .as_ref()
            .map_or(Found::Nothing("no HTTP request: the port takes bytes"), found)
    }

    fn names(&self) -> Found {
        match &self.names {
            None => Found::Nothing("no identity: the caller sent no certificate"),
            Some(names) => Found::Values(
                names
                    .iter()
                    .map(|name| name.strip_prefix("spiffe://").unwrap_or(name).to_owned())
                    .collect(),
            ),
        }
    }

    fn request_principal(&self) -> Found {
        let Some(claims) = &self.claims else { return NO_TOKEN };
        match (claims.get("iss"), claims.get("sub")) {
            (Some(Claim::String(issuer)), Some(Claim::String(subject))) => {
                Found::Values(vec![format!("{issuer}/{subject}")])
            }
            (Some(Claim::String(_)), _) => Found::Nothing("a token without `sub`"),
            _ => Found::Nothing("a token without `iss`"),
        }
    }

    fn claim(&self, path: &[&str]) -> Found {
        let Some(claims) = &self.claims else { return NO_TOKEN };
        let mut level = Some(claims);
        let mut found = None;
        for key in path {
            found = level.and_then(|claims| claims.get(*key));
            level = match found {
                Some(Claim::Map(inner)) => Some(inner),
                _ => None,
            };
        }
        match found {
            None => Found::Nothing("no such claim in the token"),
            Some(Claim::String(text)) => Found::Values(vec![text.clone()]),
            Some(Claim::List(items)) => {
                let texts = items.iter().filter_map(|item| {
                    let Claim::String(text) = item else { return None };
                    Some(text.clone())
                });
                Found::Values(texts.collect())
            }
            Some(Claim::Bool(_)) => Found::Nothing("a boolean, which no value matches"),
            Some(Claim::Number(_)) => Found::Nothing("a number, which no value matches"),
            Some(Claim::Map(_)) => Found::Nothing("an object, which no value matches"),
            Some(Claim::Null) => Found::Nothing("null, which no value matches"),
        }
    }
}

const NO_TOKEN: Found = Found::Nothing("no verified token");

fn header(http: &Received, name: &str) -> Found {
    let mut values = Vec::new();
    for value in http.header(name) {
        match value {
            Value::Known(value) => values.push(value.to_owned()),
            Value::Unknown => return Found::NotKnown,
        }
    }
    if values.is_empty() { Found::Nothing("no such header") } else { Found::Values(values) }
}

//! The table of what policies can ask: one row an attribute, with its `when` key, where it can be
//! read, and how its values match.

use crate::istio::{OperationField, SourceField};
use crate::matcher::{
    IpBlock, NamespaceMatch, PathTemplate, PrincipalMatch, ServiceAccountMatch, StringMatch,
    TrustDomainMatch, is_template, parse_port,
};
use crate::spiffe::TrustDomains;

/// What a condition reads of a request.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Attribute {
    /// `source.principal`, `principals` [AP-30].
    SourcePrincipal,
    /// `source.namespace`, `namespaces` [AP-31].
    SourceNamespace,
    /// `source.serviceAccount`, `serviceAccounts` [AP-32].
    SourceServiceAccount,
    /// `source.trustDomain`, `trustDomains` [AP-33].
    SourceTrustDomain,
    /// `source.ip`, `ipBlocks` [AP-34].
    SourceIp,
    /// `remote.ip`, `remoteIpBlocks` [AP-35].
    RemoteIp,
    /// `request.auth.principal`, `requestPrincipals` [AP-36].
    RequestPrincipal,
    /// `request.auth.audiences` [AP-37].
    RequestAudiences,
    /// `request.auth.presenter` [AP-38].
    RequestPresenter,
    /// `request.auth.claims[a][b]` [AP-39].
    RequestClaim(Vec<String>),
    /// `request.headers[name]`, the name in lower case [AP-40].
    RequestHeader(String),
    /// `hosts` [AP-45].
    Host,
    /// `methods` [AP-46].
    Method,
    /// `paths` [AP-47].
    Path,
    /// `destination.port`, `ports` [AP-48].
    DestinationPort,
    /// `destination.ip` [AP-49].
    DestinationIp,
    /// `connection.sni` [AP-50] [AP-92].
    ServerName,
    /// `experimental.envoy.filters.a.b[c]`: the filter's name and the key [AP-90].
    FilterMetadata(String, String),
}

/// How one value of a condition matches what the attribute reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ValueMatch {
    /// Names of the certificate.
    Principal(PrincipalMatch),
    /// Names of the certificate.
    Namespace(NamespaceMatch),
    /// Names of the certificate.
    ServiceAccount(ServiceAccountMatch),
    /// Names of the certificate.
    TrustDomain(TrustDomainMatch),
    /// An address.
    Ip(IpBlock),
    /// A port.
    Port(u16),
    /// `iss` and `sub` of the token, both [AP-70].
    RequestPrincipal {
        /// The issuer.
        issuer: StringMatch,
        /// The subject.
        subject: StringMatch,
    },
    /// A path template [AP-100].
    Template(PathTemplate),
    /// Text: a path, a server name, a claim, a header, a host, a method.
    Text(StringMatch),
    /// An element of a list in filter metadata [AP-90].
    ListElement(StringMatch),
}

impl ValueMatch {
    /// The block of an address.
    #[must_use]
    pub const fn block(&self) -> Option<IpBlock> {
        if let Self::Ip(block) = self { Some(*block) } else { None }
    }

    /// The text.
    #[must_use]
    pub const fn text(&self) -> Option<&StringMatch> {
        if let Self::Text(pattern) = self { Some(pattern) } else { None }
    }

    /// The port.
    #[must_use]
    pub const fn port(&self) -> Option<u16> {
        if let Self::Port(port) = self { Some(*port) } else { None }
    }
}

/// Why a `when` key or a value cannot be translated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Untranslatable {
    /// The whole rule is skipped, for every action [AP-14].
    #[error("`{0}` is no key that a condition can read")]
    UnknownKey(String),
    /// The value is left out, or an ALLOW rule with it [AP-14].
    #[error("{0}")]
    BadValue(String),
    /// Envoy refuses the configuration as a whole [AP-103].
    #[error("Envoy does not load the path template `{template}`: {reason}")]
    BadTemplate {
        /// The template as written.
        template: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl Attribute {
    /// Whether it is read of the peer's certificate.
    #[must_use]
    pub const fn is_identity(&self) -> bool {
        matches!(
            self,
            Self::SourcePrincipal
                | Self::SourceNamespace
                | Self::SourceServiceAccount
                | Self::SourceTrustDomain
        )
    }

    /// Reads the key of a `when` condition.
    ///
    /// # Errors
    /// [`Untranslatable::UnknownKey`] for a key that istiod does not know, [`Untranslatable::BadValue`] for one
    /// whose brackets are broken: there istiod fails value by value.
    pub fn parse(key: &str) -> Result<Self, Untranslatable> {
        let plain = match key {
            "source.ip" => Self::SourceIp,
            "remote.ip" => Self::RemoteIp,
            "source.namespace" => Self::SourceNamespace,
            "source.principal" => Self::SourcePrincipal,
            "source.serviceAccount" => Self::SourceServiceAccount,
            "source.trustDomain" => Self::SourceTrustDomain,
            "request.auth.principal" => Self::RequestPrincipal,
            "request.auth.audiences" => Self::RequestAudiences,
            "request.auth.presenter" => Self::RequestPresenter,
            "destination.ip" => Self::DestinationIp,
            "destination.port" => Self::DestinationPort,
            "connection.sni" => Self::ServerName,
            _ => return Self::parse_bracketed(key),
        };
        Ok(plain)
    }

    fn parse_bracketed(key: &str) -> Result<Self, Untranslatable> {
        let broken = || Untranslatable::BadValue(format!("`{key}` has broken brackets"));
        if let Some(brackets) = key.strip_prefix("request.headers") {
            let name = bracketed(brackets).ok_or_else(broken)?;
            return Ok(Self::RequestHeader(name.to_ascii_lowercase()));
        }
        if let Some(brackets) = key.strip_prefix("request.auth.claims") {
            return nested(brackets).map(Self::RequestClaim).ok_or_else(broken);
        }
        if let Some(rest) = key.strip_prefix("experimental.") {
            if !rest.starts_with("envoy.filters.") {
                return Err(Untranslatable::UnknownKey(key.to_owned()));
            }
            // Everything after the first bracket, less a trailing bracket, is one key [AP-90].
            let (filter, name) = rest.split_once('[').ok_or_else(broken)?;
            let name = name.strip_suffix(']').ok_or_else(broken)?;
            return Ok(Self::FilterMetadata(filter.to_owned(), name.to_owned()));
        }
        Err(Untranslatable::UnknownKey(key.to_owned()))
    }

    /// Whether the attribute exists for HTTP requests only [L4-1].
    #[must_use]
    pub const fn is_http_only(&self) -> bool {
        match self {
            Self::RequestPrincipal
            | Self::RequestAudiences
            | Self::RequestPresenter
            | Self::RequestClaim(_)
            | Self::RequestHeader(_)
            | Self::Host
            | Self::Method
            | Self::Path => true,
            Self::SourcePrincipal
            | Self::SourceNamespace
            | Self::SourceServiceAccount
            | Self::SourceTrustDomain
            | Self::SourceIp
            | Self::RemoteIp
            | Self::DestinationPort
            | Self::DestinationIp
            | Self::ServerName
            | Self::FilterMetadata(..) => false,
        }
    }

    /// How a written value matches. One value can become several: a principal of an own trust domain stands
    /// for all aliases [ID-31].
    ///
    /// # Errors
    /// A value that istiod or Envoy cannot translate.
    pub fn matches_of(
        &self,
        value: &str,
        policy_namespace: &str,
        trust: &TrustDomains,
    ) -> Result<Vec<ValueMatch>, Untranslatable> {
        let bad = |error: &dyn std::fmt::Display| Untranslatable::BadValue(error.to_string());
        let one = |value| Ok(vec![value]);
        match self {
            Self::SourcePrincipal => Ok(trust
                .principal(value)
                .iter()
                .map(|principal| ValueMatch::Principal(PrincipalMatch::parse(principal)))
                .collect()),
            Self::SourceTrustDomain => Ok(trust
                .trust_domains([value])
                .iter()
                .map(|domain| ValueMatch::TrustDomain(TrustDomainMatch::parse(domain)))
                .collect()),
            Self::SourceNamespace => one(ValueMatch::Namespace(NamespaceMatch::parse(value))),
            Self::SourceServiceAccount => {
                one(ValueMatch::ServiceAccount(ServiceAccountMatch::parse(value, policy_namespace)))
            }
            Self::SourceIp | Self::RemoteIp | Self::DestinationIp => {
                one(ValueMatch::Ip(IpBlock::parse(value).map_err(|error| bad(&error))?))
            }
            Self::DestinationPort => {
                one(ValueMatch::Port(parse_port(value).map_err(|error| bad(&error))?))
            }
            Self::RequestPrincipal => one(request_principal(value)),
            Self::Path if is_template(value) => match PathTemplate::parse(value) {
                Ok(template) => one(ValueMatch::Template(template)),
                Err(error) => Err(Untranslatable::BadTemplate {
                    template: value.to_owned(),
                    reason: error.to_string(),
                }),
            },
            // `[v]` is a list that holds v, brackets trimmed [AP-90].
            Self::FilterMetadata(..) if value.starts_with('[') && value.ends_with(']') => {
                one(ValueMatch::ListElement(StringMatch::parse(value.trim_matches(['[', ']']))))
            }
            Self::RequestAudiences
            | Self::RequestPresenter
            | Self::RequestClaim(_)
            | Self::RequestHeader(_)
            | Self::Host
            | Self::Method
            | Self::Path
            | Self::ServerName
            | Self::FilterMetadata(..) => one(ValueMatch::Text(StringMatch::parse(value))),
        }
    }
}

impl From<SourceField> for Attribute {
    fn from(field: SourceField) -> Self {
        match field {
            SourceField::Principals => Self::SourcePrincipal,
            SourceField::RequestPrincipals => Self::RequestPrincipal,
            SourceField::Namespaces => Self::SourceNamespace,
            SourceField::IpBlocks => Self::SourceIp,
            SourceField::RemoteIpBlocks => Self::RemoteIp,
            SourceField::ServiceAccounts => Self::SourceServiceAccount,
            SourceField::TrustDomains => Self::SourceTrustDomain,
        }
    }
}

impl From<OperationField> for Attribute {
    fn from(field: OperationField) -> Self {
        match field {
            OperationField::Hosts => Self::Host,
            OperationField::Ports => Self::DestinationPort,
            OperationField::Methods => Self::Method,
            OperationField::Paths => Self::Path,
        }
    }
}

/// `[name]` → `name`: what stands between the first and the last bracket.
fn bracketed(text: &str) -> Option<&str> {
    text.strip_prefix('[')?.strip_suffix(']')
}

/// `[a][b]` → `a`, `b`. Irregular brackets are one key, and no brackets are no key [AP-75].
fn nested(text: &str) -> Option<Vec<String>> {
    if text.is_empty() {
        return Some(Vec::new());
    }
    let whole = bracketed(text)?;
    let parts: Vec<&str> = whole.split("][").collect();
    if parts.iter().any(|part| part.contains(['[', ']'])) {
        return Some(vec![whole.to_owned()]);
    }
    Some(parts.into_iter().map(str::to_owned).collect())
}

/// A value of `requestPrincipals` → issuer and subject, split at the last slash [AP-70].
fn request_principal(value: &str) -> ValueMatch {
    let exact = |text: &str| StringMatch::Exact(text.to_owned());
    let split = value.rsplit_once('/');
    let (issuer, subject) = match (value, split) {
        ("*", _) => (StringMatch::Present, StringMatch::Present),
        (_, Some((issuer, subject))) if value.starts_with('*') => {
            let issuer = if issuer == "*" {
                StringMatch::Present
            } else {
                StringMatch::Suffix(issuer.strip_prefix('*').unwrap_or(issuer).to_owned())
            };
            (issuer, exact(subject))
        }
        (_, None) if value.starts_with('*') => (
            StringMatch::Present,
            StringMatch::Suffix(value.strip_prefix('*').unwrap_or(value).to_owned()),
        ),
        (_, Some((issuer, "*"))) => (exact(issuer), StringMatch::Present),
        (_, Some((issuer, subject))) => match subject.strip_suffix('*') {
            Some(prefix) => (exact(issuer), StringMatch::Prefix(prefix.to_owned())),
            None => (exact(issuer), exact(subject)),
        },
        (_, None) => match value.strip_suffix('*') {
            Some(prefix) => (StringMatch::Prefix(prefix.to_owned()), StringMatch::Present),
            None => (exact(value), exact("")),
        },
    };
    ValueMatch::RequestPrincipal { issuer, subject }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    // [AP-70]
    #[rstest]
    #[case::any("*", "*", "*")]
    #[case::suffix_without_slash("*@x.com", "*", "*@x.com")]
    #[case::any_issuer("*/user", "*", "user")]
    #[case::any_issuer_literal_star("*/*", "*", "=*")]
    #[case::issuer_suffix("*iss/user", "*iss", "user")]
    #[case::any_subject("iss/*", "iss", "*")]
    #[case::subject_prefix("iss/us*", "iss", "us*")]
    #[case::issuer_prefix("iss*", "iss*", "*")]
    #[case::both("https://iss/user", "https://iss", "user")]
    #[case::the_last_slash_splits("https://iss*", "https:/", "iss*")]
    #[case::issuer_alone("iss", "iss", "")]
    fn a_request_principal_is_an_issuer_and_a_subject(
        #[case] value: &str,
        #[case] issuer: &str,
        #[case] subject: &str,
    ) {
        let side = |text: &str| match text.strip_prefix('=') {
            Some(literal) => StringMatch::Exact(literal.to_owned()),
            None => StringMatch::parse(text),
        };
        let want = ValueMatch::RequestPrincipal { issuer: side(issuer), subject: side(subject) };
        assert_eq!(request_principal(value), want);
    }

    // [AP-75] [AP-90]
    #[rstest]
    #[case::header("request.headers[X-Role]", Attribute::RequestHeader("x-role".into()))]
    #[case::header_in_two_brackets("request.headers[[good]]", Attribute::RequestHeader("[good]".into()))]
    #[case::claim("request.auth.claims[a][b]", Attribute::RequestClaim(vec!["a".into(), "b".into()]))]
    #[case::dots_are_literal("request.auth.claims[a.b]", Attribute::RequestClaim(vec!["a.b".into()]))]
    #[case::irregular("request.auth.claims[a]b[c]", Attribute::RequestClaim(vec!["a]b[c".into()]))]
    #[case::irregular_beside_regular("request.auth.claims[a][[b]]", Attribute::RequestClaim(vec!["a][[b]".into()]))]
    #[case::without_brackets("request.auth.claims", Attribute::RequestClaim(Vec::new()))]
    #[case::metadata("experimental.envoy.filters.a.b[c]", Attribute::FilterMetadata("envoy.filters.a.b".into(), "c".into()))]
    fn a_key_with_brackets_names_what_it_reads(#[case] key: &str, #[case] want: Attribute) {
        assert_eq!(Attribute::parse(key), Ok(want));
    }

    // [AP-90]
    #[rstest]
    #[case::text("v", ValueMatch::Text(StringMatch::Exact("v".into())))]
    #[case::an_element_of_a_list("[v*]", ValueMatch::ListElement(StringMatch::Prefix("v".into())))]
    #[case::one_bracket_is_text("[v", ValueMatch::Text(StringMatch::Exact("[v".into())))]
    fn metadata_is_text_or_a_list(#[case] value: &str, #[case] want: ValueMatch) {
        let metadata = Attribute::FilterMetadata("envoy.filters.a".into(), "b".into());
        let got = metadata.matches_of(value, "foo", &TrustDomains::default());
        assert_eq!(got, Ok(vec![want]));
    }

    // [AP-14]
    #[rstest]
    #[case("source.labels[x]")]
    #[case("destination.user")]
    #[case("")]
    fn an_unknown_key_is_said_to_be_unknown(#[case] key: &str) {
        assert_eq!(Attribute::parse(key), Err(Untranslatable::UnknownKey(key.to_owned())));
    }
}

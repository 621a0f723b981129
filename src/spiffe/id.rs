//! Text to SPIFFE IDs by the standard.

use std::fmt;
use std::str::FromStr;

use super::istio_identity::minted_trust_domain;
use super::{IstioIdentity, TrustDomain, URI_PREFIX};

/// Why a text is not a SPIFFE ID or a part of one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SpiffeIdError {
    /// A path segment is `.` or `..`.
    #[error("path segment `.` or `..`")]
    DotSegment,
    /// There is no text.
    #[error("empty text")]
    Empty,
    /// A path segment is empty.
    #[error("empty path segment")]
    EmptySegment,
    /// There is a fragment.
    #[error("fragment (`#`)")]
    Fragment,
    /// The ID would be longer than an ID that is made may be; reading has no such bound.
    #[error("{bytes} bytes, more than {max}", max = SpiffeId::MAX_MADE_BYTES)]
    IdTooLong {
        /// How long it would be.
        bytes: usize,
    },
    /// A path segment has a character that no segment has.
    #[error("`{}` in the path, which has only letters, digits, dots, dashes and underscores", .character.escape_default())]
    PathChar {
        /// The first such character.
        character: char,
    },
    /// There is a query.
    #[error("query (`?`)")]
    Query,
    /// The text does not begin with `spiffe://`.
    #[error("no `spiffe://` at the front")]
    Scheme,
    /// The path ends in a slash.
    #[error("`/` at the end")]
    TrailingSlash,
    /// The trust domain has a character that no trust domain has.
    #[error("`{}` in the trust domain, which has only letters, digits, dots, dashes and underscores", .character.escape_default())]
    TrustDomainChar {
        /// The first such character.
        character: char,
    },
    /// There is no trust domain.
    #[error("no trust domain")]
    TrustDomainMissing,
    /// The trust domain is too long.
    #[error("trust domain of {bytes} bytes, more than {max}", max = TrustDomain::MAX_BYTES)]
    TrustDomainTooLong {
        /// How long it is.
        bytes: usize,
    },
    /// istiod would mint the trust domain with upper case, which no SPIFFE ID has.
    #[error("upper case in trust domain `{}`, which istiod would mint as it is", .trust_domain.escape_debug())]
    TrustDomainUpperCase {
        /// The trust domain of the mesh.
        trust_domain: String,
    },
}

/// A SPIFFE ID by the standard: `spiffe://`, a trust domain in lower case, and a path that may be empty.
///
/// Two spellings that the standard calls equal are equal here. Envoy compares bytes, so a certificate with
/// upper case in its trust domain is not the same peer to Envoy as this ID. [ID-5] [ID-11]
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SpiffeId {
    trust_domain: TrustDomain,
    // INVARIANT: `spiffe://`, then `trust_domain`, then the path.
    uri: String,
}

impl SpiffeId {
    /// Implementations "SHOULD NOT generate URIs of length greater than 2048 bytes". [SPIFFE-ID §2.3]
    pub const MAX_MADE_BYTES: usize = 2048;

    /// Reads a whole ID, `spiffe://cluster.local/ns/foo/sa/bar`. Upper case in scheme and trust domain is
    /// read and becomes lower case. The path may be absent, and then names the trust domain itself.
    ///
    /// # Errors
    /// [`SpiffeIdError`], the leftmost fault first.
    pub fn parse(uri: &str) -> Result<Self, SpiffeIdError> {
        if uri.is_empty() {
            return Err(SpiffeIdError::Empty);
        }
        // "The scheme and trust domain name of the SPIFFE ID are case-insensitive." [SPIFFE-ID §2.4]
        match uri.split_at_checked(URI_PREFIX.len()) {
            Some((prefix, rest)) if prefix.eq_ignore_ascii_case(URI_PREFIX) => {
                Self::parse_without_scheme(rest)
            }
            _ => Err(SpiffeIdError::Scheme),
        }
    }

    /// Reads an ID as policies write it, without its scheme: `cluster.local/ns/foo/sa/bar`. [ID-10]
    /// A principal with `spiffe://` in it is refused: in a policy it matches no peer.
    ///
    /// # Errors
    /// [`SpiffeIdError`], the leftmost fault first.
    pub fn parse_principal(principal: &str) -> Result<Self, SpiffeIdError> {
        if principal.is_empty() {
            return Err(SpiffeIdError::Empty);
        }
        Self::parse_without_scheme(principal)
    }

    fn parse_without_scheme(rest: &str) -> Result<Self, SpiffeIdError> {
        // RFC 3986 §3.2 and §3.3: `?` and `#` end the authority and the path alike.
        let end = rest.find(['?', '#']).unwrap_or(rest.len());
        let (hierarchy, extra) = rest.split_at_checked(end).unwrap_or((rest, ""));
        let (name, path) = match hierarchy.split_once('/') {
            Some((name, path)) => (name, Some(path)),
            None => (hierarchy, None),
        };
        let trust_domain = TrustDomain::parse(name)?;
        let mut uri = format!("{URI_PREFIX}{trust_domain}");
        if let Some(path) = path {
            check_path(path)?;
            uri.push('/');
            uri.push_str(path);
        }
        // "MUST NOT include a query or fragment component." [SPIFFE-ID §2]
        match extra.chars().next() {
            None => Ok(Self { trust_domain, uri }),
            Some('?') => Err(SpiffeIdError::Query),
            Some(_) => Err(SpiffeIdError::Fragment),
        }
    }

    /// Makes the ID of `segments` in `trust_domain`; of no segments, the ID of the trust domain itself.
    ///
    /// # Errors
    /// [`SpiffeIdError`] where a segment is not one, or the ID would have more than
    /// [`Self::MAX_MADE_BYTES`] bytes.
    pub fn from_segments(
        trust_domain: &TrustDomain,
        segments: &[&str],
    ) -> Result<Self, SpiffeIdError> {
        let mut uri = format!("{URI_PREFIX}{trust_domain}");
        for segment in segments {
            check_segment(segment)?;
            uri.push('/');
            uri.push_str(segment);
        }
        if uri.len() > Self::MAX_MADE_BYTES {
            return Err(SpiffeIdError::IdTooLong { bytes: uri.len() });
        }
        Ok(Self { trust_domain: trust_domain.clone(), uri })
    }

    /// The ID that istiod mints for a service account in a mesh with this `trustDomain`, where that is a
    /// SPIFFE ID; [`minted`](super::minted) is the same without the question whether it is one. [ID-1] [ID-4]
    ///
    /// # Errors
    /// [`SpiffeIdError`] where a part is empty or has a character that no ID has. A trust domain with upper
    /// case is refused too: istiod would mint it as it is, so that lower case would be another peer to Envoy.
    pub fn workload(
        trust_domain: &str,
        namespace: &str,
        service_account: &str,
    ) -> Result<Self, SpiffeIdError> {
        if trust_domain.contains(|c: char| c.is_ascii_uppercase()) {
            return Err(SpiffeIdError::TrustDomainUpperCase {
                trust_domain: trust_domain.to_owned(),
            });
        }
        let trust_domain = TrustDomain::parse(&minted_trust_domain(trust_domain))?;
        Self::from_segments(&trust_domain, &["ns", namespace, "sa", service_account])
    }

    /// The trust domain.
    #[must_use]
    pub const fn trust_domain(&self) -> &TrustDomain {
        &self.trust_domain
    }

    pub(super) fn into_trust_domain(self) -> TrustDomain {
        self.trust_domain
    }

    /// Whether this ID was issued in `trust_domain`.
    #[must_use]
    pub fn is_member_of(&self, trust_domain: &TrustDomain) -> bool {
        self.trust_domain == *trust_domain
    }

    /// The path with its leading slash; empty where the ID names the trust domain itself.
    #[must_use]
    pub fn path(&self) -> &str {
        self.principal()
            .strip_prefix(self.trust_domain.as_str())
            .unwrap_or_default()
    }

    /// The ID without its scheme, as policies write it: `cluster.local/ns/foo/sa/bar`. [ID-10]
    #[must_use]
    pub fn principal(&self) -> &str {
        self.uri.strip_prefix(URI_PREFIX).unwrap_or_default()
    }

    /// The whole ID, as a certificate carries it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.uri
    }

    /// Trust domain, namespace and service account; absent where the path is not `/ns/…/sa/…`. [ID-1]
    #[must_use]
    pub fn istio_identity(&self) -> Option<IstioIdentity<'_>> {
        IstioIdentity::parse(&self.uri)
    }
}

impl fmt::Display for SpiffeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.uri)
    }
}

impl FromStr for SpiffeId {
    type Err = SpiffeIdError;

    fn from_str(uri: &str) -> Result<Self, Self::Err> {
        Self::parse(uri)
    }
}

/// Checks a path less its leading slash.
fn check_path(path: &str) -> Result<(), SpiffeIdError> {
    let mut segments = path.split('/').peekable();
    while let Some(segment) = segments.next() {
        // "The path component MUST NOT include a trailing `/`." [SPIFFE-ID §2.2]
        if segment.is_empty() && segments.peek().is_none() {
            return Err(SpiffeIdError::TrailingSlash);
        }
        check_segment(segment)?;
    }
    Ok(())
}

fn check_segment(segment: &str) -> Result<(), SpiffeIdError> {
    // "MUST NOT include segments that are empty or are relative path modifiers (i.e. `.`, `..`)." [SPIFFE-ID §2.2]
    match segment {
        "" => return Err(SpiffeIdError::EmptySegment),
        "." | ".." => return Err(SpiffeIdError::DotSegment),
        _ => {}
    }
    // "MUST contain only letters, numbers, dots, dashes, and underscores ([a-zA-Z0-9.-_])." [SPIFFE-ID §2.2]
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    match segment.chars().find(|&c| !allowed(c)) {
        Some(character) => Err(SpiffeIdError::PathChar { character }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::{SpiffeId, SpiffeIdError};
    use crate::spiffe::{TrustDomain, minted};

    // [ID-5]
    #[rstest]
    #[case::workload(
        "spiffe://td/ns/a/sa/b",
        "spiffe://td/ns/a/sa/b",
        "td",
        "/ns/a/sa/b",
        "td/ns/a/sa/b"
    )]
    #[case::trust_domain("spiffe://td", "spiffe://td", "td", "", "td")]
    #[case::upper_case("SPIFFE://Td/A", "spiffe://td/A", "td", "/A", "td/A")]
    #[case::dots("spiffe://td/...", "spiffe://td/...", "td", "/...", "td/...")]
    #[case::path_like_the_trust_domain("spiffe://td/td", "spiffe://td/td", "td", "/td", "td/td")]
    fn an_id_has_its_parts(
        #[case] uri: &str,
        #[case] prints: &str,
        #[case] trust_domain: &str,
        #[case] path: &str,
        #[case] principal: &str,
    ) {
        let id = SpiffeId::parse(uri).unwrap();
        assert_eq!(id.to_string(), prints);
        assert_eq!(id.as_str(), prints);
        assert_eq!(id.trust_domain().as_str(), trust_domain);
        assert_eq!(id.path(), path);
        assert_eq!(id.principal(), principal);
        assert_eq!(SpiffeId::parse_principal(principal), Ok(id));
    }

    // [ID-5]
    #[rstest]
    #[case::empty("", SpiffeIdError::Empty)]
    #[case::scheme_alone("spiffe:", SpiffeIdError::Scheme)]
    #[case::one_slash("spiffe:/td/a", SpiffeIdError::Scheme)]
    #[case::other_scheme("https://td/a", SpiffeIdError::Scheme)]
    #[case::no_scheme("td/ns/a/sa/b", SpiffeIdError::Scheme)]
    #[case::a_character_across_the_prefix("spiffe:/\u{e9}", SpiffeIdError::Scheme)]
    #[case::leading_space(" spiffe://td", SpiffeIdError::Scheme)]
    #[case::nothing_after_the_scheme("spiffe://", SpiffeIdError::TrustDomainMissing)]
    #[case::no_trust_domain("spiffe:///p", SpiffeIdError::TrustDomainMissing)]
    #[case::query_without_trust_domain("spiffe://?q", SpiffeIdError::TrustDomainMissing)]
    #[case::user("spiffe://u@td/a", SpiffeIdError::TrustDomainChar { character: '@' })]
    #[case::port("spiffe://td:1/a", SpiffeIdError::TrustDomainChar { character: ':' })]
    #[case::ipv6("spiffe://[::1]/a", SpiffeIdError::TrustDomainChar { character: '[' })]
    #[case::twice("spiffe://spiffe://td", SpiffeIdError::TrustDomainChar { character: ':' })]
    #[case::trailing_slash("spiffe://td/a/", SpiffeIdError::TrailingSlash)]
    #[case::only_a_slash("spiffe://td/", SpiffeIdError::TrailingSlash)]
    #[case::empty_segment("spiffe://td//", SpiffeIdError::EmptySegment)]
    #[case::empty_namespace("spiffe://td/ns//sa/x", SpiffeIdError::EmptySegment)]
    #[case::dot("spiffe://td/./a", SpiffeIdError::DotSegment)]
    #[case::dots_at_the_end("spiffe://td/a/..", SpiffeIdError::DotSegment)]
    #[case::encoded_dot("spiffe://td/%2e", SpiffeIdError::PathChar { character: '%' })]
    #[case::wildcard("spiffe://td/ns/*", SpiffeIdError::PathChar { character: '*' })]
    #[case::nul("spiffe://td/a\0", SpiffeIdError::PathChar { character: '\0' })]
    #[case::newline("spiffe://td/a\n", SpiffeIdError::PathChar { character: '\n' })]
    #[case::non_ascii("spiffe://td/\u{e9}", SpiffeIdError::PathChar { character: '\u{e9}' })]
    #[case::query("spiffe://td?q#f", SpiffeIdError::Query)]
    #[case::query_after_a_path("spiffe://td/a?q", SpiffeIdError::Query)]
    #[case::fragment("spiffe://td#f?q", SpiffeIdError::Fragment)]
    #[case::fragment_after_a_path("spiffe://td/a#f", SpiffeIdError::Fragment)]
    #[case::leftmost_fault("spiffe://td/a//b?q", SpiffeIdError::EmptySegment)]
    fn other_text_is_not_an_id(#[case] uri: &str, #[case] why: SpiffeIdError) {
        assert_eq!(SpiffeId::parse(uri), Err(why));
    }

    #[rstest]
    #[case::empty("", SpiffeIdError::Empty)]
    #[case::with_its_scheme("spiffe://td/a", SpiffeIdError::TrustDomainChar { character: ':' })]
    #[case::empty_namespace("cluster.local/ns//sa/x", SpiffeIdError::EmptySegment)]
    #[case::wildcard("*/ns/a/sa/b", SpiffeIdError::TrustDomainChar { character: '*' })]
    fn other_text_is_not_a_principal(#[case] principal: &str, #[case] why: SpiffeIdError) {
        assert_eq!(SpiffeId::parse_principal(principal), Err(why));
    }

    #[test]
    fn an_error_never_repeats_a_control_character() {
        for c in ['\n', '\u{1b}', '\u{202e}', '\u{430}'] {
            let errors = [
                SpiffeIdError::PathChar { character: c },
                SpiffeIdError::TrustDomainChar { character: c },
                SpiffeIdError::TrustDomainUpperCase { trust_domain: format!("A{c}") },
            ];
            for error in &errors {
                let text = error.to_string();
                assert!(!text.contains(['\n', '\u{1b}', '\u{202e}']), "{text:?}");
            }
        }
        insta::assert_snapshot!(
            SpiffeIdError::TrustDomainChar { character: '\u{430}' },
            @r"`\u{430}` in the trust domain, which has only letters, digits, dots, dashes and underscores"
        );
    }

    /// Every text of up to five of these pieces: what parses prints as itself again, and its parts make it.
    #[test]
    fn an_id_that_parses_prints_as_itself_again() {
        const PIECES: [&str; 11] =
            ["spiffe://", "/", ".", "*", "a", "B", "?", "\u{e9}", "ns", "sa", "\0"];
        let mut texts = vec![String::new()];
        let mut parsed = 0;
        for _ in 0..5 {
            texts = texts
                .iter()
                .flat_map(|text| PIECES.map(|piece| format!("{text}{piece}")))
                .collect();
            for text in &texts {
                let Ok(id) = SpiffeId::parse(text) else { continue };
                parsed += 1;
                assert_eq!(SpiffeId::parse(id.as_str()).as_ref(), Ok(&id));
                assert!(id.as_str().eq_ignore_ascii_case(text));
                let segments: Vec<&str> = id.path().split('/').skip(1).collect();
                assert_eq!(SpiffeId::from_segments(id.trust_domain(), &segments), Ok(id.clone()));
                assert!(!id.trust_domain().as_str().contains('B'));
            }
        }
        assert!(parsed > 1000, "{parsed}");
    }

    #[test]
    fn a_made_id_has_at_most_2048_bytes_and_a_read_one_may_have_more() {
        let trust_domain = TrustDomain::parse("td").unwrap();
        let longest = "a".repeat(2048 - "spiffe://td/".len());
        assert!(SpiffeId::from_segments(&trust_domain, &[&longest]).is_ok());
        let longer = format!("{longest}a");
        assert_eq!(
            SpiffeId::from_segments(&trust_domain, &[&longer]),
            Err(SpiffeIdError::IdTooLong { bytes: 2049 })
        );
        assert!(SpiffeId::parse(&format!("spiffe://td/{longer}")).is_ok());
    }

    // [ID-1] [ID-4]
    #[rstest]
    #[case::usual("cluster.local", "a", "b", Ok("spiffe://cluster.local/ns/a/sa/b"))]
    #[case::at_becomes_a_dot("x@y@z", "a", "b", Ok("spiffe://x.y.z/ns/a/sa/b"))]
    #[case::trailing_dot("td.", "a", "b", Ok("spiffe://td./ns/a/sa/b"))]
    #[case::no_namespace("td", "", "b", Err(SpiffeIdError::EmptySegment))]
    #[case::no_service_account("td", "a", "", Err(SpiffeIdError::EmptySegment))]
    #[case::no_trust_domain("", "a", "b", Err(SpiffeIdError::TrustDomainMissing))]
    #[case::slash("td", "a/sa/c", "b", Err(SpiffeIdError::PathChar { character: '/' }))]
    #[case::upper_case("TD", "a", "b", Err(SpiffeIdError::TrustDomainUpperCase { trust_domain: "TD".to_owned() }))]
    fn a_workload_is_named_as_istiod_mints_it(
        #[case] trust_domain: &str,
        #[case] namespace: &str,
        #[case] service_account: &str,
        #[case] want: Result<&str, SpiffeIdError>,
    ) {
        let id = SpiffeId::workload(trust_domain, namespace, service_account);
        assert_eq!(id.as_ref().map(SpiffeId::as_str), want.as_ref().copied());
        if let Ok(id) = id {
            assert_eq!(id.as_str(), minted(trust_domain, namespace, service_account));
        }
    }

    #[test]
    fn an_id_that_is_not_istios_has_no_istio_identity() {
        let of = |uri| SpiffeId::parse(uri).unwrap();
        assert_eq!(of("spiffe://td/billing").istio_identity(), None);
        let workload = of("SPIFFE://TD/ns/a/sa/b");
        let identity = workload.istio_identity().unwrap();
        assert_eq!((identity.trust_domain, identity.namespace), ("td", "a"));
        assert_eq!(identity.service_account, "b");
    }

    #[test]
    fn a_member_is_of_its_own_trust_domain_only() {
        let id = SpiffeId::parse("spiffe://td/a").unwrap();
        assert!(id.is_member_of(&TrustDomain::parse("TD").unwrap()));
        assert!(!id.is_member_of(&TrustDomain::parse("td2").unwrap()));
    }
}

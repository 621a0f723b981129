//! Text to trust domain names: by the SPIFFE-ID standard, and as MeshConfig takes them.

use std::fmt;
use std::str::FromStr;

use super::{SpiffeId, SpiffeIdError};

/// A trust domain name by the SPIFFE-ID standard: 1 to 255 bytes of `a-z0-9.-_`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TrustDomain(String);

impl TrustDomain {
    /// "… therefore a maximum length of a trust domain name is 255 bytes." [SPIFFE-ID §2.3]
    pub const MAX_BYTES: usize = 255;

    /// Reads a name, `cluster.local`. Upper case is read and becomes lower case.
    ///
    /// # Errors
    /// [`SpiffeIdError`] where the text is empty, too long, or has a character that no name has.
    pub fn parse(name: &str) -> Result<Self, SpiffeIdError> {
        if name.is_empty() {
            return Err(SpiffeIdError::TrustDomainMissing);
        }
        if name.len() > Self::MAX_BYTES {
            return Err(SpiffeIdError::TrustDomainTooLong { bytes: name.len() });
        }
        // "The scheme and trust domain name of the SPIFFE ID are case-insensitive." [SPIFFE-ID §2.4]
        let lower = name.to_ascii_lowercase();
        // "MUST contain only letters, numbers, dots, dashes, and underscores ([a-z0-9.-_])." [SPIFFE-ID §2.1]
        // The class leaves no room for a user, a port or a percent-encoded character.
        let allowed = |c: char| matches!(c, 'a'..='z' | '0'..='9' | '.' | '-' | '_');
        match lower.chars().find(|&c| !allowed(c)) {
            Some(character) => Err(SpiffeIdError::TrustDomainChar { character }),
            None => Ok(Self(lower)),
        }
    }

    /// Reads a name, or the name in a whole SPIFFE ID. Text with `:/` in it is taken for an ID.
    ///
    /// # Errors
    /// [`SpiffeIdError`] as of [`TrustDomain::parse`] or [`SpiffeId::parse`]; the path of an ID is checked too.
    pub fn parse_name_or_id(text: &str) -> Result<Self, SpiffeIdError> {
        if text.contains(":/") {
            SpiffeId::parse(text).map(SpiffeId::into_trust_domain)
        } else {
            Self::parse(text)
        }
    }

    /// The name, in lower case.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TrustDomain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for TrustDomain {
    type Err = SpiffeIdError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::parse(name)
    }
}

/// Why MeshConfig does not take a `trustDomain` or one of the `trustDomainAliases`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MeshTrustDomainError {
    /// There is no text.
    #[error("empty domain name not allowed")]
    Empty,
    /// A part between two dots is not a DNS label.
    #[error("malformed label `{label}` in trust domain `{trust_domain}`")]
    Label {
        /// The whole text.
        trust_domain: String,
        /// The part.
        label: String,
    },
}

/// Whether MeshConfig takes `trust_domain` as its `trustDomain` or as an alias: DNS-1123 labels with dots
/// between them and perhaps one at the end, so neither a pattern nor `_`. [ID-4]
///
/// A name may pass here and not be a [`TrustDomain`], and the other way round.
///
/// # Errors
/// [`MeshTrustDomainError`] where istiod refuses the name.
pub fn validate_mesh_trust_domain(trust_domain: &str) -> Result<(), MeshTrustDomainError> {
    if trust_domain.is_empty() {
        return Err(MeshTrustDomainError::Empty);
    }
    let absolute = trust_domain.strip_suffix('.').unwrap_or(trust_domain);
    match absolute.split('.').find(|label| !is_dns_1123_label(label)) {
        Some(label) => Err(MeshTrustDomainError::Label {
            trust_domain: trust_domain.to_owned(),
            label: label.to_owned(),
        }),
        None => Ok(()),
    }
}

/// Istio's own DNS-1123 label (pkg/config/labels), which unlike that of Kubernetes may have upper case.
fn is_dns_1123_label(label: &str) -> bool {
    (1..=63).contains(&label.len())
        && label
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && !label.starts_with('-')
        && !label.ends_with('-')
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::{TrustDomain, validate_mesh_trust_domain};
    use crate::spiffe::SpiffeIdError;

    #[rstest]
    #[case::lower_case("cluster.local", "cluster.local")]
    #[case::upper_case_becomes_lower("Cluster.LOCAL", "cluster.local")]
    #[case::an_address("10.0.0.1", "10.0.0.1")]
    #[case::no_dns_name("-a_b..c.", "-a_b..c.")]
    fn a_name_prints_in_lower_case(#[case] name: &str, #[case] prints: &str) {
        assert_eq!(TrustDomain::parse(name).map(|name| name.to_string()), Ok(prints.to_owned()));
    }

    #[rstest]
    #[case::nothing("", SpiffeIdError::TrustDomainMissing)]
    #[case::wildcard("*", SpiffeIdError::TrustDomainChar { character: '*' })]
    #[case::at("a@b", SpiffeIdError::TrustDomainChar { character: '@' })]
    #[case::port("a:80", SpiffeIdError::TrustDomainChar { character: ':' })]
    #[case::path("a/b", SpiffeIdError::TrustDomainChar { character: '/' })]
    #[case::percent("%61", SpiffeIdError::TrustDomainChar { character: '%' })]
    #[case::nul("a\0", SpiffeIdError::TrustDomainChar { character: '\0' })]
    #[case::newline("a\nb", SpiffeIdError::TrustDomainChar { character: '\n' })]
    #[case::cyrillic_a("\u{430}.local", SpiffeIdError::TrustDomainChar { character: '\u{430}' })]
    #[case::kelvin_sign("\u{212a}", SpiffeIdError::TrustDomainChar { character: '\u{212a}' })]
    #[case::an_id("spiffe://td", SpiffeIdError::TrustDomainChar { character: ':' })]
    fn other_text_is_not_a_name(#[case] name: &str, #[case] why: SpiffeIdError) {
        assert_eq!(TrustDomain::parse(name), Err(why));
    }

    #[test]
    fn a_name_has_at_most_255_bytes() {
        assert!(TrustDomain::parse(&"a".repeat(255)).is_ok());
        assert_eq!(
            TrustDomain::parse(&"a".repeat(256)),
            Err(SpiffeIdError::TrustDomainTooLong { bytes: 256 })
        );
    }

    // [ID-4]
    #[rstest]
    #[case::one_label("td1", true)]
    #[case::trailing_dot("cluster.local.", true)]
    #[case::upper_case("Cluster.Local", true)]
    #[case::digits("10.0.0.1", true)]
    #[case::nothing("", false)]
    #[case::only_a_dot(".", false)]
    #[case::two_trailing_dots("td..", false)]
    #[case::leading_dot(".td", false)]
    #[case::wildcard("*.corp", false)]
    #[case::underscore("a_b", false)]
    #[case::at("a@b", false)]
    #[case::leading_dash("a.-td", false)]
    #[case::trailing_dash("td-.local", false)]
    #[case::non_ascii("\u{e9}", false)]
    #[case::newline("td\n", false)]
    fn mesh_config_takes_dns_labels(#[case] name: &str, #[case] takes: bool) {
        assert_eq!(validate_mesh_trust_domain(name).is_ok(), takes);
    }

    #[rstest]
    #[case::nothing("", "empty domain name not allowed")]
    #[case::slash("a.b/c", "malformed label `b/c` in trust domain `a.b/c`")]
    fn mesh_config_says_which_label_is_wrong(#[case] name: &str, #[case] message: &str) {
        assert_eq!(validate_mesh_trust_domain(name).unwrap_err().to_string(), message);
    }

    #[rstest]
    #[case::name("TD", Ok("td"))]
    #[case::id("spiffe://td/ns/a/sa/b", Ok("td"))]
    #[case::one_slash("spiffe:/td", Err(SpiffeIdError::Scheme))]
    #[case::bad_path("spiffe://td/", Err(SpiffeIdError::TrailingSlash))]
    #[case::principal("td/ns/a/sa/b", Err(SpiffeIdError::TrustDomainChar { character: '/' }))]
    fn a_name_is_read_alone_or_in_an_id(
        #[case] text: &str,
        #[case] want: Result<&str, SpiffeIdError>,
    ) {
        let got = TrustDomain::parse_name_or_id(text);
        assert_eq!(got.as_ref().map(TrustDomain::as_str), want.as_ref().copied());
    }

    #[test]
    fn mesh_config_bounds_the_label_and_not_the_name() {
        assert!(validate_mesh_trust_domain(&"a".repeat(63)).is_ok());
        assert!(validate_mesh_trust_domain(&"a".repeat(64)).is_err());
        assert!(validate_mesh_trust_domain(&"a.".repeat(200)).is_ok());
    }
}

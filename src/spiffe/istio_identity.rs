//! Text to Istio's five-part identities, and such an identity to the URI that istiod mints.

use std::fmt;

use super::URI_PREFIX;

/// The parts of `spiffe://<trust domain>/ns/<namespace>/sa/<service account>` as istiod, the agents and
/// ztunnel read them: any text without a slash, even none, and case as it is. [ID-1] [ID-2]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IstioIdentity<'text> {
    /// The trust domain.
    pub trust_domain: &'text str,
    /// The namespace.
    pub namespace: &'text str,
    /// The service account.
    pub service_account: &'text str,
}

impl<'text> IstioIdentity<'text> {
    /// Reads a URI as istiod's `ParseIdentity` and ztunnel do; absent where it has not this form. [ID-2]
    #[must_use]
    pub fn parse(uri: &'text str) -> Option<Self> {
        let mut parts = uri.strip_prefix(URI_PREFIX)?.split('/');
        let mut next = || parts.next();
        let (trust_domain, ns, namespace, sa, service_account) =
            (next()?, next()?, next()?, next()?, next()?);
        (ns == "ns" && sa == "sa" && next().is_none()).then_some(Self {
            trust_domain,
            namespace,
            service_account,
        })
    }
}

/// The whole URI.
impl fmt::Display for IstioIdentity<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { trust_domain, namespace, service_account } = self;
        write!(f, "{URI_PREFIX}{trust_domain}/ns/{namespace}/sa/{service_account}")
    }
}

/// The URI that istiod mints for a service account in a mesh with this `trustDomain`: byte by byte what a
/// proxy compares, whether it is a SPIFFE ID or not. [ID-1] [ID-4]
#[must_use]
pub fn minted(trust_domain: &str, namespace: &str, service_account: &str) -> String {
    let trust_domain = minted_trust_domain(trust_domain);
    IstioIdentity { trust_domain: &trust_domain, namespace, service_account }.to_string()
}

/// "When istiod mints an id it replaces `@` in the trust domain by `.`." [ID-4]
pub(super) fn minted_trust_domain(trust_domain: &str) -> String {
    trust_domain.replace('@', ".")
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::{IstioIdentity, minted};

    #[test]
    fn istiod_mints_upper_case_and_empty_parts_as_they_are() {
        assert_eq!(minted("TD@x", "", "b"), "spiffe://TD.x/ns//sa/b");
    }

    // [ID-2]
    #[rstest]
    #[case::usual("spiffe://td/ns/a/sa/b", Some(("td", "a", "b")))]
    #[case::empty_parts("spiffe:///ns//sa/", Some(("", "", "")))]
    #[case::case_is_kept("spiffe://TD/ns/A/sa/B", Some(("TD", "A", "B")))]
    #[case::upper_case_scheme("SPIFFE://td/ns/a/sa/b", None)]
    #[case::six_parts("spiffe://td/ns/a/sa/b/", None)]
    #[case::four_parts("spiffe://td/ns/a/sa", None)]
    #[case::upper_case_segment("spiffe://td/NS/a/sa/b", None)]
    #[case::other_second_segment("spiffe://td/ns/a/x/b", None)]
    #[case::seven_parts("spiffe://td/ns/a/sa/b/c/d", None)]
    fn istio_reads_exactly_five_parts(#[case] uri: &str, #[case] want: Option<(&str, &str, &str)>) {
        let identity = IstioIdentity::parse(uri);
        assert_eq!(identity.map(|i| (i.trust_domain, i.namespace, i.service_account)), want);
        if let Some(identity) = identity {
            assert_eq!(identity.to_string(), uri);
        }
    }
}

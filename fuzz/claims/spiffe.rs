//! Three lines, a value, the namespace of its policy and trust domains, and then the name of a peer: SPIFFE IDs are those of the standard and come
//! back as they were, and values about identities match what the second evaluator says.

use portcullis::matcher::{NamespaceMatch, PrincipalMatch, ServiceAccountMatch, TrustDomainMatch};
use portcullis::spiffe::{IstioIdentity, SpiffeId, TrustDomain, TrustDomains};

use super::super::naive;

/// The claim.
pub fn holds(bytes: &[u8]) {
    let Some(text) = super::text(bytes) else { return };
    let Some(([value, namespace, domains], name)) = super::lines::<3>(text) else { return };
    let id = SpiffeId::parse(name);
    assert_eq!(id.is_ok(), is_spiffe_id(name), "{name:?}: {id:?}");
    if let Ok(id) = id {
        assert_eq!(SpiffeId::parse(id.as_str()).as_ref(), Ok(&id));
        assert_eq!(SpiffeId::parse_principal(id.principal()).as_ref(), Ok(&id));
        assert_eq!(TrustDomain::parse(id.trust_domain().as_str()).as_ref(), Ok(id.trust_domain()));
        assert!(id.as_str().eq_ignore_ascii_case(name) && id.as_str().ends_with(id.path()));
        assert!(name.ends_with(id.path()), "the path keeps its case");
    }
    let parts: Vec<&str> = name.split('/').collect();
    let identity = IstioIdentity::parse(name);
    let five = matches!(parts.as_slice(), ["spiffe:", "", _, "ns", _, "sa", _]);
    assert_eq!(identity.is_some(), five, "{name:?}");
    if let Some(identity) = identity {
        assert_eq!(identity.to_string(), name);
    }
    assert_eq!(
        PrincipalMatch::parse(value).matches(name),
        naive::principal_matches(value, name),
        "principals: {value:?} {name:?}"
    );
    // A star takes time for every other one in a recursive reading.
    if value.matches('*').count() < 4 && name.len() < 200 {
        assert_eq!(
            NamespaceMatch::parse(value).matches(name),
            naive::namespace_matches(value, name),
            "namespaces: {value:?} {name:?}"
        );
    }
    assert_eq!(
        ServiceAccountMatch::parse(value, namespace).matches(name),
        naive::service_account_matches(value, namespace, name),
        "serviceAccounts: {value:?} in {namespace:?}, {name:?}"
    );
    assert_eq!(
        TrustDomainMatch::parse(value).matches(name),
        naive::trust_domain_matches(value, name),
        "trustDomains: {value:?} {name:?}"
    );
    let mut domains: Vec<String> = domains.split(' ').map(str::to_owned).collect();
    let naive = naive::principals(value, &domains);
    let own = domains.remove(0);
    let trust = TrustDomains { own, aliases: domains };
    assert_eq!(trust.principal(value), naive, "{value:?} {trust:?}");
}

/// SPIFFE-ID §2, letter by letter.
fn is_spiffe_id(uri: &str) -> bool {
    let Some((scheme, rest)) = uri.split_once("://") else { return false };
    if !scheme.eq_ignore_ascii_case("spiffe") {
        return false;
    }
    let mut parts = rest.split('/');
    let domain = parts.next().unwrap_or_default();
    let in_domain = |c: char| c.is_ascii_alphanumeric() || ".-_".contains(c);
    let in_path = |c: char| c.is_ascii_alphanumeric() || ".-_".contains(c);
    (1..=255).contains(&domain.len())
        && domain.chars().all(in_domain)
        && parts.all(|part| !["", ".", ".."].contains(&part) && part.chars().all(in_path))
}

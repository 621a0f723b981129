//! A CA's name constraints and a certificate below it → whether every name is allowed. [RFC 5280 §4.2.1.10]

use super::certificate::{Certificate, GeneralName, NameConstraints};

/// Comparing more pairs of a name and a constraint is refused: both lists come from the peer.
const MAX_COMPARISONS: usize = 250_000;

/// Who reads the constraints: both refuse what they cannot compare, and differ in what they can.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    /// BoringSSL compares no addresses.
    BoringSsl,
    Standard,
}

/// What is left of the comparisons that one verification may make.
#[derive(Debug)]
pub(super) struct Budget(usize);

impl Default for Budget {
    fn default() -> Self {
        Self(MAX_COMPARISONS)
    }
}

/// Why a name is not allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Violation {
    Excluded(String),
    NotPermitted(String),
    TooMuchWork,
    /// A name or a constraint of this kind cannot be compared.
    Unread(String),
}

/// Checks the names of `certificate` against `constraints`.
pub(super) fn check(
    constraints: &NameConstraints,
    certificate: &Certificate,
    dialect: Dialect,
    budget: &mut Budget,
) -> Result<(), Violation> {
    let lists = [constraints.permitted.as_ref(), constraints.excluded.as_ref()];
    // "Conforming CAs MUST NOT issue certificates where name constraints is an empty sequence."
    let empty = |list: &Option<&Vec<GeneralName>>| list.is_none_or(Vec::is_empty);
    if dialect == Dialect::Standard
        && (lists.iter().all(empty) || lists.iter().flatten().any(|list| list.is_empty()))
    {
        return Err(Violation::Unread("empty name constraints".to_owned()));
    }
    let subject = (!certificate.subject.parts.is_empty())
        .then(|| GeneralName::Directory(certificate.subject.parts.clone()));
    let names = certificate.names.iter().flat_map(|names| &names.value);
    for name in names.chain(&subject) {
        let permitted = constraints
            .permitted
            .iter()
            .flatten()
            .filter(|base| same_kind(base, name));
        let mut asked = false;
        let mut allowed = false;
        for base in permitted {
            asked = true;
            allowed |= within(name, base, dialect, budget, false)?;
        }
        if asked && !allowed {
            return Err(Violation::NotPermitted(name.to_string()));
        }
        for base in constraints
            .excluded
            .iter()
            .flatten()
            .filter(|base| same_kind(base, name))
        {
            if within(name, base, dialect, budget, true)? {
                return Err(Violation::Excluded(name.to_string()));
            }
        }
    }
    Ok(())
}

fn same_kind(base: &GeneralName, name: &GeneralName) -> bool {
    matches!(
        (base, name),
        (GeneralName::Directory(_), GeneralName::Directory(_))
            | (GeneralName::Dns(_), GeneralName::Dns(_))
            | (GeneralName::Email(_), GeneralName::Email(_))
            | (GeneralName::Ip(_), GeneralName::Ip(_))
            | (GeneralName::Uri(_), GeneralName::Uri(_))
            | (GeneralName::Malformed, _)
    ) || matches!((base, name), (GeneralName::Other(a), GeneralName::Other(b)) if a == b)
}

fn within(
    name: &GeneralName,
    base: &GeneralName,
    dialect: Dialect,
    budget: &mut Budget,
    excluding: bool,
) -> Result<bool, Violation> {
    budget.0 = budget.0.checked_sub(1).ok_or(Violation::TooMuchWork)?;
    let unread = || Violation::Unread(base.to_string());
    match (name, base) {
        (GeneralName::Directory(name), GeneralName::Directory(base)) => Ok(name.starts_with(base)),
        (GeneralName::Dns(name), GeneralName::Dns(base)) => {
            dns(name, base, dialect, excluding).ok_or_else(unread)
        }
        (GeneralName::Email(name), GeneralName::Email(base)) => {
            email(name, base).ok_or_else(unread)
        }
        (GeneralName::Ip(name), GeneralName::Ip(base)) if dialect == Dialect::Standard => {
            ip(name, base).ok_or_else(unread)
        }
        (GeneralName::Uri(name), GeneralName::Uri(base)) => uri(name, base).ok_or_else(unread),
        _ => Err(unread()),
    }
}

/// "Any DNS name that can be constructed by simply adding zero or more labels to the left-hand side of the name
/// satisfies the name constraint."
fn dns(name: &str, base: &str, dialect: Dialect, excluding: bool) -> Option<bool> {
    if dialect == Dialect::Standard
        && (base.starts_with('.') || base.contains('*') || name.is_empty())
    {
        return None;
    }
    let below = |name: &str| {
        base.is_empty()
            || ends_with(name, base)
                && (name.len() == base.len()
                    || base.starts_with('.')
                    || ends_with(name, &format!(".{base}")))
    };
    // A wildcard stands for every label: what is excluded below its parent, it may name; what is permitted must hold
    // its parent whole.
    match name.strip_prefix("*.") {
        Some(parent) if excluding => Some(below(parent) || ends_with(base, &format!(".{parent}"))),
        Some(parent) => Some(below(parent)),
        None => Some(below(name)),
    }
}

fn email(name: &str, base: &str) -> Option<bool> {
    let (user, host) = name.rsplit_once('@')?;
    if user.is_empty() || user.contains('@') || !super::profile::is_dns_name(host) {
        return None;
    }
    Some(match base.rsplit_once('@') {
        // "A constraint of a particular mailbox": the local part is compared byte by byte.
        Some((base_user, base_host)) if !base_user.is_empty() => {
            base_user == user && base_host.eq_ignore_ascii_case(host)
        }
        Some(_) => return None,
        None if base.starts_with('.') => ends_with(host, base) && host.len() > base.len(),
        None => host.eq_ignore_ascii_case(base),
    })
}

fn ip(name: &[u8], base: &[u8]) -> Option<bool> {
    if ![4, 16].contains(&name.len()) || ![8, 32].contains(&base.len()) {
        return None;
    }
    let (network, mask) = base.split_at_checked(base.len() / 2)?;
    // A mask is ones, then zeros.
    let ones: u32 = mask.iter().map(|byte| byte.leading_ones()).sum();
    let set: u32 = mask.iter().map(|byte| byte.count_ones()).sum();
    let first_zero = mask
        .iter()
        .position(|byte| *byte != 0xff)
        .unwrap_or(mask.len());
    if ones != set || mask.iter().skip(first_zero + 1).any(|byte| *byte != 0) {
        return None;
    }
    if name.len() != network.len() {
        return Some(false);
    }
    Some(
        name.iter()
            .zip(network)
            .zip(mask)
            .all(|((name, network), mask)| name & mask == network & mask),
    )
}

/// "The constraint MUST be specified as a fully qualified domain name and MAY specify a host or a domain", which
/// begins with a dot and does not hold the domain's own name. Scheme and path play no part. A URI without host is
/// refused.
fn uri(name: &str, base: &str) -> Option<bool> {
    let (_, rest) = name.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let authority = authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host);
    let host = authority.split(':').next()?;
    if host.is_empty() {
        return None;
    }
    if base.starts_with('.') {
        return Some(host.len() > base.len() && ends_with(host, base));
    }
    Some(host.eq_ignore_ascii_case(base))
}

fn ends_with(text: &str, end: &str) -> bool {
    text.len()
        .checked_sub(end.len())
        .and_then(|at| text.get(at..))
        .is_some_and(|tail| tail.eq_ignore_ascii_case(end))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::host("spiffe://td/a", "td", Some(true))]
    #[case::host_ignores_case("spiffe://TD/a", "td", Some(true))]
    #[case::another_host("spiffe://td2/a", "td", Some(false))]
    #[case::a_host_is_no_domain("spiffe://a.td/a", "td", Some(false))]
    #[case::domain("spiffe://a.td/a", ".td", Some(true))]
    #[case::a_domain_does_not_hold_itself("spiffe://td/a", ".td", Some(false))]
    #[case::user_and_port("spiffe://td@evil:1/a", "evil", Some(true))]
    #[case::the_path_plays_no_part("spiffe://evil/td", "td", Some(false))]
    #[case::no_host("urn:td", "td", None)]
    #[case::empty_host("spiffe:///td", "td", None)]
    fn a_uri_is_within_a_host_or_a_domain(
        #[case] name: &str,
        #[case] base: &str,
        #[case] want: Option<bool>,
    ) {
        assert_eq!(uri(name, base), want);
    }

    #[rstest]
    #[case::same("a.b", "a.b", false, Some(true))]
    #[case::below("x.a.b", "a.b", false, Some(true))]
    #[case::beside("xa.b", "a.b", false, Some(false))]
    #[case::everything("a", "", false, Some(true))]
    #[case::wildcard_above_what_is_permitted("*.b", "a.b", false, Some(false))]
    #[case::wildcard_may_name_what_is_excluded("*.b", "a.b", true, Some(true))]
    #[case::leading_dot("a.b", ".b", false, None)]
    fn a_dns_name_is_within_its_parents(
        #[case] name: &str,
        #[case] base: &str,
        #[case] excluding: bool,
        #[case] want: Option<bool>,
    ) {
        assert_eq!(dns(name, base, Dialect::Standard, excluding), want);
    }

    #[rstest]
    #[case::inside(&[10, 1, 2, 3], &[10, 0, 0, 0, 255, 0, 0, 0], Some(true))]
    #[case::outside(&[11, 1, 2, 3], &[10, 0, 0, 0, 255, 0, 0, 0], Some(false))]
    #[case::another_family(&[0; 16], &[10, 0, 0, 0, 255, 0, 0, 0], Some(false))]
    #[case::no_mask(&[10, 1, 2, 3], &[10, 0, 0, 0, 255, 0, 255, 0], None)]
    #[case::short(&[10, 1, 2], &[10, 0, 0, 0, 255, 0, 0, 0], None)]
    fn an_address_is_within_a_block(
        #[case] name: &[u8],
        #[case] base: &[u8],
        #[case] want: Option<bool>,
    ) {
        assert_eq!(ip(name, base), want);
    }
}

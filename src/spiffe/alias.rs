//! Principals and trust domains as policies write them to those that istiod puts into a proxy.

use std::collections::BTreeSet;

use super::IstioIdentity;

/// What a policy may call the mesh's own trust domain, whatever its name is. [ID-31]
const POINTER_TO_OWN: &str = "cluster.local";

/// The `trustDomain` and `trustDomainAliases` of MeshConfig, as written and in their order. [ID-30]
///
/// Rewriting is for Envoy: ztunnel gets every value as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustDomains {
    /// `trustDomain`.
    pub own: String,
    /// `trustDomainAliases`. Where there is none, `cluster.local` in a principal is still rewritten.
    pub aliases: Vec<String>,
}

/// `cluster.local` and no alias.
impl Default for TrustDomains {
    fn default() -> Self {
        Self { own: "cluster.local".to_owned(), aliases: Vec::new() }
    }
}

impl TrustDomains {
    /// The trust domain, then its aliases. [ID-30]
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.own)
            .chain(&self.aliases)
            .map(String::as_str)
    }

    /// Whether istiod takes `trust_domain` for one of these; a star at either end of either side is a
    /// pattern, and `cluster.local` is always one of these. [ID-31.2] [ID-32]
    #[must_use]
    pub fn knows(&self, trust_domain: &str) -> bool {
        trust_domain == POINTER_TO_OWN
            || self
                .iter()
                .any(|known| known == trust_domain || matches_either_way(known, trust_domain))
    }

    /// The values that stand in the proxy for one value of `principals`, `notPrincipals` or
    /// `source.principal`; never none. Any text is taken. [ID-31]
    #[must_use]
    pub fn principal(&self, written: &str) -> Vec<String> {
        let Some(trust_domain) =
            enforced_trust_domain(written).filter(|trust_domain| self.knows(trust_domain))
        else {
            return vec![written.to_owned()];
        };
        // "if td starts with `*` and t ends with td[1..] ⇒ p itself; else p with parts[0] replaced by t.
        // De-duplicate, order kept. The original td is not retained unless produced by that loop." [ID-31.4]
        distinct(self.iter().filter_map(|known| {
            if matches_suffix(known, trust_domain) {
                Some(written.to_owned())
            } else {
                replace_trust_domain(written, known)
            }
        }))
    }

    /// The values that stand in the proxy for a list of `principals`, in the order of the list. A value that
    /// two of the written ones become stands twice: istiod de-duplicates within one written value. [ID-31.4]
    #[must_use]
    pub fn principals<'w>(&self, written: impl IntoIterator<Item = &'w str>) -> Vec<String> {
        written
            .into_iter()
            .flat_map(|principal| self.principal(principal))
            .collect()
    }

    /// The values that stand in the proxy for a list of `trustDomains`, `notTrustDomains` or
    /// `source.trustDomain`, each once. Here neither a star nor `cluster.local` means anything. [ID-33]
    #[must_use]
    pub fn trust_domains<'w>(&self, written: impl IntoIterator<Item = &'w str>) -> Vec<String> {
        let known: BTreeSet<&str> = self.iter().collect();
        let mut expanded = false;
        let mut values = Vec::new();
        for value in written {
            if !known.contains(value) {
                values.push(value);
            } else if !expanded {
                // Once is enough: a second time adds nothing that is not there.
                values.extend(self.iter());
                expanded = true;
            }
        }
        distinct(values.into_iter().map(str::to_owned))
    }

    /// The identities that a client accepts of a server whose own are `identities`: those, and those of
    /// Istio's five-part form in every alias too. Any text is taken. [CL-16]
    #[must_use]
    pub fn server_identities<'i>(
        &self,
        identities: impl IntoIterator<Item = &'i str>,
    ) -> BTreeSet<String> {
        let mut accepted = BTreeSet::new();
        for identity in identities {
            accepted.insert(identity.to_owned());
            if let Some(parts) = IstioIdentity::parse(identity) {
                let in_alias = |alias| IstioIdentity { trust_domain: alias, ..parts }.to_string();
                accepted.extend(self.aliases.iter().map(|alias| in_alias(alias)));
            }
        }
        accepted
    }
}

/// The trust domain, or pattern of one, that a principal as written in a policy demands; absent where it has
/// not five parts, or where its trust domain is `*`. [ID-31.1]
#[must_use]
pub fn enforced_trust_domain(principal: &str) -> Option<&str> {
    let (trust_domain, _) = five_parts(principal)?;
    (trust_domain != "*").then_some(trust_domain)
}

/// `principal` in another trust domain; absent where it has not five parts. [ID-31.4]
#[must_use]
pub fn replace_trust_domain(principal: &str, trust_domain: &str) -> Option<String> {
    let (_, path) = five_parts(principal)?;
    Some(format!("{trust_domain}/{path}"))
}

/// The first of five parts, and the other four.
fn five_parts(principal: &str) -> Option<(&str, &str)> {
    let (trust_domain, path) = principal.split_once('/')?;
    (path.split('/').count() == 4).then_some((trust_domain, path))
}

fn matches_either_way(a: &str, b: &str) -> bool {
    matches_prefix(a, b) || matches_prefix(b, a) || matches_suffix(a, b) || matches_suffix(b, a)
}

/// Whether `pattern` is `x*` and `text` begins with `x`.
fn matches_prefix(text: &str, pattern: &str) -> bool {
    pattern
        .strip_suffix('*')
        .is_some_and(|prefix| text.starts_with(prefix))
}

/// Whether `pattern` is `*x` and `text` ends with `x`.
fn matches_suffix(text: &str, pattern: &str) -> bool {
    pattern
        .strip_prefix('*')
        .is_some_and(|suffix| text.ends_with(suffix))
}

/// The first of each value, in order.
fn distinct(values: impl Iterator<Item = String>) -> Vec<String> {
    let mut seen = BTreeSet::new();
    values.filter(|value| seen.insert(value.clone())).collect()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::{TrustDomains, enforced_trust_domain, replace_trust_domain};

    /// The trust domains of a mesh, the first its own: `td1 old-td`.
    fn mesh(trust_domains: &str) -> TrustDomains {
        let mut names = trust_domains.split(' ').map(str::to_owned);
        TrustDomains { own: names.next().unwrap(), aliases: names.collect() }
    }

    // [ID-30] [ID-31]
    #[rstest]
    #[case::pointer_to_own("td1 old-td", "cluster.local/ns/a/sa/b", &["td1/ns/a/sa/b", "old-td/ns/a/sa/b"])]
    #[case::pointer_to_own_without_alias("td1", "cluster.local/ns/a/sa/b", &["td1/ns/a/sa/b"])]
    #[case::own("td1 old-td", "td1/ns/a/sa/b", &["td1/ns/a/sa/b", "old-td/ns/a/sa/b"])]
    #[case::alias("td1 old-td", "old-td/ns/a/sa/b", &["td1/ns/a/sa/b", "old-td/ns/a/sa/b"])]
    #[case::unknown("td1 old-td", "other/ns/a/sa/b", &["other/ns/a/sa/b"])]
    #[case::suffix_pattern("td1 old-td", "*-td/ns/a/sa/b", &["td1/ns/a/sa/b", "*-td/ns/a/sa/b"])]
    #[case::suffix_pattern_of_all("a-td b-td", "*-td/ns/a/sa/b", &["*-td/ns/a/sa/b"])]
    #[case::suffix_pattern_of_none("td1 old-td", "*-x/ns/a/sa/b", &["*-x/ns/a/sa/b"])]
    #[case::prefix_pattern("td1 old-td", "td*/ns/a/sa/b", &["td1/ns/a/sa/b", "old-td/ns/a/sa/b"])]
    #[case::only_one_star_is_a_pattern("td1 old-td", "**/ns/a/sa/b", &["**/ns/a/sa/b"])]
    #[case::any_trust_domain("td1 old-td", "*/ns/a/sa/b", &["*/ns/a/sa/b"])]
    #[case::any("td1 old-td", "*", &["*"])]
    #[case::four_parts("td1", "cluster.local/ns/a/*", &["cluster.local/ns/a/*"])]
    #[case::six_parts("td1", "td1/ns/a/sa/b/", &["td1/ns/a/sa/b/"])]
    #[case::star_in_the_fifth_part("td1 old-td", "cluster.local/ns/a/sa/*", &["td1/ns/a/sa/*", "old-td/ns/a/sa/*"])]
    #[case::five_parts_of_anything("td1", "cluster.local////", &["td1////"])]
    #[case::two_parts("td1", "sa/b", &["sa/b"])]
    #[case::three_parts("td1", "*/sa/b", &["*/sa/b"])]
    #[case::with_its_scheme("td1", "spiffe://td1/ns/a/sa/b", &["spiffe://td1/ns/a/sa/b"])]
    #[case::empty("td1", "", &[""])]
    #[case::case_differs("td1 old-td", "TD1/ns/a/sa/b", &["TD1/ns/a/sa/b"])]
    #[case::repeated_alias("td1 td1 x x", "td1/ns/a/sa/b", &["td1/ns/a/sa/b", "x/ns/a/sa/b"])]
    fn a_principal_is_rewritten(
        #[case] trust_domains: &str,
        #[case] written: &str,
        #[case] want: &[&str],
    ) {
        assert_eq!(mesh(trust_domains).principal(written), want);
    }

    // MeshConfig refuses stars, so these are reached only past its validation. [ID-32]
    #[rstest]
    #[case::no_star("td1", &["/ns/a/sa/b"])]
    #[case::star_with_nothing("td1 *", &["td1/ns/a/sa/b", "*/ns/a/sa/b"])]
    #[case::star_with_something("td1 *x", &["/ns/a/sa/b"])]
    fn an_empty_trust_domain_is_known_to_a_bare_star_only(
        #[case] trust_domains: &str,
        #[case] want: &[&str],
    ) {
        assert_eq!(mesh(trust_domains).principal("/ns/a/sa/b"), want);
    }

    // [ID-31]
    #[rstest]
    #[case::equal("td1", "td1", true)]
    #[case::pointer_to_own("td1", "cluster.local", true)]
    #[case::star_in_the_mesh_at_the_end("td*", "td1", true)]
    #[case::star_in_the_mesh_at_the_front("*td", "old-td", true)]
    #[case::bare_star_in_the_mesh("*", "x", true)]
    #[case::star_in_the_policy_at_the_end("td1", "td*", true)]
    #[case::star_in_the_policy_at_the_front("td1", "*1", true)]
    #[case::star_inside("td1", "t*1", false)]
    #[case::what_stands_before_the_star_is_the_beginning("old-td1", "td*", false)]
    #[case::what_stands_after_the_star_is_the_end("td1", "*td", false)]
    #[case::other("td1", "td", false)]
    fn a_pattern_on_either_side_is_known(
        #[case] trust_domains: &str,
        #[case] trust_domain: &str,
        #[case] known: bool,
    ) {
        assert_eq!(mesh(trust_domains).knows(trust_domain), known);
    }

    #[test]
    fn a_list_keeps_its_order_and_what_two_values_become() {
        assert_eq!(
            mesh("td1 x").principals(["cluster.local/ns/a/sa/b", "*", "x/ns/a/sa/b"]),
            ["td1/ns/a/sa/b", "x/ns/a/sa/b", "*", "td1/ns/a/sa/b", "x/ns/a/sa/b"]
        );
    }

    // [ID-33]
    #[rstest]
    #[case::own("td1 x", &["td1"], &["td1", "x"])]
    #[case::alias("td1 x", &["x"], &["td1", "x"])]
    #[case::both("td1 x", &["x", "td1"], &["td1", "x"])]
    #[case::unknown_keeps_its_place("td1 x", &["y", "x", "y", "z"], &["y", "td1", "x", "z"])]
    #[case::no_pointer_to_own("td1 x", &["cluster.local"], &["cluster.local"])]
    #[case::no_pattern("td1 x", &["td*", "*"], &["td*", "*"])]
    #[case::repeated_alias("td1 td1", &["td1"], &["td1"])]
    #[case::none("td1 x", &[], &[])]
    fn a_trust_domain_is_expanded_where_it_is_equal(
        #[case] trust_domains: &str,
        #[case] written: &[&str],
        #[case] want: &[&str],
    ) {
        assert_eq!(mesh(trust_domains).trust_domains(written.iter().copied()), want);
    }

    // [CL-16]
    #[rstest]
    #[case::in_every_alias("td1 x y", "spiffe://td1/ns/a/sa/b", &["spiffe://td1/ns/a/sa/b", "spiffe://x/ns/a/sa/b", "spiffe://y/ns/a/sa/b"])]
    #[case::not_in_the_own("td1 x", "spiffe://z/ns/a/sa/b", &["spiffe://x/ns/a/sa/b", "spiffe://z/ns/a/sa/b"])]
    #[case::not_five_parts("td1 x", "spiffe://td1/billing", &["spiffe://td1/billing"])]
    #[case::no_uri("td1 x", "db.example", &["db.example"])]
    fn a_server_is_known_by_its_aliases(
        #[case] trust_domains: &str,
        #[case] identity: &str,
        #[case] want: &[&str],
    ) {
        let accepted: Vec<String> = mesh(trust_domains)
            .server_identities([identity])
            .into_iter()
            .collect();
        assert_eq!(accepted, want);
    }

    #[rstest]
    #[case::name("td/ns/a/sa/b", Some("td"))]
    #[case::pattern("*-td/ns/a/sa/b", Some("*-td"))]
    #[case::nothing("/ns/a/sa/b", Some(""))]
    #[case::any("*/ns/a/sa/b", None)]
    #[case::four_parts("td/ns/a/sa", None)]
    #[case::six_parts("td/ns/a/sa/b/c", None)]
    #[case::one_part("td", None)]
    fn five_parts_demand_a_trust_domain(#[case] principal: &str, #[case] want: Option<&str>) {
        assert_eq!(enforced_trust_domain(principal), want);
    }

    #[test]
    fn a_trust_domain_is_replaced_in_five_parts_only() {
        assert_eq!(replace_trust_domain("*/ns/a/sa/b", "t").as_deref(), Some("t/ns/a/sa/b"));
        assert_eq!(replace_trust_domain("td/a", "t"), None);
    }
}

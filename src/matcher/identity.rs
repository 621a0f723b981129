//! Values of `principals`, `namespaces`, `serviceAccounts` and `trustDomains` → matchers over the
//! whole URI name of a peer's certificate. Case always counts [ID-11].

use super::StringMatch;

const SCHEME: &str = "spiffe://";

/// A value of `principals` [ID-10]: written without scheme, matched with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrincipalMatch(StringMatch);

impl PrincipalMatch {
    /// Reads a value; a value that already carries `spiffe://` matches no real identity [ID-10].
    #[must_use]
    pub fn parse(value: &str) -> Self {
        Self(StringMatch::parse(value))
    }

    /// Whether a name of a certificate matches.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        let rest = name.strip_prefix(SCHEME);
        match &self.0 {
            // `*` asks for any name at all, also one of another scheme.
            StringMatch::Present => self.0.matches(name),
            StringMatch::Exact(_) | StringMatch::Prefix(_) => {
                rest.is_some_and(|rest| self.0.matches(rest))
            }
            // The regular expression `spiffe://.*x`: the dot takes no line break.
            StringMatch::Suffix(_) => {
                rest.is_some_and(|rest| self.0.matches(rest) && !rest.contains('\n'))
            }
        }
    }
}

impl PrincipalMatch {
    /// Whether a name matches where the value goes unquoted into the expression, as in older releases of Istio;
    /// absent: the value is an expression of more than dots, which nothing here reads.
    #[must_use]
    pub fn matches_unquoted(&self, name: &str) -> Option<bool> {
        let StringMatch::Suffix(suffix) = &self.0 else { return Some(self.matches(name)) };
        let rest = name
            .strip_prefix(SCHEME)
            .filter(|rest| !rest.contains('\n'));
        let matches = rest.is_some_and(|rest| Reading::Unquoted.ends(rest, suffix));
        (!is_expression(suffix)).then_some(matches)
    }
}

/// How a value is put into a regular expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reading {
    /// Every character is itself.
    Quoted,
    /// A dot is any character but a line break, as older releases of Istio wrote it.
    Unquoted,
}

impl Reading {
    fn takes(self, wanted: char, found: char) -> bool {
        wanted == found || (self == Self::Unquoted && wanted == '.' && found != '\n')
    }

    /// What follows `prefix` at the beginning of `text`.
    fn strip<'t>(self, text: &'t str, prefix: &str) -> Option<&'t str> {
        let mut rest = text.chars();
        let all = prefix
            .chars()
            .all(|wanted| rest.next().is_some_and(|found| self.takes(wanted, found)));
        all.then_some(rest.as_str())
    }

    fn ends(self, text: &str, suffix: &str) -> bool {
        let mut rest = text.chars().rev();
        let mut wanted = suffix.chars().rev();
        wanted.all(|wanted| rest.next().is_some_and(|found| self.takes(wanted, found)))
    }
}

/// Whether a text means more to a regular expression than its dots do.
fn is_expression(text: &str) -> bool {
    text.contains(['\\', '+', '*', '?', '(', ')', '|', '[', ']', '{', '}', '^', '$'])
}

/// A value of `namespaces` [ID-20]: the regular expression `.*/ns/VALUE/.*`, every star of the value
/// standing for any run of characters, slashes included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamespaceMatch {
    /// Runs of text that must follow each other in the name, each after the end of the one before.
    runs: Vec<String>,
}

impl NamespaceMatch {
    /// Reads a value.
    #[must_use]
    pub fn parse(value: &str) -> Self {
        let whole = format!("/ns/{value}/");
        Self { runs: whole.split('*').map(str::to_owned).collect() }
    }

    /// Whether a name of a certificate matches.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        let mut rest = name;
        for run in &self.runs {
            let Some((_, after)) = rest.split_once(run.as_str()) else { return false };
            rest = after;
        }
        !name.contains('\n')
    }
}

/// A value of `serviceAccounts` [ID-25]: `account` or `namespace/account`, the namespace of the policy
/// where none is written; the trust domain is not looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceAccountMatch {
    namespace: String,
    account: String,
}

impl ServiceAccountMatch {
    /// Reads a value of a policy in `policy_namespace`.
    #[must_use]
    pub fn parse(value: &str, policy_namespace: &str) -> Self {
        let (namespace, account) = value.split_once('/').unwrap_or((policy_namespace, value));
        Self { namespace: namespace.to_owned(), account: account.to_owned() }
    }

    /// The namespace that is asked for: the written one, or the policy's.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Whether a name matches `spiffe://.+/ns/NAMESPACE/(.+/|)sa/ACCOUNT(/.+)?` [ID-25].
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        self.reads(name, Reading::Quoted)
    }

    /// Whether a name matches where the value goes unquoted into the expression, as in older releases of Istio;
    /// absent: the value is an expression of more than dots, which nothing here reads.
    #[must_use]
    pub fn matches_unquoted(&self, name: &str) -> Option<bool> {
        let expression = is_expression(&self.namespace) || is_expression(&self.account);
        (!expression).then(|| self.reads(name, Reading::Unquoted))
    }

    fn reads(&self, name: &str, reading: Reading) -> bool {
        let Some(rest) = name.strip_prefix(SCHEME) else { return false };
        let namespace = format!("/ns/{}/", self.namespace);
        let account = format!("sa/{}", self.account);
        !rest.contains('\n')
            && ends_of(rest, &namespace, reading)
                .any(|(start, after)| start > 0 && account_follows(after, &account, reading))
    }
}

/// Every place where `needle` begins in `text`, overlapping ones included, and what follows it.
fn ends_of<'t>(
    text: &'t str,
    needle: &'t str,
    reading: Reading,
) -> impl Iterator<Item = (usize, &'t str)> {
    text.char_indices().filter_map(move |(start, _)| {
        let after = reading.strip(text.get(start..)?, needle)?;
        Some((start, after))
    })
}

/// `(.+/|)sa/ACCOUNT(/.+)?` from here to the end.
fn account_follows(text: &str, account: &str, reading: Reading) -> bool {
    ends_of(text, account, reading).any(|(start, after)| {
        // Something and a slash before it, or nothing.
        let before = start == 0 || (start > 1 && text.as_bytes().get(start - 1) == Some(&b'/'));
        let behind = after.is_empty() || (after.starts_with('/') && after.len() > 1);
        before && behind
    })
}

/// A value of `trustDomains` [ID-28].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustDomainMatch {
    value: String,
}

impl TrustDomainMatch {
    /// Reads a value.
    #[must_use]
    pub fn parse(value: &str) -> Self {
        Self { value: value.to_owned() }
    }

    /// Whether a name of a certificate matches.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        let Some(rest) = name.strip_prefix(SCHEME) else { return false };
        if self.value == "*" {
            return true;
        }
        let Some((before, after)) = self.value.split_once('*') else {
            return rest
                .strip_prefix(self.value.as_str())
                .is_some_and(|rest| rest.starts_with('/'));
        };
        // `spiffe://BEFORE[^/]*AFTER/.*`: only the first star is one.
        let Some(rest) = rest.strip_prefix(before) else { return false };
        let needle = format!("{after}/");
        ends_of(rest, &needle, Reading::Quoted).any(|(start, tail)| {
            rest.get(..start).is_some_and(|run| !run.contains('/')) && !tail.contains('\n')
        })
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    // [ID-10]
    #[rstest]
    #[case::any("*", "spiffe://x", true)]
    #[case::any_of_any_scheme("*", "https://x", true)]
    #[case::suffix("*/sa/a", "spiffe://td/ns/n/sa/a", true)]
    #[case::suffix_needs_the_scheme("*/sa/a", "https://td/ns/n/sa/a", false)]
    #[case::prefix("td*", "spiffe://td2/ns/n/sa/a", true)]
    #[case::exact("td/ns/n/sa/a", "spiffe://td/ns/n/sa/a", true)]
    #[case::with_scheme_never("spiffe://td/ns/n/sa/a", "spiffe://td/ns/n/sa/a", false)]
    #[case::inner_star_is_literal("td/ns/*/sa/a", "spiffe://td/ns/n/sa/a", false)]
    fn principals(#[case] value: &str, #[case] name: &str, #[case] want: bool) {
        assert_eq!(PrincipalMatch::parse(value).matches(name), want);
    }

    // [ID-20]
    #[rstest]
    #[case::exact("a", "spiffe://td/ns/a/sa/x", true)]
    #[case::not_a_longer_one("a", "spiffe://td/ns/ab/sa/x", false)]
    #[case::anywhere_in_the_path("a", "spiffe://td/foo/ns/a/sa/x", true)]
    #[case::prefix("a*", "spiffe://td/ns/ab/sa/x", true)]
    #[case::suffix("*b", "spiffe://td/ns/ab/sa/x", true)]
    #[case::suffix_needs_a_slash_behind("*b", "spiffe://td/ns/x/sa/b", false)]
    #[case::stars_cross_slashes("*b", "spiffe://td/ns/x/sa/b/c", true)]
    #[case::inner_star_works("a*b", "spiffe://td/ns/axxb/sa/x", true)]
    #[case::two_inner_stars("a*b*c", "spiffe://td/ns/a1b2c/sa/x", true)]
    #[case::runs_do_not_overlap("aa*aa", "spiffe://td/ns/aaa/sa/x", false)]
    #[case::any("*", "spiffe://td/ns/a/sa/x", true)]
    #[case::dot_is_literal("n.p", "spiffe://td/ns/nXp/sa/x", false)]
    fn namespaces(#[case] value: &str, #[case] name: &str, #[case] want: bool) {
        assert_eq!(NamespaceMatch::parse(value).matches(name), want);
    }

    // [ID-25]
    #[rstest]
    #[case::both("n/x", "spiffe://td/ns/n/sa/x", true)]
    #[case::own_namespace("x", "spiffe://td/ns/own/sa/x", true)]
    #[case::not_a_longer_one("n/x", "spiffe://td/ns/n/sa/xy", false)]
    #[case::pairs_between_and_behind("n/x", "spiffe://td/ns/n/v/1/sa/x/extra/y", true)]
    #[case::slash_behind_needs_something("n/x", "spiffe://td/ns/n/sa/x/", false)]
    #[case::needs_a_trust_domain("n/x", "spiffe:///ns/n/sa/x", false)]
    #[case::overlapping_namespaces("n/x", "spiffe://td/ns/n/ns/n/sa/x", true)]
    #[case::a_segment_ending_in_sa("n/x", "spiffe://td/ns/n/visa/x", false)]
    fn service_accounts(#[case] value: &str, #[case] name: &str, #[case] want: bool) {
        assert_eq!(ServiceAccountMatch::parse(value, "own").matches(name), want);
    }

    // [ID-28]
    #[rstest]
    #[case::exact("td", "spiffe://td/x", true)]
    #[case::not_a_longer_one("td", "spiffe://td2/x", false)]
    #[case::without_path("td", "spiffe://td", false)]
    #[case::any("*", "spiffe://td", true)]
    #[case::suffix("*.corp", "spiffe://a.b.corp/x", true)]
    #[case::prefix("td*", "spiffe://td/x", true)]
    #[case::star_stops_at_the_slash("t*d", "spiffe://t/d/x", false)]
    #[case::another_scheme("*", "https://td/x", false)]
    fn trust_domains(#[case] value: &str, #[case] name: &str, #[case] want: bool) {
        assert_eq!(TrustDomainMatch::parse(value).matches(name), want);
    }
}

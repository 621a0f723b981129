//! `x`, `x*`, `*x`, `*` → exact, prefix, suffix, presence.

/// How one written value matches text [AP-20]. A star elsewhere than at one end is itself.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum StringMatch {
    /// The whole text.
    Exact(String),
    /// The text begins so.
    Prefix(String),
    /// `*`: anything, if there is something.
    Present,
    /// The text ends so.
    Suffix(String),
}

impl StringMatch {
    /// Reads a pattern. A leading star wins over a trailing one: `*a*` is the suffix `a*` [AP-20].
    #[must_use]
    pub fn parse(pattern: &str) -> Self {
        if pattern == "*" {
            Self::Present
        } else if let Some(suffix) = pattern.strip_prefix('*') {
            Self::Suffix(suffix.to_owned())
        } else if let Some(prefix) = pattern.strip_suffix('*') {
            Self::Prefix(prefix.to_owned())
        } else {
            Self::Exact(pattern.to_owned())
        }
    }

    /// Whether a text matches. `*` is the regular expression `.+`: at least one character, no line
    /// break [AP-22].
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        match self {
            Self::Exact(exact) => text == exact,
            Self::Prefix(prefix) => text.starts_with(prefix.as_str()),
            Self::Present => !text.is_empty() && !text.contains('\n'),
            Self::Suffix(suffix) => text.ends_with(suffix.as_str()),
        }
    }

    /// Whether a header's value matches: `*` is presence, so an empty value counts [AP-21].
    #[must_use]
    pub fn matches_header(&self, value: &str) -> bool {
        matches!(self, Self::Present) || self.matches(value)
    }

    /// As [`StringMatch::matches_header`], upper and lower case of ASCII being the same: `hosts` [AP-86].
    #[must_use]
    pub fn matches_host(&self, authority: &str) -> bool {
        let ends = |part: &str, end: Option<&[u8]>| {
            end.is_some_and(|end| end.eq_ignore_ascii_case(part.as_bytes()))
        };
        let bytes = authority.as_bytes();
        match self {
            Self::Exact(exact) => exact.eq_ignore_ascii_case(authority),
            Self::Prefix(prefix) => ends(prefix, bytes.get(..prefix.len())),
            Self::Present => true,
            Self::Suffix(suffix) => ends(
                suffix,
                bytes
                    .len()
                    .checked_sub(suffix.len())
                    .and_then(|start| bytes.get(start..)),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::StringMatch;

    // [AP-20] [AP-22]
    #[rstest]
    #[case::exact("a", "a", true)]
    #[case::exact_is_not_a_prefix("a", "ab", false)]
    #[case::prefix("a*", "ab", true)]
    #[case::prefix_matches_itself("a*", "a", true)]
    #[case::suffix("*a", "ba", true)]
    #[case::present("*", "x", true)]
    #[case::present_needs_a_character("*", "", false)]
    #[case::present_stops_at_a_line_break("*", "a\nb", false)]
    #[case::a_leading_star_wins("*a*", "xa*", true)]
    #[case::the_last_star_is_then_literal("*a*", "xab", false)]
    #[case::two_stars_are_the_suffix_star("**", "z*", true)]
    #[case::a_star_inside_is_literal("a*b", "axb", false)]
    #[case::case_counts("GET", "get", false)]
    fn a_pattern_matches_text(#[case] pattern: &str, #[case] text: &str, #[case] want: bool) {
        assert_eq!(StringMatch::parse(pattern).matches(text), want);
    }

    // [AP-86]
    #[rstest]
    #[case::case_is_ignored("EXAMPLE.com", "example.COM", true)]
    #[case::the_port_counts("example.com", "example.com:80", false)]
    #[case::prefix("example.com:*", "EXAMPLE.COM:", true)]
    #[case::suffix("*.example.com", "a.EXAMPLE.com", true)]
    #[case::suffix_longer_than_the_host("*.example.com", "com", false)]
    #[case::presence_takes_an_empty_host("*", "", true)]
    #[case::cut_inside_a_character("*\u{e9}", "x", false)]
    fn a_host_matches_without_case(#[case] pattern: &str, #[case] host: &str, #[case] want: bool) {
        assert_eq!(StringMatch::parse(pattern).matches_host(host), want);
    }
}

//! What the proxies of older releases of Istio do otherwise than those of the newest.

use std::fmt;
use std::str::FromStr;

/// A release of Istio: `1.28.4`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct IstioVersion {
    major: u32,
    minor: u32,
    patch: u32,
}

/// The text is not three numbers with dots between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a release of Istio is written with three numbers, as `1.28.4`")]
pub struct NotAVersion;

impl FromStr for IstioVersion {
    type Err = NotAVersion;

    fn from_str(text: &str) -> Result<Self, NotAVersion> {
        let number = |part: Option<&str>| {
            part.filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))
                .and_then(|digits| digits.parse().ok())
                .ok_or(NotAVersion)
        };
        let mut parts = text.split('.');
        let version = Self {
            major: number(parts.next())?,
            minor: number(parts.next())?,
            patch: number(parts.next())?,
        };
        parts.next().map_or(Ok(version), |_| Err(NotAVersion))
    }
}

impl fmt::Display for IstioVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

impl IstioVersion {
    /// Whether its proxies join the lines of a header with commas before they match them [AP-80].
    #[must_use]
    pub fn joins_header_lines(self) -> bool {
        JOINED_HEADER_LINES.has(self)
    }

    /// Whether its proxies take the dots of `serviceAccounts` for any character.
    #[must_use]
    pub fn reads_accounts_as_expressions(self) -> bool {
        ACCOUNTS_AS_EXPRESSIONS.has(self)
    }

    /// Whether its proxies take the dots of principals that begin with a star for any character.
    #[must_use]
    pub fn reads_suffixes_as_expressions(self) -> bool {
        SUFFIXES_AS_EXPRESSIONS.has(self)
    }

    /// Whether it is not known that its proxies read `..;x` as a dot segment [PN-3].
    #[must_use]
    pub fn may_keep_dot_parameters(self) -> bool {
        DOT_PARAMETERS.has(self)
    }

    /// Whether its proxies, on a port whose protocol is found out, take for HTTP only what begins with a method that they
    /// know, and for a URL only what says more than a scheme [PA-13].
    #[must_use]
    pub fn inspects_known_methods(self) -> bool {
        KNOWN_METHODS.has(self)
    }

    /// Whether `M-SEARCH` is one of the methods that its proxies know then.
    #[must_use]
    pub fn inspects_m_search(self) -> bool {
        M_SEARCH.has(self)
    }
}

/// Something that older releases do otherwise than the newest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Epoch {
    /// What they do, as a clause.
    pub what: &'static str,
    /// The first release of each minor one that does as the newest; those of older minor ones do otherwise.
    pub until: &'static [IstioVersion],
    /// The feature of Envoy whose runtime guard, turned off, brings it back in the newest; absent: none does.
    pub guard: Option<&'static str>,
    /// Where it is known from.
    pub source: &'static str,
}

impl Epoch {
    /// Whether a release is of this epoch.
    #[must_use]
    pub fn has(&self, version: IstioVersion) -> bool {
        let minor =
            |until: &&IstioVersion| (until.major, until.minor) == (version.major, version.minor);
        let until = self.until.iter().find(minor).or_else(|| self.until.last());
        until.is_some_and(|until| version < *until)
    }
}

const fn release(minor: u32, patch: u32) -> IstioVersion {
    IstioVersion { major: 1, minor, patch }
}

const JOINED_HEADER_LINES: Epoch = Epoch {
    what: "several lines of a header are matched as one value, with commas between them",
    until: &[release(27, 8), release(28, 5), release(29, 1)],
    guard: Some("rbac_match_headers_individually"),
    source: "CVE-2026-26308, ISTIO-SECURITY-2026-001",
};

const ACCOUNTS_AS_EXPRESSIONS: Epoch = Epoch {
    what: "a dot in `serviceAccounts` stands for any character",
    until: &[release(27, 9), release(28, 6), release(29, 2)],
    guard: None,
    source: "CVE-2026-39350, ISTIO-SECURITY-2026-003",
};

const SUFFIXES_AS_EXPRESSIONS: Epoch = Epoch {
    what: "a dot in `principals` that begin with a star stands for any character",
    // Of 1.27 it is known for the releases before 1.27.9 only.
    until: &[release(27, 9), release(28, 7), release(29, 3)],
    guard: None,
    source: "Istio's issue 59992, release notes of 1.29.3 and 1.28.7",
};

const DOT_PARAMETERS: Epoch = Epoch {
    what: "`..;x` may be no dot segment: patch releases differ",
    until: &[release(32, 0)],
    guard: Some("strip_dotdot_segments_with_parameters"),
    source: "CVE-2026-73551; Envoy 1.38.3 keeps it, 1.40.0 does not (measured)",
};

const KNOWN_METHODS: Epoch = Epoch {
    what: "on a sniffed port an unknown method, or a URL that is a scheme alone, makes bytes of a request",
    until: &[release(31, 0)],
    guard: Some("http_inspector_use_balsa_parser"),
    source: "Envoy 1.36.4, 1.37.0 and 1.38.3 do, 1.39.0 and 1.40.0 do not (measured)",
};

const M_SEARCH: Epoch = Epoch {
    what: "on a sniffed port `M-SEARCH` is a known method",
    until: &[release(30, 0)],
    guard: None,
    source: "Envoy 1.36.4 and 1.37.0 take it for HTTP, 1.38.3 does not (measured)",
};

/// Everything that older releases do otherwise.
pub const EPOCHS: &[Epoch] = &[
    JOINED_HEADER_LINES,
    ACCOUNTS_AS_EXPRESSIONS,
    SUFFIXES_AS_EXPRESSIONS,
    DOT_PARAMETERS,
    KNOWN_METHODS,
    M_SEARCH,
];

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("1.28.4", true)]
    #[case("1.28.5", false)]
    #[case("1.27.7", true)]
    #[case("1.27.8", false)]
    #[case("1.29.0", true)]
    #[case("1.29.1", false)]
    #[case("1.26.99", true)]
    #[case("1.30.0", false)]
    #[case("2.0.0", false)]
    fn older_proxies_join_header_lines(#[case] version: &str, #[case] joins: bool) {
        let version: IstioVersion = version.parse().unwrap();
        // [AP-80]
        assert_eq!(version.joins_header_lines(), joins);
    }

    #[rstest]
    #[case("1.29.1", true, true)]
    #[case("1.29.2", false, true)]
    #[case("1.29.3", false, false)]
    #[case("1.28.5", true, true)]
    #[case("1.28.6", false, true)]
    #[case("1.28.7", false, false)]
    #[case("1.27.8", true, true)]
    #[case("1.27.9", false, false)]
    #[case("1.26.0", true, true)]
    #[case("1.30.0", false, false)]
    fn older_proxies_read_names_as_expressions(
        #[case] version: &str,
        #[case] accounts: bool,
        #[case] suffixes: bool,
    ) {
        let version: IstioVersion = version.parse().unwrap();
        assert_eq!(version.reads_accounts_as_expressions(), accounts);
        assert_eq!(version.reads_suffixes_as_expressions(), suffixes);
    }

    #[rstest]
    #[case("1.31.9", true)]
    #[case("1.32.0", false)]
    fn older_proxies_may_keep_parameters_of_dots(#[case] version: &str, #[case] may: bool) {
        let version: IstioVersion = version.parse().unwrap();
        // [PN-3]
        assert_eq!(version.may_keep_dot_parameters(), may);
    }

    #[rstest]
    #[case("1.31.0", false, false)]
    #[case("1.30.9", true, false)]
    #[case("1.29.9", true, true)]
    fn older_inspectors_know_methods(
        #[case] version: &str,
        #[case] known: bool,
        #[case] m_search: bool,
    ) {
        let version: IstioVersion = version.parse().unwrap();
        // [PA-13]
        assert_eq!(version.inspects_known_methods(), known);
        assert_eq!(version.inspects_m_search(), m_search);
    }

    #[rstest]
    #[case("")]
    #[case("1.28")]
    #[case("1.28.4.0")]
    #[case("1.28.+4")]
    #[case("1.28.x")]
    #[case("v1.28.4")]
    #[case("1.28.")]
    #[case("1.28.99999999999")]
    fn anything_else_is_no_version(#[case] text: &str) {
        assert_eq!(text.parse::<IstioVersion>(), Err(NotAVersion));
    }
}

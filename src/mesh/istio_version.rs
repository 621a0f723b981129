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
    const fn new(major: u32, minor: u32, patch: u32) -> Self {
        Self { major, minor, patch }
    }

    /// Whether its proxies join the lines of a header with commas before they match them: those without the
    /// fix of CVE-2026-26308 [AP-80].
    #[must_use]
    pub fn joins_header_lines(self) -> bool {
        let fixed = match (self.major, self.minor) {
            (1, 27) => Self::new(1, 27, 8),
            (1, 28) => Self::new(1, 28, 5),
            _ => Self::new(1, 29, 1),
        };
        self < fixed
    }

    /// Whether its proxies take the dots of `serviceAccounts` for any character: those without the fix of
    /// CVE-2026-39350.
    #[must_use]
    pub fn reads_accounts_as_expressions(self) -> bool {
        let fixed = match (self.major, self.minor) {
            (1, 27) => Self::new(1, 27, 9),
            (1, 28) => Self::new(1, 28, 6),
            _ => Self::new(1, 29, 2),
        };
        self < fixed
    }

    /// Whether its proxies take the dots of principals that begin with a star for any character. Of 1.27 it is known
    /// for the releases before 1.27.9 only.
    #[must_use]
    pub fn reads_suffixes_as_expressions(self) -> bool {
        let fixed = match (self.major, self.minor) {
            (1, 27) => Self::new(1, 27, 9),
            (1, 28) => Self::new(1, 28, 7),
            _ => Self::new(1, 29, 3),
        };
        self < fixed
    }

    /// Whether it is not known that its proxies read `..;x` as a dot segment: they do from Envoy 1.40 on, and
    /// some patch releases before have the fix of CVE-2026-73551 [PN-3].
    #[must_use]
    pub fn may_keep_dot_parameters(self) -> bool {
        self < Self::new(1, 32, 0)
    }
}

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

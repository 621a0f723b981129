//! `metadata`: name, namespace, labels, annotations, creation time.

use std::collections::BTreeMap;

use crate::diagnostic::{Origin, Sourced};

/// What every resource carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meta {
    /// Where the resource begins.
    pub origin: Origin,
    /// `apiVersion` as written; absent where the resource itself does not say it.
    pub api_version: Option<Sourced<String>>,
    /// Its name; empty where none is written and none is needed.
    pub name: String,
    /// Its namespace; `default` where none is written, empty for a kind without namespaces.
    pub namespace: String,
    /// Its labels; absent and empty are the same.
    pub labels: BTreeMap<String, String>,
    /// Its annotations; absent and empty are the same.
    pub annotations: BTreeMap<String, String>,
    /// When it was created; absent in a file that was never applied.
    pub created: Option<Timestamp>,
}

impl Meta {
    /// `namespace/name`.
    #[must_use]
    pub fn id(&self) -> String {
        format!("{}/{}", self.namespace, self.name)
    }
}

/// Seconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// Reads RFC 3339, `2020-02-02T02:02:02Z` or with an offset; fractions of a second are dropped.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits = |range: std::ops::Range<usize>| -> Option<i64> {
            let part = text.get(range)?;
            if part.bytes().all(|byte| byte.is_ascii_digit()) { part.parse().ok() } else { None }
        };
        let separators = [(4, "-"), (7, "-"), (13, ":"), (16, ":")];
        let separated = separators
            .iter()
            .all(|(at, want)| text.get(*at..at + 1) == Some(want));
        if !separated || !matches!(text.get(10..11), Some("T" | "t" | " ")) {
            return None;
        }
        let (year, month, day) = (digits(0..4)?, digits(5..7)?, digits(8..10)?);
        let (hour, minute, second) = (digits(11..13)?, digits(14..16)?, digits(17..19)?);
        if !(1..=12).contains(&month)
            || !(1..=31).contains(&day)
            || hour > 23
            || minute > 59
            || second > 60
        {
            return None;
        }
        let zone = text.get(19..)?;
        let zone = zone
            .strip_prefix('.')
            .map_or(zone, |fraction| fraction.trim_start_matches(|c: char| c.is_ascii_digit()));
        let offset = if matches!(zone, "Z" | "z") {
            0
        } else {
            let sign = match zone.get(..1)? {
                "+" => 1,
                "-" => -1,
                _ => return None,
            };
            if zone.len() != 6 || zone.get(3..4) != Some(":") {
                return None;
            }
            let hours: i64 = zone.get(1..3)?.parse().ok()?;
            let minutes: i64 = zone.get(4..6)?.parse().ok()?;
            sign * (hours * 3600 + minutes * 60)
        };
        // Days since the epoch of a proleptic Gregorian date, years counted from March.
        let (shifted_year, shifted_month) =
            if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
        let era_day =
            365 * shifted_year + shifted_year / 4 - shifted_year / 100 + shifted_year / 400;
        let days = era_day + (153 * shifted_month + 2) / 5 + day - 1 - 719_468;
        Some(Self(days * 86_400 + hour * 3600 + minute * 60 + second - offset))
    }
}

#[cfg(test)]
mod tests {
    use super::Timestamp;

    #[rstest::rstest]
    #[case::epoch("1970-01-01T00:00:00Z", Some(0))]
    #[case::leap_day("2020-02-29T12:00:01Z", Some(1_582_977_601))]
    #[case::offset("2020-02-02T03:02:02+01:00", Some(1_580_608_922))]
    #[case::same_moment("2020-02-02T02:02:02Z", Some(1_580_608_922))]
    #[case::fraction("2020-02-02T02:02:02.5Z", Some(1_580_608_922))]
    #[case::no_zone("2020-02-02T02:02:02", None)]
    #[case::month("2020-13-02T02:02:02Z", None)]
    #[case::words("yesterday", None)]
    #[case::wide_characters("２０２０-02-02T02:02:02Z", None)]
    fn a_time_is_rfc_3339(#[case] text: &str, #[case] want: Option<i64>) {
        assert_eq!(Timestamp::parse(text).map(|time| time.0), want);
    }
}

//! Points in time ↔ text as people write them: RFC 3339, seconds since 1970, and lengths such as `24h`.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Seconds since 1970-01-01T00:00:00Z. Certificates know no smaller unit.
pub type UnixTime = i64;

/// The last second that a certificate can name: 9999-12-31T23:59:59Z.
pub const LAST_SECOND: UnixTime = 253_402_300_799;

/// `2026-01-31T00:00:00Z`; the bare number where the year has no four digits.
#[must_use]
pub fn to_text(at: UnixTime) -> String {
    OffsetDateTime::from_unix_timestamp(at)
        .ok()
        .and_then(|at| at.format(&Rfc3339).ok())
        .unwrap_or_else(|| at.to_string())
}

/// Reads RFC 3339, or seconds since 1970; absent where the text is neither.
#[must_use]
pub fn parse(text: &str) -> Option<UnixTime> {
    if let Ok(seconds) = text.parse::<i64>() {
        return (0..=LAST_SECOND).contains(&seconds).then_some(seconds);
    }
    let at = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    Some(at.unix_timestamp())
}

/// Reads a length in seconds: digits and one of `s`, `m`, `h`, `d`, several of them one behind another (`1h30m`);
/// absent where the text is none, is zero, or is longer than certificates can last.
#[must_use]
pub fn parse_length(text: &str) -> Option<i64> {
    let mut total: i64 = 0;
    let mut digits = String::new();
    for character in text.chars() {
        if character.is_ascii_digit() {
            digits.push(character);
            continue;
        }
        let unit = match character {
            's' => 1,
            'm' => 60,
            'h' => 3_600,
            'd' => 86_400,
            _ => return None,
        };
        let amount: i64 = digits.parse().ok()?;
        digits.clear();
        total = total.checked_add(amount.checked_mul(unit)?)?;
    }
    (digits.is_empty() && total > 0 && total <= LAST_SECOND).then_some(total)
}

/// A length as people read it: the two largest units, `23h59m`; `0s` for none.
#[must_use]
pub fn length_text(seconds: i64) -> String {
    let seconds = seconds.max(0);
    let units = [(86_400, 'd'), (3_600, 'h'), (60, 'm'), (1, 's')];
    let mut rest = seconds;
    let mut text = String::new();
    let mut written = 0;
    for (size, unit) in units {
        let amount = rest.checked_div(size).unwrap_or_default();
        rest -= amount * size;
        if amount > 0 && written < 2 {
            text.push_str(&format!("{amount}{unit}"));
            written += 1;
        }
    }
    if text.is_empty() { "0s".to_owned() } else { text }
}

/// The same point as rcgen wants it; absent outside of the years 0 to 9999.
pub(super) fn to_date(at: UnixTime) -> Option<OffsetDateTime> {
    (0..=LAST_SECOND)
        .contains(&at)
        .then(|| OffsetDateTime::from_unix_timestamp(at).ok())
        .flatten()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::zulu("2026-01-01T00:00:00Z", Some(1_767_225_600))]
    #[case::offset("2026-01-01T01:00:00+01:00", Some(1_767_225_600))]
    #[case::seconds("1767225600", Some(1_767_225_600))]
    #[case::negative("-1", None)]
    #[case::no_zone("2026-01-01T00:00:00", None)]
    #[case::too_late("253402300800", None)]
    #[case::empty("", None)]
    fn a_point_in_time_is_read(#[case] text: &str, #[case] want: Option<i64>) {
        assert_eq!(parse(text), want);
    }

    #[rstest]
    #[case::hours("24h", Some(86_400))]
    #[case::mixed("1h30m", Some(5_400))]
    #[case::days("90d", Some(7_776_000))]
    #[case::no_unit("24", None)]
    #[case::zero("0h", None)]
    #[case::negative("-1h", None)]
    #[case::no_digits("h", None)]
    #[case::overflow("9223372036854775807d", None)]
    #[case::empty("", None)]
    fn a_length_is_read(#[case] text: &str, #[case] want: Option<i64>) {
        assert_eq!(parse_length(text), want);
    }

    #[rstest]
    #[case(86_399, "23h59m")]
    #[case(0, "0s")]
    #[case(-5, "0s")]
    #[case(90_000, "1d1h")]
    fn a_length_is_printed(#[case] seconds: i64, #[case] want: &str) {
        assert_eq!(length_text(seconds), want);
    }
}

//! A port as a policy writes it, in quotes → a number.

/// Why a text is no port.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a port: a decimal number from 0 to 65535")]
pub struct PortError(pub String);

/// Reads a port: decimal digits only, 0 to 65535 [VAL-26].
///
/// # Errors
/// Anything else, a sign and an empty text included.
pub fn parse_port(text: &str) -> Result<u16, PortError> {
    let error = || PortError(text.to_owned());
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(error());
    }
    text.parse().map_err(|_overflow| error())
}

#[cfg(test)]
mod tests {
    // [VAL-26]
    #[rstest::rstest]
    #[case::plain("443", Some(443))]
    #[case::zero("0", Some(0))]
    #[case::leading_zeros("0080", Some(80))]
    #[case::signed("+80", None)]
    #[case::too_large("65536", None)]
    #[case::wraps_in_sixteen_bits("65616", None)]
    #[case::empty("", None)]
    #[case::a_name("http", None)]
    fn a_port_is_a_decimal_number(#[case] text: &str, #[case] want: Option<u16>) {
        assert_eq!(super::parse_port(text).ok(), want);
    }
}

//! An XML text → the same, well-formed: characters that XML does not have are escaped as Rust writes them.

/// Escapes what [XML 1.0 §2.2] has no place for, not even as a reference: most control characters, U+FFFE and U+FFFF.
pub(super) fn well_formed(xml: String) -> String {
    let has = |c: char| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
    if xml.chars().all(has) {
        return xml;
    }
    let mut text = String::with_capacity(xml.len());
    for c in xml.chars() {
        if has(c) {
            text.push(c);
        } else {
            text.extend(c.escape_unicode());
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::ordinary("<a b=\"é\t\u{10ffff}\">\r\n</a>", "<a b=\"é\t\u{10ffff}\">\r\n</a>")]
    #[case::noncharacters("<a>\u{fffe}\u{ffff}\u{fffd}</a>", "<a>\\u{fffe}\\u{ffff}\u{fffd}</a>")]
    #[case::control_characters("<a>\u{0}\u{1b}\u{7f}</a>", "<a>\\u{0}\\u{1b}\u{7f}</a>")]
    fn what_xml_does_not_have_is_escaped(#[case] text: &str, #[case] want: &str) {
        assert_eq!(well_formed(text.to_owned()), want);
    }
}

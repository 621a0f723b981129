//! A value of a policy and a text → whether the text is what the value asks for.

use std::net::IpAddr;

/// `*`, `*x`, `x*`, or the text itself [AP-20]; the star asks for a character, and for no line break [AP-22].
pub fn matches(value: &str, text: &str) -> bool {
    if value == "*" {
        return !text.is_empty() && !text.contains('\n');
    }
    affix(value, text)
}

/// The same for headers, methods and hosts, where the star asks for presence only [AP-21].
pub fn matches_header(value: &str, text: &str) -> bool {
    value == "*" || affix(value, text)
}

/// The same without regard to the case of ASCII [AP-86].
pub fn matches_host(value: &str, text: &str) -> bool {
    matches_header(&value.to_ascii_lowercase(), &text.to_ascii_lowercase())
}

fn affix(value: &str, text: &str) -> bool {
    if let Some(suffix) = value.strip_prefix('*') {
        return text.ends_with(suffix);
    }
    if let Some(prefix) = value.strip_suffix('*') {
        return text.starts_with(prefix);
    }
    text == value
}

/// Every star is any number of any characters but line breaks.
pub fn glob(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((before, rest)) => {
            let Some(after) = text.strip_prefix(before) else { return false };
            for (at, c) in after.char_indices() {
                if after.get(at..).is_some_and(|tail| glob(rest, tail)) {
                    return true;
                }
                if c == '\n' {
                    return false;
                }
            }
            glob(rest, "")
        }
    }
}

/// Whether a path of a policy is a template [AP-100].
pub fn is_template(value: &str) -> bool {
    value.contains("{*}") || value.contains("{**}")
}

fn in_segment(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-._~%!$&'()+,;:@=*".contains(c)
}

/// `{*}` is a segment, `{**}` anything [AP-100], both of certain characters only [AP-101].
pub fn template(template: &str, path: &str) -> bool {
    if let Some(rest) = template.strip_prefix("{**}") {
        return ends(path, 0, |c| in_segment(c) || c == '/')
            .into_iter()
            .any(|end| {
                path.get(end..)
                    .is_some_and(|tail| self::template(rest, tail))
            });
    }
    if let Some(rest) = template.strip_prefix("{*}") {
        return ends(path, 1, in_segment).into_iter().any(|end| {
            path.get(end..)
                .is_some_and(|tail| self::template(rest, tail))
        });
    }
    match (template.chars().next(), path.chars().next()) {
        (None, None) => true,
        (Some(wanted), Some(found)) if wanted == found => {
            let size = wanted.len_utf8();
            self::template(
                template.get(size..).unwrap_or_default(),
                path.get(size..).unwrap_or_default(),
            )
        }
        _ => false,
    }
}

/// The places behind at least so many leading characters that are taken.
fn ends(text: &str, least: usize, takes: impl Fn(char) -> bool) -> Vec<usize> {
    let mut ends = vec![0];
    let mut end = 0;
    for c in text.chars() {
        if !takes(c) {
            break;
        }
        end += c.len_utf8();
        ends.push(end);
    }
    ends.drain(..least.min(ends.len()));
    ends
}

/// Whether a block holds an address; absent where it is no block. Only addresses of its own family [AP-55].
pub fn in_block(block: &str, address: IpAddr) -> Option<bool> {
    let (base, length) = match block.split_once('/') {
        Some((base, length)) => (base, Some(length)),
        None => (block, None),
    };
    let base: IpAddr = base.parse().ok()?;
    let all = bits(base).len();
    let length = match length {
        None => all,
        Some(text) => {
            let length: usize = text.parse().ok()?;
            // Neither a sign nor a zero in front.
            if length.to_string() != text || length > all {
                return None;
            }
            length
        }
    };
    let (base, address) = (bits(base), bits(address));
    Some(base.len() == address.len() && base.iter().zip(&address).take(length).all(|(a, b)| a == b))
}

/// An address, bit by bit.
fn bits(address: IpAddr) -> Vec<bool> {
    let bytes: Vec<u8> = match address {
        IpAddr::V4(v4) => v4.octets().to_vec(),
        IpAddr::V6(v6) => v6.octets().to_vec(),
    };
    let mut bits = Vec::new();
    for byte in bytes {
        for place in (0..8).rev() {
            bits.push(byte >> place & 1 == 1);
        }
    }
    bits
}

/// A port as policies write it [VAL-26].
pub fn port(text: &str) -> Option<u16> {
    if text.is_empty() || !text.chars().all(|c| c.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

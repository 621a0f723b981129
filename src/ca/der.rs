//! Contents → DER with tag and length, for the few structures that no library here writes.

/// Tag, length and `content`. [X.690 §8.1.3]
#[must_use]
pub(super) fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut der = vec![tag];
    let length = content.len().to_be_bytes();
    let significant: Vec<u8> = length
        .iter()
        .copied()
        .skip_while(|byte| *byte == 0)
        .collect();
    match significant.as_slice() {
        [] => der.push(0),
        [short @ 0..0x80] => der.push(*short),
        long => {
            der.push(0x80 | u8::try_from(long.len()).unwrap_or(8));
            der.extend(long);
        }
    }
    der.extend(content);
    der
}

/// Deeper structures are not DER of a certificate.
const MAX_DEPTH: usize = 32;

/// The tag and the contents of the structure at the front, and what is behind it; absent where its length is not
/// definite, or longer than it needs to be. [X.690 §10.1]
pub(super) fn next(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = der.split_first()?;
    let (&first, long) = rest.split_first()?;
    let minimal = match (first, long) {
        (0..=0x7f, _) => true,
        (0x81, [length, ..]) => *length >= 0x80,
        (0x82..=0x84, [top, ..]) => *top != 0,
        _ => false,
    };
    // Tags of several bytes are in no certificate.
    if !minimal || tag & 0x1f == 0x1f {
        return None;
    }
    let (content, behind) = untlv(tag, der)?;
    Some((tag, content, behind))
}

/// Whether all lengths are definite and as short as can be, down to every structure that says it has parts.
pub(super) fn is_der(der: &[u8]) -> bool {
    holds(der, 0)
}

fn holds(der: &[u8], depth: usize) -> bool {
    let mut rest = der;
    while !rest.is_empty() {
        let Some((tag, content, behind)) = next(rest) else { return false };
        if tag & 0x20 != 0 && (depth >= MAX_DEPTH || !holds(content, depth + 1)) {
            return false;
        }
        rest = behind;
    }
    true
}

/// The contents of the structure at the front, and what is behind it; absent where tag or length is another.
pub(super) fn untlv(tag: u8, der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&found, rest) = der.split_first()?;
    let (&first, rest) = rest.split_first()?;
    if found != tag {
        return None;
    }
    if first < 0x80 {
        return rest.split_at_checked(usize::from(first));
    }
    let (length, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
    if length.is_empty() || length.len() > 4 {
        return None;
    }
    let length = length
        .iter()
        .fold(0_usize, |sum, byte| sum << 8 | usize::from(*byte));
    rest.split_at_checked(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrapped_is_unwrapped() {
        for length in [0, 1, 127, 128, 255, 256, 70_000] {
            let content = vec![7; length];
            assert_eq!(untlv(4, &tlv(4, &content)), Some((content.as_slice(), [].as_slice())));
        }
        assert_eq!(untlv(4, &[4, 2, 0]), None);
        assert_eq!(untlv(4, &[5, 0]), None);
    }
}

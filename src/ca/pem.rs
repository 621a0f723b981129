//! PEM text ↔ labelled blocks of bytes. [RFC 7468]

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

/// A block between `-----BEGIN LABEL-----` and `-----END LABEL-----`. Its bytes are wiped when it goes.
#[derive(Clone)]
pub struct Block {
    /// `CERTIFICATE`, `PRIVATE KEY`, …
    pub label: String,
    /// The decoded bytes.
    pub bytes: Zeroizing<Vec<u8>>,
}

/// Only the label and the length: the bytes can be a key.
impl std::fmt::Debug for Block {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Block({}, {} bytes)", self.label, self.bytes.len())
    }
}

/// Why a text is not PEM.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PemError {
    /// A block's content is not base64.
    #[error("line {line}: the block `{label}` is not base64")]
    Base64 {
        /// Where the block begins, from 1.
        line: usize,
        /// Its label.
        label: String,
    },
    /// A block does not end, or ends with another label.
    #[error("line {line}: the block `{label}` has no end")]
    Open {
        /// Where the block begins, from 1.
        line: usize,
        /// Its label.
        label: String,
    },
    /// There are more blocks than any bundle has.
    #[error("more than {MAX_BLOCKS} blocks")]
    TooMany,
}

/// More blocks in one text are not read.
pub const MAX_BLOCKS: usize = 4096;

/// The blocks of a text, in their order. What stands between blocks is passed over; so are headers in a block
/// (RFC 1421), which an encrypted key of the old kind has. A text without blocks has none.
///
/// # Errors
/// [`PemError`] at the first block that cannot be read.
pub fn parse(text: &str) -> Result<Vec<Block>, PemError> {
    let mut blocks = Vec::new();
    let mut open: Option<(usize, String, Zeroizing<String>)> = None;
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if let Some(label) = marker(line, "-----BEGIN ") {
            if let Some((line, label, _)) = open {
                return Err(PemError::Open { line, label });
            }
            open = Some((index + 1, label.to_owned(), Zeroizing::new(String::new())));
        } else if let Some((begin, label, content)) = &mut open {
            if let Some(end) = marker(line, "-----END ") {
                if end != label {
                    return Err(PemError::Open { line: *begin, label: label.clone() });
                }
                let bytes = STANDARD
                    .decode(content.as_bytes())
                    .map_err(|_base64| PemError::Base64 { line: *begin, label: label.clone() })?;
                blocks.push(Block { label: label.clone(), bytes: Zeroizing::new(bytes) });
                open = None;
                if blocks.len() > MAX_BLOCKS {
                    return Err(PemError::TooMany);
                }
            } else if !line.contains(':') {
                content.push_str(line);
            }
        }
    }
    match open {
        Some((line, label, _)) => Err(PemError::Open { line, label }),
        None => Ok(blocks),
    }
}

fn marker<'line>(line: &'line str, begin: &str) -> Option<&'line str> {
    line.strip_prefix(begin)?.strip_suffix("-----")
}

/// One block as text, 64 characters a line, with a final newline.
#[must_use]
pub fn to_text(label: &str, bytes: &[u8]) -> Zeroizing<String> {
    let encoded = Zeroizing::new(STANDARD.encode(bytes));
    let mut text = Zeroizing::new(String::with_capacity(encoded.len() + encoded.len() / 64 + 80));
    text.push_str(&format!("-----BEGIN {label}-----\n"));
    let mut rest = encoded.as_str();
    while !rest.is_empty() {
        let (line, behind) = rest.split_at_checked(64).unwrap_or((rest, ""));
        text.push_str(line);
        text.push('\n');
        rest = behind;
    }
    text.push_str(&format!("-----END {label}-----\n"));
    text
}

/// base64 with padding. [RFC 4648 §4]
#[must_use]
pub(super) fn base64(bytes: &[u8]) -> Zeroizing<String> {
    Zeroizing::new(STANDARD.encode(bytes))
}

/// The bytes of base64 with padding; absent where the text is none.
pub(super) fn from_base64(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

/// base64url without padding, as tokens and keys in JSON have it. [RFC 7515 §2]
#[must_use]
pub(super) fn base64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let bytes: Vec<u8> = (0..200).collect();
        let text =
            format!("junk\r\n{}\nmore", to_text("CERTIFICATE", &bytes).replace('\n', "\r\n"));
        let blocks = parse(&text).unwrap();
        assert_eq!((blocks.len(), blocks[0].label.as_str()), (1, "CERTIFICATE"));
        assert_eq!(*blocks[0].bytes, bytes);
    }

    #[rstest]
    #[case::no_end("-----BEGIN A-----\nAAAA\n", PemError::Open { line: 1, label: "A".into() })]
    #[case::another_end("-----BEGIN A-----\nAAAA\n-----END B-----\n", PemError::Open { line: 1, label: "A".into() })]
    #[case::nested("\n-----BEGIN A-----\n-----BEGIN B-----\n", PemError::Open { line: 2, label: "A".into() })]
    #[case::not_base64("-----BEGIN A-----\n*\n-----END A-----\n", PemError::Base64 { line: 1, label: "A".into() })]
    fn a_broken_block_is_named(#[case] text: &str, #[case] want: PemError) {
        assert_eq!(parse(text).unwrap_err(), want);
    }

    #[test]
    fn a_block_never_prints_its_bytes() {
        let blocks = parse(&to_text("PRIVATE KEY", b"secret")).unwrap();
        assert_eq!(format!("{:?}", blocks[0]), "Block(PRIVATE KEY, 6 bytes)");
    }
}

//! Any bytes → nothing, or a panic where a claim about the engine does not hold. Fuzz targets and tests ask the same claims.

#[cfg(feature = "ca")]
pub mod certificate;
pub mod cidr;
pub mod decide;
pub mod evaluator;
pub mod explain;
pub mod parse;
pub mod path;
pub mod request;
pub mod spiffe;
pub mod template;
pub mod token;

/// A claim about any bytes.
pub type Claim = fn(&[u8]);

/// Every claim by the name of its target.
pub const ALL: &[(&str, Claim)] = &[
    #[cfg(feature = "ca")]
    ("certificate", certificate::holds),
    ("cidr", cidr::holds),
    ("decide", decide::holds),
    ("evaluator", evaluator::holds),
    ("explain", explain::holds),
    ("parse", parse::holds),
    ("path", path::holds),
    ("request", request::holds),
    ("spiffe", spiffe::holds),
    ("template", template::holds),
    ("token", token::holds),
];

/// The bytes as text; bytes that are none are left out.
fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}

/// So many first lines, and what follows them.
fn lines<const N: usize>(text: &str) -> Option<([&str; N], &str)> {
    let mut rest = text;
    let mut lines = [""; N];
    for line in &mut lines {
        (*line, rest) = rest.split_once('\n')?;
    }
    Some((lines, rest))
}

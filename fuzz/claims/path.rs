//! A path in any text: it is normalized as the second evaluator does, and once is enough.

use portcullis::request::{Normalization, normalize};

use super::super::naive::{self, Normalized};

/// The claim.
pub fn holds(bytes: &[u8]) {
    let Some(path) = super::text(bytes) else { return };
    // A request line with a control character is refused before its path is normalized.
    if !path.starts_with('/') || path.contains(|c: char| c.is_ascii_control()) {
        return;
    }
    for (how, naive_how) in [
        (Normalization::None, naive::Normalization::None),
        (Normalization::Base, naive::Normalization::Base),
        (Normalization::MergeSlashes, naive::Normalization::MergeSlashes),
        (Normalization::DecodeAndMergeSlashes, naive::Normalization::DecodeAndMergeSlashes),
    ] {
        let normalized = normalize(path, how);
        match (&normalized, naive::normalize(path, naive_how)) {
            (_, Normalized::NotModelled(_)) => {}
            (Err(refusal), naive) => {
                assert_eq!(naive, Normalized::Refused, "{how:?} {path:?}: {refusal}");
            }
            (Ok(engine), naive) => {
                let query = engine
                    .path_and_query()
                    .strip_prefix(engine.path())
                    .unwrap_or_default();
                let engine = Normalized::Path(engine.path().to_owned(), query.to_owned());
                assert_eq!(engine, naive, "{how:?} {path:?}");
            }
        }
        let Ok(once) = normalized else { continue };
        // A dot segment whose dots were escaped keeps its parameters the first time.
        if path.contains(';') {
            continue;
        }
        let twice = normalize(once.path_and_query(), how).unwrap();
        assert_eq!(once, twice, "{how:?} {path:?}");
    }
}

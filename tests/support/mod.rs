//! What several tests need: where the shared corpus is, and how it is read.

use std::path::{Path, PathBuf};

pub(crate) mod corpus;
#[cfg(feature = "yaml")]
pub(crate) mod load;

/// A file or folder of the corpus that lies beside the project; absent, with a printed line, where there is none.
pub(crate) fn shared(path: &str) -> Option<PathBuf> {
    let place = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../shared")
        .join(path);
    if place.exists() {
        return Some(place);
    }
    eprintln!("skipped: ../shared/{path} is not here");
    None
}

//! What several tests need: where the shared corpus is, and how it is read.

use std::path::{Path, PathBuf};

#[cfg(feature = "yaml")]
pub(crate) mod brief;
#[cfg(feature = "cli")]
pub(crate) mod captured;
pub(crate) mod corpus;
#[cfg(feature = "yaml")]
pub(crate) mod generate;
#[cfg(feature = "yaml")]
pub(crate) mod golden;
#[cfg(feature = "yaml")]
pub(crate) mod load;
#[cfg(feature = "cli")]
pub(crate) mod session;

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

/// A file of the project, as text.
pub(crate) fn project(path: &str) -> String {
    let place = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    #[expect(clippy::disallowed_methods, reason = "tests read the project")]
    let text = std::fs::read_to_string(&place);
    text.unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Words as a shell splits them: at spaces, quotes kept together; `'\\''` is a quote.
#[cfg(feature = "cli")]
pub(crate) fn words(command: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut quote = None;
    let mut escaped = false;
    for c in command.chars() {
        match (c, quote) {
            (c, None) if std::mem::take(&mut escaped) => word.push(c),
            ('\\', None) => escaped = true,
            ('\'' | '"', None) => quote = Some(c),
            (c, Some(open)) if c == open => quote = None,
            (' ', None) => words.push(std::mem::take(&mut word)),
            (c, _) => word.push(c),
        }
    }
    words.push(word);
    words.retain(|word| !word.is_empty());
    words
}

/// A text of the project says what it should, or is written anew where that is asked for.
#[cfg(feature = "yaml")]
pub(crate) fn is_or_becomes(path: &str, text: &str, wanted: &str) {
    #[expect(clippy::disallowed_methods, reason = "the one way to ask for new texts")]
    if std::env::var("PORTCULLIS_BLESS").is_ok() {
        std::fs::write(Path::new(env!("CARGO_MANIFEST_DIR")).join(path), wanted).unwrap();
    } else {
        assert_eq!(text, wanted, "{path}: PORTCULLIS_BLESS=1 writes what the tool says now");
    }
}

/// Every Rust file below a folder of the project, with its path from the project's root; sorted.
pub(crate) fn sources(folder: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        #[expect(clippy::disallowed_methods, reason = "tests read the project")]
        let entries =
            std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(&folder)).unwrap();
        for entry in entries {
            let entry = entry.unwrap();
            let path = format!("{folder}/{}", entry.file_name().to_string_lossy());
            if entry.file_type().unwrap().is_dir() {
                folders.push(path);
            } else if path.ends_with(".rs") {
                found.push((path.clone(), project(&path)));
            }
        }
    }
    found.sort();
    found
}

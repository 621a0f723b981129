//! A text before and after → the lines that differ, with a few around them.

use similar::TextDiff;

/// A unified diff of a file, as `patch` takes it; empty where nothing differs.
#[must_use]
pub fn text_diff(file: &str, before: &str, after: &str) -> String {
    let diff = TextDiff::from_lines(before, after);
    let mut unified = diff.unified_diff();
    unified.header(file, file).context_radius(2).to_string()
}

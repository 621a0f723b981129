//! A line with a value of `paths`, and then a path: templates and patterns match what the second evaluator says.

use portcullis::matcher::{PathTemplate, StringMatch, is_template};

use super::super::naive;

/// The claim.
pub fn holds(bytes: &[u8]) {
    let Some(text) = super::text(bytes) else { return };
    let Some(([value], path)) = super::lines::<1>(text) else { return };
    let pattern = StringMatch::parse(value);
    assert_eq!(pattern.matches(path), naive::text_matches(value, path), "{value:?} {path:?}");
    assert_eq!(
        pattern.matches_header(path),
        naive::header_matches(value, path),
        "{value:?} {path:?}"
    );
    assert_eq!(pattern.matches_host(path), naive::host_matches(value, path), "{value:?} {path:?}");
    // The second evaluator takes time for every operator.
    if !is_template(value) || value.matches('{').count() > 5 || path.len() > 60 {
        return;
    }
    if let Ok(template) = PathTemplate::parse(value) {
        assert_eq!(
            template.matches(path),
            naive::template_matches(value, path),
            "{value:?} {path:?}"
        );
    }
}

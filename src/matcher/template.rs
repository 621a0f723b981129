//! `/api/{*}/items/{**}` → a matcher over a path without its query.

/// A path template [AP-100]. `{*}` is one segment, `{**}` any number of characters, slashes included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathTemplate {
    /// Everything before `{**}`, or the whole template where there is none.
    head: Vec<Piece>,
    /// What stands behind `{**}`; absent where there is none.
    tail: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Literal(String),
    /// `{*}`
    Segment,
}

/// Why a value is no template that Envoy would load.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PathTemplateError {
    /// Envoy's parser asks for a leading slash; istiod lets the value through [AP-103].
    #[error("a template must begin with `/`")]
    NoLeadingSlash,
    /// `{`, `}`, a star or another character outside the set beside an operator [AP-104].
    #[error("`{0}` is neither `{{*}}`, `{{**}}` nor a literal segment")]
    BadSegment(String),
    /// An operator behind `{**}` [AP-104].
    #[error("nothing but literal segments may follow `{{**}}`")]
    OperatorBehindMany,
}

/// Whether a value of `paths` is a template: it contains `{*}` or `{**}` [AP-100].
#[must_use]
pub fn is_template(value: &str) -> bool {
    value.contains("{*}") || value.contains("{**}")
}

/// The characters that an operator takes [AP-100]; a slash is taken by `{**}` only. Brackets, braces,
/// quotes and bytes beyond ASCII are in neither [AP-101].
const fn in_set(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'-' | b'.'
                | b'_'
                | b'~'
                | b'%'
                | b'!'
                | b'$'
                | b'&'
                | b'\''
                | b'('
                | b')'
                | b'+'
                | b','
                | b';'
                | b':'
                | b'@'
                | b'='
                | b'*'
        )
}

impl PathTemplate {
    /// Reads a template.
    ///
    /// # Errors
    /// What Istio's webhook or Envoy refuses.
    pub fn parse(value: &str) -> Result<Self, PathTemplateError> {
        let Some(rest) = value.strip_prefix('/') else {
            return Err(PathTemplateError::NoLeadingSlash);
        };
        let mut head = Vec::new();
        let mut literal = String::new();
        let mut tail: Option<String> = None;
        for segment in rest.split('/') {
            literal.push('/');
            match segment {
                "{*}" | "{**}" if tail.is_some() => {
                    return Err(PathTemplateError::OperatorBehindMany);
                }
                "{*}" => {
                    head.push(Piece::Literal(std::mem::take(&mut literal)));
                    head.push(Piece::Segment);
                }
                "{**}" => {
                    head.push(Piece::Literal(std::mem::take(&mut literal)));
                    tail = Some(String::new());
                }
                _ if segment.bytes().all(|byte| in_set(byte) && byte != b'*') => {
                    literal.push_str(segment);
                }
                _ => return Err(PathTemplateError::BadSegment(segment.to_owned())),
            }
        }
        match &mut tail {
            Some(tail) => *tail = literal,
            None => head.push(Piece::Literal(literal)),
        }
        Ok(Self { head, tail })
    }

    /// Whether a path matches as a whole, byte for byte.
    #[must_use]
    pub fn matches(&self, path: &str) -> bool {
        let mut rest = path;
        for piece in &self.head {
            match piece {
                Piece::Literal(literal) => match rest.strip_prefix(literal.as_str()) {
                    Some(after) => rest = after,
                    None => return false,
                },
                // A literal that begins with a slash follows, or the end: the longest run is the only one.
                Piece::Segment => {
                    let after =
                        rest.trim_start_matches(|c: char| u8::try_from(c).is_ok_and(in_set));
                    if after.len() == rest.len() {
                        return false;
                    }
                    rest = after;
                }
            }
        }
        match &self.tail {
            None => rest.is_empty(),
            Some(tail) => rest
                .strip_suffix(tail.as_str())
                .is_some_and(|many| many.bytes().all(|byte| in_set(byte) || byte == b'/')),
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    // [AP-100] [AP-101]
    #[rstest]
    #[case::one("/foo/{*}", "/foo/a", true)]
    #[case::one_takes_escapes("/foo/{*}", "/foo/a%20b", true)]
    #[case::one_needs_a_character("/foo/{*}", "/foo/", false)]
    #[case::one_stops_at_a_slash("/foo/{*}", "/foo/a/b", false)]
    #[case::one_takes_no_bracket("/foo/{*}", "/foo/a[", false)]
    #[case::slash_behind("/foo/{*}/", "/foo/a/", true)]
    #[case::slash_behind_is_needed("/foo/{*}/", "/foo/a", false)]
    #[case::many("/foo/{**}", "/foo/a/b/", true)]
    #[case::many_takes_nothing("/foo/{**}", "/foo/", true)]
    #[case::many_needs_its_slash("/foo/{**}", "/foo", false)]
    #[case::many_takes_no_bracket("/{**}", "/x[", false)]
    #[case::many_in_the_middle("/foo/{**}/bar", "/foo//bar", true)]
    #[case::many_in_the_middle_needs_both_slashes("/foo/{**}/bar", "/foo/bar", false)]
    #[case::many_before_the_end("/{**}/end", "//end", true)]
    #[case::both("/{*}/x/{**}", "/t1/x/", true)]
    #[case::root("/{*}", "/", false)]
    #[case::dot_is_literal("/v1.0/{*}", "/v1x0/x", false)]
    fn a_template_matches_a_path(#[case] template: &str, #[case] path: &str, #[case] want: bool) {
        assert_eq!(PathTemplate::parse(template).unwrap().matches(path), want);
    }

    // [AP-103] [AP-104]
    #[rstest]
    #[case::no_slash("foo/{*}", PathTemplateError::NoLeadingSlash)]
    #[case::named("/{buzz}/{*}", PathTemplateError::BadSegment("{buzz}".into()))]
    #[case::glued("/{**}buzz/bar", PathTemplateError::BadSegment("{**}buzz".into()))]
    #[case::star_beside("/{*}/*", PathTemplateError::BadSegment("*".into()))]
    #[case::behind_many("/{**}/{*}", PathTemplateError::OperatorBehindMany)]
    fn what_envoy_would_not_load_is_an_error(
        #[case] template: &str,
        #[case] want: PathTemplateError,
    ) {
        assert_eq!(PathTemplate::parse(template), Err(want));
    }
}

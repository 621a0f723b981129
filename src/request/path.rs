//! The path of a request to the path that policies match, as the proxy normalizes it.

use std::borrow::Cow;

use super::Refusal;

/// How far `MeshConfig.pathNormalization.normalization` goes; `DEFAULT` is `BASE`. [PN-1]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Normalization {
    /// Nothing but the fragment goes.
    None,
    /// Dot segments, backslashes, unreserved escapes, and characters that must be escaped.
    #[default]
    Base,
    /// `Base`, then runs of slashes become one.
    MergeSlashes,
    /// `%2F` and `%5C` become slashes first, then as `MergeSlashes`.
    DecodeAndMergeSlashes,
}

/// The path a proxy forwards and matches: normalized, without fragment, never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    path_and_query: String,
    /// INVARIANT: the length of the path, at most that of `path_and_query`, on a character.
    path: usize,
}

impl Path {
    /// Path and query, as forwarded and as `request.headers[:path]` sees them.
    #[must_use]
    pub fn path_and_query(&self) -> &str {
        &self.path_and_query
    }

    /// The part before the first `?`, as `paths` sees it. [PN-2]
    #[must_use]
    pub fn path(&self) -> &str {
        self.path_and_query.get(..self.path).unwrap_or_default()
    }

    /// The same path with another query; an empty one is none.
    pub(super) fn with_query(&self, query: &str) -> Self {
        let path = self.path();
        let path_and_query =
            if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") };
        Self { path_and_query, path: self.path }
    }
}

/// What the proxy makes of a path that begins with a slash, with its query and fragment.
///
/// # Errors
/// A NUL, even as `%00`, is refused unless nothing is normalized.
pub fn normalize(target: &str, normalization: Normalization) -> Result<Path, Refusal> {
    // "fragment is always stripped first ... Query string is never touched" [PN-2]
    let target = target.split_once('#').map_or(target, |(before, _)| before);
    let (path, query) = target
        .find('?')
        .map_or((target, ""), |at| target.split_at(at));
    let path = match normalization {
        Normalization::DecodeAndMergeSlashes => unescape_slashes(path),
        Normalization::None | Normalization::Base | Normalization::MergeSlashes => path.into(),
    };
    let path = match normalization {
        Normalization::None => path,
        Normalization::Base => canonicalize(&path)?,
        Normalization::MergeSlashes | Normalization::DecodeAndMergeSlashes => {
            merge_slashes(canonicalize(&path)?)
        }
    };
    let length = path.len();
    let mut path_and_query = path.into_owned();
    path_and_query.push_str(query);
    Ok(Path { path_and_query, path: length })
}

/// Escaped slashes to slashes, once: `%252F` stays. [PN-1]
fn unescape_slashes(path: &str) -> Cow<'_, str> {
    if !path.contains('%') {
        return Cow::Borrowed(path);
    }
    let slashes = path.replace("%2F", "/").replace("%2f", "/");
    Cow::Owned(slashes.replace("%5C", "\\").replace("%5c", "\\"))
}

/// Runs of slashes to one, but one at either end each: `///` becomes `//`. [PN-4]
fn merge_slashes(path: Cow<'_, str>) -> Cow<'_, str> {
    if !path.contains("//") {
        return path;
    }
    let mut merged = String::with_capacity(path.len());
    for segment in path.split('/').filter(|segment| !segment.is_empty()) {
        merged.push('/');
        merged.push_str(segment);
    }
    match merged.as_str() {
        "" => merged.push_str("//"),
        _ if path.ends_with('/') => merged.push('/'),
        _ => {}
    }
    Cow::Owned(merged)
}

/// The canonical form of a path. [PN-3]
fn canonicalize(path: &str) -> Result<Cow<'_, str>, Refusal> {
    if path.bytes().all(is_plain) {
        return Ok(Cow::Borrowed(path));
    }
    let path = without_dot_parameters(path);
    let mut canonical = Canonical { path: String::with_capacity(path.len()), percent: None };
    let mut rest = path.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = if let Some(after) = after_dot(rest) {
            canonical.dot(after)
        } else if let (b'%', Some((escape, value, after))) = (byte, escape(rest)) {
            canonical.escaped(escape, value, after)?;
            after
        } else {
            canonical.raw(byte)?;
            after
        };
    }
    Ok(Cow::Owned(canonical.path))
}

/// A segment that begins with `.;` or `..;` is that dot segment, whatever its parameters are.
fn without_dot_parameters(path: &str) -> Cow<'_, str> {
    if !path.contains(".;") {
        return Cow::Borrowed(path);
    }
    let segments: Vec<&str> = path
        .split('/')
        .map(|segment| match segment.split_once(';') {
            Some((dots @ ("." | ".."), _)) => dots,
            Some(_) | None => segment,
        })
        .collect();
    Cow::Owned(segments.join("/"))
}

/// The canonical path as far as it is written; all ASCII.
struct Canonical {
    path: String,
    /// Where a `%` stands that begins no escape.
    percent: Option<usize>,
}

impl Canonical {
    /// A dot was read, `after` follows: to what is left after the segment, if it is a dot segment.
    fn dot<'a>(&mut self, after: &'a [u8]) -> &'a [u8] {
        if self.path.ends_with('/') {
            if let Some(rest) = segment_end(after) {
                return rest;
            }
            if let Some(rest) = after_dot(after).and_then(segment_end) {
                self.up();
                return rest;
            }
        }
        self.path.push('.');
        after
    }

    /// To the parent; the root is its own.
    fn up(&mut self) {
        let parent = self.path.strip_suffix('/').and_then(|path| path.rfind('/'));
        self.path
            .truncate(parent.map_or(1, |slash| slash.saturating_add(1)));
        self.percent = self.percent.filter(|&percent| percent < self.path.len());
    }

    /// `escape` stands for `value`, and `after` follows: unreserved characters are decoded, the rest keep
    /// their hex digits' case.
    fn escaped(&mut self, escape: &str, value: u8, after: &[u8]) -> Result<(), Refusal> {
        if value == 0 {
            return Err(Refusal::NORMALIZATION_FAILED);
        }
        if is_unreserved(value) {
            self.path.push(char::from(value));
            self.keep_percent(after);
        } else {
            self.path.push_str(escape);
        }
        Ok(())
    }

    /// The character just decoded must not complete an escape that was none: `%4%31` becomes `%2541`, not
    /// `%41`.
    fn keep_percent(&mut self, after: &[u8]) {
        let Some(percent) = self.percent else { return };
        let digits = self
            .path
            .as_bytes()
            .get(percent.saturating_add(1)..)
            .unwrap_or_default();
        let completes = match (digits, after) {
            (&[first], &[next, ..]) => first.is_ascii_hexdigit() && next.is_ascii_hexdigit(),
            (&[first, second], _) => first.is_ascii_hexdigit() && second.is_ascii_hexdigit(),
            _ => false,
        };
        if completes {
            self.path.insert_str(percent.saturating_add(1), "25");
        }
    }

    /// A character as it was sent, or the `%` of no escape.
    fn raw(&mut self, byte: u8) -> Result<(), Refusal> {
        match byte {
            0 => return Err(Refusal::NORMALIZATION_FAILED),
            b'\\' => self.path.push('/'),
            b'%' => {
                self.percent = Some(self.path.len());
                self.path.push('%');
            }
            _ if must_be_escaped(byte) => self.path.push_str(&format!("%{byte:02X}")),
            _ => self.path.push(char::from(byte)),
        }
        Ok(())
    }
}

/// What follows a dot, raw or escaped, if `bytes` begins with one.
fn after_dot(bytes: &[u8]) -> Option<&[u8]> {
    [b".".as_slice(), b"%2e", b"%2E"]
        .into_iter()
        .find_map(|dot| bytes.strip_prefix(dot))
}

/// What follows the segment that ends here, if one does.
const fn segment_end(bytes: &[u8]) -> Option<&[u8]> {
    match bytes {
        [] => Some(bytes),
        [b'/' | b'\\', rest @ ..] => Some(rest),
        _ => None,
    }
}

/// The escape `bytes` begins with, the value it stands for, and what follows.
fn escape(bytes: &[u8]) -> Option<(&str, u8, &[u8])> {
    let (escape, after) = bytes.split_at_checked(3)?;
    let escape = str::from_utf8(escape).ok()?;
    let digits = escape
        .strip_prefix('%')
        .filter(|digits| !digits.starts_with('+'))?;
    Some((escape, u8::from_str_radix(digits, 16).ok()?, after))
}

/// Nothing is done to this character, whatever stands around it.
const fn is_plain(byte: u8) -> bool {
    !matches!(byte, 0 | b'.' | b'%' | b'\\') && !must_be_escaped(byte)
}

const fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'~')
}

/// `! $ & ' ( ) * + , / : ; = @ [ ]` are not.
const fn must_be_escaped(byte: u8) -> bool {
    matches!(byte, 1..=b' ' | b'"' | b'#' | b'<' | b'>' | b'^' | b'`' | b'{'..=b'}' | 0x7f..)
}

#[cfg(test)]
mod tests {
    use Normalization::{Base, DecodeAndMergeSlashes, MergeSlashes, None};
    use rstest::rstest;

    use super::*;

    /// A path that stays as it is until normalization goes as far as `since`; an empty one is a refusal.
    #[rstest]
    #[case::nothing_to_do(None, "/a/b;v=1/c!$&'()*+,:=@[]~", "/a/b;v=1/c!$&'()*+,:=@[]~")]
    #[case::the_fragment_goes_in_every_mode(None, "/a#b?c", "/a")]
    #[case::the_query_stays_as_it_is(None, "/a?b=/../%41\\//c%00", "/a?b=/../%41\\//c%00")]
    #[case::three_dots_are_a_name(None, "/.../a.", "/.../a.")]
    #[case::other_escapes_keep_their_case(None, "/%c3%A9%zz%", "/%c3%A9%zz%")]
    #[case::slashes_are_decoded_once(None, "/a%252fb", "/a%252fb")]
    #[case::dot_segments(Base, "/a/./b/../c", "/a/c")]
    #[case::escaped_dot_segments(Base, "/a/%2e/b/.%2E", "/a/")]
    #[case::above_the_root(Base, "/../a/../..", "/")]
    #[case::a_backslash_is_a_slash(Base, "/a\\..\\b", "/b")]
    #[case::an_empty_segment_is_a_segment(Base, "/a//../b", "/a/b")]
    #[case::unreserved_escapes_are_decoded(Base, "/%61%2d%5F%7e", "/a-_~")]
    #[case::what_must_be_escaped_is(Base, "/{\"<>^`|}", "/%7B%22%3C%3E%5E%60%7C%7D")]
    #[case::utf_8_over_http_2(Base, "/é?é", "/%C3%A9?é")]
    #[case::parameters_of_a_dot_segment_go(Base, "/a/..;x/b", "/b")]
    #[case::even_with_an_escaped_nul(Base, "/a/..;%00/b", "/b")]
    #[case::they_end_at_a_slash_only(Base, "/a/b/..;x\\c", "/a/")]
    #[case::an_escaped_dot_keeps_its_parameters(Base, "/a/%2e%2e;/b", "/a/..;/b")]
    #[case::after_a_backslash_they_stay(Base, "/a\\..;/b", "/a/..;/b")]
    #[case::no_escape_is_decoded_twice(Base, "/%%41/%2541", "/%A/%2541")]
    #[case::no_escape_comes_about(Base, "/%4%31", "/%2541")]
    #[case::no_escape_comes_about_from_two(Base, "/%%34%31", "/%2541")]
    #[case::no_escape_comes_about_before_a_digit(Base, "/%%341", "/%2541")]
    #[case::nor_where_a_percent_has_gone(Base, "/%/../x4%31", "/x41")]
    #[case::a_sign_is_no_digit(None, "/%+0", "/%+0")]
    #[case::nul_is_refused(Base, "/a%00", "")]
    #[case::nul_is_refused_where_it_would_go(Base, "/a/%00/../b", "")]
    #[case::slashes_merge(MergeSlashes, "//a///b/", "/a/b/")]
    #[case::three_slashes_merge_to_two(MergeSlashes, "///", "//")]
    #[case::slashes_are_decoded_before_dots(DecodeAndMergeSlashes, "/a/b%2f..%5Cc", "/a/c")]
    #[case::decoded_slashes_merge(DecodeAndMergeSlashes, "/a%2F%2fb", "/a/b")]
    fn a_path_is_normalized_as_envoy_does(
        #[case] since: Normalization,
        #[case] target: &str,
        #[case] path: &str,
    ) {
        let modes = [None, Base, MergeSlashes, DecodeAndMergeSlashes];
        let since = modes.iter().position(|mode| *mode == since).unwrap();
        for (at, mode) in modes.into_iter().enumerate() {
            let got = normalize(target, mode).map(|path| path.path_and_query().to_owned());
            let want = if at < since { target } else { path };
            assert_eq!(got.unwrap_or_default(), want, "{mode:?}");
        }
    }

    #[test]
    fn the_path_ends_before_the_query() {
        let path = normalize("/a/../b?c?d", Normalization::Base).unwrap();
        assert_eq!((path.path(), path.path_and_query()), ("/b", "/b?c?d"));
    }
}

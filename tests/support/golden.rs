//! A matcher of Envoy as the corpus writes it → which texts it takes, by a reading of its own.

use serde_yaml::Value;

/// A `StringMatcher`, or the part of a `HeaderMatcher` that is one.
#[derive(Clone, Debug)]
pub(crate) enum Golden {
    /// `exact`, `prefix` or `suffix`.
    Text { end: End, text: String, ignore_case: bool },
    /// `presentMatch`.
    Present,
    /// `safeRegex`, which must take the whole text.
    Regex(Vec<Piece>),
}

/// Where the text of a matcher must stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Exact,
    Prefix,
    Suffix,
}

/// A part of a regular expression: those forms that the corpus has.
#[derive(Clone, Debug)]
pub(crate) enum Piece {
    /// `.`
    Any,
    /// One character.
    Literal(char),
    /// `.+`, `.*` or `[^/]*`: at least so many characters that are none of these.
    Run { least: usize, none_of: &'static [char] },
    /// `(a|b)` or `(a)?`
    OneOf(Vec<Vec<Self>>),
}

impl Golden {
    /// Reads a matcher; anything that is not understood is a panic, so that nothing is passed over.
    #[track_caller]
    pub(crate) fn read(matcher: &Value) -> Self {
        let mut ignore_case = false;
        let mut read = None;
        for (key, value) in matcher.as_mapping().unwrap() {
            let text = |end| {
                let text = value.as_str().unwrap().to_owned();
                Some(Self::Text { end, text, ignore_case: false })
            };
            match key.as_str().unwrap() {
                "name" => {}
                "ignoreCase" => ignore_case = value.as_bool().unwrap(),
                "exact" => read = text(End::Exact),
                "prefix" => read = text(End::Prefix),
                "suffix" => read = text(End::Suffix),
                "presentMatch" if value.as_bool() == Some(true) => read = Some(Self::Present),
                "stringMatch" | "string_match" => read = Some(Self::read(value)),
                "safeRegex" | "safe_regex" => {
                    read = Some(Self::Regex(pieces(value["regex"].as_str().unwrap())));
                }
                other => panic!("`{other}` of {matcher:?} is not understood"),
            }
        }
        match read.unwrap_or_else(|| panic!("no matcher in {matcher:?}")) {
            Self::Text { end, text, ignore_case: inner } => {
                Self::Text { end, text, ignore_case: ignore_case || inner }
            }
            other @ (Self::Present | Self::Regex(_)) => other,
        }
    }

    /// Whether the matcher takes a text; header matchers are not asked where there is no header.
    pub(crate) fn takes(&self, sample: &str) -> bool {
        match self {
            Self::Present => true,
            Self::Regex(pieces) => take_all(pieces, sample),
            Self::Text { end, text, ignore_case } => {
                let fold = |text: &str| {
                    if *ignore_case { text.to_ascii_lowercase() } else { text.to_owned() }
                };
                let (text, sample) = (fold(text), fold(sample));
                match end {
                    End::Exact => sample == text,
                    End::Prefix => sample.starts_with(&text),
                    End::Suffix => sample.ends_with(&text),
                }
            }
        }
    }
}

/// A regular expression in its pieces.
#[track_caller]
pub(crate) fn pieces(regex: &str) -> Vec<Piece> {
    let mut found = Vec::new();
    let mut rest = regex;
    while let Some(first) = rest.chars().next() {
        let run = [(".+", 1, &['\n'][..]), (".*", 0, &['\n'][..]), ("[^/]*", 0, &['/'][..])]
            .into_iter()
            .find(|(written, ..)| rest.starts_with(written));
        if let Some((written, least, none_of)) = run {
            found.push(Piece::Run { least, none_of });
            rest = rest.strip_prefix(written).unwrap();
        } else if let Some(inner) = rest.strip_prefix('(') {
            let (inner, behind) = inner.split_once(')').unwrap();
            let mut branches: Vec<Vec<Piece>> = inner.split('|').map(pieces).collect();
            rest = behind;
            if let Some(behind) = rest.strip_prefix('?') {
                branches.push(Vec::new());
                rest = behind;
            }
            found.push(Piece::OneOf(branches));
        } else if let Some(escaped) = rest.strip_prefix('\\') {
            let literal = escaped.chars().next().unwrap();
            found.push(Piece::Literal(literal));
            rest = escaped.strip_prefix(literal).unwrap();
        } else if let Some(behind) = rest.strip_prefix('.') {
            found.push(Piece::Any);
            rest = behind;
        } else {
            assert!(!r"*+?()[]{}^$|".contains(first), "`{first}` in `{regex}` is not understood");
            found.push(Piece::Literal(first));
            rest = rest.strip_prefix(first).unwrap();
        }
    }
    found
}

/// Whether the pieces take the whole text.
pub(crate) fn take_all(pieces: &[Piece], text: &str) -> bool {
    let Some((piece, behind)) = pieces.split_first() else { return text.is_empty() };
    match piece {
        Piece::Any => text
            .strip_prefix(|character| character != '\n')
            .is_some_and(|rest| take_all(behind, rest)),
        Piece::Literal(literal) => text
            .strip_prefix(*literal)
            .is_some_and(|rest| take_all(behind, rest)),
        Piece::Run { least, none_of } => {
            let mut ends = vec![0];
            for (start, character) in text.char_indices() {
                if none_of.contains(&character) {
                    break;
                }
                ends.push(start + character.len_utf8());
            }
            ends.iter()
                .skip(*least)
                .any(|end| take_all(behind, text.get(*end..).unwrap()))
        }
        Piece::OneOf(branches) => branches.iter().any(|branch| {
            let whole: Vec<Piece> = branch.iter().chain(behind).cloned().collect();
            take_all(&whole, text)
        }),
    }
}

/// Whether a `pathTemplate` of Envoy takes a path: `*` is one segment, `**` any run of them, slashes included.
/// What Envoy forbids inside of a segment is not looked at.
pub(crate) fn template_takes(template: &str, path: &str) -> bool {
    let mut pieces = Vec::new();
    for (index, segment) in template.split('/').enumerate() {
        if index > 0 {
            pieces.push(Piece::Literal('/'));
        }
        match segment {
            "*" => {
                pieces.push(Piece::Run { least: 1, none_of: &['/'] });
            }
            "**" => pieces.push(Piece::Run { least: 0, none_of: &[] }),
            literal => pieces.extend(literal.chars().map(Piece::Literal)),
        }
    }
    take_all(&pieces, path)
}

//! A path as it was sent → the path that policies see, and its query.

/// How a path is normalized [PN-1].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Normalization {
    /// Only the fragment goes.
    None,
    /// Dots, backslashes, escapes.
    #[default]
    Base,
    /// And runs of slashes.
    MergeSlashes,
    /// And escaped slashes before all that.
    DecodeAndMergeSlashes,
}

/// What becomes of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Normalized {
    /// The path, and the query with its question mark, or nothing.
    Path(String, String),
    /// There is a NUL in it [OC-18].
    Refused,
    /// The rules do not say.
    NotModelled(&'static str),
}

/// Normalizes a path that begins with a slash.
#[must_use]
pub fn normalize(target: &str, how: Normalization) -> Normalized {
    // The fragment goes first, in every mode [PN-2].
    let target = target.split('#').next().unwrap_or_default();
    let (path, query) = match target.find('?') {
        Some(at) => target.split_at(at),
        None => (target, ""),
    };
    let mut path = path.to_owned();
    if how == Normalization::DecodeAndMergeSlashes {
        for (escape, character) in [("%2F", "/"), ("%2f", "/"), ("%5C", "\\"), ("%5c", "\\")] {
            path = path.replace(escape, character);
        }
    }
    if how != Normalization::None {
        if path.contains(';') && (path.contains('\\') || path.to_ascii_lowercase().contains("%2e"))
        {
            return Normalized::NotModelled("parameters of a dot segment that is spelt otherwise");
        }
        // Nothing in the parameters of a dot segment is looked at, `%00` included.
        let plain: Vec<&str> = path
            .split('/')
            .map(|segment| match segment.split_once(';') {
                Some((dots @ ("." | ".."), _)) => dots,
                _ => segment,
            })
            .collect();
        path = match canonical(&plain.join("/")) {
            Ok(path) => path,
            Err(other) => return other,
        };
    }
    if matches!(how, Normalization::MergeSlashes | Normalization::DecodeAndMergeSlashes) {
        path = merged(&path);
    }
    Normalized::Path(path, query.to_owned())
}

/// Dot segments, backslashes, escapes [PN-3].
fn canonical(path: &str) -> Result<String, Normalized> {
    let mut spelt = String::new();
    let bytes: Vec<u8> = path.bytes().collect();
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        at += 1;
        if byte == 0 {
            return Err(Normalized::Refused);
        }
        if byte == b'%' {
            let digits = [bytes.get(at), bytes.get(at + 1)];
            let [Some(&high), Some(&low)] = digits else {
                return Err(Normalized::NotModelled("a percent sign that begins no escape"));
            };
            let (high, low) = (char::from(high), char::from(low));
            let (Some(tens), Some(ones)) = (high.to_digit(16), low.to_digit(16)) else {
                return Err(Normalized::NotModelled("a percent sign that begins no escape"));
            };
            at += 2;
            let value = char::from_u32(tens * 16 + ones).unwrap_or_default();
            match value {
                '\0' => return Err(Normalized::Refused),
                'a'..='z' | 'A'..='Z' | '0'..='9' | '-' | '_' | '~' | '.' => spelt.push(value),
                _ => spelt.extend(['%', high, low]),
            }
        } else if byte == b'\\' {
            spelt.push('/');
        } else if byte <= b' ' || byte >= 0x7f || b"\"#<>^`{|}".contains(&byte) {
            spelt.push_str(&format!("%{byte:02X}"));
        } else {
            spelt.push(char::from(byte));
        }
    }
    let Some(inside) = spelt.strip_prefix('/') else {
        return Err(Normalized::NotModelled("a path without a slash in front"));
    };
    let mut kept: Vec<&str> = Vec::new();
    let segments: Vec<&str> = inside.split('/').collect();
    for (index, segment) in segments.iter().enumerate() {
        let last = index + 1 == segments.len();
        match *segment {
            "." => {}
            ".." => {
                kept.pop();
            }
            _ => {
                kept.push(segment);
                continue;
            }
        }
        if last {
            kept.push("");
        }
    }
    Ok(format!("/{}", kept.join("/")))
}

/// Runs of slashes become one, but for one at either end [PN-4].
fn merged(path: &str) -> String {
    let inner = path.trim_matches('/');
    if inner.is_empty() {
        return if path.len() > 1 { "//".to_owned() } else { path.to_owned() };
    }
    let mut inner = inner.to_owned();
    while inner.contains("//") {
        inner = inner.replace("//", "/");
    }
    let end = if path.ends_with('/') { "/" } else { "" };
    format!("/{inner}{end}")
}

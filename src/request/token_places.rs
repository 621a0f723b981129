//! The places of a request that can carry a token: query parameters, cookies, header lines.

use super::{Received, Value};

impl Received {
    /// The first value of a query parameter, percent-decoded. A parameter without `=` is empty.
    #[must_use]
    pub fn query_parameter(&self, name: &str) -> Option<String> {
        self.query_parameters()
            .into_iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value)
    }

    /// Takes a query parameter out of the path. Envoy writes the others anew, by name, and as they were decoded.
    pub fn remove_query_parameter(&mut self, name: &str) {
        let mut rest = self.query_parameters();
        rest.retain(|(key, _)| key != name);
        // Values of one name keep their order.
        rest.sort_by(|(a, _), (b, _)| a.cmp(b));
        let pairs: Vec<String> = rest
            .iter()
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        self.path = self.path.with_query(&pairs.join("&"));
    }

    fn query_parameters(&self) -> Vec<(String, String)> {
        let Some((_, query)) = self.path.path_and_query().split_once('?') else {
            return Vec::new();
        };
        // Nothing behind the last `&` is no parameter; nothing elsewhere is one without a name.
        query
            .split_terminator('&')
            .map(|pair| {
                let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
                (decode(key), decode(value))
            })
            .collect()
    }

    /// The value of a cookie, quotation marks around it dropped; the first one of that name. Absent also where
    /// the cookies are written by the proxy itself.
    #[must_use]
    pub fn cookie(&self, name: &str) -> Option<String> {
        let lines = self.header("cookie").filter_map(|line| match line {
            Value::Known(line) => Some(line),
            Value::Unknown => None,
        });
        let mut pairs = lines
            .flat_map(|line| line.split(';'))
            .filter_map(|pair| pair.trim().split_once('='));
        let (_, value) = pairs.find(|(key, _)| *key == name)?;
        let bare = value
            .strip_prefix('"')
            .and_then(|value| value.strip_suffix('"'));
        Some(bare.unwrap_or(value).to_owned())
    }
}

/// `%41` → `A`; a percent sign without two hex digits stays.
fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let escaped = match (*first, after) {
            (b'%', [high, low, ..]) => hex(*high).zip(hex(*low)).map(|(high, low)| high * 16 + low),
            _ => None,
        };
        bytes.push(escaped.unwrap_or(*first));
        rest = match escaped {
            Some(_) => after.get(2..).unwrap_or_default(),
            None => after,
        };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn hex(byte: u8) -> Option<u8> {
    char::from(byte)
        .to_digit(16)
        .and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::decode;

    #[rstest::rstest]
    #[case("a%41%zz%", "aA%zz%")]
    #[case("%e2%82%ac", "\u{20ac}")]
    #[case("a+b", "a+b")]
    fn percent_escapes_are_decoded(#[case] text: &str, #[case] want: &str) {
        assert_eq!(decode(text), want);
    }
}

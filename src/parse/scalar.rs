//! The text and tag of a YAML scalar → the value or key that Kubernetes reads (YAML 1.1, then JSON).
//!
//! Kubernetes tools turn YAML into JSON with `sigs.k8s.io/yaml`, whose scalars are those of YAML 1.1
//! (<https://yaml.org/type/>) less sexagesimal numbers and dates, which stay strings.

use super::node::Value;

/// The value of a plain scalar without a tag. A whole number may come out as a float
/// (`1e3`): [`settle`] makes it an integer where it is used as a value.
pub(crate) fn plain(text: &str) -> Value {
    let known = match text.bytes().next() {
        None => Some(Value::Null),
        Some(b'0'..=b'9' | b'+' | b'-') => word(text).or_else(|| number(text)),
        Some(b'.') => word(text).or_else(|| fraction(text)),
        Some(b'~' | b'f' | b'F' | b'n' | b'N' | b'o' | b'O' | b't' | b'T' | b'y' | b'Y') => {
            word(text)
        }
        Some(_) => None,
    };
    known.unwrap_or_else(|| Value::String(text.to_owned()))
}

/// The value of a scalar with a tag of `tag:yaml.org,2002:`, quoted or not; absent where the text is
/// not of the tag. `!!binary` and `!!timestamp` are never read. Under a tag that Kubernetes does not
/// know, any text is a string.
pub(crate) fn tagged(tag: &str, text: &str) -> Option<Value> {
    let value = match tag {
        "bool" | "float" | "int" | "null" => plain(text),
        "binary" | "timestamp" => return None,
        _ => return Some(Value::String(text.to_owned())),
    };
    let fits = match value {
        Value::Null => tag == "null",
        Value::Bool(_) => tag == "bool",
        Value::Integer(_) => tag == "int" || tag == "float",
        Value::Float(_) => tag == "float",
        Value::String(_) | Value::Sequence(_) | Value::Mapping(_) => false,
    };
    fits.then_some(value)
}

/// The value as it stands in JSON: a whole number is an integer however it was written.
/// Absent for infinities and not-a-number, which JSON cannot write and Kubernetes refuses.
pub(crate) fn settle(value: Value) -> Option<Value> {
    let Value::Float(float) = value else { return Some(value) };
    // JSON holds the shortest digits that give the same float back, and Kubernetes reads them anew.
    let whole = float.to_string().parse().ok().map(Value::Integer);
    float.is_finite().then(|| whole.unwrap_or(value))
}

/// The name that Kubernetes gives to a key; an error says what the key is where it has none.
pub(crate) fn key(value: Value) -> Result<String, &'static str> {
    match value {
        Value::String(name) => Ok(name),
        Value::Bool(value) => Ok(value.to_string()),
        Value::Integer(value) => Ok(value.to_string()),
        Value::Float(value) => short_float(value).ok_or("a number that Kubernetes may round"),
        Value::Null => Err("null"),
        Value::Sequence(_) => Err("a list"),
        Value::Mapping(_) => Err("a mapping"),
    }
}

fn word(text: &str) -> Option<Value> {
    Some(match text {
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
            Value::Bool(true)
        }
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            Value::Bool(false)
        }
        "~" | "null" | "Null" | "NULL" => Value::Null,
        ".nan" | ".NaN" | ".NAN" => Value::Float(f64::NAN),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => Value::Float(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => Value::Float(f64::NEG_INFINITY),
        _ => return None,
    })
}

/// A number that begins with a digit or a sign; underscores stand anywhere in it.
fn number(text: &str) -> Option<Value> {
    let text = text.replace('_', "");
    integer(&text).or_else(|| decimal(&text)).or_else(|| {
        let digits = text.strip_prefix("0b")?; // `0b-1`: Kubernetes takes a late sign here alone
        i64::from_str_radix(digits, 2).ok().map(Value::Integer)
    })
}

/// `0b`, `0o`, `0x` and a leading `0` name the base 2, 8, 16 and 8.
fn integer(text: &str) -> Option<Value> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let based = |prefixes: [&str; 2], base| {
        let digits = prefixes
            .iter()
            .find_map(|prefix| digits.strip_prefix(prefix))?;
        Some((digits, base)).filter(|_| !digits.is_empty())
    };
    let (digits, base) = based(["0b", "0B"], 2)
        .or_else(|| based(["0o", "0O"], 8))
        .or_else(|| based(["0x", "0X"], 16))
        .or_else(|| based(["0", "0"], 8))
        .unwrap_or((digits, 10));
    // The standard library would take a second sign.
    if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let size = i128::from(u64::from_str_radix(digits, base).ok()?);
    match i64::try_from(if negative { -size } else { size }) {
        Ok(value) => Some(Value::Integer(value)),
        // What fits 64 bits only without a sign reaches JSON digit by digit.
        Err(_) if text.starts_with(['+', '-']) => None,
        Err(_) => size.to_string().parse().ok().map(Value::Float),
    }
}

/// A number that begins with a dot; underscores stand between digits only.
fn fraction(text: &str) -> Option<Value> {
    let bytes = text.as_bytes();
    let between_digits = bytes.windows(3).filter(|window| {
        matches!(window, [before, b'_', after] if before.is_ascii_digit() && after.is_ascii_digit())
    });
    let underscores = bytes.iter().filter(|byte| **byte == b'_').count();
    (between_digits.count() == underscores).then_some(())?;
    decimal(&text.replace('_', ""))
}

/// `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?` within the range of a float.
fn decimal(text: &str) -> Option<Value> {
    let allowed =
        |byte: u8| byte.is_ascii_digit() || matches!(byte, b'.' | b'e' | b'E' | b'+' | b'-');
    // Apart from names of infinities, the standard library reads exactly this.
    let float: f64 = text.bytes().all(allowed).then(|| text.parse().ok())??;
    float.is_finite().then_some(Value::Float(float))
}

/// A float as a key, with an exponent below -4 and from 6 on. Kubernetes rounds it to 32 bits: absent
/// where that could change a digit, or where it knows some ways of writing it and not others.
fn short_float(value: f64) -> Option<String> {
    let scientific = format!("{value:e}");
    let (digits, exponent) = scientific.split_once('e')?;
    let exponent: i32 = exponent.parse().ok()?;
    let precision = digits.bytes().filter(u8::is_ascii_digit).count();
    // IEEE 754: any six digits survive 32 bits, from 2⁻¹²⁶ on.
    if precision > 6 || !(-37..=18).contains(&exponent) {
        return None;
    }
    if (-4..6).contains(&exponent) {
        return Some(value.to_string());
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    Some(format!("{digits}e{sign}{:02}", exponent.abs()))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::truth("y Y yes Yes YES on On ON true True TRUE", Value::Bool(true))]
    #[case::falsehood("n N no No NO off Off OFF false False FALSE", Value::Bool(false))]
    #[case::null("~ null Null NULL", Value::Null)]
    #[case::octal("012 0o12 0O12 +012 0_12", Value::Integer(10))]
    #[case::other_bases("0x1F 0X1f 0b11111 0B11111 3_1 31.", Value::Integer(31))]
    #[case::negative("-5 -0x5 -0b101 -0o5 -05 0b-101 -5.", Value::Integer(-5))]
    #[case::whole_floats("1e3 1E3 1000.0 1_000 +1.0e+3", Value::Integer(1000))]
    #[case::not_octal("08 8. 0_8 08.0", Value::Integer(8))]
    #[case::zero("0 00 -0 -0.0 1e-400", Value::Integer(0))]
    #[case::fractions("0.5 .5 +.5 5e-1 .5_0 0.5_", Value::Float(0.5))]
    #[case::largest("9223372036854775807", Value::Integer(i64::MAX))]
    #[case::smallest("-9223372036854775808", Value::Integer(i64::MIN))]
    #[case::unsigned("9223372036854775808 0x8000000000000000", Value::Float(2_f64.powi(63)))]
    #[case::digits_of_json("4611686018427387904.0", Value::Integer(4_611_686_018_427_388_000))]
    fn a_plain_scalar_is_read_as_kubernetes_reads_it(#[case] texts: &str, #[case] want: Value) {
        for text in texts.split(' ') {
            assert_eq!(settle(plain(text)), Some(want.clone()), "{text}");
        }
    }

    #[rstest]
    #[case::words("yEs nULL tRue oN Inf NaN infinity << = .inF + - -x _1")]
    #[case::times("190:20:30 12:30:45 2001-01-01 01:30 2001-01-01T00:00:00Z")]
    #[case::near_numbers(
        "0x 0b 0b2 0o8 0o 1e 1e+ .e1 .5e . .. 0x1p3 .5__0 .5_ 1,000 0x-5 --5 0b--1"
    )]
    #[case::beyond_a_float("1e400 -1e400")]
    #[case::beyond_64_bits("+0xFFFFFFFFFFFFFFFF 0x10000000000000000")]
    fn any_other_plain_scalar_is_a_string(#[case] texts: &str) {
        for text in texts.split(' ') {
            assert_eq!(settle(plain(text)), Some(Value::String(text.to_owned())));
        }
    }

    #[rstest]
    #[case::infinity(".inf")]
    #[case::minus_infinity("-.Inf")]
    #[case::not_a_number(".NaN")]
    fn what_json_cannot_write_has_no_value(#[case] text: &str) {
        assert_eq!(settle(plain(text)), None);
    }

    #[rstest]
    #[case::string("str", "5", Some(Value::String("5".to_owned())))]
    #[case::empty_string("str", "", Some(Value::String(String::new())))]
    #[case::integer("int", "0x1F", Some(Value::Integer(31)))]
    #[case::fraction_as_integer("int", "5.5", None)]
    #[case::whole_float_as_integer("int", "1e3", None)]
    #[case::word_as_integer("int", "x", None)]
    #[case::integer_as_float("float", "5", Some(Value::Integer(5)))]
    #[case::boolean("bool", "yes", Some(Value::Bool(true)))]
    #[case::integer_as_boolean("bool", "1", None)]
    #[case::null("null", "", Some(Value::Null))]
    #[case::word_as_null("null", "x", None)]
    #[case::binary("binary", "aGk=", None)]
    #[case::timestamp("timestamp", "2001-01-01", None)]
    #[case::unknown("python/name:x", "5", Some(Value::String("5".to_owned())))]
    fn a_tag_decides(#[case] tag: &str, #[case] text: &str, #[case] want: Option<Value>) {
        assert_eq!(tagged(tag, text), want);
    }

    #[rstest]
    #[case::boolean("on", Ok("true"))]
    #[case::negation("n", Ok("false"))]
    #[case::integer("012", Ok("10"))]
    #[case::fraction("1.10", Ok("1.1"))]
    #[case::whole_float("1.0", Ok("1"))]
    #[case::large("1e6", Ok("1e+06"))]
    #[case::not_yet_large("123456.0", Ok("123456"))]
    #[case::small("1e-5", Ok("1e-05"))]
    #[case::not_yet_small("0.0001", Ok("0.0001"))]
    #[case::negative("-1.5e10", Ok("-1.5e+10"))]
    #[case::negative_zero("-0.0", Ok("-0"))]
    #[case::rounded("1234567.2", Err("a number that Kubernetes may round"))]
    #[case::unsigned("9223372036854775808", Err("a number that Kubernetes may round"))]
    #[case::infinity(".inf", Err("a number that Kubernetes may round"))]
    #[case::null("~", Err("null"))]
    fn a_key_is_a_name(#[case] text: &str, #[case] want: Result<&str, &'static str>) {
        assert_eq!(key(plain(text)).as_deref().map_err(|what| *what), want);
    }
}

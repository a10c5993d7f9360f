//! Plain and tagged scalars as PyYAML's `SafeLoader` (6.0) resolves them: YAML 1.1 with PyYAML's deviations.
//!
//! `y` and `n` are text, a float needs a point and a signed exponent, `010` is octal, `1:30` counts in sixties.

use serde_json::Number;

use super::scalar::{Fault, Scalar, all, excerpt, integer, is_exponent_or_empty, split_sign};

/// Meaning of a plain scalar.
///
/// Timestamps (`2001-01-01`) stay text: PyYAML makes dates of them, which no key of the configuration takes.
pub(super) fn resolve(text: &str) -> Result<Scalar, Fault> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Ok(Scalar::Null),
        // PyYAML gives them a meaning only as a key (`<<`) or none at all, and refuses them as values.
        "=" | "<<" => {
            return Err(Fault::new(
                format!("{} has no meaning as a value", excerpt(text)),
                "put it into quotes",
            ));
        }
        _ => {}
    }
    if let Some(value) = boolean(text) {
        return Ok(Scalar::Bool(value));
    }
    if is_integer(text) {
        return parse_integer(text).map(Scalar::Number);
    }
    if is_float(text) {
        return parse_float(text).map(Scalar::Number);
    }
    Ok(Scalar::Text)
}

/// Meaning of a scalar with an explicit tag; tags that would construct anything but a JSON value are refused.
pub(super) fn resolve_tagged(text: &str, tag: &str) -> Result<Scalar, Fault> {
    let Some(name) = tag.strip_prefix("tag:yaml.org,2002:") else {
        if tag == "!" {
            return resolve(text);
        }
        return Err(unknown_tag(tag));
    };
    match name {
        "str" | "timestamp" => Ok(Scalar::Text),
        "null" => Ok(Scalar::Null),
        "bool" => match boolean(text).or_else(|| boolean(&text.to_ascii_lowercase())) {
            Some(value) => Ok(Scalar::Bool(value)),
            None => Err(unfit("!!bool", "write true or false")),
        },
        "int" if is_integer(text) => parse_integer(text).map(Scalar::Number),
        "int" => Err(unfit("!!int", "write a whole number")),
        // PyYAML hands the text to Python's `float`, which needs neither point nor signed exponent.
        "float" if is_float(text) => parse_float(text).map(Scalar::Number),
        "float" => match finite(&text.replace('_', "")) {
            Some(number) => Ok(Scalar::Number(number)),
            None => Err(unfit("!!float", "write a decimal number")),
        },
        _ => Err(unknown_tag(tag)),
    }
}

pub(super) fn unknown_tag(tag: &str) -> Fault {
    let short = match tag.strip_prefix("tag:yaml.org,2002:") {
        Some(name) => format!("!!{name}"),
        None => tag.to_owned(),
    };
    Fault::new(
        format!("tag {} is not supported", excerpt(&short)),
        "remove the tag and write the plain value",
    )
}

fn unfit(tag: &str, remedy: &'static str) -> Fault {
    Fault::new(format!("the tag {tag} does not fit this value"), remedy)
}

fn boolean(text: &str) -> Option<bool> {
    match text {
        "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => Some(true),
        "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => Some(false),
        _ => None,
    }
}

fn is_digit_or_underscore(byte: u8) -> bool {
    byte.is_ascii_digit() || byte == b'_'
}

/// Digits and underscores, a digit first.
fn is_decimal(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit()) && all(text, is_digit_or_underscore)
}

/// Two digits below 60, the first may be missing.
fn is_sixtieth(text: &str) -> bool {
    match text.as_bytes() {
        [units] => units.is_ascii_digit(),
        [tens, units] => (b'0'..=b'5').contains(tens) && units.is_ascii_digit(),
        _ => false,
    }
}

fn is_integer(text: &str) -> bool {
    let (_, rest) = split_sign(text);
    if let Some(digits) = rest.strip_prefix("0b") {
        return all(digits, |byte| matches!(byte, b'0' | b'1' | b'_'));
    }
    if let Some(digits) = rest.strip_prefix("0x") {
        return all(digits, |byte| byte.is_ascii_hexdigit() || byte == b'_');
    }
    if let Some(digits) = rest.strip_prefix('0') {
        return digits.is_empty() || all(digits, |byte| matches!(byte, b'0'..=b'7' | b'_'));
    }
    let mut parts = rest.split(':');
    parts.next().is_some_and(is_decimal) && parts.all(is_sixtieth)
}

/// Value of `text`, which satisfies [`is_integer`].
fn parse_integer(text: &str) -> Result<Number, Fault> {
    let (negative, rest) = split_sign(text);
    let digits = rest.replace('_', "");
    let magnitude = if let Some(binary) = digits.strip_prefix("0b") {
        radix(binary, 2)
    } else if let Some(hexadecimal) = digits.strip_prefix("0x") {
        radix(hexadecimal, 16)
    } else if digits.len() > 1 && digits.starts_with('0') {
        radix(&digits, 8)
    } else {
        digits.split(':').try_fold(0_u64, |sum, part| {
            let part = radix(part, 10)?;
            sum.checked_mul(60).and_then(|sum| sum.checked_add(part)).ok_or_else(Fault::too_large)
        })
    }?;
    integer(negative, magnitude).ok_or_else(Fault::too_large)
}

fn radix(digits: &str, radix: u32) -> Result<u64, Fault> {
    if digits.is_empty() {
        return Err(Fault::new("this number has no digits", "put it into quotes if it is text"));
    }
    u64::from_str_radix(digits, radix).map_err(|_| Fault::too_large())
}

fn is_float(text: &str) -> bool {
    let (_, rest) = split_sign(text);
    if matches!(rest, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN") {
        return true;
    }
    let Some((whole, fraction)) = rest.split_once('.') else { return false };
    if whole.is_empty() {
        // PyYAML forgot the sign here: `-.5` is text.
        let end = fraction.find(|c: char| !c.is_ascii_digit() && c != '_').unwrap_or(fraction.len());
        return rest == text && is_decimal(&fraction[..end]) && is_exponent_or_empty(&fraction[end..], false);
    }
    if let Some((first, sixtieths)) = whole.split_once(':') {
        return is_decimal(first)
            && sixtieths.split(':').all(is_sixtieth)
            && fraction.bytes().all(is_digit_or_underscore);
    }
    let end = fraction.find(|c: char| !c.is_ascii_digit() && c != '_').unwrap_or(fraction.len());
    is_decimal(whole) && is_exponent_or_empty(&fraction[end..], false)
}

/// Value of `text`, which satisfies [`is_float`].
fn parse_float(text: &str) -> Result<Number, Fault> {
    let (negative, rest) = split_sign(text);
    let digits = rest.replace('_', "");
    let value = digits.split(':').try_fold(0.0, |sum, part| {
        let part = part.parse::<f64>().ok()?;
        Some(sum * 60.0 + part)
    });
    let signed = value.map(|value: f64| if negative { -value } else { value });
    signed.and_then(Number::from_f64).ok_or_else(|| Fault::not_finite(text))
}

fn finite(text: &str) -> Option<Number> {
    let decimal = text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
    text.parse::<f64>().ok().filter(|_| decimal).and_then(Number::from_f64)
}

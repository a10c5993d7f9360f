//! Plain and tagged scalars as Helm 4 reads them: go-yaml v2 by way of `sigs.k8s.io/yaml`, which makes JSON of them
//! and reads every number back as a 64-bit float.
//!
//! `y`, `n`, `on`, `off` are booleans, `0123` and `0o17` are octal, `1e3` is a number, `1:30` is text.

use serde_json::Number;

use super::scalar::{Fault, Scalar, all, is_exponent_or_empty, split_sign};
use crate::tree::to_number;

/// What go-yaml makes of a scalar before Helm turns it into JSON; keys show the difference between integer and float.
enum Resolved {
    Null,
    Bool(bool),
    Integer(i64),
    /// An integer above `i64::MAX`.
    Unsigned(u64),
    Float(f64),
    Text,
}

/// Meaning of a plain scalar. Timestamps stay text, as they do in Helm.
pub(super) fn resolve(text: &str) -> Result<Scalar, Fault> {
    to_scalar(&lookup(text), text)
}

/// Meaning of a scalar with an explicit tag. Tags that go-yaml does not know leave the text as it is.
pub(super) fn resolve_tagged(text: &str, tag: &str, plain: bool) -> Result<Scalar, Fault> {
    let Some(name) = tag.strip_prefix("tag:yaml.org,2002:") else { return Ok(Scalar::Text) };
    let resolved = lookup(text);
    match (name, &resolved) {
        ("bool", Resolved::Bool(_))
        | ("int", Resolved::Integer(_) | Resolved::Unsigned(_))
        | ("float", Resolved::Integer(_) | Resolved::Float(_))
        | ("null", Resolved::Null) => to_scalar(&resolved, text),
        ("bool" | "int" | "float" | "null", _) => {
            let remedy = if plain { "correct the value or remove the tag" } else { "remove the tag" };
            Err(Fault::new(format!("the tag !!{name} does not fit this value"), remedy))
        }
        ("binary", _) => {
            Err(Fault::new("tag `!!binary` is not supported", "write the text itself, in quotes"))
        }
        _ => Ok(Scalar::Text),
    }
}

/// The key that a plain scalar becomes, `None` if Helm refuses it as a key.
pub(super) fn key(text: &str) -> Option<String> {
    match lookup(text) {
        Resolved::Null | Resolved::Unsigned(_) => None,
        Resolved::Bool(value) => Some(value.to_string()),
        Resolved::Integer(value) => Some(value.to_string()),
        Resolved::Float(value) => Some(float_key(value)),
        Resolved::Text => Some(text.to_owned()),
    }
}

fn to_scalar(resolved: &Resolved, text: &str) -> Result<Scalar, Fault> {
    Ok(match *resolved {
        Resolved::Null => Scalar::Null,
        Resolved::Bool(value) => Scalar::Bool(value),
        #[expect(clippy::cast_precision_loss, reason = "Helm reads all numbers as 64-bit floats")]
        Resolved::Integer(value) => {
            Scalar::Number(number(value as f64).ok_or_else(|| Fault::not_finite(text))?)
        }
        #[expect(clippy::cast_precision_loss, reason = "Helm reads all numbers as 64-bit floats")]
        Resolved::Unsigned(value) => {
            Scalar::Number(number(value as f64).ok_or_else(|| Fault::not_finite(text))?)
        }
        Resolved::Float(value) => Scalar::Number(number(value).ok_or_else(|| Fault::not_finite(text))?),
        Resolved::Text => Scalar::Text,
    })
}

/// The JSON number that Helm's `toJson` prints for `value`; `None` if it is not finite.
fn number(value: f64) -> Option<Number> {
    value.is_finite().then(|| to_number(value))
}

fn lookup(text: &str) -> Resolved {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Resolved::Null,
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
            return Resolved::Bool(true);
        }
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            return Resolved::Bool(false);
        }
        ".nan" | ".NaN" | ".NAN" => return Resolved::Float(f64::NAN),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => return Resolved::Float(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => return Resolved::Float(f64::NEG_INFINITY),
        _ => {}
    }
    match text.as_bytes().first() {
        // A number that starts with a point may have underscores between digits only, others have them anywhere.
        Some(b'.') if has_misplaced_underscore(text) => Resolved::Text,
        Some(b'.') => float(&text.replace('_', "")),
        Some(b'+' | b'-' | b'0'..=b'9') => {
            let digits = text.replace('_', "");
            integer(&digits).unwrap_or_else(|| float(&digits))
        }
        _ => Resolved::Text,
    }
}

fn has_misplaced_underscore(text: &str) -> bool {
    let bytes = text.as_bytes();
    let is_digit = |index: Option<usize>| index.and_then(|i| bytes.get(i)).is_some_and(u8::is_ascii_digit);
    let underscores = bytes.iter().enumerate().filter(|&(_, &byte)| byte == b'_');
    underscores.into_iter().any(|(i, _)| !is_digit(i.checked_sub(1)) || !is_digit(Some(i + 1)))
}

/// An integer as Go's `strconv.ParseInt(digits, 0, 64)` reads it, else as `ParseUint` does.
fn integer(digits: &str) -> Option<Resolved> {
    let (negative, rest) = split_sign(digits);
    let (radix, magnitude) = match rest.as_bytes() {
        [b'0', b'x' | b'X', ..] => (16, &rest[2..]),
        [b'0', b'b' | b'B', ..] => (2, &rest[2..]),
        [b'0', b'o' | b'O', ..] => (8, &rest[2..]),
        [b'0', _, ..] => (8, &rest[1..]),
        _ => (10, rest),
    };
    if !all(magnitude, |byte| char::from(byte).is_digit(radix)) {
        return None;
    }
    let magnitude = u64::from_str_radix(magnitude, radix).ok()?;
    let signed = if negative { -i128::from(magnitude) } else { i128::from(magnitude) };
    match i64::try_from(signed) {
        Ok(value) => Some(Resolved::Integer(value)),
        // `ParseUint` takes no sign.
        Err(_) => (rest == digits).then_some(Resolved::Unsigned(magnitude)),
    }
}

/// A decimal float; one that overflows is text.
fn float(text: &str) -> Resolved {
    let (_, rest) = split_sign(text);
    let end = rest.find(['e', 'E']).unwrap_or(rest.len());
    let (mantissa, exponent) = rest.split_at(end);
    let digits = mantissa.replacen('.', "", 1);
    if !all(&digits, |byte| byte.is_ascii_digit()) || !is_exponent_or_empty(exponent, true) {
        return Resolved::Text;
    }
    match text.parse::<f64>() {
        Ok(value) if value.is_finite() => Resolved::Float(value),
        _ => Resolved::Text,
    }
}

/// A float as a key: Go's `strconv.FormatFloat(value, 'g', -1, 32)`, in single precision.
fn float_key(value: f64) -> String {
    if value.is_nan() {
        return ".nan".to_owned();
    }
    #[expect(clippy::cast_possible_truncation, reason = "Helm prints float keys in single precision")]
    let single = value as f32;
    if single.is_infinite() {
        return if single > 0.0 { ".inf" } else { "-.inf" }.to_owned();
    }
    let scientific = format!("{single:e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..6).contains(&exponent) || single == 0.0 {
        return format!("{single}");
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", exponent.abs())
}

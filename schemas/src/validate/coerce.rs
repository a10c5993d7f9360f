//! Types of scalars, and pydantic's lax conversions between them (2.x, `int`, `float`, `bool`).

use serde_json::Number;

use super::Coercion;
use crate::tree::{Content, to_number};

/// True if `content` is of the JSON Schema type `name`; `1.0` is an integer.
pub(super) fn is_type(content: &Content, name: &str) -> bool {
    match content {
        Content::Null => name == "null",
        Content::Bool(_) => name == "boolean",
        Content::Number(number) => name == "number" || name == "integer" && is_whole(number),
        Content::String(_) => name == "string",
        Content::List(_) => name == "array",
        Content::Map(_) => name == "object",
    }
}

fn is_whole(number: &Number) -> bool {
    number.as_f64().is_some_and(|value| value.fract() == 0.0)
}

/// `content` as the type `name`, if pydantic's lax mode converts it.
pub(super) fn coerce(content: &Content, name: &str) -> Option<Content> {
    match (name, content) {
        ("integer", Content::String(text)) => integer(text).map(Content::Number),
        ("integer" | "number", Content::Bool(value)) => Some(Content::Number(Number::from(u8::from(*value)))),
        ("number", Content::String(text)) => float(text).map(Content::Number),
        ("boolean", Content::Number(number)) => match number.as_f64()? {
            0.0 => Some(Content::Bool(false)),
            1.0 => Some(Content::Bool(true)),
            _ => None,
        },
        ("boolean", Content::String(text)) => boolean(text).map(Content::Bool),
        _ => None,
    }
}

/// `30.0` as `30`, if 64 bits hold it; `None` for what is no such number.
pub(super) fn whole(number: &Number, coercion: Coercion) -> Option<Number> {
    let value = number.as_f64().filter(|value| number.is_f64() && value.fract() == 0.0)?;
    // Helm tells -0 from 0; the runner's rules make them one, as adding 0 does.
    let value = if coercion == Coercion::Pydantic { value + 0.0 } else { value };
    Some(to_number(value)).filter(|number| !number.is_f64())
}

fn boolean(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "t" | "yes" | "y" | "on" | "1" => Some(true),
        "false" | "f" | "no" | "n" | "off" | "0" => Some(false),
        _ => None,
    }
}

/// An integer from text: sign, digits with single underscores between them, perhaps `.` and zeros; blanks around it.
fn integer(text: &str) -> Option<Number> {
    let text = text.trim();
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let whole = match digits.split_once('.') {
        Some((whole, zeros)) if !zeros.is_empty() && zeros.bytes().all(|byte| byte == b'0') => whole,
        Some(_) => return None,
        None => digits,
    };
    if !whole.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let digits = without_underscores(whole)?;
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let magnitude: u64 = digits.parse().ok()?;
    if negative {
        i64::try_from(-i128::from(magnitude)).ok().map(Number::from)
    } else {
        Some(magnitude.into())
    }
}

/// A finite float from text; an integer stays one. Pydantic takes `inf` and `nan` too, JSON cannot hold them.
fn float(text: &str) -> Option<Number> {
    let digits = without_underscores(text.trim())?;
    if !digits.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte)) {
        return None;
    }
    let negative_zero = digits.starts_with('-');
    match digits.parse::<i64>() {
        Ok(value) if value != 0 || !negative_zero => Some(Number::from(value)),
        _ => digits.parse::<f64>().ok().and_then(Number::from_f64),
    }
}

/// `text` without its underscores, `None` if one stands at an end or beside another.
fn without_underscores(text: &str) -> Option<String> {
    let misplaced = text.starts_with('_') || text.ends_with('_') || text.contains("__");
    (!misplaced).then(|| text.replace('_', ""))
}

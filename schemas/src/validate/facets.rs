//! Limits of single values: ranges of numbers, length and form of text, number of items and entries.

use std::cmp::Ordering;

use serde_json::{Number, Value};

use super::words::{shown, type_words};
use crate::tree::{Content, Node};

/// A fault and its remedy; an empty remedy is filled in by the caller.
pub(super) type Finding = (String, String);

/// What is wrong with the content of `node` by the limits of `schema`.
pub(super) fn check(node: &Node, schema: &Value) -> Option<Finding> {
    match &node.content {
        Content::Number(number) => range(number, schema),
        Content::String(text) => length(text, schema).or_else(|| pattern(text, schema)),
        Content::List(items) => items_limits(items, schema),
        Content::Map(entries) => {
            let least = count(schema, "minProperties").filter(|&least| entries.len() < least);
            let most = count(schema, "maxProperties").filter(|&most| entries.len() > most);
            size(entries.len(), least, most, "entry", "entries")
        }
        Content::Null | Content::Bool(_) => None,
    }
}

fn range(number: &Number, schema: &Value) -> Option<Finding> {
    let limits: [(&str, &str, &[Ordering]); 4] = [
        ("exclusiveMinimum", "greater than", &[Ordering::Greater]),
        ("minimum", "at least", &[Ordering::Greater, Ordering::Equal]),
        ("exclusiveMaximum", "less than", &[Ordering::Less]),
        ("maximum", "at most", &[Ordering::Less, Ordering::Equal]),
    ];
    for (keyword, words, accepted) in limits {
        let Some(limit) = schema.get(keyword).and_then(Value::as_number) else { continue };
        if !compare(number, limit).is_some_and(|ordering| accepted.contains(&ordering)) {
            return Some((format!("must be {words} {}, is {number}", plain(limit)), String::new()));
        }
    }
    let format = schema.get("format").and_then(Value::as_str)?;
    let (least, most) = integer_limits(format)?;
    let value = as_integer(number)?;
    (value < least || value > most)
        .then(|| (format!("must be between {least} and {most}, is {number}"), String::new()))
}

/// The limits of an integer type by its `schemars` format.
fn integer_limits(format: &str) -> Option<(i128, i128)> {
    let (signed, bits) = match format {
        "uint8" => (false, 8),
        "uint16" => (false, 16),
        "uint32" => (false, 32),
        "uint64" | "uint" => (false, 64),
        "int8" => (true, 8),
        "int16" => (true, 16),
        "int32" => (true, 32),
        "int64" | "int" => (true, 64),
        _ => return None,
    };
    let half = 1_i128 << (bits - 1);
    Some(if signed { (-half, half - 1) } else { (0, 2 * half - 1) })
}

/// The value of a whole number; far beyond 64 bits it is only known to be that far.
fn as_integer(number: &Number) -> Option<i128> {
    if let Some(value) = number.as_i64() {
        return Some(value.into());
    }
    if let Some(value) = number.as_u64() {
        return Some(value.into());
    }
    #[expect(clippy::cast_possible_truncation, reason = "saturates, which keeps the comparison right")]
    number.as_f64().filter(|value| value.fract() == 0.0).map(|value| value as i128)
}

fn compare(a: &Number, b: &Number) -> Option<Ordering> {
    if let (Some(a), Some(b)) = (integer(a), integer(b)) {
        return Some(a.cmp(&b));
    }
    a.as_f64()?.partial_cmp(&b.as_f64()?)
}

/// The value of a number that is stored as an integer.
fn integer(number: &Number) -> Option<i128> {
    number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from))
}

/// `0.0` as `0`.
fn plain(limit: &Number) -> String {
    super::coerce::whole(limit, super::Coercion::Pydantic).as_ref().unwrap_or(limit).to_string()
}

fn length(text: &str, schema: &Value) -> Option<Finding> {
    let length = text.chars().count();
    let least = count(schema, "minLength").filter(|&least| length < least);
    let most = count(schema, "maxLength").filter(|&most| length > most);
    size(length, least, most, "character", "characters")
}

fn pattern(text: &str, schema: &Value) -> Option<Finding> {
    let pattern = schema.get("pattern")?;
    // Looking at the pattern alone leaves dialect and syntax of regular expressions to the `jsonschema` crate.
    if jsonschema::is_valid(&serde_json::json!({ "pattern": pattern }), &Value::from(text)) {
        return None;
    }
    let types: Vec<&str> = types(schema);
    let number = ["integer", "number"].into_iter().find(|name| types.contains(name));
    // Text that stands for a number: the number was meant, the pattern is of no interest.
    if let Some(name) = number {
        let out_of_range = text.parse().ok().and_then(|number| range(&number, schema));
        if out_of_range.is_some() {
            return out_of_range;
        }
        let is = shown(&Content::String(text.to_owned()));
        return Some((format!("must be {}, is {is}", type_words(name)), String::new()));
    }
    let form = pattern.as_str().unwrap_or_default();
    Some(("does not have the expected form".to_owned(), format!("it must match the pattern {form}")))
}

fn items_limits(items: &[Node], schema: &Value) -> Option<Finding> {
    let least = count(schema, "minItems").filter(|&least| items.len() < least);
    let most = count(schema, "maxItems").filter(|&most| items.len() > most);
    if most == Some(0) && types(schema).contains(&"object") {
        let remedy = "write `key: value` lines below it";
        return Some(("must be a mapping, is a list".to_owned(), remedy.to_owned()));
    }
    if let Some(finding) = size(items.len(), least, most, "item", "items") {
        return Some(finding);
    }
    if schema.get("uniqueItems") != Some(&Value::Bool(true)) {
        return None;
    }
    let values: Vec<Value> = items.iter().map(Node::to_json).collect();
    values.iter().enumerate().find_map(|(index, value)| {
        let first = values[..index].iter().position(|earlier| equal(earlier, value))?;
        Some((format!("items {first} and {index} are the same"), "remove one of them".to_owned()))
    })
}

/// The finding for a size below `least` or above `most`.
fn size(actual: usize, least: Option<usize>, most: Option<usize>, one: &str, many: &str) -> Option<Finding> {
    let unit = |number: usize| if number == 1 { one } else { many };
    if let Some(least) = least {
        let fault = match actual {
            0 => "must not be empty".to_owned(),
            _ => format!("must have at least {least} {}, has {actual}", unit(least)),
        };
        return Some((fault, format!("write at least {least} {}", unit(least))));
    }
    let most = most?;
    let fault = format!("must have at most {most} {}, has {actual}", unit(most));
    Some((fault, format!("leave out {}", actual - most)))
}

/// A limit on a size. JSON Schema allows `1.0`.
fn count(schema: &Value, keyword: &str) -> Option<usize> {
    let number = schema.get(keyword)?.as_number()?;
    let whole = super::coerce::whole(number, super::Coercion::Pydantic);
    whole.as_ref().unwrap_or(number).as_u64().and_then(|value| usize::try_from(value).ok())
}

/// The names under `type`.
pub fn types(schema: &Value) -> Vec<&str> {
    match schema.get("type") {
        Some(Value::String(name)) => vec![name],
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

/// Equality of JSON Schema: numbers by value, mappings without order.
pub(super) fn equal(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => compare(a, b) == Some(Ordering::Equal),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len()
                && a.iter().all(|(key, value)| b.get(key).is_some_and(|other| equal(value, other)))
        }
        _ => a == b,
    }
}

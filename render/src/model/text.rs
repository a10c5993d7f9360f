//! Small tools for maps of strings, and Go's idea of what is empty.

use benchmark_schemas::values::Scalars;
use serde_json::{Map, Value};

use crate::go_json;

/// A map of strings.
pub(super) fn map<const N: usize>(entries: [(&str, &str); N]) -> Map<String, Value> {
    entries.into_iter().map(|(key, value)| (key.to_owned(), Value::from(value))).collect()
}

/// The entries of `maps` and then `own`, later ones winning, in order of their keys: every value a string, null entries
/// left out.
pub(super) fn merged<const N: usize>(
    maps: [Option<&Scalars>; N],
    own: &Map<String, Value>,
) -> Map<String, Value> {
    let given = maps.into_iter().flatten().flat_map(|scalars| scalars.entries().iter()).chain(own);
    let mut merged: Vec<(String, Value)> = Vec::new();
    for (key, value) in given.filter(|(_, value)| !value.is_null()) {
        let value = Value::String(scalar(value));
        match merged.iter_mut().find(|(other, _)| other == key) {
            Some((_, place)) => *place = value,
            None => merged.push((key.clone(), value)),
        }
    }
    merged.sort_by(|(a, _), (b, _)| a.cmp(b));
    merged.into_iter().collect()
}

/// A string as it is, anything else as JSON writes it.
pub(super) fn scalar(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        // An integer of the command line is one in Go too, and keeps digits that a double has not.
        Value::Number(number) if number.is_i64() => number.to_string(),
        other => go_json::to_string(other),
    }
}

/// `map` without null entries, at every depth of mappings and of mappings in lists.
pub(super) fn without_nulls(map: &Map<String, Value>) -> Map<String, Value> {
    let prune = |value: &Value| match value {
        Value::Object(inner) => Value::Object(without_nulls(inner)),
        Value::Array(items) => items
            .iter()
            .map(|item| match item {
                Value::Object(inner) => Value::Object(without_nulls(inner)),
                other => other.clone(),
            })
            .collect(),
        other => other.clone(),
    };
    map.iter().filter(|(_, value)| !value.is_null()).map(|(key, value)| (key.clone(), prune(value))).collect()
}

/// The text, if it is neither missing nor empty.
pub(super) fn given(text: Option<&String>) -> Option<&str> {
    text.map(String::as_str).filter(|text| !text.is_empty())
}

/// What Go's templates take for false.
pub(super) fn is_empty(value: Option<&Value>) -> bool {
    match value {
        None | Some(Value::Null | Value::Bool(false)) => true,
        Some(Value::Bool(true)) => false,
        Some(Value::Number(number)) => number.as_f64() == Some(0.0),
        Some(Value::String(text)) => text.is_empty(),
        Some(Value::Array(items)) => items.is_empty(),
        Some(Value::Object(entries)) => entries.is_empty(),
    }
}

/// The number that a value spells, `default` if it is empty.
pub(super) fn or_default(value: Option<&Value>, default: f64) -> f64 {
    if is_empty(value) { default } else { value.map_or(default, number) }
}

/// A number, or a string that spells one; 0 for anything else.
pub(super) fn number(value: &Value) -> f64 {
    match value {
        Value::Number(number) => number.as_f64().unwrap_or_default(),
        Value::String(text) => text.parse().unwrap_or_default(),
        _ => 0.0,
    }
}

//! The JSON Schema of values.yaml, draft-07: Helm 3 ignores what later drafts add.

use serde_json::{Map, Value, json};

use super::Values;
use super::figure::{DECIMAL, MAX_LENGTH};
use super::flatten::flatten;
use crate::config;

/// Definitions of the schema of config.yml get this prefix, so that they cannot meet those of the values.
const CONFIG_PREFIX: &str = "Config_";

/// The JSON Schema (draft-07) of the chart's values.
pub fn json_schema() -> Value {
    let mut schema = crate::json_schema::of_input::<Values>();
    let mut config = config::json_schema();
    loosen(&mut config);
    let definitions = take_object(&mut config, "definitions");
    let fragment = take_object(&mut config, "properties");
    if let Some(all) = schema.pointer_mut("/definitions").and_then(Value::as_object_mut) {
        all.extend(
            definitions.into_iter().map(|(name, definition)| (format!("{CONFIG_PREFIX}{name}"), definition)),
        );
    }
    if let Some(Value::Object(node)) = schema.pointer_mut("/definitions/Benchmark/properties/config") {
        node.insert("additionalProperties".into(), json!(false));
        node.insert("properties".into(), Value::Object(fragment));
    }
    flatten(schema)
}

fn take_object(schema: &mut Value, key: &str) -> Map<String, Value> {
    match schema.get_mut(key).map(Value::take) {
        Some(Value::Object(object)) => object,
        _ => Map::new(),
    }
}

/// Makes the schema of a whole config.yml one of a fragment that is merged over another: nothing is required, there
/// are no defaults, null is a value everywhere, and a string that spells a number is one, since `--set` makes such.
fn loosen(schema: &mut Value) {
    let Value::Object(object) = schema else { return };
    for key in ["required", "default", "title", "$schema"] {
        object.remove(key);
    }
    if let Some(Value::String(reference)) = object.get_mut("$ref") {
        *reference = reference.replace("#/definitions/", &format!("#/definitions/{CONFIG_PREFIX}"));
    }
    bound_integers(object);
    accept_spelt_numbers(object);
    for (key, part) in object.iter_mut() {
        match (key.as_str(), part) {
            ("properties", Value::Object(properties)) => properties.values_mut().for_each(|property| {
                loosen(property);
                accept_null(property);
            }),
            ("definitions", Value::Object(definitions)) => definitions.values_mut().for_each(loosen),
            ("anyOf" | "allOf" | "oneOf" | "items", Value::Array(parts)) => parts.iter_mut().for_each(loosen),
            ("items" | "additionalProperties", part) => loosen(part),
            _ => {}
        }
    }
}

/// Writes out the range that an integer `format` stands for: Helm knows no such formats, the types behind them do.
fn bound_integers(object: &mut Map<String, Value>) {
    let Some(Value::String(format)) = object.get("format") else { return };
    let (least, most) = match format.as_str() {
        "uint" | "uint64" => (json!(0), json!(u64::MAX)),
        "uint32" => (json!(0), json!(u32::MAX)),
        "uint16" => (json!(0), json!(u16::MAX)),
        "uint8" => (json!(0), json!(u8::MAX)),
        "int" | "int64" => (json!(i64::MIN), json!(i64::MAX)),
        "int32" => (json!(i32::MIN), json!(i32::MAX)),
        _ => return,
    };
    object.remove("format");
    object.entry("minimum").or_insert(least);
    object.entry("maximum").or_insert(most);
}

fn accept_spelt_numbers(object: &mut Map<String, Value>) {
    let Some(types) = object.get_mut("type") else { return };
    let mut names = match types {
        Value::String(name) => vec![Value::String(name.clone())],
        Value::Array(names) => names.clone(),
        _ => return,
    };
    let is_number = names.iter().any(|name| name == "number" || name == "integer");
    if is_number && !names.contains(&json!("string")) {
        names.push(json!("string"));
        *types = Value::Array(names);
        object.insert("pattern".into(), json!(format!("^-?({})$", DECIMAL.trim_matches(['^', '$']))));
        object.insert("maxLength".into(), json!(MAX_LENGTH));
    }
}

fn accept_null(property: &mut Value) {
    let Value::Object(object) = property else { return };
    let null = json!({ "type": "null" });
    if let Some(Value::Array(parts)) = object.get_mut("anyOf") {
        if !parts.contains(&null) {
            parts.push(null);
        }
        return;
    }
    let is_enum = object.contains_key("enum");
    let takes_anything = object.keys().all(|key| key == "description");
    match object.get_mut("type") {
        Some(Value::Array(names)) if !is_enum => {
            if !names.contains(&json!("null")) {
                names.push(json!("null"));
            }
        }
        Some(name @ Value::String(_)) if !is_enum => *name = json!([name.take(), "null"]),
        None if takes_anything => {}
        _ => {
            let description = object.remove("description");
            let inner = Value::Object(std::mem::take(object));
            object.extend(description.map(|text| ("description".to_owned(), text)));
            object.insert("anyOf".into(), Value::Array(vec![inner, null]));
        }
    }
}

#[cfg(test)]
mod tests;

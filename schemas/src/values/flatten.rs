//! A JSON Schema without references and with as few alternatives as may be.
//!
//! Helm prints a line for every `$ref`, `allOf` and branch of an `anyOf` on the way to a fault. Written flat, a fault is
//! one line that names the key and what is allowed. Takes the same documents as before.

use serde_json::{Map, Value, json};

/// `schema` with its definitions put where they are referred to. They must not be recursive.
pub(super) fn flatten(mut schema: Value) -> Value {
    let definitions = match schema.get_mut("definitions").map(Value::take) {
        Some(Value::Object(definitions)) => definitions,
        _ => Map::new(),
    };
    if let Value::Object(object) = &mut schema {
        object.remove("definitions");
    }
    flat(schema, &definitions)
}

fn flat(schema: Value, definitions: &Map<String, Value>) -> Value {
    let Value::Object(mut object) = schema else { return schema };
    if let Some(Value::String(reference)) = object.remove("$ref") {
        let name = reference.trim_start_matches("#/definitions/");
        let definition = definitions.get(name).cloned().unwrap_or(Value::Bool(true));
        return flat(overlaid(definition, object), definitions);
    }
    if let Some(Value::Array(parts)) = object.get_mut("allOf")
        && parts.len() == 1
    {
        let part = parts.remove(0);
        object.remove("allOf");
        return flat(overlaid(part, object), definitions);
    }
    for (keyword, part) in &mut object {
        match (keyword.as_str(), part) {
            ("properties", Value::Object(properties)) => {
                for property in properties.values_mut() {
                    *property = flat(property.take(), definitions);
                }
            }
            ("anyOf" | "oneOf" | "allOf", Value::Array(parts)) => {
                for part in parts {
                    *part = flat(part.take(), definitions);
                }
            }
            ("items" | "additionalProperties", part) => *part = flat(part.take(), definitions),
            _ => {}
        }
    }
    merge_names(&mut object);
    merge_null(&mut object);
    Value::Object(object)
}

/// `inner` with what stands beside the reference to it; the nearer description wins.
fn overlaid(inner: Value, beside: Map<String, Value>) -> Value {
    let mut object = match inner {
        Value::Object(object) => object,
        _ => Map::new(),
    };
    object.extend(beside);
    Value::Object(object)
}

/// Alternatives that are names become one list of names; their descriptions stay with the type.
fn merge_names(object: &mut Map<String, Value>) {
    fn names(part: &Value) -> Option<Vec<Value>> {
        if let Some(name) = part.get("const") {
            return Some(vec![name.clone()]);
        }
        part.get("enum").and_then(Value::as_array).cloned()
    }
    let Some(Value::Array(parts)) = object.get("oneOf") else { return };
    let Some(lists) = parts.iter().map(names).collect::<Option<Vec<_>>>() else { return };
    let names = lists.concat();
    if names.iter().all(Value::is_string) {
        object.remove("oneOf");
        object.insert("type".into(), json!("string"));
        object.insert("enum".into(), Value::Array(names));
    }
}

/// One alternative beside null becomes that alternative with null among its types.
fn merge_null(object: &mut Map<String, Value>) {
    let null = json!({ "type": "null" });
    let Some(Value::Array(parts)) = object.get_mut("anyOf") else { return };
    let ([Value::Object(part), other] | [other, Value::Object(part)]) = parts.as_mut_slice() else { return };
    let is_plain = !["anyOf", "oneOf", "allOf"].iter().any(|keyword| part.contains_key(*keyword));
    if *other != null || !is_plain || !part.contains_key("type") {
        return;
    }
    let mut part = std::mem::take(part);
    let types = match part.remove("type") {
        Some(Value::Array(names)) => names,
        Some(name) => vec![name],
        None => Vec::new(),
    };
    let with_null = |mut values: Vec<Value>, null: Value| {
        if !values.contains(&null) {
            values.push(null);
        }
        Value::Array(values)
    };
    part.insert("type".into(), with_null(types, json!("null")));
    if let Some(Value::Array(values)) = part.get_mut("enum") {
        let values = std::mem::take(values);
        part.insert("enum".into(), with_null(values, Value::Null));
    }
    object.remove("anyOf");
    part.extend(std::mem::take(object));
    *object = part;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_alternatives_and_null_are_written_out() {
        let schema = json!({
            "properties": {
                "a": { "anyOf": [{ "$ref": "#/definitions/A" }, { "type": "null" }], "description": "near" },
                "b": { "allOf": [{ "$ref": "#/definitions/B" }] },
                "c": { "anyOf": [{ "type": "integer" }, { "$ref": "#/definitions/A" }] },
            },
            "definitions": {
                "A": { "type": "object", "description": "far", "properties": { "b": { "$ref": "#/definitions/B" } } },
                "B": { "oneOf": [{ "const": "x", "description": "X" }, { "type": "string", "enum": ["y", "z"] }] },
            },
        });
        let b = json!({ "type": "string", "enum": ["x", "y", "z"] });
        let a = |types: Value, description: &str| json!({ "type": types, "description": description, "properties": { "b": b } });
        assert_eq!(
            flatten(schema),
            json!({ "properties": {
                "a": a(json!(["object", "null"]), "near"),
                "b": b,
                "c": { "anyOf": [{ "type": "integer" }, a(json!("object"), "far")] },
            }})
        );
    }

    #[test]
    fn null_joins_an_enumeration() {
        let schema = json!({ "anyOf": [{ "type": "string", "enum": ["x"] }, { "type": "null" }] });
        assert_eq!(flatten(schema), json!({ "type": ["string", "null"], "enum": ["x", null] }));
    }
}

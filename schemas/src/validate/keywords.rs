//! Which JSON Schema keywords are understood.

use serde_json::Value;

/// Keywords that decide, each with what stands below it.
const DECIDING: &[(&str, Below)] = &[
    ("$ref", Below::Nothing),
    ("type", Below::Nothing),
    ("enum", Below::Nothing),
    ("const", Below::Nothing),
    ("anyOf", Below::Schemas),
    ("oneOf", Below::Schemas),
    ("allOf", Below::Schemas),
    ("minimum", Below::Nothing),
    ("maximum", Below::Nothing),
    ("exclusiveMinimum", Below::Nothing),
    ("exclusiveMaximum", Below::Nothing),
    ("minLength", Below::Nothing),
    ("maxLength", Below::Nothing),
    ("pattern", Below::Nothing),
    ("format", Below::Nothing),
    ("items", Below::Schema),
    ("minItems", Below::Nothing),
    ("maxItems", Below::Nothing),
    ("uniqueItems", Below::Nothing),
    ("properties", Below::Named),
    ("additionalProperties", Below::Schema),
    ("required", Below::Nothing),
    ("minProperties", Below::Nothing),
    ("maxProperties", Below::Nothing),
    ("definitions", Below::Named),
];

/// Keywords that only describe.
const DESCRIBING: &[&str] = &[
    "$schema",
    "$id",
    "$comment",
    "title",
    "description",
    "default",
    "examples",
    "deprecated",
    "readOnly",
    "writeOnly",
];

/// What the value of a keyword holds.
enum Below {
    Nothing,
    Schema,
    Schemas,
    Named,
}

/// Paths of the keywords in `schema` that [`conform`](super::conform) would pass over, empty for a schema it
/// understands in full. References must point into `#/definitions/`; others are listed too.
#[must_use]
pub fn unknown_keywords(schema: &Value) -> Vec<String> {
    let mut found = Vec::new();
    visit(schema, "#", &mut found);
    found
}

fn visit(schema: &Value, path: &str, found: &mut Vec<String>) {
    match schema {
        Value::Bool(_) => {}
        Value::Object(keywords) => {
            for (keyword, value) in keywords {
                let path = format!("{path}/{keyword}");
                let below = DECIDING.iter().find(|(name, _)| name == keyword).map(|(_, below)| below);
                match below {
                    Some(below) => visit_below(below, value, &path, found),
                    None if DESCRIBING.contains(&keyword.as_str()) => {}
                    None => found.push(path.clone()),
                }
                let foreign = |target: &str| !target.starts_with("#/definitions/");
                if keyword == "$ref" && value.as_str().is_none_or(foreign) {
                    found.push(path);
                }
            }
        }
        _ => found.push(path.to_owned()),
    }
}

fn visit_below(below: &Below, value: &Value, path: &str, found: &mut Vec<String>) {
    match (below, value) {
        (Below::Nothing, _) => {}
        (Below::Schema, schema) => visit(schema, path, found),
        (Below::Schemas, Value::Array(schemas)) => {
            for (index, schema) in schemas.iter().enumerate() {
                visit(schema, &format!("{path}/{index}"), found);
            }
        }
        (Below::Named, Value::Object(schemas)) => {
            for (name, schema) in schemas {
                visit(schema, &format!("{path}/{name}"), found);
            }
        }
        _ => found.push(path.to_owned()),
    }
}

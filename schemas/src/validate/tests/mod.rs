//! Tests of the checks: the schemas they use, and what they share.

mod coercion;
mod messages;
mod verdicts;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Value, json};

use super::{Coercion, conform};
use crate::problem::Origin;
use crate::tree::Node;

/// A run.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
struct Run {
    /// Requests per second. Means over the stage.
    #[schemars(extend("exclusiveMinimum" = 0))]
    rate: f64,
    /// Length of the stage in seconds.
    #[schemars(range(min = 1))]
    duration: u32,
    #[serde(default)]
    streaming: bool,
    #[serde(default)]
    kind: Documented,
    plain: Option<Plain>,
    /// Stages, at least one.
    #[schemars(length(min = 1, max = 3))]
    stages: Option<Vec<Stage>>,
    #[schemars(length(min = 2, max = 4))]
    name: Option<String>,
    #[schemars(regex(pattern = "^[a-z]+$"))]
    label: Option<String>,
    length: Option<LengthOrShape>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    tagged: Option<Tagged>,
    external: Option<External>,
    free: Option<Value>,
    pair: Option<(u8, i64)>,
    #[schemars(range(min = -5, max = 5))]
    level: Option<i8>,
    share: Option<Share>,
}

/// A share.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct Share(#[schemars(range(min = 0.0, max = 1.0))] f64);

#[derive(JsonSchema, Default)]
#[serde(rename_all = "snake_case")]
#[expect(dead_code, reason = "only its schema is used")]
enum Documented {
    /// Evenly spaced.
    #[default]
    Constant,
    /// As independent users come.
    Poisson,
    TraceReplay,
}

#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
enum Plain {
    Json,
    Csv,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
struct Stage {
    /// Requests per second.
    #[schemars(extend("exclusiveMinimum" = 0))]
    rate: f64,
    duration: Option<u64>,
    inner: Option<Box<Stage>>,
}

#[derive(JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "only its schema is used")]
enum LengthOrShape {
    Length(#[schemars(range(min = 1))] i64),
    Shape(Shape),
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
struct Shape {
    min: i64,
    #[serde(default)]
    kind: Documented,
}

#[derive(JsonSchema)]
#[serde(tag = "type", rename_all = "lowercase", deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
enum Tagged {
    Http { url: String },
    File { path: String, size: Option<u64> },
}

#[derive(JsonSchema)]
#[serde(rename_all = "lowercase")]
#[expect(dead_code, reason = "only its schema is used")]
enum External {
    None,
    Some(u8),
    Other { x: bool },
}

fn run_schema() -> Value {
    let mut schema = SchemaSettings::draft07().into_generator().into_root_schema_for::<Run>().to_value();
    // A tuple's `items` is a list of schemas, which the configuration does not use and the walker does not know.
    schema["properties"]["pair"] = json!({"type": ["array", "null"], "items": {"type": "integer"}});
    schema
}

/// What `schemars` does not write for [`Run`].
fn handmade_schema() -> Value {
    json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": "object",
        "properties": {
            "set": {"type": "array", "uniqueItems": true, "items": true},
            "below": {"type": "number", "exclusiveMaximum": 10, "minimum": -1.5},
            "few": {"type": "object", "minProperties": 1, "maxProperties": 2, "additionalProperties": {"type": "integer"}},
            "never": false,
            "one": {"oneOf": [{"type": "integer"}, {"type": "number", "minimum": 5}]},
            "both": {"allOf": [{"$ref": "#/definitions/small"}, {"minimum": -3}], "description": "Small."},
            "constant": {"const": {"a": [1, 2.0]}},
            "mixed": {"enum": [1, "x", null, true, [1]]},
            "spelled": {"type": ["number", "string"], "pattern": "^[0-9]+$", "exclusiveMinimum": 0},
            "any": {},
            "limits": {"minLength": 1.0, "maxItems": 2, "maximum": 7}
        },
        "required": ["below"],
        "additionalProperties": {"$ref": "#/definitions/small"},
        "definitions": {"small": {"type": "integer", "maximum": 3}}
    })
}

fn conforming(value: &Value, schema: &Value, coercion: Coercion) -> (Value, Vec<String>) {
    let mut node = Node::from_json(value, &Origin::Derived);
    let problems = conform(&mut node, schema, coercion);
    (node.to_json(), problems.iter().map(ToString::to_string).collect())
}

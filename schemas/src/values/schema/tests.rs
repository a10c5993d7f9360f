//! The schema of values: what it lets through, and that it says no more than its reader understands.

use super::*;
use crate::validate::unknown_keywords;

fn takes(config: &Value) -> bool {
    let schema = json_schema();
    let values = json!({"benchmark": {
        "enabled": true, "scenario": "x", "image": {"repository": "r"}, "target": {"baseUrl": "http://a"}, "scenarios": {}, "config": config,
    }});
    jsonschema::is_valid(&schema, &values)
}

#[test]
fn it_is_a_draft_07_schema_that_our_walker_understands() {
    let schema = json_schema();
    assert_eq!(schema["$schema"], "http://json-schema.org/draft-07/schema#");
    assert!(jsonschema::draft7::meta::is_valid(&schema));
    assert_eq!(unknown_keywords(&schema), Vec::<String>::new());
}

#[test]
fn it_is_flat_so_that_helms_messages_are_short() {
    let text = json_schema().to_string();
    assert!(!text.contains("$ref") && !text.contains("\"definitions\""));
    assert!(text.len() < 250_000, "{}", text.len());
}

#[test]
fn every_key_is_described() {
    fn undescribed(schema: &Value, path: &str, found: &mut Vec<String>) {
        let Value::Object(object) = schema else { return };
        if let Some(Value::Object(properties)) = object.get("properties") {
            for (key, property) in properties {
                let described = property.get("description").is_some();
                if !described {
                    found.push(format!("{path}.{key}"));
                }
                undescribed(property, &format!("{path}.{key}"), found);
            }
        }
        for keyword in ["items", "additionalProperties"] {
            undescribed(object.get(keyword).unwrap_or(&Value::Null), &format!("{path}.*"), found);
        }
    }
    let mut found = Vec::new();
    undescribed(&json_schema(), "", &mut found);
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn a_fragment_of_config_needs_nothing_and_may_take_away() {
    for config in [
        json!({}),
        json!({"server": {"ignore_eos": false}}),
        json!({"load": {"stages": [{"rate": 1}], "sweep": null, "interval": "2.5"}, "storage": null, "tokenizer": {"load_timeout": null}}),
        json!({"data": {"type": null, "input_distribution": {"mean": "12.5"}}}),
        json!({"extensions": {"load": {"pacing": "even"}}}),
    ] {
        assert!(takes(&config), "{config}");
    }
    for config in [
        json!({"foo": 1}),
        json!({"server": {"ignore_eos": "maybe"}}),
        json!({"load": {"interval": "soon"}}),
        json!({"load": {"type": "burst"}}),
        json!({"load": []}),
        json!({"load": {"base_seed": 1e21}}),
    ] {
        assert!(!takes(&config), "{config}");
    }
}

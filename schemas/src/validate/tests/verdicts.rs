//! Verdicts, held against those of the `jsonschema` crate.

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use serde_json::{Value, json};

use super::{conforming, handmade_schema, run_schema};
use crate::problem::Origin;
use crate::tree::Node;
use crate::validate::{Coercion, conform, facets, unknown_keywords};

/// Anything small, with the spellings that coercion looks for.
fn anything() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-8_i64..12).prop_map(Value::from),
        (-20_i32..40).prop_map(|n| json!(f64::from(n) / 4.0)),
        prop::sample::select(vec![
            "", "a", "abc", "abcde", "Json", "constant", "poisson", "some", "none", "file", "x", "5", "5.5",
            "1e1", "yes", "é"
        ])
        .prop_map(Value::from),
    ];
    leaf.prop_recursive(2, 8, 3, |inner| {
        let key = prop::sample::select(vec!["rate", "duration", "min", "type", "a", "some", "x"]);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((key.prop_map(str::to_owned), inner), 0..4)
                .prop_map(|entries| Value::Object(entries.into_iter().collect())),
        ]
    })
}

/// Small values of the JSON Schema type `name`.
fn of_type(name: &str) -> BoxedStrategy<Value> {
    match name {
        "integer" => (-3_i64..9).prop_map(Value::from).boxed(),
        "number" => prop_oneof![
            (1_i64..9).prop_map(Value::from),
            (-2_i32..36).prop_map(|n| json!(f64::from(n) / 4.0))
        ]
        .boxed(),
        "boolean" => any::<bool>().prop_map(Value::from).boxed(),
        "string" => prop::sample::select(vec!["ab", "abc", "5", "", "abcde"]).prop_map(Value::from).boxed(),
        "null" => Just(Value::Null).boxed(),
        _ => anything().boxed(),
    }
}

/// Values that mostly follow `schema`: each part may be replaced by anything.
fn follows(schema: &Value, root: &Value, depth: usize) -> BoxedStrategy<Value> {
    if depth == 0 {
        return anything().boxed();
    }
    let below = |schema: &Value| follows(schema, root, depth - 1);
    if let Some(target) = schema.get("$ref").and_then(Value::as_str) {
        return below(root.pointer(&target[1..]).unwrap());
    }
    let branches: Vec<_> = ["anyOf", "oneOf", "allOf"]
        .into_iter()
        .filter_map(|keyword| schema.get(keyword).and_then(Value::as_array))
        .flatten()
        .collect();
    let meant = if let Some(value) = schema.get("const") {
        Just(value.clone()).boxed()
    } else if let Some(values) = schema.get("enum").and_then(Value::as_array) {
        prop::sample::select(values.clone()).boxed()
    } else if !branches.is_empty() {
        prop::strategy::Union::new(branches.into_iter().map(below)).boxed()
    } else if let Some(properties) = schema.get("properties").and_then(Value::as_object) {
        let required =
            |key: &str| schema["required"].as_array().is_some_and(|keys| keys.contains(&json!(key)));
        let entries: Vec<_> = properties
            .iter()
            .map(|(key, schema)| {
                (
                    Just(key.clone()),
                    prop::bool::weighted(if required(key) { 0.97 } else { 0.3 }),
                    below(schema),
                )
            })
            .collect();
        let stray = prop::option::weighted(
            0.1,
            (prop::sample::select(vec!["zz", "ratte"]).prop_map(str::to_owned), anything()),
        );
        (entries, stray)
            .prop_map(|(entries, stray)| {
                let known =
                    entries.into_iter().filter(|(_, used, _)| *used).map(|(key, _, value)| (key, value));
                Value::Object(known.chain(stray).collect())
            })
            .boxed()
    } else if let Some(items) = schema.get("items") {
        prop::collection::vec(below(items), 0..4).prop_map(Value::from).boxed()
    } else {
        let types = facets::types(schema).into_iter().map(of_type).collect::<Vec<_>>();
        if types.is_empty() { anything().boxed() } else { prop::strategy::Union::new(types).boxed() }
    };
    prop_oneof![40 => meant, 1 => anything()].boxed()
}

fn schema_and_value() -> impl Strategy<Value = (Value, Value)> {
    prop_oneof![Just(run_schema()), Just(handmade_schema())].prop_flat_map(|schema| {
        let value = follows(&schema, &schema, 8);
        (Just(schema), value)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn the_verdict_is_that_of_the_jsonschema_crate((schema, value) in schema_and_value()) {
        let (_, problems) = conforming(&value, &schema, Coercion::None);
        prop_assert_eq!(problems.is_empty(), jsonschema::draft7::is_valid(&schema, &value), "{:?}", problems);
    }

    #[test]
    fn what_coercion_accepts_is_valid_afterwards((schema, value) in schema_and_value()) {
        let (coerced, problems) = conforming(&value, &schema, Coercion::Pydantic);
        if problems.is_empty() {
            prop_assert!(jsonschema::draft7::is_valid(&schema, &coerced), "{}", coerced);
        }
        let (same, strict) = conforming(&value, &schema, Coercion::None);
        if strict.is_empty() {
            prop_assert_eq!(problems, Vec::<String>::new());
            prop_assert_eq!(coerced, same);
        }
    }

    #[test]
    fn each_problem_has_a_fault((schema, value) in schema_and_value()) {
        let mut node = Node::from_json(&value, &Origin::Derived);
        for problem in conform(&mut node, &schema, Coercion::Pydantic) {
            prop_assert!(!problem.fault.is_empty());
            prop_assert!(!problem.to_string().contains("  "), "{}", problem);
        }
    }
}

/// The properties above say nothing if only one verdict occurs.
#[test]
fn the_generator_makes_valid_and_invalid_values() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut valid = 0;
    for _ in 0..300 {
        let (schema, value) = schema_and_value().new_tree(&mut runner).unwrap().current();
        valid += usize::from(jsonschema::draft7::is_valid(&schema, &value));
    }
    assert!((30..=270).contains(&valid), "{valid} of 300");
}

#[test]
fn keywords_that_are_not_understood_are_listed() {
    assert_eq!(unknown_keywords(&run_schema()), Vec::<String>::new());
    assert_eq!(unknown_keywords(&handmade_schema()), Vec::<String>::new());
    let foreign = json!({
        "properties": {"a": {"not": {}}, "b": {"items": [{}, {}]}},
        "anyOf": [{"if": {}}, {"$ref": "other.json"}],
        "unevaluatedProperties": false,
    });
    assert_eq!(
        unknown_keywords(&foreign),
        [
            "#/properties/a/not",
            "#/properties/b/items",
            "#/anyOf/0/if",
            "#/anyOf/1/$ref",
            "#/unevaluatedProperties"
        ]
    );
}

#[test]
fn references_without_end_accept_anything() {
    let schema = json!({"$ref": "#/definitions/a", "definitions": {"a": {"$ref": "#/definitions/a"}}});
    assert_eq!(conforming(&json!(1), &schema, Coercion::None).1, Vec::<String>::new());
}

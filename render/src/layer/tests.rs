//! Layering against what the real Helm makes of the same files and arguments, and its laws.

use benchmark_schemas::problem::Origin;
use proptest::prelude::*;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::*;
use crate::go_json;

/// A case of `helm.json`: files and arguments, and the values that Helm 4.2.3 gives to a template (`{{ .Values |
/// toRawJson }}` in a chart with these defaults); none if it refuses them.
#[derive(Deserialize)]
struct Case {
    args: Vec<(String, String)>,
    files: Vec<String>,
    defaults: String,
    values: Option<Value>,
}

fn layered(case: &Case) -> Result<Value, Problems> {
    let mut layers = Layers::default();
    for (i, text) in case.files.iter().enumerate() {
        layers.files.push(ValuesFile { name: format!("f{i}"), text: text.clone() });
    }
    for (flag, argument) in &case.args {
        let group = match flag.as_str() {
            "--set" => &mut layers.set,
            "--set-string" => &mut layers.set_string,
            "--set-json" => &mut layers.set_json,
            "--set-literal" => &mut layers.set_literal,
            other => panic!("{other} is no flag of the cases"),
        };
        group.push(argument.clone());
    }
    let defaults = yaml::parse(&case.defaults, "values.yaml", Dialect::Values)?;
    Ok(over_defaults(layers.merged()?, &defaults).to_json())
}

/// Arguments that Helm passes over without a word and that are refused here.
fn is_stricter(case: &Case) -> bool {
    let ignored = ["a.b", "a[0],b=1"];
    case.args.iter().any(|(_, argument)| ignored.contains(&argument.as_str()))
}

#[test]
fn values_are_those_of_helm() {
    let cases: Vec<Case> = serde_json::from_str(include_str!("helm.json")).unwrap();
    assert!(cases.len() > 100);
    let wrong: Vec<String> = cases
        .iter()
        .filter(|case| !is_stricter(case))
        .filter_map(|case| {
            let ours = layered(case);
            let same = match (&ours, &case.values) {
                (Ok(ours), Some(helm)) => go_json::to_string(ours) == go_json::to_string(helm),
                (Err(_), None) => true,
                _ => false,
            };
            let helm = case.values.as_ref().map(go_json::to_string);
            (!same).then(|| format!("{:?} {:?}\n  helm {helm:?}\n  ours {ours:?}", case.args, case.files))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_value_knows_its_place() {
    let layers = Layers {
        files: vec![ValuesFile { name: "my.yaml".into(), text: "a:\n  b: 1\n  c: 2\n".into() }],
        set: vec!["x=1,a.c=3".into()],
        set_json: vec![r#"{"j":{"k":1}}"#.into()],
        ..Layers::default()
    };
    let tree = layers.merged().unwrap();
    let place = |path: &[&str]| tree.at(path.iter().copied()).unwrap().origin.to_string();
    assert_eq!(place(&["a", "b"]), "my.yaml:2:6");
    assert_eq!(place(&["a", "c"]), "--set a.c=3");
    assert_eq!(place(&["x"]), "--set x=1");
    assert_eq!(place(&["j", "k"]), "--set-json {…}");
}

#[test]
fn all_files_and_arguments_are_judged_at_once() {
    let layers = Layers {
        files: vec![ValuesFile { name: "my.yaml".into(), text: "- 1\n".into() }],
        set: vec!["a".into(), "b[x]=1".into()],
        set_json: vec!["c={".into()],
        ..Layers::default()
    };
    insta::assert_snapshot!(layers.merged().unwrap_err(), @r#"
    my.yaml:1:1: a values file must be a mapping (write `benchmark:` and keys below it)
    --set a: has no value (write KEY=VALUE; a comma in a value is `\,`)
    --set b[x]: `x` is not a list index (write a number from 0 to 65536)
    --set-json c=…: the value is not JSON: EOF while parsing an object at line 1 column 1 (quote keys and strings with ")
    "#);
}

fn tree(value: &Value) -> Node {
    Node::from_json(value, &Origin::Derived)
}

fn scalars() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        "[a-c]{0,2}".prop_map(Value::from)
    ]
}

/// Mappings over few keys, so that layers meet.
fn mappings() -> impl Strategy<Value = Value> {
    let values = scalars().prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::Array),
            prop::collection::btree_map("[a-d]", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    });
    prop::collection::btree_map("[a-d]", values, 0..4)
        .prop_map(|map| Value::Object(map.into_iter().collect::<Map<_, _>>()))
}

fn merged(base: &Value, over: &Value) -> Value {
    let mut node = tree(base);
    node.merge(tree(over));
    node.to_json()
}

proptest! {
    #[test]
    fn nothing_changes_nothing(values in mappings()) {
        prop_assert_eq!(&merged(&values, &json!({})), &values);
        prop_assert_eq!(&merged(&json!({}), &values), &values);
    }

    #[test]
    fn a_layer_twice_is_the_layer_once(base in mappings(), over in mappings()) {
        let once = merged(&base, &over);
        prop_assert_eq!(&merged(&once, &over), &once);
    }

    #[test]
    fn the_later_layer_wins_and_the_rest_stays(base in mappings(), over in mappings()) {
        let all = merged(&base, &over);
        for (key, value) in over.as_object().unwrap() {
            if !(value.is_object() && base.get(key).is_some_and(Value::is_object)) {
                prop_assert_eq!(&all[key], value);
            }
        }
        for (key, value) in base.as_object().unwrap() {
            if over.get(key).is_none() {
                prop_assert_eq!(&all[key], value);
            }
        }
    }

    #[test]
    fn null_takes_a_default_away(defaults in mappings(), user in mappings()) {
        let all = over_defaults(tree(&user), &tree(&defaults)).to_json();
        for (key, default) in defaults.as_object().unwrap() {
            match user.get(key) {
                Some(Value::Null) => prop_assert_eq!(all.get(key), None),
                Some(value) if !value.is_object() => prop_assert_eq!(&all[key], value),
                None if default.is_null() => prop_assert_eq!(all.get(key), None),
                None if !default.is_object() => prop_assert_eq!(&all[key], default),
                _ => prop_assert!(all[key].is_object()),
            }
        }
    }

    #[test]
    fn no_argument_makes_it_panic(arguments in prop::collection::vec("[-a-c0-9.=,{}\\[\\]\\\\\" \\PC]{0,24}", 0..4)) {
        let layers = Layers {
            set: arguments.clone(),
            set_string: arguments.clone(),
            set_json: arguments.clone(),
            set_file: arguments.clone(),
            set_literal: arguments,
            ..Layers::default()
        };
        if let Err(problems) = layers.merged() {
            prop_assert!(!problems.as_slice().is_empty());
        }
    }
}

//! `testdata/helm_scalars.json` holds what Helm 4.2.3 (and 3.17.3, alike) printed with `{{ .Values | toJson }}` for the
//! values file `a: <spelling>`, and the key it made of `<spelling> : 1`; `testdata/pyyaml_scalars.json` what PyYAML 6.0.3
//! `safe_load` made of `a: <spelling>`. Null is a refusal; `date` and `nonfinite` stand for what JSON cannot hold.

use serde_json::{Map, Value};

use super::read;
use crate::yaml::Dialect;

fn table(file: &str, section: &str) -> Map<String, Value> {
    let table: Value = serde_json::from_str(file).unwrap();
    table[section].as_object().unwrap().clone()
}

/// The number or other value that a JSON text means; numbers as floats, which `serde_json` may round otherwise.
fn same(expected: &str, actual: &Value) -> bool {
    match actual {
        Value::Number(number) if number.is_f64() => expected.parse::<f64>().ok() == number.as_f64(),
        Value::Number(number) => {
            expected.parse::<f64>().ok() == number.as_f64() || expected == number.to_string()
        }
        other => serde_json::from_str::<Value>(expected).is_ok_and(|value| value == *other),
    }
}

/// What PyYAML reads and we do not, or the other way round, on purpose.
fn is_known_deviation(spelling: &str) -> bool {
    let beyond_64_bits = [
        "-9223372036854775809",
        "18446744073709551616",
        "12345678901234567890123",
        "-12345678901234567890",
        "100000000000000000000",
        "1000000000000000000000",
        "0x1FFFFFFFFFFFFFFFF",
    ];
    // A date that does not exist is text here, like all dates; a tab inside plain text is YAML, though not PyYAML's.
    beyond_64_bits.contains(&spelling) || ["2001-13-45", "a\tb"].contains(&spelling)
}

#[test]
fn values_are_what_helm_makes_of_them() {
    let file = include_str!("../testdata/helm_scalars.json");
    let mut wrong = Vec::new();
    for (spelling, expected) in table(file, "values") {
        let actual = read(&format!("a: {spelling}\n"), Dialect::Values);
        let right = match (expected.as_str(), &actual) {
            (None, Err(_)) => true,
            (Some(expected), Ok(actual)) => same(expected, &actual["a"]),
            _ => false,
        };
        if !right {
            wrong.push(format!("{spelling}: Helm {expected}, here {actual:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn keys_are_what_helm_makes_of_them() {
    let file = include_str!("../testdata/helm_scalars.json");
    let mut wrong = Vec::new();
    for (spelling, expected) in table(file, "keys") {
        let actual = read(&format!("{spelling} : 1\n"), Dialect::Values);
        let key = actual.as_ref().ok().and_then(|map| map.as_object()?.keys().next().cloned());
        if key.as_deref() != expected.as_str() {
            wrong.push(format!("{spelling}: Helm {expected}, here {actual:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn config_scalars_are_what_pyyaml_makes_of_them() {
    let file = include_str!("../testdata/pyyaml_scalars.json");
    let mut wrong = Vec::new();
    for (spelling, expected) in table(file, "values") {
        let actual = read(&format!("a: {spelling}\n"), Dialect::Config);
        let right = match (expected.as_str(), &actual) {
            (None | Some("nonfinite"), Err(_)) => true,
            (Some("date"), Ok(actual)) => actual["a"].is_string(),
            (Some(expected), Ok(actual)) => same(expected, &actual["a"]),
            _ => false,
        };
        if right == is_known_deviation(&spelling) {
            wrong.push(format!("{spelling}: PyYAML {expected}, here {actual:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

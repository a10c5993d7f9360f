//! What [`emit`] writes, and that both dialects read it back.

use insta::assert_snapshot;
use proptest::prelude::*;
use serde_json::{Number, Value, json};

use super::read;
use crate::yaml::{Dialect, emit};

#[test]
fn emitted_form() {
    let value = json!({
        "b": 1, "a": [1, {"x": 2.0, "y": [], "z": {}}, [true, [null]]],
        "text": ["plain", "two words", "yes", "y", "1e3", "1:30", "", " a", "a: b", "a #b", "- a", "#", "2001-01-01", "é", "\t", "x:", "~", "0o7", "=", "<<"],
        "lines": "one\n\n  two\n", "open": "a\nb", "kept": "a\n\n", "indented": "  a\nb\n", "crlf": "a\r\nb",
        "yes": 1e22, "1": -1.5e-7, "null": 1e3, "a b": {"n": null},
    });
    assert_snapshot!(emit(&value), @r##"
    b: 1
    a:
    - 1
    - x: 2.0
      "y": []
      z: {}
    - - true
      - - null
    text:
    - plain
    - two words
    - "yes"
    - "y"
    - "1e3"
    - "1:30"
    - ""
    - " a"
    - "a: b"
    - "a #b"
    - "- a"
    - "#"
    - "2001-01-01"
    - é
    - "\t"
    - "x:"
    - "~"
    - "0o7"
    - "="
    - "<<"
    lines: |
      one

        two
    open: |-
      a
      b
    kept: |+
      a

    indented: "  a\nb\n"
    crlf: "a\r\nb"
    "yes": 1.0e+22
    "1": -1.5e-7
    "null": 1000.0
    a b:
      "n": null
    "##);
    assert_eq!(emit(&json!({})), "{}\n");
    assert_eq!(
        emit(&json!(["2026-11-24", "2026-1-2 3:04:05", "2026-x"])),
        "- \"2026-11-24\"\n- \"2026-1-2 3:04:05\"\n- 2026-x\n"
    );
    assert_eq!(emit(&json!("a\nb\n")), "|\n  a\n  b\n");
    assert_eq!(emit(&json!([[1, 2], [3]])), "- - 1\n  - 2\n- - 3\n");
}

/// Helm's view of a value: all numbers are 64-bit floats.
fn rounded(value: &Value) -> Value {
    match value {
        Value::Number(number) => json!(number.as_f64().unwrap()),
        Value::Array(items) => items.iter().map(rounded).collect(),
        Value::Object(entries) => {
            Value::Object(entries.iter().map(|(key, value)| (key.clone(), rounded(value))).collect())
        }
        other => other.clone(),
    }
}

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[-+0-9._:eExobn~ yYnNtrueofl]{0,8}",
        "[ \t\n\r\u{85}\u{2028}\u{feff}ab#:,\\[\\]{}&*!|>'\"%@`?=<-]{0,12}",
        "([ab #:-]{0,4}\n){0,4}[ab\n]{0,3}",
        "(a|é){990,1040}",
    ]
}

fn any_json() -> impl Strategy<Value = Value> {
    let number = prop_oneof![
        any::<i64>().prop_map(Number::from),
        any::<u64>().prop_map(Number::from),
        any::<f64>().prop_filter_map("finite", Number::from_f64),
        (-1000_i32..1000).prop_map(|n| Number::from_f64(f64::from(n)).unwrap()),
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        number.prop_map(Value::Number),
        any_text().prop_map(Value::String),
    ];
    leaf.prop_recursive(5, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::Array),
            prop::collection::vec((any_text(), inner), 0..6)
                .prop_map(|entries| Value::Object(entries.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn emitted_values_read_back(value in any_json()) {
        let text = emit(&value);
        prop_assert_eq!(read(&text, Dialect::Config), Ok(value.clone()), "{}", text);
        let node = read(&text, Dialect::Values).map(|value| rounded(&value));
        prop_assert_eq!(node, Ok(rounded(&value)), "{}", text);
    }
}

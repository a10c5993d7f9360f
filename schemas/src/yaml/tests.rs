//! `testdata/helm_scalars.json` holds what Helm 4.2.3 (and 3.17.3, alike) printed with `{{ .Values | toJson }}` for the
//! values file `a: <spelling>`, and the key it made of `<spelling> : 1`; `testdata/pyyaml_scalars.json` what PyYAML 6.0.3
//! `safe_load` made of `a: <spelling>`. Null is a refusal; `date` and `nonfinite` stand for what JSON cannot hold.

use insta::assert_snapshot;
use proptest::prelude::*;
use serde_json::{Map, Number, Value, json};

use super::{Dialect, emit, parse, parse_all};
use crate::tree::Node;

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

fn read(text: &str, dialect: Dialect) -> Result<Value, String> {
    parse(text, "t.yml", dialect).map(|node| node.to_json()).map_err(|problems| problems.to_string())
}

#[test]
fn values_are_what_helm_makes_of_them() {
    let file = include_str!("testdata/helm_scalars.json");
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
    let file = include_str!("testdata/helm_scalars.json");
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
    let file = include_str!("testdata/pyyaml_scalars.json");
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

fn problems(text: &str, dialect: Dialect) -> String {
    match parse(text, "f.yml", dialect) {
        Ok(node) => panic!("accepted as {}", node.to_json()),
        Err(problems) => problems.to_string(),
    }
}

fn both(text: &str) -> [Result<Value, String>; 2] {
    [read(text, Dialect::Config), read(text, Dialect::Values)]
}

#[test]
fn places_are_those_of_keys_and_values() {
    let text = "a: 1\n# note\nlöad:\n  stages:\n    - rate: 5\n      x: é\n  empty:\n  quoted: \"q\"\n  tagged: !!str 5\n";
    let node = parse(text, "f.yml", Dialect::Config).unwrap();
    let at = |path: &[&str]| node.at(path.iter().copied()).unwrap().origin.to_string();
    assert_eq!(at(&["a"]), "f.yml:1:4");
    assert_eq!(at(&["löad", "stages", "0", "rate"]), "f.yml:5:13");
    assert_eq!(at(&["löad", "stages", "0"]), "f.yml:5:7");
    // An empty value stands where its key stands.
    assert_eq!(at(&["löad", "empty"]), "f.yml:7:3");
    assert_eq!(at(&["löad", "quoted"]), "f.yml:8:11");
    let crate::tree::Content::Map(entries) = &node.get("löad").unwrap().content else {
        panic!("no mapping")
    };
    assert_eq!(entries["quoted"].key_origin.to_string(), "f.yml:8:3");
}

#[test]
fn documents() {
    assert_eq!(both(""), [Ok(Value::Null), Ok(Value::Null)]);
    assert_eq!(both("# only a comment\n"), [Ok(Value::Null), Ok(Value::Null)]);
    assert_eq!(both("\u{feff}a: 1\n"), [Ok(json!({"a": 1})), Ok(json!({"a": 1}))]);
    assert_eq!(both("---\na: 1\n...\n"), [Ok(json!({"a": 1})), Ok(json!({"a": 1}))]);
    assert_eq!(parse_all("", "f.yml", Dialect::Config).unwrap(), Vec::<Node>::new());
    let all = parse_all("a: 1\n---\n---\n- b\n", "f.yml", Dialect::Values).unwrap();
    let all: Vec<Value> = all.iter().map(Node::to_json).collect();
    assert_eq!(all, [json!({"a": 1}), Value::Null, json!(["b"])]);
    assert_snapshot!(problems("a: 1\n---\nb: 2\n", Dialect::Config), @"");
}

#[test]
fn of_equal_keys_the_last_wins() {
    assert_eq!(both("a: 1\nb: 2\na: 3\n"), [Ok(json!({"a": 3, "b": 2})), Ok(json!({"a": 3, "b": 2}))]);
}

#[test]
fn keys_become_text() {
    let text = "1: a\nyes: b\n1.50: c\n\"2\": d\n2001-01-01: e\n";
    let config = json!({"1": "a", "yes": "b", "1.50": "c", "2": "d", "2001-01-01": "e"});
    let values = json!({"1": "a", "true": "b", "1.5": "c", "2": "d", "2001-01-01": "e"});
    assert_eq!(both(text), [Ok(config), Ok(values)]);
}

#[test]
fn merge_keys() {
    let base = "a: &a {x: 1, z: 1}\nc: &c {x: 2, w: 2}\n";
    let merged = |text: &str, dialect| read(&format!("{base}{text}"), dialect).unwrap()["b"].clone();
    for dialect in [Dialect::Config, Dialect::Values] {
        assert_eq!(merged("b:\n  <<: *a\n  x: 5\n", dialect), json!({"x": 5, "z": 1}));
        assert_eq!(merged("b:\n  <<: [*a, *c]\n", dialect), json!({"x": 1, "w": 2, "z": 1}));
        assert_eq!(merged("b:\n  <<: *a\n  <<: *c\n", dialect), json!({"x": 2, "z": 1, "w": 2}));
        assert_eq!(merged("b:\n  \"<<\": *a\n", dialect), json!({"<<": {"x": 1, "z": 1}}));
    }
    // Seen with PyYAML 6.0.3 and Helm 4.2.3.
    assert_eq!(merged("b:\n  x: 5\n  <<: *a\n", Dialect::Config), json!({"x": 5, "z": 1}));
    assert_eq!(merged("b:\n  x: 5\n  <<: *a\n", Dialect::Values), json!({"x": 1, "z": 1}));
    assert_snapshot!(problems("a:\n  <<: 5\n", Dialect::Config), @"");
}

#[test]
fn aliases() {
    assert_eq!(both("a: &x [1]\nb: *x\n")[0], Ok(json!({"a": [1], "b": [1]})));
    assert_eq!(both("k: &k name\n*k : 1\n")[1], Ok(json!({"k": "name", "name": 1})));
    assert_snapshot!(problems("a: &a [1, *a]\n", Dialect::Config), @"");
    assert_snapshot!(problems("a: *b\n", Dialect::Values), @"");
    // An anchor ends with its document.
    assert_snapshot!(parse_all("a: &a 1\n---\nb: *a\n", "f.yml", Dialect::Config).unwrap_err(), @"");
}

#[test]
fn hostile_texts_are_refused_soon() {
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for i in 1..40 {
        let alias = format!("*a{}", i - 1);
        bomb += &format!("a{i}: &a{i} [{}]\n", [alias.as_str(); 10].join(", "));
    }
    assert_snapshot!(problems(&bomb, Dialect::Config), @"");
    assert_snapshot!(problems(&"[".repeat(100_000), Dialect::Config), @"");
    assert_snapshot!(problems(&"- ".repeat(100_000), Dialect::Values), @"");
    let open: String = (0..200).map(|i| format!("{:i$}a:\n", "")).collect();
    assert_snapshot!(problems(&open, Dialect::Values), @"");
    // Depth by aliases: each level holds the one before.
    let mut deep = "a0: &a0 []\n".to_owned();
    for i in 1..200 {
        deep += &format!("a{i}: &a{i} [*a{}]\n", i - 1);
    }
    assert_snapshot!(problems(&deep, Dialect::Config), @"");
}

#[test]
fn refused_scalars_and_tags() {
    let text = "rate: .inf\nseed: 99999999999999999999\neq: =\nobj: !!python/object:os.system x\nset: !!set {a, b}\n";
    assert_snapshot!(problems(text, Dialect::Config), @"");
    assert_snapshot!(problems("a: {b: [.nan]}\nc: !!int x\nd: !!binary aGk=\n~: e\n[f]: g\n", Dialect::Values), @"");
}

#[test]
fn characters() {
    assert_snapshot!(problems("a: 1\nb: x\0y\n", Dialect::Config), @"");
    assert_snapshot!(problems("é: \u{2028}\n", Dialect::Values), @"");
    assert_snapshot!(problems("a:\n\tb: 1\n", Dialect::Config), @"");
    assert_eq!(both("a: \"\\0\\x07\\u2028\"\n")[0], Ok(json!({"a": "\0\u{7}\u{2028}"})));
}

#[test]
fn syntax_faults() {
    let faults = [
        "a: b: c\n",
        "a: [1, 2\nb: 3\n",
        "a: {b: 1\n",
        "a: \"x\nb: 1\n",
        "a: \"x\" y\n",
        "a: \"\\q\"\n",
        "a: 'x\n",
        "a: 1\n b: 2\n",
        "a:\n  b: 1\n c: 2\n",
        "a: @x\n",
        "a: `x`\n",
        "a: %x\n",
        "a: *\n",
        "a: - b\n",
        "a: ? b\n",
        "a\nb: 1\n",
        "a: 1\nb\n",
        "- a\nb: 1\n",
        "a: ]\n",
        "a: !x!y z\n",
        "a: |x\n  b\n",
        "%YAML 3\n---\na: 1\n",
        "a: |\n  x\n y\n",
        "a: 1\n- b\n",
        "a: &\n",
        "{{ .Values.x }}\n",
        "a: {{ x }}\n",
    ];
    let report: Vec<String> =
        faults.iter().map(|text| format!("{text:?}\n    {}", problems(text, Dialect::Config))).collect();
    assert_snapshot!(report.join("\n"), @"");
}

#[test]
fn emitted_form() {
    let value = json!({
        "b": 1, "a": [1, {"x": 2.0, "y": [], "z": {}}, [true, [null]]],
        "text": ["plain", "two words", "yes", "y", "1e3", "1:30", "", " a", "a: b", "a #b", "- a", "#", "2001-01-01", "é", "\t", "x:", "~", "0o7", "=", "<<"],
        "lines": "one\n\n  two\n", "open": "a\nb", "kept": "a\n\n", "indented": "  a\nb\n", "crlf": "a\r\nb",
        "yes": 1e22, "1": -1.5e-7, "null": 1e3, "a b": {"n": null},
    });
    assert_snapshot!(emit(&value), @"");
    assert_eq!(emit(&json!({})), "{}\n");
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

/// Pieces that make grammatical trouble when put together.
fn yaml_like() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        prop::sample::select(vec![
            "a",
            "b: ",
            ": ",
            "- ",
            "? ",
            "\n",
            "\n  ",
            "\n    ",
            " ",
            "\t",
            "[",
            "]",
            "{",
            "}",
            ",",
            "&a ",
            "*a",
            "<<: ",
            "!!str ",
            "!!int ",
            "!x ",
            "!<",
            "| ",
            "|-\n",
            ">+2\n",
            "'",
            "\"",
            "\\x4",
            "#",
            "---\n",
            "...\n",
            "%TAG ! x\n",
            "%YAML 1.1\n",
            "1e3",
            "1:3",
            ".inf",
            "~",
            "é",
            "\u{feff}",
            "\r\n",
            "\0",
            "@",
            "`",
            "0x",
            "_",
            ".",
        ])
        .prop_map(str::to_owned),
        any::<char>().prop_map(String::from),
    ];
    prop::collection::vec(piece, 0..30).prop_map(|pieces| pieces.concat())
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

    #[test]
    fn any_text_is_read_or_refused_with_a_place(text in prop_oneof![any::<String>(), yaml_like()]) {
        for dialect in [Dialect::Config, Dialect::Values] {
            if let Err(problems) = parse_all(&text, "f.yml", dialect) {
                let first = problems.as_slice()[0].to_string();
                prop_assert!(first.starts_with("f.yml:"), "{}", first);
            }
        }
    }
}

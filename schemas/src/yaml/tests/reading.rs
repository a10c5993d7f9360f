//! Documents, places, keys, merge keys and aliases.

use insta::assert_snapshot;
use serde_json::{Value, json};

use super::{both, problems, read};
use crate::tree::{Content, Node};
use crate::yaml::{Dialect, parse, parse_all};

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
    let Content::Map(entries) = &node.get("löad").unwrap().content else { panic!("no mapping") };
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
    assert_snapshot!(problems("a: 1\n---\nb: 2\n", Dialect::Config), @"f.yml:2:1: a second document starts here, only one is read (remove the `---` line, or put the rest into a file of its own)");
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
    assert_snapshot!(problems("a:\n  <<: 5\n", Dialect::Config), @"f.yml:2:7: a.<<: `<<` merges mappings only (give it a `*` alias of a mapping, or a list of them)");
}

#[test]
fn aliases() {
    assert_eq!(both("a: &x [1]\nb: *x\n")[0], Ok(json!({"a": [1], "b": [1]})));
    assert_eq!(both("k: &k name\n*k : 1\n")[1], Ok(json!({"k": "name", "name": 1})));
    assert_snapshot!(problems("a: &a [1, *a]\n", Dialect::Config), @"f.yml:1:11: a[1]: this alias stands inside the value it repeats (write the value out)");
    assert_snapshot!(problems("a: *b\n", Dialect::Values), @"f.yml:1:4: this `*` alias names no anchor above (define it with `&name`, or put text that starts with `*` into quotes)");
    // An anchor ends with its document.
    assert_snapshot!(parse_all("a: &a 1\n---\nb: *a\n", "f.yml", Dialect::Config).unwrap_err(), @"f.yml:3:4: b: this alias names an anchor of another document (write the value out)");
}

#[test]
fn the_last_line_may_lack_its_newline() {
    // Seen with PyYAML 6.0.3 and Helm 4.2.3.
    assert_eq!(both("a: |\n  x"), [Ok(json!({"a": "x"})), Ok(json!({"a": "x\n"}))]);
    assert_eq!(both("a: |+\n  x\n  "), [Ok(json!({"a": "x\n"})), Ok(json!({"a": "x\n\n"}))]);
    assert_eq!(both("a: >\n  x\n  y\n"), [Ok(json!({"a": "x y\n"})), Ok(json!({"a": "x y\n"}))]);
    assert_eq!(both("a: x"), [Ok(json!({"a": "x"})), Ok(json!({"a": "x"}))]);
}

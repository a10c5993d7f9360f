//! Values for any key, from its schema: mostly of the right kind, in every spelling, and texts that are hard to keep apart
//! from syntax.

use serde_json::{Map, Value, json};

use super::dice::Dice;

/// What is given to a key.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Given {
    /// A value, written as JSON.
    Json(Value),
    /// A scalar as typed: what it means is the reader's to say.
    Typed(String),
}

/// Texts that names and addresses are made of, and what only looks like them.
const TAME: [&str; 27] = [
    "a",
    "model",
    "team-a",
    "qwen3-8b",
    "Qwen/Qwen3-8B",
    "v0.2.0",
    "2Gi",
    "500m",
    "http://h:8000",
    "http://svc.ns:8000/",
    "https://svc.ns.svc.cluster.local",
    "http://10.0.0.1:80/x?y#z",
    "https://api.example.com",
    "http://h/v1",
    "s3://b/p/{timestamp}",
    "registry.example:5000/",
    "quay.io/inference-perf/inference-perf",
    "sha256:0123",
    "/tmp/x",
    "a.b.c",
    "A_b-c.D",
    "0abc",
    "-x",
    "x-",
    "hash",
    "none",
    "{timestamp}",
];

/// Texts that look like something else.
const HOSTILE: [&str; 62] = [
    "",
    " ",
    "  a",
    "a ",
    "\n",
    "a\nb",
    "a\n",
    "\na",
    "a\r\nb",
    "\t",
    "\ta",
    "a: b",
    "a:",
    ": a",
    "- a",
    "-",
    "? a",
    "#a",
    "a #b",
    "&a",
    "*a",
    "!a",
    "!!int 5",
    "%a",
    "@a",
    "`a`",
    "|",
    ">",
    ">-\n a",
    "[",
    "]",
    "{",
    "}",
    "{}",
    "[]",
    ",",
    "a,b",
    "'",
    "\"",
    "\\",
    "\\n",
    "''",
    "~",
    "null",
    "yes",
    "no",
    "on",
    "off",
    "y",
    "true",
    "0123",
    "0x1F",
    "0o17",
    "1e3",
    "1_000",
    "1:30",
    ".inf",
    "2026-11-24",
    "=",
    "<<",
    "{{ .Values }}",
    "$(id) ${X} %s %!d",
];

/// Characters beyond ASCII that readers and writers of YAML treat in ways of their own.
const STRANGE: [&str; 16] = [
    "é", "漢字", "🚀", "\u{feff}", "\u{a0}", "\u{200b}", "\u{2028}", "\u{2029}", "\u{85}", "\u{7f}",
    "\u{9f}", "\u{fffe}", "\u{ffff}", "\u{fffd}", "\u{1}", "e\u{301}",
];

/// Spellings of numbers, some of which are none.
const NUMBERS: [&str; 56] = [
    "0",
    "1",
    "2",
    "5",
    "7",
    "64",
    "100",
    "300",
    "0.5",
    "2.5",
    "99.9",
    "1000",
    "12345.678",
    "1234567",
    "1000000000",
    "2147483647",
    "2147483648",
    "1000000000000",
    "1000000000001",
    "9007199254740993",
    "12345678901234567890",
    "1e400",
    "1e-400",
    "0.1",
    "0.30000000000000004",
    "5.0",
    "5.",
    ".5",
    "05",
    "007",
    "0.50",
    "00.5",
    "1e3",
    "1E3",
    "1e+3",
    "1.5e2",
    "1e-7",
    "+5",
    "+0.5",
    "-0",
    "-1",
    "-0.0",
    "0x1F",
    "0o17",
    "0b101",
    "1_000",
    "1_0.5",
    "1:30",
    "1:30:00",
    ".inf",
    "-.inf",
    ".nan",
    "٣",
    "5 ",
    "1,5",
    "1e",
];

/// A text, tame or not.
pub(crate) fn text(dice: &mut Dice) -> String {
    match dice.below(10) {
        0..=3 => (*dice.pick(&TAME)).to_owned(),
        4..=6 => (*dice.pick(&HOSTILE)).to_owned(),
        7 => format!("{}{}", dice.pick(&TAME), dice.pick(&HOSTILE)),
        8 => format!("{}{}{}", dice.pick(&STRANGE), dice.pick(&HOSTILE), dice.pick(&STRANGE)),
        _ => dice.pick(&["x", "ab-", "é"]).repeat(dice.below(260)),
    }
}

/// A name for an entry of a map whose names the user chooses.
pub(crate) fn name(dice: &mut Dice) -> String {
    const NAMES: [&str; 9] = [
        "a",
        "note",
        "app.kubernetes.io/name",
        "x-route",
        "kueue.x-k8s.io/queue-name",
        "benchmark.scenario",
        "checksum/config",
        "B_1",
        "app",
    ];
    if dice.percent(90) { (*dice.pick(&NAMES)).to_owned() } else { text(dice) }
}

/// A number as typed, at times in quotes or with a tag.
fn number(dice: &mut Dice) -> Given {
    let spelt = if dice.percent(60) { *dice.pick(&NUMBERS[..13]) } else { *dice.pick(&NUMBERS) };
    Given::Typed(match dice.below(12) {
        0 => format!("\"{spelt}\""),
        1 => format!("'{spelt}'"),
        2 => format!("!!str {spelt}"),
        3 => format!("!!float {spelt}"),
        _ => spelt.to_owned(),
    })
}

/// Something for a key whose schema is `schema`.
pub(crate) fn given(schema: &Value, dice: &mut Dice) -> Given {
    if dice.percent(6) {
        return Given::Json(Value::Null);
    }
    if dice.percent(4) {
        return scalar(dice);
    }
    let schema = one_of(schema, dice);
    if let Some(choice) = choice(schema, dice) {
        return Given::Json(choice);
    }
    let types = types(schema);
    if types.iter().any(|name| matches!(*name, "number" | "integer")) {
        return number(dice);
    }
    if types.is_empty() {
        return Given::Json(anything(dice, 2));
    }
    match *dice.pick(&types) {
        "boolean" => Given::Typed(
            (*dice.pick(&[
                "true", "false", "true", "false", "yes", "no", "on", "off", "True", "y", "\"true\"",
            ]))
            .to_owned(),
        ),
        "string" => Given::Json(json!(text(dice))),
        _ => Given::Json(value(schema, dice, 3)),
    }
}

/// The types that a schema names, without that of null.
fn types(schema: &Value) -> Vec<&str> {
    let names = match schema.get("type") {
        Some(Value::Array(names)) => names.as_slice(),
        one => one.map_or(&[][..], std::slice::from_ref),
    };
    names.iter().filter_map(Value::as_str).filter(|name| *name != "null").collect()
}

/// One of the alternatives of a schema that has some.
fn one_of<'a>(schema: &'a Value, dice: &mut Dice) -> &'a Value {
    for keyword in ["anyOf", "oneOf"] {
        if let Some(parts) = schema.get(keyword).and_then(Value::as_array) {
            return one_of(dice.pick(parts), dice);
        }
    }
    schema
}

/// One of the values that the schema lists.
fn choice(schema: &Value, dice: &mut Dice) -> Option<Value> {
    let choices = schema.get("enum").and_then(Value::as_array).map(|choices| dice.pick(choices));
    choices.or(schema.get("const")).cloned()
}

fn scalar(dice: &mut Dice) -> Given {
    match dice.below(4) {
        0 => Given::Typed((*dice.pick(&NUMBERS)).to_owned()),
        1 => Given::Json(json!(dice.percent(50))),
        _ => Given::Json(json!(text(dice))),
    }
}

/// A value as JSON, `depth` levels of maps and lists at most.
fn value(schema: &Value, dice: &mut Dice, depth: usize) -> Value {
    let schema = one_of(schema, dice);
    if let Some(choice) = choice(schema, dice) {
        return choice;
    }
    if let Some(properties) = schema.get("properties").and_then(Value::as_object) {
        let mut entries = Map::new();
        for (name, schema) in properties {
            if depth > 0 && dice.percent(35) {
                entries.insert(name.clone(), value(schema, dice, depth - 1));
            }
        }
        return Value::Object(entries);
    }
    let types = types(schema);
    let is = |name: &str| types.contains(&name);
    if is("object") && !(is("array") && dice.percent(10)) {
        let inner = schema.get("additionalProperties");
        let mut entries = Map::new();
        for _ in 0..dice.below(3) {
            let entry = match inner {
                Some(schema @ Value::Object(_)) if depth > 0 => value(schema, dice, depth - 1),
                _ => anything(dice, depth.saturating_sub(1)),
            };
            entries.insert(name(dice), entry);
        }
        return Value::Object(entries);
    }
    if is("array") {
        let most = schema.get("maxItems").and_then(Value::as_u64).unwrap_or(2);
        let count = dice.below(usize::try_from(most).unwrap_or_default() + 1);
        let nothing = Value::Null;
        let items = schema.get("items").unwrap_or(&nothing);
        return (0..count).map(|_| item(items, dice, depth)).collect();
    }
    match () {
        () if is("integer") => json!(dice.pick(&[0, 1, 5, 300, 1_234_567, -1])),
        () if is("number") => json!(dice.pick(&[0.0, 0.5, 5.0, 1e-7, 1e21])),
        () if is("boolean") => json!(dice.percent(50)),
        () if is("string") => json!(text(dice)),
        () => anything(dice, depth),
    }
}

/// An item of a list; of those that Kubernetes names, most have what names them.
fn item(schema: &Value, dice: &mut Dice, depth: usize) -> Value {
    let plain = schema.get("properties").is_none() && schema.get("type") == Some(&json!("object"));
    let mut item = if plain { fragment(dice) } else { value(schema, dice, depth.saturating_sub(1)) };
    if let (true, Value::Object(entries)) = (dice.percent(85), &mut item) {
        let number = dice.below(90);
        for key in ["name", "mountPath"] {
            entries.entry(key).or_insert_with(|| {
                json!(format!("/n{number}").trim_start_matches(if key == "name" { "/" } else { "" }))
            });
        }
    }
    item
}

/// A part of a Kubernetes object.
fn fragment(dice: &mut Dice) -> Value {
    const KEYS: [&str; 16] = [
        "kind",
        "apiVersion",
        "metadata",
        "spec",
        "key",
        "operator",
        "effect",
        "value",
        "valueFrom",
        "emptyDir",
        "secret",
        "image",
        "ip",
        "hostnames",
        "restartPolicy",
        "labelSelector",
    ];
    const KINDS: [&str; 6] =
        ["ConfigMap", "Secret", "NetworkPolicy", "PersistentVolumeClaim", "Zebra", "Job"];
    let mut entries = Map::new();
    for _ in 0..=dice.below(4) {
        let key = *dice.pick(&KEYS);
        let given = if key == "kind" { json!(dice.pick(&KINDS)) } else { anything(dice, 2) };
        entries.insert(key.to_owned(), given);
    }
    Value::Object(entries)
}

/// Anything that JSON can say.
fn anything(dice: &mut Dice, depth: usize) -> Value {
    match dice.below(if depth == 0 { 6 } else { 9 }) {
        0 => Value::Null,
        1 => json!(dice.percent(50)),
        2 => json!(dice.pick(&[0, 1, -5, 443, 9_007_199_254_740_993_i64])),
        3 => json!(dice.pick(&[0.5, -1.5e-7, 1e22, 1e6, 0.1])),
        4 | 5 => json!(text(dice)),
        6 => (0..dice.below(3)).map(|_| anything(dice, depth - 1)).collect(),
        _ => {
            let entries =
                (0..dice.below(3)).map(|_| (name(dice), anything(dice, depth - 1))).collect::<Vec<_>>();
            Value::Object(entries.into_iter().collect())
        }
    }
}

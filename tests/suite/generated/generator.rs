//! Deals the keys of the schema out to cases, so that every key has its turn.

use std::collections::BTreeSet;

use benchmark_render::{Release, render};
use serde_json::{Value, json};

use super::case::{Assignment, Case, Form, Step};
use super::dice::Dice;
use super::words::{Given, given, name};

/// A key of the values and what the schema says of it. User-chosen names are `NAME`, positions `[0]`.
#[derive(Debug, Clone)]
pub(crate) struct Key {
    pub(crate) path: String,
    pub(crate) schema: Value,
}

/// Every key that the schema names; read here without `explain`, which is tested with it.
pub(crate) fn keys(schema: &Value) -> Vec<Key> {
    let mut keys = Vec::new();
    collect(schema, "", &mut keys);
    let mut seen = BTreeSet::new();
    keys.retain(|key| seen.insert(key.path.clone()));
    keys
}

fn collect(schema: &Value, path: &str, keys: &mut Vec<Key>) {
    if !schema.is_object() {
        return;
    }
    let at = |step: &str| if path.is_empty() { step.to_owned() } else { format!("{path}.{step}") };
    for (name, schema) in schema["properties"].as_object().into_iter().flatten() {
        let path = at(name);
        keys.push(Key { path: path.clone(), schema: schema.clone() });
        collect(schema, &path, keys);
    }
    for keyword in ["anyOf", "oneOf", "allOf"] {
        schema[keyword].as_array().into_iter().flatten().for_each(|part| collect(part, path, keys));
    }
    collect(&schema["additionalProperties"], &at("NAME"), keys);
    collect(&schema["items"], &format!("{path}[0]"), keys);
}

/// How many objects a release with these values has; nothing if the renderer refuses them.
fn objects(case: &Case) -> Option<usize> {
    let release = Release::new(case.release, case.namespace.unwrap_or_default()).expect("good names");
    render(&release, &case.layers()).ok().map(|objects| objects.len())
}

/// Makes cases.
pub(crate) struct Generator {
    dice: Dice,
    keys: Vec<Key>,
    deck: Vec<usize>,
}

impl Generator {
    pub(crate) fn new(keys: Vec<Key>, seed: u64) -> Self {
        Self { dice: Dice::new(seed), keys, deck: Vec::new() }
    }

    /// A case of some keys. Most are accepted by the renderer; three of ten have something that it refuses.
    pub(crate) fn case(&mut self) -> Case {
        const RELEASES: [&str; 5] = [
            "r",
            "nightly-2",
            "benchmark-charts",
            "my-benchmark-charts",
            "a-release-name-that-is-as-long-as-helm-will-accept-it",
        ];
        let mut case = Case {
            release: RELEASES[self.dice.below(RELEASES.len())],
            namespace: if self.dice.percent(30) { Some("team-a") } else { None },
            assignments: Vec::new(),
        };
        let scenario = self.scenario(&mut case);
        let dealt: Vec<usize> = (0..4 + self.dice.below(8)).map(|_| self.deal()).collect();
        let spoil = self.dice.percent(30);
        let mut in_vain = Vec::new();
        for &number in &dealt {
            let key = self.keys[number].clone();
            if !self.try_key(&mut case, &key, scenario) {
                in_vain.push(number);
            }
        }
        if spoil || objects(&case) == Some(0) {
            in_vain = dealt;
        }
        for number in in_vain {
            // It has another turn soon.
            let soon = self.deck.len().saturating_sub(20);
            self.deck.insert(soon, number);
        }
        for _ in 0..if spoil { 40 } else { 0 } {
            let number = self.dice.below(self.keys.len());
            let key = self.keys[number].clone();
            let mut spoilt = case.clone();
            spoilt.assignments.push(self.assignment(&key, scenario));
            if objects(&spoilt).is_none() {
                return spoilt;
            }
        }
        case
    }

    /// Number of the next key; each comes once before any comes again.
    fn deal(&mut self) -> usize {
        if self.deck.is_empty() {
            self.deck = (0..self.keys.len()).collect();
            self.dice.shuffle(&mut self.deck);
        }
        self.deck.pop().unwrap_or_default()
    }

    /// Adds a value for `key` that the renderer takes, with what makes the key count; false if there is none.
    fn try_key(&mut self, case: &mut Case, key: &Key, scenario: &'static str) -> bool {
        for attempt in 0..12 {
            let mut tried = case.clone();
            if attempt < 6 && self.dice.percent(70) {
                tried.assignments.extend(enabling(&key.path));
            }
            let mut assignment = self.assignment(key, scenario);
            if attempt == 11 {
                assignment.given = Given::Json(Value::Null);
                assignment.form = Form::File(0);
            }
            tried.assignments.push(assignment);
            if objects(&tried).is_some() {
                *case = tried;
                return true;
            }
        }
        false
    }

    /// Chooses the scenario that runs, at times one of the user's own; gives its name.
    fn scenario(&mut self, case: &mut Case) -> &'static str {
        let name = *self.dice.pick(&[
            "baseline",
            "saturation",
            "sweep",
            "production",
            "dataset",
            "mine",
            "mine",
            "Long_Context.v2",
        ]);
        if name != "baseline" {
            case.assignments.push(fixed("benchmark.scenario", json!(name), Form::SetString));
        }
        if matches!(name, "mine" | "Long_Context.v2") {
            let scenario = self.own_scenario();
            let mut own = fixed("benchmark.scenarios", scenario, Form::File(0));
            own.path.push(Step::Key(name.to_owned()));
            // Key by key, so that files can add to it.
            case.assignments.extend(flat(own));
        }
        name
    }

    fn own_scenario(&mut self) -> Value {
        let lengths = json!({ "mean": 64, "stdDev": 8, "min": 1, "max": 128 });
        let rates = [0.5, 1.0, 12.5, 1000.0];
        let count = 1 + self.dice.below(4);
        let concurrent = self.dice.percent(35);
        let stages: Vec<Value> = (0..count)
            .map(|i| {
                if concurrent {
                    json!({ "numRequests": 10 * (i + 1), "concurrencyLevel": i + 1 })
                } else {
                    json!({ "rate": *self.dice.pick(&rates), "duration": 30 * (i + 1) })
                }
            })
            .collect();
        let kind = if concurrent { "concurrent" } else { *self.dice.pick(&["constant", "poisson"]) };
        let mut scenario = json!({ "load": { "type": kind, "stages": stages } });
        if self.dice.percent(70) {
            scenario["data"] = json!({ "input": lengths, "output": lengths });
        } else {
            scenario["data"] = json!({ "type": "mock" });
        }
        scenario
    }

    fn assignment(&mut self, key: &Key, scenario: &str) -> Assignment {
        let path = self.path(&key.path, scenario);
        let given = given(&key.schema, &mut self.dice);
        let is_plain_word =
            |text: &str| text.parse::<f64>().is_ok() || text.chars().all(char::is_alphanumeric);
        let forms: &[Form] = match &given {
            Given::Json(Value::String(_)) => &[
                Form::File(0),
                Form::File(1),
                Form::Set,
                Form::SetString,
                Form::SetJson,
                Form::SetFile,
                Form::SetLiteral,
            ],
            Given::Typed(text) if is_plain_word(text) => {
                &[Form::File(0), Form::File(1), Form::Set, Form::Set, Form::SetString, Form::SetJson]
            }
            Given::Typed(_) => &[Form::File(0), Form::File(1), Form::Set],
            Given::Json(Value::Array(_) | Value::Object(_)) => &[Form::File(0), Form::File(1), Form::SetJson],
            Given::Json(_) => &[Form::File(0), Form::File(1), Form::Set, Form::SetJson],
        };
        let form = *self.dice.pick(forms);
        Assignment { key: key.path.clone(), path, given, form, ascii: self.dice.percent(50) }
    }

    /// A path for the key: its own scenario for the scenario's keys, other names as they come, mostly the first item.
    fn path(&mut self, key: &str, scenario: &str) -> Vec<Step> {
        let mut path = Vec::new();
        for part in key.split('.') {
            let (part, indices) =
                part.split_once('[').map_or((part, 0), |(part, rest)| (part, 1 + rest.matches('[').count()));
            let in_scenarios = path.last() == Some(&Step::Key("scenarios".to_owned()))
                || path.last() == Some(&Step::Key("builtinScenarios".to_owned()));
            path.push(Step::Key(match part {
                "NAME" if in_scenarios && self.dice.percent(85) => scenario.to_owned(),
                "NAME" if in_scenarios => (*self.dice.pick(&["baseline", "sweep", "mine"])).to_owned(),
                "NAME" => name(&mut self.dice),
                part => part.to_owned(),
            }));
            for _ in 0..indices {
                path.push(Step::Index(if self.dice.percent(80) { 0 } else { self.dice.below(4) }));
            }
        }
        path
    }
}

/// What has to be set for a key to count.
fn enabling(key: &str) -> Vec<Assignment> {
    let rows = [
        ("benchmark.extraEnv[0].value", "benchmark.extraEnv[0].name", json!("EXTRA")),
        ("benchmark.storage.s3.", "benchmark.storage.s3.bucketName", json!("bucket")),
        ("simulator.", "simulator.enabled", json!(true)),
        ("benchmark.preflight.", "benchmark.preflight.enabled", json!(true)),
        ("benchmark.target.", "benchmark.image.tag", json!("v1")),
    ];
    let holds = rows.into_iter().filter(|(start, ..)| key.starts_with(start));
    holds.map(|(_, key, value)| fixed(key, value, Form::File(0))).collect()
}

fn fixed(key: &str, value: Value, form: Form) -> Assignment {
    let steps = key.split('.').flat_map(|part| match part.strip_suffix("[0]") {
        Some(name) => vec![Step::Key(name.to_owned()), Step::Index(0)],
        None => vec![Step::Key(part.to_owned())],
    });
    let path = steps.collect();
    Assignment { key: key.to_owned(), path, given: Given::Json(value), form, ascii: false }
}

/// One assignment for each leaf.
fn flat(assignment: Assignment) -> Vec<Assignment> {
    let below: Vec<(Step, Value)> = match &assignment.given {
        Given::Json(Value::Object(entries)) if !entries.is_empty() => {
            entries.iter().map(|(name, value)| (Step::Key(name.clone()), value.clone())).collect()
        }
        Given::Json(Value::Array(items)) if !items.is_empty() => {
            items.iter().enumerate().map(|(i, value)| (Step::Index(i), value.clone())).collect()
        }
        _ => return vec![assignment],
    };
    below
        .into_iter()
        .flat_map(|(step, value)| {
            let mut path = assignment.path.clone();
            path.push(step);
            flat(Assignment { path, given: Given::Json(value), ..assignment.clone() })
        })
        .collect()
}

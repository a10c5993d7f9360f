//! What a key of the values means: its description, type, default, and what it becomes in config.yml.
//!
//! Everything is taken from the schema and the chart's defaults; what a key becomes is found by changing it and looking
//! at what changes, so there is no list that could be wrong.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use benchmark_schemas::problem::{Origin, Problem};
use benchmark_schemas::translate;
use benchmark_schemas::validate::nearest;
use benchmark_schemas::values::Values;
use serde_json::{Map, Value, json};

use crate::layer::Layers;
use crate::model::simulator_url;
use crate::release::Release;
use crate::{SCHEMA, chart, values};

/// Stands in a path for a name that the user chooses, and for a position in a list.
const ANY_NAME: &str = "NAME";

/// A key of the values.
#[derive(Debug, Clone)]
pub struct Key {
    /// Dotted path.
    pub path: String,
    schema: &'static Value,
}

/// Every key that the schema names, in its order; user-chosen names are `NAME`, positions `[0]`.
#[must_use]
pub fn keys() -> Vec<Key> {
    let mut keys = Vec::new();
    collect(&SCHEMA, "", &mut keys);
    keys
}

fn collect(schema: &'static Value, path: &str, keys: &mut Vec<Key>) {
    for (name, child) in children(schema) {
        let path = match name.as_str() {
            "[0]" => format!("{path}[0]"),
            _ if path.is_empty() => name,
            _ => format!("{path}.{name}"),
        };
        let key = Key { path: path.clone(), schema: child };
        // What stands at a position or under any name is what the list or the map says, unless it has its own word.
        let is_own = !path.ends_with("[0]") && !path.ends_with(&format!(".{ANY_NAME}"));
        if is_own || key.description().is_some() {
            keys.push(key);
        }
        collect(child, &path, keys);
    }
}

/// The parts of a schema that may hold keys: itself, and what it is one of.
fn parts(schema: &'static Value) -> Vec<&'static Map<String, Value>> {
    let Some(object) = schema.as_object() else { return Vec::new() };
    let mut found = vec![object];
    for key in ["anyOf", "oneOf", "allOf"] {
        let alternatives = object.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        found.extend(alternatives.iter().flat_map(parts));
    }
    found
}

/// Keys directly under a schema.
fn children(schema: &'static Value) -> Vec<(String, &'static Value)> {
    let mut found: Vec<(String, &'static Value)> = Vec::new();
    for part in parts(schema) {
        if let Some(properties) = part.get("properties").and_then(Value::as_object) {
            found.extend(properties.iter().map(|(name, schema)| (name.clone(), schema)));
        }
        if let Some(named @ Value::Object(_)) = part.get("additionalProperties") {
            found.push((ANY_NAME.to_owned(), named));
        }
        if let Some(items @ Value::Object(_)) = part.get("items") {
            found.push(("[0]".to_owned(), items));
        }
    }
    let mut seen = BTreeSet::new();
    found.retain(|(name, _)| seen.insert(name.clone()));
    found
}

/// The steps of a path: names, and positions as `[0]`.
fn steps(path: &str) -> Vec<String> {
    let mut steps = Vec::new();
    for name in path.split('.') {
        let (name, positions) =
            name.split_once('[').map_or((name, 0), |(name, rest)| (name, 1 + rest.matches('[').count()));
        if !name.is_empty() {
            steps.push(name.to_owned());
        }
        steps.extend(std::iter::repeat_n("[0]".to_owned(), positions));
    }
    steps
}

/// Explains the key at a dotted path such as `benchmark.scenarios.saturation.load.stages[0].rate`; an empty path is
/// the whole of the values.
///
/// # Errors
///
/// If there is no such key; the remedy names the nearest.
pub fn explain(path: &str) -> Result<String, Problem> {
    let mut schema: &'static Value = &SCHEMA;
    let mut walked = String::new();
    for step in steps(path) {
        let children = children(schema);
        let exact = children.iter().find(|(name, _)| *name == step);
        let any = || children.iter().find(|(name, _)| name == ANY_NAME && step != "[0]");
        let Some((_, child)) = exact.or_else(any) else {
            return Err(unknown(path, &walked, &step, &children));
        };
        schema = child;
        walked = match step.as_str() {
            "[0]" => format!("{walked}[0]"),
            _ if walked.is_empty() => step,
            _ => format!("{walked}.{step}"),
        };
    }
    Ok(Key { path: walked, schema }.text())
}

fn unknown(path: &str, walked: &str, step: &str, children: &[(String, &Value)]) -> Problem {
    let near = nearest(step, children.iter().map(|(name, _)| name.as_str()));
    let place = if walked.is_empty() { "the values".to_owned() } else { format!("`{walked}`") };
    let remedy = match near {
        Some(name) => format!("did you mean `{name}`?"),
        None if children.is_empty() => format!("{place} has no keys of its own"),
        None => {
            let names: Vec<&str> = children.iter().map(|(name, _)| name.as_str()).collect();
            format!("{place} has {}", names.join(", "))
        }
    };
    Problem::new(
        Origin::Argument(format!("explain {path}").into()),
        "",
        format!("there is no key `{step}` in {place}"),
        remedy,
    )
}

impl Key {
    /// What it means.
    #[must_use]
    pub fn description(&self) -> Option<&'static str> {
        parts(self.schema).into_iter().find_map(|part| part.get("description").and_then(Value::as_str))
    }

    /// The default of the chart; `None` if it gives none.
    fn default(&self) -> Option<Value> {
        let path =
            steps(&self.path).into_iter().map(|step| if step == "[0]" { "0".to_owned() } else { step });
        let path: Vec<String> = path.collect();
        chart::defaults().at(path.iter().map(String::as_str)).map(benchmark_schemas::tree::Node::to_json)
    }

    /// All that is known of it.
    #[must_use]
    pub fn text(&self) -> String {
        let mut out = String::new();
        if !self.path.is_empty() {
            let _ = writeln!(out, "{}", self.path);
        }
        if let Some(description) = self.description() {
            let _ = writeln!(out, "  {description}");
        }
        if let Some(kind) = self.kind() {
            let _ = writeln!(out, "  type: {kind}");
        }
        if let Some(default) = self.default().filter(|default| !default.is_object()) {
            let _ = writeln!(out, "  default: {default}");
        }
        let below = children(self.schema);
        if below.is_empty() && !self.path.is_empty() {
            let becomes = self.becomes();
            let text = match becomes.len() {
                0 => "none; it steers the Kubernetes objects".to_owned(),
                1..=6 => becomes.join(", "),
                many => format!("{many} keys, among them {}", becomes[..3].join(", ")),
            };
            let _ = writeln!(out, "  key of config.yml: {text}");
        }
        if !below.is_empty() {
            let _ = writeln!(out, "  keys:");
            let width = below.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
            for (name, schema) in below {
                let description = Key { path: String::new(), schema }.description().unwrap_or_default();
                let first = description.split_once(". ").map_or(description, |(first, _)| first);
                let _ = writeln!(out, "    {name:<width$}  {}", first.trim_end_matches('.'));
            }
        }
        out
    }

    /// Types and limits in words.
    fn kind(&self) -> Option<String> {
        let mut names: Vec<&str> = Vec::new();
        let mut allowed: Vec<String> = Vec::new();
        let mut limits: Vec<String> = Vec::new();
        for part in parts(self.schema) {
            match part.get("type") {
                Some(Value::String(name)) => names.push(name),
                Some(Value::Array(all)) => names.extend(all.iter().filter_map(Value::as_str)),
                _ => {}
            }
            let choices = part.get("enum").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
            allowed.extend(choices.iter().filter(|choice| !choice.is_null()).map(Value::to_string));
            for (key, word) in
                [("minimum", "at least"), ("exclusiveMinimum", "above"), ("maximum", "at most")]
            {
                limits.extend(part.get(key).map(|limit| format!("{word} {limit}")));
            }
        }
        let numeric = names.iter().any(|name| matches!(*name, "integer" | "number"));
        // Numbers may be spelt as strings, which `--set-string` does; that is no type of its own.
        names.retain(|name| !(numeric && *name == "string"));
        let mut seen = BTreeSet::new();
        names.retain(|name| seen.insert(*name));
        if names.is_empty() {
            return None;
        }
        let mut text = names.join(" or ");
        if !allowed.is_empty() {
            let _ = write!(text, ", one of {}", allowed.join(", "));
        }
        if !limits.is_empty() {
            let _ = write!(text, ", {}", limits.join(", "));
        }
        Some(text)
    }

    /// Keys of config.yml that change with this one. What holds for one scenario holds for all, the user's too.
    fn becomes(&self) -> Vec<String> {
        let steps = steps(&self.path);
        if let [benchmark, scenarios, name, ..] = steps.as_slice()
            && (benchmark.as_str(), scenarios.as_str()) == ("benchmark", "scenarios")
            && chart::defaults().at([benchmark.as_str(), scenarios, name]).is_none()
        {
            let start = format!("benchmark.scenarios.{name}");
            let path = self.path.replacen(&start, "benchmark.scenarios.saturation", 1);
            return Key { path, schema: self.schema }.becomes();
        }
        let base = self.base();
        let Some(before) = config_leaves(&base) else { return Vec::new() };
        let changed = self.other_values().into_iter().find_map(|value| {
            let mut layers = base.clone();
            layers.set_json.push(format!("{}={value}", self.path));
            let after = config_leaves(&layers)?;
            let keys: BTreeSet<String> =
                before.symmetric_difference(&after).map(|(key, _)| key.clone()).collect();
            (!keys.is_empty()).then_some(keys)
        });
        changed.into_iter().flatten().collect()
    }

    /// Values in which the key counts: its scenario runs, and results go to a bucket.
    fn base(&self) -> Layers {
        let mut layers = Layers::default();
        layers.set.push("benchmark.storage.s3.bucketName=bucket".to_owned());
        let steps = steps(&self.path);
        if let [benchmark, scenarios, name, ..] = steps.as_slice()
            && (benchmark.as_str(), scenarios.as_str()) == ("benchmark", "scenarios")
        {
            layers.set.push(format!("benchmark.scenario={name}"));
        }
        if steps.last().is_some_and(|last| last == "path") {
            layers.set.push("benchmark.storage.s3.pathPrefix=prefix".to_owned());
        }
        layers
    }

    /// Values that differ from the default and that the key may take, likely ones first.
    fn other_values(&self) -> Vec<Value> {
        let default = self.default();
        let mut values = Vec::new();
        for part in parts(self.schema) {
            let choices = part.get("enum").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
            values.extend(choices.iter().filter(|choice| !choice.is_null()).cloned());
        }
        if let Some(number) = default.as_ref().and_then(Value::as_f64) {
            values.push(json!(number + 1.0));
        }
        values.extend([
            json!(true),
            json!(false),
            json!(7),
            json!("explained"),
            json!("http://explained.example:80"),
            json!(["explained"]),
        ]);
        values.retain(|value| Some(value) != default.as_ref());
        values
    }
}

/// Keys and values of the config.yml that these values give; `None` if they are refused.
fn config_leaves(layers: &Layers) -> Option<BTreeSet<(String, String)>> {
    let values: Values = values(layers).ok()?;
    let simulator = simulator_url(&Release::new("explained", "").ok()?, &values);
    let tree = translate::config_tree(&values.benchmark, simulator.as_deref());
    let mut leaves = BTreeSet::new();
    add_leaves(&Value::Object(tree), "", &mut leaves);
    Some(leaves)
}

fn add_leaves(value: &Value, path: &str, leaves: &mut BTreeSet<(String, String)>) {
    match value {
        Value::Object(entries) => entries.iter().for_each(|(key, value)| {
            let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            add_leaves(value, &path, leaves);
        }),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .for_each(|(index, item)| add_leaves(item, &format!("{path}[{index}]"), leaves)),
        leaf => drop(leaves.insert((path.to_owned(), leaf.to_string()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_described() {
        let keys = keys();
        assert!(keys.len() > 300, "{} keys", keys.len());
        let silent: Vec<&str> = keys
            .iter()
            .filter(|key| key.description().is_none_or(str::is_empty))
            .map(|key| key.path.as_str())
            .collect();
        assert!(silent.is_empty(), "without a description: {}", silent.join(", "));
        for key in keys {
            let text = explain(&key.path).unwrap_or_else(|problem| panic!("{problem}"));
            assert!(text.contains(key.description().expect("described")), "{}", key.path);
        }
    }

    #[test]
    fn a_key_is_explained_with_what_it_becomes() {
        insta::assert_snapshot!(explain("benchmark.scenarios.mine.load.stages[0].rate").unwrap(), @r"
        benchmark.scenarios.mine.load.stages[0].rate
          Requests per second.
          type: number or null, above 0, at most 1000000000000
          key of config.yml: load.stages[0].rate
        ");
        let becomes = |key: &str| {
            let text = explain(key).unwrap_or_else(|problem| panic!("{problem}"));
            text.lines().find_map(|line| line.trim().strip_prefix("key of config.yml: ").map(str::to_owned))
        };
        assert_eq!(becomes("benchmark.target.baseUrl").unwrap(), "server.base_url");
        assert_eq!(becomes("benchmark.target.ignoreEos").unwrap(), "server.ignore_eos");
        assert_eq!(
            becomes("benchmark.scenarios.sweep.load.sweep.numStages").unwrap(),
            "load.sweep.num_stages"
        );
        assert_eq!(
            becomes("simulator.enabled").unwrap(),
            "server.base_url, tokenizer.pretrained_model_name_or_path"
        );
        assert_eq!(
            becomes("benchmark.config.report.request_lifecycle.per_request").unwrap(),
            "report.request_lifecycle.per_request"
        );
        assert_eq!(becomes("benchmark.job.backoffLimit").unwrap(), "none; it steers the Kubernetes objects");
    }

    #[test]
    fn an_unknown_key_has_a_near_one_or_a_list() {
        let problem = |key: &str| explain(key).expect_err("unknown").to_string();
        insta::assert_snapshot!(problem("benchmark.target.baseURL"), @"explain benchmark.target.baseURL: there is no key `baseURL` in `benchmark.target` (did you mean `baseUrl`?)");
        insta::assert_snapshot!(problem("benchmark.target.baseUrl.x"), @"explain benchmark.target.baseUrl.x: there is no key `x` in `benchmark.target.baseUrl` (`benchmark.target.baseUrl` has no keys of its own)");
    }
}

//! From the chart's words to the runner's: values to config.yml.
//!
//! The only such mapping on the Rust side; the chart's helper `benchmark.config` builds the identical tree. Keys that
//! nothing asked for are left out, so that the file says what the user said and runs on upstream's image too.

use serde_json::{Map, Value, json};

use crate::config::DataType;
use crate::tree::to_number;
use crate::values::scenario::{Capacity, Data, Lengths, Load, LoadType, Scenario, Stage, Sweep};
use crate::values::{Api, Benchmark, CustomData, S3, ServerType, Target};

/// How many lengths upstream shall draw where a sweep finds the stages later: it loses every request beyond.
const SWEEP_LENGTHS: u32 = 1_000_000;

/// Folder in the pod that holds the simulated server's tokenizer.
pub const SIMULATOR_TOKENIZER: &str = "/tmp/tokenizer";

/// The simulated server's model, where the target names none.
pub const SIMULATOR_MODEL: &str = "simulated-model";

/// The tree of config.yml. Total: what [`crate::values::check`] finds missing is left out.
///
/// `simulator` is the URL of the simulated server that stands in for the target, if the release has one.
pub fn config_tree(benchmark: &Benchmark, simulator: Option<&str>) -> Map<String, Value> {
    let scenario = scenario(benchmark).cloned().unwrap_or_default();
    let mut tree = Map::new();
    if let Some(Api { kind, streaming }) = &benchmark.api {
        insert_map(
            &mut tree,
            "api",
            [("type", kind.map(|kind| json!(kind.as_str()))), ("streaming", streaming.map(Value::Bool))],
        );
    }
    tree.insert("data".into(), data(benchmark, &scenario).into());
    tree.insert("load".into(), load(benchmark, &scenario).into());
    let mut own = capacity(&scenario).map(extensions).unwrap_or_default();
    if let Some(custom) = benchmark.custom_data.as_ref().filter(|custom| custom.is_own_format())
        && custom.place().is_some()
    {
        own.insert("data_format".into(), json!("own"));
    }
    if !own.is_empty() {
        tree.insert("extensions".into(), own.into());
    }
    tree.insert("server".into(), server(&benchmark.target, simulator).into());
    let tokenizer = simulator.map(|_| json!(SIMULATOR_TOKENIZER));
    let tokenizer = tokenizer.or_else(|| text(benchmark.target.tokenizer_path.as_ref()));
    insert_map(&mut tree, "tokenizer", [("pretrained_model_name_or_path", tokenizer)]);
    insert_map(
        &mut tree,
        "storage",
        [
            ("simple_storage_service", s3(benchmark).map(Value::Object)),
            ("google_cloud_storage", gcs(benchmark).map(Value::Object)),
        ],
    );
    if let Some(config) = &benchmark.config {
        merge(&mut tree, config);
    }
    tree
}

/// The scenario that runs.
pub fn scenario(benchmark: &Benchmark) -> Option<&Scenario> {
    benchmark.scenarios.get(&benchmark.scenario)?.as_ref()
}

/// The stages of the scenario that runs.
pub fn stages(benchmark: &Benchmark) -> Vec<Stage> {
    stages_of(benchmark, &benchmark.scenario)
}

/// The stages of a scenario. If every item has rate and duration, the list stands as it is; otherwise each
/// item is merged over the built-in one of the same index, and built-in items beyond the list's end stay. Concurrent
/// load has no built-in stages.
pub fn stages_of(benchmark: &Benchmark, scenario: &str) -> Vec<Stage> {
    fn of(scenario: Option<&Scenario>) -> &[Option<Stage>] {
        let load = scenario.and_then(|scenario| scenario.load.as_ref());
        load.and_then(|load| load.stages.as_deref()).unwrap_or_default()
    }
    let own = benchmark.scenarios.get(scenario).and_then(Option::as_ref);
    let given = of(own);
    let kind = own.and_then(|scenario| scenario.load.as_ref()?.kind);
    let is_complete = |item: &Option<Stage>| {
        item.as_ref().is_some_and(|stage| stage.rate.is_some() && stage.duration.is_some())
    };
    let builtin = if kind == Some(LoadType::Concurrent) || given.iter().all(is_complete) {
        &[]
    } else {
        let scenarios = benchmark.builtin_scenarios.as_ref();
        of(scenarios.and_then(|scenarios| scenarios.get(scenario)).and_then(Option::as_ref))
    };
    let item = |list: &[Option<Stage>], i: usize| list.get(i).cloned().flatten().unwrap_or_default();
    (0..given.len().max(builtin.len()))
        .map(|i| {
            let (over, base) = (item(given, i), item(builtin, i));
            Stage { rate: over.rate.or(base.rate), duration: over.duration.or(base.duration), ..over }
        })
        .collect()
}

fn data(benchmark: &Benchmark, scenario: &Scenario) -> Map<String, Value> {
    if let Some(path) = benchmark.custom_data.as_ref().and_then(CustomData::place) {
        return Map::from_iter([("type".into(), json!(DataType::ShareGpt)), ("path".into(), json!(path))]);
    }
    let Data { kind, input, output } = scenario.data.clone().unwrap_or_default();
    let mut data = Map::new();
    let kind = kind.unwrap_or(DataType::Synthetic);
    data.insert("type".into(), json!(kind));
    if kind.draws_lengths() {
        let sweeps = sweep(scenario).is_some();
        for (key, lengths) in [("input_distribution", input), ("output_distribution", output)] {
            let Lengths { mean, std_dev, min, max } = lengths.unwrap_or_default();
            data.insert(
                key.into(),
                Value::Object(present([
                    ("min", min.map(Value::from)),
                    ("max", max.map(Value::from)),
                    ("mean", mean.map(Value::from)),
                    ("std_dev", std_dev.map(Value::from)),
                    ("total_count", sweeps.then(|| json!(SWEEP_LENGTHS))),
                ])),
            );
        }
    }
    data
}

/// The scenario's sweep; an empty one is none.
pub fn sweep(scenario: &Scenario) -> Option<&Sweep> {
    scenario.load.as_ref()?.sweep.as_ref().filter(|sweep| **sweep != Sweep::default())
}

/// The scenario's search for the capacity; an empty one is none.
pub fn capacity(scenario: &Scenario) -> Option<&Capacity> {
    scenario.load.as_ref()?.capacity.as_ref().filter(|capacity| **capacity != Capacity::default())
}

/// What upstream's configuration cannot say of a search.
fn extensions(search: &Capacity) -> Map<String, Value> {
    let Capacity { profile, budget_minutes, max_concurrency, slo } = search;
    let objectives = slo.iter().flatten().map(|slo| {
        Value::Object(present([
            ("metric", slo.metric.map(|metric| json!(metric.as_str()))),
            ("quantile", slo.quantile.map(Value::from)),
            ("limit", slo.limit.map(Value::from)),
        ]))
    });
    let objectives: Vec<Value> = objectives.collect();
    let search = present([
        ("profile", profile.map(|profile| json!(profile.as_str()))),
        ("budget_minutes", budget_minutes.map(Value::from)),
        ("max_concurrency", max_concurrency.map(Value::from)),
    ]);
    present([("capacity", Some(search.into())), ("slo", (!objectives.is_empty()).then(|| objectives.into()))])
}

fn load(benchmark: &Benchmark, scenario: &Scenario) -> Map<String, Value> {
    let Load { kind, num_workers, .. } = scenario.load.clone().unwrap_or_default();
    let mut load = present([
        ("type", kind.map(|kind| json!(kind.as_str()))),
        ("num_workers", num_workers.map(Value::from)),
    ]);
    let mut stages: Vec<Value> = stages(benchmark)
        .into_iter()
        .map(|stage| {
            Value::Object(present([
                ("rate", stage.rate.map(Value::from)),
                ("duration", stage.duration.map(Value::from)),
                ("num_requests", stage.num_requests.map(Value::from)),
                ("concurrency_level", stage.concurrency_level.map(Value::from)),
            ]))
        })
        .collect();
    if let Some(sweep) = sweep(scenario) {
        load.insert(
            "sweep".into(),
            Value::Object(present([
                ("type", sweep.kind.map(|kind| json!(kind.as_str()))),
                ("num_requests", sweep.num_requests.map(Value::from)),
                ("timeout", sweep.timeout.map(Value::from)),
                ("num_stages", sweep.num_stages.map(Value::from)),
                ("stage_duration", sweep.stage_duration.map(Value::from)),
                ("saturation_percentile", sweep.saturation_percentile.map(Value::from)),
            ])),
        );
        if stages.is_empty() {
            // Upstream fails on an empty list, though the sweep replaces whatever stands in it.
            stages.push(json!({ "rate": 1, "duration": 1 }));
        }
    }
    if !stages.is_empty() {
        load.insert("stages".into(), Value::Array(stages));
    }
    load
}

/// Name of the model that the simulated server serves.
pub fn simulated_model(target: &Target) -> &str {
    target.model_name.as_deref().filter(|name| !name.is_empty()).unwrap_or(SIMULATOR_MODEL)
}

fn server(target: &Target, simulator: Option<&str>) -> Map<String, Value> {
    // Upstream knows no generic type; its client for vLLM speaks plain OpenAI.
    let kind = match target.server_type {
        None | Some(ServerType::Openai) => ServerType::Vllm,
        Some(kind) => kind,
    };
    let model =
        simulator.map(|_| json!(simulated_model(target))).or_else(|| text(target.model_name.as_ref()));
    present([
        ("type", Some(json!(kind.as_str()))),
        ("model_name", model),
        ("base_url", Some(json!(simulator.unwrap_or(&target.base_url)))),
        ("ignore_eos", target.ignore_eos.map(Value::Bool)),
    ])
}

/// The Secret with the keys of the store, unless uploads are switched off. It also serves a bucket that stands in
/// `benchmark.config`.
pub fn s3_secret(benchmark: &Benchmark) -> Option<&str> {
    let s3 = benchmark.storage.as_ref()?.s3.as_ref()?;
    let name = s3.existing_secret.as_deref().filter(|name| !name.is_empty());
    name.filter(|_| s3.enabled != Some(false))
}

/// The Secret with the key file for Google Cloud Storage, by the same rule, and the key in it.
pub fn gcs_secret(benchmark: &Benchmark) -> Option<(&str, &str)> {
    let gcs = benchmark.storage.as_ref()?.gcs.as_ref()?;
    let name = gcs.existing_secret.as_deref().filter(|name| !name.is_empty());
    let key = gcs.key.as_deref().filter(|key| !key.is_empty()).unwrap_or("key.json");
    name.filter(|_| gcs.enabled != Some(false)).map(|name| (name, key))
}

/// The bucket that results go to, if any does.
pub fn s3_bucket(benchmark: &Benchmark) -> Option<&S3> {
    let s3 = benchmark.storage.as_ref()?.s3.as_ref()?;
    let named = s3.bucket_name.as_ref().is_some_and(|name| !name.is_empty());
    (named && s3.enabled != Some(false)).then_some(s3)
}

fn s3(benchmark: &Benchmark) -> Option<Map<String, Value>> {
    let s3 = s3_bucket(benchmark)?;
    let style = s3.addressing_style.map(|style| style.as_str().to_owned());
    Some(present([
        ("bucket_name", text(s3.bucket_name.as_ref())),
        ("path", Some(Value::String(bucket_path(benchmark, s3.path.as_ref(), s3.path_prefix.as_ref())))),
        ("endpoint_url", text(s3.endpoint_url.as_ref())),
        ("region_name", text(s3.region.as_ref())),
        ("addressing_style", text(style.as_ref())),
    ]))
}

fn gcs(benchmark: &Benchmark) -> Option<Map<String, Value>> {
    let gcs = benchmark.storage.as_ref()?.gcs.as_ref()?;
    let bucket = text(gcs.bucket_name.as_ref()).filter(|_| gcs.enabled != Some(false))?;
    let path = bucket_path(benchmark, gcs.path.as_ref(), gcs.path_prefix.as_ref());
    Some(present([("bucket_name", Some(bucket)), ("path", Some(Value::String(path)))]))
}

/// The literal path, else prefix, scenario, server type, last part of the model name and the start of the run, which
/// the runner puts in place of `{timestamp}`; empty parts are left out.
fn bucket_path(benchmark: &Benchmark, literal: Option<&String>, prefix: Option<&String>) -> String {
    if let Some(path) = literal.filter(|path| !path.is_empty()) {
        return path.clone();
    }
    let prefix = prefix.map(String::as_str).unwrap_or_default().trim_matches('/');
    let model = benchmark.target.model_name.as_deref().unwrap_or_default().trim_matches('/');
    let model = key_part(model.rsplit('/').next().unwrap_or_default());
    let kind = benchmark.target.server_type.unwrap_or(ServerType::Vllm).as_str();
    let parts = [prefix, &benchmark.scenario, kind, &model, "{timestamp}"];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("/")
}

/// `text` with a hyphen for each run of characters that are awkward in a key of a bucket.
fn key_part(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    replace_runs(text, plain).trim_matches(['-', '.']).to_owned()
}

/// `text` with one hyphen for each run of characters that are not `plain`.
pub fn replace_runs(text: &str, plain: impl Fn(char) -> bool) -> String {
    let mut out = String::with_capacity(text.len());
    let mut in_run = false;
    for c in text.chars() {
        if plain(c) {
            out.push(c);
        } else if !in_run {
            out.push('-');
        }
        in_run = !plain(c);
    }
    out
}

/// Merges `from` into `into`: maps merge, anything else replaces. Null takes away a key that is there and is written
/// where none is, so that keys whose null means something to the runner stay within reach.
pub fn merge(into: &mut Map<String, Value>, from: &Map<String, Value>) {
    for (key, value) in from {
        match (into.get_mut(key), value) {
            (Some(_), Value::Null) => {
                into.shift_remove(key);
            }
            (Some(Value::Object(base)), Value::Object(over)) => merge(base, over),
            _ => {
                into.insert(key.clone(), as_doubles(value));
            }
        }
    }
}

/// Numbers as the chart prints them: it knows only doubles.
fn as_doubles(value: &Value) -> Value {
    match value {
        Value::Number(number) => {
            number.as_f64().map_or_else(|| value.clone(), |double| Value::Number(to_number(double)))
        }
        Value::Array(items) => items.iter().map(as_doubles).collect(),
        Value::Object(entries) => {
            entries.iter().map(|(key, value)| (key.clone(), as_doubles(value))).collect()
        }
        other => other.clone(),
    }
}

/// A text that is neither missing nor empty.
fn text(given: Option<&String>) -> Option<Value> {
    given.filter(|text| !text.is_empty()).map(|text| json!(text))
}

fn present<const N: usize>(entries: [(&str, Option<Value>); N]) -> Map<String, Value> {
    entries.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect()
}

/// Inserts the map of what is present, if anything is.
fn insert_map<const N: usize>(tree: &mut Map<String, Value>, key: &str, entries: [(&str, Option<Value>); N]) {
    let map = present(entries);
    if !map.is_empty() {
        tree.insert(key.to_owned(), map.into());
    }
}

#[cfg(test)]
mod tests;

//! Each flag that upstream 0.7.0 generates (`flags.txt`: name and kind, as its parser lists them) is set on a command
//! line and read back from the effective configuration.

use std::collections::BTreeMap;

use benchmark_schemas::config::{Config, FlagKind};
use benchmark_schemas::yaml::{self, Dialect};
use serde_json::{Value, json};

use super::*;

/// What a configuration needs before any key can be set.
const LEAST: &str = "{server: {base_url: 'http://h'}, load: {stages: [{rate: 1, duration: 1}]}}";

/// Names and kinds of upstream's flags.
fn upstreams() -> BTreeMap<&'static str, &'static str> {
    include_str!("flags.txt").lines().filter_map(|line| line.split_once(' ')).collect()
}

fn ours() -> BTreeMap<String, Flag> {
    flags().into_iter().map(|flag| (flag.name.clone(), flag)).collect()
}

#[test]
fn flags_are_upstreams_and_those_of_extensions() {
    let (upstreams, ours) = (upstreams(), ours());
    assert_eq!(upstreams.len(), 390);
    for (name, kind) in &upstreams {
        let flag = ours.get(*name).unwrap_or_else(|| panic!("--{name} is missing"));
        let same = matches!(
            (&flag.kind, *kind),
            (FlagKind::Text, "str" | "raw")
                | (FlagKind::Integer, "int")
                | (FlagKind::Number, "float")
                | (FlagKind::Boolean, "bool")
                | (FlagKind::Choice(_), "enum" | "raw")
                | (FlagKind::Json, "json")
                | (FlagKind::NumberOrJson, "raw")
        );
        assert!(same, "--{name}: {:?}, not {kind}", flag.kind);
    }
    for name in ours.keys().filter(|name| !upstreams.contains_key(name.as_str())) {
        assert!(name.starts_with("extensions."), "--{name} is not upstream's");
    }
}

/// Texts for the flag, and the values that the effective configuration then has; one of them at least is not the
/// default.
fn samples(flag: &Flag) -> Vec<(String, Value)> {
    let one = |text: &str, value: Value| vec![(text.to_owned(), value)];
    match &flag.kind {
        FlagKind::Text if flag.name.ends_with("url") => one("http://x:1", json!("http://x:1")),
        FlagKind::Text if flag.name == "server.api_key" || flag.name == "tokenizer.token" => {
            one("a secret", json!("********"))
        }
        FlagKind::Text => one("some text", json!("some text")),
        FlagKind::Integer if flag.name.ends_with("max_model_len") => one("1_000_017", json!(1_000_017)),
        FlagKind::Integer => one("0_17", json!(17)),
        FlagKind::NumberOrJson if flag.name.ends_with("_len") => one("170", json!(170)),
        // Within the limits of shares, percentiles and probabilities.
        FlagKind::Number | FlagKind::NumberOrJson => one("0.75", json!(0.75)),
        FlagKind::Boolean => [("Off", false), ("YES", true)]
            .into_iter()
            .map(|(text, value)| (text.to_owned(), json!(value)))
            .collect(),
        // The others need more beside them than a flag.
        FlagKind::Choice(_) if flag.name == "data.type" => one("shareGPT", json!("shareGPT")),
        FlagKind::Choice(_) if flag.name == "load.type" => one("poisson", json!("poisson")),
        FlagKind::Choice(names) => names.iter().map(|name| (name.clone(), json!(name))).collect(),
        FlagKind::Json => {
            let value = json_sample(&flag.name);
            vec![(value.to_string(), value)]
        }
    }
}

fn json_sample(name: &str) -> Value {
    let last = name.rsplit('.').next().unwrap_or_default();
    match last {
        "stages" => json!([{"rate": 7.5, "duration": 9, "num_requests": null, "concurrency_level": null}]),
        "circuit_breakers" if name == last => {
            json!([{"name": "b", "metrics": {"matches": ["a"], "rules": []}, "triggers": [{"type": "consecutive", "threshold": 3}]}])
        }
        "circuit_breakers" => json!([]),
        "headers" => json!({"x-one": "********"}),
        "json_schema" => json!({"type": "object"}),
        "model_mapping" | "attribute_to_header_map" | "attribute_to_label_map" => json!({"a": "b"}),
        "trace_files" | "filters" => json!(["one", "two"]),
        "hf_dataset_path" => json!("name/of"),
        "theme_mix" => json!({"generic": 2.0}),
        "percentiles" => json!([50.0, 99.5]),
        "constraints" => json!({"ttft": 0.5}),
        "lora_traffic_split" => json!([{"name": "a", "split": 0.25}, {"name": "b", "split": 0.75}]),
        "resolutions" => json!([{"resolution": "720p", "weight": 2.0}]),
        "profiles" => {
            json!([{"profile": {"resolution": {"height": 2, "width": 3}, "frames": 4}, "weight": 1.0}])
        }
        "durations" => json!([{"duration": 1.5, "weight": 1.0}]),
        other => panic!("no sample of {other}"),
    }
}

/// What must stand beside a flag so that the configuration is valid.
fn beside(name: &str, text: &str) -> Vec<String> {
    let mut beside: Vec<&str> = Vec::new();
    let (mapping, key) = name.rsplit_once('.').unwrap_or(("", name));
    match mapping {
        "data.input_distribution" | "data.output_distribution" => beside.push("--data.type=shareGPT"),
        "data.trace" | "load.trace" => beside.push(".file=f"),
        "data.otel_trace_replay" | "data.weka_trace_replay"
            if !["trace_directory", "trace_files", "hf_dataset_path"].contains(&key) =>
        {
            beside.push(".trace_directory=d");
        }
        "load.sweep" => beside.push(".type=linear"),
        "metrics.prometheus" if key == "url" => beside.extend(["--metrics.type=prometheus"]),
        "metrics.prometheus" if key == "google_managed" && text == "YES" => {
            beside.push("--metrics.type=prometheus");
        }
        "metrics.prometheus" => beside.extend(["--metrics.type=prometheus", ".url=http://p"]),
        "storage.google_cloud_storage" | "storage.simple_storage_service" => beside.push(".bucket_name=b"),
        "server" if key == "cert_path" => beside.push(".key_path=k"),
        "server" if key == "key_path" => beside.push(".cert_path=c"),
        _ => {}
    }
    if name.starts_with("data.shared_prefix.") {
        beside.push("--data.type=shared_prefix");
    }
    if name.starts_with("data.shared_prefix.multimodal.") {
        beside.push("--api.type=chat");
    }
    if name.starts_with("data.synthetic_agentic.") {
        beside.extend([
            "--data.synthetic_agentic.num_sessions=1",
            "--data.synthetic_agentic.input_tokens_per_turn.mean=512",
            "--data.synthetic_agentic.output_tokens_per_turn.mean=512",
        ]);
    }
    if name.contains(".context_compaction.") {
        beside.extend([
            "--data.synthetic_agentic.context_compaction.trigger_tokens.mean=512",
            "--data.synthetic_agentic.context_compaction.target_tokens.mean=512",
        ]);
    }
    match (name, key) {
        (_, "static_model_name") => beside.push(".use_static_model=true"),
        (_, "use_static_model") => beside.extend([".static_model_name=m", ".model_mapping={}"]),
        ("data.use_chat_template", _) => beside.extend([
            "--data.type=random",
            "--data.input_distribution.mean=512",
            "--data.output_distribution.mean=512",
        ]),
        ("api.type", _) if text == "anthropic_messages" => beside.push("--server.type=vllm"),
        _ => {}
    }
    let full = |argument: &str| match argument.strip_prefix('.') {
        Some(sibling) => format!("--{mapping}.{sibling}"),
        None => argument.to_owned(),
    };
    beside.into_iter().map(full).collect()
}

/// Values that have a flag and are refused all the same, by a rule between keys; the refusal names the flag.
fn is_refused(name: &str, text: &str) -> bool {
    match name {
        "data.synthetic_agentic.include_errors" => text == "Off",
        "data.synthetic_agentic.inject_random_session_id" | "data.synthetic_agentic.skip_invalid_files" => {
            text == "YES"
        }
        "data.synthetic_agentic.duplicate_sessions_target" => true,
        _ => false,
    }
}

fn effective(arguments: &[String]) -> Result<Value, String> {
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let cli = read(&arguments).map_err(|error| error.to_string())?;
    let mut document = yaml::parse(LEAST, "config.yml", Dialect::Config).expect("YAML");
    config::apply(&mut document, cli.run.config.settings);
    let config = Config::from_node(document).map_err(|problems| problems.to_string())?;
    Ok(serde_json::to_value(&config).expect("a tree"))
}

#[test]
fn every_flag_arrives_in_the_effective_configuration() {
    let ours = ours();
    let mut failed = Vec::new();
    for name in upstreams().into_keys() {
        // Printed under its other name.
        let printed = match name {
            "data.shared_prefix.num_groups" => "data.shared_prefix.num_unique_system_prompts",
            "data.shared_prefix.num_prompts_per_group" => "data.shared_prefix.num_users_per_system_prompt",
            name => name,
        };
        let pointer = format!("/{}", printed.replace('.', "/"));
        for (text, expected) in samples(&ours[name]) {
            let mut arguments = beside(name, &text);
            arguments.push(format!("--{name}={text}"));
            let found = effective(&arguments);
            let arrived = match &found {
                Ok(tree) => tree.pointer(&pointer) == Some(&expected),
                Err(problems) => is_refused(name, &text) && problems.starts_with(&format!("--{name}: ")),
            };
            if !arrived {
                let found = found.map(|tree| tree.pointer(&pointer).cloned());
                failed.push(format!("{arguments:?}: {found:?}"));
            }
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

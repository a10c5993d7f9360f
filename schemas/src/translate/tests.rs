//! The tree of config.yml from the chart's own defaults and overrides.

use serde_json::json;

use super::*;
use crate::values::Values;
use crate::yaml::{Dialect, emit, parse};

/// The chart's default values with `overrides` on top.
fn benchmark(overrides: Value) -> Benchmark {
    let defaults = include_str!("../../../charts/benchmark-charts/values.yaml");
    let mut tree = parse(defaults, "values.yaml", Dialect::Values).unwrap().to_json();
    over(&mut tree["benchmark"], overrides);
    let values: Values = serde_json::from_value(tree).unwrap();
    values.benchmark
}

/// Helm's merge for tests: maps merge, anything else replaces.
fn over(base: &mut Value, overrides: Value) {
    match (base, overrides) {
        (Value::Object(base), Value::Object(overrides)) => {
            for (key, value) in overrides {
                over(base.entry(key).or_insert(Value::Null), value);
            }
        }
        (base, value) => *base = value,
    }
}

fn tree(overrides: Value) -> Value {
    Value::Object(config_tree(&benchmark(overrides), None))
}

#[test]
fn the_saturation_scenario() {
    insta::assert_snapshot!(emit(&tree(json!({"scenario": "saturation"}))), @r"
    api:
      type: completion
      streaming: true
    data:
      type: synthetic
      input_distribution:
        min: 128
        max: 2048
        mean: 512
        std_dev: 128
      output_distribution:
        min: 32
        max: 512
        mean: 256
        std_dev: 64
    load:
      type: constant
      num_workers: 8
      stages:
      - rate: 5
        duration: 180
      - rate: 10
        duration: 180
      - rate: 20
        duration: 180
      - rate: 40
        duration: 180
    server:
      type: vllm
      model_name: qwen3-8b
      base_url: http://qwen3-vllm.default:8000
      ignore_eos: true
    tokenizer:
      pretrained_model_name_or_path: Qwen/Qwen3-8B
    ");
}

#[test]
fn a_sweep_gets_a_stage_to_start_from_and_enough_lengths() {
    let tree = tree(json!({"scenario": "sweep"}));
    insta::assert_snapshot!(emit(&tree["load"]), @r"
    type: constant
    num_workers: 8
    sweep:
      type: geometric
      num_requests: 2000
      timeout: 60
      num_stages: 5
      stage_duration: 180
      saturation_percentile: 95
    stages:
    - rate: 1
      duration: 1
    ");
    assert_eq!(tree["data"]["input_distribution"]["total_count"], 1_000_000);
    assert_eq!(tree["data"]["output_distribution"]["total_count"], 1_000_000);
}

fn stages_of(given: &Value) -> Value {
    tree(json!({"scenario": "saturation", "scenarios": {"saturation": {"load": {"stages": given}}}}))["load"]
        ["stages"]
        .clone()
}

#[test]
fn a_list_of_complete_stages_replaces() {
    assert_eq!(stages_of(&json!([{"rate": 2.5, "duration": 60}])), json!([{"rate": 2.5, "duration": 60}]));
    assert_eq!(stages_of(&json!([])), Value::Null);
}

#[test]
fn a_partial_stage_takes_the_rest_from_the_built_in_one() {
    let builtin = |rate: u32| json!({"rate": rate, "duration": 180});
    assert_eq!(
        stages_of(&json!([null, {"duration": 600}])),
        json!([builtin(5), {"rate": 10, "duration": 600}, builtin(20), builtin(40)])
    );
    assert_eq!(
        stages_of(&json!([{"rate": "7.5"}, null, null, null, {"rate": 80, "duration": 30}])),
        json!([{"rate": 7.5, "duration": 180}, builtin(10), builtin(20), builtin(40), {"rate": 80, "duration": 30}])
    );
}

#[test]
fn keys_that_nothing_asked_for_are_left_out() {
    let tree = tree(json!({
        "api": null, "target": {"modelName": null, "tokenizerPath": "", "ignoreEos": null, "serverType": "openai"},
        "scenarios": {"baseline": {"data": {"type": "shareGPT"}, "load": {"numWorkers": null}}},
    }));
    assert_eq!(
        tree,
        json!({
            "data": {"type": "shareGPT"},
            "load": {"type": "constant", "stages": [{"rate": 1, "duration": 300}]},
            "server": {"type": "vllm", "base_url": "http://qwen3-vllm.default:8000"},
        })
    );
}

fn path_of(s3: Value, model: &str) -> Value {
    let mut s3 = s3;
    over(&mut s3, json!({"bucketName": "b"}));
    tree(json!({"storage": {"s3": s3}, "target": {"modelName": model}}))["storage"]["simple_storage_service"]
        ["path"]
        .clone()
}

#[test]
fn results_go_where_the_scheme_says() {
    assert_eq!(path_of(json!({}), "qwen3-8b"), "benchmark-results/baseline/vllm/qwen3-8b/{timestamp}");
    assert_eq!(
        path_of(json!({"pathPrefix": "/a/b/"}), "s3://x/Qwen/Qwen 3:8B/"),
        "a/b/baseline/vllm/Qwen-3-8B/{timestamp}"
    );
    assert_eq!(path_of(json!({"pathPrefix": null}), ""), "baseline/vllm/{timestamp}");
    assert_eq!(path_of(json!({"path": "saturation-test/results"}), "m"), "saturation-test/results");
    let off = tree(json!({"storage": {"s3": {"bucketName": "b", "enabled": false}}}));
    assert_eq!(off.get("storage"), None);
    assert_eq!(tree(json!({})).get("storage"), None);
}

#[test]
fn config_is_merged_last() {
    let tree = tree(json!({"config": {
        "load": {"num_workers": null, "request_timeout": null, "base_seed": 42, "stages": [{"rate": 9, "duration": 9}]},
        "tokenizer": {"load_timeout": null},
        "report": {"request_lifecycle": {"per_request": true}},
        "api": null,
    }}));
    assert_eq!(
        tree["load"],
        json!({
            "type": "constant", "stages": [{"rate": 9, "duration": 9}], "request_timeout": null, "base_seed": 42,
        })
    );
    assert_eq!(
        tree["tokenizer"],
        json!({"pretrained_model_name_or_path": "Qwen/Qwen3-8B", "load_timeout": null})
    );
    assert_eq!(tree["report"], json!({"request_lifecycle": {"per_request": true}}));
    assert_eq!(tree.get("api"), None);
}

#[test]
fn every_builtin_scenario_is_a_config() {
    for scenario in ["baseline", "saturation", "sweep", "production", "dataset"] {
        let text = emit(&tree(json!({"scenario": scenario})));
        if let Err(problems) = crate::config::Config::from_yaml(&text, "config.yml") {
            panic!("{scenario}: {problems}");
        }
    }
}

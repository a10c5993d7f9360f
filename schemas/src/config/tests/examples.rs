//! Files that exist in the world parse to what they mean.

use super::{LEAST, accept};
use crate::config::{ApiType, DataType, DistributionType, LoadType, ServerType, Stage, SweepType};

/// The config.yml of the saturation scenario in the document that this project grew from.
const SATURATION: &str = r#"
api:
  type: completion
  streaming: true

data:
  type: synthetic
  input_distribution:
    mean: 512
    std_dev: 128
    min: 128
    max: 2048
  output_distribution:
    mean: 256
    std_dev: 64
    min: 32
    max: 512

load:
  type: constant
  stages:
    - rate: 5
      duration: 180
    - rate: 10
      duration: 180
    - rate: 20
      duration: 180
    - rate: 40
      duration: 180
  num_workers: 8

server:
  type: vllm
  model_name: qwen3-8b
  base_url: http://qwen3-vllm.default:8000
  ignore_eos: true

tokenizer:
  pretrained_model_name_or_path: Qwen/Qwen3-8B

storage:
  simple_storage_service:
    bucket_name: "inference-perf-results"
    path: "saturation-test/results"
"#;

/// The shape of the sweep scenario that AWS's chart makes for version 0.2.0.
const SWEEP: &str = r"
api: {type: completion, streaming: true}
data:
  type: synthetic
  input_distribution: {mean: 512, std_dev: 128, min: 128, max: 2048}
  output_distribution: {mean: 256, std_dev: 64, min: 32, max: 512}
load:
  type: constant
  stages: []
  sweep: {type: linear, num_requests: 2000, timeout: 60, num_stages: 5, stage_duration: 180, saturation_percentile: 95}
  num_workers: 8
server: {type: vllm, model_name: qwen3-8b, base_url: 'http://qwen3-vllm.default:8000', ignore_eos: true}
tokenizer: {pretrained_model_name_or_path: Qwen/Qwen3-8B}
storage:
  simple_storage_service: {bucket_name: inference-perf-results, path: benchmark-results/sweep}
";

#[test]
fn saturation_scenario() {
    let config = accept(SATURATION);
    assert_eq!(config.api.kind, ApiType::Completion);
    assert!(config.api.streaming);
    assert_eq!(config.data.kind, DataType::Synthetic);
    let input = config.data.input_distribution.expect("given");
    assert_eq!((input.min, input.max), (128, 2048));
    assert_eq!((input.mean, input.std_dev, input.kind), (512.0, 128.0, DistributionType::Normal));
    let stages: Vec<(f64, u64)> =
        config.load.standard_stages().map(|stage| (stage.rate, stage.duration)).collect();
    assert_eq!(stages, [(5.0, 180), (10.0, 180), (20.0, 180), (40.0, 180)]);
    assert_eq!(config.load.num_workers, Some(8));
    assert_eq!(config.server.kind, ServerType::Vllm);
    assert_eq!(config.server.base_url, "http://qwen3-vllm.default:8000");
    let storage = config.storage.expect("on by default");
    assert_eq!(storage.local_storage.path, "reports-{timestamp}");
    let s3 = storage.simple_storage_service.expect("given");
    assert_eq!(
        (s3.bucket_name.as_str(), s3.path.as_str()),
        ("inference-perf-results", "saturation-test/results")
    );
}

#[test]
fn sweep_scenario() {
    let config = accept(SWEEP);
    let sweep = config.load.sweep.expect("given");
    assert_eq!((sweep.kind, sweep.num_requests, sweep.num_stages), (SweepType::Linear, 2000, 5));
    assert!(config.load.stages.is_empty());
}

#[test]
fn scalars_as_yaml_and_pydantic_read_them() {
    let config = accept(
        "
api: {streaming: yes, headers: {x-tag: '2'}}
load:
  interval: 1e1
  num_workers: '8'
  request_timeout: '1_000'
  worker_max_concurrency: 30.0
  stages: [{rate: '2.5', duration: 1:30}]
server: {base_url: 'http://localhost:8000', ignore_eos: off}
",
    );
    assert!(config.api.streaming);
    assert!(!config.server.ignore_eos);
    assert_eq!((config.load.interval, config.load.request_timeout), (10.0, Some(1000.0)));
    assert_eq!((config.load.num_workers, config.load.worker_max_concurrency), (Some(8), 30));
    let stages: Vec<(f64, u64)> =
        config.load.standard_stages().map(|stage| (stage.rate, stage.duration)).collect();
    assert_eq!(stages, [(2.5, 90)]);
}

#[test]
fn stages_follow_the_load_type() {
    let config = accept(
        "
server: {base_url: 'http://localhost:8000'}
load:
  type: concurrent
  stages: [{num_requests: 100, concurrency_level: 8}, {num_requests: 9, concurrency_level: 4, rate: 9, duration: 1}]
",
    );
    assert_eq!(config.load.kind, LoadType::Concurrent);
    assert!(config.load.stages.iter().all(|stage| matches!(stage, Stage::Concurrent(_))));
    let config = accept(
        "
server: {base_url: 'http://localhost:8000'}
api: {type: chat}
data:
  type: synthetic_agentic
  synthetic_agentic:
    num_sessions: 4
    input_tokens_per_turn: {type: fixed, mean: 100}
    output_tokens_per_turn: {type: fixed, mean: 50}
    theme_mix: {generic: 1, other: {weight: 0.5, note: ignored}}
load:
  type: trace_session_replay
  stages: [{concurrent_sessions: 2, session_rate: 1}]
",
    );
    assert!(config.load.stages.iter().all(|stage| matches!(stage, Stage::Session(_))));
    let agentic = config.data.synthetic_agentic.expect("given");
    assert!(!agentic.override_tool_call_max_tokens, "its default differs from that of recorded sessions");
    let weights: Vec<f64> = agentic.theme_mix.values().map(crate::config::ThemeWeight::value).collect();
    assert_eq!(weights, [1.0, 0.5]);
}

#[test]
fn variance_replaces_std_dev() {
    for (written, expected) in [
        ("variance: 16", 4.0),
        ("variance: 16, std_dev: 0", 4.0),
        ("variance: 16, std_dev: 4", 4.0),
        ("std_dev: 3", 3.0),
        ("std_dev: 0", 0.0),
        ("mean: 1", 200.0),
    ] {
        let text = format!(
            "{LEAST}data: {{type: random, input_distribution: {{{written}}}, output_distribution: {{}}}}\n"
        );
        let input = accept(&text).data.input_distribution.expect("given");
        assert!((input.std_dev - expected).abs() < 1e-12, "{written}: {}", input.std_dev);
    }
}

#[test]
fn either_spelling_of_shared_prefix() {
    for (groups, prompts) in [
        ("num_groups", "num_prompts_per_group"),
        ("num_unique_system_prompts", "num_users_per_system_prompt"),
    ] {
        let text =
            format!("{LEAST}data: {{type: shared_prefix, shared_prefix: {{{groups}: 3, {prompts}: 7}}}}\n");
        let config = accept(&text);
        let printed = serde_json::to_value(&config).expect("a tree");
        let prefix = config.data.shared_prefix.expect("given");
        assert_eq!((prefix.num_groups, prefix.num_prompts_per_group), (3, 7));
        let printed = &printed["data"]["shared_prefix"];
        assert_eq!(printed["num_unique_system_prompts"], 3);
        assert_eq!(printed["num_users_per_system_prompt"], 7);
    }
}

#[test]
fn sections_that_null_turns_off() {
    let config = accept(&format!("{LEAST}storage: null\nreport: {{prometheus: null}}\nmetrics: null\n"));
    assert_eq!(config.storage, None);
    assert_eq!(config.report.prometheus, None);
    // Giving one store leaves the local folder on; an empty path is the working folder.
    let config = accept(&format!(
        "{LEAST}storage: {{local_storage: {{path: ''}}, simple_storage_service: {{bucket_name: b}}}}\n"
    ));
    assert_eq!(config.storage.expect("given").local_storage.path, ".");
}

#[test]
fn decimal_shares_of_adapters_need_not_sum_exactly() {
    for split in [vec![0.7, 0.2, 0.1], vec![0.1; 10], vec![0.1, 0.2, 0.7], vec![1.0]] {
        let shares: Vec<String> = split.iter().map(|split| format!("{{name: a, split: {split}}}")).collect();
        accept(&LEAST.replace("load: {", &format!("load: {{lora_traffic_split: [{}], ", shares.join(", "))));
    }
}

#[test]
fn timestamp_is_put_into_every_path() {
    let mut config = accept(&format!(
        "{LEAST}storage: {{local_storage: {{path: 'a/{{timestamp}}/{{timestamp}}'}}, \
         simple_storage_service: {{bucket_name: b}}, google_cloud_storage: {{bucket_name: c, path: literal}}}}\n"
    ));
    config.resolve_timestamp("20260131-235959");
    let storage = config.storage.expect("given");
    assert_eq!(storage.local_storage.path, "a/20260131-235959/20260131-235959");
    assert_eq!(storage.simple_storage_service.expect("given").path, "reports-20260131-235959");
    assert_eq!(storage.google_cloud_storage.expect("given").path, "literal");
}

//! What is valid but not executed yet is refused by name, with the place of the key.

use insta::assert_snapshot;

use super::LEAST;
use crate::config::{AnswerTokens, Config, DataType, SweepEstimator, UnknownKeys};
use crate::yaml::{self, Dialect};

/// All that is executed, in one file.
const BUILT: &str = "
api: {type: completion, streaming: true, headers: {x-team: a}}
data:
  type: synthetic
  corpus_file_path: corpus.txt
  input_distribution: {type: lognormal, mean: 100}
  output_distribution: {type: uniform}
load:
  type: constant
  interval: 0
  stages: [{rate: 1, duration: 1}]
  num_workers: 2
  worker_max_concurrency: 10
  request_timeout: 10
  stage_teardown_grace_seconds: 5
  base_seed: 1
  circuit_breakers: [a]
  lora_traffic_split: [{name: x, split: 1}]
server: {type: sglang, base_url: http://localhost:8000, model_name: m, api_key: k}
tokenizer: {pretrained_model_name_or_path: folder}
report: {request_lifecycle: {per_request: true, percentiles: [50]}, goodput: {constraints: {}}}
storage: {simple_storage_service: {bucket_name: b, endpoint_url: http://localhost:9000}}
metrics: {type: prometheus, prometheus: {url: 'http://prometheus:9090'}}
circuit_breakers: [{name: a, metrics: {matches: [x]}, triggers: []}]
extensions: {load: {pacing: even}, scrape: {interval: 2}}
";

fn executable(text: &str) -> Result<Config, String> {
    let document =
        yaml::parse(text, "config.yml", Dialect::Config).map_err(|problems| problems.to_string())?;
    let reading = Config::executable(document, UnknownKeys::Refused);
    reading.map(|reading| reading.config).map_err(|problems| problems.to_string())
}

#[test]
fn what_is_built_is_not_refused() {
    assert_eq!(executable(BUILT).map(|config| config.api.streaming), Ok(true));
}

#[test]
fn load_types_that_are_built() {
    let constant = "type: constant\n  interval: 0\n  stages: [{rate: 1, duration: 1}]";
    let even = "extensions: {load: {pacing: even}, scrape: {interval: 2}}";
    assert!(BUILT.contains(constant) && BUILT.contains(even));
    for (load, extensions) in [
        ("type: poisson\n  stages: [{rate: 1, duration: 1}]", "extensions: {load: {burstiness: 0.25}}"),
        (
            "type: trace_replay\n  trace: {file: t}\n  stages: [{rate: 1, duration: 1}]",
            "extensions: {trace_format: mooncake}",
        ),
        ("type: concurrent\n  stages: [{num_requests: 9, concurrency_level: 3}]", ""),
    ] {
        let text = BUILT.replace(constant, load).replace(even, extensions);
        assert_eq!(executable(&text).map(|config| config.load.stages.len()), Ok(1), "{text}");
    }
}

#[test]
fn groups_of_prompts_are_built_as_single_requests_of_text() {
    let data = |more: &str| {
        let text = format!("{LEAST}data: {{type: shared_prefix, shared_prefix: {{num_groups: 4{more}}}}}\n");
        executable(&text).map(|config| config.data.kind)
    };
    assert_eq!(data(", enable_multi_turn_chat: false"), Ok(DataType::SharedPrefix));
    assert_snapshot!(data(", enable_multi_turn_chat: true, multimodal: {}").expect_err("not built"), @r"
    config.yml:3:84: data.shared_prefix.enable_multi_turn_chat: conversations of many turns are not built yet (remove it; each prompt is a request of its own)
    config.yml:3:102: data.shared_prefix.multimodal: images, videos and sounds are not built yet (remove it; prompts are text)
    ");
}

#[test]
fn every_api_and_server_is_built() {
    for (api, server) in [
        ("chat", "tgi"),
        ("anthropic_messages", "vllm"),
        ("completion, response_format: {type: json_object}", "mock"),
        ("chat, session_id_header_key: x-session, session_token_header_key: x-token", "sglang"),
    ] {
        let text = BUILT
            .replace("type: completion", &format!("type: {api}"))
            .replace("type: sglang", &format!("type: {server}"));
        let config = executable(&text).unwrap_or_else(|problems| panic!("{problems}"));
        assert_eq!(config.answer_tokens(), AnswerTokens::All);
    }
    let config = executable(&BUILT.replace("load: {pacing: even}", "answer_tokens: content"));
    assert_eq!(config.map(|config| config.answer_tokens()), Ok(AnswerTokens::Content));
}

#[test]
fn sweeps_are_built_for_loads_that_have_a_rate() {
    let stages = "stages: [{rate: 1, duration: 1}]";
    assert!(BUILT.contains(stages));
    for sweep in [
        "sweep: {type: geometric}",
        "sweep: {type: linear, saturation_percentile: 90}\n  stages: [{rate: 1, duration: 1}]",
    ] {
        assert!(executable(&BUILT.replace(stages, sweep)).is_ok_and(|config| config.load.sweep.is_some()));
    }
    let config = executable(
        &BUILT.replace(stages, "sweep: {type: linear}").replace("pacing: even", "sweep_estimator: upstream"),
    );
    assert_eq!(config.map(|config| config.sweep_estimator()), Ok(SweepEstimator::Upstream));
}

#[test]
fn unbuilt_settings_are_refused_by_name() {
    let refused = executable(
        "
api:
  type: chat
  headers: {X-SLO-TTFT-ms: '200'}
  response_format: {}
  slo_unit: s
  slo_tpot_header: a
  slo_ttft_header: b
  session_id_header_key: c
  session_token_header_key: d
data:
  type: random
  trace: {file: t}
  multimodal: {}
  use_chat_template: true
load:
  stages: [{rate: 1, duration: 1}]
  sweep: {type: linear}
  circuit_breakers: [a]
  request_retries: 1
  lora_traffic_split: [{name: a, split: 1}]
server: {type: mock, base_url: http://localhost:8000}
tokenizer: {pretrained_model_name_or_path: folder, trust_remote_code: true}
storage: {google_cloud_storage: {bucket_name: b}}
metrics: {type: prometheus, prometheus: {google_managed: true}}
circuit_breakers: [{name: a, metrics: {matches: [x]}, triggers: []}]
report: {goodput: {constraints: {ttft: 1}}}
",
    );
    assert_snapshot!(refused.expect_err("much of it is not built"), @r"
config.yml:14:15: data.multimodal: images, videos and sounds are not built yet (remove it; prompts are text)
config.yml:15:22: data.use_chat_template: chat templates are not built yet (remove it)
config.yml:23:71: tokenizer.trust_remote_code: code that comes with a tokenizer is never run (remove it; tokenizer.json is read)
config.yml:25:58: metrics.prometheus.google_managed: Google's managed Prometheus is not built yet (give metrics.prometheus.url, for example of a frontend for it)
");
}

#[test]
fn defaults_are_built() {
    assert_eq!(executable(LEAST).map(|config| config.data.kind), Ok(DataType::Mock));
}

#[test]
fn with_other_problems_at_once() {
    let text = "tokenizer: {trust_remote_code: true}\nload: {stages: [{rate: -1, duration: 1}]}\nserver: {base_url: http://a}\n";
    assert_snapshot!(executable(text).expect_err("wrong and not built"), @r"
    config.yml:1:32: tokenizer.trust_remote_code: code that comes with a tokenizer is never run (remove it; tokenizer.json is read)
    config.yml:2:24: load.stages[0].rate: must be greater than 0, is -1 (meaning: requests per second)
    ");
}

#[test]
fn types_of_data_that_are_not_built() {
    let refused =
        executable(&format!("{LEAST}data: {{type: visionarena, visionarena: {{}}}}\napi: {{type: chat}}\n"));
    assert_snapshot!(refused.expect_err("not built"), @"config.yml:3:14: data.type: replays and visionarena are not built yet (set data.type: synthetic, with input_distribution and output_distribution)");
}

#[test]
fn data_sets_are_read_from_files() {
    let data = |data: &str| {
        let refused = executable(&format!("{LEAST}data: {{{data}}}\n"));
        refused.map(|config| config.data.kind).map_err(|problems| problems.lines().next().map(str::to_owned))
    };
    for (name, kind) in [
        ("shareGPT", DataType::ShareGpt),
        ("cnn_dailymail", DataType::CnnDailymail),
        ("billsum_conversations", DataType::BillsumConversations),
        ("infinity_instruct", DataType::InfinityInstruct),
    ] {
        assert_eq!(data(&format!("type: {name}, path: a.json")), Ok(kind));
    }
    let missing = data("type: shareGPT").expect_err("from the hub").expect("a problem");
    assert_snapshot!(missing, @"config.yml:3:14: data.path: is missing, and data sets are not fetched from the hub yet (give a JSON or JSON lines file of the data set, or a folder of them)");
    assert!(data("type: cnn_dailymail").is_err());
}

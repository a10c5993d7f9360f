//! What has no effect is said, and does not keep a run from starting.

use insta::assert_snapshot;

use super::LEAST;
use crate::config::{Config, Reading, UnknownKeys};
use crate::yaml::{self, Dialect};

fn reading(more: &str, unknown: UnknownKeys) -> Result<Reading, String> {
    let document = yaml::parse(&format!("{LEAST}{more}"), "config.yml", Dialect::Config).expect("YAML");
    Config::executable(document, unknown).map_err(|problems| problems.to_string())
}

fn warnings(reading: &Reading) -> String {
    let lines: Vec<String> = reading.warnings.iter().map(ToString::to_string).collect();
    lines.join("\n")
}

#[test]
fn unknown_keys_of_old_files_are_ignored_if_asked_for() {
    let old = "
vllm_version: 0.6
data: {type: mock, name: x}
report: {request_lifecycle: {per_stag: true}, goodput: null}
storage: {local_storage: {path: out, paht: in}}
circuit_breakers: [{name: b, metrics: {matches: [a], extra: 1}, triggers: [{type: consecutive, threshold: 1, x: 2}]}]
";
    let reading = reading(old, UnknownKeys::Ignored).expect("ignored");
    assert_snapshot!(warnings(&reading), @r"
    config.yml:4:1: vllm_version: unknown key, ignored (known keys: api, data, load, metrics, report, storage, server, tokenizer, circuit_breakers, extensions)
    config.yml:5:20: data.name: unknown key, ignored (known keys: type, path, corpus_file_path, input_distribution, output_distribution, shared_prefix, multimodal, trace, otel_trace_replay, weka_trace_replay, conversation_replay, visionarena, synthetic_agentic, use_chat_template)
    config.yml:6:30: report.request_lifecycle.per_stag: unknown key, ignored (did you mean `per_stage`?)
    config.yml:7:38: storage.local_storage.paht: unknown key, ignored (did you mean `path`?)
    ");
    assert_eq!(reading.config.storage.expect("storage").local_storage.path, "out");
    assert!(
        self::reading(old, UnknownKeys::Refused).expect_err("refused").contains("vllm_version: unknown key")
    );
}

#[test]
fn what_is_wrong_beside_unknown_keys_is_still_refused() {
    let fault = reading("data: {name: x, type: mok}\n", UnknownKeys::Ignored).expect_err("a fault");
    assert_snapshot!(fault, @"config.yml:3:23: data.type: unknown value `mok` (did you mean `mock`? allowed: mock, shareGPT, synthetic, random, shared_prefix, cnn_dailymail, infinity_instruct, billsum_conversations, otel_trace_replay, weka_trace_replay, conversation_replay, visionarena, synthetic_agentic)");
}

#[test]
fn unknown_objectives_are_told() {
    let document = format!("{LEAST}report: {{goodput: {{constraints: {{tfft: 1, ttft: 1, speed: 2}}}}}}\n");
    let document = yaml::parse(&document, "config.yml", Dialect::Config).expect("YAML");
    let reading = super::super::read::read(document, UnknownKeys::Refused, false).expect("accepted");
    assert_snapshot!(warnings(&reading), @r"
    config.yml:3:40: report.goodput.constraints.tfft: is not a metric that can be limited, and is ignored (did you mean ttft? Known are ttft, tpot, itl, ntpot, request_latency)
    config.yml:3:59: report.goodput.constraints.speed: is not a metric that can be limited, and is ignored (known are ttft, tpot, itl, ntpot, request_latency)
    ");
}

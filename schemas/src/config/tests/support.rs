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
fn groups_of_prompts_are_built_as_requests_and_as_conversations_of_text() {
    let data = |more: &str| {
        let text = format!("{LEAST}data: {{type: shared_prefix, shared_prefix: {{num_groups: 4{more}}}}}\n");
        executable(&text).map(|config| config.data.kind)
    };
    for goes_on in [", enable_multi_turn_chat: false", ", enable_multi_turn_chat: true"] {
        assert_eq!(data(goes_on), Ok(DataType::SharedPrefix));
    }
    let refused = data(", enable_multi_turn_chat: true, multimodal: {}").expect_err("one or the other");
    assert!(
        refused.contains("enable_multi_turn_chat: conversations of many turns have no images"),
        "{refused}"
    );
    assert!(
        refused.contains("api.type: this data type cannot be sent by this API (set api.type: chat"),
        "{refused}"
    );
}

#[test]
fn media_are_built_but_for_mp4() {
    let data = |multimodal: &str| {
        let lengths = "input_distribution: {}, output_distribution: {}";
        let data = format!("data: {{type: synthetic, {lengths}, multimodal: {{{multimodal}}}}}");
        executable(&format!("{LEAST}api: {{type: chat}}\n{data}\n")).map(|config| config.data.has_media())
    };
    for built in [
        "image: {count: 2, resolutions: 4k, representation: webp, insertion_point: {type: uniform, min: 0, max: 1}}",
        "video: {count: {type: fixed, mean: 1}, representation: png_frames, profiles: {resolution: 360p, frames: 3}}",
        "video: {}, audio: {count: 1, durations: 2.5}",
    ] {
        assert_eq!(data(built), Ok(true), "{built}");
    }
    assert_snapshot!(data("video: {count: 1}").expect_err("MP4"), @"config.yml:4:94: data.multimodal.video: there is no encoder for MP4, which is the default representation (set representation: jpeg_frames or png_frames, which send each frame as an image)");
    for (wrong, told) in [
        ("image: {count: -1}", "image.count: must be 0 or greater, is -1"),
        ("image: {count: 1, insertion_point: 1.5}", "image.insertion_point: lies outside the text"),
        (
            "image: {count: 1, insertion_point: {type: uniform}}",
            "image.insertion_point: lies outside the text",
        ),
        ("image: {count: 1, resolutions: {width: 0, height: 5}}", "image.resolutions: 0 × 5 is no size"),
        (
            "image: {count: 1, resolutions: [{resolution: 4k, weight: -1}]}",
            "image.resolutions: a weight is below 0",
        ),
        (
            "video: {count: 1, representation: png_frames, profiles: {resolution: 4k, frames: 0}}",
            "video.profiles: a video has 1 to 1024 frames, not 0",
        ),
        ("audio: {count: 1, durations: 4000}", "audio.durations: a sound lasts 0 to 3600 s"),
    ] {
        let refused = data(wrong).expect_err("refused");
        assert!(refused.contains(told), "{wrong}: {refused}");
    }
    let by_completion = data("image: {count: 1}").and(executable(&format!(
        "{LEAST}data: {{type: synthetic, input_distribution: {{}}, output_distribution: {{}}, multimodal: {{image: {{count: 1}}}}}}\n"
    )));
    let refused = by_completion.expect_err("by chat only");
    assert!(refused.contains("set api.type: chat, or choose another data.type"), "{refused}");
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
config.yml:15:22: data.use_chat_template: is for the completion API: by the others the server itself applies its chat template (remove it, or set api.type: completion)
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
    let data = "{type: otel_trace_replay, otel_trace_replay: {trace_files: [a]}}";
    let refused = executable(&format!("{LEAST}data: {data}\napi: {{type: chat}}\n")).expect_err("not built");
    assert!(refused.contains("data.type: replays of sessions are not built yet"), "{refused}");
}

#[test]
fn all_other_types_of_data_are_built() {
    let kind = |data: &str, api: &str| {
        executable(&format!("{LEAST}data: {{{data}}}\napi: {{type: {api}}}\n")).map(|config| config.data.kind)
    };
    for (name, kind_of) in [
        ("shareGPT", DataType::ShareGpt),
        ("cnn_dailymail", DataType::CnnDailymail),
        ("billsum_conversations", DataType::BillsumConversations),
        ("infinity_instruct", DataType::InfinityInstruct),
    ] {
        assert_eq!(kind(&format!("type: {name}, path: a.json"), "completion"), Ok(kind_of));
    }
    assert_eq!(kind("type: shareGPT", "chat"), Ok(DataType::ShareGpt), "from the hub");
    assert!(kind("type: infinity_instruct", "chat").is_err(), "it has no name on the hub");
    assert_eq!(kind("type: visionarena, visionarena: {}", "chat"), Ok(DataType::VisionArena));
    for api in ["completion", "chat", "anthropic_messages"] {
        let conversations = kind("type: conversation_replay, conversation_replay: {}", api);
        assert_eq!(conversations, Ok(DataType::ConversationReplay));
    }
    let random = "type: random, use_chat_template: true, input_distribution: {}, output_distribution: {}";
    assert_eq!(kind(random, "completion"), Ok(DataType::Random));
}

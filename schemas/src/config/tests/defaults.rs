//! The effective configuration: every key, its default, and the order.

use serde_json::json;

use super::{LEAST, accept};
use crate::config::Distribution;
use crate::record::Pacing;
use crate::secret::MASK;

#[test]
fn every_key_is_printed_in_order_with_its_default() {
    let printed = serde_json::to_value(accept(LEAST)).expect("a tree");
    let expected = json!({
        "api": {
            "type": "completion", "streaming": false, "headers": null, "slo_unit": null, "slo_tpot_header": null,
            "slo_ttft_header": null, "response_format": null, "session_id_header_key": null,
            "session_token_header_key": null
        },
        "data": {
            "type": "mock", "path": null, "corpus_file_path": null, "input_distribution": null,
            "output_distribution": null, "shared_prefix": null, "multimodal": null, "trace": null,
            "otel_trace_replay": null, "weka_trace_replay": null, "conversation_replay": null,
            "visionarena": null, "synthetic_agentic": null, "use_chat_template": false
        },
        "load": {
            "type": "constant", "interval": 1.0,
            "stages": [{"rate": 1.0, "duration": 1, "num_requests": null, "concurrency_level": null}],
            "sweep": null, "num_workers": null, "worker_max_concurrency": 100,
            "worker_max_tcp_connections": 2500, "trace": null, "circuit_breakers": [], "request_timeout": null,
            "request_retries": 0, "request_retry_backoff_sec": 0.5, "stage_teardown_grace_seconds": 120.0,
            "lora_traffic_split": null, "base_seed": null
        },
        "metrics": null,
        "report": {
            "request_lifecycle": {
                "summary": true, "per_stage": true, "per_request": false,
                "per_request_fields": {
                    "request": true, "response": true, "info": true, "response_chunks": true,
                    "computed_metrics": false
                },
                "per_adapter": true, "per_adapter_stage": false,
                "percentiles": [0.1, 1.0, 5.0, 10.0, 25.0, 50.0, 75.0, 90.0, 95.0, 99.0, 99.9],
                "use_server_output_tokens": false, "max_error_messages": 100
            },
            "prometheus": {"summary": true, "per_stage": false},
            "session_lifecycle": {"summary": true, "per_stage": true, "per_session": false},
            "goodput": null
        },
        "storage": {
            "local_storage": {"path": "reports-{timestamp}", "report_file_prefix": null},
            "google_cloud_storage": null,
            "simple_storage_service": null
        },
        "server": {
            "type": "vllm", "model_name": null, "base_url": "http://localhost:8000", "ignore_eos": true,
            "api_key": null, "cert_path": null, "key_path": null
        },
        "tokenizer": null,
        "circuit_breakers": null
    });
    // As text: objects compare equal in any order.
    assert_eq!(printed.to_string(), expected.to_string());
}

/// Every object that is off unless given.
const OPTIONAL: &str = "
server: {base_url: 'http://localhost:8000'}
api: {response_format: {}}
data:
  type: random
  trace: {file: t.csv}
  input_distribution: {}
  conversation_replay: {}
  visionarena: {}
  multimodal: {image: {}, video: {}, audio: {}}
  otel_trace_replay: {trace_directory: t}
  weka_trace_replay: {trace_files: [t]}
  synthetic_agentic: {num_sessions: 1, input_tokens_per_turn: {}, output_tokens_per_turn: {}}
load: {sweep: {type: geometric}}
metrics: {type: prometheus, prometheus: {url: 'http://prometheus:9090'}}
report: {goodput: {}}
storage: {google_cloud_storage: {bucket_name: b}, simple_storage_service: {bucket_name: b}}
tokenizer: {}
";

fn assert_printed(objects: impl IntoIterator<Item = (&'static str, serde_json::Value)>) {
    let printed = serde_json::to_value(accept(OPTIONAL)).expect("a tree");
    for (pointer, expected) in objects {
        let found = printed.pointer(pointer).map(ToString::to_string);
        assert_eq!(found, Some(expected.to_string()), "{pointer}");
    }
}

#[test]
fn optional_objects() {
    let objects = [
        (
            "/api/response_format",
            json!({"type": "json_schema", "name": "structured_output", "json_schema": null}),
        ),
        ("/data/trace", json!({"file": "t.csv", "format": "AzurePublicDataset"})),
        (
            "/data/input_distribution",
            json!({"min": 10, "max": 1024, "mean": 512.0, "std_dev": 200.0, "total_count": null,
                   "type": "normal", "variance": null, "skew": 0.0}),
        ),
        (
            "/data/conversation_replay",
            json!({"seed": 42, "num_conversations": 200, "shared_system_prompt_len": 8359,
                   "dynamic_system_prompt_len": null, "turns_per_conversation": null,
                   "input_tokens_per_turn": null, "output_tokens_per_turn": null,
                   "tool_call_latency_sec": null, "max_model_len": null}),
        ),
        (
            "/data/visionarena",
            json!({"hf_dataset_name": "lmarena-ai/VisionArena-Chat", "hf_split": "train", "hf_data_files": null,
                   "num_rows": 1000, "max_images_per_request": 1, "insertion_point": 0.0}),
        ),
        (
            "/data/multimodal",
            json!({"image": {"count": null, "insertion_point": null, "resolutions": null, "representation": "png"},
                   "video": {"count": null, "insertion_point": null, "profiles": null, "representation": "mp4"},
                   "audio": {"count": null, "insertion_point": null, "durations": null}}),
        ),
        (
            "/load/sweep",
            json!({"type": "geometric", "num_requests": 2000, "timeout": 60.0, "num_stages": 5,
                   "stage_duration": 180, "saturation_percentile": 95.0}),
        ),
        (
            "/metrics/prometheus",
            json!({"scrape_interval": 15, "url": "http://prometheus:9090", "filters": [], "google_managed": false}),
        ),
        ("/report/goodput", json!({"constraints": {}})),
        (
            "/storage/google_cloud_storage",
            json!({"path": "reports-{timestamp}", "report_file_prefix": null, "bucket_name": "b"}),
        ),
        (
            "/storage/simple_storage_service",
            json!({"path": "reports-{timestamp}", "report_file_prefix": null, "bucket_name": "b",
                   "endpoint_url": null, "region_name": null, "addressing_style": null}),
        ),
        (
            "/tokenizer",
            json!({"pretrained_model_name_or_path": null, "trust_remote_code": null, "token": null,
                   "load_timeout": 300.0}),
        ),
    ];
    assert_printed(objects);
}

#[test]
fn sources_of_sessions() {
    let objects = [
        (
            "/data/otel_trace_replay",
            sessions(json!({
                "trace_directory": "t", "trace_files": null, "hf_dataset_path": null, "filter": null,
                "disable_output_substitution": false, "attribute_to_header_map": null,
                "attribute_to_label_map": null
            })),
        ),
        (
            "/data/weka_trace_replay",
            sessions(json!({
                "trace_directory": null, "trace_files": ["t"], "hf_dataset_path": null, "filter": null,
                "trace_idle_gap_cap_seconds": 60.0, "ignore_trace_delays": false, "use_think_time_only": false,
                "default_block_size": 64, "num_dataset_entries": 100, "datagen_workers": null
            })),
        ),
    ];
    assert_printed(objects);
    let printed = serde_json::to_value(accept(OPTIONAL)).expect("a tree");
    let agentic = &printed["data"]["synthetic_agentic"];
    let keys: Vec<&str> =
        agentic.as_object().expect("an object").keys().map(String::as_str).skip(13).collect();
    assert_eq!(
        keys,
        [
            "num_sessions",
            "input_tokens_per_turn",
            "output_tokens_per_turn",
            "turns_per_session",
            "fanout_probability",
            "theme_mix",
            "seed",
            "shared_system_prompt_len",
            "tool_loop_depth",
            "sub_agents_per_spawn",
            "max_depth",
            "max_events_per_session",
            "tool_catalog_size_per_agent",
            "parallel_tool_calls_per_step",
            "tool_call_latency_sec",
            "user_think_time_sec",
            "max_model_len",
            "context_compaction",
        ]
    );
    assert_eq!(agentic["override_tool_call_max_tokens"], false);
    assert_eq!(agentic["turns_per_session"]["type"], "fixed");
    assert_eq!(agentic["turns_per_session"]["mean"], 1.0);
    assert_eq!(agentic["max_depth"], 2);
    assert_eq!(agentic["max_events_per_session"], 64);
    assert_eq!(agentic["shared_system_prompt_len"], 1000);
}

/// Settings that all sources of sessions have, and then `own`.
fn sessions(own: serde_json::Value) -> serde_json::Value {
    let mut all = json!({
        "use_static_model": false, "static_model_name": "", "model_mapping": null, "default_max_tokens": 1000,
        "override_tool_call_max_tokens": true, "tool_choice_mode": "force_recorded",
        "inject_random_session_id": false, "duplicate_sessions_target": null, "max_wait_ms": 15000,
        "predecessor_wait_timeout_sec": 3600.0, "include_errors": true, "skip_invalid_files": false,
        "bad_tool_call_handling": "none"
    });
    if let (Some(all), serde_json::Value::Object(own)) = (all.as_object_mut(), own) {
        all.extend(own);
    }
    all
}

#[test]
fn extensions_are_printed_only_if_given() {
    let plain = accept(LEAST);
    assert_eq!(plain.pacing(), Pacing::ScaledExponential);
    let even = accept(&format!("{LEAST}extensions: {{load: {{pacing: even}}}}\n"));
    assert_eq!(even.pacing(), Pacing::Even);
    let printed = serde_json::to_value(even).expect("a tree");
    assert_eq!(printed["extensions"], json!({"load": {"pacing": "even"}}));
}

#[test]
fn load_types_have_their_laws() {
    let server = "server: {base_url: 'http://localhost:8000'}\n";
    let rates = "stages: [{rate: 1, duration: 1}]";
    let law = |more: &str| accept(&format!("{server}{more}")).pacing();
    assert_eq!(law(&format!("load: {{type: poisson, {rates}}}")), Pacing::Poisson);
    assert_eq!(
        law(&format!("load: {{type: poisson, {rates}}}\nextensions: {{load: {{burstiness: 0.5}}}}")),
        Pacing::Gamma { burstiness: 0.5 }
    );
    assert_eq!(
        law("load: {type: concurrent, stages: [{num_requests: 2, concurrency_level: 1}]}"),
        Pacing::ScaledExponential
    );
}

/// What upstream writes into the configuration's report when the load is concurrent.
#[test]
fn a_concurrent_load_is_resolved() {
    let mut config = accept(
        "
server: {base_url: 'http://localhost:8000'}
load: {type: concurrent, stages: [{num_requests: 20, concurrency_level: 4, rate: 7, duration: 60}]}
",
    );
    config.load.resolve_concurrency();
    let printed = serde_json::to_value(&config.load).expect("a tree");
    assert_eq!(printed["worker_max_concurrency"], 0);
    assert_eq!(
        printed["stages"],
        json!([{"num_requests": 20, "concurrency_level": 4, "rate": 20.0, "duration": 1}])
    );
    let mut plain = accept(LEAST);
    plain.load.resolve_concurrency();
    assert_eq!(plain, accept(LEAST));
}

#[test]
fn secrets_are_shown_nowhere() {
    let config = accept(
        "
api: {headers: {Authorization: Bearer hunter2}}
server: {base_url: 'http://localhost:8000', api_key: hunter2}
tokenizer: {token: hunter2}
load: {stages: [{rate: 1, duration: 1}]}
",
    );
    let printed = serde_json::to_value(&config).expect("a tree");
    assert_eq!(printed["api"]["headers"]["Authorization"], MASK);
    assert_eq!(printed["server"]["api_key"], MASK);
    assert_eq!(printed["tokenizer"]["token"], MASK);
    assert!(!printed.to_string().contains("hunter2"));
    assert!(!format!("{config:?}").contains("hunter2"));
    assert_eq!(config.server.api_key.expect("given").expose(), "hunter2");
}

#[test]
fn prepared_lengths_are_as_many_as_the_longest_stage_needs() {
    let counts = |data: &str, load: &str| {
        let text = format!("server: {{base_url: 'http://h'}}\ndata: {{{data}}}\nload: {{{load}}}\n");
        let mut config = accept(&text);
        config.resolve_total_count();
        let count = |lengths: &Option<Distribution>| lengths.as_ref().and_then(|lengths| lengths.total_count);
        (count(&config.data.input_distribution), count(&config.data.output_distribution))
    };
    let data = "type: random, input_distribution: {total_count: 9}, output_distribution: {total_count: 1000}";
    let stages = "stages: [{rate: 0.5, duration: 30}, {rate: 0.29, duration: 100}]";
    assert_eq!(counts(data, stages), (Some(29), Some(1000)));
    let closed = "type: concurrent, stages: [{num_requests: 2000, concurrency_level: 4}]";
    assert_eq!(counts(data, closed), (Some(2001), Some(2001)));
    assert_eq!(counts(data, "sweep: {type: linear}"), (Some(9), Some(1000)));
    let filter = "type: shareGPT, input_distribution: {}";
    assert_eq!(counts(filter, stages), (None, None));
}

//! Laws: reading never panics, and what is printed reads back as the same.

use proptest::prelude::*;

use super::{LEAST, accept, read};
use crate::config::{self, Config, UnknownKeys};
use crate::problem::Origin;
use crate::tree::{Content, Node};
use crate::yaml;

fn reread(config: &Config) -> Config {
    let tree = serde_json::to_value(config).expect("a tree");
    accept(&yaml::emit(&tree))
}

#[test]
fn printed_configurations_read_back_equal() {
    for more in [
        "",
        "data: {type: random, input_distribution: {variance: 4}, output_distribution: {type: uniform}}\n",
        "data: {type: shared_prefix, shared_prefix: {question_len: {mean: 3}, seed: 1}}\n",
        "storage: {simple_storage_service: {bucket_name: b, addressing_style: path}}\ntokenizer: {load_timeout: null}\n",
        "report: {prometheus: null, goodput: {constraints: {ttft: 0.5}}}\nextensions: {load: {pacing: even}}\n",
        "circuit_breakers: [{name: a, metrics: {matches: [x]}, triggers: [{type: consecutive, threshold: 3}]}]\n",
        "metrics: {type: prometheus, prometheus: {google_managed: true}}\n",
    ] {
        let config = accept(&format!("{LEAST}{more}"));
        assert_eq!(reread(&config), config, "{more}");
    }
    let sessions = accept(
        "
server: {base_url: 'http://localhost:8000'}
api: {type: chat}
data:
  type: synthetic_agentic
  synthetic_agentic: {num_sessions: 1, input_tokens_per_turn: {}, output_tokens_per_turn: {}}
load: {type: trace_session_replay, stages: [{concurrent_sessions: 1}]}
",
    );
    assert_eq!(reread(&sessions), sessions);
    // The run's own change of a concurrent configuration, as upstream makes it, reads back too.
    accept(
        "
server: {base_url: 'http://localhost:8000'}
load:
  type: concurrent
  worker_max_concurrency: 0
  stages: [{num_requests: 9, concurrency_level: 3, rate: 9.0, duration: 1}]
",
    );
}

/// Texts that look like configurations: known keys with values of all kinds.
fn likely_text() -> impl Strategy<Value = String> {
    let key = prop::sample::select(vec![
        "api",
        "data",
        "load",
        "server",
        "type",
        "stages",
        "rate",
        "duration",
        "base_url",
        "storage",
        "path",
        "shared_prefix",
        "num_groups",
        "sweep",
        "report",
        "percentiles",
        "circuit_breakers",
        "metrics",
        "tokenizer",
        "<<",
        "extensions",
        "input_distribution",
        "variance",
    ]);
    let value = prop::sample::select(vec![
        "1",
        "-1",
        "1e999",
        "99999999999999999999",
        "null",
        "~",
        "yes",
        "''",
        "[]",
        "{}",
        "&a x",
        "*a",
        "!!int x",
        "'http://h'",
        "constant",
        "concurrent",
        "0x10",
        "1:30",
        ".nan",
        ".inf",
        "- 1",
        "|",
        "\t",
    ]);
    prop::collection::vec((0..4_usize, key, value), 0..12).prop_map(|lines| {
        let lines: Vec<String> = lines
            .into_iter()
            .map(|(depth, key, value)| format!("{}{key}: {value}", "  ".repeat(depth)))
            .collect();
        lines.join("\n")
    })
}

/// Trees of known and unknown keys.
fn tree() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        "[a-z{}:/ ]{0,8}".prop_map(Into::into),
        Just("constant".into()),
        Just("trace_session_replay".into()),
    ];
    let key = prop::sample::select(vec![
        "api",
        "data",
        "load",
        "server",
        "type",
        "stages",
        "rate",
        "duration",
        "base_url",
        "storage",
        "headers",
        "local_storage",
        "path",
        "shared_prefix",
        "question_len",
        "multimodal",
        "image",
        "resolutions",
        "sweep",
        "trace",
        "theme_mix",
        "synthetic_agentic",
        "lora_traffic_split",
        "name",
        "split",
        "report",
        "metrics",
        "circuit_breakers",
        "triggers",
        "tokenizer",
        "extensions",
        "pacing",
        "burstiness",
        "a.b",
        "c[0]",
    ]);
    leaf.prop_recursive(5, 40, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(serde_json::Value::Array),
            prop::collection::vec((key.clone(), inner), 0..6).prop_map(|entries| {
                serde_json::Value::Object(entries.into_iter().map(|(k, v)| (k.to_owned(), v)).collect())
            }),
        ]
    })
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = read(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn likely_texts_are_read_without_panic(text in likely_text()) {
        let _ = read(&text);
    }

    #[test]
    fn any_tree_is_read_without_panic(tree in tree()) {
        let document = Node::from_json(&tree, &Origin::Derived);
        if let Err(problems) = Config::executable(document, UnknownKeys::Refused) {
            prop_assert!(!problems.as_slice().is_empty());
        }
    }

    /// A load that is accepted is printed so that it is accepted as the same.
    #[test]
    fn loads_read_back_equal(
        rates in prop::collection::vec((1e-3..1e6_f64, 1..100_000_u64), 1..5),
        workers in prop::option::of(-3..64_i64),
        seed in prop::option::of(any::<i64>()),
        interval in -1.0..1e6_f64,
        timeout in prop::option::of(0.0..1e6_f64),
    ) {
        let stages: Vec<_> = rates.iter().map(|(rate, duration)| serde_json::json!({"rate": rate, "duration": duration})).collect();
        let tree = serde_json::json!({
            "server": {"base_url": "https://h/x"},
            "load": {"stages": stages, "num_workers": workers, "base_seed": seed, "interval": interval, "request_timeout": timeout},
        });
        let config = Config::from_node(Node::from_json(&tree, &Origin::Derived));
        let config = config.map_err(|problems| TestCaseError::fail(problems.to_string()))?;
        prop_assert_eq!(reread(&config), config);
    }
}

#[test]
fn document_that_is_no_mapping() {
    let list =
        Node { content: Content::List(vec![Node::empty_map(Origin::Derived)]), origin: Origin::Derived };
    assert!(Config::from_node(list).is_err());
}

#[test]
fn schema_uses_only_what_is_checked() {
    let schema = config::json_schema();
    assert_eq!(crate::validate::unknown_keywords(&schema), Vec::<String>::new());
    assert!(jsonschema::draft7::new(&schema).is_ok());
    let printed = serde_json::to_value(accept(LEAST)).expect("a tree");
    assert!(jsonschema::draft7::is_valid(&schema, &printed), "what is printed keeps to the schema");
}

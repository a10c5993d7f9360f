//! Entries of the per-request report: order, fields that can be left out, and own keys.

use benchmark_schemas::record::{Bodies, Chunk, Retries, SpoolEntry};

use super::*;
use crate::metrics::source::tests::{MS, failure, record, usage};
use crate::report::tests::without_extensions;

fn written(records: Vec<Record>, fields: PerRequestFields, layout: Layout) -> String {
    let source: Vec<SpoolEntry> =
        records.into_iter().map(|record| SpoolEntry::Request(Box::new(record))).collect();
    let report = PerRequest::new(Arc::new(source), ApiType::Completion, fields, MetricOptions::default());
    let mut bytes = Vec::new();
    report.write(layout, &mut bytes).expect("memory");
    String::from_utf8(bytes).expect("text")
}

fn streamed() -> Record {
    let mut record = record(0, 10 * MS);
    record.usage = Some(usage(120, 3));
    record.output_tokens = Some(3);
    record.start = Some(20 * MS);
    record.end = 100 * MS;
    record.chunks = [(40, 1), (60, 2)].map(|(at, tokens)| Chunk::content(at * MS, tokens)).to_vec();
    record.bodies = Some(Box::new(Bodies {
        request: Some(r#"{"prompt": "é"}"#.to_owned()),
        response: Some("data: x\n\n".to_owned()),
        chunks: Some(vec!["{\"a\": 1}".to_owned(), "{\"a\": 2}".to_owned()]),
    }));
    record
}

#[test]
fn entry_of_a_streamed_success() {
    let fields = PerRequestFields { computed_metrics: true, ..PerRequestFields::default() };
    let text = written(vec![streamed()], fields, Layout::Compact);
    let entry = &without_extensions(&serde_json::from_str(&text).expect("JSON"))[0];
    let expected = json!({
        "start_time": 0.02, "end_time": 0.1,
        "request": "{\"prompt\": \"é\"}",
        "response": "data: x\n\n",
        "info": {
            "request_metrics": {"text": {"input_tokens": 120}, "image": null, "video": null, "audio": null},
            "response_metrics": {
                "output_tokens": 3,
                "server_usage": {"prompt_tokens": 120, "completion_tokens": 3},
                "response_chunks": ["{\"a\": 1}", "{\"a\": 2}"],
                "chunk_times": [0.04, 0.06],
                "output_token_times": [0.04, 0.06, 0.06],
            },
            "extra_info": {}, "lora_adapter": null, "graph_event_id": null, "labels": {}, "input_tokens": 120,
        },
        "computed_metrics": {
            "request_latency": 0.08, "normalized_time_per_output_token": 0.08 / 3.0,
            "time_to_first_token": 0.02, "time_per_output_token": 0.01, "inter_token_latency": 0.01,
            "inter_token_latencies": [0.02, 0.0], "input_tokens": 120, "output_tokens": 3,
            "ttft_slo_sec": null, "tpot_slo_sec": null,
        },
        "error": null,
    });
    assert_eq!(*entry, expected);
    let order = |value: &Value| value.as_object().map(|map| map.keys().cloned().collect::<Vec<_>>());
    assert_eq!(order(entry), order(&expected));
    assert!(text.is_ascii());
}

#[test]
fn failures_have_an_error_and_no_metrics() {
    let failed = failure(1, 0, "HTTP Error 503", "busy");
    let text = written(vec![failed], PerRequestFields::default(), Layout::Indented);
    let entry = &serde_json::from_str::<Value>(&text).expect("JSON")[0];
    assert_eq!(entry["info"]["response_metrics"], Value::Null);
    assert_eq!(entry["error"], json!({"error_type": "HTTP Error 503", "error_msg": "busy"}));
    assert_eq!(entry["extensions"]["stage"], json!(0));
    assert_eq!(entry["extensions"]["index"], json!(1));
    assert_eq!(entry.as_object().and_then(|entry| entry.keys().next_back()), Some(&"error".to_owned()));
}

#[test]
fn switched_off_fields_are_left_out() {
    let none = PerRequestFields {
        request: false,
        response: false,
        info: true,
        response_chunks: false,
        computed_metrics: false,
    };
    let text = written(vec![streamed()], none, Layout::Compact);
    let entry = &serde_json::from_str::<Value>(&text).expect("JSON")[0];
    for absent in ["request", "response", "computed_metrics"] {
        assert_eq!(entry.get(absent), None, "{absent}");
    }
    assert_eq!(entry["info"]["response_metrics"].get("response_chunks"), None);
    assert_eq!(entry["info"]["response_metrics"]["chunk_times"], json!([0.04, 0.06]));
}

#[test]
fn only_what_ended_by_itself_is_listed_and_the_layout_is_pythons() {
    let mut cancelled = record(1, 0);
    cancelled.outcome = Outcome::Cancelled;
    assert_eq!(written(vec![cancelled.clone()], PerRequestFields::default(), Layout::Indented), "[]");
    let two = || vec![record(0, 0), cancelled.clone(), record(2, 0)];
    let few =
        PerRequestFields { request: false, response: false, info: false, ..PerRequestFields::default() };
    for layout in [Layout::Indented, Layout::Compact] {
        let text = written(two(), few.clone(), layout);
        let tree: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(tree.as_array().map(Vec::len), Some(2));
        assert_eq!(text, json::to_string(&tree, layout), "streamed and whole look the same");
    }
}

#[test]
fn requests_that_were_sent_again_say_so() {
    let mut again = streamed();
    again.retries = Some(Retries { count: 2, last_start: 30 * MS });
    again.connected = Some(31 * MS);
    let text = written(vec![again], PerRequestFields::default(), Layout::Compact);
    let entry = &serde_json::from_str::<Value>(&text).expect("JSON")[0];
    let info = entry["info"].as_object().expect("an object");
    let last: Vec<(&str, &Value)> = info.iter().skip(6).map(|(key, value)| (key.as_str(), value)).collect();
    assert_eq!(
        last,
        [
            ("retries_attempted", &json!(2)),
            ("retries_recovered", &json!(true)),
            ("retry_wasted_sec", &json!(0.01)),
            ("input_tokens", &json!(120)),
        ]
    );
    assert_eq!(entry["extensions"]["connected_time"], json!(0.031));
}

//! The trees against upstream's of version 0.7.0, written down by hand.

use benchmark_schemas::record::{Outcome, Record, Retries, SpoolEntry};
use serde_json::{Value, json};

use super::super::tests::{run_of, run_with, without_extensions};
use super::*;
use crate::metrics::source::tests::{MS, S, failure, record, run_end, stage as stage_facts, usage};

/// Keys of `value` as a tree; numbers show whether they are integers.
fn shape(value: &Value) -> Value {
    match value {
        Value::Object(entries) => {
            Value::Object(entries.iter().map(|(key, value)| (key.clone(), shape(value))).collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(shape).collect()),
        Value::Number(number) if number.is_f64() => json!("f"),
        Value::Number(_) => json!("int"),
        Value::Null => Value::Null,
        other => other.clone(),
    }
}

/// Keys of `value` and of everything in it, in order, one a line.
fn key_order(value: &Value, path: &str, lines: &mut Vec<String>) {
    if let Value::Object(entries) = value {
        for (key, value) in entries {
            let path = format!("{path}/{key}");
            lines.push(path.clone());
            key_order(value, &path, lines);
        }
    }
}

fn dist_shape() -> Value {
    json!({
        "mean": "f", "min": "f", "max": "f", "p0.1": "f", "p1": "f", "p5": "f", "p10": "f", "p25": "f",
        "median": "f", "p75": "f", "p90": "f", "p95": "f", "p99": "f", "p99.9": "f",
    })
}

fn tokens_shape(totals: &[&str]) -> Value {
    let mut shape: Map<String, Value> =
        totals.iter().map(|total| ((*total).to_owned(), json!("f"))).collect();
    if let Value::Object(dist) = dist_shape() {
        shape.extend(dist);
    }
    Value::Object(shape)
}

/// What upstream writes for a stage of streamed text requests of which one failed.
fn expected_stage() -> Value {
    let dist = dist_shape();
    json!({
        "benchmark_time_seconds": "f",
        "load_summary": {
            "count": "int", "schedule_delay": dist, "send_duration": "f", "requested_rate": "f", "achieved_rate": "f",
        },
        "successes": {
            "count": "int",
            "latency": {
                "request_latency": dist, "normalized_time_per_output_token": dist, "time_per_output_token": dist,
                "time_to_first_token": dist, "inter_token_latency": dist,
            },
            "throughput": {
                "input_tokens_per_sec": "f", "output_tokens_per_sec": "f", "total_tokens_per_sec": "f",
                "requests_per_sec": "f", "images_per_sec": "f", "videos_per_sec": "f", "audios_per_sec": "f",
            },
            "request_size_bytes": dist,
            "image": {"count": dist, "pixels": null, "bytes": null, "aspect_ratio": null},
            "video": {"count": dist, "frames": null, "pixels": null, "bytes": null, "aspect_ratio": null},
            "audio": {"count": dist, "seconds": null, "bytes": null},
            "prompt_tokens": tokens_shape(&["total", "cached", "uncached"]),
            "output_len": dist,
            "output_tokens": tokens_shape(&["total"]),
            "token_count_mismatches": "int",
            "client_fallback_requests": {"prompt": "int", "output": "int"},
        },
        "failures": {
            "count": "int",
            "request_latency": dist,
            "prompt_tokens": tokens_shape(&["total", "cached", "uncached"]),
            "by_label": {"503 - Service Unavailable": {"count": "int", "messages": [{"message": "busy"}]}},
        },
    })
}

fn entries() -> Vec<SpoolEntry> {
    let mut entries: Vec<SpoolEntry> = (0..20)
        .map(|index| {
            let mut record = record(index, i64::try_from(index).expect("few") * S / 2);
            record.usage = Some(usage(120, 4));
            record.start = record.start.map(|start| start + MS);
            SpoolEntry::Request(Box::new(record))
        })
        .collect();
    entries.push(SpoolEntry::Request(Box::new(failure(20, 10 * S, "HTTP Error 503", "busy"))));
    entries.push(SpoolEntry::Stage(Box::new(stage_facts(0, 2.0, 10.5, 0))));
    entries.push(run_end(12 * S, false));
    entries
}

fn stage_tree(entries: Vec<SpoolEntry>) -> Value {
    let run = run_of(entries);
    stage(&run, &run.metrics.stages[0]).tree().clone()
}

#[test]
fn stage_report_has_upstreams_tree() {
    let tree = stage_tree(entries());
    let (found, expected) = (shape(&without_extensions(&tree)), expected_stage());
    assert_eq!(found, expected);
    let (mut found_order, mut expected_order) = (Vec::new(), Vec::new());
    key_order(&found, "", &mut found_order);
    key_order(&expected, "", &mut expected_order);
    assert_eq!(found_order, expected_order);
}

#[test]
fn summary_has_no_rates_of_a_stage() {
    let run = run_of(entries());
    let tree = without_extensions(summary(&run).tree());
    let mut expected = expected_stage();
    if let Some(load) = expected["load_summary"].as_object_mut() {
        for key in ["send_duration", "requested_rate", "achieved_rate"] {
            load.remove(key);
        }
    }
    assert_eq!(shape(&tree), expected);
}

#[test]
fn numbers_of_a_stage() {
    let tree = stage_tree(entries());
    let at = |pointer: &str| tree.pointer(pointer).cloned().unwrap_or(json!("absent"));
    assert_eq!(at("/load_summary/count"), json!(21));
    assert_eq!(at("/load_summary/requested_rate"), json!(2.0));
    assert_eq!(at("/benchmark_time_seconds"), json!(10.019));
    assert_eq!(at("/load_summary/achieved_rate"), json!(21.0 / 9.999));
    assert_eq!(at("/successes/latency/time_to_first_token/median"), json!(0.049));
    assert_eq!(at("/successes/latency/request_latency/max"), json!(0.199));
    assert_eq!(at("/successes/prompt_tokens/total"), json!(2400.0));
    assert_eq!(at("/failures/prompt_tokens/total"), json!(100.0));
    assert_eq!(at("/successes/latency/extensions/from_scheduled/time_to_first_token/median"), json!(0.05));
    assert_eq!(at("/successes/latency/extensions/from_scheduled/request_latency/max"), json!(0.2));
    assert_eq!(at("/load_summary/extensions/scheduled"), json!(21));
    assert_eq!(at("/extensions/pacing"), json!("scaled_exponential"));
}

#[test]
fn unary_answers_have_no_token_timing() {
    let mut entries = entries();
    for entry in &mut entries {
        if let SpoolEntry::Request(record) = entry {
            record.streamed = false;
            record.chunks.clear();
        }
    }
    let tree = stage_tree(entries);
    let latency = &tree["successes"]["latency"];
    for absent in ["time_per_output_token", "time_to_first_token", "inter_token_latency"] {
        assert_eq!(latency[absent], Value::Null, "{absent}");
    }
    assert_eq!(shape(&latency["normalized_time_per_output_token"]), dist_shape());
    assert_eq!(shape(&latency["request_latency"]), dist_shape());
}

#[test]
fn no_success_and_no_failure() {
    let failed = |index: u64| {
        SpoolEntry::Request(Box::new(failure(
            index,
            i64::try_from(index).expect("few") * S,
            "TimeoutError",
            "",
        )))
    };
    let tree = without_extensions(&stage_tree(vec![failed(0), failed(1)]));
    let successes = &tree["successes"];
    assert_eq!(
        shape(&successes["latency"]),
        json!({
            "request_latency": null, "normalized_time_per_output_token": null, "time_per_output_token": null,
            "time_to_first_token": null, "inter_token_latency": null,
        })
    );
    assert_eq!(
        successes["image"],
        json!({"count": null, "pixels": null, "bytes": null, "aspect_ratio": null})
    );
    assert_eq!(successes["prompt_tokens"], json!({"total": 0.0, "cached": 0.0, "uncached": 0.0}));
    assert_eq!(successes["output_tokens"], json!({"total": 0.0}));
    for absent in ["request_size_bytes", "output_len"] {
        assert_eq!(successes[absent], Value::Null);
    }
    assert!(successes["throughput"].as_object().expect("rates").values().all(|rate| *rate == json!(0.0)));
    assert_eq!(tree["failures"]["by_label"]["Timeout"], json!({"count": 2, "messages": [{"message": ""}]}));
    let good = |record: Record| SpoolEntry::Request(Box::new(record));
    let tree = without_extensions(&stage_tree(vec![good(record(0, 0))]));
    let none = json!({
        "count": 0,
        "request_latency": null,
        "prompt_tokens": {"total": 0.0, "cached": 0.0, "uncached": 0.0},
        "by_label": {},
    });
    assert_eq!(tree["failures"], none);
    assert_eq!(
        (&tree["load_summary"]["send_duration"], &tree["load_summary"]["achieved_rate"]),
        (&json!(0.0), &json!(0.0))
    );
}

#[test]
fn requests_that_did_not_end_by_themselves_are_counted_apart() {
    let mut entries = entries();
    for (at, outcome) in [(3, Outcome::Cancelled), (4, Outcome::NotDispatched)] {
        if let SpoolEntry::Request(record) = &mut entries[at] {
            record.outcome = outcome;
        }
    }
    let tree = stage_tree(entries);
    assert_eq!(tree["load_summary"]["count"], json!(19));
    assert_eq!(
        tree["load_summary"]["extensions"],
        json!({"scheduled": 21, "cancelled": 1, "not_dispatched": 1})
    );
}

/// Upstream's key of closed loops is the last of its object, and stands in no other report.
#[test]
fn closed_loops_name_their_concurrency() {
    let mut entries = entries();
    for entry in &mut entries {
        if let SpoolEntry::Stage(facts) = entry {
            (facts.concurrency, facts.rate, facts.status) = (Some(8), 21.0, StageStatus::TimedOut);
        }
    }
    let run = run_of(entries);
    let document = stage(&run, &run.metrics.stages[0]);
    let load = without_extensions(&document.tree()["load_summary"]);
    assert_eq!(load["concurrency"], json!(8));
    assert_eq!(load["requested_rate"], json!(21.0));
    assert_eq!(load.as_object().and_then(|load| load.keys().next_back()), Some(&"concurrency".to_owned()));
    assert_eq!(document.tree()["extensions"]["status"], json!("timed_out"));
    assert_eq!(summary(&run).tree()["load_summary"].get("concurrency"), None);
}

#[test]
fn requests_that_were_sent_again_have_a_block() {
    assert_eq!(stage_tree(entries()).get("retries"), None);
    let mut entries = entries();
    for entry in &mut entries {
        if let SpoolEntry::Request(record) = entry
            && (record.index == 3 || record.index == 20)
        {
            let last_start = record.start.expect("sent") + 5 * MS;
            record.retries = Some(Retries { count: 2, last_start });
        }
    }
    let run = run_of(entries);
    for document in [stage(&run, &run.metrics.stages[0]), summary(&run)] {
        let retries = &document.tree()["retries"];
        let counts = json!({"requests_retried": 2, "attempts": 4, "recovered": 1, "failed_after_retry": 1});
        for (key, count) in counts.as_object().expect("counts") {
            assert_eq!(&retries[key], count, "{key}");
        }
        // One recovered after 5 ms, one failed after all its 20.
        assert_eq!(retries["wasted_sec_total"], json!(0.025));
        assert_eq!(
            (&retries["wasted_sec"]["min"], &retries["wasted_sec"]["max"]),
            (&json!(0.005), &json!(0.02))
        );
        let keys: Vec<&String> = retries.as_object().expect("a block").keys().collect();
        assert_eq!(keys[4..], ["wasted_sec_total", "wasted_sec"]);
    }
}

#[test]
fn the_client_is_described_beside_the_stage() {
    let tree = stage_tree(entries());
    let client = &tree["extensions"]["client"];
    assert_eq!(
        client["send_error_seconds"],
        json!({"p50": 0.001, "p99": 0.001, "p99.9": 0.001, "max": 0.001})
    );
    assert_eq!((&client["waited_for_permit"], &client["permit_wait_seconds"]), (&json!(0), &Value::Null));
    assert_eq!((&client["throttled_seconds"], &client["busiest_runtime"]), (&json!(0.0), &json!(0.1)));
    assert_eq!((&client["in_flight_cap"], &client["workers"]), (&json!(800), &json!(1)));
    assert_eq!((&client["late_bodies"], &client["recorder_waits"]), (&json!(0), &json!(0)));
}

/// Upstream's block comes last, and only where there are objectives; its shares are of the successes alone.
#[test]
fn goodput_has_upstreams_block() {
    assert_eq!(stage_tree(entries())["successes"].get("goodput_metrics"), None);
    let limits = json!({"goodput": {"constraints": {"request_latency": 0.3, "ttft": 0.04, "itl": 1.0}}});
    let run = run_with(entries(), &limits);
    let tree = stage(&run, &run.metrics.stages[0]).tree().clone();
    let successes = tree["successes"].as_object().expect("an object");
    assert_eq!(successes.keys().next_back().map(String::as_str), Some("goodput_metrics"));
    let goodput = &tree["successes"]["goodput_metrics"];
    let mut keys = Vec::new();
    key_order(&without_extensions(goodput), "", &mut keys);
    assert_eq!(
        keys,
        [
            "/goodput_percentage",
            "/request_goodput",
            "/token_goodput",
            "/good_requests",
            "/total_requests",
            "/ttft_attainment_percentage",
            "/itl_attainment_percentage",
            "/request_latency_attainment_percentage",
        ]
    );
    assert_eq!((&goodput["good_requests"], &goodput["total_requests"]), (&json!(0), &json!(20)));
    assert_eq!(goodput["request_latency_attainment_percentage"], json!(100.0));
    let lax = run_with(entries(), &json!({"goodput": {"constraints": {"request_latency": 0.3}}}));
    let tree = summary(&lax).tree().clone();
    let goodput = &tree["successes"]["goodput_metrics"];
    assert_eq!((&goodput["goodput_percentage"], &goodput["good_requests"]), (&json!(100.0), &json!(20)));
    let of_all = &goodput["extensions"]["of_all_requests"];
    assert_eq!(of_all["goodput_percentage"], json!(20.0 / 21.0 * 100.0));
    assert_eq!(of_all["total_requests"], json!(21));
    let nothing_good = run_with(Vec::new(), &limits);
    assert_eq!(summary(&nothing_good).tree()["successes"].get("goodput_metrics"), None);
}

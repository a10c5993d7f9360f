//! The report against upstream's of version 0.7.0, written down by hand.

use benchmark_schemas::record::SpoolEntry;
use benchmark_schemas::yaml;

use super::super::tests::run_of;
use super::*;
use crate::metrics::source::tests::{S, failure, record, run_end, stage as stage_facts};

fn tree(entries: Vec<SpoolEntry>) -> Value {
    let run = run_of(entries);
    document(&run, &run.metrics.stages[0]).tree().clone()
}

fn entries(requests: u64) -> Vec<SpoolEntry> {
    let records = (0..requests).map(|index| record(index, i64::try_from(index).expect("few") * S));
    let mut entries: Vec<SpoolEntry> = records.map(|record| SpoolEntry::Request(Box::new(record))).collect();
    entries.push(SpoolEntry::Stage(Box::new(stage_facts(0, 1.0, 3.25, S / 4))));
    entries.push(run_end(10 * S, false));
    entries
}

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().map(|object| object.keys().map(String::as_str).collect()).unwrap_or_default()
}

#[test]
fn a_stage() {
    let tree = tree(entries(3));
    let run = &tree["run"];
    assert_eq!(keys(&tree), ["version", "run", "results"]);
    assert_eq!(
        (&tree["version"], &run["eid"]),
        (&json!("0.2.1"), &json!("inference-perf-experiment-00c0ffee"))
    );
    let uid = run["uid"].as_str().expect("text");
    assert!(
        uid.starts_with("inference-perf-stage-0-") && uid.len() == "inference-perf-stage-0-".len() + 8,
        "{uid}"
    );
    let time = json!({
        "start": "2026-09-21T14:13:20.250000Z", "end": "2026-09-21T14:13:23.500000Z", "duration": "PT3.250S",
    });
    assert_eq!(run["time"], time);
    let aggregate = &tree["results"]["request_performance"]["aggregate"];
    assert_eq!(keys(aggregate), ["requests", "latency", "throughput"]);
    assert_eq!(keys(&aggregate["requests"]), ["total", "failures", "input_length", "output_length"]);
    assert_eq!(
        keys(&aggregate["latency"]),
        [
            "time_to_first_token",
            "normalized_time_per_output_token",
            "time_per_output_token",
            "inter_token_latency",
            "request_latency"
        ]
    );
    let ttft = &aggregate["latency"]["time_to_first_token"];
    assert_eq!(
        keys(ttft),
        [
            "units", "mean", "stddev", "min", "p0p1", "p1", "p5", "p10", "p25", "p50", "p75", "p90", "p95",
            "p99", "p99p9", "max"
        ]
    );
    assert_eq!((&ttft["units"], &ttft["p99p9"]), (&json!("s"), &json!(0.05)));
    assert!(ttft["stddev"].as_f64().expect("a number") < 1e-15);
    assert_eq!(aggregate["throughput"]["request_rate"], json!({"units": "queries/s", "mean": 3.0 / 2.2}));
}

#[test]
fn one_request_has_no_deviation() {
    let tree = tree(entries(1));
    let aggregate = &tree["results"]["request_performance"]["aggregate"];
    assert_eq!(aggregate["latency"]["request_latency"].get("stddev"), None);
    assert_eq!(aggregate["requests"]["output_length"]["mean"], json!(4.0));
}

#[test]
fn nothing_is_null_and_what_is_unknown_is_absent() {
    let failed = SpoolEntry::Request(Box::new(failure(0, 0, "HTTP Error 503", "busy")));
    let tree = tree(vec![failed]);
    assert_eq!(tree["run"].get("time"), None, "the spool was cut off");
    let aggregate = &tree["results"]["request_performance"]["aggregate"];
    assert_eq!(*aggregate, json!({"requests": {"total": 1, "failures": 1}, "latency": {}}));
    assert!(!yaml::emit(&tree).contains("null"));
}

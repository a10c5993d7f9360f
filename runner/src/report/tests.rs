//! What several exporters' tests need, and what holds for all files together.

use std::sync::Arc;

use benchmark_schemas::record::{RunFacts, SpoolEntry};
use serde_json::{Value, json};

use super::{Layout, RunReport, exports, markers};
use crate::metrics::source::tests::{S, record, run_end, stage};

/// A run whose entries after the first are `entries`, with the default configuration.
pub(crate) fn run_of(entries: Vec<SpoolEntry>) -> RunReport {
    RunReport::read(&spool(entries, &json!({}))).expect("a run")
}

fn spool(entries: Vec<SpoolEntry>, report: &Value) -> Vec<SpoolEntry> {
    let config = json!({"load": {"type": "constant", "stages": [{"rate": 2.0}]}, "report": report});
    let facts = RunFacts {
        version: "0.1.0".to_owned(),
        started_epoch_ns: 1_790_000_000 * S,
        run_id: "00c0ffee".to_owned(),
        config_json: config.to_string(),
        tokenizer: Some("/models/tiny".to_owned()),
    };
    std::iter::once(SpoolEntry::Run(Box::new(facts))).chain(entries).collect()
}

/// `value` without any key `extensions`.
pub(crate) fn without_extensions(value: &Value) -> Value {
    match value {
        Value::Object(entries) => entries
            .iter()
            .filter(|(key, _)| *key != "extensions")
            .map(|(key, value)| (key.clone(), without_extensions(value)))
            .collect(),
        Value::Array(items) => items.iter().map(without_extensions).collect(),
        other => other.clone(),
    }
}

pub(crate) fn two_stages() -> Vec<SpoolEntry> {
    let mut entries = Vec::new();
    for number in 0..2 {
        let start = i64::from(number) * 20 * S;
        for index in 0..10 {
            let due = start + i64::try_from(index).expect("few") * S;
            let record = benchmark_schemas::record::Record { stage: number, ..record(index, due) };
            entries.push(SpoolEntry::Request(Box::new(record)));
        }
        entries.push(SpoolEntry::Stage(Box::new(stage(number, 1.0, 10.0, start))));
    }
    entries.push(run_end(40 * S, false));
    entries
}

fn files(entries: Vec<SpoolEntry>, report: &Value) -> Vec<(String, String)> {
    let source = Arc::new(spool(entries, report));
    let run = RunReport::read(&*source).expect("a run");
    exports(&run, &source)
        .iter()
        .map(|file| {
            let mut bytes = Vec::new();
            file.write(Layout::Indented, &mut bytes).expect("memory");
            (file.name().to_owned(), String::from_utf8(bytes).expect("text"))
        })
        .collect()
}

fn names(files: &[(String, String)]) -> Vec<&str> {
    files.iter().map(|(name, _)| name.as_str()).collect()
}

#[test]
fn files_in_upstreams_order_and_as_configured() {
    let all = json!({"request_lifecycle": {"per_request": true}});
    assert_eq!(
        names(&files(two_stages(), &all)),
        [
            "summary_lifecycle_metrics.json",
            "stage_0_lifecycle_metrics.json",
            "stage_1_lifecycle_metrics.json",
            "per_request_lifecycle_metrics.json",
            "capacity.json",
            "config.yaml",
        ]
    );
    let few = json!({"request_lifecycle": {"summary": false, "per_stage": null}});
    assert_eq!(names(&files(two_stages(), &few)), ["capacity.json", "config.yaml"]);
    assert_eq!(names(&files(Vec::new(), &json!({}))), ["capacity.json", "config.yaml"]);
}

#[test]
fn capacity_agrees_with_its_schema() {
    let written = files(two_stages(), &json!({}));
    let (_, text) = written.iter().find(|(name, _)| name == "capacity.json").expect("written");
    let capacity: benchmark_schemas::report::Capacity = serde_json::from_str(text).expect("its type");
    assert_eq!(capacity.stages.len(), 2);
    assert!(!capacity.interrupted);
    let tree: Value = serde_json::from_str(text).expect("JSON");
    let schema = benchmark_schemas::report::capacity_json_schema();
    let required = schema["required"].as_array().expect("a list");
    assert!(required.iter().all(|key| tree.get(key.as_str().unwrap_or_default()).is_some()));
}

#[test]
fn the_same_records_give_the_same_bytes() {
    let all = json!({"request_lifecycle": {"per_request": true}});
    assert_eq!(files(two_stages(), &all), files(two_stages(), &all));
}

#[test]
fn markers_stand_alone_on_their_lines() {
    let run = run_of(two_stages());
    let blocks = markers::blocks(&run);
    let lines: Vec<&str> = blocks.lines().filter(|line| line.starts_with("===")).collect();
    assert_eq!(
        lines,
        [
            "=== START_SUMMARY ===",
            "=== END_SUMMARY ===",
            "=== START_STAGE_0 ===",
            "=== END_STAGE_0 ===",
            "=== START_STAGE_1 ===",
            "=== END_STAGE_1 ===",
        ]
    );
    let between = |name: &str| -> Value {
        let (start, end) = (format!("=== START_{name} ===\n"), format!("\n=== END_{name} ==="));
        let from = blocks.find(&start).expect("start") + start.len();
        serde_json::from_str(&blocks[from..from + blocks[from..].find(&end).expect("end")]).expect("JSON")
    };
    assert_eq!(between("SUMMARY")["load_summary"]["count"], json!(20));
    assert_eq!(between("STAGE_1")["extensions"]["stage"], json!(1));
}

#[test]
fn a_spool_without_facts_is_refused() {
    let error = RunReport::read(&two_stages()).expect_err("refused").to_string();
    assert!(error.contains("does not begin with the facts of its run"), "{error}");
}

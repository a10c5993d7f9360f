//! What several exporters' tests need, and what holds for all files together.

use std::sync::Arc;

use benchmark_schemas::record::{RunFacts, SpoolEntry, SweepFacts, SweepMethod};
use benchmark_schemas::yaml;
use serde_json::{Value, json};

use super::{Export as _, Layout, RunReport, exports, markers};
use crate::metrics::source::tests::{S, record, run_end, stage};

/// A run whose entries after the first are `entries`, with the default configuration.
pub(crate) fn run_of(entries: Vec<SpoolEntry>) -> RunReport {
    run_with(entries, &json!({}))
}

/// The same with the section `report` of its configuration.
pub(crate) fn run_with(entries: Vec<SpoolEntry>, report: &Value) -> RunReport {
    RunReport::read(&spool(entries, report)).expect("a run")
}

/// The same whose tokens `tokenizer` counted, or the server alone.
pub(crate) fn run_counted_by(entries: Vec<SpoolEntry>, tokenizer: Option<&str>) -> RunReport {
    let mut spool = spool(entries, &json!({}));
    if let Some(SpoolEntry::Run(facts)) = spool.first_mut() {
        facts.tokenizer = tokenizer.map(str::to_owned);
    }
    RunReport::read(&spool).expect("a run")
}

fn spool(entries: Vec<SpoolEntry>, report: &Value) -> Vec<SpoolEntry> {
    let config =
        json!({"load": {"type": "constant", "stages": [{"rate": 2.0}, {"rate": 2.0}]}, "report": report});
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
        .files
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
            "inference-perf.partial.stage_0.yaml",
            "inference-perf.partial.stage_1.yaml",
            "capacity.json",
            "config.yaml",
            "validation.json",
            "report.html",
        ]
    );
    let few = json!({"request_lifecycle": {"summary": false, "per_stage": null}});
    let without_requests = ["capacity.json", "config.yaml", "validation.json", "report.html"];
    let partial = ["inference-perf.partial.stage_0.yaml", "inference-perf.partial.stage_1.yaml"];
    assert_eq!(names(&files(two_stages(), &few)), [&partial[..], &without_requests].concat());
    assert_eq!(names(&files(Vec::new(), &json!({}))), without_requests);
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
    let source = Arc::new(spool(two_stages(), &json!({})));
    let run = RunReport::read(&*source).expect("a run");
    let blocks = markers::blocks(&exports(&run, &source).files);
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
            "=== START_PARTIAL_BR_V0_2_STAGE_0 ===",
            "=== END_PARTIAL_BR_V0_2_STAGE_0 ===",
            "=== START_PARTIAL_BR_V0_2_STAGE_1 ===",
            "=== END_PARTIAL_BR_V0_2_STAGE_1 ===",
        ]
    );
    let between = |name: &str| -> &str {
        let (start, end) = (format!("=== START_{name} ===\n"), format!("\n=== END_{name} ==="));
        let from = blocks.find(&start).expect("start") + start.len();
        &blocks[from..from + blocks[from..].find(&end).expect("end")]
    };
    let json = |name: &str| -> Value { serde_json::from_str(between(name)).expect("JSON") };
    assert_eq!(json("SUMMARY")["load_summary"]["count"], json!(20));
    assert_eq!(json("STAGE_1")["extensions"]["stage"], json!(1));
    let partial =
        yaml::parse(between("PARTIAL_BR_V0_2_STAGE_1"), "log", yaml::Dialect::Config).expect("YAML");
    assert_eq!(
        partial.to_json()["results"]["request_performance"]["aggregate"]["requests"]["total"],
        json!(10)
    );
}

#[test]
fn a_spool_without_facts_is_refused() {
    let error = RunReport::read(&two_stages()).expect_err("refused").to_string();
    assert!(error.contains("does not begin with the facts of its run"), "{error}");
}

#[test]
fn adapters_have_reports_of_their_own() {
    let mut entries = two_stages();
    for entry in &mut entries {
        if let SpoolEntry::Request(record) = entry {
            record.adapter = Some(if record.index % 2 == 0 { "sql" } else { "team/chat" }.to_owned());
        }
    }
    let names_of = |report: &Value| -> Vec<String> {
        let files = files(entries.clone(), report);
        files.into_iter().map(|(name, _)| name).filter(|name| name.starts_with("adapter_")).collect()
    };
    let over_the_run = ["adapter_sql_lifecycle_metrics.json", "adapter_team%2Fchat_lifecycle_metrics.json"];
    assert_eq!(names_of(&json!({})), over_the_run);
    assert_eq!(
        names_of(&json!({"request_lifecycle": {"per_adapter": false, "per_adapter_stage": true}})),
        [
            "adapter_sql_stage_0_lifecycle_metrics.json",
            "adapter_team%2Fchat_stage_0_lifecycle_metrics.json",
            "adapter_sql_stage_1_lifecycle_metrics.json",
            "adapter_team%2Fchat_stage_1_lifecycle_metrics.json",
        ]
    );
    let report = json!({"request_lifecycle": {"per_adapter_stage": true, "per_request": true}});
    let files = files(entries, &report);
    let tree = |wanted: &str| -> Value {
        let (_, text) = files.iter().find(|(name, _)| name == wanted).expect("written");
        serde_json::from_str(text).expect("JSON")
    };
    let keys = |tree: &Value| -> Vec<String> {
        let load = without_extensions(&tree["load_summary"]);
        load.as_object().expect("an object").keys().cloned().collect()
    };
    let whole = tree("adapter_team%2Fchat_lifecycle_metrics.json");
    assert_eq!((&whole["load_summary"]["count"], keys(&whole).len()), (&json!(10), 2));
    assert_eq!(whole["extensions"], json!({"adapter": "team/chat", "stage": null}));
    let stage = tree("adapter_sql_stage_1_lifecycle_metrics.json");
    assert_eq!(keys(&stage), ["count", "schedule_delay", "send_duration", "requested_rate", "achieved_rate"]);
    assert_eq!(stage["load_summary"]["requested_rate"], json!(1.0));
    assert_eq!(tree("per_request_lifecycle_metrics.json")[1]["info"]["lora_adapter"], json!("team/chat"));
}

#[test]
fn the_stages_that_a_sweep_made_stand_in_the_configuration() {
    let sweep = SweepFacts {
        method: SweepMethod::Completions,
        estimate: 4.0,
        interval: None,
        completions: 9,
        busy_seconds: 2.25,
        requests: 10,
        succeeded: 10,
        failed: 0,
        peak_in_flight: 10,
        rates: vec![1.0, 4.5],
    };
    let mut entries = two_stages();
    entries.insert(0, SpoolEntry::Sweep(Box::new(sweep)));
    let mut source = spool(entries, &json!({}));
    if let SpoolEntry::Run(facts) = &mut source[0] {
        facts.config_json = json!({"load": {"stages": [], "sweep": {"stage_duration": 30}}}).to_string();
    }
    let run = RunReport::read(&source).expect("a run");
    let stage =
        |rate: f64| json!({"rate": rate, "duration": 30, "num_requests": null, "concurrency_level": null});
    let config = super::config::document(&run);
    assert_eq!(config.tree()["load"]["stages"], json!([stage(1.0), stage(4.5)]));
    assert_eq!(exports(&run, &Arc::new(source)).validation.findings, []);
}

//! A sweep from its configuration to stored reports: its stages end at what the simulated server can do, and its probe
//! is in no report.

use anyhow::Result;
use benchmark_tests::{program, run_ok};
use model_server_simulator::{ModelParameters, capacity};
use rustix::process::Signal;
use serde_json::Value;

use crate::machine;
use crate::rig::{Rig, files, json, send, text};

const REQUESTS: u64 = 300;
const STAGES: usize = 3;

fn config(rig: &Rig, sweep: &str) -> String {
    format!(
        "{}data:\n  type: synthetic\n  input_distribution: {{type: fixed, mean: 16}}\n  output_distribution: {{type: fixed, mean: 8}}\nload:\n  type: constant\n  interval: 0\n  num_workers: 2\n  sweep: {{type: linear, num_stages: {STAGES}, stage_duration: 2, {sweep}}}\napi:\n  type: completion\n  streaming: true\nreport:\n  request_lifecycle:\n    per_request: true\nstorage:\n  local_storage:\n    path: reports\n",
        rig.target()
    )
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a few dozen")]
fn requests_within_2_s(rate: f64) -> u64 {
    (rate * 2.0).floor() as u64
}

#[test]
fn a_sweep_runs_stages_up_to_the_servers_limit_and_its_probe_is_in_no_report() -> Result<()> {
    let _machine = machine();
    // Four slots, a fifth of a second each.
    let rig = Rig::start(&[
        "--slots",
        "4",
        "--prefill-ms",
        "60",
        "--prefill-token-us",
        "0",
        "--decode-ms",
        "20",
        "--decode-running-us",
        "0",
    ])?;
    let truth = capacity(
        &ModelParameters {
            slots: 4,
            prefill_base_ms: 60.0,
            prefill_per_token_us: 0.0,
            decode_base_ms: 20.0,
            decode_per_running_sequence_us: 0.0,
            ..ModelParameters::default()
        },
        16.0,
        8.0,
    );
    let sweep = format!("num_requests: {REQUESTS}, timeout: 30, saturation_percentile: 95");
    let output = rig.command(&config(&rig, &sweep))?.output()?;
    let shown = text(&output);
    assert_eq!(output.status.code(), Some(0), "{shown}");
    assert!(shown.contains("load.sweep.saturation_percentile has no effect"), "{shown}");

    let found = json(&rig.path("reports/capacity.json"))?;
    let sweep = &found["sweep"];
    let rates: Vec<f64> = serde_json::from_value(sweep["rates"].clone())?;
    assert_eq!(rates.len(), STAGES);
    assert!(rates.is_sorted() && rates[0] < rates[1] && rates[1] < rates[2], "{rates:?}");
    assert!((rates[STAGES - 1] / truth - 1.0).abs() < 0.05, "{rates:?}, and the server can do {truth}");
    assert_eq!(sweep["requests"], REQUESTS);
    assert!(shown.contains("Sweep: the server completes"), "{shown}");

    // 2 s of each rate, and nothing of the probe.
    let planned: u64 = rates.iter().map(|rate| requests_within_2_s(*rate)).sum();
    assert_eq!(rig.served()?, REQUESTS + planned);
    let folder = rig.path("reports");
    let reports = files(&folder)?;
    let stages: Vec<&String> = reports.keys().filter(|name| name.starts_with("stage_")).collect();
    assert_eq!(stages.len(), STAGES, "{stages:?}");
    for (stage, rate) in rates.iter().enumerate() {
        let report = json(&folder.join(format!("stage_{stage}_lifecycle_metrics.json")))?;
        assert_eq!(report["load_summary"]["requested_rate"].as_f64(), Some(*rate));
    }
    let summary = json(&folder.join("summary_lifecycle_metrics.json"))?;
    assert_eq!(summary["load_summary"]["count"].as_u64(), Some(planned));
    assert_eq!(summary["extensions"]["stages_planned"], STAGES);
    assert_eq!(summary["extensions"]["sweep"], *sweep);
    let requests = json(&folder.join("per_request_lifecycle_metrics.json"))?;
    assert_eq!(requests.as_array().map(|requests| requests.len() as u64), Some(planned));
    assert_eq!(found["stages"].as_array().map(Vec::len), Some(STAGES));

    run_ok(&program("inference-perf"), ["report", &folder.to_string_lossy()])?;
    assert_eq!(files(&folder)?, reports, "rebuilt byte for byte");
    Ok(())
}

#[test]
fn a_sweep_that_finds_no_limit_runs_no_stage() -> Result<()> {
    let _machine = machine();
    let rig = Rig::start(&["--error-rate", "1"])?;
    let output = rig.command(&config(&rig, "num_requests: 20, timeout: 10"))?.output()?;
    let shown = text(&output);
    assert_eq!(output.status.code(), Some(1), "{shown}");
    let complaint = String::from_utf8(output.stderr)?;
    for part in
        ["of 20 requests 0 succeeded, 20 failed", "500 - Internal Server Error", "load.sweep.num_requests"]
    {
        assert!(complaint.contains(part), "{part:?} is not in {complaint}");
    }
    let spool: Value = json(&rig.path("reports/capacity.json")).unwrap_or_default();
    assert!(spool.is_null(), "a run without a stage has no verdicts");
    assert!(rig.path("reports/spool/records.bin").exists(), "{shown}");
    Ok(())
}

#[test]
fn an_interrupt_during_the_probe_ends_the_run() -> Result<()> {
    let _machine = machine();
    let rig = Rig::start(&["--slots", "4"])?;
    let config = config(&rig, "num_requests: 100000, timeout: 60");
    let config = config.replace("  interval: 0\n", "  interval: 0\n  stage_teardown_grace_seconds: 1\n");
    let mut child = rig.command(&config)?.spawn()?;
    rig.await_served(20, &mut child)?;
    send(&child, Signal::INT)?;
    let output = child.wait_with_output()?;
    let shown = text(&output);
    assert_eq!(output.status.code(), Some(130), "{shown}");
    assert!(shown.contains("Sweep - probe failed: interrupted"), "{shown}");
    let found = json(&rig.path("reports/capacity.json"))?;
    assert_eq!(
        (&found["interrupted"], &found["sweep"], found["stages"].as_array().map(Vec::len)),
        (&true.into(), &Value::Null, Some(0))
    );
    Ok(())
}

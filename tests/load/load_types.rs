//! Loads that follow a recorded trace, and loads that a circuit breaker stops.

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::rig::{MODEL, Rig, json as json_file, text};
use crate::shared_machine;

const AZURE: &str = "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:15:46.6805900,37,4\n\
                     2023-11-16 18:15:46.9,39,10\nnonsense,1,1\n2023-11-16 18:15:47.4,87,5\n2023-11-16 18:15:47.4,60,8\n";
const MOONCAKE: &str = r#"{"timestamp": 1000, "input_length": 37, "output_length": 4, "hash_ids": [1]}
{"timestamp": 1219.41, "input_length": 39, "output_length": 10, "hash_ids": [1]}
{"timestamp": 1719.41, "input_length": 87, "output_length": 5, "hash_ids": [1]}
{"timestamp": 1719.41, "input_length": 60, "output_length": 8, "hash_ids": [1]}
"#;
/// Offsets and lengths of both.
const ROWS: [(f64, u64, u64); 4] = [(0.0, 37, 4), (0.219_41, 39, 10), (0.719_41, 87, 5), (0.719_41, 60, 8)];

fn replayed(rig: &Rig, data: &str, further: &str) -> Result<Vec<Value>> {
    let trace = rig.path("trace");
    let config = format!(
        "api: {{type: completion, streaming: true}}\n\
         data: {{type: {data}, trace: {{file: '{0}'}}}}\n\
         load: {{type: trace_replay, trace: {{file: '{0}'}}, interval: 0, stages: [{{rate: 1, duration: 1}}, {{rate: 9, duration: 1}}]}}\n\
         report: {{request_lifecycle: {{per_request: true}}}}\nstorage: {{local_storage: {{path: reports}}}}\n{further}\n{1}",
        trace.display(),
        rig.target()
    );
    let output = rig.command(&config)?.output()?;
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let requests = json_file(&rig.path("reports/per_request_lifecycle_metrics.json"))?;
    Ok(requests.as_array().context("a list")?.clone())
}

#[test]
fn a_trace_sets_instants_and_lengths_of_every_stage() -> Result<()> {
    let _machine = shared_machine();
    for (data, trace, further) in
        [("random", AZURE, ""), ("synthetic", MOONCAKE, "extensions: {trace_format: mooncake}")]
    {
        let rig = Rig::start(&["--decode-ms", "1"])?;
        fs_err::write(rig.path("trace"), trace)?;
        let requests = replayed(&rig, data, further)?;
        assert_eq!(requests.len(), 2 * ROWS.len());
        for stage in 0..2 {
            let mut of_stage: Vec<_> =
                requests.iter().filter(|request| request["extensions"]["stage"] == stage).collect();
            of_stage.sort_by_key(|request| request["extensions"]["index"].as_u64());
            let due = |request: &Value| request["extensions"]["scheduled_time"].as_f64().context("due");
            let first = due(of_stage.first().context("requests")?)?;
            for (request, (offset, input, output)) in of_stage.iter().zip(ROWS) {
                let body: Value = serde_json::from_str(request["request"].as_str().context("a body")?)?;
                assert_eq!(body["max_tokens"], output);
                assert_eq!(request["info"]["response_metrics"]["server_usage"]["prompt_tokens"], input);
                assert!((due(request)? - first - offset).abs() < 1e-6, "{}", due(request)? - first);
            }
        }
        let report = json_file(&rig.path("reports/stage_1_lifecycle_metrics.json"))?;
        assert_eq!(report["extensions"]["pacing"], "trace");
        assert_eq!(report["load_summary"]["requested_rate"], 9.0);
    }
    Ok(())
}

/// A configuration with `load` and a circuit breaker that opens at the fifth record in a row of what `metrics` choose.
fn breaker(rig: &Rig, load: &str, metrics: &str) -> String {
    format!(
        "api: {{type: completion, streaming: true}}\n\
         load: {{circuit_breakers: [errors], {load}}}\n\
         server: {{type: vllm, model_name: {MODEL}, base_url: '{}'}}\nstorage: {{local_storage: {{path: reports}}}}\n\
         circuit_breakers:\n- name: errors\n  metrics: {{{metrics}}}\n\
         \x20 triggers: [{{type: consecutive, threshold: 5}}]\n",
        rig.simulator.base_url
    )
}

#[test]
fn a_circuit_breaker_stops_its_stage_and_those_after_it() -> Result<()> {
    let _machine = shared_machine();
    let rig = Rig::start(&["--decode-ms", "1", "--error-rate", "1"])?;
    let config = breaker(
        &rig,
        "interval: 0, stages: [{rate: 10, duration: 30}, {rate: 10, duration: 30}]",
        r#"matches: ["stage_id >= `0`"], rules: ["starts_with(error.error_type, 'HTTP Error')"]"#,
    );
    let output = rig.command(&config)?.output()?;
    let log = text(&output);
    assert_eq!(output.status.code(), Some(0), "{log}");
    assert_eq!(
        log.matches("circuit breaker \"errors\" is open").count(),
        3,
        "once by itself, once for each stage: {log}"
    );
    let report = json_file(&rig.path("reports/stage_0_lifecycle_metrics.json"))?;
    assert_eq!(report["extensions"]["circuit_breakers"], serde_json::json!(["errors"]));
    assert_eq!(report["extensions"]["status"], "stopped");
    let failures = report["failures"]["count"].as_u64().context("failures")?;
    let unsent = report["load_summary"]["extensions"]["not_dispatched"].as_u64().context("not dispatched")?;
    assert!((5..300).contains(&failures), "{failures}");
    let summary = json_file(&rig.path("reports/summary_lifecycle_metrics.json"))?;
    let of_run = &summary["load_summary"]["extensions"];
    assert_eq!(of_run["scheduled"], 600, "every scheduled request has its record");
    assert_eq!(of_run["not_dispatched"].as_u64(), Some(unsent + 300), "the second stage sends nothing");
    Ok(())
}

#[test]
fn a_circuit_breaker_that_opens_with_a_stages_last_request_takes_the_pause_along() -> Result<()> {
    let _machine = shared_machine();
    let rig = Rig::start(&["--decode-ms", "1", "--error-rate", "1"])?;
    let config = breaker(
        &rig,
        "interval: 86400, stages: [{rate: 5, duration: 1}, {rate: 5, duration: 1}]",
        r#"matches: ["stage_id >= `0`"]"#,
    );
    // It would be here tomorrow.
    let output = rig.command(&config)?.output()?;
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let summary = json_file(&rig.path("reports/summary_lifecycle_metrics.json"))?;
    assert_eq!(summary["failures"]["count"], 5);
    assert_eq!(summary["load_summary"]["extensions"]["not_dispatched"], 5);
    Ok(())
}

#[test]
fn a_circuit_breaker_that_opens_in_a_sweeps_probe_ends_the_sweep_and_says_so() -> Result<()> {
    let _machine = shared_machine();
    let rig = Rig::start(&["--decode-ms", "1", "--error-rate", "1"])?;
    let config = breaker(
        &rig,
        "interval: 600, sweep: {type: linear, num_requests: 40, timeout: 20, num_stages: 2, stage_duration: 1}",
        r#"matches: ["stage_id < `0`"]"#,
    );
    let output = rig.command(&config)?.output()?;
    let log = text(&output);
    assert_eq!(output.status.code(), Some(0), "{log}");
    assert!(
        log.contains("No stage was run: circuit breaker \"errors\" opened during the sweep's probe"),
        "{log}"
    );
    assert!(log.contains("The run was interrupted"), "{log}");
    assert_eq!(json_file(&rig.path("reports/manifest.json"))?["complete"], false);
    assert!(!rig.path("reports/stage_0_lifecycle_metrics.json").exists());
    Ok(())
}

#[test]
fn wrong_expressions_and_missing_traces_are_told_before_anything_is_sent() -> Result<()> {
    let rig = Rig::start(&[])?;
    let base = format!(
        "server: {{type: vllm, model_name: {MODEL}, base_url: '{}'}}\nstorage: {{local_storage: {{path: reports}}}}\n",
        rig.simulator.base_url
    );
    for (further, fault) in [
        (
            "load: {circuit_breakers: [a], stages: [{rate: 1, duration: 1}]}\n\
             circuit_breakers: [{name: a, metrics: {matches: ['error.']}, triggers: []}]\n",
            "circuit_breakers[0].metrics.matches[0]: \"error.\" is no JMESPath expression",
        ),
        (
            "load: {type: trace_replay, trace: {file: /none/trace.csv}, stages: [{rate: 1, duration: 1}]}\n",
            "load.trace.file cannot be used: /none/trace.csv: No such file or directory",
        ),
    ] {
        let config = format!("{base}{further}");
        let output = rig.command(&config)?.output()?;
        assert_eq!(output.status.code(), Some(1));
        assert!(text(&output).contains(fault), "{}", text(&output));
        // Nobody waits for a server first, which nothing on the discard port would ever be.
        let absent = config.replace(&rig.simulator.base_url, "http://127.0.0.1:9");
        let output = rig.command(&absent)?.env("INFERENCE_PERF_PREFLIGHT", "0").output()?;
        assert_eq!(output.status.code(), Some(1), "{}", text(&output));
        assert!(text(&output).contains(fault), "{}", text(&output));
    }
    assert_eq!(rig.served()?, 0);
    Ok(())
}

//! Mock requests against a server, without a tokenizer: counts are the server's, and where it gives none there are none.

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use crate::rig::{MODEL, Rig, json as json_file, text};
use crate::shared_machine;

const REQUESTS: u64 = 20;
/// `max_tokens` of a mock request.
const OUTPUT_TOKENS: u64 = 30;

/// Runs 20 mock requests against `rig`, with a further line of configuration, and gives the log and the summary.
fn run(rig: &Rig, further: &str) -> Result<(String, Value)> {
    let config = format!(
        "api: {{type: completion, streaming: true}}\nload:\n  stages: [{{rate: 20, duration: 1}}]\n\
         server: {{type: vllm, model_name: {MODEL}, base_url: '{}', ignore_eos: true}}\n\
         storage: {{local_storage: {{path: reports}}}}\n{further}\n",
        rig.simulator.base_url
    );
    // A hub that cannot be reached is no matter where nobody asks for a tokenizer.
    let hub = [("HF_HOME", rig.path("hub")), ("HF_ENDPOINT", "http://127.0.0.1:1".into())];
    let output = rig.command(&config)?.envs(hub).output()?;
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let summary = json_file(&rig.path("reports/summary_lifecycle_metrics.json"))?;
    assert_eq!(summary["successes"]["count"], REQUESTS);
    assert_eq!(rig.served()?, REQUESTS);
    Ok((text(&output), summary["successes"].clone()))
}

#[test]
fn without_a_tokenizer_counts_are_the_servers() -> Result<()> {
    let _machine = shared_machine();
    let rig = Rig::start(&["--decode-ms", "1"])?;
    let (log, successes) = run(&rig, "")?;
    assert_eq!(log.matches("No tokenizer").count(), 1, "{log}");
    assert_eq!(successes["output_tokens"]["total"].as_f64(), Some((REQUESTS * OUTPUT_TOKENS) as f64));
    assert!(successes["prompt_tokens"]["total"].as_f64().context("prompt tokens")? >= REQUESTS as f64);
    assert_eq!(successes["output_len"], Value::Null, "nobody counted the answers' text");
    for latency in ["time_to_first_token", "time_per_output_token", "inter_token_latency"] {
        assert!(successes["latency"][latency]["mean"].is_number(), "{latency}");
    }
    Ok(())
}

#[test]
fn a_tokenizer_in_the_hubs_cache_counts_too() -> Result<()> {
    let _machine = shared_machine();
    let rig = Rig::start(&["--decode-ms", "1"])?;
    let model = rig.path("hub/hub").join(format!("models--{MODEL}"));
    fs_err::create_dir_all(model.join("refs"))?;
    fs_err::write(model.join("refs/main"), "c0ffee")?;
    fs_err::create_dir_all(model.join("snapshots/c0ffee"))?;
    fs_err::copy(rig.path("tokenizer/tokenizer.json"), model.join("snapshots/c0ffee/tokenizer.json"))?;
    let (log, successes) = run(&rig, "")?;
    assert!(!log.contains("No tokenizer") && !log.contains("WARNING"), "{log}");
    assert_eq!(successes["output_len"]["mean"].as_f64(), Some(OUTPUT_TOKENS as f64));
    Ok(())
}

#[test]
fn without_a_server_every_request_takes_a_second() -> Result<()> {
    let _machine = shared_machine();
    let rig = Rig::start(&[])?;
    let config = |load: &str, reports: &str| {
        format!(
            "api: {{type: chat}}\ndata: {{type: mock}}\nload: {{num_workers: 2, {load}stages: [{{rate: 1, duration: 10}}]}}\n\
             server: {{type: mock, base_url: 'http://0.0.0.0:8000'}}\nreport: {{request_lifecycle: {{per_request: true}}}}\n\
             storage: {{local_storage: {{path: {reports}}}}}\n"
        )
    };
    let output = rig.command(&config("", "reports"))?.output()?;
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let summary = json_file(&rig.path("reports/summary_lifecycle_metrics.json"))?;
    assert_eq!(summary["successes"]["count"], 10);
    let stage = json_file(&rig.path("reports/stage_0_lifecycle_metrics.json"))?;
    let rate = stage["load_summary"]["achieved_rate"].as_f64().context("a rate")?;
    assert!(rate > 0.8, "{rate}");
    let fastest = summary["successes"]["latency"]["request_latency"]["min"].as_f64().context("a latency")?;
    assert!(fastest >= 1.0, "{fastest}");
    let entries = json_file(&rig.path("reports/per_request_lifecycle_metrics.json"))?;
    let entries = entries.as_array().context("a list")?;
    assert_eq!(entries.len(), 10);
    for entry in entries {
        assert_eq!(entry["response"], Value::Null, "nobody has answered");
        assert_eq!(entry["info"]["response_metrics"], json!({"output_tokens": 0, "server_usage": null}));
        let request: Value = serde_json::from_str(entry["request"].as_str().context("a body")?)?;
        assert_eq!((&request["model"], &request["max_tokens"]), (&json!("mock_model"), &json!(3)));
    }
    assert_eq!(rig.served()?, 0, "nobody was asked");

    let output = rig.command(&config("request_timeout: 0.2, ", "late"))?.output()?;
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let summary = json_file(&rig.path("late/summary_lifecycle_metrics.json"))?;
    assert_eq!(summary["failures"]["by_label"]["Timeout"]["count"], 10);
    Ok(())
}

#[test]
fn without_a_server_nobody_is_asked_for_adapters_or_figures() -> Result<()> {
    let _machine = shared_machine();
    let rig = Rig::start(&[])?;
    let url = &rig.simulator.base_url;
    let config = format!(
        "load: {{lora_traffic_split: [{{name: fast, split: 1.0}}], stages: [{{rate: 5, duration: 1}}]}}\n\
         server: {{type: mock, base_url: '{url}'}}\nstorage: {{local_storage: {{path: reports}}}}\n\
         metrics: {{type: prometheus, prometheus: {{url: '{url}', scrape_interval: 1}}}}\n"
    );
    // Who wants traces learns that there are none, and gets all else.
    let output = rig.command(&config)?.env("OTEL_TRACES_ENABLED", "true").output()?;
    let log = text(&output);
    assert_eq!(output.status.code(), Some(0), "{log}");
    assert_eq!(log.matches("OTEL_TRACES_ENABLED: no traces are sent").count(), 1, "{log}");
    assert!(!log.contains("Prometheus"), "{log}");
    let adapter = json_file(&rig.path("reports/adapter_fast_lifecycle_metrics.json"))?;
    assert_eq!(adapter["successes"]["count"], 5);
    Ok(())
}

#[test]
fn where_nobody_counts_there_are_no_lengths() -> Result<()> {
    let _machine = shared_machine();
    let rig = Rig::start(&["--decode-ms", "1", "--usage", "never"])?;
    let (_, successes) = run(&rig, "")?;
    for counts in ["prompt_tokens", "output_tokens"] {
        assert_eq!(successes[counts]["total"].as_f64(), Some(0.0));
        assert_eq!(successes[counts].get("mean"), None);
    }
    let latency = &successes["latency"];
    assert_eq!(latency["normalized_time_per_output_token"], Value::Null);
    assert!(latency["inter_token_latency"]["mean"].is_number(), "chunks stand for tokens");
    assert_eq!(successes["client_fallback_requests"]["output"], REQUESTS);
    Ok(())
}

#[test]
fn a_tokenizer_that_is_named_counts() -> Result<()> {
    let _machine = shared_machine();
    let rig = Rig::start(&["--decode-ms", "1", "--usage", "never"])?;
    let tokenizer = rig.path("tokenizer");
    let further = format!("tokenizer: {{pretrained_model_name_or_path: '{}'}}", tokenizer.display());
    let (log, successes) = run(&rig, &further)?;
    assert!(!log.contains("No tokenizer"), "{log}");
    assert_eq!(successes["output_tokens"]["total"].as_f64(), Some((REQUESTS * OUTPUT_TOKENS) as f64));
    assert!(successes["prompt_tokens"]["mean"].as_f64().context("prompt tokens")? >= 1.0);
    Ok(())
}

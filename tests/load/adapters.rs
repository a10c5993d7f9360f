//! A load that is split among LoRA adapters, against a server that lists them and keeps what it is asked.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use crate::rig::{Rig, json as json_file, text};
use crate::script::{self, Request};
use crate::shared_machine;

const REQUESTS: u64 = 200;

/// A model server with two adapters; the process ends it.
struct Server {
    url: String,
    /// Models of the requests in the order of their prompts' numbers.
    asked: Arc<Mutex<BTreeMap<String, String>>>,
}

impl Server {
    fn start() -> Result<Self> {
        let asked = Arc::new(Mutex::new(BTreeMap::new()));
        let kept = Arc::clone(&asked);
        let port = script::listen(move |stream| {
            script::answer_all(stream, |request| Ok(reply(request, &kept)?.to_string()))
        })?;
        Ok(Self { url: format!("http://127.0.0.1:{port}"), asked })
    }

    fn asked(&self) -> BTreeMap<String, String> {
        std::mem::take(&mut *self.asked.lock().expect("no holder panics"))
    }
}

fn reply(request: &Request, kept: &Mutex<BTreeMap<String, String>>) -> Result<Value> {
    if request.head.starts_with("GET /v1/models") {
        return Ok(json!({"data": [{"id": "base"}, {"id": "fast"}, {"id": "careful"}]}));
    }
    let body: Value = serde_json::from_slice(&request.body)?;
    let text = |key: &str| body[key].as_str().map(str::to_owned).context("a text");
    kept.lock().expect("no holder panics").insert(text("prompt")?, text("model")?);
    Ok(json!({"choices": [{"text": "one two"}], "usage": {"prompt_tokens": 4, "completion_tokens": 2}}))
}

fn config(url: &str, split: &str, workers: u32) -> String {
    format!(
        "api: {{type: completion}}\n\
         load: {{num_workers: {workers}, base_seed: 5, lora_traffic_split: {split}, stages: [{{rate: {REQUESTS}, duration: 1}}]}}\n\
         server: {{type: vllm, model_name: base, base_url: '{url}'}}\n\
         report: {{request_lifecycle: {{per_request: true}}}}\nstorage: {{local_storage: {{path: reports}}}}\n"
    )
}

#[test]
fn each_request_asks_for_the_adapter_that_was_drawn_for_it() -> Result<()> {
    let _machine = shared_machine();
    let server = Server::start()?;
    // A sum that is not exactly 1 as floats.
    let split = "[{name: fast, split: 0.7}, {name: careful, split: 0.2}, {name: base, split: 0.1}]";
    let mut choices = Vec::new();
    for workers in [1, 2] {
        let rig = Rig::start(&[])?;
        let output = rig.command(&config(&server.url, split, workers))?.output()?;
        assert_eq!(output.status.code(), Some(0), "{}", text(&output));
        let asked = server.asked();
        assert_eq!(asked.len() as u64, REQUESTS, "each prompt is another one");
        let summary = json_file(&rig.path("reports/summary_lifecycle_metrics.json"))?;
        assert_eq!(summary["successes"]["count"], REQUESTS);
        choices.push(asked);
    }
    assert_eq!(choices[0], choices[1], "whatever the number of workers");
    let share =
        |name: &str| choices[0].values().filter(|model| *model == name).count() as f64 / REQUESTS as f64;
    // Six standard errors of 200 draws.
    assert!((share("fast") - 0.7).abs() < 0.2 && (share("careful") - 0.2).abs() < 0.17, "{:?}", choices[0]);
    assert!(share("base") > 0.0);
    Ok(())
}

#[test]
fn failures_are_those_of_their_adapters() -> Result<()> {
    let _machine = shared_machine();
    let rig = Rig::start(&["--lora", "fast", "--lora", "careful", "--error-rate", "1"])?;
    let split = "[{name: fast, split: 0.5}, {name: careful, split: 0.5}]";
    let output = rig.command(&config(&rig.simulator.base_url, split, 1))?.output()?;
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let mut failures = 0;
    for adapter in ["fast", "careful"] {
        let file = rig.path(&format!("reports/adapter_{adapter}_lifecycle_metrics.json"));
        let report = json_file(&file)?;
        let failed = report["failures"]["count"].as_u64().context("failures")?;
        assert!(failed > 0 && report["successes"]["count"] == 0, "{adapter}: {report}");
        failures += failed;
    }
    assert_eq!(failures, REQUESTS);
    Ok(())
}

#[test]
fn an_adapter_that_the_server_lacks_is_found_before_anything_is_sent() -> Result<()> {
    let _machine = shared_machine();
    let server = Server::start()?;
    let rig = Rig::start(&[])?;
    let output = rig.command(&config(&server.url, "[{name: quick, split: 1.0}]", 1))?.output()?;
    assert_eq!(output.status.code(), Some(1));
    let printed = text(&output);
    let told =
        printed.lines().find(|line| line.contains("load.lora_traffic_split: ")).context("it is told")?;
    assert!(told.ends_with(
        "load.lora_traffic_split: the server has no adapter \"quick\"; it lists base, fast, careful (load the adapter, or name another)"
    ), "{told}");
    assert!(server.asked().is_empty());
    Ok(())
}

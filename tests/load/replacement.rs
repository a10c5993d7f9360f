//! What upstream's own end-to-end tests ask of the program, asked of ours.

use std::time::Duration;

use anyhow::{Context as _, Result};
use model_server_simulator::Stats;
use serde_json::{Value, json};

use crate::rig::{Rig, json as json_file, text};
use crate::script;
use crate::serving::Prometheus;
use crate::{machine, shared_machine};

/// `max_tokens` of a mock request.
const MOCK_TOKENS: u64 = 30;

/// Runs `config` to the end; gives the summary and the entries of the requests.
fn run(rig: &Rig, config: &str) -> Result<(Value, Vec<Value>)> {
    let reports = rig.reports();
    let output =
        rig.command(&format!("{config}\nstorage: {{local_storage: {{path: {reports}}}}}\n"))?.output()?;
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    read(rig, &reports)
}

fn read(rig: &Rig, reports: &str) -> Result<(Value, Vec<Value>)> {
    let file = |name: &str| json_file(&rig.path(reports).join(format!("{name}_lifecycle_metrics.json")));
    let entries = file("per_request")?;
    Ok((file("summary")?, entries.as_array().context("a list")?.clone()))
}

fn server(rig: &Rig) -> String {
    reported(rig, "per_request: true")
}

/// The rig's server and the reports about its requests.
fn reported(rig: &Rig, lifecycle: &str) -> String {
    format!("{}report: {{request_lifecycle: {{{lifecycle}}}}}", rig.target())
}

#[test]
fn each_request_of_mock_data_has_its_entry() -> Result<()> {
    let _machine = shared_machine();
    let rig = Rig::start(&["--decode-ms", "1", "--slots", "256"])?;
    let (completion, chat) = ("{type: completion, streaming: true}", "{type: chat, streaming: true}");
    for (api, load, requests) in [
        (completion, "stages: [{rate: 1, duration: 5}]", 5),
        (completion, "interval: 2, stages: [{rate: 1, duration: 5}, {rate: 2, duration: 5}]", 15),
        (completion, "num_workers: 2, stages: [{rate: 100, duration: 5}]", 500),
        (chat, "stages: [{rate: 1, duration: 5}]", 5),
    ] {
        let config = format!("{}\napi: {api}\ndata: {{type: mock}}\nload: {{{load}}}", server(&rig));
        let (summary, entries) = run(&rig, &config)?;
        assert_eq!(entries.len(), requests, "{load}");
        assert_eq!(summary["successes"]["count"], requests, "{load}");
        for info in entries.iter().map(|entry| &entry["info"]) {
            assert!(info["request_metrics"]["text"]["input_tokens"].as_u64() > Some(0), "{info}");
            assert_eq!(info["response_metrics"]["server_usage"]["completion_tokens"], MOCK_TOKENS);
        }
    }
    Ok(())
}

/// Requests to a server whose times are known.
const TIMED: usize = 10;

/// The least that a server takes, and the length of its answers.
struct Times {
    ttft_seconds: f64,
    itl_seconds: f64,
    tokens: u64,
}

impl Times {
    /// A server that takes these times, whatever else it does.
    fn rig(&self) -> Result<Rig> {
        let milliseconds = |seconds: f64| (seconds * 1e3).to_string();
        let (prefill, decode) = (milliseconds(self.ttft_seconds), milliseconds(self.itl_seconds));
        let times = ["--prefill-ms", &prefill, "--decode-ms", &decode];
        let exact = ["--prefill-token-us", "0", "--decode-running-us", "0", "--slots", "64"];
        Rig::start(&[&times[..], &exact].concat())
    }

    fn config(&self, rig: &Rig) -> String {
        format!(
            "{}\napi: {{type: completion, streaming: true}}\n\
             data: {{type: random, input_distribution: {{type: fixed, mean: 8}}, output_distribution: {{type: fixed, mean: {}}}}}\n\
             load: {{stages: [{{rate: 2, duration: 5}}]}}",
            reported(rig, "per_request: true, per_stage: false, use_server_output_tokens: true"),
            self.tokens
        )
    }

    fn check_counts(&self, summary: &Value, entries: &[Value]) -> Result<()> {
        let successes = &summary["successes"];
        assert_eq!((&summary["failures"]["count"], &successes["count"]), (&json!(0), &json!(TIMED)));
        for (figure, value) in successes["output_tokens"].as_object().context("figures")? {
            let expected = if figure == "total" { TIMED as u64 * self.tokens } else { self.tokens };
            assert_eq!(value.as_f64(), Some(expected as f64), "output_tokens.{figure}");
        }
        assert!(successes["prompt_tokens"]["total"].as_f64() > Some(0.0));
        for entry in entries {
            let request: Value = serde_json::from_str(entry["request"].as_str().context("a body")?)?;
            assert_eq!(request["max_tokens"], self.tokens);
        }
        Ok(())
    }

    /// Nothing is below what the server takes at least, and nothing far above what it took by its own clock.
    fn check_latencies(&self, latency: &Value, server: &Written) -> Result<()> {
        let within = |metric: &str, figure: &str, low: f64, high: f64| -> Result<()> {
            let found = latency[metric][figure].as_f64().with_context(|| format!("{metric}.{figure}"))?;
            assert!((low..=high).contains(&found), "{metric}.{figure} is {found}, not in {low}..{high}");
            Ok(())
        };
        let (ttft, itl, tokens) = (self.ttft_seconds, self.itl_seconds, self.tokens as f64);
        let floor = ttft + (tokens - 1.0) * itl;
        within("time_to_first_token", "min", ttft, f64::INFINITY)?;
        // The client's time begins before the server's and ends after it.
        within("time_to_first_token", "mean", server.first.max(ttft), server.first + 0.05)?;
        within("time_per_output_token", "mean", itl - 0.005, server.per_token + 0.005)?;
        within("inter_token_latency", "median", itl - 0.005, server.median_gap + 0.005)?;
        within("request_latency", "min", floor, f64::INFINITY)?;
        within("request_latency", "mean", server.last.max(floor), server.last + 0.05)?;
        let (low, high) = (server.last.max(floor) / tokens, (server.last + 0.05) / tokens);
        within("normalized_time_per_output_token", "mean", low, high)
    }
}

/// When a server wrote its answers, by its own clock, seconds.
struct Written {
    /// Mean time to the first chunk.
    first: f64,
    /// Mean time to the last chunk.
    last: f64,
    /// Mean time between chunks.
    per_token: f64,
    median_gap: f64,
}

impl Written {
    /// Of answers with a token in each chunk.
    fn of(stats: &Stats) -> Result<Self> {
        assert_eq!(stats.requests.len(), TIMED);
        let (mut first, mut last, mut per_token, mut gaps) = (0.0, 0.0, 0.0, Vec::new());
        for request in &stats.requests {
            let at: Vec<f64> = request.chunk_written_ns.iter().map(|&ns| ns as f64 / 1e9).collect();
            let (begin, end) = at.first().zip(at.last()).context("chunks")?;
            first += begin / TIMED as f64;
            last += end / TIMED as f64;
            per_token += (end - begin) / (at.len() - 1) as f64 / TIMED as f64;
            gaps.extend(at.windows(2).map(|pair| pair[1] - pair[0]));
        }
        gaps.sort_unstable_by(f64::total_cmp);
        Ok(Self { first, last, per_token, median_gap: gaps[gaps.len() / 2] })
    }
}

#[test]
fn metrics_are_those_of_a_server_whose_times_are_known() -> Result<()> {
    let _machine = machine();
    for (ttft_seconds, itl_seconds, tokens) in [(0.5, 0.05, 25), (0.2, 0.1, 8)] {
        let times = Times { ttft_seconds, itl_seconds, tokens };
        let rig = times.rig()?;
        let (summary, entries) = run(&rig, &times.config(&rig))?;
        assert!(!rig.last_reports().join("stage_0_lifecycle_metrics.json").exists());
        times.check_counts(&summary, &entries)?;
        times.check_latencies(&summary["successes"]["latency"], &Written::of(&rig.stats()?)?)?;
    }
    Ok(())
}

#[test]
fn a_server_that_dies_between_stages_makes_failures_and_no_abort() -> Result<()> {
    let _machine = shared_machine();
    let mut rig = Rig::start(&["--decode-ms", "1"])?;
    let config = format!(
        "{}\napi: {{type: completion, streaming: true}}\ndata: {{type: mock}}\n\
         load: {{interval: 15, stages: [{{rate: 5, duration: 5}}, {{rate: 5, duration: 5}}]}}\n\
         storage: {{local_storage: {{path: reports}}}}\n",
        server(&rig)
    );
    let mut program = rig.command(&config)?.spawn()?;
    rig.await_served(25, &mut program)?;
    // The last answer takes some 50 ms; the next request comes 15 s later.
    std::thread::sleep(Duration::from_secs(2));
    rig.simulator.end();
    let output = program.wait_with_output()?;
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let (summary, entries) = read(&rig, "reports")?;
    assert_eq!((&summary["successes"]["count"], &summary["failures"]["count"]), (&json!(25), &json!(25)));
    assert_eq!(entries.len(), 50);
    Ok(())
}

#[test]
fn prometheus_has_counted_most_of_the_requests() -> Result<()> {
    let _machine = shared_machine();
    let rig = Rig::start(&["--decode-ms", "1"])?;
    let prometheus = Prometheus::start(&rig)?;
    let config = format!(
        "{}\napi: {{type: completion, streaming: true}}\ndata: {{type: mock}}\nload: {{stages: [{{rate: 5, duration: 30}}]}}\n\
         metrics: {{type: prometheus, prometheus: {{url: '{}', scrape_interval: 1}}}}",
        server(&rig),
        prometheus.url
    );
    let (summary, _) = run(&rig, &config)?;
    assert_eq!(summary["successes"]["count"], 150);
    let report = json_file(&rig.last_reports().join("summary_prometheus_metrics.json"))?;
    let figure = |name: &str| report["successes"][name].as_f64().context("a figure");
    let (count, rate) = (figure("request_success_count")?, figure("rate")?);
    assert!(count > 100.0 && 3.0 < rate && rate < 7.0, "{count} requests, {rate} a second");
    Ok(())
}

/// A server that answers streaming requests in one piece, and as Prometheus knows one name of the counter.
fn plain_server(counter: &'static str) -> Result<String> {
    let port = script::listen(move |stream| {
        script::answer_all(stream, |request| {
            let line = request.head.lines().next().unwrap_or_default();
            let answer = if line.starts_with("POST ") {
                json!({"choices": [{"index": 0, "text": " a", "finish_reason": "stop"}],
                       "usage": {"prompt_tokens": 4, "completion_tokens": 1}})
            } else {
                // Upstream asks for both names at once, joined by `or`: the name must end where the filter begins.
                let query = line.replace("%7B", "{").replace("%3A", ":");
                let known = query.contains(&format!("vllm:{counter}{{"));
                let result = if known { json!([{"metric": {}, "value": [0, "7"]}]) } else { json!([]) };
                json!({"status": "success", "data": {"resultType": "vector", "result": result}})
            };
            Ok(answer.to_string())
        })
    })?;
    Ok(format!("http://127.0.0.1:{port}"))
}

#[test]
fn both_names_of_the_counter_of_successes_are_asked_for() -> Result<()> {
    let _machine = shared_machine();
    let rig = Rig::start(&[])?;
    for (counter, known) in [("request_success", true), ("request_success_total", true), ("others", false)] {
        let url = plain_server(counter)?;
        let config = format!(
            "server: {{type: vllm, model_name: m, base_url: '{url}', ignore_eos: true}}\n\
             api: {{type: completion, streaming: true}}\ndata: {{type: mock}}\nload: {{stages: [{{rate: 5, duration: 1}}]}}\n\
             metrics: {{type: prometheus, prometheus: {{url: '{url}', scrape_interval: 1}}}}\n\
             report: {{request_lifecycle: {{per_request: true}}, prometheus: {{summary: true, per_stage: false}}}}"
        );
        let (summary, _) = run(&rig, &config)?;
        assert_eq!(summary["successes"]["count"], 5);
        let file = json_file(&rig.last_reports().join("summary_prometheus_metrics.json"))?;
        let count = file["successes"]["request_success_count"].as_f64().context("a count")?;
        assert_eq!(count > 0.0, known, "{counter}: {count}");
    }
    Ok(())
}

/// Runs the prompts of 256 groups of 16; gives the bodies of the requests, sorted.
fn run_groups(rig: &Rig, workers: u32) -> Result<Vec<String>> {
    let config = format!(
        "{}\napi: {{type: completion, streaming: true}}\n\
         data: {{type: shared_prefix, shared_prefix: {{num_groups: 256, num_prompts_per_group: 16, system_prompt_len: 512, \
         question_len: 256, output_len: 256, seed: 7}}}}\n\
         load: {{num_workers: {workers}, worker_max_concurrency: 600, stages: [{{rate: 100, duration: 5}}]}}",
        server(rig)
    );
    let (summary, entries) = run(rig, &config)?;
    assert_eq!((&summary["failures"]["count"], &summary["successes"]["count"]), (&json!(0), &json!(500)));
    let mut bodies = Vec::new();
    for entry in &entries {
        assert_eq!(entry["info"]["request_metrics"]["text"]["input_tokens"], 768, "by the server's count");
        assert_eq!(entry["info"]["response_metrics"]["server_usage"]["completion_tokens"], 256);
        bodies.push(entry["request"].as_str().context("a body")?.to_owned());
    }
    bodies.sort_unstable();
    Ok(bodies)
}

#[test]
fn groups_of_prompts_are_the_same_whatever_the_number_of_workers() -> Result<()> {
    let _machine = shared_machine();
    let rig = Rig::start(&["--decode-ms", "1", "--slots", "1024"])?;
    let bodies = run_groups(&rig, 1)?;
    assert_eq!(bodies, run_groups(&rig, 8)?);
    let mut beginnings = std::collections::BTreeMap::<String, usize>::new();
    for body in &bodies {
        let body: Value = serde_json::from_str(body)?;
        let words: Vec<_> = body["prompt"].as_str().context("a prompt")?.split(' ').collect();
        // Of 512 tokens, of which a word has one or two; the whole prompt has 768.
        *beginnings.entry(words[..256].join(" ")).or_default() += 1;
    }
    assert!(beginnings.len() <= 256 && beginnings.len() > 150, "{} groups", beginnings.len());
    assert!(beginnings.values().all(|&prompts| prompts <= 16));
    Ok(())
}

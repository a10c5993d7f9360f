//! The server's own metrics: scraped from its page, and asked of a real Prometheus that scrapes it.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use rustix::process::Signal;
use serde_json::Value;

use crate::rig::{MODEL, Rig, files, json as json_file, send, text};
use crate::script;
use crate::shared_machine;

const REPORTS: [&str; 2] = ["summary", "stage_0"];
/// What is asked about vLLM: three queries for each of 13 counters, four for 3 gauges, five for 18 histograms.
const QUERIES: usize = 3 * 13 + 4 * 3 + 5 * 18;

/// A Prometheus that scrapes a simulator every second; ended when dropped.
pub(crate) struct Prometheus {
    process: Child,
    pub(crate) url: String,
}

impl Prometheus {
    pub(crate) fn start(rig: &Rig) -> Result<Self> {
        let target = rig.simulator.base_url.trim_start_matches("http://");
        let config = rig.path("prometheus.yml");
        fs_err::write(
            &config,
            format!(
                "global: {{scrape_interval: 1s, scrape_timeout: 1s}}\n\
                 scrape_configs: [{{job_name: vllm, static_configs: [{{targets: ['{target}']}}]}}]\n"
            ),
        )?;
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let process = Command::new("prometheus")
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", rig.path("tsdb").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("prometheus (install it with: apt-get install prometheus)")?;
        let this = Self { process, url: format!("http://127.0.0.1:{port}") };
        let begin = Instant::now();
        // Until it has the server's own samples.
        while this.ask("vllm:request_success_total", None).unwrap_or(None).is_none() {
            ensure!(begin.elapsed() < Duration::from_mins(1), "Prometheus does not scrape");
            std::thread::sleep(Duration::from_millis(100));
        }
        Ok(this)
    }

    /// The first value of the answer to `query`, to six decimals; `None` if it has none.
    fn ask(&self, query: &str, time: Option<f64>) -> Result<Option<f64>> {
        let mut url = reqwest::Url::parse(&format!("{}/api/v1/query", self.url))?;
        url.query_pairs_mut().append_pair("query", query);
        if let Some(time) = time {
            url.query_pairs_mut().append_pair("time", &time.to_string());
        }
        let answer: Value = reqwest::blocking::get(url)?.error_for_status()?.json()?;
        let Some(value) = answer["data"]["result"][0]["value"][1].as_str() else { return Ok(None) };
        let value: f64 = value.parse()?;
        Ok(Some(if value.is_nan() { value } else { format!("{value:.6}").parse()? }))
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn config(rig: &Rig, further: &str) -> String {
    format!(
        "api: {{type: completion, streaming: true}}\nload:\n  interval: 0\n  stages: [{{rate: 20, duration: 2}}, {{rate: 10, duration: 1}}]\n\
         server: {{type: vllm, model_name: {MODEL}, base_url: '{}', ignore_eos: true}}\n\
         storage: {{local_storage: {{path: reports}}}}\n{further}\n",
        rig.simulator.base_url
    )
}

/// What each key of the report is, asked with the window and the model in place of `W` and `M`.
const ASKED: [(&str, &str); 9] = [
    ("/count", "sum(increase(vllm:request_success_total{M}[W]))"),
    ("/rate", "sum(rate(vllm:request_success_total{M}[W]))"),
    ("/request_success_count", "sum(increase(vllm:request_success_total{M}[W]))"),
    ("/prompt_len/rate", "sum(rate(vllm:prompt_tokens_total{M}[W]))"),
    ("/queue_len/mean", "avg_over_time(vllm:num_requests_waiting{M}[W])"),
    ("/kv_cache_usage_percentage/p90", "quantile_over_time(0.9, vllm:kv_cache_usage_perc{M}[W])"),
    (
        "/request_latency/mean",
        "sum(rate(vllm:e2e_request_latency_seconds_sum{M}[W])) / sum(rate(vllm:e2e_request_latency_seconds_count{M}[W]))",
    ),
    (
        "/time_to_first_token/p99",
        "histogram_quantile(0.99, sum(rate(vllm:time_to_first_token_seconds_bucket{M}[W])) by (le))",
    ),
    (
        "/inter_token_latency/median",
        "histogram_quantile(0.5, sum(rate(vllm:inter_token_latency_seconds_bucket{M}[W])) by (le))",
    ),
];

#[test]
fn reports_say_what_prometheus_says_when_it_is_asked_directly() -> Result<()> {
    let _machine = shared_machine();
    let rig = Rig::start(&["--decode-ms", "2"])?;
    let prometheus = Prometheus::start(&rig)?;
    let metrics = format!(
        "metrics: {{type: prometheus, prometheus: {{url: '{}', scrape_interval: 1}}}}\n\
         report: {{prometheus: {{summary: true, per_stage: true}}}}",
        prometheus.url
    );
    let output = rig.command(&config(&rig, &metrics))?.output()?;
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    for report in REPORTS {
        let file = json_file(&rig.path(&format!("reports/{report}_prometheus_metrics.json")))?;
        let window = &file["extensions"];
        assert_eq!(window["queries"], QUERIES);
        assert_eq!(window["unanswered"], serde_json::json!({}));
        let time = window["time"].as_f64().context("the time of the evaluation")?;
        let seconds = window["window_seconds"].as_f64().context("the length of the window")?;
        for (pointer, query) in ASKED {
            let query = query
                .replace("{M}", &format!("{{model_name='{MODEL}'}}"))
                .replace('W', &format!("{seconds:.0}s"));
            let direct = prometheus.ask(&query, Some(time))?;
            let reported = file["successes"].pointer(pointer).with_context(|| pointer.to_owned())?;
            // The report shows null where Prometheus answers NaN, and zero where it answers nothing.
            let expected = direct.map_or(Some(0.0), |direct| Some(direct).filter(|direct| !direct.is_nan()));
            assert_eq!(reported.as_f64(), expected, "{report}{pointer}: {query}");
        }
        let count = file["successes"]["count"].as_f64().context("a count")?;
        assert!(count > 20.0, "Prometheus has seen the requests of {report}: {count}");
    }
    rebuilt_as_it_was(&rig, &REPORTS.map(|report| format!("{report}_prometheus_metrics.json")))
}

/// Makes the reports anew from the spool alone, and compares `files`.
fn rebuilt_as_it_was(rig: &Rig, files: &[String]) -> Result<()> {
    let read = || {
        files.iter().map(|file| Ok(fs_err::read(rig.path("reports").join(file))?)).collect::<Result<Vec<_>>>()
    };
    let before = read()?;
    for file in files {
        fs_err::remove_file(rig.path("reports").join(file))?;
    }
    let program = benchmark_tests::program("inference-perf");
    benchmark_tests::run_ok(&program, ["report".as_ref(), rig.path("reports").as_os_str()])?;
    assert_eq!(before, read()?);
    Ok(())
}

/// The summary's window has the stages alone, and each stage's window ends before the next stage begins.
#[test]
fn the_probe_of_a_sweep_is_in_no_answer_of_prometheus() -> Result<()> {
    const PROBE: u64 = 100;
    let _machine = shared_machine();
    // Four slots, a fifth of a second each: the stages send about 5, 10 and 20 requests/s.
    let rig = Rig::start(&["--slots", "4", "--prefill-ms", "60", "--decode-ms", "20"])?;
    let prometheus = Prometheus::start(&rig)?;
    let config = format!(
        "{}api: {{type: completion, streaming: true}}\n\
         data: {{type: synthetic, input_distribution: {{type: fixed, mean: 16}}, output_distribution: {{type: fixed, mean: 8}}}}\n\
         load: {{interval: 0, sweep: {{type: linear, num_requests: {PROBE}, timeout: 30, num_stages: 2, stage_duration: 4}}}}\n\
         metrics: {{type: prometheus, prometheus: {{url: '{}', scrape_interval: 1}}}}\n\
         report: {{prometheus: {{summary: true, per_stage: true}}}}\nstorage: {{local_storage: {{path: reports}}}}\n",
        rig.target(),
        prometheus.url
    );
    let output = rig.command(&config)?.output()?;
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let planned = (rig.served()? - PROBE) as f64;
    let report = |name: &str| json_file(&rig.path(&format!("reports/{name}_prometheus_metrics.json")));
    let count = report("summary")?["successes"]["count"].as_f64().context("a count")?;
    assert!((count / planned - 1.0).abs() < 0.3, "Prometheus has {count} of {planned} requests");
    let files = files(&rig.path("reports"))?;
    let mut of_prometheus: Vec<&String> =
        files.keys().filter(|name| name.ends_with("_prometheus_metrics.json")).collect();
    of_prometheus.sort();
    assert_eq!(
        of_prometheus,
        [
            "stage_0_prometheus_metrics.json",
            "stage_1_prometheus_metrics.json",
            "summary_prometheus_metrics.json"
        ]
    );
    let (first, second) = (report("stage_0")?, report("stage_1")?);
    let number = |report: &Value, key: &str| report["extensions"][key].as_f64().context("a number");
    let begin = number(&second, "time")? - number(&second, "window_seconds")?;
    assert!(number(&first, "time")? <= begin, "the first stage's window reaches into the second stage");
    let effective = String::from_utf8(files["config.yaml"].clone())?;
    assert!(effective.contains("\n  interval: 3.0\n"), "{effective}");
    Ok(())
}

#[test]
fn prometheus_is_asked_about_the_model_that_the_server_names() -> Result<()> {
    let _machine = shared_machine();
    let (paths, asked) = channel();
    let port = script::listen(move |stream| {
        script::answer_all(stream, |request| {
            let reply = match request.head.split_whitespace().nth(1).unwrap_or_default() {
                "/v1/models" => r#"{"data": [{"id": "named-by-server"}]}"#,
                path if path.starts_with("/api/v1/query") => {
                    paths.send(path.to_owned())?;
                    r#"{"status": "success", "data": {"resultType": "vector", "result": []}}"#
                }
                _ => r#"{"choices": [{"text": "a"}], "usage": {"prompt_tokens": 1, "completion_tokens": 1}}"#,
            };
            Ok(reply.to_owned())
        })
    })?;
    let rig = Rig::start(&[])?;
    let config = format!(
        "api: {{type: completion}}\nload: {{stages: [{{rate: 5, duration: 1}}]}}\n\
         server: {{type: vllm, base_url: 'http://127.0.0.1:{port}'}}\n\
         metrics: {{type: prometheus, prometheus: {{url: 'http://127.0.0.1:{port}', scrape_interval: 1}}}}\n\
         storage: {{local_storage: {{path: reports}}}}\n"
    );
    let output = rig.command(&config)?.output()?;
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let asked: Vec<String> = asked.try_iter().collect();
    assert_eq!(asked.len(), QUERIES, "{}", text(&output));
    for path in asked {
        let url = reqwest::Url::parse(&format!("http://prometheus{path}"))?;
        let query = url.query_pairs().find(|(key, _)| key == "query").context("a query")?.1.into_owned();
        assert!(query.contains("{model_name='named-by-server'}"), "{query}");
    }
    Ok(())
}

#[test]
fn a_prometheus_that_cannot_be_reached_costs_only_its_own_reports() -> Result<()> {
    let _machine = shared_machine();
    let rig = Rig::start(&["--decode-ms", "1"])?;
    let free = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let metrics =
        format!("metrics: {{type: prometheus, prometheus: {{url: 'http://{free}', scrape_interval: 1}}}}");
    let output = rig.command(&config(&rig, &metrics))?.output()?;
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let told = format!("Prometheus has not answered {QUERIES} of {QUERIES} queries");
    assert_eq!(text(&output).matches(&told).count(), 1, "{}", text(&output));
    assert!(!rig.path("reports/summary_prometheus_metrics.json").exists());
    let summary = json_file(&rig.path("reports/summary_lifecycle_metrics.json"))?;
    assert_eq!(summary["successes"]["count"], 50);
    Ok(())
}

#[test]
fn a_signal_ends_the_wait_for_a_prometheus_that_is_slow() -> Result<()> {
    let _machine = shared_machine();
    let rig = Rig::start(&["--decode-ms", "1"])?;
    let slow = TcpListener::bind("127.0.0.1:0")?;
    let url = format!("http://{}", slow.local_addr()?);
    let metrics = format!("metrics: {{type: prometheus, prometheus: {{url: '{url}', scrape_interval: 1}}}}");
    let child = rig.command(&config(&rig, &metrics))?.spawn()?;
    // It is asked once the load is over, and never answers.
    let _asked = slow.accept()?;
    send(&child, Signal::TERM)?;
    let output = child.wait_with_output()?;
    assert_eq!(output.status.code(), Some(143), "{}", text(&output));
    assert!(text(&output).contains("Prometheus is not asked any more"), "{}", text(&output));
    let manifest = json_file(&rig.path("reports/manifest.json"))?;
    assert_eq!(manifest["complete"], true, "the load was whole");
    assert!(!rig.path("reports/summary_prometheus_metrics.json").exists());
    Ok(())
}

#[test]
fn scrapes_show_exactly_what_the_server_has_counted() -> Result<()> {
    let _machine = shared_machine();
    let rig = Rig::start(&["--decode-ms", "2", "--slots", "4"])?;
    let output = rig.command(&config(&rig, "extensions: {scrape: {interval: 0.1}}"))?.output()?;
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let of_stage = |stage: u32| {
        let report = json_file(&rig.path(&format!("reports/stage_{stage}_lifecycle_metrics.json")))?;
        Ok::<_, anyhow::Error>(report["extensions"]["server"].clone())
    };
    let (first, second) = (of_stage(0)?, of_stage(1)?);
    let run = json_file(&rig.path("reports/summary_lifecycle_metrics.json"))?["extensions"]["server"].clone();
    for (key, counter) in [
        ("requests_succeeded", "completed"),
        ("prompt_tokens", "prompt_tokens"),
        ("generation_tokens", "generation_tokens"),
        ("prefix_cache_queries", "prompt_tokens"),
    ] {
        let counted = rig.total(counter)? as f64;
        let sum = first[key].as_f64().zip(second[key].as_f64()).map(|(first, second)| first + second);
        assert_eq!((sum, run[key].as_f64()), (Some(counted), Some(counted)), "{key}");
    }
    assert_eq!(first["requests_succeeded"], 40.0);
    assert_eq!(first["preemptions"], 0.0);
    assert_eq!(first["prefix_cache_hit_percent"], 0.0);
    assert_eq!(first["scrapes"]["failed"], 0);
    assert!(first["scrapes"]["succeeded"].as_u64() > Some(5), "before, after, and meanwhile: {first}");
    let most = |gauge: &str| first[gauge]["max"].as_f64().with_context(|| gauge.to_owned());
    assert!((0.0..=4.0).contains(&most("requests_running")?));
    assert!((0.0..=1.0).contains(&most("kv_cache_usage")?));
    rebuilt_as_it_was(&rig, &["stage_0", "summary"].map(|report| format!("{report}_lifecycle_metrics.json")))
}

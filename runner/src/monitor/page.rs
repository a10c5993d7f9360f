//! The text of the page: upstream's two metrics under its names, and what else a dashboard of a load wants.

use std::fmt::{Display, Write as _};
use std::time::Duration;

use benchmark_schemas::record::PROBE_STAGE;

use crate::driver::Snapshot;

/// What the page says of stages that have `ended` and of the one that is `running`.
pub(super) fn page(elapsed: Duration, ended: &[Snapshot], running: Option<&Snapshot>) -> String {
    let mut page = Page::default();
    page.family("inference_perf_run_elapsed_seconds", "gauge", "Time since the run started.");
    page.sample("", elapsed.as_secs_f64());
    let stages: Vec<&Snapshot> = ended.iter().chain(running).collect();
    page.family("inference_perf_requests_total", "counter", "Requests that have come to their end.");
    for stage in &stages {
        let id = id(stage.stage);
        page.sample(
            &format!("stage=\"{id}\",status=\"success\""),
            stage.finished.saturating_sub(stage.failed),
        );
        page.sample(&format!("stage=\"{id}\",status=\"failure\""), stage.failed);
    }
    for (name, help, count) in COUNTERS {
        page.family(name, "counter", help);
        for stage in &stages {
            page.sample(&format!("stage=\"{}\"", id(stage.stage)), count(stage));
        }
    }
    page.family("inference_perf_stage_requests", "gauge", "Requests that the stage has in all.");
    for stage in &stages {
        page.sample(&format!("stage=\"{}\"", id(stage.stage)), stage.requests);
    }
    page.family("inference_perf_requests_in_flight", "gauge", "Requests that are sent and have not ended.");
    page.sample("", running.map_or(0, |stage| stage.sent.saturating_sub(stage.finished)));
    page.family("inference_perf_requests_waiting", "gauge", "Requests that are due and not sent.");
    page.sample("", running.map_or(0, |stage| stage.due.saturating_sub(stage.sent)));
    if let Some(stage) = running {
        page.family("inference_perf_stage", "gauge", "The stage that runs; -1 is a sweep's probe.");
        page.sample("", id(stage.stage));
        if let Some(latency) = stage.latency {
            let (name, help) = if latency.to_first_token {
                (
                    "inference_perf_time_to_first_token_seconds",
                    "From start to first token, of the running stage.",
                )
            } else {
                ("inference_perf_request_latency_seconds", "From start to end, of the running stage.")
            };
            page.family(name, "gauge", help);
            for (quantile, value) in [("0.5", latency.p50), ("0.95", latency.p95)] {
                page.sample(&format!("quantile=\"{quantile}\""), value.as_secs_f64());
            }
        }
    }
    page.text
}

/// Name, help and count of a counter of stages.
type Counter = (&'static str, &'static str, fn(&Snapshot) -> u64);

const COUNTERS: [Counter; 2] = [
    ("inference_perf_requests_due_total", "Requests whose instant has come.", |stage| stage.due),
    ("inference_perf_requests_sent_total", "Requests that were sent.", |stage| stage.sent),
];

/// The stage's number as upstream gives it.
fn id(stage: u32) -> i64 {
    if stage == PROBE_STAGE { -1 } else { i64::from(stage) }
}

#[derive(Default)]
struct Page {
    text: String,
    name: &'static str,
}

impl Page {
    fn family(&mut self, name: &'static str, kind: &str, help: &str) {
        self.name = name;
        // Writing to memory cannot fail.
        let _ = write!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
    }

    fn sample(&mut self, labels: &str, value: impl Display) {
        let labels = if labels.is_empty() { String::new() } else { format!("{{{labels}}}") };
        let _ = writeln!(self.text, "{}{labels} {value}", self.name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recorder::LiveLatency;
    use crate::serving::exposition;

    fn snapshot(stage: u32, latency: Option<LiveLatency>) -> Snapshot {
        Snapshot {
            stage,
            requests: 50,
            due: 20,
            sent: 12,
            finished: 9,
            failed: 2,
            window_start: Some(0),
            duration_ns: 1,
            latency,
        }
    }

    #[test]
    fn the_page_has_upstreams_names_and_can_be_read() {
        let [p50, p95] = [50, 240].map(Duration::from_millis);
        let latency = LiveLatency { to_first_token: true, p50, p95 };
        let text = page(
            Duration::from_millis(1_500),
            &[snapshot(PROBE_STAGE, None)],
            Some(&snapshot(0, Some(latency))),
        );
        let samples: Vec<_> = exposition::samples(&text).map(|line| line.expect("a sample")).collect();
        let shown: Vec<String> =
            samples.iter().map(|line| format!("{}{{{}}} {}", line.name, line.labels, line.value)).collect();
        insta::assert_snapshot!(shown.join("\n"), @r#"
        inference_perf_run_elapsed_seconds{} 1.5
        inference_perf_requests_total{stage="-1",status="success"} 7
        inference_perf_requests_total{stage="-1",status="failure"} 2
        inference_perf_requests_total{stage="0",status="success"} 7
        inference_perf_requests_total{stage="0",status="failure"} 2
        inference_perf_requests_due_total{stage="-1"} 20
        inference_perf_requests_due_total{stage="0"} 20
        inference_perf_requests_sent_total{stage="-1"} 12
        inference_perf_requests_sent_total{stage="0"} 12
        inference_perf_stage_requests{stage="-1"} 50
        inference_perf_stage_requests{stage="0"} 50
        inference_perf_requests_in_flight{} 3
        inference_perf_requests_waiting{} 8
        inference_perf_stage{} 0
        inference_perf_time_to_first_token_seconds{quantile="0.5"} 0.05
        inference_perf_time_to_first_token_seconds{quantile="0.95"} 0.24
        "#);
        let nothing = page(Duration::ZERO, &[], None);
        assert!(exposition::samples(&nothing).all(|line| line.is_ok_and(|line| line.value == 0.0)));
    }
}

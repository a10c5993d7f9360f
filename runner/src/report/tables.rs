//! Tables at the end of a run, for eyes: upstream's, and three of this project's own: how well the requests were sent, how
//! objectives were met, and saturation and knee.
//!
//! Made to fit into the 80 columns of a pod's log; a number is never cut off: where a table is too wide, it goes on
//! below, and where a single group of columns is, it grows.

pub(crate) mod layout;
mod objectives;

use benchmark_schemas::report::{Capacity, LatencyQuantiles, StageCapacity, WaitQuantiles};

use super::RunReport;
use super::answer::{reasons, sweep_line};
use crate::analysis::limits::CONNECTION_WAIT_SECONDS;
use crate::metrics::pool::Pool;
use crate::metrics::{Dist, Goodput, StageMetrics};
use layout::Layout;

/// Columns of a pod's log.
pub const WIDTH: usize = 80;

/// All tables, one after another, for a display of `width` columns.
pub fn all(run: &RunReport, width: usize) -> String {
    let layout = Layout { width };
    let mut text = String::new();
    let stages: Vec<&StageMetrics> = run.metrics.recorded_stages().collect();
    let tables = if stages.is_empty() {
        vec!["No per-stage lifecycle metrics found to display summary table.".to_owned()]
    } else {
        let view = View { run, stages, layout };
        vec![view.throughput(), view.latency(), view.generation_speed(), view.lengths(), view.errors()]
    };
    let own = sending(&run.capacity, layout).into_iter();
    let own = own.chain(objectives::table(&run.capacity, layout)).chain([saturation(&run.capacity, layout)]);
    for table in tables.into_iter().chain(own) {
        text.push_str(&table);
        text.push_str("\n\n");
    }
    text.truncate(text.trim_end().len());
    text
}

/// The stages that upstream's tables show.
struct View<'a> {
    run: &'a RunReport,
    stages: Vec<&'a StageMetrics>,
    layout: Layout,
}

impl View<'_> {
    fn rows(&self, cells: impl Fn(&StageMetrics) -> Vec<String>) -> Vec<Vec<String>> {
        self.stages
            .iter()
            .map(|stage| std::iter::once(stage.stage.to_string()).chain(cells(stage)).collect())
            .collect()
    }

    fn dist(&self, pool: &Pool) -> Option<Dist> {
        pool.dist(&self.run.options.wanted)
    }

    /// Mean, median and p90 of `pool` × `scale`.
    fn three(&self, pool: &Pool, scale: f64) -> Vec<String> {
        let Some(dist) = self.dist(pool) else { return vec!["-".to_owned(); 3] };
        let of = |key: &str| dist.percentile(key);
        // Known also where the configuration leaves them out of the reports.
        [Some(dist.mean), of("median"), of("p90")]
            .map(|value| value.map_or_else(|| "-".to_owned(), |value| format!("{:.1}", value * scale)))
            .to_vec()
    }

    fn throughput(&self) -> String {
        let mut header = vec![
            "Stage",
            "Req\nRate",
            "Achieved\nRate",
            "Error\nRate",
            "Req/s",
            "In\nTokens/s",
            "Out\nTokens/s",
            "Tot\nTokens/s",
        ];
        let has_goodput = self.stages.iter().any(|stage| stage.requests.successes.goodput.is_active());
        if has_goodput {
            header.extend(["Goodput\n%", "Req\nGoodput", "Token\nGoodput"]);
        }
        let rows = self.rows(|stage| {
            let throughput = stage.requests.throughput();
            let errors = stage.requests.error_rate().unwrap_or(0.0) * 100.0;
            let number = |value: f64| format!("{value:.1}");
            let mut cells = vec![
                number(self.run.configured_rate(stage.stage)),
                number(stage.requests.achieved_rate()),
                format!("{errors:.1}%"),
                number(throughput.requests_per_second),
                number(throughput.input_tokens_per_second),
                number(throughput.output_tokens_per_second),
                number(throughput.total_tokens_per_second),
            ];
            if has_goodput {
                cells.extend(goodput(&stage.requests.successes.goodput));
            }
            cells
        });
        let groups = if has_goodput { &[7, 3][..] } else { &[7] };
        self.layout.table("Throughput and Goodput Summary", (&header, groups), &rows, &[])
    }

    fn latency(&self) -> String {
        let header = [
            "Stage",
            "Req Lat\nMean",
            "Req Lat\nMed",
            "Req Lat\nP90",
            "TTFT\nMean",
            "TTFT\nMed",
            "TTFT\nP90",
            "ITL\nMean",
            "ITL\nMed",
            "ITL\nP90",
        ];
        let rows = self.rows(|stage| {
            let successes = &stage.requests.successes;
            [&successes.request_latency, &successes.time_to_first_token, &successes.inter_token_latency]
                .into_iter()
                .flat_map(|pool| self.three(pool, 1e3))
                .collect()
        });
        self.layout.table("Request & Token Latency (ms)", (&header, &[3, 3, 3]), &rows, &[])
    }

    fn generation_speed(&self) -> String {
        let header = [
            "Stage",
            "TPOT\nMean",
            "TPOT\nMed",
            "TPOT\nP90",
            "Norm TPOT\nMean",
            "Norm TPOT\nMed",
            "Norm TPOT\nP90",
        ];
        let rows = self.rows(|stage| {
            let successes = &stage.requests.successes;
            [&successes.time_per_output_token, &successes.normalized_time_per_output_token]
                .into_iter()
                .flat_map(|pool| self.three(pool, 1e3))
                .collect()
        });
        self.layout.table("Token Generation Speed (ms)", (&header, &[3, 3]), &rows, &[])
    }

    fn lengths(&self) -> String {
        let server_counted = self.stages.iter().any(|stage| {
            let successes = &stage.requests.successes;
            successes.client_counted_outputs < successes.count()
        });
        let mut header = vec![
            "Stage",
            "Prompt\nMean",
            "Prompt\nMed",
            "Prompt\nP90",
            "Out\nMean\nclient",
            "Out\nMed\nclient",
            "Out\nP90\nclient",
        ];
        if server_counted {
            header.extend(["Out\nMean\nserver", "Out\nMed\nserver", "Out\nP90\nserver"]);
        }
        let rows = self.rows(|stage| {
            let successes = &stage.requests.successes;
            let mut cells = self.three(&successes.prompt_tokens, 1.0);
            cells.extend(self.three(&successes.output_len, 1.0));
            if server_counted {
                cells.extend(self.three(&successes.output_tokens, 1.0));
            }
            cells
        });
        let summary = &self.run.metrics.summary.successes;
        let caption = format!(
            "Prompt: server's usage, else client's tokenizer ({} requests). Out server: usage, else client's tokenizer \
             ({} requests).",
            summary.client_counted_prompts, summary.client_counted_outputs
        );
        let groups = if server_counted { &[3, 3, 3][..] } else { &[3, 3] };
        self.layout.table("Token Length Aggregates", (&header, groups), &rows, &[caption])
    }

    fn errors(&self) -> String {
        let groups = self.run.metrics.summary.failures.by_label.by_count();
        let labels: Vec<&str> = groups.iter().map(|group| group.label.as_str()).collect();
        let headings: Vec<String> =
            labels.iter().map(|label| label.replace(" - ", "\n").replace(' ', "\n")).collect();
        let any_again = self.run.metrics.summary.retries.requests() > 0;
        let mut header = vec!["Stage", "Successes"];
        header.extend(any_again.then_some("Retried\n(recovered)"));
        header.extend(headings.iter().map(String::as_str));
        let rows = self.rows(|stage| {
            let found = stage.requests.failures.by_label.by_count();
            let count = |label: &&str| {
                found.iter().find(|group| group.label == **label).map_or(0, |group| group.count).to_string()
            };
            let retries = &stage.requests.retries;
            let retries = any_again.then(|| format!("{} ({})", retries.requests(), retries.recovered));
            std::iter::once(stage.requests.successes.count().to_string())
                .chain(retries)
                .chain(labels.iter().map(count))
                .collect()
        });
        let groups = vec![1; header.len() - 1];
        self.layout.table("Request Error Summary", (&header, &groups), &rows, &[])
    }
}

/// Share, rate of requests and rate of tokens of what kept its objectives.
fn goodput(goodput: &Goodput) -> [String; 3] {
    if goodput.total_requests == 0 {
        return ["-"; 3].map(str::to_owned);
    }
    let figures = goodput.of_successes();
    [figures.percent, figures.requests_per_second, figures.tokens_per_second]
        .map(|value| format!("{value:.1}"))
}

/// The table on how the load generator sent the requests; `None` if no stage was finished.
fn sending(capacity: &Capacity, layout: Layout) -> Option<String> {
    let header = [
        "Stage",
        "Late\np50",
        "Late\np99",
        "Late\np99.9",
        "Late\nmax",
        "No\npermit",
        "Wait\np99",
        "No con-\nnection",
        "Wait\nmax",
        "Busy",
        "Throt-\ntled",
    ];
    let rows: Vec<Vec<String>> = capacity.stages.iter().map(sending_row).collect();
    let mut notes = vec![format!(
        "Late and Wait in ms. Late: off the schedule although a permit was free; No permit: fell due while all permits \
         were taken; No connection: waited more than {:.0} ms for one; Busy: busiest runtime; Throttled: by the CPU quota.",
        CONNECTION_WAIT_SECONDS * 1e3
    )];
    for stage in &capacity.stages {
        let held_up =
            [(stage.client.late_bodies, "late prompts"), (stage.client.recorder_waits, "held up by records")];
        let held_up = held_up.into_iter().filter(|(count, _)| *count > 0);
        let held_up: Vec<String> = held_up.map(|(count, what)| format!("{count} {what}")).collect();
        if !held_up.is_empty() {
            notes.push(format!("Stage {}: {}", stage.stage, held_up.join(", ")));
        }
    }
    (!rows.is_empty()).then(|| layout.table("Sending", (&header, &[4, 2, 2, 2]), &rows, &notes))
}

fn sending_row(stage: &StageCapacity) -> Vec<String> {
    let client = &stage.client;
    let ms = |wait: Option<WaitQuantiles>, of: fn(WaitQuantiles) -> f64, decimals: usize| {
        wait.map_or_else(|| "-".to_owned(), |wait| format!("{:.decimals$}", of(wait) * 1e3))
    };
    let error = |of: fn(WaitQuantiles) -> f64| ms(client.send_error_seconds, of, 2);
    vec![
        stage.stage.to_string(),
        error(|wait| wait.p50),
        error(|wait| wait.p99),
        error(|wait| wait.p999),
        error(|wait| wait.max),
        client.waited_for_permit.to_string(),
        ms(client.permit_wait_seconds, |wait| wait.p99, 0),
        client.waited_for_connection.to_string(),
        ms(client.connection_wait_seconds, |wait| wait.max, 1),
        format!("{:.0}%", client.busiest_runtime * 100.0),
        client.throttled_share.map_or_else(|| "-".to_owned(), |share| format!("{:.1}%", percent(share))),
    ]
}

/// The table on saturation and knee, with the reason of each verdict and the limits.
fn saturation(capacity: &Capacity, layout: Layout) -> String {
    let streamed = capacity.stages.iter().any(|stage| stage.time_to_first_token.is_some());
    let (name, latency): (&str, fn(&StageCapacity) -> Option<LatencyQuantiles>) = if streamed {
        ("TTFT", |stage| stage.time_to_first_token)
    } else {
        ("NTPOT", |stage| stage.normalized_time_per_output_token)
    };
    let headings = ["p50", "p95", "p99"].map(|quantile| format!("{name}\n{quantile}"));
    let mut header = vec!["Stage", "Offered\nreq/s", "Sent\nreq/s", "Done\nreq/s"];
    header.extend(headings.iter().map(String::as_str));
    header.extend(["Backlog\ngrowth", "Verdict"]);
    let row = |stage: &StageCapacity| {
        let quantiles = latency(stage);
        let ms = |of: fn(LatencyQuantiles) -> f64| {
            quantiles.map_or_else(|| "-".to_owned(), |quantiles| format!("{:.1}", of(quantiles) * 1e3))
        };
        vec![
            stage.stage.to_string(),
            stage.offered_rate.map_or_else(|| "-".to_owned(), |rate| format!("{rate:.2}")),
            format!("{:.2}", stage.achieved_rate),
            format!("{:.2}", stage.completed_rate),
            ms(|quantiles| quantiles.p50),
            ms(|quantiles| quantiles.p95),
            ms(|quantiles| quantiles.p99),
            stage.backlog_growth.map_or_else(|| "-".to_owned(), |share| format!("{:.1}%", percent(share))),
            stage.verdict.to_string(),
        ]
    };
    let rows: Vec<Vec<String>> = capacity.stages.iter().map(row).collect();
    let from = if capacity.stages.iter().any(|stage| stage.concurrency.is_some()) {
        "permit (closed loop)"
    } else {
        "scheduled instant"
    };
    let mut notes = vec![format!(
        "{name} in ms from the {from}; Done: answered within the sending window; Backlog growth: share of \
         the offered rate."
    )];
    notes.extend(capacity.sweep.as_ref().map(sweep_line));
    for stage in &capacity.stages {
        notes.push(format!("Stage {}: {}", stage.stage, reasons(stage)));
    }
    notes.extend(capacity.notes.iter().map(|note| format!("Note: {note}")));
    notes.push(limits(capacity));
    layout.table("Saturation and Knee", (&header, &[3, 3, 2]), &rows, &notes)
}

/// The limits by which the verdicts were given.
pub(super) fn limits(capacity: &Capacity) -> String {
    let limits = &capacity.limits;
    let percent = |share: f64| share * 100.0;
    let good_service = if capacity.stages.iter().any(|stage| !stage.objectives.is_empty()) {
        "an objective kept to by fewer than it asks for, bounds included".to_owned()
    } else {
        format!(
            "p95 of TTFT or NTPOT above {}x the baseline's with lower bound above {}x",
            limits.p95_ratio, limits.p95_ratio_lower
        )
    };
    format!(
        "Limits: saturated = backlog growth's 95 % lower bound above {:.0} %; degraded = {good_service}, or error rate's \
         lower bound above {:.0} %; invalid (client) = send error p99 above {:.0} ms while permits were free, throttled \
         above {:.0} %, or busiest runtime above {:.0} %.",
        percent(limits.backlog_growth),
        percent(limits.error_rate),
        limits.send_error_p99_seconds * 1e3,
        percent(limits.throttled_share),
        percent(limits.busiest_runtime),
    )
}

/// Per cent of `share`, rounded to one decimal; never minus zero, which reads like a finding.
fn percent(share: f64) -> f64 {
    (share * 1000.0).round() / 10.0 + 0.0
}

#[cfg(test)]
#[path = "tables/tests.rs"]
mod tests;

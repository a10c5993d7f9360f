//! Tables of a page.

use benchmark_schemas::report::WaitQuantiles;
use benchmark_schemas::slo::{Slo, SloMetric};
use serde::Serialize;

use super::foreign::{Foreign, Measured};
use super::text::{NONE, count, maybe, milliseconds, number, percent};
use super::view::{Latencies, Load, Quantiles, Stage};
use crate::report::{RunReport, answer};
use crate::serving::Observation;
use crate::serving::names::Meaning;

/// A table whose first column names the row.
#[derive(Debug, Clone, Default, Serialize)]
pub(super) struct Table {
    /// Name within the page.
    pub(super) id: &'static str,
    pub(super) caption: String,
    /// Headings over several columns, with how many they span; none if empty.
    pub(super) groups: Vec<Group>,
    pub(super) head: Vec<String>,
    /// How many of the last columns hold text.
    pub(super) texts: usize,
    pub(super) rows: Vec<Row>,
}

/// A heading over several columns.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Group {
    pub(super) title: String,
    pub(super) span: usize,
}

/// A row.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Row {
    pub(super) head: String,
    pub(super) cells: Vec<String>,
    /// Class of its colour; empty for none.
    pub(super) class: &'static str,
}

pub(super) fn groups(groups: &[(&str, usize)]) -> Vec<Group> {
    groups.iter().map(|(title, span)| Group { title: (*title).to_owned(), span: *span }).collect()
}

pub(super) fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

pub(super) fn rows(stages: &[Stage], cells: impl Fn(&Stage) -> Vec<String>) -> Vec<Row> {
    stages
        .iter()
        .map(|stage| Row { head: stage.number.to_string(), cells: cells(stage), class: class(stage) })
        .collect()
}

/// Class of the verdict's colour.
pub(super) fn class(stage: &Stage) -> &'static str {
    use benchmark_schemas::report::Verdict;
    match stage.judged.as_ref().map(|judged| judged.verdict) {
        Some(Verdict::Sustained) => "good",
        Some(Verdict::Degraded) => "fair",
        Some(Verdict::Saturated) => "bad",
        Some(Verdict::InvalidClient | Verdict::Undecided) => "none",
        None => "",
    }
}

/// What was asked of the server, in a cell.
pub(super) fn short(load: Load) -> String {
    match load {
        Load::Rate(rate) => format!("{}/s", number(rate)),
        Load::InFlight(requests) => format!("{} in flight", number(requests)),
    }
}

/// What was asked, what came of it, and what is concluded.
pub(super) fn verdicts(stages: &[Stage]) -> Table {
    let judged = stages.iter().any(|stage| stage.judged.is_some());
    let mut head = vec!["Stage", "Load", "Sent/s", "Completed/s", "Succeeded", "Failed", "Failed %"];
    if judged {
        head.extend(["Backlog growth %", "Verdict", "Why"]);
    }
    let cells = |stage: &Stage| {
        let mut cells = vec![
            short(stage.load),
            number(stage.achieved_rate),
            number(stage.completed_rate),
            count(stage.succeeded),
            count(stage.failed),
            percent(stage.error_rate()),
        ];
        match &stage.judged {
            Some(judged) => cells.extend([
                percent(judged.backlog_growth),
                judged.verdict.to_string(),
                answer::reasons(judged),
            ]),
            None if judged => cells.extend([NONE.to_owned(), NONE.to_owned(), "cut off".to_owned()]),
            None => {}
        }
        cells
    };
    Table {
        id: "verdicts",
        caption: "What was asked in each stage, and what came of it".to_owned(),
        head: names(&head),
        texts: if judged { 2 } else { 0 },
        rows: rows(stages, cells),
        ..Table::default()
    }
}

/// A latency with its heading.
type Column = (&'static str, fn(&Latencies) -> Option<Quantiles>);

const QUANTILES: [&str; 3] = ["p50", "p95", "p99"];

fn quantiles(quantiles: Option<Quantiles>) -> [String; 3] {
    let quantiles = quantiles.unwrap_or_default();
    [quantiles.p50, quantiles.p95, quantiles.p99].map(milliseconds)
}

/// Latencies from the sending.
pub(super) fn service(stages: &[Stage]) -> Table {
    let of: [Column; 4] = [
        ("Time to first token", |it| it.time_to_first_token),
        ("Time per output token", |it| it.time_per_output_token),
        ("Inter-token latency", |it| it.inter_token_latency),
        ("Request latency", |it| it.request_latency),
    ];
    let caption = "Latencies from the sending of a request (service latency), milliseconds";
    latencies("service", caption, stages, &of, |stage| Some(&stage.service))
}

/// Latencies from the scheduled instant; `None` if that is not known of any stage.
pub(super) fn scheduled(stages: &[Stage]) -> Option<Table> {
    let of: [Column; 3] = [
        ("Time to first token", |it| it.time_to_first_token),
        ("Normalized time per output token", |it| it.normalized_time_per_output_token),
        ("Request latency", |it| it.request_latency),
    ];
    let caption = "Latencies from the scheduled instant (waiting for a permit included), milliseconds";
    let known = stages.iter().any(|stage| stage.scheduled.is_some());
    known.then(|| latencies("scheduled", caption, stages, &of, |stage| stage.scheduled.as_ref()))
}

fn latencies(
    id: &'static str,
    caption: &str,
    stages: &[Stage],
    of: &[Column],
    clock: impl Fn(&Stage) -> Option<&Latencies>,
) -> Table {
    let spans: Vec<(&str, usize)> =
        std::iter::once(("", 1)).chain(of.iter().map(|(title, _)| (*title, QUANTILES.len()))).collect();
    let cells = |stage: &Stage| {
        let latencies = clock(stage);
        of.iter().flat_map(|(_, of)| quantiles(latencies.and_then(of))).collect()
    };
    Table {
        id,
        caption: caption.to_owned(),
        groups: groups(&spans),
        head: names(&std::iter::once("Stage").chain(of.iter().flat_map(|_| QUANTILES)).collect::<Vec<_>>()),
        rows: rows(stages, cells),
        ..Table::default()
    }
}

/// Tokens, and requests that kept their objectives.
pub(super) fn throughput(stages: &[Stage]) -> Table {
    let goodput = stages.iter().any(|stage| stage.goodput_percent.is_some());
    let mut head =
        vec!["Stage", "Prompt tokens/s", "Output tokens/s", "Prompt tokens, mean", "Output tokens, mean"];
    head.extend(goodput.then_some("Goodput %"));
    let cells = |stage: &Stage| {
        let mut cells = vec![
            number(stage.input_tokens_per_second),
            number(stage.output_tokens_per_second),
            maybe(stage.prompt_tokens),
            maybe(stage.output_tokens),
        ];
        cells.extend(goodput.then(|| maybe(stage.goodput_percent)));
        cells
    };
    Table {
        id: "tokens",
        caption: "Tokens of successful requests".to_owned(),
        head: names(&head),
        rows: rows(stages, cells),
        ..Table::default()
    }
}

/// How well the requests were sent; `None` if nothing is known of that.
pub(super) fn sending(stages: &[Stage]) -> Option<Table> {
    let wait = |of: Option<WaitQuantiles>| {
        let of = |part: fn(WaitQuantiles) -> f64| milliseconds(of.map(part));
        [of(|it| it.p50), of(|it| it.p99), of(|it| it.max)]
    };
    let cells = |stage: &Stage| {
        let Some(client) = stage.judged.as_ref().map(|judged| judged.client) else {
            return vec![NONE.to_owned(); 12];
        };
        let mut cells = wait(client.send_error_seconds).to_vec();
        cells.push(count(client.waited_for_permit));
        cells.extend(wait(client.permit_wait_seconds));
        cells.push(count(client.waited_for_connection));
        cells.push(percent(Some(client.busiest_runtime)));
        cells.push(percent(client.throttled_share));
        cells.extend([client.late_bodies, client.recorder_waits].map(count));
        cells
    };
    let table = Table {
        id: "sending",
        caption:
            "How well the requests were sent: lateness with a permit free and waits for permits, milliseconds"
                .to_owned(),
        groups: groups(&[("", 1), ("Late", 3), ("Waited for a permit", 4), ("Load generator", 5)]),
        head: names(&[
            "Stage",
            "p50",
            "p99",
            "max",
            "requests",
            "p50",
            "p99",
            "max",
            "connection waits",
            "busiest thread %",
            "throttled %",
            "late prompts",
            "recorder waits",
        ]),
        rows: rows(stages, cells),
        ..Table::default()
    };
    stages.iter().any(|stage| stage.judged.is_some()).then_some(table)
}

/// Why requests failed; `None` if none did.
pub(super) fn failures(run: &RunReport) -> Option<Table> {
    let groups = run.metrics.summary.failures.by_label.by_count();
    let row = |label: &str, counted: u64, message: Option<&str>| Row {
        head: label.to_owned(),
        cells: vec![count(counted), message.map_or_else(|| NONE.to_owned(), shortened)],
        class: "",
    };
    let rows: Vec<Row> = groups
        .into_iter()
        .map(|group| row(&group.label, group.count, group.messages.first().map(String::as_str)))
        .collect();
    (!rows.is_empty()).then(|| Table {
        id: "failures",
        caption: "Why requests failed".to_owned(),
        head: names(&["Failure", "Requests", "First message"]),
        texts: 1,
        rows,
        ..Table::default()
    })
}

/// The start of a message: servers answer with whole pages.
fn shortened(message: &str) -> String {
    const MOST: usize = 200;
    let mut characters = message.chars();
    let start: String = characters.by_ref().take(MOST).collect();
    if characters.next().is_some() { start + "…" } else { start }
}

/// What the server's own metrics page showed; `None` if it was not read.
pub(super) fn server(run: &RunReport, stages: &[Stage]) -> Option<Table> {
    let observed = &run.metrics.asides.observed;
    observed.run()?;
    let gauge = |of: Option<&Observation>, meaning, scale: f64| {
        let gauge = of.and_then(|of| of.gauge(meaning));
        [maybe(gauge.map(|it| it.mean * scale)), maybe(gauge.map(|it| it.max * scale))]
    };
    let cells = |stage: &Stage| {
        let of = observed.stage(stage.number);
        let increase = |meaning| of.and_then(|of| of.increase(meaning));
        let hits = increase(Meaning::PrefixHits).zip(increase(Meaning::PrefixQueries));
        let hits = hits.filter(|(_, queries)| *queries > 0.0).map(|(hits, queries)| hits / queries);
        let mut cells = gauge(of, Meaning::Running, 1.0).to_vec();
        cells.extend(gauge(of, Meaning::Waiting, 1.0));
        cells.extend(gauge(of, Meaning::KvCacheUsage, 100.0));
        cells.extend([maybe(increase(Meaning::Preemptions)), percent(hits)]);
        cells
    };
    Some(Table {
        id: "server",
        caption: "The server by its own metrics page".to_owned(),
        groups: groups(&[("", 1), ("Running", 2), ("Waiting", 2), ("KV cache %", 2), ("Counted", 2)]),
        head: names(&["Stage", "mean", "max", "mean", "max", "mean", "max", "preemptions", "prefix hits %"]),
        rows: rows(stages, cells),
        ..Table::default()
    })
}

/// What reports say of each objective.
pub(super) fn measured(foreign: &Foreign, slos: &[Slo]) -> Table {
    let columns: Vec<Vec<Measured>> = slos.iter().map(|slo| foreign.measured(slo)).collect();
    let rows = foreign.stages.iter().enumerate().map(|(place, stage)| {
        let cells = slos.iter().zip(&columns).map(|(slo, column)| {
            let Some(value) = column.get(place).and_then(|measured| measured.value) else {
                return NONE.to_owned();
            };
            let shown = match slo.metric {
                SloMetric::Errors => format!("{} %", percent(Some(value))),
                _ => format!("{} ms", milliseconds(Some(value))),
            };
            let verdict = if value <= slo.limit { "kept" } else { "missed" };
            format!("{shown}: {verdict}")
        });
        let cells = std::iter::once(short(stage.load)).chain(cells).collect();
        Row { head: stage.number.to_string(), cells, class: "" }
    });
    Table {
        id: "objectives",
        caption: "Service-level objectives, by latencies from the sending".to_owned(),
        head: ["Stage", "Load"]
            .into_iter()
            .map(str::to_owned)
            .chain(slos.iter().map(ToString::to_string))
            .collect(),
        rows: rows.collect(),
        ..Table::default()
    }
}

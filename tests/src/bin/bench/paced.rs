//! Bench (b): an open loop with even gaps, and how far the client's instants are from the server's.

use anyhow::{Context as _, Result, ensure};
use benchmark_schemas::record::Record;
use model_server_simulator::{RequestOutcome, RequestTrace};

use crate::figures::{Limit, Table, median, percentile};
use crate::ours::{self, Data, Job, Load};
use crate::target::{MODEL, Model, Target};
use crate::{Scene, progress};

const INPUT_TOKENS: u32 = 512;
pub(crate) const OUTPUT_TOKENS: u32 = 64;
const SECONDS: u64 = 20;
/// At twice the rate half as long: the server keeps the stamps of some 20,000 requests.
const SECONDS_AT_TWICE: u64 = 10;

/// A server with a time to first token of 50 ms, then a token every 5 ms.
pub(crate) fn model<'a>(name: &'a str, tokenizer: &'a std::path::Path) -> Model<'a> {
    Model { name, prefill_ms: "50", decode_ms: "5", recorded: "30000", ..Model::without_delays(tokenizer) }
}

pub(crate) fn bench(scene: &Scene) -> Result<Table> {
    let mut table =
        Table::new(format!("(b) Open loop, even gaps, {OUTPUT_TOKENS} tokens out, TTFT 50 ms, ITL 5 ms"));
    let small = &scene.tokenizers.small;
    let target = Target::start(&model(MODEL, small))?;
    let data = Data::Synthetic { tokenizer: small, input: INPUT_TOKENS, output: OUTPUT_TOKENS };
    let folder = scene.folder.join("paced");
    for round in 1..=scene.runs {
        for (rate, seconds, least) in [(1_000, SECONDS, 0.999), (2_000, SECONDS_AT_TWICE, 0.995)] {
            progress(&format!("(b) round {round}: {rate}/s"));
            target.reset()?;
            let load = Load::Even { rate, seconds: scene.scaled(seconds) };
            let job = Job { model: MODEL, load, data, server_counts: false };
            let run = ours::run(&target, job, &folder)?;
            let stage = run.report("stage_0_lifecycle_metrics.json")?;
            let achieved = stage.pointer("/load_summary/achieved_rate").and_then(serde_json::Value::as_f64);
            let achieved = achieved.context("an achieved rate")? / rate as f64;
            let truth = truth(&target)?;
            let measured = Measured::of(&run.records()?, &truth)?;
            let strict = |limit| if rate == 1_000 { limit } else { Limit::None };
            let mut add =
                |name: &str, unit, value, limit| table.add(&format!("{rate}/s: {name}"), unit, value, limit);
            add("achieved / asked", "×", achieved, Limit::AtLeast(least));
            add("send error p50", "µs", measured.send_p50_us, strict(Limit::AtMost(60.0)));
            add("send error p99", "µs", measured.send_p99_us, strict(Limit::AtMost(600.0)));
            add("TTFT error, median", "ms", measured.ttft_error_ms, strict(Limit::AtMost(0.3)));
            add("ITL mean / server's, off by", "%", measured.itl_error_percent, strict(Limit::AtMost(0.2)));
            let cpu = run.process.cpu_seconds / (measured.requests as f64 / 1_000.0);
            add("CPU for 1,000 requests", "s", cpu, strict(Limit::AtMost(0.60)));
        }
    }
    table.note(format!(
        "{SECONDS} s at 1,000/s, {SECONDS_AT_TWICE} s at 2,000/s. Send error: start − due. TTFT error: the client's time from \
         start to first token less the server's from arrival to the first write, request by request, both in the order \
         of sending; ITL: time from first to last token over all gaps, client's against server's stamps."
    ));
    Ok(table)
}

/// The server's stamps of all completed requests, in the order of their arrivals.
pub(crate) fn truth(target: &Target) -> Result<Vec<RequestTrace>> {
    let stats = target.stats()?;
    let mut traces: Vec<RequestTrace> =
        stats.requests.into_iter().filter(|trace| trace.outcome == RequestOutcome::Completed).collect();
    traces.sort_by_key(|trace| trace.arrival_ns);
    ensure!(
        traces.len() as u64 == stats.totals.completed,
        "the server kept the stamps of {} of {} requests",
        traces.len(),
        stats.totals.completed
    );
    Ok(traces)
}

/// The server's time from arrival to the first write, ms.
pub(crate) fn true_ttft_ms(trace: &RequestTrace) -> Option<f64> {
    trace.chunk_written_ns.first().map(|&first| first as f64 / 1e6)
}

/// A client's instants against the server's.
pub(crate) struct Measured {
    requests: usize,
    send_p50_us: f64,
    send_p99_us: f64,
    pub(crate) ttft_error_ms: f64,
    itl_error_percent: f64,
}

impl Measured {
    /// `records` in the order of sending, `truth` in the order of arrivals.
    pub(crate) fn of(records: &[Record], truth: &[RequestTrace]) -> Result<Self> {
        ensure!(
            records.len() == truth.len(),
            "{} requests succeeded, the server completed {}",
            records.len(),
            truth.len()
        );
        let send: Vec<f64> = records.iter().filter_map(ours::send_error_us).collect();
        let pairs = records.iter().zip(truth);
        let ttft = pairs.filter_map(|(record, trace)| Some(ours::ttft_ms(record)? - true_ttft_ms(trace)?));
        let ttft: Vec<f64> = ttft.collect();
        ensure!(ttft.len() == records.len(), "a request has no first token");
        let mut own = (0_i64, 0_u64);
        for (time, gaps) in records.iter().filter_map(ours::decode) {
            own = (own.0 + time, own.1 + gaps);
        }
        let mut server = (0_u64, 0_u64);
        for trace in truth {
            if let (Some(first), Some(last)) = (trace.chunk_written_ns.first(), trace.chunk_written_ns.last())
            {
                let tokens: u32 = trace.chunk_tokens.iter().sum();
                server = (server.0 + (last - first), server.1 + u64::from(tokens) - 1);
            }
        }
        let (own, server) = (own.0 as f64 / own.1 as f64, server.0 as f64 / server.1 as f64);
        Ok(Self {
            requests: records.len(),
            send_p50_us: median(&send),
            send_p99_us: percentile(&send, 99.0),
            ttft_error_ms: median(&ttft),
            itl_error_percent: (own / server - 1.0).abs() * 100.0,
        })
    }
}

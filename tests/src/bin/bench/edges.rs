//! Bench (c): what happens before the first request and after the last answer.

use anyhow::{Context as _, Result};

use crate::figures::{Limit, Table};
use crate::ours::{self, Data, Job, Load};
use crate::target::{MODEL, Model, Target};
use crate::{Scene, progress};

const CONCURRENCY: u64 = 64;
const INPUT_TOKENS: u32 = 512;
const OUTPUT_TOKENS: u32 = 128;
const REQUESTS: u64 = 20_000;
const MANY_REQUESTS: u64 = 1_000_000;
/// Enough to be a run, few enough to be over at once.
const FEW_REQUESTS: u64 = 100;

/// Times around a run's load.
struct Edges {
    /// From the start of the process to the arrival of its first request, seconds.
    first_request: f64,
    /// From the last answer's end to the end of the process, seconds.
    exit: f64,
    peak_mib: f64,
}

pub(crate) fn bench(scene: &Scene) -> Result<Table> {
    let mut table = Table::new("(c) Before the first request and after the last answer");
    let large = &scene.tokenizers.large;
    let counting = Target::start(&Model::without_delays(large))?;
    let silent = Target::start(&Model { usage: "never", ..Model::without_delays(large) })?;
    let synthetic = Data::Synthetic { tokenizer: large, input: INPUT_TOKENS, output: OUTPUT_TOKENS };
    let requests = scene.scaled(REQUESTS);
    for round in 1..=scene.runs {
        progress(&format!("(c) round {round}"));
        let mock = edges(scene, &counting, job(FEW_REQUESTS, Data::Mock, false))?;
        let few = edges(scene, &counting, job(FEW_REQUESTS, synthetic, false))?;
        let counted = edges(scene, &counting, job(requests, synthetic, true))?;
        let uncounted = edges(scene, &silent, job(requests, synthetic, false))?;
        table.add("start → first request, no tokenizer", "s", mock.first_request, Limit::AtMost(0.050));
        table.add("start → first request, large tokenizer", "s", few.first_request, Limit::AtMost(0.9));
        let name = format!("last answer → exit, {requests} requests, server counts");
        table.add(&name, "s", counted.exit, Limit::AtMost(0.5));
        let name = format!("last answer → exit, {requests} requests, client counts");
        table.add(&name, "s", uncounted.exit, Limit::AtMost(3.0));
        table.add(&format!("peak memory, {requests} requests"), "MiB", counted.peak_mib, Limit::None);
    }
    let many = scene.scaled(MANY_REQUESTS);
    progress(&format!("(c) {many} requests"));
    let edges = edges(scene, &counting, job(many, synthetic, true))?;
    let name = format!("last answer → exit, {many} requests, server counts");
    table.add(&name, "s", edges.exit, Limit::AtMost(15.0));
    table.add(&format!("peak memory, {many} requests"), "MiB", edges.peak_mib, Limit::None);
    table.note(format!(
        "{CONCURRENCY} connections, {INPUT_TOKENS} tokens in, {OUTPUT_TOKENS} out, streamed, server without delays; \
         {} The instants of the first request and of the last answer are the server's. {many} requests are sent once.",
        scene.tokenizers.origin
    ));
    Ok(table)
}

/// A closed loop of so many requests.
fn job(requests: u64, data: Data<'_>, server_counts: bool) -> Job<'_> {
    Job { model: MODEL, load: Load::Closed { requests, concurrency: CONCURRENCY }, data, server_counts }
}

fn edges(scene: &Scene, target: &Target, job: Job<'_>) -> Result<Edges> {
    target.reset()?;
    let run = ours::run(target, job, &scene.folder.join("edges"))?;
    let stats = target.stats()?;
    let first = stats.first_arrival_ns.context("no request arrived")?;
    let last = stats.last_end_ns.context("no request ended")?;
    let seconds = |from: u64, to: u64| to.saturating_sub(from) as f64 / 1e9;
    Ok(Edges {
        first_request: seconds(run.process.spawned, first),
        exit: seconds(last, run.process.exited),
        peak_mib: run.process.peak_mib(),
    })
}

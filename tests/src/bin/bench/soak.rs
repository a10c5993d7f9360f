//! `make soak`: memory over a long run.

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::figures::{Limit, Table, median};
use crate::ours::{self, Data, Job, Load};
use crate::process::{Sample, mib};
use crate::target::{MODEL, Model, Target};
use crate::{Scene, progress};

const CONCURRENCY: u64 = 64;
const INPUT_TOKENS: u32 = 512;
/// Requests of the short form.
pub(crate) const SHORT: u64 = 200_000;
/// Tokens of an answer in the short form.
pub(crate) const TOKENS: u32 = 128;
/// Most resident memory in the short form, bytes.
const MOST_BYTES: u64 = 60_000_000;
/// What each further request may add while reports are made, which hold a stage's instants: 150 MB at 1,000,000.
const MOST_BYTES_A_REQUEST: u64 = 112;
/// Memory of the last tenth above that of the second, which still counts as flat, MiB.
const MOST_GROWTH_MIB: f64 = 2.0;
const SECOND_NS: u64 = 1_000_000_000;

pub(crate) fn bench(scene: &Scene, requests: u64, tokens: u32) -> Result<Table> {
    let mut table = Table::new(format!("Soak: {requests} streamed requests, {tokens} tokens out"));
    let small = &scene.tokenizers.small;
    let target = Target::start(&Model::without_delays(small))?;
    let data = Data::Synthetic { tokenizer: small, input: INPUT_TOKENS, output: tokens };
    let load = Load::Closed { requests, concurrency: CONCURRENCY };
    progress(&format!("soak: {requests} requests"));
    let run = ours::run(
        &target,
        Job { model: MODEL, load, data, server_counts: false },
        &scene.folder.join("soak"),
    )?;
    let stats = target.stats()?;
    let first = stats.first_arrival_ns.context("no request arrived")?;
    let last = stats.last_end_ns.context("no request ended")?;
    let tenth = (last - first) / 10;
    let during =
        |from: u64, to: u64| resident(&run.process.samples, first + from * tenth, first + to * tenth);
    table.add(
        "peak resident memory, reports included",
        "MiB",
        run.process.peak_mib(),
        Limit::AtMost(mib(MOST_BYTES + requests.saturating_sub(SHORT) * MOST_BYTES_A_REQUEST)),
    );
    let records = run.report("stage_0_lifecycle_metrics.json")?;
    let records = records.pointer("/load_summary/count").and_then(Value::as_u64).context("a count")?;
    let share = records as f64 / requests as f64;
    table.add("records / requests", "×", share, Limit::AtLeast(1.0));
    for part in 0..10 {
        table.add(&format!("tenth {}", part + 1), "MiB", median(&during(part, part + 1)), Limit::None);
    }
    let growth = median(&during(9, 10)) - median(&during(1, 2));
    table.add("growth from the second tenth to the last", "MiB", growth, Limit::AtMost(MOST_GROWTH_MIB));
    let after = resident(&run.process.samples, last, u64::MAX);
    table.add("reports: most", "MiB", after.iter().copied().fold(0.0, f64::max), Limit::None);
    table.add("requests/s", "", requests as f64 / ((last - first) as f64 / 1e9), Limit::None);
    table.note(format!("Every second: {} MiB.", curve(&run.process.samples)));
    Ok(table)
}

/// Resident memory of the samples between two instants, MiB.
fn resident(samples: &[Sample], from: u64, to: u64) -> Vec<f64> {
    let within = samples.iter().filter(|sample| (from..to).contains(&sample.at));
    within.map(|sample| mib(sample.resident)).collect()
}

/// Resident memory at each full second; of a long run, at some 60 instants.
fn curve(samples: &[Sample]) -> String {
    let Some(first) = samples.first() else { return String::new() };
    let mut due = first.at;
    let mut seconds = Vec::new();
    for sample in samples {
        if sample.at >= due {
            seconds.push(mib(sample.resident));
            due += SECOND_NS;
        }
    }
    let step = seconds.len().div_ceil(60).max(1);
    let shown: Vec<String> = seconds.iter().step_by(step).map(|mib| format!("{mib:.1}")).collect();
    shown.join(" ")
}

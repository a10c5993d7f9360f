//! Bench (f): what prompts cost, alone and beside upstream's generators, and a data set that is larger than the memory it
//! may take.

use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use benchmark_schemas::config::{ApiType, Distribution, DistributionType};
use inference_perf::seed::{Purpose, Seed};
use inference_perf::workload::{BodyOptions, Lengths, Synthetic, Tokenizer, Workload};
use serde_json::{Value, json};

use crate::figures::{Limit, Table};
use crate::ours::{self, Data, Job, Load};
use crate::process::cpu_seconds_of;
use crate::target::{MODEL, Model, Target};
use crate::{Scene, progress};

const PROMPT_TOKENS: u32 = 512;
const PROMPTS: u64 = 50_000;
const LEAST_PROMPTS_PER_CPU_SECOND: f64 = 10_000.0;
/// Size of the data set, bytes.
const ROWS_BYTES: u64 = 1 << 30;
const FEW_REQUESTS: u64 = 100;
/// Upstream's generators take milliseconds for one.
const PROMPTS_OF_UPSTREAM: u64 = 500;

pub(crate) fn bench(scene: &Scene) -> Result<Table> {
    let mut table = Table::new("(f) Prompts and data sets");
    let large = Arc::new(Tokenizer::load(&scene.tokenizers.large)?);
    let rows = rows(&scene.folder, scene.scaled(ROWS_BYTES))?;
    let target = Target::start(&Model::without_delays(&scene.tokenizers.large))?;
    for round in 1..=scene.runs {
        progress(&format!("(f) round {round}"));
        for (name, workload) in workloads(&large)? {
            let count = scene.scaled(PROMPTS);
            let (seconds, exact) = made(&workload, count);
            let name = format!("{name}: prompts of {PROMPT_TOKENS} tokens");
            let limit = Limit::AtLeast(LEAST_PROMPTS_PER_CPU_SECOND);
            table.add(&name, "per CPU-s", 1.0 / seconds, limit);
            table.add(
                &format!("{name} that are exact"),
                "%",
                exact as f64 / count as f64 * 100.0,
                Limit::AtLeast(99.9),
            );
        }
        let data = Data::Rows { tokenizer: &scene.tokenizers.small, path: &rows };
        let load = Load::Closed { requests: FEW_REQUESTS, concurrency: 8 };
        target.reset()?;
        let job = Job { model: MODEL, load, data, server_counts: true };
        let run = ours::run(&target, job, &scene.folder.join("rows"))?;
        let first = target.stats()?.first_arrival_ns.context("no request arrived")?;
        let seconds = first.saturating_sub(run.process.spawned) as f64 / 1e9;
        let size = format!("JSON lines of {} MiB", scene.scaled(ROWS_BYTES) >> 20);
        table.add(&format!("{size}: start → first request"), "s", seconds, Limit::AtMost(2.0));
        table.add(&format!("{size}: peak memory"), "MiB", run.process.peak_mib(), Limit::AtMost(200.0));
    }
    fs_err::remove_file(&rows)?;
    table.note(format!("{} Prompts are made with their bodies, on one thread.", scene.tokenizers.origin));
    Ok(table)
}

/// What a prompt costs beside upstream's generators, whose program is `oracle`.
pub(crate) fn beside_upstream(scene: &Scene, oracle: &Path) -> Result<Table> {
    let mut table = Table::new(format!("(f) Prompts of {PROMPT_TOKENS} tokens beside inference-perf 0.7.0"));
    let tokenizer = Arc::new(Tokenizer::load(&scene.tokenizers.large)?);
    for round in 1..=scene.runs {
        progress(&format!("(f) beside 0.7.0, round {round}"));
        let mut python = Command::new(oracle.with_file_name("python"));
        python
            .arg(benchmark_tests::root().join("tests/tools/upstream_prompts.py"))
            .arg(&scene.tokenizers.large);
        python.args([scene.scaled(PROMPTS_OF_UPSTREAM).to_string(), PROMPT_TOKENS.to_string()]);
        let output = python.stderr(Stdio::null()).output().context("upstream's Python")?;
        let theirs: Value =
            serde_json::from_slice(&output.stdout).context("what upstream's generators took")?;
        for (name, workload) in workloads(&tokenizer)? {
            let (ours, _) = made(&workload, scene.scaled(PROMPTS));
            let theirs = theirs[name].as_f64().context("CPU seconds of a prompt")?;
            table.add(&format!("{name}: 0.7.0, CPU for a prompt"), "ms", theirs * 1e3, Limit::None);
            table.add(&format!("{name}: ours, CPU for a prompt"), "ms", ours * 1e3, Limit::None);
            let limit = Limit::AtMost(0.05);
            table.add(&format!("{name}: CPU for a prompt, ours / 0.7.0"), "×", ours / theirs, limit);
        }
    }
    table.note(format!("{} Ours with the request's body.", scene.tokenizers.origin));
    Ok(table)
}

/// Makes so many prompts with their bodies: CPU seconds of one, and how many have the length that was asked for.
fn made(workload: &Synthetic, count: u64) -> (f64, usize) {
    let before = cpu_seconds_of(std::process::id());
    let exact = (0..count).filter(|&index| workload.prepare(0, index).prompt_tokens == PROMPT_TOKENS).count();
    let seconds = (cpu_seconds_of(std::process::id()) - before).max(1e-3);
    (seconds / count as f64, exact)
}

/// The data types whose prompts are made up.
fn workloads(tokenizer: &Arc<Tokenizer>) -> Result<[(&'static str, Synthetic); 2]> {
    let lengths = |purpose| {
        let kind = DistributionType::Fixed;
        let mean = f64::from(PROMPT_TOKENS);
        Lengths::new(Distribution { kind, mean, ..Distribution::default() }, Seed(1), purpose)
    };
    let both = || (lengths(Purpose::InputLength), lengths(Purpose::OutputLength));
    let options = || BodyOptions::new(ApiType::Completion, MODEL);
    Ok([
        ("synthetic", Synthetic::new(Seed(1), Arc::clone(tokenizer), None, both(), options())?),
        ("random", Synthetic::random(Seed(1), Arc::clone(tokenizer), both(), options())?),
    ])
}

/// A file of so many bytes of rows.
fn rows(folder: &Path, bytes: u64) -> Result<PathBuf> {
    progress("(f) writes a data set");
    let path = folder.join("rows.jsonl");
    let mut file = BufWriter::new(fs_err::File::create(&path)?);
    let text = "what is the knee of this server and where does its queue begin to grow ".repeat(20);
    let (mut written, mut number) = (0u64, 0u64);
    while written < bytes {
        let row = json!({"prompt": format!("{number} {text}"), "completion": "it is here", "max_tokens": 16})
            .to_string();
        writeln!(file, "{row}")?;
        written += row.len() as u64 + 1;
        number += 1;
    }
    file.flush()?;
    Ok(path)
}

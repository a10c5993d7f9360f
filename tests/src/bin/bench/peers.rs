//! Bench (d): other clients for the same purpose, with the same workload in the same run.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use benchmark_tests::root;
use clap::Args;
use serde_json::Value;

use crate::figures::{Limit, Table, median};
use crate::ours::{self, Data, Job, Load};
use crate::paced::{self, Measured};
use crate::process::{Ended, measure};
use crate::prompts;
use crate::target::{MODEL, Model, Target, served};
use crate::{Scene, progress};

const CONCURRENCY: u64 = 64;
const INPUT_TOKENS: u32 = 512;
const OUTPUT_TOKENS: u32 = 128;
const REQUESTS: u64 = 20_000;
/// For our rate: a closed loop's requests all fall due within one second, upstream's law, so that no rate can be above
/// their number a second.
const REQUESTS_FOR_RATE: u64 = 100_000;
/// inference-perf 0.7.0 takes minutes for more.
const REQUESTS_OF_UPSTREAM: u64 = 1_000;
const RATE: u64 = 2_000;
const SECONDS: u64 = 10;

/// Where the other clients are.
#[derive(Debug, Args)]
pub(crate) struct Programs {
    /// inference-perf 0.7.0, upstream's
    #[arg(long, env = "ORACLE", default_value = ".tools/peers/inference-perf/bin/inference-perf")]
    oracle: PathBuf,
    /// vLLM's client in Rust
    #[arg(long, env = "VLLM_RS", default_value = ".tools/peers/vllm-rs")]
    vllm_rs: PathBuf,
}

/// What a client took for a load.
struct Cost {
    requests_per_second: f64,
    /// Of the whole process tree, seconds for 1,000 requests.
    cpu: f64,
    peak_mib: f64,
}

pub(crate) fn bench(scene: &Scene, programs: &Programs) -> Result<Vec<Table>> {
    let program = |path: &Path| -> Result<PathBuf> {
        let path = root().join(path);
        ensure!(path.is_file(), "{} is missing: run `tests/tools/bench.sh peers` first", path.display());
        Ok(path)
    };
    let (oracle, vllm) = (program(&programs.oracle)?, program(&programs.vllm_rs)?);
    let (small, large) = (&scene.tokenizers.small, &scene.tokenizers.large);
    Ok(vec![
        against_vllm(scene, &vllm, large, true)?,
        against_vllm(scene, &vllm, large, false)?,
        against_vllm(scene, &vllm, small, false)?,
        paced_against_vllm(scene, &vllm)?,
        against_upstream(scene, &oracle)?,
        prompts::beside_upstream(scene, &oracle)?,
    ])
}

/// Closed loop beside vLLM's client. A server that joins events costs a third, and leaves more of the machine to the
/// clients.
fn against_vllm(scene: &Scene, vllm: &Path, tokenizer: &Path, separate_events: bool) -> Result<Table> {
    let shape = if separate_events { "an HTTP chunk an event" } else { "events joined to 16 KiB" };
    let size = if tokenizer == scene.tokenizers.large { "large" } else { "small" };
    let mut table = Table::new(format!(
        "(d) Beside vLLM's `bench serve` (Rust): closed loop, {CONCURRENCY} connections, {INPUT_TOKENS} tokens in, \
         {OUTPUT_TOKENS} out, {shape}, {size} tokenizer"
    ));
    let target = Target::start(&Model { separate_events, ..Model::without_delays(tokenizer) })?;
    let requests = scene.scaled(REQUESTS);
    let load = Load::Closed { requests, concurrency: CONCURRENCY };
    let data = Data::Synthetic { tokenizer, input: INPUT_TOKENS, output: OUTPUT_TOKENS };
    let job = Job { model: MODEL, load, data, server_counts: false };
    for round in 1..=scene.runs {
        progress(&format!("(d) closed loop, {shape}, {size} tokenizer, round {round}: ours"));
        let ours = cost(&target, || Ok(ours::run(&target, job, &scene.folder.join("peer"))?.process))?;
        progress(&format!("(d) closed loop, {shape}, {size} tokenizer, round {round}: vLLM"));
        let own = [("--max-concurrency", CONCURRENCY), ("--random-output-len", OUTPUT_TOKENS.into())];
        let theirs = cost(&target, || Ok(run_vllm(scene, (vllm, tokenizer), &target, requests, &own)?.0))?;
        both(&mut table, "vLLM", &ours, &theirs);
        let Cost { requests_per_second: rate, cpu, peak_mib } = theirs;
        let long = Load::Closed { requests: scene.scaled(REQUESTS_FOR_RATE), concurrency: CONCURRENCY };
        let long = Job { load: long, ..job };
        let long = cost(&target, || Ok(ours::run(&target, long, &scene.folder.join("peer"))?.process))?;
        table.add(
            &format!("ours, {REQUESTS_FOR_RATE} requests: requests/s"),
            "",
            long.requests_per_second,
            Limit::None,
        );
        table.add("requests/s: ours / vLLM's", "×", long.requests_per_second / rate, Limit::AtLeast(2.5));
        table.add("CPU per request: ours / vLLM's", "×", ours.cpu / cpu, Limit::AtMost(0.125));
        table.add("peak memory: ours / vLLM's", "×", ours.peak_mib / peak_mib, Limit::AtMost(0.2));
    }
    table.note(format!(
        "{requests} requests, {REQUESTS_FOR_RATE} for our rate. Load phase by the server's record; CPU of whole processes. {}",
        scene.tokenizers.origin
    ));
    Ok(table)
}

/// TTFT at a high rate beside vLLM's client.
fn paced_against_vllm(scene: &Scene, vllm: &Path) -> Result<Table> {
    let mut table =
        Table::new(format!("(d) Beside vLLM's `bench serve` (Rust): {RATE}/s, TTFT 50 ms, ITL 5 ms"));
    let large = &scene.tokenizers.large;
    let target = Target::start(&paced::model(MODEL, large))?;
    let data = Data::Synthetic { tokenizer: large, input: INPUT_TOKENS, output: paced::OUTPUT_TOKENS };
    let seconds = scene.scaled(SECONDS);
    for round in 1..=scene.runs {
        progress(&format!("(d) {RATE}/s, round {round}: ours"));
        target.reset()?;
        let load = Load::Even { rate: RATE, seconds };
        let job = Job { model: MODEL, load, data, server_counts: false };
        let run = ours::run(&target, job, &scene.folder.join("peer"))?;
        let ours = Measured::of(&run.records()?, &paced::truth(&target)?)?.ttft_error_ms;
        progress(&format!("(d) {RATE}/s, round {round}: vLLM"));
        target.reset()?;
        let own = [("--request-rate", RATE), ("--random-output-len", paced::OUTPUT_TOKENS.into())];
        let (_, result) = run_vllm(scene, (vllm, large), &target, RATE * seconds, &own)?;
        let reported = result["median_ttft_ms"].as_f64().context("vLLM's client reports a median TTFT")?;
        let truth: Vec<f64> = paced::truth(&target)?.iter().filter_map(paced::true_ttft_ms).collect();
        let theirs = (reported - median(&truth)).abs();
        table.add("TTFT error, ours", "ms", ours, Limit::None);
        table.add("TTFT error, vLLM's", "ms", theirs, Limit::None);
        table.add("TTFT error: ours / vLLM's", "×", ours.abs() / theirs, Limit::AtMost(0.5));
    }
    table.note(
        "Ours: median of the errors request by request. vLLM's: its median TTFT less the server's median, for it reports no \
         requests in the order of arrival. It sends at exponential gaps.",
    );
    Ok(table)
}

/// Closed loop beside upstream's client, with and without tokenising every chunk.
fn against_upstream(scene: &Scene, oracle: &Path) -> Result<Table> {
    let mut table = Table::new(format!(
        "(d) Beside inference-perf 0.7.0: closed loop, {CONCURRENCY} requests in flight, {INPUT_TOKENS} tokens in, {OUTPUT_TOKENS} out"
    ));
    let large = &scene.tokenizers.large;
    // Without a section `tokenizer` upstream takes the model's name for the tokenizer's.
    let name = large.to_str().context("the tokenizer's path is UTF-8")?;
    let closed = |requests| Load::Closed { requests: scene.scaled(requests), concurrency: CONCURRENCY };
    let data = Data::Synthetic { tokenizer: large, input: INPUT_TOKENS, output: OUTPUT_TOKENS };
    for (case, usage, server_counts) in
        [("client counts", "never", false), ("server counts", "as_asked", true)]
    {
        let job = Job { model: name, load: closed(REQUESTS), data, server_counts };
        let theirs = Job { load: closed(REQUESTS_OF_UPSTREAM), ..job };
        let target = Target::start(&Model { name, usage, ..Model::without_delays(large) })?;
        for round in 1..=scene.runs {
            progress(&format!("(d) {case}, round {round}: ours"));
            let folder = scene.folder.join("peer");
            let ours = cost(&target, || Ok(ours::run(&target, job, &folder)?.process))?;
            progress(&format!("(d) {case}, round {round}: inference-perf 0.7.0"));
            let theirs = cost(&target, || run_upstream(scene, oracle, &target, theirs))?;
            both(&mut table, &format!("0.7.0, {case}"), &ours, &theirs);
            let rate = ours.requests_per_second / theirs.requests_per_second;
            table.add(&format!("{case}: requests/s, ours / 0.7.0"), "×", rate, Limit::None);
            table.add(
                &format!("{case}: CPU per request, ours / 0.7.0"),
                "×",
                ours.cpu / theirs.cpu,
                Limit::None,
            );
            let memory = ours.peak_mib / theirs.peak_mib;
            table.add(&format!("{case}: peak memory, ours / 0.7.0"), "×", memory, Limit::None);
        }
    }
    table.note(format!(
        "{} requests by ours, {} by upstream's with two workers. Where the server counts, its configuration has no section \
         `tokenizer`, so that it does not tokenise every chunk again for its reports. {}",
        scene.scaled(REQUESTS),
        scene.scaled(REQUESTS_OF_UPSTREAM),
        scene.tokenizers.origin
    ));
    Ok(table)
}

fn both(table: &mut Table, peer: &str, ours: &Cost, theirs: &Cost) {
    for (who, cost) in [(format!("ours beside {peer}"), ours), (peer.to_owned(), theirs)] {
        table.add(&format!("{who}: requests/s"), "", cost.requests_per_second, Limit::None);
        table.add(&format!("{who}: CPU for 1,000 requests"), "s", cost.cpu, Limit::None);
        table.add(&format!("{who}: peak memory"), "MiB", cost.peak_mib, Limit::None);
    }
}

fn cost(target: &Target, client: impl FnOnce() -> Result<Ended>) -> Result<Cost> {
    target.reset()?;
    let ended = client()?;
    let (seconds, completed) = served(&target.stats()?)?;
    Ok(Cost {
        requests_per_second: completed as f64 / seconds,
        cpu: ended.cpu_seconds / (completed as f64 / 1_000.0),
        peak_mib: ended.peak_mib(),
    })
}

/// Runs vLLM's client with further figures of its own; gives its result file too.
fn run_vllm(
    scene: &Scene,
    (vllm, tokenizer): (&Path, &Path),
    target: &Target,
    requests: u64,
    own: &[(&str, u64)],
) -> Result<(Ended, Value)> {
    let result = scene.folder.join("vllm.json");
    let mut command = Command::new(vllm);
    command.args("bench serve --backend vllm --endpoint /v1/completions --dataset-name random".split(' '));
    command.args("--random-input-len 512 --ignore-eos --disable-tqdm --save-result --base-url".split(' '));
    command.args([target.base_url(), "--model", MODEL, "--num-prompts", &requests.to_string()]);
    for (key, value) in own {
        command.args([*key, &value.to_string()]);
    }
    command.arg("--tokenizer").arg(tokenizer);
    command.arg("--result-dir").arg(&scene.folder).args(["--result-filename", "vllm.json"]);
    let ended = measure(&mut command)?;
    let result: Value = serde_json::from_slice(&fs_err::read(result)?)?;
    let completed = result["completed"].as_u64().context("vLLM's client counts what it completed")?;
    ensure!(completed == requests, "vLLM's client completed {completed} of {requests}");
    Ok((ended, result))
}

/// Runs upstream's client with the configuration that ours has.
fn run_upstream(scene: &Scene, oracle: &Path, target: &Target, job: Job<'_>) -> Result<Ended> {
    let folder = scene.folder.join("upstream");
    if folder.exists() {
        fs_err::remove_dir_all(&folder)?;
    }
    fs_err::create_dir_all(&folder)?;
    let config = ours::configuration(target, job, &folder.join("reports"));
    // Upstream knows no extensions; without the section `tokenizer` it leaves the chunks' tokens uncounted.
    let dropped =
        |line: &str| line.starts_with("extensions:") || (job.server_counts && line.starts_with("tokenizer:"));
    let kept = config.lines().filter(|line| !dropped(line));
    let text: Vec<&str> = kept.collect();
    let file = folder.join("config.yml");
    fs_err::write(&file, text.join("\n"))?;
    let mut command = Command::new(oracle);
    command.arg("--config_file").arg(&file).current_dir(&folder).env("HF_HUB_OFFLINE", "1");
    measure(&mut command)
}

//! Verdicts over real HTTP: brackets that hold the server's true capacity, wherever it lies, and the blame where it belongs
//! when client or server is held back.
//!
//! The simulator keeps the capacity that its parameters say, however late its tasks are woken, so that the truth is known
//! exactly.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use model_server_simulator::{ModelParameters, capacity};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use serde_json::Value;

use crate::rig::{Rig, json, text};
use crate::{figures, long_runs, machine};

/// Requests/s of the stages.
const LADDER: [f64; 4] = [100.0, 150.0, 225.0, 340.0];
/// Length of a stage, seconds, in the long search and in the short part.
const SECONDS: [u32; 2] = [8, 2];
/// Runs of the long search, and of the short part.
const RUNS: [usize; 2] = [20, 2];
/// How often a run is tried in whose stages the machine held the load generator back: such stages say nothing.
const TRIES: usize = 3;
/// Every so many runs one has a capacity within [`CLOSE`] of a stage's rate.
const CLOSE_EVERY: usize = 4;
/// How close that is.
const CLOSE: f64 = 0.03;
/// A growth of the backlog below this share of the rate counts as none (`backlog_growth` of the limits).
const NO_GROWTH: f64 = 0.02;
/// Places of the server.
const SLOTS: u32 = 8;
/// Tokens of a prompt and of an answer.
const LENGTHS: (u32, u32) = (16, 8);

/// A server that completes `rate` requests/s.
fn model(rate: f64) -> ModelParameters {
    let service_ms = f64::from(SLOTS) / rate * 1e3;
    // The first token comes with the end of the prefill, so that there is one step less than there are tokens.
    let step = service_ms / f64::from(LENGTHS.1);
    ModelParameters {
        slots: SLOTS,
        prefill_base_ms: step,
        prefill_per_token_us: 0.0,
        decode_base_ms: step,
        decode_per_running_sequence_us: 0.0,
        ..ModelParameters::default()
    }
}

/// The simulator as a process of its own, with `model`.
fn served_by(model: &ModelParameters) -> Result<Rig> {
    let [slots, prefill, decode] =
        [model.slots.to_string(), model.prefill_base_ms.to_string(), model.decode_base_ms.to_string()];
    Rig::start(&[
        "--slots",
        &slots,
        "--prefill-ms",
        &prefill,
        "--prefill-token-us",
        "0",
        "--decode-ms",
        &decode,
        "--decode-running-us",
        "0",
    ])
}

/// A run of stages of `seconds` each at `rates`, with `load` besides.
fn config(rig: &Rig, (rates, seconds): (&[f64], u32), load: &str) -> String {
    let stages: Vec<String> =
        rates.iter().map(|rate| format!("{{rate: {rate}, duration: {seconds}}}")).collect();
    format!(
        "{}api: {{type: completion, streaming: true}}\ndata: {{type: synthetic, input_distribution: {{type: fixed, mean: {}}}, \
         output_distribution: {{type: fixed, mean: {}}}}}\nload: {{type: constant, interval: 0.5, {load}, stages: [{}]}}\n\
         storage: {{local_storage: {{path: {}}}}}\n",
        rig.target(),
        LENGTHS.0,
        LENGTHS.1,
        stages.join(", "),
        rig.reports()
    )
}

/// `capacity.json` of the run that `command` is.
fn found(rig: &Rig, command: &mut Command) -> Result<Value> {
    let output = command.output()?;
    ensure!(output.status.code() == Some(0), "{}", text(&output));
    json(&rig.last_reports().join("capacity.json"))
}

/// The capacities of `runs` servers: drawn evenly on a logarithmic scale, some of them close to a stage's rate.
fn capacities(runs: usize, chance: &mut ChaCha8Rng) -> Vec<f64> {
    let (lowest, highest) = (LADDER[0], LADDER[LADDER.len() - 1]);
    (0..runs)
        .map(|run| {
            if (run + 1).is_multiple_of(CLOSE_EVERY) {
                // Within the ladder: beyond its last stage nothing would be there to be found.
                let stage = LADDER[1 + run / CLOSE_EVERY % (LADDER.len() - 2)];
                stage * (1.0 + CLOSE * chance.random_range(-1.0..1.0))
            } else {
                lowest * (highest / lowest).powf(chance.random())
            }
        })
        .collect()
}

/// The ends of a bracket.
fn ends(bracket: &Value) -> [Option<f64>; 2] {
    [bracket[0].as_f64(), bracket[1].as_f64()]
}

/// What runs against one server came to.
#[derive(Default)]
struct Outcome {
    /// Both ends of the saturation are known, by the run that was tried last.
    bracket: Option<[f64; 2]>,
    /// The load generator was held back in it.
    held_back: bool,
    tries: usize,
}

/// Runs the ladder against a server that completes `truth` requests/s, again if the machine held the load generator back; no
/// bracket may be wrong.
#[expect(clippy::print_stdout, reason = "each run, for who looks at a test that fails")]
fn tried(run: usize, truth: f64, seconds: u32) -> Result<Outcome> {
    let rig = served_by(&model(truth))?;
    let mut outcome = Outcome::default();
    while outcome.tries == 0 || (outcome.bracket.is_none() && outcome.held_back && outcome.tries < TRIES) {
        let seed = run * TRIES + outcome.tries;
        let load = format!("num_workers: 2, worker_max_concurrency: 1000, base_seed: {seed}");
        let capacity = found(&rig, &mut rig.command(&config(&rig, (&LADDER, seconds), &load))?)?;
        let told = || format!("run {run}, true capacity {truth:.2}/s: {capacity:#}");
        let [lower, upper] = ends(&capacity["saturation"]["bracket"]);
        let is_right = lower.is_none_or(|lower| lower * (1.0 - NO_GROWTH) <= truth)
            && upper.is_none_or(|upper| truth <= upper);
        ensure!(is_right, "{}", told());
        // What is sustained is below the capacity too.
        let [sustained, _] = ends(&capacity["knee"]["bracket"]);
        ensure!(sustained.is_none_or(|rate| rate * (1.0 - NO_GROWTH) <= truth), "{}", told());
        let stages = capacity["stages"].as_array().context("stages")?;
        let verdicts: Vec<&str> = stages.iter().filter_map(|stage| stage["verdict"].as_str()).collect();
        println!("run {run}, {truth:.2}/s: {lower:?} to {upper:?}, {}", verdicts.join(", "));
        outcome.held_back = verdicts.contains(&"invalid (client)");
        outcome.bracket = lower.zip(upper).map(|(lower, upper)| [lower, upper]);
        outcome.tries += 1;
    }
    Ok(outcome)
}

#[test]
fn brackets_hold_the_capacity_wherever_it_lies() -> Result<()> {
    let _machine = machine();
    let is_long = long_runs().is_some();
    let place = usize::from(!is_long);
    let (runs, seconds) = (RUNS[place], SECONDS[place]);
    let mut chance = ChaCha8Rng::seed_from_u64(8);
    let (mut decided, mut held_back, mut close, mut again, mut widest) = (0, 0, 0, 0, 0.0_f64);
    for (run, drawn) in capacities(runs, &mut chance).into_iter().enumerate() {
        let truth = capacity(&model(drawn), f64::from(LENGTHS.0), f64::from(LENGTHS.1));
        ensure!((truth / drawn - 1.0).abs() < 1e-9, "{truth} and {drawn}");
        close += usize::from(LADDER.iter().any(|rate| (truth / rate - 1.0).abs() <= CLOSE));
        let outcome = tried(run, truth, seconds)?;
        again += outcome.tries - 1;
        if let Some([lower, upper]) = outcome.bracket {
            decided += 1;
            widest = widest.max(upper / lower);
        } else {
            held_back += usize::from(outcome.held_back);
        }
    }
    // The short part may run on a busy machine, of which nothing more can be asked than that it is told.
    let enough = if is_long { decided * 4 >= runs * 3 } else { decided + held_back > 0 };
    ensure!(enough, "{decided} of {runs} were decided, of {held_back} the load generator was held back");
    if is_long {
        figures::note(
            &format!(
                "{runs} runs over HTTP, capacity drawn over the ladder, {close} within 3 % of a stage's rate"
            ),
            &format!(
                "no wrong bracket, {decided} decided (at least 15 of 20), the widest {widest:.2} × its lower end; {again} \
                 again, the machine was busy"
            ),
        )?;
    }
    Ok(())
}

#[test]
fn a_server_slower_than_the_cap_is_saturated() -> Result<()> {
    let _machine = machine();
    let rig = served_by(&model(60.0))?;
    let load = "num_workers: 1, worker_max_concurrency: 6, base_seed: 1";
    let capacity = found(&rig, &mut rig.command(&config(&rig, (&[120.0], 3), load))?)?;
    let stage = &capacity["stages"][0];
    ensure!(stage["verdict"] == "saturated", "{stage:#}");
    ensure!(stage["client"]["waited_for_permit"].as_u64() > Some(100), "{stage:#}");
    let reasons = stage["reasons"].to_string();
    ensure!(reasons.contains("all 6 in-flight permits were taken"), "{reasons}");
    if long_runs().is_some() {
        figures::note("120/s to a server of 60/s, 6 in flight at most", "saturated")?;
    }
    Ok(())
}

/// A control group of its own with a CPU quota; removed when dropped.
struct Quota {
    folder: PathBuf,
}

impl Quota {
    /// A share of one core, in version 1 or 2, wherever a group can be made; or why none can.
    fn of(share: f64) -> Result<Self, String> {
        const PERIOD_US: f64 = 100_000.0;
        let name = format!("benchmark-charts-{}", std::process::id());
        let quota = (PERIOD_US * share).round();
        let mut why = Vec::new();
        for (mount, file, content) in [
            ("/sys/fs/cgroup/cpu", "cpu.cfs_quota_us", quota.to_string()),
            ("/sys/fs/cgroup/cpu,cpuacct", "cpu.cfs_quota_us", quota.to_string()),
            ("/sys/fs/cgroup", "cpu.max", format!("{quota} {PERIOD_US}")),
        ] {
            let folder = Path::new(mount).join(&name);
            if !Path::new(mount).join("cgroup.procs").is_file() {
                continue;
            }
            if let Err(error) = std::fs::create_dir(&folder) {
                why.push(format!("{}: {error}", folder.display()));
                continue;
            }
            let group = Self { folder };
            match std::fs::write(group.folder.join(file), content) {
                Ok(()) => return Ok(group),
                Err(error) => why.push(format!("{}: {error}", group.folder.join(file).display())),
            }
        }
        Err(if why.is_empty() { "no control groups".to_owned() } else { why.join(", ") })
    }

    /// `command`, which enters the group before it becomes the program.
    fn confine(&self, command: &Command) -> Command {
        let mut confined = Command::new("sh");
        confined.args(["-c", "echo $$ > \"$0\" && exec \"$@\""]).arg(self.folder.join("cgroup.procs"));
        confined.arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            confined.env(name, value.unwrap_or_default());
        }
        confined.current_dir(command.get_current_dir().unwrap_or_else(|| Path::new(".")));
        confined
    }
}

impl Drop for Quota {
    fn drop(&mut self) {
        // It is empty once the program has ended; whoever still is in it keeps it.
        let _ = std::fs::remove_dir(&self.folder);
    }
}

/// What such a client looks like to the analysis where no group can be made, its own tests say (`analysis/tests/client.rs`),
/// and how `cpu.stat` is read those of `driver/cgroup.rs`.
#[test]
fn a_client_under_a_cpu_quota_is_invalid_and_its_server_not_saturated() -> Result<()> {
    const WHAT: &str = "a client with a tenth of a core";
    let _machine = machine();
    let quota = match Quota::of(0.1) {
        Ok(quota) => quota,
        Err(why) => return figures::note(WHAT, &format!("not tried, no quota can be set: {why}")),
    };
    let rig = served_by(&model(2_000.0))?;
    let load = "num_workers: 2, worker_max_concurrency: 1000, base_seed: 1";
    let command = rig.command(&config(&rig, (&[300.0], 3), load))?;
    let capacity = found(&rig, &mut quota.confine(&command))?;
    let stage = &capacity["stages"][0];
    ensure!(stage["verdict"] == "invalid (client)", "{stage:#}");
    let share = stage["client"]["throttled_share"].as_f64().context("a share")?;
    ensure!(share > 0.01 && stage["reasons"].to_string().contains("the CPU quota held"), "{stage:#}");
    for bracket in ["saturation", "knee"] {
        ensure!(ends(&capacity[bracket]["bracket"]) == [None, None], "{capacity:#}");
    }
    if long_runs().is_some() {
        figures::note(WHAT, &format!("invalid (client), throttled for {:.0} % of the stage", share * 100.0))?;
    }
    Ok(())
}

//! Runs that are killed at any instant: what had ended by the server's own record a second before is in the reports that
//! are made of what is left, and no report is ever half of one.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use benchmark_tests::program;
use model_server_simulator::{RequestOutcome, Stats};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use rustix::process::Signal;
use rustix::time::{ClockId, clock_gettime};

use crate::rig::{Rig, files, send, text};
use crate::{figures, long_runs, machine};

/// Longest time that what has ended may be missing, nanoseconds.
const ALLOWED_NS: u64 = 1_000_000_000;
/// From the first request to some while after the last report.
const COURSE: Duration = Duration::from_millis(4_500);

/// Three short stages, of which every answer is reported with its id.
fn config(rig: &Rig) -> String {
    format!(
        "{}api: {{type: completion, streaming: true}}\ndata: {{type: mock}}\n\
         load: {{num_workers: 2, interval: 0.2, base_seed: 1, stages: [{{rate: 60, duration: 1}}, {{rate: 80, duration: 1}}, \
         {{rate: 100, duration: 1}}]}}\nreport: {{request_lifecycle: {{per_request: true}}}}\n\
         storage: {{local_storage: {{path: {}}}}}\n",
        rig.target(),
        rig.reports()
    )
}

/// The present instant on the clock of the server's record.
fn now_ns() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    u64::try_from(now.tv_sec * 1_000_000_000 + now.tv_nsec).unwrap_or(0)
}

/// Ids of the answers that the server had written before `instant`.
fn ended_before(stats: &Stats, instant: u64) -> Vec<&str> {
    let ended = stats.requests.iter().filter(|request| {
        request.outcome == RequestOutcome::Completed && request.arrival_ns + request.end_ns < instant
    });
    ended.map(|request| request.id.as_str()).collect()
}

/// Every report in `folder` is JSON from its beginning to its end.
fn assert_whole(folder: &Path) -> Result<usize> {
    let mut reports = 0;
    for (name, content) in files(folder)? {
        if Path::new(&name).extension().is_some_and(|extension| extension == "json") {
            serde_json::from_slice::<serde_json::Value>(&content).with_context(|| name.clone())?;
            reports += 1;
        }
    }
    Ok(reports)
}

/// What is rebuilt of the run in `folder` holds all of `ids`.
fn assert_rebuilt(folder: &Path, ids: &[&str]) -> Result<()> {
    let rebuilt = Command::new(program("inference-perf")).arg("report").arg(folder).output()?;
    ensure!(rebuilt.status.success(), "{}", text(&rebuilt));
    assert_whole(folder)?;
    let entries = fs_err::read_to_string(folder.join("per_request_lifecycle_metrics.json"))?;
    let missing: Vec<_> = ids.iter().filter(|id| !entries.contains(**id)).collect();
    ensure!(missing.is_empty(), "{} of {} are missing: {missing:?}", missing.len(), ids.len());
    Ok(())
}

/// What a killed run left.
struct Left {
    /// Answers that had to be in the reports, and were.
    kept: usize,
    /// Whole reports that were there before anything was rebuilt.
    reports: usize,
}

/// Starts a run and ends it by `signal` after `pause`, counted from its first request.
fn end_by(rig: &Rig, signal: Signal, pause: Duration) -> Result<Left> {
    reqwest::blocking::Client::new()
        .post(format!("{}/stats/reset", rig.simulator.base_url))
        .send()?
        .error_for_status()?;
    let mut child = rig.command(&config(rig))?.stdout(std::process::Stdio::null()).spawn()?;
    rig.await_served(1, &mut child)?;
    std::thread::sleep(pause);
    if child.try_wait()?.is_none() {
        send(&child, signal)?;
    }
    let at = now_ns();
    let output = child.wait_with_output()?;
    let folder = rig.last_reports();
    let reports = assert_whole(&folder)?;
    let stats = rig.stats()?;
    let ids = if signal == Signal::KILL {
        ended_before(&stats, at.saturating_sub(ALLOWED_NS))
    } else {
        let code = output.status.code();
        ensure!(code == Some(143) || code == Some(0), "{}", text(&output));
        ended_before(&stats, u64::MAX)
    };
    assert_rebuilt(&folder, &ids).with_context(|| format!("{signal:?} after {pause:?}"))?;
    Ok(Left { kept: ids.len(), reports })
}

#[test]
fn what_had_ended_a_second_before_outlives_a_kill() -> Result<()> {
    let _machine = machine();
    let rig = Rig::start(&["--slots", "64"])?;
    // The short part: within a stage, between two, and in the last.
    let Some(runs) = long_runs() else {
        for pause in [700, 1_300, 2_900] {
            end_by(&rig, Signal::KILL, Duration::from_millis(pause))?;
        }
        return Ok(());
    };
    let mut chance = ChaCha8Rng::seed_from_u64(9);
    let (mut kept, mut reports) = (0, 0);
    for _ in 0..runs {
        let left = end_by(&rig, Signal::KILL, COURSE.mul_f64(chance.random()))?;
        kept += left.kept;
        reports += left.reports;
        fs_err::remove_dir_all(rig.last_reports())?;
    }
    figures::note(
        &format!("{runs} runs killed (SIGKILL)"),
        &format!("{kept} answers older than 1 s, none missing; {reports} reports, all whole"),
    )
}

#[test]
fn sigterm_loses_nothing() -> Result<()> {
    let _machine = machine();
    let rig = Rig::start(&["--slots", "64"])?;
    let runs = long_runs().map_or(1, |runs| runs.div_ceil(5));
    let mut chance = ChaCha8Rng::seed_from_u64(15);
    let mut kept = 0;
    for _ in 0..runs {
        kept += end_by(&rig, Signal::TERM, COURSE.mul_f64(chance.random()))?.kept;
    }
    if long_runs().is_some() {
        figures::note(&format!("{runs} runs ended (SIGTERM)"), &format!("{kept} answers, none missing"))?;
    }
    Ok(())
}

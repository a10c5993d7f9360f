//! Signals: the first leaves partial reports that hold every record so far, the second cuts off what is in flight, the
//! third leaves at once.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use rustix::process::Signal;

use crate::rig::{Rig, json, send, text};
use crate::shared_machine;

/// Starts `command`, which writes its log to `file`.
fn start(mut command: Command, file: &Path) -> Result<Child> {
    let log = fs_err::File::create(file)?.into_parts().0;
    Ok(command.stdout(Stdio::from(log.try_clone()?)).stderr(Stdio::from(log)).spawn()?)
}

/// Waits until `child` has told `part` in `file`.
fn await_told(file: &Path, part: &str, child: &mut Child) -> Result<()> {
    let begin = Instant::now();
    loop {
        // What it has told as its last words counts as well.
        let ended = child.try_wait()?;
        let log = fs_err::read_to_string(file)?;
        if log.contains(part) {
            return Ok(());
        }
        ensure!(ended.is_none(), "it ended with {ended:?} and has not told {part:?}: {log}");
        ensure!(begin.elapsed() < Duration::from_mins(1), "it does not tell {part:?}: {log}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A server that never answers.
const HANGS: [&str; 4] = ["--error-rate", "1", "--fault", "hang"];

/// A load of each kind, whose requests may take an hour.
fn hanging(rig: &Rig, concurrent: bool) -> String {
    let (kind, stages) = if concurrent {
        ("concurrent", "{num_requests: 100, concurrency_level: 4}")
    } else {
        ("constant", "{rate: 20, duration: 600}")
    };
    format!(
        "{}api: {{type: completion, streaming: true}}\ndata: {{type: mock}}\n\
         load: {{type: {kind}, num_workers: 1, request_timeout: 3600, stage_teardown_grace_seconds: 3600, stages: [{stages}]}}\n\
         storage: {{local_storage: {{path: reports}}}}\n",
        rig.target()
    )
}

const STOPPING: &str = "stopping: nothing more is sent";
const CUTTING_OFF: &str = "cutting off what is in flight";

/// A run that has four requests or more in flight and has told that `signal` makes it stop; gives its log too.
fn stopping(rig: &Rig, concurrent: bool, signal: Signal) -> Result<(PathBuf, Child)> {
    let log = rig.path("log");
    let mut child = start(rig.command(&hanging(rig, concurrent))?, &log)?;
    // What hangs is counted as failed.
    rig.await_total("failed", 4, &mut child)?;
    send(&child, signal)?;
    await_told(&log, STOPPING, &mut child)?;
    Ok((log, child))
}

#[test]
fn a_second_signal_cuts_off_what_is_in_flight_and_leaves_reports() -> Result<()> {
    let _machine = shared_machine();
    for concurrent in [false, true] {
        let rig = Rig::start(&HANGS)?;
        let (log, mut child) = stopping(&rig, concurrent, Signal::INT)?;
        ensure!(child.try_wait()?.is_none(), "what is in flight may end for an hour");
        send(&child, Signal::TERM)?;
        let status = child.wait()?;
        let log = fs_err::read_to_string(&log)?;
        assert_eq!(status.code(), Some(130), "the first signal's: {log}");
        assert!(log.contains(CUTTING_OFF), "{log}");
        let found = json(&rig.path("reports/capacity.json"))?;
        assert_eq!(found["interrupted"], true);
        assert!(found["stages"][0]["cancelled"].as_u64() >= Some(4), "{found}");
        assert_eq!(json(&rig.path("reports/manifest.json"))?["complete"], false);
    }
    Ok(())
}

#[test]
fn a_third_signal_leaves_at_once() -> Result<()> {
    let _machine = shared_machine();
    for concurrent in [false, true] {
        let rig = Rig::start(&HANGS)?;
        let (log, mut child) = stopping(&rig, concurrent, Signal::TERM)?;
        // Both at the same instant: there is no time for reports between them.
        send(&child, Signal::STOP)?;
        send(&child, Signal::INT)?;
        send(&child, Signal::TERM)?;
        send(&child, Signal::CONT)?;
        let status = child.wait()?;
        let log = fs_err::read_to_string(&log)?;
        assert_eq!(status.code(), Some(143), "the first signal's: {log}");
        assert!(log.contains(CUTTING_OFF), "{log}");
        assert!(!rig.path("reports/capacity.json").exists(), "{log}");
    }
    Ok(())
}

#[test]
fn a_pause_comes_between_stages_alone_and_a_signal_ends_it() -> Result<()> {
    let _machine = shared_machine();
    let rig = Rig::start(&[])?;
    let config = |stages: &str| {
        format!(
            "{}api: {{type: completion, streaming: true}}\ndata: {{type: mock}}\n\
             load: {{interval: 86400, stages: [{stages}]}}\nstorage: {{local_storage: {{path: {}}}}}\n",
            rig.target(),
            rig.reports()
        )
    };
    // It would be here tomorrow.
    let output = rig.command(&config("{rate: 5, duration: 1}"))?.output()?;
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));

    let log = rig.path("log");
    let two = config("{rate: 5, duration: 1}, {rate: 5, duration: 1}");
    let mut child = start(rig.command(&two)?, &log)?;
    await_told(&log, "Stage 0 - run completed", &mut child)?;
    send(&child, Signal::TERM)?;
    assert_eq!(child.wait()?.code(), Some(143), "{}", fs_err::read_to_string(&log)?);
    let reports = rig.last_reports();
    let summary = json(&reports.join("summary_lifecycle_metrics.json"))?;
    assert_eq!(
        (&summary["successes"]["count"], &summary["extensions"]["interrupted"]),
        (&5.into(), &true.into())
    );
    assert!(!reports.join("stage_1_lifecycle_metrics.json").exists());
    Ok(())
}

#[test]
fn sigterm_leaves_valid_partial_reports() -> Result<()> {
    let _machine = shared_machine();
    let rig = Rig::start(&[])?;
    let config = format!(
        "{}data:\n  type: synthetic\n  input_distribution: {{type: fixed, mean: 16}}\n  output_distribution: {{type: fixed, mean: 8}}\nload:\n  type: constant\n  stages:\n    - rate: 20\n      duration: 60\n    - rate: 20\n      duration: 60\n  num_workers: 2\napi:\n  type: completion\n  streaming: true\nreport:\n  request_lifecycle:\n    per_request: true\nstorage:\n  local_storage:\n    path: reports\n",
        rig.target()
    );
    let mut child = rig.command(&config)?.spawn()?;
    rig.await_served(30, &mut child)?;
    send(&child, Signal::TERM)?;
    let output = child.wait_with_output()?;
    assert_eq!(output.status.code(), Some(143), "{}", text(&output));

    let served = rig.served()?;
    let stage = json(&rig.path("reports/stage_0_lifecycle_metrics.json"))?;
    let summary = json(&rig.path("reports/summary_lifecycle_metrics.json"))?;
    let requests = json(&rig.path("reports/per_request_lifecycle_metrics.json"))?;
    assert_eq!(
        summary["successes"]["count"].as_u64(),
        Some(served),
        "every answered request is in the report"
    );
    assert_eq!(stage["load_summary"]["count"].as_u64(), Some(served));
    assert_eq!(requests.as_array().map(Vec::len), Some(usize::try_from(served)?));
    let unsent = summary["load_summary"]["extensions"]["not_dispatched"].as_u64();
    assert_eq!(unsent, Some(1200 - served), "every request of the stage has a record");
    assert!(
        !rig.path("reports/stage_1_lifecycle_metrics.json").exists(),
        "a stage that never ran has no report"
    );
    assert_eq!(summary["extensions"]["interrupted"], true);
    assert_eq!(json(&rig.path("reports/capacity.json"))?["interrupted"], true);
    assert_eq!(json(&rig.path("reports/manifest.json"))?["complete"], false);
    Ok(())
}

//! Ends that are known beforehand: the deadline and the grace leave time for the results, and the last words are left.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use rustix::process::Signal;
use serde_json::Value;

use crate::machine;
use crate::rig::{Rig, json, send, text};

/// A minute of load, whose requests may take an hour.
fn config(rig: &Rig) -> String {
    format!(
        "{}api: {{type: completion, streaming: true}}\ndata: {{type: mock}}\n\
         load: {{num_workers: 1, request_timeout: 3600, stage_teardown_grace_seconds: 3600, stages: [{{rate: 20, duration: 60}}]}}\n\
         storage: {{local_storage: {{path: {}}}}}\n",
        rig.target(),
        rig.reports()
    )
}

/// A server of which every other request hangs.
const HANGS: [&str; 4] = ["--error-rate", "0.5", "--fault", "hang"];

/// What the run left in `file`, as Kubernetes takes it.
fn last_words(file: &std::path::Path) -> Result<Value> {
    let text = fs_err::read_to_string(file)?;
    assert!(text.len() <= 4096, "{} bytes", text.len());
    serde_json::from_str(&text).with_context(|| text.clone())
}

#[test]
fn a_run_ends_itself_in_time_before_its_deadline() -> Result<()> {
    let _machine = machine();
    let rig = Rig::start(&HANGS)?;
    let words = rig.path("termination-log");
    // Kubernetes has made it.
    fs_err::write(&words, "")?;
    let begin = Instant::now();
    let output = rig
        .command(&config(&rig))?
        .env("INFERENCE_PERF_DEADLINE_SECONDS", "8")
        .env("INFERENCE_PERF_TERMINATION_LOG", &words)
        .output()?;
    let took = begin.elapsed();
    let shown = text(&output);
    assert_eq!(output.status.code(), Some(143), "{shown}");
    // Stopped after 4 s, cut off after 6.
    assert!((Duration::from_secs(6)..Duration::from_secs(8)).contains(&took), "{took:?}");
    assert!(shown.contains("the deadline is near") && shown.contains("cutting off"), "{shown}");
    let reports = rig.last_reports();
    let summary = json(&reports.join("summary_lifecycle_metrics.json"))?;
    assert_eq!(summary["extensions"]["interrupted"], true);
    let answered = rig.total("completed")?;
    assert!(answered > 10, "{answered}");
    assert_eq!(summary["successes"]["count"].as_u64(), Some(answered));
    assert_eq!(json(&reports.join("manifest.json"))?["complete"], false);
    let words = last_words(&words)?;
    assert_eq!(
        (&words["exit_code"], &words["interrupted"], words["succeeded"].as_u64()),
        (&143.into(), &true.into(), Some(answered))
    );
    Ok(())
}

#[test]
fn a_drain_ends_in_time_before_the_kill() -> Result<()> {
    let _machine = machine();
    let rig = Rig::start(&HANGS)?;
    let mut child = rig.command(&config(&rig))?.env("INFERENCE_PERF_GRACE_SECONDS", "4").spawn()?;
    rig.await_total("failed", 4, &mut child)?;
    let begin = Instant::now();
    send(&child, Signal::TERM)?;
    let output = child.wait_with_output()?;
    let took = begin.elapsed();
    assert_eq!(output.status.code(), Some(143), "{}", text(&output));
    assert!((Duration::from_secs(2)..Duration::from_secs(4)).contains(&took), "{took:?}");
    let found = json(&rig.last_reports().join("capacity.json"))?;
    assert!(found["stages"][0]["cancelled"].as_u64() >= Some(4), "{found}");
    Ok(())
}

#[test]
fn a_run_that_is_done_before_its_deadline_knows_nothing_of_it() -> Result<()> {
    let _machine = machine();
    let rig = Rig::start(&[])?;
    let config = format!(
        "{}data: {{type: mock}}\nload: {{stages: [{{rate: 10, duration: 1}}]}}\nstorage: {{local_storage: {{path: {}}}}}\n",
        rig.target(),
        rig.reports()
    );
    let words = rig.path("termination-log");
    let output = rig
        .command(&config)?
        .env("INFERENCE_PERF_DEADLINE_SECONDS", "600")
        .env("INFERENCE_PERF_GRACE_SECONDS", "120")
        .env("INFERENCE_PERF_TERMINATION_LOG", &words)
        .output()?;
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let words = last_words(&words)?;
    assert_eq!((&words["exit_code"], &words["succeeded"]), (&0.into(), &10.into()));
    let place = rig.last_reports().display().to_string();
    assert_eq!(words["results"], serde_json::json!([place]));
    for variable in ["INFERENCE_PERF_DEADLINE_SECONDS", "INFERENCE_PERF_GRACE_SECONDS"] {
        let output = rig.command(&config)?.env(variable, "soon").output()?;
        assert_eq!(output.status.code(), Some(1), "{}", text(&output));
        assert!(
            text(&output).contains(&format!("{variable}: `soon` is no whole number")),
            "{}",
            text(&output)
        );
    }
    Ok(())
}

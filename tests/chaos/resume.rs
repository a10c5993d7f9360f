//! A run that was broken off goes on after the last stage that it finished, with what would have followed.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use rustix::process::Signal;
use serde_json::Value;

use crate::machine;
use crate::rig::{Rig, files, json, send, text};

/// Three stages of drawn prompts; seed and stages are what follows depends on.
fn config(rig: &Rig, last_rate: u32, report: &str) -> String {
    format!(
        "{}api: {{type: completion, streaming: true}}\ndata:\n  type: synthetic\n  input_distribution: {{mean: 24, std_dev: 8, min: \
         8, max: 40}}\n  output_distribution: {{mean: 8, std_dev: 3, min: 2, max: 16}}\n\
         load: {{num_workers: 2, interval: 1, base_seed: 7, stages: [{{rate: 20, duration: 1}}, {{rate: 25, duration: 2}}, {{rate: \
         {last_rate}, duration: 1}}]}}\nreport: {{request_lifecycle: {{per_request: true}}}}\n\
         storage: {{local_storage: {{path: {report}}}}}\n",
        rig.target()
    )
}

/// What each request asked for, by stage and instant, and how it ended.
fn asked(folder: &Path) -> Result<Vec<String>> {
    let entries = json(&folder.join("per_request_lifecycle_metrics.json"))?;
    let entries = entries.as_array().context("a list")?;
    let mut asked: Vec<String> =
        entries.iter().map(|entry| format!("{} {}", entry["request"], entry["error"])).collect();
    asked.sort_unstable();
    Ok(asked)
}

/// Counts of a stage's report that do not depend on time.
fn counts(folder: &Path, stage: u32) -> Result<[Value; 4]> {
    let report = json(&folder.join(format!("stage_{stage}_lifecycle_metrics.json")))?;
    Ok([
        report["load_summary"]["count"].clone(),
        report["successes"]["count"].clone(),
        report["successes"]["prompt_tokens"].clone(),
        report["successes"]["output_tokens"].clone(),
    ])
}

fn resumed(rig: &Rig, config: &str, folder: &str) -> Result<std::process::Output> {
    Ok(rig.command(config)?.args(["--resume", folder]).output()?)
}

#[test]
fn a_resumed_run_is_as_one_that_was_not_broken_off() -> Result<()> {
    let _machine = machine();
    let rig = Rig::start(&["--slots", "64"])?;
    let whole = rig.reports();
    let output = rig.command(&config(&rig, 30, &whole))?.output()?;
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let whole = rig.path(&whole);

    for signal in [Signal::TERM, Signal::KILL] {
        let before = rig.served()?;
        let broken = rig.reports();
        let config = config(&rig, 30, &broken);
        let mut child = rig.command(&config)?.spawn()?;
        // Within the second stage.
        rig.await_served(before + 30, &mut child)?;
        send(&child, signal)?;
        child.wait()?;
        let folder = rig.path(&broken);
        let first = files(&folder)?["stage_0_lifecycle_metrics.json"].clone();

        let output = resumed(&rig, &config, &broken)?;
        let shown = text(&output);
        assert_eq!(output.status.code(), Some(0), "{shown}");
        assert!(
            shown.contains("1 stages are finished") && !shown.contains("Stage 0 - run started"),
            "{shown}"
        );
        assert!(files(&folder)?["stage_0_lifecycle_metrics.json"] == first, "what was finished is as it was");
        for stage in 0..3 {
            assert_eq!(counts(&folder, stage)?, counts(&whole, stage)?, "stage {stage} after {signal:?}");
        }
        assert_eq!(asked(&folder)?, asked(&whole)?, "the same requests after {signal:?}");
        assert_eq!(json(&folder.join("manifest.json"))?["complete"], true);
        assert_eq!(json(&folder.join("capacity.json"))?["interrupted"], false);
        ensure!(folder.join("spool/records-1.bin").exists(), "the earlier records are kept");
    }
    Ok(())
}

#[test]
fn what_cannot_go_on_is_refused() -> Result<()> {
    let _machine = machine();
    let rig = Rig::start(&["--slots", "64"])?;
    let broken = rig.reports();
    let mut child = rig.command(&config(&rig, 30, &broken))?.spawn()?;
    rig.await_served(30, &mut child)?;
    send(&child, Signal::KILL)?;
    child.wait()?;
    let served = rig.served()?;
    let before = files(&rig.path(&broken))?;

    let output = resumed(&rig, &config(&rig, 31, &broken), &broken)?;
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    assert!(text(&output).contains("had another load: load.stages differ"), "{}", text(&output));
    let output = resumed(&rig, &config(&rig, 30, &broken), "no-such-folder")?;
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    assert!(text(&output).contains("no-such-folder holds no run"), "{}", text(&output));
    assert_eq!(rig.served()?, served, "nothing was sent");
    assert!(files(&rig.path(&broken))? == before, "nothing was touched");

    let output = resumed(&rig, &config(&rig, 30, &broken), &broken)?;
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let output = resumed(&rig, &config(&rig, 30, &broken), &broken)?;
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    assert!(text(&output).contains("has finished all its stages"), "{}", text(&output));
    Ok(())
}

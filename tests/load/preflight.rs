//! Preflight and hold: a target that is not ready costs no run, and a finished run stays as long as it is asked to.

use std::time::{Duration, Instant};

use anyhow::Result;
use rustix::process::Signal;

use crate::rig::{MODEL, Rig, send, text};
use crate::shared_machine;

/// One second of load on the rig's server, or on `base_url` instead.
fn config(rig: &Rig, base_url: Option<&str>, model: &str) -> String {
    let target = rig.target().replace(&format!("model_name: {MODEL}"), &format!("model_name: {model}"));
    let target = base_url.map_or(target.clone(), |url| target.replace(&rig.simulator.base_url, url));
    format!(
        "{target}data:\n  type: synthetic\n  input_distribution: {{type: fixed, mean: 16}}\n  output_distribution: {{type: fixed, mean: 4}}\nload:\n  type: constant\n  interval: 0\n  stages:\n    - rate: 5\n      duration: 1\n  num_workers: 1\napi:\n  type: completion\n  streaming: true\nstorage:\n  local_storage:\n    path: reports\n"
    )
}

#[test]
fn a_target_that_is_not_ready_ends_the_run_with_5_and_a_wrong_model_with_1() -> Result<()> {
    let _machine = shared_machine();
    let rig = Rig::start(&[])?;
    // Nothing listens on the discard port.
    let absent = Some("http://127.0.0.1:9");
    let output = rig.command(&config(&rig, absent, MODEL))?.env("INFERENCE_PERF_PREFLIGHT", "0").output()?;
    assert_eq!(output.status.code(), Some(5), "{}", text(&output));
    assert!(text(&output).contains("the target is not ready after 0 s"), "{}", text(&output));

    let output =
        rig.command(&config(&rig, None, "other"))?.env("INFERENCE_PERF_PREFLIGHT", "600").output()?;
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    assert!(text(&output).contains("does not serve the model `other`"), "{}", text(&output));

    assert_eq!(rig.served()?, 0, "no load was sent");
    assert!(!rig.path("reports").exists(), "nothing is left behind");
    Ok(())
}

#[test]
fn server_type_mock_has_nobody_to_wait_for() -> Result<()> {
    let _machine = shared_machine();
    let rig = Rig::start(&[])?;
    let config = "server: {type: mock, base_url: 'http://127.0.0.1:9'}\ndata: {type: mock}\n\
                  load: {interval: 0, stages: [{rate: 5, duration: 1}]}\nstorage: {local_storage: {path: reports}}\n";
    let output = rig.command(config)?.env("INFERENCE_PERF_PREFLIGHT", "0").output()?;
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let summary = crate::rig::json(&rig.path("reports/summary_lifecycle_metrics.json"))?;
    assert_eq!(summary["successes"]["count"], 5);
    Ok(())
}

#[test]
fn the_subcommand_says_whether_the_target_is_ready() -> Result<()> {
    let _machine = shared_machine();
    let rig = Rig::start(&[])?;
    let ask = |config: &str| -> Result<_> {
        let file = rig.path("config.yml");
        fs_err::write(&file, config)?;
        let program = benchmark_tests::program("inference-perf");
        Ok(std::process::Command::new(program).args(["preflight", "-c"]).arg(file).output()?)
    };
    let output = ask(&config(&rig, None, MODEL))?;
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    assert!(text(&output).contains("is ready"), "{}", text(&output));
    assert_eq!(ask(&config(&rig, Some("http://127.0.0.1:9"), MODEL))?.status.code(), Some(5));
    Ok(())
}

#[test]
fn a_finished_run_stays_until_its_time_is_up_or_it_is_told_to_end() -> Result<()> {
    let _machine = shared_machine();
    let rig = Rig::start(&[])?;
    let mut command = rig.command(&config(&rig, None, MODEL))?;
    let mut child =
        command.env("INFERENCE_PERF_HOLD_SECONDS", "600").env("INFERENCE_PERF_PREFLIGHT", "60").spawn()?;
    let manifest = rig.path("reports/manifest.json");
    let begin = Instant::now();
    while !manifest.exists() && begin.elapsed() < Duration::from_mins(1) {
        std::thread::sleep(Duration::from_millis(50));
    }
    // The manifest is written last; without the hold the program would be gone a moment later.
    std::thread::sleep(Duration::from_secs(1));
    assert!(manifest.exists() && child.try_wait()?.is_none(), "it is done, and still there");
    send(&child, Signal::TERM)?;
    let output = child.wait_with_output()?;
    assert_eq!(output.status.code(), Some(0), "the run was over before the signal: {}", text(&output));
    Ok(())
}

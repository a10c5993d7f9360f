//! A search for the capacity from its configuration to stored reports, and a warm-up that nothing sees.

use anyhow::{Context as _, Result};
use benchmark_tests::{program, run_ok};
use model_server_simulator::{ModelParameters, capacity};
use rustix::process::Signal;
use serde_json::Value;

use crate::machine;
use crate::rig::{Rig, files, json, send, text};

/// Eight slots of 20 ms: 400 requests/s.
const SERVER: [&str; 10] = [
    "--slots",
    "8",
    "--prefill-ms",
    "4",
    "--prefill-token-us",
    "0",
    "--decode-ms",
    "2",
    "--decode-running-us",
    "0",
];
const TOKENS: f64 = 8.0;

fn truth() -> f64 {
    let model = ModelParameters {
        slots: 8,
        prefill_base_ms: 4.0,
        prefill_per_token_us: 0.0,
        decode_base_ms: 2.0,
        decode_per_running_sequence_us: 0.0,
        ..ModelParameters::default()
    };
    capacity(&model, 16.0, TOKENS)
}

fn config(rig: &Rig, load: &str, extensions: &str) -> String {
    format!(
        "{}data:\n  type: synthetic\n  input_distribution: {{type: fixed, mean: 16}}\n  output_distribution: {{type: fixed, mean: 8}}\nload:\n  type: poisson\n  interval: 0\n  num_workers: 2\n  base_seed: 1\n  {load}\napi:\n  type: completion\n  streaming: true\nextensions:\n  {extensions}\nstorage:\n  local_storage:\n    path: reports\n",
        rig.target()
    )
}

#[test]
fn a_search_finds_the_servers_ceiling_and_certifies_a_rate_below_it() -> Result<()> {
    let _machine = machine();
    let rig = Rig::start(&SERVER)?;
    let extensions = "slo: [{metric: ttft, quantile: 0.95, limit: 0.02}]\n  capacity: {profile: coarse, budget_minutes: 4, max_concurrency: 64}\n  production: {peak_rate: 1000}";
    let output = rig.command(&config(&rig, "stages: []", extensions))?.output()?;
    let shown = text(&output);
    assert_eq!(output.status.code(), Some(0), "{shown}");
    let folder = rig.path("reports");
    let found = json(&folder.join("capacity.json"))?;
    let search = &found["search"];
    let number = |value: &Value| value.as_f64().with_context(|| format!("a number in {search:#}"));
    // A busy machine may make the client too slow for the last steps; then the search says so, and states nothing.
    let ceiling = number(&search["throughput_ceiling"]["value"])?;
    assert!((ceiling / truth() - 1.0).abs() < 0.15, "{ceiling}, and the server can do {}", truth());
    let steps = search["steps"].as_array().context("steps")?;
    assert_eq!(found["stages"].as_array().map(Vec::len), Some(steps.len()));
    for step in steps {
        let (why, finding) =
            (step["why"].as_str().unwrap_or_default(), step["finding"].as_str().unwrap_or_default());
        assert!(shown.contains(why) && shown.contains(finding), "the log tells each step: {step}");
    }
    assert!(shown.contains("Search: "), "{shown}");
    if let Some(rate) = search["certified_rate"].as_f64() {
        assert!(rate > 0.3 * ceiling && rate < 1.02 * ceiling, "{rate} of {ceiling}");
        assert_eq!(found["knee"]["bracket"][0].as_f64(), Some(rate));
        let replicas = number(&found["production"]["replicas"])?;
        let spare = number(&found["production"]["replicas_with_spare"])? - replicas;
        assert!((spare - 1.0).abs() < f64::EPSILON, "{spare}");
    } else {
        assert_eq!(search["decided"], false, "{search:#}");
    }
    let reports = files(&folder)?;
    run_ok(&program("inference-perf"), ["report", &folder.to_string_lossy()])?;
    assert_eq!(files(&folder)?, reports, "rebuilt byte for byte, the search too");
    Ok(())
}

#[test]
fn a_search_that_was_broken_off_goes_on_with_its_next_step() -> Result<()> {
    let _machine = machine();
    let rig = Rig::start(&SERVER)?;
    let config = config(
        &rig,
        "stages: []",
        "slo: [{metric: ttft, quantile: 0.95, limit: 0.02}]\n  capacity: {profile: coarse, budget_minutes: 4, max_concurrency: 64}",
    );
    let mut child = rig.command(&config)?.spawn()?;
    // The first two rungs of the ladder have 40 requests each.
    rig.await_served(90, &mut child)?;
    send(&child, Signal::TERM)?;
    // Its output is read, lest it waits for that.
    assert_eq!(child.wait_with_output()?.status.code(), Some(143));
    let folder = rig.path("reports");
    let steps = || -> Result<Vec<Value>> {
        let found = json(&folder.join("capacity.json"))?;
        Ok(found["search"]["steps"].as_array().context("steps")?.clone())
    };
    let (before, reports) = (steps()?, files(&folder)?);
    let run = json(&folder.join("capacity.json"))?["run_id"].clone();
    assert!(before.len() >= 2, "{before:#?}");
    let resumed = || Ok::<_, anyhow::Error>(rig.command(&config)?.args(["--resume", "reports"]).output()?);

    let output = resumed()?;
    let shown = text(&output);
    assert_eq!(output.status.code(), Some(0), "{shown}");
    assert!(shown.contains(&format!("{} stages are finished", before.len())), "{shown}");
    let after = steps()?;
    assert!(after.len() > before.len() && after[..before.len()] == before, "{after:#?}");
    for (number, step) in after.iter().enumerate() {
        assert_eq!(step["stage"], number);
        let name = format!("stage_{number}_lifecycle_metrics.json");
        let is_new = number >= before.len();
        assert!(is_new || files(&folder)?[&name] == reports[&name], "{name}");
        assert_eq!(shown.contains(&format!("Stage {number} - run started")), is_new, "{shown}");
    }
    assert_eq!(json(&folder.join("capacity.json"))?["run_id"], run);
    let reports = files(&folder)?;
    run_ok(&program("inference-perf"), ["report", &folder.to_string_lossy()])?;
    assert_eq!(files(&folder)?, reports, "rebuilt byte for byte");

    let served = rig.served()?;
    let output = resumed()?;
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    assert!(text(&output).contains("has come to its end"), "{}", text(&output));
    assert_eq!(rig.served()?, served, "nothing was sent");
    Ok(())
}

#[test]
fn a_warm_up_is_sent_and_seen_by_no_report() -> Result<()> {
    let _machine = machine();
    let rig = Rig::start(&SERVER)?;
    let stages = "stages: [{rate: 20, duration: 2}]";
    let output = rig.command(&config(&rig, stages, "warmup: {duration: 2}"))?.output()?;
    let shown = text(&output);
    assert_eq!(output.status.code(), Some(0), "{shown}");
    assert!(shown.contains("Warm-up: 40 requests at 20/s within 2 s; it is in no report"), "{shown}");
    assert_eq!(rig.served()?, 80);
    let folder = rig.path("reports");
    let summary = json(&folder.join("summary_lifecycle_metrics.json"))?;
    assert_eq!(summary["load_summary"]["count"], 40);
    let found = json(&folder.join("capacity.json"))?;
    assert_eq!(found["stages"].as_array().map(Vec::len), Some(1));
    assert_eq!(found["stages"][0]["scheduled"], 40);
    Ok(())
}

#[test]
fn a_machine_can_be_checked_by_itself() -> Result<()> {
    let _machine = machine();
    let shown = run_ok(&program("inference-perf"), ["selfcheck", "--seconds", "0.5", "--tokens", "8"])?;
    assert!(shown.starts_with("Closed loop against a server that takes no time"), "{shown}");
    assert_eq!(shown.lines().count(), 6, "{shown}");
    Ok(())
}

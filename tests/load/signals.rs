//! SIGTERM in mid-stage: partial reports that hold every record so far, and exit code 143.

use anyhow::Result;
use rustix::process::{Pid, Signal, kill_process};

use crate::machine;
use crate::rig::{Rig, json, text};

#[test]
fn sigterm_leaves_valid_partial_reports() -> Result<()> {
    let _machine = machine();
    let rig = Rig::start(&[])?;
    let config = format!(
        "{}data:\n  type: synthetic\n  input_distribution: {{type: fixed, mean: 16}}\n  output_distribution: {{type: fixed, mean: 8}}\nload:\n  type: constant\n  stages:\n    - rate: 20\n      duration: 60\n    - rate: 20\n      duration: 60\n  num_workers: 2\napi:\n  type: completion\n  streaming: true\nreport:\n  request_lifecycle:\n    per_request: true\nstorage:\n  local_storage:\n    path: reports\n",
        rig.target()
    );
    let mut child = rig.command(&config)?.spawn()?;
    rig.await_served(30, &mut child)?;
    let process = Pid::from_raw(i32::try_from(child.id())?).expect("a child's id is not zero");
    kill_process(process, Signal::TERM)?;
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

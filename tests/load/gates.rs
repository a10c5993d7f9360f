//! Gates: what the configuration wants to hold makes the exit code 4, and everything is stored all the same.

use anyhow::Result;
use benchmark_tests::{program, run};

use crate::rig::{Rig, files, json, text};
use crate::shared_machine;

fn config(rig: &Rig, extensions: &str) -> String {
    format!(
        "{}api: {{type: completion, streaming: true}}\ndata: {{type: mock}}\n\
         load: {{interval: 0, stages: [{{rate: 20, duration: 1}}]}}\nstorage: {{local_storage: {{path: {}}}}}\n{extensions}",
        rig.target(),
        rig.reports()
    )
}

#[test]
fn a_run_without_a_success_ends_with_code_4_if_asked_to() -> Result<()> {
    let _machine = shared_machine();
    let rig = Rig::start(&["--error-rate", "1"])?;
    let gate = "extensions: {gates: {all_failed: true}}\n";
    let output = rig.command(&config(&rig, gate))?.output()?;
    let shown = text(&output);
    assert_eq!(output.status.code(), Some(4), "{shown}");
    assert!(shown.contains("Gate: no request succeeded, 20 failed"), "{shown}");
    let folder = rig.last_reports();
    assert_eq!(json(&folder.join("manifest.json"))?["complete"], true);
    let written = files(&folder)?;
    assert!(String::from_utf8_lossy(&written["report.html"]).contains("Gate: no request succeeded"));
    let again = run(&program("inference-perf"), ["report", &folder.to_string_lossy()])?;
    assert_eq!(again.status.code(), Some(4), "{}", text(&again));
    assert_eq!(files(&folder)?, written, "rebuilt byte for byte");

    let output = rig.command(&config(&rig, ""))?.output()?;
    assert_eq!(output.status.code(), Some(0), "as upstream has it: {}", text(&output));
    let quick = Rig::start(&[])?;
    let output = quick.command(&config(&quick, gate))?.output()?;
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    Ok(())
}

//! Gates: what the configuration wants to hold makes the exit code 4, and everything is stored all the same.

use anyhow::Result;
use benchmark_tests::{chart, program, run, run_ok};

use crate::rig::{MODEL, Rig, files, json, text};
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

/// The chart's example of objectives, with short stages, against a server that keeps to them and one that does not.
#[test]
fn objectives_of_the_charts_values_end_a_run_with_code_4() -> Result<()> {
    let _machine = shared_machine();
    for (prefill, code) in [("5", 0), ("700", 4)] {
        let rig = Rig::start(&["--slots", "64", "--prefill-ms", prefill])?;
        let values = chart().join("ci/objectives-values.yaml").to_string_lossy().into_owned();
        let stages = r#"benchmark.scenarios.saturation.load.stages=[{"rate":10,"duration":2},{"rate":30,"duration":1}]"#;
        let set = [
            format!("benchmark.target.baseUrl={}", rig.simulator.base_url),
            format!("benchmark.target.modelName={MODEL}"),
            format!("benchmark.target.tokenizerPath={}", rig.path("tokenizer").display()),
            "benchmark.config.storage.local_storage.path=results".to_owned(),
            "benchmark.scenarios.saturation.data.output.mean=32".to_owned(),
            "benchmark.scenarios.saturation.data.output.max=32".to_owned(),
        ];
        let mut arguments = vec!["config", "r", "-f", &values, "--set-json", stages];
        arguments.extend(set.iter().flat_map(|set| ["--set", set]));
        let config = run_ok(&program("benchmark-render"), &arguments)?;
        let output = rig.command(&config)?.output()?;
        let shown = text(&output);
        assert_eq!(output.status.code(), Some(code), "{shown}");
        let gate =
            "Gate: ttft:p95<500ms is missed in stage 0: 0.00 % of 20 requests kept to it, 95.00 % must";
        assert_eq!(shown.contains(gate), code == 4, "{shown}");
        assert!(!shown.contains("is missed in stage 1"), "its rate is above the limit: {shown}");
        assert!(shown.contains("Objectives: "), "{shown}");
        let page = fs_err::read_to_string(rig.path("results").join("report.html"))?;
        assert_eq!(page.contains(&gate.replace('<', "&lt;")), code == 4);
    }
    Ok(())
}

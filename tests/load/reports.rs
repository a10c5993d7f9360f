//! All reports on requests of one run: written, consistent, rebuilt, and drawn.

use std::ffi::OsStr;

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use benchmark_schemas::record::{Outcome, SpoolEntry};
use benchmark_tests::{program, run, run_ok};
use inference_perf::spool::{SpoolReader, file_in};
use serde_json::Value;

use crate::rig::{Rig, files, json, text};
use crate::shared_machine;

const REPORTS: [&str; 11] = [
    "capacity.json",
    "config.yaml",
    "inference-perf.partial.stage_0.yaml",
    "inference-perf.partial.stage_1.yaml",
    "manifest.json",
    "per_request_lifecycle_metrics.json",
    "report.html",
    "stage_0_lifecycle_metrics.json",
    "stage_1_lifecycle_metrics.json",
    "summary_lifecycle_metrics.json",
    "validation.json",
];

#[test]
fn a_run_with_objectives_and_failures_is_reported_rebuilt_and_drawn() -> Result<()> {
    let _machine = shared_machine();
    let rig = Rig::start(&["--error-rate", "0.2"])?;
    let config = format!(
        "{}api:\n  streaming: true\n  headers: {{x-slo-ttft-ms: '60000', X-SLO-TPOT-ms: '0'}}\n\
         data:\n  type: synthetic\n  input_distribution: {{type: fixed, mean: 16}}\n  output_distribution: {{type: fixed, mean: 4}}\n\
         load:\n  interval: 0\n  stages: [{{rate: 20, duration: 2}}, {{rate: 40, duration: 2}}]\n\
         report:\n  goodput: {{constraints: {{request_latency: 60, tpot: 60}}}}\n  request_lifecycle:\n    per_request: true\n    \
         per_request_fields: {{computed_metrics: true}}\n\
         storage:\n  local_storage: {{path: reports}}\n",
        rig.target()
    );
    let output = rig.command(&config)?.output()?;
    let shown = text(&output);
    assert_eq!(output.status.code(), Some(0), "{shown}");
    let folder = rig.path("reports");
    let written = files(&folder)?;
    assert_eq!(written.keys().map(String::as_str).collect::<Vec<_>>(), REPORTS);

    let validation = json(&folder.join("validation.json"))?;
    let groups = validation["reports"].as_object().context("reports")?;
    assert_eq!(groups.len(), 6, "{validation}");
    let errors = groups.values().chain([&validation["global"]]).map(|group| &group["errors"]);
    assert!(errors.into_iter().all(|errors| errors.as_array().is_some_and(Vec::is_empty)), "{validation}");

    // The headers' objective for the time per token cannot be kept, and takes the place of the configuration's.
    let summary = json(&folder.join("summary_lifecycle_metrics.json"))?;
    let goodput = &summary["successes"]["goodput_metrics"];
    assert_eq!(goodput["ttft_attainment_percentage"].as_f64(), Some(100.0));
    assert_eq!(goodput["tpot_attainment_percentage"].as_f64(), Some(0.0));
    assert_eq!(
        (&goodput["good_requests"], &goodput["total_requests"]),
        (&0.into(), &summary["successes"]["count"])
    );
    assert!(summary["failures"]["by_label"]["500 - Internal Server Error"]["count"].as_u64() > Some(0));
    let requests = json(&folder.join("per_request_lifecycle_metrics.json"))?;
    let success = requests.as_array().context("a list")?.iter().find(|request| request["error"].is_null());
    let computed = &success.context("a success")?["computed_metrics"];
    assert_eq!(
        (computed["ttft_slo_sec"].as_f64(), computed["tpot_slo_sec"].as_f64()),
        (Some(60.0), Some(0.0))
    );

    let block = |name: &str| -> Result<Value> {
        let start = shown.find(&format!("=== START_{name} ===\n")).context("the block starts")?;
        let body = &shown[start..];
        let body =
            &body[body.find('\n').context("a line")?..body.find("\n=== END_").context("the block ends")?];
        Ok(serde_json::from_str(body)?)
    };
    assert_eq!(block("SUMMARY")?, summary);
    assert_eq!(block("STAGE_1")?, json(&folder.join("stage_1_lifecycle_metrics.json"))?);

    run_ok(&program("inference-perf"), ["report", &folder.to_string_lossy()])?;
    assert_eq!(files(&folder)?, written, "rebuilt byte for byte");

    let empty = rig.path("empty");
    fs_err::create_dir(&empty)?;
    for folders in [vec![&empty], vec![&folder, &empty]] {
        let drawn = run(
            &program("inference-perf"),
            [OsStr::new("-a")].into_iter().chain(folders.iter().map(|folder| folder.as_os_str())),
        )?;
        assert_eq!(drawn.status.code(), Some(1), "there is nothing to draw: {}", text(&drawn));
        assert!(
            String::from_utf8_lossy(&drawn.stderr).contains(&*empty.to_string_lossy()),
            "{}",
            text(&drawn)
        );
    }
    assert_eq!(files(&folder)?, written, "nothing was drawn");

    let together = rig.path("charts");
    let place = folder.to_string_lossy();
    run_ok(&program("inference-perf"), ["-a", &place, &place, "-u", &together.to_string_lossy()])?;
    for chart in ["latency_vs_qps", "throughput_vs_qps", "throughput_vs_latency", "goodput_vs_qps"] {
        for folder in [&folder, &together] {
            let svg = fs_err::read_to_string(folder.join(format!("{chart}.svg")))?;
            assert!(svg.starts_with("<svg ") && svg.contains("<title>Stage 1: "), "{chart}");
            assert!(fs_err::read(folder.join(format!("{chart}.png")))?.starts_with(b"\x89PNG"), "{chart}");
        }
    }
    let legend = json(&together.join("analyzed_reports_legend.json"))?;
    assert_eq!(legend, serde_json::json!({"Report 1": place, "Report 2": place}));
    Ok(())
}

/// Requests that ended by themselves in the whole entries of a spool.
fn recorded(folder: &std::path::Path) -> Result<u64> {
    let mut recorded = 0;
    for entry in SpoolReader::open(folder)? {
        let SpoolEntry::Request(record) = entry? else { continue };
        recorded += u64::from(matches!(record.outcome, Outcome::Success | Outcome::Failure(_)));
    }
    Ok(recorded)
}

#[test]
fn what_a_killed_run_had_recorded_is_reported_without_a_server() -> Result<()> {
    let _machine = shared_machine();
    let rig = Rig::start(&[])?;
    let config = format!(
        "{}api: {{type: completion, streaming: true}}\n\
         data: {{type: synthetic, input_distribution: {{type: fixed, mean: 16}}, output_distribution: {{type: fixed, mean: 4}}}}\n\
         load: {{interval: 0, stages: [{{rate: 20, duration: 1}}, {{rate: 20, duration: 600}}]}}\n\
         storage: {{local_storage: {{path: reports}}}}\n",
        rig.target()
    );
    let mut child = rig.command(&config)?.spawn()?;
    let folder = rig.path("reports");
    let begin = Instant::now();
    // Twenty of the first stage, and some of the second.
    while !file_in(&folder).exists() || recorded(&folder)? < 30 {
        ensure!(
            child.try_wait()?.is_none() && begin.elapsed() < Duration::from_mins(1),
            "it records nothing"
        );
        std::thread::sleep(Duration::from_millis(50));
    }
    child.kill()?;
    child.wait()?;
    ensure!(!folder.join("capacity.json").exists(), "it had no time for reports");
    // As if the last entry had been cut off in the middle.
    let spool = file_in(&folder);
    let bytes = fs_err::read(&spool)?;
    fs_err::write(&spool, &bytes[..bytes.len() - 3])?;
    let requests = recorded(&folder)?;
    drop(rig.simulator);

    let rebuilt = run(&program("inference-perf"), ["report", &folder.to_string_lossy()])?;
    let shown = text(&rebuilt);
    assert_eq!(rebuilt.status.code(), Some(0), "{shown}");
    assert!(shown.contains("The run broke off") && shown.contains("are no whole entry"), "{shown}");
    let written = files(&folder)?;
    let of = |name: &str| json(&folder.join(name));
    let summary = of("summary_lifecycle_metrics.json")?;
    assert_eq!(summary["load_summary"]["count"].as_u64(), Some(requests));
    assert_eq!(of("stage_0_lifecycle_metrics.json")?["load_summary"]["count"].as_u64(), Some(20));
    assert_eq!(of("stage_1_lifecycle_metrics.json")?["extensions"]["status"], "cut_off");
    assert_eq!(
        [
            &summary["extensions"]["interrupted"],
            &of("capacity.json")?["interrupted"],
            &of("manifest.json")?["complete"]
        ],
        [&Value::Bool(true), &Value::Bool(true), &Value::Bool(false)]
    );
    assert!(fs_err::read_to_string(folder.join("report.html"))?.contains("The run was interrupted"));
    run_ok(&program("inference-perf"), ["report", &folder.to_string_lossy()])?;
    assert_eq!(files(&folder)?, written, "rebuilt again byte for byte");
    Ok(())
}

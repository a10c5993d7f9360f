//! A disk that is full and a folder that is gone: the run goes on, says so, and its results are stored elsewhere.

use std::path::PathBuf;
use std::process::{Command, Output};

use anyhow::{Context as _, Result, ensure};
use benchmark_tests::program;

use crate::machine;
use crate::rig::{Rig, S3, files, json, text, with_credentials};

/// 400 requests, whose records take more than the 128 KiB that a file may have below, and whose reports take less.
fn config(rig: &Rig, s3: &S3) -> String {
    format!(
        "{}{}data:\n  type: synthetic\n  input_distribution: {{type: fixed, mean: 16}}\n  output_distribution: {{type: fixed, \
         mean: 128}}\nload: {{num_workers: 1, interval: 0.2, stages: [{{rate: 100, duration: 2}}, {{rate: 100, duration: 2}}]}}\n\
         api: {{type: completion, streaming: true}}\n",
        rig.target(),
        s3.storage("results", "run")
    )
}

struct Scene {
    rig: Rig,
    s3: S3,
    scratch: PathBuf,
}

impl Scene {
    fn new() -> Result<Self> {
        let scene = Self {
            rig: Rig::start(&["--slots", "64", "--decode-ms", "1"])?,
            s3: S3::start()?,
            scratch: PathBuf::new(),
        };
        scene.s3.create_bucket("results")?;
        let scratch = scene.rig.path("scratch");
        fs_err::create_dir(&scratch)?;
        Ok(Self { scratch, ..scene })
    }

    /// The answer was given, and every report is in the store.
    fn assert_stored(&self, output: &Output) -> Result<()> {
        let shown = text(output);
        assert_eq!(output.status.code(), Some(3), "{shown}");
        assert!(shown.contains("\nRecommended production range: "), "{shown}");
        let objects = self.s3.objects("results")?;
        let [summary, _] = objects.get("run/summary_lifecycle_metrics.json").context("the summary")?;
        let summary: serde_json::Value = serde_json::from_str(summary)?;
        assert_eq!(summary["successes"]["count"], 400, "{shown}");
        assert!(objects.contains_key("run/manifest.json"));
        Ok(())
    }

    /// The folder in which the run kept what its own could not take.
    fn kept(&self) -> Result<PathBuf> {
        let found: Vec<_> = fs_err::read_dir(&self.scratch)?.collect::<std::io::Result<_>>()?;
        ensure!(found.len() == 1, "one folder in {}: {found:?}", self.scratch.display());
        Ok(found[0].path())
    }
}

#[test]
fn a_file_that_can_grow_no_more_costs_no_result() -> Result<()> {
    let _machine = machine();
    let scene = Scene::new()?;
    let command = scene.rig.command(&config(&scene.rig, &scene.s3))?;
    // A limit on files is to a program what a full disk is.
    let mut limited = Command::new("bash");
    limited.args(["-c", "trap '' XFSZ; ulimit -f 128; exec \"$0\" \"$@\""]).arg(program("inference-perf"));
    limited.args(command.get_args()).current_dir(scene.rig.path(""));
    let output = with_credentials(limited.env("TMPDIR", &scene.scratch)).output()?;
    scene.assert_stored(&output)?;
    let shown = text(&output);
    for part in ["File too large", "the run goes on, and up to 256 MiB of records are held in memory"] {
        assert!(shown.contains(part), "{part:?} is not in {shown}");
    }
    // The reports had room.
    let summary = json(&scene.rig.path("reports/summary_lifecycle_metrics.json"))?;
    assert_eq!(summary["successes"]["count"], 400);
    Ok(())
}

#[test]
fn a_folder_that_goes_away_costs_no_result() -> Result<()> {
    let _machine = machine();
    let scene = Scene::new()?;
    let mut command = scene.rig.command(&config(&scene.rig, &scene.s3))?;
    let mut child = with_credentials(command.env("TMPDIR", &scene.scratch)).spawn()?;
    scene.rig.await_served(50, &mut child)?;
    fs_err::remove_dir_all(scene.rig.path("reports"))?;
    let output = child.wait_with_output()?;
    scene.assert_stored(&output)?;
    let shown = text(&output);
    assert!(shown.contains("records.bin is gone"), "{shown}");
    let kept = scene.kept()?;
    assert!(shown.contains(&format!("The results are kept in {}", kept.display())), "{shown}");
    let before = files(&kept)?;
    assert!(before.contains_key("manifest.json"));
    // The records are there as well, and all of them.
    let rebuilt = Command::new(program("inference-perf")).arg("report").arg(&kept).output()?;
    assert_eq!(rebuilt.status.code(), Some(0), "{}", text(&rebuilt));
    let name = "summary_lifecycle_metrics.json";
    assert!(files(&kept)?[name] == before[name], "the same records give the same report");
    Ok(())
}

//! A store that cannot be written is found before any load; one that fails later costs no result.

use anyhow::{Context as _, Result};

use crate::rig::{Rig, S3, files, json, text, with_credentials};
use crate::shared_machine;

fn config(rig: &Rig, s3: &S3, bucket: &str, seconds: u32) -> String {
    format!(
        "{}{}data:\n  type: synthetic\n  input_distribution: {{type: fixed, mean: 16}}\n  output_distribution: {{type: fixed, mean: 4}}\nload:\n  type: constant\n  interval: 0\n  stages:\n    - rate: 10\n      duration: {seconds}\n  num_workers: 1\napi:\n  type: completion\n  streaming: true\n",
        rig.target(),
        s3.storage(bucket, "run/results")
    )
}

#[test]
fn an_absent_bucket_ends_the_run_before_it_sends() -> Result<()> {
    let _machine = shared_machine();
    let rig = Rig::start(&[])?;
    let s3 = S3::start()?;
    let config = config(&rig, &s3, "results", 1);
    let output = with_credentials(&mut rig.command(&config)?).output()?;
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    let complaint = String::from_utf8(output.stderr)?;
    assert!(complaint.contains("s3://results") && complaint.contains("create the bucket"), "{complaint}");
    assert_eq!(rig.served()?, 0, "requests were sent");
    assert!(!rig.path("reports").exists(), "what the start has made is gone");
    // So the next run is not told that there are results.
    s3.create_bucket("results")?;
    let output = with_credentials(&mut rig.command(&config)?).output()?;
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    assert!(rig.path("reports/manifest.json").exists() && !rig.path("reports-2").exists());
    Ok(())
}

/// A folder under a report's name cannot be replaced by the report.
#[test]
fn a_local_folder_that_refuses_a_report_costs_no_result() -> Result<()> {
    let _machine = shared_machine();
    let rig = Rig::start(&[])?;
    let s3 = S3::start()?;
    s3.create_bucket("results")?;
    fs_err::create_dir_all(rig.path("reports/summary_lifecycle_metrics.json/x"))?;
    let scratch = rig.path("scratch");
    fs_err::create_dir(&scratch)?;
    let mut command = rig.command(&config(&rig, &s3, "results", 1))?;
    let output = with_credentials(command.env("TMPDIR", &scratch)).output()?;
    let shown = text(&output);
    assert_eq!(output.status.code(), Some(3), "{shown}");
    let printed = String::from_utf8(output.stdout)?;
    for part in [
        "\n=== START_SUMMARY ===\n",
        "\n=== START_STAGE_0 ===\n",
        "\nRun ",
        "\nResults: s3://results/run/results\n",
    ] {
        assert!(printed.contains(part), "{part} is not in {shown}");
    }
    let runs: Vec<_> = fs_err::read_dir(&scratch)?.collect::<std::io::Result<_>>()?;
    let [kept] = runs.as_slice() else { panic!("one folder in {}: {runs:?}", scratch.display()) };
    let complaint = String::from_utf8(output.stderr)?;
    assert!(
        complaint.contains("not stored: ")
            && complaint.contains("reports/summary_lifecycle_metrics.json")
            && complaint.contains(&format!("The results are kept in {}.", kept.path().display())),
        "{complaint}"
    );
    let objects = s3.objects("results")?;
    let files = files(&kept.path())?;
    assert!(files.contains_key("summary_lifecycle_metrics.json") && files.contains_key("manifest.json"));
    for (name, content) in files {
        let [object, _] = objects.get(&format!("run/results/{name}")).with_context(|| name.clone())?;
        assert!(object.as_bytes() == content, "{name}");
    }
    // What could be written stays; that it is not all is told by the manifest that is not there.
    assert!(rig.path("reports/capacity.json").exists() && !rig.path("reports/manifest.json").exists());
    Ok(())
}

/// A run of a second that stores its results in the folder `path` alone.
fn local(rig: &Rig, path: &str) -> String {
    format!(
        "{}data: {{type: mock}}\nload: {{stages: [{{rate: 10, duration: 1}}]}}\nstorage: {{local_storage: {{path: '{path}'}}}}\n",
        rig.target()
    )
}

#[test]
fn a_local_folder_that_cannot_be_made_ends_the_run_before_it_sends() -> Result<()> {
    let _machine = shared_machine();
    let rig = Rig::start(&[])?;
    fs_err::write(rig.path("file"), "")?;
    let output = rig.command(&local(&rig, "file/reports"))?.output()?;
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    let complaint = String::from_utf8(output.stderr)?;
    assert!(
        complaint.contains("file/reports") && complaint.contains("storage.local_storage.path"),
        "{complaint}"
    );
    assert_eq!(rig.served()?, 0, "requests were sent");
    Ok(())
}

#[test]
fn an_empty_local_path_is_the_working_folder() -> Result<()> {
    let _machine = shared_machine();
    let rig = Rig::start(&[])?;
    let output = rig.command(&local(&rig, ""))?.output()?;
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let config = fs_err::read_to_string(rig.path("config.yaml"))?;
    assert!(rig.path("manifest.json").exists() && config.contains("path: .\n"), "{config}");
    Ok(())
}

#[test]
fn a_store_that_stops_during_the_run_costs_no_result() -> Result<()> {
    let _machine = shared_machine();
    let rig = Rig::start(&[])?;
    let mut s3 = S3::start()?;
    s3.create_bucket("results")?;
    let mut child = with_credentials(&mut rig.command(&config(&rig, &s3, "results", 3))?).spawn()?;
    // The proof that the store can be written comes before the load: once requests arrive, it has been given.
    rig.await_served(1, &mut child)?;
    s3.stop();
    let output = child.wait_with_output()?;
    assert_eq!(output.status.code(), Some(3), "{}", text(&output));
    let summary = json(&rig.path("reports/summary_lifecycle_metrics.json"))?;
    assert_eq!(summary["successes"]["count"], 30);
    let complaint = String::from_utf8(output.stderr)?;
    let kept = format!("The results are kept in {}; copy them with:", rig.path("reports").display());
    assert!(complaint.contains(&kept) && complaint.contains("aws s3 cp --recursive"), "{complaint}");
    Ok(())
}

#[test]
fn an_earlier_runs_results_are_left_alone() -> Result<()> {
    let _machine = shared_machine();
    let rig = Rig::start(&[])?;
    let s3 = S3::start()?;
    s3.create_bucket("results")?;
    for _ in 0..2 {
        let output = with_credentials(&mut rig.command(&config(&rig, &s3, "results", 1))?).output()?;
        assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    }
    let objects = s3.objects("results")?;
    for folder in ["run/results", "run/results-2"] {
        let key = format!("{folder}/summary_lifecycle_metrics.json");
        assert!(objects.contains_key(&key), "{key} is not among {:?}", objects.keys());
    }
    for (name, content) in files(&rig.path("reports"))? {
        let [object, media_type] =
            objects.get(&format!("run/results/{name}")).with_context(|| name.clone())?;
        assert!(object.as_bytes() == content, "{name} was changed on its way");
        let expected = match name.rsplit('.').next().unwrap_or_default() {
            "html" => "text/html; charset=utf-8".to_owned(),
            ending => format!("application/{ending}"),
        };
        assert_eq!(media_type, &expected, "{name}");
    }
    for folder in ["reports", "reports-2"] {
        assert!(rig.path(folder).join("manifest.json").exists(), "{folder} holds a run of its own");
    }
    Ok(())
}

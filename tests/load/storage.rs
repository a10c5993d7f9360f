//! A store that cannot be written is found before any load; one that fails later costs no result.

use anyhow::Result;

use crate::machine;
use crate::rig::{Rig, S3, json, text, with_credentials};

fn config(rig: &Rig, s3: &S3, bucket: &str, seconds: u32) -> String {
    format!(
        "{}{}data:\n  type: synthetic\n  input_distribution: {{type: fixed, mean: 16}}\n  output_distribution: {{type: fixed, mean: 4}}\nload:\n  type: constant\n  interval: 0\n  stages:\n    - rate: 10\n      duration: {seconds}\n  num_workers: 1\napi:\n  type: completion\n  streaming: true\n",
        rig.target(),
        s3.storage(bucket, "run/results")
    )
}

#[test]
fn an_absent_bucket_ends_the_run_before_it_sends() -> Result<()> {
    let _machine = machine();
    let rig = Rig::start(&[])?;
    let s3 = S3::start()?;
    let output = with_credentials(&mut rig.command(&config(&rig, &s3, "no-such-bucket", 2))?).output()?;
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    let complaint = String::from_utf8(output.stderr)?;
    assert!(
        complaint.contains("s3://no-such-bucket") && complaint.contains("create the bucket"),
        "{complaint}"
    );
    assert_eq!(rig.served()?, 0, "requests were sent");
    Ok(())
}

#[test]
fn a_store_that_stops_during_the_run_costs_no_result() -> Result<()> {
    let _machine = machine();
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
    let _machine = machine();
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
    for folder in ["reports", "reports-2"] {
        assert!(rig.path(folder).join("manifest.json").exists(), "{folder} holds a run of its own");
    }
    Ok(())
}

//! A real S3-protocol server behind a proxy that fails: the exit code says what became of the results, and none are lost.

use std::net::TcpListener;
use std::process::Output;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use crate::proxy::{Action, Asked, Proxy};
use crate::rig::{Rig, S3, files, text, with_credentials};
use crate::{long_runs, machine};

/// A run of two short stages that stores its results locally and at `endpoint`.
pub(crate) fn config(rig: &Rig, endpoint: &str) -> String {
    format!(
        "{}api: {{type: completion, streaming: true}}\ndata: {{type: mock}}\n\
         load: {{num_workers: 1, interval: 0.5, stages: [{{rate: 10, duration: 1}}, {{rate: 10, duration: 1}}]}}\n\
         storage:\n  local_storage: {{path: {}}}\n  simple_storage_service: {{bucket_name: results, path: run, \
         endpoint_url: '{endpoint}', region_name: us-east-1}}\n",
        rig.target(),
        rig.reports()
    )
}

/// A store with a bucket, a model server, and runs between them.
struct Scene {
    rig: Rig,
    s3: S3,
}

impl Scene {
    fn new() -> Result<Self> {
        let scene = Self { rig: Rig::start(&[])?, s3: S3::start()? };
        scene.s3.create_bucket("results")?;
        Ok(scene)
    }

    fn run(&self, proxy: &Proxy) -> Result<Output> {
        Ok(with_credentials(&mut self.rig.command(&config(&self.rig, &proxy.endpoint))?).output()?)
    }

    /// Every local file of the last run lies in the store too, byte for byte.
    fn assert_all_stored(&self, folder: &str) -> Result<()> {
        let objects = self.s3.objects("results")?;
        let local = files(&self.rig.last_reports())?;
        assert!(local.contains_key("manifest.json"), "{:?}", local.keys());
        for (name, content) in local {
            let key = format!("{folder}/{name}");
            let [object, _] = objects.get(&key).with_context(|| format!("{key} is not stored"))?;
            assert!(object.as_bytes() == content, "{key} is another");
        }
        Ok(())
    }

    /// The reports of the last run lie in the local folder, of all its requests.
    fn assert_all_kept(&self) -> Result<()> {
        let summary = crate::rig::json(&self.rig.last_reports().join("summary_lifecycle_metrics.json"))?;
        assert_eq!(summary["successes"]["count"], 20);
        assert!(self.rig.last_reports().join("manifest.json").exists());
        Ok(())
    }
}

const DENIED: &str = "<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>";
const EXPIRED: &str =
    "<Error><Code>ExpiredToken</Code><Message>The provided token has expired.</Message></Error>";
const INTERNAL: &str = "<Error><Code>InternalError</Code><Message>We encountered an error</Message></Error>";
const XML: &str = "content-type: application/xml\r\n";

/// The report that is uploaded when its stage ends, and again at the end if it has changed.
const STAGE: &str = "/stage_0_lifecycle_metrics.json";
const SUMMARY: &str = "/summary_lifecycle_metrics.json";
const MANIFEST: &str = "/manifest.json";

fn assert_nothing_sent(scene: &Scene, output: &Output, parts: &[&str]) -> Result<()> {
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{}", text(output));
    for part in parts {
        assert!(complaint.contains(part), "{part:?} is not in {complaint}");
    }
    assert_eq!(scene.rig.served()?, 0, "requests were sent");
    assert!(!scene.rig.last_reports().exists(), "what the start has made is gone");
    Ok(())
}

#[test]
fn a_store_that_refuses_the_proof_ends_the_run_before_it_sends() -> Result<()> {
    let _machine = machine();
    let scene = Scene::new()?;
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let refused = config(&scene.rig, &format!("http://127.0.0.1:{port}"));
    let begin = Instant::now();
    let output = with_credentials(&mut scene.rig.command(&refused)?).output()?;
    assert!(begin.elapsed() < Duration::from_secs(45), "the proof ends within 30 s");
    let tried = "static keys (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY) tried";
    assert_nothing_sent(&scene, &output, &["s3://results/run", tried])?;

    let denied = Proxy::before(&scene.s3.endpoint, |asked, _| {
        if asked.what.starts_with("PUT") { Action::Reply(403, XML, DENIED) } else { Action::Pass }
    })?;
    let output = scene.run(&denied)?;
    assert_nothing_sent(&scene, &output, &["AccessDenied", "s3:PutObject", tried])?;
    Ok(())
}

#[test]
fn a_store_that_fails_for_a_while_gets_everything() -> Result<()> {
    let _machine = machine();
    let scene = Scene::new()?;
    let faults = |asked: &Asked, before: usize| match before {
        0..3 if asked.is_put_of(STAGE) => Action::Reply(500, XML, INTERNAL),
        0 if asked.is_put_of(SUMMARY) => Action::CutBody,
        0 if asked.is_put_of("/capacity.json") => Action::LoseAnswer,
        0 if asked.is_put_of("/config.yaml") => Action::PassAfter(Duration::from_secs(2)),
        _ => Action::Pass,
    };
    let proxy = Proxy::before(&scene.s3.endpoint, faults)?;
    let output = scene.run(&proxy)?;
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    scene.assert_all_stored("run")?;
    let asked = proxy.asked();
    let at = |ending: &str| asked.iter().rposition(|asked| asked.is_put_of(ending));
    assert_eq!(at(MANIFEST), Some(asked.len() - 1), "the manifest comes last");
    let stage = asked.iter().position(|asked| asked.is_put_of(STAGE)).context("the stage's report")?;
    let summary = asked.iter().position(|asked| asked.is_put_of(SUMMARY)).context("the summary")?;
    assert!(stage < summary, "a stage's report goes up when the stage ends");
    Ok(())
}

#[test]
fn a_store_that_goes_on_failing_costs_no_result() -> Result<()> {
    let _machine = machine();
    let scene = Scene::new()?;
    for (action, part) in [
        (Action::Reply(403, XML, EXPIRED), "the credentials have expired"),
        (Action::Reply(400, XML, DENIED), "s3://results/run"),
    ] {
        let proxy = Proxy::before(&scene.s3.endpoint, move |asked, _| {
            if asked.is_put_of(SUMMARY) { action.clone() } else { Action::Pass }
        })?;
        let output = scene.run(&proxy)?;
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(3), "{}", text(&output));
        assert!(complaint.contains(part) && complaint.contains("aws s3 cp --recursive"), "{complaint}");
        scene.assert_all_kept()?;
        let asked = proxy.asked();
        assert!(!asked.iter().any(|asked| asked.is_put_of(MANIFEST)), "what is not whole has no manifest");
    }
    Ok(())
}

#[test]
fn a_bucket_in_another_region_is_found_there() -> Result<()> {
    const WRONG: &str = "<Error><Code>AuthorizationHeaderMalformed</Code><Message>The authorization header is malformed; the \
                         region 'us-east-1' is wrong; expecting 'eu-west-2'</Message><Region>eu-west-2</Region></Error>";
    let _machine = machine();
    let scene = Scene::new()?;
    let proxy = Proxy::before(&scene.s3.endpoint, |asked, _| {
        let signed = asked.header("authorization").unwrap_or_default();
        match (asked.what.starts_with("HEAD /results"), signed.contains("/eu-west-2/s3/")) {
            (true, _) => Action::Reply(403, "x-amz-bucket-region: eu-west-2\r\n", ""),
            (false, true) => Action::Pass,
            (false, false) => Action::Reply(400, "content-type: application/xml\r\n", WRONG),
        }
    })?;
    let output = scene.run(&proxy)?;
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    assert!(text(&output).contains("(region eu-west-2); it is used there"), "{}", text(&output));
    scene.assert_all_stored("run")
}

#[test]
fn an_object_that_exists_hides_no_result() -> Result<()> {
    let _machine = machine();
    let scene = Scene::new()?;
    let client = reqwest::blocking::Client::new();
    let put = |key: &str, body: &'static str| {
        client.put(format!("{}/results/{key}", scene.s3.endpoint)).body(body).send()
    };
    // A run's results, and a single object in the way of another's.
    put("run/config.yaml", "of another run")?.error_for_status()?;
    put("run-2/summary_lifecycle_metrics.json", "in the way")?.error_for_status()?;
    let proxy = Proxy::before(&scene.s3.endpoint, |_, _| Action::Pass)?;
    let output = scene.run(&proxy)?;
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    scene.assert_all_stored("run-2")?;
    assert_eq!(scene.s3.objects("results")?["run/config.yaml"][0], "of another run");
    Ok(())
}

#[test]
fn time_that_runs_out_breaks_an_upload_off() -> Result<()> {
    let _machine = machine();
    let scene = Scene::new()?;
    let silent = Proxy::before(&scene.s3.endpoint, |asked, _| {
        if asked.is_put_of(SUMMARY) { Action::Silence } else { Action::Pass }
    })?;
    let config = config(&scene.rig, &silent.endpoint);
    let begin = Instant::now();
    let mut command = scene.rig.command(&config)?;
    // The load takes some three seconds of it.
    let output = with_credentials(&mut command).env("INFERENCE_PERF_DEADLINE_SECONDS", "16").output()?;
    assert_eq!(output.status.code(), Some(3), "{}", text(&output));
    let took = begin.elapsed();
    assert!((Duration::from_secs(12)..Duration::from_secs(16)).contains(&took), "{took:?}");
    assert!(text(&output).contains("the time left before the end"), "{}", text(&output));
    scene.assert_all_kept()
}

/// Takes a minute and a half, so it is for `make chaos`.
#[test]
fn slow_stores_are_waited_for_but_not_by_the_proof() -> Result<()> {
    if long_runs().is_none() {
        return Ok(());
    }
    let _machine = machine();
    let scene = Scene::new()?;
    let begin = Instant::now();
    let silent = Proxy::before(&scene.s3.endpoint, |_, _| Action::Silence)?;
    let output = scene.run(&silent)?;
    let took = begin.elapsed();
    assert!((Duration::from_secs(29)..Duration::from_secs(40)).contains(&took), "{took:?}");
    assert_nothing_sent(&scene, &output, &["no answer within 30 s", "static keys"])?;

    let slow = Proxy::before(&scene.s3.endpoint, |asked, before| match before {
        0 if asked.is_put_of(SUMMARY) => Action::PassAfter(Duration::from_mins(1)),
        _ => Action::Pass,
    })?;
    let begin = Instant::now();
    let output = scene.run(&slow)?;
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    assert!(begin.elapsed() > Duration::from_mins(1));
    scene.assert_all_stored("run")?;
    crate::figures::note(
        "store: no answer to the proof",
        &format!("exit 1 after {:.0} s", took.as_secs_f64()),
    )?;
    crate::figures::note("store: an answer after 60 s", "exit 0, all stored")
}

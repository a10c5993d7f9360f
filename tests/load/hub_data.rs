//! Data sets that come from the hub and from a bucket, from the configuration to what the server is asked.

use anyhow::{Context as _, Result, ensure};
use benchmark_tests::hub::{GOOD_TOKEN, HubServer};
use benchmark_tests::root;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::rig::{Rig, S3, json as json_file, text, with_credentials};
use crate::shared_machine;

const SHARE_GPT: &str = "anon8231489123/ShareGPT_Vicuna_unfiltered";

fn digest(content: &[u8]) -> String {
    inference_perf::hex::encode(&Sha256::digest(content))
}

fn parquet(name: &str) -> Result<Vec<u8>> {
    Ok(fs_err::read(root().join("runner/src/workload/testdata").join(name))?)
}

fn hub() -> Result<HubServer> {
    let hub = HubServer::start(Vec::new(), digest(b""))?;
    let conversation = |text: &str| json!({"conversations": [{"from": "human", "value": text}, {"from": "gpt", "value": "wa wb"}]});
    let set = json!([conversation("first"), conversation("second")]).to_string().into_bytes();
    let sha = digest(&set);
    hub.add(SHARE_GPT, "ShareGPT_V3_unfiltered_cleaned_split.json", set, sha);
    hub.add(SHARE_GPT, "README.md", b"text".to_vec(), digest(b"text"));
    let articles = parquet("articles.parquet")?;
    let sha = digest(&articles);
    hub.add("abisee/cnn_dailymail", "3.0.0/train-00000-of-00001.parquet", articles, sha);
    let pictures = parquet("pictures.parquet")?;
    let sha = digest(&pictures);
    for set in ["lmarena-ai/VisionArena-Chat", "org/gated-pictures"] {
        hub.add(set, "data/train-00000-of-00001.parquet", pictures.clone(), sha.clone());
    }
    Ok(hub)
}

fn config(rig: &Rig, api: &str, data: &str, requests: u32) -> String {
    format!(
        "{}api: {{type: {api}, streaming: true}}\ndata: {data}\nload: {{stages: [{{rate: {requests}, duration: 1}}]}}\n\
         report: {{request_lifecycle: {{per_request: true}}}}\nstorage: {{local_storage: {{path: {}}}}}\n",
        rig.target(),
        rig.reports()
    )
}

/// What a run prints, and the bodies of its requests.
fn run(rig: &Rig, config: &str, hub: &HubServer, variables: &[(&str, &str)]) -> Result<(String, Vec<Value>)> {
    let home = rig.path("home");
    let mut command = rig.command(config)?;
    let output = command
        .env("HF_ENDPOINT", &hub.endpoint)
        .env("HF_HOME", home)
        .envs(variables.iter().copied())
        .output()?;
    ensure!(output.status.code() == Some(0), "{}", text(&output));
    let entries = json_file(&rig.last_reports().join("per_request_lifecycle_metrics.json"))?;
    let body = |entry: &Value| -> Result<Value> {
        Ok(serde_json::from_str(entry["request"].as_str().context("a body")?)?)
    };
    let bodies = entries.as_array().context("a list")?.iter().map(body).collect::<Result<_>>()?;
    Ok((text(&output), bodies))
}

#[test]
fn sets_are_fetched_once_and_then_need_no_hub() -> Result<()> {
    let _machine = shared_machine();
    let (rig, hub) = (Rig::start(&["--decode-ms", "1"])?, hub()?);
    for (name, file, prompts) in [
        ("shareGPT", "ShareGPT_V3_unfiltered_cleaned_split.json", ["first", "second", "first"]),
        ("cnn_dailymail", "3.0.0/train-00000-of-00001.parquet", ["wa wb wc", "we wf", "wa wz"]),
    ] {
        let data = format!("{{type: {name}}}");
        let asked = |variables: &[(&str, &str)]| -> Result<Vec<String>> {
            let (_, mut bodies) = run(&rig, &config(&rig, "completion", &data, 3), &hub, variables)?;
            bodies.sort_by_key(ToString::to_string);
            Ok(bodies.iter().map(|body| body["prompt"].as_str().unwrap_or_default().to_owned()).collect())
        };
        let mut expected = prompts.map(str::to_owned);
        expected.sort_unstable();
        assert_eq!(asked(&[])?, expected);
        let told: Vec<_> = hub.asked().into_iter().map(|asked| asked.what).collect();
        let fetched =
            told.iter().filter(|what| what.starts_with("store GET") && what.ends_with(file)).count();
        assert_eq!(fetched, 1, "{told:?}");
        assert_eq!(asked(&[])?, expected);
        let told: Vec<_> = hub.asked().into_iter().map(|asked| asked.what).collect();
        assert!(!told.is_empty() && told.iter().all(|what| !what.starts_with("store ")), "{told:?}");
        assert_eq!(asked(&[("HF_HUB_OFFLINE", "1")])?, expected);
        assert_eq!(hub.asked(), []);
    }
    Ok(())
}

#[test]
fn pictures_are_asked_with_their_questions() -> Result<()> {
    let _machine = shared_machine();
    let (rig, hub) = (Rig::start(&["--decode-ms", "1"])?, hub()?);
    let data = "{type: visionarena, visionarena: {insertion_point: 0, max_images_per_request: 2}}";
    let (_, bodies) = run(&rig, &config(&rig, "chat", data, 4), &hub, &[])?;
    let content = |body: &Value| body["messages"][0]["content"].as_array().cloned().unwrap_or_default();
    let long =
        bodies.iter().map(content).find(|parts| parts.len() == 3).context("two pictures and a text")?;
    let url = |part: &Value| {
        part["image_url"]["url"].as_str().unwrap_or_default().split(',').next().unwrap_or_default().to_owned()
    };
    assert_eq!(
        (url(&long[0]), url(&long[1])),
        ("data:image/png;base64".to_owned(), "data:image/jpeg;base64".to_owned())
    );
    assert_eq!(long[2], json!({"type": "text", "text": "What is it?"}));
    let short =
        bodies.iter().map(content).find(|parts| parts.len() == 2).context("one picture and a text")?;
    assert_eq!(
        (url(&short[0]), &short[1]["text"]),
        ("data:image/webp;base64".to_owned(), &json!("Which é?"))
    );
    let summary = json_file(&rig.last_reports().join("summary_lifecycle_metrics.json"))?;
    let successes = &summary["successes"];
    assert_eq!(
        (&successes["image"]["count"]["mean"], &successes["image"]["pixels"]["max"]),
        (&json!(1.5), &json!(256.0))
    );

    let gated = "{type: visionarena, visionarena: {hf_dataset_name: org/gated-pictures}}";
    let refused = rig
        .command(&config(&rig, "chat", gated, 1))?
        .env("HF_ENDPOINT", &hub.endpoint)
        .env("HF_HOME", rig.path("home"))
        .output()?;
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused).contains("then give a token"), "{}", text(&refused));
    run(&rig, &config(&rig, "chat", gated, 1), &hub, &[("HF_TOKEN", GOOD_TOKEN)])?;
    Ok(())
}

#[test]
fn what_the_hub_sends_is_checked_before_anything_is_asked() -> Result<()> {
    let _machine = shared_machine();
    let (rig, hub) = (Rig::start(&[])?, hub()?);
    let mut cut = parquet("articles.parquet")?;
    cut.truncate(cut.len() / 2);
    let sha = digest(&cut);
    hub.add("abisee/cnn_dailymail", "3.0.0/train-00000-of-00001.parquet", cut, sha);
    let config = config(&rig, "completion", "{type: cnn_dailymail}", 3);
    let output =
        rig.command(&config)?.env("HF_ENDPOINT", &hub.endpoint).env("HF_HOME", rig.path("home")).output()?;
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    let told = text(&output);
    assert!(told.contains("train-00000-of-00001.parquet: it is no whole Parquet file"), "{told}");
    assert_eq!(rig.served()?, 0);
    Ok(())
}

#[test]
fn a_set_may_lie_in_a_bucket() -> Result<()> {
    let _machine = shared_machine();
    let (rig, hub, s3) = (Rig::start(&["--decode-ms", "1"])?, hub()?, S3::start()?);
    s3.create_bucket("data")?;
    let rows = ["wa", "wb"].map(|prompt| format!("{}\n", json!({"prompt": prompt})));
    let put = |key: &str, body: String| -> Result<()> {
        let url = format!("{}/data/{key}", s3.endpoint);
        reqwest::blocking::Client::new().put(url).body(body).send()?.error_for_status()?;
        Ok(())
    };
    put("sets/a.jsonl", rows[0].clone())?;
    put("sets/b.jsonl", rows[1].clone())?;
    put("sets/notes.txt", "no rows".to_owned())?;
    for (path, expected) in [("s3://data/sets/", ["wa", "wb"]), ("s3://data/sets/b.jsonl", ["wb", "wb"])] {
        let own = format!("{{type: shareGPT, path: '{path}'}}\nextensions: {{data_format: own}}");
        let mut command = rig.command(&config(&rig, "completion", &own, 2))?;
        let output = with_credentials(&mut command)
            .env("AWS_ENDPOINT_URL", &s3.endpoint)
            .env("AWS_ALLOW_HTTP", "true")
            .output()?;
        ensure!(output.status.code() == Some(0), "{}", text(&output));
        let entries = json_file(&rig.last_reports().join("per_request_lifecycle_metrics.json"))?;
        let mut prompts: Vec<String> = Vec::new();
        for entry in entries.as_array().context("a list")? {
            let body: Value = serde_json::from_str(entry["request"].as_str().context("a body")?)?;
            prompts.push(body["prompt"].as_str().unwrap_or_default().to_owned());
        }
        prompts.sort_unstable();
        assert_eq!(prompts, expected);
    }
    drop(hub);
    Ok(())
}

//! The seed document's own config.yml, pointed at loopback and with shorter stages, from start to stored reports.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result};
use benchmark_schemas::yaml::{self, Dialect};
use benchmark_tests::{config_text, documents};
use serde_json::{Value, json};

use crate::machine;
use crate::rig::{MODEL, Rig, S3, json as json_file, text, with_credentials};

const RAW: &str = include_str!("../suite/testdata/seed-saturation.raw.yaml");
const BUCKET: &str = "inference-perf-results";
const STAGE_SECONDS: u64 = 4;
const RATES: [u64; 4] = [5, 10, 20, 40];

/// The seed's configuration with what has to be different on loopback.
fn seed_config(rig: &Rig, s3: &S3) -> Result<String> {
    let manifests = documents(RAW)?;
    let mut config = yaml::parse(config_text(&manifests), "seed", Dialect::Config)?.to_json();
    assert_eq!(config["server"]["model_name"], MODEL);
    config["server"]["base_url"] = json!(rig.simulator.base_url);
    config["tokenizer"]["pretrained_model_name_or_path"] = json!(rig.path("tokenizer"));
    for stage in config["load"]["stages"].as_array_mut().context("stages")? {
        stage["duration"] = json!(STAGE_SECONDS);
    }
    config["storage"]["simple_storage_service"]["endpoint_url"] = json!(s3.endpoint);
    config["storage"]["local_storage"] = json!({"path": "reports"});
    config["report"] = json!({"request_lifecycle": {"per_request": true}});
    Ok(yaml::emit(&config))
}

#[test]
fn the_seeds_config_runs_its_four_stages_and_uploads_the_reports() -> Result<()> {
    let _machine = machine();
    let rig = Rig::start(&["--slots", "256", "--decode-ms", "1", "--decode-running-us", "0"])?;
    let s3 = S3::start()?;
    s3.create_bucket(BUCKET)?;
    let output = with_credentials(&mut rig.command(&seed_config(&rig, &s3)?)?).output()?;
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));

    let log = String::from_utf8(output.stdout.clone())?;
    let last_ten = log.lines().rev().take(10).collect::<Vec<_>>().join("\n");
    for part in ["Saturation: ", "Knee: ", "Recommended production range: ", "saturation-test/results"] {
        assert!(last_ten.contains(part), "{part:?} is not in the log's last ten lines:\n{last_ten}");
    }

    let total: u64 = RATES.iter().map(|rate| rate * STAGE_SECONDS).sum();
    assert_eq!(rig.served()?, total);
    for (stage, rate) in RATES.iter().enumerate() {
        let report = json_file(&rig.path(&format!("reports/stage_{stage}_lifecycle_metrics.json")))?;
        assert_eq!(report["successes"]["count"].as_u64(), Some(rate * STAGE_SECONDS), "stage {stage}");
        assert_eq!(report["load_summary"]["requested_rate"].as_f64(), Some(*rate as f64));
        assert!(
            report["successes"]["latency"]["time_to_first_token"]["p99"].is_number(),
            "stage {stage} is streamed"
        );
    }
    check_requests(&json_file(&rig.path("reports/per_request_lifecycle_metrics.json"))?, total)?;
    check_uploads(&rig, &s3)
}

/// Lengths are what was drawn, as the client and the server count them.
fn check_requests(requests: &Value, total: u64) -> Result<()> {
    let requests = requests.as_array().context("per_request is a list")?;
    assert_eq!(requests.len() as u64, total);
    let mut prompts = BTreeSet::new();
    for request in requests {
        let body: Value = serde_json::from_str(request["request"].as_str().context("request body")?)?;
        let drawn = request["extensions"]["drawn_prompt_tokens"].as_u64().context("drawn length")?;
        assert!((128..=2048).contains(&drawn), "{drawn}");
        let answer = &request["info"]["response_metrics"];
        assert_eq!(request["info"]["request_metrics"]["text"]["input_tokens"].as_u64(), Some(drawn));
        assert_eq!(
            answer["server_usage"]["prompt_tokens"].as_u64(),
            Some(drawn),
            "by the server's tokenizer"
        );
        assert!((32..=512).contains(&body["max_tokens"].as_u64().context("max_tokens")?));
        assert_eq!(answer["server_usage"]["completion_tokens"], body["max_tokens"]);
        assert_eq!(answer["output_tokens"], body["max_tokens"], "by the client's tokenizer");
        assert_eq!(body["stream"], true);
        assert_eq!(body["ignore_eos"], true);
        prompts.insert(body["prompt"].as_str().context("prompt")?.to_owned());
    }
    assert_eq!(prompts.len() as u64, total, "no two prompts are the same");
    Ok(())
}

/// Every local report is stored under the seed's path, with the same content.
fn check_uploads(rig: &Rig, s3: &S3) -> Result<()> {
    let objects = s3.objects(BUCKET)?;
    let mut checked = 0;
    for entry in fs_err::read_dir(rig.path("reports"))? {
        let path = entry?.path();
        let name = path.file_name().context("name")?.to_string_lossy().into_owned();
        let Some("json" | "yaml") = path.extension().and_then(|extension| extension.to_str()) else {
            continue;
        };
        let key = format!("saturation-test/results/{name}");
        let [stored, _] = objects.get(&key).with_context(|| format!("{key} is not stored"))?;
        let local = fs_err::read_to_string(&path)?;
        let read = |text: &str| yaml::parse(text, &name, Dialect::Config).map(|node| node.to_json());
        assert_eq!(read(stored)?, read(&local)?, "{name}");
        checked += 1;
    }
    assert!(checked >= 9, "4 stages, summary, per_request, config, capacity, manifest: found {checked}");
    Ok(())
}

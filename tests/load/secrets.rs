//! No secret of a run stands in anything that the run prints or stores.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use benchmark_tests::program;

use crate::rig::{MODEL, Rig, text};
use crate::{faults, shared_machine};

/// One for each place of the configuration or of the environment that holds a secret.
const SECRETS: [&str; 4] = ["s3cret-api-key", "s3cret-header", "s3cret-hub-token", "s3cret-from-environment"];
/// The first of them in the server's section.
const KEY: &str = "  api_key: s3cret-api-key\n";

fn search(folder: &Path, searched: &mut usize) -> Result<()> {
    for entry in fs_err::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            search(&path, searched)?;
        } else {
            let content = fs_err::read(&path)?;
            for secret in SECRETS {
                let found = content.windows(secret.len()).any(|window| window == secret.as_bytes());
                ensure!(!found, "{secret} stands in {}", path.display());
            }
            *searched += 1;
        }
    }
    Ok(())
}

#[test]
fn secrets_are_nowhere_when_everything_fails() -> Result<()> {
    let _machine = shared_machine();
    let rig = Rig::start(&faults::arguments())?;
    for api in ["completion", "chat", "anthropic_messages"] {
        let target = rig.target_with(KEY);
        // Without its name the model is asked for, with all headers.
        let (before, after) =
            target.split_once(&format!("  model_name: {MODEL}\n")).context("the model has a name")?;
        let reports = rig.reports();
        let config = format!(
            "{before}{after}  token: s3cret-hub-token\napi:\n  type: {api}\n  streaming: true\n  headers:\n    Proxy-Authorization: Basic s3cret-header\n    X-Team: s3cret-header\ndata:\n  type: mock\nload:\n  request_timeout: 1\n  request_retries: 1\n  request_retry_backoff_sec: 0.01\n  stages: [{{rate: 40, duration: 1}}]\nreport:\n  request_lifecycle:\n    per_request: true\n    per_request_fields: {{response_chunks: true}}\nstorage:\n  local_storage:\n    path: {reports}\n",
        );
        let mut command = rig.command(&config)?;
        command.args(["--log-level", "DEBUG"]);
        let output = command.output()?;
        let printed = text(&output);
        assert_eq!(output.status.code(), Some(0), "{printed}");
        let mut searched = 0;
        search(&rig.path(&reports), &mut searched)?;
        ensure!(searched >= 7, "only {searched} files searched");
        for secret in SECRETS {
            ensure!(!printed.contains(secret), "{secret} is printed:\n{printed}");
        }
        // What was echoed is there, masked: else the search would prove nothing.
        let entries = fs_err::read_to_string(rig.path(&reports).join("per_request_lifecycle_metrics.json"))?;
        ensure!(entries.contains("No access with") && entries.contains("********"), "{entries}");
    }
    Ok(())
}

#[test]
fn secrets_are_nowhere() -> Result<()> {
    let _machine = shared_machine();
    // Some requests fail, so that messages about failures are searched too.
    let rig = Rig::start(&["--error-rate", "0.3"])?;
    for key_in_file in [true, false] {
        let target = rig.target_with(if key_in_file { KEY } else { "" });
        let reports = rig.reports();
        let config = format!(
            "{target}  token: s3cret-hub-token\napi:\n  type: completion\n  headers:\n    Authorization: Bearer s3cret-header\n    X-Team: s3cret-header\ndata:\n  type: synthetic\n  input_distribution: {{type: fixed, mean: 16}}\n  output_distribution: {{type: fixed, mean: 4}}\nload:\n  stages: [{{rate: 10, duration: 2}}]\nreport:\n  request_lifecycle:\n    per_request: true\nstorage:\n  local_storage:\n    path: {reports}\n",
        );
        let mut command = rig.command(&config)?;
        command.env("INFERENCE_PERF_API_KEY", "s3cret-from-environment").args(["--log-level", "DEBUG"]);
        let output = command.output()?;
        let printed = text(&output);
        assert_eq!(output.status.code(), Some(0), "{printed}");
        for secret in SECRETS {
            ensure!(!printed.contains(secret), "{secret} is printed:\n{printed}");
        }
        let mut searched = 0;
        search(&rig.path(&reports), &mut searched)?;
        ensure!(searched >= 7, "only {searched} files searched");
    }
    Ok(())
}

/// A run's own `config.yaml` can be run again, but its masks are nobody's secrets.
#[test]
fn masks_are_not_taken_for_secrets() -> Result<()> {
    let _machine = shared_machine();
    let rig = Rig::start(&[])?;
    let target = rig.target_with(KEY);
    let config = format!(
        "{target}  token: s3cret-hub-token\napi: {{headers: {{X-Team: s3cret-header}}}}\ndata: {{type: mock}}\nload: {{stages: [{{rate: 5, duration: 1}}]}}\nstorage: {{local_storage: {{path: reports}}}}\n"
    );
    let output = rig.command(&config)?.output()?;
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let headers = rig.path("headers");
    fs_err::write(&headers, "X-Team: again\n")?;
    let variables = [
        ("server.api_key", "INFERENCE_PERF_API_KEY", "again".to_owned()),
        ("tokenizer.token", "HF_TOKEN", "again".to_owned()),
        ("api.headers.X-Team", "INFERENCE_PERF_HEADERS_FILE", headers.display().to_string()),
    ];
    for missing in [None, Some(0), Some(1), Some(2)] {
        let mut validate = Command::new(program("inference-perf"));
        validate.args(["validate", "-c"]).arg(rig.path("reports/config.yaml"));
        // No token lies in this home.
        validate.env("HF_HOME", rig.path("home"));
        for (index, (_, variable, value)) in variables.iter().enumerate() {
            validate.env_remove(variable);
            if missing != Some(index) {
                validate.env(variable, value);
            }
        }
        let output = validate.output()?;
        let shown = text(&output);
        assert_eq!(output.status.code(), Some(i32::from(missing.is_some())), "{shown}");
        for (index, (key, variable, _)) in variables.iter().enumerate() {
            let told =
                shown.contains(&format!("{key}: is masked (give it again, or")) && shown.contains(variable);
            assert_eq!(told, missing == Some(index), "{key}: {shown}");
        }
    }
    Ok(())
}

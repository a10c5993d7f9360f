//! No secret of a run stands in anything that the run prints or stores.

use std::path::Path;

use anyhow::{Result, ensure};

use crate::machine;
use crate::rig::{Rig, text};

/// One for each place of the configuration or of the environment that holds a secret.
const SECRETS: [&str; 4] = ["s3cret-api-key", "s3cret-header", "s3cret-hub-token", "s3cret-from-environment"];

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
fn secrets_are_nowhere() -> Result<()> {
    let _machine = machine();
    // Some requests fail, so that messages about failures are searched too.
    let rig = Rig::start(&["--error-rate", "0.3"])?;
    for key_in_file in [true, false] {
        let target = rig.target().replace(
            "  ignore_eos: true\n",
            if key_in_file {
                "  ignore_eos: true\n  api_key: s3cret-api-key\n"
            } else {
                "  ignore_eos: true\n"
            },
        );
        let config = format!(
            "{target}  token: s3cret-hub-token\napi:\n  type: completion\n  headers:\n    Authorization: Bearer s3cret-header\n    X-Team: s3cret-header\ndata:\n  type: synthetic\n  input_distribution: {{type: fixed, mean: 16}}\n  output_distribution: {{type: fixed, mean: 4}}\nload:\n  stages: [{{rate: 10, duration: 2}}]\nreport:\n  request_lifecycle:\n    per_request: true\nstorage:\n  local_storage:\n    path: reports\n",
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
        search(&rig.path("reports"), &mut searched)?;
        ensure!(searched >= 7, "only {searched} files searched");
    }
    Ok(())
}

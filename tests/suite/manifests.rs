//! Every manifest is what the Kubernetes API takes, by its published schemas, and the chart is clean to `helm lint`.

use anyhow::{Result, ensure};
use benchmark_tests::{chart, run, run_ok, tool};

use crate::helm::{HELMS, ci_cases, guide_cases};

#[test]
fn the_api_schemas_accept_every_object() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut files = Vec::new();
    let mut cases = guide_cases();
    cases.extend(ci_cases()?);
    for (number, case) in cases.iter().enumerate() {
        // Kinds of the Prometheus operator are not Kubernetes' own.
        let documents = case.by_helm("helm")?;
        let own = documents.iter().filter(|document| document["kind"] != "PodMonitor");
        for (part, document) in own.enumerate() {
            let file = folder.path().join(format!("{number}-{part}.yaml"));
            fs_err::write(&file, serde_json::to_string(document)?)?;
            files.push(file);
        }
    }
    // Only a values file that switches the benchmark off renders nothing.
    ensure!(files.len() >= 2 * cases.len(), "too few objects: {}", files.len());
    for version in ["1.28", "1.37"] {
        let mut arguments = vec!["--kubernetes-version".into(), version.into(), "--strict".into()];
        arguments.extend(files.iter().map(|file| file.clone().into_os_string()));
        let output = run(&tool("venv/bin/kubernetes-validate"), arguments)?;
        let text =
            format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        ensure!(output.status.success(), "Kubernetes {version} refuses an object:\n{text}");
        // An unknown kind is only a warning to the validator.
        ensure!(!text.to_lowercase().contains("warn"), "Kubernetes {version} does not know a kind:\n{text}");
    }
    Ok(())
}

#[test]
fn helm_lint_is_clean() -> Result<()> {
    for helm in HELMS {
        let text = run_ok(&tool(helm), ["lint".as_ref(), "--strict".as_ref(), chart().as_os_str()])?;
        assert!(text.contains("0 chart(s) failed"), "{helm}: {text}");
        assert!(!text.contains("[WARNING]") && !text.contains("[ERROR]"), "{helm}: {text}");
        for case in ci_cases()? {
            let file = case.arguments.last().map(String::as_str).unwrap_or_default();
            let chart = chart().to_string_lossy().into_owned();
            run_ok(&tool(helm), ["lint", "--strict", &chart, "-f", file])?;
        }
    }
    Ok(())
}

//! Upgrades: the same values give the same bytes, what changes the run makes a Job of another name, and what does not
//! leaves it alone.

use anyhow::{Result, ensure};
use benchmark_tests::{chart, run_ok, tool};

use crate::chart_rows::Objects;
use crate::helm::{Case, HELMS, ci_cases};
use crate::same;

fn text(helm: &str, values: &str) -> Result<String> {
    let chart = chart().to_string_lossy().into_owned();
    run_ok(&tool(helm), ["template", "r", &chart, "-f", values, "--is-upgrade"])
}

#[test]
fn unchanged_values_give_the_same_bytes() -> Result<()> {
    for case in ci_cases()? {
        let file = case.arguments.last().cloned().unwrap_or_default();
        for helm in HELMS {
            ensure!(text(helm, &file)? == text(helm, &file)?, "{helm}, {}", case.name);
        }
    }
    Ok(())
}

#[test]
fn the_jobs_name_changes_exactly_if_its_pod_does() -> Result<()> {
    let changes = [
        "benchmark.scenarios.baseline.load.stages[0].rate=2",
        "benchmark.config.load.base_seed=7",
        "benchmark.target.apiKey.existingSecret=key",
        "benchmark.preflight.enabled=false",
        "benchmark.results.holdSeconds=60",
        "benchmark.podLabels.a=b",
        "benchmark.job.retryOnDisruption=true",
        "benchmark.resources.requests.cpu=3",
        "simulator.enabled=true",
    ];
    let harmless = [
        "benchmark.scenarios.sweep.load.numWorkers=1",
        "benchmark.job.backoffLimit=1",
        "benchmark.job.labels.a=b",
        "benchmark.job.ttlSecondsAfterFinished=60",
        "benchmark.serviceAccount.annotations.a=b",
        "benchmark.storage.s3.pathPrefix=not-used",
        "benchmark.extraObjects[0].kind=ConfigMap",
    ];
    for helm in HELMS {
        let name = |argument: &str| -> Result<(String, String)> {
            let objects = Objects(Case::new(argument, "r", ["--set", argument]).by_helm(helm)?);
            Ok((objects.name("Job"), objects.name("ConfigMap")))
        };
        let (plain, _) = name("global.a=b")?;
        for change in changes {
            let (job, config) = name(change)?;
            ensure!(job != plain, "{helm}: {change} keeps the name");
            ensure!(job == config, "{helm}: {change}: ConfigMap {config} of Job {job}");
        }
        for change in harmless {
            ensure!(name(change)?.0 == plain, "{helm}: {change} makes another Job");
        }
    }
    Ok(())
}

/// Defects 10, 11 and 36 of AWS's chart compare installations.
#[test]
fn renderings_are_the_same_again_and_jobs_of_two_runs_are_not_mixed() -> Result<()> {
    for helm in HELMS {
        let job = |release: &str, arguments: &[&str]| -> Result<String> {
            let objects = Objects(Case::new("compared", release, arguments.iter().copied()).by_helm(helm)?);
            Ok(objects.name("Job"))
        };
        let bucket = "--set=benchmark.storage.s3.bucketName=b";
        same!(job("r", &[bucket])?, job("r", &[bucket])?);
        ensure!(
            job("r", &[])? != job("r", &["--set=benchmark.target.modelName=other"])?,
            "11: an upgrade meets the Job"
        );
        ensure!(job("r", &[])? != job("s", &[])?, "36: two releases, one Job");
    }
    Ok(())
}

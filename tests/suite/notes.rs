//! The notes after an installation: read as a user would, every command complete and right for this release's names.

use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use benchmark_tests::{object, run};

use crate::helm::{Case, ChartWithNotes, HELMS, ci_cases, guide_cases};
use crate::parity::{found_cases, override_cases};

/// Lines of the notes that are commands.
fn commands(notes: &str) -> Vec<&str> {
    let is_command =
        |line: &&str| ["kubectl ", "helm ", "aws ", "until "].iter().any(|word| line.starts_with(word));
    notes.lines().filter_map(|line| line.strip_prefix("  ")).filter(is_command).collect()
}

#[test]
fn the_notes_of_the_saturation_scenario() -> Result<()> {
    let case = guide_cases().into_iter().find(|case| case.name == "guide: saturation").context("the case")?;
    let (notes, said) = case.notes()?;
    assert_eq!(said, "");
    let job =
        object(&case.by_helm("helm")?, "Job")["metadata"]["name"].as_str().unwrap_or_default().to_owned();
    insta::assert_snapshot!(notes.replace(&job, "JOB"), @r#"
    Scenario saturation runs as Job JOB in namespace benchmarking:
      load      4 stages, about 12 minutes of load
      target    http://qwen3-vllm.default:8000
      image     ghcr.io/benchmark-charts/inference-perf:0.1.0
                (another one: --set benchmark.image.repository=REGISTRY/inference-perf --set-string benchmark.image.tag=TAG)
      deadline  the pod is ended about 69 minutes after its start at the latest

    Follow it (its last ten lines are the answer):

      kubectl logs -n benchmarking job/JOB -f --pod-running-timeout=10m

    Wait until it has ended, well or not (helm does with `--wait --wait-for-jobs --timeout 4144s`):

      until kubectl get -n benchmarking job/JOB -o jsonpath='{.status.conditions[*].type}' | grep -qE 'Complete|Failed'; do sleep 5; done

    If it does not start:

      kubectl describe -n benchmarking job/JOB
      kubectl describe -n benchmarking pod -l batch.kubernetes.io/job-name=JOB

    Reports stay in the pod and are gone with it; what remains is its log:

      kubectl logs -n benchmarking job/JOB --tail=-1

    To keep all reports, set benchmark.storage.s3.bucketName or benchmark.results.claim.enabled, or benchmark.results.holdSeconds to copy them from the pod.

    Run it again (CHART is what you gave to helm install; values that change the run make a new Job by themselves, and end one that still runs):

      kubectl delete -n benchmarking job/JOB
      helm upgrade -n benchmarking saturation-test CHART --reuse-values

    Remove it (the ServiceAccount inference-perf-sa stays, other releases may use it):

      helm uninstall -n benchmarking saturation-test
    "#);
    Ok(())
}

#[test]
fn the_renderer_gives_helms_notes() -> Result<()> {
    let chart = ChartWithNotes::new()?;
    for case in guide_cases().into_iter().chain(override_cases()).chain(found_cases()).chain(ci_cases()?) {
        let ours = case.notes_by_renderer()?;
        for helm in HELMS {
            assert_eq!(
                ours,
                case.notes_by(helm, &chart)?,
                "case {:?}: benchmark-render against {helm}",
                case.name
            );
        }
    }
    // What `helm install` prints is that text, with a line break more.
    for case in guide_cases() {
        assert_eq!(case.notes_by_renderer()?.trim_end(), case.notes()?.0.trim_end());
    }
    Ok(())
}

#[test]
fn every_command_is_whole_and_names_what_was_installed() -> Result<()> {
    for case in guide_cases().into_iter().chain(ci_cases()?) {
        let (notes, _) = case.notes()?;
        let objects = case.by_helm("helm")?;
        if objects.is_empty() {
            assert_eq!(commands(&notes).len(), 0, "{}: {notes}", case.name);
            continue;
        }
        let metadata = &object(&objects, "Job")["metadata"];
        let name = metadata["name"].as_str().context("the Job's name")?;
        let namespace = metadata["namespace"].as_str().context("the Job's namespace")?;
        let found = commands(&notes);
        ensure!(found.len() >= 7, "{}: {notes}", case.name);
        for command in found {
            let output = run("bash".as_ref(), ["-n", "-c", command])?;
            ensure!(
                output.status.success(),
                "{}: {command}: {}",
                case.name,
                String::from_utf8_lossy(&output.stderr)
            );
            ensure!(!command.contains("{{") && !command.contains("%!"), "{}: {command}", case.name);
            if command.contains("kubectl ") {
                ensure!(command.contains(&format!("-n {namespace} ")), "{}: {command}", case.name);
                let by_name = command.contains(&format!("job/{name}"));
                let by_label = command.contains(&format!("-l batch.kubernetes.io/job-name={name}"));
                ensure!(by_name || by_label, "{}: {command}", case.name);
            }
            if command.starts_with("helm ") {
                ensure!(command.contains(&format!(" {}", case.release)), "{}: {command}", case.name);
            }
        }
        // What the notes say of the run is what was rendered.
        let pod = &object(&objects, "Job")["spec"]["template"]["spec"];
        let image = pod["containers"][0]["image"].as_str().context("an image")?;
        ensure!(notes.contains(&format!("\n  image     {image}\n")), "{}: {notes}", case.name);
        ensure!(!notes.contains("\n\n\n"), "{}: {notes}", case.name);
    }
    Ok(())
}

#[test]
fn what_is_ignored_or_risky_is_said() -> Result<()> {
    let rows = [
        ("benchmark.dependencies.packages={protobuf}", "benchmark.dependencies.packages is ignored"),
        ("benchmark.metrics.enabled=true", "benchmark.metrics is ignored"),
        ("benchmark.resources.main.requests.cpu=1", "benchmark.resources.main is merged over"),
        ("benchmark.job.backoffLimit=2", "each retry repeats the whole load"),
        ("benchmark.job.ttlSecondsAfterFinished=60", "its log is gone, and the next upgrade"),
        ("benchmark.job.deadlineSeconds=0", "The pod has no deadline"),
        ("benchmark.target.baseUrl=https://api.example.com", "names no Service of the cluster"),
        (
            "benchmark.image.repository=quay.io/inference-perf/inference-perf,benchmark.image.tag=v0.2.0",
            "runs as root",
        ),
        (
            "benchmark.image.repository=quay.io/inference-perf/inference-perf,benchmark.image.tag=v0.2.0,benchmark.results.holdSeconds=9",
            "benchmark.results.holdSeconds is ignored by upstream's image",
        ),
    ];
    for (argument, warning) in rows {
        let (notes, _) = Case::new(argument, "r", ["--set", argument]).notes()?;
        let warnings = notes.split_once("\nWarnings:\n").map(|(_, warnings)| warnings).context("warnings")?;
        ensure!(warnings.contains(warning), "{argument}: {notes}");
        let (quiet, _) = Case::new("defaults", "r", [""; 0]).notes()?;
        ensure!(!quiet.contains("Warnings:"), "{quiet}");
    }
    Ok(())
}

/// A value that stands in a command of the notes reaches the program as one word, whatever is in it.
#[test]
fn no_value_is_read_by_the_users_shell() -> Result<()> {
    for path in ["a b", "$(touch pwned)", "`touch pwned`", "a';touch pwned;'", "a\"b", "ü*?", "-x", "a\nb"] {
        let arguments = [
            "--set-string=benchmark.storage.s3.bucketName=bucket".to_owned(),
            format!("--set-json=benchmark.storage.s3.path={}", serde_json::json!(path)),
        ];
        let (notes, _) = Case::new(path, "r", arguments).notes()?;
        let start = notes.find("  aws s3 ls").context("the command")?;
        let end = notes[start..].find("\n\nRun it again").context("the next part")?;
        let folder = tempfile::tempdir()?;
        let script = format!("aws() {{ printf '%s\\0' \"$@\"; }}; {}", &notes[start..start + end]);
        let output = Command::new("bash").args(["-c", &script]).current_dir(folder.path()).output()?;
        let words = String::from_utf8(output.stdout)?;
        assert_eq!(words, format!("s3\0ls\0--recursive\0s3://bucket/{path}/\0"), "{notes}");
        ensure!(fs_err::read_dir(folder.path())?.next().is_none(), "{path:?} was run");
    }
    Ok(())
}

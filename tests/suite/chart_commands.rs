//! Every command that AWS's guide tells its users to run works on this chart, or the notes print the one that does.

use anyhow::{Result, ensure};
use benchmark_tests::{chart, run_ok, tool};
use serde_json::json;

use crate::chart_rows::{Expect, Objects, Row, check};
use crate::same;

/// The guide's arguments of an installation of `scenario`.
fn guide(scenario: &'static str) -> Vec<&'static str> {
    vec![
        "--set",
        scenario,
        "--set=benchmark.target.baseUrl=http://qwen3-vllm.default:8000",
        "--set=benchmark.target.modelName=qwen3-8b",
        "--set=benchmark.target.tokenizerPath=Qwen/Qwen3-8B",
        "--namespace=benchmarking",
        "--set-string=benchmark.storage.s3.bucketName=inference-perf-results-1",
    ]
}

fn row(id: &'static str, what: &'static str, arguments: Vec<&'static str>, expect: Expect) -> Row {
    Row { id, what, release: "baseline-test", arguments, expect }
}

/// An installation of the guide: one namespace, and a Job that finds the model's zone.
fn is_installed(objects: &Objects) -> Result<()> {
    for kind in ["ServiceAccount", "ConfigMap", "Job"] {
        same!(objects.at(kind, "/metadata/namespace"), "benchmarking");
    }
    let preferred = "/affinity/podAffinity/preferredDuringSchedulingIgnoredDuringExecution/0/podAffinityTerm";
    same!(objects.pod(&format!("{preferred}/namespaces")), json!(["default"]));
    let labels = json!({"app.kubernetes.io/component": "qwen3-vllm"});
    same!(objects.pod(&format!("{preferred}/labelSelector/matchLabels")), labels);
    same!(objects.config()?["server"]["base_url"], "http://qwen3-vllm.default:8000");
    same!(objects.config()?["tokenizer"]["pretrained_model_name_or_path"], "Qwen/Qwen3-8B");
    Ok(())
}

fn rows() -> Vec<Row> {
    let mut rows: Vec<Row> = ["baseline", "saturation", "sweep", "production"]
        .map(|scenario| {
            let argument: &'static str = match scenario {
                "baseline" => "benchmark.scenario=baseline",
                "saturation" => "benchmark.scenario=saturation",
                "sweep" => "benchmark.scenario=sweep",
                _ => "benchmark.scenario=production",
            };
            row("C2", scenario, guide(argument), Expect::Objects(is_installed))
        })
        .into();
    rows.extend([
        row(
            "C3",
            "one field of a stage",
            vec!["--set=benchmark.scenarios.baseline.load.stages[0].duration=600"],
            Expect::Objects(|objects| {
                same!(objects.config()?["load"]["stages"], json!([{"rate": 1, "duration": 600}]));
                Ok(())
            }),
        ),
        row(
            "C4",
            "resources under main",
            vec!["--set=benchmark.resources.main.requests.cpu=4"],
            Expect::Objects(|objects| {
                same!(objects.container("/resources/requests/cpu"), "4");
                same!(objects.container("/resources/requests/memory"), "4Gi");
                same!(objects.container("/resources/main"), json!(null));
                Ok(())
            }),
        ),
        row(
            "C5",
            "a values file of the guide",
            vec!["-n=benchmarking", "-f", FILE],
            Expect::Objects(is_installed),
        ),
        row(
            "C6",
            "logs by label",
            guide("benchmark.scenario=saturation"),
            Expect::Objects(|objects| {
                let labels = objects.at("Job", "/spec/template/metadata/labels");
                same!(labels["benchmark.scenario"], "saturation");
                same!(labels["app.kubernetes.io/component"], "benchmark");
                Ok(())
            }),
        ),
        row(
            "C6",
            "logs of this release alone, whole",
            guide("benchmark.scenario=saturation"),
            Expect::Notes(|notes, _| {
                ensure!(
                    notes.contains(
                        "kubectl logs -n benchmarking job/baseline-test-benchmark-charts-saturation-"
                    )
                );
                ensure!(notes.contains("-f --pod-running-timeout=10m"));
                Ok(())
            }),
        ),
        row(
            "C7",
            "jobs of the namespace",
            guide("benchmark.scenario=production"),
            Expect::Objects(|objects| {
                same!(objects.at("Job", "/metadata/namespace"), "benchmarking");
                ensure!(objects.name("Job").starts_with("baseline-test-benchmark-charts-production-"));
                Ok(())
            }),
        ),
        row(
            "C8",
            "pods by the raw manifest's label",
            guide("benchmark.scenario=baseline"),
            Expect::Objects(|objects| {
                same!(objects.at("Job", "/spec/template/metadata/labels/app"), "inference-perf");
                Ok(())
            }),
        ),
        row(
            "C9",
            "a folder for each run in the bucket",
            [guide("benchmark.scenario=sweep"), vec!["--set=benchmark.storage.s3.pathPrefix=inference-perf"]]
                .concat(),
            Expect::Objects(|objects| {
                let s3 = &objects.config()?["storage"]["simple_storage_service"];
                same!(s3["bucket_name"], "inference-perf-results-1");
                same!(s3["path"], "inference-perf/sweep/vllm/qwen3-8b/{timestamp}");
                Ok(())
            }),
        ),
        row(
            "C9",
            "listing the bucket",
            [
                guide("benchmark.scenario=sweep"),
                vec![
                    "--set=benchmark.storage.s3.pathPrefix=inference-perf",
                    "--set=benchmark.storage.s3.region=eu-west-2",
                ],
            ]
            .concat(),
            Expect::Notes(|notes, _| {
                let folder = "s3://inference-perf-results-1/inference-perf/sweep/vllm/qwen3-8b/";
                ensure!(
                    notes.contains(&format!("\n  aws s3 ls --recursive {folder} --region eu-west-2\n")),
                    "{notes}"
                );
                Ok(())
            }),
        ),
        row(
            "C10",
            "copying the reports",
            vec!["--namespace=benchmarking", "--set=benchmark.results.holdSeconds=1800"],
            Expect::Notes(|notes, _| {
                ensure!(notes.contains("After the run the pod stays for 30 minutes."), "{notes}");
                ensure!(
                    notes.contains("  kubectl cp -n benchmarking -c inference-perf \"$(kubectl get pod "),
                    "{notes}"
                );
                Ok(())
            }),
        ),
        row(
            "C10",
            "the pod stays to be copied from",
            vec!["--set=benchmark.results.holdSeconds=1800"],
            Expect::Objects(|objects| {
                same!(objects.variable("INFERENCE_PERF_HOLD_SECONDS"), "1800");
                // 600 + 300 + 120 for the wait, the tokenizer and the upload, 300 + 300 + 120 + 1 of the stage.
                same!(objects.pod("/activeDeadlineSeconds"), json!(1741 + 1800 + 600 + 120));
                same!(objects.container("/workingDir"), "/results");
                Ok(())
            }),
        ),
        row(
            "C11",
            "the identity that the guide binds a role to",
            guide("benchmark.scenario=baseline"),
            Expect::Objects(|objects| {
                same!(objects.name("ServiceAccount"), "inference-perf-sa");
                same!(objects.pod("/serviceAccountName"), "inference-perf-sa");
                Ok(())
            }),
        ),
        row(
            "C12",
            "the hub token's Secret",
            guide("benchmark.scenario=baseline"),
            Expect::Objects(|objects| {
                let reference =
                    json!({"secretKeyRef": {"name": "hf-token", "key": "token", "optional": true}});
                same!(objects.variable("HF_TOKEN"), reference);
                Ok(())
            }),
        ),
        row(
            "C13",
            "the model's chart names its Service otherwise",
            vec!["--set=benchmark.target.baseUrl=http://inference.models.svc.cluster.local:8000"],
            Expect::Objects(|objects| {
                let term =
                    "/affinity/podAffinity/preferredDuringSchedulingIgnoredDuringExecution/0/podAffinityTerm";
                same!(objects.pod(&format!("{term}/namespaces")), json!(["models"]));
                let labels = json!({"app.kubernetes.io/component": "inference"});
                same!(objects.pod(&format!("{term}/labelSelector/matchLabels")), labels);
                Ok(())
            }),
        ),
    ]);
    rows
}

/// The guide's values of its first scenario, with the labels of AWS's chart left out.
const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/suite/testdata/guide-values.yaml");

#[test]
fn every_command_of_the_guide_works() -> Result<()> {
    check(rows())
}

/// C1 and defect 6: the chart is packaged, found in an index, and installed from it.
#[test]
fn the_packaged_chart_is_in_the_index_and_installs() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    let chart = chart().to_string_lossy().into_owned();
    for helm in ["helm", "helm3"] {
        run_ok(&tool(helm), ["package", &chart, "-d", &path("")])?;
        run_ok(&tool(helm), ["repo", "index", &path("")])?;
        let index = fs_err::read_to_string(path("index.yaml"))?;
        ensure!(index.contains("benchmark-charts-0.1.0.tgz"), "{index}");
        let archive = path("benchmark-charts-0.1.0.tgz");
        let packaged = run_ok(&tool(helm), ["template", "r", &archive])?;
        same!(packaged, run_ok(&tool(helm), ["template", "r", &chart])?);
        run_ok(std::path::Path::new("tar"), ["-xzf", &archive, "-C", &path("")])?;
        links_lead_somewhere(&folder.path().join("benchmark-charts"))?;
        fs_err::remove_dir_all(folder.path().join("benchmark-charts"))?;
        fs_err::remove_file(archive)?;
    }
    Ok(())
}

/// Every relative link of the packaged README is in the package.
fn links_lead_somewhere(folder: &std::path::Path) -> Result<()> {
    let text = fs_err::read_to_string(folder.join("README.md"))?;
    let links: Vec<&str> = text.split("](").skip(1).filter_map(|rest| rest.split(')').next()).collect();
    let relative: Vec<&str> =
        links.into_iter().filter(|link| !link.contains("://") && !link.starts_with('#')).collect();
    ensure!(relative.len() > 3, "only {relative:?}");
    for link in relative {
        ensure!(folder.join(link).exists(), "README.md: {link} is not in the package");
    }
    Ok(())
}

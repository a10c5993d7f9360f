//! None of the 37 defects that were found in AWS's chart is in this one. What shows only in a cluster is asserted on the
//! object that causes it.

use anyhow::{Context as _, Result, ensure};
use benchmark_tests::config_text;
use serde_json::{Value, json};

use crate::chart_rows::{Expect, Objects, Row, check};
use crate::same;

const TERM: &str = "/affinity/podAffinity/preferredDuringSchedulingIgnoredDuringExecution/0/podAffinityTerm";

fn objects(
    id: &'static str,
    what: &'static str,
    arguments: Vec<&'static str>,
    holds: fn(&Objects) -> Result<()>,
) -> Row {
    Row { id, what, release: "r", arguments, expect: Expect::Objects(holds) }
}

fn refused(
    id: &'static str,
    what: &'static str,
    argument: &'static str,
    parts: &'static [&'static str],
) -> Row {
    Row { id, what, release: "r", arguments: vec![argument], expect: Expect::Refused(parts) }
}

/// Defects 1 to 9: the documented path.
fn blockers() -> Vec<Row> {
    vec![
        objects("1", "affinity looks into the model's namespace", vec!["-n=benchmarking"], |o| {
            same!(o.pod(&format!("{TERM}/namespaces")), json!(["default"]));
            Ok(())
        }),
        objects("2", "affinity by the label that the model's chart sets", vec![], |o| {
            let labels = json!({"app.kubernetes.io/component": "qwen3-vllm"});
            same!(o.pod(&format!("{TERM}/labelSelector/matchLabels")), labels);
            Ok(())
        }),
        objects("3", "own labels replace", vec!["--set=benchmark.affinity.targetLabels.app=mine"], |o| {
            same!(o.pod(&format!("{TERM}/labelSelector/matchLabels")), json!({"app": "mine"}));
            Ok(())
        }),
        objects(
            "4",
            "the sweep has a stage and lengths for all its requests",
            vec!["--set=benchmark.scenario=sweep"],
            |o| {
                let config = o.config()?;
                same!(config["load"]["stages"], json!([{"rate": 1, "duration": 1}]));
                for part in ["input_distribution", "output_distribution"] {
                    same!(config["data"][part]["total_count"], json!(1_000_000));
                }
                Ok(())
            },
        ),
        objects(
            "5",
            "C3: a stage keeps its rate",
            vec!["--set=benchmark.scenarios.baseline.load.stages[0].duration=600"],
            |o| {
                same!(o.config()?["load"]["stages"][0]["rate"], json!(1));
                Ok(())
            },
        ),
        objects(
            "5",
            "C4: main is no field of a container",
            vec!["--set=benchmark.resources.main.limits.cpu=8"],
            |o| {
                same!(o.container("/resources/main"), Value::Null);
                same!(o.container("/resources/limits/cpu"), "8");
                Ok(())
            },
        ),
        objects("7", "all objects in the release's namespace", vec!["-n=team-a"], |o| {
            ensure!(o.0.iter().all(|object| object["metadata"]["namespace"] == "team-a"));
            Ok(())
        }),
        objects(
            "8",
            "or all in the one that is set",
            vec!["-n=team-a", "--set=benchmark.namespace=bench"],
            |o| {
                ensure!(o.0.iter().all(|object| object["metadata"]["namespace"] == "bench"));
                Ok(())
            },
        ),
        Row {
            id: "8",
            what: "the notes say that it must exist",
            release: "r",
            arguments: vec!["-n=team-a", "--set=benchmark.namespace=bench"],
            expect: Expect::Notes(|notes, _| {
                ensure!(notes.contains("The objects go to namespace bench, which must exist"), "{notes}");
                Ok(())
            }),
        },
        objects(
            "9",
            "the hub's token reaches the pod",
            vec!["--set=benchmark.hfToken.existingSecret=t"],
            |o| {
                same!(o.variable("HF_TOKEN")["secretKeyRef"]["name"], "t");
                Ok(())
            },
        ),
    ]
}

/// Defects 12 to 19: one run, its results, its names.
fn runs_and_names() -> Vec<Row> {
    vec![
        objects("12", "the finished Job stays, so that nothing re-creates it", vec![], |o| {
            same!(o.at("Job", "/spec/ttlSecondsAfterFinished"), Value::Null);
            Ok(())
        }),
        objects(
            "13",
            "no run repeats itself, nor writes where another wrote",
            vec!["--set=benchmark.storage.s3.bucketName=b"],
            |o| {
                same!(o.at("Job", "/spec/backoffLimit"), json!(0));
                let failing = o.at("Job", "/spec/podFailurePolicy/rules/1");
                same!(failing["action"], "FailJob");
                same!(failing["onExitCodes"]["values"], json!([1, 2, 3, 4, 130, 143]));
                let path = o.config()?["storage"]["simple_storage_service"]["path"].clone();
                ensure!(path.as_str().is_some_and(|path| path.ends_with("/{timestamp}")), "{path}");
                Ok(())
            },
        ),
        objects(
            "14",
            "nobody else's bucket by default, and a lost upload (exit code 3) fails the Job",
            vec![],
            |o| {
                same!(o.config()?["storage"], Value::Null);
                same!(o.at("Job", "/spec/podFailurePolicy/rules/1/onExitCodes/values/2"), json!(3));
                Ok(())
            },
        ),
        refused(
            "15",
            "a mistyped scenario",
            "--set=benchmark.scenario=saturaton",
            &["benchmark.scenario", "saturaton", "capacity, dataset, production, saturation, sweep"],
        ),
        refused(
            "15",
            "no scenario",
            "--set=benchmark.scenario=",
            &["benchmark.scenario", "no scenario is named"],
        ),
        refused("16", "scenario null", "--set=benchmark.scenario=null", &["benchmark", "scenario"]),
        refused(
            "16",
            "a scenario without data",
            "--set-json=benchmark={\"scenario\":\"mine\",\"scenarios\":{\"mine\":{\"load\":{\"type\":\"constant\",\"stages\":[{\"rate\":1,\"duration\":1}]}}}}",
            &["benchmark.scenarios.mine.data.input", "needs it; write mean, stdDev, min and max"],
        ),
        Row {
            id: "17",
            what: "names and labels of the longest release",
            release: "a-release-name-that-is-as-long-as-helm-will-accept-it",
            arguments: vec!["--set=benchmark.scenario=saturation"],
            expect: Expect::Objects(|o| {
                for object in &o.0 {
                    let name = object["metadata"]["name"].as_str().context("a name")?;
                    ensure!(name.len() <= 63, "{name}");
                    for (label, value) in object["metadata"]["labels"].as_object().context("labels")? {
                        ensure!(value.as_str().is_some_and(|value| value.len() <= 63), "{label}: {value}");
                    }
                }
                Ok(())
            }),
        },
        objects(
            "18",
            "texts stay texts",
            vec![
                "--set-string=benchmark.target.modelName=7,benchmark.target.tokenizerPath=x # y: *z\nserver: {api_key: k}",
            ],
            |o| {
                let config = o.config()?;
                same!(config["server"]["model_name"], "7");
                same!(
                    config["tokenizer"]["pretrained_model_name_or_path"],
                    "x # y: *z\nserver: {api_key: k}"
                );
                same!(config["server"]["api_key"], Value::Null);
                Ok(())
            },
        ),
        objects(
            "19",
            "large numbers stay whole",
            vec!["--set=benchmark.scenario=sweep,benchmark.scenarios.sweep.load.sweep.numRequests=1000000"],
            |o| {
                same!(o.config()?["load"]["sweep"]["num_requests"], json!(1_000_000));
                ensure!(config_text(&o.0).contains("num_requests: 1000000\n"), "{}", config_text(&o.0));
                Ok(())
            },
        ),
    ]
}

/// Defects 20 to 28: shell, labels, end of a run, prompts.
fn pod() -> Vec<Row> {
    vec![
        objects(
            "20, 24",
            "no shell reads a value, and the program is the process that gets SIGTERM",
            vec!["--set-string=benchmark.target.modelName=$(id)\"; id; echo \""],
            |o| {
                same!(o.container("/command"), json!(["inference-perf"]));
                same!(o.container("/args"), json!(["--config_file", "/workspace/config.yml"]));
                same!(o.config()?["server"]["model_name"], "$(id)\"; id; echo \"");
                same!(o.pod("/terminationGracePeriodSeconds"), json!(120));
                Ok(())
            },
        ),
        objects(
            "21",
            "labels are texts",
            vec!["--set=benchmark.affinity.targetLabels.tier=1,benchmark.podLabels.x=true"],
            |o| {
                same!(o.pod(&format!("{TERM}/labelSelector/matchLabels")), json!({"tier": "1"}));
                same!(o.at("Job", "/spec/template/metadata/labels/x"), "true");
                Ok(())
            },
        ),
        objects(
            "22",
            "no empty selector",
            vec![
                "--set=benchmark.target.baseUrl=https://api.example.com,benchmark.affinity.targetLabels=null",
            ],
            |o| {
                same!(o.pod("/affinity"), Value::Null);
                Ok(())
            },
        ),
        objects(
            "23",
            "nothing is installed at start",
            vec!["--set=benchmark.dependencies.packages={sentencepiece}"],
            |o| {
                ensure!(!serde_json::to_string(&o.0)?.contains("sentencepiece"));
                Ok(())
            },
        ),
        objects("25", "no bucket, no block", vec!["--set=benchmark.storage.s3.bucketName="], |o| {
            same!(o.config()?["storage"], Value::Null);
            Ok(())
        }),
        objects("26", "a run ends", vec!["--set=benchmark.scenario=sweep"], |o| {
            // 1020 + 600 + 120, burst of 60 and five stages of 180, each with 421 to drain.
            same!(o.pod("/activeDeadlineSeconds"), json!(1020 + 720 + 60 + 421 + 5 * (180 + 421)));
            same!(
                o.variable("INFERENCE_PERF_DEADLINE_SECONDS"),
                (1020 + 60 + 421 + 5 * (180 + 421)).to_string()
            );
            Ok(())
        }),
        objects(
            "27",
            "chat with drawn prompts is a configuration that the program takes",
            vec!["--set=benchmark.api.type=chat"],
            |o| {
                benchmark_schemas::config::Config::from_yaml(config_text(&o.0), "config.yml")?;
                same!(o.config()?["api"]["type"], "chat");
                Ok(())
            },
        ),
        objects("28", "the default image is one whose prompts differ", vec![], |o| {
            same!(o.container("/image"), "ghcr.io/benchmark-charts/inference-perf:0.1.0");
            Ok(())
        }),
    ]
}

/// Defects 29 to 33, and 37.
fn rest() -> Vec<Row> {
    vec![
        objects(
            "29",
            "the time stamp is left to the run",
            vec!["--set=benchmark.storage.s3.bucketName=b,benchmark.storage.s3.path=a/{timestamp}"],
            |o| {
                same!(o.config()?["storage"]["simple_storage_service"]["path"], "a/{timestamp}");
                Ok(())
            },
        ),
        objects(
            "30",
            "disabled, nothing is rendered",
            vec!["--set=benchmark.enabled=false,simulator.enabled=true"],
            |o| {
                ensure!(o.0.is_empty(), "{:?}", o.0);
                Ok(())
            },
        ),
        Row {
            id: "30",
            what: "and the notes say so",
            release: "r",
            arguments: vec!["--set=benchmark.enabled=false"],
            expect: Expect::Notes(|notes, _| {
                same!(notes.trim(), "Nothing was installed: benchmark.enabled is false.");
                Ok(())
            }),
        },
        objects(
            "31, 37",
            "AWS's empty list of annotations is an empty map; the account outlives a release that others share it with",
            vec!["--set-json=benchmark.serviceAccount.annotations=[]"],
            |o| {
                let keep = json!({"helm.sh/resource-policy": "keep"});
                same!(o.at("ServiceAccount", "/metadata/annotations"), keep);
                Ok(())
            },
        ),
        Row {
            id: "31",
            what: "a map over the default is no warning",
            release: "r",
            arguments: vec!["--set=benchmark.serviceAccount.annotations.a=1"],
            expect: Expect::Notes(|_, said| {
                same!(said, "");
                Ok(())
            }),
        },
        objects(
            "31",
            "annotations are a map of texts",
            vec!["--set=benchmark.serviceAccount.annotations.a=1"],
            |o| {
                same!(o.at("ServiceAccount", "/metadata/annotations/a"), "1");
                Ok(())
            },
        ),
        objects(
            "32",
            "no account of our own",
            vec!["--set=benchmark.serviceAccount.create=false,benchmark.serviceAccount.name="],
            |o| {
                same!(o.pod("/serviceAccountName"), "default");
                ensure!(o.0.iter().all(|object| object["kind"] != "ServiceAccount"));
                Ok(())
            },
        ),
        objects("33", "the version label is the image's tag", vec![], |o| {
            let version = o.at("Job", "/metadata/labels/app.kubernetes.io~1version");
            let version = version.as_str().context("a label")?;
            let image = o.container("/image");
            let image = image.as_str().context("an image")?;
            ensure!(image.ends_with(&format!(":{version}")), "{image}");
            Ok(())
        }),
    ]
}

/// Defects 34 and 35.
fn paths() -> Vec<Row> {
    vec![
        objects(
            "34",
            "a model's name is one part of the path",
            vec![
                "--set=benchmark.storage.s3.bucketName=b,benchmark.target.modelName=s3://bucket/Org/Model:v1/",
            ],
            |o| {
                let path = o.config()?["storage"]["simple_storage_service"]["path"].clone();
                same!(path, "benchmark-results/baseline/vllm/Model-v1/{timestamp}");
                Ok(())
            },
        ),
        Row {
            id: "35",
            what: "the notes name the real path, set off by blank lines",
            release: "r",
            arguments: vec!["-n=team-a", "--set=benchmark.storage.s3.bucketName=b"],
            expect: Expect::Notes(|notes, _| {
                let block = "\n\nResults go to S3:\n\n  aws s3 ls --recursive s3://b/benchmark-results/baseline/vllm/qwen3-8b/\n\n";
                ensure!(notes.contains(block), "{notes}");
                ensure!(!notes.contains("benchmarking"), "{notes}");
                Ok(())
            }),
        },
    ]
}

#[test]
fn no_defect_of_awss_chart_is_here() -> Result<()> {
    check([blockers(), runs_and_names(), pod(), rest(), paths()].into_iter().flatten().collect())
}

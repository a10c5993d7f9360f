//! `benchmark-render template` gives the objects that Helm 3 and Helm 4 give.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use benchmark_schemas::config::Config;
use benchmark_schemas::yaml::{self, Dialect};
use benchmark_tests::{config_text, leaves};
use serde_json::Value;

use crate::helm::{Case, HELMS, ci_cases, guide_cases};

/// Overrides as the guide's users type them, and values that are hard to keep apart from YAML syntax.
pub(crate) fn override_cases() -> Vec<Case> {
    vec![
        Case::new("defaults", "r", [""; 0]),
        Case::new(
            "C3: one field of one stage",
            "baseline-test",
            ["--set", "benchmark.scenarios.baseline.load.stages[0].duration=600"],
        ),
        Case::new(
            "a later stage's rate",
            "saturation-test",
            [
                "--set",
                "benchmark.scenario=saturation,benchmark.scenarios.saturation.load.stages[2].rate=25.5",
            ],
        ),
        Case::new(
            "C4: the guide's old resources key",
            "b",
            ["--set", "benchmark.resources.main.requests.cpu=4"],
        ),
        Case::new("C4: the chart's resources key", "b", ["--set", "benchmark.resources.requests.cpu=4"]),
        Case::new("a release that holds the chart's name", "my-benchmark-charts", [""; 0]),
        Case::new(
            "a release of 53 characters",
            "a-release-name-that-is-as-long-as-helm-will-accept-it",
            ["--set", "benchmark.scenario=saturation"],
        ),
        Case::new("another namespace", "r", ["--namespace", "team-a"]),
        Case::new(
            "one namespace against the release's",
            "r",
            ["--namespace", "team-a", "--set", "benchmark.namespace=benchmarking"],
        ),
        Case::new(
            "texts that YAML reads as something else",
            "r",
            [
                "--set-string",
                "benchmark.target.modelName=yes",
                "--set-string",
                "benchmark.target.tokenizerPath=0123",
                "--set-string",
                "benchmark.storage.s3.bucketName=1e3",
            ],
        ),
        Case::new(
            "texts with YAML and shell syntax",
            "r",
            [
                "--set-string",
                "benchmark.target.modelName=a: b # $(id) {{ .Values }} \"'",
                "--set-string",
                "benchmark.target.tokenizerPath=line one\nline two: \u{fc}",
            ],
        ),
        Case::new("a large number", "r", ["--set", "benchmark.config.load.base_seed=1000000"]),
        Case::new(
            "a rate above a million",
            "r",
            ["--set", "benchmark.scenarios.baseline.load.stages[0].rate=1234567"],
        ),
        Case::new("a default set to null", "r", ["--set", "benchmark.resources.limits=null"]),
        Case::new(
            "passthrough",
            "r",
            ["--set", "benchmark.config.report.request_lifecycle.per_request=true"],
        ),
        Case::new(
            "a user's scenario",
            "r",
            [
                "--set",
                "benchmark.scenario=short",
                "--set-json",
                r#"benchmark.scenarios.short={"description":"d","data":{"input":{"mean":8,"stdDev":0,"min":8,"max":8},"output":{"mean":4,"stdDev":0,"min":4,"max":4}},"load":{"type":"constant","numWorkers":1,"stages":[{"rate":2,"duration":5}]}}"#,
            ],
        ),
        Case::new(
            "whole numbers beyond a double's in the environment",
            "r",
            ["--set", "benchmark.extraEnv[0].name=A,benchmark.extraEnv[0].value=12345678901234567"],
        ),
        Case::new("no job", "r", ["--set", "benchmark.enabled=false"]),
    ]
}

/// Values on which renderer and chart once disagreed.
pub(crate) fn found_cases() -> Vec<Case> {
    vec![
        Case::new(
            "a sweep of nothing but nulls",
            "r",
            ["--set", "benchmark.scenarios.baseline.load.sweep.numStages=null"],
        ),
        Case::new("half a stage", "r", ["--set-string", "benchmark.config.load.sweep.num_stages=2.5"]),
        Case::new("a plan beyond measure", "r", ["--set-json", "benchmark.config.load.sweep.timeout=1e21"]),
        Case::new(
            "a sweep of many stages",
            "r",
            ["--set", "benchmark.config.load.sweep.num_stages=2147483647"],
        ),
        Case::new(
            "a zero below zero",
            "r",
            ["--set-json", "benchmark.config.data.input_distribution.std_dev=-0.0"],
        ),
        Case::new(
            "a figure below zero",
            "r",
            ["--set-json", "benchmark.scenarios.baseline.data.input.stdDev=-0.0"],
        ),
        Case::new("no server", "r", ["--set", "benchmark.config.server=null"]),
        Case::new(
            "a path without a bucket",
            "r",
            ["--set", "benchmark.config.storage.simple_storage_service.path=x"],
        ),
        Case::new(
            "a digest that looks like a name",
            "r",
            ["--set-string", "benchmark.image.digest=quay.io/inference-perf/inference-perf"],
        ),
        Case::new(
            "an empty store",
            "r",
            ["--set-json", "benchmark.config.storage.simple_storage_service={}"],
        ),
    ]
}

/// Leaves in which two lists of objects differ, `path: one, other`. The file in the ConfigMap is compared by what it
/// means: two serialisers write it.
pub(crate) fn differences(one: &[Value], other: &[Value]) -> Result<Vec<String>> {
    let meaning = |documents: &[Value]| -> Result<BTreeMap<String, Value>> {
        let mut documents = documents.to_vec();
        for document in &mut documents {
            for file in ["config.yml", "test.yml"] {
                if let Some(Value::String(text)) = document.pointer(&format!("/data/{file}")) {
                    let parsed = yaml::parse(text, file, Dialect::Config)?.to_json();
                    document["data"][file] = parsed;
                }
            }
        }
        Ok(leaves(&Value::Array(documents)))
    };
    let (one, other) = (meaning(one)?, meaning(other)?);
    let paths: BTreeSet<&String> = one.keys().chain(other.keys()).collect();
    let differ = paths.into_iter().filter(|path| !same(one.get(*path), other.get(*path)));
    Ok(differ.map(|path| format!("{path}: {:?}, {:?}", one.get(path), other.get(path))).collect())
}

/// True if two leaves say the same. Go writes `1e-07` without a point, which is text in YAML 1.1; who reads the file takes a
/// text for the number that it spells (`numbers_with_exponents_mean_the_same`).
fn same(one: Option<&Value>, other: Option<&Value>) -> bool {
    match (one, other) {
        (Some(Value::Number(one)), Some(Value::Number(other))) => one.as_f64() == other.as_f64(),
        (Some(Value::Number(one)), Some(Value::String(other))) => {
            other.contains('e') && !other.contains('.') && other.parse().ok() == one.as_f64()
        }
        (one, other) => one == other,
    }
}

#[test]
fn numbers_with_exponents_mean_the_same() -> Result<()> {
    let arguments = ["--set-json", "benchmark.config.load={\"interval\":1e-7,\"request_timeout\":1e-7}"];
    let case = Case::new("exponents", "r", arguments);
    let ours = Config::from_yaml(&case.config_by_renderer()?, "config.yml")?;
    for helm in HELMS {
        let documents = case.by_helm(helm)?;
        assert!(config_text(&documents).contains("interval: 1e-07"));
        assert_eq!(ours, Config::from_yaml(config_text(&documents), "config.yml")?);
    }
    Ok(())
}

fn all_cases() -> Result<Vec<Case>> {
    let mut cases = guide_cases();
    cases.extend(override_cases());
    cases.extend(found_cases());
    cases.extend(ci_cases()?);
    Ok(cases)
}

#[test]
fn the_renderer_gives_helms_objects() -> Result<()> {
    for case in all_cases()? {
        let rendered = case.by_renderer()?;
        for helm in HELMS {
            let different = differences(&rendered, &case.by_helm(helm)?)?;
            assert!(
                different.is_empty(),
                "case {:?}: benchmark-render against {helm}: {different:#?}",
                case.name
            );
        }
    }
    Ok(())
}

#[test]
fn the_config_command_gives_the_config_maps_file() -> Result<()> {
    for case in guide_cases() {
        let documents = case.by_helm("helm")?;
        let expected = benchmark_tests::documents(config_text(&documents))?;
        let given = benchmark_tests::documents(&case.config_by_renderer()?)?;
        assert_eq!(given, expected, "case {:?}", case.name);
    }
    Ok(())
}

/// Arguments that both refuse, and the key that both name.
const REFUSED: [(&str, &str); 22] = [
    (
        "benchmark.target.baseUrl=http://h:8000/v1",
        "baseUrl: it ends in /v1, which every request adds by itself",
    ),
    ("benchmark.config.server.base_url=http://h:8000/v1/", "base_url: it ends in /v1"),
    (
        "benchmark.image.repository=quay.io/inference-perf/inference-perf",
        "benchmark.image.tag: it is empty, and upstream's",
    ),
    (
        "benchmark.image.registry=quay.io,benchmark.image.repository=inference-perf/inference-perf,benchmark.image.tag=v1,simulator.enabled=true",
        "simulator.enabled: upstream's image has no simulator",
    ),
    ("benchmark.config.api.headers.x-route=Bearer abc", "benchmark.config.api.headers.x-route"),
    ("benchmark.extraEnv[0].name=HF_TOKEN,benchmark.extraEnv[0].value=abc", "benchmark.extraEnv[0].value"),
    (
        "benchmark.extraEnv[0].name=X,benchmark.extraEnv[0].value=hf_abcdefghijklmnop",
        "benchmark.extraEnv[0].value",
    ),
    ("benchmark.extraEnv[0].name=A,benchmark.extraEnv[1].name=A", "benchmark.extraEnv[1].name"),
    ("benchmark.extraVolumes[0].name=results", "benchmark.extraVolumes[0].name"),
    (
        "benchmark.extraVolumeMounts[0].name=x,benchmark.extraVolumeMounts[0].mountPath=/tmp",
        "benchmark.extraVolumeMounts[0].mountPath",
    ),
    ("benchmark.extraContainers[0].name=inference-perf", "benchmark.extraContainers[0].name"),
    (
        "benchmark.initContainers[0].name=a,benchmark.extraContainers[0].name=a",
        "benchmark.extraContainers[0].name",
    ),
    ("benchmark.customData.enabled=true", "benchmark.customData.path"),
    (
        "benchmark.customData.enabled=true,benchmark.customData.existingClaim=a,benchmark.customData.existingConfigMap=b",
        "benchmark.customData.existingClaim",
    ),
    (
        "benchmark.target.ca.existingSecret=a,benchmark.target.ca.existingConfigMap=b",
        "benchmark.target.ca.existingConfigMap",
    ),
    ("benchmark.podLabels.a=b c", "benchmark.podLabels.a"),
    ("benchmark.nodeSelector.a b=c", "benchmark.nodeSelector"),
    ("benchmark.namespace=Team_A", "benchmark.namespace"),
    ("benchmark.serviceAccount.name=a_b", "benchmark.serviceAccount.name"),
    ("benchmark.hfToken.existingSecret=A", "benchmark.hfToken.existingSecret"),
    ("benchmark.scenarios.baseline.load.type=concurrent", "benchmark.scenarios.baseline.load.stages[0]"),
    (
        "benchmark.scenarios.baseline.load.stages[0].numRequests=5",
        "benchmark.scenarios.baseline.load.stages[0].numRequests",
    ),
];

#[test]
fn what_helm_refuses_the_renderer_refuses() -> Result<()> {
    // The last is a part of the key that each of the three names.
    let cases = [
        (Case::new("unknown scenario", "r", ["--set", "benchmark.scenario=saturaton"]), "saturaton"),
        (Case::new("empty scenario", "r", ["--set", "benchmark.scenario="]), "scenario"),
        (Case::new("scenario null", "r", ["--set", "benchmark.scenario=null"]), "scenario"),
        (Case::new("unknown key", "r", ["--set", "benchmark.target.baseURL=http://h:8000"]), "baseURL"),
        (
            Case::new("negative rate", "r", ["--set", "benchmark.scenarios.baseline.load.stages[0].rate=-5"]),
            "rate",
        ),
        (Case::new("a secret", "r", ["--set", "benchmark.config.server.api_key=s"]), "api_key"),
        (
            Case::new(
                "a password in a URL",
                "r",
                ["--set", "benchmark.storage.s3.bucketName=b,benchmark.storage.s3.endpointUrl=http://u:pw@h"],
            ),
            "endpointUrl",
        ),
        (
            Case::new(
                "a scenario without its parts",
                "r",
                ["--set", "benchmark.scenario=mine,benchmark.scenarios.mine.description=d"],
            ),
            "mine",
        ),
        (
            Case::new(
                "an object whose metadata is a text",
                "r",
                ["--set-json", r#"benchmark.extraObjects=[{"kind": "ConfigMap", "metadata": "x"}]"#],
            ),
            "metadata",
        ),
    ];
    let more = REFUSED.map(|(argument, named)| (Case::new(argument, "r", ["--set", argument]), named));
    for (case, named) in cases.into_iter().chain(more) {
        for refusal in case.refusals()? {
            assert!(refusal.contains(named), "case {:?}: {refusal}", case.name);
            assert!(!refusal.contains("u:pw"), "case {:?} shows the password: {refusal}", case.name);
        }
    }
    Ok(())
}

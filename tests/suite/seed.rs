//! The seed document's raw YAML is reproduced by `ci/seed-saturation-values.yaml`: same names, same configuration,
//! and a Job that differs in nothing but what is listed here.

use std::collections::BTreeSet;

use anyhow::Result;
use benchmark_schemas::config::Config;
use benchmark_tests::{chart, config_text, documents, leaves, object};
use serde_json::{Value, json};

use crate::helm::Case;

const RAW: &str = include_str!("testdata/seed-saturation.raw.yaml");

const REQUIRED: &str =
    ".spec.template.spec.affinity.podAffinity.requiredDuringSchedulingIgnoredDuringExecution[0]";
const PREFERRED: &str =
    ".spec.template.spec.affinity.podAffinity.preferredDuringSchedulingIgnoredDuringExecution[0]";
const POD: &str = ".spec.template.spec";
const CONTAINER: &str = ".spec.template.spec.containers[0]";

/// Objects of the seed's values by both versions of Helm and by the renderer.
fn renderings() -> Result<[Vec<Value>; 3]> {
    let file = chart().join("ci/seed-saturation-values.yaml");
    let case = Case::new("seed", "saturation-test", ["-f".to_owned(), file.to_string_lossy().into_owned()]);
    Ok([case.by_helm("helm")?, case.by_helm("helm3")?, case.by_renderer()?])
}

#[test]
fn the_config_map_has_the_seeds_names_and_configuration() -> Result<()> {
    let seed = documents(RAW)?;
    let expected = Config::from_yaml(config_text(&seed), "seed")?;
    for documents in renderings()? {
        let map = object(&documents, "ConfigMap");
        assert_eq!(map["metadata"]["name"], "inference-perf-saturation");
        assert_eq!(map["metadata"]["namespace"], "benchmarking");
        let given = Config::from_yaml(config_text(&documents), "rendered")?;
        assert_eq!(serde_json::to_value(&given)?, serde_json::to_value(&expected)?);
    }
    Ok(())
}

/// What the seed's Job has and ours has not.
fn left_out() -> Vec<(String, Value)> {
    vec![
        // No shell: nothing that stands in the values is ever interpreted by one.
        (format!("{CONTAINER}.command[1]"), json!("-c")),
        // Required affinity within the Job's own namespace finds no model there, and the pod would stay pending.
        (format!("{REQUIRED}.labelSelector.matchLabels.app.kubernetes.io/component"), json!("qwen3-vllm")),
        (format!("{REQUIRED}.topologyKey"), json!("topology.kubernetes.io/zone")),
    ]
}

/// What both have, with the seed's value and ours.
fn changed() -> Vec<(String, Value, Value)> {
    vec![
        (format!("{CONTAINER}.command[0]"), json!("/bin/sh"), json!("inference-perf")),
        (
            format!("{CONTAINER}.args[0]"),
            json!("inference-perf --config_file /workspace/config.yml\n"),
            json!("--config_file"),
        ),
        (
            format!("{CONTAINER}.image"),
            json!("quay.io/inference-perf/inference-perf:v0.2.0"),
            json!("ghcr.io/benchmark-charts/inference-perf:0.1.0"),
        ),
    ]
}

/// What ours has and the seed's has not.
fn added() -> Vec<(String, Value)> {
    let mut added: Vec<(String, Value)> = Vec::new();
    let mut add = |path: String, value: Value| added.push((path, value));
    // Labels and annotations by which users, tools and autoscalers find and spare the run.
    for place in [".metadata.labels", ".spec.template.metadata.labels"] {
        add(format!("{place}.app.kubernetes.io/component"), json!("benchmark"));
        add(format!("{place}.app.kubernetes.io/instance"), json!("saturation-test"));
        add(format!("{place}.app.kubernetes.io/managed-by"), json!("Helm"));
        add(format!("{place}.app.kubernetes.io/name"), json!("benchmark-charts"));
        add(format!("{place}.app.kubernetes.io/part-of"), json!("benchmark-charts"));
        add(format!("{place}.benchmark.scenario"), json!("saturation"));
    }
    add(".metadata.labels.app.kubernetes.io/version".into(), json!("0.1.0"));
    add(".metadata.labels.helm.sh/chart".into(), json!("benchmark-charts-0.1.0"));
    add(".spec.template.metadata.labels.app".into(), json!("inference-perf"));
    add(
        ".metadata.annotations.benchmark.description".into(),
        json!("Rising request rates, to find where latency or errors leave the plateau"),
    );
    let annotations = ".spec.template.metadata.annotations";
    add(format!("{annotations}.cluster-autoscaler.kubernetes.io/safe-to-evict"), json!("false"));
    add(format!("{annotations}.karpenter.sh/do-not-disrupt"), json!("true"));
    add(format!("{annotations}.sidecar.istio.io/inject"), json!("false"));
    // A load test must not repeat itself because a node went away or its input is wrong.
    let rules = ".spec.podFailurePolicy.rules";
    add(format!("{rules}[0].action"), json!("FailJob"));
    add(format!("{rules}[0].onPodConditions[0].type"), json!("DisruptionTarget"));
    add(format!("{rules}[0].onPodConditions[0].status"), json!("True"));
    add(format!("{rules}[1].action"), json!("FailJob"));
    add(format!("{rules}[1].onPodConditions"), json!([]));
    add(format!("{rules}[1].onExitCodes.containerName"), json!("inference-perf"));
    add(format!("{rules}[1].onExitCodes.operator"), json!("In"));
    for (index, code) in [1, 2, 3, 4, 130, 143].into_iter().enumerate() {
        add(format!("{rules}[1].onExitCodes.values[{index}]"), json!(code));
    }
    // An end that is sure, and time for partial reports: 600 + 300 + 4 × (180 + 300 + 120 + 1) + 120 + 600 + 120 seconds.
    add(format!("{POD}.activeDeadlineSeconds"), json!(4144));
    add(format!("{POD}.terminationGracePeriodSeconds"), json!(120));
    // The model's pods are found where they are.
    add(format!("{PREFERRED}.weight"), json!(100));
    add(format!("{PREFERRED}.podAffinityTerm.topologyKey"), json!("topology.kubernetes.io/zone"));
    add(format!("{PREFERRED}.podAffinityTerm.namespaces[0]"), json!("default"));
    add(
        format!("{PREFERRED}.podAffinityTerm.labelSelector.matchLabels.app.kubernetes.io/component"),
        json!("qwen3-vllm"),
    );
    // The restricted Pod Security level, and no more of the cluster than the run needs.
    add(format!("{POD}.automountServiceAccountToken"), json!(false));
    add(format!("{POD}.enableServiceLinks"), json!(false));
    add(format!("{POD}.securityContext.runAsNonRoot"), json!(true));
    add(format!("{POD}.securityContext.seccompProfile.type"), json!("RuntimeDefault"));
    add(format!("{CONTAINER}.securityContext.allowPrivilegeEscalation"), json!(false));
    add(format!("{CONTAINER}.securityContext.readOnlyRootFilesystem"), json!(true));
    add(format!("{CONTAINER}.securityContext.capabilities.drop[0]"), json!("ALL"));
    add(format!("{CONTAINER}.args[1]"), json!("/workspace/config.yml"));
    add(format!("{CONTAINER}.imagePullPolicy"), json!("IfNotPresent"));
    // Writable places for results and caches under a root file system that is read-only.
    add(format!("{CONTAINER}.workingDir"), json!("/results"));
    add(format!("{CONTAINER}.env[0].name"), json!("HOME"));
    add(format!("{CONTAINER}.env[0].value"), json!("/results"));
    add(format!("{CONTAINER}.env[1].name"), json!("HF_HOME"));
    add(format!("{CONTAINER}.env[1].value"), json!("/tmp/hf"));
    // What the program is told beyond its configuration: the wait for the target, and how long it may take.
    let told = [
        ("INFERENCE_PERF_PREFLIGHT", "600"),
        ("INFERENCE_PERF_DEADLINE_SECONDS", "3424"),
        ("INFERENCE_PERF_GRACE_SECONDS", "120"),
        ("INFERENCE_PERF_TERMINATION_LOG", "/dev/termination-log"),
    ];
    for (index, (name, value)) in (2..).zip(told) {
        add(format!("{CONTAINER}.env[{index}].name"), json!(name));
        add(format!("{CONTAINER}.env[{index}].value"), json!(value));
    }
    add(format!("{CONTAINER}.terminationMessagePolicy"), json!("FallbackToLogsOnError"));
    add(format!("{CONTAINER}.env[6].name"), json!("HF_TOKEN"));
    add(format!("{CONTAINER}.env[6].valueFrom.secretKeyRef.name"), json!("hf-token"));
    add(format!("{CONTAINER}.env[6].valueFrom.secretKeyRef.key"), json!("token"));
    add(format!("{CONTAINER}.env[6].valueFrom.secretKeyRef.optional"), json!(true));
    // 13,500 records of 2,560 bytes, and room.
    add(format!("{CONTAINER}.resources.requests.ephemeral-storage"), json!("97Mi"));
    add(format!("{CONTAINER}.volumeMounts[0].readOnly"), json!(true));
    for (index, name, path) in [(1, "results", "/results"), (2, "tmp", "/tmp")] {
        add(format!("{CONTAINER}.volumeMounts[{index}].name"), json!(name));
        add(format!("{CONTAINER}.volumeMounts[{index}].mountPath"), json!(path));
        add(format!("{POD}.volumes[{index}].name"), json!(name));
    }
    add(format!("{POD}.volumes[1].emptyDir.sizeLimit"), json!("448Mi"));
    add(format!("{POD}.volumes[2].emptyDir"), json!({}));
    added
}

#[test]
fn the_job_differs_from_the_seeds_only_as_listed() -> Result<()> {
    let seed = documents(RAW)?;
    let expected = leaves(object(&seed, "Job"));
    for documents in renderings()? {
        let mut given = leaves(object(&documents, "Job"));
        // A digest of the configuration, which another test compares.
        let digest = given.remove(".spec.template.metadata.annotations.checksum/config");
        assert_eq!(digest.as_ref().and_then(Value::as_str).map(str::len), Some(64));

        let mut paths: BTreeSet<&String> = expected.keys().chain(given.keys()).collect();
        for (path, value) in &left_out() {
            assert_eq!((expected.get(path), given.get(path)), (Some(value), None), "left out: {path}");
            paths.remove(path);
        }
        for (path, theirs, ours) in &changed() {
            assert_eq!((expected.get(path), given.get(path)), (Some(theirs), Some(ours)), "changed: {path}");
            paths.remove(path);
        }
        for (path, value) in &added() {
            assert_eq!((expected.get(path), given.get(path)), (None, Some(value)), "added: {path}");
            paths.remove(path);
        }
        for path in paths {
            assert_eq!(given.get(path), expected.get(path), "{path} is not on the list of differences");
        }
    }
    Ok(())
}

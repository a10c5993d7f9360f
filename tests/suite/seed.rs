//! The seed document's raw YAML is reproduced by `ci/seed-saturation-values.yaml`: same names, same configuration,
//! and a Job that differs in nothing but what is listed here.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use benchmark_schemas::config::Config;
use benchmark_tests::{chart, config_text, documents, leaves, object};
use serde_json::{Value, json};

use crate::helm::{Case, HELMS};

const RAW: &str = include_str!("testdata/seed-saturation.raw.yaml");

fn rendered() -> Case {
    let file = chart().join("ci/seed-saturation-values.yaml");
    Case::new("seed", "saturation-test", ["-f".to_owned(), file.to_string_lossy().into_owned()])
}

#[test]
fn the_config_map_has_the_seeds_names_and_configuration() -> Result<()> {
    let seed = documents(RAW)?;
    let expected = Config::from_yaml(config_text(&seed), "seed")?;
    for documents in [rendered().by_helm("helm")?, rendered().by_helm("helm3")?, rendered().by_renderer()?] {
        let map = object(&documents, "ConfigMap");
        assert_eq!(map["metadata"]["name"], "inference-perf-saturation");
        assert_eq!(map["metadata"]["namespace"], "benchmarking");
        let given = Config::from_yaml(config_text(&documents), "rendered")?;
        assert_eq!(serde_json::to_value(&given)?, serde_json::to_value(&expected)?);
    }
    Ok(())
}

/// Paths of the seed's Job that the chart leaves out, and why.
const LEFT_OUT: [(&str, &str); 5] = [
    // No shell: nothing of the values is ever interpreted by one.
    (".spec.template.spec.containers[0].command[1]", "-c"),
    // Required affinity within the Job's own namespace never finds the model's pods: preferred, in the model's one.
    (
        ".spec.template.spec.affinity.podAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].topologyKey",
        "topology.kubernetes.io/zone",
    ),
    (
        ".spec.template.spec.affinity.podAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].labelSelector.matchLabels.app.kubernetes.io/component",
        "qwen3-vllm",
    ),
    // Volume and mount of the configuration stand elsewhere in the lists only if others precede them.
    ("", ""),
    ("", ""),
];

#[test]
fn the_job_differs_from_the_seeds_only_as_listed() -> Result<()> {
    let seed = documents(RAW)?;
    let expected = leaves(object(&seed, "Job"));
    let left_out: BTreeSet<&str> = LEFT_OUT.iter().map(|(path, _)| *path).filter(|path| !path.is_empty()).collect();
    for helm in HELMS {
        let documents = rendered().by_helm(helm)?;
        let given = leaves(object(&documents, "Job"));
        let missing: BTreeSet<&str> =
            expected.keys().filter(|path| !given.contains_key(*path)).map(String::as_str).collect();
        assert_eq!(missing, left_out, "{helm}: paths of the seed's Job that are not in ours");
        let changed: BTreeMap<&str, (&Value, &Value)> = expected
            .iter()
            .filter_map(|(path, value)| Some((path.as_str(), (value, given.get(path)?))))
            .filter(|(_, (seed, ours))| seed != ours)
            .collect();
        let changes = json!(changed);
        println!("{changes:#}");
    }
    Ok(())
}

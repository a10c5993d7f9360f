//! What the API server would refuse of the pod, or what would not run in it.

use std::collections::BTreeSet;

use serde_json::Value;

use super::super::{Benchmark, CUSTOM_DATA_FOLDER, Fragment, LiveMetrics, Values};
use super::Found;
use crate::validate::quotes;

/// Names of the chart's own volumes, whether this release has them or not.
const VOLUMES: [&str; 8] =
    ["config", "results", "tmp", "headers", "ca", "client-certificate", "gcs-key", "custom-data"];

/// Where the chart's own volumes are mounted.
const MOUNTS: [&str; 8] = [
    "/workspace/config.yml",
    "/results",
    "/tmp",
    "/etc/inference-perf/headers",
    "/etc/inference-perf/ca",
    "/etc/inference-perf/client-certificate",
    CUSTOM_DATA_FOLDER,
    "/etc/inference-perf/gcs-key",
];

/// Names of the chart's own containers.
const CONTAINERS: [&str; 2] = ["inference-perf", "tokenizer"];

impl Found<'_> {
    pub(super) fn image(&mut self, values: &Values) {
        let image = &values.benchmark.image;
        let empty = |text: &Option<String>| text.as_deref().unwrap_or_default().is_empty();
        if image.is_upstream() && empty(&image.tag) && empty(&image.digest) {
            let fault = "it is empty, and upstream's image has no tag of this chart's appVersion";
            self.push(&["benchmark", "image", "tag"], fault, "name one of its tags, such as v0.2.0");
        }
        if image.is_upstream() && values.simulator_if_enabled().is_some() {
            let fault = "upstream's image has no simulator";
            self.push(
                &["simulator", "enabled"],
                fault,
                "set it to false, or benchmark.image to one that has it",
            );
        }
    }

    pub(super) fn pod(&mut self, benchmark: &Benchmark) {
        let given = |text: &Option<String>| text.as_deref().is_some_and(|text| !text.is_empty());
        let ca = benchmark.target.ca.as_ref();
        if ca.is_some_and(|ca| given(&ca.existing_secret) && given(&ca.existing_config_map)) {
            let fault = "existingSecret is given too";
            self.push(&["benchmark", "target", "ca", "existingConfigMap"], fault, "name only one of them");
        }
        let port = benchmark.live_metrics.as_ref().and_then(LiveMetrics::port_if_enabled);
        if port.is_some_and(|port| !(1.0..=65535.0).contains(&port)) {
            let remedy = "write a number from 1 to 65535";
            self.push(&["benchmark", "liveMetrics", "port"], "it is no port", remedy);
        }
        if let Some(custom) = benchmark.custom_data.as_ref().filter(|custom| custom.enabled == Some(true)) {
            if given(&custom.existing_config_map) && given(&custom.existing_claim) {
                let fault = "existingConfigMap is given too";
                self.push(&["benchmark", "customData", "existingClaim"], fault, "name only one of them");
            }
            if custom.place().is_none() {
                let fault = "no data set is named";
                let remedy = "name its file or folder, or a ConfigMap or claim that holds it";
                self.push(&["benchmark", "customData", "path"], fault, remedy);
            }
        }
        let variables: Vec<Fragment> =
            benchmark.extra_env.iter().flatten().map(|variable| variable.0.clone()).collect();
        self.unique("extraEnv", "name", &variables, BTreeSet::new());
        let volumes = benchmark.extra_volumes.as_deref().unwrap_or_default();
        self.unique("extraVolumes", "name", volumes, taken(&VOLUMES));
        let mounts = benchmark.extra_volume_mounts.as_deref().unwrap_or_default();
        self.unique("extraVolumeMounts", "mountPath", mounts, taken(&MOUNTS));
        let first = benchmark.init_containers.as_deref().unwrap_or_default();
        let names = self.unique("initContainers", "name", first, taken(&CONTAINERS));
        let beside = benchmark.extra_containers.as_deref().unwrap_or_default();
        self.unique("extraContainers", "name", beside, names);
        for (i, object) in benchmark.extra_objects.iter().flatten().enumerate() {
            self.extra_object(&i.to_string(), object);
        }
    }

    /// Helm itself reads these parts of an object, and ends where they have another shape.
    fn extra_object(&mut self, index: &str, object: &Fragment) {
        let none = Value::Null;
        let metadata = object.get("metadata").unwrap_or(&none);
        let annotations = metadata.get("annotations").unwrap_or(&none);
        let within = |path: &[&'static str]| [&["benchmark", "extraObjects", index], path].concat();
        self.text(&within(&["apiVersion"]), object.get("apiVersion"));
        self.text(&within(&["kind"]), object.get("kind"));
        self.mapping(&within(&["metadata"]), metadata);
        self.text(&within(&["metadata", "name"]), metadata.get("name"));
        self.mapping(&within(&["metadata", "annotations"]), annotations);
        for (name, value) in annotations.as_object().into_iter().flatten() {
            self.text(&[&within(&["metadata", "annotations"])[..], &[name]].concat(), Some(value));
        }
    }

    /// Refuses what is there and no mapping.
    fn mapping(&mut self, path: &[&str], value: &Value) {
        if !value.is_object() && !value.is_null() {
            self.push(path, "it is no mapping", "write its keys below it, or leave it out");
        }
    }

    /// Refuses what is there and no text.
    fn text(&mut self, path: &[&str], value: Option<&Value>) {
        if value.is_some_and(|value| !value.is_string() && !value.is_null()) {
            let node = self.node.at(path.iter().copied());
            self.push(path, "it is no text", quotes(node.map_or(&self.node.origin, |node| &node.origin)));
        }
    }

    /// Every item of `benchmark.KEY` needs a `field` of its own, which is none of those `taken`; gives all of them.
    fn unique(
        &mut self,
        key: &str,
        field: &str,
        items: &[Fragment],
        mut taken: BTreeSet<String>,
    ) -> BTreeSet<String> {
        for (i, item) in items.iter().enumerate() {
            let path = ["benchmark", key, &i.to_string(), field];
            match item.get(field).and_then(Value::as_str).filter(|name| !name.is_empty()) {
                None => self.push(&path, "it is missing, or is no text", format!("write a {field}")),
                Some(name) if !taken.insert(name.to_owned()) => {
                    self.push(
                        &path,
                        format!("`{name}` is there already"),
                        format!("give each item its own {field}"),
                    );
                }
                Some(_) => {}
            }
        }
        taken
    }
}

fn taken(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

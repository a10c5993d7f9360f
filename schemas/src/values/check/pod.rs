//! What the API server would refuse of the pod, or what would not run in it.

use std::collections::BTreeSet;

use serde_json::Value;

use super::super::{Benchmark, Fragment, Values};
use super::Found;

/// Names of the chart's own volumes, whether this release has them or not.
const VOLUMES: [&str; 6] = ["config", "results", "tmp", "headers", "ca", "client-certificate"];

/// Where the chart's own volumes are mounted.
const MOUNTS: [&str; 6] = [
    "/workspace/config.yml",
    "/results",
    "/tmp",
    "/etc/inference-perf/headers",
    "/etc/inference-perf/ca",
    "/etc/inference-perf/client-certificate",
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

    /// Helm reads the head of every object, and ends where it has another shape.
    pub(super) fn extra_objects(&mut self, benchmark: &Benchmark) {
        for (object, place) in benchmark.extra_objects.iter().flatten().zip(0_u32..) {
            let place = place.to_string();
            for key in wrong_heads(object) {
                let path: Vec<&str> = ["benchmark", "extraObjects", &place]
                    .into_iter()
                    .chain(key.path.iter().copied())
                    .collect();
                self.push(&path, format!("it is not {}", key.wanted), "write it as Kubernetes has it");
            }
        }
    }

    pub(super) fn pod(&mut self, benchmark: &Benchmark) {
        let given = |text: &Option<String>| text.as_deref().is_some_and(|text| !text.is_empty());
        let ca = benchmark.target.ca.as_ref();
        if ca.is_some_and(|ca| given(&ca.existing_secret) && given(&ca.existing_config_map)) {
            let fault = "existingSecret is given too";
            self.push(&["benchmark", "target", "ca", "existingConfigMap"], fault, "name only one of them");
        }
        if benchmark.custom_data.as_ref().is_some_and(|data| data.enabled == Some(true)) {
            let fault = "the chart has no data sets yet";
            let remedy = "set it to false, or put the data set under benchmark.config.data";
            self.push(&["benchmark", "customData", "enabled"], fault, remedy);
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

/// A part of an object's head that has another shape than every object's.
struct WrongHead {
    path: &'static [&'static str],
    wanted: &'static str,
}

fn wrong_heads(object: &serde_json::Map<String, Value>) -> Vec<WrongHead> {
    const TEXT: &str = "text";
    const MAPPING: &str = "a mapping";
    let nothing = Value::Null;
    let part = |of: &Value, key: &str| of.get(key).cloned().unwrap_or_default();
    let metadata = object.get("metadata").unwrap_or(&nothing);
    let annotations = part(metadata, "annotations");
    let is_text = |value: &Value| value.is_null() || value.is_string();
    let is_mapping = |value: &Value| value.is_null() || value.is_object();
    let texts = annotations.as_object().is_none_or(|entries| entries.values().all(is_text));
    [
        (is_text(object.get("apiVersion").unwrap_or(&nothing)), &["apiVersion"][..], TEXT),
        (is_text(object.get("kind").unwrap_or(&nothing)), &["kind"], TEXT),
        (is_mapping(metadata), &["metadata"], MAPPING),
        (is_text(&part(metadata, "name")), &["metadata", "name"], TEXT),
        (is_mapping(&annotations) && texts, &["metadata", "annotations"], "a mapping of texts"),
    ]
    .into_iter()
    .filter_map(|(sound, path, wanted)| (!sound).then_some(WrongHead { path, wanted }))
    .collect()
}

//! Rendered objects, and how a list of them is written.

use serde_json::{Value, json};

use crate::chart;

/// One Kubernetes object.
#[derive(Debug, Clone, PartialEq)]
pub struct Manifest {
    /// The chart's template that it comes from, for example `templates/job.yaml`.
    pub template: &'static str,
    /// Its YAML, without document separator.
    pub text: String,
    /// What the YAML says.
    pub object: Value,
}

impl Manifest {
    /// The object's kind.
    pub fn kind(&self) -> &str {
        self.object.get("kind").and_then(Value::as_str).unwrap_or_default()
    }

    /// True for what Helm runs at an event instead of installing it.
    pub fn is_hook(&self) -> bool {
        is_hook(&self.object)
    }

    /// True for a pod of `helm test`.
    pub fn is_test(&self) -> bool {
        let events = hook(&self.object).and_then(Value::as_str);
        events.is_some_and(|events| events.split(',').any(|event| event.trim() == "test"))
    }
}

/// True for an object that Helm creates at an event instead of installing it.
pub fn is_hook(object: &Value) -> bool {
    hook(object).is_some()
}

fn hook(object: &Value) -> Option<&Value> {
    object.pointer("/metadata/annotations/helm.sh~1hook")
}

/// All manifests as YAML documents, as `helm template` prints them.
pub fn to_yaml(manifests: &[Manifest]) -> String {
    let mut out = String::new();
    for Manifest { template, text, .. } in manifests {
        out.extend(["---\n# Source: ", chart::NAME, "/", template, "\n", text, "\n"]);
    }
    out
}

/// All manifests as one JSON object of kind List, which `kubectl apply -f -` takes.
pub fn to_json(manifests: &[Manifest]) -> String {
    let items: Vec<&Value> = manifests.iter().map(|manifest| &manifest.object).collect();
    let list = json!({ "apiVersion": "v1", "kind": "List", "items": items });
    format!("{list:#}\n")
}

//! What a Kubernetes API server adds to objects by itself, taken off again.

use serde_json::{Value, json};

/// Fields of `metadata` that only the server writes.
const METADATA: [&str; 7] = [
    "creationTimestamp",
    "generation",
    "managedFields",
    "resourceVersion",
    "selfLink",
    "uid",
    "ownerReferences",
];

/// Annotations and labels that tools and controllers write, by the start of their names.
const MARKS: [&str; 8] = [
    "kubectl.kubernetes.io/",
    "meta.helm.sh/",
    "deployment.kubernetes.io/",
    "batch.kubernetes.io/controller-uid",
    "batch.kubernetes.io/job-name",
    "batch.kubernetes.io/job-tracking",
    "controller-uid",
    "job-name",
];

/// Fields with the values that the server gives them where a manifest is silent.
fn defaults() -> [(&'static str, Value); 29] {
    [
        ("completionMode", json!("NonIndexed")),
        ("completions", json!(1)),
        ("parallelism", json!(1)),
        ("suspend", json!(false)),
        ("manualSelector", json!(false)),
        ("podReplacementPolicy", json!("TerminatingOrFailed")),
        ("dnsPolicy", json!("ClusterFirst")),
        ("schedulerName", json!("default-scheduler")),
        ("terminationMessagePath", json!("/dev/termination-log")),
        ("terminationMessagePolicy", json!("File")),
        ("defaultMode", json!(420)),
        ("protocol", json!("TCP")),
        ("restartPolicy", json!("Always")),
        ("revisionHistoryLimit", json!(10)),
        ("progressDeadlineSeconds", json!(600)),
        ("internalTrafficPolicy", json!("Cluster")),
        ("ipFamilyPolicy", json!("SingleStack")),
        ("sessionAffinity", json!("None")),
        ("type", json!("ClusterIP")),
        (
            "strategy",
            json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}}),
        ),
        ("successThreshold", json!(1)),
        ("failureThreshold", json!(3)),
        ("periodSeconds", json!(10)),
        ("timeoutSeconds", json!(1)),
        ("scheme", json!("HTTP")),
        // Of a reference to a field of the pod; no object of the chart is left without its own.
        ("apiVersion", json!("v1")),
        ("enableServiceLinks", json!(true)),
        ("terminationGracePeriodSeconds", json!(30)),
        ("imagePullPolicy", json!("IfNotPresent")),
    ]
}

/// `live` without what the server or a controller wrote beside what `rendered` says; defaults are kept where `rendered`
/// names the field too.
#[must_use]
pub(super) fn without_server_fields(live: &Value, rendered: Option<&Value>) -> Value {
    let mut live = live.clone();
    if let Some(object) = live.as_object_mut() {
        object.remove("status");
    }
    if let Some(metadata) = live.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.retain(|field, _| !METADATA.contains(&field.as_str()));
        if rendered.is_some_and(|rendered| rendered.pointer("/metadata/namespace").is_none()) {
            metadata.remove("namespace");
        }
    }
    let is_job = live.get("kind").is_some_and(|kind| kind == "Job");
    if let Some(spec) = live.get_mut("spec").and_then(Value::as_object_mut) {
        let own = ["clusterIP", "clusterIPs", "ipFamilies"];
        spec.retain(|field, _| !own.contains(&field.as_str()));
        if is_job {
            spec.remove("selector");
        }
    }
    clean(&mut live, rendered, &defaults());
    live
}

fn clean(live: &mut Value, rendered: Option<&Value>, defaults: &[(&str, Value)]) {
    match live {
        Value::Object(entries) => {
            entries.retain(|key, value| {
                let said = rendered.is_some_and(|rendered| rendered.get(key).is_some());
                let mark = MARKS.iter().any(|start| key.starts_with(start));
                let default = defaults.iter().any(|(name, default)| name == key && default == value);
                // The old name of `serviceAccountName`.
                let copy = key == "serviceAccount";
                said || !(mark || default || copy)
            });
            for (key, value) in entries {
                clean(value, rendered.and_then(|rendered| rendered.get(key)), defaults);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                let same = rendered.and_then(Value::as_array).and_then(|items| {
                    let named = item.get("name").map_or_else(Vec::new, |name| {
                        items.iter().filter(|other| other.get("name") == Some(name)).collect()
                    });
                    // A name that several have tells nothing.
                    if let [only] = named.as_slice() { Some(*only) } else { items.get(index) }
                });
                clean(item, same, defaults);
            }
        }
        _ => {}
    }
}

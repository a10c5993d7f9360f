//! The pod template's parts.

use benchmark_schemas::translate;
use benchmark_schemas::values::figure::Whole;
use benchmark_schemas::values::pod::{AffinityMode, PullPolicy};
use benchmark_schemas::values::{Fragment, Values, target_service};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::names::Names;
use super::{deadline, text};
use crate::chart;
use crate::go_json;

/// Seconds between SIGTERM and SIGKILL where values do not say.
const GRACE_SECONDS: u32 = 120;

/// What the pod template is filled with. It names no version of the chart, so that a new chart alone does not make a
/// new Job.
#[derive(Debug, Serialize)]
pub(crate) struct Pod {
    labels: Map<String, Value>,
    annotations: Map<String, Value>,
    active_deadline_seconds: Option<Value>,
    termination_grace_period_seconds: Value,
    service_account: String,
    image_pull_secrets: Vec<Value>,
    security_context: Map<String, Value>,
    affinity: Option<Value>,
    node_selector: Map<String, Value>,
    tolerations: Vec<Value>,
    image: String,
    image_pull_policy: &'static str,
    env: Vec<Value>,
    resources: Map<String, Value>,
    container_security_context: Map<String, Value>,
}

impl Pod {
    pub(super) fn new(values: &Values, names: &Names, config: &Map<String, Value>) -> Self {
        let benchmark = &values.benchmark;
        let image = &benchmark.image;
        let grace = benchmark.termination_grace_period_seconds;
        let job = benchmark.job.clone().unwrap_or_default();
        let active_deadline_seconds = match job.deadline_seconds {
            Some(seconds) => (seconds.get() > 0.0).then(|| seconds.json()),
            None => deadline::seconds(config, grace.map_or(f64::from(GRACE_SECONDS), Whole::get)),
        };
        let mut own_labels = names.identity();
        own_labels
            .extend(text::map([("app", "inference-perf"), ("benchmark.scenario", &benchmark.scenario)]));
        let digest = go_json::sha256(&Value::Object(config.clone()));
        let mut own_annotations = text::map([("checksum/config", digest.as_str())]);
        if job.retry_on_disruption == Some(true) {
            // The failure policy is as immutable as the pod template, but no part of it: this brings it into the hash.
            own_annotations.extend(text::map([("benchmark.retryOnDisruption", "true")]));
        }
        Self {
            labels: text::merged([values.common_labels.as_ref(), benchmark.pod_labels.as_ref()], &own_labels),
            annotations: text::merged(
                [values.common_annotations.as_ref(), benchmark.pod_annotations.as_ref()],
                &own_annotations,
            ),
            active_deadline_seconds,
            termination_grace_period_seconds: grace.map_or(json!(GRACE_SECONDS), Whole::json),
            service_account: names.service_account.clone(),
            image_pull_secrets: list(benchmark.image_pull_secrets.as_ref()),
            security_context: fragment(benchmark.pod_security_context.as_ref()),
            affinity: affinity(values, names),
            node_selector: text::merged([benchmark.node_selector.as_ref()], &Map::new()),
            tolerations: list(benchmark.tolerations.as_ref()),
            image: match (text::given(image.digest.as_ref()), text::given(image.tag.as_ref())) {
                (Some(digest), _) => format!("{}@{digest}", image.repository),
                (None, tag) => format!("{}:{}", image.repository, tag.unwrap_or(chart::app_version())),
            },
            image_pull_policy: image.pull_policy.unwrap_or(PullPolicy::IfNotPresent).as_str(),
            env: environment(values),
            resources: resources(benchmark.resources.as_ref()),
            container_security_context: fragment(benchmark.security_context.as_ref()),
        }
    }
}

fn fragment(given: Option<&Fragment>) -> Map<String, Value> {
    given.map(text::without_nulls).unwrap_or_default()
}

fn list(given: Option<&Vec<Fragment>>) -> Vec<Value> {
    given.into_iter().flatten().map(|item| Value::Object(text::without_nulls(item))).collect()
}

/// The chart's variables, then the user's; one that the user gives too is left out of the chart's.
fn environment(values: &Values) -> Vec<Value> {
    let benchmark = &values.benchmark;
    let variable = |name: &str, key: &str, value: Value| {
        Map::from_iter([("name".into(), json!(name)), (key.into(), value)])
    };
    let secret =
        |name: &str, reference: Value| variable(name, "valueFrom", json!({ "secretKeyRef": reference }));
    let mut own =
        vec![variable("HOME", "value", json!("/results")), variable("HF_HOME", "value", json!("/tmp/hf"))];
    if let Some(token) = &benchmark.hf_token
        && let Some(name) = text::given(token.existing_secret.as_ref())
    {
        let key = text::given(token.key.as_ref()).unwrap_or("token");
        let optional = token.optional != Some(false);
        own.push(secret("HF_TOKEN", json!({ "name": name, "key": key, "optional": optional })));
    }
    let keys = translate::s3_bucket(benchmark).and_then(|s3| text::given(s3.existing_secret.as_ref()));
    if let Some(name) = keys {
        for key in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"] {
            own.push(secret(key, json!({ "name": name, "key": key })));
        }
    }
    let given = benchmark.extra_env.as_deref().unwrap_or_default();
    own.retain(|own| !given.iter().any(|variable| own["name"] == variable.name()));
    own.extend(given.iter().map(|variable| {
        let mut variable = text::without_nulls(&variable.0);
        if let Some(value) = variable.get_mut("value") {
            *value = Value::String(text::scalar(value));
        }
        variable
    }));
    own.into_iter().map(Value::Object).collect()
}

/// The container's resources: `main` is merged over the rest, and quantities are strings, whatever `--set …cpu=4`
/// makes of them.
fn resources(given: Option<&Fragment>) -> Map<String, Value> {
    let mut resources = given.cloned().unwrap_or_default();
    if let Some(Value::Object(main)) = resources.shift_remove("main") {
        translate::merge(&mut resources, &main);
    }
    for part in ["requests", "limits"] {
        if let Some(Value::Object(quantities)) = resources.get_mut(part) {
            quantities.retain(|_, quantity| !quantity.is_null());
            quantities.values_mut().for_each(|quantity| *quantity = Value::String(text::scalar(quantity)));
        }
    }
    text::without_nulls(&resources)
}

/// Affinity to the zone of the model's pods; none if it is off, or preferred with nothing known about those pods.
fn affinity(values: &Values, names: &Names) -> Option<Value> {
    let affinity = values.benchmark.affinity.as_ref()?;
    let mode = affinity.mode.unwrap_or(AffinityMode::Preferred);
    if affinity.enabled == Some(false) || mode == AffinityMode::Off {
        return None;
    }
    let service = target_service(&values.benchmark.target.base_url);
    let mut labels = text::merged([affinity.target_labels.as_ref()], &Map::new());
    if labels.is_empty() {
        labels = text::map([("app.kubernetes.io/component", service.as_ref()?.name.as_str())]);
    }
    let namespaces = match affinity.namespaces.as_deref() {
        Some(given) if !given.is_empty() => given.to_vec(),
        _ => vec![service.and_then(|service| service.namespace).unwrap_or_else(|| names.namespace.clone())],
    };
    let term = json!({
        "labelSelector": { "matchLabels": labels },
        "namespaces": namespaces,
        "topologyKey": "topology.kubernetes.io/zone",
    });
    Some(json!({
        "podAffinity": match mode {
            AffinityMode::Required => json!({ "requiredDuringSchedulingIgnoredDuringExecution": [term] }),
            _ => json!({
                "preferredDuringSchedulingIgnoredDuringExecution": [{ "weight": 100, "podAffinityTerm": term }],
            }),
        },
    }))
}

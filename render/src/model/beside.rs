//! Objects beside the Job that a release has one of: the claim for results, and what reads the run's own metrics.

use benchmark_schemas::values::Values;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::names::Names;
use super::{pod, text};

/// The dashboard as the chart has it.
pub(crate) const DASHBOARD: &str =
    include_str!("../../../charts/benchmark-charts/dashboards/inference-perf.json");

/// A claim that the chart makes.
#[derive(Debug, Serialize)]
pub(crate) struct Claim {
    name: String,
    labels: Map<String, Value>,
    annotations: Map<String, Value>,
    access_modes: Vec<Value>,
    storage_class_name: Option<String>,
    size: String,
}

/// A `PodMonitor`.
#[derive(Debug, Serialize)]
pub(crate) struct PodMonitor {
    name: String,
    labels: Map<String, Value>,
    annotations: Map<String, Value>,
    identity: Map<String, Value>,
    interval: String,
}

/// A `ConfigMap` with the dashboard.
#[derive(Debug, Serialize)]
pub(crate) struct Dashboard {
    name: String,
    labels: Map<String, Value>,
    annotations: Map<String, Value>,
    text: &'static str,
}

impl Claim {
    /// The claim of a release that keeps results on one and names none.
    pub(super) fn new(values: &Values, names: &Names) -> Option<Self> {
        let claim = pod::claim(&values.benchmark)?;
        if text::given(claim.existing_claim.as_ref()).is_some() {
            return None;
        }
        let modes: Vec<Value> = claim.access_modes.iter().flatten().map(|mode| json!(mode)).collect();
        let keep = text::map([("helm.sh/resource-policy", "keep")]);
        Some(Self {
            name: pod::claim_name(claim, names),
            labels: text::merged([], &names.labels(values)),
            annotations: text::merged([values.common_annotations.as_ref()], &keep),
            access_modes: if modes.is_empty() { vec![json!("ReadWriteOnce")] } else { modes },
            storage_class_name: text::given(claim.storage_class_name.as_ref()).map(str::to_owned),
            size: text::given(claim.size.as_ref()).unwrap_or("10Gi").to_owned(),
        })
    }
}

impl PodMonitor {
    /// That of a release that serves its metrics and wants one.
    pub(super) fn new(values: &Values, names: &Names) -> Option<Self> {
        pod::live_port(&values.benchmark)?;
        let monitor = values.benchmark.live_metrics.as_ref()?.pod_monitor.as_ref()?;
        (monitor.enabled == Some(true)).then(|| Self {
            name: names.prefixed("metrics"),
            labels: text::merged([monitor.labels.as_ref()], &names.labels(values)),
            annotations: text::merged([values.common_annotations.as_ref()], &Map::new()),
            identity: names.identity(),
            interval: text::given(monitor.interval.as_ref()).unwrap_or("15s").to_owned(),
        })
    }
}

impl Dashboard {
    /// That of a release that serves its metrics and wants one.
    pub(super) fn new(values: &Values, names: &Names) -> Option<Self> {
        pod::live_port(&values.benchmark)?;
        let dashboard = values.benchmark.live_metrics.as_ref()?.dashboard.as_ref()?;
        (dashboard.enabled == Some(true)).then(|| Self {
            name: names.prefixed("dashboard"),
            labels: text::merged([dashboard.labels.as_ref()], &names.labels(values)),
            annotations: text::merged([values.common_annotations.as_ref()], &Map::new()),
            text: DASHBOARD,
        })
    }
}

//! The run's own metrics, and who shall read them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::figure::Whole;
use super::fragment::Scalars;

/// The run's own metrics, served while it runs.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LiveMetrics {
    /// Serve them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// Port of the page `/metrics`. Unset: 9464.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<Whole>,
    /// A `PodMonitor` for the Prometheus operator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod_monitor: Option<PodMonitor>,
    /// A dashboard for Grafana.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dashboard: Option<Dashboard>,
}

/// A `PodMonitor` for the run's own metrics.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PodMonitor {
    /// Make it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// Time between two readings, such as `15s`. Empty: 15s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<String>,
    /// Its labels. They cannot replace the chart's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels: Option<Scalars>,
}

/// A `ConfigMap` with a dashboard for Grafana.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Dashboard {
    /// Make it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// Its labels, by which Grafana's sidecar finds it. They cannot replace the chart's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels: Option<Scalars>,
}

impl LiveMetrics {
    /// Port where they are served, if they are.
    #[must_use]
    pub fn port_if_enabled(&self) -> Option<f64> {
        (self.enabled == Some(true)).then(|| self.port.map_or(9464.0, Whole::get))
    }
}

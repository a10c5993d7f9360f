//! Values of the simulated model server.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::fragment::{Fragment, Fragments, Scalars};

/// A simulated model server that the chart deploys beside the benchmark.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Simulator {
    /// Deploy it, and run the scenario against it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// Further arguments of `inference-perf simulate`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub args: Option<Vec<String>>,
    /// Resources of its container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<Fragment>,
    /// Node labels that its pod asks for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node_selector: Option<Scalars>,
    /// Tolerations of its pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tolerations: Option<Fragments>,
}

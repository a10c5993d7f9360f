//! `extensions.gates`: what must hold, lest a run that has gone well ends with exit code 4.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What must hold, lest the run ends with exit code 4. With `extensions.slo` the objectives must be met in any case.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Gates {
    /// Rate up to which the objectives of `extensions.slo` must be met, requests/s: in every stage of this rate or less.
    /// If not given they must be met in every stage, where `load.stages` gives them; a sweep or a search, which goes
    /// beyond what the server can do by intent, has no such gate then.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub slo_up_to_rate: Option<f64>,
    /// At least one request must succeed.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub all_failed: bool,
}

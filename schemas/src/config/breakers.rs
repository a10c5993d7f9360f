//! `circuit_breakers`: conditions on finished requests that stop a stage. Unknown keys are ignored here, as
//! upstream does.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A condition on finished requests that stops a stage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CircuitBreaker {
    /// Name by which `load.circuit_breakers` refers to it; the last of the same name counts.
    pub name: String,
    /// Which requests count, and which of them are hits.
    pub metrics: BreakerMetrics,
    /// What opens the breaker; any of them does, none never does.
    pub triggers: Vec<Trigger>,
}

/// Which requests count for a breaker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BreakerMetrics {
    /// JMESPath expressions on the request's record; it counts if any is true.
    #[schemars(length(min = 1))]
    pub matches: Vec<String>,
    /// JMESPath expressions; a request that counts is a hit if any is true, or if there are none.
    #[serde(default)]
    pub rules: Vec<String>,
}

/// What opens a breaker.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Trigger {
    /// So many hits in a row.
    Consecutive {
        /// Hits in a row.
        #[schemars(range(min = 1))]
        threshold: u64,
    },
    /// A share of hits within a window of time.
    RateOverWindow {
        /// Length of the window, seconds.
        #[schemars(extend("exclusiveMinimum" = 0))]
        window_sec: f64,
        /// Share of hits, 0 to 1.
        #[schemars(range(min = 0.0, max = 1.0))]
        threshold: f64,
        /// Requests that the window must hold before the share counts.
        #[serde(default)]
        min_samples: u64,
    },
}

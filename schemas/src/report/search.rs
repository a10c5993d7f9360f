//! `search` in `capacity.json`: what a search for the capacity found, and each of its steps.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Binding, Estimate};
use crate::config::Profile;
use crate::slo::Slo;

/// What a search for the capacity found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Search {
    /// How exact it was meant to be.
    pub profile: Profile,
    /// The objectives; those that it set itself are twice the 95th percentiles of one request in flight.
    pub objectives: Vec<Slo>,
    /// True if it came to its end: the rate is known as exactly as the profile asks for, and certified.
    pub decided: bool,
    /// Why it ended.
    pub ending: String,
    /// Most that the server completes, requests/s; null if the ladder did not come to its top.
    pub throughput_ceiling: Option<Estimate>,
    /// Highest rate that meets all objectives, requests/s; null if there is no estimate.
    pub slo_rate: Option<Estimate>,
    /// Rate that runs of their own have shown to meet the objectives, requests/s: the one for capacity plans.
    pub certified_rate: Option<f64>,
    /// Throughput of the concurrency at which throughput / latency is greatest, requests/s.
    pub efficient_rate: Option<f64>,
    /// What keeps the rate from being higher.
    pub binding: Option<Binding>,
    /// True if the objectives go from met to missed within the interval, without a slope in between.
    pub cliff: bool,
    /// Time that load was sent, minutes.
    pub load_minutes: f64,
    /// Each step, in order.
    pub steps: Vec<SearchStep>,
}

/// A step of a search: one stage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SearchStep {
    /// Number of the stage.
    pub stage: u32,
    /// What it was for.
    pub purpose: Purpose,
    /// Why it was run.
    pub why: String,
    /// What it showed.
    pub finding: String,
}

/// What a step of a search is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// Requests in flight, more and more of them: how much can the server complete?
    Ladder,
    /// Where about do the objectives fail?
    Scout,
    /// Exactly where: rates below and above.
    Straddle,
    /// Does the rate that is going to be named hold?
    Certify,
}

impl Purpose {
    /// The name in `capacity.json`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ladder => "ladder",
            Self::Scout => "scout",
            Self::Straddle => "straddle",
            Self::Certify => "certify",
        }
    }
}

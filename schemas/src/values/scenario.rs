//! Scenarios as values describe them: lengths in tokens, rates in requests per second, durations in seconds.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::{DataType, Profile};
use crate::slo::SloMetric;

use super::figure::{Amount, Count, Percentile, Rate, Seconds, Whole};

/// Scenarios by name; a null takes a built-in one away.
pub type Scenarios = IndexMap<String, Option<Scenario>>;

/// One kind of load: what is asked, and how often.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Scenario {
    /// What the scenario is for; shown in the Job's annotations.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// What requests ask.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Data>,
    /// When requests are sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load: Option<Load>,
}

/// What requests ask.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Data {
    /// Where prompts come from, one of the runner's `data.type`s. Unset: synthetic.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<DataType>,
    /// Lengths of prompts, in tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<Lengths>,
    /// Lengths of answers, in tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<Lengths>,
}

/// A normal distribution of lengths in tokens, cut off at both ends.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Lengths {
    /// Mean, tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mean: Option<Amount>,
    /// Standard deviation, tokens; 0 gives every request the mean.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub std_dev: Option<Amount>,
    /// Shortest, tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<Whole>,
    /// Longest, tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<Whole>,
}

/// When requests are sent.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Load {
    /// Law of arrivals: constant, poisson, or concurrent for a fixed number of requests in flight.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<LoadType>,
    /// Load generating workers. They are not users: any number of requests is in flight at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub num_workers: Option<Count>,
    /// Stages, run one after the other. An item that gives only a part takes the rest from the built-in scenario.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stages: Option<Vec<Option<Stage>>>,
    /// Find the stages by a sweep instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sweep: Option<Sweep>,
    /// Search for the highest rate that meets service-level objectives instead, for load types constant and poisson.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capacity: Option<Capacity>,
}

/// A search for the highest rate that meets service-level objectives; it makes its own stages.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Capacity {
    /// How exact: coarse, normal or tight.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<Profile>,
    /// Longest time of the search, minutes. Unset: no limit, and the pod has no deadline either.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget_minutes: Option<Seconds>,
    /// Most requests in flight.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_concurrency: Option<Count>,
    /// The objectives. Empty: twice the latencies of one request in flight, and 1 % errors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slo: Option<Vec<Objective>>,
}

/// A service-level objective: the quantile of the metric is not above the limit.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Objective {
    /// What it is about: ttft, tpot, ntpot, latency or errors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metric: Option<SloMetric>,
    /// Share of the requests that must keep within the limit, between 0 and 1; errors have none. Unset: 0.95.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quantile: Option<Rate>,
    /// The limit: seconds, or a share of failed requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<Rate>,
}

/// Law of arrivals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LoadType {
    /// Arrivals spread evenly at random over the stage; their number is exact.
    Constant,
    /// A Poisson process: bursts as independent users make them.
    Poisson,
    /// A fixed number of requests in flight: the next starts when one ends.
    Concurrent,
}

impl LoadType {
    /// The value as written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Constant => "constant",
            Self::Poisson => "poisson",
            Self::Concurrent => "concurrent",
        }
    }
}

/// A span of time with one request rate; for concurrent load, a number of requests of which so many are in flight.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Stage {
    /// Requests per second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<Rate>,
    /// Length in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration: Option<Count>,
    /// Requests of a stage of concurrent load.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub num_requests: Option<Count>,
    /// How many of them are in flight at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrency_level: Option<Count>,
}

/// Stages that the runner chooses itself: it measures the service rate with a burst, then crowds stages towards it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Sweep {
    /// How the rates are spaced: geometric or linear.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<SweepType>,
    /// Requests of the burst.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub num_requests: Option<Count>,
    /// Longest time for the burst, seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Seconds>,
    /// Number of stages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub num_stages: Option<Count>,
    /// Length of a stage, seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage_duration: Option<Count>,
    /// Which percentile of the observed service rates counts as saturation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub saturation_percentile: Option<Percentile>,
}

/// Spacing of a sweep's rates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SweepType {
    /// Closer together towards saturation.
    Geometric,
    /// Equal steps.
    Linear,
}

impl SweepType {
    /// The value as written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Geometric => "geometric",
            Self::Linear => "linear",
        }
    }
}

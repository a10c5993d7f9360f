//! `capacity.json`: what each stage showed, and the two brackets that follow.
//!
//! All rates are in requests/s, all latencies in seconds, all shares between 0 and 1.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::client::ClientConduct;
use super::{Attainment, Binding, Descriptive, Estimate, ProductionNeed, Resolution, Search, Sweep};
use crate::record;

/// The answer to "which rate can be relied on?", with all that it rests on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Capacity {
    /// Version of this file's structure: 1.
    pub format: u32,
    /// Eight hexadecimal digits that name the run.
    pub run_id: String,
    /// True if a signal or a deadline ended the run before its plan was done.
    pub interrupted: bool,
    /// The limits by which the verdicts were given.
    pub limits: Limits,
    /// What the sweep found by which the stages were chosen; null without a sweep.
    pub sweep: Option<Sweep>,
    /// What the search for the capacity found, whose steps the stages were; null without one.
    pub search: Option<Search>,
    /// What each stage showed, in the order of the run.
    pub stages: Vec<StageCapacity>,
    /// Where the server stops keeping up.
    pub saturation: Saturation,
    /// Where the service gets worse.
    pub knee: Knee,
    /// Most that the server completes, requests/s: by the search's ladder, else by the stages that saturated it; null
    /// where nothing did.
    pub throughput_ceiling: Option<Estimate>,
    /// What this run could not see.
    pub resolution: Resolution,
    /// Curves through the measurements that answer nothing.
    pub descriptive: Descriptive,
    /// Replicas for production, if the configuration says what that needs and a rate can be recommended.
    pub production: Option<ProductionNeed>,
    /// What a reader of the brackets should know besides, such as stages that contradict each other.
    pub notes: Vec<String>,
}

/// An interval of offered rates, requests/s: `[lower, upper]`; null where no stage marks that end.
///
/// The lower end is a rate that was seen to be good, the upper end one that was seen to be bad.
pub type Bracket = [Option<f64>; 2];

/// Where the server stops keeping up with the offered rate.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Saturation {
    /// Offered rates, requests/s: last stage that was not saturated, first stage that was.
    pub bracket: Bracket,
    /// Where within the bracket, requests/s: what the first saturated stage completed; null without one.
    pub estimate: Option<Estimate>,
}

/// Where latencies or errors leave what they are at low load.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Knee {
    /// Offered rates, requests/s: last sustained stage, first degraded or saturated one.
    pub bracket: Bracket,
    /// Where within the bracket, requests/s: the rate at which the objectives, or the limits of `degraded`, are just met,
    /// by a search or between the two stages; null if the stages do not tell.
    pub estimate: Option<Estimate>,
    /// What marks the upper end; null where that is.
    pub binding: Option<Binding>,
    /// Recommended production range, requests/s: a share of the bracket's lower end, see
    /// `limits.recommended_share`; null where that end is.
    pub recommended: Option<[f64; 2]>,
    /// Stage with whose latencies the others were compared; null if no stage could serve for it.
    pub baseline_stage: Option<u32>,
}

/// What is concluded from one stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Verdict {
    /// The server kept up, and latencies and errors stayed as they are at low load.
    #[serde(rename = "sustained")]
    Sustained,
    /// The server kept up, but latencies or errors rose above their limits.
    #[serde(rename = "degraded")]
    Degraded,
    /// Work piled up: fewer requests came to their end than fell due.
    #[serde(rename = "saturated")]
    Saturated,
    /// The stage does not show enough to say; it moves no bracket.
    #[serde(rename = "undecided")]
    Undecided,
    /// The load generator itself was too slow, so that the stage says nothing about the server; it moves no bracket.
    #[serde(rename = "invalid (client)")]
    InvalidClient,
}

impl Verdict {
    /// All verdicts, best first.
    pub const ALL: [Self; 5] =
        [Self::Sustained, Self::Degraded, Self::Saturated, Self::Undecided, Self::InvalidClient];
}

impl fmt::Display for Verdict {
    /// The name as it stands in `capacity.json`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Sustained => "sustained",
            Self::Degraded => "degraded",
            Self::Saturated => "saturated",
            Self::Undecided => "undecided",
            Self::InvalidClient => "invalid (client)",
        })
    }
}

/// How arrivals are spread over a stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Pacing {
    /// Exponential gaps, scaled so that exactly rate × duration requests fill the stage; upstream's `constant`.
    ScaledExponential,
    /// Equal gaps.
    Even,
    /// A Poisson process: independent exponential gaps.
    Poisson,
    /// Independent gamma-distributed gaps; `extensions.load.burstiness` of the configuration is their shape.
    Gamma,
    /// The time stamps of a recorded trace.
    Trace,
}

impl From<record::Pacing> for Pacing {
    /// The law alone, without its figures.
    fn from(pacing: record::Pacing) -> Self {
        match pacing {
            record::Pacing::ScaledExponential => Self::ScaledExponential,
            record::Pacing::Even => Self::Even,
            record::Pacing::Poisson => Self::Poisson,
            record::Pacing::Gamma { .. } => Self::Gamma,
            record::Pacing::Trace => Self::Trace,
        }
    }
}

/// What one stage showed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StageCapacity {
    /// Number of the stage, from 0.
    pub stage: u32,
    /// Requests that a closed-loop stage has in flight; null for a stage that follows a schedule.
    pub concurrency: Option<u64>,
    /// Rate that the configuration asks for, requests/s.
    pub configured_rate: f64,
    /// Requests that fell due in the sending window, per second of it; null in a closed loop, which offers as many as
    /// the server answers. The brackets are in this rate.
    pub offered_rate: Option<f64>,
    /// Requests that were sent in the sending window, per second of it.
    pub achieved_rate: f64,
    /// Requests that were answered successfully in the sending window, per second of it.
    pub completed_rate: f64,
    /// Length of the sending window, seconds: the configured duration, or less if the stage was stopped. Of `poisson`
    /// and `gamma` arrivals it ends with the last of them, of a closed loop with the last answer.
    pub window_seconds: f64,
    /// Law of the arrivals.
    pub pacing: Pacing,
    /// What is concluded from the stage.
    pub verdict: Verdict,
    /// Why: one sentence for each finding that led to the verdict.
    pub reasons: Vec<String>,
    /// Scheduled requests of the stage, whatever became of them.
    pub scheduled: u64,
    /// Requests that were answered successfully.
    pub succeeded: u64,
    /// Requests that failed, time-outs included.
    pub failed: u64,
    /// Requests that the end of the stage or of the run cut off.
    pub cancelled: u64,
    /// Requests that were never sent because the stage or the run was stopped.
    pub not_dispatched: u64,
    /// Growth of the backlog as a share of the offered rate; null if too few requests were measured.
    pub backlog_growth: Option<f64>,
    /// One-sided 95 % bounds of `backlog_growth`, `[lower, upper]`.
    pub backlog_growth_interval: Option<[f64; 2]>,
    /// Standard error of `backlog_growth`.
    pub backlog_growth_standard_error: Option<f64>,
    /// Smallest overload that a stage of this rate and length finds with 90 % probability, as a share of the server's
    /// capacity; null in a closed loop, and if it cannot tell any.
    pub detectable_overload: Option<f64>,
    /// Length of the sending window with which the stage would probably be decided, seconds; null if it is, or if length
    /// is not what it lacks.
    pub decides_after_seconds: Option<f64>,
    /// Failures among the requests that came to their end by themselves; null if there were none.
    pub error_rate: Option<f64>,
    /// One-sided 95 % lower bound of `error_rate` (Clopper–Pearson).
    pub error_rate_lower: Option<f64>,
    /// Time to the first token from the scheduled instant (in a closed loop: from the permit), seconds; null without
    /// streamed answers.
    pub time_to_first_token: Option<LatencyQuantiles>,
    /// Request latency per output token from the same instant, seconds; null without answers.
    pub normalized_time_per_output_token: Option<LatencyQuantiles>,
    /// Request latency from the same instant, seconds; null without answers.
    pub request_latency: Option<LatencyQuantiles>,
    /// Time per output token after the first, seconds; both clocks are one here. Null without streamed answers.
    pub time_per_output_token: Option<Quantiles>,
    /// How the stage met each service-level objective; empty if there is none.
    pub objectives: Vec<Attainment>,
    /// Requests in flight, from the scheduled instant to the end, on average over the sending window.
    pub mean_in_system: f64,
    /// What the load generator did.
    pub client: ClientConduct,
}

/// Quantiles of a latency from the scheduled instant, seconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LatencyQuantiles {
    /// Median.
    pub p50: f64,
    /// 95th percentile.
    pub p95: f64,
    /// 99th percentile.
    pub p99: f64,
    /// The same from the instant of sending; null if nothing was sent.
    pub from_sending: Option<Quantiles>,
    /// `p95` in units of the baseline stage's, in that stage in units of its quietest quarter's; null without a baseline.
    pub p95_ratio: Option<f64>,
    /// One-sided 95 % lower bound of `p95_ratio` (moving-block bootstrap); null without a baseline.
    pub p95_ratio_lower: Option<f64>,
}

/// Quantiles of a time, seconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Quantiles {
    /// Median.
    pub p50: f64,
    /// 95th percentile.
    pub p95: f64,
    /// 99th percentile.
    pub p99: f64,
}

/// The limits by which verdicts are given. A stage is compared with them in the order in which they stand here.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// `invalid (client)`: the 99th percentile of the send error is above this, seconds.
    pub send_error_p99_seconds: f64,
    /// `invalid (client)`: the throttled share of the stage is above this.
    pub throttled_share: f64,
    /// `invalid (client)`: the busiest runtime is above this.
    pub busiest_runtime: f64,
    /// `undecided`: fewer requests than this were measured.
    pub min_requests: u64,
    /// `saturated`: the lower bound of the backlog's growth is above this share of the offered rate; `undecided`: only
    /// the upper bound is.
    pub backlog_growth: f64,
    /// `degraded`: p95 of a latency is above this multiple of the baseline stage's …
    pub p95_ratio: f64,
    /// … and the lower bound of the multiple is above this.
    pub p95_ratio_lower: f64,
    /// `degraded`: the lower bound of the error rate is above this.
    pub error_rate: f64,
    /// The recommended range as shares of the knee's lower end.
    pub recommended_share: [f64; 2],
}

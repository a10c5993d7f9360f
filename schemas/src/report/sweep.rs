//! `sweep` in `capacity.json`: the probe ahead of the stages, and the rates that followed from it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::record::{self, SweepFacts};

/// What the probe of a sweep showed, and the rates of the stages that followed from it. The probe's requests are
/// counted nowhere else.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Sweep {
    /// How the estimate was made.
    pub method: SweepMethod,
    /// Rate that the server can complete by the probe, requests/s.
    pub estimated_rate: f64,
    /// 95 % interval of `estimated_rate` (exact for completions that come at random); null if the method has none.
    pub interval: Option<[f64; 2]>,
    /// Successful requests that ended in the busy period.
    pub completions: u64,
    /// Length of the busy period, seconds: the part of the probe that the estimate rests on.
    pub busy_seconds: f64,
    /// Requests of the probe.
    pub requests: u64,
    /// Requests of the probe that succeeded.
    pub succeeded: u64,
    /// Requests of the probe that failed.
    pub failed: u64,
    /// Greatest number of requests that were in flight at once: the estimate holds for as many.
    pub peak_in_flight: u64,
    /// Rates of the stages in order, requests/s.
    pub rates: Vec<f64>,
}

/// How a sweep estimates the rate that the server can complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SweepMethod {
    /// Completions per second while the server had work for all that it can do at once.
    Completions,
    /// Upstream's: a percentile of how fast the number in flight falls.
    Upstream,
}

impl From<SweepFacts> for Sweep {
    fn from(facts: SweepFacts) -> Self {
        Self {
            method: match facts.method {
                record::SweepMethod::Completions => SweepMethod::Completions,
                record::SweepMethod::Upstream => SweepMethod::Upstream,
            },
            estimated_rate: facts.estimate,
            interval: facts.interval,
            completions: facts.completions,
            busy_seconds: facts.busy_seconds,
            requests: facts.requests,
            succeeded: facts.succeeded,
            failed: facts.failed,
            peak_in_flight: facts.peak_in_flight,
            rates: facts.rates,
        }
    }
}

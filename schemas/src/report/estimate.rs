//! What `capacity.json` says beside verdicts and brackets: estimates, objectives, what the plan could not see, and curves
//! that describe the measurements without answering anything.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::slo::Slo;

/// An estimate with its uncertainty.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Estimate {
    /// The estimate.
    pub value: f64,
    /// 95 % interval, `[lower, upper]`.
    pub interval: [f64; 2],
}

/// What marks the knee.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Binding {
    /// Time to first token.
    Ttft,
    /// Time per output token after the first.
    Tpot,
    /// Request latency per output token.
    Ntpot,
    /// Request latency.
    Latency,
    /// Failed requests.
    Errors,
    /// The server does not keep up with the rate.
    Backlog,
    /// The load generator: the server may do more.
    Client,
}

impl fmt::Display for Binding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Ttft => "TTFT",
            Self::Tpot => "TPOT",
            Self::Ntpot => "NTPOT",
            Self::Latency => "request latency",
            Self::Errors => "errors",
            Self::Backlog => "backlog",
            Self::Client => "the load generator",
        })
    }
}

/// How a stage met a service-level objective.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Attainment {
    /// The objective.
    pub slo: Slo,
    /// Requests that count: all that fell due in the sending window. One that failed, was cut off or never sent misses
    /// every objective.
    pub requests: u64,
    /// What the objective limits: the latency that as many of them as it asks for kept to, seconds, or the share of them that
    /// failed. It is met or missed with `share`; null if too few were answered for such a latency.
    pub value: Option<f64>,
    /// Share of them that met it.
    pub share: f64,
    /// One-sided 95 % bounds of `share`, `[lower, upper]`: Clopper–Pearson, with the number of requests cut down to that
    /// of independent ones by a moving-block bootstrap.
    pub bounds: [f64; 2],
    /// True if it is met, false if it is missed, null if the bounds enclose the target.
    pub met: Option<bool>,
}

/// What the run could not see.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Resolution {
    /// Smallest overload that the decisive stages would have found with 90 % probability, as a share of the server's
    /// capacity; null if no stage could tell any.
    pub detectable_overload: Option<f64>,
    /// The same in words, with the width of the brackets.
    pub statement: String,
}

/// Curves that are often drawn through such measurements. They describe them; nothing is concluded from them.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Descriptive {
    /// Offered rate at which p95 of TTFT (else NTPOT) turns most sharply by Kneedle, requests/s; null for fewer than four
    /// stages. It depends on how far the rates reach.
    pub kneedle_rate: Option<f64>,
    /// The Universal Scalability Law through the closed-loop stages; null for fewer than four.
    pub usl: Option<Usl>,
}

/// X(N) = λ·N / (1 + σ·(N − 1) + κ·N·(N − 1)), Gunther's Universal Scalability Law.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Usl {
    /// λ: throughput of one request in flight, requests/s.
    pub lambda: f64,
    /// σ: contention.
    pub sigma: f64,
    /// κ: coherency.
    pub kappa: f64,
    /// Requests in flight of greatest throughput, √((1 − σ)/κ); null if κ is not above 0.
    pub peak_concurrency: Option<f64>,
}

/// Replicas for production, and a threshold for an autoscaler.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProductionNeed {
    /// Greatest rate of production, requests/s.
    pub peak_rate: f64,
    /// Replicas that were under test.
    pub tested_replicas: u64,
    /// Rate that one replica can be relied on for, requests/s: the upper end of the recommended range.
    pub rate_per_replica: f64,
    /// ⌈peak rate / rate per replica⌉.
    pub replicas: u64,
    /// The same with one more, so that the peak is met while one is down.
    pub replicas_with_spare: u64,
    /// Requests in flight of one replica at that rate, by Little's law: a threshold for an autoscaler. Null if no stage
    /// near that rate was measured.
    pub in_flight_per_replica: Option<f64>,
}

//! What the load generator did in a stage: how well it kept the schedule, and what held it back.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the load generator did in a stage. Times are in seconds, shares between 0 and 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClientConduct {
    /// Distance between the scheduled instant and the start of a request, over the requests that found an in-flight
    /// permit free; null if there were none. In a closed loop it counts from the instant of the permit.
    pub send_error_seconds: Option<WaitQuantiles>,
    /// Requests that fell due while `in_flight_cap` earlier ones were unfinished. In a closed loop, where requests
    /// wait for permits by intent, none are counted.
    pub waited_for_permit: u64,
    /// Scheduled instant to permit, over those requests; null if there were none.
    pub permit_wait_seconds: Option<WaitQuantiles>,
    /// Requests that waited for a connection for more than a millisecond.
    pub waited_for_connection: u64,
    /// Start of the last attempt until the request had a connection to itself, over all requests that had one; null
    /// without any.
    pub connection_wait_seconds: Option<WaitQuantiles>,
    /// Share of the sending time that the busiest runtime spent working instead of waiting.
    pub busiest_runtime: f64,
    /// Time for which the CPU quota of the cgroup held the process back; null if the system does not say.
    pub throttled_seconds: Option<f64>,
    /// The same as a share of the sending window.
    pub throttled_share: Option<f64>,
    /// Requests that were late because their prompts were.
    pub late_bodies: u64,
    /// Requests that were held up because records could not be written fast enough.
    pub recorder_waits: u64,
    /// How far the records are from Little's law, |N − X·R| / N, with N the mean number in flight between sending and end,
    /// X the rate of ends and R their mean time, over the sending window; null if the window is shorter than ten of those
    /// times, where it need not hold.
    pub little_deviation: Option<f64>,
    /// Greatest number of requests that could be in flight at once.
    pub in_flight_cap: u64,
    /// Threads that sent the requests.
    pub workers: u32,
}

/// Quantiles of a time that should be short, seconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WaitQuantiles {
    /// Median.
    pub p50: f64,
    /// 99th percentile.
    pub p99: f64,
    /// 99.9th percentile.
    #[serde(rename = "p99.9")]
    pub p999: f64,
    /// Greatest value.
    pub max: f64,
}

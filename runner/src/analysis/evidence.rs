//! What one stage shows, boiled down to a few numbers before the next stage is read.

use benchmark_schemas::record::StageFacts;
use benchmark_schemas::report::ClientConduct;

use super::backlog::{self, Backlog};
use super::client;
use super::series::{Arrival, Fate, Series};
use super::stats::{resampled_p95, share_lower_bound};
use crate::metrics::percentile::quantile_of;

/// The evidence of a stage.
#[derive(Debug, Clone)]
pub struct StageEvidence {
    /// The stage.
    pub facts: StageFacts,
    /// Requests that fell due in the sending window / its length, requests/s; in a closed loop only what was sent.
    pub offered_rate: f64,
    /// Requests sent / time it took, requests/s.
    pub achieved_rate: f64,
    /// Successes within the sending window / its length, requests/s.
    pub completed_rate: f64,
    /// Length of the sending window, seconds.
    pub window_seconds: f64,
    /// All scheduled requests.
    pub counts: Counts,
    /// Failures among what ended by itself; `None` if nothing did.
    pub errors: Option<ErrorRate>,
    /// What the backlog did.
    pub backlog: Backlog,
    /// Time to first token from the scheduled instant; `None` without streamed answers.
    pub ttft: Option<Latency>,
    /// Request latency per output token from the scheduled instant.
    pub ntpot: Option<Latency>,
    /// What the load generator did.
    pub client: ClientConduct,
}

/// Requests by their fate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// All scheduled requests.
    pub scheduled: u64,
    /// Answered.
    pub succeeded: u64,
    /// Failed by themselves, time-outs included.
    pub failed: u64,
    /// Cut off in flight.
    pub cancelled: u64,
    /// Never sent.
    pub not_dispatched: u64,
}

/// How many requests failed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ErrorRate {
    /// Failures / (successes + failures).
    pub share: f64,
    /// One-sided 95 % lower bound.
    pub lower: f64,
}

/// A latency of the stage's successes, seconds.
#[derive(Debug, Clone)]
pub struct Latency {
    /// Requests that have it.
    pub count: usize,
    /// Median.
    pub p50: f64,
    /// 95th percentile.
    pub p95: f64,
    /// 99th percentile.
    pub p99: f64,
    /// 95th percentiles of resamples, to be compared with another stage's.
    pub resampled_p95: Vec<f64>,
}

impl StageEvidence {
    /// The evidence in `arrivals`, which are all scheduled requests of the stage in any order.
    pub fn of(arrivals: Vec<Arrival>, facts: StageFacts) -> Self {
        let counts = Counts::of(&arrivals);
        let series = Series::new(arrivals, &facts);
        // Different seeds, lest the resamples of two stages move together.
        let seed = u64::from(facts.stage) << 1;
        Self {
            offered_rate: series.offered_rate(),
            achieved_rate: series.achieved_rate(),
            completed_rate: series.completed_rate(),
            window_seconds: series.window_seconds(),
            counts,
            errors: counts.errors(),
            backlog: if facts.concurrency.is_some() {
                Backlog::ClosedLoop
            } else {
                backlog::measure(&series)
            },
            ttft: Latency::of(series.due().iter().filter_map(Arrival::ttft), seed),
            ntpot: Latency::of(series.due().iter().filter_map(Arrival::ntpot), seed | 1),
            client: client::conduct(&series, &facts),
            facts,
        }
    }
}

impl Counts {
    fn of(arrivals: &[Arrival]) -> Self {
        let mut counts = Self::default();
        for arrival in arrivals {
            counts.scheduled += 1;
            *match arrival.fate {
                Fate::Success => &mut counts.succeeded,
                Fate::Failure | Fate::TimedOut => &mut counts.failed,
                Fate::Cancelled => &mut counts.cancelled,
                Fate::NotDispatched => &mut counts.not_dispatched,
            } += 1;
        }
        counts
    }

    fn errors(&self) -> Option<ErrorRate> {
        let ended = self.succeeded + self.failed;
        (ended > 0).then(|| ErrorRate {
            share: self.failed as f64 / ended as f64,
            lower: share_lower_bound(self.failed, ended),
        })
    }
}

impl Latency {
    /// Statistics of `values`, which are in order of time; `None` if there are none.
    fn of(values: impl Iterator<Item = f64>, seed: u64) -> Option<Self> {
        let mut values: Vec<f64> = values.collect();
        let resampled_p95 = resampled_p95(&values, seed);
        Some(Self {
            count: values.len(),
            p50: quantile_of(&mut values, 50.0)?,
            p95: quantile_of(&mut values, 95.0)?,
            p99: quantile_of(&mut values, 99.0)?,
            resampled_p95,
        })
    }
}

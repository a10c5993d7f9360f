//! What the engine keeps to, and how it is shared out among workers.

use benchmark_schemas::record::Nanos;
use rand::RngExt;
use tokio::sync::Semaphore;

use crate::plan::Plan;
use crate::schedule::Shard;
use crate::seed::{Purpose, Seed};

/// What the engine keeps to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Seed of the schedules.
    pub seed: Seed,
    /// Worker threads, at least 1 and at most `in_flight_cap`.
    pub workers: usize,
    /// Requests in flight at most.
    pub in_flight_cap: u64,
    /// Connections at most; `None` is no limit.
    pub connection_cap: Option<u64>,
    /// How long and how often a request is tried.
    pub patience: Patience,
    /// Time that requests in flight have left when a stage is stopped, nanoseconds.
    pub grace_ns: Nanos,
    /// The part of each schedule that this process runs.
    pub shard: Shard,
}

/// How long and how often a request is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// Time that an attempt may take, nanoseconds.
    pub timeout_ns: Nanos,
    /// Attempts after the first, made where a connection failed before any answer.
    pub retries: u32,
    /// Pause before the first of them, nanoseconds; it doubles each time and varies by half.
    pub backoff_ns: Nanos,
    /// Seed of that variation.
    pub seed: Seed,
}

impl Patience {
    /// Pause after attempt `attempt` (from 0) of a request, nanoseconds: backoff · 2^attempt · U, U uniform between 0.5
    /// and 1.5, as upstream has it.
    #[expect(clippy::cast_possible_truncation, reason = "`as` saturates")]
    pub(super) fn pause_ns(&self, (stage, index): (u32, u64), attempt: u32) -> Nanos {
        let mut rng = self.seed.rng(Purpose::RetryPause, stage, index);
        let factor = (0..=attempt).map(|_| rng.random_range(0.5..1.5)).last().unwrap_or(1.0);
        (self.backoff_ns as f64 * f64::from(attempt).exp2() * factor) as Nanos
    }
}

impl Settings {
    /// The settings of a plan that one process runs alone.
    #[must_use]
    pub fn of(plan: &Plan) -> Self {
        Self {
            seed: plan.seed,
            workers: plan.workers,
            in_flight_cap: plan.in_flight_cap,
            connection_cap: plan.connection_cap,
            patience: Patience {
                timeout_ns: plan.request_timeout_ns,
                retries: plan.request_retries,
                backoff_ns: plan.request_retry_backoff_ns,
                seed: plan.seed,
            },
            grace_ns: plan.grace_ns,
            shard: Shard::WHOLE,
        }
    }
}

/// Part `k` of `parts` of `total`, the first parts greater by one where it does not divide.
pub(super) fn share(total: u64, k: usize, parts: usize) -> usize {
    let (k, parts) = (k as u64, parts.max(1) as u64);
    let part = total / parts + u64::from(k < total % parts);
    usize::try_from(part).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS)
}

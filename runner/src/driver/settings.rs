//! What the engine keeps to, and how it is shared out among workers.

use benchmark_schemas::record::Nanos;
use tokio::sync::Semaphore;

use crate::plan::Plan;
use crate::schedule::Shard;
use crate::seed::Seed;

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
    /// Time that a request may take, nanoseconds.
    pub request_timeout_ns: Nanos,
    /// Time that requests in flight have left when a stage is stopped, nanoseconds.
    pub grace_ns: Nanos,
    /// The part of each schedule that this process runs.
    pub shard: Shard,
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
            request_timeout_ns: plan.request_timeout_ns,
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

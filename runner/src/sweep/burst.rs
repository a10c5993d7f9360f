//! This project's probe: all requests at once, as many in flight as the run may have, and the rate of completions.
//!
//! A probe that sends at a rate of its own cannot saturate a server that is faster, and on a slow one measures its own
//! rate. Here the server decides: whenever a request ends the next is sent.

use benchmark_schemas::record::{PROBE_STAGE, Pacing, SweepFacts, SweepMethod};

use super::estimate::{self, FEWEST_COMPLETIONS};
use super::probe::Probe;
use crate::plan::StagePlan;

/// `requests` that are all due at its start.
pub(super) fn stage(requests: u64) -> StagePlan {
    StagePlan {
        requests,
        // Not a rate that anything follows; connections are opened ahead for as many requests a second.
        rate: requests as f64,
        ..StagePlan::new(PROBE_STAGE, 0.0, 0.0, Pacing::Even)
    }
}

/// What the probe found; the error says what it lacks.
pub(super) fn find(probe: &Probe) -> Result<SweepFacts, String> {
    let counts = probe.counts();
    let estimate = estimate::completion_rate(&probe.requests, probe.cut()).ok_or_else(|| {
        format!("it needs at least {FEWEST_COMPLETIONS} completed requests and has {}", counts.succeeded)
    })?;
    Ok(SweepFacts {
        method: SweepMethod::Completions,
        estimate: estimate.rate,
        interval: Some(estimate.interval),
        completions: estimate.completions,
        busy_seconds: estimate.busy_seconds,
        peak_in_flight: estimate.peak_in_flight,
        ..probe.facts()
    })
}

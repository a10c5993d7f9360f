//! Upstream's probe and estimator, for those who compare with its sweeps (`extensions.load.sweep_estimator: upstream`).
//!
//! It sends at a fifth of its requests a second for five seconds, looks at the number in flight every half second, and
//! takes a percentile of the rates at which that number fell. Completions that new requests make up for are invisible
//! to it, so it mostly sees the final drain, and random ups and downs shift a high percentile upwards.

use benchmark_schemas::record::{Nanos, PROBE_STAGE, Pacing, SweepFacts, SweepMethod};

use super::probe::Probe;
use crate::metrics::percentile::quantile_of;
use crate::plan::StagePlan;

/// Length of the probe's sending window, seconds.
const DURATION_SECONDS: f64 = 5.0;
/// Time between two looks at the number in flight, nanoseconds.
const SAMPLE_NS: Nanos = 500_000_000;
/// Upstream counts the time-out of the samples from so long before the first request is due.
const LEAD_NS: Nanos = 1_000_000_000;
/// Falls that it needs at least.
const FEWEST_FALLS: usize = 2;

/// `requests` within five seconds.
pub(super) fn stage(requests: u64, pacing: Pacing) -> StagePlan {
    StagePlan::new(PROBE_STAGE, requests as f64 / DURATION_SECONDS, DURATION_SECONDS, pacing)
}

/// What the probe found; the error says what it lacks.
pub(super) fn find(probe: &Probe, timeout_ns: Nanos, percentile: f64) -> Result<SweepFacts, String> {
    let last = probe.requests.iter().map(|request| request.end).max().unwrap_or(probe.window_start);
    let until = last.saturating_add(SAMPLE_NS).min(probe.window_start.saturating_add(timeout_ns - LEAD_NS));
    let samples = in_flight(probe, until);
    let mut falls: Vec<f64> = samples
        .windows(2)
        .filter(|pair| pair[1] < pair[0])
        .map(|pair| (pair[0] - pair[1]) as f64 / (SAMPLE_NS as f64 / 1e9))
        .collect();
    let count = falls.len();
    let estimate = quantile_of(&mut falls, percentile).filter(|_| count >= FEWEST_FALLS).ok_or_else(|| {
        format!("upstream's estimator needs to see the number in flight fall {FEWEST_FALLS} times, and saw {count}")
    })?;
    Ok(SweepFacts {
        method: SweepMethod::Upstream,
        estimate,
        interval: None,
        busy_seconds: samples.len().saturating_sub(1) as f64 * SAMPLE_NS as f64 / 1e9,
        peak_in_flight: samples.iter().max().copied().unwrap_or(0).unsigned_abs(),
        ..probe.facts()
    })
}

/// The number in flight every half second from the start of the window on, before `until`.
fn in_flight(probe: &Probe, until: Nanos) -> Vec<i64> {
    let mut changes: Vec<(Nanos, i64)> =
        probe.requests.iter().flat_map(|request| [(request.start, 1), (request.end, -1)]).collect();
    changes.sort_unstable();
    let mut changes = changes.into_iter().peekable();
    let mut now = 0;
    let mut samples = Vec::new();
    let mut at = probe.window_start;
    while at < until {
        while let Some((_, change)) = changes.next_if(|&(when, _)| when <= at) {
            now += change;
        }
        samples.push(now);
        at = at.saturating_add(SAMPLE_NS);
    }
    samples
}

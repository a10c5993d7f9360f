//! The rate at which a server completes requests while it has more than it can do, from when they began and ended.
//!
//! A server that works on at most `c` requests at once, `n(t)` of the client's being with it at `t`, has worked for
//! `∫ min(n, c) dt` slot-seconds when `k` are done; each took `∫ min(n, c) dt / k` of them, so that it completes
//!
//! ```text
//! rate = k · c / ∫ min(n(t), c) dt
//! ```
//!
//! requests/s with all slots busy. This is exact for a burst that ran to its end, whatever the law of the service
//! times: waves that end together, a slow start of the client and the final drain, in which slots fall idle one by
//! one, are all accounted for. What the client does not know is `c` ([`slots`]); but as long as the queue is long,
//! little depends on it. If the server takes in more than the client may have in flight, the rate is the one at that
//! number.
//!
//! Known weakness: a server that takes requests out of turn looks as if it had more slots, which can raise the
//! estimate by up to a quarter (order entirely at random).

mod slots;

use benchmark_schemas::record::Nanos;

use super::poisson;
use slots::Levels;

/// Fewer completions than this say nothing.
pub const FEWEST_COMPLETIONS: u64 = 5;
/// A pause before the cut-off in which so many requests would have ended at random (once in a thousand none does)
/// belongs to a wave that was cut off.
const WAVE_PAUSE: f64 = 7.0;

/// A request that the server had.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Observed {
    pub(super) start: Nanos,
    /// When it was with the server; orders its queue.
    pub(super) sent: Nanos,
    pub(super) end: Nanos,
    /// It ended by success.
    pub(super) served: bool,
    /// How much of it was done when it ended, 0 to 1: 1 if it was served.
    pub(super) done: f64,
}

/// A rate with what it rests on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Estimate {
    /// Requests/s.
    pub(super) rate: f64,
    /// 95 % interval of the rate if completions come at random; wider than that if they are more regular.
    pub(super) interval: [f64; 2],
    pub(super) completions: u64,
    /// Time in which the server, with all slots busy, would have done as much.
    pub(super) busy_seconds: f64,
    pub(super) peak_in_flight: u64,
}

/// The completion rate of `requests`, given in the order of their schedule; all in flight were cut off at `cut`, if at
/// all. `None` for fewer than [`FEWEST_COMPLETIONS`].
pub(super) fn completion_rate(requests: &[Observed], cut: Option<Nanos>) -> Option<Estimate> {
    let completions = requests.iter().filter(|request| request.served).count() as u64;
    if completions < FEWEST_COMPLETIONS {
        return None;
    }
    let first = requests.iter().map(|request| request.start).min()?;
    let last = requests.iter().filter(|request| request.served).map(|request| request.end).max()?;
    let unfinished: f64 = requests.iter().filter(|request| !request.served).map(|request| request.done).sum();
    let end = cut.map_or(last, |cut| {
        let expected = completions as f64 * (cut - last) as f64 / (last - first).max(1) as f64;
        if unfinished > 0.0 || expected <= WAVE_PAUSE { cut.max(last) } else { last }
    });
    let levels = Levels::of(requests, end);
    let busy_seconds = levels.busy_ns(slots::estimate(requests, &levels)) / 1e9;
    let rate = (completions as f64 + if end > last { unfinished } else { 0.0 }) / busy_seconds;
    let interval = poisson::interval(completions).map(|bound| rate * bound / completions as f64);
    let peak_in_flight = levels.peak();
    let estimate = Estimate { rate, interval, completions, busy_seconds, peak_in_flight };
    (busy_seconds > 0.0).then_some(estimate)
}

#[cfg(test)]
#[path = "estimate/tests.rs"]
mod tests;

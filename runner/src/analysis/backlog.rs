//! Does the backlog grow? The backlog is what has fallen due and is not finished, waiting for a permit included.
//!
//! While a server keeps up, the backlog stays where its latency puts it; beyond capacity it grows by the difference
//! of offered and completed rate. The growth is the slope of the backlog's averages over batches of the sending
//! window, its initial fill left out. Near capacity a backlog wanders like a random walk, whose residuals around a
//! line are far from independent, so the standard error is the larger of two: that of the residuals, and that which
//! a random walk with the observed increments would have (variance 6/5 · σ²/T for the slope over time T).
//!
//! Requests that timed out stay in the backlog: the client gave up, the server did not get them done.

use benchmark_schemas::record::Nanos;

use super::limits::{BATCHES, FILL_LATENCIES, FILL_SHARE, FILL_SHARE_MAX, LIMITS};
use super::series::{Arrival, Fate, Series};
use super::stats::{slope, standard_deviation, t_quantile_975};
use crate::metrics::percentile::quantile_of;
use crate::metrics::request::seconds;

/// What the backlog of a stage did.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Backlog {
    /// It was measured.
    Measured(Growth),
    /// Fewer requests fell due in the measured part than a verdict needs.
    TooFew {
        /// How many fell due there.
        requests: usize,
    },
    /// Even quick requests outlasted the part that is left out as the initial fill.
    TooShort {
        /// Latency that all but the quickest twentieth exceed, seconds.
        quick_latency_seconds: f64,
        /// The part that is left out, seconds.
        fill_seconds: f64,
    },
}

/// Growth of the backlog as a share of the offered rate: 0 if the server keeps up, 1 if it does nothing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Growth {
    /// The estimate.
    pub share: f64,
    /// Lower end of its 95 % interval.
    pub lower: f64,
    /// Upper end.
    pub upper: f64,
}

impl Growth {
    /// True if the stage is saturated.
    pub fn grows(&self) -> bool {
        self.lower > LIMITS.backlog_growth
    }

    /// True if the stage may or may not be saturated.
    pub fn unclear(&self) -> bool {
        !self.grows() && self.upper > LIMITS.backlog_growth_unclear
    }
}

/// Measures the growth of the backlog of `series`.
pub fn measure(series: &Series) -> Backlog {
    let due = series.due();
    let window = series.window_end - series.window_start;
    let mut latencies: Vec<f64> =
        due.iter().filter(|arrival| arrival.fate == Fate::Success).map(|arrival| arrival.latency).collect();
    let median = quantile_of(&mut latencies, 50.0).unwrap_or(0.0);
    let quick = quantile_of(&mut latencies, 5.0).unwrap_or(0.0);
    let longest = seconds(window) * FILL_SHARE_MAX;
    let fill_seconds = (seconds(window) * FILL_SHARE).max(FILL_LATENCIES * median).min(longest);
    #[expect(
        clippy::cast_possible_truncation,
        reason = "at most half of the window, which is nanoseconds too"
    )]
    let from = series.window_start + (fill_seconds * 1e9) as Nanos;
    let requests = due.iter().filter(|arrival| arrival.due >= from).count();
    if (requests as u64) < LIMITS.min_requests || from >= series.window_end {
        return Backlog::TooFew { requests };
    }
    if quick > fill_seconds {
        return Backlog::TooShort { quick_latency_seconds: quick, fill_seconds };
    }
    let measured = Measured { arrivals: due, from, until: series.window_end };
    measured.growth(requests as f64).map_or(Backlog::TooFew { requests }, Backlog::Measured)
}

/// The part of a sending window in which the backlog is measured.
struct Measured<'a> {
    arrivals: &'a [Arrival],
    from: Nanos,
    until: Nanos,
}

impl Measured<'_> {
    /// The growth, given the number of requests that fell due here.
    fn growth(&self, requests: f64) -> Option<Growth> {
        let averages = self.averages();
        let levels = self.levels();
        let line = slope(&averages)?;
        let increments: Vec<f64> = levels.windows(2).map(|pair| pair[1] - pair[0]).collect();
        let batches = BATCHES as f64;
        let wander = (1.2 / batches).sqrt() * standard_deviation(&increments)?;
        let offered_per_batch = requests / batches;
        let half = t_quantile_975(BATCHES - 2) * line.standard_error.max(wander) / offered_per_batch;
        let share = line.per_step / offered_per_batch;
        Some(Growth { share, lower: share - half, upper: share + half })
    }

    /// Start of batch `index`; of the last one plus one: the end.
    fn edge(&self, index: usize) -> Nanos {
        let length = i128::from(self.until - self.from) * index as i128 / BATCHES as i128;
        self.from + i64::try_from(length).unwrap_or(self.until - self.from)
    }

    /// Time average of the backlog over each batch.
    fn averages(&self) -> Vec<f64> {
        (0..BATCHES)
            .map(|batch| {
                let (start, end) = (self.edge(batch), self.edge(batch + 1));
                let waiting: i64 = self
                    .arrivals
                    .iter()
                    .map(|arrival| {
                        let left = arrival.finished().unwrap_or(end).min(end);
                        (left - arrival.due.max(start)).max(0)
                    })
                    .sum();
                waiting as f64 / (end - start).max(1) as f64
            })
            .collect()
    }

    /// The backlog at each edge between batches, ends included.
    fn levels(&self) -> Vec<f64> {
        (0..=BATCHES)
            .map(|index| {
                let at = self.edge(index);
                let open =
                    |arrival: &&Arrival| arrival.due <= at && arrival.finished().is_none_or(|end| end > at);
                self.arrivals.iter().filter(open).count() as f64
            })
            .collect()
    }
}

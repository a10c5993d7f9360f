//! Does the backlog grow? The backlog is what has fallen due and is not finished, waiting for a permit included.
//!
//! While a server keeps up, the backlog stays where its latency puts it; beyond capacity it grows by the difference
//! of offered and completed rate. The growth is the slope of the backlog's averages over batches of the sending
//! window, its initial fill left out, as a share of the offered rate.
//!
//! Near capacity a backlog wanders like a random walk, whose residuals around a line are far from independent. So
//! the standard error is the larger of two: that of the residuals, and that which a random walk with the observed
//! increments would have (variance of the slope over time T: 6/5 · σ²/T).
//!
//! Whether the backlog grows is judged by the backlog alone. That it does *not* grow can also be seen in the latency
//! from the scheduled instant, which would grow along with it and does not fluctuate with the arrivals: for a stage
//! whose backlog does not grow, the measure with the lower upper bound counts.
//!
//! Requests that timed out stay in the backlog: the client gave up, the server did not get them done.

use benchmark_schemas::record::Nanos;

use super::limits::{BATCHES, FILL_LATENCIES, FILL_SHARE, FILL_SHARE_MAX, LIMITS};
use super::series::{Arrival, Fate, Series};
use super::stats::{slope, standard_deviation, t_quantile_95};
use crate::clock::seconds;
use crate::metrics::percentile::quantile_of;

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
    /// There is none: in a closed loop a request is due when another has ended.
    ClosedLoop,
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
    /// One-sided 95 % lower bound.
    pub lower: f64,
    /// One-sided 95 % upper bound.
    pub upper: f64,
    /// Standard error of the estimate.
    pub standard_error: f64,
}

impl Growth {
    /// True if the stage is saturated.
    pub fn grows(&self) -> bool {
        self.lower > LIMITS.backlog_growth
    }

    /// True if the stage may or may not be saturated: the bounds enclose the limit.
    pub fn unclear(&self) -> bool {
        !self.grows() && self.upper > LIMITS.backlog_growth
    }
}

/// Measures the growth of the backlog of `series`.
pub fn measure(series: &Series) -> Backlog {
    let due = series.due();
    let window = series.window_end - series.window_start;
    let mut latencies: Vec<f64> =
        due.iter().filter(|arrival| arrival.fate == Fate::Success).map(Arrival::latency).collect();
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
    let Some(backlog) = measured.backlog(requests as f64) else { return Backlog::TooFew { requests } };
    // The latencies may clear a stage, never condemn it.
    let clearer = |latency: &Growth| latency.upper < backlog.upper && !latency.grows();
    let latency = measured.latency().filter(|latency| !backlog.grows() && clearer(latency));
    Backlog::Measured(latency.unwrap_or(backlog))
}

/// The part of a sending window in which the backlog is measured.
struct Measured<'a> {
    arrivals: &'a [Arrival],
    from: Nanos,
    until: Nanos,
}

impl Measured<'_> {
    /// Growth of the backlog, given the number of requests that fell due here.
    fn backlog(&self, requests: f64) -> Option<Growth> {
        let levels = self.levels();
        let increments: Vec<f64> = levels.windows(2).map(|pair| pair[1] - pair[0]).collect();
        growth(&self.averages(), &increments, 1.0, requests / BATCHES as f64)
    }

    /// The same, from the latencies of the requests that fell due here; `None` if more of them than the error limit
    /// allows were given up, so that the longest latencies are missing.
    ///
    /// Beyond capacity the latency grows by offered/completed − 1 seconds a second, which is turned into a share of
    /// the offered rate. What a request's own length explains of its latency is taken off first.
    fn latency(&self) -> Option<Growth> {
        let here = || self.arrivals.iter().filter(|arrival| arrival.due >= self.from);
        let answered: Vec<&Arrival> = here().filter(|arrival| arrival.fate == Fate::Success).collect();
        let given_up = here().filter(|arrival| arrival.finished().is_none()).count();
        if given_up as f64 > here().count() as f64 * LIMITS.error_rate {
            return None;
        }
        let per_token = token_effect(&answered);
        let mut sums = [(0.0, 0.0); BATCHES];
        let mut batch = 0;
        for arrival in answered {
            while batch + 1 < BATCHES && arrival.due >= self.edge(batch + 1) {
                batch += 1;
            }
            sums[batch].0 += arrival.latency_from_due() - per_token * arrival.tokens();
            sums[batch].1 += 1.0;
        }
        if sums.iter().any(|(_, count)| *count == 0.0) {
            return None;
        }
        let averages = sums.map(|(sum, count)| sum / count);
        let increments: Vec<f64> = averages.windows(2).map(|pair| pair[1] - pair[0]).collect();
        // Averages of a random walk over adjacent batches differ by 2/3 of the variance of its increments.
        let batch_seconds = seconds(self.until - self.from) / BATCHES as f64;
        let growth = growth(&averages, &increments, 1.5, batch_seconds)?;
        let share = |per_second: f64| if per_second > -0.5 { per_second / (1.0 + per_second) } else { -1.0 };
        Some(Growth {
            share: share(growth.share),
            lower: share(growth.lower),
            upper: share(growth.upper),
            // Latencies hardly grow where they clear a stage, so that shares and growths are almost one.
            standard_error: growth.standard_error,
        })
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
                let waiting = self.arrivals.iter().map(|arrival| {
                    let left = arrival.finished().unwrap_or(end).min(end);
                    (left - arrival.due.max(start)).max(0)
                });
                waiting.sum::<i64>() as f64 / (end - start).max(1) as f64
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

/// Slope of `averages` in units of `unit` a batch. `increments` are those of the same quantity from batch to batch;
/// `scale` is the variance of a random walk's increments over a batch in units of theirs.
fn growth(averages: &[f64], increments: &[f64], scale: f64, unit: f64) -> Option<Growth> {
    let line = slope(averages)?;
    let wander = (1.2 * scale / BATCHES as f64).sqrt() * standard_deviation(increments)?;
    let standard_error = line.standard_error.max(wander) / unit;
    let half = t_quantile_95(BATCHES - 2) * standard_error;
    let share = line.per_step / unit;
    Some(Growth { share, lower: share - half, upper: share + half, standard_error })
}

/// Seconds of latency that one more output token costs: least squares over `arrivals`; zero if all are of one length.
fn token_effect(arrivals: &[&Arrival]) -> f64 {
    let n = arrivals.len() as f64;
    let mean = |of: fn(&Arrival) -> f64| arrivals.iter().map(|arrival| of(arrival)).sum::<f64>() / n;
    let (tokens, latency) = (mean(Arrival::tokens), mean(Arrival::latency_from_due));
    let (covariance, variance) = arrivals.iter().fold((0.0, 0.0), |(covariance, variance), arrival| {
        let distance = arrival.tokens() - tokens;
        (covariance + distance * (arrival.latency_from_due() - latency), variance + distance * distance)
    });
    if variance > 0.0 { (covariance / variance).max(0.0) } else { 0.0 }
}

//! What a stage of a search showed, boiled down from its requests.

use benchmark_schemas::record::{Nanos, StageFacts};
use benchmark_schemas::slo::{Slo, SloMetric};

use crate::analysis::backlog::{self, Backlog, Growth};
use crate::analysis::client;
use crate::analysis::limits::{FILL_LATENCIES, FILL_SHARE_MAX, LIMITS};
use crate::analysis::objectives::Misses;
use crate::analysis::series::{Arrival, Fate, Series};
use crate::clock::seconds;
use crate::metrics::percentile::quantile_of;

/// Share of a probe's window that is left out at least: it begins with an idle server.
const PROBE_FILL_SHARE: f64 = 0.05;
/// Batches of completions over which a throughput is averaged.
const BATCHES: usize = 16;
/// 97.5 % quantile of Student's t for as many less one.
const T_975: f64 = 2.131;
/// Completions that a throughput needs.
const FEWEST_COMPLETIONS: usize = 2 * BATCHES;

/// A rung of the ladder: a closed loop.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Rung {
    pub(super) concurrency: u64,
    /// Completions per second; zero if there are too few to tell.
    pub(super) throughput: f64,
    /// Half width of its 95 % interval.
    pub(super) half_width: f64,
    /// Mean time of a request, seconds.
    pub(super) mean_seconds: f64,
    /// Share of the requests that failed.
    pub(super) failed: f64,
    pub(super) ttft: Option<Quantiles>,
    pub(super) ntpot: Option<Quantiles>,
    pub(super) latency: Option<Quantiles>,
    /// Why it says nothing of the server.
    pub(super) faults: Vec<String>,
}

/// Median and 95th percentile, seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Quantiles {
    pub(super) p50: f64,
    pub(super) p95: f64,
}

/// A stage with a rate.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Probe {
    /// Rate that was asked for, requests/s: the law's, of which one stage's arrivals are a draw.
    pub(super) rate: f64,
    /// For each objective, in order: the requests that missed it.
    pub(super) misses: Vec<Misses>,
    /// What the backlog did, if it could be measured.
    pub(super) growth: Option<Growth>,
    /// Why it says nothing of the server.
    pub(super) faults: Vec<String>,
}

impl Probe {
    /// True if the backlog grows.
    pub(super) fn grows(&self) -> bool {
        self.growth.is_some_and(|growth| growth.grows())
    }
}

fn quantiles(arrivals: &[Arrival], of: fn(&Arrival) -> Option<f64>) -> Option<Quantiles> {
    let mut values: Vec<f64> = arrivals.iter().filter_map(of).collect();
    Some(Quantiles { p50: quantile_of(&mut values, 50.0)?, p95: quantile_of(&mut values, 95.0)? })
}

/// Median time of the successes, seconds; zero without any.
fn median_latency(arrivals: &[Arrival]) -> f64 {
    quantiles(arrivals, Arrival::answer_time_from_sending).map_or(0.0, |quantiles| quantiles.p50)
}

impl Rung {
    /// What the closed loop of `facts` showed.
    pub(super) fn of(arrivals: Vec<Arrival>, facts: &StageFacts) -> Self {
        let scheduled = arrivals.len() as u64;
        let series = Series::new(arrivals, facts);
        let due = series.due();
        let conduct = client::conduct(&series, facts);
        let ended = due.iter().filter(|arrival| matches!(arrival.fate, Fate::Success | Fate::Failure));
        let ended = ended.count().max(1) as f64;
        let failures =
            due.iter().filter(|arrival| matches!(arrival.fate, Fate::Failure | Fate::TimedOut)).count()
                as f64;
        let (throughput, half_width) = throughput(&series);
        let times = due.iter().filter_map(Arrival::answer_time_from_sending);
        let (count, total) = times.fold((0.0_f64, 0.0), |(count, total), time| (count + 1.0, total + time));
        Self {
            concurrency: facts.concurrency.unwrap_or(1),
            throughput,
            half_width,
            mean_seconds: total / count.max(1.0),
            failed: failures / ended.max(failures),
            ttft: quantiles(due, Arrival::ttft),
            ntpot: quantiles(due, Arrival::ntpot),
            latency: quantiles(due, Arrival::answer_time),
            faults: client::faults(&conduct, scheduled, &LIMITS),
        }
    }

    /// Throughput / latency: the power that is greatest at the most efficient concurrency.
    pub(super) fn power(&self) -> f64 {
        if self.mean_seconds > 0.0 { self.throughput / self.mean_seconds } else { 0.0 }
    }
}

/// Completions per second of a closed loop while all its requests were in flight, and the half width of the 95 % interval,
/// from batches of equally many completions.
fn throughput(series: &Series) -> (f64, f64) {
    let due = series.due();
    let window = series.window_seconds();
    let fill = (FILL_LATENCIES * median_latency(due)).min(window * FILL_SHARE_MAX);
    let from = series.window_start + to_nanos(fill);
    // Once the last request is on its way, fewer and fewer are in flight.
    let until = due.iter().filter_map(Arrival::start).max().unwrap_or(series.window_end);
    let successes = due.iter().filter(|arrival| arrival.fate == Fate::Success).map(|arrival| arrival.end);
    let mut ends: Vec<Nanos> = successes.clone().filter(|end| (from..=until).contains(end)).collect();
    if ends.len() < FEWEST_COMPLETIONS {
        ends = successes.collect();
    }
    ends.sort_unstable();
    let batch = ends.len().saturating_sub(1) / BATCHES;
    let (Some(first), Some(last), true) = (ends.first(), ends.last(), batch > 0) else { return (0.0, 0.0) };
    let span = seconds(last - first);
    if span <= 0.0 {
        return (0.0, 0.0);
    }
    let rate = (ends.len() - 1) as f64 / span;
    let durations: Vec<f64> =
        (0..BATCHES).map(|i| seconds(ends[(i + 1) * batch] - ends[i * batch])).collect();
    let mean = durations.iter().sum::<f64>() / BATCHES as f64;
    let variance =
        durations.iter().map(|duration| (duration - mean).powi(2)).sum::<f64>() / (BATCHES - 1) as f64;
    let relative = if mean > 0.0 { T_975 * (variance / BATCHES as f64).sqrt() / mean } else { 1.0 };
    (rate, (rate * relative).max(rate * 1e-6))
}

#[expect(clippy::cast_possible_truncation, reason = "a share of a window that is in nanoseconds itself")]
fn to_nanos(seconds: f64) -> Nanos {
    (seconds * 1e9) as Nanos
}

impl Probe {
    /// What the stage of `facts` showed about `objectives`.
    pub(super) fn of(arrivals: Vec<Arrival>, facts: &StageFacts, objectives: &[Slo]) -> Self {
        let scheduled = arrivals.len() as u64;
        let series = Series::new(arrivals, facts);
        let conduct = client::conduct(&series, facts);
        let due = series.due();
        let window = series.window_seconds();
        let fill = (FILL_LATENCIES * median_latency(due)).max(PROBE_FILL_SHARE * window);
        let from = series.window_start + to_nanos(fill.min(window * FILL_SHARE_MAX));
        let settled = &due[due.partition_point(|arrival| arrival.due < from)..];
        let growth = match backlog::measure(&series) {
            Backlog::Measured(growth) => Some(growth),
            Backlog::TooFew { .. } | Backlog::TooShort { .. } | Backlog::ClosedLoop => None,
        };
        Self {
            rate: facts.rate,
            misses: objectives.iter().map(|slo| Misses::of(slo, settled)).collect(),
            growth,
            faults: client::faults(&conduct, scheduled, &LIMITS),
        }
    }
}

/// The objectives of a search that was given none on latencies: so many times what one request in flight shows.
pub(super) fn objectives_of(unloaded: &Rung, multiple: f64) -> Vec<Slo> {
    let limits = [(SloMetric::Ttft, unloaded.ttft), (SloMetric::Ntpot, unloaded.ntpot)];
    let mut objectives: Vec<Slo> = limits
        .into_iter()
        .filter_map(|(metric, quantiles)| Some((metric, quantiles?.p95)))
        .filter(|(_, p95)| *p95 > 0.0)
        .map(|(metric, p95)| Slo::latency(metric, benchmark_schemas::slo::QUANTILE, multiple * p95))
        .collect();
    if objectives.is_empty()
        && let Some(latency) = unloaded.latency
    {
        let limit = multiple * latency.p95;
        objectives.push(Slo::latency(SloMetric::Latency, benchmark_schemas::slo::QUANTILE, limit));
    }
    objectives
}

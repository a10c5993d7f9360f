//! What one stage shows, boiled down to a few numbers before the next stage is read.

use benchmark_schemas::record::StageFacts;
use benchmark_schemas::report::{Attainment, ClientConduct, Quantiles};
use benchmark_schemas::slo::Slo;

use super::backlog::{self, Backlog};
use super::limits::QUIET_SHARE;
use super::series::{Arrival, Fate, Series};
use super::stats::{resampled_p95, share_lower_bound};
use super::{client, objectives};
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
    /// Request latency from the scheduled instant.
    pub latency: Option<Latency>,
    /// Time per output token after the first; `None` without streamed answers.
    pub tpot: Option<Quantiles>,
    /// How each objective was met.
    pub objectives: Vec<Attainment>,
    /// Requests between scheduled instant and end, on average.
    pub mean_in_system: f64,
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
    /// The same from sending.
    pub from_sending: Option<Quantiles>,
    /// 95th percentiles of resamples, to be compared with another stage's.
    pub resampled_p95: Vec<f64>,
    /// The same of the requests that came when least was going on; `None` if there are none, or in a closed loop.
    pub quiet: Option<QuietLatency>,
}

/// A latency of the requests that found least unfinished when they fell due.
#[derive(Debug, Clone)]
pub struct QuietLatency {
    /// Requests that have it.
    pub count: usize,
    /// 95th percentile, seconds.
    pub p95: f64,
    /// 95th percentiles of resamples.
    pub resampled_p95: Vec<f64>,
}

impl StageEvidence {
    /// The evidence in `arrivals`, which are all scheduled requests of the stage in any order.
    ///
    /// `wanted` are the objectives that it is held to.
    pub fn of(arrivals: Vec<Arrival>, facts: StageFacts, wanted: &[Slo]) -> Self {
        let counts = Counts::of(&arrivals);
        let series = Series::new(arrivals, &facts);
        // Different seeds, lest the resamples of two stages move together.
        let seed = u64::from(facts.stage) << 2;
        let quiet = if facts.concurrency.is_some() { Quiet::nobody() } else { Quiet::of(&series) };
        let latency = |of: Of, from_sending: Of, seed: Option<u64>| {
            Latency::of(series.due(), (of, from_sending), &quiet, seed)
        };
        let mut tpot: Vec<f64> = series.due().iter().filter_map(Arrival::tpot).collect();
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
            ttft: latency(Arrival::ttft, Arrival::ttft_from_sending, Some(seed)),
            ntpot: latency(Arrival::ntpot, Arrival::ntpot_from_sending, Some(seed | 1)),
            latency: latency(Arrival::answer_time, Arrival::answer_time_from_sending, None),
            tpot: quantiles(&mut tpot),
            objectives: wanted.iter().filter_map(|slo| objectives::attainment(slo, series.due())).collect(),
            mean_in_system: series.mean_in_system(),
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

/// A latency of a request, if it has one.
type Of = fn(&Arrival) -> Option<f64>;

/// Which requests came when least was going on: the quietest quarter by the number that they found unfinished, with all
/// that found as few.
struct Quiet {
    found: Vec<u32>,
    most: u32,
}

impl Quiet {
    fn of(series: &Series) -> Self {
        let found = series.found_in_system();
        let mut sorted = found.clone();
        sorted.sort_unstable();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an index")]
        let quarter = (sorted.len() as f64 * QUIET_SHARE) as usize;
        let most = sorted.get(quarter).copied().unwrap_or(0);
        Self { found, most }
    }

    fn nobody() -> Self {
        Self { found: Vec::new(), most: 0 }
    }
}

impl Latency {
    /// Statistics of a latency of `arrivals`, which are in order of time; `None` if none has it. Resamples only with a
    /// seed for them.
    fn of(
        arrivals: &[Arrival],
        (of, from_sending): (Of, Of),
        quiet: &Quiet,
        seed: Option<u64>,
    ) -> Option<Self> {
        let mut values: Vec<f64> = arrivals.iter().filter_map(of).collect();
        let resampled = |values: &[f64], seed: Option<u64>| {
            seed.map(|seed| resampled_p95(values, seed)).unwrap_or_default()
        };
        let resampled_p95 = resampled(&values, seed);
        let of_quiet = arrivals.iter().zip(&quiet.found).filter(|(_, found)| **found <= quiet.most);
        let mut of_quiet: Vec<f64> = of_quiet.filter_map(|(arrival, _)| of(arrival)).collect();
        // Another seed, lest the resamples of the part move with those of the whole.
        let resampled_quiet = resampled(&of_quiet, seed.map(|seed| seed | 2));
        let mut sent: Vec<f64> = arrivals.iter().filter_map(from_sending).collect();
        Some(Self {
            count: values.len(),
            p50: quantile_of(&mut values, 50.0)?,
            p95: quantile_of(&mut values, 95.0)?,
            p99: quantile_of(&mut values, 99.0)?,
            from_sending: quantiles(&mut sent),
            resampled_p95,
            quiet: quantile_of(&mut of_quiet, 95.0).map(|p95| QuietLatency {
                count: of_quiet.len(),
                p95,
                resampled_p95: resampled_quiet,
            }),
        })
    }
}

fn quantiles(values: &mut [f64]) -> Option<Quantiles> {
    Some(Quantiles {
        p50: quantile_of(values, 50.0)?,
        p95: quantile_of(values, 95.0)?,
        p99: quantile_of(values, 99.0)?,
    })
}

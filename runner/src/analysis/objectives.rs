//! Which requests missed a service-level objective, and what that says about the stage.
//!
//! Every request that fell due counts: one that failed, was cut off or never sent misses, for who waits for it does.

use benchmark_schemas::report::Attainment;
use benchmark_schemas::slo::{Slo, SloMetric};

use super::series::{Arrival, Fate};
use super::shares::{design_effect, share_bounds};
use crate::metrics::percentile::quantile_of;

/// Chance with which each bound of a share is wrong.
const ALPHA: f64 = 0.05;

/// The latency that `slo` is about, seconds; `None` if the request has none, or the objective is about errors.
pub fn measured(slo: &Slo, arrival: &Arrival) -> Option<f64> {
    match slo.metric {
        SloMetric::Ttft => arrival.ttft(),
        SloMetric::Tpot => arrival.tpot(),
        SloMetric::Ntpot => arrival.ntpot(),
        SloMetric::Latency => arrival.answer_time(),
        SloMetric::Errors => None,
    }
}

/// True if `arrival` misses `slo`. An answer that lacks what is limited, as one of a single token lacks gaps, does not.
pub fn misses(slo: &Slo, arrival: &Arrival) -> bool {
    arrival.fate != Fate::Success || measured(slo, arrival).is_some_and(|value| value > slo.limit)
}

/// Requests that missed an objective, and how many requests one independent one stands for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Misses {
    /// All requests.
    pub requests: f64,
    /// Those that missed it.
    pub missed: f64,
    /// At least 1.
    pub design_effect: f64,
}

impl Misses {
    /// Of `arrivals`, which are in order of time.
    pub fn of(slo: &Slo, arrivals: &[Arrival]) -> Self {
        let missed: Vec<f64> =
            arrivals.iter().map(|arrival| f64::from(u8::from(misses(slo, arrival)))).collect();
        let proxy = proxy(slo, arrivals);
        Self {
            requests: missed.len() as f64,
            missed: missed.iter().sum(),
            design_effect: design_effect(&missed, proxy.as_deref()),
        }
    }

    /// Share that missed it; zero without requests.
    pub fn share(&self) -> f64 {
        if self.requests > 0.0 { self.missed / self.requests } else { 0.0 }
    }

    /// Number of independent requests.
    pub fn effective(&self) -> f64 {
        self.requests / self.design_effect
    }

    /// One-sided 95 % bounds of the share.
    pub fn bounds(&self) -> [f64; 2] {
        share_bounds(self.share() * self.effective(), self.effective(), ALPHA)
    }
}

/// Which requests are slower than the objective's quantile of them: how latencies hang together shows there also where
/// hardly any misses the limit.
fn proxy(slo: &Slo, arrivals: &[Arrival]) -> Option<Vec<f64>> {
    let mut values: Vec<f64> = arrivals.iter().filter_map(|arrival| measured(slo, arrival)).collect();
    let threshold = quantile_of(&mut values, slo.target() * 100.0)?;
    let slow = |arrival: &Arrival| measured(slo, arrival).is_none_or(|value| value > threshold);
    Some(arrivals.iter().map(|arrival| f64::from(u8::from(slow(arrival)))).collect())
}

/// What `slo` limits, of all `arrivals`: the least latency that its target's share of them kept to, a request that has none
/// because it failed never keeping to any; of errors the share that missed.
fn value(slo: &Slo, arrivals: &[Arrival]) -> Option<f64> {
    let missed = |arrival: &&Arrival| arrival.fate != Fate::Success;
    if slo.metric == SloMetric::Errors {
        return Some(arrivals.iter().filter(missed).count() as f64 / arrivals.len() as f64);
    }
    let latency = |arrival: &Arrival| {
        if arrival.fate == Fate::Success { measured(slo, arrival).unwrap_or(0.0) } else { f64::INFINITY }
    };
    let mut latencies: Vec<f64> = arrivals.iter().map(latency).collect();
    // A hair below, lest 0.95 · 100 ask for 96 of 100.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an index")]
    let kept = ((slo.target() * latencies.len() as f64 - 1e-9).ceil() as usize).max(1);
    let (_, value, _) = latencies.select_nth_unstable_by(kept - 1, f64::total_cmp);
    value.is_finite().then_some(*value)
}

/// How `arrivals`, in order of time, meet `slo`; `None` without any.
pub fn attainment(slo: &Slo, arrivals: &[Arrival]) -> Option<Attainment> {
    if arrivals.is_empty() {
        return None;
    }
    let misses = Misses::of(slo, arrivals);
    let [fewest, most] = misses.bounds();
    let allowed = slo.allowed();
    Some(Attainment {
        slo: *slo,
        requests: arrivals.len() as u64,
        value: value(slo, arrivals),
        // Not by what missed: 1 − 7/100 is below the number that 0.93 is.
        share: (misses.requests - misses.missed) / misses.requests,
        bounds: [1.0 - most, 1.0 - fewest],
        met: if most <= allowed {
            Some(true)
        } else if fewest > allowed {
            Some(false)
        } else {
            None
        },
    })
}

#[cfg(test)]
mod tests {
    use benchmark_schemas::record::Record;
    use proptest::prelude::*;

    use super::*;
    use crate::metrics::MetricOptions;
    use crate::metrics::source::tests::{MS, failure, record};

    /// Requests whose latencies are so many milliseconds; those without one failed.
    fn arrivals(latencies: &[Option<i64>]) -> Vec<Arrival> {
        let of = |latency: &Option<i64>| match latency {
            Some(ms) => Record { end: ms * MS, ..record(0, 0) },
            None => failure(0, 0, "HTTP Error 503", "busy"),
        };
        latencies.iter().map(|latency| Arrival::of(&of(latency), &MetricOptions::default())).collect()
    }

    #[test]
    fn values_are_those_that_the_target_asks_for() {
        let hundred: Vec<Option<i64>> = (1..=100).map(Some).collect();
        let of = |text: &str, latencies: &[Option<i64>]| {
            let slo: Slo = text.parse().expect("an objective");
            attainment(&slo, &arrivals(latencies)).expect("requests").value.map(|value| (value * 1e3).round())
        };
        assert_eq!(of("latency:p95<1s", &hundred), Some(95.0));
        assert_eq!(of("latency:p99.5<1s", &hundred), Some(100.0));
        // Of a hundred and one, two of which failed, 99 % would be one that did.
        let failing: Vec<Option<i64>> = hundred[1..].iter().copied().chain([None, None]).collect();
        assert_eq!((of("latency:p99<1s", &failing), of("latency:p98<1s", &failing)), (None, Some(100.0)));
        assert_eq!(of("errors<1%", &failing), Some(20.0));
        assert_eq!(attainment(&Slo::errors(0.01), &[]), None);
    }

    proptest! {
        #[test]
        fn what_is_within_the_limit_is_what_enough_keep_to(
            latencies in prop::collection::vec(prop::option::weighted(0.9, 1_i64..1000), 1..200),
            thousandths in 1_u32..1000, limit in 1_u32..1000,
        ) {
            let slo = Slo::latency(SloMetric::Latency, f64::from(thousandths) / 1e3, f64::from(limit) / 1e3);
            let found = attainment(&slo, &arrivals(&latencies)).expect("requests");
            let within = found.value.is_some_and(|value| value <= slo.limit);
            prop_assert_eq!(found.share >= slo.target(), within, "{:?}", found);
        }
    }
}

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
        share: 1.0 - misses.share(),
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

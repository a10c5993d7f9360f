//! What a search keeps to: objectives, exactness, budget.

use benchmark_schemas::config::{CapacitySearch, Config, Profile};
use benchmark_schemas::plan::arrival_cv2;
use benchmark_schemas::record::Pacing;
use benchmark_schemas::slo::{Slo, SloMetric};

/// Share of failed requests that is allowed where no objective says.
pub(super) const ERRORS_ALLOWED: f64 = 0.01;
/// Where there are no objectives, latencies may be so many times what they are with one request in flight.
pub(super) const UNLOADED_MULTIPLE: f64 = 2.0;

/// What a search keeps to.
#[derive(Debug, Clone, PartialEq)]
pub struct SearchSettings {
    /// How exact it shall be.
    pub profile: Profile,
    /// What the rate has to meet; without any on latencies the search sets its own.
    pub objectives: Vec<Slo>,
    /// Law of the arrivals.
    pub pacing: Pacing,
    /// Longest time, seconds.
    pub budget_seconds: f64,
    /// Most requests in flight.
    pub most_in_flight: u64,
    /// Answers are streamed, so that they have a first token.
    pub streamed: bool,
}

impl SearchSettings {
    /// The search that `config` asks for, if it does.
    pub fn of(config: &Config) -> Option<Self> {
        let search = config.capacity_search()?;
        let CapacitySearch { profile, budget_minutes, .. } = search;
        let mut objectives = config.objectives_of_service().to_vec();
        if !objectives.iter().any(|slo| slo.metric == SloMetric::Errors) {
            objectives.push(Slo::errors(ERRORS_ALLOWED));
        }
        Some(Self {
            profile: *profile,
            objectives,
            pacing: config.pacing(),
            budget_seconds: budget_minutes.map_or(f64::INFINITY, |minutes| minutes * 60.0),
            most_in_flight: search.in_flight(),
            streamed: config.api.streaming,
        })
    }

    /// True if an objective on a latency is given.
    pub(super) fn limits_a_latency(&self) -> bool {
        self.objectives.iter().any(|slo| slo.metric != SloMetric::Errors)
    }

    /// How many times as many requests bursts need: half the sum of the squared coefficients of variation of arrivals and
    /// services, those of services taken for 1.
    pub(super) fn burst_factor(&self) -> f64 {
        f64::midpoint(arrival_cv2(self.pacing), 1.0).max(1.0)
    }

    pub(super) fn figures(&self) -> &'static Figures {
        match self.profile {
            Profile::Coarse => &COARSE,
            Profile::Normal => &NORMAL,
            Profile::Tight => &TIGHT,
        }
    }
}

/// The figures of a profile.
#[derive(Debug)]
pub(super) struct Figures {
    /// Requests of a rung of the ladder at least.
    pub(super) rung_requests: u64,
    /// Half width of the throughput's interval that the top of the ladder needs, as a share.
    pub(super) ceiling_half_width: f64,
    /// Requests of a scout.
    pub(super) scout_requests: f64,
    /// Requests of a stage of the straddle and of a certifying one at least, before bursts.
    pub(super) requests: f64,
    /// Stages of the straddle.
    pub(super) straddles: usize,
    /// Standard error of the rate's logarithm that it aims for.
    pub(super) relative_error: f64,
    /// Half width of the rate's interval, as a share, above which it is undecided.
    pub(super) widest: f64,
}

const COARSE: Figures = Figures {
    rung_requests: 100,
    ceiling_half_width: 0.08,
    scout_requests: 200.0,
    requests: 300.0,
    straddles: 4,
    relative_error: 0.05,
    widest: 0.25,
};
const NORMAL: Figures = Figures {
    rung_requests: 200,
    ceiling_half_width: 0.04,
    scout_requests: 400.0,
    requests: 1_000.0,
    straddles: 6,
    relative_error: 0.025,
    widest: 0.12,
};
const TIGHT: Figures = Figures {
    rung_requests: 300,
    ceiling_half_width: 0.03,
    scout_requests: 800.0,
    requests: 3_000.0,
    straddles: 8,
    relative_error: 0.015,
    widest: 0.06,
};

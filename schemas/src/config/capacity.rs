//! What a run asks about the server's capacity: the search, the warm-up before it, and what production needs.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Config, LoadType};
use crate::slo::Slo;

/// Requests in flight up to which the ladder of a search climbs.
pub const MAX_CONCURRENCY: u64 = 4096;

/// A search for the highest rate that meets the objectives; it makes its own stages.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CapacitySearch {
    /// How exact the answer shall be, and so how long the search takes.
    pub profile: Profile,
    /// Longest time of the search, minutes; no limit if not given. A step that would not end in time is not begun.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub budget_minutes: Option<f64>,
    /// Most requests in flight, in the ladder and in the stages after it; 4096 if not given.
    #[schemars(range(min = 1))]
    pub max_concurrency: Option<u64>,
}

impl CapacitySearch {
    /// Most requests in flight.
    #[must_use]
    pub fn in_flight(&self) -> u64 {
        self.max_concurrency.unwrap_or(MAX_CONCURRENCY).max(1)
    }
}

/// How exact a search is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Profile {
    /// About ±10 %: for a first look.
    Coarse,
    /// About ±5 %.
    #[default]
    Normal,
    /// About ±3 %: for capacity plans.
    Tight,
}

impl Profile {
    /// The name in configurations.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Coarse => "coarse",
            Self::Normal => "normal",
            Self::Tight => "tight",
        }
    }
}

/// Load ahead of everything that is measured; no statistic and no report sees it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WarmUp {
    /// Length, seconds.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub duration: f64,
    /// Requests per second; the first stage's rate if not given, 1 where a sweep or a search makes the stages.
    #[serde(default)]
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub rate: Option<f64>,
}

/// What production needs, from which replicas are worked out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Production {
    /// Greatest rate of production, requests/s.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub peak_rate: f64,
    /// Replicas behind the address under test; 1 if not given.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub replicas: Option<u64>,
}

impl Config {
    /// The search for the capacity, if the run is one.
    #[must_use]
    pub fn capacity_search(&self) -> Option<&CapacitySearch> {
        self.extensions.as_ref()?.capacity.as_ref()
    }

    /// The objectives that the stages are judged by; none means: by what latencies and errors are at low load.
    #[must_use]
    pub fn objectives_of_service(&self) -> &[Slo] {
        self.extensions.as_ref().and_then(|extensions| extensions.slo.as_deref()).unwrap_or_default()
    }

    /// Length and rate of the warm-up, if there is one: seconds and requests/s.
    #[must_use]
    pub fn warm_up(&self) -> Option<(f64, f64)> {
        let warm_up = self.extensions.as_ref()?.warmup.as_ref()?;
        let makes_stages = self.load.sweep.is_some() || self.capacity_search().is_some();
        let first = self.load.standard_stages().next().map(|stage| stage.rate).filter(|_| !makes_stages);
        Some((warm_up.duration, warm_up.rate.or(first).unwrap_or(1.0)))
    }
}

/// True if a search can send at rates of its own under this load type.
#[must_use]
pub(super) fn has_a_rate(kind: LoadType) -> bool {
    matches!(kind, LoadType::Constant | LoadType::Poisson)
}

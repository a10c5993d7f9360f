//! When requests are due: arrival `i` of stage `s` is a function of (seed, `s`, `i`).
//!
//! Schedules are pure and lazy: iterating one costs constant memory, and any slice of it (every k-th arrival, for
//! worker threads and for pods) is the same set of instants as the whole. They know nothing of requests, clocks or
//! workers. A new law is a new implementation of [`Schedule`].

mod laws;
mod recorded;

use std::sync::Arc;

use benchmark_schemas::record::{Nanos, Pacing};

use crate::plan::StagePlan;
use crate::seed::Seed;

pub use laws::{Even, Gamma, ScaledExponential};
pub use recorded::{First, Recorded};

/// One scheduled request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrival {
    /// Position in the stage, from 0.
    pub index: u64,
    /// Instant, counted from the start of the stage.
    pub offset: Nanos,
}

/// The law of one stage's arrivals.
pub trait Schedule: Send + Sync {
    /// Number of arrivals.
    fn count(&self) -> u64;

    /// All arrivals in order of index; offsets never decrease.
    fn arrivals(&self) -> Box<dyn Iterator<Item = Arrival> + Send>;
}

/// Every `of`-th arrival, beginning with the one numbered `first`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    first: u64,
    of: u64,
    /// Speakers, who arrive in turn, if it is them that are dealt out.
    speakers: Option<u64>,
}

impl Shard {
    /// The whole schedule.
    pub const WHOLE: Self = Self { first: 0, of: 1, speakers: None };

    /// Part `k` (from 0) of this shard when it is dealt out to `parts` takers in turn.
    ///
    /// Splitting first among pods and then among worker threads gives the same parts as splitting once.
    #[must_use]
    pub fn part(self, k: u64, parts: u64) -> Self {
        Self { first: self.first + self.of * k, of: self.of * parts, ..self }
    }

    /// The same where each of `speakers`, who arrive in turn, has all its arrivals in one part.
    #[must_use]
    pub fn by_speaker(self, speakers: Option<u64>) -> Self {
        Self { speakers: speakers.filter(|&speakers| speakers > 0), ..self }
    }

    fn has(self, index: u64) -> bool {
        self.speakers.map_or(index, |speakers| index % speakers) % self.of == self.first
    }

    /// Indices of this shard's arrivals, of `count` in all.
    pub fn indices(self, count: u64) -> impl Iterator<Item = u64> + Send + use<> {
        let (mut next, step) = if self.speakers.is_some() { (0, 1) } else { (self.first, self.of) };
        let all = std::iter::from_fn(move || {
            let index = (next < count).then_some(next)?;
            next += step;
            Some(index)
        });
        all.filter(move |&index| self.has(index))
    }

    /// The arrivals of this shard.
    pub fn of(self, schedule: &dyn Schedule) -> impl Iterator<Item = Arrival> + Send + use<> {
        schedule.arrivals().filter(move |arrival| self.has(arrival.index))
    }
}

/// The schedule of a stage.
#[must_use]
pub fn of_stage(stage: &StagePlan, seed: Seed) -> Arc<dyn Schedule> {
    let schedule: Arc<dyn Schedule> = match stage.pacing {
        Pacing::ScaledExponential => {
            Arc::new(ScaledExponential::new(seed, stage.id, stage.requests, stage.duration_ns))
        }
        Pacing::Even => Arc::new(Even::new(stage.requests, stage.duration_ns)),
        Pacing::Poisson => Arc::new(Gamma::new(seed, stage.id, stage.requests, stage.rate, 1.0)),
        Pacing::Trace => {
            let offsets = stage.recorded.clone().unwrap_or_default();
            Arc::new(Recorded::new(offsets, stage.requests))
        }
        Pacing::Gamma { burstiness } => {
            Arc::new(Gamma::new(seed, stage.id, stage.requests, stage.rate, burstiness))
        }
    };
    match stage.at_most {
        Some(most) if most < schedule.count() => Arc::new(First::new(schedule, most)),
        _ => schedule,
    }
}

#[cfg(test)]
mod tests;

//! What a run does between its stages.

use benchmark_schemas::record::{Nanos, SpoolEntry};

use super::{Engine, EngineError, Stop};
use crate::clock::ClockSource;
use crate::plan::StagePlan;
use crate::recorder::SharedSpool;
use crate::schedule;

impl<S: ClockSource + Sync> Engine<S> {
    /// Stores what the caller has concluded from the stages so far.
    ///
    /// # Errors
    ///
    /// If it cannot be stored.
    pub fn note(&self, entry: &SpoolEntry) -> Result<(), EngineError> {
        let mut spool = self.spool.writer();
        spool.append(entry)?;
        Ok(spool.sync()?)
    }

    /// The spool of the run, for what others have to tell while it runs.
    pub fn spool(&self) -> SharedSpool {
        self.spool.clone()
    }

    /// Passes over `stage`, which an earlier part of the run has finished: what the next one asks follows on what it asked.
    pub fn pass_over(&mut self, stage: &StagePlan) {
        let count = schedule::of_stage(stage, self.settings.seed).count();
        self.arrivals_before = self.arrivals_before.saturating_add(count);
    }

    /// Waits for `interval_ns`, or until `stop`.
    pub async fn pause(&self, interval_ns: Nanos, stop: &Stop) {
        let interval = std::time::Duration::from_nanos(u64::try_from(interval_ns).unwrap_or(0));
        tokio::select! {
            biased;
            () = stop.requested() => {}
            () = tokio::time::sleep(interval) => {}
        }
    }
}

//! The sweep: a probe of the server, an estimate of what it can do, and stages of rising rates up to that.
//!
//! The one place where load follows from what was measured: the probe is a stage of its own
//! ([`record::PROBE_STAGE`](benchmark_schemas::record::PROBE_STAGE)), its records are read back from the spool, and
//! no report counts them. Generic over clock and transport as the driver is, so that known answers are tested in
//! virtual time. It knows nothing of reports and draws nothing.

mod burst;
mod estimate;
mod poisson;
mod probe;
mod rates;
mod upstream;

#[cfg(test)]
mod tests;

use benchmark_schemas::config::{Config, SweepEstimator, SweepType};
use benchmark_schemas::record::{Nanos, Pacing, SpoolEntry, StageStatus, SweepFacts};

use crate::clock::{ClockSource, nanos_from_seconds};
use crate::driver::{Engine, EngineError, Stop};
use crate::plan::StagePlan;
use crate::spool::SpoolError;

pub use estimate::FEWEST_COMPLETIONS;
pub use probe::ProbeCounts;

/// A sweep as its configuration asks for it.
#[derive(Debug, Clone, PartialEq)]
pub struct SweepPlan {
    /// How the rates are spread.
    pub kind: SweepType,
    /// How the server's limit is estimated.
    pub estimator: SweepEstimator,
    /// Requests of the probe.
    pub num_requests: u64,
    /// Longest time that the probe may take, seconds.
    pub timeout_seconds: f64,
    /// Number of stages.
    pub num_stages: usize,
    /// Length of each stage, seconds.
    pub stage_seconds: f64,
    /// Percentile that upstream's estimator takes, 0 to 100.
    pub percentile: f64,
    /// Law of the arrivals within a stage.
    pub pacing: Pacing,
}

impl SweepPlan {
    /// The sweep of a configuration; `None` if it has none.
    pub fn of(config: &Config) -> Option<Self> {
        let sweep = config.load.sweep.as_ref()?;
        Some(Self {
            kind: sweep.kind,
            estimator: config.sweep_estimator(),
            num_requests: sweep.num_requests,
            timeout_seconds: sweep.timeout,
            num_stages: usize::try_from(sweep.num_stages).unwrap_or(usize::MAX),
            stage_seconds: sweep.stage_duration as f64,
            percentile: sweep.saturation_percentile,
            pacing: config.pacing(),
        })
    }

    /// The stage that probes the server.
    pub fn probe(&self) -> StagePlan {
        let mut probe = match self.estimator {
            SweepEstimator::Completions => burst::stage(self.num_requests),
            SweepEstimator::Upstream => upstream::stage(self.num_requests, self.pacing),
        };
        probe.timeout_ns = Some(self.timeout_ns());
        probe
    }

    /// The stages for what the probe found.
    pub fn stages(&self, facts: &SweepFacts) -> Vec<StagePlan> {
        (0..)
            .zip(&facts.rates)
            .map(|(id, &rate)| StagePlan::new(id, rate, self.stage_seconds, self.pacing))
            .collect()
    }

    fn timeout_ns(&self) -> Nanos {
        nanos_from_seconds(self.timeout_seconds)
    }
}

/// Why a sweep has no stages to run.
#[derive(Debug, thiserror::Error)]
pub enum SweepError {
    /// The engine broke.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The probe's records cannot be read back.
    #[error("the records of the sweep's probe cannot be read back: {0}")]
    Spool(#[from] SpoolError),
    /// The probe showed too little.
    #[error("the sweep's probe shows no limit of the server: {fault}; {counts} ({remedy})", remedy = counts.remedy())]
    NoLimit {
        /// What is missing.
        fault: String,
        /// What became of its requests.
        counts: Box<ProbeCounts>,
    },
}

/// Probes the server and gives what was found; `None` if `stop` ended the probe.
///
/// Records and facts of the probe are in the spool when this returns, and what was found too.
///
/// # Errors
///
/// If the engine or the spool broke, or the server answered too little.
pub async fn run<S: ClockSource + Sync>(
    sweep: &SweepPlan,
    engine: &mut Engine<S>,
    stop: &Stop,
) -> Result<Option<SweepFacts>, SweepError> {
    let facts = engine.run_stage(&sweep.probe(), stop).await?;
    if facts.status == StageStatus::Stopped {
        return Ok(None);
    }
    let spool = engine.spool().writer().source();
    let probe = probe::read(&spool, facts)?;
    let found = match sweep.estimator {
        SweepEstimator::Completions => burst::find(&probe),
        SweepEstimator::Upstream => upstream::find(&probe, sweep.timeout_ns(), sweep.percentile),
    };
    let mut found = found.map_err(|fault| SweepError::NoLimit { fault, counts: Box::new(probe.counts()) })?;
    found.rates = rates::rates(sweep.kind, found.estimate, sweep.num_stages);
    engine.note(&SpoolEntry::Sweep(Box::new(found.clone())))?;
    Ok(Some(found))
}

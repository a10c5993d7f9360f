//! The search for the highest rate that meets the objectives: a ladder of closed loops, scouts, a straddle around the
//! knee, and stages that certify the rate ([`Search`] says how).
//!
//! The second place where load follows from what was measured, beside the sweep. The search is pure and knows neither clock
//! nor transport: known answers are tested in virtual time with this very code. Its stages are stages like any other, in
//! spool and reports; what it decided is worked out from them again whenever a report is made.

mod fit;
mod ladder;
mod observed;
mod outcome;
mod search;
mod settings;
mod steps;
mod straddle;

use std::collections::BTreeMap;

use benchmark_schemas::config::Config;
use benchmark_schemas::record::{Pacing, RunFacts, SpoolEntry, StageFacts, is_measured};
use benchmark_schemas::report::Capacity;

use crate::analysis::series::Arrival;
use crate::analysis::{self, Questions, production};
use crate::metrics::{MetricOptions, RecordSource};
use crate::plan::StagePlan;
use crate::spool::{SpoolError, SpoolSource};

pub use search::{Ending, Load, Search, Wanted};
pub use settings::SearchSettings;

/// The stage that `wanted` asks for, as number `id` of the run.
#[must_use]
pub fn stage(wanted: &Wanted, id: u32, pacing: Pacing) -> StagePlan {
    match wanted.load {
        Load::Closed { concurrency, requests } => StagePlan::concurrent(id, requests, concurrency),
        Load::Open { rate, seconds } => StagePlan::new(id, rate, seconds, pacing),
    }
}

/// Reads the requests of one stage after another back from the spool of a run that goes on.
#[derive(Debug)]
pub struct StageReader {
    options: MetricOptions,
    /// Bytes of the spool that have been read; `None` if none have.
    read: Option<u64>,
}

impl StageReader {
    /// One that has read nothing yet.
    #[must_use]
    pub fn new(options: MetricOptions) -> Self {
        Self { options, read: None }
    }

    /// The requests of `stage`, which has just ended, and of nothing after it, from the run's `spool`.
    ///
    /// # Errors
    ///
    /// If the spool cannot be read.
    pub fn requests_of(&mut self, spool: &SpoolSource, stage: u32) -> Result<Vec<Arrival>, SpoolError> {
        let mut entries = match self.read {
            Some(offset) => spool.entries_from(offset)?,
            None => spool.entries()?,
        };
        let mut arrivals = Vec::new();
        for entry in entries.by_ref() {
            match entry? {
                SpoolEntry::Request(record) if record.stage == stage => {
                    arrivals.push(Arrival::of(&record, &self.options));
                }
                SpoolEntry::Stage(facts) if facts.stage == stage => break,
                _ => {}
            }
        }
        self.read = Some(entries.offset());
        Ok(arrivals)
    }
}

/// Verdicts, brackets and what a search found, from the records of a run whose stages have `sizes` requests.
///
/// # Errors
///
/// If the records cannot be read.
pub fn answer<S: RecordSource + ?Sized>(
    source: &S,
    options: &MetricOptions,
    sizes: &BTreeMap<u32, usize>,
) -> Result<Capacity, S::Error> {
    let mut capacity = analysis::capacity(source, options, None, sizes)?;
    let Some(Replayed { search, questions, .. }) = replay(source, options)? else { return Ok(capacity) };
    outcome::enter(&mut capacity, search.report());
    capacity.production = questions.production.and_then(|asked| production::need(&capacity, &asked));
    Ok(capacity)
}

/// A search as far as the stages of its run go: who goes on with it continues an interrupted run.
#[derive(Debug, Clone)]
pub struct Replayed {
    /// The search.
    pub search: Search,
    /// What else the run's configuration asks.
    pub questions: Questions,
    /// The stages that the search has taken, as they were planned.
    pub taken: Vec<StagePlan>,
}

/// The search of a run, as far as its stages go; `None` if the run is no search.
///
/// # Errors
///
/// If the records cannot be read.
pub fn replay<S: RecordSource + ?Sized>(
    source: &S,
    options: &MetricOptions,
) -> Result<Option<Replayed>, S::Error> {
    let mut replayed: Option<Replayed> = None;
    let mut arrivals: Vec<Arrival> = Vec::new();
    for entry in source.entries()? {
        match entry? {
            SpoolEntry::Run(facts) => {
                let Some(search) = search_of(&facts) else { return Ok(None) };
                let questions = Questions::of_config(&facts.config_json);
                replayed = Some(Replayed { search, questions, taken: Vec::new() });
            }
            SpoolEntry::Request(record) if is_measured(record.stage) => {
                arrivals.push(Arrival::of(&record, options));
            }
            SpoolEntry::Stage(facts) if is_measured(facts.stage) => {
                let of_stage = std::mem::take(&mut arrivals);
                if let Some(replayed) = &mut replayed {
                    replayed.take(of_stage, &facts);
                }
            }
            _ => {}
        }
    }
    Ok(replayed)
}

impl Replayed {
    /// Goes on with a stage that was run, if the search wants it.
    fn take(&mut self, arrivals: Vec<Arrival>, facts: &StageFacts) {
        if let Some(wanted) = self.search.next().filter(|_| self.search.wants(facts)) {
            self.taken.push(stage(wanted, facts.stage, facts.pacing));
            self.search.take(arrivals, facts);
        }
    }
}

/// The search that the configuration of a run asks for, at its beginning.
#[must_use]
pub fn search_of(facts: &RunFacts) -> Option<Search> {
    let config: Config = serde_json::from_str(&facts.config_json).ok()?;
    SearchSettings::of(&config).map(Search::new)
}

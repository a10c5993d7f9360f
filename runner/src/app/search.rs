//! A search within a run: its stages one by one, and the line in the log for each step.

use anyhow::{Context as _, Result};
use benchmark_schemas::record::{Pacing, RunFacts, StageFacts};

use crate::capacity::{self, Search, StageReader};
use crate::plan::StagePlan;
use crate::report::read::metric_options;
use crate::spool::SpoolSource;

/// A search that goes on.
pub(super) struct Searching {
    search: Search,
    reader: StageReader,
}

impl Searching {
    /// The search that a run asks for; `None` if it asks for none.
    pub(super) fn of(facts: &RunFacts) -> Option<Self> {
        let search = capacity::search_of(facts)?;
        let options = metric_options(facts)?;
        Some(Self { search, reader: StageReader::new(options) })
    }

    /// The stage that it wants next, as number `id`; says why.
    pub(super) fn next(&self, id: u32, pacing: Pacing) -> Option<StagePlan> {
        let wanted = self.search.next()?;
        tracing::info!("Search - step {id} ({:?}): {}", wanted.purpose, wanted.why);
        Some(capacity::stage(wanted, id, pacing))
    }

    /// Takes the stage with `facts`, which has just ended and whose records are in `spool`; says what it showed.
    pub(super) fn take(&mut self, spool: &SpoolSource, facts: &StageFacts) -> Result<()> {
        let arrivals = self.reader.requests_of(spool, facts.stage);
        let arrivals = arrivals.context("the records of a stage cannot be read back")?;
        if self.search.wants(facts) {
            self.search.take(arrivals, facts);
            if let Some(step) = self.search.steps().last() {
                tracing::info!("Search - step {} showed: {}", facts.stage, step.finding);
            }
        }
        Ok(())
    }

    /// Says how it ended.
    pub(super) fn tell(&self) {
        let said = self.search.ending().map_or("interrupted", |ending| ending.said.as_str());
        tracing::info!("Search - ended: {said}");
    }
}

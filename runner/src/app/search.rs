//! A search within a run: its stages one by one, and the line in the log for each step. One that was broken off is given
//! back by its stages.

use anyhow::{Context as _, Result, bail};
use benchmark_schemas::record::{Pacing, RunFacts, StageFacts};

use super::resume::Earlier;
use crate::capacity::{self, Replayed, Search, StageReader};
use crate::plan::StagePlan;
use crate::report::read::metric_options;
use crate::spool::SpoolSource;

/// A search that goes on.
pub(super) struct Searching {
    search: Search,
    reader: StageReader,
    /// The stages that an earlier part of the run has finished.
    pub(super) taken: Vec<StagePlan>,
}

impl Searching {
    /// The search that a run asks for; `None` if it asks for none.
    pub(super) fn of(facts: &RunFacts) -> Option<Self> {
        let search = capacity::search_of(facts)?;
        let options = metric_options(facts)?;
        Some(Self { search, reader: StageReader::new(options), taken: Vec::new() })
    }

    /// The search that the run of `facts` asks for, as far as the stages of its `earlier` part go.
    ///
    /// # Errors
    ///
    /// If those stages cannot be read, are not the ones that it would have asked for, or leave nothing to be asked.
    pub(super) fn go_on(facts: &RunFacts, earlier: &Earlier) -> Result<Option<Self>> {
        let Some(options) = metric_options(facts) else { return Ok(None) };
        let replayed = capacity::replay(&earlier.kept(facts), &options);
        let replayed = replayed.context("the records of the earlier part cannot be read back")?;
        let Some(Replayed { search, taken, .. }) = replayed else { return Ok(None) };
        let folder = earlier.folder();
        if taken.len() < earlier.finished.stages.len() {
            bail!(
                "the search in {folder} would have gone another way by this configuration (give the one that it had, or \
                 start anew without --resume)"
            );
        }
        if let Some(ending) = search.ending() {
            bail!(
                "the search in {folder} has come to its end: {} (`inference-perf report {folder}` makes its reports)",
                ending.said
            );
        }
        Ok(Some(Self { search, reader: StageReader::new(options), taken }))
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

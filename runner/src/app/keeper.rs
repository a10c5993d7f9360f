//! Keeps the results of stages that have ended while the run goes on: their reports are written and uploaded beside the
//! load, so that whatever ends the run leaves them. All reports are made again at the end, when all is known.

use std::io;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use benchmark_schemas::record::{ScrapeMoment, SpoolEntry};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::metrics::RecordSource;
use crate::report::{self, Export, File, Layout, RunReport, lifecycle, partial};
use crate::spool::{SpoolError, SpoolSource};
use crate::store::Stores;

/// Steps by which its thread is nicer than those that measure.
const NICENESS: i32 = 5;

/// Whoever keeps the results of ended stages.
pub(super) struct Keeper {
    ended: mpsc::UnboundedSender<EndedStage>,
    keeping: JoinHandle<Stores>,
    over: CancellationToken,
}

/// A stage whose facts are all in the spool.
pub(super) struct EndedStage {
    pub(super) stage: u32,
    /// Where its entries begin, bytes into the spool.
    pub(super) from: u64,
    pub(super) spool: SpoolSource,
}

impl Keeper {
    /// Keeps results in `stores` from now on.
    pub(super) fn start(stores: Stores) -> Self {
        let (ended, inbox) = mpsc::unbounded_channel();
        let over = CancellationToken::new();
        Self { ended, keeping: tokio::spawn(keep(stores, inbox, over.clone())), over }
    }

    /// Where stages that have ended are told.
    pub(super) fn stages(&self) -> mpsc::UnboundedSender<EndedStage> {
        self.ended.clone()
    }

    /// Gives the stores back. What is on its way to one is broken off.
    ///
    /// # Errors
    ///
    /// If it ended by a fault of its own.
    pub(super) async fn finish(self) -> Result<Stores> {
        drop(self.ended);
        self.over.cancel();
        self.keeping.await.context("what keeps the reports of stages ended unexpectedly")
    }
}

async fn keep(
    mut stores: Stores,
    mut inbox: mpsc::UnboundedReceiver<EndedStage>,
    over: CancellationToken,
) -> Stores {
    while let Some(ended) = inbox.recv().await {
        let number = ended.stage;
        let written = tokio::task::spawn_blocking(move || {
            // Refused only where even that is forbidden; then all are equal.
            let _ = rustix::process::setpriority_process(None, NICENESS);
            let outcome = write(&mut stores, ended);
            (stores, outcome)
        });
        let outcome;
        (stores, outcome) = match written.await {
            Ok(written) => written,
            // Stores that are lost with a thread would lose the results as well.
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        };
        if let Err(error) = outcome {
            tracing::warn!("Stage {number}: its report cannot be stored yet: {error:#}");
            continue;
        }
        // At the end of the run it is broken off: everything goes there again then, all at once.
        for error in stores.upload(&over).await.iter().filter(|_| !over.is_cancelled()) {
            tracing::warn!("Stage {number}: its report cannot be uploaded yet: {error}");
        }
    }
    stores
}

/// Writes the reports on the stage.
fn write(stores: &mut Stores, ended: EndedStage) -> Result<()> {
    let number = ended.stage;
    let source = Arc::new(ended);
    let run = RunReport::read(&*source).context("its records cannot be read back")?;
    let is_on_stage = |file: &&File| {
        let name = file.name();
        lifecycle::stage_of_name(name).or_else(|| partial::stage_of_name(name)) == Some(number)
    };
    for file in report::exports(&run, &source).files.iter().filter(is_on_stage) {
        let path =
            stores.write(file.name(), &mut |out: &mut dyn io::Write| file.write(Layout::Indented, out))?;
        tracing::debug!("Report on stage {number} saved to: {}", path.display());
    }
    Ok(())
}

impl RecordSource for EndedStage {
    type Error = SpoolError;

    fn entries(&self) -> Result<impl Iterator<Item = Result<SpoolEntry, SpoolError>>, SpoolError> {
        let run = self.spool.entries()?.take(1);
        let rest = self.spool.entries_from(self.from)?;
        let stage = self.stage;
        Ok(run.chain(rest.filter(move |entry| entry.as_ref().map_or(true, |entry| is_of(stage, entry)))))
    }
}

/// Whether the report on `stage` needs `entry`.
fn is_of(stage: u32, entry: &SpoolEntry) -> bool {
    match entry {
        SpoolEntry::Request(record) => record.stage == stage,
        SpoolEntry::Stage(facts) => facts.stage == stage,
        SpoolEntry::BreakerOpened(opened) => opened.stage == stage,
        SpoolEntry::Scrape(scrape) => {
            let (ScrapeMoment::Before(of) | ScrapeMoment::During(of) | ScrapeMoment::After(of)) =
                scrape.moment;
            of == stage
        }
        SpoolEntry::Run(_) | SpoolEntry::Sweep(_) | SpoolEntry::Finished(_) | SpoolEntry::PromQl(_) => false,
    }
}

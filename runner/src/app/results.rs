//! From the spool to stored results: reports, the tables and the answer, uploads, the exit code.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use benchmark_schemas::record::{ScrapeMoment, SpoolEntry, is_measured};
use benchmark_schemas::report::Manifest;

use super::last_words::LastWords;
use super::{Exit, complain, say};
use crate::metrics::RecordSource;
use crate::report::validation::{Severity, Validation};
use crate::report::{self, Export, Layout, RunReport, answer, gates, markers, tables};
use crate::shutdown::Signals;
use crate::spool::{ReadAhead, SpoolError, SpoolSource};
use crate::store::{StoreError, Stores};

/// A spool without the probe of a sweep and the warm-up: what the probe found is an entry of its own, and no report counts
/// their requests.
pub(super) struct Spool(SpoolSource);

impl Spool {
    /// The spool in the folder of a run's results.
    pub(super) fn in_folder(folder: &Path) -> Self {
        Self(SpoolSource::in_folder(folder))
    }
}

impl RecordSource for Spool {
    type Error = SpoolError;

    fn entries(&self) -> Result<impl Iterator<Item = Result<SpoolEntry, SpoolError>>, SpoolError> {
        let entries = ReadAhead::new(self.0.entries()?)?;
        Ok(entries.filter(|entry| !entry.as_ref().is_ok_and(is_aside)))
    }
}

fn is_aside(entry: &SpoolEntry) -> bool {
    match entry {
        SpoolEntry::Request(record) => !is_measured(record.stage),
        SpoolEntry::Stage(facts) => !is_measured(facts.stage),
        SpoolEntry::Scrape(scrape) => match scrape.moment {
            ScrapeMoment::Before(stage) | ScrapeMoment::During(stage) | ScrapeMoment::After(stage) => {
                !is_measured(stage)
            }
        },
        SpoolEntry::Run(_)
        | SpoolEntry::Sweep(_)
        | SpoolEntry::Finished(_)
        | SpoolEntry::PromQl(_)
        | SpoolEntry::BreakerOpened(_) => false,
    }
}

/// Writes all reports of the run whose records lie in `spool`, uploads them, and prints the answer.
///
/// Whatever fails, the facts stay in the spool, and the person is told how to go on from there.
pub(super) async fn store(mut stores: Stores, spool: SpoolSource, signals: &Signals) -> Stored {
    tracing::info!("Generating Reports...");
    let (run, files) = match make(&spool) {
        Ok(made) => made,
        Err(error) => {
            complain(&format!("the reports could not be made: {error:#}"));
            complain(&spool_hint(&stores.local_place()));
            return Stored { exit: Exit::NotStored, words: None };
        }
    };
    let mut kept = keep(&mut stores, &run, &files);
    kept.rescue(&stores, &spool, &run.facts.run_id);
    let failed = stores.upload(signals.late()).await;
    say(&markers::blocks(&files));
    say(&tables::all(&run, display_width()));
    let places = match &kept.only_spool {
        Some(spool) => vec![spool.clone()],
        None if failed.is_empty() => stores.places(),
        None => vec![stores.local_place()],
    };
    // Not by the log: the answer is what the run is for, whatever the log's level.
    let broken = gates::broken(&run);
    for broken in &broken {
        complain(broken);
    }
    say(&answer::lines(&run, &places).join("\n"));
    kept.faults.extend(failed.iter().map(|error| format!("not stored: {error}")));
    let words = Some(LastWords::of(&run, places, kept.faults.clone()));
    if kept.faults.is_empty() {
        stores.close();
        let ended = if broken.is_empty() { Exit::Done } else { Exit::ConditionFails };
        return Stored { exit: signals.exit_code().map_or(ended, Exit::Signal), words };
    }
    kept.tell(&stores, !failed.is_empty());
    Stored { exit: Exit::NotStored, words }
}

/// How storing went.
pub(super) struct Stored {
    pub(super) exit: Exit,
    /// What there is to say of the run, if its reports could be made.
    pub(super) words: Option<LastWords>,
}

/// Reads `spool` and makes the reports, which can be written as often as need be.
pub(super) fn make(spool: &SpoolSource) -> Result<(RunReport, Vec<report::File>)> {
    let spool = Arc::new(Spool(spool.clone()));
    let run = RunReport::read(&*spool).context("the records cannot be read back")?;
    let exports = report::exports(&run, &spool);
    tell(&exports.validation);
    Ok((run, exports.files))
}

/// The scratch folder of a run: for the spool where no files are asked for, and for the files where their own folder
/// cannot be written.
pub(super) fn scratch_folder(run_id: &str) -> PathBuf {
    std::env::temp_dir().join(format!("inference-perf-{run_id}"))
}

/// What became of the local files.
#[derive(Default)]
pub(super) struct Kept {
    /// What went wrong, a line each.
    pub(super) faults: Vec<String>,
    /// Where the spool lies, if not all reports could be written anywhere.
    pub(super) only_spool: Option<String>,
}

/// Writes the reports to the local folder, or else to the run's scratch folder, of which `stores` then know.
pub(super) fn keep(stores: &mut Stores, run: &RunReport, files: &[report::File]) -> Kept {
    let Err(error) = write(stores, run, files) else { return Kept::default() };
    let mut kept = Kept { faults: vec![format!("not stored: {error}")], only_spool: None };
    let spool = stores.local_place();
    let scratch = scratch_folder(&run.facts.run_id);
    // It is no way out where it is what cannot be written.
    let again = match stores.folder() {
        folder if folder == scratch => None,
        _ => Some(stores.move_to(&scratch).and_then(|()| write(stores, run, files))),
    };
    if !matches!(again, Some(Ok(()))) {
        kept.faults.extend(again.and_then(Result::err).map(|error| format!("not stored: {error}")));
        kept.only_spool = Some(spool);
    }
    kept
}

impl Kept {
    /// Puts a spool that is not whole in its folder beside the reports, or else into the run's scratch folder.
    fn rescue(&mut self, stores: &Stores, spool: &SpoolSource, run_id: &str) {
        let Some(fault) = spool.fault() else { return };
        self.faults.push(format!("not stored: {fault}"));
        let places = [stores.folder().to_owned(), scratch_folder(run_id)];
        match places.iter().find(|place| spool.rescue_to(place).is_ok()) {
            Some(place) => self.faults.push(format!("The records are kept in {}.", place.display())),
            None => self.faults.push("The records could not be kept anywhere.".to_owned()),
        }
    }

    /// Says what is where; `by_hand` if it has to be copied to an object store.
    pub(super) fn tell(&self, stores: &Stores, by_hand: bool) {
        for fault in &self.faults {
            complain(fault);
        }
        if let Some(spool) = &self.only_spool {
            complain(&spool_hint(spool));
            return;
        }
        let place = stores.local_place();
        if !by_hand {
            complain(&format!("The results are kept in {place}."));
            return;
        }
        complain(&format!("The results are kept in {place}; copy them with:"));
        for command in stores.retry_commands() {
            complain(&format!("  {command}"));
        }
    }
}

fn spool_hint(place: &str) -> String {
    format!("The records are kept in {place}; `inference-perf report {place}` makes the reports.")
}

/// Writes `files` to the local folder of `stores`, and `manifest.json` last.
///
/// # Errors
///
/// The first file that could not be written. The others are; but there is no manifest, which would say that this is all.
fn write(stores: &mut Stores, run: &RunReport, files: &[report::File]) -> Result<(), StoreError> {
    let outcomes: Vec<_> = files.iter().map(|file| write_file(stores, file)).collect();
    outcomes.into_iter().collect::<Result<(), _>>()?;
    let manifest = Manifest {
        format: 1,
        run_id: run.facts.run_id.clone(),
        complete: !run.metrics.interrupted(),
        files: stores.files().to_vec(),
    };
    write_file(stores, &report::manifest::document(&manifest))
}

/// Columns of the display: as `COLUMNS` says, else the terminal's, else a pod log's.
pub(super) fn display_width() -> usize {
    let told = std::env::var("COLUMNS").ok().and_then(|columns| columns.trim().parse().ok());
    let terminal =
        || rustix::termios::tcgetwinsize(rustix::stdio::stdout()).ok().map(|size| usize::from(size.ws_col));
    told.or_else(terminal).filter(|columns| *columns > 0).unwrap_or(tables::WIDTH)
}

/// Tells what the reports say about one another.
fn tell(validation: &Validation) {
    for finding in &validation.findings {
        let (check, report) = (&finding.check, finding.report.as_deref().unwrap_or("all reports"));
        match finding.severity {
            Severity::Warning => tracing::warn!("Validation [{check}] {report}: {}", finding.message),
            Severity::Error => tracing::error!("Validation [{check}] {report}: {}", finding.message),
        }
    }
    let [errors, warnings] = [Severity::Error, Severity::Warning].map(|severity| validation.count(severity));
    if errors + warnings > 0 {
        tracing::warn!("Reports checked: {errors} errors, {warnings} warnings (see validation.json)");
    } else {
        tracing::info!("Reports checked: no findings in {} files", validation.inspected.len());
    }
}

fn write_file(stores: &mut Stores, file: &dyn Export) -> Result<(), StoreError> {
    let path = stores.write(file.name(), &mut |out: &mut dyn io::Write| file.write(Layout::Indented, out))?;
    tracing::info!("Report saved to: {}", path.display());
    Ok(())
}

#[cfg(test)]
mod tests {
    use benchmark_schemas::record::{PROBE_STAGE, Record, StageFacts, SweepFacts, SweepMethod};

    use super::*;
    use crate::metrics::source::tests::{S, failure, record, run_end, run_facts, stage};
    use crate::spool::SpoolWriter;

    #[test]
    fn reports_never_count_the_probe() {
        let sweep = SweepFacts {
            method: SweepMethod::Completions,
            estimate: 4.0,
            interval: Some([3.5, 4.5]),
            completions: 9,
            busy_seconds: 2.25,
            requests: 10,
            succeeded: 9,
            failed: 1,
            peak_in_flight: 10,
            rates: vec![1.0, 4.0],
        };
        let of_probe =
            |record: Record| SpoolEntry::Request(Box::new(Record { stage: PROBE_STAGE, ..record }));
        let mut probe: Vec<SpoolEntry> = (0..9).map(|index| of_probe(record(index, 0))).collect();
        probe.push(of_probe(failure(9, 0, "HTTP Error 503", "busy")));
        probe.push(SpoolEntry::Stage(Box::new(StageFacts { stage: PROBE_STAGE, ..stage(0, 10.0, 0.0, 0) })));
        let mut rest = vec![SpoolEntry::Sweep(Box::new(sweep.clone()))];
        let records = (10..30).zip(0..).map(|(second, index)| record(index, second * S));
        rest.extend(records.map(|record| SpoolEntry::Request(Box::new(record))));
        rest.push(SpoolEntry::Stage(Box::new(stage(0, 1.0, 20.0, 10 * S))));
        rest.push(run_end(40 * S, false));
        let rebuilt = |entries: &[&[SpoolEntry]]| {
            let folder = tempfile::tempdir().expect("a folder");
            let mut writer = SpoolWriter::create(folder.path()).expect("a spool");
            for entry in std::iter::once(&run_facts()).chain(entries.iter().copied().flatten()) {
                writer.append(entry).expect("appended");
            }
            drop(writer);
            let spool = Arc::new(Spool(SpoolSource::in_folder(folder.path())));
            let run = RunReport::read(&*spool).expect("a run");
            let files: Vec<(String, Vec<u8>)> = report::exports(&run, &spool)
                .files
                .iter()
                .map(|file| {
                    let mut bytes = Vec::new();
                    file.write(Layout::Indented, &mut bytes).expect("in memory");
                    (file.name().to_owned(), bytes)
                })
                .collect();
            (run, files)
        };
        let (run, files) = rebuilt(&[&probe, &rest]);
        assert_eq!(run.metrics.summary.recorded_count(), 20);
        assert_eq!(run.capacity.stages.iter().map(|stage| stage.stage).collect::<Vec<_>>(), [0]);
        assert_eq!(run.capacity.sweep, Some(sweep.into()));
        assert_eq!(files, rebuilt(&[&rest]).1, "as if it had never been");
    }
}

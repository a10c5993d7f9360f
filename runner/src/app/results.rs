//! From the spool to stored results: reports, the tables and the answer, uploads, the exit code.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use benchmark_schemas::config::{LocalStorage, Storage};
use benchmark_schemas::record::SpoolEntry;
use benchmark_schemas::report::Manifest;

use super::{Exit, complain, say};
use crate::metrics::RecordSource;
use crate::report::{self, Export, Layout, RunReport, answer, markers, tables};
use crate::spool::{SpoolError, SpoolReader};
use crate::store::Stores;

/// The spool in a folder of results.
struct Spool(PathBuf);

impl RecordSource for Spool {
    type Error = SpoolError;

    fn entries(&self) -> Result<impl Iterator<Item = Result<SpoolEntry, SpoolError>>, SpoolError> {
        SpoolReader::open(&self.0)
    }
}

/// Writes all reports of the run whose spool lies in the local folder of `stores`, uploads them, and prints the answer.
///
/// `signal` is the exit code that a signal asked for.
///
/// # Errors
///
/// If the local reports cannot be written.
pub(super) async fn store(mut stores: Stores, signal: Option<u8>) -> Result<Exit> {
    tracing::info!("Generating Reports...");
    let run = write(&mut stores)?;
    let failed = stores.upload().await;
    say(&markers::blocks(&run));
    say(&tables::all(&run));
    let places = if failed.is_empty() { stores.places() } else { vec![stores.local_place()] };
    for line in answer::lines(&run, &places) {
        tracing::info!("{line}");
    }
    let exit = if failed.is_empty() {
        signal.map_or(Exit::Done, Exit::Signal)
    } else {
        for error in &failed {
            complain(&format!("not stored: {error}"));
        }
        complain(&format!("The results are kept in {}; copy them with:", stores.folder().display()));
        for command in stores.retry_commands() {
            complain(&format!("  {command}"));
        }
        Exit::NotStored
    };
    stores.close();
    Ok(exit)
}

/// Writes the reports to the local folder, `manifest.json` last.
fn write(stores: &mut Stores) -> Result<RunReport> {
    let spool = Arc::new(Spool(stores.folder().to_owned()));
    let run = RunReport::read(&*spool).context("the records cannot be read back")?;
    for file in report::exports(&run, &spool) {
        write_file(stores, &*file)?;
    }
    let manifest = Manifest {
        format: 1,
        run_id: run.facts.run_id.clone(),
        complete: !run.metrics.interrupted(),
        files: stores.files().to_vec(),
    };
    write_file(stores, &report::manifest::document(&manifest))?;
    Ok(run)
}

fn write_file(stores: &mut Stores, file: &dyn Export) -> Result<()> {
    let path = stores.write(file.name(), &mut |out: &mut dyn io::Write| file.write(Layout::Indented, out))?;
    tracing::info!("Report saved to: {}", path.display());
    Ok(())
}

/// `inference-perf report DIR`: rebuilds the reports of the run whose spool lies in `folder`, and prints the answer.
///
/// # Errors
///
/// If there is no spool, or the reports cannot be written.
pub(super) fn rebuild(folder: &Path) -> Result<Exit> {
    let spool = Spool(folder.to_owned());
    let run = RunReport::read(&spool).with_context(|| format!("{} holds no run", folder.display()))?;
    let prefix = run.config.pointer("/storage/local_storage/report_file_prefix");
    let local_storage = LocalStorage {
        path: folder.display().to_string(),
        report_file_prefix: prefix.and_then(|prefix| prefix.as_str()).map(str::to_owned),
    };
    let storage = Storage { local_storage, ..Storage::default() };
    let mut stores = Stores::open(Some(&storage), Vec::new(), folder)?;
    let run = write(&mut stores)?;
    say(&tables::all(&run));
    for line in answer::lines(&run, &stores.places()) {
        say(&line);
    }
    Ok(Exit::Done)
}

//! From the spool to stored results: reports, the tables and the answer, uploads, the exit code.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use benchmark_schemas::record::SpoolEntry;
use benchmark_schemas::report::Manifest;

use super::{Exit, complain, say};
use crate::metrics::RecordSource;
use crate::report::{self, Export, Layout, RunReport, answer, markers, tables};
use crate::shutdown::Signals;
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
/// Whatever fails, the facts stay in the spool, and the person is told how to go on from there.
pub(super) async fn store(mut stores: Stores, signals: &Signals) -> Exit {
    tracing::info!("Generating Reports...");
    let run = match write(&mut stores) {
        Ok(run) => run,
        Err(error) => {
            complain(&format!("the reports could not be written: {error:#}"));
            let place = stores.local_place();
            complain(&format!(
                "The records are kept in {place}; `inference-perf report {place}` makes the reports."
            ));
            return Exit::NotStored;
        }
    };
    let failed = stores.upload().await;
    say(&markers::blocks(&run));
    say(&tables::all(&run));
    let places = if failed.is_empty() { stores.places() } else { vec![stores.local_place()] };
    // Not by the log: the answer is what the run is for, whatever the log's level.
    say(&answer::lines(&run, &places).join("\n"));
    if failed.is_empty() {
        stores.close();
        return signals.exit_code().map_or(Exit::Done, Exit::Signal);
    }
    for error in &failed {
        complain(&format!("not stored: {error}"));
    }
    complain(&format!("The results are kept in {}; copy them with:", stores.local_place()));
    for command in stores.retry_commands() {
        complain(&format!("  {command}"));
    }
    Exit::NotStored
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
    let first = Spool(folder.to_owned()).entries().and_then(|mut entries| entries.next().transpose());
    let Some(SpoolEntry::Run(facts)) = first.with_context(|| format!("{} holds no run", folder.display()))?
    else {
        anyhow::bail!("{} holds no run: its spool was cut off before the run started", folder.display());
    };
    let config: serde_json::Value = serde_json::from_str(&facts.config_json)?;
    let prefix = config.pointer("/storage/local_storage/report_file_prefix");
    let prefix = prefix.and_then(|prefix| prefix.as_str()).unwrap_or_default();
    let mut stores = Stores::existing(folder, prefix)?;
    let run = write(&mut stores)?;
    say(&tables::all(&run));
    say(&answer::lines(&run, &stores.places()).join("\n"));
    Ok(Exit::Done)
}

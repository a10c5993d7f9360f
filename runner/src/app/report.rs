//! `inference-perf report DIR`: reports from what a run has left, without a server.

use std::path::Path;

use anyhow::{Context as _, Result, bail};
use benchmark_schemas::record::SpoolEntry;
use benchmark_schemas::slo::Slo;

use super::results::{self, Spool, display_width};
use super::{Exit, complain, say};
use crate::metrics::RecordSource as _;
use crate::report::{
    Document, Export as _, Layout, RunReport, answer, capacity, gates, html, tables, validation,
};
use crate::spool::{self, SpoolError, SpoolReader, SpoolSource};
use crate::store::Stores;

/// What the names of files begin with that were judged by other objectives than the run's.
const OTHER_OBJECTIVES: &str = "slo-";

/// Makes the reports of the run in `folder` again; by `objectives`, if there are any, only what depends on them, under
/// other names.
///
/// # Errors
///
/// If there is nothing that reports could be made from.
pub(super) fn run(folder: &Path, objectives: Vec<Slo>) -> Result<Exit> {
    if !spool::file_in(folder).exists() && folder.is_dir() {
        return foreign(folder, &objectives);
    }
    if objectives.is_empty() { rebuild(folder) } else { judge_anew(folder, objectives) }
}

/// Rebuilds the reports of the run whose spool lies in `folder`, and prints the answer.
///
/// # Errors
///
/// If there is no spool, or it cannot be read.
fn rebuild(folder: &Path) -> Result<Exit> {
    let first = Spool::in_folder(folder).entries().and_then(|mut entries| entries.next().transpose());
    let Some(SpoolEntry::Run(facts)) = first.with_context(|| format!("{} holds no run", folder.display()))?
    else {
        bail!("{} holds no run: its spool was cut off before the run started", folder.display());
    };
    let config: serde_json::Value = serde_json::from_str(&facts.config_json)?;
    let mut stores = Stores::existing(folder, prefix(&config))?;
    let (run, files) = results::make(&SpoolSource::in_folder(folder))?;
    if run.metrics.end.is_none() {
        complain(&cut_off(folder)?);
    }
    let kept = results::keep(&mut stores, &run, &files);
    say(&tables::all(&run, display_width()));
    let places = kept.only_spool.clone().map_or_else(|| stores.places(), |spool| vec![spool]);
    let broken = gates::broken(&run);
    for broken in &broken {
        complain(broken);
    }
    say(&answer::lines(&run, &places).join("\n"));
    if kept.faults.is_empty() {
        return Ok(if broken.is_empty() { Exit::Done } else { Exit::ConditionFails });
    }
    kept.tell(&stores, false);
    Ok(Exit::NotStored)
}

/// What there is to say about the spool of a run that broke off.
fn cut_off(folder: &Path) -> Result<String, SpoolError> {
    let mut reader = SpoolReader::open(folder)?;
    let mut entries = 0_u64;
    for entry in reader.by_ref() {
        entry?;
        entries += 1;
    }
    let lost = reader.torn().map_or_else(String::new, |torn| {
        format!("; {} bytes after them are no whole entry and are left out", torn.lost_bytes)
    });
    Ok(format!("The run broke off: the reports cover the {entries} entries of its spool{lost}."))
}

/// Judges the run in `folder` by `objectives`.
fn judge_anew(folder: &Path, objectives: Vec<Slo>) -> Result<Exit> {
    let spool = Spool::in_folder(folder);
    let named = objectives.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let run = RunReport::read_for(&spool, Some(objectives)).context("the records cannot be read back")?;
    let prefix = format!("{}{OTHER_OBJECTIVES}", prefix(&run.config));
    let page = html::document(&run, &validation::Validation::default());
    let mut stores = Stores::existing(folder, &prefix)?;
    for document in [capacity::document(&run.capacity), page] {
        write(&mut stores, &document)?;
    }
    say(&tables::all(&run, display_width()));
    say(&format!("By these objectives: {named}"));
    say(&answer::lines(&run, &stores.places()).join("\n"));
    Ok(Exit::Done)
}

/// The page on a folder of reports without records.
fn foreign(folder: &Path, objectives: &[Slo]) -> Result<Exit> {
    let reports = html::Foreign::read(folder)
        .with_context(|| format!("{} holds no run, neither spool nor reports", folder.display()))?;
    for skipped in &reports.skipped {
        complain(&format!("left out: {skipped}"));
    }
    // This program's own page says more than can be said without the records.
    let own = folder.join(format!("{}{}", reports.prefix, capacity::NAME)).exists();
    let prefix = if own { format!("{}{OTHER_OBJECTIVES}", reports.prefix) } else { reports.prefix.clone() };
    let mut stores = Stores::existing(folder, &prefix)?;
    write(&mut stores, &Document::text(html::NAME, html::foreign_page(&reports, objectives)))?;
    for slo in objectives {
        let told = reports.measured(slo);
        if told.iter().all(|measured| measured.value.is_none()) {
            bail!("{slo}: the reports in {} do not have that percentile", folder.display());
        }
    }
    say(&html::foreign_answer(&reports, objectives));
    say(&format!("Results: {}", stores.local_place()));
    Ok(Exit::Done)
}

fn write(stores: &mut Stores, document: &Document) -> Result<()> {
    stores.write(document.name(), &mut |out| document.write(Layout::Indented, out))?;
    Ok(())
}

/// `storage.local_storage.report_file_prefix` of `config`.
fn prefix(config: &serde_json::Value) -> &str {
    let prefix = config.pointer("/storage/local_storage/report_file_prefix");
    prefix.and_then(|prefix| prefix.as_str()).unwrap_or_default()
}

//! `inference-perf compare BASE NEW`: two groups of runs beside one another, and the conditions that must hold.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use super::results::{Spool, display_width};
use super::{Exit, say};
use crate::cli::CompareArgs;
use crate::compare::{Condition, Key, Outcome, RunSample, compare, gate, output};
use crate::report::RunReport;

/// Of the resamples: the same runs give the same intervals.
const SEED: u64 = 0x1f_ca9e;

/// Compares what `arguments` name.
///
/// # Errors
///
/// If a folder holds no run, or nothing can be compared or decided.
pub(super) fn run(arguments: &CompareArgs) -> Result<Exit> {
    let conditions: &[Condition] = &arguments.fail_on;
    let base = read(&arguments.base, &arguments.more_base)?;
    let new = read(&arguments.new, &arguments.more_new)?;
    let mut keys = Key::usual();
    for condition in conditions {
        if !keys.contains(&condition.key) {
            keys.push(condition.key);
        }
    }
    let comparison = compare(&base, &new, &keys, SEED);
    if comparison.stages.is_empty() {
        bail!("there is no stage that all runs have: {}", comparison.left_out.join("; "));
    }
    let outcomes: Vec<Outcome> =
        conditions.iter().map(|condition| gate::decide(condition, &comparison)).collect();
    say(&output::table(&comparison, &outcomes, display_width()));
    if let Some(file) = &arguments.markdown {
        write(file, &output::markdown(&comparison, &outcomes))?;
    }
    if let Some(file) = &arguments.junit {
        write(file, &output::junit(&outcomes))?;
    }
    if outcomes.iter().any(Outcome::fails) {
        return Ok(Exit::ConditionFails);
    }
    // A gate that nothing could decide must not look like one that held.
    if let Some(undecided) = outcomes.iter().find(|outcome| outcome.is_undecided()) {
        bail!("--fail-on {}: no stage could decide it", undecided.condition);
    }
    Ok(Exit::Done)
}

/// The runs in the folders of `list`, which commas divide, and in `more`.
fn read(list: &str, more: &[PathBuf]) -> Result<Vec<RunSample>> {
    let folders = list.split(',').filter(|folder| !folder.is_empty()).map(PathBuf::from);
    let runs: Vec<RunSample> =
        folders.chain(more.iter().cloned()).map(|folder| sample(&folder)).collect::<Result<_>>()?;
    if runs.is_empty() {
        bail!("{list:?} names no folder");
    }
    Ok(runs)
}

fn sample(folder: &Path) -> Result<RunSample> {
    let name = folder.display().to_string();
    let spool = Spool::in_folder(folder);
    let run = RunReport::read(&spool).with_context(|| format!("{name} holds no run that can be compared"))?;
    Ok(RunSample::read(name, &run, &spool)?)
}

fn write(file: &Path, text: &str) -> Result<()> {
    fs_err::write(file, text)?;
    Ok(())
}

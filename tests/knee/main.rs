//! Known answers: the shipped search, on the shipped driver, in virtual time, against servers whose knee is known.
//!
//! `make test` takes the first seeds, `make validate-knee` all 400 (`KNEE_SEEDS`), longer runs for the truth
//! (`KNEE_TRUTH`), and prints the table. Whatever a search ends with counts: none is left out.

mod cases;
mod memory;
mod resumed;
mod servers;
mod table;
mod truth;

use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context as _, Result};
use benchmark_schemas::report::Search as Report;

use cases::{Case, Kind, Law};
use table::Row;

/// Seeds of `make test`.
const SEEDS: u64 = 6;
/// Requests of each of the two runs that check a truth in `make test`.
const TRUTH_REQUESTS: usize = 100_000;
/// A truth may be wrong by so much.
const TRUTH_ERROR: f64 = 0.005;

/// The truths, requests/s: by formula, else by `make validate-knee` with `KNEE_TRUTH=2000000`, which checks them again.
fn truth_of(case: Case) -> Option<f64> {
    match (case.kind, case.law) {
        (Kind::ClientLimited, _) => None,
        (Kind::Queue | Kind::Slow, _) | (Kind::ErrorAtCap, Law::Poisson) => truth::formula(case),
        (Kind::Slots, Law::Poisson) => Some(10.827),
        (Kind::Slots, Law::Gamma) => Some(8.93),
        (Kind::Cliff, Law::Poisson) => Some(11.07),
        (Kind::Cliff, Law::Gamma) => Some(8.307),
        (Kind::ErrorAtCap, Law::Gamma) => Some(2.844),
    }
}

fn number(variable: &str, default: u64) -> Result<u64> {
    match std::env::var(variable) {
        Ok(text) => text.trim().parse().with_context(|| format!("{variable} is no number")),
        Err(_) => Ok(default),
    }
}

/// A place for spools: memory if the system has it as files, for nobody will read them again.
fn scratch() -> PathBuf {
    let memory = PathBuf::from("/dev/shm");
    if memory.is_dir() { memory } else { std::env::temp_dir() }
}

/// Searches each case with each seed, on all cores.
fn searched(cases: &[Case], seeds: u64) -> Result<Vec<(Case, u64, Report)>> {
    let jobs: Vec<(Case, u64)> =
        (1..=seeds).flat_map(|seed| cases.iter().map(move |case| (*case, seed))).collect();
    let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..cores)
            .map(|_| {
                scope.spawn(|| -> Result<()> {
                    while let Some((case, seed)) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let folder = tempfile::tempdir_in(scratch())?;
                        let report = memory::search(*case, *seed, folder.path())
                            .with_context(|| format!("{case}, seed {seed}"))?;
                        done.lock().expect("no panic").push((*case, *seed, report));
                    }
                    Ok(())
                })
            })
            .collect();
        workers.into_iter().try_for_each(|worker| worker.join().expect("no panic"))
    })?;
    Ok(done.into_inner().expect("no panic"))
}

#[test]
fn searches_find_what_is_known() -> Result<()> {
    let seeds = number("KNEE_SEEDS", SEEDS)?;
    let cases = Case::all();
    let reports = searched(&cases, seeds)?;
    assert_eq!(reports.len() as u64, seeds * cases.len() as u64, "none is left out");
    let rows: Vec<Row> = cases
        .iter()
        .map(|case| {
            let own = reports.iter().filter(|(other, _, _)| other == case);
            Row::of(*case, truth_of(*case), own.map(|(_, seed, report)| (*seed, report)).collect())
        })
        .collect();
    println!("{}", table::markdown(&rows));
    let faults = table::faults(&rows, seeds);
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    Ok(())
}

#[test]
fn the_truth_is_what_long_runs_show() -> Result<()> {
    let requests = usize::try_from(number("KNEE_TRUTH", TRUTH_REQUESTS as u64)?)?;
    let mut faults = Vec::new();
    for case in Case::all() {
        let Some(stated) = truth_of(case) else { continue };
        let found = truth::simulated(case, stated, requests);
        let off = (found.rate / stated).ln();
        println!(
            "{case}: stated {stated:.4}, runs of {requests} give {:.4} (standard error {:.2} %)",
            found.rate,
            found.relative_error * 100.0
        );
        // Of short runs their own chance is the limit, of long ones that of the truth.
        if off.abs() > TRUTH_ERROR.max(4.0 * found.relative_error) {
            faults.push(format!("{case}: {:.2} % off", off * 100.0));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    Ok(())
}

//! Whatever ends a run or breaks around it, results are not lost: kills, full disks, stores and servers that fail; and
//! whatever the server's capacity is, no verdict is wrong.
//!
//! A short part runs with all tests; `make chaos` runs it long (`CHAOS_RUNS` kills, faults that take a minute).

mod disk;
mod figures;
mod gcs;
mod identities;
mod kills;
mod knee;
mod live;
mod proxy;
mod resume;
#[path = "../load/rig.rs"]
#[allow(dead_code, reason = "the load tests need more of it")]
mod rig;
#[path = "../load/script.rs"]
#[allow(dead_code, reason = "the load tests need more of it")]
mod script;
mod servers;
mod stores;
mod times;
mod trace;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Held by each test for as long as it sends: loads do not disturb one another. Whoever fails lets it go.
fn machine() -> MutexGuard<'static, ()> {
    static MACHINE: Mutex<()> = Mutex::new(());
    // It fails only if it is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    MACHINE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs that are killed, if `make chaos` asks for a long search; `None` in the short part.
fn long_runs() -> Option<usize> {
    std::env::var("CHAOS_RUNS").ok()?.parse().ok()
}

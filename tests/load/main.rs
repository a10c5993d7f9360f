//! Tests that send load over loopback: bounded in count and time, one after another.

mod adapters;
mod apis;
mod capacity;
mod conversations;
mod datasets;
mod demo;
mod faults;
mod gates;
mod golden;
mod hub_data;
mod load_types;
mod mock;
mod preflight;
mod replacement;
mod reports;
mod rig;
mod script;
mod secrets;
mod seed_run;
mod serving;
mod signals;
mod storage;
mod sweep;
mod timing;
mod tls;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Held by each test for as long as it sends: loads do not disturb one another. Whoever fails lets it go.
fn machine() -> MutexGuard<'static, ()> {
    static MACHINE: Mutex<()> = Mutex::new(());
    // It fails only if it is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    MACHINE.lock().unwrap_or_else(PoisonError::into_inner)
}

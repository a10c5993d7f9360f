//! Tests that send load over loopback: bounded in count and time; those of rates and times one after another.

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

use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

static MACHINE: RwLock<()> = RwLock::new(());

/// Held for as long as it sends by a test of rates or times, which nothing else may disturb. Whoever fails lets it go.
fn machine() -> RwLockWriteGuard<'static, ()> {
    one_provider();
    MACHINE.write().unwrap_or_else(PoisonError::into_inner)
}

/// The same of a test whose load is light and whose outcome does not depend on times: such tests run side by side.
fn shared_machine() -> RwLockReadGuard<'static, ()> {
    one_provider();
    MACHINE.read().unwrap_or_else(PoisonError::into_inner)
}

fn one_provider() {
    // It fails only if it is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

//! Tests that send load over loopback: bounded in count and time, one after another.

mod demo;
mod rig;
mod seed_run;
mod signals;
mod storage;

/// Held by each test for as long as it sends: loads do not disturb one another.
static MACHINE: std::sync::Mutex<()> = std::sync::Mutex::new(());

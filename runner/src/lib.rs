//! The benchmark runner: sends the configured load on time, records facts, and derives reports and verdicts from them.
//!
//! Modules in the order in which data flows through them; each knows only those before it, [`app`] wires all.
//! `metrics`, `analysis` and `report` are pure functions of the records.

pub mod cause;
pub mod cli;
pub mod clock;
pub mod hex;
pub mod labels;
pub mod seed;

pub mod hub;
pub mod trace;

pub mod plan;
pub mod schedule;
pub mod workload;

pub mod breakers;
pub mod client;
pub mod driver;
pub mod recorder;
pub mod spool;

pub mod serving;

pub mod metrics;

pub mod analysis;

pub mod capacity;
pub mod sweep;

pub mod report;

pub mod compare;

pub mod store;

pub mod hold;
pub mod preflight;
pub mod selfcheck;

pub mod logging;
pub mod monitor;
pub mod progress;
pub mod shutdown;

pub mod app;

//! Placeholder.

pub mod analysis;
pub mod metrics;
pub mod report;
pub mod store;

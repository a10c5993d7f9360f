//! Two runs, or two groups of runs, beside one another: what has changed, how surely, and what could have been seen.
//!
//! Stages are compared with their counterparts of the same load. Latencies count from the scheduled instant. The
//! uncertainty within a run comes from a moving-block bootstrap over its requests in the order of the schedule, so that
//! neighbours that wait in one queue are not taken for independent; that between runs from the runs themselves, where a
//! side has several. Of changes the logarithm is taken: half and double are equally far from the same.
//!
//! Knows records, verdicts and statistics; knows neither command lines nor files.

pub mod bootstrap;
pub mod change;
pub mod gate;
pub mod metric;
pub mod output;
pub mod sample;
pub mod student;

#[cfg(test)]
mod tests;

pub use change::{Change, Comparison, Side, StageComparison, compare};
pub use gate::{Condition, Outcome};
pub use metric::{Key, Metric, Statistic};
pub use sample::{RunSample, StageSample};

//! Known answers: a queue with a known capacity, simulated in plain Rust, judged by the code that ships.

mod brackets;
mod client;
#[expect(clippy::float_cmp, reason = "the exact value is known")]
mod loops;
mod power;
mod queue;
#[expect(clippy::float_cmp, reason = "the exact value is known")]
mod verdicts;

use std::collections::BTreeMap;

use benchmark_schemas::report::Capacity;

use crate::metrics::{MetricOptions, RecordSource};

/// What the records of a run say by its own configuration.
fn capacity<S: RecordSource>(source: &S, options: &MetricOptions) -> Result<Capacity, S::Error> {
    super::capacity(source, options, None, &BTreeMap::new())
}

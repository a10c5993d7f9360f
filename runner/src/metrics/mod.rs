//! Numbers derived from records: latencies under both clocks, throughput, error labels, and their aggregates.
//!
//! Pure functions of the spool's entries and of [`MetricOptions`]. Knows the definitions of every metric and how
//! statistics are computed in bounded memory; knows neither files, nor report formats, nor verdicts.
//!
//! Two clocks: a latency *from the start* begins when the request was handed to the connection pool (upstream's
//! definition); a latency *from the scheduled instant* begins when the schedule wanted it sent, so that waiting for
//! a permit or for a late client is not left out (coordinated omission).

pub mod adapters;
pub mod aggregate;
pub mod asides;
pub mod checks;
pub mod goodput;
pub mod labels;
pub mod ledger;
pub mod media;
pub mod options;
pub mod percentile;
pub mod picture;
pub mod pool;
pub mod request;
pub mod retries;
pub mod run;
pub mod source;

pub use adapters::AdapterMetrics;
pub use aggregate::{Aggregate, Failures, Successes};
pub use asides::Asides;
pub use checks::RequestChecks;
pub use goodput::Goodput;
pub use ledger::Ledger;
pub use media::{MediaTotals, MediumPools};
pub use options::MetricOptions;
pub use picture::Picture;
pub use pool::Dist;
pub use request::{RequestMetrics, token_times};
pub use run::{RunMetrics, StageMetrics, summarise};
pub use source::RecordSource;

/// `part` / `whole`, for example requests / seconds; zero of nothing.
#[must_use]
pub fn ratio(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { 0.0 }
}

//! The server's own metrics: scraped from its metrics page while load is sent, and asked of Prometheus afterwards.
//!
//! Both end up in the spool as facts ([`Scrape`], [`PromQl`]), so reports are made from them without a server. Nothing
//! here runs on the measuring threads, and no fault of it costs a run its other results. It knows names and meaning of
//! each server's metrics, but not how a report looks.

mod bounded;
pub mod exposition;
pub mod names;
pub mod observed;
pub mod prometheus;
pub mod promql;
pub mod scrape;

#[cfg(doc)]
use benchmark_schemas::record::{PromQl, Scrape};

pub use bounded::{Unread, bounded};
pub use observed::{Observation, Observations, Reading};
pub use prometheus::Prometheus;
pub use scrape::{Scraper, ScraperSettings};

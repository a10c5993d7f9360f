//! Facts beside requests and stages: what the server itself told, and breakers that opened.

use serde::{Deserialize, Serialize};

use super::Nanos;

/// One reading of the server's own metrics page.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scrape {
    /// When it was asked for.
    pub at: Nanos,
    /// When the answer had been read, or failed.
    pub end: Nanos,
    /// Where it lies among the stages.
    pub moment: ScrapeMoment,
    /// The samples that have a meaning for reports, or why there are none.
    pub outcome: Result<Vec<Sample>, String>,
}

/// Where a scrape lies among the stages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ScrapeMoment {
    /// Right before the first request of a stage.
    Before(u32),
    /// While a stage ran.
    During(u32),
    /// After the last request of a stage had ended.
    After(u32),
}

/// One sample of a metrics page.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// Name as the server writes it, for example `vllm:num_requests_running`.
    pub name: String,
    /// Labels as the server writes them, without braces.
    pub labels: String,
    /// Value.
    pub value: f64,
}

/// What Prometheus answered about a stage or the whole run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PromQl {
    /// The stage; `None` for the whole run.
    pub stage: Option<u32>,
    /// Instant at which the queries were evaluated, seconds since the Unix epoch.
    pub time: f64,
    /// Length of the window that ends there, seconds.
    pub seconds: f64,
    /// The queries in order, each with the body of its answer, or why there is none.
    pub answers: Vec<PromQlAnswer>,
}

/// A query and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PromQlAnswer {
    /// The query.
    pub query: String,
    /// Body of the answer, or why there is none.
    pub outcome: Result<String, String>,
}

/// A circuit breaker has opened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BreakerOpened {
    /// When.
    pub at: Nanos,
    /// Name of the breaker.
    pub name: String,
    /// Stage whose record opened it.
    pub stage: u32,
}

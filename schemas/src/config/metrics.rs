//! `metrics`: where the server's own metrics are read from.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Time between two scrapes of the server, seconds.
pub const SCRAPE_INTERVAL_SECONDS: u64 = 15;

/// Where the server's own metrics are read from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Metrics {
    /// Kind of the source.
    #[serde(rename = "type")]
    pub kind: MetricsType,
    /// The Prometheus server; without it no metrics are read.
    #[serde(default)]
    pub prometheus: Option<PrometheusSource>,
}

/// Kind of a source of metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MetricsType {
    /// A Prometheus server.
    Prometheus,
    /// None.
    Default,
}

/// A Prometheus server: exactly one of `url` and `google_managed: true`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PrometheusSource {
    /// Time between two scrapes, seconds; 0 means 30.
    pub scrape_interval: u64,
    /// Address of the server, `http` or `https`.
    pub url: Option<String>,
    /// Label matchers that every query gets, for example `pod="vllm-0"`.
    pub filters: Vec<String>,
    /// Use Google Cloud Managed Service for Prometheus.
    pub google_managed: bool,
}

impl Default for PrometheusSource {
    fn default() -> Self {
        Self {
            scrape_interval: SCRAPE_INTERVAL_SECONDS,
            url: None,
            filters: Vec::new(),
            google_managed: false,
        }
    }
}

/// Time between two readings of the server's metrics page, seconds.
pub const PAGE_INTERVAL_SECONDS: f64 = 5.0;

/// Reading of the server's own metrics page.
///
/// It is off unless asked for: a server writes the page in the process that also writes answers, so each reading may hold
/// up tokens by some milliseconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ScrapeExtension {
    /// Time between two readings, seconds.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub interval: f64,
    /// Address of the page; `/metrics` of `server.base_url` if not given.
    pub url: Option<String>,
}

impl Default for ScrapeExtension {
    fn default() -> Self {
        Self { interval: PAGE_INTERVAL_SECONDS, url: None }
    }
}

//! `report`: which reports are written and what stands in them.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Percentiles that latencies are reported at.
pub const PERCENTILES: [f64; 11] = [0.1, 1.0, 5.0, 10.0, 25.0, 50.0, 75.0, 90.0, 95.0, 99.0, 99.9];
/// Error messages that a report lists at most.
pub const MAX_ERROR_MESSAGES: u64 = 100;

/// A latency that `report.goodput.constraints` may limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limited {
    /// Time to the first token.
    Ttft,
    /// Time per output token after the first.
    Tpot,
    /// Mean gap between the request's tokens.
    Itl,
    /// Request latency per output token.
    Ntpot,
    /// From the start to the end.
    RequestLatency,
}

impl Limited {
    /// All, in the order of reports.
    pub const ALL: [Self; 5] = [Self::Ttft, Self::Tpot, Self::Itl, Self::Ntpot, Self::RequestLatency];

    /// Name in the configuration and in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ttft => "ttft",
            Self::Tpot => "tpot",
            Self::Itl => "itl",
            Self::Ntpot => "ntpot",
            Self::RequestLatency => "request_latency",
        }
    }

    /// The latency of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|limited| limited.name() == name)
    }
}

/// Which reports are written and what stands in them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Report {
    /// Reports on requests.
    pub request_lifecycle: RequestLifecycle,
    /// Reports on the server's own metrics; null is none.
    pub prometheus: Option<PrometheusReport>,
    /// Reports on sessions.
    pub session_lifecycle: SessionLifecycle,
    /// Share of the requests that met their objectives; null is no such report.
    pub goodput: Option<Goodput>,
}

impl Default for Report {
    fn default() -> Self {
        Self {
            request_lifecycle: RequestLifecycle::default(),
            prometheus: Some(PrometheusReport::default()),
            session_lifecycle: SessionLifecycle::default(),
            goodput: None,
        }
    }
}

/// Reports on requests.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RequestLifecycle {
    /// One report on the whole run; null is none.
    pub summary: Option<bool>,
    /// One report on each stage; null is none.
    pub per_stage: Option<bool>,
    /// One report that lists every request; null is none.
    pub per_request: Option<bool>,
    /// What the report on every request holds.
    pub per_request_fields: PerRequestFields,
    /// One report on each LoRA adapter; null is none.
    pub per_adapter: Option<bool>,
    /// One report on each adapter in each stage; null is none.
    pub per_adapter_stage: Option<bool>,
    /// Percentiles to report, 0 to 100.
    #[schemars(inner(range(min = 0.0, max = 100.0)))]
    pub percentiles: Vec<f64>,
    /// Count output tokens as the server reports them, where it does.
    pub use_server_output_tokens: bool,
    /// Error messages that a report lists at most.
    pub max_error_messages: u64,
}

impl Default for RequestLifecycle {
    fn default() -> Self {
        Self {
            summary: Some(true),
            per_stage: Some(true),
            per_request: Some(false),
            per_request_fields: PerRequestFields::default(),
            per_adapter: Some(true),
            per_adapter_stage: Some(false),
            percentiles: PERCENTILES.to_vec(),
            use_server_output_tokens: false,
            max_error_messages: MAX_ERROR_MESSAGES,
        }
    }
}

/// What the report on every request holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PerRequestFields {
    /// The request's body.
    pub request: bool,
    /// The response's body.
    pub response: bool,
    /// Token counts and times.
    pub info: bool,
    /// The chunks of a streamed response.
    pub response_chunks: bool,
    /// Latencies worked out from the times.
    pub computed_metrics: bool,
}

impl Default for PerRequestFields {
    fn default() -> Self {
        Self { request: true, response: true, info: true, response_chunks: true, computed_metrics: false }
    }
}

/// Reports on the server's own metrics.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PrometheusReport {
    /// One report on the whole run; null is none.
    pub summary: Option<bool>,
    /// One report on each stage; null is none.
    pub per_stage: Option<bool>,
}

impl Default for PrometheusReport {
    fn default() -> Self {
        Self { summary: Some(true), per_stage: Some(false) }
    }
}

/// Reports on sessions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SessionLifecycle {
    /// One report on the whole run; null is none.
    pub summary: Option<bool>,
    /// One report on each stage; null is none.
    pub per_stage: Option<bool>,
    /// One report that lists every session; null is none.
    pub per_session: Option<bool>,
}

impl Default for SessionLifecycle {
    fn default() -> Self {
        Self { summary: Some(true), per_stage: Some(true), per_session: Some(false) }
    }
}

/// Share of the requests that met their objectives.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Goodput {
    /// Upper limits in seconds for any of `ttft`, `tpot`, `itl`, `ntpot` and `request_latency`; a good request
    /// keeps them all.
    pub constraints: IndexMap<String, f64>,
}

//! What of the configuration changes how metrics are computed.

use benchmark_schemas::config::ServerType;

use super::goodput::Limits;
use super::percentile::Percentiles;

/// Percentiles of partial benchmark reports (version 0.2 of that format), whatever the configuration says.
pub const PARTIAL_REPORT_PERCENTILES: [f64; 11] =
    [0.1, 1.0, 5.0, 10.0, 25.0, 50.0, 75.0, 90.0, 95.0, 99.0, 99.9];

/// Switches of the metrics, taken from the configuration's `report` section.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricOptions {
    /// Percentiles of every distribution in a report, in order.
    pub percentiles: Percentiles,
    /// All percentiles that anything shows: those, and the fixed ones of partial reports and tables.
    pub wanted: Percentiles,
    /// True if the server's count of output tokens, where it reports one, takes the place of the client's.
    pub use_server_output_tokens: bool,
    /// Distinct messages that a report keeps for each error label; further ones are only counted.
    pub max_error_messages: usize,
    /// True if the run has a tokenizer, so that prompts were counted.
    pub has_tokenizer: bool,
    /// True if the tokenizer counted answers too, so that chunks carry real token counts.
    pub counts_answers: bool,
    /// Kind of the server, whose metrics have names of their own.
    pub server: ServerType,
    /// Latency objectives of all requests.
    pub limits: Limits,
    /// Work out the numbers of each LoRA adapter.
    pub per_adapter: bool,
    /// Work out the numbers of each LoRA adapter in each stage.
    pub per_adapter_stage: bool,
}

impl MetricOptions {
    /// The defaults, with `percentiles` in reports.
    pub fn with_percentiles(percentiles: &[f64]) -> Self {
        let wanted = [percentiles, &PARTIAL_REPORT_PERCENTILES].concat();
        Self {
            percentiles: Percentiles::new(percentiles),
            wanted: Percentiles::new(&wanted),
            use_server_output_tokens: false,
            max_error_messages: 100,
            has_tokenizer: true,
            counts_answers: true,
            server: ServerType::Vllm,
            limits: Limits::default(),
            per_adapter: true,
            per_adapter_stage: false,
        }
    }
}

impl Default for MetricOptions {
    /// The defaults of the configuration, with a tokenizer.
    fn default() -> Self {
        Self::with_percentiles(&PARTIAL_REPORT_PERCENTILES)
    }
}

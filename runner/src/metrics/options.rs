//! What of the configuration changes how metrics are computed.

use benchmark_schemas::config::ServerType;

use super::percentile::Percentiles;

/// Switches of the metrics, taken from the configuration's `report` section.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricOptions {
    /// Percentiles of every distribution, in order.
    pub percentiles: Percentiles,
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
}

impl Default for MetricOptions {
    /// The defaults of the configuration, with a tokenizer.
    fn default() -> Self {
        Self {
            percentiles: Percentiles::new(&[0.1, 1.0, 5.0, 10.0, 25.0, 50.0, 75.0, 90.0, 95.0, 99.0, 99.9]),
            use_server_output_tokens: false,
            max_error_messages: 100,
            has_tokenizer: true,
            counts_answers: true,
            server: ServerType::Vllm,
        }
    }
}

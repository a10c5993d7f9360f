//! `api`: which API the requests speak and what is sent along with each of them.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::secret::Secret;

/// Name of a structured answer's schema where the configuration gives none.
pub const RESPONSE_FORMAT_NAME: &str = "structured_output";

/// Which API the requests speak and what is sent along with each of them.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Api {
    /// API that the requests use.
    #[serde(rename = "type")]
    pub kind: ApiType,
    /// Ask for the answer as a stream of server-sent events. Without it neither TTFT nor the gaps between
    /// tokens can be measured.
    pub streaming: bool,
    /// Headers of every request; they replace built-in headers of the same name, case ignored. Their values are
    /// masked wherever the configuration is printed or stored.
    pub headers: Option<IndexMap<String, Secret>>,
    /// Unit of latency objectives that requests carry in headers: `s`, `ms` or `us`; `ms` if not given.
    pub slo_unit: Option<String>,
    /// Header that carries the objective for the time per output token; `x-slo-tpot-<unit>` if not given.
    pub slo_tpot_header: Option<String>,
    /// Header that carries the objective for the time to first token; `x-slo-ttft-<unit>` if not given.
    pub slo_ttft_header: Option<String>,
    /// Structured answer to ask for; not used by `anthropic_messages`.
    pub response_format: Option<ResponseFormat>,
    /// Request header that carries the session's id; none if not given.
    pub session_id_header_key: Option<String>,
    /// Response header whose value is kept for the session and sent with its later requests; none if not given.
    pub session_token_header_key: Option<String>,
}

/// API that the requests use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ApiType {
    /// `/v1/completions`.
    #[default]
    Completion,
    /// `/v1/chat/completions`.
    Chat,
    /// `/v1/messages`.
    AnthropicMessages,
}

/// Structured answer to ask for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ResponseFormat {
    /// Kind of the structure.
    #[serde(rename = "type")]
    pub kind: ResponseFormatType,
    /// Name of the schema.
    pub name: String,
    /// JSON Schema that the answer shall follow; sent as null if not given.
    pub json_schema: Option<serde_json::Map<String, serde_json::Value>>,
}

impl Default for ResponseFormat {
    fn default() -> Self {
        Self { kind: ResponseFormatType::default(), name: RESPONSE_FORMAT_NAME.to_owned(), json_schema: None }
    }
}

/// Kind of a structured answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ResponseFormatType {
    /// An answer that follows `json_schema`.
    #[default]
    JsonSchema,
    /// Any JSON object.
    JsonObject,
}

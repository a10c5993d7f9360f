//! `server`: the model server under test.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::secret::Secret;

/// The model server under test.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Server {
    /// What the server is.
    #[serde(rename = "type", default)]
    pub kind: ServerType,
    /// Model that the requests name; the first of the server's own list (`/v1/models`) if not given.
    #[serde(default)]
    pub model_name: Option<String>,
    /// Address of the server, for example `http://qwen3-vllm.default:8000`. Paths such as `/v1/completions` are
    /// appended to it.
    pub base_url: String,
    /// Ask the server to go on until the asked-for number of tokens, whatever the model wants.
    #[serde(default = "ignore_eos")]
    pub ignore_eos: bool,
    /// Bearer token; none if not given. Masked wherever the configuration is printed or stored.
    #[serde(default)]
    pub api_key: Option<Secret>,
    /// File with the client's TLS certificate; needs `key_path`.
    #[serde(default)]
    pub cert_path: Option<String>,
    /// File with the key of that certificate; needs `cert_path`.
    #[serde(default)]
    pub key_path: Option<String>,
}

fn ignore_eos() -> bool {
    true
}

/// What a model server is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ServerType {
    /// vLLM, or any server that speaks the OpenAI API.
    #[default]
    Vllm,
    /// SGLang.
    Sglang,
    /// Text Generation Inference.
    Tgi,
    /// No server: answers are made up by the client.
    Mock,
}

impl ServerType {
    /// As it is written in a configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Vllm => "vllm",
            Self::Sglang => "sglang",
            Self::Tgi => "tgi",
            Self::Mock => "mock",
        }
    }
}

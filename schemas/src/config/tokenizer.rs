//! `tokenizer`: what prompts are cut to length with and answers are counted by.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::secret::Secret;

/// Longest time that loading may take, seconds.
pub const LOAD_TIMEOUT_SECONDS: f64 = 300.0;

/// What prompts are cut to length with and answers are counted by.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Tokenizer {
    /// Name on the hub, or a local folder; the model's name if not given.
    pub pretrained_model_name_or_path: Option<String>,
    /// Run code that comes with the tokenizer.
    pub trust_remote_code: Option<bool>,
    /// Token for the hub. Masked wherever the configuration is printed or stored.
    pub token: Option<Secret>,
    /// Longest time that loading may take, seconds; null is no limit.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub load_timeout: Option<f64>,
}

impl Default for Tokenizer {
    fn default() -> Self {
        Self {
            pretrained_model_name_or_path: None,
            trust_remote_code: None,
            token: None,
            load_timeout: Some(LOAD_TIMEOUT_SECONDS),
        }
    }
}

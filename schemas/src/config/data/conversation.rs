//! `data.conversation_replay`: made-up conversations of many turns.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::distribution::Distribution;

/// Settings of `conversation_replay`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ConversationReplay {
    /// Seed of lengths and texts.
    pub seed: u64,
    /// Conversations that run side by side.
    #[schemars(range(min = 1))]
    pub num_conversations: u64,
    /// Length of the system prompt that all have in common, tokens.
    pub shared_system_prompt_len: u64,
    /// Length of the system prompt of each, tokens; 0 if not given.
    pub dynamic_system_prompt_len: Option<Distribution>,
    /// Turns of each; 10 if not given.
    pub turns_per_conversation: Option<Distribution>,
    /// Length of a question, tokens; 512 if not given.
    pub input_tokens_per_turn: Option<Distribution>,
    /// Length of an answer, tokens; 256 if not given.
    pub output_tokens_per_turn: Option<Distribution>,
    /// Pause between an answer and the next question, seconds; none if not given.
    pub tool_call_latency_sec: Option<Distribution>,
    /// Tokens that the model takes at most; 225000 if not given.
    pub max_model_len: Option<u64>,
}

impl Default for ConversationReplay {
    fn default() -> Self {
        Self {
            seed: 42,
            num_conversations: 200,
            shared_system_prompt_len: 8359,
            dynamic_system_prompt_len: None,
            turns_per_conversation: None,
            input_tokens_per_turn: None,
            output_tokens_per_turn: None,
            tool_call_latency_sec: None,
            max_model_len: None,
        }
    }
}

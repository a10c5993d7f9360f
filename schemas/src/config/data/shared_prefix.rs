//! `data.shared_prefix`: prompts of which groups begin alike.

use schemars::{JsonSchema, Schema};
use serde::{Deserialize, Serialize};

use super::super::distribution::{Distribution, LengthOrDistribution};
use super::multimodal::Multimodal;

/// Keys with two names: the one that is printed, and the other that is read too.
pub(in crate::config) const ALIASES: [(&str, &str); 2] =
    [("num_unique_system_prompts", "num_groups"), ("num_users_per_system_prompt", "num_prompts_per_group")];

/// Settings of `shared_prefix`: groups of prompts that begin alike.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(transform = add_aliases)]
pub struct SharedPrefix {
    /// Groups, each with a beginning of its own. Also written `num_groups`.
    #[serde(rename = "num_unique_system_prompts", alias = "num_groups")]
    pub num_groups: u64,
    /// Prompts in each group. Also written `num_prompts_per_group`.
    #[serde(rename = "num_users_per_system_prompt", alias = "num_prompts_per_group")]
    pub num_prompts_per_group: u64,
    /// Length of the common beginning, tokens.
    pub system_prompt_len: LengthOrDistribution,
    /// Length of what follows it, tokens.
    pub question_len: LengthOrDistribution,
    /// Length of the answer, tokens.
    pub output_len: LengthOrDistribution,
    /// Seed of lengths, texts and order; a random one if not given.
    pub seed: Option<u64>,
    /// Older spelling of a `question_len` that is drawn.
    pub question_distribution: Option<Distribution>,
    /// Older spelling of an `output_len` that is drawn.
    pub output_distribution: Option<Distribution>,
    /// Go on with each prompt as a conversation.
    pub enable_multi_turn_chat: bool,
    /// Images, videos and sounds of the common beginning.
    pub multimodal: Option<Multimodal>,
}

impl Default for SharedPrefix {
    fn default() -> Self {
        Self {
            num_groups: 10,
            num_prompts_per_group: 10,
            system_prompt_len: LengthOrDistribution::Length(100),
            question_len: LengthOrDistribution::Length(50),
            output_len: LengthOrDistribution::Length(50),
            seed: None,
            question_distribution: None,
            output_distribution: None,
            enable_multi_turn_chat: false,
            multimodal: None,
        }
    }
}

/// Adds the other names to the schema; they get the shape of the first, without its default.
fn add_aliases(schema: &mut Schema) {
    let Some(properties) = schema.get_mut("properties").and_then(|value| value.as_object_mut()) else {
        return;
    };
    for (name, alias) in ALIASES {
        if let Some(mut shape) = properties.get(name).cloned() {
            if let Some(shape) = shape.as_object_mut() {
                shape.insert("description".to_owned(), format!("Another name of `{name}`.").into());
                shape.remove("default");
            }
            properties.insert(alias.to_owned(), shape);
        }
    }
}

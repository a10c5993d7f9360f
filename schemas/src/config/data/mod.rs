//! `data`: what the requests ask.

mod conversation;
mod distributions;
mod multimodal;
mod replay;
mod shared_prefix;

pub use conversation::*;
pub use multimodal::*;
pub use replay::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
pub(super) use shared_prefix::ALIASES;
pub use shared_prefix::SharedPrefix;

use super::distribution::Distribution;
use super::load::Trace;

/// What the requests ask.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Data {
    /// Source of the requests.
    #[serde(rename = "type")]
    pub kind: DataType,
    /// File or folder of the data set, for `shareGPT`, `cnn_dailymail`, `infinity_instruct` and
    /// `billsum_conversations`.
    pub path: Option<String>,
    /// Text that `synthetic` prompts are cut from; a built-in text if not given.
    pub corpus_file_path: Option<String>,
    /// Lengths of the prompts, tokens.
    pub input_distribution: Option<Distribution>,
    /// Lengths of the answers, tokens.
    pub output_distribution: Option<Distribution>,
    /// Settings of `shared_prefix`.
    pub shared_prefix: Option<SharedPrefix>,
    /// Images, videos and sounds to go with `synthetic` prompts.
    pub multimodal: Option<Multimodal>,
    /// File that `random` takes the lengths of prompts and answers from, in place of the distributions.
    pub trace: Option<Trace>,
    /// Settings of `otel_trace_replay`.
    pub otel_trace_replay: Option<OtelTraceReplay>,
    /// Settings of `weka_trace_replay`.
    pub weka_trace_replay: Option<WekaTraceReplay>,
    /// Settings of `conversation_replay`.
    pub conversation_replay: Option<ConversationReplay>,
    /// Settings of `visionarena`.
    pub visionarena: Option<VisionArena>,
    /// Settings of `synthetic_agentic`.
    pub synthetic_agentic: Option<SyntheticAgentic>,
    /// Put the prompts of `random` into the tokenizer's chat template.
    pub use_chat_template: bool,
}

impl Data {
    /// True if the lengths of requests are drawn from the two distributions.
    #[must_use]
    pub fn draws_lengths(&self) -> bool {
        self.kind.draws_lengths() && self.trace.is_none()
    }

    /// True if prompts come with images, videos or sounds.
    #[must_use]
    pub fn has_media(&self) -> bool {
        let of_prefix = self.shared_prefix.as_ref().and_then(|prefix| prefix.multimodal.as_ref());
        match self.kind {
            DataType::Synthetic => self.multimodal.is_some(),
            DataType::SharedPrefix => self.multimodal.is_some() || of_prefix.is_some(),
            _ => false,
        }
    }
}

/// Source of the requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DataType {
    /// Short made-up prompts.
    #[default]
    Mock,
    /// Conversations of the ShareGPT data set.
    #[serde(rename = "shareGPT")]
    ShareGpt,
    /// Passages of a text, cut to length.
    Synthetic,
    /// Random tokens.
    Random,
    /// Prompts of which groups begin alike.
    SharedPrefix,
    /// Articles to summarise.
    CnnDailymail,
    /// Conversations of the Infinity Instruct data set.
    InfinityInstruct,
    /// Conversations on bills.
    BillsumConversations,
    /// Recorded OpenTelemetry traces.
    OtelTraceReplay,
    /// Recorded traces of Weka's format.
    WekaTraceReplay,
    /// Made-up conversations of many turns.
    ConversationReplay,
    /// Prompts with images of the VisionArena data set.
    #[serde(rename = "visionarena")]
    VisionArena,
    /// Made-up sessions of agents.
    SyntheticAgentic,
}

/// Format of the rows of a data set that upstream does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OwnDataFormat {
    /// Each row has a `prompt` (and perhaps `completion`), or `messages` as OpenAI's API has them, or an `instruction`
    /// (and perhaps `input` and `output`); `max_tokens` where it says itself how long the answer may be.
    Own,
}

impl DataType {
    /// True for sources whose rows are read from the file or folder `data.path`.
    #[must_use]
    pub fn is_data_set(self) -> bool {
        matches!(
            self,
            Self::ShareGpt | Self::CnnDailymail | Self::InfinityInstruct | Self::BillsumConversations
        )
    }

    /// True for sources that take the lengths of prompts and answers from two distributions, or from a trace.
    #[must_use]
    pub fn draws_lengths(self) -> bool {
        matches!(self, Self::Synthetic | Self::Random)
    }

    /// True for sources that cannot make their requests without a tokenizer.
    #[must_use]
    pub fn needs_tokenizer(self) -> bool {
        !matches!(self, Self::Mock | Self::VisionArena)
    }

    /// True for sources of whole sessions, which only load type `trace_session_replay` can run.
    #[must_use]
    pub fn is_session(self) -> bool {
        matches!(self, Self::OtelTraceReplay | Self::WekaTraceReplay | Self::SyntheticAgentic)
    }
}

/// Settings of `visionarena`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct VisionArena {
    /// Data set on the hub.
    pub hf_dataset_name: String,
    /// Its split.
    pub hf_split: String,
    /// Files of the data set; all if not given.
    pub hf_data_files: Option<String>,
    /// Rows to read.
    #[schemars(range(min = 1))]
    pub num_rows: u64,
    /// Images that one request has at most.
    #[schemars(range(min = 1))]
    pub max_images_per_request: u64,
    /// Where in the text the images stand, 0 (start) to 1 (end).
    pub insertion_point: Option<super::distribution::PointOrDistribution>,
}

impl Default for VisionArena {
    fn default() -> Self {
        Self {
            hf_dataset_name: "lmarena-ai/VisionArena-Chat".to_owned(),
            hf_split: "train".to_owned(),
            hf_data_files: None,
            num_rows: 1000,
            max_images_per_request: 1,
            insertion_point: Some(super::distribution::PointOrDistribution::Point(0.0)),
        }
    }
}

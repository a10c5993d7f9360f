//! What requests ask: prompts of exact length and bodies ready to send.
//!
//! A workload is a pure function of (seed, stage, index, and for data sets arrivals before the stage), so any number of
//! generator threads can make bodies ahead of their time, and none of it happens on the measuring threads. It knows nothing
//! of schedules, clocks or HTTP.

mod adapters;
mod arena;
mod body;
mod chat_template;
mod composer;
mod conversation;
mod dataset;
mod gauge;
mod generator;
mod lengths;
mod media;
mod mock;
mod prompt;
mod random;
mod shared_prefix;
mod tokenizer;
mod turn;
mod words;

use benchmark_schemas::record::Medium;
use bytes::Bytes;
use tokio::sync::OwnedSemaphorePermit;

pub use adapters::Adapters;
pub use arena::{Arena, ArenaError, VisionArena};
pub use body::{BodyOptions, Message, Model, Role};
pub use chat_template::{ChatTemplate, ChatTemplateError, Frame, TemplateFiles};
pub use composer::SyntheticError;
pub use conversation::Conversations;
pub use dataset::{Dataset, DatasetError, DatasetFiles, LengthLimits, RowFormat, is_data_file};
pub use generator::{Bodies, bodies, generate};
pub use lengths::Lengths;
pub use mock::Mock;
pub use prompt::Synthetic;
pub use random::RandomChatError;
pub use shared_prefix::SharedPrefix;
pub use tokenizer::{SpecialTokens, Tokenizer, TokenizerError};
pub use turn::{History, Turn, TurnPlace};

/// A request that is ready to be sent.
#[derive(Debug)]
pub struct Prepared {
    /// Position of its arrival in the stage.
    pub index: u64,
    /// The body.
    pub body: Bytes,
    /// Tokens of the prompt by the client's tokenizer, special tokens included; 0 without one.
    pub prompt_tokens: u32,
    /// What was drawn for it.
    pub drawn: Drawn,
    /// Its share of the memory that bodies made ahead may take; goes with it.
    pub(crate) memory: Option<OwnedSemaphorePermit>,
    /// What it says in a conversation, whose body is still to be put together.
    pub turn: Option<Box<Turn>>,
    /// Images, videos and sounds in the body.
    pub media: Vec<Medium>,
}

impl Prepared {
    /// A request with this body.
    #[must_use]
    pub fn new(index: u64, body: Bytes, prompt_tokens: u32, drawn: Drawn) -> Self {
        Self { index, body, prompt_tokens, drawn, memory: None, turn: None, media: Vec::new() }
    }

    /// A request that goes on with a conversation; `prompt_tokens` are those of what it says itself.
    #[must_use]
    pub fn of_turn(index: u64, turn: Turn, prompt_tokens: u32, drawn: Drawn) -> Self {
        Self { turn: Some(Box::new(turn)), ..Self::new(index, Bytes::new(), prompt_tokens, drawn) }
    }

    /// Bytes that it takes in memory, about.
    fn size(&self) -> usize {
        self.body.len() + self.turn.as_ref().map_or(0, |turn| turn.size())
    }
}

/// Lengths that were drawn for a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Drawn {
    /// Tokens of the prompt.
    pub prompt_tokens: u32,
    /// Tokens of the answer: `max_tokens`.
    pub output_tokens: u32,
}

/// Makes requests.
pub trait Workload: Send + Sync + 'static {
    /// The lengths of a request, without making it.
    fn drawn(&self, stage: u32, index: u64) -> Drawn;

    /// The request for an arrival; the same arguments give the same request.
    fn prepare(&self, stage: u32, index: u64) -> Prepared;

    /// The request for an arrival of a stage before which there are `before` in the run: a data set goes on where the
    /// stage before ended, other workloads begin anew.
    fn prepare_after(&self, _before: u64, stage: u32, index: u64) -> Prepared {
        self.prepare(stage, index)
    }

    /// After how many arrivals the same speakers come round again, if requests are turns of conversations: all turns of a
    /// speaker go to one worker.
    fn speakers(&self) -> Option<u64> {
        None
    }

    /// Prompts made so far that do not have exactly the drawn length.
    fn inexact(&self) -> u64 {
        0
    }
}

#[cfg(test)]
pub(crate) use tokenizer::fixtures;

#[cfg(test)]
mod tests;

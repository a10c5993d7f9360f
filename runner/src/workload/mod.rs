//! What requests ask: prompts of exact length and bodies ready to send.
//!
//! A workload is a pure function of (seed, stage, index, and for data sets arrivals before the stage), so any number of generator threads can make bodies ahead of
//! their time, and none of it happens on the measuring threads. It knows nothing of schedules, clocks or HTTP.

mod adapters;
mod body;
mod composer;
mod dataset;
mod generator;
mod lengths;
mod mock;
mod prompt;
mod random;
mod shared_prefix;
mod tokenizer;
mod words;

use bytes::Bytes;
use tokio::sync::OwnedSemaphorePermit;

pub use adapters::Adapters;
pub use body::{BodyOptions, Message, Model, Role};
pub use composer::SyntheticError;
pub use dataset::{Dataset, DatasetError, DatasetFiles, LengthLimits, RowFormat};
pub use generator::{Bodies, bodies, generate};
pub use lengths::Lengths;
pub use mock::Mock;
pub use prompt::Synthetic;
pub use shared_prefix::SharedPrefix;
pub use tokenizer::{SpecialTokens, Tokenizer, TokenizerError};

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

    /// Prompts made so far that do not have exactly the drawn length.
    fn inexact(&self) -> u64 {
        0
    }
}

#[cfg(test)]
pub(crate) use tokenizer::fixtures;

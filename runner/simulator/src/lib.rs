//! An OpenAI-compatible model server whose capacity is known, to test load generators against.
//!
//! Time is the product: requests wait for one of a fixed number of slots, are prefilled, and yield tokens at instants
//! that follow from [`ModelParameters`] alone; [`capacity`] says what rate that sustains. The text is filler with an
//! exact number of tokens. Layers, each of which knows only those before it: `law` (arithmetic), `time`, `engine`
//! (queue and slots), `answer` (text, chunks, recorded instants), `http`, `server` (sockets and threads).

mod chance;
mod config;
pub mod engine;
mod law;
pub mod time;
pub mod tokenizer;

use std::path::PathBuf;

pub use config::{Framing, ModelParameters, ServiceLaw, SimulatorConfig, UsagePolicy};
pub use law::{ServiceTimes, capacity, capacity_for_lengths};
pub use tokenizer::{SmallTokenizer, write_small_tokenizer};

/// Why a simulator cannot start or go on.
#[derive(Debug, thiserror::Error)]
pub enum SimulatorError {
    /// The configuration is wrong; one entry for each problem.
    #[error("the simulator's configuration is invalid:\n  {}", .0.join("\n  "))]
    Config(Vec<String>),
    /// A tokenizer cannot be read or used.
    #[error("tokenizer {}: {reason}", .file.display())]
    Tokenizer {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A text cannot be encoded.
    #[error("the text cannot be encoded: {0}")]
    Encode(String),
    /// A file cannot be written.
    #[error("cannot write {}: {source}", .file.display())]
    Write {
        /// The file.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

impl SimulatorError {
    #[expect(clippy::needless_pass_by_value, reason = "the shape that map_err wants")]
    fn encode(error: tokenizers::Error) -> Self {
        Self::Encode(error.to_string())
    }
}

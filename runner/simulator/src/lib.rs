//! An OpenAI-compatible model server whose capacity is known, to test load generators against.
//!
//! Time is the product: requests wait for one of a fixed number of slots, are prefilled, and yield tokens at instants
//! that follow from [`ModelParameters`] alone; [`capacity`] says what rate that sustains. The text is filler with an
//! exact number of tokens. Layers, each of which knows only those before it: `law` (arithmetic), `time`, `engine`
//! (queue and slots), `answer` (text, chunks, recorded instants), `http`, `server` (sockets and threads).

mod answer;
mod chance;
mod config;
pub mod engine;
mod histograms;
mod http;
mod law;
mod metrics;
mod server;
mod stats;
pub mod time;
pub mod tokenizer;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

pub use config::{Fault, Framing, ModelParameters, ServiceLaw, SimulatorConfig, UsagePolicy};
pub use law::{ServiceTimes, capacity, capacity_for_lengths};
pub use server::{SimulatorHandle, bind, run, serve, serve_on_current_runtime, spawn};
pub use stats::{RequestOutcome, RequestTrace, Stats, Totals};
pub use tokenizer::{Counting, SmallTokenizer, write_small_tokenizer};

use engine::Engine;
use stats::Recorder;
use tokenizer::TextModel;

/// A simulated model with everything that its connections share.
#[derive(Debug)]
pub struct Simulator {
    config: SimulatorConfig,
    engine: Engine,
    text: TextModel,
    recorder: Recorder,
    /// Well-formed requests so far; numbers them for draws and ids.
    requests: AtomicU64,
    /// Wall clock at the start, seconds since the Unix epoch: the model's `created`.
    created: i64,
}

impl Simulator {
    /// Checks `config` and loads the tokenizer, if there is one.
    pub fn new(config: SimulatorConfig) -> Result<Arc<Self>, SimulatorError> {
        config.validate()?;
        let text = match &config.tokenizer {
            Some(path) => TextModel::load(path, config.seed)?.counting(config.counting),
            None => TextModel::words(),
        };
        Ok(Arc::new(Self {
            engine: Engine::new(&config.model, config.queue_limit, config.seed),
            recorder: Recorder::new(config.recorded_requests),
            requests: AtomicU64::new(0),
            created: jiff::Timestamp::now().as_second(),
            text,
            config,
        }))
    }

    /// What it was told.
    pub fn config(&self) -> &SimulatorConfig {
        &self.config
    }

    /// What has happened so far, with at most `requests` recorded requests, the newest.
    pub fn stats(&self, requests: usize) -> Stats {
        self.recorder.stats(self.engine.occupancy(), requests)
    }

    fn next_request(&self) -> u64 {
        self.requests.fetch_add(1, Ordering::Relaxed)
    }
}

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
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: std::net::SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// A thread, a runtime or its timer cannot be started.
    #[error("cannot start the simulator's threads: {0}")]
    Start(std::io::Error),
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

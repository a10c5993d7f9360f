//! The command line, as `clap` reads it. It knows words, not what they do.

mod quirks;

use std::net::IpAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use model_server_simulator::UsagePolicy;
pub use quirks::QuirkArgs;

/// Runs an LLM inference benchmark: sends the configured load on time, writes reports, and says where the
/// endpoint saturates and which rate to rely on.
#[derive(Debug, Parser)]
#[command(name = "inference-perf", version, args_conflicts_with_subcommands = true)]
#[command(
    after_help = "Exit codes: 0 done · 1 invalid input or start-up failure · 2 usage · 3 results could not be \
    stored where asked · 130/143 interrupted, partial reports written"
)]
pub struct Cli {
    /// What to do; a benchmark run if absent.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Run a benchmark.
    #[command(flatten)]
    pub run: RunArgs,
}

/// Arguments of a benchmark run.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// Configuration file (YAML)
    #[arg(short = 'c', long = "config_file", value_name = "PATH")]
    pub config_file: Option<PathBuf>,
    /// Least severe messages to log
    #[arg(long, value_name = "LEVEL", default_value = "INFO")]
    pub log_level: LogLevel,
}

/// Severity, under the names that Python's `logging` gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "UPPER")]
pub enum LogLevel {
    /// Everything.
    Debug,
    /// Progress and results.
    Info,
    /// What may need attention.
    Warning,
    /// What went wrong.
    Error,
    /// Nothing but what ends the run.
    Critical,
}

/// The subcommands beside a run.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Check a configuration file and print every problem; sends nothing.
    Validate {
        /// Configuration file (YAML)
        #[arg(short = 'c', long = "config_file", value_name = "PATH")]
        config_file: PathBuf,
    },
    /// Rebuild all reports of a finished or broken-off run from its spool; needs no server.
    Report {
        /// The run's local results folder
        #[arg(value_name = "DIR")]
        directory: PathBuf,
    },
    /// Serve an OpenAI-compatible model server of known capacity, until SIGINT or SIGTERM.
    Simulate(Box<SimulateArgs>),
}

/// Parameters of the simulated model server.
#[derive(Debug, Args)]
pub struct SimulateArgs {
    /// Address to listen on
    #[arg(long, default_value = "127.0.0.1")]
    pub host: IpAddr,
    /// Port to listen on; 0 takes a free one, which is printed
    #[arg(long, default_value_t = 8000)]
    pub port: u16,
    /// Name under which the model is served
    #[arg(long, default_value = "simulated-model")]
    pub model: String,
    /// Write a small tokenizer, made on the spot, to a folder and end
    #[arg(long, value_name = "DIR")]
    pub write_tokenizer: Option<PathBuf>,
    /// Folder with `tokenizer.json`: prompts are counted and answers made with it; words count as tokens without
    #[arg(long, value_name = "DIR")]
    pub tokenizer: Option<PathBuf>,
    /// Count prompts by words although there is a tokenizer for the answers, which spares the server much time
    #[arg(long, requires = "tokenizer")]
    pub prompts_by_words: bool,
    /// Requests that are served at once
    #[arg(long, default_value_t = 16)]
    pub slots: u32,
    /// Requests that may wait for a slot before others are refused with 503; any number if absent
    #[arg(long, value_name = "N")]
    pub queue_limit: Option<u32>,
    /// Prefill time of every request, milliseconds
    #[arg(long, value_name = "MS", default_value_t = 20.0)]
    pub prefill_ms: f64,
    /// Prefill time of every prompt token, microseconds
    #[arg(long, value_name = "US", default_value_t = 50.0)]
    pub prefill_token_us: f64,
    /// Time of one decode step, milliseconds
    #[arg(long, value_name = "MS", default_value_t = 5.0)]
    pub decode_ms: f64,
    /// What each running request adds to a decode step, microseconds
    #[arg(long, value_name = "US", default_value_t = 50.0)]
    pub decode_running_us: f64,
    /// Tokens in one streamed chunk
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub tokens_per_chunk: u32,
    /// Write each event as an HTTP chunk of its own, as model servers do, also when several are due at once
    #[arg(long)]
    pub separate_events: bool,
    /// When token counts come with an answer: `as_asked`, `include`, `every_chunk` or `never`
    #[arg(long, value_name = "POLICY", default_value = "as_asked")]
    pub usage: UsagePolicy,
    /// Requests whose instants `/stats` keeps, the newest
    #[arg(long, value_name = "N", default_value_t = 20_000)]
    pub recorded_requests: usize,
    /// Share of requests that are refused with 500, or meet a `--fault`, from 0 to 1
    #[arg(long, value_name = "SHARE", default_value_t = 0.0)]
    pub error_rate: f64,
    /// What real servers do differently.
    #[command(flatten)]
    pub quirks: QuirkArgs,
    /// Seed of everything that is random
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
}

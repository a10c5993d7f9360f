//! The command line: what `clap` reads, and before it the flags of the configuration's keys. It knows words, not what
//! they do.

mod arguments;
mod help;
mod quirks;
#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::net::IpAddr;
use std::path::PathBuf;

use benchmark_schemas::config::{Flag, flags};
use benchmark_schemas::slo::Slo;
use benchmark_schemas::tree::Node;
use clap::builder::FalseyValueParser;
use clap::error::ErrorKind;
use clap::{Args, CommandFactory as _, Parser, Subcommand, ValueEnum};
use model_server_simulator::UsagePolicy;
pub use quirks::QuirkArgs;

use crate::compare::Condition;

/// Runs an LLM inference benchmark: sends the configured load on time, writes reports, and says where the
/// endpoint saturates and which rate to rely on.
#[derive(Debug, Parser)]
#[command(name = "inference-perf", version, args_conflicts_with_subcommands = true)]
#[command(
    override_usage = "inference-perf [-c PATH] [--CONFIG.KEY VALUE]...\n       inference-perf <COMMAND>"
)]
#[command(
    after_help = "Every key of the configuration is a flag too, which wins over the file: --server.base_url URL, --load.stages \
    JSON, ... `--help-config` lists them. Flags may be cut short as long as they are unambiguous.\n\nExit codes: 0 done · 1 invalid input or start-up failure · 2 usage · 3 results could not be \
    stored where asked · 4 a condition does not hold · 5 target not ready · 130/143 interrupted, partial reports written"
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
    /// The configuration.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Go on with the run whose results lie in this folder, after the last stage that it finished
    #[arg(long, value_name = "DIR", conflicts_with = "analyze")]
    pub resume: Option<PathBuf>,
    /// Least severe messages to log: DEBUG, INFO, WARNING, ERROR or CRITICAL
    #[arg(long, value_name = "LEVEL", default_value = "INFO", hide_possible_values = true)]
    pub log_level: LogLevel,
    /// Draw charts of finished runs instead of running anything.
    #[command(flatten)]
    pub analysis: AnalysisArgs,
    /// List the flags of the configuration's keys: of a section, of `all`, or the sections
    #[arg(long, value_name = "SECTION", num_args = 0..=1, default_missing_value = "")]
    pub help_config: Option<String>,
    /// The list that it asks for.
    #[arg(skip)]
    pub flags_help: Option<String>,
}

/// Where the configuration comes from.
#[derive(Debug, Default, Args)]
pub struct ConfigArgs {
    /// Configuration file (YAML); what it does not say has its default
    #[arg(short = 'c', long = "config_file", value_name = "PATH")]
    pub config_file: Option<PathBuf>,
    /// Ignore unknown keys in the configuration with a warning, as versions before 0.7.0 did silently
    #[arg(long, env = "INFERENCE_PERF_LENIENT", value_parser = FalseyValueParser::new())]
    pub lenient: bool,
    /// Flags of keys with their values, in the order of the command line.
    #[arg(skip)]
    pub settings: Vec<(Flag, Node)>,
}

/// Charts of finished runs.
#[derive(Debug, Args)]
pub struct AnalysisArgs {
    /// Draw charts of the reports in these folders, into each of them, and end
    #[arg(short = 'a', long, value_name = "DIR", num_args = 1..)]
    pub analyze: Vec<PathBuf>,
    /// Draw the folders of --analyze together, into this folder
    #[arg(short = 'u', long = "unified_analysis_dir", value_name = "DIR", requires = "analyze")]
    pub unified_analysis_dir: Option<PathBuf>,
}

impl Cli {
    /// The arguments of this process; where they are wrong, it ends with the usage and code 2, and where they ask for
    /// the program's help, with that and code 0.
    pub fn read() -> Self {
        Self::try_read(std::env::args_os()).unwrap_or_else(|error| error.exit())
    }

    /// Reads `arguments`, of which the first names the program.
    ///
    /// # Errors
    ///
    /// What is wrong with them, or the help that they ask for.
    pub fn try_read(arguments: impl IntoIterator<Item = OsString>) -> Result<Self, clap::Error> {
        let flags = flags();
        let arguments: Vec<OsString> = arguments.into_iter().collect();
        let usage = |kind, message: String| Self::command().error(kind, message);
        let (rest, settings) = arguments::split(arguments, &flags)
            .map_err(|faults| usage(ErrorKind::InvalidValue, faults.join("\n       ")))?;
        let mut cli = Self::try_parse_from(rest)?;
        if let Some(section) = &cli.run.help_config {
            let text = help::flags(&flags, section).map_err(|fault| usage(ErrorKind::InvalidValue, fault))?;
            cli.run.flags_help = Some(text);
        }
        match &mut cli.command {
            None => cli.run.config.settings = settings,
            Some(Command::Validate(config) | Command::Preflight { config, .. }) => config.settings = settings,
            // Their arguments were not looked into.
            Some(_) => {}
        }
        Ok(cli)
    }
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
    /// Check a configuration, file and flags, and print every problem; sends nothing.
    Validate(ConfigArgs),
    /// Wait until the configured server is healthy and serves the model; sends no load.
    Preflight {
        /// The configuration.
        #[command(flatten)]
        config: ConfigArgs,
        /// Longest wait, seconds
        #[arg(long, value_name = "SECONDS", default_value_t = 0)]
        wait_seconds: u64,
    },
    /// Rebuild all reports of a finished or broken-off run from its spool; needs no server. Of a folder that holds no
    /// spool, as other programs leave it, the page is made from its reports.
    Report {
        /// The run's local results folder
        #[arg(value_name = "DIR")]
        directory: PathBuf,
        /// Judge by this objective in place of the configuration's, like 'ttft:p95<500ms' or 'errors<1%'; may be given
        /// several times. The run's own reports stay as they are
        #[arg(long, value_name = "OBJECTIVE")]
        slo: Vec<Slo>,
    },
    /// Measure what this machine can measure: the load generator against a server that takes no time.
    Selfcheck {
        /// Length of each of the five parts, seconds
        #[arg(long, value_name = "SECONDS", default_value_t = 3.0)]
        seconds: f64,
        /// Tokens of an answer, each in an event of its own
        #[arg(long, value_name = "N", default_value_t = 64)]
        tokens: u32,
    },
    /// Compare runs: what has changed, how surely, and what could have been seen; exit code 4 if a condition fails.
    Compare(CompareArgs),
    /// Serve an OpenAI-compatible model server of known capacity, until SIGINT or SIGTERM.
    Simulate(Box<SimulateArgs>),
}

/// What is compared with what.
#[derive(Debug, Args)]
pub struct CompareArgs {
    /// Results folder of a run, or of several, between commas
    #[arg(value_name = "BASE")]
    pub base: String,
    /// The same of what is compared with it
    #[arg(value_name = "NEW")]
    pub new: String,
    /// One more folder for the side of BASE; may be given several times
    #[arg(long = "base", value_name = "DIR")]
    pub more_base: Vec<PathBuf>,
    /// One more folder for the side of NEW; may be given several times
    #[arg(long = "new", value_name = "DIR")]
    pub more_new: Vec<PathBuf>,
    /// End with exit code 4 if this change is beyond doubt (95 %), like `ttft.p95>5%` or `requests_per_second<-5%`
    #[arg(long, value_name = "CONDITION")]
    pub fail_on: Vec<Condition>,
    /// Write the comparison as Markdown to this file too
    #[arg(long, value_name = "FILE")]
    pub markdown: Option<PathBuf>,
    /// Write what the conditions came to as `JUnit` XML to this file
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
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
    /// LoRA adapter of the model, under whose name it is served as well; several may be given
    #[arg(long, value_name = "ADAPTER")]
    pub lora: Vec<String>,
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
